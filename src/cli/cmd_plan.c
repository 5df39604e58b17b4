/* adze plan: which framework and recipe to try on a device, and whether the model fits it. */
#include <string.h>
#include "cli/cli.h"
#include "format/format.h"
#include "plan/fit.h"
#include "plan/select.h"

typedef struct plan_opts {
    const char *target, *need;
    int64_t context;
    double parameters;
    bool list, json;
} plan_opts;

static const az_opt opts[] = {
    { 't', "target", AZ_OPT_STR, offsetof(plan_opts, target), NULL, "NAME",
      "declared device, or a file that declares one; default: this machine" },
    { 0, "need", AZ_OPT_STR, offsetof(plan_opts, need), NULL, "LIST",
      "what matters, of: cross-platform,enterprise,mobile,real-time,multimodal,diversity,ease,"
      "prototyping" },
    { 'c', "context", AZ_OPT_INT, offsetof(plan_opts, context), "0", "N",
      "tokens of context to count, 0 = the model's own up to 4096" },
    { 0, "parameters", AZ_OPT_REAL, offsetof(plan_opts, parameters), "0", "N",
      "size of the model where no MODEL is given" },
    { 0, "list", AZ_OPT_BOOL, offsetof(plan_opts, list), NULL, NULL, "list the declared devices" },
    { 0, "json", AZ_OPT_BOOL, offsetof(plan_opts, json), NULL, NULL, "print as JSON" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

typedef struct view {
    const char *model; /* path, or NULL */
    az_device device;
    az_request request;
    az_selection selection;
    az_fit fit; /* n 0: no model */
} view;

/* Print text in lines of at most the terminal's width, each after `indent` spaces. */
static void wrapped(az_cli *cli, int indent, const char *text)
{
    int width = cli->columns - indent;

    if (width < 30) width = 30;
    while (*text) {
        int n = (int)strlen(text);

        if (n > width) {
            for (n = width; n > 0 && text[n] != ' ';)
                n--;
            if (n == 0) n = width;
        }
        az_cli_printf(cli, "%*s%.*s\n", indent, "", n, text);
        text += n;
        while (*text == ' ')
            text++;
    }
}

static void print_device(az_cli *cli, const view *v)
{
    const az_device *d = &v->device;
    char all[32], usable[32];

    az_cli_printf(cli, "%s\n", d->title);
    az_cli_printf(cli, "  cpu          %s, %s", d->cpu_model[0] ? d->cpu_model : "not known",
                  d->isa);
    if (d->cores.from != AZ_NONE) az_cli_printf(cli, ", %.0f cores", d->cores.value);
    if (d->memory_bytes.from == AZ_NONE) {
        az_cli_printf(cli, "\n  memory       not known\n");
    } else {
        az_cli_bytes(all, sizeof all, d->memory_bytes.value);
        az_cli_bytes(usable, sizeof usable, d->usable_bytes.value);
        az_cli_printf(cli, "\n  memory       %s, %s for the model (%s)\n", all, usable,
                      d->usable_why);
    }
    if (d->bandwidth_gb_s.from != AZ_NONE)
        az_cli_printf(cli, "  bandwidth    %.4g GB/s (%s)\n", d->bandwidth_gb_s.value,
                      az_provenance_name(d->bandwidth_gb_s.from));
    if (d->battery) az_cli_printf(cli, "  power        battery: energy counts\n");
    if (d->bundle_mb.from != AZ_NONE)
        az_cli_printf(cli, "  application  at most %.0f MB without the model\n",
                      d->bundle_mb.value);
    for (size_t i = 0; i < d->n_accelerators; i++) {
        az_cli_printf(cli, "  %-12s %s\n", d->accelerators[i].kind, d->accelerators[i].name);
        wrapped(cli, 15, v->selection.accelerator[i].text);
    }
}

static void print_questions(az_cli *cli, const az_selection *s)
{
    static const char *const asked[] = { "platform", "size", "strategy" };

    az_cli_printf(cli, "\nQuestions, in this order\n");
    for (int q = 0; q < AZ_QUESTIONS; q++) {
        const az_rule *rule = s->rule[q];

        az_cli_printf(cli, "  %-12s %s\n", asked[q],
                      rule ? rule->answer : "none of the special ones");
        if (rule) wrapped(cli, 15, rule->reason);
    }
}

static void print_ranking(az_cli *cli, const az_selection *s)
{
    az_cli_printf(cli, "\nTry in this order; what is measured on the device decides\n");
    for (size_t i = 0; i < AZ_FRAMEWORKS; i++) {
        const az_ranked *k = &s->ranking[i];

        if (k->runs)
            az_cli_printf(cli, "  %zu  %-10s %s\n", i + 1, az_framework_name(k->framework),
                          k->recipe);
        else
            az_cli_printf(cli, "  -  %-10s does not run here\n", az_framework_name(k->framework));
        for (size_t r = 0; r < (k->runs ? k->n_reasons : 1); r++)
            wrapped(cli, 16, k->reason[r]);
    }
}

static void print_fit(az_cli *cli, const view *v)
{
    const az_fit *f = &v->fit;
    char a[32], b[32];

    az_cli_bytes(a, sizeof a, f->cache_bytes);
    az_cli_printf(cli,
                  "\n%s: %.4g parameters; estimates for a context of %lld tokens (%s of caches)\n",
                  v->model, f->parameters, (long long)f->context, a);
    az_cli_printf(cli, "  %-10s %10s %10s  %-5s %s\n", "recipe", "weights", "memory", "fits",
                  "decode at most");
    for (size_t i = 0; i < f->n; i++) {
        const az_fit_row *r = &f->row[i];

        if (!r->possible) {
            az_cli_printf(cli, "  %-10s not possible: %s\n", r->recipe->name, r->why_not);
            continue;
        }
        az_cli_printf(cli, "  %-10s %10s %10s  %-5s", r->recipe->name,
                      az_cli_bytes(a, sizeof a, r->weight_bytes),
                      az_cli_bytes(b, sizeof b, r->need_bytes), r->fits ? "yes" : "no");
        if (r->decode_tok_s > 0)
            az_cli_printf(cli, " %.*f tok/s\n", r->decode_tok_s < 10 ? 1 : 0, r->decode_tok_s);
        else
            az_cli_printf(cli, " not known\n");
    }
    if (!v->device.declared)
        az_cli_printf(cli, "  `adze assess %s` predicts speeds on this machine.\n", v->model);
}

static json_t *device_json(const az_device *d)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "name", d->name, "title", d->title,
                          "kind", d->declared ? "declared" : "measured", "os", az_os_name(d->os),
                          "cpu", d->cpu_model, "isa", d->isa, "battery", d->battery);
    const struct {
        const char *name, *unit;
        const az_known *k;
    } figures[] = { { "memory", "bytes", &d->memory_bytes },
                    { "usable_memory", "bytes", &d->usable_bytes },
                    { "bandwidth", "GB/s", &d->bandwidth_gb_s },
                    { "int8", "GOP/s", &d->int8_gops },
                    { "cores", "1", &d->cores } };

    for (size_t i = 0; i < AZ_COUNT(figures); i++)
        if (figures[i].k->from != AZ_NONE)
            json_object_set_new(o, figures[i].name,
                                json_pack("{s:f, s:s, s:s}", "value", figures[i].k->value, "unit",
                                          figures[i].unit, "provenance",
                                          az_provenance_name(figures[i].k->from)));
    return o;
}

