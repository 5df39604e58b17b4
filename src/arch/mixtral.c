/* mixtral: llama with a mixture of experts in every layer: softmax over all, the best ones' weights divided by
 * their sum. A window only where the config has one. Written to GGUF as arch llama, the experts stacked.
 *
 * Source: transformers models/mixtral (5.x, 2026-08).
 */
#include "arch/common.h"

static const char *const hf_types[] = { "mixtral", NULL };

static const az_defaults defaults = {
    .vocab = 32000,
    .hidden = 4096,
    .ff = 14336,
    .layers = 32,
    .heads = 32,
    .kv_heads = 8,
    .context = 131072,
    .eps = 1e-5,
    .rope = { .theta = 1e6 },
};

static const az_moe_defaults experts = { "num_local_experts", 8, 2, NULL, 0 };

static void configure(az_doc *d, az_config *c)
{
    az_read_window(d, c, 0);
    az_read_moe(d, c, &experts, AZ_ROUTER_SOFTMAX_NORM);
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("sliding_window", INT64, window),
    AZ_HF_ROW("num_local_experts", INT, n_experts),
    AZ_HF_ROW("num_experts_per_tok", INT, n_experts_used),
    AZ_HF_END,
};

static const char *const names[] = { "block_sparse_moe.", NULL };

static bool is(const adze_model *m, const az_config *c)
{
    (void)m;
    return c->n_experts > 0;
}

const az_arch az_arch_mixtral = {
    .name = "mixtral",
    .hf_types = hf_types,
    .gguf_name = "llama",
    .flags = AZ_ARCH_PERMUTED,
    .defaults = &defaults,
    .tensors = az_decoder_tensors,
    .form = { .class = "MixtralForCausalLM", .keys = keys, .names = names, .is = is },
    .configure = configure,
};
