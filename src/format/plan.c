/* Plans: which tensors an output file holds, in which type, and how their rows are made.
 *
 * A row goes: read from the source by slice, rows of rotary heads permuted where the format stores them
 * so, decoded to f32, encoded. Where type and order stay the same, bytes are copied.
 */
#include "arch/arch.h"
#include "base/check.h"
#include "codec/codec.h"
#include "core/half.h"
#include "core/packed.h"
#include "format/format.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct producer {
    const az_tensor *src; /* NULL: `data` */
    const float *data;    /* generated tensor */
    int heads;            /* > 0: rows of each head are permuted for adjacent pairs */
    bool inverse;         /* from adjacent pairs back to halves */
    uint64_t item_bytes;  /* what is permuted: rows, or elements of a vector */
    int64_t items;
} producer;

typedef struct planner {
    az_plan *p;
    const az_arch *arch;
    az_config config;
    az_graph graph;
    size_t cap;
} planner;

const az_tensor *az_output_source(const az_output *o)
{
    return ((const producer *)o->producer)->src;
}

void az_plan_note(az_plan *p, const char *text)
{
    if (text && p->n_notes < AZ_PLAN_NOTES) p->notes[p->n_notes++] = text;
}

static void set_shape(az_output *o, int n_dims, const int64_t *shape)
{
    o->n_dims = n_dims;
    o->rows = 1;
    for (int i = 0; i < AZ_MAX_DIMS; i++)
        o->shape[i] = i < n_dims ? shape[i] : 1;
    for (int i = 0; i + 1 < n_dims; i++)
        o->rows *= shape[i];
}

static int64_t cols_of(const az_output *o)
{
    return o->n_dims ? o->shape[o->n_dims - 1] : 1;
}

static adze_status add_output(planner *pl, const char *name, const az_output *like,
                              const producer *from, adze_error *err)
{
    az_plan *p = pl->p;
    az_output *o = &p->outputs[p->n_outputs];
    producer *pr = az_arena_alloc(&p->arena, sizeof *pr);

    if (!pr || p->n_outputs == pl->cap) return az_fail_nomem(err, "planning a conversion");
    *pr = *from;
    *o = *like;
    o->name = az_arena_strdup(&p->arena, name);
    o->producer = pr;
    if (!o->name) return az_fail_nomem(err, "planning a conversion");
    p->n_outputs++;
    return ADZE_OK;
}

/* Bytes of a source row as it is read: packed tensors are read as f32. */
static uint64_t source_row_bytes(const az_tensor *t, int64_t rows)
{
    if (t->packed) return (uint64_t)az_tensor_cols(t) * sizeof(float);
    return rows ? t->size_bytes / (uint64_t)rows : 0;
}

/* Type that a tensor keeps when no recipe asks for another. */
static adze_status kept_type(const adze_model *m, const az_tensor *t, bool f32, az_type *out,
                             adze_error *err)
{
    *out = f32 || t->type == AZ_F64 ? AZ_F32 : t->type;
    if (t->packed && !f32) *out = AZ_BF16;
    if (az_codec_get(t->type) || t->type == AZ_F64) return ADZE_OK;
    if (*out == t->type && strcmp(m->format, "gguf") == 0) return ADZE_OK; /* copied */
    return az_fail_name(err, ADZE_EUNSUP, m->files[t->file].path, t->name, t->at_bytes,
                        "weights of type %s cannot be converted", az_type_get(t->type)->name);
}

/* The same for a folder: block types and packed tensors become bf16. */
static adze_status folder_type(const az_plan *p, const az_tensor *t, az_type *out, adze_error *err)
{
    *out = t->type == AZ_F64 ? AZ_F32 : t->type;
    if (az_type_get(t->type)->quantized || t->packed) *out = AZ_BF16;
    if (az_codec_get(t->type) || t->type == AZ_F64) return ADZE_OK;
    return az_fail_name(err, ADZE_EUNSUP, p->model->files[t->file].path, t->name, t->at_bytes,
                        "weights of type %s cannot be converted", az_type_get(t->type)->name);
}

