/* Peak loop for VNNI in 256 bits: 12 independent chains hide the latency of any product. */
#include <immintrin.h>
#include <stdint.h>
#include "kernel/x86/init.h"

enum { CHAINS = 12 };

static double int8_avxvnni(size_t rounds)
{
    volatile int8_t start = 3;
    const __m256i a = _mm256_set1_epi8(start);
    __m256i s[CHAINS];

    for (int i = 0; i < CHAINS; i++)
        s[i] = _mm256_set1_epi32(i);
    for (size_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++)
            s[i] = _mm256_dpbusd_avx_epi32(s[i], a, a);
    for (int i = 0; i < CHAINS; i++)
        start = (int8_t)(start ^ _mm_cvtsi128_si32(_mm256_castsi256_si128(s[i])));
    return 64.0 * CHAINS * (double)rounds;
}

void az_peaks_init_avxvnni(az_peaks *p)
{
    p->int8 = int8_avxvnni;
    p->int8_how = "vpdpbusd ymm";
}
