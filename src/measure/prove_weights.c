/* Weights: every tensor of the model against the reference's, under canonical names and in a GGUF's order of rows.
 *
 * The reference's rows are encoded again in the type that the model has them in and compared byte for byte. Where
 * the bytes are not the same, both are decoded and each value's distance is measured in steps of the type. A tensor
 * that adze's own encoder made (at least half of its blocks come out the same) must come out the same everywhere;
 * another encoder's must stay within its type's bound. Rows are read in slices: memory does not grow with the model.
 */
#include "base/check.h"
#include "base/thread.h"
#include "codec/codec.h"
#include "codec/importance.h"
#include "core/half.h"
#include "core/packed.h"
#include "format/format.h"
#include "measure/prove_parts.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum {
    SLICE_VALUES = 1 << 18, /* of a row slice, for each thread */
    SAMPLE_SLICES = 8,
    SAMPLE_VALUES = 1 << 14 /* of a slice of a sample */
};

/* Bounds in steps: rounding to the nearest float; a tensor that is computed, not stored. */
static const double nearest = 0.5, computed = 8;

/* A value of the tensor that is not the reference's. */
typedef struct spot {
    bool set;
    int64_t row;
    size_t col;
    float ref, here;
    double steps;
} spot;

typedef struct slice {
    int64_t r0, n;
    uint64_t blocks, equal;
    spot first, worst, bad; /* bad: not finite */
} slice;

typedef struct pair {
    az_proving *v;
    az_plan *ref_plan, *model_plan;
    az_output want, exact, have; /* the reference in the model's type, and as f32; the model */
    const az_step_rule *rule;
    az_step_rule scratch;
    az_type type;
    bool copy; /* both hold the same type: nothing may change */
    size_t cols, block;
    slice *slices;
    size_t n_slices;
    atomic_int failed; /* 0, or 1 while and after one thread sets rc and err */
    adze_status rc;
    adze_error err;
} pair;

static bool set_type(az_output *o, az_type t)
{
    o->type = t;
    o->n_parts = 0;
    return az_type_row_bytes(t, (uint64_t)(o->n_dims ? o->shape[o->n_dims - 1] : 1), &o->row_bytes);
}

static void keep_spot(spot *s, int64_t row, size_t col, float ref, float here, double steps)
{
    *s = (spot){ true, row, col, ref, here, steps };
}

/* One row that is not the same. Bytes of both in the model's type; x: reference, y: model, z: what the reference
 * becomes in that type. */
static void compare_row(const pair *t, slice *s, int64_t row, const char *a, const char *b,
                        const float *x, const float *y, const float *z, float *steps)
{
    const az_type_info *info = az_type_get(t->have.type);

    az_steps(t->rule, t->type, x, t->cols, steps);
    for (size_t c = 0, k = 0; c < t->cols; c += t->block, k++) {
        size_t end = c + t->block < t->cols ? c + t->block : t->cols;
        size_t n = t->block / info->elems * info->bytes;
        bool same = a && memcmp(a + k * n, b + k * n, (end - c) / info->elems * info->bytes) == 0;
        s->blocks++;
        s->equal += same;
        for (size_t i = c; i < end && !same; i++) {
            double d = fabs((double)y[i] - (double)x[i]);
            double e = d > 0 ? (steps[i] > 0 ? d / (double)steps[i] : HUGE_VAL) : 0;
            if (!s->first.set && memcmp(&z[i], &y[i], sizeof *z) != 0)
                keep_spot(&s->first, row, i, z[i], y[i], e);
            if (!s->worst.set || e > s->worst.steps) keep_spot(&s->worst, row, i, x[i], y[i], e);
        }
        if (!same && !s->first.set) /* the codes differ, the values do not */
            keep_spot(&s->first, row, c, z[c], y[c], 0);
    }
}

/* First value that is no number; n: none. */
static size_t not_finite(const float *y, size_t n)
{
    uint32_t any = 0;

    for (size_t i = 0; i < n; i++)
        any |= (az_f32_bits(y[i]) & 0x7fffffffu) >= 0x7f800000u;
    for (size_t i = 0; i < n && any; i++)
        if ((az_f32_bits(y[i]) & 0x7fffffffu) >= 0x7f800000u) return i;
    return n;
}

typedef struct buffers {
    char *a, *b;
    float *x, *y, *z, *steps;
} buffers;

