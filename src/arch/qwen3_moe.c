/* qwen3_moe: qwen3 with experts in every decoder_sparse_step-th layer but those of mlp_only_layers; softmax over all
 * experts, the best ones' weights divided by their sum where norm_topk_prob says so.
 *
 * Source: transformers models/qwen3_moe (5.x, 2026-08). In a GGUF a layer without a router is a plain one.
 */
#include "arch/common.h"

#include <stdio.h>

static const char *const hf_types[] = { "qwen3_moe", NULL };
static const char *const hints[] = { "mlp_only_layers", "decoder_sparse_step", NULL };

static const az_defaults defaults = {
    .vocab = 151936,
    .hidden = 2048,
    .ff = 6144,
    .layers = 24,
    .heads = 32,
    .kv_heads = 4,
    .context = 32768,
    .eps = 1e-6,
    .rope = { .theta = 1e4 },
};

static const az_moe_defaults experts = { "num_experts", 128, 8, "moe_intermediate_size", 768 };

static void plain_by_tensors(az_doc *d, const az_config *c, bool *dense)
{
    char name[64];

    for (int i = 0; i < c->n_layers; i++) {
        snprintf(name, sizeof name, "blk.%d.ffn_gate_inp.weight", i);
        dense[i] = !az_model_tensor(d->m, name);
    }
}

static void plain_by_config(az_doc *d, const az_config *c, bool *dense)
{
    int64_t step = az_doc_int(d, "decoder_sparse_step", NULL, 1, INT32_MAX, 1);

    for (int i = 0; i < c->n_layers; i++)
        dense[i] = (i + 1) % step != 0;
    az_doc_layer_list(d, "mlp_only_layers", c->n_layers, true, dense);
}

static void configure(az_doc *d, az_config *c)
{
    bool *dense = az_doc_bools(d, c->n_layers);

    c->qk_norm = AZ_QK_HEAD;
    if (!az_doc_is_gguf(d))
        c->bias_q = c->bias_k = c->bias_v = c->bias_o = az_doc_bool(d, "attention_bias", false);
    az_read_late_window(d, c);
    az_read_moe(d, c, &experts, AZ_ROUTER_SOFTMAX);
    az_read_moe_norm(d, c, az_doc_is_gguf(d));
    if (!dense) return;
    c->dense = dense;
    if (az_doc_is_gguf(d))
        plain_by_tensors(d, c, dense);
    else
        plain_by_config(d, c, dense);
}

static adze_status gguf_keys(const az_config *c, az_kvs *out, adze_error *err)
{
    return az_put_done(az_put_bool(out, "qwen3moe", "expert_weights_norm",
                                   c->router == AZ_ROUTER_SOFTMAX_NORM),
                       err);
}

static const char *gguf_note(const az_config *c)
{
    for (int i = 0; i < c->n_layers; i++)
        if (c->dense[i]) return "other programs want experts in every layer of this architecture";
    if (c->router != AZ_ROUTER_SOFTMAX_NORM)
        return "other programs divide the experts' weights by their sum, which this model does not";
    return NULL;
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("attention_bias", FLAG, bias_q),
    AZ_HF_ROW("use_sliding_window", GIVEN, window),
    AZ_HF_ROW("sliding_window", INT64, window),
    AZ_HF_ROW("layer_types", SLIDES, slides),
    AZ_HF_ROW("num_experts", INT, n_experts),
    AZ_HF_ROW("num_experts_per_tok", INT, n_experts_used),
    AZ_HF_ROW("moe_intermediate_size", INT, expert_ff),
    AZ_HF_ROW("norm_topk_prob", NORMALIZED, router),
    AZ_HF_CONST("decoder_sparse_step", WHOLE, 1),
    AZ_HF_ROW("mlp_only_layers", LAYERS, dense),
    AZ_HF_END,
};

const az_arch az_arch_qwen3_moe = {
    .name = "qwen3_moe",
    .hf_types = hf_types,
    .gguf_name = "qwen3moe",
    .defaults = &defaults,
    .tensors = az_decoder_tensors,
    .hints = hints,
    .form = { .class = "Qwen3MoeForCausalLM", .keys = keys },
    .configure = configure,
    .gguf_keys = gguf_keys,
    .gguf_note = gguf_note,
};
