/* Attention for AVX2. */
#include "kernel/x86/init.h"
#include "kernel/x86/simd_avx2.h"

#include "kernel/x86/dot_pairs.h"

#define OUT_VECS 4 /* vectors of outputs kept in registers, for each row of a team */

#include "kernel/simd/attention.h"

void az_attention_init_avx2(az_kernels *k)
{
    init_attention(k);
}