static void compare_decoded(const pair *t, slice *s, int64_t r, const char *a, const char *b,
                            buffers *u)
{
    const az_codec *codec = az_codec_get(t->have.type);
    const float *x = u->x + (size_t)r * t->cols;

    if (a && codec) codec->unpack(az_kernels_default(), a, u->z, t->cols);
    compare_row(t, s, s->r0 + r, a, b, x, u->y, a && codec ? u->z : x, u->steps);
}

static adze_status compare_slice(pair *t, slice *s, buffers *u, adze_error *err)
{
    const az_codec *codec = az_codec_get(t->have.type);
    size_t row_bytes = (size_t)t->have.row_bytes;
    bool have_x = false, refused = false;
    adze_status rc = az_plan_rows(t->ref_plan, &t->want, s->r0, s->n, u->a, err);

    /* What the type cannot hold (infinity, NaN) is not an error here: the values are compared. */
    if (rc < 0 && az_proof_soft(rc)) refused = true;
    if (rc < 0 && !refused) return rc;
    rc = az_plan_rows(t->model_plan, &t->have, s->r0, s->n, u->b, err);
    for (int64_t r = 0; r < s->n && rc == ADZE_OK; r++) {
        const char *b = u->b + (size_t)r * row_bytes,
                   *a = refused ? NULL : u->a + (size_t)r * row_bytes;
        size_t bad = t->cols;
        if (codec) {
            codec->unpack(az_kernels_default(), b, u->y, t->cols);
            bad = not_finite(u->y, t->cols);
        }
        if (bad < t->cols && !s->bad.set)
            keep_spot(&s->bad, s->r0 + r, bad, 0, u->y[bad], HUGE_VAL);
        if (a && memcmp(a, b, row_bytes) == 0) {
            s->blocks += t->cols / t->block;
            s->equal += t->cols / t->block;
            continue;
        }
        if (!have_x) rc = az_plan_rows(t->ref_plan, &t->exact, s->r0, s->n, u->x, err);
        have_x = true;
        if (rc == ADZE_OK) compare_decoded(t, s, r, a, b, u);
    }
    return rc;
}

static void run_slice(void *arg, size_t i, int thread)
{
    pair *t = arg;
    slice *s = &t->slices[i];
    adze_run *run = t->v->run;
    size_t bytes = (size_t)s->n * (size_t)t->have.row_bytes, row = t->cols * sizeof(float);
    buffers u = { .a = az_alloc(run, bytes), .b = az_alloc(run, bytes) };
    adze_error err = { .pos = ADZE_NOPOS };
    adze_status rc = az_check_cancel(run, &err);

    (void)thread;
    u.x = az_alloc_array(run, (size_t)s->n, row);
    u.y = az_calloc(run, t->cols, sizeof(float));
    u.z = az_alloc(run, row);
    u.steps = az_alloc(run, row);
    if (rc == ADZE_OK && (!u.a || !u.b || !u.x || !u.y || !u.z || !u.steps))
        rc = az_fail_nomem(&err, "comparing weights");
    if (rc == ADZE_OK && !atomic_load(&t->failed)) rc = compare_slice(t, s, &u, &err);
    if (rc < 0 && !atomic_exchange(&t->failed, 1)) {
        t->rc = rc;
        t->err = err;
    }
    az_free(run, u.a);
    az_free(run, u.b);
    az_free(run, u.x);
    az_free(run, u.y);
    az_free(run, u.z);
    az_free(run, u.steps);
}

/* All rows in slices; or, for a sample, the first, the last and some between, the same ones every time. */
static bool cut(pair *t, bool sample)
{
    int64_t rows = t->have.rows, per;
    size_t cols = t->cols ? t->cols : 1;
    az_prng rng;

    per = (int64_t)((size_t)(sample ? SAMPLE_VALUES : SLICE_VALUES) / cols);
    if (per < 1) per = 1;
    t->n_slices = (size_t)((rows + per - 1) / per);
    if (sample && t->n_slices > SAMPLE_SLICES) t->n_slices = SAMPLE_SLICES;
    t->slices = az_calloc(t->v->run, t->n_slices + 1, sizeof *t->slices);
    if (!t->slices) return false;
    az_prng_seed(&rng, (uint64_t)rows);
    for (size_t i = 0; i < t->n_slices; i++) {
        slice *s = &t->slices[i];
        s->r0 = (int64_t)i * per;
        if (sample && i && (int64_t)t->n_slices * per < rows)
            s->r0 = i + 1 == t->n_slices ? rows - per
                                         : (int64_t)(az_prng_unit(&rng) * (double)(rows - per));
        s->n = rows - s->r0 < per ? rows - s->r0 : per;
    }
    return true;
}

