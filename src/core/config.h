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
    const float *freq_divisor; /* [dims / 2] as a GGUF stores it (rope_freqs); NULL: derived */
    bool adjacent_pairs;       /* pairs (2j, 2j+1): q and k rows are permuted in this source */
} az_rope;

typedef struct az_config {
    int n_layers;
    int hidden, ff; /* residual width, feed-forward width */
    int n_heads, n_kv_heads, head_dim;
    int64_t vocab, context;
    double norm_eps;
    double attn_scale;  /* multiplies q.k */
    int64_t window;     /* sliding window in tokens, the token itself counted; 0: none */
    const bool *slides; /* [n_layers] which layers have the window; NULL: all */
    bool tied;          /* output uses the embedding */
    bool bias_q, bias_k, bias_v, bias_o, bias_mlp;
    az_rope rope;
    int n_experts, n_experts_used;
} az_config;

#endif
