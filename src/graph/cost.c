/* The cost walk: one pass over the nodes, adding up what each reads, writes and computes. */
#include "graph/cost.h"
#include "base/check.h"

#include <math.h>

#define F32_BYTES 4
#define KV_BYTES  2 /* caches are f16 */

static uint64_t weight_bytes(const az_graph *g, const az_cost_in *in, int weight, int64_t rows)
{
    const az_graph_weight *w = &g->weights[weight];
    uint64_t row = 0;

    if (!az_type_row_bytes(in->type_of(in->user, w->name), (uint64_t)w->cols, &row)) return 0;
    return row * (uint64_t)rows;
}

/* Experts that so many tokens are expected to take, if all are as likely. */
static double expected_experts(const az_node *n, double rows)
{
    double share = (double)n->slots / n->n_experts;

    return rows <= 1 ? rows * n->slots : n->n_experts * (1 - pow(1 - share, rows));
}

/* Pairs (query, key) that attention looks at: sum over queries of the keys within the window. */
static double attended(const az_graph_state *s, int64_t first, int64_t rows, int64_t n_past)
{
    double sum = 0;

    for (int64_t i = 0; i < rows; i++) {
        int64_t keys = n_past + first + i + 1;
        if (s->window && keys > s->window) keys = s->window;
        sum += (double)keys;
    }
    return sum;
}

/* Keys or values that one call reads of a cache, each counted once: prefill reuses them from cache memory. */
static uint64_t kept(const az_graph_state *s, int64_t first, int64_t rows, int64_t n_past)
{
    int64_t n = n_past + first + rows;

    if (rows == 0) return 0;
    if (s->window && n > s->window + rows - 1) n = s->window + rows - 1;
    return (uint64_t)n;
}

static void linear_cost(const az_graph *g, const az_cost_in *in, const az_node *n, double rows,
                        az_op_cost *c)
{
    const az_graph_weight *w = &g->weights[n->weight[0]];
    bool quantized = az_type_get(in->type_of(in->user, w->name))->quantized;

    if (rows == 0) return;
    c->weight_bytes += weight_bytes(g, in, n->weight[0], w->rows);
    if (n->weight[1] >= 0) c->weight_bytes += weight_bytes(g, in, n->weight[1], 1);
    c->flops[quantized ? AZ_ARITH_INT8 : AZ_ARITH_F32] +=
        2.0 * rows * (double)w->rows * (double)w->cols;
}

static void experts_cost(const az_graph *g, const az_cost_in *in, const az_node *n, double rows,
                         az_op_cost *c)
{
    const az_graph_weight *w = &g->weights[n->weight[0]];
    bool quantized = az_type_get(in->type_of(in->user, w->name))->quantized;
    double experts = expected_experts(n, rows);

    c->weight_bytes += (uint64_t)((double)weight_bytes(g, in, n->weight[0], n->width) * experts);
    if (n->weight[1] >= 0)
        c->weight_bytes += (uint64_t)((double)weight_bytes(g, in, n->weight[1], 1) * experts);
    c->flops[quantized ? AZ_ARITH_INT8 : AZ_ARITH_F32] +=
        2.0 * rows * n->slots * (double)n->width * (double)w->cols;
}

static void conv_cost(const az_graph *g, const az_cost_in *in, const az_node *n, int64_t rows,
                      az_op_cost *c)
{
    const az_graph_state *s = &g->states[n->state];

    c->weight_bytes += weight_bytes(g, in, n->weight[0], s->width);
    c->state_bytes += (uint64_t)(2 * (s->taps - 1) * s->width) * F32_BYTES;
    c->flops[AZ_ARITH_F32] += (2.0 * (double)s->taps + 2) * (double)rows * (double)s->width;
}

static void attention_cost(const az_graph *g, const az_cost_in *in, const az_node *n, int64_t rows,
                           az_op_cost *c)
{
    const az_graph_state *s = &g->states[n->state];
    int64_t first = in->n_tokens - rows;
    uint64_t token = 2u * (uint64_t)s->n_kv_heads * (uint64_t)s->head_dim * KV_BYTES;

    c->state_bytes += token * ((uint64_t)in->n_tokens + kept(s, first, rows, in->n_past));
    c->flops[AZ_ARITH_F32] += 4.0 * n->n_heads * n->head_dim * attended(s, first, rows, in->n_past);
}

/* Floats of a value that belong to one token. */
static int64_t width_of(const az_graph *g, int value)
{
    const az_node *n = &g->nodes[value];

    return n->op == AZ_OP_ROUTER ? 2 * n->slots : n->width * (n->slots ? n->slots : 1);
}