static slice sum_up(const pair *t)
{
    slice all = { 0 };

    for (size_t i = 0; i < t->n_slices; i++) {
        const slice *s = &t->slices[i];
        all.n += s->n;
        all.blocks += s->blocks;
        all.equal += s->equal;
        if (s->bad.set && !all.bad.set) all.bad = s->bad;
        if (s->first.set && !all.first.set) all.first = s->first;
        if (s->worst.set && (!all.worst.set || s->worst.steps > all.worst.steps))
            all.worst = s->worst;
    }
    return all;
}

static const char *place(az_proof *p, const spot *s)
{
    return az_proof_text(p, "row %lld, column %zu: %.7g in the reference, %.7g here",
                         (long long)s->row, s->col, (double)s->ref, (double)s->here);
}

static double bound_of(const pair *t)
{
    if (t->rule) return t->rule->bound;
    return az_output_source(&t->want) && strncmp(t->have.name, "rope_f", 6) != 0 ? nearest
                                                                                 : computed;
}

static const char *how(const pair *t, az_proof *p)
{
    const az_tensor *src = az_output_source(&t->have);
    const char *type = src && src->packed ? src->packed->label : az_type_get(t->type)->name;

    if (t->copy) return az_proof_text(p, "%s, as it is", type);
    if (t->want.type == t->type && !(src && az_is_decoded(src)))
        return az_proof_text(p, "%s, encoded again", type);
    return az_proof_text(p, "%s, decoded", type);
}

static void judge(const pair *t, const char *name, az_proving *v)
{
    slice all = sum_up(t);
    az_proof *p = v->p;
    az_proof_item *it = az_proof_add(p, "weights", name, AZ_EQUAL);
    bool own = t->copy || (t->rule && all.equal * 2 >= all.blocks);

    it->compared = all.blocks;
    it->differing = all.blocks - all.equal;
    it->of = az_type_get(t->have.type)->quantized ? "blocks" : "rows";
    it->detail = how(t, p);
    if (all.bad.set) {
        it->verdict = AZ_DIFFERENT;
        it->where = az_proof_text(p, "row %lld, column %zu is %s", (long long)all.bad.row,
                                  all.bad.col, all.bad.here != all.bad.here ? "NaN" : "infinite");
        return;
    }
    if (all.equal == all.blocks) return;
    it->largest = all.worst.steps;
    it->bound = own ? 0 : bound_of(t);
    it->unit = "steps";
    it->verdict = it->largest <= it->bound && !own ? AZ_WITHIN : AZ_DIFFERENT;
    it->where = place(p, own ? &all.first : &all.worst);
    if (it->verdict == AZ_WITHIN && it->largest > 0) v->lossy = true;
}

/* The importance that the model's encoder was given for this tensor. */
static const az_importance_entry *importance_of(const pair *t, const char *name)
{
    const az_importance *m = t->v->o->importance;
    const az_importance_entry *e = m ? az_importance_find(m, name) : NULL;
    uint64_t mats = t->have.n_dims > 2 ? (uint64_t)t->have.shape[0] : 1;

    if (!e || t->copy || !az_type_get(t->want.type)->quantized) return NULL;
    return az_importance_fits(e, t->cols, mats) ? e : NULL;
}

/* The types in which the two are compared. */
static bool set_types(pair *t)
{
    const az_tensor *ref = az_output_source(&t->want), *here = az_output_source(&t->have);
    const az_codec *codec;
    az_type type = here ? here->type : AZ_F32;
    bool packed = here && az_is_decoded(here);

    t->type = type;
    t->copy = ref && here && !packed && !az_is_decoded(ref) && ref->type == type &&
              strncmp(t->have.name, "rope_f", 6) != 0; /* computed on the way through a folder */
    codec = az_codec_get(type);
    if (!t->copy && (packed || type == AZ_F64 || !codec || !codec->pack)) type = AZ_F32;
    t->rule = here ? az_step_rule_of(here, &t->scratch) : NULL;
    t->exact = t->want;
    t->block = az_type_get(type)->elems;
    if (t->block == 1) t->block = t->cols ? t->cols : 1; /* a row at a time */
    return set_type(&t->exact, AZ_F32) && set_type(&t->want, type) && set_type(&t->have, type);
}

static bool same_shape(const az_output *a, const az_output *b)
{
    int64_t ac = a->n_dims ? a->shape[a->n_dims - 1] : 1,
            bc = b->n_dims ? b->shape[b->n_dims - 1] : 1;

    return a->rows == b->rows && ac == bc;
}

