/* Plain weights, attention and the element-wise kernels for AVX-512. */
#include "kernel/x86/init.h"
#include "kernel/x86/simd_avx512.h"

#define ISA    avx512
#define TILE_M 6
#define TILE_N 4

#include "kernel/x86/matmul_plain.h"
#include "kernel/x86/vector.h"
#include "kernel/x86/attention.h"

void az_float_init_avx512(az_kernels *k)
{
    init_plain(k);
    init_vector(k);
    init_attention(k);
}
