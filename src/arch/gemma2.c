/* gemma2: norms before and after each block, whose weights are stored less one; gelu; softcaps on attention
 * scores and logits; every other layer slides, the first one too; the embedding is scaled by the root of its
 * width. gemma3 shares most of it.
 *
 * Source: transformers models/gemma2 with eager attention (5.x, 2026-08; sdpa leaves out the softcap). A GGUF
 * stores the norms with one added; it has no standard key for the scale of q.k.
 */
#include "arch/gemma.h"

#include <math.h>

enum { LAYERS_27B = 46 };

/* clang-format off */
#define L "model.layers.{i}."
const az_tensor_map az_gemma_tensors[] = {
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
    { "blk.{i}.attn_q_norm.weight", L "self_attn.q_norm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_k_norm.weight", L "self_attn.k_norm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_output.weight", L "self_attn.o_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_output.bias", L "self_attn.o_proj.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.post_attention_norm.weight", L "post_attention_layernorm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_norm.weight", L "pre_feedforward_layernorm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_gate.weight", L "mlp.gate_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_up.weight", L "mlp.up_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_down.weight", L "mlp.down_proj.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.post_ffw_norm.weight", L "post_feedforward_layernorm.weight", AZ_TR_NORM, AZ_PICK_ALL, 0 },
    { NULL, NULL, AZ_TR_NONE, AZ_PICK_ALL, 0 },
};
/* clang-format on */

static const char *const hf_types[] = { "gemma2", NULL };
static const char *const hints[] = { "attn_logit_softcapping", "final_logit_softcapping",
                                     "query_pre_attn_scalar", "sliding_window", NULL };

static const az_defaults defaults = {
    .vocab = 256000,
    .hidden = 2304,
    .ff = 9216,
    .layers = 26,
    .heads = 8,
    .kv_heads = 4,
    .head_dim = 256,
    .context = 8192,
    .eps = 1e-6,
    .tied = true,
    .activation = "gelu_pytorch_tanh",
    .rope = { .theta = 1e4 },
};

/* A softcap of null is none; of a missing key, the class's. */
static double softcap(az_doc *d, const char *hf, const char *gguf, double def)
{
    if (d->j && json_is_null(json_object_get(d->j, hf))) return 0;
    return az_doc_real(d, hf, gguf, 0, 1e6, az_doc_is_gguf(d) ? 0 : def);
}

/* What is scaled by where nothing says: the size of a head, but of a model of 27b its share of the width. */
static double usual_scalar(const az_config *c, int layers_27b)
{
    return c->n_layers == layers_27b ? (double)(c->hidden / c->n_heads) : (double)c->head_dim;
}

void az_gemma_configure(az_doc *d, az_config *c, double attn_softcap, double logit_softcap,
                        int layers_27b)
{
    double scalar = az_doc_real(d, "query_pre_attn_scalar", NULL, 1e-6, 1e9, 256);

    c->post_norms = true;
    c->embed_scale = sqrt((double)c->hidden);
    c->attn_softcap = softcap(d, "attn_logit_softcapping", "attn_logit_softcapping", attn_softcap);
    c->logit_softcap =
        softcap(d, "final_logit_softcapping", "final_logit_softcapping", logit_softcap);
    c->attn_scale = az_doc_is_gguf(d) ? az_doc_real(d, NULL, "attention.scale", 0, 1e6,
                                                    1 / sqrt(usual_scalar(c, layers_27b)))
                                      : 1 / sqrt(scalar);
    if (!az_doc_is_gguf(d))
        c->bias_q = c->bias_k = c->bias_v = c->bias_o = az_doc_bool(d, "attention_bias", false);
}

bool az_gemma_usual_scale(const az_config *c, int layers_27b)
{
    return fabs(c->attn_scale * sqrt(usual_scalar(c, layers_27b)) - 1) < 1e-5;
}

adze_status az_gemma_gguf_keys(const char *name, const az_config *c, az_kvs *out, adze_error *err)
{
    bool ok = az_put_u32(out, name, "attention.key_length", c->head_dim) &&
              az_put_u32(out, name, "attention.value_length", c->head_dim);

    if (c->attn_softcap > 0)
        ok = ok && az_put_f32(out, name, "attn_logit_softcapping", c->attn_softcap);
    if (c->logit_softcap > 0)
        ok = ok && az_put_f32(out, name, "final_logit_softcapping", c->logit_softcap);
    return az_put_done(ok && az_put_f32(out, name, "attention.scale", c->attn_scale), err);
}

static void configure(az_doc *d, az_config *c)
{
    az_gemma_configure(d, c, 50, 30, LAYERS_27B);
    az_read_window(d, c, 4096);
    az_read_slides(d, c, 2, 0);
}

static adze_status gguf_keys(const az_config *c, az_kvs *out, adze_error *err)
{
    return az_gemma_gguf_keys("gemma2", c, out, err);
}

static const char *gguf_note(const az_config *c)
{
    if (!az_gemma_usual_scale(c, LAYERS_27B))
        return "other programs scale q.k by the size of a head, not by query_pre_attn_scalar";
    return NULL;
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("attention_bias", FLAG, bias_q),
    AZ_HF_ROW("query_pre_attn_scalar", INVERSE_SQUARE, attn_scale),
    AZ_HF_ROW("attn_logit_softcapping", REAL_OR_NULL, attn_softcap),
    AZ_HF_ROW("final_logit_softcapping", REAL_OR_NULL, logit_softcap),
    AZ_HF_ROW("sliding_window", INT64, window),
    AZ_HF_ROW("layer_types", SLIDES, slides),
    AZ_HF_TEXT_ROW("hidden_activation", "gelu_pytorch_tanh"),
    AZ_HF_END,
};

const az_arch az_arch_gemma2 = {
    .name = "gemma2",
    .hf_types = hf_types,
    .gguf_name = "gemma2",
    .flags = AZ_ARCH_ADD_ONE,
    .defaults = &defaults,
    .tensors = az_gemma_tensors,
    .hints = hints,
    .form = { .class = "Gemma2ForCausalLM", .keys = keys },
    .configure = configure,
    .gguf_keys = gguf_keys,
    .gguf_note = gguf_note,
};
