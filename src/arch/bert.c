/* bert: an encoder. Learned positions and token types, layer norms after each sum, gelu by erf, biases everywhere, every
 * token sees every other. What comes out is one vector for each text.
 *
 * Source: transformers models/bert (5.x, 2026-08). The pooler, the heads for training and old files' position ids are
 * left out.
 */
#include "arch/bert.h"

#include <string.h>

/* clang-format off */
#define L "encoder.layer.{i}."
#define ROW(name, hf) { name, hf, AZ_TR_NONE, AZ_PICK_ALL, 0 }
#define BOTH(name, hf) ROW(name ".weight", hf ".weight"), ROW(name ".bias", hf ".bias")
#define NORM(name, hf) /* gamma and beta in old files */ \
    BOTH(name, hf), ROW(name ".weight", hf ".gamma"), ROW(name ".bias", hf ".beta")
const az_tensor_map az_bert_tensors[] = {
    { "token_embd.weight", "embeddings.word_embeddings.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "position_embd.weight", "embeddings.position_embeddings.weight", AZ_TR_ROWS, AZ_PICK_ALL, AZ_TENSOR_F32 },
    { "token_types.weight", "embeddings.token_type_embeddings.weight", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_F32 },
    NORM("token_embd_norm", "embeddings.LayerNorm"),
    BOTH("blk.{i}.attn_q", L "attention.self.query"),
    BOTH("blk.{i}.attn_k", L "attention.self.key"),
    BOTH("blk.{i}.attn_v", L "attention.self.value"),
    BOTH("blk.{i}.attn_output", L "attention.output.dense"),
    NORM("blk.{i}.attn_output_norm", L "attention.output.LayerNorm"),
    BOTH("blk.{i}.ffn_up", L "intermediate.dense"),
    BOTH("blk.{i}.ffn_down", L "output.dense"),
    NORM("blk.{i}.layer_output_norm", L "output.LayerNorm"),
    { NULL, NULL, AZ_TR_NONE, AZ_PICK_ALL, 0 },
};
/* clang-format on */

static const char *const hf_types[] = { "bert", NULL };
static const char *const prefixes[] = { "", "bert.", NULL };
const char *const az_bert_ignored[] = { "pooler.", "position_ids", "cls.", "lm_head.", NULL };
const char *const az_bert_hints[] = { "type_vocab_size", "position_embedding_type", NULL };

const az_defaults az_bert_defaults = {
    .vocab = 30522,
    .hidden = 768,
    .ff = 3072,
    .layers = 12,
    .heads = 12,
    .context = 512,
    .eps = 1e-12,
    .eps_key = "layer_norm_eps",
    .tied = true,
    .activation = "gelu",
};

void az_bert_configure(az_doc *d, az_config *c)
{
    const char *positions = az_doc_str(d, "position_embedding_type", NULL, "absolute");
    const az_tensor *types = az_model_tensor(d->m, "token_types.weight");

    c->encoder = true;
    c->norm = AZ_NORM_LAYER;
    c->bias_q = c->bias_k = c->bias_v = c->bias_o = c->bias_mlp = true;
    c->norm_eps =
        az_doc_real(d, "layer_norm_eps", "attention.layer_norm_epsilon", 0, 1, c->norm_eps);
    az_read_pooling(d, c);
    c->n_types = az_doc_is_gguf(d) ? (types ? types->shape[0] : 1)
                                   : az_doc_int(d, "type_vocab_size", NULL, 1, 1 << 20, 2);
    if (strcmp(positions, "absolute") != 0)
        az_doc_fail(d, ADZE_EUNSUP, "position_embedding_type", "'%.40s'", positions);
    if (az_doc_bool(d, "is_decoder", false))
        az_doc_fail(d, ADZE_EUNSUP, "is_decoder", "an encoder that is used as a decoder");
}

static int block(az_graph *g, const az_config *c, int i, int x)
{
    int state = az_graph_state_kv(g, i, c->n_heads, c->head_dim, 0);
    int q = az_block_linear(g, i, x, "attn_q", c->hidden, true);
    int k = az_block_linear(g, i, x, "attn_k", c->hidden, true);
    int v = az_block_linear(g, i, x, "attn_v", c->hidden, true), y;
    az_node *last;

    y = az_graph_attention(g, i, q, k, v, state, c->n_heads, c->attn_scale);
    last = az_graph_last(g);
    if (last) last->everywhere = true;
    y = az_block_linear(g, i, y, "attn_output", c->hidden, true);
    x = az_block_norm(g, c, i, az_graph_add(g, i, x, y, 1), "attn_output_norm");
    y = az_block_linear(g, i, x, "ffn_up", c->ff, true);
    y = az_graph_activation(g, i, c->activation, y, -1);
    y = az_block_linear(g, i, y, "ffn_down", c->hidden, true);
    return az_block_norm(g, c, i, az_graph_add(g, i, x, y, 1), "layer_output_norm");
}

adze_status az_bert_build(const az_config *c, az_graph *g, adze_error *err)
{
    int64_t h = c->hidden, rows = c->context + c->position_offset;
    int x = az_graph_embed(g, az_graph_weight_at(g, c->vocab, h, "token_embd.weight"),
                           AZ_EMBED_TOKEN, 1);
    int types = az_graph_embed(g, az_graph_weight_at(g, c->n_types, h, "token_types.weight"),
                               AZ_EMBED_TYPE, 1);
    int positions = az_graph_embed(g, az_graph_weight_at(g, rows, h, "position_embd.weight"),
                                   AZ_EMBED_POSITION, 1);

    x = az_graph_add(g, -1, x, types, 1);
    x = az_graph_add(g, -1, x, positions, 1);
    x = az_block_norm(g, c, -1, x, "token_embd_norm");
    for (int i = 0; i < c->n_layers && !g->failed; i++)
        x = block(g, c, i, x);
    az_graph_output(g, az_graph_pool(g, x, c->pooling, c->normalize));
    return az_graph_status(g, err);
}

adze_status az_bert_gguf_keys(const az_config *c, az_kvs *out, adze_error *err)
{
    return az_put_done(az_put_bool(out, "bert", "attention.causal", false) &&
                           az_put_u32(out, "bert", "pooling_type", (int64_t)c->pooling + 1) &&
                           az_kv_put_u32(out, "tokenizer.ggml.token_type_count",
                                         (uint32_t)c->n_types),
                       err);
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("type_vocab_size", INT64, n_types),
    AZ_HF_TEXT_ROW("position_embedding_type", "absolute"),
    AZ_HF_END,
};

const az_arch az_arch_bert = {
    .name = "bert",
    .hf_types = hf_types,
    .gguf_name = "bert",
    .defaults = &az_bert_defaults,
    .tensors = az_bert_tensors,
    .prefixes = prefixes,
    .ignored = az_bert_ignored,
    .hints = az_bert_hints,
    .form = { .class = "BertModel", .keys = keys },
    .configure = az_bert_configure,
    .gguf_keys = az_bert_gguf_keys,
    .build = az_bert_build,
};
