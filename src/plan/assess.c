/* Predictions: time of a token is the sum over operators of bytes or operations over what the kernels reach. */
#include "plan/assess.h"
#include "format/format.h"
#include "measure/memory.h"

#include <stdio.h>
#include <string.h>

static const char *const default_recipes[] = { "f16",    "q8_0", "q6_k", "q5_k_m",
                                               "q4_k_m", "q4_0", NULL };

/* Types by canonical name: from a writer's plan, or as the model stores them. */
typedef struct types_of {
    const az_plan *plan; /* NULL: as stored */
    const az_arch *arch;
    const adze_model *model;
} types_of;

static az_type type_of(void *user, const char *name)
{
    const types_of *u = user;
    const az_tensor *t;

    for (size_t i = 0; u->plan && i < u->plan->n_outputs; i++)
        if (strcmp(u->plan->outputs[i].name, name) == 0) return u->plan->outputs[i].type;
    t = u->plan ? NULL : az_arch_tensor(u->arch, u->model, name, NULL);
    return t ? t->type : AZ_F32;
}

/* Cost by weight type: az_graph_cost adds types up, and each type has a rate of its own. */
typedef struct linear_cost {
    double bytes[AZ_TYPE_COUNT], ops[AZ_TYPE_COUNT]; /* of one row of activations */
    double row_s,
        output_s;  /* what short rows take beyond that: of a token, in decode and prefill */
    double stages; /* of a pass, as infer/plan.c joins operators */
    double attention_width; /* n_heads * head_dim, summed over layers */
    double kv_bytes;        /* of one position, all layers */
    double value_floats;    /* elementwise work of one token */
} linear_cost;

/* Stages that node i adds: linears that read one value share one, sums join the linear before them, a value
 * that no norm or gate quantizes takes one more. */
static int stages_of(const az_graph *g, int i, az_type type)
{
    const az_node *n = &g->nodes[i];
    bool shared = i > 0 && g->nodes[i - 1].op == n->op && g->nodes[i - 1].in[0] == n->in[0];

    switch (n->op) {
    case AZ_OP_LINEAR: {
        az_op from = g->nodes[n->in[0]].op;
        bool quantized = az_type_get(type)->quantized;
        if (shared) return 0;
        return quantized && from != AZ_OP_NORM && from != AZ_OP_ACTIVATION ? 2 : 1;
    }
    case AZ_OP_EXPERTS:
        return shared ? 0 : g->nodes[n->in[0]].slots ? 1 : 2; /* the first gathers */
    case AZ_OP_ROUTER:
    case AZ_OP_ATTENTION: return 2;
    case AZ_OP_EMBED:
    case AZ_OP_NORM:
    case AZ_OP_MIX:
    case AZ_OP_CONV:
    case AZ_OP_ACTIVATION: return 1;
    default: return 0;
    }
}

static void walk(const az_graph *g, types_of *u, const az_roof *r, linear_cost *c)
{
    memset(c, 0, sizeof *c);
    for (int i = 0; i < g->n_nodes; i++) {
        const az_node *n = &g->nodes[i];
        const az_graph_weight *w = n->weight[0] >= 0 ? &g->weights[n->weight[0]] : NULL;
        uint64_t row = 0;
        az_type t = w ? type_of(u, w->name) : AZ_F32;

        c->stages += stages_of(g, i, t);
        switch (n->op) {
        case AZ_OP_EXPERTS: /* one token reads the experts that it takes */
            az_type_row_bytes(t, (uint64_t)w->cols, &row);
            c->bytes[t] += (double)row * (double)n->width * n->slots;
            c->ops[t] += 2.0 * (double)n->width * (double)w->cols * n->slots;
            c->row_s +=
                (double)n->width * n->slots * az_roof_short_s(&r->row_ns[t], (double)w->cols);
            c->output_s +=
                (double)n->width * n->slots * az_roof_short_s(&r->output_ns[t], (double)w->cols);
            break;
        case AZ_OP_LINEAR:
            az_type_row_bytes(t, (uint64_t)w->cols, &row);
            c->bytes[t] += (double)row * (double)w->rows;
            c->ops[t] += 2.0 * (double)w->rows * (double)w->cols;
            c->row_s += (double)w->rows * az_roof_short_s(&r->row_ns[t], (double)w->cols);
            c->output_s += (double)w->rows * az_roof_short_s(&r->output_ns[t], (double)w->cols);
            break;
        case AZ_OP_ATTENTION:
            c->attention_width += (double)n->n_heads * n->head_dim;
            c->kv_bytes += 4.0 * g->states[n->state].n_kv_heads * g->states[n->state].head_dim;
            break;
        case AZ_OP_NORM:
        case AZ_OP_ACTIVATION:
        case AZ_OP_ROPE:
        case AZ_OP_CONV:
        case AZ_OP_MIX: c->value_floats += (double)n->width * (n->slots ? n->slots : 1); break;
        default: break;
        }
    }
}

