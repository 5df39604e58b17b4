/* Weights of products as panels (kernel/panel.h), made once from the mapped files, whose pages are let go piece by piece: a
 * model takes its size in memory, once. The first pass reads the files' rows, which needs no preparation; each of the next ones
 * first makes panels of a part. Products have the same bits from both. Without room in the run's budget products read the files as they are. Rows that
 * were put together in memory become panels where they lie.
 */
#include "infer/session.h"
#include "base/check.h"

#include <string.h>

enum { PIECE_BYTES = 1 << 20 };

/* Rows to interleave, in pieces of whole panels. */
typedef struct rows {
    const adze_session *s;
    const az_bound *w;
    const char *from; /* row_bytes apart */
    char *to;
    size_t n, piece; /* rows; rows of a piece */
    bool mapped;     /* from lies in a file */
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
    if (r->mapped) az_map_forget(r->from + first * w->row_bytes, (end - first) * w->row_bytes);
}

/* Panels in the place of their rows; whole ones only. */
typedef struct in_place {
    const adze_session *s;
    const az_bound *w;
    char *rows;
    size_t n, piece;
    char *spare; /* [pieces] panels */
} in_place;

static void turn_piece(void *arg, size_t piece, int thread)
{
    const in_place *r = arg;
    const az_bound *w = r->w;
    const az_kernels *k = r->s->kernels;
    size_t first = piece * r->piece, end = r->n - first < r->piece ? r->n : first + r->piece;
    size_t panel = k->panel_rows * w->row_bytes;
    char *spare = r->spare + piece * panel;

    (void)thread;
    for (size_t i = first; i < end; i += k->panel_rows) {
        memcpy(spare, r->rows + i * w->row_bytes, panel);
        k->interleave(w->type, r->rows + i * w->row_bytes, spare, w->row_bytes, k->panel_rows,
                      w->cols / az_type_get(w->type)->elems);
    }
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
    rows r = { s,
               w,
               from,
               to,
               n,
               (PIECE_BYTES / panel + 1) * s->kernels->panel_rows,
               az_model_maps(s->model, from) };

    az_pool_parallel(s->pool, (n + r.piece - 1) / r.piece, interleave_piece, &r);
    return to;
}

enum { TURN_PIECES = 64 };

static void turn(const adze_session *s, const az_bound *w, const void *data, char *spare)
{
    size_t panels = part_rows(w) / s->kernels->panel_rows;
    in_place r = { s, w, (char *)(uintptr_t)data, part_rows(w), 0, spare };

    r.piece = (panels + TURN_PIECES - 1) / TURN_PIECES * s->kernels->panel_rows;
    az_pool_parallel(s->pool, (r.n + r.piece - 1) / r.piece, turn_piece, &r);
}

/* Is a weight read by nodes of this kind? */
static bool is_read(const adze_session *s, int weight, bool product)
{
    for (int i = 0; i < s->graph.n_nodes; i++) {
        const az_node *n = &s->graph.nodes[i];
        bool here = n->op == AZ_OP_LINEAR || n->op == AZ_OP_EXPERTS;

        if ((here || n->op == AZ_OP_EMBED) && here == product && n->weight[0] == weight)
            return true;
    }
    return false;
}

static const void *rows_of(const az_bound *w)
{
    return w->n_experts ? w->experts[0] : w->data;
}

/* A weight that a product reads and whose type has panels. */
static bool wants_panels(const adze_session *s, int weight)
{
    return s->kernels->weight[s->weights[weight].type].panels && is_read(s, weight, true);
}

/* Rows in memory that nobody reads as rows, in whole panels: they can turn into panels where they lie. */
static bool turns(const adze_session *s, int weight)
{
    const az_bound *w = &s->weights[weight];

    if (az_model_maps(s->model, rows_of(w)) || w->row_bytes != w->read_bytes ||
        part_rows(w) % s->kernels->panel_rows || is_read(s, weight, false))
        return false;
    for (int i = 0; i < s->graph.n_weights; i++)
        if (i != weight && rows_of(&s->weights[i]) == rows_of(w)) return false;
    return true;
}

static void take_panels(const adze_session *s, az_bound *w)
{
    w->matmul = s->kernels->weight[w->type].panels;
    w->product_row_bytes = w->read_bytes;
}

/* Without memory for a panel a piece, rows stay rows. */
static void turn_all(const adze_session *s, az_bound *w)
{
    char *spare = az_alloc_array(s->run, TURN_PIECES * s->kernels->panel_rows, w->row_bytes);

    if (!spare) return;
    for (size_t e = 0; e < parts(w); e++)
        turn(s, w, w->n_experts ? w->experts[e] : w->data, spare);
    az_free(s->run, spare);
    take_panels(s, w);
}

/* A matrix in the mapped file becomes panels in the session's memory. */
static void move_to_panels(adze_session *s, az_bound *w)
{
    uint64_t part = 0;

    part_bytes(s, w, &part);
    if (w->n_experts == 0) w->product = interleave(s, w, w->data, s->panels.free);
    for (size_t e = 0; e < (size_t)w->n_experts; e++)
        w->experts[e] = interleave(s, w, w->experts[e], s->panels.free + e * part);
    s->panels.free += part * parts(w);
    take_panels(s, w);
}

void az_session_interleave(adze_session *s)
{
    az_panels *p = &s->panels;
    uint64_t n = 0;

    for (int i = 0; i < s->graph.n_weights; i++) {
        az_bound *w = &s->weights[i];
        if (!wants_panels(s, i)) continue;
        if (turns(s, i))
            turn_all(s, w);
        else if (!part_bytes(s, w, &n) || !az_mul_u64(n, parts(w), &n) ||
                 !az_add_u64(p->bytes, n, &p->bytes))
            p->bytes = SIZE_MAX;
    }
    if (p->bytes && p->bytes < SIZE_MAX) p->memory = az_alloc(s->run, (size_t)p->bytes);
    p->free = p->memory;
    p->next = p->memory ? 0 : s->graph.n_weights;
}

/* The kernel maps pages around one that is read: what was let go came back with its neighbours, some 64 kB a matrix. */
static void forget_files(const adze_session *s)
{
    for (int i = 0; i < s->graph.n_weights; i++) {
        const az_bound *w = &s->weights[i];

        if (wants_panels(s, i) && w->n_experts == 0 && w->product != w->data &&
            az_model_maps(s->model, w->data))
            az_map_forget(w->data, w->rows * w->row_bytes);
    }
}

void az_session_advance(adze_session *s)
{
    az_panels *p = &s->panels;
    const char *enough;

    /* whoever waits for the first token is not made to wait for this */
    if (p->next == s->graph.n_weights || p->passes++ == 0) return;
    enough = p->free + p->bytes / AZ_PANEL_PASSES;
    for (; p->next < s->graph.n_weights && p->free <= enough; p->next++) {
        az_bound *w = &s->weights[p->next];
        if (wants_panels(s, p->next) && w->matmul != s->kernels->weight[w->type].panels)
            move_to_panels(s, w);
    }
    if (p->next == s->graph.n_weights) forget_files(s);
}
