/* What decoders share. Key names: config.json of transformers (v4 and v5); GGUF keys as llama.cpp reads them
 * (gguf-py constants, 2026-08). A GGUF's keys have strict types: sizes u32, real numbers f32.
 */
#include "arch/common.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Generous, but small enough that no product of two of them wraps. */
#define MAX_LAYERS   4096
#define MAX_WIDTH    (1 << 22)
#define MAX_HEADS    16384
#define MAX_HEAD_DIM 4096
#define MAX_VOCAB    (1 << 26)
#define MAX_CONTEXT  1000000000

static void check_gguf_unsupported(az_doc *d)
{
    if (az_doc_int(d, NULL, "expert_count", 0, 1 << 20, 0) > 0)
        az_doc_fail(d, ADZE_EUNSUP, "expert_count", "mixture of experts is not supported");
}

static void read_sizes(az_doc *d, const az_decoder_defaults *def, az_config *c)
{
    bool gguf = az_doc_is_gguf(d);
    int64_t heads, need = AZ_DOC_REQUIRED;

    c->hidden = (int)az_doc_int(d, "hidden_size", "embedding_length", 1, MAX_WIDTH,
                                gguf ? need : def->hidden);
    c->ff = (int)az_doc_int(d, "intermediate_size", "feed_forward_length", 1, MAX_WIDTH,
                            gguf ? need : def->ff);
    c->n_layers = (int)az_doc_int(d, "num_hidden_layers", "block_count", 1, MAX_LAYERS,
                                  gguf ? need : def->layers);
    heads = az_doc_int(d, "num_attention_heads", "attention.head_count", 1, MAX_HEADS,
                       gguf ? need : def->heads);
    c->n_heads = (int)heads;
    c->n_kv_heads = (int)az_doc_int(d, "num_key_value_heads", "attention.head_count_kv", 1,
                                    MAX_HEADS, gguf || !def->kv_heads ? heads : def->kv_heads);
    c->head_dim =
        (int)az_doc_int(d, "head_dim", "attention.key_length", 2, MAX_HEAD_DIM, c->hidden / heads);
    c->context = az_doc_int(d, "max_position_embeddings", "context_length", 1, MAX_CONTEXT,
                            gguf ? need : def->context);
    c->norm_eps = az_doc_real(d, "rms_norm_eps", "attention.layer_norm_rms_epsilon", 0, 1,
                              gguf ? 1e-5 : def->eps);
    if (d->rc < 0) return;
    if (c->n_heads % c->n_kv_heads)
        az_doc_fail(d, ADZE_EFORMAT, "num_key_value_heads", "%d does not divide %d heads",
                    c->n_kv_heads, c->n_heads);
    if (c->head_dim < 2 || c->head_dim % 2)
        az_doc_fail(d, ADZE_EFORMAT, "head_dim", "%d is not an even number", c->head_dim);
    if (az_doc_int(d, NULL, "attention.value_length", 1, MAX_HEAD_DIM, c->head_dim) != c->head_dim)
        az_doc_fail(d, ADZE_EUNSUP, "attention.value_length", "differs from the key length");
}

/* A GGUF has as many ids as its embedding has rows, and is tied when it has no output tensor. transformers
 * ties by the config, but a stored lm_head wins (5.x: it may differ from the embedding). */
static void read_vocab(az_doc *d, const az_decoder_defaults *def, az_config *c)
{
    const az_tensor *t;

    if (!az_doc_is_gguf(d)) {
        c->vocab = az_doc_int(d, "vocab_size", NULL, 1, MAX_VOCAB, def->vocab);
        c->tied = az_doc_bool(d, "tie_word_embeddings", false) &&
                  !az_model_tensor(d->m, "lm_head.weight");
        return;
    }
    t = az_model_tensor(d->m, "token_embd.weight");
    if (!t || t->n_dims != 2 || t->shape[0] < 1 || t->shape[0] > MAX_VOCAB) {
        az_doc_fail(d, ADZE_EFORMAT, "token_embd.weight", t ? "has no usable shape" : "is missing");
        return;
    }
    c->vocab = t->shape[0];
    c->tied = !az_model_tensor(d->m, "output.weight");
}

static void read_activation(az_doc *d)
{
    const char *act = az_doc_str(d, "hidden_act", NULL, "silu");

    if (strcmp(act, "silu") != 0 && strcmp(act, "swish") != 0)
        az_doc_fail(d, ADZE_EUNSUP, "hidden_act", "'%s'; this architecture runs with silu", act);
}

