/* Products of bytes with VNNI: unsigned times signed, four added in 32 bits at once. What the names mean:
 * kernel/simd/matmul_blocks.h. The including file says which vectors: VNNI_DOT4 (bytes) and VNNI_DOT2 (pairs of 16 bits). */
#ifndef AZ_KERNEL_X86_DOT_VNNI_H
#define AZ_KERNEL_X86_DOT_VNNI_H

#include "kernel/x86/dot.h"

#define DOT32       1
#define SIGNED_ZERO 128

typedef char part;

/* Signed bytes, 128 added to each. */
AZ_INLINE vi vi_add8_128(vi v)
{
    return vi_add8(v, vi_set8((int8_t)-128));
}

AZ_INLINE void dot_step(const bool is_signed, const bool first, const bool last, vi *sum, part *p,
                        vi w, acts a, const int lane)
{
    (void)is_signed, (void)first, (void)last, (void)p;
    *sum = VNNI_DOT4(*sum, w, act4(a + 4 * lane));
}

AZ_INLINE vi dot_row(const bool is_signed, const int sub, const int pairs, vi w, vi x)
{
    (void)is_signed, (void)sub, (void)pairs;
    return VNNI_DOT4(vi_zero(), w, x);
}

AZ_INLINE vi less_zeros(vi from, int zero, const int16_t sum[2], const int columns, const int sub)
{
    return VNNI_DOT2(from, zero_pairs(zero, columns, sub), act4(sum));
}

#endif
