/* mistral: llama with a sliding window on every layer; the class has a window of 4096 when the key is
 * missing, and none when it is null. Written to GGUF as arch llama.
 *
 * Source: transformers models/mistral (5.x, 2026-08).
 */
#include "arch/common.h"

static const char *const hf_types[] = { "mistral", NULL };

static const az_decoder_defaults defaults = {
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

static adze_status configure(adze_model *m, az_config *c, adze_error *err)
{
    az_doc d;
    adze_status rc = az_decoder_configure(&d, m, "llama", &defaults, c, err);

    if (rc < 0) return rc;
    if (!json_object_get(d.j, "sliding_window"))
        c->window = 4096;
    else
        c->window = az_doc_int(&d, "sliding_window", NULL, 1, INT32_MAX, 0);
    return d.rc;
}

static adze_status build(const az_config *c, az_graph *g, adze_error *err)
{
    return az_build_decoder(c, g, false, err);
}

const az_arch az_arch_mistral = {
    .name = "mistral",
    .hf_types = hf_types,
    .gguf_name = "llama",
    .tensors = az_llama_tensors,
    .configure = configure,
    .build = build,
};
