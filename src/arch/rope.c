/* Rotary position embeddings and their scalings.
 *
 * Formulas: transformers modeling_rope_utils.py (5.x, 2026-08): default, linear, llama3, yarn (Peng et al.,
 * arXiv:2309.00071), longrope (Ding et al., arXiv:2402.13753). Frequencies are evaluated in f32 steps as
 * there, so that angles agree at long positions.
 */
#include "arch/rope.h"
#include "base/json.h"

#include <math.h>
#include <string.h>

#define TAU 6.283185307179586

static float base_frequency(const az_rope *r, int i)
{
    float exponent = (float)(2 * i) / (float)r->dims;

    return 1.0f / (float)pow(r->theta, (double)exponent);
}

static float llama3_frequency(const az_rope *r, float f)
{
    double low = (double)r->original_context / r->low_freq_factor;
    double high = (double)r->original_context / r->high_freq_factor;
    double wave = TAU / (double)f, smooth;

    if (wave < high) return f;
    if (wave > low) return (float)((double)f / r->factor);
    smooth = ((double)r->original_context / wave - r->low_freq_factor) /
             (r->high_freq_factor - r->low_freq_factor);
    return (float)((1 - smooth) * (double)f / r->factor + smooth * (double)f);
}

/* Dimension at which `turns` full turns fit into the original context. */
static double yarn_dim(const az_rope *r, double turns)
{
    return r->dims * log((double)r->original_context / (turns * TAU)) / (2 * log(r->theta));
}

static float yarn_frequency(const az_rope *r, float f, int i)
{
    double lo = yarn_dim(r, r->beta_fast), hi = yarn_dim(r, r->beta_slow), ramp;

    if (!r->exact_bounds) {
        lo = floor(lo);
        hi = ceil(hi);
    }
    if (lo < 0) lo = 0;
    if (hi > r->dims - 1) hi = r->dims - 1;
    if (lo == hi) hi += 0.001;
    ramp = (i - lo) / (hi - lo);
    ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
    return (float)((double)f / r->factor * ramp + (double)f * (1 - ramp));
}

/* longrope divides the power, not the frequency: 1 / (e * base^x), as transformers rounds it. */
static float longrope_frequency(const az_rope *r, const float *factors, int i)
{
    float exponent = (float)(2 * i) / (float)r->dims;

    return 1.0f / (factors[i] * (float)pow(r->theta, (double)exponent));
}

void az_rope_frequencies(const az_rope *r, int64_t length, float *inv)
{
    bool is_long = length > r->original_context && !r->short_only;
    const float *longrope = is_long ? r->long_factor : r->short_factor;

    for (int i = 0; i < r->dims / 2; i++) {
        float f = base_frequency(r, i);
        switch (r->type) {
        case AZ_ROPE_DEFAULT: inv[i] = f; break;
        case AZ_ROPE_LINEAR: inv[i] = f / (float)r->factor; break;
        case AZ_ROPE_LLAMA3:
            inv[i] = r->freq_divisor ? f / r->freq_divisor[i] : llama3_frequency(r, f);
            break;
        case AZ_ROPE_LONGROPE: inv[i] = longrope_frequency(r, longrope, i); break;
        case AZ_ROPE_YARN: inv[i] = yarn_frequency(r, f, i); break;
        }
    }
}

double az_rope_factor(const az_rope *r, int64_t length)
{
    if (r->type != AZ_ROPE_LONGROPE || r->short_attention_factor == 0) return r->attention_factor;
    return length > r->original_context ? r->attention_factor : r->short_attention_factor;
}

void az_rope_divisors(const az_rope *r, float *div)
{
    for (int i = 0; i < r->dims / 2; i++) {
        float f = base_frequency(r, i);
        div[i] = r->freq_divisor ? r->freq_divisor[i] : f / llama3_frequency(r, f);
    }
}

double az_rope_yarn_attention(double factor)
{
    return factor <= 1 ? 1 : 0.1 * log(factor) + 1;
}

static double longrope_attention(double factor, int64_t original)
{
    return factor <= 1 || original < 2 ? 1 : sqrt(1 + log(factor) / log((double)original));
}

