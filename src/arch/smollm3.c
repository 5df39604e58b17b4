/* smollm3: llama whose every fourth layer does not rotate q and k. no_rope_layers says which, with 1 for a layer
 * that does rotate; else no_rope_layer_interval. Permuted in a GGUF.
 *
 * Source: transformers models/smollm3 (5.x, 2026-08).
 */
#include "arch/common.h"

static const char *const hf_types[] = { "smollm3", NULL };
static const char *const hints[] = { "no_rope_layers", "no_rope_layer_interval", NULL };

static const az_defaults defaults = {
    .vocab = 128256,
    .hidden = 2048,
    .ff = 11008,
    .layers = 36,
    .heads = 16,
    .kv_heads = 4,
    .context = 32768,
    .eps = 1e-6,
    .tied = true,
    .rope = { .theta = 2e6 },
};

static void read_list(az_doc *d, const json_t *list, bool *no_rope, int n)
{
    if (!json_is_array(list) || json_array_size(list) != (size_t)n)
        az_doc_fail(d, ADZE_EFORMAT, "no_rope_layers", "is not a list of %d", n);
    for (int i = 0; i < n && d->rc == ADZE_OK; i++) {
        const json_t *v = json_array_get(list, (size_t)i);
        if (!json_is_boolean(v) && !json_is_integer(v))
            az_doc_fail(d, ADZE_EFORMAT, "no_rope_layers", "element %d is neither 0 nor 1", i);
        no_rope[i] = json_is_boolean(v) ? json_is_false(v) : json_integer_value(v) == 0;
    }
}

static void configure(az_doc *d, az_config *c)
{
    int64_t interval = az_doc_int(d, "no_rope_layer_interval", NULL, 1, INT32_MAX, 4);
    const json_t *list = d->j ? json_object_get(d->j, "no_rope_layers") : NULL;
    bool *no_rope;

    if (az_doc_is_gguf(d)) {
        c->no_rope = az_doc_gguf_flags(d, "attention.no_rope_pattern", c->n_layers);
    } else {
        c->bias_q = c->bias_k = c->bias_v = c->bias_o = az_doc_bool(d, "attention_bias", false);
        c->bias_mlp = az_doc_bool(d, "mlp_bias", false);
        if (az_doc_bool(d, "use_sliding_window", false)) {
            az_read_window(d, c, 0);
            az_read_slides(d, c, 0, 0);
        }
    }
    if (d->rc < 0 || c->no_rope) return;
    no_rope = az_doc_bools(d, c->n_layers);
    if (!no_rope) return;
    c->no_rope = no_rope;
    if (list && !json_is_null(list))
        read_list(d, list, no_rope, c->n_layers);
    else
        for (int i = 0; i < c->n_layers; i++)
            no_rope[i] = (i + 1) % interval == 0;
}

static bool is_usual(const az_config *c)
{
    for (int i = 0; i < c->n_layers; i++)
        if (c->no_rope[i] != ((i + 1) % 4 == 0)) return false;
    return true;
}

static adze_status gguf_keys(const az_config *c, az_kvs *out, adze_error *err)
{
    return az_put_done(is_usual(c) || az_put_flags(out, "smollm3", "attention.no_rope_pattern",
                                                   c->no_rope, c->n_layers),
                       err);
}

static const char *gguf_note(const az_config *c)
{
    return is_usual(c) ? NULL
                       : "other programs rotate q and k in all layers but every fourth, not in "
                         "those that this model says";
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("attention_bias", FLAG, bias_q),
    AZ_HF_ROW("mlp_bias", FLAG, bias_mlp),
    AZ_HF_ROW("use_sliding_window", GIVEN, window),
    AZ_HF_ROW("sliding_window", INT64, window),
    AZ_HF_ROW("layer_types", SLIDES, slides),
    AZ_HF_ROW("no_rope_layers", ROTATES, no_rope),
    AZ_HF_END,
};

const az_arch az_arch_smollm3 = {
    .name = "smollm3",
    .hf_types = hf_types,
    .gguf_name = "smollm3",
    .flags = AZ_ARCH_PERMUTED,
    .defaults = &defaults,
    .tensors = az_decoder_tensors,
    .hints = hints,
    .form = { .class = "SmolLM3ForCausalLM", .keys = keys },
    .configure = configure,
    .gguf_keys = gguf_keys,
    .gguf_note = gguf_note,
};
