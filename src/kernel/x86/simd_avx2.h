/* The vector vocabulary of the product templates for AVX2: 8 lanes, one output row of weights in each.
 *
 * Same names as simd_avx512.h, where the comments are. Rows as bytes, and scales, are in simd/rows32.h.
 */
#ifndef AZ_KERNEL_X86_SIMD_AVX2_H
#define AZ_KERNEL_X86_SIMD_AVX2_H

#include <immintrin.h>
#include "base/compiler.h"
#include "kernel/decode_iq.h"
#include "kernel/kernel.h"
#include "kernel/math.h"

#include <string.h>

enum { LANES = 8, ROW_COLS = 32 };

typedef __m256i vi;
typedef __m256 vf;

AZ_INLINE vi vi_load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}
AZ_INLINE void vi_store(void *p, vi v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}
AZ_INLINE vi vi_zero(void)
{
    return _mm256_setzero_si256();
}
AZ_INLINE vi vi_set8(int8_t b)
{
    return _mm256_set1_epi8(b);
}
AZ_INLINE vi vi_set16(int16_t v)
{
    return _mm256_set1_epi16(v);
}
AZ_INLINE vi vi_set32(int32_t v)
{
    return _mm256_set1_epi32(v);
}
AZ_INLINE vi vi_sub32(vi a, vi b)
{
    return _mm256_sub_epi32(a, b);
}
AZ_INLINE vi vi_add32(vi a, vi b)
{
    return _mm256_add_epi32(a, b);
}
AZ_INLINE vi vi_and(vi a, vi b)
{
    return _mm256_and_si256(a, b);
}
AZ_INLINE vi vi_add16(vi a, vi b)
{
    return _mm256_add_epi16(a, b);
}
AZ_INLINE vi vi_or(vi a, vi b)
{
    return _mm256_or_si256(a, b);
}
AZ_INLINE vi vi_add8(vi a, vi b)
{
    return _mm256_add_epi8(a, b);
}
AZ_INLINE vi vi_sll32(vi v, int n)
{
    return _mm256_slli_epi32(v, n);
}
/* Bytes moved by n bits, of which none falls out. */
AZ_INLINE vi vi_sll8(vi v, int n)
{
    return _mm256_slli_epi16(v, n);
}
AZ_INLINE vi vi_srl32(vi v, int n)
{
    return _mm256_srli_epi32(v, n);
}
AZ_INLINE vi vi_sra32(vi v, int n)
{
    return _mm256_srai_epi32(v, n);
}
/* The upper half of every byte. */
AZ_INLINE vi high4(vi v)
{
    return vi_and(vi_srl32(v, 4), vi_set8(15));
}
AZ_INLINE vi vi_of_u16(const uint16_t *p) /* [LANES] */
{
    return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}
