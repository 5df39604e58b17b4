/* Finding a model's architecture, its tensors' names in each format, and whether they fit the config. */
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

    if (!type) return NULL;
    return is_gguf(m) ? by_gguf_name(type) : by_model_type(type);
}

const char *adze_model_arch(const adze_model *m)
{
    const az_arch *a = find(m);

    return a ? a->name : NULL;
}

adze_status az_arch_of(adze_model *m, const az_arch **arch, az_config *c, adze_error *err)
{
    const char *key = is_gguf(m) ? "general.architecture" : "model_type", *type = type_of(m);
    char known[160];

    *arch = find(m);
    if (!type) return az_fail_name(err, ADZE_EFORMAT, m->path, key, ADZE_NOPOS, "is missing");
    if (!*arch) {
        known_names(known, sizeof known, is_gguf(m));
        return az_fail_name(err, ADZE_EUNSUP, m->path, key, ADZE_NOPOS,
                            "architecture '%.60s' is not known; known are %s", type, known);
    }
    return (*arch)->configure(m, c, err);
}

/* Layer number and the text around it: "blk.12.x" against "blk.{i}.x". False: no match. */
static bool match(const char *pattern, const char *name, int *layer)
{
    const char *hole = strstr(pattern, "{i}");
    size_t head = hole ? (size_t)(hole - pattern) : 0, digits = 0;
    int n = 0;

    *layer = -1;
    if (!hole) return strcmp(pattern, name) == 0;
    if (strncmp(pattern, name, head) != 0) return false;
    name += head;
    while (name[digits] >= '0' && name[digits] <= '9' && digits < 6)
        n = n * 10 + (name[digits++] - '0');
    if (!digits || (digits > 1 && name[0] == '0')) return false;
    *layer = n;
    return strcmp(hole + 3, name + digits) == 0;
}

/* False when the text does not fit. */
static bool expand(const char *pattern, int layer, char *buf, size_t size)
{
    const char *hole = strstr(pattern, "{i}");
    int n = hole ? snprintf(buf, size, "%.*s%d%s", (int)(hole - pattern), pattern, layer, hole + 3)
                 : snprintf(buf, size, "%s", pattern);

    return n >= 0 && (size_t)n < size;
}

const az_tensor *az_arch_tensor(const az_arch *arch, const adze_model *m, const char *canonical,
                                const az_tensor_map **map)
{
    char name[160];
    int layer;

    for (const az_tensor_map *t = arch->tensors; t->name; t++) {
        if (!match(t->name, canonical, &layer)) continue;
        if (map) *map = t;
        if (is_gguf(m)) return az_model_tensor(m, canonical);
        return expand(t->hf, layer, name, sizeof name) ? az_model_tensor(m, name) : NULL;
    }
    if (map) *map = NULL;
    return NULL;
}

bool az_arch_canonical(const az_arch *arch, const adze_model *m, const char *source, char *name,
                       size_t size, const az_tensor_map **map)
{
    int layer;

    if (map) *map = NULL;
    for (const az_tensor_map *t = arch->tensors; t->name; t++) {
        if (!match(is_gguf(m) ? t->name : t->hf, source, &layer)) continue;
        if (map) *map = t;
        return expand(t->name, layer, name, size);
    }
    return false;
}

bool az_arch_source_name(const az_arch *arch, const char *canonical, char *name, size_t size,
                         const az_tensor_map **map)
{
    int layer;

    for (const az_tensor_map *t = arch->tensors; t->name; t++) {
        if (!match(t->name, canonical, &layer)) continue;
        *map = t;
        return expand(t->hf, layer, name, size);
    }
    *map = NULL;
    return false;
}

adze_status az_arch_build(const az_arch *arch, const az_config *c, az_arena *arena, az_graph *g,
                          adze_error *err)
{
    az_graph_init(g, arena, c);
    return arch->build(c, g, err);
}

