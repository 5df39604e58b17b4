/* gemma3 (text): gemma2 with a norm on each head of q and k instead of the softcaps, five sliding layers to a
 * full one, and a rotation of its own for each kind: base 1e4 unscaled where a layer slides, else 1e6 with the
 * config's scaling.
 *
 * Source: transformers models/gemma3 (5.x, 2026-08).
 */
#include "arch/gemma.h"

enum { LAYERS_27B = 62 };

static const char *const hf_types[] = { "gemma3_text", NULL };
static const char *const hints[] = { "query_pre_attn_scalar", "rope_local_base_freq",
                                     "sliding_window_pattern", "sliding_window", NULL };

static const az_defaults defaults = {
    .vocab = 262208,
    .hidden = 2304,
    .ff = 9216,
    .layers = 26,
    .heads = 8,
    .kv_heads = 4,
    .head_dim = 256,
    .context = 131072,
    .eps = 1e-6,
    .tied = true,
    .activation = "gelu_pytorch_tanh",
    .rope = { .theta = 1e6, .layer_type = "full_attention" },
};

/* Of old files the scaling is the full layers' alone. */
static void read_sliding_rope(az_doc *d, az_config *c)
{
    const json_t *p = d->j ? json_object_get(d->j, "rope_parameters") : NULL;
    az_rope_defaults local = { .theta = 1e4, .layer_type = "sliding_attention" };
    az_rope *r = &c->rope_sliding;

    c->has_rope_sliding = true;
    if (json_is_object(json_object_get(p, local.layer_type))) {
        az_rope_configure(d, c, &local, r);
        return;
    }
    *r = (az_rope){ .dims = c->head_dim, .theta = 1e4 };
    r->theta = az_doc_real(d, "rope_local_base_freq", "rope.freq_base_swa", 1, 1e15, 1e4);
    az_rope_finish(d, c, r);
}

static void configure(az_doc *d, az_config *c)
{
    int64_t period = az_doc_int(d, "sliding_window_pattern", NULL, 1, INT32_MAX, 6);

    az_gemma_configure(d, c, 0, 0, LAYERS_27B);
    c->qk_norm = AZ_QK_HEAD;
    read_sliding_rope(d, c);
    az_read_window(d, c, 4096);
    az_read_slides(d, c, period, 0);
}

static adze_status gguf_keys(const az_config *c, az_kvs *out, adze_error *err)
{
    adze_status rc = az_gemma_gguf_keys("gemma3", c, out, err);

    if (rc < 0) return rc;
    return az_put_done(az_put_f32(out, "gemma3", "rope.freq_base_swa", c->rope_sliding.theta), err);
}

static const char *gguf_note(const az_config *c)
{
    if (!az_gemma_usual_scale(c, LAYERS_27B))
        return "other programs scale q.k by the size of a head, not by query_pre_attn_scalar";
    if (c->rope_sliding.type != AZ_ROPE_DEFAULT)
        return "a GGUF cannot hold the rope scaling of the sliding layers";
    return NULL;
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("attention_bias", FLAG, bias_q),
    AZ_HF_ROW("query_pre_attn_scalar", INVERSE_SQUARE, attn_scale),
    AZ_HF_ROW("attn_logit_softcapping", REAL_OR_NULL, attn_softcap),
    AZ_HF_ROW("final_logit_softcapping", REAL_OR_NULL, logit_softcap),
    AZ_HF_ROW("sliding_window", INT64, window),
    AZ_HF_ROW("layer_types", SLIDES, slides),
    AZ_HF_ROW("sliding_window_pattern", PERIOD, slides),
    AZ_HF_TEXT_ROW("hidden_activation", "gelu_pytorch_tanh"),
    AZ_HF_END,
};

const az_arch az_arch_gemma3 = {
    .name = "gemma3",
    .hf_types = hf_types,
    .gguf_name = "gemma3",
    .flags = AZ_ARCH_ADD_ONE,
    .defaults = &defaults,
    .tensors = az_gemma_tensors,
    .hints = hints,
    .form = { .class = "Gemma3ForCausalLM", .keys = keys },
    .configure = configure,
    .gguf_keys = gguf_keys,
    .gguf_note = gguf_note,
};
