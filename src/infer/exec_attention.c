/* The stages of attention: rotation and storing of keys and values, then the scores by head and block. */
#include "infer/exec.h"

#include <string.h>

#define ATTENTION_ROWS 128 /* queries of one piece, a head's group counted each */

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

/* One head of the value that `rope` makes; other operators leave it as it is. */
static void rotate(const adze_session *s, const az_node *rope, size_t row, float *x)
{
    const az_rope *r = rope->sliding ? &s->config.rope_sliding : &s->config.rope;
    size_t dims = (size_t)r->dims;

    if (rope->op == AZ_OP_ROPE)
        s->kernels->rope(x, s->rope_table[rope->sliding] + row * dims, dims, r->adjacent_pairs);
}

/* One key head of one row: its queries and its key rotated, key and value stored. */
static void rope_head(const az_pass *p, const az_node *n, size_t row, size_t head, bool want_q)
{
    const adze_session *s = p->s;
    const az_kv_cache *c = &s->caches[n->state];
    size_t d = (size_t)n->head_dim, group = (size_t)(n->n_heads / n->n_kv_heads);
    size_t at = head * s->cache_rows * d, pos = az_cache_row(p, row);
    float *q = az_value_row(s, n->in[0], row) + head * group * d;
    float *k = az_value_row(s, n->in[1], row) + head * d;

    for (size_t h = 0; h < group && want_q; h++)
        rotate(s, &s->graph.nodes[n->in[0]], row, q + h * d);
    rotate(s, &s->graph.nodes[n->in[1]], row, k);
    store_key(s, c->k, at + az_attn_key_at(pos, d), k, d);
    store_value(s, c->v, at + pos * d, az_value_row(s, n->in[2], row) + head * d, d);
}

void az_run_rope(const az_pass *p, const az_stage *st, size_t piece, size_t pieces)
{
    const az_node *n = &p->s->graph.nodes[st->node[0]];
    size_t heads = (size_t)n->n_kv_heads;
    size_t q_from = az_first_row(p, p->s->graph.nodes[n->in[0]].last_only);
    az_range r = az_share(p->m * heads, 1, piece, pieces);

    for (size_t u = r.from; u < r.to; u++)
        rope_head(p, n, u / heads, u % heads, u / heads >= q_from);
}

/* Queries of one piece: enough to pay for converting a tile of keys and values. */
static size_t attention_block(const az_node *n)
{
    size_t rows = ATTENTION_ROWS / (size_t)(n->n_heads / n->n_kv_heads);

    return rows < 16 ? 16 : rows;
}

size_t az_attention_pieces(const az_pass *p, const az_stage *st)
{
    const az_node *n = &p->s->graph.nodes[st->node[0]];
    size_t rows = p->m - az_first_row(p, st->last_only), block = attention_block(n);

    return (p->n_spans ? p->n_spans : (rows + block - 1) / block) * (size_t)n->n_kv_heads;
}

/* `rows` queries from row `first` of the pass and one key head; keys and values from cache_at on. */
static void attend(const az_pass *p, int value, size_t head, size_t first, size_t rows,
                   size_t cache_at, size_t n_keys)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[value];
    const az_kv_cache *c = &s->caches[n->state];
    size_t d = (size_t)n->head_dim, group = (size_t)(n->n_heads / n->n_kv_heads);
    size_t at = (head * s->cache_rows + cache_at) * d;
    az_attn_args a = {
        .out = az_value_row(s, value, first) + head * group * d,
        .q = az_value_row(s, n->in[0], first) + head * group * d,
        .ld_out = s->values[value].ld,
        .ld_q = s->values[n->in[0]].ld,
        .ld_v = d,
        .n_tok = rows,
        .group = group,
        .head_dim = d,
        .pos = (int64_t)(s->pos + first),
        .window = s->graph.states[n->state].window,
        .n_keys = (int64_t)n_keys,
        .scale = (float)n->scale,
        .softcap = (float)n->softcap,
        .sinks = n->weight[0] < 0 ? NULL : s->weights[n->weight[0]].vec + head * group,
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

/* One key head and one block of queries; the last blocks come first, as they have the most to look at. */
void az_run_attention(const az_pass *p, const az_stage *st, size_t piece)
{
    const az_node *n = &p->s->graph.nodes[st->node[0]];
    size_t r0 = az_first_row(p, st->last_only), rows = p->m - r0, heads = (size_t)n->n_kv_heads;
    size_t block = attention_block(n), blocks = (rows + block - 1) / block, from;

    if (p->n_spans) {
        const az_span *span = &p->spans[piece / heads];
        attend(p, st->node[0], piece % heads, span->first, span->n, span->cache_at, span->n);
        return;
    }
    from = (blocks - 1 - piece / heads) * block;
    attend(p, st->node[0], piece % heads, r0 + from, rows - from < block ? rows - from : block, 0,
           0);
}
