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
    bool last_only; /* only the rows whose logits are wanted are needed from here on */
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

#endif
