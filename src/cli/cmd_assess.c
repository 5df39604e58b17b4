/* adze assess: what a model is, what each recipe would make of it, whether it fits, how fast it would be. */
#include "cli/cli.h"
#include "plan/assess.h"

#include <stdlib.h>

typedef struct assess_opts {
    int64_t prompt, generate, context;
    az_opt_list recipes;
    bool no_speed, json;
} assess_opts;

static const az_opt opts[] = {
    { 'r', "recipe", AZ_OPT_LIST, offsetof(assess_opts, recipes), NULL, "RECIPE",
      "recipe to look at, may be repeated" },
    { 'c', "context", AZ_OPT_INT, offsetof(assess_opts, context), "0", "N",
      "tokens whose caches are counted, 0 = the model's own, at most 4096" },
    { 'p', "prompt", AZ_OPT_INT, offsetof(assess_opts, prompt), "256", "N",
      "prompt tokens that the prefill speed is for" },
    { 'n', "generate", AZ_OPT_INT, offsetof(assess_opts, generate), "64", "N",
      "generated tokens that the decode speed is for" },
    { 0, "no-speed", AZ_OPT_BOOL, offsetof(assess_opts, no_speed), NULL, NULL,
      "do not measure the kernels: sizes only" },
    { 0, "json", AZ_OPT_BOOL, offsetof(assess_opts, json), NULL, NULL, "print as JSON" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

static void print_row(az_cli *cli, const az_assess_row *r)
{
    char weights[32], need[32], speed[64] = "";

    if (!r->possible) {
        az_cli_printf(cli, "  %-10s not possible: %s\n", r->recipe, r->why_not);
        return;
    }
    if (r->predicted.decode_tok_s > 0)
        snprintf(speed, sizeof speed, "%10.1f %10.1f", r->predicted.prefill_tok_s,
                 r->predicted.decode_tok_s);
    az_cli_printf(cli, "  %-10s %10s %6.2f %10s  %-4s %s", r->recipe,
                  az_cli_bytes(weights, sizeof weights, (double)r->weight_bytes),
                  r->bits_per_weight, az_cli_bytes(need, sizeof need, (double)r->need_bytes),
                  r->fits ? "yes" : "no", speed);
    if (r->fallbacks) az_cli_printf(cli, "  %zu tensors need another type", r->fallbacks);
    az_cli_printf(cli, "\n");
}

static void print(az_cli *cli, const char *path, const az_assessment *a, bool speed)
{
    char token[32], room[32];

    az_cli_printf(cli, "%s: %s, %.2f million parameters, %d layers of %d, vocabulary %lld\n", path,
                  a->arch->name, (double)a->parameters * 1e-6, a->config.n_layers, a->config.hidden,
                  (long long)a->config.vocab);
    az_cli_printf(cli,
                  "cache: %s a token, %lld tokens counted; this machine has %s for a program\n\n",
                  az_cli_bytes(token, sizeof token, (double)a->cache_bytes_per_token),
                  (long long)a->context, az_cli_bytes(room, sizeof room, (double)a->usable_bytes));
    az_cli_printf(cli, "  %-10s %10s %6s %10s  %-4s %s\n", "recipe", "weights", "bits", "memory",
                  "fits", speed ? "   prefill     decode  (tok/s, estimated)" : "");
    for (size_t i = 0; i < a->n; i++)
        print_row(cli, &a->rows[i]);
}

static int assess_run(az_cli *cli, const void *opt, int argc, const char **argv)
{
    const assess_opts *o = opt;
    const char *recipes[AZ_OPT_LIST_MAX + 1] = { NULL };
    az_assess_opts ao = { .prompt = (size_t)o->prompt,
                          .generate = (size_t)o->generate,
                          .context = o->context };
    adze_error err = { .pos = ADZE_NOPOS };
    bool wanted[AZ_TYPE_COUNT], fits = false;
    az_assessment *a;
    az_roof *roof;
    adze_model *m = NULL;
    json_t *j;
    int code = 0;
    adze_status rc;

    (void)argc;
    if (o->prompt < 1 || o->generate < 1 || o->context < 0 || o->prompt > (1 << 24) ||
        o->generate > (1 << 24))
        return az_cli_usage(cli, az_cmd_find("assess"),
                            "--prompt and --generate must be at least 1, --context at least 0");
    for (size_t i = 0; i < o->recipes.n; i++)
        recipes[i] = o->recipes.items[i];
    if (o->recipes.n) ao.recipes = recipes;
    a = calloc(1, sizeof *a);
    roof = calloc(1, sizeof *roof);
    rc = a && roof ? adze_model_open(&m, cli->run, argv[0], &err) : ADZE_ENOMEM;
    if (rc == ADZE_OK && !o->no_speed) {
        rc = az_assess_types(cli->run, m, &ao, wanted, &err);
        if (rc == ADZE_OK) rc = az_roof_measure(roof, cli->run, wanted, &err);
    }
    if (rc == ADZE_OK) rc = az_assess(a, cli->run, m, o->no_speed ? NULL : roof, &ao, &err);
    if (rc < 0) {
        code = az_cli_fail(cli, rc, &err);
        goto done;
    }
    if (o->json) {
        j = az_assess_json(a);
        az_cli_json(cli, j);
        json_decref(j);
    } else {
        print(cli, argv[0], a, !o->no_speed);
    }
    for (size_t i = 0; i < a->n; i++)
        fits = fits || (a->rows[i].possible && a->rows[i].fits);
    code = az_cli_finish(cli);
    if (!code && !fits) code = adze_status_exit_code(ADZE_EFIT);
done:
    adze_model_close(m);
    free(a);
    free(roof);
    return code;
}

const az_cmd az_cmd_assess = {
    .name = "assess",
    .group = AZ_CMD_MODEL,
    .args = "MODEL",
    .min_args = 1,
    .max_args = 1,
    .summary = "size, memory and predicted speed of a model under each recipe",
    .details =
        "Bytes are exact. Speeds are estimates: the cost of the model's graph under what this\n"
        "machine's kernels were just measured to reach. Exit 4: nothing fits this machine.",
    .example = "adze assess checkpoint/ --recipe q4_k_m --context 8192",
    .opts = opts,
    .opts_size = sizeof(assess_opts),
    .run = assess_run,
};
