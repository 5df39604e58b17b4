/* llama: pre-norm, rotary halves, grouped queries, gated silu; biases by config (attention_bias covers
 * q, k, v and o). Llama 1 to 3.x and everything that is saved as LlamaForCausalLM.
 *
 * Source: transformers models/llama (5.x, 2026-08). A GGUF of arch llama holds q and k with the rows of
 * each head permuted for rotation of adjacent pairs.
 */
#include "arch/common.h"

static const char *const hf_types[] = { "llama", NULL };

const az_tensor_map az_llama_tensors[] = {
#define LAYER "model.layers.{i}."
    { "token_embd.weight", "model.embed_tokens.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.attn_norm.weight", LAYER "input_layernorm.weight", AZ_TR_NONE, AZ_TENSOR_F32 },
    { "blk.{i}.attn_q.weight", LAYER "self_attn.q_proj.weight", AZ_TR_ROPE_Q, 0 },
    { "blk.{i}.attn_q.bias", LAYER "self_attn.q_proj.bias", AZ_TR_ROPE_Q,
      AZ_TENSOR_OPTIONAL | AZ_TENSOR_F32 },
    { "blk.{i}.attn_k.weight", LAYER "self_attn.k_proj.weight", AZ_TR_ROPE_K, 0 },
    { "blk.{i}.attn_k.bias", LAYER "self_attn.k_proj.bias", AZ_TR_ROPE_K,
      AZ_TENSOR_OPTIONAL | AZ_TENSOR_F32 },
    { "blk.{i}.attn_v.weight", LAYER "self_attn.v_proj.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.attn_v.bias", LAYER "self_attn.v_proj.bias", AZ_TR_NONE,
      AZ_TENSOR_OPTIONAL | AZ_TENSOR_F32 },
    { "blk.{i}.attn_output.weight", LAYER "self_attn.o_proj.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.attn_output.bias", LAYER "self_attn.o_proj.bias", AZ_TR_NONE,
      AZ_TENSOR_OPTIONAL | AZ_TENSOR_F32 },
    { "blk.{i}.ffn_norm.weight", LAYER "post_attention_layernorm.weight", AZ_TR_NONE,
      AZ_TENSOR_F32 },
    { "blk.{i}.ffn_gate.weight", LAYER "mlp.gate_proj.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.ffn_gate.bias", LAYER "mlp.gate_proj.bias", AZ_TR_NONE,
      AZ_TENSOR_OPTIONAL | AZ_TENSOR_F32 },
    { "blk.{i}.ffn_up.weight", LAYER "mlp.up_proj.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.ffn_up.bias", LAYER "mlp.up_proj.bias", AZ_TR_NONE,
      AZ_TENSOR_OPTIONAL | AZ_TENSOR_F32 },
    { "blk.{i}.ffn_down.weight", LAYER "mlp.down_proj.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.ffn_down.bias", LAYER "mlp.down_proj.bias", AZ_TR_NONE,
      AZ_TENSOR_OPTIONAL | AZ_TENSOR_F32 },
    { "output_norm.weight", "model.norm.weight", AZ_TR_NONE, AZ_TENSOR_F32 },
    { "output.weight", "lm_head.weight", AZ_TR_NONE, AZ_TENSOR_OPTIONAL },
    { NULL, NULL, AZ_TR_NONE, 0 },
#undef LAYER
};

static const az_decoder_defaults defaults = {
    .vocab = 32000,
    .hidden = 4096,
    .ff = 11008,
    .layers = 32,
    .heads = 32,
    .context = 2048,
    .eps = 1e-6,
    .rope = { .theta = 1e4 },
};

/* adze writes the window of a mistral model under llama.attention.sliding_window, and reads it here. */
static void configure_gguf(az_doc *d, az_config *c)
{
    c->rope.adjacent_pairs = true;
    c->window = az_doc_int(d, NULL, "attention.sliding_window", 0, INT32_MAX, 0);
    az_decoder_gguf_biases(d, c);
}

static adze_status configure(adze_model *m, az_config *c, adze_error *err)
{
    az_doc d;
    adze_status rc = az_decoder_configure(&d, m, "llama", &defaults, c, err);

    if (rc < 0) return rc;
    if (az_doc_is_gguf(&d)) {
        configure_gguf(&d, c);
        return d.rc;
    }
    c->bias_q = az_doc_bool(&d, "attention_bias", false);
    c->bias_k = c->bias_v = c->bias_o = c->bias_q;
    c->bias_mlp = az_doc_bool(&d, "mlp_bias", false);
    return d.rc;
}

static adze_status build(const az_config *c, az_graph *g, adze_error *err)
{
    return az_build_decoder(c, g, false, err);
}

const az_arch az_arch_llama = {
    .name = "llama",
    .hf_types = hf_types,
    .gguf_name = "llama",
    .tensors = az_llama_tensors,
    .configure = configure,
    .build = build,
};
