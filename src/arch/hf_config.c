/* config.json of a model from its az_config: for a GGUF that adze did not write, and for what another program wants to find
 * spelled out.
 *
 * Keys: transformers configuration classes (5.x, 2026-08), in the spelling that 4.x and mlx-lm read as well. Reals come
 * from f32 keys: the shortest decimal that gives the same f32 back is written.
 */
#include "arch/hf_config.h"
#include "arch/common.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *az_json_f32(double v)
{
    char text[40];

    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if ((float)strtod(text, NULL) == (float)v) break;
    }
    return json_real(strtod(text, NULL));
}

/* x with 1 / sqrt(x) the same f32 as scale. */
static json_t *inverse_square(double scale)
{
    double v = 1 / (scale * scale), x = v;
    char text[40];

    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        x = strtod(text, NULL);
        if ((float)(1 / sqrt(x)) == (float)scale) break;
    }
    return x < 1e9 && rint(x) == x ? json_integer((json_int_t)x) : json_real(x);
}

/* The published scalings are known by their divisors alone: low 1, high 4, a power of two of tokens, and a factor
 * that the slowest frequencies show. ADZE_EUNSUP: another. */
static adze_status find_llama3(const adze_model *m, az_rope *r)
{
    float *div = az_calloc(m->run, (size_t)r->dims / 2 + 1, sizeof *div);
    const float *want = r->freq_divisor;
    bool same = false;

    if (!div) return ADZE_ENOMEM;
    r->low_freq_factor = 1;
    r->high_freq_factor = 4;
    r->freq_divisor = NULL;
    r->factor = 1;
    for (int i = 0; i < r->dims / 2; i++)
        if ((double)want[i] > r->factor) r->factor = (double)want[i];
    r->factor = rint(r->factor * 1024) / 1024; /* a quotient of two floats */
    for (int k = 0; !same && k <= 20; k++) {
        r->original_context = k ? (int64_t)1 << k : 8192; /* as published; then the others */
        az_rope_divisors(r, div);
        same = true;
        for (int i = 0; same && i < r->dims / 2; i++)
            same = fabsf(div[i] - want[i]) <= 1e-3f * want[i];
    }
    az_free(m->run, div);
    return same ? ADZE_OK : ADZE_EUNSUP;
}

static adze_status llama3_scaling(const adze_model *m, const az_rope *given, json_t **out)
{
    az_rope r = *given;
    adze_status rc = r.freq_divisor ? find_llama3(m, &r) : ADZE_OK;

    if (rc < 0) return rc;
    *out = json_pack("{s:s, s:o, s:o, s:o, s:I}", "rope_type", "llama3", "factor",
                     az_json_f32(r.factor), "low_freq_factor", az_json_f32(r.low_freq_factor),
                     "high_freq_factor", az_json_f32(r.high_freq_factor),
                     "original_max_position_embeddings", (json_int_t)r.original_context);
    return ADZE_OK;
}

static json_t *yarn_scaling(const az_rope *r)
{
    json_t *s = json_pack("{s:s, s:o, s:I, s:o, s:o}", "rope_type", "yarn", "factor",
                          az_json_f32(r->factor), "original_max_position_embeddings",
                          (json_int_t)r->original_context, "beta_fast", az_json_f32(r->beta_fast),
                          "beta_slow", az_json_f32(r->beta_slow));

    if (fabs(r->attention_factor / az_rope_yarn_attention(r->factor) - 1) > 1e-6)
        json_object_set_new(s, "attention_factor", az_json_f32(r->attention_factor));
    if (r->exact_bounds) json_object_set_new(s, "truncate", json_false());
    return s;
}

static json_t *factors(const float *f, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, az_json_f32((double)f[i]));
    return list;
}

/* One amplitude for all lengths, or one for each side of the original context. */
static json_t *longrope_scaling(const az_rope *r)
{
    json_t *s = json_pack("{s:s, s:o, s:o}", "type", "longrope", "short_factor",
                          factors(r->short_factor, r->dims / 2), "long_factor",
                          factors(r->long_factor, r->dims / 2));
    double within = r->short_attention_factor;

    if (r->short_only) {
        json_object_set_new(s, "short_mscale",
                            az_json_f32(within > 0 ? within : r->attention_factor));
        json_object_set_new(s, "long_mscale", az_json_f32(r->attention_factor));
        json_object_set_new(s, "original_max_position_embeddings",
                            json_integer(r->original_context));
    } else {
        json_object_set_new(s, "attention_factor", az_json_f32(r->attention_factor));
    }
    return s;
}

static adze_status put_rope(json_t *j, const adze_model *m, const az_config *c)
{
    const az_rope *r = &c->rope;
    json_t *s = NULL;
    adze_status rc = ADZE_OK;

    if (!r->dims) return ADZE_OK;
    json_object_set_new(j, "rope_theta", az_json_f32(r->theta));
    if (c->has_rope_sliding)
        json_object_set_new(j, "rope_local_base_freq", az_json_f32(c->rope_sliding.theta));
    if (r->dims != c->head_dim)
        json_object_set_new(j, "partial_rotary_factor", az_json_f32((double)r->dims / c->head_dim));
    switch (r->type) {
    case AZ_ROPE_DEFAULT: return ADZE_OK;
    case AZ_ROPE_LINEAR:
        s = json_pack("{s:s, s:o}", "rope_type", "linear", "factor", az_json_f32(r->factor));
        break;
    case AZ_ROPE_LLAMA3: rc = llama3_scaling(m, r, &s); break;
    case AZ_ROPE_YARN: s = yarn_scaling(r); break;
    case AZ_ROPE_LONGROPE:
        json_object_set_new(j, "original_max_position_embeddings",
                            json_integer(r->original_context));
        s = longrope_scaling(r);
        break;
    }
    if (rc < 0) return rc;
    return json_object_set_new(j, "rope_scaling", s) == 0 ? ADZE_OK : ADZE_ENOMEM;
}

