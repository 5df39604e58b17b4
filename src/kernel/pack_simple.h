/* Blocks of 32 with one scale (q8_0, q5_0, q4_0) or a scale and a minimum (q5_1, q4_1).
 *
 * Sixteen blocks are searched at once (kernel/pack_linear.h), with the scale as the f16 that is stored.
 */
#ifndef AZ_KERNEL_PACK_SIMPLE_H
#define AZ_KERNEL_PACK_SIMPLE_H

#include "core/block.h"
#include "kernel/pack_exact.h"
#include "kernel/pack_linear.h"

/* Codes as bytes, block by block. */
AZ_INLINE void codes_out(const float c[32][16], int len, float zero, uint8_t *q)
{
    for (int j = 0; j < len; j++)
        for (int l = 0; l < 16; l++)
            q[l * len + j] = (uint8_t)(int)(c[j][l] + zero);
}

/* The four high bits' nibbles of 32 codes: low half of the block in the low nibbles. */
AZ_INLINE void put_nibbles(uint8_t qs[16], const uint8_t q[32])
{
    for (int i = 0; i < 16; i++)
        qs[i] = (uint8_t)((q[i] & 15) | (q[i + 16] & 15) << 4);
}

AZ_INLINE void put_fifth_bits(uint8_t qh[4], const uint8_t q[32])
{
    for (int i = 0; i < 4; i++) {
        unsigned bits = 0;
        for (int b = 0; b < 8; b++)
            bits |= (unsigned)(q[8 * i + b] >> 4 & 1) << b;
        qh[i] = (uint8_t)bits;
    }
}

static const float q8_0_at[] = { -127.0f, -127.5f, -128.0f, -126.5f };
static const float q5_0_at[] = { -16.0f, -15.6f, -15.2f, -14.8f, -16.4f, -16.8f, -17.2f,
                                 -17.6f, 15.0f,  14.6f,  15.4f,  15.8f,  16.2f,  16.6f };
static const float q4_0_at[] = { -8.0f,  -7.75f, -7.5f, -7.25f, -7.0f, -8.25f, -8.5f,
                                 -8.75f, -9.0f,  -9.5f, -10.0f, 7.0f,  6.7f,   7.3f,
                                 7.6f,   7.9f,   8.2f,  8.5f,   9.0f };
static const sym_spec q8_0_spec = { -128, 127, AZ_COUNT(q8_0_at), q8_0_at };
static const sym_spec q5_0_spec = { -16, 15, AZ_COUNT(q5_0_at), q5_0_at };
static const sym_spec q4_0_spec = { -8, 7, AZ_COUNT(q4_0_at), q4_0_at };

typedef struct simple_out {
    float d[16], m[16];
    uint8_t q[512];
} simple_out;

/* Replace what the search found for block l by an exact block, where there is one. */
static void sym_exact(const float *x, size_t l, const sym_spec *spec, simple_out *out)
{
    az_exact_sym e;

    if (!az_exact_sym_find(x + 32 * l, (int)spec->lo, (int)spec->hi, &e)) return;
    out->d[l] = e.d;
    for (int i = 0; i < 32; i++)
        out->q[32 * l + (size_t)i] = (uint8_t)(e.c[i] - (int)spec->lo);
}

static void affine_exact(const float *x, size_t l, int top, simple_out *out)
{
    az_exact_affine e;

    if (!az_exact_affine_find(x + 32 * l, top, &e)) return;
    out->d[l] = e.d;
    out->m[l] = e.m;
    for (int i = 0; i < 32; i++)
        out->q[32 * l + (size_t)i] = (uint8_t)e.q[i];
}

/* Up to 16 blocks; codes start at 0. */
AZ_INLINE void sym_pack16(const float *x, const float *imp, size_t blocks, const sym_spec *spec,
                          simple_out *out)
{
    tile t;
    AZ_ALIGNED(64) float c[32][16];

    tile_load(&t, x, imp, blocks, 32, 1, WEIGHT_MIXED);
    sym_fit fit = sym_search(&t, 32, spec, 2, true);
    sym_codes(&t, 32, spec, fit.d, c);
    codes_out(c, 32, -spec->lo, out->q);
    v_store(out->d, v_mul(fit.d, t.unit));
    for (size_t l = 0; l < blocks; l++)
        sym_exact(x, l, spec, out);
}

