/* Weights of a session: matrices stay where the mapped file holds them, vectors become f32. A matrix that is
 * stored in several parts is put together in memory: as blocks where its parts are those of a block type, else as
 * f32, which loses nothing and takes four bytes a weight. */
#include "infer/session.h"
#include "base/check.h"
#include "core/packed.h"

#include <string.h>

typedef struct binder {
    adze_session *s;
    const az_graph_weight *w;
    az_source source;
    az_items items;
    az_bound *b;
    adze_error *err;
} binder;

static adze_status wrong_shape(const binder *k, const az_tensor *t)
{
    return az_fail_name(k->err, ADZE_EFORMAT, k->s->model->files[t->file].path, t->name,
                        t->at_bytes, "tensor is [%lld, %lld], the config asks for [%lld, %lld]",
                        (long long)az_tensor_rows(t), (long long)az_tensor_cols(t),
                        (long long)k->w->rows, (long long)k->w->cols);
}

enum { UNPACK_ROWS = 64 };

typedef struct unpacking {
    const adze_model *m;
    const az_tensor *t;
    char *dst; /* [rows][row_bytes] */
    size_t row_bytes;
    adze_error *err;
    atomic_int failed;
    adze_status rc;
} unpacking;

static void unpack_item(void *arg, size_t item, int thread)
{
    unpacking *u = arg;
    int64_t rows = az_tensor_rows(u->t);
    int64_t r0 = (int64_t)item * UNPACK_ROWS, n = rows - r0 < UNPACK_ROWS ? rows - r0 : UNPACK_ROWS;
    adze_error e = { .pos = ADZE_NOPOS };
    adze_status rc;
    int first = 0;

    (void)thread;
    if (atomic_load(&u->failed)) return;
    rc = az_packed_rows(u->m, u->t, r0, n, u->dst + (size_t)r0 * u->row_bytes, &e);
    if (rc == ADZE_OK || !atomic_compare_exchange_strong(&u->failed, &first, 1)) return;
    u->rc = rc;
    if (u->err) *u->err = e;
}

/* All of a tensor that is stored in several parts. */
static adze_status unpack(adze_session *s, const az_tensor *t, const void **data, adze_error *err)
{
    size_t rows = (size_t)az_tensor_rows(t);
    unpacking u = { .m = s->model, .t = t, .err = err };
    uint64_t row;

    if (!az_type_row_bytes(t->type, (uint64_t)az_tensor_cols(t), &row) || row > SIZE_MAX)
        return az_fail_nomem(err, "unpacking weights");
    u.row_bytes = (size_t)row;
    u.dst = az_arena_array(&s->arena, rows, u.row_bytes);
    if (!u.dst) return az_fail_nomem(err, "unpacking weights");
    az_parallel(s->run, (rows + UNPACK_ROWS - 1) / UNPACK_ROWS, unpack_item, &u);
    *data = u.dst;
    return atomic_load(&u.failed) ? u.rc : ADZE_OK;
}

/* Data of an expert's own tensor, or of the only one; it holds `parts` parts. */
static adze_status tensor_data(const binder *k, int expert, int parts, const void **data)
{
    const az_tensor *t = az_source_tensor(&k->source, k->s->model, expert);
    uint64_t bytes, n;

    if (!t)
        return az_fail_name(k->err, ADZE_EFORMAT, k->s->model->path, k->w->name, ADZE_NOPOS,
                            "tensor is missing");
    if (t->type != k->b->type || !az_mul_u64((uint64_t)k->items.part_stride, (uint64_t)parts, &n) ||
        !az_type_row_bytes(t->type, (uint64_t)k->items.width, &bytes) ||
        !az_mul_u64(bytes, n, &bytes) || (bytes != t->size_bytes && !t->packed))
        return wrong_shape(k, t);
    if (t->packed && (n != (uint64_t)az_tensor_rows(t) || k->items.width != az_tensor_cols(t)))
        return wrong_shape(k, t);
    return t->packed ? unpack(k->s, t, data, k->err)
                     : az_model_tensor_data(k->s->model, t, data, k->err);
}

