/* Sixteen floats side by side, for code that is compiled once for each instruction set.
 *
 * Every operation works on each lane alone and is exact or correctly rounded (IEEE 754), so plain C, AVX2
 * and AVX-512 give the same bits. The including file defines AZ_V16_AVX512, AZ_V16_AVX2 or neither.
 * min and max return the second argument for equal zeros, in all versions. No NaN goes in. v_least gives the
 * first lane that holds the smallest value.
 */
#ifndef AZ_KERNEL_PACK_V16_H
#define AZ_KERNEL_PACK_V16_H

#include "base/compiler.h"
#include "core/half.h"

#if defined(AZ_V16_AVX512)
#include <immintrin.h>

typedef __m512 v16;
typedef __mmask16 m16;

AZ_INLINE v16 v_set1(float a)
{
    return _mm512_set1_ps(a);
}
AZ_INLINE v16 v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
AZ_INLINE void v_store(float *p, v16 a)
{
    _mm512_storeu_ps(p, a);
}
AZ_INLINE v16 v_add(v16 a, v16 b)
{
    return _mm512_add_ps(a, b);
}
AZ_INLINE v16 v_sub(v16 a, v16 b)
{
    return _mm512_sub_ps(a, b);
}
AZ_INLINE v16 v_mul(v16 a, v16 b)
{
    return _mm512_mul_ps(a, b);
}
AZ_INLINE v16 v_div(v16 a, v16 b)
{
    return _mm512_div_ps(a, b);
}
AZ_INLINE v16 v_min(v16 a, v16 b)
{
    return _mm512_min_ps(a, b);
}
AZ_INLINE v16 v_max(v16 a, v16 b)
{
    return _mm512_max_ps(a, b);
}
AZ_INLINE v16 v_sqrt(v16 a)
{
    return _mm512_sqrt_ps(a);
}
AZ_INLINE v16 v_abs(v16 a)
{
    return _mm512_abs_ps(a);
}
AZ_INLINE m16 v_lt(v16 a, v16 b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
AZ_INLINE v16 v_sel(m16 m, v16 a, v16 b)
{
    return _mm512_mask_mov_ps(b, m, a);
}
AZ_INLINE v16 v_pow2(v16 a)
{
    return _mm512_castsi512_ps(
        _mm512_and_si512(_mm512_castps_si512(a), _mm512_set1_epi32(0x7f800000)));
}
AZ_INLINE int v_least(v16 a, float *value)
{
    *value = _mm512_reduce_min_ps(a);
    return AZ_LOWEST_BIT(_mm512_cmp_ps_mask(a, _mm512_set1_ps(*value), _CMP_EQ_OQ));
}
AZ_INLINE v16 v_half(v16 a)
{
    return _mm512_cvtph_ps(_mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

/* to[j][i] = x[i * stride + j]: sixteen rows of sixteen become columns. */
AZ_INLINE void v_turn(float (*to)[16], const float *x, size_t stride)
{
    v16 r[16], t[16];

    for (int i = 0; i < 16; i++)
        r[i] = v_load(x + (size_t)i * stride);
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16;
         i++) { /* r[i]: columns i % 4 + 0, 4, 8, 12 of rows i / 4 * 4 to that + 3 */
        __m512d a = _mm512_castps_pd(t[i / 4 * 4 + (i & 2) / 2]);
        __m512d b = _mm512_castps_pd(t[i / 4 * 4 + (i & 2) / 2 + 2]);
        r[i] = _mm512_castpd_ps(i & 1 ? _mm512_unpackhi_pd(a, b) : _mm512_unpacklo_pd(a, b));
    }
    for (int c = 0; c < 4; c++) {
        v16 a = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x44);
        v16 b = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xee);
        v16 d = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x44);
        v16 e = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xee);
        v_store(to[c], _mm512_shuffle_f32x4(a, d, 0x88));
        v_store(to[4 + c], _mm512_shuffle_f32x4(a, d, 0xdd));
        v_store(to[8 + c], _mm512_shuffle_f32x4(b, e, 0x88));
        v_store(to[12 + c], _mm512_shuffle_f32x4(b, e, 0xdd));
    }
}

#elif defined(AZ_V16_AVX2)
#include <immintrin.h>

typedef struct v16 {
    __m256 a, b;
} v16;
typedef v16 m16;