AZ_INLINE void affine_pack16(const float *x, const float *imp, size_t blocks,
                             const affine_spec *spec, simple_out *out)
{
    tile t;
    AZ_ALIGNED(64) float c[32][16];
    affine_fit best;
    v16 s, m;

    tile_load(&t, x, imp, blocks, 32, 1, WEIGHT_MIXED);
    best = affine_search(&t, 32, spec, imp ? 6 : 2);
    s = tile_f16(&t, best.s);
    /* the minimum that suits the rounded scale */
    m = tile_f16(&t, v_div0(v_sub(v_mul(best.q, s), best.x), best.w));
    affine_codes(&t, 32, spec->top, s, m, c);
    codes_out(c, 32, 0, out->q);
    v_store(out->d, v_mul(s, t.unit));
    v_store(out->m, v_mul(v_sub(v_set1(0), m), t.unit));
    for (size_t l = 0; l < blocks; l++)
        affine_exact(x, l, (int)spec->top, out);
}

static void pack_q8_0(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q8_0 *b = dst;
    simple_out o;

    for (size_t left = n / 32, k; left; left -= k) {
        k = left < 16 ? left : 16;
        sym_pack16(x, imp, k, &q8_0_spec, &o);
        for (size_t l = 0; l < k; l++, b++) {
            b->d = az_f32_to_f16(o.d[l]);
            for (int i = 0; i < 32; i++)
                b->qs[i] = (int8_t)((int)o.q[32 * l + (size_t)i] - 128);
        }
        x += 32 * k;
        if (imp) imp += 32 * k;
    }
}

static void pack_q4_0(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q4_0 *b = dst;
    simple_out o;

    for (size_t left = n / 32, k; left; left -= k) {
        k = left < 16 ? left : 16;
        sym_pack16(x, imp, k, &q4_0_spec, &o);
        for (size_t l = 0; l < k; l++, b++) {
            b->d = az_f32_to_f16(o.d[l]);
            put_nibbles(b->qs, o.q + 32 * l);
        }
        x += 32 * k;
        if (imp) imp += 32 * k;
    }
}

static void pack_q5_0(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q5_0 *b = dst;
    simple_out o;

    for (size_t left = n / 32, k; left; left -= k) {
        k = left < 16 ? left : 16;
        sym_pack16(x, imp, k, &q5_0_spec, &o);
        for (size_t l = 0; l < k; l++, b++) {
            b->d = az_f32_to_f16(o.d[l]);
            put_nibbles(b->qs, o.q + 32 * l);
            put_fifth_bits(b->qh, o.q + 32 * l);
        }
        x += 32 * k;
        if (imp) imp += 32 * k;
    }
}

static const affine_spec q4_1_spec = { 15, false, 21, -1.6f, 0.16f };
static const affine_spec q5_1_spec = { 31, false, 15, -1.4f, 0.2f };

static void pack_q4_1(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q4_1 *b = dst;
    simple_out o;

    for (size_t left = n / 32, k; left; left -= k) {
        k = left < 16 ? left : 16;
        affine_pack16(x, imp, k, &q4_1_spec, &o);
        for (size_t l = 0; l < k; l++, b++) {
            b->d = az_f32_to_f16(o.d[l]);
            b->m = az_f32_to_f16(o.m[l]);
            put_nibbles(b->qs, o.q + 32 * l);
        }
        x += 32 * k;
        if (imp) imp += 32 * k;
    }
}

static void pack_q5_1(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q5_1 *b = dst;
    simple_out o;

    for (size_t left = n / 32, k; left; left -= k) {
        k = left < 16 ? left : 16;
        affine_pack16(x, imp, k, &q5_1_spec, &o);
        for (size_t l = 0; l < k; l++, b++) {
            b->d = az_f32_to_f16(o.d[l]);
            b->m = az_f32_to_f16(o.m[l]);
            put_nibbles(b->qs, o.q + 32 * l);
            put_fifth_bits(b->qh, o.q + 32 * l);
        }
        x += 32 * k;
        if (imp) imp += 32 * k;
    }
}

#endif
