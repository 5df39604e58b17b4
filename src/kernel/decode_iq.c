/* Decoding of blocks whose codes look values up: 4-bit tables (iq4, mxfp4), grids of 4 or 8 values with signs
 * (iq2, iq3), grids of 8 values with a shift (iq1), and ternary values (tq).
 *
 * Grid values are spread over the bytes of a word. Every product of scale and value is exact in f32.
 * Source: the closed forms of ggml's dequantization (ggml-quants.c, 2026-08-21).
 */
#include "kernel/decode_iq.h"
#include "core/half.h"
#include "kernel/iq_tables.h"

#define EACH8 0x0101010101010101u /* times a byte: that byte eight times */

const int8_t az_iq4_values[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113 };
const int8_t az_e2m1_values[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };

static void one_scale(az_sub32 *o, float scale, int zero)
{
    o->scale[0] = o->scale[1] = scale;
    o->min[0] = o->min[1] = 0;
    o->zero = zero;
}

/* Codes in the nibbles of 16 bytes become table entries above `zero`. */
static void table_nibbles(az_sub32 *o, const uint8_t qs[16], const int8_t table[16], int zero)
{
    for (int i = 0; i < 16; i++) {
        o->q[i] = (uint8_t)(table[qs[i] & 15] + zero);
        o->q[i + 16] = (uint8_t)(table[qs[i] >> 4] + zero);
    }
    o->zero = zero;
}

void az_decode_iq4_nl(const void *row, size_t b, az_sub32 *o)
{
    az_block_iq4_nl block, *w = &block;

    memcpy(w, (const uint8_t *)row + b * sizeof *w, sizeof *w);
    one_scale(o, az_f16_to_f32(w->d), 128);
    table_nibbles(o, w->qs, az_iq4_values, 128);
}

void az_decode_iq4_xs(const void *row, size_t b, az_sub32 *o)
{
    az_block_iq4_xs block, *w = &block;
    size_t j = b % 8;

    memcpy(w, (const uint8_t *)row + b / 8 * sizeof *w, sizeof *w);
    one_scale(o, az_f16_to_f32(w->d) * (float)az_scale_iq4_xs(w->scales_h, w->scales_l, j), 128);
    table_nibbles(o, w->qs + 16 * j, az_iq4_values, 128);
}

void az_decode_mxfp4(const void *row, size_t b, az_sub32 *o)
{
    az_block_mxfp4 block, *w = &block;

    memcpy(w, (const uint8_t *)row + b * sizeof *w, sizeof *w);
    one_scale(o, az_e8m0_half(w->e), 12);
    table_nibbles(o, w->qs, az_e2m1_values, 12);
}

/* Byte i is 0xff where bit i of s is set. */
static uint64_t bytes_of_bits(unsigned s)
{
    uint64_t bit = s * EACH8 & 0x8040201008040201u;

    return ((bit + 0x7f * EACH8) >> 7 & EACH8) * 0xff;
}

/* 64 + g or, where a bit of `signs` is set, 64 - g. */
static uint64_t with_signs(uint64_t g, unsigned signs)
{
    uint64_t minus = bytes_of_bits(signs);

    return ((64 * EACH8 + g) & ~minus) | ((64 * EACH8 - g) & minus);
}

/* Seven signs; the eighth makes their number even. */
static unsigned even_signs(unsigned s)
{
    unsigned p = s ^ s >> 4;

    p ^= p >> 2;
    p ^= p >> 1;
    return s | (p & 1) << 7;
}

/* Eight codes of 2 bits, one a byte. */
static uint64_t spread2(uint64_t v)
{
    v = (v | v << 24) & 0x000000ff000000ffu;
    v = (v | v << 12) & 0x000f000f000f000fu;
    return (v | v << 6) & 0x0303030303030303u;
}

/* Four codes of 3 bits in each of two entries, one a byte. */
static uint64_t spread3(unsigned low, unsigned high)
{
    uint64_t v = low | (uint64_t)high << 32;

    v = (v | v << 10) & 0x003f003f003f003fu;
    return (v | v << 5) & 0x0707070707070707u;
}

