/* Building a graph: append nodes, weights and states, check widths, work out which rows are needed.
 *
 * Failure is sticky: after it every builder returns -1 and accepts -1, and az_graph_status tells why.
 */
#include "graph/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *az_op_name(az_op op)
{
    static const char *const names[AZ_OP_COUNT] = {
        [AZ_OP_EMBED] = "embed",       [AZ_OP_NORM_RMS] = "norm", [AZ_OP_LINEAR] = "linear",
        [AZ_OP_SLICE] = "slice",       [AZ_OP_ROPE] = "rope",     [AZ_OP_ATTENTION] = "attention",
        [AZ_OP_SILU_MUL] = "silu_mul", [AZ_OP_ADD] = "add",
    };

    return (unsigned)op < AZ_OP_COUNT ? names[op] : "?";
}

void az_graph_init(az_graph *g, az_arena *arena, const az_config *c)
{
    *g = (az_graph){ .arena = arena, .config = c, .output = -1 };
}

static int fail(az_graph *g, const char *fmt, ...) AZ_PRINTF(2, 3);
static int fail(az_graph *g, const char *fmt, ...)
{
    va_list ap;

    if (g->failed) return -1;
    g->failed = true;
    va_start(ap, fmt);
    vsnprintf(g->why, sizeof g->why, fmt, ap);
    va_end(ap);
    return -1;
}

/* One more element at the end of a list; the old array stays in the arena. NULL: failed. */
static void *grow(az_graph *g, void *items, int n, int *cap, size_t size)
{
    int more = *cap ? *cap * 2 : 64;
    void *p;

    if (g->failed) return NULL;
    if (n < *cap) return items;
    p = az_arena_array(g->arena, (size_t)more, size);
    if (!p) {
        fail(g, "out of memory");
        return NULL;
    }
    if (n) memcpy(p, items, (size_t)n * size);
    *cap = more;
    return p;
}

int az_graph_weight_at(az_graph *g, int64_t rows, int64_t cols, const char *fmt, ...)
{
    char name[96];
    az_graph_weight *w;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    if (rows < 1 || cols < 1) return fail(g, "weight %s has no elements", name);
    w = grow(g, g->weights, g->n_weights, &g->cap_weights, sizeof *w);
    if (!w) return -1;
    g->weights = w;
    w += g->n_weights;
    *w = (az_graph_weight){ az_arena_strdup(g->arena, name), rows, cols, false };
    if (!w->name) return fail(g, "out of memory");
    return g->n_weights++;
}

int az_graph_state_kv(az_graph *g, int layer, int n_kv_heads, int head_dim, int64_t window)
{
    az_graph_state *s = grow(g, g->states, g->n_states, &g->cap_states, sizeof *s);

    if (!s) return -1;
    g->states = s;
    s[g->n_states] = (az_graph_state){ AZ_STATE_KV, layer, n_kv_heads, head_dim, window };
    return g->n_states++;
}

static int add_node(az_graph *g, az_node node)
{
    az_node *n = grow(g, g->nodes, g->n_nodes, &g->cap_nodes, sizeof *n);

    if (!n) return -1;
    g->nodes = n;
    n[g->n_nodes] = node;
    return g->n_nodes++;
}

/* A node without inputs, weights or state. */
static az_node blank(az_op op, int layer, int64_t width)
{
    return (az_node){ .op = op,
                      .layer = layer,
                      .in = { -1, -1, -1 },
                      .weight = { -1, -1 },
                      .state = -1,
                      .width = width };
}

static bool has(az_graph *g, int value)
{
    if (!g->failed && (value < 0 || value >= g->n_nodes)) fail(g, "node %d is not there", value);
    return !g->failed;
}

static bool has_weight(az_graph *g, int weight)
{
    if (!g->failed && (weight < 0 || weight >= g->n_weights))
        fail(g, "weight %d is not there", weight);
    return !g->failed;
}

int az_graph_embed(az_graph *g, int weight)
{
    az_node n;

    if (!has_weight(g, weight)) return -1;
    n = blank(AZ_OP_EMBED, -1, g->weights[weight].cols);
    n.weight[0] = weight;
    return add_node(g, n);
}

int az_graph_norm_rms(az_graph *g, int layer, int x, int weight, double eps)
{
    az_node n;

    if (!has(g, x) || !has_weight(g, weight)) return -1;
    if (g->weights[weight].cols != g->nodes[x].width || g->weights[weight].rows != 1)
        return fail(g, "%s does not fit a value of width %lld", g->weights[weight].name,
                    (long long)g->nodes[x].width);
    n = blank(AZ_OP_NORM_RMS, layer, g->nodes[x].width);
    n.in[0] = x;
    n.weight[0] = weight;
    n.eps = (float)eps;
    return add_node(g, n);
}