AZ_INLINE vi vi_madd16(vi a, vi b)
{
    return _mm256_madd_epi16(a, b);
}
AZ_INLINE vi vi_maddu8(vi u, vi s)
{
    return _mm256_maddubs_epi16(u, s);
}
AZ_INLINE vi vi_abs8(vi a)
{
    return _mm256_abs_epi8(a);
}
AZ_INLINE vi vi_sign8(vi a, vi s) /* 0 where s is 0, which then does not matter */
{
    return _mm256_sign_epi8(a, s);
}
AZ_INLINE vf vf_zero(void)
{
    return _mm256_setzero_ps();
}
AZ_INLINE vf vf_set(float f)
{
    return _mm256_set1_ps(f);
}
AZ_INLINE vf vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
AZ_INLINE void vf_store(float *p, vf v)
{
    _mm256_storeu_ps(p, v);
}
AZ_INLINE vi first_lanes(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0));
}
AZ_INLINE vf vf_load_n(const float *p, size_t n)
{
    return n >= LANES ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, first_lanes(n));
}
AZ_INLINE void vf_store_n(float *p, vf v, size_t n)
{
    if (n >= LANES)
        _mm256_storeu_ps(p, v);
    else
        _mm256_maskstore_ps(p, first_lanes(n), v);
}
AZ_INLINE vf vf_of_int(vi v)
{
    return _mm256_cvtepi32_ps(v);
}
AZ_INLINE vf vf_of_bits(vi v)
{
    return _mm256_castsi256_ps(v);
}
/* Byte i of every dword, masked; as a signed number. */
AZ_INLINE vf vf_of_byte(vi v, const int i, const int mask)
{
    return vf_of_int(vi_and(vi_srl32(v, 8 * i), vi_set32(mask)));
}
AZ_INLINE vf vf_of_signed_byte(vi v, const int i)
{
    return vf_of_int(vi_sra32(vi_sll32(v, 24 - 8 * i), 24));
}
/* low, and of h, moved right and then left, the bits of `mask` in every byte, which low does not have. */
AZ_INLINE vi put_bits(vi low, vi h, int right, int left, int8_t mask)
{
    return vi_or(low, vi_and(vi_sll32(vi_srl32(h, right), left), vi_set8(mask)));
}
AZ_INLINE vf vf_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}
AZ_INLINE vf vf_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}
AZ_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}
AZ_INLINE vf vf_fnma(vf a, vf b, vf c)
{
    return _mm256_fnmadd_ps(a, b, c);
}
AZ_INLINE vf vf_of_f16(const az_f16 *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
AZ_INLINE vf vf_of_bf16(const az_bf16 *p) /* [LANES] */
{
    __m256i v = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));

    return _mm256_castsi256_ps(_mm256_slli_epi32(v, 16));
}
/* A half in every lane. */
AZ_INLINE vf vf_half(az_f16 h)
{
    return _mm256_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(h)));
}
AZ_INLINE vi vi_of_s8(const int8_t *p) /* [LANES] */
{
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
}
/* Four bits of each of [LANES] bytes, from bit `shift` on. */
AZ_INLINE vi vi_of_nibbles(const uint8_t *p, const int shift)
{
    __m128i v = _mm_loadl_epi64((const __m128i *)(const void *)p);

    return _mm256_cvtepu8_epi32(_mm_and_si128(_mm_srli_epi16(v, shift), _mm_set1_epi8(15)));
}
/* All lanes, added by halves. */
AZ_INLINE float vf_sum(vf v)
{
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
AZ_INLINE void vf_to_f16(az_f16 *p, vf v)
{
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
AZ_INLINE vf vf_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}
AZ_INLINE vf vf_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}
AZ_INLINE vf vf_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}
AZ_INLINE vf vf_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}
AZ_INLINE float vf_top(vf v)
{
    __m128 a = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)));
}
AZ_INLINE vi vf_bits(vf v)
{
    return _mm256_castps_si256(v);
}
AZ_INLINE vi vi_abs_bits(vf v)
{
    return _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(0x7fffffff));
}
AZ_INLINE vi vi_max_u32(vi a, vi b)
{
    return _mm256_max_epu32(a, b);
}
AZ_INLINE uint32_t vi_top_u32(vi v)
{
    __m128i a = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

    a = _mm_max_epu32(a, _mm_shuffle_epi32(a, 0x4e));
    a = _mm_max_epu32(a, _mm_shuffle_epi32(a, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(a);
}
AZ_INLINE vf vf_times_2_pow(vf p, vf t)
{
    return _mm256_castsi256_ps(
        _mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_castps_si256(t), 23)));
}
AZ_INLINE vf vf_between(vf v, int from, int to)
{
    const vi lane = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
    vi in = _mm256_andnot_si256(_mm256_cmpgt_epi32(vi_set32(from), lane),
                                _mm256_cmpgt_epi32(vi_set32(to), lane));

    return _mm256_blendv_ps(_mm256_set1_ps(-AZ_INFINITY), v, _mm256_castsi256_ps(in));
}
AZ_INLINE vf vf_exp_edges(vf v, vf x)
{
    v = _mm256_and_ps(_mm256_cmp_ps(x, _mm256_set1_ps(AZ_EXP_MIN), _CMP_NLT_UQ), v);
    v = _mm256_blendv_ps(v, _mm256_set1_ps(AZ_INFINITY),
                         _mm256_cmp_ps(x, _mm256_set1_ps(AZ_EXP_MAX), _CMP_GT_OQ));
    return _mm256_blendv_ps(v, x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}
/* near where |x| < limit, far elsewhere (and where x is no number). */
AZ_INLINE vf vf_near(vf x, float limit, vf near, vf far)
{
    vf z = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);

    return _mm256_blendv_ps(far, near, _mm256_cmp_ps(z, _mm256_set1_ps(limit), _CMP_LT_OQ));
}
AZ_INLINE void vi_low_bytes(int8_t *p, const vi q[4])
{
    const vi low = _mm256_set1_epi32(255);
    vi a = _mm256_packus_epi32(_mm256_and_si256(q[0], low), _mm256_and_si256(q[1], low));
    vi b = _mm256_packus_epi32(_mm256_and_si256(q[2], low), _mm256_and_si256(q[3], low));

    vi_store(p, _mm256_permutevar8x32_epi32(_mm256_packus_epi16(a, b),
                                            _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0)));
}

