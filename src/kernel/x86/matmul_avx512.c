/* Products of quantized weights for AVX-512 without VNNI. */
#include "kernel/x86/affine_avx512.h"
#include "kernel/x86/dot_pairs.h"
#include "kernel/x86/init.h"

#define ISA        avx512
#define TILE_N     2
#define TILE_M     4
#define DIRECT_MAX 4
#define GROUPS_MAX 4

#include "kernel/simd/matmul_blocks.h"
#include "kernel/simd/matmul_panels.h"

void az_matmul_init_avx512(az_kernels *k)
{
    init_blocks(k);
    init_panels(k);
}
