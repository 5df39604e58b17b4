/* Key-value list: linear lists are short (tens of keys), look-ups are rare. */
#include "core/kv.h"

#include <string.h>

const az_kv *az_kv_find(const az_kvs *kvs, const char *key)
{
    for (size_t i = 0; i < kvs->n; i++)
        if (strcmp(kvs->items[i].key, key) == 0) return &kvs->items[i];
    return NULL;
}

bool az_kv_int(const az_kvs *kvs, const char *key, int64_t *out)
{
    const az_kv *kv = az_kv_find(kvs, key);

    if (!kv) return false;
    switch (kv->type) {
    case AZ_KV_U8:
    case AZ_KV_U16:
    case AZ_KV_U32:
    case AZ_KV_U64:
    case AZ_KV_BOOL:
        if (kv->v.u > INT64_MAX) return false;
        *out = (int64_t)kv->v.u;
        return true;
    case AZ_KV_I8:
    case AZ_KV_I16:
    case AZ_KV_I32:
    case AZ_KV_I64: *out = kv->v.i; return true;
    default: return false;
    }
}

bool az_kv_float(const az_kvs *kvs, const char *key, double *out)
{
    const az_kv *kv = az_kv_find(kvs, key);
    int64_t i;

    if (kv && (kv->type == AZ_KV_F32 || kv->type == AZ_KV_F64)) {
        *out = kv->v.f;
        return true;
    }
    if (!az_kv_int(kvs, key, &i)) return false;
    *out = (double)i;
    return true;
}

bool az_kv_bool(const az_kvs *kvs, const char *key, bool *out)
{
    const az_kv *kv = az_kv_find(kvs, key);

    if (!kv || kv->type != AZ_KV_BOOL) return false;
    *out = kv->v.u != 0;
    return true;
}

const char *az_kv_string(const az_kvs *kvs, const char *key)
{
    const az_kv *kv = az_kv_find(kvs, key);

    return kv && kv->type == AZ_KV_STR ? kv->v.str.s : NULL;
}

size_t az_kv_elem_bytes(az_kv_type t)
{
    static const uint8_t bytes[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };

    return (size_t)t < sizeof bytes ? bytes[t] : 0;
}

/* Slot for key, existing or new. */
static az_kv *slot(az_kvs *kvs, const char *key)
{
    az_kv *kv = (az_kv *)(uintptr_t)az_kv_find(kvs, key);

    if (kv) return kv;
    if (kvs->n == kvs->cap) {
        size_t cap = kvs->cap ? kvs->cap * 2 : 64;
        az_kv *items = az_arena_array(kvs->arena, cap, sizeof *items);
        if (!items) return NULL;
        if (kvs->n) memcpy(items, kvs->items, kvs->n * sizeof *items);
        kvs->items = items;
        kvs->cap = cap;
    }
    kv = &kvs->items[kvs->n];
    *kv = (az_kv){ .key = az_arena_strdup(kvs->arena, key) };
    if (!kv->key) return NULL;
    kvs->n++;
    return kv;
}

bool az_kv_put_u32(az_kvs *kvs, const char *key, uint32_t v)
{
    az_kv *kv = slot(kvs, key);

    if (!kv) return false;
    kv->type = AZ_KV_U32;
    kv->v.u = v;
    return true;
}

bool az_kv_put_f32(az_kvs *kvs, const char *key, float v)
{
    az_kv *kv = slot(kvs, key);

    if (!kv) return false;
    kv->type = AZ_KV_F32;
    kv->v.f = v;
    return true;
}

bool az_kv_put_bool(az_kvs *kvs, const char *key, bool v)
{
    az_kv *kv = slot(kvs, key);

    if (!kv) return false;
    kv->type = AZ_KV_BOOL;
    kv->v.u = v;
    return true;
}

bool az_kv_put_str(az_kvs *kvs, const char *key, const char *s, size_t n)
{
    az_kv *kv = slot(kvs, key);
    char *copy = kv ? az_arena_strndup(kvs->arena, s, n) : NULL;

    if (!copy) return false;
    kv->type = AZ_KV_STR;
    kv->v.str = (az_str){ copy, n };
    return true;
}

bool az_kv_put_arr(az_kvs *kvs, const char *key, az_kv_type elem, const void *data, uint64_t n)
{
    az_kv *kv = slot(kvs, key);
    size_t bytes = az_kv_elem_bytes(elem);
    void *copy;

    if (!kv || !bytes || n > SIZE_MAX / 8) return false;
    copy = az_arena_array(kvs->arena, (size_t)n + 1, bytes);
    if (!copy) return false;
    if (n) memcpy(copy, data, (size_t)n * bytes);
    kv->type = AZ_KV_ARR;
    kv->elem = elem;
    kv->v.arr.n = n;
    kv->v.arr.data = copy;
    return true;
}

bool az_kv_put_strs(az_kvs *kvs, const char *key, const az_str *s, uint64_t n)
{
    az_kv *kv = slot(kvs, key);
    az_str *copy;

    if (!kv || n > SIZE_MAX / sizeof *copy) return false;
    copy = az_arena_array(kvs->arena, (size_t)n + 1, sizeof *copy);
    if (!copy) return false;
    for (uint64_t i = 0; i < n; i++) {
        copy[i].s = az_arena_strndup(kvs->arena, s[i].s, s[i].n);
        copy[i].n = s[i].n;
        if (!copy[i].s) return false;
    }
    kv->type = AZ_KV_ARR;
    kv->elem = AZ_KV_STR;
    kv->v.arr.n = n;
    kv->v.arr.data = copy;
    return true;
}

bool az_kv_put(az_kvs *kvs, const az_kv *src)
{
    az_kv *kv;

    if (src->type == AZ_KV_STR) return az_kv_put_str(kvs, src->key, src->v.str.s, src->v.str.n);
    if (src->type == AZ_KV_ARR && src->elem == AZ_KV_STR)
        return az_kv_put_strs(kvs, src->key, src->v.arr.data, src->v.arr.n);
    if (src->type == AZ_KV_ARR)
        return az_kv_put_arr(kvs, src->key, src->elem, src->v.arr.data, src->v.arr.n);
    kv = slot(kvs, src->key);
    if (!kv) return false;
    kv->type = src->type;
    kv->v = src->v;
    return true;
}

void az_kv_remove(az_kvs *kvs, const char *key)
{
    for (size_t i = 0; i < kvs->n; i++)
        if (strcmp(kvs->items[i].key, key) == 0) {
            memmove(&kvs->items[i], &kvs->items[i + 1], (kvs->n - i - 1) * sizeof *kvs->items);
            kvs->n--;
            return;
        }
}
