/* Attention for AVX-512 with VNNI. */
#include "kernel/x86/init.h"
#include "kernel/x86/simd_avx512.h"

#define VNNI_DOT4 _mm512_dpbusd_epi32
#define VNNI_DOT2 _mm512_dpwssd_epi32
#include "kernel/x86/dot_vnni.h"

#define OUT_VECS 4 /* vectors of outputs kept in registers, for each row of a team */

#include "kernel/simd/attention.h"

void az_attention_init_avx512vnni(az_kernels *k)
{
    init_attention(k);
}
