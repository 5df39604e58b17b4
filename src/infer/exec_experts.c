/* A mixture of experts: each row's experts are chosen, the pairs (row, slot) sorted by expert, and each
 * expert's part of a weight multiplied with its rows at once. A row's arithmetic does not depend on the
 * others: not which experts it takes, not its product, and its results are summed in the order of its slots.
 */
#include "infer/exec.h"
#include "kernel/math.h"

#include <math.h>
#include <string.h>

#define UNIT 16 /* columns, a multiple of what kernels do at once */

/* The routing of a router, or of what it leads to. */
static az_routing *routing_of(const adze_session *s, int node)
{
    const az_node *n = &s->graph.nodes[node];

    return &s->routings[s->values[n->op == AZ_OP_ROUTER ? node : n->in[1]].routing];
}

/* The largest score that `used` does not hold; the lowest number among equals. */
static int best(const float *score, int n, const int32_t *used, int n_used)
{
    int top = -1;

    for (int e = 0; e < n; e++) {
        bool taken = false;
        for (int j = 0; j < n_used; j++)
            taken = taken || used[j] == e;
        if (!taken && (top < 0 || score[e] > score[top])) top = e;
    }
    return top;
}

static void softmax_weights(const az_node *r, const float *score, const int32_t *expert, float *w)
{
    float top = score[expert[0]], sum = 0;

    for (int j = 0; j < r->slots; j++)
        w[j] = az_expf(score[expert[j]] - top);
    if (r->router == AZ_ROUTER_SOFTMAX)
        for (int e = 0; e < r->n_experts; e++)
            sum += az_expf(score[e] - top);
    else
        for (int j = 0; j < r->slots; j++)
            sum += w[j];
    for (int j = 0; j < r->slots; j++)
        w[j] /= sum;
}

/* Weight of the best of the experts from `from` on in the list, by a softmax over what is close to it:
 * (top - s) / max(|s|, top) <= 2 jitter. */
static float sparse_weight(const az_node *r, const float *score, const int32_t *expert, int from)
{
    float top = score[expert[from]], sum = 0;

    for (int e = 0; e < r->n_experts; e++) {
        float s = score[e], size = fabsf(s) > top ? fabsf(s) : top;
        if ((from > 0 && e == expert[0]) || (top - s) / size > 2 * r->eps) continue;
        sum += az_expf(s - top);
    }
    return 1 / sum;
}

void az_run_route(const az_pass *p, const az_stage *st, size_t piece, size_t pieces)
{
    const adze_session *s = p->s;
    const az_node *r = &s->graph.nodes[st->node[0]];
    size_t r0 = az_first_row(p, st->last_only), slots = (size_t)r->slots;
    az_routing *g = routing_of(s, st->node[0]);
    az_range rows = az_share(p->m - r0, 1, piece, pieces);

    for (size_t i = rows.from; i < rows.to; i++) {
        const float *score = az_value_row(s, r->in[0], r0 + i);
        int32_t *expert = g->expert + i * slots;
        float *w = g->weight + i * slots;
        for (int j = 0; j < r->slots; j++)
            expert[j] = best(score, r->n_experts, expert, j);
        if (r->router == AZ_ROUTER_SPARSEMIXER)
            for (int j = 0; j < r->slots; j++)
                w[j] = sparse_weight(r, score, expert, j);
        else
            softmax_weights(r, score, expert, w);
    }
}

/* Counting sort: within an expert, pairs stay in order of rows. */
void az_run_group(const az_pass *p, const az_stage *st)
{
    const az_node *r = &p->s->graph.nodes[st->node[0]];
    az_routing *g = routing_of(p->s, st->node[0]);
    size_t pairs = (p->m - az_first_row(p, st->last_only)) * (size_t)r->slots, at = 0;

    memset(g->start, 0, ((size_t)r->n_experts + 1) * sizeof *g->start);
    for (size_t i = 0; i < pairs; i++)
        g->start[g->expert[i]]++;
    g->n_active = 0;
    for (int e = 0; e <= r->n_experts; e++) {
        size_t n = g->start[e];
        if (n) g->active[g->n_active++] = e;
        g->start[e] = (uint32_t)at;
        at += n;
    }
    for (size_t i = 0; i < pairs; i++) {
        uint32_t to = g->start[g->expert[i]]++;
        g->order[to] = (uint32_t)i;
        g->place[i] = to;
    }
    for (int e = r->n_experts; e > 0; e--) /* back to where each begins */
        g->start[e] = g->start[e - 1];
    g->start[0] = 0;
}

static az_act_type act_of(const adze_session *s, const az_node *n)
{
    return s->kernels->weight[s->weights[n->weight[0]].type].act;
}

/* Row of the token of a place, as the weight of n reads it. */
static const void *token_row(const az_pass *p, const az_node *n, const az_routing *g, size_t place)
{
    const adze_session *s = p->s;
    size_t row = az_first_row(p, n->last_only) + g->order[place] / (size_t)n->slots;

    return az_act_row(s, n->in[0], act_of(s, n), row);
}

