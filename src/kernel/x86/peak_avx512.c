/* Peak loops for AVX-512: 12 independent chains hide the latency of any product. */
#include <immintrin.h>
#include <stdint.h>
#include "kernel/x86/init.h"

enum { CHAINS = 12 };

static double int8_avx512(size_t rounds)
{
    volatile int8_t start = 3;
    const __m512i a = _mm512_set1_epi8(start), one = _mm512_set1_epi16(1);
    __m512i s[CHAINS];

    for (int i = 0; i < CHAINS; i++)
        s[i] = _mm512_set1_epi32(i);
    for (size_t r = 0; r < rounds; r++) /* maddubs and madd are what a product costs without VNNI */
        for (int i = 0; i < CHAINS; i++)
            s[i] = _mm512_madd_epi16(_mm512_maddubs_epi16(s[i], a), one);
    for (int i = 0; i < CHAINS; i++)
        start = (int8_t)(start ^ _mm_cvtsi128_si32(_mm512_castsi512_si128(s[i])));
    return 128.0 * CHAINS * (double)rounds;
}

static double f32_avx512(size_t rounds)
{
    volatile float start = 0.5f;
    const __m512 a = _mm512_set1_ps(start);
    __m512 s[CHAINS];

    for (int i = 0; i < CHAINS; i++)
        s[i] = _mm512_set1_ps((float)i);
    for (size_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++)
            s[i] = _mm512_fmadd_ps(s[i], a, a);
    for (int i = 0; i < CHAINS; i++)
        start = start + _mm512_cvtss_f32(s[i]);
    return 32.0 * CHAINS * (double)rounds;
}

static unsigned read_avx512(const void *p, size_t bytes)
{
    const uint8_t *w = p;
    __m512i s[4] = { _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                     _mm512_setzero_si512() };

    for (size_t i = 0; i + 256 <= bytes; i += 256)
        for (size_t j = 0; j < 4; j++)
            s[j] = _mm512_xor_si512(s[j], _mm512_loadu_si512(w + i + 64 * j));
    s[0] = _mm512_xor_si512(_mm512_xor_si512(s[0], s[1]), _mm512_xor_si512(s[2], s[3]));
    return (unsigned)_mm_cvtsi128_si32(_mm512_castsi512_si128(s[0]));
}

void az_peaks_init_avx512(az_peaks *p)
{
    *p = (az_peaks){ int8_avx512,      f32_avx512, f32_avx512,  read_avx512,
                     "vpmaddubsw zmm", "f32",      "vfmadd zmm" };
}
