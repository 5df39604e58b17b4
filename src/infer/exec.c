/* Running a pass: every thread walks the stages and takes pieces of each until none is left.
 *
 * The results of a piece do not depend on who does it or how the stage was cut: columns of a matrix, rows,
 * blocks of a row, heads. So logits are bit-identical for any number of threads, and, as each row depends
 * only on itself and on the caches, for any chunking of a prompt.
 */
#include "infer/exec.h"
#include "base/compiler.h"

#include <math.h>

#define LINEAR_UNIT   32 /* columns, a multiple of what kernels do at once */
#define LINEAR_PIECES 32 /* a thread: all wait for the last one */

az_rows az_rows_of(const az_pass *p, int value)
{
    const az_node *n = &p->s->graph.nodes[value];
    size_t r0 = az_first_row(p, n->last_only);

    if (n->slots && n->op != AZ_OP_ROUTER) return (az_rows){ 0, (p->m - r0) * (size_t)n->slots };
    return (az_rows){ r0, p->m };
}

size_t az_position(const az_pass *p, size_t row)
{
    const az_span *span = az_span_of(p, row);

    return span->pos + row - span->first;
}

/* Angles as transformers has them: position and frequency multiplied in f32, cos and sin rounded to f32. */
static void rope_row(const az_pass *p, const az_rope *r, int table, size_t row)
{
    int half = r->dims / 2;
    float *cs = p->s->rope_table[table] + row * (size_t)half * 2, pos = (float)az_position(p, row);
    float factor = (float)r->attention_factor;

    for (int i = 0; i < half; i++) {
        double angle = (double)(pos * p->s->inv_freq[table][i]);
        cs[2 * i] = (float)cos(angle) * factor;
        cs[2 * i + 1] = (float)sin(angle) * factor;
    }
}

static size_t embed_row(const az_pass *p, const az_node *n, size_t i)
{
    switch (n->by) {
    case AZ_EMBED_TOKEN: return (size_t)p->tokens[i];
    case AZ_EMBED_POSITION: return az_position(p, i) + (size_t)p->s->config.position_offset;
    case AZ_EMBED_TYPE: break;
    }
    return 0;
}

static void run_embed(const az_pass *p, const az_stage *st, size_t piece, size_t pieces)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[st->node[0]];
    const az_bound *w = &s->weights[n->weight[0]];
    az_range r = az_share(p->m, 1, piece, pieces);

    for (size_t i = r.from; i < r.to; i++) {
        const char *src = (const char *)w->data + embed_row(p, n, i) * w->row_bytes;
        float *y = az_value_row(s, st->node[0], i);
        s->kernels->unpack[w->type](src, y, w->cols);
        if (n->scale != 1) s->kernels->scale_cap(y, (float)n->scale, 0, w->cols);
        if (n->by != AZ_EMBED_TOKEN) continue;
        if (s->rope_table[0]) rope_row(p, &s->config.rope, 0, i);
        if (s->rope_table[1]) rope_row(p, &s->config.rope_sliding, 1, i);
    }
}

/* Scale, softcap and clamp of columns that a node has just made. */
static void finish_columns(const adze_session *s, const az_node *n, float *y, size_t columns)
{
    float limit = (float)n->clamp;

    if (n->softcap > 0 || (n->op == AZ_OP_LINEAR && n->scale != 1))
        s->kernels->scale_cap(y, (float)n->scale, (float)n->softcap, columns);
    for (size_t i = 0; limit > 0 && i < columns; i++) /* a NaN stays one */
        y[i] = y[i] > limit ? limit : y[i] < -limit ? -limit : y[i];
}

static void run_norm(const az_pass *p, const az_stage *st, size_t piece, size_t pieces)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[st->node[0]];
    size_t r0 = az_first_row(p, st->last_only), width = (size_t)n->width;
    size_t group = (size_t)n->head_dim;
    const float *w = s->weights[n->weight[0]].vec;
    az_range r = az_share(p->m - r0, 1, piece, pieces);

    for (size_t i = r0 + r.from; i < r0 + r.to; i++) {
        float *y = az_value_row(s, st->node[0], i);
        const float *x = az_value_row(s, n->in[0], i);
        for (size_t at = 0; at < width; at += group)
            if (n->norm == AZ_NORM_LAYER)
                s->kernels->layer_norm(y + at, x + at, w, s->weights[n->weight[1]].vec, group,
                                       n->eps);
            else
                s->kernels->rms_norm(y + at, x + at, w, group, n->eps);
        finish_columns(s, n, y, width);
        az_quantize_piece(p, st->node[0], i, 0, width);
    }
}

