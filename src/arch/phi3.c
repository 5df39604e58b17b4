/* phi3: q, k and v in one matrix, gate and up in another; long rope; a window on every layer where the
 * config has one. Phi-3-mini, Phi-3.5-mini, Phi-4, Phi-4-mini. Not permuted in a GGUF.
 *
 * Source: transformers models/phi3 (5.x, 2026-08). Longrope's factors are chosen once per session by its
 * context, not per call: see docs/architectures.md.
 */
#include "arch/common.h"

static const char *const hf_types[] = { "phi3", NULL };

static const az_defaults defaults = {
    .vocab = 32064,
    .hidden = 3072,
    .ff = 8192,
    .layers = 32,
    .heads = 32,
    .context = 4096,
    .eps = 1e-5,
    .rope = { .theta = 1e4, .partial = true, .original_context = 4096 },
};

static void configure(az_doc *d, az_config *c)
{
    c->fused_qkv = c->fused_gate_up = true;
    az_read_window(d, c, 0);
}

/* Readers of this architecture want both keys whatever the scaling; a window of 0 means none. */
static adze_status gguf_keys(const az_config *c, az_kvs *out, adze_error *err)
{
    return az_put_done(az_put_u32(out, "phi3", "attention.sliding_window", c->window) &&
                           az_put_u32(out, "phi3", "rope.scaling.original_context_length",
                                      c->rope.original_context),
                       err);
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("sliding_window", INT64, window),
    AZ_HF_END,
};

static const char *const names[] = { "mlp.gate_up_proj.weight", NULL };

const az_arch az_arch_phi3 = {
    .name = "phi3",
    .hf_types = hf_types,
    .gguf_name = "phi3",
    .defaults = &defaults,
    .tensors = az_decoder_tensors,
    .form = { .class = "Phi3ForCausalLM", .keys = keys, .names = names },
    .configure = configure,
    .gguf_keys = gguf_keys,
};
