/* qwen2: llama with biases on q, k and v (never on o), and a window that slides from layer
 * max_window_layers on when use_sliding_window says so. Not permuted in a GGUF.
 *
 * Source: transformers models/qwen2 (5.x, 2026-08).
 */
#include "arch/common.h"

static const char *const hf_types[] = { "qwen2", NULL };
static const char *const hints[] = { "use_sliding_window", NULL };

static const az_defaults defaults = {
    .vocab = 151936,
    .hidden = 4096,
    .ff = 22016,
    .layers = 32,
    .heads = 32,
    .kv_heads = 32,
    .context = 32768,
    .eps = 1e-6,
    .rope = { .theta = 1e4 },
};

static void configure(az_doc *d, az_config *c)
{
    c->bias_q = c->bias_k = c->bias_v = true;
    az_read_late_window(d, c);
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("use_sliding_window", GIVEN, window),
    AZ_HF_ROW("sliding_window", INT64, window),
    AZ_HF_ROW("layer_types", SLIDES, slides),
    AZ_HF_END,
};

const az_arch az_arch_qwen2 = {
    .name = "qwen2",
    .hf_types = hf_types,
    .gguf_name = "qwen2",
    .defaults = &defaults,
    .tensors = az_decoder_tensors,
    .hints = hints,
    .form = { .class = "Qwen2ForCausalLM", .keys = keys },
    .configure = configure,
};
