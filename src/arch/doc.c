/* Typed look-ups in config.json or GGUF metadata. Every number is checked: the file is not trusted. */
#include "arch/doc.h"
#include "base/json.h"
#include "core/half.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

adze_status az_doc_init(az_doc *d, adze_model *m, const char *gguf_name, adze_error *err)
{
    *d = (az_doc){ .m = m, .j = m->config, .prefix = gguf_name, .path = m->path, .err = err };
    if (m->config && !json_is_object(m->config))
        return az_doc_fail(d, ADZE_EFORMAT, "config.json", "is not an object");
    return ADZE_OK;
}

adze_status az_doc_fail(az_doc *d, adze_status s, const char *key, const char *fmt, ...)
{
    char msg[240];
    va_list ap;

    if (d->rc < 0) return d->rc;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    d->rc = az_fail_name(d->err, s, d->path, key, ADZE_NOPOS, "%s", msg);
    return d->rc;
}

/* "llama.block_count" in buf. */
static const char *full_key(const az_doc *d, const char *key, char *buf, size_t size)
{
    snprintf(buf, size, "%s.%s", d->prefix, key);
    return buf;
}

static int64_t int_range(az_doc *d, const char *key, int64_t v, int64_t min, int64_t max)
{
    if (v >= min && v <= max) return v;
    az_doc_fail(d, ADZE_EFORMAT, key, "is %lld, not within %lld .. %lld", (long long)v,
                (long long)min, (long long)max);
    return min;
}

static int64_t missing(az_doc *d, const char *key, int64_t min, int64_t def)
{
    if (def != AZ_DOC_REQUIRED) return def;
    az_doc_fail(d, ADZE_EFORMAT, key, "is missing");
    return min;
}

int64_t az_doc_int(az_doc *d, const char *hf, const char *gguf, int64_t min, int64_t max,
                   int64_t def)
{
    char key[128];
    int64_t v;

    if (az_doc_is_gguf(d)) {
        if (!gguf) return def;
        full_key(d, gguf, key, sizeof key);
        if (az_kv_int(&d->m->kv, key, &v)) return int_range(d, key, v, min, max);
        if (az_kv_find(&d->m->kv, key)) {
            az_doc_fail(d, ADZE_EUNSUP, key, "is not one whole number (one value per layer?)");
            return min;
        }
        return missing(d, key, min, def);
    }
    if (!hf) return def;
    const json_t *j = json_object_get(d->j, hf);
    if (!j || json_is_null(j)) return missing(d, hf, min, def);
    if (!json_is_integer(j)) {
        az_doc_fail(d, ADZE_EFORMAT, hf, "is not a whole number");
        return min;
    }
    return int_range(d, hf, json_integer_value(j), min, max);
}

static double real_range(az_doc *d, const char *key, double v, double min, double max)
{
    if (v >= min && v <= max) return v; /* false for NaN */
    az_doc_fail(d, ADZE_EFORMAT, key, "is %g, not within %g .. %g", v, min, max);
    return min;
}

double az_doc_real_in(az_doc *d, const json_t *o, const char *key, double min, double max,
                      double def)
{
    const json_t *j = json_object_get(o, key);

    if (!j || json_is_null(j)) return def;
    if (!json_is_number(j)) {
        az_doc_fail(d, ADZE_EFORMAT, key, "is not a number");
        return def;
    }
    return real_range(d, key, json_number_value(j), min, max);
}

double az_doc_real(az_doc *d, const char *hf, const char *gguf, double min, double max, double def)
{
    char key[128];
    double v;

    if (!az_doc_is_gguf(d)) return hf ? az_doc_real_in(d, d->j, hf, min, max, def) : def;
    if (!gguf) return def;
    full_key(d, gguf, key, sizeof key);
    if (az_kv_float(&d->m->kv, key, &v)) return real_range(d, key, v, min, max);
    if (az_kv_find(&d->m->kv, key)) az_doc_fail(d, ADZE_EFORMAT, key, "is not a number");
    return def;
}

bool az_doc_bool(az_doc *d, const char *hf, bool def)
{
    const json_t *j = json_object_get(d->j, hf);

    if (!j || json_is_null(j)) return def;
    if (!json_is_boolean(j)) az_doc_fail(d, ADZE_EFORMAT, hf, "is not true or false");
    return json_is_true(j);
}

const char *az_doc_str(az_doc *d, const char *hf, const char *gguf, const char *def)
{
    char key[128];
    const char *s;

    if (az_doc_is_gguf(d)) {
        if (!gguf) return def;
        s = az_kv_string(&d->m->kv, full_key(d, gguf, key, sizeof key));
        return s ? s : def;
    }
    s = hf ? az_json_str(d->j, hf) : NULL;
    return s ? s : def;
}

const float *az_doc_floats_in(az_doc *d, const json_t *o, const char *key, int n)
{
    const json_t *j = json_object_get(o, key);
    float *f;

    if (!json_is_array(j) || json_array_size(j) != (size_t)n) {
        az_doc_fail(d, ADZE_EFORMAT, key, "is not a list of %d numbers", n);
        return NULL;
    }
    f = az_arena_array(&d->m->arena, (size_t)n, sizeof *f);
    if (!f) {
        d->rc = az_fail_nomem(d->err, "reading a config");
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        const json_t *v = json_array_get(j, (size_t)i);
        double x = json_number_value(v);
        if (!json_is_number(v) || !(x > 0 && x < 1e30)) {
            az_doc_fail(d, ADZE_EFORMAT, key, "has an element %d that is not a positive number", i);
            return NULL;
        }
        f[i] = (float)x;
    }
    return f;
}

