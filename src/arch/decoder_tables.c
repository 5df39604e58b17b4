/* Tensor names that most decoders share, with every part that any of them has: the graph says which are
 * there. Source: transformers 5.x, gguf-py's tensor_mapping (2026-08).
 */
#include "arch/common.h"

/* clang-format off */
#define L "model.layers.{i}."
#define E L "mlp.experts."
#define B L "block_sparse_moe."
const az_tensor_map az_decoder_tensors[] = {
    { "token_embd.weight", "model.embed_tokens.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "output_norm.weight", "model.norm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "output_norm.bias", "model.norm.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "output.weight", "lm_head.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "output.bias", "lm_head.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_norm.weight", L "input_layernorm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_norm.bias", L "input_layernorm.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_q.weight", L "self_attn.q_proj.weight", AZ_TR_ROPE_Q, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_q.bias", L "self_attn.q_proj.bias", AZ_TR_ROPE_Q, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_k.weight", L "self_attn.k_proj.weight", AZ_TR_ROPE_K, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_k.bias", L "self_attn.k_proj.bias", AZ_TR_ROPE_K, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_v.weight", L "self_attn.v_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_v.bias", L "self_attn.v_proj.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_qkv.weight", L "self_attn.qkv_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_q_norm.weight", L "self_attn.q_norm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_k_norm.weight", L "self_attn.k_norm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_output.weight", L "self_attn.o_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_output.bias", L "self_attn.o_proj.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_norm.weight", L "post_attention_layernorm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_norm.bias", L "post_attention_layernorm.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_gate.weight", L "mlp.gate_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_gate.bias", L "mlp.gate_proj.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_up.weight", L "mlp.up_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_up.weight", L "mlp.gate_up_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_up.bias", L "mlp.up_proj.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_down.weight", L "mlp.down_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_down.bias", L "mlp.down_proj.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_gate_inp.weight", L "mlp.gate.weight", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_F32 },
    { "blk.{i}.ffn_gate_inp.weight", B "gate.weight", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_F32 },
    { "blk.{i}.ffn_gate_exps.weight", E "{e}.gate_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_gate_exps.weight", B "experts.{e}.w1.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_gate_exps.weight", E "gate_up_proj", AZ_TR_NONE, AZ_PICK_FIRST, 0 },
    { "blk.{i}.ffn_gate_exps.weight", L "mlp.switch_mlp.gate_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_MLX },
    { "blk.{i}.ffn_gate_exps.weight", B "switch_mlp.gate_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_MLX },
    { "blk.{i}.ffn_up_exps.weight", E "{e}.up_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_up_exps.weight", B "experts.{e}.w3.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_up_exps.weight", E "gate_up_proj", AZ_TR_NONE, AZ_PICK_SECOND, 0 },
    { "blk.{i}.ffn_up_exps.weight", L "mlp.switch_mlp.up_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_MLX },
    { "blk.{i}.ffn_up_exps.weight", B "switch_mlp.up_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_MLX },
    { "blk.{i}.ffn_down_exps.weight", E "{e}.down_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_down_exps.weight", B "experts.{e}.w2.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_down_exps.weight", E "down_proj", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_down_exps.weight", L "mlp.switch_mlp.down_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_MLX },
    { "blk.{i}.ffn_down_exps.weight", B "switch_mlp.down_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_MLX },
    { NULL, NULL, AZ_TR_NONE, AZ_PICK_ALL, 0 },
};
/* clang-format on */
