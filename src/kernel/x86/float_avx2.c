/* Plain weights and the element-wise kernels for AVX2. */
#include "kernel/x86/affine_avx2.h"
#include "kernel/x86/init.h"

#define ISA    avx2
#define TILE_M 6
#define TILE_N 2

#include "kernel/simd/matmul_plain.h"
#include "kernel/simd/matmul_fp8.h"
#include "kernel/simd/vector.h"

void az_float_init_avx2(az_kernels *k)
{
    init_plain(k);
    init_fp8(k);
    init_vector(k);
}