static double decode_s(const linear_cost *c, const az_roof *r, double past)
{
    double working = past * c->kv_bytes, s = 0;

    for (int t = 0; t < AZ_TYPE_COUNT; t++)
        working += c->bytes[t];
    for (int t = 0; t < AZ_TYPE_COUNT; t++) {
        double rate = c->bytes[t] > 0 ? az_roof_decode_gb_s(r, (az_type)t, working) : 1;
        if (rate <= 0) return 0;
        s += c->bytes[t] / rate * 1e-9;
    }
    s += past * c->kv_bytes / (r->attention_gb_s.median * 1e9);
    s += 12.0 * c->value_floats / (r->value_gb_s.median * 1e9);
    return s + c->row_s + c->stages * r->stage_us.median * 1e-6;
}

static double prefill_s(const linear_cost *c, const az_roof *r, double tokens)
{
    double batches = tokens > 256 ? tokens / 256 : 1, s = 0;

    for (int t = 0; t < AZ_TYPE_COUNT; t++) {
        if (c->ops[t] <= 0) continue;
        if (r->prefill_gops[t].median <= 0) return 0;
        s += c->ops[t] * tokens / (r->prefill_gops[t].median * 1e9);
    }
    s += 4.0 * c->attention_width * tokens * tokens / 2 / (r->attention_gops.median * 1e9);
    s += 12.0 * c->value_floats * tokens / (r->value_gb_s.median * 1e9);
    return s + tokens * c->output_s + batches * c->stages * r->stage_us.median * 1e-6;
}

/* The output product runs for the last token of a prompt alone. */
static void drop_output(const az_graph *g, types_of *u, const az_roof *r, linear_cost *c,
                        double tokens)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const az_node *n = &g->nodes[i];
        if (n->op == AZ_OP_LINEAR && n->last_only) {
            const az_graph_weight *w = &g->weights[n->weight[0]];
            az_type t = type_of(u, w->name);
            c->ops[t] -= 2.0 * (double)w->rows * (double)w->cols * (1 - 1 / tokens);
            c->output_s -= (double)w->rows * (1 - 1 / tokens) *
                           az_roof_short_s(&r->output_ns[t], (double)w->cols);
        }
    }
}

static void predict(az_assess_row *row, const az_graph *g, types_of *u, const az_roof *r,
                    const az_assess_opts *o)
{
    linear_cost c;
    double s;

    if (!r) return;
    walk(g, u, r, &c);
    s = decode_s(&c, r, (double)o->prompt + (double)o->generate / 2);
    row->predicted.decode_tok_s = s > 0 ? 1 / s : 0;
    drop_output(g, u, r, &c, (double)o->prompt);
    s = prefill_s(&c, r, (double)o->prompt);
    row->predicted.prefill_tok_s = s > 0 ? (double)o->prompt / s : 0;
}

static void finish_row(az_assessment *a, az_assess_row *row, uint64_t weights)
{
    row->possible = true;
    row->weight_bytes = weights;
    row->cache_bytes = a->cache_bytes_per_token * (uint64_t)a->context;
    row->need_bytes = weights + row->cache_bytes + (uint64_t)64000000;
    row->bits_per_weight = 8.0 * (double)weights / (double)a->parameters;
    row->fits = !a->usable_bytes || row->need_bytes < a->usable_bytes;
    row->predicted.weight_bytes = (double)weights;
}

static adze_status plan_for(adze_run *run, adze_model *m, const char *recipe, az_plan **p,
                            adze_error *err)
{
    const az_recipe *r = az_recipe_find(recipe);

    *p = NULL;
    if (!r)
        return az_fail_name(err, ADZE_EINVAL, NULL, recipe, ADZE_NOPOS,
                            "no such recipe; `adze recipes` lists them");
    return az_format_find("gguf")->plan(run, m, r, p, err);
}