/* Values that a type does not set stay neutral; the factor on cos and sin is always filled in. */
void az_rope_finish(az_doc *d, const az_config *c, az_rope *r)
{
    double factor = r->factor;

    if (d->rc < 0) return;

    if (r->original_context == 0) r->original_context = c->context;
    if (factor == 0) factor = (double)c->context / (double)r->original_context;
    if (r->factor == 0) r->factor = factor;
    if (r->attention_factor == 0) {
        if (r->type == AZ_ROPE_YARN)
            r->attention_factor = az_rope_yarn_attention(factor);
        else if (r->type == AZ_ROPE_LONGROPE)
            r->attention_factor = longrope_attention(factor, r->original_context);
        else
            r->attention_factor = 1;
    }
    if (r->dims < 2 || r->dims % 2 || r->dims > c->head_dim)
        az_doc_fail(d, ADZE_EFORMAT, "rope dimensions", "%d of a head of %d cannot be rotated",
                    r->dims, c->head_dim);
    if (r->type == AZ_ROPE_LLAMA3 && !r->freq_divisor && r->high_freq_factor <= r->low_freq_factor)
        az_doc_fail(d, ADZE_EFORMAT, "high_freq_factor", "%g is not above low_freq_factor %g",
                    r->high_freq_factor, r->low_freq_factor);
    if (r->type == AZ_ROPE_YARN && r->theta <= 1)
        az_doc_fail(d, ADZE_EFORMAT, "rope_theta", "%g cannot be used with yarn", r->theta);
}

static const struct {
    const char *name;
    az_rope_type type;
} type_names[] = {
    { "default", AZ_ROPE_DEFAULT }, { "none", AZ_ROPE_DEFAULT },      { "linear", AZ_ROPE_LINEAR },
    { "llama3", AZ_ROPE_LLAMA3 },   { "longrope", AZ_ROPE_LONGROPE }, { "su", AZ_ROPE_LONGROPE },
    { "yarn", AZ_ROPE_YARN },
};

static void set_type(az_doc *d, az_rope *r, const char *name)
{
    for (size_t i = 0; i < AZ_COUNT(type_names); i++)
        if (strcmp(name, type_names[i].name) == 0) {
            r->type = type_names[i].type;
            return;
        }
    az_doc_fail(d, ADZE_EUNSUP, "rope_type",
                "'%s' is not known; known are default, linear, llama3, longrope, yarn", name);
}

/* v5 files hold rope_parameters, older ones rope_scaling and top-level keys. NULL: neither. */
static const json_t *hf_params(az_doc *d, const char *layer_type)
{
    const json_t *p = json_object_get(d->j, "rope_parameters"), *v;
    const char *key;

    if (!p || json_is_null(p)) p = json_object_get(d->j, "rope_scaling");
    if (!p || json_is_null(p)) return NULL;
    if (layer_type && json_is_object(json_object_get(p, layer_type)))
        return json_object_get(p, layer_type);
    if (!json_is_object(p)) {
        az_doc_fail(d, ADZE_EFORMAT, "rope_scaling", "is not an object");
        return NULL;
    }
    json_object_foreach((json_t *)(uintptr_t)p, key, v) if (json_is_object(v))
        az_doc_fail(d, ADZE_EUNSUP, "rope_parameters", "differ by layer type ('%s')", key);
    return p;
}

static void hf_scaling(az_doc *d, az_rope *r, const json_t *p)
{
    const char *name = az_json_str(p, "rope_type");
    bool truncate = true;

    if (!name) name = az_json_str(p, "type");
    set_type(d, r, name ? name : "default");
    r->factor = az_doc_real_in(d, p, "factor", 1e-6, 1e6, 0);
    if (r->original_context == 0)
        r->original_context =
            (int64_t)az_doc_real_in(d, p, "original_max_position_embeddings", 1, 1e9, 0);
    r->low_freq_factor = az_doc_real_in(d, p, "low_freq_factor", 1e-6, 1e6, 1);
    r->high_freq_factor = az_doc_real_in(d, p, "high_freq_factor", 1e-6, 1e6, 4);
    r->attention_factor = az_doc_real_in(d, p, "attention_factor", 1e-6, 1e6, 0);
    r->beta_fast = az_doc_real_in(d, p, "beta_fast", 1e-6, 1e6, 32);
    r->beta_slow = az_doc_real_in(d, p, "beta_slow", 1e-6, 1e6, 1);
    if ((r->type == AZ_ROPE_LINEAR || r->type == AZ_ROPE_LLAMA3) && r->factor == 0)
        az_doc_fail(d, ADZE_EFORMAT, "factor", "is missing from the rope scaling");
    if (r->type == AZ_ROPE_YARN &&
        (json_object_get(p, "mscale") || json_object_get(p, "mscale_all_dim")))
        az_doc_fail(d, ADZE_EUNSUP, "rope_type", "yarn with mscale");
    r->exact_bounds = az_json_bool(p, "truncate", &truncate) && !truncate;
    if (r->type == AZ_ROPE_LONGROPE && d->rc == ADZE_OK) {
        r->short_factor = az_doc_floats_in(d, p, "short_factor", r->dims / 2);
        r->long_factor = az_doc_floats_in(d, p, "long_factor", r->dims / 2);
    }
}

