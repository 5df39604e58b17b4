/* What decoders share: reading and writing their keys. Key names: config.json of transformers (v4 and v5); GGUF keys as llama.cpp reads them
 * (gguf-py constants, 2026-08). A GGUF's keys have strict types: sizes u32, real numbers f32.
 */
#include "arch/common.h"

#include "base/json.h"

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

/* One number, or (a GGUF's key) one for each layer: then the largest, and which is the architecture's to say. */
static int64_t per_layer_max(az_doc *d, const az_config *c, const char *gguf)
{
    const int32_t *v = az_doc_is_gguf(d) ? az_doc_gguf_ints(d, gguf, c->n_layers) : NULL;
    int64_t top = 0;

    for (int i = 0; v && i < c->n_layers; i++)
        if (v[i] > top) top = v[i];
    return top;
}

static void read_sizes(az_doc *d, const az_defaults *def, az_config *c)
{
    bool gguf = az_doc_is_gguf(d);
    int64_t heads, kv, need = AZ_DOC_REQUIRED;

    c->hidden = (int)az_doc_int(d, "hidden_size", "embedding_length", 1, MAX_WIDTH,
                                gguf ? need : def->hidden);
    c->ff = (int)az_doc_int(d, "intermediate_size", "feed_forward_length", 1, MAX_WIDTH,
                            gguf ? need : def->ff);
    c->n_layers = (int)az_doc_int(d, "num_hidden_layers", "block_count", 1, MAX_LAYERS,
                                  gguf ? need : def->layers);
    heads = az_doc_int(d, "num_attention_heads", "attention.head_count", 1, MAX_HEADS,
                       gguf ? need : def->heads);
    c->n_heads = (int)heads;
    if (d->rc < 0) return;
    kv = per_layer_max(d, c, "attention.head_count_kv");
    c->n_kv_heads =
        (int)(kv ? kv
                 : az_doc_int(d, "num_key_value_heads", "attention.head_count_kv", 1, MAX_HEADS,
                              gguf || !def->kv_heads ? heads : def->kv_heads));
    c->head_dim = (int)az_doc_int(d, "head_dim", "attention.key_length", 2, MAX_HEAD_DIM,
                                  def->head_dim && !gguf ? def->head_dim : c->hidden / heads);
    c->context = az_doc_int(d, "max_position_embeddings", "context_length", 1, MAX_CONTEXT,
                            gguf ? need : def->context);
    c->norm_eps = az_doc_real(d, def->eps_key ? def->eps_key : "rms_norm_eps",
                              "attention.layer_norm_rms_epsilon", 0, 1, gguf ? 1e-5 : def->eps);
    if (d->rc < 0) return;
    if (c->n_kv_heads > c->n_heads || c->n_heads % c->n_kv_heads)
        az_doc_fail(d, ADZE_EFORMAT, "num_key_value_heads", "%d does not divide %d heads",
                    c->n_kv_heads, c->n_heads);
    if (c->head_dim < 2 || c->head_dim % 2)
        az_doc_fail(d, ADZE_EFORMAT, "head_dim", "%d is not an even number", c->head_dim);
    if (az_doc_int(d, NULL, "attention.value_length", 1, MAX_HEAD_DIM, c->head_dim) != c->head_dim)
        az_doc_fail(d, ADZE_EUNSUP, "attention.value_length", "differs from the key length");
}

/* A GGUF has as many ids as its embedding has rows, and is tied when it has no output tensor. transformers
 * ties by the config, but a stored lm_head wins (5.x: it may differ from the embedding). */
