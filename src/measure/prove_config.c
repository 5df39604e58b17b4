/* Config: the architecture's view of both models, field by field, and the angles of rotation that follow from it.
 *
 * A GGUF keeps real numbers as f32, so they are compared as such. How a source stores its weights (permuted rows,
 * a tied output that is written out) is no part of what the model is.
 */
#include "arch/rope.h"
#include "measure/prove_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* LAYERS: a flag a layer; SLIDES: the same, all set where there is no list, of no account without a window.
 * Enumerations are INT. */
typedef enum field_kind { INT, INT64, REAL, FLAG, LAYERS, SLIDES } field_kind;

/* A new member of az_config that says what a model computes gets a line here. */
static const struct {
    const char *name;
    field_kind kind;
    size_t at;
} fields[] = {
#define F(kind, name, member)                   \
    {                                           \
        name, kind, offsetof(az_config, member) \
    }
    F(INT, "layers", n_layers),
    F(INT, "hidden size", hidden),
    F(INT, "feed-forward size", ff),
    F(INT, "heads", n_heads),
    F(INT, "key-value heads", n_kv_heads),
    F(INT, "head size", head_dim),
    F(INT64, "vocabulary", vocab),
    F(INT64, "context", context),
    F(REAL, "norm epsilon", norm_eps),
    F(REAL, "attention scale", attn_scale),
    F(INT64, "sliding window", window),
    F(SLIDES, "layers that slide", slides),
    F(INT, "kind of norm", norm),
    F(REAL, "attention softcap", attn_softcap),
    F(REAL, "logit softcap", logit_softcap),
    F(LAYERS, "layers without rotation", no_rope),
    F(FLAG, "bias of output", bias_output),
    F(FLAG, "norms behind blocks", post_norms),
    F(FLAG, "attention sinks", sinks),
    F(INT, "norms of q and k", qk_norm),
    F(REAL, "clipping of q, k, v", clip_qkv),
    F(INT, "activation", activation),
    F(REAL, "embedding scale", embed_scale),
    F(REAL, "residual scale", residual_scale),
    F(REAL, "logit scale", logit_scale),
    F(REAL, "rope base of sliding layers", rope_sliding.theta),
    F(INT, "expert size", expert_ff),
    F(LAYERS, "layers without experts", dense),
    F(INT, "router", router),
    F(REAL, "router jitter", router_jitter),
    F(FLAG, "bias of experts", bias_experts),
    F(INT, "convolution taps", conv_kernel),
    F(FLAG, "bias of convolutions", bias_conv),
    F(LAYERS, "layers that convolve", convolves),
    F(FLAG, "encoder", encoder),
    F(INT, "pooling", pooling),
    F(FLAG, "normalized embeddings", normalize),
    F(INT64, "token types", n_types),
    F(FLAG, "bias of q", bias_q),
    F(FLAG, "bias of k", bias_k),
    F(FLAG, "bias of v", bias_v),
    F(FLAG, "bias of attention output", bias_o),
    F(FLAG, "bias of feed-forward", bias_mlp),
    F(INT, "experts", n_experts),
    F(INT, "experts used", n_experts_used),
    F(REAL, "rope base", rope.theta),
    F(INT, "rope dimensions", rope.dims),
#undef F
};

static bool differs_int(int64_t a, int64_t b, char *x, char *y, size_t size)
{
    snprintf(x, size, "%lld", (long long)a);
    snprintf(y, size, "%lld", (long long)b);
    return a != b;
}

static bool differs_real(double a, double b, char *x, char *y, size_t size)
{
    snprintf(x, size, "%.7g", (double)(float)a);
    snprintf(y, size, "%.7g", (double)(float)b);
    return (float)a < (float)b || (float)a > (float)b;
}

/* Flags of layers; NULL is `none` for all. */
static bool differs_layers(const bool *a, const bool *b, bool none, int n, char *x, char *y,
                           size_t size)
{
    for (int layer = 0; layer < n; layer++) {
        bool f = a ? a[layer] : none, g = b ? b[layer] : none;
        if (f == g) continue;
        snprintf(x, size, "%s for layer %d", f ? "yes" : "no", layer);
        snprintf(y, size, "%s", g ? "yes" : "no");
        return true;
    }
    return false;
}

/* A field as text; false: equal in both. */
static bool differs(size_t i, const az_config *a, const az_config *b, char *x, char *y, size_t size)
{
    const void *p = (const char *)a + fields[i].at, *q = (const char *)b + fields[i].at;
    int n = a->n_layers < b->n_layers ? a->n_layers : b->n_layers;
    const bool *f = NULL, *g = NULL;

    if (fields[i].kind == SLIDES || fields[i].kind == LAYERS) {
        f = *(const bool *const *)p;
        g = *(const bool *const *)q;
    }
    switch (fields[i].kind) {
    case INT: return differs_int(*(const int *)p, *(const int *)q, x, y, size);
    case INT64: return differs_int(*(const int64_t *)p, *(const int64_t *)q, x, y, size);
    case REAL: return differs_real(*(const double *)p, *(const double *)q, x, y, size);
    case FLAG:
        snprintf(x, size, "%s", *(const bool *)p ? "yes" : "no");
        snprintf(y, size, "%s", *(const bool *)q ? "yes" : "no");
        return *(const bool *)p != *(const bool *)q;
    case SLIDES: return a->window && b->window && differs_layers(f, g, true, n, x, y, size);
    case LAYERS: return differs_layers(f, g, false, n, x, y, size);
    }
    return false;
}

