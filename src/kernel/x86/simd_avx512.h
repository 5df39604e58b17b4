/* The vector vocabulary of the product templates for AVX-512: 16 lanes, one output row of weights in each.
 *
 * row_<type>(row, c, two): columns [64c, 64c + 64) of one stored row as unsigned bytes (`two` false: only
 * the first 32 exist). Block layouts: core/block.h; decoding: kernel/decode.c.
 */
#ifndef AZ_KERNEL_X86_SIMD_AVX512_H
#define AZ_KERNEL_X86_SIMD_AVX512_H

#include <immintrin.h>
#include "base/compiler.h"
#include "kernel/decode_iq.h"
#include "kernel/kernel.h"
#include "kernel/math.h"

#include <string.h>

enum { LANES = 16, ROW_COLS = 64 };

typedef __m512i vi;
typedef __m512 vf;

AZ_INLINE vi vi_load(const void *p)
{
    return _mm512_loadu_si512(p);
}
AZ_INLINE void vi_store(void *p, vi v)
{
    _mm512_storeu_si512(p, v);
}
AZ_INLINE vi vi_zero(void)
{
    return _mm512_setzero_si512();
}
AZ_INLINE vi vi_set8(int8_t b)
{
    return _mm512_set1_epi8(b);
}
AZ_INLINE vi vi_set16(int16_t v)
{
    return _mm512_set1_epi16(v);
}
AZ_INLINE vi vi_set32(int32_t v)
{
    return _mm512_set1_epi32(v);
}
AZ_INLINE vi vi_sub32(vi a, vi b)
{
    return _mm512_sub_epi32(a, b);
}
AZ_INLINE vi vi_add32(vi a, vi b)
{
    return _mm512_add_epi32(a, b);
}
AZ_INLINE vi vi_and(vi a, vi b)
{
    return _mm512_and_si512(a, b);
}
AZ_INLINE vi vi_add16(vi a, vi b)
{
    return _mm512_add_epi16(a, b);
}
AZ_INLINE vi vi_or(vi a, vi b)
{
    return _mm512_or_si512(a, b);
}
AZ_INLINE vi vi_add8(vi a, vi b)
{
    return _mm512_add_epi8(a, b);
}
/* Dwords moved by n bits; the last keeps the sign. */
AZ_INLINE vi vi_sll32(vi v, int n)
{
    return _mm512_slli_epi32(v, (unsigned)n);
}
AZ_INLINE vi vi_srl32(vi v, int n)
{
    return _mm512_srli_epi32(v, (unsigned)n);
}
AZ_INLINE vi vi_sra32(vi v, int n)
{
    return _mm512_srai_epi32(v, (unsigned)n);
}
/* The upper half of every byte. */
AZ_INLINE vi high4(vi v)
{
    return vi_and(vi_srl32(v, 4), vi_set8(15));
}
AZ_INLINE vi vi_of_u16(const uint16_t *p) /* [LANES] */
{
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
AZ_INLINE vi vi_madd16(vi a, vi b)
{
    return _mm512_madd_epi16(a, b);
}
/* Unsigned times signed bytes, neighbours added. */
AZ_INLINE vi vi_maddu8(vi u, vi s)
{
    return _mm512_maddubs_epi16(u, s);
}
AZ_INLINE vi vi_abs8(vi a)
{
    return _mm512_abs_epi8(a);
}
/* a where s >= 0, -a where s < 0. */
AZ_INLINE vi vi_sign8(vi a, vi s)
{
    return _mm512_mask_sub_epi8(a, _mm512_movepi8_mask(s), _mm512_setzero_si512(), a);
}
AZ_INLINE vf vf_zero(void)
{
    return _mm512_setzero_ps();
}
AZ_INLINE vf vf_set(float f)
{
    return _mm512_set1_ps(f);
}
AZ_INLINE vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
AZ_INLINE void vf_store(float *p, vf v)
{
    _mm512_storeu_ps(p, v);
}
/* The first n lanes; the rest is zero, and is not read. */
AZ_INLINE vf vf_load_n(const float *p, size_t n)
{
    return n >= LANES ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
AZ_INLINE void vf_store_n(float *p, vf v, size_t n)
{
    if (n >= LANES)
        _mm512_storeu_ps(p, v);
    else
        _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v);
}
AZ_INLINE vf vf_of_int(vi v)
{
    return _mm512_cvtepi32_ps(v);
}
AZ_INLINE vf vf_of_bits(vi v)
{
    return _mm512_castsi512_ps(v);
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
    return _mm512_mul_ps(a, b);
}
AZ_INLINE vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}
AZ_INLINE vf vf_fma(vf a, vf b, vf c) /* a * b + c */
{
    return _mm512_fmadd_ps(a, b, c);
}
AZ_INLINE vf vf_fnma(vf a, vf b, vf c) /* c - a * b */
{
    return _mm512_fnmadd_ps(a, b, c);
}
AZ_INLINE vf vf_of_f16(const az_f16 *p) /* [LANES] */
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
AZ_INLINE vf vf_of_bf16(const az_bf16 *p) /* [LANES] */
{
    __m512i v = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));

    return _mm512_castsi512_ps(_mm512_slli_epi32(v, 16));
}
/* A half in every lane. */
AZ_INLINE vf vf_half(az_f16 h)
{
    return _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(h)));
}
AZ_INLINE vi vi_of_s8(const int8_t *p) /* [LANES] */
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}
/* Four bits of each of [LANES] bytes, from bit `shift` on. */
AZ_INLINE vi vi_of_nibbles(const uint8_t *p, const int shift)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);

    return _mm512_cvtepu8_epi32(_mm_and_si128(_mm_srli_epi16(v, shift), _mm_set1_epi8(15)));
}
/* All lanes, added by halves. */
AZ_INLINE float vf_sum(vf v)
{
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));

    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
