/* Products of bytes with sdot: four added in 32 bits at once, with four activations that a lane holds. */
#ifndef AZ_KERNEL_ARM_DOT_SDOT_H
#define AZ_KERNEL_ARM_DOT_SDOT_H

#include "kernel/arm/dot.h"

#define DOT32 1

#ifndef MMLA
#define MMLA 0
#endif

enum { PART_PRODUCTS = 1 };

typedef char part;

/* A switch, since the instruction holds the lane's number. */
AZ_INLINE int32x4_t sdot_lane(int32x4_t sum, int32x4_t w, acts a, const int lane)
{
    switch (lane) {
    case 0: return vdotq_laneq_s32(sum, as8(w), a, 0);
    case 1: return vdotq_laneq_s32(sum, as8(w), a, 1);
    case 2: return vdotq_laneq_s32(sum, as8(w), a, 2);
    default: return vdotq_laneq_s32(sum, as8(w), a, 3);
    }
}

AZ_INLINE void dot_step(const bool is_signed, const bool first, const bool last, vi *sum, part *p,
                        vi w, acts a, const int lane)
{
    (void)is_signed, (void)first, (void)last, (void)p;
    sum->a = sdot_lane(sum->a, w.a, a, lane);
    sum->b = sdot_lane(sum->b, w.b, a, lane);
}

AZ_INLINE vi dot_row(const bool is_signed, const int sub, const int pairs, vi w, vi x)
{
    const int32x4_t zero = vdupq_n_s32(0);
    int32x4_t a = vdotq_s32(zero, as8(w.a), as8(x.a));

    (void)is_signed, (void)pairs;
    if (sub == 32) return (vi){ vdotq_s32(a, as8(w.b), as8(x.b)), zero };
    return (vi){ a, vdotq_s32(zero, as8(w.b), as8(x.b)) };
}

#if !MMLA
AZ_INLINE void store_steps(void *q, vi v, vi w)
{
    vi_store(q, v);
    vi_store((uint8_t *)q + sizeof v, w);
}
#endif

#endif
