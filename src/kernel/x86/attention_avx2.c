/* Attention for AVX2. */
#include "kernel/x86/init.h"
#include "kernel/x86/simd_avx2.h"

#define ISA  avx2
#define VNNI 0

#include "kernel/simd/attention.h"

void az_attention_init_avx2(az_kernels *k)
{
    init_attention(k);
}
