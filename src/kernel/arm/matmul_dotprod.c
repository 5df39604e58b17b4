/* Products of quantized weights for AArch64 with dot products (FEAT_DotProd: Cortex-A55, A75 and later). */
#include "kernel/arm/dot_sdot.h"
#include "kernel/arm/init.h"

#define ISA        dotprod
#define TILE_N     1
#define TILE_M     4
#define DIRECT_MAX 4
#define GROUPS_MAX 16

#include "kernel/simd/matmul_blocks.h"
#include "kernel/simd/matmul_panels.h"

void az_matmul_init_dotprod(az_kernels *k)
{
    init_blocks(k);
    init_panels(k);
}
