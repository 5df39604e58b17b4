/* Packing in plain C, nearest codes for scales taken from each block's extremes. */
#include "kernel/pack.h"
#include "core/half.h"

#include <math.h>

static float clamp_f16(float v)
{
    return v > 65504.0f ? 65504.0f : v < -65504.0f ? -65504.0f : v;
}

static uint16_t to_f16(float v)
{
    return az_f32_to_f16(clamp_f16(v));
}

static int code(float v, int lo, int hi)
{
    v = rintf(v);
    return v < (float)lo ? lo : v > (float)hi ? hi : (int)v;
}

static void pack_f32(const float *x, const float *imp, size_t n, void *dst)
{
    (void)imp;
    memcpy(dst, x, n * sizeof *x);
}

static void pack_f16(const float *x, const float *imp, size_t n, void *dst)
{
    uint16_t *y = dst;

    (void)imp;
    for (size_t i = 0; i < n; i++)
        y[i] = to_f16(x[i]);
}

static void pack_bf16(const float *x, const float *imp, size_t n, void *dst)
{
    uint16_t *y = dst;

    (void)imp;
    for (size_t i = 0; i < n; i++)
        y[i] = az_f32_to_bf16(x[i]);
}

static float extreme(const float *x, size_t n)
{
    float m = 0;

    for (size_t i = 0; i < n; i++)
        if (fabsf(x[i]) > fabsf(m)) m = x[i];
    return m;
}

static void range(const float *x, size_t n, float *lo, float *hi)
{
    *lo = *hi = x[0];
    for (size_t i = 1; i < n; i++) {
        if (x[i] < *lo) *lo = x[i];
        if (x[i] > *hi) *hi = x[i];
    }
}

static void pack_q8_0(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q8_0 *b = dst;

    (void)imp;
    for (; n; n -= 32, x += 32, b++) {
        b->d = to_f16(fabsf(extreme(x, 32)) / 127);
        float d = az_f16_to_f32(b->d), inv = d != 0 ? 1 / d : 0;
        for (int i = 0; i < 32; i++)
            b->qs[i] = (int8_t)code(x[i] * inv, -128, 127);
    }
}

static void pack_q4_0(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q4_0 *b = dst;

    (void)imp;
    for (; n; n -= 32, x += 32, b++) {
        b->d = to_f16(extreme(x, 32) / -8);
        float d = az_f16_to_f32(b->d), inv = d != 0 ? 1 / d : 0;
        for (int i = 0; i < 16; i++)
            b->qs[i] =
                (uint8_t)((code(x[i] * inv, -8, 7) + 8) | (code(x[i + 16] * inv, -8, 7) + 8) << 4);
    }
}

static void pack_q5_0(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q5_0 *b = dst;

    (void)imp;
    for (; n; n -= 32, x += 32, b++) {
        b->d = to_f16(extreme(x, 32) / -16);
        float d = az_f16_to_f32(b->d), inv = d != 0 ? 1 / d : 0;
        memset(b->qh, 0, sizeof b->qh);
        memset(b->qs, 0, sizeof b->qs);
        for (int i = 0; i < 32; i++) {
            int q = code(x[i] * inv, -16, 15) + 16;
            b->qs[i % 16] |= (uint8_t)((q & 15) << (i / 16 * 4));
            b->qh[i / 8] |= (uint8_t)((q >> 4) << (i % 8));
        }
    }
}

static void pack_q4_1(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q4_1 *b = dst;

    (void)imp;
    for (; n; n -= 32, x += 32, b++) {
        float lo, hi;
        range(x, 32, &lo, &hi);
        b->d = to_f16((hi - lo) / 15);
        b->m = to_f16(lo);
        float d = az_f16_to_f32(b->d), m = az_f16_to_f32(b->m), inv = d != 0 ? 1 / d : 0;
        memset(b->qs, 0, sizeof b->qs);
        for (int i = 0; i < 32; i++)
            b->qs[i % 16] |= (uint8_t)(code((x[i] - m) * inv, 0, 15) << (i / 16 * 4));
    }
}

static void pack_q5_1(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q5_1 *b = dst;

    (void)imp;
    for (; n; n -= 32, x += 32, b++) {
        float lo, hi;
        range(x, 32, &lo, &hi);
        b->d = to_f16((hi - lo) / 31);
        b->m = to_f16(lo);
        float d = az_f16_to_f32(b->d), m = az_f16_to_f32(b->m), inv = d != 0 ? 1 / d : 0;
        memset(b->qh, 0, sizeof b->qh);
        memset(b->qs, 0, sizeof b->qs);
        for (int i = 0; i < 32; i++) {
            int q = code((x[i] - m) * inv, 0, 31);
            b->qs[i % 16] |= (uint8_t)((q & 15) << (i / 16 * 4));
            b->qh[i / 8] |= (uint8_t)((q >> 4) << (i % 8));
        }
    }
}

