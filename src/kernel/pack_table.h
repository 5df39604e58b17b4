/* Blocks whose codes stand for the values of a table: iq4_nl (one f16 scale for 32), iq4_xs (8 parts of 32 with
 * 6-bit scales over one f16) and mxfp4 (a power of two for 32).
 *
 * The search is that of kernel/pack_linear.h and kernel/pack_super.h with the nearest table value in the place
 * of the nearest integer.
 */
#ifndef AZ_KERNEL_PACK_TABLE_H
#define AZ_KERNEL_PACK_TABLE_H

#include "kernel/decode.h"
#include "kernel/pack_super.h"

/* Halfway between neighbours of az_iq4_values: a value above the k-th is nearer to entry k + 1. */
#define IQ4_MIDDLES                                                                            \
    -115.5f, -93.5f, -74.0f, -57.0f, -42.0f, -28.5f, -16.0f, -4.5f, 7.0f, 19.0f, 31.5f, 45.5f, \
        61.0f, 79.0f, 101.0f

#if defined(AZ_V16_AVX512)
AZ_INLINE v16 nearest_iq4(v16 x)
{
    static const float middles[16] = { IQ4_MIDDLES };
    const __m512 m = _mm512_loadu_ps(middles);
    const __m512 values =
        _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)az_iq4_values)));
    __m512i i = _mm512_maskz_set1_epi32(v_lt(v_set1(-4.5f), x), 8);

    for (int step = 4; step; step /= 2) {
        __m512i at = _mm512_add_epi32(i, _mm512_set1_epi32(step - 1));
        __mmask16 above = v_lt(_mm512_permutexvar_ps(at, m), x);
        i = _mm512_mask_add_epi32(i, above, i, _mm512_set1_epi32(step));
    }
    return _mm512_permutexvar_ps(i, values);
}
#elif defined(AZ_V16_AVX2)
AZ_INLINE __m256 nearest_iq4_8(__m256 x)
{
    const __m256 fourths = _mm256_setr_ps(-93.5f, -28.5f, 19.0f, 79.0f, 0, 0, 0, 0);
    const __m256 others =
        _mm256_setr_ps(-115.5f, -74.0f, -42.0f, -16.0f, 7.0f, 31.5f, 61.0f, 101.0f);
    const __m256 even = _mm256_setr_ps(-127, -83, -49, -22, 1, 25, 53, 89);
    const __m256 odd = _mm256_setr_ps(-104, -65, -35, -10, 13, 38, 69, 113);
    __m256 half = _mm256_cmp_ps(x, _mm256_set1_ps(-4.5f), _CMP_GT_OQ);
    __m256 mid = _mm256_blendv_ps(_mm256_set1_ps(-57.0f), _mm256_set1_ps(45.5f), half);
    __m256i i = _mm256_castps_si256(_mm256_cmp_ps(x, mid, _CMP_GT_OQ)); /* -1: above */

    i = _mm256_sub_epi32(_mm256_and_si256(_mm256_castps_si256(half), _mm256_set1_epi32(2)), i);
    mid = _mm256_permutevar8x32_ps(fourths, i);
    i = _mm256_sub_epi32(_mm256_add_epi32(i, i),
                         _mm256_castps_si256(_mm256_cmp_ps(x, mid, _CMP_GT_OQ)));
    mid = _mm256_permutevar8x32_ps(others, i);
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(even, i), _mm256_permutevar8x32_ps(odd, i),
                            _mm256_cmp_ps(x, mid, _CMP_GT_OQ));
}
AZ_INLINE v16 nearest_iq4(v16 x)
{
    return (v16){ nearest_iq4_8(x.a), nearest_iq4_8(x.b) };
}
#else
AZ_INLINE v16 nearest_iq4(v16 x)
{
    static const float middles[15] = { IQ4_MIDDLES };
    v16 c = v_set1(az_iq4_values[0]), zero = v_set1(0);

    for (int k = 0; k < 15; k++) {
        v16 step = v_set1((float)(az_iq4_values[k + 1] - az_iq4_values[k]));
        c = v_add(c, v_sel(v_lt(v_set1(middles[k]), x), step, zero));
    }
    return c;
}
#endif

/* ---- iq4_nl and the parts of iq4_xs ---- */