static void node_cost(const az_graph *g, const az_cost_in *in, const az_node *n, az_op_cost *c)
{
    int64_t rows = n->last_only ? in->n_logits : in->n_tokens;
    double elems = (double)rows * (double)n->width;

    if (n->op == AZ_OP_CONV) rows = in->n_tokens; /* its state takes them all */
    c->nodes++;
    for (int i = 0; i < 3 && n->op != AZ_OP_SLICE; i++)
        if (n->in[i] >= 0) c->value_bytes += (uint64_t)(rows * width_of(g, n->in[i])) * F32_BYTES;
    if (n->op != AZ_OP_SLICE)
        c->value_bytes += (uint64_t)(rows * n->width * (n->slots ? n->slots : 1)) * F32_BYTES;
    if (n->op == AZ_OP_ACTIVATION && n->slots) elems *= n->slots;
    switch (n->op) {
    case AZ_OP_EMBED: c->weight_bytes += weight_bytes(g, in, n->weight[0], rows); break;
    case AZ_OP_NORM:
        if (rows) c->weight_bytes += weight_bytes(g, in, n->weight[0], 1);
        if (rows && n->weight[1] >= 0) c->weight_bytes += weight_bytes(g, in, n->weight[1], 1);
        c->flops[AZ_ARITH_F32] += 4 * elems;
        break;
    case AZ_OP_LINEAR: linear_cost(g, in, n, (double)rows, c); break;
    case AZ_OP_ROPE: c->flops[AZ_ARITH_F32] += 3 * elems; break;
    case AZ_OP_ATTENTION: attention_cost(g, in, n, rows, c); break;
    case AZ_OP_ACTIVATION: c->flops[AZ_ARITH_F32] += 10 * elems; break;
    case AZ_OP_POOL:
    case AZ_OP_ADD: c->flops[AZ_ARITH_F32] += elems; break;
    case AZ_OP_ROUTER: c->flops[AZ_ARITH_F32] += (4.0 + n->slots) * elems; break;
    case AZ_OP_EXPERTS: experts_cost(g, in, n, (double)rows, c); break;
    case AZ_OP_MIX: c->flops[AZ_ARITH_F32] += 2 * elems * g->nodes[n->in[0]].slots; break;
    case AZ_OP_CONV: conv_cost(g, in, n, rows, c); break;
    case AZ_OP_SLICE:
    case AZ_OP_COUNT: break;
    }
}

static void add_cost(az_op_cost *to, const az_op_cost *from)
{
    to->nodes += from->nodes;
    to->weight_bytes += from->weight_bytes;
    to->state_bytes += from->state_bytes;
    to->value_bytes += from->value_bytes;
    for (int i = 0; i < AZ_ARITH_COUNT; i++)
        to->flops[i] += from->flops[i];
}

void az_graph_cost(const az_graph *g, const az_cost_in *in, az_cost *out)
{
    *out = (az_cost){ 0 };
    for (int i = 0; i < g->n_nodes; i++) {
        az_op_cost c = { 0 };
        node_cost(g, in, &g->nodes[i], &c);
        add_cost(&out->op[g->nodes[i].op], &c);
        add_cost(&out->all, &c);
    }
}

bool az_graph_weight_bytes(const az_graph *g, const az_cost_in *in, uint64_t *bytes)
{
    *bytes = 0;
    for (int i = 0; i < g->n_weights; i++) {
        const az_graph_weight *w = &g->weights[i];
        uint64_t row, all;
        if (!az_type_row_bytes(in->type_of(in->user, w->name), (uint64_t)w->cols, &row) ||
            !az_mul_u64(row, (uint64_t)w->rows, &all) || !az_add_u64(*bytes, all, bytes))
            return false;
    }
    return true;
}

uint64_t az_graph_state_bytes_per_token(const az_graph *g)
{
    uint64_t n = 0;

    for (int i = 0; i < g->n_states; i++)
        if (g->states[i].kind == AZ_STATE_KV)
            n +=
                2u * (uint64_t)g->states[i].n_kv_heads * (uint64_t)g->states[i].head_dim * KV_BYTES;
    return n;
}

uint64_t az_graph_state_bytes(const az_graph *g, int64_t context)
{
    uint64_t n = az_graph_state_bytes_per_token(g) * (uint64_t)context;

    for (int i = 0; i < g->n_states; i++)
        if (g->states[i].kind == AZ_STATE_CONV)
            n += (uint64_t)((g->states[i].taps - 1) * g->states[i].width) * F32_BYTES;
    return n;
}
