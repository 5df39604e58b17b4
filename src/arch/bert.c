/* Encoders: bert, and roberta and xlm-roberta, which differ in where positions start. Learned positions and token
 * types, layer norms after each sum, gelu by erf, biases everywhere, every token sees every other. What comes out
 * is one vector for each text: pooled, and of length one.
 *
 * Source: transformers models/bert and models/xlm_roberta (5.x, 2026-08). The pooler, the heads for training and
 * old files' position ids are left out. A GGUF holds both as arch bert, positions without the rows that come first.
 */
#include "arch/common.h"

#include <string.h>

/* clang-format off */
#define L "encoder.layer.{i}."
static const az_tensor_map tensors[] = {
    { "token_embd.weight", "embeddings.word_embeddings.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "position_embd.weight", "embeddings.position_embeddings.weight", AZ_TR_ROWS, AZ_PICK_ALL, AZ_TENSOR_F32 },
    { "token_types.weight", "embeddings.token_type_embeddings.weight", AZ_TR_NONE, AZ_PICK_ALL, AZ_TENSOR_F32 },
    { "token_embd_norm.weight", "embeddings.LayerNorm.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "token_embd_norm.weight", "embeddings.LayerNorm.gamma", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "token_embd_norm.bias", "embeddings.LayerNorm.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "token_embd_norm.bias", "embeddings.LayerNorm.beta", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_q.weight", L "attention.self.query.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_q.bias", L "attention.self.query.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_k.weight", L "attention.self.key.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_k.bias", L "attention.self.key.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_v.weight", L "attention.self.value.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_v.bias", L "attention.self.value.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_output.weight", L "attention.output.dense.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_output.bias", L "attention.output.dense.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_output_norm.weight", L "attention.output.LayerNorm.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_output_norm.weight", L "attention.output.LayerNorm.gamma", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_output_norm.bias", L "attention.output.LayerNorm.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.attn_output_norm.bias", L "attention.output.LayerNorm.beta", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_up.weight", L "intermediate.dense.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_up.bias", L "intermediate.dense.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_down.weight", L "output.dense.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.ffn_down.bias", L "output.dense.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.layer_output_norm.weight", L "output.LayerNorm.weight", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.layer_output_norm.weight", L "output.LayerNorm.gamma", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.layer_output_norm.bias", L "output.LayerNorm.bias", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { "blk.{i}.layer_output_norm.bias", L "output.LayerNorm.beta", AZ_TR_NONE, AZ_PICK_ALL, 0 },
    { NULL, NULL, AZ_TR_NONE, AZ_PICK_ALL, 0 },
};
/* clang-format on */

static const char *const bert_types[] = { "bert", NULL };
static const char *const roberta_types[] = { "xlm-roberta", "roberta", NULL };
static const char *const bert_prefixes[] = { "", "bert.", NULL };
static const char *const roberta_prefixes[] = { "", "roberta.", NULL };
static const char *const ignored[] = { "pooler.", "position_ids", "cls.", "lm_head.", NULL };
static const char *const hints[] = { "type_vocab_size", "position_embedding_type", NULL };

static const az_defaults defaults = {
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

static void configure(az_doc *d, az_config *c)
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

/* Positions count on from the padding's id: the first token has its successor. */
static void configure_roberta(az_doc *d, az_config *c)
{
    configure(d, c);
    c->position_offset = az_doc_int(d, "pad_token_id", NULL, 0, 1 << 20, 1) + 1;
    if (c->context <= c->position_offset)
        az_doc_fail(d, ADZE_EFORMAT, "max_position_embeddings",
                    "%lld leaves no positions after %lld", (long long)c->context,
                    (long long)c->position_offset - 1);
    c->context -= c->position_offset;
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

static adze_status build(const az_config *c, az_graph *g, adze_error *err)
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

static adze_status gguf_keys(const az_config *c, az_kvs *out, adze_error *err)
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

static const az_hf_key roberta_keys[] = {
    AZ_HF_ROW("type_vocab_size", INT64, n_types),
    AZ_HF_TEXT_ROW("position_embedding_type", "absolute"),
    AZ_HF_CONST("pad_token_id", WHOLE, 1),
    AZ_HF_END,
};

/* llama.cpp's tools call every encoder of this kind bert; the tokenizer tells them apart. */
static bool is_roberta(const adze_model *m, const az_config *c)
{
    const char *tokenizer = az_kv_string(&m->kv, "tokenizer.ggml.model");

    (void)c;
    return tokenizer && strcmp(tokenizer, "bert") != 0;
}

const az_arch az_arch_bert = {
    .name = "bert",
    .hf_types = bert_types,
    .gguf_name = "bert",
    .defaults = &defaults,
    .tensors = tensors,
    .prefixes = bert_prefixes,
    .ignored = ignored,
    .hints = hints,
    .form = { .class = "BertModel", .keys = keys },
    .configure = configure,
    .gguf_keys = gguf_keys,
    .build = build,
};

const az_arch az_arch_xlm_roberta = {
    .name = "xlm-roberta",
    .hf_types = roberta_types,
    .gguf_name = "bert",
    .defaults = &defaults,
    .tensors = tensors,
    .prefixes = roberta_prefixes,
    .ignored = ignored,
    .hints = hints,
    .form = { .class = "XLMRobertaModel", .keys = roberta_keys, .positions = 2, .is = is_roberta },
    .configure = configure_roberta,
    .gguf_keys = gguf_keys,
    .build = build,
};
