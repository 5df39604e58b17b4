/* Recipes: walks the rules of recipe_tables.c over a model's tensors.
 *
 * Order, as llama-quantize's users expect it: tensors that no recipe touches; what the user changed; recipes of
 * plain floats; the output matrix (or the embedding that serves as one); rules by kind of tensor; what the shape allows.
 * Counters run over tensors sorted by (layer, name), whatever the order of the file.
 */
#include "codec/recipe.h"
#include "codec/changes.h"
#include "codec/codec.h"
#include "codec/recipe_rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A tensor's place in the order in which counters run. */
typedef struct place {
    az_recipe_tensor *t;
    long layer; /* -1: not in a layer */
} place;

typedef struct assigner {
    const az_recipe *recipe;
    const az_recipe_model *model;
    const az_recipe_changes *asked; /* NULL: none */
    az_changes *changes;
    bool has_output;
    long count[AZ_KIND_COUNT], at[AZ_KIND_COUNT];
} assigner;

const az_recipe *az_recipe_find(const char *name)
{
    for (const az_recipe_alias *a = az_recipe_aliases; a->name; a++)
        if (strcasecmp(a->name, name) == 0) name = a->recipe;
    for (const az_recipe *r = az_recipes; r->name; r++)
        if (strcasecmp(r->name, name) == 0) return r;
    return NULL;
}

bool az_recipe_writable(const az_recipe *r)
{
    const az_codec *c = az_codec_get(r->base);

    return c && c->pack;
}

/* About 2 bits or less: rules of their own. */
static bool is_low(const az_recipe *r)
{
    return r->base == AZ_IQ1_S || r->base == AZ_IQ1_M || r->base == AZ_IQ2_XXS ||
           r->base == AZ_IQ2_XS || r->base == AZ_IQ2_S;
}

static long layer_of(const char *name)
{
    char *end;
    long n;

    if (strncmp(name, "blk.", 4) != 0 || name[4] < '0' || name[4] > '9') return -1;
    n = strtol(name + 4, &end, 10);
    return *end == '.' ? n : -1;
}

static int by_place(const void *a, const void *b)
{
    const place *p = a, *q = b;

    if (p->layer != q->layer) return p->layer < q->layer ? -1 : 1;
    return strcmp(p->t->name, q->t->name);
}

static az_recipe_kind kind_of(const char *name)
{
    const az_recipe_kind_name *k = az_recipe_kind_names;

    while (k->part && !strstr(name, k->part))
        k++;
    return k->kind;
}

static bool is_quantizable(const az_recipe_tensor *t)
{
    size_t n = strlen(t->name);

    if (t->n_dims < 2 || n < 6 || strcmp(t->name + n - 6, "weight") != 0) return false;
    for (const char *const *part = az_recipe_kept_f32; *part; part++)
        if (strstr(t->name, *part)) return false;
    return true;
}

/* First and last eighth of n, and every third in between. */
static bool is_spread(long i, long n)
{
    return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
}

static bool is_70b_class(const az_recipe_model *m)
{
    static const char *const archs[] = { "llama", "qwen2", "deci", "olmo" };

    if (strcmp(m->arch, "jais2") == 0) return m->n_layers == 68;
    if (m->n_layers != 80) return false;
    if (strcmp(m->arch, "llama") == 0 && m->n_heads == m->n_kv_heads) return false;
    for (size_t i = 0; i < AZ_COUNT(archs); i++)
        if (strcmp(m->arch, archs[i]) == 0) return true;
    return false;
}

static bool holds(const assigner *a, az_recipe_when when, long i, long n)
{
    const az_recipe_model *m = a->model;
    bool imatrix = a->asked && a->asked->importance;
    bool groups = m->n_kv_heads > 0 && m->n_heads / m->n_kv_heads >= 4;

    switch (when) {
    case AZ_WHEN_ALWAYS: return true;
    case AZ_WHEN_SPREAD: return is_spread(i, n);
    case AZ_WHEN_FIRST_2: return i < 2;
    case AZ_WHEN_FIRST_4: return i < 4;
    case AZ_WHEN_FIRST_8TH: return i < n / 8;
    case AZ_WHEN_FIRST_16TH: return i < n / 16;
    case AZ_WHEN_MIDDLE: return i >= n / 8 && i < 7 * n / 8;
    case AZ_WHEN_8_EXPERTS: return m->n_experts == 8;
    case AZ_WHEN_NOT_8_EXPERTS: return m->n_experts != 8;
    case AZ_WHEN_8_EXPERTS_SPREAD: return m->n_experts == 8 && is_spread(i, n);
    case AZ_WHEN_GROUPS: return groups;
    case AZ_WHEN_GROUPS_OR_4_EXPERTS: return groups || m->n_experts >= 4;
    case AZ_WHEN_70B: return is_70b_class(m);
    case AZ_WHEN_NO_IMATRIX: return !imatrix;
    case AZ_WHEN_FIRST_8TH_NO_IMATRIX: return !imatrix && i < n / 8;
    case AZ_WHEN_FIRST_8TH_IMATRIX: return imatrix && i < n / 8;
    case AZ_WHEN_NEVER: break;
    }
    return false;
}