/* Sums of the halves of 32 signed bytes. */
AZ_INLINE void byte_sums(const int8_t q[32], int16_t sum[2])
{
    __m256i v = _mm256_loadu_si256((const __m256i *)q);

    v = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), v), _mm256_set1_epi16(1));
    v = _mm256_add_epi32(v, _mm256_shuffle_epi32(v, 0x4e));
    v = _mm256_add_epi32(v, _mm256_shuffle_epi32(v, 0xb1));
    sum[0] = (int16_t)_mm_cvtsi128_si32(_mm256_castsi256_si128(v));
    sum[1] = (int16_t)_mm_cvtsi128_si32(_mm256_extracti128_si256(v, 1));
}

AZ_INLINE void vi_transpose(vi r[8])
{
    vi t[8];

    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        r[4 * i] = _mm256_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm256_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm256_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm256_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm256_permute2x128_si256(r[i], r[4 + i], 0x20);
        t[4 + i] = _mm256_permute2x128_si256(r[i], r[4 + i], 0x31);
    }
    for (int i = 0; i < 8; i++)
        r[i] = t[i];
}

AZ_INLINE void reduce_quads(const vi r[8], vi u[2])
{
    for (int g = 0; g < 2; g++) {
        const vi *q = r + 4 * g;
        vi a =
            _mm256_add_epi32(_mm256_unpacklo_epi32(q[0], q[1]), _mm256_unpackhi_epi32(q[0], q[1]));
        vi b =
            _mm256_add_epi32(_mm256_unpacklo_epi32(q[2], q[3]), _mm256_unpackhi_epi32(q[2], q[3]));

        u[g] = _mm256_add_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    }
}

AZ_INLINE void vi_reduce16(const vi r[8], vi s[2])
{
    vi u[2];

    reduce_quads(r, u);
    s[0] = _mm256_permute2x128_si256(u[0], u[1], 0x20);
    s[1] = _mm256_permute2x128_si256(u[0], u[1], 0x31);
}

AZ_INLINE void vi_reduce32(const vi r[8], vi s[1])
{
    vi t[2];

    vi_reduce16(r, t);
    s[0] = _mm256_add_epi32(t[0], t[1]);
}

AZ_INLINE vi row_act(const az_q8_block *x, bool two)
{
    (void)two;
    return vi_load(x->q);
}

AZ_INLINE vi nibbles_legacy(const uint8_t *qs)
{
    __m128i x = _mm_loadu_si128((const __m128i *)qs);

    return _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(x, 4), x), vi_set8(15));
}

/* (bytes >> n) & mask */
AZ_INLINE vi bits_at(const uint8_t *p, size_t n, int8_t mask)
{
    return _mm256_and_si256(_mm256_srl_epi16(vi_load(p), _mm_cvtsi32_si128((int)n)), vi_set8(mask));
}

AZ_INLINE vi look_up(const int8_t table[16], vi codes)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table)),
                               codes);
}
/* 8 stored signed bytes as floats times d. */
AZ_INLINE vi scaled8(const void *b, float d)
{
    return _mm256_castps_si256(
        _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)b))),
                      vf_set(d)));
}
AZ_INLINE float half_at(const uint8_t *p)
{
    az_f16 h;

    memcpy(&h, p, 2);
    return _cvtsh_ss(h);
}

#endif
