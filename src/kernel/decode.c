/* Decoding of every block type to unsigned integers, scales and mins.
 *
 * Source: the closed forms of ggml's dequantization (ggml-quants.c, 2026-08-21). Products of a stored
 * half and a stored integer scale are exact in f32, so `scale * (q - zero) - min` has ggml's bits.
 */
#include "kernel/decode.h"
#include "core/half.h"
#include "kernel/decode_affine.h"
#include "kernel/decode_iq.h"

static void one_scale(az_sub32 *o, float scale, float min, int zero)
{
    o->scale[0] = o->scale[1] = scale;
    o->min[0] = o->min[1] = min;
    o->zero = zero;
}

static void nibbles(az_sub32 *o, const uint8_t qs[16])
{
    for (int i = 0; i < 16; i++) {
        o->q[i] = qs[i] & 15;
        o->q[i + 16] = qs[i] >> 4;
    }
}

static void fifth_bits(az_sub32 *o, const uint8_t qh[4])
{
    for (int i = 0; i < 32; i++)
        o->q[i] |= (uint8_t)((qh[i >> 3] >> (i & 7) & 1) << 4);
}

static void decode_q4_0(const void *row, size_t b, az_sub32 *o)
{
    az_block_q4_0 block, *w = &block;

    memcpy(w, (const uint8_t *)row + b * sizeof *w, sizeof *w);
    nibbles(o, w->qs);
    one_scale(o, az_f16_to_f32(w->d), 0, 8);
}

static void decode_q4_1(const void *row, size_t b, az_sub32 *o)
{
    az_block_q4_1 block, *w = &block;

    memcpy(w, (const uint8_t *)row + b * sizeof *w, sizeof *w);
    nibbles(o, w->qs);
    one_scale(o, az_f16_to_f32(w->d), -az_f16_to_f32(w->m), 0);
}

static void decode_q5_0(const void *row, size_t b, az_sub32 *o)
{
    az_block_q5_0 block, *w = &block;

    memcpy(w, (const uint8_t *)row + b * sizeof *w, sizeof *w);
    nibbles(o, w->qs);
    fifth_bits(o, w->qh);
    one_scale(o, az_f16_to_f32(w->d), 0, 16);
}

static void decode_q5_1(const void *row, size_t b, az_sub32 *o)
{
    az_block_q5_1 block, *w = &block;

    memcpy(w, (const uint8_t *)row + b * sizeof *w, sizeof *w);
    nibbles(o, w->qs);
    fifth_bits(o, w->qh);
    one_scale(o, az_f16_to_f32(w->d), -az_f16_to_f32(w->m), 0);
}

static void decode_q8_0(const void *row, size_t b, az_sub32 *o)
{
    az_block_q8_0 block, *w = &block;

    memcpy(w, (const uint8_t *)row + b * sizeof *w, sizeof *w);
    for (int i = 0; i < 32; i++)
        o->q[i] = (uint8_t)(w->qs[i] + 128);
    one_scale(o, az_f16_to_f32(w->d), 0, 128);
}

/* Two bits a weight: 128 columns share 32 bytes. */
static void two_bits(az_sub32 *o, const uint8_t qs[64], size_t j)
{
    for (int i = 0; i < 32; i++)
        o->q[i] = qs[32 * (j / 4) + (size_t)i] >> 2 * (j % 4) & 3;
}

static void decode_q2_k(const void *row, size_t b, az_sub32 *o)
{
    az_block_q2_k block, *w = &block;
    size_t j = b % 8;

    memcpy(w, (const uint8_t *)row + b / 8 * sizeof *w, sizeof *w);
    two_bits(o, w->qs, j);
    for (size_t h = 0; h < 2; h++) {
        o->scale[h] = az_f16_to_f32(w->d) * (float)(w->scales[2 * j + h] & 15);
        o->min[h] = az_f16_to_f32(w->dmin) * (float)(w->scales[2 * j + h] >> 4);
    }
    o->zero = 0;
}

static void decode_q3_k(const void *row, size_t b, az_sub32 *o)
{
    az_block_q3_k block, *w = &block;
    size_t j = b % 8;
    uint8_t sc[16];

    memcpy(w, (const uint8_t *)row + b / 8 * sizeof *w, sizeof *w);
    two_bits(o, w->qs, j);
    for (int i = 0; i < 32; i++)
        o->q[i] |= (uint8_t)((w->hmask[i] >> j & 1) << 2);
    az_scales_q3_k(w->scales, sc);
    for (size_t h = 0; h < 2; h++) {
        o->scale[h] = az_f16_to_f32(w->d) * (float)(sc[2 * j + h] - 32);
        o->min[h] = 0;
    }
    o->zero = 4;
}

