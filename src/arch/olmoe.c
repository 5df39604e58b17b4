/* olmoe: an RMS norm over the whole of q and of k before they are cut into heads, then a clamp (clip_qkv) of q, k
 * and v; experts whose weights are not divided by their sum unless norm_topk_prob says so.
 *
 * Source: transformers models/olmoe (5.x, 2026-08). Not permuted in a GGUF.
 */
#include "arch/common.h"

static const char *const hf_types[] = { "olmoe", NULL };
static const char *const hints[] = { "clip_qkv", NULL };

static const az_defaults defaults = {
    .vocab = 50304,
    .hidden = 2048,
    .ff = 2048,
    .layers = 16,
    .heads = 16,
    .context = 4096,
    .eps = 1e-5,
    .rope = { .theta = 1e4 },
};

static const az_moe_defaults experts = { "num_experts", 64, 8, NULL, 0 };

static void configure(az_doc *d, az_config *c)
{
    c->qk_norm = AZ_QK_WHOLE;
    c->clip_qkv = az_doc_real(d, "clip_qkv", "attention.clamp_kqv", 0, 1e30, 0);
    if (!az_doc_is_gguf(d))
        c->bias_q = c->bias_k = c->bias_v = c->bias_o = az_doc_bool(d, "attention_bias", false);
    az_read_moe(d, c, &experts, AZ_ROUTER_SOFTMAX);
    az_read_moe_norm(d, c, false);
}

static adze_status gguf_keys(const az_config *c, az_kvs *out, adze_error *err)
{
    bool norm = c->router == AZ_ROUTER_SOFTMAX_NORM;

    return az_put_done((!norm || az_put_bool(out, "olmoe", "expert_weights_norm", true)) &&
                           (c->clip_qkv == 0 ||
                            az_put_f32(out, "olmoe", "attention.clamp_kqv", c->clip_qkv)),
                       err);
}

static const char *gguf_note(const az_config *c)
{
    if (c->n_kv_heads != c->n_heads)
        return "other programs want as many key heads as query heads of this architecture";
    if (c->clip_qkv > 0) return "other programs ignore clip_qkv of this architecture";
    if (c->router == AZ_ROUTER_SOFTMAX_NORM)
        return "other programs do not divide the experts' weights of this architecture by their "
               "sum";
    return NULL;
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("attention_bias", FLAG, bias_q),
    AZ_HF_ROW("num_experts", INT, n_experts),
    AZ_HF_ROW("num_experts_per_tok", INT, n_experts_used),
    AZ_HF_ROW("norm_topk_prob", NORMALIZED, router),
    AZ_HF_ROW("clip_qkv", REAL_OR_NULL, clip_qkv),
    AZ_HF_END,
};

const az_arch az_arch_olmoe = {
    .name = "olmoe",
    .hf_types = hf_types,
    .gguf_name = "olmoe",
    .defaults = &defaults,
    .tensors = az_decoder_tensors,
    .hints = hints,
    .form = { .class = "OlmoeForCausalLM", .keys = keys },
    .configure = configure,
    .gguf_keys = gguf_keys,
    .gguf_note = gguf_note,
};
