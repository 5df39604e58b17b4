/* Weights of a session: matrices stay where the mapped file holds them, vectors become f32. A matrix that is
 * stored in several parts is unpacked to f32, which loses nothing and takes four bytes a weight. */
#include "infer/session.h"
#include "base/check.h"
#include "core/packed.h"

static bool is_vector(const az_graph *g, int weight)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const az_node *n = &g->nodes[i];
        if (n->weight[1] == weight || (n->op == AZ_OP_NORM_RMS && n->weight[0] == weight))
            return true;
    }
    return false;
}

static adze_status bind_vector(adze_session *s, const az_tensor *t, const void *data, az_bound *b,
                               adze_error *err)
{
    float *vec = az_arena_array(&s->arena, b->cols, sizeof *vec);

    if (!vec) return az_fail_nomem(err, "binding weights");
    s->kernels->unpack[t->type](data, vec, b->cols);
    b->vec = vec;
    return ADZE_OK;
}

enum { UNPACK_ROWS = 64 };

typedef struct unpacking {
    const adze_model *m;
    const az_tensor *t;
    float *dst; /* [rows][cols] */
    adze_error *err;
    atomic_int failed;
    adze_status rc;
} unpacking;

static void unpack_item(void *arg, size_t item, int thread)
{
    unpacking *u = arg;
    int64_t cols = az_tensor_cols(u->t), rows = az_tensor_rows(u->t);
    int64_t r0 = (int64_t)item * UNPACK_ROWS, n = rows - r0 < UNPACK_ROWS ? rows - r0 : UNPACK_ROWS;
    adze_error e = { .pos = ADZE_NOPOS };
    adze_status rc;
    int first = 0;

    (void)thread;
    if (atomic_load(&u->failed)) return;
    rc = az_packed_rows(u->m, u->t, r0, n, u->dst + r0 * cols, &e);
    if (rc == ADZE_OK || !atomic_compare_exchange_strong(&u->failed, &first, 1)) return;
    u->rc = rc;
    if (u->err) *u->err = e;
}

static adze_status unpack(adze_session *s, const az_tensor *t, az_bound *b, const void **data,
                          adze_error *err)
{
    unpacking u = { .m = s->model, .t = t, .err = err };
    size_t n;

    u.dst = az_mul_size(b->rows, b->cols, &n) ? az_arena_array(&s->arena, n, sizeof(float)) : NULL;
    if (!u.dst) return az_fail_nomem(err, "unpacking weights");
    az_parallel(s->run, (b->rows + UNPACK_ROWS - 1) / UNPACK_ROWS, unpack_item, &u);
    *data = u.dst;
    return atomic_load(&u.failed) ? u.rc : ADZE_OK;
}

static adze_status bind_one(adze_session *s, const az_arch *arch, int i, adze_error *err)
{
    const az_graph_weight *w = &s->graph.weights[i];
    const az_tensor *t = az_arch_tensor(arch, s->model, w->name, NULL);
    az_bound *b = &s->weights[i];
    uint64_t row_bytes, bytes;
    const void *data;
    const char *path;
    adze_status rc;

    if (!t)
        return az_fail_name(err, ADZE_EFORMAT, s->model->path, w->name, ADZE_NOPOS,
                            "tensor is missing");
    path = s->model->files[t->file].path;
    *b = (az_bound){ .type = t->type, .rows = (size_t)w->rows, .cols = (size_t)w->cols };
    if (az_tensor_rows(t) != w->rows || az_tensor_cols(t) != w->cols ||
        !az_type_row_bytes(t->type, b->cols, &row_bytes) ||
        !az_mul_u64(row_bytes, b->rows, &bytes) || (bytes != t->size_bytes && !t->packed))
        return az_fail_name(err, ADZE_EFORMAT, path, t->name, t->at_bytes,
                            "tensor is [%lld, %lld], the config asks for [%lld, %lld]",
                            (long long)az_tensor_rows(t), (long long)az_tensor_cols(t),
                            (long long)w->rows, (long long)w->cols);
    b->row_bytes = (size_t)row_bytes;
    if (!s->kernels->unpack[t->type] || !s->kernels->weight[t->type].matmul)
        return az_fail_name(err, ADZE_EUNSUP, path, t->name, t->at_bytes,
                            "the engine does not run weights of type %s",
                            az_type_get(t->type)->name);
    rc = t->packed ? unpack(s, t, b, &data, err) : az_model_tensor_data(s->model, t, &data, err);
    if (rc < 0) return rc;
    if (is_vector(&s->graph, i)) return bind_vector(s, t, data, b, err);
    b->data = data;
    return ADZE_OK;
}

adze_status az_session_bind(adze_session *s, const az_arch *arch, adze_error *err)
{
    adze_status rc = ADZE_OK;

    s->weights = az_arena_array(&s->arena, (size_t)s->graph.n_weights, sizeof *s->weights);
    if (!s->weights) return az_fail_nomem(err, "binding weights");
    s->cache_f32 = true;
    for (int i = 0; i < s->graph.n_weights && rc == ADZE_OK; i++) {
        rc = bind_one(s, arch, i, err);
        if (s->weights[i].data && s->weights[i].type != AZ_F32) s->cache_f32 = false;
    }
    return rc;
}
