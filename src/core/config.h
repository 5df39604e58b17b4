/* Hyperparameters of a decoder, read by arch/ from whichever document the model came with. */
#ifndef AZ_CORE_CONFIG_H
#define AZ_CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum az_rope_type {
    AZ_ROPE_DEFAULT,
    AZ_ROPE_LINEAR,
    AZ_ROPE_LLAMA3,
    AZ_ROPE_LONGROPE,
    AZ_ROPE_YARN
} az_rope_type;

typedef struct az_rope {
    az_rope_type type;
    double theta;
    int dims; /* rotated dimensions of a head */
    double factor, low_freq_factor, high_freq_factor;
    int64_t original_context;                /* 0: the model's context */
    double attention_factor;                 /* multiplies cos and sin; 0: derived */
    double beta_fast, beta_slow;             /* yarn */
    const float *short_factor, *long_factor; /* [dims / 2], longrope; NULL otherwise */
    const float *freq_divisor;     /* [dims / 2] as a GGUF stores it (rope_freqs); NULL: derived */
    double short_attention_factor; /* longrope within the original context; 0: the same */
    bool short_only;               /* longrope uses short_factor at any length */
    bool exact_bounds;             /* yarn: bounds of the ramp are not rounded */
    bool adjacent_pairs;           /* pairs (2j, 2j+1): q and k rows are permuted in this source */
} az_rope;

typedef enum az_norm_type { AZ_NORM_RMS, AZ_NORM_LAYER } az_norm_type;

/* Activation of a feed-forward part; all but the plain use of gelu multiply by the other half. */
typedef enum az_activation {
    AZ_ACTIVATION_SILU,
    AZ_ACTIVATION_GELU,      /* by erf */
    AZ_ACTIVATION_GELU_TANH, /* its approximation by tanh */
    AZ_ACTIVATION_SWIGLU,    /* gate <= 7, |up| <= 7: (up + 1) * gate * sigmoid(1.702 gate) */
    AZ_ACTIVATION_COUNT
} az_activation;

/* Norms of queries and keys before they are rotated. */
typedef enum az_qk_norm { AZ_QK_NONE, AZ_QK_HEAD, AZ_QK_WHOLE } az_qk_norm;

/* How a router's logits become the experts of a token and their weights. */
typedef enum az_router {
    AZ_ROUTER_SOFTMAX,      /* softmax over all, the k largest */
    AZ_ROUTER_SOFTMAX_NORM, /* the same, divided by their sum */
    AZ_ROUTER_TOPK_SOFTMAX, /* the k largest, softmax over those */
    AZ_ROUTER_SPARSEMIXER   /* two, each by a softmax over what is close to the largest */
} az_router;

/* What an encoder's hidden states become. */
typedef enum az_pooling { AZ_POOL_MEAN, AZ_POOL_CLS, AZ_POOL_LAST } az_pooling;

typedef struct az_config {
    int n_layers;
    int hidden, ff; /* residual width, feed-forward width */
    int n_heads, n_kv_heads, head_dim;
    int64_t vocab, context;
    az_norm_type norm;
    double norm_eps;
    bool norm_add_one;                  /* this source stores the weights of norms less one */
    double attn_scale;                  /* multiplies q.k */
    double attn_softcap, logit_softcap; /* c: x becomes c * tanh(x / c); 0: none */
    int64_t window;                     /* sliding window in tokens, itself counted; 0: none */
    const bool *slides;                 /* [n_layers] which layers have the window; NULL: all */
    const char *ffn_norm, *output_norm; /* canonical names; NULL: the usual ones */
    const bool *no_rope;                /* [n_layers] which layers do not rotate; NULL: none */
    bool tied;                          /* output uses the embedding */
    bool bias_q, bias_k, bias_v, bias_o, bias_mlp, bias_output;
    bool fused_qkv, fused_gate_up; /* rows q, k, v in one matrix; rows gate, up in one */
    bool post_norms;               /* what a block adds is normalized once more */
    bool sinks;                    /* a score of its own for each head that attention may rest on */
    az_qk_norm qk_norm;
    double clip_qkv; /* q, k and v are kept within +-; 0: as they are */
    az_activation activation;
    double embed_scale, residual_scale, logit_scale; /* multiply; 1: nothing */
    az_rope rope;
    az_rope rope_sliding; /* of layers that slide, where has_rope_sliding */
    bool has_rope_sliding;
    int n_experts, n_experts_used; /* 0: no mixture */
    int expert_ff;
    const bool *dense; /* [n_layers] layers without experts; NULL: none */
    az_router router;
    double router_jitter; /* sparsemixer */
    bool bias_experts;    /* router and experts have biases */
    int conv_kernel;      /* taps of the short convolutions; 0: none */
    bool bias_conv;
    const bool *convolves; /* [n_layers] layers with a short convolution instead of attention */
    bool encoder;          /* every token sees every other; no logits */
    az_pooling pooling;
    bool normalize;     /* embeddings get length one */
    int64_t text_limit; /* tokens of a text where that is less than the context; 0: it is not */
    int64_t n_types;    /* token types */
    int64_t position_offset; /* row of position 0 in this source's table of positions */
} az_config;

#endif
