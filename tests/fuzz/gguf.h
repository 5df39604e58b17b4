/* Pieces of GGUF files, for seeds. */
#ifndef AZ_TESTS_FUZZ_GGUF_H
#define AZ_TESTS_FUZZ_GGUF_H

#include "core/kv.h"
#include "fuzz.h"

static inline void gg_str(az_buf *b, const char *s)
{
    fuzz_le(b, strlen(s), 8);
    az_buf_puts(b, s);
}

static inline void gg_head(az_buf *b, uint32_t version, uint64_t tensors, uint64_t keys)
{
    az_buf_puts(b, "GGUF");
    fuzz_le(b, version, 4);
    fuzz_le(b, tensors, 8);
    fuzz_le(b, keys, 8);
}

static inline void gg_key(az_buf *b, const char *key, az_kv_type type)
{
    gg_str(b, key);
    fuzz_le(b, (uint64_t)type, 4);
}

static inline void gg_num(az_buf *b, const char *key, az_kv_type type, uint64_t v, int bytes)
{
    gg_key(b, key, type);
    fuzz_le(b, v, bytes);
}

static inline void gg_text(az_buf *b, const char *key, const char *value)
{
    gg_key(b, key, AZ_KV_STR);
    gg_str(b, value);
}

static inline void gg_list(az_buf *b, const char *key, az_kv_type elem, uint64_t n)
{
    gg_key(b, key, AZ_KV_ARR);
    fuzz_le(b, (uint64_t)elem, 4);
    fuzz_le(b, n, 8);
}

static inline void gg_tensor(az_buf *b, const char *name, uint32_t dims, const uint64_t *ne,
                             uint32_t type, uint64_t at)
{
    gg_str(b, name);
    fuzz_le(b, dims, 4);
    for (uint32_t i = 0; i < dims; i++)
        fuzz_le(b, ne[i], 8);
    fuzz_le(b, type, 4);
    fuzz_le(b, at, 8);
}

/* A key as it stands in a list. */
static inline void gg_kv(az_buf *b, const az_kv *kv)
{
    static const int bytes[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
    uint32_t bits;
    float f;

    gg_key(b, kv->key, kv->type);
    if (kv->type == AZ_KV_STR) {
        fuzz_le(b, kv->v.str.n, 8);
        az_buf_put(b, kv->v.str.s, kv->v.str.n);
    } else if (kv->type == AZ_KV_ARR) {
        fuzz_le(b, (uint64_t)kv->elem, 4);
        fuzz_le(b, kv->v.arr.n, 8);
        for (uint64_t i = 0; kv->elem == AZ_KV_STR && i < kv->v.arr.n; i++) {
            const az_str *s = (const az_str *)kv->v.arr.data + i;
            fuzz_le(b, s->n, 8);
            az_buf_put(b, s->s, s->n);
        }
        if (kv->elem != AZ_KV_STR)
            az_buf_put(b, kv->v.arr.data, (size_t)kv->v.arr.n * (size_t)bytes[kv->elem]);
    } else if (kv->type == AZ_KV_F32) {
        f = (float)kv->v.f;
        memcpy(&bits, &f, sizeof bits);
        fuzz_le(b, bits, 4);
    } else {
        fuzz_le(b, kv->v.u, bytes[kv->type]);
    }
}

static inline void gg_pad(az_buf *b, size_t data)
{
    while (b->size % 32)
        az_buf_putc(b, 0);
    for (size_t i = 0; i < data; i++)
        az_buf_putc(b, 0);
}

#endif
