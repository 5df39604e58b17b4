/* Products of bytes with smmla: eight columns of two rows of weights times two of activations; a single row takes sdot. */
#ifndef AZ_KERNEL_ARM_DOT_SMMLA_H
#define AZ_KERNEL_ARM_DOT_SMMLA_H

#define MMLA 1

#include "kernel/arm/dot_sdot.h"

/* Of rows 2i and 2i + 1 of weights: with both rows of activations, then the next one's with both. */
typedef struct pair_sums {
    int32x4_t v[4];
} pair_sums;

AZ_INLINE pair_sums pair_from(vi a, vi b)
{
    return (pair_sums){ { vzip1q_s32(a.a, b.a), vzip2q_s32(a.a, b.a), vzip1q_s32(a.b, b.b),
                          vzip2q_s32(a.b, b.b) } };
}

/* Eight columns of both rows in each. */
AZ_INLINE void pair_acts(acts a, acts b, acts out[2])
{
    int64x2_t x = vreinterpretq_s64_s8(a), y = vreinterpretq_s64_s8(b);

    out[0] = vreinterpretq_s8_s64(vzip1q_s64(x, y));
    out[1] = vreinterpretq_s8_s64(vzip2q_s64(x, y));
}

AZ_INLINE void pair_dot(pair_sums *s, const void *q, acts x)
{
    for (int i = 0; i < 4; i++)
        s->v[i] = vmmlaq_s32(s->v[i], vld1q_s8((const int8_t *)q + 16 * i), x);
}

AZ_INLINE void pair_split(pair_sums s, vi *a, vi *b)
{
    *a = (vi){ vuzp1q_s32(s.v[0], s.v[1]), vuzp1q_s32(s.v[2], s.v[3]) };
    *b = (vi){ vuzp2q_s32(s.v[0], s.v[1]), vuzp2q_s32(s.v[2], s.v[3]) };
}

/* Two rows in every vector. */
AZ_INLINE void store_steps(void *q, vi v, vi w)
{
    vi_store(q, (vi){ vzip1q_s32(v.a, w.a), vzip2q_s32(v.a, w.a) });
    vi_store((uint8_t *)q + sizeof v, (vi){ vzip1q_s32(v.b, w.b), vzip2q_s32(v.b, w.b) });
}

#endif