/* Largest relative difference of the angles for a sequence of `length`; -1: out of memory. */
static double angles(az_proving *v, const az_rope *a, const az_rope *b, int64_t length, int *worst)
{
    int half = a->dims / 2;
    float *x = az_alloc_array(v->run, (size_t)half, sizeof *x),
          *y = az_alloc_array(v->run, (size_t)half, sizeof *y);
    double most = x && y ? 0 : -1;

    if (most >= 0) {
        az_rope_frequencies(a, length, x);
        az_rope_frequencies(b, length, y);
    }
    for (int i = 0; i < half && most >= 0; i++) {
        double d = fabs((double)x[i] - (double)y[i]) / (fabs((double)x[i]) + 1e-30);
        if (d > most) {
            most = d;
            *worst = i;
        }
    }
    az_free(v->run, x);
    az_free(v->run, y);
    return most;
}

static adze_status compare_rope(az_proving *v, const az_config *here, adze_error *err)
{
    const double bound = 1e-6; /* a few roundings of f32 */
    const az_config *ref = &v->config;
    int64_t lengths[2] = { 1, ref->context };
    az_proof_item *it;
    double most = 0;
    int worst = 0, at = 0;

    if (ref->rope.dims <= 0 || ref->rope.dims != here->rope.dims) return ADZE_OK;
    for (size_t i = 0; i < 2; i++) {
        double d = angles(v, &ref->rope, &here->rope, lengths[i], &at);
        if (d < 0) return az_fail_nomem(err, "comparing configs");
        if (d > most) {
            most = d;
            worst = at;
        }
    }
    it = az_proof_add(v->p, "config", "rotary frequencies",
                      most <= 0       ? AZ_EQUAL
                      : most <= bound ? AZ_WITHIN
                                      : AZ_DIFFERENT);
    it->compared = (uint64_t)ref->rope.dims;
    it->of = "frequencies";
    if (most <= 0) return ADZE_OK;
    it->largest = most;
    it->bound = bound;
    it->unit = "of the frequency";
    it->where = az_proof_text(v->p, "frequency %d", worst);
    return ADZE_OK;
}

static void compare_fields(az_proving *v, const az_config *here)
{
    char x[64], y[64];
    uint64_t differing = 0;
    az_proof_item *it;

    for (size_t i = 0; i < AZ_COUNT(fields); i++) {
        if (!differs(i, &v->config, here, x, y, sizeof x)) continue;
        it = az_proof_add(v->p, "config", fields[i].name, AZ_DIFFERENT);
        it->where = az_proof_text(v->p, "%s in the reference, %s here", x, y);
        differing++;
    }
    it = az_proof_add(v->p, "config", "fields", differing ? AZ_DIFFERENT : AZ_EQUAL);
    it->compared = AZ_COUNT(fields);
    it->differing = differing;
    it->of = "fields";
    it->detail = v->arch->name;
}

/* Keys that the user set: there, and left out of everything else. */
static void report_asked(az_proving *v)
{
    az_proof_item *it;

    if (!v->o->asked && !v->o->asked_wrong) return;
    it = az_proof_add(v->p, "config", "overridden keys",
                      v->o->asked_wrong ? AZ_DIFFERENT : AZ_EQUAL);
    it->detail = v->o->asked && *v->o->asked ? az_proof_text(v->p, "%s", v->o->asked) : NULL;
    if (v->o->asked_wrong)
        it->where =
            az_proof_text(v->p, "%s has not the value that was asked for", v->o->asked_wrong);
}

adze_status az_prove_config(az_proving *v, adze_error *err)
{
    adze_error why = { .pos = ADZE_NOPOS };
    const az_arch *arch;
    az_config here;
    adze_status rc = az_arch_of(v->model, &arch, &here, &why);

    if (rc < 0 && az_proof_soft(rc)) {
        az_proof_broken(v->p, "config", "architecture", &why);
        return ADZE_OK;
    }
    if (rc < 0) {
        if (err) *err = why;
        return rc;
    }
    if (strcmp(arch->gguf_name, v->arch->gguf_name) != 0)
        az_proof_add(v->p, "config", "architecture", AZ_DIFFERENT)->where =
            az_proof_text(v->p, "%s in the reference, %s here", v->arch->name, arch->name);
    compare_fields(v, &here);
    report_asked(v);
    return compare_rope(v, &here, err);
}