/* 8 pairs of 6 bits in 12 bytes, as q4_k and q5_k hold them. */
static void put_scales(uint8_t *dst, const int *sc, const int *mn)
{
    for (int j = 0; j < 4; j++) {
        dst[j] = (uint8_t)(sc[j] | (sc[j + 4] >> 4) << 6);
        dst[j + 4] = (uint8_t)(mn[j] | (mn[j + 4] >> 4) << 6);
        dst[j + 8] = (uint8_t)((sc[j + 4] & 15) | (mn[j + 4] & 15) << 4);
    }
}

/* Codes 0..qmax of a super-block of 8 x 32. */
static void k_codes(const float *x, int qmax, uint16_t *d16, uint16_t *dmin16, uint8_t *scales,
                    uint8_t *q)
{
    float s[8], m[8], smax = 0, mmax = 0;
    int sc[8], mn[8];

    for (int j = 0; j < 8; j++) {
        float lo, hi;
        range(x + 32 * j, 32, &lo, &hi);
        if (lo > 0) lo = 0;
        s[j] = (hi - lo) / (float)qmax;
        m[j] = -lo;
        if (s[j] > smax) smax = s[j];
        if (m[j] > mmax) mmax = m[j];
    }
    *d16 = to_f16(smax / 63);
    *dmin16 = to_f16(mmax / 63);
    float d = az_f16_to_f32(*d16), dmin = az_f16_to_f32(*dmin16);
    for (int j = 0; j < 8; j++) {
        sc[j] = d > 0 ? code(s[j] / d, 0, 63) : 0;
        mn[j] = dmin > 0 ? code(m[j] / dmin, 0, 63) : 0;
        float step = d * (float)sc[j], shift = dmin * (float)mn[j], inv = step > 0 ? 1 / step : 0;
        for (int i = 0; i < 32; i++)
            q[32 * j + i] = (uint8_t)code((x[32 * j + i] + shift) * inv, 0, qmax);
    }
    put_scales(scales, sc, mn);
}

static void put_nibbles(uint8_t *qs, const uint8_t *q)
{
    for (int i = 0; i < 128; i++) {
        const uint8_t *lo = q + i / 32 * 64 + i % 32;
        qs[i] = (uint8_t)((lo[0] & 15) | (lo[32] & 15) << 4);
    }
}

static void pack_q4_k(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q4_k *b = dst;
    uint8_t q[256];

    (void)imp;
    for (; n; n -= 256, x += 256, b++) {
        k_codes(x, 15, &b->d, &b->dmin, b->scales, q);
        put_nibbles(b->qs, q);
    }
}

static void pack_q5_k(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q5_k *b = dst;
    uint8_t q[256];

    (void)imp;
    for (; n; n -= 256, x += 256, b++) {
        k_codes(x, 31, &b->d, &b->dmin, b->scales, q);
        put_nibbles(b->qs, q);
        memset(b->qh, 0, sizeof b->qh);
        for (int i = 0; i < 256; i++)
            b->qh[i % 32] |= (uint8_t)((q[i] >> 4) << (i / 32));
    }
}

static void pack_q6_k(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q6_k *b = dst;

    (void)imp;
    for (; n; n -= 256, x += 256, b++) {
        float s[16];
        for (int j = 0; j < 16; j++)
            s[j] = extreme(x + 16 * j, 16) / -32;
        b->d = to_f16(extreme(s, 16) / -128);
        float d = az_f16_to_f32(b->d);
        memset(b->ql, 0, sizeof b->ql);
        memset(b->qh, 0, sizeof b->qh);
        for (int j = 0; j < 16; j++) {
            b->scales[j] = (int8_t)(d != 0 ? code(s[j] / d, -128, 127) : 0);
            float step = d * (float)b->scales[j], inv = step != 0 ? 1 / step : 0;
            for (int i = 0; i < 16; i++) {
                int e = 16 * j + i, r = e % 128, h = e / 128;
                int q = code(x[e] * inv, -32, 31) + 32;
                b->ql[64 * h + r % 64] |= (uint8_t)((q & 15) << (r / 64 * 4));
                b->qh[32 * h + r % 32] |= (uint8_t)((q >> 4) << (r / 32 * 2));
            }
        }
    }
}

void az_pack_init_c(az_kernels *k)
{
    k->pack[AZ_F32] = pack_f32;
    k->pack[AZ_F16] = pack_f16;
    k->pack[AZ_BF16] = pack_bf16;
    k->pack[AZ_Q8_0] = pack_q8_0;
    k->pack[AZ_Q4_0] = pack_q4_0;
    k->pack[AZ_Q4_1] = pack_q4_1;
    k->pack[AZ_Q5_0] = pack_q5_0;
    k->pack[AZ_Q5_1] = pack_q5_1;
    k->pack[AZ_Q4_K] = pack_q4_k;
    k->pack[AZ_Q5_K] = pack_q5_k;
    k->pack[AZ_Q6_K] = pack_q6_k;
}
