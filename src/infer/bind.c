/* Weights of a session: matrices stay where the mapped file holds them, vectors become f32. A matrix that is
 * stored in several parts is put into rows of the engine's own types (infer/packed.c). */
#include "base/check.h"
#include "core/packed.h"
#include "infer/packed.h"

#include <string.h>

typedef struct binder {
    adze_session *s;
    const az_graph_weight *w;
    az_source source;
    az_items items;
    az_bound *b;
    az_made *made;
    az_affine_form form; /* of packed tensors */
    size_t row_bytes;    /* of one item */
    bool no_place;       /* what was read does not fit the form */
    adze_error *err;
} binder;

static adze_status wrong_shape(const binder *k, const az_tensor *t)
{
    return az_fail_name(k->err, ADZE_EFORMAT, k->s->model->files[t->file].path, t->name,
                        t->at_bytes, "tensor is [%lld, %lld], the config asks for [%lld, %lld]",
                        (long long)az_tensor_rows(t), (long long)az_tensor_cols(t),
                        (long long)k->w->rows, (long long)k->w->cols);
}

static bool same_form(const az_affine_form *a, const az_affine_form *b)
{
    return a->type == b->type && a->scales == b->scales && a->row_bytes == b->row_bytes &&
           a->codes_at == b->codes_at && a->group == b->group;
}

/* A packed tensor of `items` rows. */
static adze_status packed_data(binder *k, const az_tensor *t, uint64_t items, const void **data)
{
    az_affine_form form = az_packed_form(k->s, t);
    bool fits = true;
    adze_status rc;

    if (items != (uint64_t)az_tensor_rows(t) || k->items.width != az_tensor_cols(t))
        return wrong_shape(k, t);
    if (k->form.type != t->type && !same_form(&form, &k->form)) {
        k->no_place = true; /* experts that differ */
        return ADZE_OK;
    }
    rc = az_packed_make(k->s, k->made, t, &k->form, data, &fits, k->err);
    if (!fits) k->no_place = true;
    return rc;
}

/* Data of an expert's own tensor, or of the only one; it holds `parts` parts. */
static adze_status tensor_data(binder *k, int expert, int parts, const void **data)
{
    const az_tensor *t = az_source_tensor(&k->source, k->s->model, expert);
    bool packed = k->source.t->packed != NULL;
    uint64_t bytes, n;

    if (!t)
        return az_fail_name(k->err, ADZE_EFORMAT, k->s->model->path, k->w->name, ADZE_NOPOS,
                            "tensor is missing");
    if (t->type != k->source.t->type || (t->packed != NULL) != packed ||
        !az_mul_u64((uint64_t)k->items.part_stride, (uint64_t)parts, &n) ||
        !az_mul_u64(k->row_bytes, n, &bytes) || (!packed && bytes != t->size_bytes))
        return wrong_shape(k, t);
    return packed ? packed_data(k, t, n, data) : az_model_tensor_data(k->s->model, t, data, k->err);
}

/* Where expert e's items start. */
static adze_status part_data(binder *k, int e, const void **data)
{
    const void *base = NULL;
    bool own = k->source.by_expert;
    adze_status rc = tensor_data(k, e, own ? 1 : k->items.parts, &base);

    if (rc < 0 || k->no_place) return rc;
    *data = (const char *)base +
            k->row_bytes * (uint64_t)((own ? 0 : e * k->items.part_stride) + k->items.first);
    return ADZE_OK;
}

static adze_status bind_vector(binder *k)
{
    const az_items *i = &k->items;
    size_t n = k->b->rows * k->b->cols, at = 0, item = (size_t)i->width;
    float *vec = az_arena_array(&k->s->arena, n, sizeof *vec);
    const void *data = NULL;
    adze_status rc;

    if (!vec) return az_fail_nomem(k->err, "binding weights");
    for (int e = 0; e < i->parts; e++) {
        rc = part_data(k, e, &data);
        if (rc < 0) return rc;
        for (int64_t j = 0; j < i->part_items; j++, at += item)
            k->s->kernels->unpack[k->b->type]((const char *)data +
                                                  (size_t)(j * i->step) * k->row_bytes,
                                              vec + at, item);
    }
    if (k->s->config.norm_add_one && k->source.map->gguf == AZ_TR_NORM)
        for (size_t j = 0; j < n; j++)
            vec[j] += 1;
    k->b->vec = vec;
    return ADZE_OK;
}

/* A matrix that is stored with columns for rows is turned once, in memory. */
static adze_status turn_part(const binder *k, const char *data, size_t size, int64_t stride,
                             char *to)
{
    const az_items *i = &k->items;

    for (int64_t r = 0; r < i->part_items; r++)
        for (int64_t c = 0; c < i->width; c++, to += size)
            memcpy(to, data + (size_t)(c * stride + i->first + r * i->step) * size, size);
    return ADZE_OK;
}