static adze_status permutation(const planner *pl, const az_tensor *t, az_transform tr, producer *pr,
                               adze_error *err)
{
    if (tr == AZ_TR_NONE) return ADZE_OK;
    pr->heads = tr == AZ_TR_ROPE_Q ? pl->config.n_heads : pl->config.n_kv_heads;
    pr->items = t->n_dims == 1 ? t->shape[0] : az_tensor_rows(t);
    if (pr->heads <= 0 || pr->items % ((int64_t)2 * pr->heads) != 0)
        return az_fail_name(err, ADZE_EFORMAT, pl->p->model->files[t->file].path, t->name,
                            t->at_bytes, "%lld rows are not %d heads of an even size",
                            (long long)pr->items, pr->heads);
    pr->item_bytes = source_row_bytes(t, pr->items);
    return ADZE_OK;
}

static adze_status outputs_from_hf(planner *pl, adze_error *err)
{
    adze_model *m = pl->p->model;
    az_extra_tensor extra[AZ_MAX_EXTRA];
    size_t n_extra;
    adze_status rc;

    for (int i = 0; i < pl->graph.n_weights; i++) {
        const az_tensor_map *map = NULL;
        const az_tensor *t = az_arch_tensor(pl->arch, m, pl->graph.weights[i].name, &map);
        producer pr = { .src = t };
        az_output o = { .fallback = false };
        if (!t) continue; /* optional; az_arch_check has seen to the rest */
        set_shape(&o, t->n_dims, t->shape);
        rc = kept_type(m, t, t->n_dims < 2 || (map->flags & AZ_TENSOR_F32), &o.type, err);
        if (rc == ADZE_OK) rc = permutation(pl, t, map->gguf, &pr, err);
        if (rc == ADZE_OK) rc = add_output(pl, pl->graph.weights[i].name, &o, &pr, err);
        if (rc < 0) return rc;
    }
    rc = az_arch_extra_tensors(pl->arch, m, &pl->config, extra, &n_extra, err);
    for (size_t i = 0; i < n_extra && rc == ADZE_OK; i++) {
        producer pr = { .data = extra[i].data };
        az_output o = { .type = AZ_F32 };
        set_shape(&o, 1, &extra[i].n);
        rc = add_output(pl, extra[i].name, &o, &pr, err);
    }
    return rc;
}

static adze_status outputs_from_gguf(planner *pl, adze_error *err)
{
    adze_model *m = pl->p->model;
    adze_status rc = ADZE_OK;

    for (size_t i = 0; i < m->n_tensors && rc == ADZE_OK; i++) {
        producer pr = { .src = &m->tensors[i] };
        az_output o = { .fallback = false };
        set_shape(&o, pr.src->n_dims, pr.src->shape);
        rc = kept_type(m, pr.src, false, &o.type, err);
        if (rc == ADZE_OK) rc = add_output(pl, pr.src->name, &o, &pr, err);
    }
    return rc;
}

/* Outputs of a folder have the checkpoint's own names. From a folder: all tensors as they are. From a GGUF: the
 * names of the architecture's map, and rows of heads put back; what is made from the config is left out. */
static adze_status outputs_to_folder(planner *pl, adze_error *err)
{
    adze_model *m = pl->p->model;
    adze_status rc = ADZE_OK;
    char name[160];

    for (size_t i = 0; i < m->n_tensors && rc == ADZE_OK; i++) {
        const az_tensor *t = &m->tensors[i];
        const az_tensor_map *map = NULL;
        producer pr = { .src = t, .inverse = true };
        az_output o = { .fallback = false };
        set_shape(&o, t->n_dims, t->shape);
        if (!m->config && !az_arch_source_name(pl->arch, t->name, name, sizeof name, &map))
            continue;
        rc = folder_type(pl->p, t, &o.type, err);
        if (rc == ADZE_OK && map) rc = permutation(pl, t, map->gguf, &pr, err);
        if (rc == ADZE_OK) rc = add_output(pl, map ? name : t->name, &o, &pr, err);
    }
    return rc;
}

