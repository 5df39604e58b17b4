/* Quantized blocks as integers: any 32 columns of any block type are scale * (q - zero) - min, with a
 * scale and a min for each half of 16. The scalar kernels, and tests, read weights through this.
 */
#ifndef AZ_KERNEL_DECODE_H
#define AZ_KERNEL_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include "core/block.h"
#include "core/half.h"
#include "core/type.h"

typedef struct az_sub32 {
    float scale[2], min[2]; /* of columns 0..15 and 16..31 */
    int zero;
    uint8_t q[32];
} az_sub32;

/* Columns [32 * b, 32 * b + 32) of a row. */
typedef void az_decode_fn(const void *row, size_t b, az_sub32 *out);

extern az_decode_fn *const az_decode[AZ_TYPE_COUNT]; /* NULL: not a block type, or not known */

/* The eight 6-bit scales and mins of q4_k and q5_k. */
static inline void az_scales_k(const uint8_t s[12], uint8_t sc[8], uint8_t mn[8])
{
    for (int j = 0; j < 4; j++) {
        sc[j] = s[j] & 63;
        mn[j] = s[j + 4] & 63;
        sc[j + 4] = (uint8_t)((s[j + 8] & 15) | (s[j] >> 6) << 4);
        mn[j + 4] = (uint8_t)(s[j + 8] >> 4 | (s[j + 4] >> 6) << 4);
    }
}

/* The sixteen 6-bit scales of q3_k, still 32 too high. */
static inline void az_scales_q3_k(const uint8_t s[12], uint8_t sc[16])
{
    uint32_t in[3], out[4];

    memcpy(in, s, sizeof in); /* every byte for itself, so byte order does not matter */
    for (int i = 0; i < 4; i++)
        out[i] = (in[i & 1] >> 4 * (i >> 1) & 0x0f0f0f0fu) | (in[2] >> 2 * i & 0x03030303u) << 4;
    memcpy(sc, out, sizeof out);
}

/* What the 4-bit codes of iq4_nl and iq4_xs, and of mxfp4 (doubled), stand for. */
extern const int8_t az_iq4_values[16], az_e2m1_values[16];

/* Scale j of iq4_xs: 6 bits in two places, with an offset of 32. */
static inline int az_scale_iq4_xs(uint16_t high, const uint8_t low[4], size_t j)
{
    return ((low[j / 2] >> 4 * (j & 1) & 15) | (high >> 2 * j & 3) << 4) - 32;
}

/* 2^(e - 128): half of the scale that mxfp4's byte stands for, as its values are doubled. */
static inline float az_e8m0_half(uint8_t e)
{
    return az_bits_f32(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23);
}

/* Eight bytes, the lowest first. */
static inline void az_put_u64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

#endif
