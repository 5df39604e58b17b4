/* Codes of core/affine.h as bytes, for AVX-512: columns [64c, 64c + 64) from the codes of a row. */
#ifndef AZ_KERNEL_X86_AFFINE_AVX512_H
#define AZ_KERNEL_X86_AFFINE_AVX512_H

#include "kernel/x86/simd_avx512.h"

/* Two bits of each column; stride: from one block of 32 to the next. */
AZ_INLINE vi affine_pairs(const uint8_t *p, size_t stride, bool two)
{
    const vi shift = _mm512_set_epi64(6, 4, 2, 0, 6, 4, 2, 0);
    vi v = _mm512_broadcastq_epi64(_mm_loadl_epi64((const __m128i *)p));

    if (two)
        v = _mm512_mask_broadcastq_epi64(v, 0xf0, _mm_loadl_epi64((const __m128i *)(p + stride)));
    return _mm512_and_si512(_mm512_srlv_epi64(v, shift), vi_set8(3));
}

AZ_INLINE vi affine_add_bits(vi v, const uint8_t *p, size_t stride, bool two, int8_t value)
{
    uint32_t lo, hi = 0;

    memcpy(&lo, p, 4);
    if (two) memcpy(&hi, p + stride, 4);
    return _mm512_mask_add_epi8(v, (__mmask64)((uint64_t)hi << 32 | lo), v, vi_set8(value));
}

AZ_INLINE vi row_affine2(const uint8_t *q, size_t c, bool two)
{
    return affine_pairs(q + c * 16, 8, two);
}
AZ_INLINE vi row_affine3(const uint8_t *q, size_t c, bool two)
{
    const uint8_t *p = q + c * 24;

    return affine_add_bits(affine_pairs(p, 12, two), p + 8, 12, two, 4);
}
AZ_INLINE vi row_affine4(const uint8_t *q, size_t c, bool two)
{
    return nibbles_legacy(q + c * 32, 16, two);
}
AZ_INLINE vi row_affine5(const uint8_t *q, size_t c, bool two)
{
    const uint8_t *p = q + c * 40;

    return affine_add_bits(nibbles_legacy(p, 20, two), p + 16, 20, two, 16);
}
AZ_INLINE vi row_affine6(const uint8_t *q, size_t c, bool two)
{
    const uint8_t *p = q + c * 48;

    return _mm512_or_si512(nibbles_legacy(p, 24, two),
                           _mm512_slli_epi16(affine_pairs(p + 16, 24, two), 4));
}
AZ_INLINE vi row_affine8(const uint8_t *q, size_t c, bool two) /* signed */
{
    return two ? vi_load(q + c * 64)
               : _mm512_zextsi256_si512(_mm256_loadu_si256((const __m256i *)(q + c * 64)));
}
AZ_INLINE vi row_nvfp4(const uint8_t *q, size_t c, bool two)
{
    const __m512i table = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)az_e2m1_values));

    return _mm512_add_epi8(_mm512_shuffle_epi8(table, nibbles_legacy(q + c * 32, 16, two)),
                           vi_set8(12));
}

/* The first n dwords; the rest is zero, and is not read. */
AZ_INLINE vi vi_load_n(const void *p, size_t n)
{
    return n >= LANES ? vi_load(p) : _mm512_maskz_loadu_epi32((__mmask16)((1u << n) - 1), p);
}
AZ_INLINE vi vi_high16(vi v)
{
    return _mm512_srli_epi32(v, 16);
}
/* The low 16 bits of every dword as a number. */
AZ_INLINE vf vf_of_low_f16(vi v)
{
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(v));
}
AZ_INLINE vf vf_of_low_bf16(vi v)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(v, 16));
}

/* The byte at bit `at` of every dword as an 8-bit float, 2^8 too small. */
AZ_INLINE vf vf_of_byte_e4m3(vi v, int at)
{
    vi x = _mm512_srl_epi32(v, _mm_cvtsi32_si128(at));
    vi low = _mm512_and_si512(_mm512_slli_epi32(x, 7), vi_set32(0x3f80));

    return vf_of_low_f16(
        _mm512_or_si512(low, _mm512_and_si512(_mm512_slli_epi32(x, 8), vi_set32(0x8000))));
}

/* LANES 8-bit floats (E4M3), 2^8 too small. */
AZ_INLINE vf vf_of_e4m3(const uint8_t *p)
{
    __m256i v = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
    __m256i low = _mm256_and_si256(_mm256_slli_epi16(v, 7), _mm256_set1_epi16(0x3f80));

    v = _mm256_and_si256(_mm256_slli_epi16(v, 8), _mm256_set1_epi16((int16_t)0x8000));
    return _mm512_cvtph_ps(_mm256_or_si256(low, v));
}

#endif