adze_status az_decoder_configure(az_doc *d, adze_model *m, const char *gguf_name,
                                 const az_decoder_defaults *def, az_config *c, adze_error *err)
{
    adze_status rc;

    *c = (az_config){ 0 };
    rc = az_doc_init(d, m, gguf_name, err);
    if (rc < 0) return rc;
    read_sizes(d, def, c);
    read_vocab(d, def, c);
    read_activation(d);
    check_gguf_unsupported(d);
    if (d->rc < 0) return d->rc;
    c->attn_scale = 1 / sqrt((double)c->head_dim);
    return az_rope_configure(d, c, &def->rope);
}

void az_decoder_gguf_biases(const az_doc *d, az_config *c)
{
    c->bias_q = az_model_tensor(d->m, "blk.0.attn_q.bias") != NULL;
    c->bias_k = az_model_tensor(d->m, "blk.0.attn_k.bias") != NULL;
    c->bias_v = az_model_tensor(d->m, "blk.0.attn_v.bias") != NULL;
    c->bias_o = az_model_tensor(d->m, "blk.0.attn_output.bias") != NULL;
    c->bias_mlp = az_model_tensor(d->m, "blk.0.ffn_down.bias") != NULL;
}

bool az_put_u32(az_kvs *out, const char *prefix, const char *key, int64_t v)
{
    char name[128];

    snprintf(name, sizeof name, "%s.%s", prefix, key);
    return az_kv_put_u32(out, name, (uint32_t)v);
}

bool az_put_f32(az_kvs *out, const char *prefix, const char *key, double v)
{
    char name[128];

    snprintf(name, sizeof name, "%s.%s", prefix, key);
    return az_kv_put_f32(out, name, (float)v);
}

bool az_put_str(az_kvs *out, const char *prefix, const char *key, const char *v)
{
    char name[128];

    snprintf(name, sizeof name, "%s.%s", prefix, key);
    return az_kv_put_str(out, name, v, strlen(v));
}

/* llama3 scaling has no key of its own: its divisors are the tensor rope_freqs.weight. */
static bool put_rope(az_kvs *out, const char *p, const az_rope *r)
{
    bool ok = az_put_u32(out, p, "rope.dimension_count", r->dims) &&
              az_put_f32(out, p, "rope.freq_base", r->theta);

    switch (r->type) {
    case AZ_ROPE_DEFAULT:
    case AZ_ROPE_LLAMA3: break;
    case AZ_ROPE_LINEAR:
        ok = ok && az_put_str(out, p, "rope.scaling.type", "linear") &&
             az_put_f32(out, p, "rope.scaling.factor", r->factor);
        break;
    case AZ_ROPE_YARN:
        ok = ok && az_put_str(out, p, "rope.scaling.type", "yarn") &&
             az_put_f32(out, p, "rope.scaling.factor", r->factor) &&
             az_put_u32(out, p, "rope.scaling.original_context_length", r->original_context) &&
             az_put_f32(out, p, "rope.scaling.yarn_beta_fast", r->beta_fast) &&
             az_put_f32(out, p, "rope.scaling.yarn_beta_slow", r->beta_slow) &&
             az_put_f32(out, p, "rope.scaling.attn_factor",
                        r->attention_factor / az_rope_yarn_attention(r->factor));
        break;
    case AZ_ROPE_LONGROPE:
        ok = ok && az_put_str(out, p, "rope.scaling.type", "longrope") &&
             az_put_u32(out, p, "rope.scaling.original_context_length", r->original_context) &&
             az_put_f32(out, p, "rope.scaling.attn_factor", r->attention_factor);
        break;
    }
    return ok;
}

/* Which layers slide, as the bool array that other programs use for mixed models. */
static bool put_window(az_kvs *out, const char *p, const az_config *c)
{
    char name[128];

    if (!c->window) return true;
    if (!az_put_u32(out, p, "attention.sliding_window", c->window)) return false;
    if (!c->slides) return true;
    snprintf(name, sizeof name, "%s.attention.sliding_window_pattern", p);
    _Static_assert(sizeof(bool) == 1, "a GGUF bool is one byte");
    return az_kv_put_arr(out, name, AZ_KV_BOOL, c->slides, (uint64_t)c->n_layers);
}

adze_status az_decoder_gguf_keys(const char *p, const az_config *c, az_kvs *out, adze_error *err)
{
    bool ok = az_kv_put_str(out, "general.architecture", p, strlen(p)) &&
              az_put_u32(out, p, "vocab_size", c->vocab) &&
              az_put_u32(out, p, "context_length", c->context) &&
              az_put_u32(out, p, "embedding_length", c->hidden) &&
              az_put_u32(out, p, "block_count", c->n_layers) &&
              az_put_u32(out, p, "feed_forward_length", c->ff) &&
              az_put_u32(out, p, "attention.head_count", c->n_heads) &&
              az_put_u32(out, p, "attention.head_count_kv", c->n_kv_heads) &&
              az_put_f32(out, p, "attention.layer_norm_rms_epsilon", c->norm_eps);

    if (c->n_heads * c->head_dim != c->hidden)
        ok = ok && az_put_u32(out, p, "attention.key_length", c->head_dim) &&
             az_put_u32(out, p, "attention.value_length", c->head_dim);
    ok = ok && put_rope(out, p, &c->rope) && put_window(out, p, c);
    return ok ? ADZE_OK : az_fail_nomem(err, "writing metadata");
}

