/* mistral: llama with a sliding window on every layer; the class has a window of 4096 when the key is
 * missing, and none when it is null. Written to GGUF as arch llama.
 *
 * Source: transformers models/mistral (5.x, 2026-08).
 */
#include "arch/common.h"

static const char *const hf_types[] = { "mistral", NULL };
static const char *const hints[] = { "sliding_window", NULL };

static const az_defaults defaults = {
    .vocab = 32000,
    .hidden = 4096,
    .ff = 14336,
    .layers = 32,
    .heads = 32,
    .kv_heads = 8,
    .context = 131072,
    .eps = 1e-6,
    .rope = { .theta = 1e4 },
};

static void configure(az_doc *d, az_config *c)
{
    az_read_window(d, c, 4096);
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("sliding_window", INT64, window),
    AZ_HF_END,
};

static bool is(const adze_model *m, const az_config *c)
{
    (void)m;
    return c->window && !c->n_experts;
}

const az_arch az_arch_mistral = {
    .name = "mistral",
    .hf_types = hf_types,
    .gguf_name = "llama",
    .flags = AZ_ARCH_PERMUTED,
    .defaults = &defaults,
    .tensors = az_decoder_tensors,
    .hints = hints,
    .form = { .class = "MistralForCausalLM", .keys = keys, .is = is },
    .configure = configure,
};
