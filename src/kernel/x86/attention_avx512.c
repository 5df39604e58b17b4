/* Attention for AVX-512. */
#include "kernel/x86/init.h"
#include "kernel/x86/simd_avx512.h"

#define ISA  avx512
#define VNNI 0

#include "kernel/simd/attention.h"

void az_attention_init_avx512(az_kernels *k)
{
    init_attention(k);
}