static void print_json(az_cli *cli, const view *v)
{
    json_t *o = az_selection_json(&v->selection, &v->request);

    json_object_set_new(o, "target", device_json(&v->device));
    json_object_set_new(o, "model", v->model ? json_string(v->model) : json_null());
    json_object_set_new(o, "fit", v->fit.n ? az_fit_json(&v->fit) : json_null());
    az_cli_json(cli, o);
    json_decref(o);
}

static int list_targets(az_cli *cli, bool json)
{
    adze_error err = { .pos = ADZE_NOPOS };
    json_t *all = json_array();
    char **names = NULL;
    size_t n = 0;
    adze_status rc = az_target_names(cli->run, &names, &n, &err);

    for (size_t i = 0; rc == ADZE_OK && i < n; i++) {
        az_target *t = NULL;

        rc = az_target_load(&t, cli->run, names[i], &err);
        if (rc < 0) break;
        if (json)
            json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s}", "name", t->name, "title",
                                                 t->title, "kind", az_target_kind_name(t->kind),
                                                 "os", az_os_name(t->os)));
        else
            az_cli_printf(cli, "%-28s %s\n", t->name, t->title);
        az_target_free(cli->run, t);
    }
    if (rc == ADZE_OK && json) az_cli_json(cli, all);
    json_decref(all);
    az_free_names(cli->run, names, n);
    return rc < 0 ? az_cli_fail(cli, rc, &err) : az_cli_finish(cli);
}

