/* A tile: sixteen blocks side by side, value j of each in x[j], so that sums over a block are sums over j
 * and every block has its own candidate. Compiled once for each instruction set (kernel/pack_v16.h).
 */
#ifndef AZ_KERNEL_PACK_TILE_H
#define AZ_KERNEL_PACK_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include "kernel/pack_v16.h"

/* How much an error counts when no importance is given. */
typedef enum weighting {
    WEIGHT_ONE,    /* the same everywhere */
    WEIGHT_SOFT,   /* 3 * rms of the block + |x| */
    WEIGHT_SQUARE, /* x^2 */
    WEIGHT_MIXED   /* mean square of the block + x^2 */
} weighting;

typedef struct tile {
    AZ_ALIGNED(64) float x[32][16]; /* values / unit, below 4 in size */
    AZ_ALIGNED(64) float w[32][16]; /* weights of their squared errors */
    v16 unit, per_unit;             /* powers of two, so that no square overflows */
} tile;

/* Largest of each run of `group` lanes, in all of its lanes. */
AZ_INLINE v16 group_max(v16 a, int group)
{
    float v[16];

    v_store(v, a);
    for (int g = 0; g < 16; g += group) {
        float m = v[g];
        for (int i = 1; i < group; i++)
            m = v[g + i] > m ? v[g + i] : m;
        for (int i = 0; i < group; i++)
            v[g + i] = m;
    }
    return v_load(v);
}

/* blocks <= 16 blocks of len values; lanes past them are zero. */
static inline void gather(float dst[32][16], const float *src, size_t blocks, int len)
{
    if (blocks < 16) memset(dst, 0, sizeof(float) * 32 * 16);
    for (size_t l = 0; l < blocks; l++)
        for (int j = 0; j < len; j++)
            dst[j][l] = src[(size_t)len * l + (size_t)j];
}

AZ_INLINE void weigh(tile *t, int len, weighting how)
{
    v16 sum = v_set1(0), base = v_set1(1);

    if (how == WEIGHT_SOFT || how == WEIGHT_MIXED) {
        for (int j = 0; j < len; j++)
            sum = v_add(sum, v_mul(v_load(t->x[j]), v_load(t->x[j])));
        base = v_mul(sum, v_set1(1.0f / (float)len));
        if (how != WEIGHT_MIXED) base = v_sqrt(base);
        if (how == WEIGHT_SOFT) base = v_mul(base, v_set1(3));
    }
    for (int j = 0; j < len; j++) {
        v16 x = v_load(t->x[j]), w = base;
        if (how == WEIGHT_SOFT) w = v_add(base, v_abs(x));
        if (how == WEIGHT_MIXED) w = v_add(base, v_mul(x, x));
        if (how == WEIGHT_SQUARE) w = v_mul(x, x);
        v_store(t->w[j], w);
    }
}

/* With an importance for each value: importance * sqrt(mean square of the block + x^2), over a power of two
 * that is common to the group. */
AZ_INLINE void weigh_imp(tile *t, const float *imp, size_t blocks, int len, int group)
{
    v16 top = v_set1(0), inv;

    weigh(t, len, WEIGHT_MIXED);
    AZ_ALIGNED(64) float m[32][16];
    gather(m, imp, blocks, len);
    for (int j = 0; j < len; j++)
        top = v_max(v_load(m[j]), top);
    top = group_max(top, group);
    inv = v_div(v_set1(1), v_clamp(v_pow2(top), v_set1(0x1p-120f), v_set1(0x1p126f)));
    for (int j = 0; j < len; j++)
        v_store(t->w[j], v_mul(v_mul(v_load(m[j]), inv), v_sqrt(v_load(t->w[j]))));
}

/* Fill a tile; `group` lanes share one unit (the parts of a super-block). */
AZ_INLINE void tile_load(tile *t, const float *x, const float *imp, size_t blocks, int len,
                         int group, weighting how)
{
    v16 top = v_set1(0);

    gather(t->x, x, blocks, len);
    for (int j = 0; j < len; j++)
        top = v_max(v_abs(v_load(t->x[j])), top);
    top = group_max(top, group);
    t->unit = v_clamp(v_pow2(top), v_set1(0x1p-60f), v_set1(0x1p126f));
    t->per_unit = v_div(v_set1(1), t->unit);
    for (int j = 0; j < len; j++)
        v_store(t->x[j], v_mul(v_load(t->x[j]), t->per_unit));
    if (imp)
        weigh_imp(t, imp, blocks, len, group);
    else
        weigh(t, len, how);
}

/* The nearest scale that an f16 can hold, in units of the tile. */
AZ_INLINE v16 tile_f16(const tile *t, v16 scale)
{
    return v_mul(v_f16(v_mul(scale, t->unit)), t->per_unit);
}

#endif