static void k_nibbles(az_sub32 *o, const uint8_t qs[128], size_t j)
{
    for (int i = 0; i < 32; i++)
        o->q[i] = qs[32 * (j / 2) + (size_t)i] >> 4 * (j & 1) & 15;
}

static void decode_q4_k(const void *row, size_t b, az_sub32 *o)
{
    az_block_q4_k block, *w = &block;
    uint8_t sc[8], mn[8];

    memcpy(w, (const uint8_t *)row + b / 8 * sizeof *w, sizeof *w);
    k_nibbles(o, w->qs, b % 8);
    az_scales_k(w->scales, sc, mn);
    one_scale(o, az_f16_to_f32(w->d) * sc[b % 8], az_f16_to_f32(w->dmin) * mn[b % 8], 0);
}

static void decode_q5_k(const void *row, size_t b, az_sub32 *o)
{
    az_block_q5_k block, *w = &block;
    uint8_t sc[8], mn[8];

    memcpy(w, (const uint8_t *)row + b / 8 * sizeof *w, sizeof *w);
    k_nibbles(o, w->qs, b % 8);
    for (int i = 0; i < 32; i++)
        o->q[i] |= (uint8_t)((w->qh[i] >> (b % 8) & 1) << 4);
    az_scales_k(w->scales, sc, mn);
    one_scale(o, az_f16_to_f32(w->d) * sc[b % 8], az_f16_to_f32(w->dmin) * mn[b % 8], 0);
}

static void decode_q6_k(const void *row, size_t b, az_sub32 *o)
{
    az_block_q6_k block, *w = &block;
    size_t j = b % 8, half = j / 4, part = j % 4;

    memcpy(w, (const uint8_t *)row + b / 8 * sizeof *w, sizeof *w);
    for (size_t i = 0; i < 32; i++) {
        int low = w->ql[64 * half + 32 * (part & 1) + i] >> 4 * (part >> 1) & 15;

        o->q[i] = (uint8_t)(low | (w->qh[32 * half + i] >> 2 * part & 3) << 4);
    }
    for (size_t h = 0; h < 2; h++) {
        o->scale[h] = az_f16_to_f32(w->d) * (float)w->scales[2 * j + h];
        o->min[h] = 0;
    }
    o->zero = 32;
}

az_decode_fn *const az_decode[AZ_TYPE_COUNT] = {
    [AZ_Q4_0] = decode_q4_0,          [AZ_Q4_1] = decode_q4_1,
    [AZ_Q5_0] = decode_q5_0,          [AZ_Q5_1] = decode_q5_1,
    [AZ_Q8_0] = decode_q8_0,          [AZ_Q2_K] = decode_q2_k,
    [AZ_Q3_K] = decode_q3_k,          [AZ_Q4_K] = decode_q4_k,
    [AZ_Q5_K] = decode_q5_k,          [AZ_Q6_K] = decode_q6_k,
    [AZ_IQ4_NL] = az_decode_iq4_nl,   [AZ_IQ4_XS] = az_decode_iq4_xs,
    [AZ_MXFP4] = az_decode_mxfp4,     [AZ_IQ2_XXS] = az_decode_iq2_xxs,
    [AZ_IQ2_XS] = az_decode_iq2_xs,   [AZ_IQ2_S] = az_decode_iq2_s,
    [AZ_IQ3_XXS] = az_decode_iq3_xxs, [AZ_IQ3_S] = az_decode_iq3_s,
    [AZ_IQ1_S] = az_decode_iq1_s,     [AZ_IQ1_M] = az_decode_iq1_m,
    [AZ_TQ1_0] = az_decode_tq1_0,     [AZ_TQ2_0] = az_decode_tq2_0,
    [AZ_AFFINE2] = az_decode_affine2, [AZ_AFFINE3] = az_decode_affine3,
    [AZ_AFFINE4] = az_decode_affine4, [AZ_AFFINE5] = az_decode_affine5,
    [AZ_AFFINE6] = az_decode_affine6, [AZ_AFFINE8] = az_decode_affine8,
    [AZ_NVFP4] = az_decode_nvfp4,
};