static adze_status assess_recipe(az_assessment *a, adze_run *run, adze_model *m, const az_graph *g,
                                 const char *recipe, const az_roof *roof, const az_assess_opts *o,
                                 adze_error *err)
{
    az_assess_row *row = &a->rows[a->n++];
    adze_error e = { .pos = ADZE_NOPOS };
    az_plan *p = NULL;
    types_of u = { .arch = a->arch, .model = m };
    adze_status rc;

    row->recipe = recipe;
    rc = plan_for(run, m, recipe, &p, &e);
    if (rc == ADZE_OK) {
        u.plan = p;
        for (size_t i = 0; i < p->n_outputs; i++)
            row->fallbacks += p->outputs[i].fallback;
        finish_row(a, row, p->total_bytes);
        predict(row, g, &u, roof, o);
    } else if (rc == ADZE_ECANCEL || rc == ADZE_ENOMEM || rc == ADZE_EINVAL) {
        if (err) *err = e;
        return rc;
    } else {
        adze_error_text(&e, row->why_not, sizeof row->why_not);
    }
    az_plan_free(p);
    return ADZE_OK;
}

adze_status az_assess_types(adze_run *run, adze_model *m, const az_assess_opts *o,
                            bool wanted[AZ_TYPE_COUNT], adze_error *err)
{
    const char *const *recipes = o->recipes ? o->recipes : default_recipes;

    memset(wanted, 0, AZ_TYPE_COUNT * sizeof *wanted);
    for (size_t i = 0; i < m->n_tensors; i++)
        wanted[m->tensors[i].type] = true;
    for (; *recipes; recipes++) {
        az_plan *p = NULL;
        adze_status rc = plan_for(run, m, *recipes, &p, err);
        if (rc == ADZE_ENOMEM || rc == ADZE_EINVAL) return rc;
        for (size_t i = 0; rc == ADZE_OK && i < p->n_outputs; i++)
            wanted[p->outputs[i].type] = true;
        az_plan_free(p);
    }
    return ADZE_OK;
}

adze_status az_assess(az_assessment *a, adze_run *run, adze_model *m, const az_roof *roof,
                      const az_assess_opts *o, adze_error *err)
{
    const char *const *recipes = o->recipes ? o->recipes : default_recipes;
    az_arena arena;
    az_graph g;
    types_of stored = { .model = m };
    adze_status rc;

    memset(a, 0, sizeof *a);
    az_arena_init(&arena, run);
    rc = az_arch_of(m, &a->arch, &a->config, err);
    if (rc < 0) goto done;
    rc = az_arch_build(a->arch, &a->config, &arena, &g, err);
    if (rc < 0) goto done;
    stored.arch = a->arch;
    a->parameters = adze_model_parameters(m);
    a->cache_bytes_per_token = az_graph_state_bytes_per_token(&g);
    a->context = o->context ? o->context : a->config.context < 4096 ? a->config.context : 4096;
    a->usable_bytes = az_memory_total_bytes(run) / 10 * 9;
    a->rows[0].recipe = "as stored";
    finish_row(a, &a->rows[0], adze_model_bytes(m));
    predict(&a->rows[0], &g, &stored, roof, o);
    a->n = 1;
    for (; rc == ADZE_OK && *recipes && a->n < AZ_ASSESS_MAX; recipes++)
        rc = assess_recipe(a, run, m, &g, *recipes, roof, o, err);
done:
    az_arena_deinit(&arena);
    return rc;
}

json_t *az_assess_json(const az_assessment *a)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < a->n; i++) {
        const az_assess_row *r = &a->rows[i];
        json_t *j = json_pack("{s:s, s:b}", "recipe", r->recipe, "possible", r->possible);
        if (!r->possible) {
            json_object_set_new(j, "why_not", json_string(r->why_not));
        } else {
            json_object_update_new(j, json_pack("{s:I, s:f, s:I, s:I, s:b, s:I}", "weight_bytes",
                                                (json_int_t)r->weight_bytes, "bits_per_weight",
                                                r->bits_per_weight, "cache_bytes",
                                                (json_int_t)r->cache_bytes, "need_bytes",
                                                (json_int_t)r->need_bytes, "fits", r->fits,
                                                "fallback_tensors", (json_int_t)r->fallbacks));
            if (r->predicted.decode_tok_s > 0)
                json_object_update_new(j, json_pack("{s:f, s:f, s:s}", "prefill_tok_s",
                                                    r->predicted.prefill_tok_s, "decode_tok_s",
                                                    r->predicted.decode_tok_s, "provenance",
                                                    "estimated"));
        }
        json_array_append_new(rows, j);
    }
    return json_pack("{s:s, s:I, s:i, s:i, s:I, s:I, s:I, s:I, s:o}", "arch", a->arch->name,
                     "parameters", (json_int_t)a->parameters, "layers", a->config.n_layers,
                     "hidden", a->config.hidden, "vocab", (json_int_t)a->config.vocab, "context",
                     (json_int_t)a->context, "cache_bytes_per_token",
                     (json_int_t)a->cache_bytes_per_token, "usable_bytes",
                     (json_int_t)a->usable_bytes, "recipes", rows);
}
