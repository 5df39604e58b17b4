/* config.json of a decoder from its az_config: for a GGUF that adze did not write.
 *
 * Keys: transformers configuration classes (5.x, 2026-08), in the spelling that 4.x reads as well. Reals come
 * from f32 keys: the shortest decimal that gives the same f32 back is written.
 */
#include "arch/common.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *type, *class;
} classes[] = {
    { "llama", "LlamaForCausalLM" },
    { "mistral", "MistralForCausalLM" },
    { "qwen2", "Qwen2ForCausalLM" },
    { "phi3", "Phi3ForCausalLM" },
};

json_t *az_json_f32(double v)
{
    char text[40];

    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if ((float)strtod(text, NULL) == (float)v) break;
    }
    return json_real(strtod(text, NULL));
}

/* The published scalings are known by their divisors alone: low 1, high 4, a power of two of tokens, and a factor
 * that the slowest frequencies show. NULL: another. */
static json_t *llama3_scaling(const adze_model *m, const az_config *c)
{
    az_rope r = c->rope;
    float *div = az_calloc(m->run, (size_t)r.dims / 2 + 1, sizeof *div);
    const float *want = r.freq_divisor;
    int64_t original = 8192; /* as published; then the others */
    bool same = false;

    r.low_freq_factor = 1;
    r.high_freq_factor = 4;
    r.freq_divisor = NULL;
    r.factor = 1;
    for (int i = 0; i < r.dims / 2; i++)
        if ((double)want[i] > r.factor) r.factor = (double)want[i];
    r.factor = rint(r.factor * 1024) / 1024; /* a quotient of two floats */
    for (int k = 0; div && !same && k <= 20; k++) {
        r.original_context = k ? (int64_t)1 << k : original;
        az_rope_divisors(&r, div);
        same = true;
        for (int i = 0; same && i < r.dims / 2; i++)
            same = fabsf(div[i] - want[i]) <= 1e-3f * want[i];
    }
    az_free(m->run, div);
    if (!same) return NULL;
    return json_pack("{s:s, s:o, s:f, s:f, s:I}", "rope_type", "llama3", "factor",
                     az_json_f32(r.factor), "low_freq_factor", 1.0, "high_freq_factor", 4.0,
                     "original_max_position_embeddings", (json_int_t)r.original_context);
}

static json_t *factors(const float *f, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, az_json_f32((double)f[i]));
    return list;
}

static bool put_rope(json_t *j, const adze_model *m, const az_config *c)
{
    const az_rope *r = &c->rope;
    json_t *s = NULL;

    json_object_set_new(j, "rope_theta", az_json_f32(r->theta));
    if (r->dims != c->head_dim)
        json_object_set_new(j, "partial_rotary_factor", az_json_f32((double)r->dims / c->head_dim));
    switch (r->type) {
    case AZ_ROPE_DEFAULT: return true;
    case AZ_ROPE_LINEAR:
        s = json_pack("{s:s, s:o}", "rope_type", "linear", "factor", az_json_f32(r->factor));
        break;
    case AZ_ROPE_LLAMA3: s = llama3_scaling(m, c); break;
    case AZ_ROPE_YARN:
        s = json_pack("{s:s, s:o, s:I, s:o, s:o, s:o}", "rope_type", "yarn", "factor",
                      az_json_f32(r->factor), "original_max_position_embeddings",
                      (json_int_t)r->original_context, "beta_fast", az_json_f32(r->beta_fast),
                      "beta_slow", az_json_f32(r->beta_slow), "attention_factor",
                      az_json_f32(r->attention_factor));
        break;
    case AZ_ROPE_LONGROPE:
        json_object_set_new(j, "original_max_position_embeddings",
                            json_integer(r->original_context));
        s = json_pack("{s:s, s:o, s:o, s:o}", "type", "longrope", "short_factor",
                      factors(r->short_factor, r->dims / 2), "long_factor",
                      factors(r->long_factor, r->dims / 2), "attention_factor",
                      az_json_f32(r->attention_factor));
        break;
    }
    return s && json_object_set_new(j, "rope_scaling", s) == 0;
}

static void put_window(json_t *j, const az_config *c, const char *type)
{
    json_t *layers;

    if (!c->window) return;
    json_object_set_new(j, "sliding_window", json_integer((json_int_t)c->window));
    if (strcmp(type, "qwen2") != 0) return;
    json_object_set_new(j, "use_sliding_window", json_true());
    layers = json_array();
    for (int i = 0; i < c->n_layers; i++)
        json_array_append_new(layers, json_string(!c->slides || c->slides[i] ? "sliding_attention"
                                                                             : "full_attention"));
    json_object_set_new(j, "layer_types", layers);
}

static json_t *sizes(const az_config *c)
{
    return json_pack("{s:I, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:o, s:s, s:b}", "vocab_size",
                     (json_int_t)c->vocab, "hidden_size", c->hidden, "intermediate_size", c->ff,
                     "num_hidden_layers", c->n_layers, "num_attention_heads", c->n_heads,
                     "num_key_value_heads", c->n_kv_heads, "head_dim", c->head_dim,
                     "max_position_embeddings", (json_int_t)c->context, "rms_norm_eps",
                     az_json_f32(c->norm_eps), "hidden_act", "silu", "tie_word_embeddings",
                     (int)c->tied);
}

adze_status az_arch_hf_config(const az_arch *arch, const adze_model *m, const az_config *c,
                              json_t **out, adze_error *err)
{
    const char *type = arch->hf_types[0], *class = NULL;
    json_t *j;

    *out = NULL;
    if (strcmp(type, "llama") == 0 && c->window) type = "mistral";
    for (size_t i = 0; i < AZ_COUNT(classes); i++)
        if (strcmp(classes[i].type, type) == 0) class = classes[i].class;
    if (!class)
        return az_fail_name(err, ADZE_EUNSUP, m->path, "general.architecture", ADZE_NOPOS,
                            "no config.json can be made for %s from a GGUF's keys", arch->name);
    j = sizes(c);
    if (!j) return az_fail_nomem(err, "writing config.json");
    json_object_set_new(j, "architectures", json_pack("[s]", class));
    json_object_set_new(j, "model_type", json_string(type));
    if (strcmp(type, "llama") == 0) {
        json_object_set_new(j, "attention_bias", json_boolean(c->bias_q));
        json_object_set_new(j, "mlp_bias", json_boolean(c->bias_mlp));
    }
    put_window(j, c, type);
    if (!put_rope(j, m, c)) {
        json_decref(j);
        return az_fail_name(err, ADZE_EUNSUP, m->path, "rope_freqs.weight", ADZE_NOPOS,
                            "its scaling is none that a config.json can name");
    }
    *out = j;
    return ADZE_OK;
}
