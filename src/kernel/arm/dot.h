/* What the ways to multiply bytes share on Arm (dot_neon.h, dot_sdot.h, dot_smmla.h); signed times signed, weights as they
 * are stored. What the names mean: kernel/simd/matmul_blocks.h. */
#ifndef AZ_KERNEL_ARM_DOT_H
#define AZ_KERNEL_ARM_DOT_H

#include "kernel/arm/simd_neon.h"

enum { COUNT_FROM = 0 };
#define SIGNED_ZERO 0
#define TILE_ZEROS  0

typedef int8x16_t acts;

AZ_INLINE acts acts_load(const int8_t *q)
{
    return vld1q_s8(q);
}

AZ_INLINE vi less_zeros(vi from, int zero, const int16_t sum[2], const int columns, const int sub)
{
    int32x4_t both, of;
    int32_t word;

    memcpy(&word, sum, 4);
    both = vdupq_n_s32(word);
    if (columns == 32)
        of = vpaddlq_s16(vreinterpretq_s16_s32(both));
    else
        of = sub ? vshrq_n_s32(both, 16) : vshrq_n_s32(vshlq_n_s32(both, 16), 16);
    of = vmulq_s32(of, vdupq_n_s32(-zero)); /* `from` is 0 here */
    (void)from;
    return (vi){ of, of };
}

#endif
