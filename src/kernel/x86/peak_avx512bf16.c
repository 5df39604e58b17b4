/* Peak loop for bf16 dot products: 12 independent chains hide their latency. */
#include <immintrin.h>
#include <stdint.h>
#include "kernel/x86/init.h"

enum { CHAINS = 12 };

static double bf16_avx512(size_t rounds)
{
    volatile float start = 0.5f;
    const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(start), _mm512_set1_ps(start));
    __m512 s[CHAINS];

    for (int i = 0; i < CHAINS; i++)
        s[i] = _mm512_set1_ps((float)i);
    for (size_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++)
            s[i] = _mm512_dpbf16_ps(s[i], a, a);
    for (int i = 0; i < CHAINS; i++)
        start = start + _mm512_cvtss_f32(s[i]);
    return 64.0 * CHAINS * (double)rounds;
}

void az_peaks_init_avx512bf16(az_peaks *p)
{
    p->bf16 = bf16_avx512;
    p->bf16_how = "vdpbf16ps zmm";
}
