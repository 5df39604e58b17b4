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
        [AZ_OP_EMBED] = "embed",
        [AZ_OP_NORM] = "norm",
        [AZ_OP_LINEAR] = "linear",
        [AZ_OP_SLICE] = "slice",
        [AZ_OP_ROPE] = "rope",
        [AZ_OP_ATTENTION] = "attention",
        [AZ_OP_ACTIVATION] = "activation",
        [AZ_OP_ADD] = "add",
        [AZ_OP_ROUTER] = "router",
        [AZ_OP_EXPERTS] = "experts",
        [AZ_OP_MIX] = "mix",
        [AZ_OP_CONV] = "conv",
        [AZ_OP_POOL] = "pool",
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

static int add_weight(az_graph *g, az_graph_weight from, const char *fmt, va_list ap)
{
    char name[96];
    az_graph_weight *w;

    vsnprintf(name, sizeof name, fmt, ap);
    if (from.rows < 1 || from.cols < 1) return fail(g, "weight %s has no elements", name);
    w = grow(g, g->weights, g->n_weights, &g->cap_weights, sizeof *w);
    if (!w) return -1;
    g->weights = w;
    w += g->n_weights;
    *w = from;
    w->name = az_arena_strdup(g->arena, name);
    if (!w->name) return fail(g, "out of memory");
    return g->n_weights++;
}

int az_graph_weight_at(az_graph *g, int64_t rows, int64_t cols, const char *fmt, ...)
{
    va_list ap;
    int i;

    va_start(ap, fmt);
    i = add_weight(g, (az_graph_weight){ .rows = rows, .cols = cols }, fmt, ap);
    va_end(ap);
    return i;
}

int az_graph_experts_at(az_graph *g, int experts, int64_t rows, int64_t cols, const char *fmt, ...)
{
    va_list ap;
    int i;

    if (experts < 1) return fail(g, "a mixture of %d experts", experts);
    va_start(ap, fmt);
    i = add_weight(g, (az_graph_weight){ .rows = rows * experts, .cols = cols, .experts = experts },
                   fmt, ap);
    va_end(ap);
    return i;
}

const az_state_traits *az_state_traits_of(az_state_kind kind)
{
    static const az_state_traits traits[] = {
        [AZ_STATE_KV] = { "kv", true, true },
        [AZ_STATE_CONV] = { "conv", false, false },
    };

    return &traits[kind];
}

static int add_state(az_graph *g, az_graph_state from)
{
    az_graph_state *s = grow(g, g->states, g->n_states, &g->cap_states, sizeof *s);

    if (!s) return -1;
    g->states = s;
    s[g->n_states] = from;
    return g->n_states++;
}

int az_graph_state_kv(az_graph *g, int layer, int n_kv_heads, int head_dim, int64_t window)
{
    return add_state(g, (az_graph_state){ .kind = AZ_STATE_KV,
                                          .layer = layer,
                                          .n_kv_heads = n_kv_heads,
                                          .head_dim = head_dim,
                                          .window = window });
}

int az_graph_state_conv(az_graph *g, int layer, int64_t taps, int64_t width)
{
    if (taps < 2 || width < 1) return fail(g, "a convolution of %lld taps", (long long)taps);
    return add_state(g, (az_graph_state){
                            .kind = AZ_STATE_CONV, .layer = layer, .taps = taps, .width = width });
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
                      .width = width,
                      .scale = 1 };
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

/* A weight used by element; false once the graph has failed. */
static bool take_vector(az_graph *g, int weight)
{
    if (!has_weight(g, weight)) return false;
    g->weights[weight].vector = true;
    return true;
}

int az_graph_embed(az_graph *g, int weight, az_embed_by by, double scale)
{
    az_node n;

    if (!has_weight(g, weight)) return -1;
    n = blank(AZ_OP_EMBED, -1, g->weights[weight].cols);
    n.weight[0] = weight;
    n.by = by;
    n.scale = scale;
    return add_node(g, n);
}