/* Where expert e's items start. */
static adze_status part_data(const binder *k, int e, const void **data)
{
    const void *base = NULL;
    bool own = k->source.by_expert;
    uint64_t item;
    adze_status rc = tensor_data(k, e, own ? 1 : k->items.parts, &base);

    if (rc < 0) return rc;
    az_type_row_bytes(k->b->type, (uint64_t)k->items.width, &item);
    *data = (const char *)base +
            item * (uint64_t)((own ? 0 : e * k->items.part_stride) + k->items.first);
    return ADZE_OK;
}

static adze_status bind_vector(const binder *k)
{
    const az_items *i = &k->items;
    size_t n = k->b->rows * k->b->cols, at = 0, item = (size_t)i->width;
    float *vec = az_arena_array(&k->s->arena, n, sizeof *vec);
    uint64_t item_bytes;
    const void *data;
    adze_status rc;

    if (!vec) return az_fail_nomem(k->err, "binding weights");
    az_type_row_bytes(k->b->type, item, &item_bytes);
    for (int e = 0; e < i->parts; e++) {
        rc = part_data(k, e, &data);
        if (rc < 0) return rc;
        for (int64_t j = 0; j < i->part_items; j++, at += item)
            k->s->kernels->unpack[k->b->type]((const char *)data +
                                                  (uint64_t)(j * i->step) * item_bytes,
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

static adze_status bind_turned(const binder *k, const void **experts)
{
    const az_items *i = &k->items;
    size_t size = az_type_get(k->b->type)->bytes, part = (size_t)(i->part_items * i->width) * size;
    char *all = az_arena_array(&k->s->arena, (size_t)i->parts, part);
    const void *data;
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

static adze_status bind_experts(const binder *k)
{
    const void **experts = az_arena_array(&k->s->arena, (size_t)k->w->experts, sizeof *experts);
    adze_status rc = ADZE_OK;

    if (!experts) return az_fail_nomem(k->err, "binding weights");
    k->b->experts = experts;
    if (strcmp(k->source.t->name, k->w->name) != 0 && k->source.map->flags & AZ_TENSOR_TRANSPOSED)
        return bind_turned(k, experts);
    k->b->row_bytes *= (size_t)k->items.step;
    for (int e = 0; e < k->w->experts && rc == ADZE_OK; e++)
        rc = part_data(k, e, &experts[e]);
    return rc;
}

static adze_status bind_one(adze_session *s, const az_arch *arch, int i, adze_error *err)
{
    const az_graph_weight *w = &s->graph.weights[i];
    az_bound *b = &s->weights[i];
    binder k = { s, w, az_arch_source(arch, s->model, w->name), { 0 }, b, err };
    const az_tensor *t = k.source.t;
    uint64_t row_bytes, bytes;

    if (!t)
        return az_fail_name(err, ADZE_EFORMAT, s->model->path, w->name, ADZE_NOPOS,
                            "tensor is missing");
    k.items = az_source_items(&k.source, w);
    *b = (az_bound){ .type = t->type, .rows = (size_t)w->rows, .cols = (size_t)w->cols };
    if (!az_type_row_bytes(t->type, b->cols, &row_bytes) || !az_mul_u64(row_bytes, b->rows, &bytes))
        return wrong_shape(&k, t);
    b->row_bytes = b->read_bytes = (size_t)row_bytes;
    if (!s->kernels->unpack[t->type] || !s->kernels->weight[t->type].matmul)
        return az_fail_name(err, ADZE_EUNSUP, s->model->files[t->file].path, t->name, t->at_bytes,
                            "the engine does not run weights of type %s",
                            az_type_get(t->type)->name);
    if (w->vector) return bind_vector(&k);
    if (w->experts) return bind_experts(&k);
    return part_data(&k, 0, &b->data);
}

adze_status az_session_bind(adze_session *s, const az_arch *arch, adze_error *err)
{
    adze_status rc = ADZE_OK;

    s->weights = az_arena_array(&s->arena, (size_t)s->graph.n_weights, sizeof *s->weights);
    if (!s->weights) return az_fail_nomem(err, "binding weights");
    s->cache_f32 = true;
    for (int i = 0; i < s->graph.n_weights && rc == ADZE_OK; i++) {
        rc = bind_one(s, arch, i, err);
        if (!s->graph.weights[i].vector && s->weights[i].type != AZ_F32) s->cache_f32 = false;
    }
    return rc;
}
