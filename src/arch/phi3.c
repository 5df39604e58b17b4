/* phi3: q, k and v in one matrix, gate and up in another; long rope; a window on every layer where the
 * config has one. Phi-3-mini, Phi-3.5-mini, Phi-4, Phi-4-mini. Not permuted in a GGUF.
 *
 * Source: transformers models/phi3 (5.x, 2026-08). Longrope's factors are chosen once per session by its
 * context, not per call: see docs/architectures.md.
 */
#include "arch/common.h"

static const char *const hf_types[] = { "phi3", NULL };

static const az_tensor_map tensors[] = {
#define LAYER "model.layers.{i}."
    { "token_embd.weight", "model.embed_tokens.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.attn_norm.weight", LAYER "input_layernorm.weight", AZ_TR_NONE, AZ_TENSOR_F32 },
    { "blk.{i}.attn_qkv.weight", LAYER "self_attn.qkv_proj.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.attn_output.weight", LAYER "self_attn.o_proj.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.ffn_norm.weight", LAYER "post_attention_layernorm.weight", AZ_TR_NONE,
      AZ_TENSOR_F32 },
    { "blk.{i}.ffn_up.weight", LAYER "mlp.gate_up_proj.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.ffn_down.weight", LAYER "mlp.down_proj.weight", AZ_TR_NONE, 0 },
    { "output_norm.weight", "model.norm.weight", AZ_TR_NONE, AZ_TENSOR_F32 },
    { "output.weight", "lm_head.weight", AZ_TR_NONE, AZ_TENSOR_OPTIONAL },
    { NULL, NULL, AZ_TR_NONE, 0 },
#undef LAYER
};

static const az_decoder_defaults defaults = {
    .vocab = 32064,
    .hidden = 3072,
    .ff = 8192,
    .layers = 32,
    .heads = 32,
    .context = 4096,
    .eps = 1e-5,
    .rope = { .theta = 1e4, .partial = true, .original_context = 4096 },
};

static adze_status configure(adze_model *m, az_config *c, adze_error *err)
{
    az_doc d;
    adze_status rc = az_decoder_configure(&d, m, "phi3", &defaults, c, err);

    if (rc < 0) return rc;
    /* 0 in a GGUF: none */
    c->window = az_doc_int(&d, "sliding_window", "attention.sliding_window",
                           az_doc_is_gguf(&d) ? 0 : 1, INT32_MAX, 0);
    return d.rc;
}

/* Readers of this architecture want both keys whatever the scaling; a window of 0 means none. */
static adze_status gguf_keys(const az_config *c, az_kvs *out, adze_error *err)
{
    bool ok =
        az_put_u32(out, "phi3", "attention.sliding_window", c->window) &&
        az_put_u32(out, "phi3", "rope.scaling.original_context_length", c->rope.original_context);

    return ok ? ADZE_OK : az_fail_nomem(err, "writing metadata");
}

static adze_status build(const az_config *c, az_graph *g, adze_error *err)
{
    return az_build_decoder(c, g, true, err);
}

const az_arch az_arch_phi3 = {
    .name = "phi3",
    .hf_types = hf_types,
    .gguf_name = "phi3",
    .tensors = tensors,
    .configure = configure,
    .gguf_keys = gguf_keys,
    .build = build,
};