const float *az_doc_vector(az_doc *d, const char *tensor, int n)
{
    const az_tensor *t = az_model_tensor(d->m, tensor);
    adze_status rc;
    float *f;

    if (!t || d->rc < 0) return NULL;
    if (t->type != AZ_F32 || az_tensor_rows(t) != 1 || az_tensor_cols(t) != n ||
        t->size_bytes != (uint64_t)n * 4) {
        az_doc_fail(d, ADZE_EFORMAT, tensor, "is not a vector of %d f32 values", n);
        return NULL;
    }
    f = az_arena_array(&d->m->arena, (size_t)n, sizeof *f);
    if (!f) {
        d->rc = az_fail_nomem(d->err, "reading a config");
        return NULL;
    }
    rc = az_model_read(d->m, t, 0, f, (size_t)n * 4, d->err);
    if (rc < 0) d->rc = rc;
    for (int i = 0; i < n && d->rc == ADZE_OK; i++)
        if (!(f[i] > 0 && isfinite(f[i])))
            az_doc_fail(d, ADZE_EFORMAT, tensor, "has an element %d that is not positive", i);
    return d->rc < 0 ? NULL : f;
}

bool az_doc_flag(az_doc *d, const char *gguf, bool def)
{
    char key[128];
    bool v = def;

    full_key(d, gguf, key, sizeof key);
    if (az_kv_find(&d->m->kv, key) && !az_kv_bool(&d->m->kv, key, &v))
        az_doc_fail(d, ADZE_EFORMAT, key, "is not true or false");
    return v;
}

bool *az_doc_bools(az_doc *d, int n)
{
    bool *flags = az_arena_array(&d->m->arena, (size_t)n, sizeof *flags);

    if (!flags && d->rc == ADZE_OK) d->rc = az_fail_nomem(d->err, "reading a config");
    return flags;
}

/* An array of n elements; NULL: missing, no array, or failed. */
static const az_kv *array_of(az_doc *d, const char *gguf, int n, const char *what)
{
    char key[128];
    const az_kv *kv = az_kv_find(&d->m->kv, full_key(d, gguf, key, sizeof key));

    if (!kv || kv->type != AZ_KV_ARR || d->rc < 0) return NULL;
    if (kv->v.arr.n != (uint64_t)n) {
        az_doc_fail(d, ADZE_EFORMAT, key, "is not a list of %d %s", n, what);
        return NULL;
    }
    return kv;
}

const bool *az_doc_gguf_flags(az_doc *d, const char *gguf, int n)
{
    const az_kv *kv = array_of(d, gguf, n, "flags");
    const uint8_t *src;
    bool *flags;

    if (!kv) return NULL;
    if (kv->elem != AZ_KV_BOOL) {
        az_doc_fail(d, ADZE_EFORMAT, kv->key, "is not a list of %d flags", n);
        return NULL;
    }
    flags = az_doc_bools(d, n);
    src = kv->v.arr.data; /* any non-zero byte counts as true */
    for (int i = 0; flags && i < n; i++)
        flags[i] = src[i] != 0;
    return flags;
}

const int32_t *az_doc_gguf_ints(az_doc *d, const char *gguf, int n)
{
    const az_kv *kv = array_of(d, gguf, n, "numbers");
    int32_t *v;

    if (!kv) return NULL;
    if (kv->elem != AZ_KV_I32 && kv->elem != AZ_KV_U32) {
        az_doc_fail(d, ADZE_EFORMAT, kv->key, "is not a list of %d numbers", n);
        return NULL;
    }
    v = az_arena_array(&d->m->arena, (size_t)n, sizeof *v);
    if (!v) {
        d->rc = az_fail_nomem(d->err, "reading a config");
        return NULL;
    }
    memcpy(v, kv->v.arr.data, (size_t)n * sizeof *v);
    for (int i = 0; i < n; i++)
        if (v[i] < 0) az_doc_fail(d, ADZE_EFORMAT, kv->key, "has a negative element %d", i);
    return d->rc < 0 ? NULL : v;
}

bool az_doc_layer_types(az_doc *d, const char *kind, int n, bool *is)
{
    const json_t *types = d->j ? json_object_get(d->j, "layer_types") : NULL;

    if (!types || json_is_null(types)) return false;
    if (json_array_size(types) != (size_t)n)
        az_doc_fail(d, ADZE_EFORMAT, "layer_types", "is not a list of %d", n);
    for (int i = 0; i < n && d->rc == ADZE_OK; i++) {
        const char *type = json_string_value(json_array_get(types, (size_t)i));
        is[i] = type && strcmp(type, kind) == 0;
        if (!is[i] && (!type || strcmp(type, "full_attention") != 0))
            az_doc_fail(d, ADZE_EUNSUP, "layer_types", "element %d is not a known kind", i);
    }
    return true;
}

bool az_doc_layer_list(az_doc *d, const char *key, int n, bool v, bool *flags)
{
    const json_t *list = d->j ? json_object_get(d->j, key) : NULL;

    if (!list || json_is_null(list)) return false;
    if (!json_is_array(list)) az_doc_fail(d, ADZE_EFORMAT, key, "is not a list");
    for (size_t i = 0; i < json_array_size(list) && d->rc == ADZE_OK; i++) {
        const json_t *j = json_array_get(list, i);
        json_int_t layer = json_integer_value(j);
        if (!json_is_integer(j) || layer < 0 || layer >= n)
            az_doc_fail(d, ADZE_EFORMAT, key, "element %zu is not a layer", i);
        else
            flags[layer] = v;
    }
    return true;
}
