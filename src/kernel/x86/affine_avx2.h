/* Codes of core/affine.h as bytes, for AVX2: columns [32c, 32c + 32) from the codes of a row. */
#ifndef AZ_KERNEL_X86_AFFINE_AVX2_H
#define AZ_KERNEL_X86_AFFINE_AVX2_H

#include "kernel/x86/simd_avx2.h"

AZ_INLINE vi pairs_legacy(const uint8_t *p)
{
    vi v = _mm256_broadcastq_epi64(_mm_loadl_epi64((const __m128i *)p));

    return _mm256_and_si256(_mm256_srlv_epi64(v, _mm256_set_epi64x(6, 4, 2, 0)), vi_set8(3));
}

/* Bit i of four bytes to byte i, as 0 or `value`. */
AZ_INLINE vi bits_legacy(const uint8_t *p, int8_t value)
{
    const vi each =
        _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202, 0x0101010101010101, 0);
    const vi bit = _mm256_set1_epi64x((long long)0x8040201008040201ull);
    int32_t all;
    vi v;

    memcpy(&all, p, 4);
    v = _mm256_and_si256(_mm256_shuffle_epi8(vi_set32(all), each), bit);
    return _mm256_and_si256(_mm256_cmpeq_epi8(v, bit), vi_set8(value));
}

/* The first n dwords; the rest is zero, and is not read. */
AZ_INLINE vi vi_load_n(const void *p, size_t n)
{
    const vi lane = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);

    if (n >= LANES) return vi_load(p);
    return _mm256_maskload_epi32((const int *)p, _mm256_cmpgt_epi32(vi_set32((int32_t)n), lane));
}
AZ_INLINE vi vi_high16(vi v)
{
    return _mm256_srli_epi32(v, 16);
}
/* The low 16 bits of every dword as a number. */
AZ_INLINE vf vf_of_low_f16(vi v)
{
    v = _mm256_and_si256(v, vi_set32(0xffff));
    return _mm256_cvtph_ps(
        _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}
AZ_INLINE vf vf_of_low_bf16(vi v)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(v, 16));
}

/* The byte at bit `at` of every dword as an 8-bit float, 2^8 too small. */
AZ_INLINE vf vf_of_byte_e4m3(vi v, int at)
{
    vi x = _mm256_srl_epi32(v, _mm_cvtsi32_si128(at));
    vi low = _mm256_and_si256(_mm256_slli_epi32(x, 7), vi_set32(0x3f80));

    return vf_of_low_f16(
        _mm256_or_si256(low, _mm256_and_si256(_mm256_slli_epi32(x, 8), vi_set32(0x8000))));
}

/* LANES 8-bit floats (E4M3), 2^8 too small. */
AZ_INLINE vf vf_of_e4m3(const uint8_t *p)
{
    __m128i v = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)p));
    __m128i low = _mm_and_si128(_mm_slli_epi16(v, 7), _mm_set1_epi16(0x3f80));

    v = _mm_and_si128(_mm_slli_epi16(v, 8), _mm_set1_epi16((int16_t)0x8000));
    return _mm256_cvtph_ps(_mm_or_si128(low, v));
}

#include "kernel/simd/rows32.h"

#endif
