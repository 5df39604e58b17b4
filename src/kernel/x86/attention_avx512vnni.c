/* Attention for AVX-512 with VNNI. */
#include "kernel/x86/init.h"
#include "kernel/x86/simd_avx512.h"

#define ISA  avx512vnni
#define VNNI 1

AZ_INLINE vi vi_dpbusd(vi sum, vi u, vi s)
{
    return _mm512_dpbusd_epi32(sum, u, s);
}

#include "kernel/simd/attention.h"

void az_attention_init_avx512vnni(az_kernels *k)
{
    init_attention(k);
}