AZ_INLINE void vf_to_f16(az_f16 *p, vf v)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
AZ_INLINE vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}
AZ_INLINE vf vf_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}
AZ_INLINE vf vf_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}
AZ_INLINE vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}
AZ_INLINE float vf_top(vf v)
{
    return _mm512_reduce_max_ps(v);
}
AZ_INLINE vi vf_bits(vf v)
{
    return _mm512_castps_si512(v);
}
AZ_INLINE vi vi_abs_bits(vf v)
{
    return _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7fffffff));
}
AZ_INLINE vi vi_max_u32(vi a, vi b)
{
    return _mm512_max_epu32(a, b);
}
AZ_INLINE uint32_t vi_top_u32(vi v)
{
    return _mm512_reduce_max_epu32(v);
}
/* p * 2^n, n in the low bits of t; p is near 1. */
AZ_INLINE vf vf_times_2_pow(vf p, vf t)
{
    return _mm512_castsi512_ps(
        _mm512_add_epi32(_mm512_castps_si512(p), _mm512_slli_epi32(_mm512_castps_si512(t), 23)));
}
/* Lanes [from, to) of v; minus infinity elsewhere. */
AZ_INLINE vf vf_between(vf v, int from, int to)
{
    const vi lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __mmask16 in =
        _mm512_cmpge_epi32_mask(lane, vi_set32(from)) & _mm512_cmplt_epi32_mask(lane, vi_set32(to));

    return _mm512_mask_blend_ps(in, _mm512_set1_ps(-AZ_INFINITY), v);
}
/* exp's values out of the polynomial's range: v there is not used. */
AZ_INLINE vf vf_exp_edges(vf v, vf x)
{
    v = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(AZ_EXP_MIN), _CMP_NLT_UQ), v);
    v = _mm512_mask_mov_ps(v, _mm512_cmp_ps_mask(x, _mm512_set1_ps(AZ_EXP_MAX), _CMP_GT_OQ),
                           _mm512_set1_ps(AZ_INFINITY));
    return _mm512_mask_mov_ps(v, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
}
/* near where |x| < limit, far elsewhere (and where x is no number). */
AZ_INLINE vf vf_near(vf x, float limit, vf near, vf far)
{
    return _mm512_mask_mov_ps(
        far, _mm512_cmp_ps_mask(_mm512_abs_ps(x), _mm512_set1_ps(limit), _CMP_LT_OQ), near);
}
/* The low byte of each of 32 dwords. */
AZ_INLINE void vi_low_bytes(int8_t *p, const vi q[2])
{
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(q[0]));
    _mm_storeu_si128((__m128i *)(p + 16), _mm512_cvtepi32_epi8(q[1]));
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

/* Transpose 16 rows of 16 dwords. */
AZ_INLINE void vi_transpose(vi r[16])
{
    vi t[16];

    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 4; i++) {
        r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    for (int i = 0; i < 4;
         i++) { /* 128-bit lane l of r[4g + i]: rows 4g .. 4g+3 of column 4l + i */
        t[i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0x88);
        t[4 + i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0xdd);
        t[8 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0x88);
        t[12 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0x88);
        r[8 + i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0xdd);
        r[4 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0x88);
        r[12 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0xdd);
    }
}