AZ_INLINE void iq4_sums(const tile *t, v16 inv, v16 *xc, v16 *cc)
{
    v16 a[2] = { v_set1(0), v_set1(0) }, b[2] = { v_set1(0), v_set1(0) };

    for (int j = 0; j < 32; j += 2)
        for (int h = 0; h < 2; h++) {
            v16 x = v_load(t->x[j + h]), c = nearest_iq4(v_mul(x, inv));
            v16 wc = v_mul(v_load(t->w[j + h]), c);
            a[h] = v_add(a[h], v_mul(wc, x));
            b[h] = v_add(b[h], v_mul(wc, c));
        }
    *xc = v_add(a[0], a[1]);
    *cc = v_add(b[0], b[1]);
}

AZ_INLINE void iq4_try(const tile *t, v16 inv, bool snap, sym_fit *best)
{
    v16 xc, cc, d, gain;
    m16 better;

    iq4_sums(t, inv, &xc, &cc);
    d = v_div0(xc, cc);
    if (snap) d = tile_f16(t, d);
    gain = v_mul(d, v_sub(v_add(xc, xc), v_mul(d, cc)));
    better = v_lt(best->gain, gain);
    best->d = v_sel(better, d, best->d);
    best->gain = v_sel(better, gain, best->gain);
}

/* Where the largest value of a block may lie, in steps of the table. */
static const float iq4_at[] = { -127, -123, -119, -115, -111, -107, -131, -135, -140, -146,
                                113,  110,  106,  102,  98,   116,  120,  125,  131 };

static AZ_NOINLINE sym_fit iq4_search(const tile *t, bool snap)
{
    sym_fit best = { v_set1(0), v_set1(0) };
    v16 low = v_set1(0), high = v_set1(0), ext;

    for (int j = 0; j < 32; j++) {
        low = v_min(v_load(t->x[j]), low);
        high = v_max(v_load(t->x[j]), high);
    }
    ext = v_sel(v_lt(high, v_sub(v_set1(0), low)), low, high);
    for (size_t i = 0; i < AZ_COUNT(iq4_at); i++)
        iq4_try(t, v_div0(v_set1(iq4_at[i]), ext), snap, &best);
    for (int i = 0; i < 3; i++)
        iq4_try(t, v_div0(v_set1(1), best.d), snap, &best);
    return best;
}

/* The code of each table value, which lies 127 lower. */
static const uint8_t iq4_code_of[241] = {
    [0] = 0,   [23] = 1,  [44] = 2,   [62] = 3,   [78] = 4,   [92] = 5,   [105] = 6,  [117] = 7,
    [128] = 8, [140] = 9, [152] = 10, [165] = 11, [180] = 12, [196] = 13, [216] = 14, [240] = 15
};

/* Nearest codes for scale s, block by block. */
AZ_INLINE void iq4_codes(const tile *t, v16 s, uint8_t *q)
{
    v16 inv = v_div0(v_set1(1), s);
    float c[16];

    for (int j = 0; j < 32; j++) {
        v_store(c, nearest_iq4(v_mul(v_load(t->x[j]), inv)));
        for (int l = 0; l < 16; l++)
            q[32 * l + j] = iq4_code_of[(int)c[l] + 127];
    }
}

static void pack_iq4_nl(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_iq4_nl *b = dst;
    uint8_t q[512];
    float d[16];
    tile t;

    for (size_t left = n / 32, k; left; left -= k) {
        k = left < 16 ? left : 16;
        tile_load(&t, x, imp, k, 32, 1, WEIGHT_MIXED);
        sym_fit fit = iq4_search(&t, true);
        iq4_codes(&t, fit.d, q);
        v_store(d, v_mul(fit.d, t.unit));
        for (size_t l = 0; l < k; l++, b++) {
            az_exact_table_find(x + 32 * l, &d[l], q + 32 * l);
            b->d = az_f32_to_f16(d[l]);
            put_nibbles(b->qs, q + 32 * l);
        }
        x += 32 * k;
        if (imp) imp += 32 * k;
    }
}

/* ---- iq4_xs: two super-blocks at once, a part a lane ---- */

AZ_INLINE v16 iq4_error(const tile *t, v16 s)
{
    v16 inv = v_div0(v_set1(1), s), sum[2] = { v_set1(0), v_set1(0) };

    for (int j = 0; j < 32; j += 2)
        for (int h = 0; h < 2; h++) {
            v16 x = v_load(t->x[j + h]), e = v_sub(x, v_mul(s, nearest_iq4(v_mul(x, inv))));
            sum[h] = v_add(sum[h], v_mul(v_mul(v_load(t->w[j + h]), e), e));
        }
    return v_add(sum[0], sum[1]);
}

