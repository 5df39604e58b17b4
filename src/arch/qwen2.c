/* qwen2: llama with biases on q, k and v (never on o), and a window that slides from layer
 * max_window_layers on when use_sliding_window says so. Not permuted in a GGUF.
 *
 * Source: transformers models/qwen2 (5.x, 2026-08).
 */
#include "arch/common.h"

#include <string.h>

static const char *const hf_types[] = { "qwen2", NULL };

static const az_tensor_map tensors[] = {
#define LAYER "model.layers.{i}."
    { "token_embd.weight", "model.embed_tokens.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.attn_norm.weight", LAYER "input_layernorm.weight", AZ_TR_NONE, AZ_TENSOR_F32 },
    { "blk.{i}.attn_q.weight", LAYER "self_attn.q_proj.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.attn_q.bias", LAYER "self_attn.q_proj.bias", AZ_TR_NONE, AZ_TENSOR_F32 },
    { "blk.{i}.attn_k.weight", LAYER "self_attn.k_proj.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.attn_k.bias", LAYER "self_attn.k_proj.bias", AZ_TR_NONE, AZ_TENSOR_F32 },
    { "blk.{i}.attn_v.weight", LAYER "self_attn.v_proj.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.attn_v.bias", LAYER "self_attn.v_proj.bias", AZ_TR_NONE, AZ_TENSOR_F32 },
    { "blk.{i}.attn_output.weight", LAYER "self_attn.o_proj.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.ffn_norm.weight", LAYER "post_attention_layernorm.weight", AZ_TR_NONE,
      AZ_TENSOR_F32 },
    { "blk.{i}.ffn_gate.weight", LAYER "mlp.gate_proj.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.ffn_up.weight", LAYER "mlp.up_proj.weight", AZ_TR_NONE, 0 },
    { "blk.{i}.ffn_down.weight", LAYER "mlp.down_proj.weight", AZ_TR_NONE, 0 },
    { "output_norm.weight", "model.norm.weight", AZ_TR_NONE, AZ_TENSOR_F32 },
    { "output.weight", "lm_head.weight", AZ_TR_NONE, AZ_TENSOR_OPTIONAL },
    { NULL, NULL, AZ_TR_NONE, 0 },
#undef LAYER
};

static const az_decoder_defaults defaults = {
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

/* layer_types decides where it is given; else layers from max_window_layers on slide. */
static void layer_windows(az_doc *d, const az_config *c, bool *slides)
{
    const json_t *types = json_object_get(d->j, "layer_types");
    int64_t from = az_doc_int(d, "max_window_layers", NULL, 0, INT32_MAX, 28);

    if (types && !json_is_null(types) && json_array_size(types) != (size_t)c->n_layers) {
        az_doc_fail(d, ADZE_EFORMAT, "layer_types", "is not a list of %d", c->n_layers);
        return;
    }
    for (int i = 0; i < c->n_layers; i++) {
        const char *type = json_string_value(json_array_get(types, (size_t)i));
        if (!types || json_is_null(types))
            slides[i] = i >= from;
        else if (type && strcmp(type, "sliding_attention") == 0)
            slides[i] = true;
        else if (!type || strcmp(type, "full_attention") != 0)
            az_doc_fail(d, ADZE_EUNSUP, "layer_types", "element %d is not a known kind", i);
    }
}

static void configure_hf(az_doc *d, az_config *c)
{
    bool *slides;

    if (!az_doc_bool(d, "use_sliding_window", false)) return;
    c->window = az_doc_int(d, "sliding_window", NULL, 1, INT32_MAX,
                           json_object_get(d->j, "sliding_window") ? 0 : 4096);
    slides = az_arena_array(&d->m->arena, (size_t)c->n_layers, sizeof *slides);
    if (!slides) {
        d->rc = az_fail_nomem(d->err, "reading a config");
        return;
    }
    layer_windows(d, c, slides);
    c->slides = slides;
}

static void configure_gguf(az_doc *d, az_config *c)
{
    const az_kv *kv = az_kv_find(&d->m->kv, "qwen2.attention.sliding_window_pattern");

    az_decoder_gguf_biases(d, c);
    c->window = az_doc_int(d, NULL, "attention.sliding_window", 0, INT32_MAX, 0);
    if (!c->window || !kv) return;
    if (kv->type != AZ_KV_ARR || kv->elem != AZ_KV_BOOL || kv->v.arr.n != (uint64_t)c->n_layers)
        az_doc_fail(d, ADZE_EFORMAT, kv->key, "is not a list of %d flags", c->n_layers);
    else
        c->slides = az_doc_flags(d, kv);
}

static adze_status configure(adze_model *m, az_config *c, adze_error *err)
{
    az_doc d;
    adze_status rc = az_decoder_configure(&d, m, "qwen2", &defaults, c, err);

    if (rc < 0) return rc;
    c->bias_q = c->bias_k = c->bias_v = true;
    if (az_doc_is_gguf(&d))
        configure_gguf(&d, c);
    else
        configure_hf(&d, c);
    return d.rc;
}

static adze_status build(const az_config *c, az_graph *g, adze_error *err)
{
    return az_build_decoder(c, g, false, err);
}

const az_arch az_arch_qwen2 = {
    .name = "qwen2",
    .hf_types = hf_types,
    .gguf_name = "qwen2",
    .tensors = tensors,
    .configure = configure,
    .build = build,
};
