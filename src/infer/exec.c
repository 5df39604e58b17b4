/* Running a pass: every thread walks the stages and takes pieces of each until none is left.
 *
 * The results of a piece do not depend on who does it or how the stage was cut: columns of a matrix, rows,
 * blocks of a row, heads. So logits are bit-identical for any number of threads, and, as each row depends
 * only on itself and on the caches, for any chunking of a prompt.
 */
#include "infer/session.h"
#include "base/compiler.h"

#include <math.h>
#include <string.h>

#define LINEAR_UNIT    16  /* columns, a multiple of what kernels do at once */
#define PIECES         4   /* a thread, so that a slow one does not hold up the rest */
#define ATTENTION_ROWS 128 /* queries of one piece, a head's group counted each */

typedef struct range {
    size_t from, to;
} range;

/* Piece i of n things cut into `pieces`, in whole units. */
static range share(size_t n, size_t unit, size_t i, size_t pieces)
{
    size_t units = (n + unit - 1) / unit, a = units * i / pieces * unit,
           b = units * (i + 1) / pieces * unit;

    return (range){ a < n ? a : n, b < n ? b : n };
}

static size_t first_row(const az_pass *p, bool last_only)
{
    return last_only ? p->m - p->want : 0;
}

static float *value_row(const adze_session *s, int value, size_t row)
{
    return s->values[value].p + row * s->values[value].ld;
}

static void *q8_row(const adze_session *s, int value, size_t row)
{
    size_t width = (size_t)s->graph.nodes[value].width;

    return (char *)s->q8[s->values[value].q8] + row * az_act_row_bytes(AZ_ACT_Q8, width);
}

/* Angles as transformers has them: position and frequency multiplied in f32, cos and sin rounded to f32. */
static void rope_row(const adze_session *s, size_t row)
{
    int half = s->config.rope.dims / 2;
    float *cs = s->rope_table + row * (size_t)half * 2, pos = (float)(s->pos + row);
    float factor = (float)s->config.rope.attention_factor;

    for (int i = 0; i < half; i++) {
        double angle = (double)(pos * s->inv_freq[i]);
        cs[2 * i] = (float)cos(angle) * factor;
        cs[2 * i + 1] = (float)sin(angle) * factor;
    }
}

static void run_embed(const az_pass *p, const az_stage *st, size_t piece, size_t pieces)
{
    const adze_session *s = p->s;
    const az_bound *w = &s->weights[s->graph.nodes[st->node[0]].weight[0]];
    range r = share(p->m, 1, piece, pieces);

    for (size_t i = r.from; i < r.to; i++) {
        const char *src = (const char *)w->data + (size_t)p->tokens[i] * w->row_bytes;
        s->kernels->unpack[w->type](src, value_row(s, st->node[0], i), w->cols);
        rope_row(s, i);
    }
}

static void run_norm(const az_pass *p, const az_stage *st, size_t piece, size_t pieces)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[st->node[0]];
    size_t r0 = first_row(p, st->last_only), width = (size_t)n->width;
    range r = share(p->m - r0, 1, piece, pieces);

    for (size_t i = r0 + r.from; i < r0 + r.to; i++) {
        float *y = value_row(s, st->node[0], i);
        s->kernels->rms_norm(y, value_row(s, n->in[0], i), s->weights[n->weight[0]].vec, width,
                             n->eps);
        if (s->values[st->node[0]].q8 >= 0)
            s->kernels->quantize_q8(q8_row(s, st->node[0], i), y, width);
    }
}

/* Rows where there are enough, else columns of all rows: fn does columns [c0, c1) of one row. */
typedef void piece_fn(const az_pass *p, int value, size_t row, size_t c0, size_t c1);

static void by_pieces(const az_pass *p, const az_stage *st, size_t piece, size_t pieces,
                      piece_fn *fn)
{
    size_t r0 = first_row(p, st->last_only), rows = p->m - r0;
    size_t width = (size_t)p->s->graph.nodes[st->node[0]].width;

    if (rows >= pieces) {
        range r = share(rows, 1, piece, pieces);
        for (size_t i = r0 + r.from; i < r0 + r.to; i++)
            fn(p, st->node[0], i, 0, width);
    } else {
        range c = share(width, 256, piece, pieces);
        for (size_t i = r0; i < p->m && c.from < c.to; i++)
            fn(p, st->node[0], i, c.from, c.to);
    }
}

static void quantize_piece(const az_pass *p, int value, size_t row, size_t c0, size_t c1)
{
    const adze_session *s = p->s;
    char *q = q8_row(s, value, row);

    s->kernels->quantize_q8(q + az_act_row_bytes(AZ_ACT_Q8, c0), value_row(s, value, row) + c0,
                            c1 - c0);
}

static void silu_mul_piece(const az_pass *p, int value, size_t row, size_t c0, size_t c1)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[value];

    s->kernels->silu_mul(value_row(s, value, row) + c0, value_row(s, n->in[0], row) + c0,
                         value_row(s, n->in[1], row) + c0, c1 - c0);
    if (s->values[value].q8 >= 0) quantize_piece(p, value, row, c0, c1);
}