/* Sums of 4 dwords of each of 16 vectors: lane l of u[g] gets those of lane l of r[4g] .. r[4g + 3]. */
AZ_INLINE void reduce_quads(const vi r[16], vi u[4])
{
    for (int g = 0; g < 4; g++) {
        const vi *q = r + 4 * g;
        vi a =
            _mm512_add_epi32(_mm512_unpacklo_epi32(q[0], q[1]), _mm512_unpackhi_epi32(q[0], q[1]));
        vi b =
            _mm512_add_epi32(_mm512_unpacklo_epi32(q[2], q[3]), _mm512_unpackhi_epi32(q[2], q[3]));

        u[g] = _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    }
}

/* s[i]: sums over the i-th 16 columns (4 dwords) of each row, one row a lane. */
AZ_INLINE void vi_reduce16(const vi r[16], vi s[4])
{
    vi u[4], t[4];

    reduce_quads(r, u);
    t[0] = _mm512_shuffle_i32x4(u[0], u[1], 0x88);
    t[1] = _mm512_shuffle_i32x4(u[0], u[1], 0xdd);
    t[2] = _mm512_shuffle_i32x4(u[2], u[3], 0x88);
    t[3] = _mm512_shuffle_i32x4(u[2], u[3], 0xdd);
    s[0] = _mm512_shuffle_i32x4(t[0], t[2], 0x88);
    s[1] = _mm512_shuffle_i32x4(t[1], t[3], 0x88);
    s[2] = _mm512_shuffle_i32x4(t[0], t[2], 0xdd);
    s[3] = _mm512_shuffle_i32x4(t[1], t[3], 0xdd);
}

/* s[i]: sums over the i-th 32 columns (8 dwords). */
AZ_INLINE void vi_reduce32(const vi r[16], vi s[2])
{
    vi u[4], a, b;

    reduce_quads(r, u);
    a = _mm512_add_epi32(_mm512_shuffle_i32x4(u[0], u[1], 0x88),
                         _mm512_shuffle_i32x4(u[0], u[1], 0xdd));
    b = _mm512_add_epi32(_mm512_shuffle_i32x4(u[2], u[3], 0x88),
                         _mm512_shuffle_i32x4(u[2], u[3], 0xdd));
    s[0] = _mm512_shuffle_i32x4(a, b, 0x88);
    s[1] = _mm512_shuffle_i32x4(a, b, 0xdd);
}

/* The 64 activations at block x (and x + 1). */
AZ_INLINE vi row_act(const az_q8_block *x, bool two)
{
    vi v = _mm512_zextsi256_si512(_mm256_loadu_si256((const __m256i *)x[0].q));

    return two ? _mm512_inserti64x4(v, _mm256_loadu_si256((const __m256i *)x[1].q), 1) : v;
}

/* 16 bytes of each of two blocks as lanes a a b b. */
AZ_INLINE vi two_blocks(const uint8_t *a, const uint8_t *b, bool two)
{
    vi v = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)a));

    return two ? _mm512_mask_broadcast_i32x4(v, 0xff00, _mm_loadu_si128((const __m128i *)b)) : v;
}

AZ_INLINE vi nibbles_legacy(const uint8_t *qs, size_t stride, bool two)
{
    const vi shift = _mm512_set_epi64(4, 4, 0, 0, 4, 4, 0, 0);

    return _mm512_and_si512(_mm512_srlv_epi64(two_blocks(qs, qs + stride, two), shift),
                            vi_set8(15));
}

AZ_INLINE vi fifth_legacy(vi v, const uint8_t *qh, size_t stride, bool two)
{
    uint32_t lo, hi = 0;

    memcpy(&lo, qh, 4);
    if (two) memcpy(&hi, qh + stride, 4);
    return _mm512_mask_add_epi8(v, (__mmask64)((uint64_t)hi << 32 | lo), v, vi_set8(16));
}

AZ_INLINE vi row_q4_0(const uint8_t *row, size_t c, bool two)
{
    return nibbles_legacy(row + c * 36 + 2, 18, two);
}
AZ_INLINE vi row_q4_1(const uint8_t *row, size_t c, bool two)
{
    return nibbles_legacy(row + c * 40 + 4, 20, two);
}
AZ_INLINE vi row_q5_0(const uint8_t *row, size_t c, bool two)
{
    const uint8_t *p = row + c * 44;

    return fifth_legacy(nibbles_legacy(p + 6, 22, two), p + 2, 22, two);
}
AZ_INLINE vi row_q5_1(const uint8_t *row, size_t c, bool two)
{
    const uint8_t *p = row + c * 48;

    return fifth_legacy(nibbles_legacy(p + 8, 24, two), p + 4, 24, two);
}
AZ_INLINE vi row_q8_0(const uint8_t *row, size_t c, bool two) /* signed */
{
    const uint8_t *p = row + c * 68;
    vi v = _mm512_zextsi256_si512(_mm256_loadu_si256((const __m256i *)(p + 2)));

    return two ? _mm512_inserti64x4(v, _mm256_loadu_si256((const __m256i *)(p + 36)), 1) : v;
}

