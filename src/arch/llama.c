/* llama: pre-norm, rotary halves, grouped queries, gated silu; biases by config (attention_bias covers
 * q, k, v and o). Llama 1 to 3.x and everything that is saved as LlamaForCausalLM.
 *
 * Source: transformers models/llama (5.x, 2026-08). A GGUF of arch llama holds q and k with the rows of
 * each head permuted for rotation of adjacent pairs; with experts it is a mixtral.
 */
#include "arch/common.h"

static const char *const hf_types[] = { "llama", NULL };
static const char *const hints[] = { "attention_bias", "mlp_bias", NULL };

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

static const az_moe_defaults experts = { .experts_key = NULL };

static void configure(az_doc *d, az_config *c)
{
    if (az_doc_is_gguf(d)) { /* the window: as adze writes it for a mistral */
        az_read_window(d, c, 0);
        if (az_doc_int(d, NULL, "expert_count", 0, AZ_MAX_EXPERTS, 0) > 0)
            az_read_moe(d, c, &experts, AZ_ROUTER_SOFTMAX_NORM);
        return;
    }
    c->bias_q = az_doc_bool(d, "attention_bias", false);
    c->bias_k = c->bias_v = c->bias_o = c->bias_q;
    c->bias_mlp = az_doc_bool(d, "mlp_bias", false);
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("attention_bias", FLAG, bias_q),
    AZ_HF_ROW("mlp_bias", FLAG, bias_mlp),
    AZ_HF_END,
};

const az_arch az_arch_llama = {
    .name = "llama",
    .hf_types = hf_types,
    .gguf_name = "llama",
    .flags = AZ_ARCH_PERMUTED,
    .defaults = &defaults,
    .tensors = az_decoder_tensors,
    .hints = hints,
    .form = { .class = "LlamaForCausalLM", .keys = keys },
    .configure = configure,
};
