/* Products of quantized weights for AVX2 (no VNNI): byte products are added in 16 bits as long as they fit. */
#include "kernel/x86/affine_avx2.h"
#include "kernel/x86/dot_pairs.h"
#include "kernel/x86/init.h"

#define ISA        avx2
#define TILE_N     1
#define TILE_M     4
#define DIRECT_MAX 4
#define GROUPS_MAX 4

#include "kernel/simd/matmul_blocks.h"
#include "kernel/simd/matmul_panels.h"

void az_matmul_init_avx2(az_kernels *k)
{
    init_blocks(k);
    init_panels(k);
}