static void read_vocab(az_doc *d, const az_defaults *def, az_config *c)
{
    const az_tensor *t;

    if (!az_doc_is_gguf(d)) {
        c->vocab = az_doc_int(d, "vocab_size", NULL, 1, MAX_VOCAB, def->vocab);
        c->tied = az_doc_bool(d, "tie_word_embeddings", def->tied) &&
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

static const struct {
    const char *name;
    az_activation kind;
} activations[] = {
    { "silu", AZ_ACTIVATION_SILU },          { "swish", AZ_ACTIVATION_SILU },
    { "gelu", AZ_ACTIVATION_GELU },          { "gelu_pytorch_tanh", AZ_ACTIVATION_GELU_TANH },
    { "gelu_new", AZ_ACTIVATION_GELU_TANH },
};

static int activation_named(const char *name)
{
    for (size_t i = 0; i < AZ_COUNT(activations); i++)
        if (strcmp(name, activations[i].name) == 0) return (int)activations[i].kind;
    return -1;
}

/* A GGUF does not say: only the architecture's own will do, whatever the source. */
static void read_activation(az_doc *d, const az_defaults *def, az_config *c)
{
    const char *own = def->activation ? def->activation : "silu", *key = "hidden_act", *act;
    int kind = activation_named(own);

    if (d->j && az_json_str(d->j, "hidden_activation")) key = "hidden_activation";
    act = az_doc_str(d, key, NULL, own);
    if (activation_named(act) != kind)
        az_doc_fail(d, ADZE_EUNSUP, key, "'%.40s'; this architecture runs with %s", act, own);
    c->activation = (az_activation)kind;
}

static void gguf_biases(const az_doc *d, az_config *c)
{
    c->bias_q = az_model_tensor(d->m, "blk.0.attn_q.bias") != NULL;
    c->bias_k = az_model_tensor(d->m, "blk.0.attn_k.bias") != NULL;
    c->bias_v = az_model_tensor(d->m, "blk.0.attn_v.bias") != NULL;
    c->bias_o = az_model_tensor(d->m, "blk.0.attn_output.bias") != NULL;
    c->bias_mlp = az_model_tensor(d->m, "blk.0.ffn_down.bias") != NULL;
}

void az_common_configure(az_doc *d, const az_arch *arch, az_config *c)
{
    const az_defaults *def = arch->defaults;

    c->embed_scale = c->residual_scale = c->logit_scale = 1;
    c->norm_add_one = !az_doc_is_gguf(d) && arch->flags & AZ_ARCH_ADD_ONE;
    read_sizes(d, def, c);
    if (d->rc < 0) return;
    read_vocab(d, def, c);
    read_activation(d, def, c);
    if (d->rc < 0) return;
    c->attn_scale = 1 / sqrt((double)c->head_dim);
    if (def->rope.theta > 0) az_rope_configure(d, c, &def->rope, &c->rope);
    if (!az_doc_is_gguf(d)) return;
    c->rope.adjacent_pairs = arch->flags & AZ_ARCH_PERMUTED;
    gguf_biases(d, c);
}

void az_common_check(az_doc *d, const az_config *c)
{
    if (!c->n_experts && az_doc_int(d, NULL, "expert_count", 0, 1 << 20, 0) > 0)
        az_doc_fail(d, ADZE_EUNSUP, "expert_count",
                    "mixture of experts is not supported for this architecture");
    if (c->n_experts_used > c->n_experts)
        az_doc_fail(d, ADZE_EFORMAT, "num_experts_per_tok", "%d of %d experts", c->n_experts_used,
                    c->n_experts);
    if (!c->convolves &&
        per_layer_max(d, c, "attention.head_count_kv") > 0) /* one number, or refused */
        az_doc_int(d, NULL, "attention.head_count_kv", 1, MAX_HEADS, 0);
}

void az_read_window(az_doc *d, az_config *c, int64_t def)
{
    if (az_doc_is_gguf(d))
        c->window = az_doc_int(d, NULL, "attention.sliding_window", 0, INT32_MAX, 0);
    else if (!json_object_get(d->j, "sliding_window"))
        c->window = def;
    else
        c->window = az_doc_int(d, "sliding_window", NULL, 1, INT32_MAX, 0);
}

void az_read_slides(az_doc *d, az_config *c, int64_t period, int64_t from)
{
    const bool *given = az_doc_is_gguf(d) && c->window
                            ? az_doc_gguf_flags(d, "attention.sliding_window_pattern", c->n_layers)
                            : NULL;
    bool *slides;

    if (d->rc < 0 || !c->window) return;
    c->slides = given;
    if (given) return;
    slides = az_doc_bools(d, c->n_layers);
    if (!slides) return;
    c->slides = slides;
    if (az_doc_layer_types(d, "sliding_attention", c->n_layers, slides)) return;
    for (int i = 0; i < c->n_layers; i++)
        slides[i] = i >= from && (!period || (i + 1) % period != 0);
}

void az_read_late_window(az_doc *d, az_config *c)
{
    int64_t from = az_doc_int(d, "max_window_layers", NULL, 0, INT32_MAX, 28);

    if (!az_doc_is_gguf(d) && !az_doc_bool(d, "use_sliding_window", false)) return;
    az_read_window(d, c, 4096);
    az_read_slides(d, c, 0, az_doc_is_gguf(d) ? 0 : from);
}

void az_read_moe(az_doc *d, az_config *c, const az_moe_defaults *def, az_router router)
{
    bool gguf = az_doc_is_gguf(d);
    const char *key = def->experts_key, *other = "num_local_experts";

    /* transformers 5 has two names for it and reads either */
    if (key && strcmp(key, other) == 0) other = "num_experts";
    if (key && !gguf && !json_object_get(d->j, key) && json_object_get(d->j, other)) key = other;
    c->router = router;
    c->n_experts = (int)az_doc_int(d, key, "expert_count", 1, AZ_MAX_EXPERTS,
                                   gguf ? AZ_DOC_REQUIRED : def->experts);
    c->n_experts_used = (int)az_doc_int(d, "num_experts_per_tok", "expert_used_count", 1,
                                        AZ_MAX_EXPERTS, gguf ? AZ_DOC_REQUIRED : def->used);
    c->expert_ff = (int)az_doc_int(d, def->ff_key, "expert_feed_forward_length", 1, MAX_WIDTH,
                                   gguf || !def->ff_key ? c->ff : def->ff);
}

void az_read_moe_norm(az_doc *d, az_config *c, bool def)
{
    bool norm = az_doc_is_gguf(d) ? az_doc_flag(d, "expert_weights_norm", def)
                                  : az_doc_bool(d, "norm_topk_prob", def);

    c->router = norm ? AZ_ROUTER_SOFTMAX_NORM : AZ_ROUTER_SOFTMAX;
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

bool az_put_bool(az_kvs *out, const char *prefix, const char *key, bool v)
{
    char name[128];

    snprintf(name, sizeof name, "%s.%s", prefix, key);
    return az_kv_put_bool(out, name, v);
}

bool az_put_flags(az_kvs *out, const char *prefix, const char *key, const bool *v, int n)
{
    char name[128];

    snprintf(name, sizeof name, "%s.%s", prefix, key);
    _Static_assert(sizeof(bool) == 1, "a GGUF bool is one byte");
    return az_kv_put_arr(out, name, AZ_KV_BOOL, v, (uint64_t)n);
}

adze_status az_put_done(bool ok, adze_error *err)
{
    return ok ? ADZE_OK : az_fail_nomem(err, "writing metadata");
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
                        r->attention_factor / az_rope_yarn_attention(r->factor)) &&
             (!r->exact_bounds || az_put_bool(out, p, "rope.scaling.yarn_truncate", false));
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
    if (!c->window) return true;
    if (!az_put_u32(out, p, "attention.sliding_window", c->window)) return false;
    return !c->slides ||
           az_put_flags(out, p, "attention.sliding_window_pattern", c->slides, c->n_layers);
}

static bool put_experts(az_kvs *out, const char *p, const az_config *c)
{
    return !c->n_experts || (az_put_u32(out, p, "expert_count", c->n_experts) &&
                             az_put_u32(out, p, "expert_used_count", c->n_experts_used) &&
                             az_put_u32(out, p, "expert_feed_forward_length", c->expert_ff));
}

adze_status az_common_gguf_keys(const char *p, const az_config *c, az_kvs *out, adze_error *err)
{
    const char *eps =
        c->encoder ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon";
    bool ok = az_kv_put_str(out, "general.architecture", p, strlen(p)) &&
              az_put_u32(out, p, "vocab_size", c->vocab) &&
              az_put_u32(out, p, "context_length", c->context) &&
              az_put_u32(out, p, "embedding_length", c->hidden) &&
              az_put_u32(out, p, "block_count", c->n_layers) &&
              az_put_u32(out, p, "feed_forward_length", c->ff) &&
              az_put_u32(out, p, "attention.head_count", c->n_heads) &&
              az_put_u32(out, p, "attention.head_count_kv", c->n_kv_heads) &&
              az_put_f32(out, p, eps, c->norm_eps);

    if (c->n_heads * c->head_dim != c->hidden)
        ok = ok && az_put_u32(out, p, "attention.key_length", c->head_dim) &&
             az_put_u32(out, p, "attention.value_length", c->head_dim);
    if (c->rope.dims) ok = ok && put_rope(out, p, &c->rope);
    return az_put_done(ok && put_window(out, p, c) && put_experts(out, p, c), err);
}