static adze_status find_device(az_cli *cli, const char *target, az_device *d, adze_error *err)
{
    az_target *t = NULL;
    adze_status rc;

    if (!target) return az_device_here(d, cli->run, err);
    rc = az_target_load(&t, cli->run, target, err);
    if (rc == ADZE_OK) az_device_from_target(d, t);
    az_target_free(cli->run, t);
    return rc;
}

static adze_status look_at_model(az_cli *cli, view *v, int64_t context, adze_error *err)
{
    adze_model *m = NULL;
    adze_status rc;

    rc = az_model_open(&m, cli->run, v->model, AZ_READ_NO_TOKENIZER, err);
    if (rc == ADZE_OK) rc = az_fit_model(&v->fit, cli->run, m, context, &v->device, err);
    adze_model_close(m);
    return rc;
}

/* Exit code 4 with a sentence when the model, or every framework, is out of place on the device. */
static int verdict(az_cli *cli, const view *v)
{
    adze_error err = { .status = ADZE_EFIT, .pos = ADZE_NOPOS };
    char usable[32];

    snprintf(err.name, sizeof err.name, "%s", v->device.name);
    if (v->selection.n_run == 0) {
        snprintf(err.msg, sizeof err.msg, "no framework runs on this device");
    } else if (v->fit.n && v->fit.n_fit == 0) {
        az_cli_bytes(usable, sizeof usable, v->fit.usable_bytes);
        snprintf(
            err.msg, sizeof err.msg,
            "no recipe makes the model fit %s (%s); a shorter --context or a smaller model may",
            usable, v->device.usable_why);
    } else {
        return az_cli_finish(cli);
    }
    az_cli_finish(cli);
    return az_cli_fail(cli, ADZE_EFIT, &err);
}

static int plan_run(az_cli *cli, const void *opt, int argc, const char **argv)
{
    const plan_opts *o = opt;
    adze_error err = { .pos = ADZE_NOPOS };
    view v = { .model = argc ? argv[0] : NULL };
    adze_status rc;

    if (o->list) return list_targets(cli, o->json);
    if (o->context < 0 || !(o->parameters >= 0 && o->parameters < 1e18))
        return az_cli_usage(cli, az_cmd_find("plan"),
                            "--context and --parameters must be positive");
    if (v.model && o->parameters > 0)
        return az_cli_usage(cli, az_cmd_find("plan"), "give MODEL or --parameters, not both");
    rc = o->need ? az_needs_parse(&v.request.needs, o->need, &err) : ADZE_OK;
    if (rc == ADZE_OK) rc = find_device(cli, o->target, &v.device, &err);
    if (rc == ADZE_OK && v.model) rc = look_at_model(cli, &v, o->context, &err);
    if (rc < 0) return az_cli_fail(cli, rc, &err);
    v.request.device = &v.device;
    v.request.parameters = v.model ? v.fit.parameters : o->parameters;
    az_select(&v.selection, &v.request);
    if (o->json) {
        print_json(cli, &v);
    } else {
        print_device(cli, &v);
        print_questions(cli, &v.selection);
        print_ranking(cli, &v.selection);
        if (v.fit.n) print_fit(cli, &v);
    }
    return verdict(cli, &v);
}

const az_cmd az_cmd_plan = {
    .name = "plan",
    .group = AZ_CMD_JOB,
    .args = "[MODEL]",
    .max_args = 1,
    .summary = "what to try on a device, in which order and why, and whether the model fits",
    .details =
        "Rules choose what to try first; what is measured on the device overrides them. The\n"
        "exit code is 4 when nothing fits the device.",
    .example = "adze plan llama/ --target raspberry-pi-5-8gb --need real-time",
    .opts = opts,
    .opts_size = sizeof(plan_opts),
    .run = plan_run,
};