void az_by_pieces(const az_pass *p, const az_stage *st, size_t piece, size_t pieces,
                  az_piece_fn *fn)
{
    az_rows rows = az_rows_of(p, st->node[0]);
    size_t width = (size_t)p->s->graph.nodes[st->node[0]].width, n = rows.to - rows.from;

    if (n >= pieces) {
        az_range r = az_share(n, 1, piece, pieces);
        for (size_t i = rows.from + r.from; i < rows.from + r.to; i++)
            fn(p, st->node[0], i, 0, width);
    } else {
        az_range c = az_share(width, 256, piece, pieces);
        for (size_t i = rows.from; i < rows.to && c.from < c.to; i++)
            fn(p, st->node[0], i, c.from, c.to);
    }
}

void az_quantize_piece(const az_pass *p, int value, size_t row, size_t c0, size_t c1)
{
    const adze_session *s = p->s;

    for (az_act_type a = AZ_ACT_F32 + 1; a < AZ_ACT_TYPES; a++)
        if (s->values[value].coded[a] >= 0)
            az_quantize_fn(s->kernels,
                           a)((char *)az_act_row(s, value, a, row) + az_act_row_bytes(a, c0),
                              az_value_row(s, value, row) + c0, c1 - c0);
}

static void activation_piece(const az_pass *p, int value, size_t row, size_t c0, size_t c1)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[value];
    const float *up = n->in[1] < 0 ? NULL : az_value_row(s, n->in[1], row) + c0;

    s->kernels->act_mul[n->activation](az_value_row(s, value, row) + c0,
                                       az_value_row(s, n->in[0], row) + c0, up, c1 - c0);
    az_quantize_piece(p, value, row, c0, c1);
}

static void add_columns(const adze_session *s, const az_node *n, float *y, const float *x,
                        size_t columns)
{
    if (n->scale == 1)
        s->kernels->add(y, x, columns);
    else
        s->kernels->add_scaled(y, x, (float)n->scale, columns);
}

static void add_piece(const az_pass *p, int value, size_t row, size_t c0, size_t c1)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[value];

    add_columns(s, n, az_value_row(s, value, row) + c0, az_value_row(s, n->in[1], row) + c0,
                c1 - c0);
}

/* Columns [n0, n1) of one linear, with its bias and the sum after it. */
static void linear_columns(const az_pass *p, int node, int add, size_t n0, size_t n1)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[node];
    const az_bound *w = &s->weights[n->weight[0]];
    const az_weight_kernel *k = &s->kernels->weight[w->type];
    size_t r0 = az_first_row(p, n->last_only), rows = p->m - r0, ldy = s->values[node].ld;
    float *y = node == s->graph.output ? p->logits : az_value_row(s, node, r0);
    const void *a = az_act_row(s, n->in[0], k->act, r0);

    w->matmul(y, ldy, w->product, w->product_row_bytes, a, rows, n0, n1, w->cols);
    for (size_t i = 0; i < rows; i++) {
        if (n->weight[1] >= 0)
            s->kernels->add(y + i * ldy + n0, s->weights[n->weight[1]].vec + n0, n1 - n0);
        finish_columns(s, n, y + i * ldy + n0, n1 - n0);
        if (add >= 0)
            add_columns(s, &s->graph.nodes[add], az_value_row(s, add, r0 + i) + n0,
                        y + i * ldy + n0, n1 - n0);
    }
}

/* Columns in one piece of a stage of linears, whose pieces follow one another in one sequence. */
static size_t linear_columns_per_piece(const adze_session *s, const az_stage *st, int threads)
{
    size_t total = 0, n;

    for (int i = 0; i < st->n_nodes; i++)
        total += (size_t)s->graph.nodes[st->node[i]].width;
    n = threads == 1 ? total : total / ((size_t)threads * LINEAR_PIECES);
    return (n + LINEAR_UNIT - 1) / LINEAR_UNIT * LINEAR_UNIT + (n == 0 ? LINEAR_UNIT : 0);
}