static void add_piece(const az_pass *p, int value, size_t row, size_t c0, size_t c1)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[value];

    s->kernels->add(value_row(s, value, row) + c0, value_row(s, n->in[1], row) + c0, c1 - c0);
}

/* Columns [n0, n1) of one linear, with its bias and the sum after it. */
static void linear_columns(const az_pass *p, int node, int add, size_t n0, size_t n1)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[node];
    const az_bound *w = &s->weights[n->weight[0]];
    const az_weight_kernel *k = &s->kernels->weight[w->type];
    size_t r0 = first_row(p, n->last_only), rows = p->m - r0, ldy = s->values[node].ld;
    float *y = node == s->graph.output ? p->logits : value_row(s, node, r0);
    const void *a = k->act == AZ_ACT_Q8 ? q8_row(s, n->in[0], r0) : value_row(s, n->in[0], r0);

    k->matmul(y, ldy, w->data, w->row_bytes, a, rows, n0, n1, w->cols);
    for (size_t i = 0; i < rows && n->weight[1] >= 0; i++)
        s->kernels->add(y + i * ldy + n0, s->weights[n->weight[1]].vec + n0, n1 - n0);
    for (size_t i = 0; i < rows && add >= 0; i++)
        s->kernels->add(value_row(s, add, r0 + i) + n0, y + i * ldy + n0, n1 - n0);
}

