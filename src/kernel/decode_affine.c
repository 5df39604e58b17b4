/* Decoding of the engine's own rows (core/affine.h). */
#include "kernel/decode_affine.h"
#include "core/affine.h"

static az_affine_head head_of(const void *row)
{
    az_affine_head h;

    memcpy(&h, row, sizeof h);
    return h;
}

static void add_pairs(az_sub32 *o, const uint8_t p[8], int shift)
{
    for (int i = 0; i < 32; i++)
        o->q[i] = (uint8_t)(o->q[i] | (p[i % 8] >> i / 8 * 2 & 3) << shift);
}

static void add_bits(az_sub32 *o, const uint8_t p[4], int shift)
{
    for (int i = 0; i < 32; i++)
        o->q[i] = (uint8_t)(o->q[i] | (p[i / 8] >> i % 8 & 1) << shift);
}

static void add_nibbles(az_sub32 *o, const uint8_t p[16])
{
    for (int i = 0; i < 16; i++) {
        o->q[i] = p[i] & 15;
        o->q[i + 16] = p[i] >> 4;
    }
}

static void codes(az_type type, const uint8_t *p, az_sub32 *o)
{
    memset(o->q, 0, sizeof o->q);
    switch (type) {
    case AZ_AFFINE3: add_bits(o, p + 8, 2); /* fall through */
    case AZ_AFFINE2: add_pairs(o, p, 0); return;
    case AZ_AFFINE8:
        for (int i = 0; i < 32; i++)
            o->q[i] = p[i] ^ 0x80;
        return;
    default: add_nibbles(o, p);
    }
    if (type == AZ_AFFINE5) add_bits(o, p + 16, 4);
    if (type == AZ_AFFINE6) add_pairs(o, p + 16, 4);
}

static void decode(az_type type, const uint8_t *row, size_t b, az_sub32 *o)
{
    az_affine_head h = head_of(row);

    codes(type, row + h.codes_at + b * az_type_get(type)->bytes, o);
    az_affine_scale(row, &h, b / h.group32, &o->scale[0], &o->min[0], &o->zero);
    o->scale[1] = o->scale[0];
    o->min[1] = o->min[0];
}

#define DECODE(T, t)                                           \
    void az_decode_##t(const void *row, size_t b, az_sub32 *o) \
    {                                                          \
        decode(AZ_##T, row, b, o);                             \
    }
DECODE(AFFINE2, affine2)
DECODE(AFFINE3, affine3)
DECODE(AFFINE4, affine4)
DECODE(AFFINE5, affine5)
DECODE(AFFINE6, affine6)
DECODE(AFFINE8, affine8)

void az_decode_nvfp4(const void *row, size_t b, az_sub32 *o)
{
    az_affine_head h = head_of(row);
    const uint8_t *scale = (const uint8_t *)row + sizeof h + 2 * b;

    add_nibbles(o, (const uint8_t *)row + h.codes_at + 16 * b);
    for (int i = 0; i < 32; i++)
        o->q[i] = (uint8_t)(az_e2m1_values[o->q[i]] + 12);
    for (int i = 0; i < 2; i++) {
        o->scale[i] = az_f8_e4m3_to_f32(scale[i]) * h.factor * 0.5f;
        o->min[i] = 0;
    }
    o->zero = 12;
}
