/* Products of quantized weights for AVX-512 without VNNI. */
#include "kernel/x86/affine_avx512.h"
#include "kernel/x86/init.h"

#define ISA    avx512
#define VNNI   0
#define TILE_N 2
#define TILE_M 4

/* sum + products of 16-bit pairs */
AZ_INLINE vi vi_dot2(vi sum, vi a, vi b)
{
    return vi_add32(sum, vi_madd16(a, b));
}

#include "kernel/simd/matmul_blocks.h"
#include "kernel/simd/matmul_panels.h"

void az_matmul_init_avx512(az_kernels *k)
{
    init_blocks(k);
    init_panels(k);
}
