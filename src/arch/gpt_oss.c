/* gpt_oss: attention with a sink score for each head, windows on every other layer, biases everywhere, yarn whose
 * bounds are not rounded, experts chosen by their scores before the softmax, and a clamped swiglu. Checkpoints
 * hold gate and up interleaved: in blocks of mxfp4, or as floats, each expert's matrix with columns for rows.
 *
 * Source: transformers models/gpt_oss (5.x, 2026-08). In a GGUF the second norm is called post_attention_norm.
 */
#include "arch/common.h"

static const char *const hf_types[] = { "gpt_oss", NULL };
static const char *const hints[] = { "swiglu_limit", NULL };

/* clang-format off */
#define L "model.layers.{i}."
#define E L "mlp.experts."
static const az_tensor_map tensors[] = {
    { "token_embd.weight", "model.embed_tokens.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "output_norm.weight", "model.norm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "output.weight", "lm_head.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_norm.weight", L "input_layernorm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_q.weight", L "self_attn.q_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_q.bias", L "self_attn.q_proj.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_k.weight", L "self_attn.k_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_k.bias", L "self_attn.k_proj.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_v.weight", L "self_attn.v_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_v.bias", L "self_attn.v_proj.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_sinks.weight", L "self_attn.sinks", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_output.weight", L "self_attn.o_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_output.bias", L "self_attn.o_proj.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.post_attention_norm.weight", L "post_attention_layernorm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_gate_inp.weight", L "mlp.router.weight", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_F32 },
    { "blk.{i}.ffn_gate_inp.bias", L "mlp.router.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_gate_exps.weight", E "gate_up_proj", AZ_TR_NONE, AZ_PICK_EVEN, AZ_TENSOR_TRANSPOSED },
    { "blk.{i}.ffn_gate_exps.weight", E "gate_up_proj_blocks", AZ_TR_NONE, AZ_PICK_EVEN, AZ_TENSOR_BLOCKS },
    { "blk.{i}.ffn_gate_exps.bias", E "gate_up_proj_bias", AZ_TR_NONE, AZ_PICK_EVEN, 0 },
    { "blk.{i}.ffn_up_exps.weight", E "gate_up_proj", AZ_TR_NONE, AZ_PICK_ODD, AZ_TENSOR_TRANSPOSED },
    { "blk.{i}.ffn_up_exps.weight", E "gate_up_proj_blocks", AZ_TR_NONE, AZ_PICK_ODD, AZ_TENSOR_BLOCKS },
    { "blk.{i}.ffn_up_exps.bias", E "gate_up_proj_bias", AZ_TR_NONE, AZ_PICK_ODD, 0 },
    { "blk.{i}.ffn_down_exps.weight", E "down_proj", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_TRANSPOSED },
    { "blk.{i}.ffn_down_exps.weight", E "down_proj_blocks", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_BLOCKS },
    { "blk.{i}.ffn_down_exps.bias", E "down_proj_bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_gate_exps.weight", E "gate_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_MLX },
    { "blk.{i}.ffn_gate_exps.bias", E "gate_proj.bias", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_MLX },
    { "blk.{i}.ffn_up_exps.weight", E "up_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_MLX },
    { "blk.{i}.ffn_up_exps.bias", E "up_proj.bias", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_MLX },
    { "blk.{i}.ffn_down_exps.weight", E "down_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_MLX },
    { "blk.{i}.ffn_down_exps.bias", E "down_proj.bias", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_MLX },
    { NULL, NULL, AZ_TR_NONE, AZ_PICK_ALL, 0 },
};
/* clang-format on */

static const az_defaults defaults = {
    .vocab = 201088,
    .hidden = 2880,
    .ff = 2880,
    .layers = 36,
    .heads = 64,
    .kv_heads = 8,
    .head_dim = 64,
    .context = 131072,
    .eps = 1e-5,
    .rope = { .theta = 1.5e5 },
};

static const az_moe_defaults experts = { "num_local_experts", 128, 4, NULL, 0 };

static void configure(az_doc *d, az_config *c)
{
    bool biased = az_doc_bool(d, "attention_bias", true);

    if (az_doc_real(d, "swiglu_limit", NULL, -1e6, 1e6, 7) != 7 ||
        az_doc_real(d, "swiglu_alpha", NULL, -1e6, 1e6, 1.702) != 1.702)
        az_doc_fail(d, ADZE_EUNSUP, "swiglu_limit", "other than 7, or swiglu_alpha than 1.702");
    c->activation = AZ_ACTIVATION_SWIGLU;
    c->sinks = true;
    c->ffn_norm = "post_attention_norm";
    if (!az_doc_is_gguf(d)) c->bias_q = c->bias_k = c->bias_v = c->bias_o = biased;
    c->bias_mlp = false;
    c->bias_experts = true;
    az_read_window(d, c, 128);
    az_read_slides(d, c, 2, 0);
    az_read_moe(d, c, &experts, AZ_ROUTER_TOPK_SOFTMAX);
}

static adze_status gguf_keys(const az_config *c, az_kvs *out, adze_error *err)
{
    return az_put_done(az_put_u32(out, "gpt-oss", "attention.key_length", c->head_dim) &&
                           az_put_u32(out, "gpt-oss", "attention.value_length", c->head_dim),
                       err);
}

static const char *gguf_note(const az_config *c)
{
    return c->rope.exact_bounds
               ? "other programs round the bounds of yarn's ramp, which this model "
                 "does not: their logits differ a little"
               : NULL;
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("attention_bias", FLAG, bias_q),
    AZ_HF_ROW("num_local_experts", INT, n_experts),
    AZ_HF_ROW("num_experts_per_tok", INT, n_experts_used),
    AZ_HF_ROW("sliding_window", INT64, window),
    AZ_HF_ROW("layer_types", SLIDES, slides),
    AZ_HF_CONST("swiglu_limit", NUMBER, 7),
    AZ_HF_END,
};

const az_arch az_arch_gpt_oss = {
    .name = "gpt_oss",
    .hf_types = hf_types,
    .gguf_name = "gpt-oss",
    .defaults = &defaults,
    .tensors = tensors,
    .hints = hints,
    .form = { .class = "GptOssForCausalLM", .keys = keys },
    .configure = configure,
    .gguf_keys = gguf_keys,
    .gguf_note = gguf_note,
};
