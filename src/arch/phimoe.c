/* phimoe (Phi-3.5-MoE): layer norms with biases, biases by attention_bias and lm_head_bias, two experts chosen by
 * sparsemixer: each one's weight is a softmax over what is close to the largest score, not divided by the sum.
 * Its long rope has an amplitude for sequences within the original context and another beyond it, and, as
 * transformers runs it, the short factors for both.
 *
 * Source: transformers models/phimoe (5.x, 2026-08). Not permuted in a GGUF.
 */
#include "arch/common.h"

static const char *const hf_types[] = { "phimoe", NULL };
static const char *const hints[] = { "router_jitter_noise", "lm_head_bias", NULL };

static const az_defaults defaults = {
    .vocab = 32064,
    .hidden = 4096,
    .ff = 6400,
    .layers = 32,
    .heads = 32,
    .kv_heads = 8,
    .context = 131072,
    .eps = 1e-5,
    .rope = { .theta = 1e6 },
};

static const az_moe_defaults experts = { "num_local_experts", 16, 2, NULL, 0 };

static void read_amplitudes(az_doc *d, az_rope *r)
{
    const json_t *p = d->j ? json_object_get(d->j, "rope_parameters") : NULL;

    r->short_only = true;
    if (az_doc_is_gguf(d)) {
        r->short_attention_factor =
            az_doc_real(d, NULL, "rope.scaling.short_attn_factor", 1e-6, 1e6, 0);
        return;
    }
    if (!json_is_object(p)) p = json_object_get(d->j, "rope_scaling");
    r->attention_factor = az_doc_real_in(d, p, "long_mscale", 1e-6, 1e6, r->attention_factor);
    r->short_attention_factor = az_doc_real_in(d, p, "short_mscale", 1e-6, 1e6, 0);
}

static void configure(az_doc *d, az_config *c)
{
    c->norm = AZ_NORM_LAYER;
    if (c->rope.type == AZ_ROPE_LONGROPE) read_amplitudes(d, &c->rope);
    c->router_jitter = az_doc_real(d, "router_jitter_noise", "expert_router_jitter", 0, 1, 0.01);
    az_read_window(d, c, 0);
    az_read_moe(d, c, &experts, AZ_ROUTER_SPARSEMIXER);
    if (c->n_experts_used != 2)
        az_doc_fail(d, ADZE_EUNSUP, "num_experts_per_tok", "%d; this router takes 2",
                    c->n_experts_used);
    if (az_doc_is_gguf(d)) {
        c->bias_output = az_model_tensor(d->m, "output.bias") != NULL;
        return;
    }
    c->bias_q = c->bias_k = c->bias_v = c->bias_o = az_doc_bool(d, "attention_bias", false);
    c->bias_output = az_doc_bool(d, "lm_head_bias", false);
}

static adze_status gguf_keys(const az_config *c, az_kvs *out, adze_error *err)
{
    const az_rope *r = &c->rope;
    double s = r->short_attention_factor;

    return az_put_done(az_put_u32(out, "phimoe", "attention.sliding_window", c->window) &&
                           az_put_u32(out, "phimoe", "rope.scaling.original_context_length",
                                      r->original_context) &&
                           az_put_f32(out, "phimoe", "expert_router_jitter", c->router_jitter) &&
                           (s == 0 ||
                            az_put_f32(out, "phimoe", "rope.scaling.short_attn_factor", s)),
                       err);
}

static const char *gguf_note(const az_config *c)
{
    (void)c;
    return "other programs weigh the two experts by a softmax over all, and use the long factors "
           "of the "
           "rope beyond its original context: they give other logits";
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("attention_bias", FLAG, bias_q),
    AZ_HF_ROW("lm_head_bias", FLAG, bias_output),
    AZ_HF_ROW("sliding_window", INT64, window),
    AZ_HF_ROW("num_local_experts", INT, n_experts),
    AZ_HF_ROW("num_experts_per_tok", INT, n_experts_used),
    AZ_HF_ROW("router_jitter_noise", REAL, router_jitter),
    AZ_HF_END,
};

static const char *const names[] = { "block_sparse_moe.", NULL };

const az_arch az_arch_phimoe = {
    .name = "phimoe",
    .hf_types = hf_types,
    .gguf_name = "phimoe",
    .defaults = &defaults,
    .tensors = az_decoder_tensors,
    .hints = hints,
    .form = { .class = "PhimoeForCausalLM", .keys = keys, .names = names },
    .configure = configure,
    .gguf_keys = gguf_keys,
    .gguf_note = gguf_note,
};