int az_graph_norm(az_graph *g, int layer, int x, az_norm_type kind, int weight, int bias,
                  double eps)
{
    const az_graph_weight *w;
    az_node n;

    if (!has(g, x) || !take_vector(g, weight) || (bias >= 0 && !take_vector(g, bias))) return -1;
    w = &g->weights[weight];
    if (w->rows != 1 || g->nodes[x].width % w->cols || w->cols > INT32_MAX ||
        (bias >= 0 && (g->weights[bias].rows != 1 || g->weights[bias].cols != w->cols)))
        return fail(g, "%s does not fit a value of width %lld", w->name,
                    (long long)g->nodes[x].width);
    if ((kind == AZ_NORM_LAYER) != (bias >= 0)) return fail(g, "%s and its bias", w->name);
    n = blank(AZ_OP_NORM, layer, g->nodes[x].width);
    n.in[0] = x;
    n.weight[0] = weight;
    n.weight[1] = bias;
    n.norm = kind;
    n.head_dim = (int)w->cols;
    n.eps = (float)eps;
    return add_node(g, n);
}

int az_graph_linear(az_graph *g, int layer, int x, int weight, int bias)
{
    const az_graph_weight *w;
    az_node n;

    if (!has(g, x) || !has_weight(g, weight) || (bias >= 0 && !take_vector(g, bias))) return -1;
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

int az_graph_rope(az_graph *g, int layer, int x, int n_heads, int head_dim, bool sliding)
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
    n.sliding = sliding;
    return add_node(g, n);
}

