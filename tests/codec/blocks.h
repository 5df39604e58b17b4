/* Random blocks of every weight type, and setting one code of a block. */
#ifndef AZ_TESTS_CODEC_BLOCKS_H
#define AZ_TESTS_CODEC_BLOCKS_H

#include <math.h>
#include <string.h>
#include "base/run.h"
#include "codec/codec.h"
#include "core/half.h"
#include "kernel/decode.h"

/* d, m: offsets of the f16 fields, -1: none (mxfp4's scale is a byte). part: values that share a scale. lo, hi: codes. */
static const struct block_type {
    az_type type;
    int d, m, part, lo, hi;
} block_types[] = {
    { AZ_Q8_0, 0, -1, 32, -128, 127 }, { AZ_Q4_0, 0, -1, 32, -8, 7 },
    { AZ_Q5_0, 0, -1, 32, -16, 15 },   { AZ_Q4_1, 0, 2, 32, 0, 15 },
    { AZ_Q5_1, 0, 2, 32, 0, 31 },      { AZ_Q6_K, 208, -1, 16, -32, 31 },
    { AZ_Q4_K, 0, 2, 32, 0, 15 },      { AZ_Q5_K, 0, 2, 32, 0, 31 },
    { AZ_Q3_K, 108, -1, 16, -4, 3 },   { AZ_Q2_K, 80, 82, 16, 0, 3 },
    { AZ_IQ4_NL, 0, -1, 32, 0, 15 },   { AZ_IQ4_XS, 0, -1, 32, 0, 15 },
    { AZ_MXFP4, -1, -1, 32, 0, 15 },
};

static az_prng block_rng;

static uint32_t rnd(uint32_t below)
{
    return (uint32_t)(az_prng_u64(&block_rng) >> 33) % below;
}

/* An f16 with a biased exponent in [lo, hi]. */
static uint16_t rand_f16(int lo, int hi, bool any_sign)
{
    unsigned sign = any_sign ? rnd(2) : 0, exp = (unsigned)lo + rnd((uint32_t)(hi - lo + 1));

    return (uint16_t)(sign << 15 | exp << 10 | rnd(1024));
}

/* Random bytes with normal scales, a minimum's within a factor of 16 of the other, as in real files. */
static void random_block(const struct block_type *t, uint8_t *p, bool any_sign)
{
    uint32_t size = az_type_get(t->type)->bytes;
    int exp = 5 + (int)rnd(16);
    uint16_t d = rand_f16(exp, exp, any_sign), m = rand_f16(exp - 1, exp + 2, any_sign);

    for (size_t i = 0; i < size; i++)
        p[i] = (uint8_t)rnd(256);
    if (t->d >= 0) memcpy(p + t->d, &d, 2);
    if (t->m >= 0) memcpy(p + t->m, &m, 2);
    if (t->type == AZ_MXFP4) p[0] = (uint8_t)(100 + exp);
}

static void put_bits(uint8_t *p, int shift, unsigned mask, unsigned v)
{
    *p = (uint8_t)((*p & ~(mask << shift)) | (v & mask) << shift);
}

/* Give element e of a block code c (from the type's lowest). */
static void set_code(const struct block_type *t, uint8_t *p, int e, int c)
{
    unsigned q = (unsigned)(c - t->lo);
    int r = e % 128, h = e / 128, nib = e % 32 / 16 * 4, sub = e / 32;

    switch (t->type) {
    case AZ_Q8_0: p[2 + e] = (uint8_t)c; break;
    case AZ_MXFP4: put_bits(p + 1 + e % 16, nib, 15, q); break;
    case AZ_IQ4_XS: put_bits(p + 8 + sub * 16 + e % 16, nib, 15, q); break;
    case AZ_IQ4_NL:
    case AZ_Q4_0: put_bits(p + 2 + e % 16, nib, 15, q); break;
    case AZ_Q4_1: put_bits(p + 4 + e % 16, nib, 15, q); break;
    case AZ_Q5_0:
    case AZ_Q5_1:
        put_bits(p + (t->m < 0 ? 6 : 8) + e % 16, nib, 15, q);
        put_bits(p + (t->m < 0 ? 2 : 4) + e / 8, e % 8, 1, q >> 4);
        break;
    case AZ_Q4_K: put_bits(p + 16 + e / 64 * 32 + e % 32, sub % 2 * 4, 15, q); break;
    case AZ_Q5_K:
        put_bits(p + 48 + e / 64 * 32 + e % 32, sub % 2 * 4, 15, q);
        put_bits(p + 16 + e % 32, sub, 1, q >> 4);
        break;
    case AZ_Q6_K:
        put_bits(p + 64 * h + r % 64, r / 64 * 4, 15, q);
        put_bits(p + 128 + 32 * h + r % 32, r / 32 * 2, 3, q >> 4);
        break;
    case AZ_Q3_K:
        put_bits(p + 32 + 32 * h + r % 32, r / 32 * 2, 3, q);
        put_bits(p + e % 32, sub, 1, q >> 2);
        break;
    case AZ_Q2_K: put_bits(p + 16 + 32 * h + r % 32, r / 32 * 2, 3, q); break;
    default: break;
    }
}

static long gcd_of(long a, long b)
{
    while (b) {
        long c = a % b;
        a = b;
        b = c;
    }
    return a < 0 ? -a : a;
}

/* True when every part has a scale, and the integer scales, and the minima, have no common factor. */
static bool scales_tell(const struct block_type *t, const uint8_t *p)
{
    uint16_t d16, m16 = 0;
    long gs = 0, gm = 0;
    az_sub32 s;

    if (az_type_get(t->type)->elems == 32) return true;
    memcpy(&d16, p + t->d, 2);
    if (t->m >= 0) memcpy(&m16, p + t->m, 2);
    for (size_t b = 0; b < 8; b++) {
        az_decode[t->type](p, b, &s);
        for (int h = 0; h < 2; h++) {
            if (s.scale[h] == 0) return false;
            gs = gcd_of(gs, lrintf(s.scale[h] / az_f16_to_f32(d16)));
            if (m16) gm = gcd_of(gm, lrintf(s.min[h] / az_f16_to_f32(m16)));
        }
    }
    return gs == 1 && (!m16 || gm == 1);
}

/* A block that can be told from its values: positive scales without a common factor; in each part the codes
 * span the whole range (with a minimum), or hold the lowest code and its neighbour (without). */
static void telling_block(const struct block_type *t, uint8_t *p)
{
    int n = (int)az_type_get(t->type)->elems;

    do
        random_block(t, p, false);
    while (!scales_tell(t, p));
    for (int at = 0; at < n; at += t->part) {
        set_code(t, p, at + 3, t->lo);
        set_code(t, p, at + 8, t->m < 0 ? t->lo + 1 : t->hi);
    }
    if (t->type != AZ_MXFP4) return;
    for (int i = 1; i <= 16; i++) { /* two codes are zero: only the first is written */
        if ((p[i] & 15) == 8) p[i] ^= 8;
        if (p[i] >> 4 == 8) p[i] ^= 0x80;
    }
    set_code(t, p, 5, 7);
}

#endif
