/* f16 and bf16 conversions in plain C, round to nearest even; the scalar versions define the numbers.
 * NaN stays NaN (made quiet), subnormals are kept. Floats of 8 bits are read. Source: IEEE 754-2019; bf16 as in
 * ggml-impl.h; OCP 8-bit floating point specification 1.0. */
#ifndef AZ_CORE_HALF_H
#define AZ_CORE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float az_bits_f32(uint32_t u)
{
    float f;

    memcpy(&f, &u, sizeof f);
    return f;
}

static inline uint32_t az_f32_bits(float f)
{
    uint32_t u;

    memcpy(&u, &f, sizeof u);
    return u;
}

static inline float az_bf16_to_f32(uint16_t h)
{
    return az_bits_f32((uint32_t)h << 16);
}

static inline uint16_t az_f32_to_bf16(float f)
{
    uint32_t u = az_f32_bits(f);

    if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 64);
    return (uint16_t)((u + (0x7fffu + (u >> 16 & 1))) >> 16);
}

/* The nearest bf16, as f32. */
static inline float az_round_bf16(float f)
{
    return az_bf16_to_f32(az_f32_to_bf16(f));
}

static inline float az_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exp = h >> 10 & 31, man = h & 0x3ffu;

    if (exp == 31) return az_bits_f32(sign | 0x7f800000u | man << 13 | (man ? 0x400000u : 0));
    if (exp) return az_bits_f32(sign | (exp + 112) << 23 | man << 13);
    return az_bits_f32(sign | az_f32_bits((float)man * 0x1p-24f));
}

static inline uint16_t az_f32_to_f16(float f)
{
    uint32_t u = az_f32_bits(f), sign = u >> 16 & 0x8000u, a = u & 0x7fffffffu, r;

    if (a >= 0x7f800000u)
        return (uint16_t)(sign | 0x7c00u | (a > 0x7f800000u ? 0x200u | (a >> 13 & 0x3ffu) : 0));
    if (a >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* rounds to infinity */
    if (a < 0x38800000u) { /* subnormal: let the adder round at 2^-24 */
        float t = az_bits_f32(a) + 0.5f;
        return (uint16_t)(sign | (az_f32_bits(t) - 0x3f000000u));
    }
    r = a + 0xfffu + (a >> 13 & 1);
    return (uint16_t)(sign | ((r - 0x38000000u) >> 13));
}

/* float8_e4m3fn: no infinity, NaN with all bits set. */
static inline float az_f8_e4m3_to_f32(uint8_t b)
{
    uint32_t sign = (uint32_t)(b & 0x80) << 24, exp = b >> 3 & 15, man = b & 7;

    if ((b & 0x7f) == 0x7f) return az_bits_f32(sign | 0x7fc00000u);
    if (exp) return az_bits_f32(sign | (exp + 120) << 23 | man << 20);
    return az_bits_f32(sign | az_f32_bits((float)man * 0x1p-9f));
}

static inline float az_f8_e5m2_to_f32(uint8_t b)
{
    return az_f16_to_f32((uint16_t)(b << 8));
}

/* 2^(b - 127); 255 is NaN. */
static inline float az_e8m0_to_f32(uint8_t b)
{
    if (b == 255) return az_bits_f32(0x7fc00000u);
    return az_bits_f32(b ? (uint32_t)b << 23 : 0x00400000u);
}

#endif
