/* lfm2: most layers are short convolutions between two gates instead of attention; the others have an RMS norm
 * on each head of q and k. The width of the feed-forward part follows from the config's by a rule.
 *
 * Source: transformers models/lfm2 (5.x, 2026-08). In a GGUF a layer without key heads convolves, and the final
 * norm is called token_embd_norm.
 */
#include "arch/common.h"

static const char *const hf_types[] = { "lfm2", NULL };
static const char *const hints[] = { "conv_L_cache", "block_ff_dim", "full_attn_idxs", NULL };

/* clang-format off */
#define L "model.layers.{i}."
static const az_tensor_map tensors[] = {
    { "token_embd.weight", "model.embed_tokens.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "token_embd_norm.weight", "model.embedding_norm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "output.weight", "lm_head.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_norm.weight", L "operator_norm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "blk.{i}.shortconv.in_proj.weight", L "conv.in_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.shortconv.in_proj.bias", L "conv.in_proj.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.shortconv.conv.weight", L "conv.conv.weight", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_TAPS },
    { "blk.{i}.shortconv.conv.bias", L "conv.conv.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.shortconv.out_proj.weight", L "conv.out_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.shortconv.out_proj.bias", L "conv.out_proj.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_q.weight", L "self_attn.q_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_k.weight", L "self_attn.k_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_v.weight", L "self_attn.v_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_q_norm.weight", L "self_attn.q_layernorm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_k_norm.weight", L "self_attn.k_layernorm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_output.weight", L "self_attn.out_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_norm.weight", L "ffn_norm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_gate.weight", L "feed_forward.w1.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_up.weight", L "feed_forward.w3.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_down.weight", L "feed_forward.w2.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { NULL, NULL, AZ_TR_NONE, AZ_PICK_ALL, 0 },
};
/* clang-format on */

static const az_defaults defaults = {
    .vocab = 65536,
    .hidden = 2560,
    .ff = 12288,
    .layers = 32,
    .heads = 32,
    .kv_heads = 8,
    .context = 128000,
    .eps = 1e-5,
    .eps_key = "norm_eps",
    .tied = true,
    .rope = { .theta = 1e6 },
};

/* Two thirds of what the config says, times a factor, rounded up to a multiple. */
static void read_width(az_doc *d, az_config *c)
{
    int64_t ff = az_doc_int(d, "block_ff_dim", NULL, 1, 1 << 22, c->ff);
    int64_t unit = az_doc_int(d, "block_multiple_of", NULL, 1, 1 << 22, 256);
    double factor = az_doc_real(d, "block_ffn_dim_multiplier", NULL, 1e-3, 1e3, 1);

    if (az_doc_bool(d, "block_auto_adjust_ff_dim", true)) {
        ff = (int64_t)(factor * (double)(int64_t)(2 * (double)ff / 3));
        ff = (ff + unit - 1) / unit * unit;
    }
    if (ff < 1 || ff > 1 << 22)
        az_doc_fail(d, ADZE_EFORMAT, "block_ff_dim", "gives a width of %lld", (long long)ff);
    else
        c->ff = (int)ff;
}

static void configure_gguf(az_doc *d, az_config *c, bool *conv)
{
    const int32_t *heads = az_doc_gguf_ints(d, "attention.head_count_kv", c->n_layers);

    for (int i = 0; i < c->n_layers && heads; i++) {
        conv[i] = heads[i] == 0;
        if (heads[i] && heads[i] != c->n_kv_heads)
            az_doc_fail(d, ADZE_EUNSUP, "attention.head_count_kv", "differs by layer");
        if (conv[i] && az_model_tensor(d->m, "blk.0.shortconv.conv.bias")) c->bias_conv = true;
    }
}

static void configure(az_doc *d, az_config *c)
{
    bool *conv = az_doc_bools(d, c->n_layers);

    c->conv_kernel = (int)az_doc_int(d, "conv_L_cache", "shortconv.l_cache", 2, 64, 3);
    c->qk_norm = AZ_QK_HEAD;
    c->output_norm = "token_embd_norm";
    c->convolves = conv;
    if (!conv) return;
    if (az_doc_is_gguf(d)) {
        configure_gguf(d, c, conv);
        return;
    }
    c->bias_conv = az_doc_bool(d, "conv_bias", false);
    c->tied = az_doc_bool(d, "tie_embedding", c->tied) && !az_model_tensor(d->m, "lm_head.weight");
    read_width(d, c);
    /* layer_types, or full_attn_idxs, or attention everywhere */
    if (az_doc_layer_types(d, "conv", c->n_layers, conv)) return;
    for (int i = 0; i < c->n_layers; i++)
        conv[i] = json_is_array(json_object_get(d->j, "full_attn_idxs"));
    az_doc_layer_list(d, "full_attn_idxs", c->n_layers, false, conv);
}

static adze_status gguf_keys(const az_config *c, az_kvs *out, adze_error *err)
{
    int32_t *heads = az_arena_array(out->arena, (size_t)c->n_layers, sizeof *heads);

    for (int i = 0; heads && i < c->n_layers; i++)
        heads[i] = c->convolves[i] ? 0 : c->n_kv_heads;
    return az_put_done(heads && az_put_u32(out, "lfm2", "shortconv.l_cache", c->conv_kernel) &&
                           az_kv_put_arr(out, "lfm2.attention.head_count_kv", AZ_KV_I32, heads,
                                         (uint64_t)c->n_layers),
                       err);
}

static const char *gguf_note(const az_config *c)
{
    return c->bias_conv ? "other programs do not load biases of this architecture's convolutions"
                        : NULL;
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("conv_L_cache", INT, conv_kernel),
    AZ_HF_ROW("conv_bias", FLAG, bias_conv),
    AZ_HF_ROW("layer_types", CONVOLVES, convolves),
    AZ_HF_ROW("tie_embedding", FLAG, tied),
    AZ_HF_ROW("block_dim", INT, hidden),
    AZ_HF_ROW("block_ff_dim", INT, ff),
    AZ_HF_CONST("block_auto_adjust_ff_dim", FALSE, 0),
    AZ_HF_CONST("block_multiple_of", WHOLE, 256),
    AZ_HF_CONST("block_ffn_dim_multiplier", NUMBER, 1),
    AZ_HF_END,
};

const az_arch az_arch_lfm2 = {
    .name = "lfm2",
    .hf_types = hf_types,
    .gguf_name = "lfm2",
    .defaults = &defaults,
    .tensors = tensors,
    .hints = hints,
    .form = { .class = "Lfm2ForCausalLM", .keys = keys },
    .configure = configure,
    .gguf_keys = gguf_keys,
    .gguf_note = gguf_note,
};