int az_graph_attention(az_graph *g, int layer, int q, int k, int v, int state, int n_heads,
                       double scale)
{
    const az_graph_state *s;
    int64_t kv_width;
    az_node n;

    if (!has(g, q) || !has(g, k) || !has(g, v)) return -1;
    if (state < 0 || state >= g->n_states || g->states[state].kind != AZ_STATE_KV)
        return fail(g, "state %d is not there", state);
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

void az_graph_sinks(az_graph *g, int weight)
{
    az_node *n = az_graph_last(g);

    if (!n || !take_vector(g, weight)) return;
    if (n->op != AZ_OP_ATTENTION || g->weights[weight].rows != 1 ||
        g->weights[weight].cols != n->n_heads)
        fail(g, "%s does not fit its attention", g->weights[weight].name);
    n->weight[0] = weight;
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

int az_graph_activation(az_graph *g, int layer, az_activation kind, int gate, int up)
{
    int i = pair(g, AZ_OP_ACTIVATION, layer, gate, up < 0 ? gate : up);

    if (i < 0) return i;
    if (up >= 0 && g->nodes[gate].slots != g->nodes[up].slots)
        return fail(g, "an activation of values with different rows");
    if (up < 0) g->nodes[i].in[1] = -1;
    g->nodes[i].activation = kind;
    g->nodes[i].slots = g->nodes[gate].slots;
    return i;
}

int az_graph_add(az_graph *g, int layer, int a, int b, double scale)
{
    int i = pair(g, AZ_OP_ADD, layer, a, b);

    if (i >= 0) g->nodes[i].scale = scale;
    return i;
}

int az_graph_router(az_graph *g, int layer, int logits, az_router kind, int n_used, double jitter)
{
    az_node n;

    if (!has(g, logits)) return -1;
    if (n_used < 1 || n_used > g->nodes[logits].width || g->nodes[logits].width > AZ_MAX_EXPERTS ||
        (kind == AZ_ROUTER_SPARSEMIXER && n_used != 2))
        return fail(g, "a router that takes %d of %lld experts", n_used,
                    (long long)g->nodes[logits].width);
    n = blank(AZ_OP_ROUTER, layer, g->nodes[logits].width);
    n.in[0] = logits;
    n.router = kind;
    n.n_experts = (int)n.width;
    n.slots = n_used;
    n.eps = (float)jitter;
    return add_node(g, n);
}

static bool is_router(az_graph *g, int router)
{
    if (!has(g, router)) return false;
    if (g->nodes[router].op != AZ_OP_ROUTER) fail(g, "experts without a router");
    return !g->failed;
}

int az_graph_experts(az_graph *g, int layer, int x, int router, int weight, int bias)
{
    const az_graph_weight *w;
    const az_node *r;
    az_node n;

    if (!has(g, x) || !is_router(g, router) || !has_weight(g, weight) ||
        (bias >= 0 && !take_vector(g, bias)))
        return -1;
    w = &g->weights[weight];
    r = &g->nodes[router];
    if (w->cols != g->nodes[x].width || w->experts != r->n_experts ||
        (g->nodes[x].slots && g->nodes[x].slots != r->slots) ||
        (bias >= 0 &&
         (g->weights[bias].experts != w->experts || g->weights[bias].cols != w->rows / w->experts)))
        return fail(g, "%s does not fit its router or a value of width %lld", w->name,
                    (long long)g->nodes[x].width);
    n = blank(AZ_OP_EXPERTS, layer, w->rows / w->experts);
    n.in[0] = x;
    n.in[1] = router;
    n.weight[0] = weight;
    n.weight[1] = bias;
    n.n_experts = w->experts;
    n.slots = r->slots;
    return add_node(g, n);
}

int az_graph_mix(az_graph *g, int layer, int x, int router)
{
    az_node n;

    if (!has(g, x) || !is_router(g, router)) return -1;
    if (g->nodes[x].slots != g->nodes[router].slots)
        return fail(g, "a mixture of what no router chose");
    n = blank(AZ_OP_MIX, layer, g->nodes[x].width);
    n.in[0] = x;
    n.in[1] = router;
    return add_node(g, n);
}

int az_graph_conv(az_graph *g, int layer, int x, int state, int weight, int bias)
{
    const az_graph_state *s;
    az_node n;

    if (!has(g, x) || !take_vector(g, weight) || (bias >= 0 && !take_vector(g, bias))) return -1;
    if (state < 0 || state >= g->n_states || g->states[state].kind != AZ_STATE_CONV)
        return fail(g, "state %d is not there", state);
    s = &g->states[state];
    if (g->nodes[x].width != 3 * s->width || g->weights[weight].rows != s->width ||
        g->weights[weight].cols != s->taps ||
        (bias >= 0 && (g->weights[bias].rows != 1 || g->weights[bias].cols != s->width)))
        return fail(g, "%s does not fit its convolution", g->weights[weight].name);
    n = blank(AZ_OP_CONV, layer, s->width);
    n.in[0] = x;
    n.weight[0] = weight;
    n.weight[1] = bias;
    n.state = state;
    return add_node(g, n);
}

int az_graph_pool(az_graph *g, int x, az_pooling kind, bool normalize)
{
    az_node n;

    if (!has(g, x)) return -1;
    n = blank(AZ_OP_POOL, -1, g->nodes[x].width);
    n.in[0] = x;
    n.pooling = kind;
    n.normalize = normalize;
    return add_node(g, n);
}

az_node *az_graph_last(az_graph *g)
{
    return g->failed || !g->n_nodes ? NULL : &g->nodes[g->n_nodes - 1];
}

/* Which inputs of a node are needed for all rows even where only some of its own are. */
static bool reads_all(const az_node *n, int j)
{
    return (n->op == AZ_OP_ATTENTION && j > 0) || n->op == AZ_OP_CONV || n->op == AZ_OP_POOL ||
           n->everywhere;
}

/* Every row of a value is needed when a state stores it, or when all rows of a value made of it are. */
void az_graph_output(az_graph *g, int value)
{
    if (!has(g, value)) return;
    g->output = value;
    for (int i = 0; i < g->n_nodes; i++)
        g->nodes[i].last_only = true;
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        const az_node *n = &g->nodes[i];
        for (int j = 0; j < 3; j++)
            if (n->in[j] >= 0 && (!n->last_only || reads_all(n, j)))
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