AZ_INLINE vi twice32(const uint8_t *p)
{
    return _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)p));
}
/* Shift counts: n for the first 32 bytes, n + step for the others. */
AZ_INLINE vi shifts(int n, int step)
{
    return _mm512_add_epi64(_mm512_set1_epi64(n),
                            _mm512_set_epi64(step, step, step, step, 0, 0, 0, 0));
}
/* Add `value` where bit 2j (first 32 bytes) or 2j + 1 (others) of 32 shared bytes is set. */
AZ_INLINE vi add_bits(vi v, const uint8_t *bits, size_t j, int8_t value)
{
    vi b = _mm512_srlv_epi64(twice32(bits), shifts((int)(2 * j), 1));

    return _mm512_mask_add_epi8(v, _mm512_test_epi8_mask(b, vi_set8(1)), v, vi_set8(value));
}

AZ_INLINE vi row_q4_k(const uint8_t *row, size_t c, bool two)
{
    (void)two;
    return _mm512_and_si512(_mm512_srlv_epi64(twice32(row + c / 4 * 144 + 16 + c % 4 * 32),
                                              shifts(0, 4)),
                            vi_set8(15));
}
AZ_INLINE vi row_q5_k(const uint8_t *row, size_t c, bool two)
{
    const uint8_t *p = row + c / 4 * 176;
    vi v = _mm512_and_si512(_mm512_srlv_epi64(twice32(p + 48 + c % 4 * 32), shifts(0, 4)),
                            vi_set8(15));

    (void)two;
    return add_bits(v, p + 16, c % 4, 16);
}
AZ_INLINE vi row_q6_k(const uint8_t *row, size_t c, bool two)
{
    const uint8_t *p = row + c / 4 * 210;
    size_t half = c % 4 / 2, part = c % 2;
    vi lo = _mm512_srl_epi64(vi_load(p + 64 * half), _mm_cvtsi32_si128((int)(4 * part)));
    vi hi = _mm512_srlv_epi64(twice32(p + 128 + 32 * half), shifts((int)(4 * part), 2));

    (void)two;
    lo = _mm512_and_si512(lo, vi_set8(15));
    hi = _mm512_slli_epi64(_mm512_and_si512(hi, vi_set8(3)), 4);
    return _mm512_or_si512(lo, hi);
}
AZ_INLINE vi two_bits(const uint8_t *qs, size_t c)
{
    return _mm512_and_si512(_mm512_srlv_epi64(twice32(qs + 32 * (c % 4 / 2)),
                                              shifts((int)(4 * (c % 2)), 2)),
                            vi_set8(3));
}
AZ_INLINE vi row_q2_k(const uint8_t *row, size_t c, bool two)
{
    (void)two;
    return two_bits(row + c / 4 * 84 + 16, c);
}
AZ_INLINE vi row_q3_k(const uint8_t *row, size_t c, bool two)
{
    const uint8_t *p = row + c / 4 * 110;

    (void)two;
    return add_bits(two_bits(p + 32, c), p, c % 4, 4);
}

/* Bytes 0 to 15 become the table's entries. */
AZ_INLINE vi look_up(const int8_t table[16], vi codes)
{
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table)),
                               codes);
}
AZ_INLINE vi row_iq4_nl(const uint8_t *row, size_t c, bool two) /* signed */
{
    return look_up(az_iq4_values, nibbles_legacy(row + c * 36 + 2, 18, two));
}
AZ_INLINE vi row_mxfp4(const uint8_t *row, size_t c, bool two)
{
    return _mm512_add_epi8(look_up(az_e2m1_values, nibbles_legacy(row + c * 34 + 1, 17, two)),
                           vi_set8(12));
}
AZ_INLINE vi row_iq4_xs(const uint8_t *row, size_t c, bool two) /* signed */
{
    (void)two;
    return look_up(az_iq4_values, nibbles_legacy(row + c / 4 * 136 + 8 + c % 4 * 32, 16, true));
}