/* The output matrix keeps more bits: every logit passes through it. */
static az_type output_type(const assigner *a, const az_recipe_tensor *t)
{
    az_type base = a->recipe->base;

    if (base == AZ_MXFP4 || t->shape[t->n_dims - 1] % az_type_get(base)->elems != 0) return AZ_Q8_0;
    if (is_low(a->recipe) || base == AZ_IQ3_XXS) return AZ_Q5_K;
    return base == AZ_Q8_0 ? base : AZ_Q6_K;
}

static bool is_for(const az_recipe_rule *rule, const az_recipe *r)
{
    char name[24];

    if (!rule->recipes) return !is_low(r);
    snprintf(name, sizeof name, " %s ", r->name);
    return strstr(rule->recipes, name) != NULL;
}

static az_type rule_type(assigner *a, const az_recipe_tensor *t, long layer)
{
    az_recipe_kind kind = kind_of(t->name);
    az_type type = a->recipe->base;
    long i = a->at[kind]++, n = a->count[kind];

    if (type == AZ_MXFP4) return t->n_dims > 2 ? type : AZ_Q8_0; /* experts alone */
    if (kind >= AZ_KIND_FFN_DOWN && kind <= AZ_KIND_FFN_GATE) {
        n = a->model->n_layers;
        if (a->model->n_experts > 1 && layer >= 0 && !is_low(a->recipe)) i = layer;
    }
    for (const az_recipe_rule *r = az_recipe_rules; r->when != AZ_WHEN_NEVER; r++)
        if (r->kind == kind && is_for(r, a->recipe) &&
            (r->from == AZ_TYPE_COUNT || r->from == type) && holds(a, r->when, i, n))
            type = r->to;
    return type;
}

static az_type fallback_type(az_type type)
{
    for (const az_recipe_fallback *f = az_recipe_fallbacks; f->from != AZ_TYPE_COUNT; f++)
        if (f->from == type) return f->to;
    return AZ_TYPE_COUNT;
}

/* Replace a type whose blocks do not fit the row. */
static adze_status fit_shape(az_recipe_tensor *t, adze_error *err)
{
    int64_t cols = t->shape[t->n_dims - 1];
    az_type wanted = t->out;

    if (cols % az_type_get(t->out)->elems == 0) return ADZE_OK;
    t->fallback = true;
    t->out = fallback_type(wanted);
    if (t->out == AZ_TYPE_COUNT)
        return az_fail_name(err, ADZE_EUNSUP, NULL, t->name, ADZE_NOPOS,
                            "rows of %" PRId64 " values are not a multiple of %u, which %s needs",
                            cols, (unsigned)az_type_get(wanted)->elems, az_type_get(wanted)->name);
    if (cols % az_type_get(t->out)->elems != 0) t->out = AZ_F16;
    return ADZE_OK;
}

static adze_status assign_one(assigner *a, const place *p, adze_error *err)
{
    az_recipe_tensor *t = p->t;
    bool is_output = strcmp(t->name, "output.weight") == 0 ||
                     (!a->has_output && strcmp(t->name, "token_embd.weight") == 0);

    t->fallback = t->manual = false;
    if (!is_quantizable(t)) {
        t->out = AZ_F32;
        return ADZE_OK;
    }
    t->out = a->recipe->base;
    t->manual = az_changes_type(a->changes, t->name, is_output, &t->out);
    if (a->asked && a->asked->leave_output && strcmp(t->name, "output.weight") == 0) {
        t->out = t->type;
        return ADZE_OK;
    }
    if (!t->manual && az_type_get(t->out)->quantized && !(a->asked && a->asked->pure))
        t->out = is_output ? output_type(a, t) : rule_type(a, t, p->layer);
    return az_type_get(t->out)->quantized ? fit_shape(t, err) : ADZE_OK;
}

adze_status az_recipe_assign(adze_run *run, const az_recipe *r, const az_recipe_model *m,
                             az_recipe_tensor *t, size_t n, adze_error *err)
{
    assigner a = { .recipe = r, .model = m, .asked = r->changes };
    place *order = az_calloc(run, n ? n : 1, sizeof *order);
    adze_status rc;

    if (!order) return az_fail_nomem(err, "sorting tensors for a recipe");
    rc = az_changes_open(&a.changes, run, r->changes, err);
    for (size_t i = 0; i < n; i++) {
        order[i] = (place){ &t[i], layer_of(t[i].name) };
        if (strcmp(t[i].name, "output.weight") == 0) a.has_output = true;
        if (is_quantizable(&t[i])) a.count[kind_of(t[i].name)]++;
    }
    qsort(order, n, sizeof *order, by_place);
    for (size_t i = 0; i < n && rc == ADZE_OK; i++)
        rc = assign_one(&a, &order[i], err);
    if (rc == ADZE_OK) rc = az_changes_used(a.changes, err);
    az_changes_close(a.changes);
    az_free(run, order);
    return rc;
}
