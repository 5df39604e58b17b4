/* Peak loops for AVX2: 12 independent chains hide the latency of any product. */
#include <immintrin.h>
#include <stdint.h>
#include "kernel/x86/init.h"

enum { CHAINS = 12 };

static double int8_avx2(size_t rounds)
{
    volatile int8_t start = 3;
    const __m256i a = _mm256_set1_epi8(start), one = _mm256_set1_epi16(1);
    __m256i s[CHAINS];

    for (int i = 0; i < CHAINS; i++)
        s[i] = _mm256_set1_epi32(i);
    for (size_t r = 0; r < rounds; r++) /* maddubs and madd are what a product costs without VNNI */
        for (int i = 0; i < CHAINS; i++)
            s[i] = _mm256_madd_epi16(_mm256_maddubs_epi16(s[i], a), one);
    for (int i = 0; i < CHAINS; i++)
        start = (int8_t)(start ^ _mm256_extract_epi8(s[i], 0));
    return 64.0 * CHAINS * (double)rounds;
}

static double f32_avx2(size_t rounds)
{
    volatile float start = 0.5f;
    const __m256 a = _mm256_set1_ps(start);
    __m256 s[CHAINS];

    for (int i = 0; i < CHAINS; i++)
        s[i] = _mm256_set1_ps((float)i);
    for (size_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++)
            s[i] = _mm256_fmadd_ps(s[i], a, a);
    for (int i = 0; i < CHAINS; i++)
        start = start + _mm256_cvtss_f32(s[i]);
    return 16.0 * CHAINS * (double)rounds;
}

static unsigned read_avx2(const void *p, size_t bytes)
{
    const __m256i *w = p;
    __m256i s[4] = { _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                     _mm256_setzero_si256() };

    for (size_t i = 0; i + 4 <= bytes / 32; i += 4)
        for (size_t j = 0; j < 4; j++)
            s[j] = _mm256_xor_si256(s[j], _mm256_loadu_si256(w + i + j));
    s[0] = _mm256_xor_si256(_mm256_xor_si256(s[0], s[1]), _mm256_xor_si256(s[2], s[3]));
    return (unsigned)_mm256_extract_epi32(s[0], 0);
}

void az_peaks_init_avx2(az_peaks *p)
{
    *p = (az_peaks){
        int8_avx2, f32_avx2, f32_avx2, read_avx2, "vpmaddubsw ymm", "f32", "vfmadd ymm"
    };
}