static int weight(az_graph *g, int layer, const char *what, int64_t rows, int64_t cols)
{
    return az_graph_weight_at(g, rows, cols, "blk.%d.%s.weight", layer, what);
}

/* -1 when the model has no such bias. */
static int bias(az_graph *g, int layer, const char *what, int64_t n, bool present)
{
    return present ? az_graph_weight_at(g, 1, n, "blk.%d.%s.bias", layer, what) : -1;
}

static int linear(az_graph *g, int layer, int x, const char *what, int64_t out, int64_t in,
                  bool biased)
{
    int w = weight(g, layer, what, out, in);

    return az_graph_linear(g, layer, x, w, bias(g, layer, what, out, biased));
}

int az_block_attention(az_graph *g, const az_config *c, int layer, int x, bool fused)
{
    int64_t q_width = (int64_t)c->n_heads * c->head_dim;
    int64_t kv_width = (int64_t)c->n_kv_heads * c->head_dim;
    bool slides = c->window && (!c->slides || c->slides[layer]);
    int state = az_graph_state_kv(g, layer, c->n_kv_heads, c->head_dim, slides ? c->window : 0);
    int n =
        az_graph_norm_rms(g, layer, x, weight(g, layer, "attn_norm", 1, c->hidden), c->norm_eps);
    int q, k, v, y;

    if (fused) {
        y = linear(g, layer, n, "attn_qkv", q_width + 2 * kv_width, c->hidden, false);
        q = az_graph_slice(g, layer, y, 0, q_width);
        k = az_graph_slice(g, layer, y, q_width, kv_width);
        v = az_graph_slice(g, layer, y, q_width + kv_width, kv_width);
    } else {
        q = linear(g, layer, n, "attn_q", q_width, c->hidden, c->bias_q);
        k = linear(g, layer, n, "attn_k", kv_width, c->hidden, c->bias_k);
        v = linear(g, layer, n, "attn_v", kv_width, c->hidden, c->bias_v);
    }
    q = az_graph_rope(g, layer, q, c->n_heads, c->head_dim);
    k = az_graph_rope(g, layer, k, c->n_kv_heads, c->head_dim);
    y = az_graph_attention(g, layer, q, k, v, state, c->n_heads, c->attn_scale);
    y = linear(g, layer, y, "attn_output", c->hidden, q_width, c->bias_o);
    return az_graph_add(g, layer, x, y);
}

int az_block_gated_ffn(az_graph *g, const az_config *c, int layer, int x, bool fused)
{
    int n = az_graph_norm_rms(g, layer, x, weight(g, layer, "ffn_norm", 1, c->hidden), c->norm_eps);
    int gate, up, y;

    if (fused) {
        y = linear(g, layer, n, "ffn_up", 2 * (int64_t)c->ff, c->hidden, false);
        gate = az_graph_slice(g, layer, y, 0, c->ff);
        up = az_graph_slice(g, layer, y, c->ff, c->ff);
    } else {
        gate = linear(g, layer, n, "ffn_gate", c->ff, c->hidden, c->bias_mlp);
        up = linear(g, layer, n, "ffn_up", c->ff, c->hidden, c->bias_mlp);
    }
    y = az_graph_silu_mul(g, layer, gate, up);
    y = linear(g, layer, y, "ffn_down", c->hidden, c->ff, c->bias_mlp);
    return az_graph_add(g, layer, x, y);
}

adze_status az_build_decoder(const az_config *c, az_graph *g, bool fused, adze_error *err)
{
    int embd = az_graph_weight_at(g, c->vocab, c->hidden, "token_embd.weight");
    int x = az_graph_embed(g, embd), norm, out;

    for (int i = 0; i < c->n_layers && !g->failed; i++) {
        x = az_block_attention(g, c, i, x, fused);
        x = az_block_gated_ffn(g, c, i, x, fused);
    }
    norm = az_graph_weight_at(g, 1, c->hidden, "output_norm.weight");
    x = az_graph_norm_rms(g, -1, x, norm, c->norm_eps);
    out = c->tied ? embd : az_graph_weight_at(g, c->vocab, c->hidden, "output.weight");
    az_graph_output(g, az_graph_linear(g, -1, x, out, -1));
    return az_graph_status(g, err);
}
