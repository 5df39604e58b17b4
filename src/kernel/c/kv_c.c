/* Keys and values into the tiles of caches (kernel/kv.h). Every instruction set stores the same bytes. */
#include "core/half.h"
#include "kernel/c/kernels_c.h"
#include "kernel/math.h"

#include <string.h>

static void store_f32(void *tile, size_t p, const float *key, const float *value, size_t head_dim)
{
    float *k = (float *)tile + p, *v = (float *)tile + (AZ_ATTN_TILE + p) * head_dim;

    for (size_t d = 0; d < head_dim; d++)
        k[d * AZ_ATTN_TILE] = key[d];
    memcpy(v, value, head_dim * sizeof *v);
}

static void store_f16(void *tile, size_t p, const float *key, const float *value, size_t head_dim)
{
    az_f16 *k = (az_f16 *)tile + p, *v = (az_f16 *)tile + (AZ_ATTN_TILE + p) * head_dim;

    for (size_t d = 0; d < head_dim; d++)
        k[d * AZ_ATTN_TILE] = az_f32_to_f16(key[d]);
    for (size_t d = 0; d < head_dim; d++)
        v[d] = az_f32_to_f16(value[d]);
}

/* Codes of 32 values as unsigned bytes: zero is 128 (8 bits) or 8 (4 bits); returns the scale, which is what is stored and is
 * not a number where a value is none. */
static az_f16 codes8(const float *x, uint8_t q[32])
{
    float max = 0, d, inv;
    az_f16 scale;

    for (int i = 0; i < 32; i++) {
        float a = az_bits_f32(az_f32_bits(x[i]) & 0x7fffffffu);
        if (a > max || a != a) max = a; /* what is not a number stays */
    }
    scale = az_f32_to_f16(max / 127.0f);
    d = az_f16_to_f32(scale);
    inv = d > 0 && max <= 65504.0f * 127.0f ? 1.0f / d : 0.0f;
    for (int i = 0; i < 32; i++) {
        float t = x[i] * inv;
        t = t > 127.0f ? 127.0f : t < -127.0f ? -127.0f : t;
        q[i] = (uint8_t)(128 + (int8_t)az_f32_bits(t + AZ_ROUND));
    }
    return scale;
}

/* As q4_0 has them: the value of the largest magnitude becomes -8 times the scale. */
static az_f16 codes4(const float *x, uint8_t q[32])
{
    float max = 0, top = 0, d, inv;
    az_f16 scale;

    for (int i = 0; i < 32; i++) {
        float a = az_bits_f32(az_f32_bits(x[i]) & 0x7fffffffu);
        if (a > max || a != a) {
            max = a;
            top = x[i];
        }
    }
    scale = az_f32_to_f16(top / -8.0f);
    d = az_f16_to_f32(scale);
    inv = d != 0 && max <= 65504.0f * 8.0f ? 1.0f / d : 0.0f;
    for (int i = 0; i < 32; i++) {
        float t = x[i] * inv;
        t = t > 7.0f ? 7.0f : t < -8.0f ? -8.0f : t;
        q[i] = (uint8_t)(8 + (int8_t)az_f32_bits(t + AZ_ROUND));
    }
    return scale;
}

static void store_q8_0(void *tile, size_t p, const float *key, const float *value, size_t head_dim)
{
    size_t blocks = head_dim / 32, half = az_kv_half_bytes(AZ_Q8_0, head_dim);
    uint8_t *k = (uint8_t *)tile + 4 * p, *v = (uint8_t *)tile + half + p * head_dim, q[32];
    az_f16 *ks = (az_f16 *)(void *)((char *)tile + az_kv_code_bytes(AZ_Q8_0, head_dim));
    az_f16 *vs = (az_f16 *)(void *)((char *)ks + half);

    for (size_t b = 0; b < blocks; b++) {
        ks[b * AZ_ATTN_TILE + p] = codes8(key + 32 * b, q);
        for (size_t i = 0; i < 8; i++)
            memcpy(k + (8 * b + i) * 4 * AZ_ATTN_TILE, q + 4 * i, 4);
        vs[p * blocks + b] = codes8(value + 32 * b, q);
        for (size_t i = 0; i < 32; i++)
            v[32 * b + i] = (uint8_t)(q[i] ^ 0x80); /* signed */
    }
}

static void store_q4_0(void *tile, size_t p, const float *key, const float *value, size_t head_dim)
{
    size_t blocks = head_dim / 32, half = az_kv_half_bytes(AZ_Q4_0, head_dim);
    uint8_t *k = (uint8_t *)tile + 4 * p, *v = (uint8_t *)tile + half + p * head_dim / 2, q[32];
    az_f16 *ks = (az_f16 *)(void *)((char *)tile + az_kv_code_bytes(AZ_Q4_0, head_dim));
    az_f16 *vs = (az_f16 *)(void *)((char *)ks + half);

    for (size_t b = 0; b < blocks; b++) {
        ks[b * AZ_ATTN_TILE + p] = codes4(key + 32 * b, q);
        for (size_t i = 0; i < 16; i++)
            k[(4 * b + i / 4) * 4 * AZ_ATTN_TILE + i % 4] = (uint8_t)(q[i] | q[16 + i] << 4);
        vs[p * blocks + b] = codes4(value + 32 * b, q);
        for (size_t i = 0; i < 16; i++)
            v[16 * b + i] = (uint8_t)(q[i] | q[16 + i] << 4);
    }
}

void az_kv_init_c(az_kernels *k)
{
    k->kv[AZ_F32].store = store_f32;
    k->kv[AZ_F16].store = store_f16;
    k->kv[AZ_Q8_0].store = store_q8_0;
    k->kv[AZ_Q4_0].store = store_q4_0;
}