/* Types by recipe. */
static adze_status assign(planner *pl, adze_error *err)
{
    az_plan *p = pl->p;
    az_recipe_model rm = { pl->arch->gguf_name, pl->config.n_layers, pl->config.n_heads,
                           pl->config.n_kv_heads, pl->config.n_experts };
    az_recipe_tensor *t = az_calloc(p->run, p->n_outputs + 1, sizeof *t);
    bool requantized = false;
    adze_status rc;

    if (!t) return az_fail_nomem(err, "planning a conversion");
    for (size_t i = 0; i < p->n_outputs; i++) {
        const az_output *o = &p->outputs[i];
        t[i] = (az_recipe_tensor){ .name = o->name, .n_dims = o->n_dims, .type = o->type };
        memcpy(t[i].shape, o->shape, sizeof t[i].shape);
    }
    rc = az_recipe_assign(p->run, p->recipe, &rm, t, p->n_outputs, err);
    for (size_t i = 0; i < p->n_outputs && rc == ADZE_OK; i++) {
        az_output *o = &p->outputs[i];
        if (t[i].out != o->type && az_type_get(o->type)->quantized) requantized = true;
        if (t[i].out != o->type && !az_codec_get(o->type))
            rc = az_fail_name(err, ADZE_EUNSUP, p->model->path, o->name, ADZE_NOPOS,
                              "weights of type %s cannot be converted", az_type_get(o->type)->name);
        o->type = t[i].out;
        o->fallback = t[i].fallback;
    }
    if (requantized)
        az_plan_note(p, "the source is quantized already: its loss adds to the recipe's");
    az_free(p->run, t);
    return rc;
}

/* Layer of "blk.3.x" or "model.layers.3.x"; -1: before the layers, INT_MAX: after them. */
static long layer_of(const char *name)
{
    const char *at = strstr(name, "layers.");

    if (strncmp(name, "blk.", 4) == 0) return strtol(name + 4, NULL, 10);
    if (at && at[7] >= '0' && at[7] <= '9') return strtol(at + 7, NULL, 10);
    return strncmp(name, "lm_head", 7) == 0 || strcmp(name, "model.norm.weight") == 0 ? INT_MAX
                                                                                      : -1;
}

/* Tensors outside the layers first, then layer by layer, by name: as llama.cpp's tools write them. */
static int by_place(const void *a, const void *b)
{
    const az_output *x = a, *y = b;
    long i = layer_of(x->name), k = layer_of(y->name);

    return i != k ? (i < k ? -1 : 1) : strcmp(x->name, y->name);
}

static adze_status set_sizes(az_plan *p, adze_error *err)
{
    for (size_t i = 0; i < p->n_outputs; i++) {
        az_output *o = &p->outputs[i];
        uint64_t bytes;
        if (o->n_parts) {
            for (int k = 0; k < o->n_parts; k++)
                o->row_bytes += o->parts[k].row_bytes;
            if (!az_mul_u64(o->row_bytes, (uint64_t)o->rows, &bytes) ||
                !az_add_u64(p->total_bytes, bytes, &p->total_bytes))
                return az_fail_nomem(err, "planning a conversion");
            continue;
        }
        if (!az_type_row_bytes(o->type, (uint64_t)cols_of(o), &o->row_bytes) ||
            !az_mul_u64(o->row_bytes, (uint64_t)o->rows, &bytes) ||
            !az_add_u64(p->total_bytes, bytes, &p->total_bytes))
            return az_fail_name(err, ADZE_EFORMAT, p->model->path, o->name, ADZE_NOPOS,
                                "rows of %lld elements cannot be stored as %s",
                                (long long)cols_of(o), az_type_get(o->type)->name);
    }
    return ADZE_OK;
}

