/* qwen3: llama with an RMS norm on each head of q and k before they are rotated, and heads of 128 whatever the
 * width. attention_bias covers q, k, v and o. Not permuted in a GGUF.
 *
 * Source: transformers models/qwen3 (5.x, 2026-08).
 */
#include "arch/common.h"

static const char *const hf_types[] = { "qwen3", NULL };

static const az_defaults defaults = {
    .vocab = 151936,
    .hidden = 4096,
    .ff = 22016,
    .layers = 32,
    .heads = 32,
    .kv_heads = 32,
    .head_dim = 128,
    .context = 32768,
    .eps = 1e-6,
    .rope = { .theta = 1e4 },
};

static void configure(az_doc *d, az_config *c)
{
    c->qk_norm = AZ_QK_HEAD;
    if (!az_doc_is_gguf(d))
        c->bias_q = c->bias_k = c->bias_v = c->bias_o = az_doc_bool(d, "attention_bias", false);
    az_read_late_window(d, c);
}

static const char *gguf_note(const az_config *c)
{
    if (c->bias_q) return "other programs know no biases of attention in this architecture";
    return c->window && c->window < c->context
               ? "other programs ignore the sliding window of this architecture in a GGUF"
               : NULL;
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("attention_bias", FLAG, bias_q),
    AZ_HF_ROW("use_sliding_window", GIVEN, window),
    AZ_HF_ROW("sliding_window", INT64, window),
    AZ_HF_ROW("layer_types", SLIDES, slides),
    AZ_HF_END,
};

const az_arch az_arch_qwen3 = {
    .name = "qwen3",
    .hf_types = hf_types,
    .gguf_name = "qwen3",
    .defaults = &defaults,
    .tensors = az_decoder_tensors,
    .form = { .class = "Qwen3ForCausalLM", .keys = keys },
    .configure = configure,
    .gguf_note = gguf_note,
};
