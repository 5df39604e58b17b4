/* Options of a conversion that change its recipe or its metadata, from text. */
#include "job/changes.h"
#include "format/imatrix.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static adze_status bad(const char *option, adze_error *err, const char *fmt, const char *what)
{
    return az_fail_name(err, ADZE_EINVAL, NULL, option, ADZE_NOPOS, fmt, what);
}

/* Type names in any case, as llama-quantize takes them. */
static adze_status read_type(const char *option, const char *text, az_type *out, adze_error *err)
{
    char name[16] = "";
    size_t n = 0;

    for (; text[n] && n + 1 < sizeof name; n++)
        name[n] = (char)(text[n] >= 'A' && text[n] <= 'Z' ? text[n] + 32 : text[n]);
    name[n] = 0;
    if (text[n] || !az_type_from_name(name, out) ||
        (!az_type_get(*out)->quantized && *out != AZ_F32 && *out != AZ_F16 && *out != AZ_BF16))
        return bad(option, err,
                   "\"%.40s\" is no type for weights; `adze recipes --types` lists them", text);
    return ADZE_OK;
}

static adze_status read_tensor_types(const az_opt_list *list, az_changed_recipe *c, adze_error *err)
{
    for (size_t i = 0; i < list->n; i++) {
        const char *text = list->items[i], *eq = strrchr(text, '=');
        adze_status rc;
        if (!eq || eq == text || (size_t)(eq - text) >= sizeof c->patterns[i])
            return bad("--tensor-type", err, "\"%.60s\" is not PATTERN=TYPE", text);
        memcpy(c->patterns[i], text, (size_t)(eq - text));
        c->patterns[i][eq - text] = 0;
        c->overrides[i].pattern = c->patterns[i];
        rc = read_type("--tensor-type", eq + 1, &c->overrides[i].type, err);
        if (rc < 0) return rc;
    }
    c->changes.overrides = c->overrides;
    c->changes.n_overrides = list->n;
    return ADZE_OK;
}

/* The first option given that needs a recipe; NULL: none. */
static const char *recipe_option(const az_convert_opts *o)
{
    return o->tensor_types.n   ? "--tensor-type"
           : o->output_type    ? "--output-tensor-type"
           : o->embedding_type ? "--token-embedding-type"
           : o->leave_output   ? "--leave-output-tensor"
           : o->pure           ? "--pure"
           : o->imatrix        ? "--imatrix"
                               : NULL;
}

/* ---- metadata ---- */

/* Keys that decide how the rest of a file is read, or that adze derives. */
static bool is_fixed(const char *key)
{
    return strcmp(key, "general.alignment") == 0 || strcmp(key, "general.architecture") == 0 ||
           strncmp(key, "split.", 6) == 0;
}

static bool read_int(const char *text, const char *kind, az_kv *kv)
{
    static const struct {
        const char *name;
        az_kv_type type;
        int64_t lo;
        uint64_t hi;
    } kinds[] = { { "int", AZ_KV_U32, 0, UINT32_MAX },        { "u8", AZ_KV_U8, 0, UINT8_MAX },
                  { "i8", AZ_KV_I8, INT8_MIN, INT8_MAX },     { "u16", AZ_KV_U16, 0, UINT16_MAX },
                  { "i16", AZ_KV_I16, INT16_MIN, INT16_MAX }, { "u32", AZ_KV_U32, 0, UINT32_MAX },
                  { "i32", AZ_KV_I32, INT32_MIN, INT32_MAX }, { "u64", AZ_KV_U64, 0, UINT64_MAX },
                  { "i64", AZ_KV_I64, INT64_MIN, INT64_MAX } };
    char *end;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, kind) != 0) continue;
        errno = 0;
        kv->type = kinds[i].type;
        if (kinds[i].lo == 0) {
            kv->v.u = strtoull(text, &end, 10);
            return text[0] >= '0' && text[0] <= '9' && !*end && !errno && kv->v.u <= kinds[i].hi;
        }
        kv->v.i = strtoll(text, &end, 10);
        return end != text && !*end && !errno && kv->v.i >= kinds[i].lo &&
               (kv->v.i < 0 || (uint64_t)kv->v.i <= kinds[i].hi);
    }
    return false;
}