#define AZ_V16_EACH(f, x, y) ((v16){ f((x).a, (y).a), f((x).b, (y).b) })
AZ_INLINE v16 v_set1(float a)
{
    return (v16){ _mm256_set1_ps(a), _mm256_set1_ps(a) };
}
AZ_INLINE v16 v_load(const float *p)
{
    return (v16){ _mm256_loadu_ps(p), _mm256_loadu_ps(p + 8) };
}
AZ_INLINE void v_store(float *p, v16 x)
{
    _mm256_storeu_ps(p, x.a);
    _mm256_storeu_ps(p + 8, x.b);
}
AZ_INLINE v16 v_add(v16 x, v16 y)
{
    return AZ_V16_EACH(_mm256_add_ps, x, y);
}
AZ_INLINE v16 v_sub(v16 x, v16 y)
{
    return AZ_V16_EACH(_mm256_sub_ps, x, y);
}
AZ_INLINE v16 v_mul(v16 x, v16 y)
{
    return AZ_V16_EACH(_mm256_mul_ps, x, y);
}
AZ_INLINE v16 v_div(v16 x, v16 y)
{
    return AZ_V16_EACH(_mm256_div_ps, x, y);
}
AZ_INLINE v16 v_min(v16 x, v16 y)
{
    return AZ_V16_EACH(_mm256_min_ps, x, y);
}
AZ_INLINE v16 v_max(v16 x, v16 y)
{
    return AZ_V16_EACH(_mm256_max_ps, x, y);
}
AZ_INLINE v16 v_sqrt(v16 x)
{
    return (v16){ _mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b) };
}
AZ_INLINE v16 v_abs(v16 x)
{
    __m256 sign = _mm256_set1_ps(-0.0f);
    return (v16){ _mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b) };
}
AZ_INLINE m16 v_lt(v16 x, v16 y)
{
    return (v16){ _mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ), _mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ) };
}
AZ_INLINE v16 v_sel(m16 m, v16 x, v16 y)
{
    return (v16){ _mm256_blendv_ps(y.a, x.a, m.a), _mm256_blendv_ps(y.b, x.b, m.b) };
}
AZ_INLINE v16 v_pow2(v16 x)
{
    __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32(0x7f800000));
    return (v16){ _mm256_and_ps(x.a, mask), _mm256_and_ps(x.b, mask) };
}
AZ_INLINE int v_least(v16 x, float *value)
{
    __m256 m = _mm256_min_ps(x.a, x.b), all;
    __m128 h = _mm_min_ps(_mm256_castps256_ps128(m), _mm256_extractf128_ps(m, 1));
    h = _mm_min_ps(h, _mm_movehl_ps(h, h));
    h = _mm_min_ss(h, _mm_shuffle_ps(h, h, 1));
    *value = _mm_cvtss_f32(h);
    all = _mm256_set1_ps(*value);
    return AZ_LOWEST_BIT((unsigned)_mm256_movemask_ps(_mm256_cmp_ps(x.a, all, _CMP_EQ_OQ)) |
                         (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(x.b, all, _CMP_EQ_OQ)) << 8);
}
AZ_INLINE __m256 v_half8(__m256 a)
{
    return _mm256_cvtph_ps(_mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
AZ_INLINE v16 v_half(v16 x)
{
    return (v16){ v_half8(x.a), v_half8(x.b) };
}
AZ_INLINE void v_turn(float (*to)[16], const float *x, size_t stride)
{
    for (size_t i = 0; i < 16; i += 4)
        for (size_t j = 0; j < 16; j += 4) {
            const float *from = x + i * stride + j;
            __m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + stride);
            __m128 c = _mm_loadu_ps(from + 2 * stride), d = _mm_loadu_ps(from + 3 * stride);
            _MM_TRANSPOSE4_PS(a, b, c, d);
            _mm_storeu_ps(&to[j][i], a);
            _mm_storeu_ps(&to[j + 1][i], b);
            _mm_storeu_ps(&to[j + 2][i], c);
            _mm_storeu_ps(&to[j + 3][i], d);
        }
}

#else
#include <math.h>

AZ_INLINE void v_turn(float (*to)[16], const float *x, size_t stride)
{
    for (size_t i = 0; i < 16; i++)
        for (size_t j = 0; j < 16; j++)
            to[j][i] = x[i * stride + j];
}

typedef AZ_VECTOR(float, 16) f32x4;
typedef AZ_VECTOR(int32_t, 16) i32x4;
typedef struct v16 {
    f32x4 a, b, c, d;
} v16;
typedef struct m16 {
    i32x4 a, b, c, d; /* 0 or -1 */
} m16;

#define AZ_V16_EACH(x, op, y) ((v16){ x.a op y.a, x.b op y.b, x.c op y.c, x.d op y.d })
AZ_INLINE v16 v_load(const float *p)
{
    v16 r;
    memcpy(&r, p, sizeof r);
    return r;
}
AZ_INLINE void v_store(float *p, v16 x)
{
    memcpy(p, &x, sizeof x);
}
AZ_INLINE v16 v_set1(float a)
{
    f32x4 v = { a, a, a, a };
    return (v16){ v, v, v, v };
}
AZ_INLINE v16 v_add(v16 x, v16 y)
{
    return AZ_V16_EACH(x, +, y);
}
AZ_INLINE v16 v_sub(v16 x, v16 y)
{
    return AZ_V16_EACH(x, -, y);
}
AZ_INLINE v16 v_mul(v16 x, v16 y)
{
    return AZ_V16_EACH(x, *, y);
}
AZ_INLINE v16 v_div(v16 x, v16 y)
{
    return AZ_V16_EACH(x, /, y);
}
AZ_INLINE m16 v_lt(v16 x, v16 y)
{
    return (m16){ x.a < y.a, x.b < y.b, x.c < y.c, x.d < y.d };
}
AZ_INLINE f32x4 select4(i32x4 m, f32x4 x, f32x4 y)
{
    return (f32x4)(((i32x4)x & m) | ((i32x4)y & ~m));
}
AZ_INLINE v16 v_sel(m16 m, v16 x, v16 y)
{
    return (v16){ select4(m.a, x.a, y.a), select4(m.b, x.b, y.b), select4(m.c, x.c, y.c),
                  select4(m.d, x.d, y.d) };
}
AZ_INLINE v16 v_min(v16 x, v16 y)
{
    return v_sel(v_lt(x, y), x, y);
}
AZ_INLINE v16 v_max(v16 x, v16 y)
{
    return v_sel(v_lt(y, x), x, y);
}
AZ_INLINE v16 v_and(v16 x, int32_t bits)
{
    i32x4 m = { bits, bits, bits, bits };
    return (v16){ (f32x4)((i32x4)x.a & m), (f32x4)((i32x4)x.b & m), (f32x4)((i32x4)x.c & m),
                  (f32x4)((i32x4)x.d & m) };
}
AZ_INLINE v16 v_abs(v16 x)
{
    return v_and(x, 0x7fffffff);
}
AZ_INLINE v16 v_pow2(v16 x)
{
    return v_and(x, 0x7f800000);
}
AZ_INLINE int v_least(v16 x, float *value)
{
    float v[16];
    int at = 0;

    v_store(v, x);
    for (int i = 1; i < 16; i++)
        if (v[i] < v[at]) at = i;
    *value = v[at];
    return at;
}
static inline v16 v_sqrt(v16 x)
{
    float v[16];

    v_store(v, x);
    for (int i = 0; i < 16; i++)
        v[i] = sqrtf(v[i]);
    return v_load(v);
}
static AZ_NOINLINE void half16(float v[16])
{
    for (int i = 0; i < 16; i++)
        v[i] = az_f16_to_f32(az_f32_to_f16(v[i]));
}
AZ_INLINE v16 v_half(v16 x)
{
    float v[16];

    v_store(v, x);
    half16(v);
    return v_load(v);
}
#endif

/* Nearest integer, even on ties, of |a| <= 2^22. Never -0. */
AZ_INLINE v16 v_round(v16 a)
{
    v16 big = v_set1(12582912.0f); /* 1.5 * 2^23: its last bit is worth 1 */
    return v_sub(v_add(a, big), big);
}

AZ_INLINE v16 v_clamp(v16 a, v16 lo, v16 hi)
{
    return v_min(v_max(a, lo), hi);
}

/* Nearest f16 that is finite. */
AZ_INLINE v16 v_f16(v16 a)
{
    return v_half(v_clamp(a, v_set1(-65504.0f), v_set1(65504.0f)));
}

/* a / b, or 0 where b is 0. */
AZ_INLINE v16 v_div0(v16 a, v16 b)
{
    v16 zero = v_set1(0);
    m16 some = v_lt(zero, v_abs(b));
    return v_sel(some, v_div(a, v_sel(some, b, v_set1(1))), zero);
}

#endif