static size_t linear_pieces(const adze_session *s, const az_stage *st, int threads)
{
    size_t columns = linear_columns_per_piece(s, st, threads), n = 0;

    for (int i = 0; i < st->n_nodes; i++)
        n += ((size_t)s->graph.nodes[st->node[i]].width + columns - 1) / columns;
    return n;
}

static void run_linear(const az_pass *p, const az_stage *st, size_t piece, int threads)
{
    const adze_session *s = p->s;
    size_t columns = linear_columns_per_piece(s, st, threads);

    for (int i = 0; i < st->n_nodes; i++) {
        size_t width = (size_t)s->graph.nodes[st->node[i]].width;
        size_t pieces = (width + columns - 1) / columns, from = piece * columns;
        if (piece < pieces) {
            linear_columns(p, st->node[i], st->add[i], from,
                           from + columns < width ? from + columns : width);
            return;
        }
        piece -= pieces;
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How a stage is cut; the same for every thread of a pass. */
static size_t count_pieces(const az_pass *p, const az_stage *st, int threads)
{
    const az_node *n = &p->s->graph.nodes[st->node[0]];
    size_t rows = p->m - az_first_row(p, st->last_only), t = (size_t)threads;
    size_t many = p->m > t ? t * AZ_PIECES : t;
    az_rows all = az_rows_of(p, st->node[0]);

    if (rows == 0) return 0;
    switch (st->kind) {
    case AZ_STAGE_EMBED:
    case AZ_STAGE_ROUTE:
    case AZ_STAGE_NORM: return smaller(rows, many);
    case AZ_STAGE_QUANTIZE:
    case AZ_STAGE_ACTIVATION:
    case AZ_STAGE_MIX:
    case AZ_STAGE_ADD:
        return all.to - all.from >= many ? many : smaller(many, ((size_t)n->width + 255) / 256);
    case AZ_STAGE_LINEAR:
        return st->node[0] == p->s->graph.output && !p->logits ? 0
                                                               : linear_pieces(p->s, st, threads);
    case AZ_STAGE_ROPE: return smaller(p->m * (size_t)n->n_kv_heads, many);
    case AZ_STAGE_ATTENTION: return az_attention_pieces(p, st);
    case AZ_STAGE_GROUP: return 1;
    case AZ_STAGE_GATHER: return p->m > 1 ? many : 0;
    case AZ_STAGE_EXPERTS: return az_experts_pieces(p, st, threads);
    case AZ_STAGE_CONV: return smaller(t, ((size_t)n->width + 63) / 64);
    case AZ_STAGE_POOL: return p->n_spans;
    }
    return 0;
}

/* One piece of work of its own, so that nobody goes on before it is done. */
static void show_input(const az_pass *p, const az_stage *st)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[st->node[0]];
    int weights[AZ_STAGE_NODES];

    for (int i = 0; i < st->n_nodes; i++)
        weights[i] = s->graph.nodes[st->node[i]].weight[0];
    if (st->kind == AZ_STAGE_EXPERTS) {
        az_show_experts(p, st, weights);
        return;
    }
    for (size_t i = az_first_row(p, n->last_only); i < p->m; i++)
        s->watch(s->watch_arg, weights, st->n_nodes, 0, az_value_row(s, n->in[0], i));
}

static bool is_watched(const az_pass *p, const az_stage *st)
{
    return p->s->watch && (st->kind == AZ_STAGE_LINEAR || st->kind == AZ_STAGE_EXPERTS);
}

static void run_piece(const az_pass *p, const az_stage *st, size_t piece, size_t pieces,
                      int threads)
{
    if (piece == pieces) {
        show_input(p, st);
        return;
    }
    switch (st->kind) {
    case AZ_STAGE_EMBED: run_embed(p, st, piece, pieces); break;
    case AZ_STAGE_NORM: run_norm(p, st, piece, pieces); break;
    case AZ_STAGE_QUANTIZE: az_by_pieces(p, st, piece, pieces, az_quantize_piece); break;
    case AZ_STAGE_LINEAR: run_linear(p, st, piece, threads); break;
    case AZ_STAGE_ROPE: az_run_rope(p, st, piece, pieces); break;
    case AZ_STAGE_ATTENTION: az_run_attention(p, st, piece); break;
    case AZ_STAGE_ACTIVATION: az_by_pieces(p, st, piece, pieces, activation_piece); break;
    case AZ_STAGE_ADD: az_by_pieces(p, st, piece, pieces, add_piece); break;
    case AZ_STAGE_ROUTE: az_run_route(p, st, piece, pieces); break;
    case AZ_STAGE_GROUP: az_run_group(p, st); break;
    case AZ_STAGE_GATHER: az_run_gather(p, st, piece, pieces); break;
    case AZ_STAGE_EXPERTS: az_run_experts(p, st, piece, threads); break;
    case AZ_STAGE_MIX: az_by_pieces(p, st, piece, pieces, az_mix_piece); break;
    case AZ_STAGE_CONV: az_run_conv(p, st, piece, pieces); break;
    case AZ_STAGE_POOL: az_run_pool(p, st, piece); break;
    }
}

/* Take pieces until none is left, then wait for those that others took. A thread's share is a run of pieces, whose weights it reads in
 * one stream: what a product asks for ahead of its last column is what this thread multiplies next. Then it helps the others. */
static void run_stage(const az_pass *p, int index, int thread, int threads)
{
    const adze_session *s = p->s;
    const az_stage *st = &s->stages[index];
    az_stage_work *w = &s->work[index];
    size_t pieces = count_pieces(p, st, threads), i;
    size_t all = pieces + (pieces && is_watched(p, st));

    if (threads == 1) {
        for (i = 0; i < all; i++)
            run_piece(p, st, i, pieces, 1);
        return;
    }
    for (int k = 0; k < threads; k++) {
        size_t whose = (size_t)((thread + k) % threads);
        az_range r = az_share(all, 1, whose, (size_t)threads);
        atomic_size_t *next = &s->next[whose * (size_t)s->n_stages + (size_t)index];

        while ((i = r.from + atomic_fetch_add_explicit(next, 1, memory_order_relaxed)) < r.to) {
            run_piece(p, st, i, pieces, threads);
            atomic_fetch_add_explicit(&w->done, 1, memory_order_release);
        }
    }
    az_spin_until(&w->done, all);
}

static void team(void *arg, int t, int threads)
{
    az_pass *p = arg;
    adze_session *s = p->s;
    bool timed = s->profiling && t == 0;
    uint64_t before = timed ? az_now_ns(s->run) : 0;

    /* Whoever leaves takes no more pieces, and nobody waits for pieces that were not taken. */
    for (int i = 0; i < s->n_stages && !az_cancelled(s->run); i++) {
        run_stage(p, i, t, threads);
        if (timed) {
            uint64_t now = az_now_ns(s->run);
            s->stages[i].ns += now - before;
            s->stages[i].calls++;
            s->stages[i].rows += p->m - az_first_row(p, s->stages[i].last_only);
            if (s->stages[i].kind == AZ_STAGE_EXPERTS)
                s->stages[i].experts += az_experts_active(s, &s->stages[i]);
            before = now;
        }
    }
}

adze_status az_session_pass(az_pass *p, adze_error *err)
{
    adze_status rc;

    az_session_advance(p->s);
    for (size_t i = 0; i < p->n_spans; i++)
        for (size_t r = 0; r < p->s->spans[i].n; r++)
            p->s->row_span[p->s->spans[i].first + r] = (uint32_t)i;
    for (int i = 0; i < p->s->n_stages; i++)
        atomic_store_explicit(&p->s->work[i].done, 0, memory_order_relaxed);
    for (size_t i = 0; i < (size_t)az_pool_threads(p->s->pool) * (size_t)p->s->n_stages; i++)
        atomic_store_explicit(&p->s->next[i], 0, memory_order_relaxed);
    az_pool_team(p->s->pool, team, p);
    rc = az_check_cancel(p->s->run, err);
    return rc < 0 ? rc : az_model_check_files(p->s->model, err);
}
