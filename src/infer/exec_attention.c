/* The stages of attention: rotation and storing of keys and values, then the scores by head and block. */
#include "infer/exec.h"

#include <string.h>

#define ATTENTION_ROWS 128 /* queries of one piece, a head's group counted each */

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
    const az_span *span = az_span_of(p, row);
    size_t d = (size_t)n->head_dim, group = (size_t)(n->n_heads / n->n_kv_heads);
    size_t pos = span->pos + row - span->first;
    az_kv_view kv = az_pages_view(&s->pages, span->seq, n->state, (int)head);
    float *q = az_value_row(s, n->in[0], row) + head * group * d;
    float *k = az_value_row(s, n->in[1], row) + head * d;

    for (size_t h = 0; h < group && want_q; h++)
        rotate(s, &s->graph.nodes[n->in[0]], row, q + h * d);
    rotate(s, &s->graph.nodes[n->in[1]], row, k);
    s->kernels->kv[s->pages.type].store((void *)(uintptr_t)az_kv_tile(&kv, span->tile +
                                                                               pos / AZ_ATTN_TILE),
                                        pos % AZ_ATTN_TILE, k,
                                        az_value_row(s, n->in[2], row) + head * d, d);
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

/* Queries of a span that are wanted: rows [from, to) of the pass. */
static az_rows wanted_rows(const az_pass *p, const az_stage *st, const az_span *span)
{
    size_t r0 = az_first_row(p, st->last_only), to = span->first + span->n;

    return (az_rows){ span->first > r0 ? span->first : r0 < to ? r0 : to, to };
}

/* Pieces of a span: blocks of queries. An encoder's text is one, as all of its rows see all keys. */
static size_t span_blocks(const az_pass *p, const az_stage *st, const az_span *span, size_t block)
{
    az_rows r = wanted_rows(p, st, span);

    if (p->s->config.encoder) return 1;
    return (r.to - r.from + block - 1) / block;
}

size_t az_attention_pieces(const az_pass *p, const az_stage *st)
{
    const az_node *n = &p->s->graph.nodes[st->node[0]];
    size_t block = attention_block(n), blocks = 0;

    for (size_t i = 0; i < p->n_spans; i++)
        blocks += span_blocks(p, st, &p->s->spans[i], block);
    return blocks * (size_t)n->n_kv_heads;
}

/* Rows [r.from, r.to) of one span and one key head. */
static void attend(const az_pass *p, int value, size_t head, const az_span *span, az_rows r)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[value];
    size_t d = (size_t)n->head_dim, group = (size_t)(n->n_heads / n->n_kv_heads);
    az_attn_args a = {
        .out = az_value_row(s, value, r.from) + head * group * d,
        .q = az_value_row(s, n->in[0], r.from) + head * group * d,
        .kv = az_pages_view(&s->pages, span->seq, n->state, (int)head),
        .ld_out = s->values[value].ld,
        .ld_q = s->values[n->in[0]].ld,
        .n_tok = r.to - r.from,
        .group = group,
        .head_dim = d,
        .pos = (int64_t)(span->pos + r.from - span->first),
        .window = s->graph.states[n->state].window,
        .n_keys = s->config.encoder ? (int64_t)span->n : 0,
        .scale = (float)n->scale,
        .softcap = (float)n->softcap,
        .sinks = n->weight[0] < 0 ? NULL : s->weights[n->weight[0]].vec + head * group,
    };

    a.kv.page += span->tile;
    s->kernels->kv[s->pages.type].attention(&a);
}

/* One key head and one block of queries; a span's last blocks come first, as they have the most to look at. */
void az_run_attention(const az_pass *p, const az_stage *st, size_t piece)
{
    const az_node *n = &p->s->graph.nodes[st->node[0]];
    size_t heads = (size_t)n->n_kv_heads, block = attention_block(n), at = piece / heads;
    const az_span *span = p->s->spans;
    size_t blocks = span_blocks(p, st, span, block);
    az_rows r;

    while (at >= blocks) {
        at -= blocks;
        blocks = span_blocks(p, st, ++span, block);
    }
    r = wanted_rows(p, st, span);
    if (!p->s->config.encoder) {
        r.from += (blocks - 1 - at) * block;
        if (r.to - r.from > block) r.to = r.from + block;
    }
    attend(p, st->node[0], piece % heads, span, r);
}
