/* Weights of products as panels (kernel/panel.h), made once from the mapped files, whose pages are let go piece by piece: a
 * model takes its size in memory, once. Without room in the run's budget products read the files as they are.
 */
#include "infer/session.h"
#include "base/check.h"

enum { PIECE_BYTES = 1 << 20 };

/* Rows to interleave, in pieces of whole panels. */
typedef struct rows {
    const adze_session *s;
    const az_bound *w;
    const char *from; /* row_bytes apart */
    char *to;
    size_t n, piece; /* rows; rows of a piece */
} rows;

static void interleave_piece(void *arg, size_t piece, int thread)
{
    const rows *r = arg;
    const az_bound *w = r->w;
    const az_kernels *k = r->s->kernels;
    size_t first = piece * r->piece, end = r->n - first < r->piece ? r->n : first + r->piece;

    (void)thread;
    for (size_t i = first; i < end; i += k->panel_rows)
        k->interleave(w->type, r->to + i * w->read_bytes, r->from + i * w->row_bytes, w->row_bytes,
                      end - i < k->panel_rows ? end - i : k->panel_rows,
                      w->cols / az_type_get(w->type)->elems);
    az_map_forget(r->from + first * w->row_bytes, (end - first) * w->row_bytes);
}

static size_t part_rows(const az_bound *w)
{
    return w->n_experts ? w->rows / (size_t)w->n_experts : w->rows;
}

/* Bytes of a matrix or of one expert in whole panels; what follows keeps to cache lines. */
static bool part_bytes(const adze_session *s, const az_bound *w, uint64_t *bytes)
{
    uint64_t n;

    return az_align_u64(part_rows(w), s->kernels->panel_rows, &n) &&
           az_mul_u64(n, w->read_bytes, &n) && az_align_u64(n, 64, bytes);
}

static size_t parts(const az_bound *w)
{
    return w->n_experts ? (size_t)w->n_experts : 1;
}

static const void *interleave(const adze_session *s, const az_bound *w, const void *from, char *to)
{
    size_t panel = s->kernels->panel_rows * w->row_bytes, n = part_rows(w);
    rows r = { s, w, from, to, n, (PIECE_BYTES / panel + 1) * s->kernels->panel_rows };

    az_pool_parallel(s->pool, (n + r.piece - 1) / r.piece, interleave_piece, &r);
    return to;
}

/* A weight that a product reads and whose type has panels. One that was put together in memory stays as it is: it would take
 * its size twice, and its pages cannot be let go. */
static bool wants_panels(const adze_session *s, int weight)
{
    const az_bound *w = &s->weights[weight];

    if (!s->kernels->weight[w->type].panels ||
        !az_model_maps(s->model, w->n_experts ? w->experts[0] : w->data))
        return false;
    for (int i = 0; i < s->graph.n_nodes; i++) {
        const az_node *n = &s->graph.nodes[i];
        if ((n->op == AZ_OP_LINEAR || n->op == AZ_OP_EXPERTS) && n->weight[0] == weight)
            return true;
    }
    return false;
}

void az_session_interleave(adze_session *s)
{
    uint64_t total = 0, n;
    char *to;

    for (int i = 0; i < s->graph.n_weights; i++) {
        const az_bound *w = &s->weights[i];
        if (!wants_panels(s, i)) continue;
        if (!part_bytes(s, w, &n) || !az_mul_u64(n, parts(w), &n) || !az_add_u64(total, n, &total))
            return;
    }
    to = s->panels = total && total <= SIZE_MAX ? az_alloc(s->run, (size_t)total) : NULL;
    if (!to) return;
    for (int i = 0; i < s->graph.n_weights; i++) {
        az_bound *w = &s->weights[i];
        if (!wants_panels(s, i)) continue;
        part_bytes(s, w, &n);
        if (w->n_experts == 0) w->product = interleave(s, w, w->data, to);
        for (size_t e = 0; e < (size_t)w->n_experts; e++)
            w->experts[e] = interleave(s, w, w->experts[e], to + e * n);
        to += n * parts(w);
        w->matmul = s->kernels->weight[w->type].panels;
        w->product_row_bytes = w->read_bytes;
    }
}
