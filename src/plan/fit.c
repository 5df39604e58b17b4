/* The conversion planner gives the bytes of each recipe, the cost walk what a token reads. */
#include "plan/fit.h"

#include <stdio.h>
#include <string.h>
#include "arch/arch.h"
#include "format/format.h"
#include "graph/cost.h"

static az_type type_in_plan(void *user, const char *name)
{
    const az_plan *p = user;

    for (size_t i = 0; i < p->n_outputs; i++)
        if (!strcmp(p->outputs[i].name, name)) return p->outputs[i].type;
    return AZ_F32;
}

static double token_bytes(const az_graph *g, az_plan *p, int64_t context)
{
    az_cost_in in = { .type_of = type_in_plan,
                      .user = p,
                      .n_tokens = 1,
                      .n_past = context > 1 ? context / 2 : 0, /* halfway through the context */
                      .n_logits = 1 };
    az_cost cost;

    az_graph_cost(g, &in, &cost);
    return (double)cost.all.weight_bytes + (double)cost.all.state_bytes;
}

static void fit_recipe(az_fit *f, adze_run *run, adze_model *m, const az_graph *g,
                       const az_recipe *recipe, const az_device *d)
{
    az_fit_row *row = &f->row[f->n++];
    adze_error err = { .pos = ADZE_NOPOS };
    az_plan *p = NULL;

    *row = (az_fit_row){ .recipe = recipe };
    if (az_plan_new(&p, run, m, recipe, az_format_find("gguf"), &err) < 0) {
        snprintf(row->why_not, sizeof row->why_not, "%.199s", err.msg);
        return;
    }
    row->possible = true;
    row->weight_bytes = (double)p->total_bytes;
    row->need_bytes = row->weight_bytes + f->cache_bytes + AZ_FIT_PROGRAM_BYTES;
    row->fits = f->usable_bytes == 0 || row->need_bytes <= f->usable_bytes;
    if (d->bandwidth_gb_s.from != AZ_NONE)
        row->decode_tok_s = d->bandwidth_gb_s.value * 1e9 / token_bytes(g, p, f->context);
    f->n_fit += row->fits;
    az_plan_free(p);
}

adze_status az_fit_model(az_fit *f, adze_run *run, adze_model *m, int64_t context,
                         const az_device *d, adze_error *err)
{
    const az_arch *arch = NULL;
    az_config c = { 0 };
    az_graph g = { 0 };
    az_arena arena;
    adze_status rc;

    memset(f, 0, sizeof *f);
    az_arena_init(&arena, run);
    rc = az_arch_of(m, &arch, &c, err);
    if (rc < 0) goto done;
    rc = az_arch_build(arch, &c, &arena, &g, err);
    if (rc < 0) goto done;
    rc = az_arch_check(arch, m, &g, err);
    if (rc < 0) goto done;
    f->parameters = (double)adze_model_parameters(m);
    f->context = context ? context : c.context < AZ_FIT_CONTEXT ? c.context : AZ_FIT_CONTEXT;
    if (f->context > c.context) {
        rc = az_fail_name(err, ADZE_EINVAL, m->path, "--context", ADZE_NOPOS,
                          "the model's context has %lld tokens", (long long)c.context);
        goto done;
    }
    f->cache_bytes = (double)az_graph_state_bytes(&g, f->context);
    f->usable_bytes = d->usable_bytes.from == AZ_NONE ? 0 : d->usable_bytes.value;
    for (size_t i = 0; az_recipes[i].name && f->n < AZ_FIT_ROWS; i++)
        if (az_recipe_writable(&az_recipes[i])) fit_recipe(f, run, m, &g, &az_recipes[i], d);
done:
    az_arena_deinit(&arena);
    return rc;
}

json_t *az_fit_json(const az_fit *f)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < f->n; i++) {
        const az_fit_row *r = &f->row[i];
        json_t *o = json_pack("{s:s, s:b}", "recipe", r->recipe->name, "possible", r->possible);

        if (r->possible) {
            json_object_set_new(o, "weight_bytes", json_real(r->weight_bytes));
            json_object_set_new(o, "need_bytes", json_real(r->need_bytes));
            json_object_set_new(o, "fits", json_boolean(r->fits));
            json_object_set_new(o, "decode_tok_s_at_most",
                                r->decode_tok_s > 0 ? json_real(r->decode_tok_s) : json_null());
        } else {
            json_object_set_new(o, "reason", json_string(r->why_not));
        }
        json_array_append_new(rows, o);
    }
    return json_pack("{s:s, s:f, s:I, s:f, s:o, s:o}", "provenance", "estimated", "parameters",
                     f->parameters, "context_tokens", (json_int_t)f->context, "cache_bytes",
                     f->cache_bytes, "usable_bytes",
                     f->usable_bytes > 0 ? json_real(f->usable_bytes) : json_null(), "recipes",
                     rows);
}
