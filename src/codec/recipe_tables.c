/* The recipes and their per-tensor rules as data; codec/recipe.c walks them.
 *
 * Source: the choices of llama-quantize (llama.cpp, src/llama-quant.cpp and tools/quantize, 2026-08-18),
 * without an importance matrix; checked against that project's own snapshots of six models.
 */
#include "codec/recipe_rules.h"

/* general.file_type numbers are llama.cpp's LLAMA_FTYPE_*. */
const az_recipe az_recipes[] = {
    { "f32", "32-bit floats", AZ_F32, 0 },
    { "f16", "16-bit floats", AZ_F16, 1 },
    { "bf16", "16-bit floats with the exponent of f32", AZ_BF16, 32 },
    { "q8_0", "8 bits, blocks of 32: near lossless", AZ_Q8_0, 7 },
    { "q6_k", "6 bits in super-blocks of 256", AZ_Q6_K, 18 },
    { "q5_k_m", "5 bits, sensitive tensors 6", AZ_Q5_K, 17 },
    { "q5_k_s", "5 bits in super-blocks of 256", AZ_Q5_K, 16 },
    { "q5_1", "5 bits with a minimum, blocks of 32", AZ_Q5_1, 9 },
    { "q5_0", "5 bits, blocks of 32", AZ_Q5_0, 8 },
    { "q4_k_m", "4 bits, sensitive tensors 6", AZ_Q4_K, 15 },
    { "q4_k_s", "4 bits, first layers' sensitive tensors 5", AZ_Q4_K, 14 },
    { "q4_1", "4 bits with a minimum, blocks of 32", AZ_Q4_1, 3 },
    { "q4_0", "4 bits, blocks of 32: smallest and fastest of the simple ones", AZ_Q4_0, 2 },
    { NULL, NULL, AZ_F32, 0 },
};

const char *const az_recipe_kept_f32[] = {
    "_norm.weight",
    "ffn_gate_inp.weight",
    "ffn_gate_tid2eid",
    "altup",
    "laurel",
    "per_layer_model_proj",
    "ssm_conv1d",
    "shortconv.conv.weight",
    "indexer.k_proj.weight",
    "indexer.q_proj.weight",
    "time_mix_first.weight",
    "time_mix_w0.weight",
    "time_mix_w1.weight",
    "time_mix_w2.weight",
    "time_mix_v0.weight",
    "time_mix_v1.weight",
    "time_mix_v2.weight",
    "time_mix_a0.weight",
    "time_mix_a1.weight",
    "time_mix_a2.weight",
    "time_mix_g1.weight",
    "time_mix_g2.weight",
    "time_mix_decay_w1.weight",
    "time_mix_decay_w2.weight",
    "time_mix_lerp_fused.weight",
    "attn_rel_b.weight",
    "position_embd",
    "token_types",
    NULL,
};

/* In order; the first substring that a name contains decides. */
const az_recipe_kind_name az_recipe_kind_names[] = {
    { "attn_v.weight", AZ_KIND_ATTN_V },
    { "attn_qkv.weight", AZ_KIND_ATTN_V },
    { "attn_kv_b.weight", AZ_KIND_ATTN_V },
    { "attn_k.weight", AZ_KIND_ATTN_K },
    { "attn_output.weight", AZ_KIND_ATTN_O },
    { "ffn_down", AZ_KIND_FFN_DOWN },
    { NULL, AZ_KIND_OTHER },
};

/* Rules that may all apply, in order: each changes the type that the one before it left, when that type
 * is in `from` (AZ_TYPE_COUNT: any) and the condition holds. */
const az_recipe_rule az_recipe_rules[] = {
    { "q4_k_m", AZ_KIND_ATTN_V, AZ_WHEN_SPREAD, AZ_TYPE_COUNT, AZ_Q6_K },
    { "q5_k_m", AZ_KIND_ATTN_V, AZ_WHEN_SPREAD, AZ_TYPE_COUNT, AZ_Q6_K },
    { "q4_k_s", AZ_KIND_ATTN_V, AZ_WHEN_FIRST_4, AZ_TYPE_COUNT, AZ_Q5_K },
    { NULL, AZ_KIND_ATTN_V, AZ_WHEN_70B, AZ_Q4_K, AZ_Q5_K },
    { NULL, AZ_KIND_ATTN_V, AZ_WHEN_8_EXPERTS, AZ_TYPE_COUNT, AZ_Q8_0 },
    { NULL, AZ_KIND_ATTN_K, AZ_WHEN_8_EXPERTS, AZ_TYPE_COUNT, AZ_Q8_0 },
    { "q4_k_m", AZ_KIND_ATTN_O, AZ_WHEN_8_EXPERTS, AZ_TYPE_COUNT, AZ_Q5_K },
    { "q4_k_s", AZ_KIND_ATTN_O, AZ_WHEN_8_EXPERTS, AZ_TYPE_COUNT, AZ_Q5_K },
    { "q4_k_m", AZ_KIND_FFN_DOWN, AZ_WHEN_SPREAD, AZ_TYPE_COUNT, AZ_Q6_K },
    { "q5_k_m", AZ_KIND_FFN_DOWN, AZ_WHEN_SPREAD, AZ_TYPE_COUNT, AZ_Q6_K },
    { "q4_k_s", AZ_KIND_FFN_DOWN, AZ_WHEN_FIRST_8TH, AZ_TYPE_COUNT, AZ_Q5_K },
    { NULL, AZ_KIND_OTHER, AZ_WHEN_NEVER, AZ_TYPE_COUNT, AZ_TYPE_COUNT },
};

/* What a type becomes when a row is not a whole number of its blocks. */
const az_recipe_fallback az_recipe_fallbacks[] = {
    { AZ_Q2_K, AZ_Q4_0 },
    { AZ_Q3_K, AZ_Q4_0 },
    { AZ_Q4_K, AZ_Q5_0 },
    { AZ_Q5_K, AZ_Q5_1 },
    { AZ_Q6_K, AZ_Q8_0 },
    { AZ_IQ4_XS, AZ_IQ4_NL },
    { AZ_TYPE_COUNT, AZ_TYPE_COUNT },
};
