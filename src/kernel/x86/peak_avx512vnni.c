/* Peak loops for AVX-512 with VNNI: 12 independent chains hide the latency of any product. */
#include <immintrin.h>
#include <stdint.h>
#include "kernel/x86/init.h"

enum { CHAINS = 12 };

static double int8_vnni(size_t rounds)
{
    volatile int8_t start = 3;
    const __m512i a = _mm512_set1_epi8(start);
    __m512i s[CHAINS];

    for (int i = 0; i < CHAINS; i++)
        s[i] = _mm512_set1_epi32(i);
    for (size_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++)
            s[i] = _mm512_dpbusd_epi32(s[i], a, a);
    for (int i = 0; i < CHAINS; i++)
        start = (int8_t)(start ^ _mm_cvtsi128_si32(_mm512_castsi512_si128(s[i])));
    return 128.0 * CHAINS * (double)rounds;
}

void az_peaks_init_avx512vnni(az_peaks *p)
{
    p->int8 = int8_vnni;
    p->int8_how = "vpdpbusd zmm";
}
