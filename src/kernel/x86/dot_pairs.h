/* Products of bytes without VNNI: unsigned times signed, neighbours added in 16 bits as long as they fit. What the
 * names mean: kernel/simd/matmul_blocks.h. */
#ifndef AZ_KERNEL_X86_DOT_PAIRS_H
#define AZ_KERNEL_X86_DOT_PAIRS_H

#include "kernel/x86/dot.h"

#define DOT32       0
#define SIGNED_ZERO 0

typedef vi part;

AZ_INLINE vi times8(const bool is_signed, vi w, vi x)
{
    return is_signed ? vi_maddu8(vi_abs8(w), vi_sign8(x, w)) : vi_maddu8(w, x);
}

AZ_INLINE void dot_step(const bool is_signed, const bool first, const bool last, vi *sum, part *p,
                        vi w, acts a, const int lane)
{
    vi u = times8(is_signed, w, act4(a + 4 * lane));

    *p = first ? u : vi_add16(*p, u);
    /* one sum after the other: as a tree, which compilers make of them, they need more registers than there are */
    __asm__("" : "+v"(*p));
    if (last) *sum = vi_add32(*sum, vi_madd16(*p, vi_set16(1)));
}

AZ_INLINE vi dot_row(const bool is_signed, const int sub, const int pairs, vi w, vi x)
{
    (void)sub, (void)pairs;
    return vi_madd16(times8(is_signed, w, x), vi_set16(1));
}

AZ_INLINE vi less_zeros(vi from, int zero, const int16_t sum[2], const int columns, const int sub)
{
    return vi_add32(from, vi_madd16(zero_pairs(zero, columns, sub), act4(sum)));
}

#endif