/* 8, 25, 43 */
static uint64_t values_iq2(uint16_t entry)
{
    uint64_t c = spread2(entry);

    return 8 * EACH8 + 17 * c + (c >> 1 & EACH8);
}

/* 4, 12, 20, 28, 36, 44, 52, 62 */
static uint64_t values_iq3_xxs(uint16_t low, uint16_t high)
{
    uint64_t c = spread3(low, high);

    return 4 * EACH8 + 8 * c + 2 * (c & c >> 1 & c >> 2 & EACH8);
}

static uint16_t u16_at(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t u32_at(const uint8_t *p)
{
    return (uint32_t)u16_at(p) | (uint32_t)u16_at(p + 2) << 16;
}

void az_decode_iq2_xxs(const void *row, size_t b, az_sub32 *o)
{
    const uint8_t *w = (const uint8_t *)row + b / 8 * 66, *q = w + 2 + 8 * (b % 8);
    uint32_t rest = u32_at(q + 4);

    one_scale(o, az_f16_to_f32(u16_at(w)) * (0.5f + (float)(rest >> 28)) * 0.25f, 64);
    for (int l = 0; l < 4; l++) {
        uint64_t v = with_signs(values_iq2(az_grid_iq2_xxs[q[l]]), even_signs(rest >> 7 * l & 127));
        az_put_u64(o->q + 8 * l, v);
    }
}

/* Two scales of 4 bits for the halves of 32 values. */
static void two_scales(az_sub32 *o, float d, unsigned s)
{
    one_scale(o, 0, 64);
    o->scale[0] = d * (0.5f + (float)(s & 15)) * 0.25f;
    o->scale[1] = d * (0.5f + (float)(s >> 4)) * 0.25f;
}

void az_decode_iq2_xs(const void *row, size_t b, az_sub32 *o)
{
    const uint8_t *w = (const uint8_t *)row + b / 8 * 74, *q = w + 2 + 8 * (b % 8);

    two_scales(o, az_f16_to_f32(u16_at(w)), w[66 + b % 8]);
    for (int l = 0; l < 4; l++) {
        unsigned v = u16_at(q + 2 * l);
        az_put_u64(o->q + 8 * l,
                   with_signs(values_iq2(az_grid_iq2_xs[v & 511]), even_signs(v >> 9)));
    }
}

void az_decode_iq2_s(const void *row, size_t b, az_sub32 *o)
{
    const uint8_t *w = (const uint8_t *)row + b / 8 * 82, *q = w + 2 + 4 * (b % 8);
    unsigned high = w[66 + b % 8];

    two_scales(o, az_f16_to_f32(u16_at(w)), w[74 + b % 8]);
    for (int l = 0; l < 4; l++) {
        unsigned v = q[l] | (high >> 2 * l & 3) << 8;
        az_put_u64(o->q + 8 * l, with_signs(values_iq2(az_grid_iq2_s[v]), q[32 + l]));
    }
}

void az_decode_iq3_xxs(const void *row, size_t b, az_sub32 *o)
{
    const uint8_t *w = (const uint8_t *)row + b / 8 * 98, *q = w + 2 + 8 * (b % 8);
    uint32_t rest = u32_at(w + 66 + 4 * (b % 8));

    one_scale(o, az_f16_to_f32(u16_at(w)) * (0.5f + (float)(rest >> 28)) * 0.5f, 64);
    for (int l = 0; l < 4; l++) {
        uint64_t g = values_iq3_xxs(az_grid_iq3_xxs[q[2 * l]], az_grid_iq3_xxs[q[2 * l + 1]]);
        az_put_u64(o->q + 8 * l, with_signs(g, even_signs(rest >> 7 * l & 127)));
    }
}

void az_decode_iq3_s(const void *row, size_t b, az_sub32 *o)
{
    const uint8_t *w = (const uint8_t *)row + b / 8 * 110, *q = w + 2 + 8 * (b % 8);
    unsigned high = w[66 + b % 8], s = w[106 + b % 8 / 2] >> 4 * (b & 1) & 15;

    one_scale(o, az_f16_to_f32(u16_at(w)) * (float)(1 + 2 * s), 64);
    for (int l = 0; l < 4; l++) {
        unsigned v0 = q[2 * l] | (high >> 2 * l & 1) << 8;
        unsigned v1 = q[2 * l + 1] | (high >> (2 * l + 1) & 1) << 8;
        uint64_t g = EACH8 + 2 * spread3(az_grid_iq3_s[v0], az_grid_iq3_s[v1]);
        az_put_u64(o->q + 8 * l, with_signs(g, w[74 + 4 * (b % 8) + (size_t)l]));
    }
}

/* Eight times (-1, 0 or 1, plus or minus an eighth), 16 higher. */
static uint64_t values_iq1(unsigned entry, bool minus)
{
    return 8 * spread2(entry) + (minus ? 7 : 9) * EACH8;
}

void az_decode_iq1_s(const void *row, size_t b, az_sub32 *o)
{
    const uint8_t *w = (const uint8_t *)row + b / 8 * 50, *q = w + 2 + 4 * (b % 8);
    unsigned high = u16_at(w + 34 + 2 * (b % 8));

    one_scale(o, az_f16_to_f32(u16_at(w)) * (float)(2 * (high >> 12 & 7) + 1) * 0.125f, 16);
    for (int l = 0; l < 4; l++) {
        unsigned v = q[l] | (high >> 3 * l & 7) << 8;
        az_put_u64(o->q + 8 * l, values_iq1(az_grid_iq1_s[v], high >> 15));
    }
}

void az_decode_iq1_m(const void *row, size_t b, az_sub32 *o)
{
    const uint8_t *w = (const uint8_t *)row + b / 8 * 56, *q = w + 4 * (b % 8), *sc = w + 48;
    unsigned s = u16_at(sc + 2 * (b % 8 / 2)) >> 6 * (b & 1), d = 0;

    for (int i = 0; i < 4; i++)
        d |= (unsigned)(sc[2 * i + 1] >> 4) << 4 * i;
    one_scale(o, 0, 16);
    for (int h = 0; h < 2; h++)
        o->scale[h] = az_f16_to_f32((uint16_t)d) * (float)(2 * (s >> 3 * h & 7) + 1) * 0.125f;
    for (int l = 0; l < 4; l++) {
        unsigned high = w[32 + 2 * (b % 8) + (size_t)l / 2] >> 4 * (l & 1);
        az_put_u64(o->q + 8 * l, values_iq1(az_grid_iq1_s[q[l] | (high & 7) << 8], high & 8));
    }
}

/* Digit n (the first is the most significant) of five in base 3; the byte is their fraction of 256. */
static uint8_t trit(uint8_t byte, size_t n)
{
    static const uint8_t power[5] = { 1, 3, 9, 27, 81 };
    uint8_t rest = (uint8_t)(byte * power[n]);

    return (uint8_t)(rest * 3 >> 8);
}

void az_decode_tq1_0(const void *row, size_t b, az_sub32 *o)
{
    const uint8_t *w = (const uint8_t *)row + b / 8 * 54;

    one_scale(o, az_f16_to_f32(u16_at(w + 52)), 1);
    for (size_t i = 0; i < 32; i++) {
        size_t e = 32 * (b % 8) + i;
        o->q[i] = e < 160   ? trit(w[e % 32], e / 32)
                  : e < 240 ? trit(w[32 + e % 16], (e - 160) / 16)
                            : trit(w[48 + e % 4], (e - 240) / 4);
    }
}

void az_decode_tq2_0(const void *row, size_t b, az_sub32 *o)
{
    const uint8_t *w = (const uint8_t *)row + b / 8 * 66, *q = w + 32 * (b % 8 / 4);

    one_scale(o, az_f16_to_f32(u16_at(w + 64)), 1);
    for (size_t i = 0; i < 32; i++)
        o->q[i] = q[i] >> 2 * (b % 4) & 3;
}
