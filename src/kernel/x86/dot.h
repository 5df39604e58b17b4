/* What both ways to multiply bytes share (dot_pairs.h, dot_vnni.h). */
#ifndef AZ_KERNEL_X86_DOT_H
#define AZ_KERNEL_X86_DOT_H

enum { PART_PRODUCTS = 2, COUNT_FROM = 0x4b400000 };
#define MMLA       0
#define TILE_ZEROS 1

typedef const int8_t *acts;

AZ_INLINE acts acts_load(const int8_t *q)
{
    return q;
}

AZ_INLINE vi act4(const void *p) /* four bytes, or a block's two sums, in every dword */
{
    int32_t v;

    memcpy(&v, p, 4);
    return vi_set32(v);
}

/* What a block's two sums are multiplied with, for a sub-block. */
AZ_INLINE vi zero_pairs(int zero, const int columns, const int sub)
{
    return vi_and(vi_set16((int16_t)-zero), vi_set32(columns == 32 ? -1
                                                     : sub         ? (int32_t)0xffff0000u
                                                                   : 0xffff));
}

AZ_INLINE void store_steps(void *q, vi v, vi w)
{
    vi_store(q, v);
    vi_store((uint8_t *)q + sizeof v, w);
}

#endif