static adze_status bind_turned(binder *k, const void **experts)
{
    const az_items *i = &k->items;
    size_t size = az_type_get(k->b->type)->bytes, part = (size_t)(i->part_items * i->width) * size;
    char *all = az_arena_array(&k->s->arena, (size_t)i->parts, part);
    const void *data = NULL;
    adze_status rc;

    if (az_type_get(k->b->type)->quantized)
        return az_fail_name(k->err, ADZE_EUNSUP, k->s->model->path, k->w->name, ADZE_NOPOS,
                            "quantized weights cannot be transposed");
    if (!all) return az_fail_nomem(k->err, "transposing weights");
    rc = tensor_data(k, 0, i->parts, &data);
    for (int e = 0; e < i->parts && rc == ADZE_OK; e++) {
        experts[e] = all + (size_t)e * part;
        rc = turn_part(k, (const char *)data + (size_t)(e * i->part_stride * i->width) * size, size,
                       i->part_stride, all + (size_t)e * part);
    }
    return rc;
}

static bool is_turned(const binder *k)
{
    return k->w->experts && strcmp(k->source.t->name, k->w->name) != 0 &&
           k->source.map->flags & AZ_TENSOR_TRANSPOSED;
}

static adze_status bind_experts(binder *k)
{
    const void **experts = az_arena_array(&k->s->arena, (size_t)k->w->experts, sizeof *experts);
    adze_status rc = ADZE_OK;

    if (!experts) return az_fail_nomem(k->err, "binding weights");
    k->b->experts = experts;
    k->b->n_experts = k->w->experts;
    if (is_turned(k)) return bind_turned(k, experts);
    k->b->row_bytes *= (size_t)k->items.step;
    for (int e = 0; e < k->w->experts && rc == ADZE_OK; e++)
        rc = part_data(k, e, &experts[e]);
    return rc;
}

/* With k->form decided. */
static adze_status bind_as(binder *k)
{
    az_bound *b = k->b;
    const az_tensor *t = k->source.t;
    uint64_t item, row, bytes;
    adze_status rc;

    *b = (az_bound){ .type = t->packed ? k->form.type : t->type,
                     .rows = (size_t)k->w->rows,
                     .cols = (size_t)k->w->cols };
    if (!k->s->kernels->unpack[b->type] || !k->s->kernels->weight[b->type].matmul)
        return az_fail_name(k->err, ADZE_EUNSUP, k->s->model->files[t->file].path, t->name,
                            t->at_bytes, "the engine does not run weights of type %s",
                            az_type_get(t->type)->name);
    if (!az_type_row_bytes(b->type, b->cols, &row) || !az_mul_u64(row, b->rows, &bytes) ||
        !az_type_row_bytes(b->type, (uint64_t)k->items.width, &item))
        return wrong_shape(k, t);
    if (b->type != t->type) {
        if (k->form.cols != b->cols) return wrong_shape(k, t);
        row = item = k->form.row_bytes;
    }
    b->row_bytes = b->read_bytes = (size_t)row;
    b->matmul = k->s->kernels->weight[b->type].matmul;
    k->row_bytes = (size_t)item;
    if (k->w->vector) return bind_vector(k);
    rc = k->w->experts ? bind_experts(k) : part_data(k, 0, &b->data);
    b->product = b->data;
    b->product_row_bytes = b->row_bytes;
    return rc;
}

static adze_status bind_one(adze_session *s, const az_arch *arch, int i, az_made *made,
                            adze_error *err)
{
    const az_graph_weight *w = &s->graph.weights[i];
    binder k = { .s = s,
                 .w = w,
                 .source = az_arch_source(arch, s->model, w->name),
                 .b = &s->weights[i],
                 .made = made,
                 .err = err };
    const az_tensor *t = k.source.t;
    az_affine_form plain = { .row_bytes = 0 }; /* of the type that rows are read as */
    uint64_t row = 0;
    adze_status rc;

    if (!t)
        return az_fail_name(err, ADZE_EFORMAT, s->model->path, w->name, ADZE_NOPOS,
                            "tensor is missing");
    k.items = az_source_items(&k.source, w);
    plain.type = t->type;
    plain.cols = (size_t)az_tensor_cols(t);
    if (!az_type_row_bytes(t->type, plain.cols, &row)) return wrong_shape(&k, t);
    plain.row_bytes = (size_t)row;
    k.form = t->packed && !w->vector && !is_turned(&k) ? az_packed_form(s, t) : plain;
    rc = bind_as(&k);
    if (rc < 0 || !k.no_place) return rc;
    k.form = plain;
    k.no_place = false;
    return bind_as(&k);
}

adze_status az_session_bind(adze_session *s, const az_arch *arch, adze_error *err)
{
    az_made *made = az_calloc(s->run, s->model->n_tensors + 1, sizeof *made);
    adze_status rc = ADZE_OK;

    s->weights = az_arena_array(&s->arena, (size_t)s->graph.n_weights, sizeof *s->weights);
    if (!s->weights || !made) rc = az_fail_nomem(err, "binding weights");
    s->all_f32 = true;
    for (int i = 0; rc == ADZE_OK && i < s->graph.n_weights; i++) {
        rc = bind_one(s, arch, i, made, err);
        if (!s->graph.weights[i].vector && s->weights[i].type != AZ_F32) s->all_f32 = false;
    }
    az_free(s->run, made);
    return rc;
}
