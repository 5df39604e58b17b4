/* Keys that say what a GGUF was made with: the importance matrix, changes to its recipe; then the user's own keys. */
#include "format/gguf.h"
#include "format/imatrix.h"

#include <string.h>

enum { MAX_TEXT = 127 }; /* llama.cpp's tools keep no more of a file's name */

static bool put_name(az_kvs *kv, const char *key, const char *text)
{
    size_t n = strlen(text);

    return az_kv_put_str(kv, key, text, n > MAX_TEXT ? MAX_TEXT : n);
}

static bool put_importance(az_plan *p, const az_importance *m)
{
    az_str *s = az_arena_array(&p->arena, m->n_digests + 1, sizeof *s);
    bool ok = s != NULL;

    for (size_t i = 0; ok && i < m->n_digests; i++)
        s[i] = (az_str){ m->digests[i], strlen(m->digests[i]) };
    if (m->path) ok = ok && put_name(&p->kv, "quantize.imatrix.file", az_path_base(m->path));
    if (m->n_datasets) ok = ok && put_name(&p->kv, "quantize.imatrix.dataset", m->datasets[0]);
    ok = ok && az_kv_put_u32(&p->kv, "quantize.imatrix.entries_count", (uint32_t)m->n);
    if (m->chunks) ok = ok && az_kv_put_u32(&p->kv, "quantize.imatrix.chunks_count", m->chunks);
    if (m->n_digests) ok = ok && az_kv_put_strs(&p->kv, AZ_CALIBRATION_KEY, s, m->n_digests);
    return ok;
}

static bool add(az_arena *arena, az_str *s, size_t *n, const char *what, const char *value)
{
    char *text = az_arena_printf(arena, "%s%s", what, value);

    if (text) s[(*n)++] = (az_str){ text, strlen(text) };
    return text != NULL;
}

/* One string for each change, as its option would be given. */
static bool put_recipe_changes(az_plan *p, const az_recipe_changes *c)
{
    az_str *s = az_arena_array(&p->arena, c->n_overrides + 4, sizeof *s);
    bool ok = s != NULL;
    size_t n = 0;

    for (size_t i = 0; ok && i < c->n_overrides; i++) {
        const char *what = az_arena_printf(&p->arena, "tensor-type %s=", c->overrides[i].pattern);
        ok = what && add(&p->arena, s, &n, what, az_type_get(c->overrides[i].type)->name);
    }
    if (c->output_type != AZ_TYPE_COUNT)
        ok = ok && add(&p->arena, s, &n, "output-tensor-type ", az_type_get(c->output_type)->name);
    if (c->embedding_type != AZ_TYPE_COUNT)
        ok = ok &&
             add(&p->arena, s, &n, "token-embedding-type ", az_type_get(c->embedding_type)->name);
    if (c->leave_output) ok = ok && add(&p->arena, s, &n, "leave-output-tensor", "");
    if (c->pure) ok = ok && add(&p->arena, s, &n, "pure", "");
    return ok && (!n || az_kv_put_strs(&p->kv, "adze.recipe.changes", s, n));
}

adze_status az_gguf_put_changes(az_plan *p, adze_error *err)
{
    const az_recipe_changes *c = p->recipe ? p->recipe->changes : NULL;
    bool ok = true;

    if (p->recipe) { /* those of an earlier quantization */
        az_kv_remove(&p->kv, "adze.recipe.changes");
        az_kv_remove(&p->kv, AZ_CALIBRATION_KEY);
    }
    if (c) ok = put_recipe_changes(p, c);
    if (c && c->importance) ok = ok && put_importance(p, c->importance);
    for (size_t i = 0; ok && i < p->model->overrides.n; i++)
        ok = az_kv_put(&p->kv, &p->model->overrides.items[i]);
    return ok ? ADZE_OK : az_fail_nomem(err, "writing GGUF keys");
}
