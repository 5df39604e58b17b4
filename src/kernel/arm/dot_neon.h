/* Products of bytes without instructions for it: added in 16 bits as long as they fit. */
#ifndef AZ_KERNEL_ARM_DOT_NEON_H
#define AZ_KERNEL_ARM_DOT_NEON_H

#include "kernel/arm/dot.h"

#define DOT32 0
#define MMLA  0

enum { PART_PRODUCTS = 1 };

/* Four columns of two rows in each. */
typedef struct part {
    int16x8_t v[4];
} part;

/* Dword `lane` in every dword; a switch, since the instruction holds the number. */
AZ_INLINE int8x16_t act_dword(acts a, const int lane)
{
    switch (lane) {
    case 0: return as8(vdupq_laneq_s32(of8(a), 0));
    case 1: return as8(vdupq_laneq_s32(of8(a), 1));
    case 2: return as8(vdupq_laneq_s32(of8(a), 2));
    default: return as8(vdupq_laneq_s32(of8(a), 3));
    }
}

AZ_INLINE int32x4_t dword_sums(int16x8_t a, int16x8_t b)
{
    return vpaddq_s32(vpaddlq_s16(a), vpaddlq_s16(b));
}

AZ_INLINE void dot_step(const bool is_signed, const bool first, const bool last, vi *sum, part *p,
                        vi w, acts a, const int lane)
{
    const int8x16_t x = act_dword(a, lane), w0 = as8(w.a), w1 = as8(w.b);

    (void)is_signed;
    if (first) {
        p->v[0] = vmull_s8(vget_low_s8(w0), vget_low_s8(x));
        p->v[1] = vmull_high_s8(w0, x);
        p->v[2] = vmull_s8(vget_low_s8(w1), vget_low_s8(x));
        p->v[3] = vmull_high_s8(w1, x);
    } else {
        p->v[0] = vmlal_s8(p->v[0], vget_low_s8(w0), vget_low_s8(x));
        p->v[1] = vmlal_high_s8(p->v[1], w0, x);
        p->v[2] = vmlal_s8(p->v[2], vget_low_s8(w1), vget_low_s8(x));
        p->v[3] = vmlal_high_s8(p->v[3], w1, x);
    }
    if (last) {
        sum->a = vaddq_s32(sum->a, dword_sums(p->v[0], p->v[1]));
        sum->b = vaddq_s32(sum->b, dword_sums(p->v[2], p->v[3]));
    }
}

/* 16 products in 16 bits, two by two. */
AZ_INLINE int16x8_t products16(int32x4_t w, int32x4_t x)
{
    return vmlal_high_s8(vmull_s8(vget_low_s8(as8(w)), vget_low_s8(as8(x))), as8(w), as8(x));
}

AZ_INLINE vi dot_row(const bool is_signed, const int sub, const int pairs, vi w, vi x)
{
    int16x8_t a = products16(w.a, x.a);

    (void)is_signed;
    if (sub == 32 && pairs > 1) {
        a = vmlal_s8(a, vget_low_s8(as8(w.b)), vget_low_s8(as8(x.b)));
        a = vmlal_high_s8(a, as8(w.b), as8(x.b));
        return (vi){ vpaddlq_s16(a), vdupq_n_s32(0) };
    }
    if (sub == 32) return (vi){ vpadalq_s16(vpaddlq_s16(a), products16(w.b, x.b)), vdupq_n_s32(0) };
    return (vi){ vpaddlq_s16(a), vpaddlq_s16(products16(w.b, x.b)) };
}

AZ_INLINE void store_steps(void *q, vi v, vi w)
{
    vi_store(q, v);
    vi_store((uint8_t *)q + sizeof v, w);
}

#endif