static const super_sym iq4_xs_spec = { .sc_lo = -32, .sc_hi = 31 };

/* The f16 scale of each super-block, in all of its lanes. */
static v16 iq4_xs_choose(const tile *t, v16 scales, v16 curvature)
{
    float s[16], cc[16], unit[16], per_unit[16], d[16];

    v_store(s, scales);
    v_store(cc, curvature);
    v_store(unit, t->unit);
    v_store(per_unit, t->per_unit);
    for (int at = 0; at < 16; at += 8) {
        float part[2][16] = { { 0 }, { 0 } };
        memcpy(part[0], s + at, 8 * sizeof *s);
        memcpy(part[1], cc + at, 8 * sizeof *cc);
        d[at] = sym_choose_d(&iq4_xs_spec, v_load(part[0]), v_load(part[1]), v_set1(unit[at]),
                             v_set1(per_unit[at]));
        for (int j = at + 1; j < at + 8; j++)
            d[j] = d[at];
    }
    return v_load(d);
}

typedef struct iq4_xs_parts {
    v16 sc, d, error;
} iq4_xs_parts;

AZ_INLINE iq4_xs_parts iq4_xs_round(const tile *t, v16 target, v16 curvature)
{
    v16 top = v_set1(iq4_xs_spec.sc_hi), low = v_set1(iq4_xs_spec.sc_lo);
    iq4_xs_parts p = { .d = iq4_xs_choose(t, target, curvature) };

    p.sc = v_round(v_clamp(v_mul(target, v_div0(v_set1(1), p.d)), low, top));
    p.error = iq4_error(t, v_mul(p.d, p.sc));
    return p;
}

AZ_INLINE void iq4_xs_take(iq4_xs_parts *best, const iq4_xs_parts *p, m16 better)
{
    best->sc = v_sel(better, p->sc, best->sc);
    best->d = v_sel(better, p->d, best->d);
    best->error = v_sel(better, p->error, best->error);
}

static iq4_xs_parts iq4_xs_search(const tile *t)
{
    v16 target = iq4_search(t, false).d, xc, cc;
    iq4_xs_parts best, p;

    iq4_sums(t, v_div0(v_set1(1), target), &xc, &cc);
    best = iq4_xs_round(t, target, cc);
    for (int round = 0; round < SUPER_ROUNDS; round++) {
        iq4_sums(t, v_div0(v_set1(1), v_mul(best.d, best.sc)), &xc, &cc);
        target = v_sel(v_lt(v_set1(0), cc), v_div0(xc, cc), target);
        p = iq4_xs_round(t, target, cc);
        iq4_xs_take(&best, &p, v_lt(group_sum(p.error, 8), group_sum(best.error, 8)));
    }
    for (int k = -1; k <= 1; k += 2) {
        p = best;
        p.sc = v_clamp(v_add(p.sc, v_set1((float)k)), v_set1(iq4_xs_spec.sc_lo),
                       v_set1(iq4_xs_spec.sc_hi));
        p.error = iq4_error(t, v_mul(p.d, p.sc));
        iq4_xs_take(&best, &p, v_lt(p.error, best.error));
    }
    return best;
}

static void put_iq4_xs(az_block_iq4_xs *b, float d, const float *sc, const uint8_t *q)
{
    memset(b, 0, sizeof *b);
    b->d = az_f32_to_f16(d);
    for (int j = 0; j < 8; j++) {
        unsigned s = (unsigned)((int)sc[j] + 32);
        b->scales_l[j / 2] |= (uint8_t)((s & 15) << 4 * (j & 1));
        b->scales_h |= (uint16_t)(s >> 4 << 2 * j);
        put_nibbles(b->qs + 16 * j, q + 32 * j);
    }
}

