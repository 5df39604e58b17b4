/* Rows of weights in groups of columns with a scale each, as the engine holds what files store in several parts
 * (core/packed.h). Such rows are made once when a session binds its weights; no file has them.
 *
 * A row: az_affine_head, a scale for each group, then the codes, 32 columns at a time:
 *   affine2..8  scale * q + bias or scale * (q - zero); q of 32 columns is one after the other of
 *               pairs (8 bytes: bits 2j, 2j+1 of byte i are of column 8j + i), nibbles (16 bytes: column i low,
 *               16 + i high) and single bits (4 bytes: bit i), as far as the width has them: 2 = pairs, 3 = pairs
 *               and bits above them, 4 = nibbles, 5 = nibbles and bits, 6 = nibbles and pairs; 8 = bytes q ^ 0x80
 *   nvfp4       scale * factor * E2M1, nibbles; groups of 16, and that alone
 *   fp8         scale * E4M3, bytes
 */
#ifndef AZ_CORE_AFFINE_H
#define AZ_CORE_AFFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include "core/block.h"
#include "core/half.h"
#include "core/type.h"

typedef enum az_affine_scales {
    AZ_SCALES_F16_BIAS,  /* f16 scale, f16 bias */
    AZ_SCALES_BF16_BIAS, /* bf16 twice */
    AZ_SCALES_F32_BIAS,  /* f32 twice; the scale has 22 significant bits */
    AZ_SCALES_F16_ZERO,  /* f16, then the zero in 16 bits */
    AZ_SCALES_BF16_ZERO, /* bf16, then the zero */
    AZ_SCALES_F32,       /* fp8 */
    AZ_SCALES_E4M3       /* nvfp4 */
} az_affine_scales;

typedef struct az_affine_head {
    uint16_t scales;   /* az_affine_scales */
    uint16_t group32;  /* blocks of 32 columns in a group; nvfp4: 1, for two groups */
    uint32_t codes_at; /* from the head */
    float factor;      /* nvfp4: of all scales, with 18 significant bits */
} az_affine_head;

static inline size_t az_affine_scale_bytes(az_affine_scales s)
{
    static const uint8_t bytes[] = { 4, 4, 8, 4, 4, 4, 2 }; /* nvfp4: of 32 columns */

    return bytes[s];
}

/* Round to so many significant bits; finite values stay so. */
static inline float az_keep_bits(float f, int bits)
{
    uint32_t drop = 24u - (uint32_t)bits, u = az_f32_bits(f), half = (1u << (drop - 1)) - 1;

    return az_bits_f32((u + half + (u >> drop & 1)) >> drop << drop);
}

/* Of group g of a row of affine2..8 or fp8: value = scale * (q - zero) - min. */
static inline void az_affine_scale(const uint8_t *row, const az_affine_head *h, size_t g,
                                   float *scale, float *min, int *zero)
{
    const uint8_t *p = row + sizeof *h + g * az_affine_scale_bytes((az_affine_scales)h->scales);
    uint16_t two[2];
    float f[2];

    *zero = 0;
    *min = 0;
    switch ((az_affine_scales)h->scales) {
    case AZ_SCALES_F16_BIAS:
        memcpy(two, p, 4);
        *scale = az_f16_to_f32(two[0]);
        *min = -az_f16_to_f32(two[1]);
        break;
    case AZ_SCALES_BF16_BIAS:
        memcpy(two, p, 4);
        *scale = az_bf16_to_f32(two[0]);
        *min = -az_bf16_to_f32(two[1]);
        break;
    case AZ_SCALES_F32_BIAS:
        memcpy(f, p, 8);
        *scale = f[0];
        *min = -f[1];
        break;
    case AZ_SCALES_F16_ZERO:
    case AZ_SCALES_BF16_ZERO:
        memcpy(two, p, 4);
        *scale = h->scales == AZ_SCALES_F16_ZERO ? az_f16_to_f32(two[0]) : az_bf16_to_f32(two[0]);
        *zero = two[1];
        break;
    case AZ_SCALES_F32: memcpy(scale, p, 4); break;
    case AZ_SCALES_E4M3: *scale = 0; break; /* not of these types */
    }
}

#endif
