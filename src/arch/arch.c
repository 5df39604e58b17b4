/* Finding a model's architecture, by name or by what fits; its graph and what a GGUF says of it. */
#include "arch/arch.h"
#include "arch/common.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>

static bool is_gguf(const adze_model *m)
{
    return !m->config;
}

/* "llama, mistral, ..." for messages. */
static void known_names(char *buf, size_t size, bool gguf)
{
    size_t at = 0;

    buf[0] = 0;
    for (size_t i = 0; az_archs[i] && at < size; i++) {
        const char *name = gguf ? az_archs[i]->gguf_name : az_archs[i]->hf_types[0];
        if (strstr(buf, name)) continue;
        at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "", name);
    }
}

static const az_arch *by_gguf_name(const char *name)
{
    for (size_t i = 0; az_archs[i]; i++)
        if (strcmp(name, az_archs[i]->gguf_name) == 0) return az_archs[i];
    return NULL;
}

static const az_arch *by_model_type(const char *type)
{
    for (size_t i = 0; az_archs[i]; i++)
        for (const char *const *t = az_archs[i]->hf_types; *t; t++)
            if (strcmp(type, *t) == 0) return az_archs[i];
    return NULL;
}

static const char *type_of(const adze_model *m)
{
    return is_gguf(m) ? az_kv_string(&m->kv, "general.architecture")
                      : az_json_str(m->config, "model_type");
}

static const az_arch *find(const adze_model *m)
{
    const char *type = type_of(m);

    if (m->nearest) return m->nearest;
    if (!type) return NULL;
    return is_gguf(m) ? by_gguf_name(type) : by_model_type(type);
}

const char *adze_model_arch(const adze_model *m)
{
    const az_arch *a = find(m);

    return a ? a->name : NULL;
}

static adze_status configure(const az_arch *arch, adze_model *m, az_config *c, adze_error *err)
{
    az_doc d;

    *c = (az_config){ 0 };
    if (az_doc_init(&d, m, arch->gguf_name, err) < 0) return d.rc;
    az_common_configure(&d, arch, c);
    if (d.rc == ADZE_OK && arch->configure) arch->configure(&d, c);
    if (d.rc == ADZE_OK) az_common_check(&d, c);
    return d.rc;
}

/* Every tensor of the model is a part of this architecture under the model's config, and none is missing. */
static bool fits(const az_arch *arch, adze_model *m)
{
    adze_error ignored;
    az_arena arena;
    az_config c;
    az_graph g;
    bool yes;

    if (configure(arch, m, &c, &ignored) < 0) return false;
    az_arena_init(&arena, m->run);
    yes = az_arch_build(arch, &c, &arena, &g, &ignored) == ADZE_OK &&
          az_arch_check(arch, m, &g, &ignored) == ADZE_OK;
    az_arena_deinit(&arena);
    return yes;
}

/* Keys of the config that only this architecture reads. A key that only others read counts against it: what it
 * says would be lost. */
static int evidence(const az_arch *arch, const adze_model *m)
{
    int n = 0;

    for (size_t i = 0; az_archs[i]; i++)
        for (const char *const *key = az_archs[i]->hints; key && *key; key++) {
            const json_t *v = json_object_get(m->config, *key);
            bool own = false;
            for (const char *const *k = arch->hints; k && *k; k++)
                own = own || strcmp(*k, *key) == 0;
            if (v && !json_is_null(v) && !json_is_false(v)) n += own ? 1 : -1;
        }
    return n;
}

/* The architecture that fits a model of an unknown type best; of equals, the first in the list. */
static const az_arch *nearest(adze_model *m)
{
    const az_arch *best = NULL;
    int best_n = 0;

    if (is_gguf(m)) return NULL; /* its keys are named by its architecture */
    for (size_t i = 0; az_archs[i]; i++) {
        int n = evidence(az_archs[i], m);
        if ((!best || n > best_n) && fits(az_archs[i], m)) {
            best = az_archs[i];
            best_n = n;
        }
    }
    return best_n < 0 ? NULL : best;
}

