/* Tensors under canonical names: where each comes from, and whether a model has what its graph asks for. */
#include "arch/arch.h"

#include <stdio.h>
#include <string.h>

static bool is_gguf(const adze_model *m)
{
    return !m->config;
}

/* Text between two holes of a pattern: "{i}" a layer, "{e}" an expert. False: `name` does not match. */
static bool match(const char *pattern, const char *name, int *layer, int *expert)
{
    *layer = *expert = -1;
    while (*pattern) {
        if (pattern[0] == '{' && pattern[1] && pattern[2] == '}') {
            size_t digits = 0;
            int n = 0;
            while (name[digits] >= '0' && name[digits] <= '9' && digits < 6)
                n = n * 10 + (name[digits++] - '0');
            if (!digits || (digits > 1 && name[0] == '0')) return false;
            *(pattern[1] == 'i' ? layer : expert) = n;
            pattern += 3;
            name += digits;
        } else if (*pattern++ != *name++) {
            return false;
        }
    }
    return *name == 0;
}

/* False when the text does not fit. */
static bool expand(const char *prefix, const char *pattern, int layer, int expert, char *buf,
                   size_t size)
{
    size_t at = (size_t)snprintf(buf, size, "%s", prefix);

    while (*pattern && at < size) {
        if (pattern[0] == '{' && pattern[1] && pattern[2] == '}') {
            at += (size_t)snprintf(buf + at, size - at, "%d", pattern[1] == 'i' ? layer : expert);
            pattern += 3;
        } else {
            buf[at++] = *pattern++;
        }
    }
    if (at >= size) return false;
    buf[at] = 0;
    return true;
}

/* The arch's prefixes, or none. */
static const char *const *prefixes_of(const az_arch *arch)
{
    static const char *const none[] = { "", NULL };

    return arch->prefixes ? arch->prefixes : none;
}

static bool find_source(const az_arch *arch, const adze_model *m, const az_tensor_map *map,
                        int layer, az_source *s)
{
    char name[192];

    for (const char *const *p = prefixes_of(arch); *p; p++) {
        const az_tensor *t =
            expand(*p, map->hf, layer, 0, name, sizeof name) ? az_model_tensor(m, name) : NULL;
        if (!t) continue;
        *s = (az_source){ map, t, *p, layer, strstr(map->hf, "{e}") != NULL };
        return true;
    }
    return false;
}

az_source az_arch_source(const az_arch *arch, const adze_model *m, const char *canonical)
{
    az_source s = { 0 };
    int layer, expert;

    for (const az_tensor_map *map = arch->tensors; map->name; map++) {
        if (!match(map->name, canonical, &layer, &expert)) continue;
        if (!s.map) s = (az_source){ map, NULL, *prefixes_of(arch), layer, false };
        if (is_gguf(m)) {
            s.t = az_model_tensor(m, canonical);
            return s;
        }
        if (find_source(arch, m, map, layer, &s)) return s;
    }
    return s;
}

const az_tensor *az_source_tensor(const az_source *s, const adze_model *m, int expert)
{
    char name[192];

    if (!s->by_expert) return s->t;
    return expand(s->prefix, s->map->hf, s->layer, expert, name, sizeof name)
               ? az_model_tensor(m, name)
               : NULL;
}

az_items az_source_items(const az_source *s, const az_graph_weight *w)
{
    /* a GGUF holds what is canonical: nothing to pick */
    az_pick pick = s->t && strcmp(s->t->name, w->name) == 0 ? AZ_PICK_ALL : s->map->pick;
    int64_t rows = w->experts ? w->rows / w->experts : w->rows;
    bool elements = w->vector && pick != AZ_PICK_ALL;
    az_items i = { .parts = w->experts ? w->experts : 1,
                   .part_items = elements ? rows * w->cols : rows,
                   .step = 1,
                   .width = elements ? 1 : w->cols };

    i.part_stride = pick == AZ_PICK_ALL ? i.part_items : 2 * i.part_items;
    if (pick == AZ_PICK_SECOND) i.first = i.part_items;
    if (pick == AZ_PICK_EVEN || pick == AZ_PICK_ODD) i.step = 2;
    if (pick == AZ_PICK_ODD) i.first = 1;
    return i;
}

const az_tensor *az_arch_tensor(const az_arch *arch, const adze_model *m, const char *canonical,
                                const az_tensor_map **map)
{
    az_source s = az_arch_source(arch, m, canonical);

    if (map) *map = s.map;
    return s.t;
}

bool az_arch_canonical(const az_arch *arch, const adze_model *m, const char *source, char *name,
                       size_t size, const az_tensor_map **map)
{
    int layer, expert;

    if (map) *map = NULL;
    for (const az_tensor_map *t = arch->tensors; t->name; t++)
        for (const char *const *p = prefixes_of(arch); *p; p++) {
            size_t n = is_gguf(m) ? 0 : strlen(*p);
            if (strncmp(source, *p, n) != 0 ||
                !match(is_gguf(m) ? t->name : t->hf, source + n, &layer, &expert))
                continue;
            if (map) *map = t;
            return expand("", t->name, layer, 0, name, size);
        }
    return false;
}

/* Whether the architecture calls the tensor so. */
static bool is_own(const az_arch *arch, const az_tensor_map *t)
{
    for (const char *const *part = arch->form.names; part && *part; part++)
        if (strstr(t->hf, *part)) return true;
    return false;
}