/* Columns in one piece of a stage of linears, whose pieces follow one another in one sequence. */
static size_t linear_columns_per_piece(const adze_session *s, const az_stage *st, int threads)
{
    size_t total = 0, n;

    for (int i = 0; i < st->n_nodes; i++)
        total += (size_t)s->graph.nodes[st->node[i]].width;
    n = threads == 1 ? total : total / ((size_t)threads * PIECES);
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

/* A value goes in as a row, a key as a column of its tile. */
static void store_value(const adze_session *s, void *cache, size_t at, const float *x, size_t n)
{
    if (s->cache_f32)
        memcpy((float *)cache + at, x, n * sizeof *x);
    else
        s->kernels->f32_to_f16((az_f16 *)cache + at, x, n);
}

static void store_key(const adze_session *s, void *cache, size_t at, const float *x, size_t n)
{
    az_f16 half[64];

    for (size_t d = 0, m; d < n; d += m) {
        m = n - d < AZ_COUNT(half) ? n - d : AZ_COUNT(half);
        if (!s->cache_f32) s->kernels->f32_to_f16(half, x + d, m);
        for (size_t i = 0; i < m; i++, at += AZ_ATTN_TILE)
            if (s->cache_f32)
                ((float *)cache)[at] = x[d + i];
            else
                ((az_f16 *)cache)[at] = half[i];
    }
}

/* One key head of one row: its queries and its key rotated, key and value stored. */
static void rope_head(const az_pass *p, const az_node *n, size_t row, size_t head, bool want_q)
{
    const adze_session *s = p->s;
    const az_kv_cache *c = &s->caches[n->state];
    size_t dims = (size_t)s->config.rope.dims, d = (size_t)n->head_dim;
    size_t group = (size_t)(n->n_heads / n->n_kv_heads);
    size_t at = head * s->cache_rows * d, pos = s->pos + row;
    const float *cs = s->rope_table + row * dims;
    bool adjacent = s->config.rope.adjacent_pairs;
    float *q = value_row(s, n->in[0], row) + head * group * d;
    float *k = value_row(s, n->in[1], row) + head * d;

    if (want_q && s->graph.nodes[n->in[0]].op == AZ_OP_ROPE)
        for (size_t h = 0; h < group; h++)
            s->kernels->rope(q + h * d, cs, dims, adjacent);
    if (s->graph.nodes[n->in[1]].op == AZ_OP_ROPE) s->kernels->rope(k, cs, dims, adjacent);
    store_key(s, c->k, at + az_attn_key_at(pos, d), k, d);
    store_value(s, c->v, at + pos * d, value_row(s, n->in[2], row) + head * d, d);
}

static void run_rope(const az_pass *p, const az_stage *st, size_t piece, size_t pieces)
{
    const az_node *n = &p->s->graph.nodes[st->node[0]];
    size_t heads = (size_t)n->n_kv_heads;
    size_t q_from = first_row(p, p->s->graph.nodes[n->in[0]].last_only);
    range r = share(p->m * heads, 1, piece, pieces);

    for (size_t u = r.from; u < r.to; u++)
        rope_head(p, n, u / heads, u % heads, u / heads >= q_from);
}

/* Queries of one piece: enough to pay for converting a tile of keys and values. */
static size_t attention_block(const az_node *n)
{
    size_t rows = ATTENTION_ROWS / (size_t)(n->n_heads / n->n_kv_heads);

    return rows < 16 ? 16 : rows;
}

/* One key head and one block of queries; the last blocks come first, as they have the most to look at. */
static void run_attention(const az_pass *p, const az_stage *st, size_t piece)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[st->node[0]];
    const az_kv_cache *c = &s->caches[n->state];
    size_t r0 = first_row(p, st->last_only), rows = p->m - r0, d = (size_t)n->head_dim;
    size_t heads = (size_t)n->n_kv_heads, group = (size_t)n->n_heads / heads;
    size_t block = attention_block(n), blocks = (rows + block - 1) / block;
    size_t from = (blocks - 1 - piece / heads) * block, head = piece % heads;
    size_t at = head * s->cache_rows * d;
    az_attn_args a = {
        .out = value_row(s, st->node[0], r0 + from) + head * group * d,
        .q = value_row(s, n->in[0], r0 + from) + head * group * d,
        .ld_out = s->values[st->node[0]].ld,
        .ld_q = s->values[n->in[0]].ld,
        .ld_v = d,
        .n_tok = rows - from < block ? rows - from : block,
        .group = group,
        .head_dim = d,
        .pos = (int64_t)(s->pos + r0 + from),
        .window = s->graph.states[n->state].window,
        .scale = (float)n->scale,
    };

    if (s->cache_f32) {
        a.k32 = (const float *)c->k + at;
        a.v32 = (const float *)c->v + at;
        s->kernels->attention_f32(&a);
    } else {
        a.k = (const az_f16 *)c->k + at;
        a.v = (const az_f16 *)c->v + at;
        s->kernels->attention(&a);
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
    size_t rows = p->m - first_row(p, st->last_only), t = (size_t)threads;
    size_t many = p->m > t ? t * PIECES : t;

    if (rows == 0) return 0;
    switch (st->kind) {
    case AZ_STAGE_EMBED:
    case AZ_STAGE_NORM: return smaller(rows, many);
    case AZ_STAGE_QUANTIZE:
    case AZ_STAGE_SILU_MUL:
    case AZ_STAGE_ADD: return rows >= many ? many : smaller(many, ((size_t)n->width + 255) / 256);
    case AZ_STAGE_LINEAR: return linear_pieces(p->s, st, threads);
    case AZ_STAGE_ROPE: return smaller(p->m * (size_t)n->n_kv_heads, many);
    case AZ_STAGE_ATTENTION:
        return (rows + attention_block(n) - 1) / attention_block(n) * (size_t)n->n_kv_heads;
    }
    return 0;
}

static void run_piece(const az_pass *p, const az_stage *st, size_t piece, size_t pieces,
                      int threads)
{
    switch (st->kind) {
    case AZ_STAGE_EMBED: run_embed(p, st, piece, pieces); break;
    case AZ_STAGE_NORM: run_norm(p, st, piece, pieces); break;
    case AZ_STAGE_QUANTIZE: by_pieces(p, st, piece, pieces, quantize_piece); break;
    case AZ_STAGE_LINEAR: run_linear(p, st, piece, threads); break;
    case AZ_STAGE_ROPE: run_rope(p, st, piece, pieces); break;
    case AZ_STAGE_ATTENTION: run_attention(p, st, piece); break;
    case AZ_STAGE_SILU_MUL: by_pieces(p, st, piece, pieces, silu_mul_piece); break;
    case AZ_STAGE_ADD: by_pieces(p, st, piece, pieces, add_piece); break;
    }
}

/* Take pieces until none is left, then wait for those that others took. */
static void run_stage(const az_pass *p, int index, int threads)
{
    const az_stage *st = &p->s->stages[index];
    az_stage_work *w = &p->s->work[index];
    size_t pieces = count_pieces(p, st, threads), i;

    if (threads == 1) {
        for (i = 0; i < pieces; i++)
            run_piece(p, st, i, pieces, 1);
        return;
    }
    while ((i = atomic_fetch_add_explicit(&w->next, 1, memory_order_relaxed)) < pieces) {
        run_piece(p, st, i, pieces, threads);
        atomic_fetch_add_explicit(&w->done, 1, memory_order_release);
    }
    az_spin_until(&w->done, pieces);
}

static void team(void *arg, int t, int threads)
{
    az_pass *p = arg;
    adze_session *s = p->s;
    bool timed = s->profiling && t == 0;
    uint64_t before = timed ? az_now_ns(s->run) : 0;

    for (int i = 0; i < s->n_stages; i++) {
        run_stage(p, i, threads);
        if (timed) {
            uint64_t now = az_now_ns(s->run);
            s->stages[i].ns += now - before;
            s->stages[i].calls++;
            s->stages[i].rows += p->m - first_row(p, s->stages[i].last_only);
            before = now;
        }
    }
}

void az_session_pass(az_pass *p)
{
    for (int i = 0; i < p->s->n_stages; i++) {
        atomic_store_explicit(&p->s->work[i].next, 0, memory_order_relaxed);
        atomic_store_explicit(&p->s->work[i].done, 0, memory_order_relaxed);
    }
    az_pool_team(p->s->pool, team, p);
}
