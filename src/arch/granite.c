/* granite: llama with four multipliers: of the embedding, of what each block adds, of q.k (in place of one
 * over the root of the head's size), and a divisor of the logits. Permuted in a GGUF.
 *
 * Source: transformers models/granite (5.x, 2026-08).
 */
#include "arch/common.h"

static const char *const hf_types[] = { "granite", NULL };
static const char *const hints[] = { "embedding_multiplier", "residual_multiplier",
                                     "attention_multiplier", "logits_scaling", NULL };

static const az_defaults defaults = {
    .vocab = 32000,
    .hidden = 4096,
    .ff = 11008,
    .layers = 32,
    .heads = 32,
    .context = 2048,
    .eps = 1e-6,
    .rope = { .theta = 1e4 },
};

static void configure(az_doc *d, az_config *c)
{
    double attention = az_doc_is_gguf(d) ? c->attn_scale : 1;

    c->embed_scale = az_doc_real(d, "embedding_multiplier", "embedding_scale", -1e6, 1e6, 1);
    c->residual_scale = az_doc_real(d, "residual_multiplier", "residual_scale", -1e6, 1e6, 1);
    c->attn_scale = az_doc_real(d, "attention_multiplier", "attention.scale", 0, 1e6, attention);
    c->logit_scale = 1 / az_doc_real(d, "logits_scaling", "logit_scale", 1e-9, 1e9, 1);
    if (az_doc_is_gguf(d)) return;
    c->bias_q = c->bias_k = c->bias_v = c->bias_o = az_doc_bool(d, "attention_bias", false);
    c->bias_mlp = az_doc_bool(d, "mlp_bias", false);
}

static adze_status gguf_keys(const az_config *c, az_kvs *out, adze_error *err)
{
    return az_put_done(az_put_f32(out, "granite", "embedding_scale", c->embed_scale) &&
                           az_put_f32(out, "granite", "residual_scale", c->residual_scale) &&
                           az_put_f32(out, "granite", "attention.scale", c->attn_scale) &&
                           az_put_f32(out, "granite", "logit_scale", 1 / c->logit_scale),
                       err);
}

static const char *gguf_note(const az_config *c)
{
    return (int64_t)c->n_heads * c->head_dim == c->hidden
               ? NULL
               : "other programs may take another size of heads for this architecture";
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("attention_bias", FLAG, bias_q),
    AZ_HF_ROW("mlp_bias", FLAG, bias_mlp),
    AZ_HF_ROW("embedding_multiplier", REAL, embed_scale),
    AZ_HF_ROW("residual_multiplier", REAL, residual_scale),
    AZ_HF_ROW("attention_multiplier", REAL, attn_scale),
    AZ_HF_ROW("logits_scaling", INVERSE, logit_scale),
    AZ_HF_END,
};

const az_arch az_arch_granite = {
    .name = "granite",
    .hf_types = hf_types,
    .gguf_name = "granite",
    .flags = AZ_ARCH_PERMUTED,
    .defaults = &defaults,
    .tensors = az_decoder_tensors,
    .hints = hints,
    .form = { .class = "GraniteForCausalLM", .keys = keys },
    .configure = configure,
    .gguf_keys = gguf_keys,
    .gguf_note = gguf_note,
};