/* Source name of a weight, for messages. */
static const char *source_name(const az_arch *arch, const adze_model *m, const char *canonical,
                               char *buf, size_t size)
{
    int layer;

    for (const az_tensor_map *t = arch->tensors; t->name && !is_gguf(m); t++)
        if (match(t->name, canonical, &layer) && expand(t->hf, layer, buf, size)) return buf;
    return canonical;
}

static adze_status check_weight(const az_arch *arch, const adze_model *m, const az_graph_weight *w,
                                bool *used, adze_error *err)
{
    const az_tensor *t = az_arch_tensor(arch, m, w->name, NULL);
    char name[160], want[64];
    const char *path;

    if (!t) {
        if (w->optional) return ADZE_OK;
        return az_fail_name(err, ADZE_EFORMAT, m->path,
                            source_name(arch, m, w->name, name, sizeof name), ADZE_NOPOS,
                            "tensor is missing; the config asks for one of [%lld, %lld]",
                            (long long)w->rows, (long long)w->cols);
    }
    path = m->files[t->file].path;
    used[t - m->tensors] = true;
    if (w->rows == 1)
        snprintf(want, sizeof want, "[%lld]", (long long)w->cols);
    else
        snprintf(want, sizeof want, "[%lld, %lld]", (long long)w->rows, (long long)w->cols);
    if (t->n_dims == (w->rows == 1 ? 1 : 2) && az_tensor_rows(t) == w->rows &&
        az_tensor_cols(t) == w->cols)
        return ADZE_OK;
    if (t->n_dims == 1)
        return az_fail_name(err, ADZE_EFORMAT, path, t->name, t->at_bytes,
                            "tensor is [%lld], the config asks for %s", (long long)t->shape[0],
                            want);
    return az_fail_name(err, ADZE_EFORMAT, path, t->name, t->at_bytes,
                        "tensor of %d dimensions is [%lld, %lld], the config asks for %s",
                        t->n_dims, (long long)az_tensor_rows(t), (long long)az_tensor_cols(t),
                        want);
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);

    return n >= k && strcmp(s + n - k, end) == 0;
}

/* Buffers of old files that hold nothing of their own, and what az_arch_extra_tensors accounts for. */
static bool ignorable(const char *name)
{
    static const char *const known[] = { "rotary_emb.inv_freq", "rope_freqs.weight",
                                         "rope_factors_long.weight", "rope_factors_short.weight" };

    for (size_t i = 0; i < AZ_COUNT(known); i++)
        if (ends_with(name, known[i])) return true;
    return false;
}

adze_status az_arch_check(const az_arch *arch, const adze_model *m, const az_graph *g,
                          adze_error *err)
{
    bool *used = az_calloc(m->run, m->n_tensors + 1, sizeof *used);
    adze_status rc = ADZE_OK;

    if (!used) return az_fail_nomem(err, "checking tensors");
    for (int i = 0; i < g->n_weights && rc == ADZE_OK; i++)
        rc = check_weight(arch, m, &g->weights[i], used, err);
    for (size_t i = 0; i < m->n_tensors && rc == ADZE_OK; i++) {
        const az_tensor *t = &m->tensors[i];
        if (!used[i] && !ignorable(t->name))
            rc = az_fail_name(err, ADZE_EFORMAT, m->files[t->file].path, t->name, t->at_bytes,
                              "tensor is not part of a %s model with this config", arch->name);
    }
    az_free(m->run, used);
    return rc;
}

const char *az_arch_gguf_note(const az_arch *arch, const az_config *c)
{
    (void)arch;
    if (!c->window || c->window >= c->context) return NULL;
    return "other programs ignore the sliding window of this architecture in a GGUF: beyond it "
           "they give "
           "other logits";
}

adze_status az_arch_gguf_keys(const az_arch *arch, const az_config *c, az_kvs *out, adze_error *err)
{
    adze_status rc = az_decoder_gguf_keys(arch->gguf_name, c, out, err);

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
