/* Products of bf16 weights with activations in bf16, two columns a lane and instruction. */
#include "kernel/x86/init.h"
#include "kernel/x86/simd_avx512.h"

#define ISA        avx512bf16
#define TILE_M     6
#define TILE_N     4
#define PLAIN_BF16 1

/* sum + products of pairs of bf16. Subnormals count as zero. */
AZ_INLINE vf vf_dot_bf16(vf sum, vi w, vi x)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)w, (__m512bh)x);
}

#include "kernel/simd/matmul_plain.h"

static void quantize_bf16_avx512bf16(void *a, const float *x, size_t k)
{
    az_bf16 *o = a;

    for (size_t i = 0; i < k; i++)
        o[i] = az_f32_to_bf16(x[i]);
}

void az_matmul_init_avx512bf16(az_kernels *k)
{
    k->weight[AZ_BF16] = (az_weight_kernel){ AZ_ACT_BF16, matmul_bf16_avx512bf16, NULL };
    k->quantize_bf16 = quantize_bf16_avx512bf16;
}