/* A string for each layer: `yes` where its flag is set. all: what no flags mean. */
static json_t *layer_texts(const bool *flags, bool all, int n, const char *yes)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_string((flags ? flags[i] : all) ? yes : "full_attention"));
    return list;
}

/* Distance of the layers whose flag is not set; NULL: it varies. */
static json_t *period(const bool *flags, int n)
{
    for (int p = 1; flags && p <= n + 1; p++) {
        bool fits = true;
        for (int i = 0; i < n && fits; i++)
            fits = flags[i] == ((i + 1) % p != 0);
        if (fits) return json_integer(p);
    }
    return NULL;
}

/* Numbers of the layers whose flag is set, or (each) 1 and 0 for those whose is not and is. */
static json_t *layer_numbers(const bool *flags, int n, bool each)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++) {
        bool set = flags && flags[i];
        if (each || set) json_array_append_new(list, json_integer(each ? !set : i));
    }
    return list;
}

static json_t *int64_or_null(int64_t v)
{
    return v ? json_integer(v) : json_null();
}

/* Value of a row; NULL: the key is left out. */
static json_t *value_of(const az_hf_key *key, const az_config *c)
{
    const void *at = (const char *)c + key->at;
    const bool *const *flags = at;
    const double *real = at;
    int n = c->n_layers;

    switch (key->kind) {
    case AZ_HF_INT: return json_integer(*(const int *)at);
    case AZ_HF_INT64: return int64_or_null(*(const int64_t *)at);
    case AZ_HF_REAL: return az_json_f32(*real);
    case AZ_HF_REAL_OR_NULL: return *real > 0 ? az_json_f32(*real) : json_null();
    case AZ_HF_INVERSE: return az_json_f32(1 / *real);
    case AZ_HF_INVERSE_SQUARE: return inverse_square(*real);
    case AZ_HF_FLAG: return json_boolean(*(const bool *)at);
    case AZ_HF_GIVEN: return json_boolean(*(const int64_t *)at != 0);
    case AZ_HF_NORMALIZED: return json_boolean(*(const az_router *)at == AZ_ROUTER_SOFTMAX_NORM);
    case AZ_HF_SLIDES: return c->window ? layer_texts(*flags, true, n, "sliding_attention") : NULL;
    case AZ_HF_PERIOD: return c->window ? period(*flags, n) : NULL;
    case AZ_HF_CONVOLVES: return layer_texts(*flags, false, n, "conv");
    case AZ_HF_ROTATES: return layer_numbers(*flags, n, true);
    case AZ_HF_LAYERS: return layer_numbers(*flags, n, false);
    case AZ_HF_WHOLE: return json_integer((json_int_t)key->value);
    case AZ_HF_NUMBER: return json_real(key->value);
    case AZ_HF_TEXT: return json_string(key->text);
    case AZ_HF_FALSE: return json_false();
    }
    return NULL;
}

static void put_keys(json_t *j, const az_hf_key *keys, const az_config *c)
{
    for (; keys && keys->name; keys++) {
        json_t *v = value_of(keys, c);
        if (v) json_object_set_new(j, keys->name, v);
    }
}

static json_t *sizes(const az_arch *arch, const az_config *c)
{
    static const az_hf_key common[] = {
        AZ_HF_ROW("vocab_size", INT64, vocab),
        AZ_HF_ROW("hidden_size", INT, hidden),
        AZ_HF_ROW("intermediate_size", INT, ff),
        AZ_HF_ROW("num_hidden_layers", INT, n_layers),
        AZ_HF_ROW("num_attention_heads", INT, n_heads),
        AZ_HF_END,
    };
    static const az_hf_key decoders[] = {
        AZ_HF_ROW("num_key_value_heads", INT, n_kv_heads),
        AZ_HF_ROW("head_dim", INT, head_dim),
        AZ_HF_ROW("tie_word_embeddings", FLAG, tied),
        AZ_HF_END,
    };
    const az_defaults *def = arch->defaults;
    int64_t before = c->position_offset ? c->position_offset : arch->form.positions;
    json_t *j = json_object();

    put_keys(j, common, c);
    if (!c->encoder) put_keys(j, decoders, c);
    json_object_set_new(j, "max_position_embeddings", json_integer(c->context + before));
    json_object_set_new(j, def->eps_key ? def->eps_key : "rms_norm_eps", az_json_f32(c->norm_eps));
    json_object_set_new(j, "hidden_act", json_string(def->activation ? def->activation : "silu"));
    return j;
}

adze_status az_arch_hf_config(const az_arch *arch, const adze_model *m, const az_config *c,
                              json_t **out, adze_error *err)
{
    json_t *j = sizes(arch, c);
    adze_status rc;

    *out = NULL;
    if (!j) return az_fail_nomem(err, "writing config.json");
    json_object_set_new(j, "architectures", json_pack("[s]", arch->form.class));
    json_object_set_new(j, "model_type", json_string(arch->hf_types[0]));
    put_keys(j, arch->form.keys, c);
    rc = put_rope(j, m, c);
    if (rc < 0) {
        json_decref(j);
        if (rc == ADZE_ENOMEM) return az_fail_nomem(err, "writing config.json");
        return az_fail_name(err, rc, m->path, "rope_freqs.weight", ADZE_NOPOS,
                            "its scaling is none that a config.json can name");
    }
    *out = j;
    return ADZE_OK;
}