static size_t row_bytes(const adze_session *s, const az_node *n)
{
    return az_act_row_bytes(act_of(s, n), (size_t)s->graph.nodes[n->in[0]].width);
}

void az_run_gather(const az_pass *p, const az_stage *st, size_t piece, size_t pieces)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[st->node[0]];
    const az_routing *g = routing_of(s, st->node[0]);
    az_rows all = az_rows_of(p, st->node[0]);
    az_range r = az_share(all.to, 1, piece, pieces);
    size_t bytes = row_bytes(s, n);

    for (size_t i = r.from; i < r.to; i++) {
        int32_t e = g->expert[g->order[i]];
        if (g->start[e + 1] - g->start[e] > 1)
            memcpy((char *)s->gathered + i * bytes, token_row(p, n, g, i), bytes);
    }
}

static size_t columns_per_piece(const az_pass *p, const az_stage *st, int threads)
{
    size_t total = 0, n;

    for (int i = 0; i < st->n_nodes; i++)
        total += (size_t)p->s->graph.nodes[st->node[i]].width;
    total *= routing_of(p->s, st->node[0])->n_active;
    n = threads == 1 ? total : total / ((size_t)threads * AZ_PIECES);
    return (n + UNIT - 1) / UNIT * UNIT + (n == 0 ? UNIT : 0);
}

size_t az_experts_active(const adze_session *s, const az_stage *st)
{
    return routing_of(s, st->node[0])->n_active;
}

/* Pieces of one node: each active expert's columns are cut alike. */
static size_t cuts(const az_pass *p, int node, size_t columns)
{
    return ((size_t)p->s->graph.nodes[node].width + columns - 1) / columns;
}

size_t az_experts_pieces(const az_pass *p, const az_stage *st, int threads)
{
    size_t columns = columns_per_piece(p, st, threads), n = 0;

    for (int i = 0; i < st->n_nodes; i++)
        n += cuts(p, st->node[i], columns);
    return n * routing_of(p->s, st->node[0])->n_active;
}

/* Columns [n0, n1) of one expert. */
static void expert_columns(const az_pass *p, int node, int32_t e, size_t n0, size_t n1)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[node];
    const az_bound *w = &s->weights[n->weight[0]];
    const az_routing *g = routing_of(s, node);
    size_t first = g->start[e], rows = g->start[e + 1] - first;
    size_t width = (size_t)n->width, ldy = s->values[node].ld;
    float *y = az_value_row(s, node, first);
    const void *a;

    if (s->graph.nodes[n->in[0]].slots)
        a = az_act_row(s, n->in[0], act_of(s, n), first);
    else
        a = rows == 1 ? token_row(p, n, g, first)
                      : (const char *)s->gathered + first * row_bytes(s, n);
    w->matmul(y, ldy, w->experts[e], w->product_row_bytes, a, rows, n0, n1, w->cols);
    for (size_t i = 0; i < rows && n->weight[1] >= 0; i++)
        s->kernels->add(y + i * ldy + n0, s->weights[n->weight[1]].vec + (size_t)e * width + n0,
                        n1 - n0);
}

void az_run_experts(const az_pass *p, const az_stage *st, size_t piece, int threads)
{
    size_t columns = columns_per_piece(p, st, threads);
    const az_routing *g = routing_of(p->s, st->node[0]);

    for (int i = 0; i < st->n_nodes; i++) {
        size_t each = cuts(p, st->node[i], columns), n = each * g->n_active;
        size_t width = (size_t)p->s->graph.nodes[st->node[i]].width, from = piece % each * columns;
        if (piece < n) {
            expert_columns(p, st->node[i], g->active[piece / each], from,
                           from + columns < width ? from + columns : width);
            return;
        }
        piece -= n;
    }
}

void az_show_experts(const az_pass *p, const az_stage *st, const int *weights)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[st->node[0]];
    const az_routing *g = routing_of(s, st->node[0]);
    bool sorted = s->graph.nodes[n->in[0]].slots != 0; /* the input is by place already */
    size_t r0 = az_first_row(p, n->last_only), pairs = (p->m - r0) * (size_t)n->slots;

    for (size_t i = 0; i < pairs; i++) {
        size_t row = sorted ? i : r0 + g->order[i] / (size_t)n->slots;
        s->watch(s->watch_arg, weights, st->n_nodes, g->expert[g->order[i]],
                 az_value_row(s, n->in[0], row));
    }
}

void az_mix_piece(const az_pass *p, int value, size_t row, size_t c0, size_t c1)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[value];
    size_t slots = (size_t)s->graph.nodes[n->in[1]].slots;
    size_t at = (row - az_first_row(p, n->last_only)) * slots;
    const az_routing *g = routing_of(s, value);
    float *y = az_value_row(s, value, row) + c0;

    memset(y, 0, (c1 - c0) * sizeof *y);
    for (size_t j = 0; j < slots; j++)
        s->kernels->add_scaled(y, az_value_row(s, n->in[0], g->place[at + j]) + c0,
                               g->weight[at + j], c1 - c0);
    az_quantize_piece(p, value, row, c0, c1);
}
