/* Plain weights and the element-wise kernels for AVX-512. */
#include "kernel/x86/affine_avx512.h"
#include "kernel/x86/init.h"

#define ISA    avx512
#define TILE_M 6
#define TILE_N 4

#include "kernel/simd/matmul_plain.h"
#include "kernel/simd/matmul_fp8.h"
#include "kernel/simd/vector.h"

void az_float_init_avx512(az_kernels *k)
{
    init_plain(k);
    init_fp8(k);
    init_vector(k);
}