const az_tensor_map *az_arch_row(const az_arch *arch, const char *canonical, unsigned as)
{
    const az_tensor_map *best = NULL;
    int layer, none, rank = 0;

    for (const az_tensor_map *t = arch->tensors; t->name; t++) {
        unsigned special = t->flags & (AZ_TENSOR_MLX | AZ_TENSOR_BLOCKS);
        int now = 1 + is_own(arch, t) + (special ? 2 : 0);
        if ((special && !(special & as)) || now <= rank ||
            !match(t->name, canonical, &layer, &none))
            continue;
        best = t;
        rank = now;
    }
    return best;
}

bool az_arch_source_name(const az_arch *arch, const az_tensor_map *row, const char *canonical,
                         int expert, char *name, size_t size)
{
    int layer, none;

    return match(row->name, canonical, &layer, &none) &&
           expand(*prefixes_of(arch), row->hf, layer, expert, name, size);
}

bool az_arch_other_half(const az_arch *arch, const az_tensor_map *map, const char *canonical,
                        char *name, size_t size)
{
    int layer, none;

    if (map->pick != AZ_PICK_EVEN || !match(map->name, canonical, &layer, &none)) return false;
    for (const az_tensor_map *t = arch->tensors; t->name; t++)
        if (t->pick == AZ_PICK_ODD && strcmp(t->hf, map->hf) == 0)
            return expand("", t->name, layer, 0, name, size);
    return false;
}

/* "[2, 3]". */
static void shape_text(const int64_t *shape, int n, char *buf, size_t size)
{
    size_t at = (size_t)snprintf(buf, size, "[");

    for (int i = 0; i < n && at < size; i++)
        at += (size_t)snprintf(buf + at, size - at, "%s%lld", i ? ", " : "", (long long)shape[i]);
    if (at < size) snprintf(buf + at, size - at, "]");
}

/* Shape that a source tensor must have; dimensions of one element do not count. */
static int wanted_shape(const az_source *s, const az_graph_weight *w, int64_t shape[3])
{
    az_items i = az_source_items(s, w);
    bool turned = s->t && strcmp(s->t->name, w->name) != 0 && s->map->flags & AZ_TENSOR_TRANSPOSED;
    int n = 0;

    if (w->experts && !s->by_expert) shape[n++] = w->experts;
    if (turned) shape[n++] = i.width;
    if (!w->vector || i.width == 1 || i.part_items > 1) shape[n++] = i.part_stride;
    if (!turned && !(w->vector && i.width == 1)) shape[n++] = i.width;
    return n;
}

static bool same_shape(const az_tensor *t, const int64_t *shape, int n)
{
    int k = 0;

    for (int i = 0; i < t->n_dims; i++) {
        if (k < n && t->shape[i] == shape[k])
            k++;
        else if (t->shape[i] != 1)
            return false;
    }
    while (k < n && shape[k] == 1)
        k++;
    return k == n;
}

static adze_status check_tensor(const adze_model *m, const az_tensor *t, const char *name,
                                const int64_t *shape, int n, bool *used, adze_error *err)
{
    char want[96], has[96];

    shape_text(shape, n, want, sizeof want);
    if (!t)
        return az_fail_name(err, ADZE_EFORMAT, m->path, name, ADZE_NOPOS,
                            "tensor is missing; the config asks for one of %s", want);
    used[t - m->tensors] = true;
    if (same_shape(t, shape, n)) return ADZE_OK;
    shape_text(t->shape, t->n_dims, has, sizeof has);
    return az_fail_name(err, ADZE_EFORMAT, m->files[t->file].path, t->name, t->at_bytes,
                        "tensor is %s, the config asks for %s", has, want);
}

static adze_status check_weight(const az_arch *arch, const adze_model *m, const az_graph_weight *w,
                                bool *used, adze_error *err)
{
    az_source s = az_arch_source(arch, m, w->name);
    int64_t shape[3];
    char name[192] = "";
    int n, tensors = s.by_expert ? w->experts : 1;
    adze_status rc = ADZE_OK;

    if (!s.map || (s.by_expert && !w->experts))
        return az_fail_name(err, ADZE_EFORMAT, m->path, w->name, ADZE_NOPOS,
                            "is no tensor of architecture %s", arch->name);
    n = wanted_shape(&s, w, shape);
    for (int e = 0; e < tensors && rc == ADZE_OK; e++) {
        const az_tensor *t = az_source_tensor(&s, m, e);
        if (is_gguf(m) || !expand(s.prefix, s.map->hf, s.layer, e, name, sizeof name))
            snprintf(name, sizeof name, "%s", w->name);
        rc = check_tensor(m, t, name, shape, n, used, err);
        if (rc == ADZE_OK && e > 0 && t->type != s.t->type)
            rc = az_fail_name(err, ADZE_EUNSUP, m->files[t->file].path, t->name, t->at_bytes,
                              "experts of different types");
    }
    return rc;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);

    return n >= k && strcmp(s + n - k, end) == 0;
}

/* Buffers of old files that hold nothing of their own, and what az_arch_extra_tensors accounts for. */
static bool ignorable(const az_arch *arch, const char *name)
{
    static const char *const known[] = { "rotary_emb.inv_freq", "rope_freqs.weight",
                                         "rope_factors_long.weight", "rope_factors_short.weight" };

    for (size_t i = 0; i < AZ_COUNT(known); i++)
        if (ends_with(name, known[i])) return true;
    for (const char *const *part = arch->ignored; part && *part; part++)
        if (strstr(name, *part)) return true;
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
        if (!used[i] && !ignorable(arch, t->name))
            rc = az_fail_name(err, ADZE_EFORMAT, m->files[t->file].path, t->name, t->at_bytes,
                              "tensor is not part of a %s model with this config", arch->name);
    }
    az_free(m->run, used);
    return rc;
}