static void hf_rope(az_doc *d, const az_config *c, const az_rope_defaults *def, az_rope *r)
{
    const json_t *p = hf_params(d, def->layer_type);
    double part;

    r->theta = az_doc_real(d, "rope_theta", NULL, 1, 1e15, def->theta);
    part = az_doc_real(d, "partial_rotary_factor", NULL, 0, 1, 1);
    if (p) {
        r->theta = az_doc_real_in(d, p, "rope_theta", 1, 1e15, r->theta);
        part = az_doc_real_in(d, p, "partial_rotary_factor", 0, 1, part);
    }
    if (part != 1 && !def->partial)
        az_doc_fail(d, ADZE_EUNSUP, "partial_rotary_factor", "%g for this architecture", part);
    r->dims = (int)(c->head_dim * part);
    r->original_context = az_doc_int(d, "original_max_position_embeddings", NULL, 1, 1000000000, 0);
    if (p && d->rc == ADZE_OK) hf_scaling(d, r, p);
    if (r->original_context == 0) r->original_context = def->original_context;
}

static void gguf_rope(az_doc *d, const az_config *c, az_rope *r)
{
    r->theta = az_doc_real(d, NULL, "rope.freq_base", 1, 1e15, 1e4);
    r->dims = (int)az_doc_int(d, NULL, "rope.dimension_count", 2, c->head_dim, c->head_dim);
    r->original_context =
        az_doc_int(d, NULL, "rope.scaling.original_context_length", 1, 1000000000, 0);
    r->attention_factor = az_doc_real(d, NULL, "rope.scaling.attn_factor", 1e-6, 1e6, 0);
    r->factor = az_doc_real(d, NULL, "rope.scaling.factor", 0, 1e6, 0);
    if (r->factor == 0) r->factor = az_doc_real(d, NULL, "rope.scale_linear", 0, 1e6, 0);
    r->beta_fast = az_doc_real(d, NULL, "rope.scaling.yarn_beta_fast", 1e-6, 1e6, 32);
    r->beta_slow = az_doc_real(d, NULL, "rope.scaling.yarn_beta_slow", 1e-6, 1e6, 1);
    r->exact_bounds = !az_doc_flag(d, "rope.scaling.yarn_truncate", true);
    set_type(d, r, az_doc_str(d, NULL, "rope.scaling.type", r->factor > 0 ? "linear" : "none"));
    if (r->dims % 2 == 0) {
        r->freq_divisor = az_doc_vector(d, "rope_freqs.weight", r->dims / 2);
        r->short_factor = az_doc_vector(d, "rope_factors_short.weight", r->dims / 2);
        r->long_factor = az_doc_vector(d, "rope_factors_long.weight", r->dims / 2);
    }
    if (r->freq_divisor) r->type = AZ_ROPE_LLAMA3;
    if (r->short_factor && r->long_factor) r->type = AZ_ROPE_LONGROPE;
    if (r->type == AZ_ROPE_LLAMA3 && !r->freq_divisor)
        az_doc_fail(d, ADZE_EFORMAT, "rope_freqs.weight", "is missing");
    if (r->type == AZ_ROPE_LONGROPE && (!r->short_factor || !r->long_factor))
        az_doc_fail(d, ADZE_EFORMAT, "rope_factors_short.weight",
                    "longrope needs both rope_factors_short and rope_factors_long");
    if (r->type == AZ_ROPE_LINEAR && r->factor == 0) r->type = AZ_ROPE_DEFAULT;
    if (r->type == AZ_ROPE_YARN && r->attention_factor > 0) /* the key multiplies yarn's own */
        r->attention_factor *= az_rope_yarn_attention(r->factor);
}

void az_rope_configure(az_doc *d, const az_config *c, const az_rope_defaults *def, az_rope *r)
{
    *r = (az_rope){ .low_freq_factor = 1, .high_freq_factor = 4 };
    if (az_doc_is_gguf(d))
        gguf_rope(d, c, r);
    else
        hf_rope(d, c, def, r);
    az_rope_finish(d, c, r);
}