static adze_status fill(planner *pl, adze_error *err)
{
    az_plan *p = pl->p;
    adze_model *m = p->model;
    adze_status rc;

    bool folder = p->format->caps & AZ_FMT_FOLDER;

    if (!m->config && m->kv.n == 0)
        return az_fail(err, ADZE_EUNSUP, m->path, ADZE_NOPOS,
                       "has no config: give the folder that holds config.json");
    rc = az_arch_of(m, &pl->arch, &pl->config, err);
    if (rc < 0) return rc;
    rc = az_arch_build(pl->arch, &pl->config, &p->arena, &pl->graph, err);
    if (rc < 0) return rc;
    rc = az_arch_check(pl->arch, m, &pl->graph, err);
    if (rc < 0) return rc;
    pl->cap = (size_t)pl->graph.n_weights + AZ_MAX_EXTRA + m->n_tensors;
    p->outputs = az_arena_array(&p->arena, pl->cap + 1, sizeof *p->outputs);
    if (!p->outputs) return az_fail_nomem(err, "planning a conversion");
    rc = folder      ? outputs_to_folder(pl, err)
         : m->config ? outputs_from_hf(pl, err)
                     : outputs_from_gguf(pl, err);
    if (rc < 0) return rc;
    if (folder)
        rc = p->format->assign(p, err);
    else if (p->recipe)
        rc = assign(pl, err);
    if (rc < 0) return rc;
    qsort(p->outputs, p->n_outputs, sizeof *p->outputs, by_place);
    return set_sizes(p, err);
}

adze_status az_plan_new(az_plan **out, adze_run *run, adze_model *m, const az_recipe *r,
                        const az_format *format, adze_error *err)
{
    az_plan *p = az_calloc(run, 1, sizeof *p);
    planner pl = { .p = p };
    adze_status rc;

    *out = NULL;
    if (!p) return az_fail_nomem(err, "planning a conversion");
    *p = (az_plan){ .run = run, .model = m, .format = format, .recipe = r };
    az_arena_init(&p->arena, run);
    p->kv.arena = &p->arena;
    rc = fill(&pl, err);
    if (rc < 0)
        az_plan_free(p);
    else
        *out = p;
    return rc;
}

void az_plan_free(az_plan *p)
{
    if (!p) return;
    az_arena_deinit(&p->arena);
    az_free(p->run, p);
}

/* Rows (or elements of a vector), `item` bytes each, as the source has them. */
static adze_status read_source(const az_plan *p, const az_tensor *t, int64_t i0, int64_t n,
                               size_t item, char *dst, adze_error *err)
{
    if (t->packed) return az_packed_rows(p->model, t, i0, n, (float *)(void *)dst, err);
    return az_model_read(p->model, t, (uint64_t)i0 * item, dst, (size_t)n * item, err);
}

/* Items [i0, i0 + n) of a tensor whose heads are permuted: GGUF item 2j+s of a head of d is the source's
 * item s*d/2+j, and the other way round. Reads the heads that they lie in, once. */
static adze_status read_permuted(const az_plan *p, const producer *pr, int64_t i0, int64_t n,
                                 char *dst, adze_error *err)
{
    int64_t d = pr->items / pr->heads, first = i0 / d * d, last = ((i0 + n - 1) / d + 1) * d;
    size_t item = (size_t)pr->item_bytes;
    char *heads = az_alloc(p->run, (size_t)(last - first) * item);
    adze_status rc;

    if (!heads) return az_fail_nomem(err, "reading weights");
    rc = read_source(p, pr->src, first, last - first, item, heads, err);
    for (int64_t i = i0; i < i0 + n && rc == ADZE_OK; i++) {
        int64_t in = i % d, half = d / 2;
        int64_t from = i - in + (pr->inverse ? in % half * 2 + in / half : in % 2 * half + in / 2);
        memcpy(dst + (size_t)(i - i0) * item, heads + (size_t)(from - first) * item, item);
    }
    az_free(p->run, heads);
    return rc;
}

/* Rows in the source's type and the output's order. */
static adze_status read_rows(const az_plan *p, const az_output *o, int64_t r0, int64_t n, void *dst,
                             adze_error *err)
{
    const producer *pr = o->producer;
    size_t row = (size_t)source_row_bytes(pr->src, o->rows);

    if (pr->heads && o->n_dims == 1) return read_permuted(p, pr, 0, pr->items, dst, err);
    if (pr->heads) return read_permuted(p, pr, r0, n, dst, err);
    return read_source(p, pr->src, r0, n, row, dst, err);
}

