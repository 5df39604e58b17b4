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

enum { AZ_MAX_EXPERTS = 1024 };

typedef enum az_op {
    AZ_OP_EMBED,     /* rows of weight[0] by token, position or type, times scale */
    AZ_OP_NORM,      /* in[0] normalized in groups of head_dim, times weight[0] (+ weight[1]) */
    AZ_OP_LINEAR,    /* in[0] * weight[0]^T (+ weight[1] as bias), scaled, softcapped */
    AZ_OP_SLICE,     /* columns [slice_at, slice_at + width) of in[0] */
    AZ_OP_ROPE,      /* rotate heads of in[0] by position */
    AZ_OP_ATTENTION, /* q = in[0], k = in[1], v = in[2]; appends k, v to `state`; weight[0]: sinks */
    AZ_OP_ACTIVATION, /* act(in[0]), times in[1] if there is one */
    AZ_OP_ADD,        /* in[0] + scale * in[1] */
    AZ_OP_ROUTER,     /* logits in[0] -> for each token `slots` experts and their weights */
    AZ_OP_EXPERTS,    /* as linear, with each expert's own part of the weights: in[1] a router */
    AZ_OP_MIX,        /* what the experts made (in[0]) summed by the router's (in[1]) weights */
    AZ_OP_CONV,       /* in[0] = B, C, x: C * (causal taps weight[0] over B * x, + weight[1]) */
    AZ_OP_POOL,       /* rows of a sequence to one */
    AZ_OP_COUNT
} az_op;

const char *az_op_name(az_op op); /* "linear", ... */

typedef enum az_embed_by { AZ_EMBED_TOKEN, AZ_EMBED_POSITION, AZ_EMBED_TYPE } az_embed_by;

/* A weight that the graph reads, by canonical name. */
typedef struct az_graph_weight {
    const char *name;   /* "blk.0.attn_q.weight" */
    int64_t rows, cols; /* [rows][cols]; a vector has rows 1 */
    int experts;        /* > 0: rows are so many equal parts, one for each expert */
    bool vector;        /* used by element (norms, biases): small, and f32 in every file */
} az_graph_weight;

/* A state object: what a sequence must keep. */
typedef enum az_state_kind {
    AZ_STATE_KV,  /* keys and values of every token */
    AZ_STATE_CONV /* the last `taps` inputs of a convolution, before the next token */
} az_state_kind;
typedef struct az_graph_state {
    az_state_kind kind;
    int layer;
    int n_kv_heads, head_dim;
    int64_t window; /* 0: everything is kept; else only the last `window` tokens are read */
    int64_t taps, width;
} az_graph_state;

/* What may be done with a state once tokens have gone through it. */
typedef struct az_state_traits {
    const char *name;
    bool
        by_token; /* grows with the sequence, and can be cut after any token (rolled back, sliced) */
    bool shareable; /* the part of a common prefix serves several sequences */
} az_state_traits;
const az_state_traits *az_state_traits_of(az_state_kind kind);

typedef struct az_node {
    az_op op;
    int layer;     /* -1 outside the layers */
    int in[3];     /* values, -1 for none */
    int weight[2]; /* weights, -1 for none */
    int state;     /* -1 for none */
    int64_t width; /* columns of the value it makes */
    int64_t slice_at;
    int n_heads, n_kv_heads, head_dim; /* rope, attention; head_dim: a norm's group */
    double scale;                      /* attention: of q.k; embed, linear, add: 1 for none */
    double softcap, clamp;             /* of scores or results; 0: none */
    float eps;                         /* norm */
    az_norm_type norm;
    az_activation activation;
    az_embed_by by;
    bool sliding;    /* rope: the table of layers that slide */
    bool everywhere; /* attention: every token of the sequence, later ones too */
    az_router router;
    int n_experts;
    int slots; /* router, experts and what follows: rows of the value for each token; 0: one */
    az_pooling pooling;
    bool normalize;
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
/* The same for `experts` stacked matrices of rows x cols; 1 row: stacked biases. */
int az_graph_experts_at(az_graph *g, int experts, int64_t rows, int64_t cols, const char *fmt, ...)
    AZ_PRINTF(5, 6);
int az_graph_state_kv(az_graph *g, int layer, int n_kv_heads, int head_dim, int64_t window);
int az_graph_state_conv(az_graph *g, int layer, int64_t taps, int64_t width);
int az_graph_embed(az_graph *g, int weight, az_embed_by by, double scale);
/* RMS without bias, or layer norm with one; in groups of as many columns as the weight has. */
int az_graph_norm(az_graph *g, int layer, int x, az_norm_type kind, int weight, int bias,
                  double eps);
int az_graph_linear(az_graph *g, int layer, int x, int weight, int bias); /* bias: -1 for none */
int az_graph_slice(az_graph *g, int layer, int x, int64_t at, int64_t width);
int az_graph_rope(az_graph *g, int layer, int x, int n_heads, int head_dim, bool sliding);
int az_graph_attention(az_graph *g, int layer, int q, int k, int v, int state, int n_heads,
                       double scale);
/* One score for each head [n_heads] that belongs to no token, for the attention added last. */
void az_graph_sinks(az_graph *g, int weight);
int az_graph_activation(az_graph *g, int layer, az_activation kind, int gate,
                        int up); /* up: or -1 */
int az_graph_add(az_graph *g, int layer, int a, int b, double scale);
int az_graph_router(az_graph *g, int layer, int logits, az_router kind, int n_used, double jitter);
int az_graph_experts(az_graph *g, int layer, int x, int router, int weight, int bias);
int az_graph_mix(az_graph *g, int layer, int x, int router);
int az_graph_conv(az_graph *g, int layer, int x, int state, int weight, int bias);
int az_graph_pool(az_graph *g, int x, az_pooling kind, bool normalize);
/* The last node added, to set what its builder leaves neutral (scale, softcap, clamp); NULL once failed. */
az_node *az_graph_last(az_graph *g);
/* Name the value that holds the logits and work out which nodes need only the wanted rows. */
void az_graph_output(az_graph *g, int value);
/* ADZE_OK, or why the graph failed. */
adze_status az_graph_status(const az_graph *g, adze_error *err);

#endif