int az_graph_linear(az_graph *g, int layer, int x, int weight, int bias)
{
    const az_graph_weight *w;
    az_node n;

    if (!has(g, x) || !has_weight(g, weight) || (bias >= 0 && !has_weight(g, bias))) return -1;
    w = &g->weights[weight];
    if (w->cols != g->nodes[x].width)
        return fail(g, "%s [%lld, %lld] does not fit a value of width %lld", w->name,
                    (long long)w->rows, (long long)w->cols, (long long)g->nodes[x].width);
    if (bias >= 0 && (g->weights[bias].cols != w->rows || g->weights[bias].rows != 1))
        return fail(g, "%s does not fit %s", g->weights[bias].name, w->name);
    n = blank(AZ_OP_LINEAR, layer, w->rows);
    n.in[0] = x;
    n.weight[0] = weight;
    n.weight[1] = bias;
    return add_node(g, n);
}

int az_graph_slice(az_graph *g, int layer, int x, int64_t at, int64_t width)
{
    az_node n;

    if (!has(g, x)) return -1;
    if (at < 0 || width < 1 || at > g->nodes[x].width || width > g->nodes[x].width - at)
        return fail(g, "slice [%lld, +%lld) of a value of width %lld", (long long)at,
                    (long long)width, (long long)g->nodes[x].width);
    n = blank(AZ_OP_SLICE, layer, width);
    n.in[0] = x;
    n.slice_at = at;
    return add_node(g, n);
}

int az_graph_rope(az_graph *g, int layer, int x, int n_heads, int head_dim)
{
    az_node n;

    if (!has(g, x)) return -1;
    if ((int64_t)n_heads * head_dim != g->nodes[x].width)
        return fail(g, "%d heads of %d do not fit a value of width %lld", n_heads, head_dim,
                    (long long)g->nodes[x].width);
    n = blank(AZ_OP_ROPE, layer, g->nodes[x].width);
    n.in[0] = x;
    n.n_heads = n_heads;
    n.head_dim = head_dim;
    return add_node(g, n);
}

int az_graph_attention(az_graph *g, int layer, int q, int k, int v, int state, int n_heads,
                       double scale)
{
    const az_graph_state *s;
    int64_t kv_width;
    az_node n;

    if (!has(g, q) || !has(g, k) || !has(g, v)) return -1;
    if (state < 0 || state >= g->n_states) return fail(g, "state %d is not there", state);
    s = &g->states[state];
    kv_width = (int64_t)s->n_kv_heads * s->head_dim;
    if (g->nodes[q].width != (int64_t)n_heads * s->head_dim || g->nodes[k].width != kv_width ||
        g->nodes[v].width != kv_width || n_heads % s->n_kv_heads)
        return fail(g, "attention of layer %d: %d query heads, %d key heads of %d do not fit",
                    layer, n_heads, s->n_kv_heads, s->head_dim);
    n = blank(AZ_OP_ATTENTION, layer, g->nodes[q].width);
    n.in[0] = q;
    n.in[1] = k;
    n.in[2] = v;
    n.state = state;
    n.n_heads = n_heads;
    n.n_kv_heads = s->n_kv_heads;
    n.head_dim = s->head_dim;
    n.scale = scale;
    return add_node(g, n);
}

static int pair(az_graph *g, az_op op, int layer, int a, int b)
{
    az_node n;

    if (!has(g, a) || !has(g, b)) return -1;
    if (g->nodes[a].width != g->nodes[b].width)
        return fail(g, "%s of widths %lld and %lld", az_op_name(op), (long long)g->nodes[a].width,
                    (long long)g->nodes[b].width);
    n = blank(op, layer, g->nodes[a].width);
    n.in[0] = a;
    n.in[1] = b;
    return add_node(g, n);
}

int az_graph_silu_mul(az_graph *g, int layer, int gate, int up)
{
    return pair(g, AZ_OP_SILU_MUL, layer, gate, up);
}

int az_graph_add(az_graph *g, int layer, int a, int b)
{
    return pair(g, AZ_OP_ADD, layer, a, b);
}

/* Every row of a value is needed when attention stores it, or when all rows of a value made of it are. */
void az_graph_output(az_graph *g, int value)
{
    if (!has(g, value)) return;
    g->output = value;
    for (int i = 0; i < g->n_nodes; i++)
        g->nodes[i].last_only = true;
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        const az_node *n = &g->nodes[i];
        for (int j = 0; j < 3; j++)
            if (n->in[j] >= 0 && (!n->last_only || (n->op == AZ_OP_ATTENTION && j > 0)))
                g->nodes[n->in[j]].last_only = false;
    }
}

adze_status az_graph_status(const az_graph *g, adze_error *err)
{
    if (g->failed && strcmp(g->why, "out of memory") == 0)
        return az_fail_nomem(err, "building the graph");
    if (g->failed) return az_fail(err, ADZE_EFORMAT, NULL, ADZE_NOPOS, "%s", g->why);
    if (g->output < 0)
        return az_fail(err, ADZE_EFORMAT, NULL, ADZE_NOPOS, "the graph has no output");
    return ADZE_OK;
}