static adze_status settle_for_nearest(adze_model *m, const char *type, adze_error *err)
{
    static const char text[] =
        "architecture '%.40s' is not known; run as %s, whose names and shapes all its %zu tensors "
        "have: what '%.40s' computes differently is lost";
    const az_arch *a = nearest(m);
    char buf[250];

    if (!a) return ADZE_OK;
    snprintf(buf, sizeof buf, text, type, a->name, m->n_tensors, type);
    m->warning = az_arena_strdup(&m->arena, buf);
    if (!m->warning) return az_fail_nomem(err, "choosing an architecture");
    m->nearest = a;
    return ADZE_OK;
}

adze_status az_arch_of(adze_model *m, const az_arch **arch, az_config *c, adze_error *err)
{
    const char *key = is_gguf(m) ? "general.architecture" : "model_type", *type = type_of(m);
    char known[240];

    *arch = find(m);
    if (!type) return az_fail_name(err, ADZE_EFORMAT, m->path, key, ADZE_NOPOS, "is missing");
    if (!*arch) {
        if (settle_for_nearest(m, type, err) < 0) return ADZE_ENOMEM;
        *arch = m->nearest;
    }
    if (!*arch) {
        known_names(known, sizeof known, is_gguf(m));
        return az_fail_name(err, ADZE_EUNSUP, m->path, key, ADZE_NOPOS,
                            "architecture '%.60s' is not known, and its tensors fit none; known "
                            "are %s",
                            type, known);
    }
    return configure(*arch, m, c, err);
}

/* Of the config.json that adze kept in a GGUF. */
static const az_arch *kept_type(const adze_model *m)
{
    const az_kv *kv = az_kv_find(&m->kv, "adze.config");
    const az_arch *found = NULL;
    json_t *doc = NULL;

    if (kv && kv->type == AZ_KV_STR &&
        az_json_parse(&doc, kv->v.str.s, kv->v.str.n, m->path, NULL) == ADZE_OK) {
        const char *type = az_json_str(doc, "model_type");
        found = type ? by_model_type(type) : NULL;
    }
    json_decref(doc);
    return found;
}

const az_arch *az_arch_of_folder(const az_arch *arch, const adze_model *m, const az_config *c)
{
    const az_arch *kept;

    if (!is_gguf(m)) return arch;
    kept = kept_type(m);
    if (kept && strcmp(kept->gguf_name, arch->gguf_name) == 0) return kept;
    for (size_t i = 0; az_archs[i]; i++) {
        const az_arch *a = az_archs[i];
        if (strcmp(a->gguf_name, arch->gguf_name) == 0 && a->form.is && a->form.is(m, c)) return a;
    }
    return arch;
}

adze_status az_arch_build(const az_arch *arch, const az_config *c, az_arena *arena, az_graph *g,
                          adze_error *err)
{
    az_graph_init(g, arena, c);
    return arch->build ? arch->build(c, g, err) : az_build_decoder(c, g, err);
}

const char *az_arch_gguf_note(const az_arch *arch, const az_config *c)
{
    if (arch->gguf_note) return arch->gguf_note(c);
    if (!c->window || c->window >= c->context) return NULL;
    return "other programs ignore the sliding window of this architecture in a GGUF: beyond it "
           "they give other logits";
}

adze_status az_arch_gguf_keys(const az_arch *arch, const az_config *c, az_kvs *out, adze_error *err)
{
    adze_status rc = az_common_gguf_keys(arch->gguf_name, c, out, err);

    if (rc < 0 || !arch->gguf_keys) return rc;
    return arch->gguf_keys(c, out, err);
}

adze_status az_arch_extra_tensors(const az_arch *arch, adze_model *m, const az_config *c,
                                  az_extra_tensor *out, size_t *n, adze_error *err)
{
    int64_t half = c->rope.dims / 2;
    float *div;

    (void)arch;
    *n = 0;
    if (c->rope.type == AZ_ROPE_LLAMA3) {
        div = az_arena_array(&m->arena, (size_t)half, sizeof *div);
        if (!div) return az_fail_nomem(err, "making rope_freqs");
        az_rope_divisors(&c->rope, div);
        out[(*n)++] = (az_extra_tensor){ "rope_freqs.weight", half, div };
    } else if (c->rope.type == AZ_ROPE_LONGROPE) {
        out[(*n)++] = (az_extra_tensor){ "rope_factors_long.weight", half, c->rope.long_factor };
        out[(*n)++] = (az_extra_tensor){ "rope_factors_short.weight", half, c->rope.short_factor };
    }
    return ADZE_OK;
}
