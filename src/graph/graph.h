/* The graph of an architecture: about twenty coarse operators over values of shape [tokens, width], and the
 * states (caches) they read and write. Everything is derived from it: the engine runs it, the cost model
 * walks it, the profiler reports against its nodes.
 *
 * Values are numbered in order of creation; each node makes one value. Nodes are in execution order.
 */
#ifndef AZ_GRAPH_GRAPH_H
#define AZ_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "core/config.h"
#include "core/type.h"

typedef enum az_op {
    AZ_OP_EMBED,     /* token ids -> rows of weight[0] */
    AZ_OP_NORM_RMS,  /* in[0] normalized, times weight[0] */
    AZ_OP_LINEAR,    /* in[0] * weight[0]^T (+ weight[1] as bias) */
    AZ_OP_SLICE,     /* columns [slice_at, slice_at + width) of in[0] */
    AZ_OP_ROPE,      /* rotate heads of in[0] by position */
    AZ_OP_ATTENTION, /* q = in[0], k = in[1], v = in[2]; appends k, v to `state` */
    AZ_OP_SILU_MUL,  /* silu(in[0]) * in[1] */
    AZ_OP_ADD,       /* in[0] + in[1] */
    AZ_OP_COUNT
} az_op;

const char *az_op_name(az_op op); /* "linear", ... */

/* A weight that the graph reads, by canonical name. */
typedef struct az_graph_weight {
    const char *name;   /* "blk.0.attn_q.weight" */
    int64_t rows, cols; /* [rows][cols]; a vector has rows 1 */
    bool optional;
} az_graph_weight;

/* A state object: what a sequence must keep. */
typedef enum az_state_kind { AZ_STATE_KV } az_state_kind;
typedef struct az_graph_state {
    az_state_kind kind;
    int layer;
    int n_kv_heads, head_dim;
    int64_t window; /* 0: everything is kept; else only the last `window` tokens are read */
} az_graph_state;

typedef struct az_node {
    az_op op;
    int layer;     /* -1 outside the layers */
    int in[3];     /* values, -1 for none */
    int weight[2]; /* weights, -1 for none */
    int state;     /* -1 for none */
    int64_t width; /* columns of the value it makes */
    int64_t slice_at;
    int n_heads, n_kv_heads, head_dim; /* rope, attention */
    double scale;                      /* attention */
    float eps;                         /* norm */
    bool last_only; /* only the rows whose logits are wanted are needed of this value */
} az_node;

typedef struct az_graph {
    az_arena *arena;
    const az_config *config;
    az_node *nodes;
    int n_nodes, cap_nodes;
    az_graph_weight *weights;
    int n_weights, cap_weights;
    az_graph_state *states;
    int n_states, cap_states;
    int output;  /* value that holds the logits */
    bool failed; /* out of memory or a width that does not match; sticky */
    char why[160];
} az_graph;

/* Builders. Each returns the index of what it adds, or -1 once the graph has failed (out of memory, or
 * widths that do not match), so that an architecture reads straight down and tests g->failed at the end. */
void az_graph_init(az_graph *g, az_arena *arena, const az_config *c);
/* Declare a weight, once; fmt: like "blk.%d.attn_q.weight". Its index may be used by several nodes. */
int az_graph_weight_at(az_graph *g, int64_t rows, int64_t cols, const char *fmt, ...)
    AZ_PRINTF(4, 5);
int az_graph_state_kv(az_graph *g, int layer, int n_kv_heads, int head_dim, int64_t window);
int az_graph_embed(az_graph *g, int weight);
int az_graph_norm_rms(az_graph *g, int layer, int x, int weight, double eps);
int az_graph_linear(az_graph *g, int layer, int x, int weight, int bias); /* bias: -1 for none */
int az_graph_slice(az_graph *g, int layer, int x, int64_t at, int64_t width);
int az_graph_rope(az_graph *g, int layer, int x, int n_heads, int head_dim);
int az_graph_attention(az_graph *g, int layer, int q, int k, int v, int state, int n_heads,
                       double scale);
int az_graph_silu_mul(az_graph *g, int layer, int gate, int up);
int az_graph_add(az_graph *g, int layer, int a, int b);
/* Name the value that holds the logits and work out which nodes need only the wanted rows. */
void az_graph_output(az_graph *g, int value);
/* ADZE_OK, or why the graph failed. */
adze_status az_graph_status(const az_graph *g, adze_error *err);

#endif