static void pack_iq4_xs(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_iq4_xs *b = dst;
    float d[16], sc[16];
    uint8_t q[512];
    tile t;

    for (size_t left = n / 256, k; left; left -= k) {
        k = left < 2 ? left : 2;
        tile_load(&t, x, imp, 8 * k, 32, 8, WEIGHT_MIXED);
        iq4_xs_parts p = iq4_xs_search(&t);
        iq4_codes(&t, v_mul(p.d, p.sc), q);
        v_store(d, v_mul(p.d, t.unit));
        v_store(sc, p.sc);
        for (size_t l = 0; l < k; l++, b++) {
            az_exact_super_table_find(x + 256 * l, &d[8 * l], sc + 8 * l, q + 256 * l);
            put_iq4_xs(b, d[8 * l], sc + 8 * l, q + 256 * l);
        }
        x += 256 * k;
        if (imp) imp += 256 * k;
    }
}

/* ---- mxfp4 ---- */

/* Nearest of 0, 1, 2, 3, 4, 6, 8, 12 with either sign; the smaller of two that are as near. */
AZ_INLINE v16 nearest_e2m1(v16 x)
{
    static const float middles[7] = { 0.5f, 1.5f, 2.5f, 3.5f, 5, 7, 10 };
    v16 a = v_abs(x), c = v_set1(0), zero = c;

    for (int k = 0; k < 7; k++) {
        v16 step = v_set1((float)(az_e2m1_values[k + 1] - az_e2m1_values[k]));
        c = v_add(c, v_sel(v_lt(v_set1(middles[k]), a), step, zero));
    }
    return v_sel(v_lt(x, zero), v_sub(zero, c), c);
}

AZ_INLINE v16 mxfp4_error(const tile *t, v16 s)
{
    v16 inv = v_div(v_set1(1), s), sum[2] = { v_set1(0), v_set1(0) };

    for (int j = 0; j < 32; j += 2)
        for (int h = 0; h < 2; h++) {
            v16 x = v_load(t->x[j + h]), e = v_sub(x, v_mul(s, nearest_e2m1(v_mul(x, inv))));
            sum[h] = v_add(sum[h], v_mul(v_mul(v_load(t->w[j + h]), e), e));
        }
    return v_add(sum[0], sum[1]);
}

/* The power of two that puts the largest value among the largest codes, or a neighbour that leaves less error.
 * Values that mxfp4 holds are exact with the first. */
static v16 mxfp4_search(const tile *t)
{
    static const float steps[3] = { 0.125f, 0.25f, 0.0625f };
    v16 top = v_set1(0), best = top, least = top;
    v16 lowest = v_mul(v_set1(0x1p-128f), t->per_unit),
        highest = v_mul(v_set1(0x1p124f), t->per_unit);

    for (int j = 0; j < 32; j++)
        top = v_max(v_abs(v_load(t->x[j])), top);
    for (int i = 0; i < 3; i++) {
        v16 s = v_clamp(v_mul(v_pow2(top), v_set1(steps[i])), lowest, highest);
        v16 e = mxfp4_error(t, s);
        m16 better = v_lt(e, least);
        best = i ? v_sel(better, s, best) : s;
        least = i ? v_sel(better, e, least) : e;
    }
    return best;
}

static void pack_mxfp4(const float *x, const float *imp, size_t n, void *dst)
{
    static const uint8_t code_of[25] = {
        [0] = 15, [4] = 14, [6] = 13, [8] = 12, [9] = 11, [10] = 10, [11] = 9, [12] = 0,
        [13] = 1, [14] = 2, [15] = 3, [16] = 4, [18] = 5, [20] = 6,  [24] = 7
    };
    az_block_mxfp4 *b = dst;
    uint8_t q[512];
    float s[16], c[16];
    tile t;

    for (size_t left = n / 32, k; left; left -= k) {
        k = left < 16 ? left : 16;
        tile_load(&t, x, imp, k, 32, 1, WEIGHT_MIXED);
        v16 best = mxfp4_search(&t), inv = v_div(v_set1(1), best);
        for (int j = 0; j < 32; j++) {
            v_store(c, nearest_e2m1(v_mul(v_load(t.x[j]), inv)));
            for (int l = 0; l < 16; l++)
                q[32 * l + j] = code_of[(int)c[l] + 12];
        }
        v_store(s, v_mul(best, t.unit));
        for (size_t l = 0; l < k; l++, b++) {
            uint32_t bits = az_f32_bits(s[l]), field = bits >> 23;
            b->e = (uint8_t)(field ? field + 1 : bits >> 22);
            put_nibbles(b->qs, q + 32 * l);
        }
        x += 32 * k;
        if (imp) imp += 32 * k;
    }
}

#endif