/* 16 stored bytes as floats times d. */
AZ_INLINE vi scaled16(__m128i b, vf d)
{
    return _mm512_castps_si512(_mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(b)), d));
}
AZ_INLINE void store_scales(vi r[16], float (*s)[LANES], size_t n)
{
    vi_transpose(r);
    for (size_t i = 0; i < n; i++)
        vi_store(s[i], r[i]);
}
/* Scales of one 256-block of 16 rows, p[i] its start in row i: s[sub][row], mn[sub][row]. */
AZ_INLINE void scales_q4_k(const uint8_t *const p[16], float (*s)[LANES], float (*mn)[LANES])
{
    const __m128i keep = _mm_set_epi32(0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f);
    const __m128i high = _mm_set_epi32(0x30303030, 0, 0x30303030, 0);
    vi r[16];

    for (int i = 0; i < 16; i++) {
        __m128i b = _mm_loadu_si128((const __m128i *)(p[i] + 4)), x, y;
        uint32_t dd;
        __m128 d;

        memcpy(&dd, p[i], 4);
        d = _mm_cvtph_ps(_mm_cvtsi32_si128((int)dd));
        x = _mm_srlv_epi32(_mm_shuffle_epi32(b, 0x98), _mm_set_epi32(4, 0, 0, 0));
        y = _mm_srli_epi32(_mm_shuffle_epi32(b, 0x40), 2);
        x = _mm_or_si128(_mm_and_si128(x, keep), _mm_and_si128(y, high));
        r[i] = scaled16(x, _mm512_permutexvar_ps(_mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0,
                                                                  0, 0, 0, 0, 0),
                                                 _mm512_castps128_ps512(d)));
    }
    vi_transpose(r);
    for (int i = 0; i < 8; i++) {
        vi_store(s[i], r[i]);
        vi_store(mn[i], r[i + 8]);
    }
}
AZ_INLINE void scales_q5_k(const uint8_t *const p[16], float (*s)[LANES], float (*mn)[LANES])
{
    scales_q4_k(p, s, mn);
}
AZ_INLINE void scales_q6_k(const uint8_t *const p[16], float (*s)[LANES], float (*mn)[LANES])
{
    vi r[16];

    (void)mn;
    for (int i = 0; i < 16; i++) {
        az_f16 d;

        memcpy(&d, p[i] + 208, 2);
        r[i] = scaled16(_mm_loadu_si128((const __m128i *)(p[i] + 192)), vf_set(_cvtsh_ss(d)));
    }
    store_scales(r, s, 16);
}
AZ_INLINE void scales_q2_k(const uint8_t *const p[16], float (*s)[LANES], float (*mn)[LANES])
{
    const __m128i low = _mm_set1_epi8(15);
    vi r[16], t[16];

    for (int i = 0; i < 16; i++) {
        __m128i b = _mm_loadu_si128((const __m128i *)p[i]);
        az_f16 d[2];

        memcpy(d, p[i] + 80, 4);
        r[i] = scaled16(_mm_and_si128(b, low), vf_set(_cvtsh_ss(d[0])));
        t[i] = scaled16(_mm_and_si128(_mm_srli_epi16(b, 4), low), vf_set(_cvtsh_ss(d[1])));
    }
    store_scales(r, s, 16);
    store_scales(t, mn, 16);
}
AZ_INLINE void scales_q3_k(const uint8_t *const p[16], float (*s)[LANES], float (*mn)[LANES])
{
    vi r[16];

    (void)mn;
    for (int i = 0; i < 16; i++) {
        uint8_t sc[16];
        az_f16 d;

        az_scales_q3_k(p[i] + 96, sc);
        memcpy(&d, p[i] + 108, 2);
        r[i] = scaled16(_mm_sub_epi8(_mm_loadu_si128((const __m128i *)sc), _mm_set1_epi8(32)),
                        vf_set(_cvtsh_ss(d)));
    }
    store_scales(r, s, 16);
}
AZ_INLINE void scales_iq4_xs(const uint8_t *const p[16], float (*s)[LANES], float (*mn)[LANES])
{
    vi r[16];

    (void)mn;
    for (int i = 0; i < 16; i++) {
        az_f16 d;
        uint16_t high;
        int8_t sc[16] = { 0 };

        memcpy(&d, p[i], 2);
        memcpy(&high, p[i] + 2, 2);
        for (size_t j = 0; j < 8; j++)
            sc[j] = (int8_t)az_scale_iq4_xs(high, p[i] + 4, j);
        r[i] = scaled16(_mm_loadu_si128((const __m128i *)sc), vf_set(_cvtsh_ss(d)));
    }
    store_scales(r, s, 8);
}

/* Plain weights: 32 columns of 16 rows, p[i] in row i, as f32 to out[column][row]. */

#endif