/* First element that the output type cannot hold; n: all fit. */
static size_t first_bad(const float *x, size_t n, az_type type)
{
    uint32_t limit = type == AZ_F16 ? 0x477ff000u : 0x7f800000u, over = 0;

    if (!az_type_get(type)->quantized && type != AZ_F16) return n;
    for (size_t i = 0; i < n; i++)
        over |= (az_f32_bits(x[i]) & 0x7fffffffu) >= limit;
    if (!over) return n;
    for (size_t i = 0; i < n; i++) {
        uint32_t a = az_f32_bits(x[i]) & 0x7fffffffu;
        if (type == AZ_F16 && a >= 0x7f800000u) continue; /* f16 has both */
        if (a >= limit) return i;
    }
    return n;
}

static adze_status refuse_value(const az_plan *p, const az_output *o, int64_t row, size_t col,
                                float x, adze_error *err)
{
    const producer *pr = o->producer;
    const az_tensor *t = pr->src;
    const char *why = x != x                    ? "is not a number"
                      : x > 3e38f || x < -3e38f ? "is infinite"
                                                : "is too large";

    return az_fail_name(err, ADZE_EFORMAT, t ? p->model->files[t->file].path : p->model->path,
                        t ? t->name : o->name, t ? t->at_bytes : ADZE_NOPOS,
                        "element %lld (row %lld, column %zu of %s) %s and cannot be stored as %s",
                        (long long)(row * cols_of(o)) + (long long)col, (long long)row, col,
                        o->name, why, az_type_get(o->type)->name);
}

static void unpack(const az_kernels *k, az_type type, const void *src, float *x, size_t n)
{
    if (type == AZ_F64) {
        for (size_t i = 0; i < n; i++) {
            double d;
            memcpy(&d, (const char *)src + i * sizeof d, sizeof d);
            x[i] = (float)d;
        }
    } else {
        az_codec_get(type)->unpack(k, src, x, n);
    }
}

static adze_status encode_rows(const az_plan *p, const az_output *o, int64_t r0, int64_t n,
                               az_type from, const char *src, uint64_t src_row, float *x, char *dst,
                               adze_error *err)
{
    const az_kernels *k = az_kernels_default();
    size_t cols = (size_t)cols_of(o);

    for (int64_t r = 0; r < n; r++) {
        size_t bad;
        unpack(k, from, src + (uint64_t)r * src_row, x, cols);
        bad = first_bad(x, cols, o->n_parts ? AZ_Q8_0 : o->type);
        if (bad < cols) return refuse_value(p, o, r0 + r, bad, x[bad], err);
        if (o->n_parts && !az_pack_parts(p->run, o, x, r, n, dst))
            return az_fail_nomem(err, "writing weights");
        if (!o->n_parts)
            az_codec_get(o->type)->pack(k, x, NULL, cols, dst + (uint64_t)r * o->row_bytes);
    }
    return ADZE_OK;
}

adze_status az_plan_rows(az_plan *p, const az_output *o, int64_t r0, int64_t n, void *dst,
                         adze_error *err)
{
    const producer *pr = o->producer;
    uint64_t src_row, src_bytes;
    char *src = NULL;
    float *x = NULL;
    adze_status rc;

    if (r0 < 0 || n < 0 || r0 > o->rows || n > o->rows - r0)
        return az_fail_name(err, ADZE_EINVAL, p->model->path, o->name, ADZE_NOPOS,
                            "rows outside the tensor");
    if (!n || !cols_of(o)) return ADZE_OK;
    if (!pr->src) {
        memcpy(dst, pr->data, (size_t)o->row_bytes);
        return ADZE_OK;
    }
    if (pr->src->type == o->type && !o->n_parts) return read_rows(p, o, r0, n, dst, err);
    src_row = source_row_bytes(pr->src, o->rows);
    x = az_mul_u64(src_row, (uint64_t)n, &src_bytes) && src_bytes < SIZE_MAX / 2
            ? az_alloc(p->run, (size_t)cols_of(o) * sizeof *x)
            : NULL;
    src = x ? az_alloc(p->run, (size_t)src_bytes) : NULL;
    rc = src ? read_rows(p, o, r0, n, src, err) : az_fail_nomem(err, "reading weights");
    if (rc == ADZE_OK) rc = encode_rows(p, o, r0, n, pr->src->type, src, src_row, x, dst, err);
    az_free(p->run, src);
    az_free(p->run, x);
    return rc;
}