typedef struct proving_weights {
    az_proving *v;
    az_plan *ref, *model;
    uint64_t done, total;
} proving_weights;

/* `called`: the name under which the two meet; one of them may serve under it only. */
static adze_status compare_tensor(proving_weights *w, const char *called, const az_output *ref,
                                  const az_output *here, adze_error *err)
{
    pair t = { .v = w->v, .ref_plan = w->ref, .model_plan = w->model, .want = *ref, .have = *here };
    const char *name = az_proof_text(w->v->p, "%s", called);

    t.cols = (size_t)(here->n_dims ? here->shape[here->n_dims - 1] : 1);
    if (!same_shape(ref, here)) {
        az_proof_item *it = az_proof_add(w->v->p, "weights", name, AZ_DIFFERENT);
        it->where =
            az_proof_text(w->v->p, "%lld rows of %lld in the reference, %lld rows of %zu here",
                          (long long)ref->rows, (long long)ref->shape[ref->n_dims - 1],
                          (long long)here->rows, t.cols);
        return ADZE_OK;
    }
    if (!set_types(&t)) return az_fail_nomem(err, "comparing weights");
    t.want.importance = importance_of(&t, here->name);
    if (!cut(&t, w->v->o->sample)) return az_fail_nomem(err, "comparing weights");
    az_parallel(w->v->run, t.n_slices, run_slice, &t);
    if (t.rc == ADZE_OK)
        judge(&t, name, w->v);
    else if (err)
        *err = t.err;
    az_free(w->v->run, t.slices);
    w->done += (uint64_t)here->rows * here->row_bytes;
    az_progress(w->v->run, "prove weights", w->done, w->total, "B");
    return t.rc;
}

static const az_output *named(const az_plan *p, const char *name)
{
    for (size_t i = 0; i < p->n_outputs; i++)
        if (strcmp(p->outputs[i].name, name) == 0) return &p->outputs[i];
    return NULL;
}

/* The tensor of p that serves under this name: a tied output is the embedding. */
static const az_output *serving(const az_plan *p, const char *name)
{
    const az_output *o = named(p, name);

    return o || strcmp(name, "output.weight") != 0 ? o : named(p, "token_embd.weight");
}

static adze_status compare_all(proving_weights *w, adze_error *err)
{
    az_proof *p = w->v->p;
    adze_status rc = ADZE_OK;

    for (size_t i = 0; i < w->model->n_outputs; i++)
        w->total += (uint64_t)w->model->outputs[i].rows * w->model->outputs[i].row_bytes;
    for (size_t i = 0; i < w->model->n_outputs && rc == ADZE_OK; i++) {
        const az_output *here = &w->model->outputs[i], *ref = serving(w->ref, here->name);
        if (ref)
            rc = compare_tensor(w, here->name, ref, here, err);
        else
            az_proof_add(p, "weights", az_proof_text(p, "%s", here->name), AZ_DIFFERENT)->where =
                "is not in the reference";
    }
    for (size_t i = 0; i < w->ref->n_outputs && rc == ADZE_OK; i++) {
        const az_output *ref = &w->ref->outputs[i], *here = serving(w->model, ref->name);
        if (here && strcmp(here->name, ref->name) == 0) continue;
        if (here)
            rc = compare_tensor(w, ref->name, ref, here, err);
        else
            az_proof_add(p, "weights", az_proof_text(p, "%s", ref->name), AZ_DIFFERENT)->where =
                "is in the reference, but missing here";
    }
    return rc;
}

adze_status az_prove_weights(az_proving *v, adze_error *err)
{
    const az_format *gguf = az_format_find("gguf");
    proving_weights w = { .v = v };
    adze_error why = { .pos = ADZE_NOPOS };
    adze_status rc = az_plan_new(&w.ref, v->run, v->ref, NULL, gguf, err);

    if (rc < 0) return rc;
    rc = az_plan_new(&w.model, v->run, v->model, NULL, gguf, &why);
    if (rc == ADZE_OK) {
        rc = az_prove_recipe(v, w.ref, w.model, err);
        if (rc == ADZE_OK) rc = compare_all(&w, err);
    } else if (az_proof_soft(rc)) {
        az_proof_broken(v->p, "weights", "tensors", &why);
        rc = ADZE_OK;
    } else if (err) {
        *err = why;
    }
    az_plan_free(w.ref);
    az_plan_free(w.model);
    return rc;
}