static bool read_value(const char *kind, const char *text, az_kv *kv)
{
    char *end;

    if (strcmp(kind, "str") == 0) {
        kv->type = AZ_KV_STR;
        kv->v.str = (az_str){ text, strlen(text) };
        return true;
    }
    if (strcmp(kind, "bool") == 0) {
        kv->type = AZ_KV_BOOL;
        kv->v.u = strcmp(text, "true") == 0;
        return kv->v.u || strcmp(text, "false") == 0;
    }
    if (strcmp(kind, "float") == 0 || strcmp(kind, "f32") == 0 || strcmp(kind, "f64") == 0) {
        kv->type = strcmp(kind, "f64") == 0 ? AZ_KV_F64 : AZ_KV_F32;
        kv->v.f = strtod(text, &end);
        if (kv->type == AZ_KV_F32) kv->v.f = (float)kv->v.f;
        return end != text && !*end && isfinite(kv->v.f);
    }
    return read_int(text, kind, kv);
}

static adze_status read_override(adze_model *m, const char *text, adze_error *err)
{
    const char *eq = strchr(text, '='), *colon = eq ? strchr(eq, ':') : NULL;
    char key[128], kind[8] = "";
    az_kv kv = { .key = key };

    if (!colon || eq == text || (size_t)(eq - text) >= sizeof key)
        return bad("--override-kv", err, "\"%.80s\" is not KEY=TYPE:VALUE", text);
    snprintf(key, sizeof key, "%.*s", (int)(eq - text), text);
    if ((size_t)(colon - eq) <= sizeof kind)
        snprintf(kind, sizeof kind, "%.*s", (int)(colon - eq - 1), eq + 1);
    if (is_fixed(key))
        return bad("--override-kv", err, "key %.80s decides how the file is read: it cannot be set",
                   key);
    if (!read_value(kind, colon + 1, &kv))
        return bad("--override-kv", err,
                   "\"%.80s\": the value does not fit its type; types are int, float, bool, str, "
                   "u8 to u64, i8 to i64, f32, f64",
                   text);
    m->overrides.arena = &m->arena;
    return az_kv_put(&m->overrides, &kv) ? ADZE_OK : az_fail_nomem(err, "reading options");
}

adze_status az_changes_read(adze_run *run, adze_model *m, const az_format *format,
                            const az_convert_opts *o, az_changed_recipe *c,
                            const az_recipe **recipe, adze_error *err)
{
    const char *option = recipe_option(o);
    bool gguf = strcmp(format->name, "gguf") == 0;
    adze_status rc = ADZE_OK;

    c->importance = NULL;
    m->overrides = (az_kvs){ .arena = &m->arena };
    if (o->override_kv.n && !gguf)
        return bad("--override-kv", err, "is for gguf, not %s", format->name);
    for (size_t i = 0; i < o->override_kv.n && rc == ADZE_OK; i++)
        rc = read_override(m, o->override_kv.items[i], err);
    if (rc < 0 || !option) return rc;
    if (!gguf) return bad(option, err, "is for gguf, not %s", format->name);
    if (!*recipe) return bad(option, err, "%s", "needs a --recipe: without one, types are kept");
    c->changes = (az_recipe_changes){ .output_type = AZ_TYPE_COUNT,
                                      .embedding_type = AZ_TYPE_COUNT,
                                      .leave_output = o->leave_output,
                                      .pure = o->pure };
    if (o->leave_output && o->output_type)
        return bad("--leave-output-tensor", err, "%s",
                   "and --output-tensor-type exclude each other");
    rc = read_tensor_types(&o->tensor_types, c, err);
    if (rc == ADZE_OK && o->output_type)
        rc = read_type("--output-tensor-type", o->output_type, &c->changes.output_type, err);
    if (rc == ADZE_OK && o->embedding_type)
        rc =
            read_type("--token-embedding-type", o->embedding_type, &c->changes.embedding_type, err);
    if (rc == ADZE_OK && o->imatrix) rc = az_imatrix_read(&c->importance, run, o->imatrix, err);
    if (rc < 0) return rc;
    c->changes.importance = c->importance;
    c->recipe = **recipe;
    c->recipe.changes = &c->changes;
    *recipe = &c->recipe;
    return ADZE_OK;
}

void az_changes_release(az_changed_recipe *c)
{
    az_importance_free(c->importance);
    c->importance = NULL;
}
