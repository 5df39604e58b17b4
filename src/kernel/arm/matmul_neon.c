/* Products of quantized weights for any AArch64. */
#include "kernel/arm/dot_neon.h"
#include "kernel/arm/init.h"

#define ISA        neon
#define TILE_N     1
#define TILE_M     2
#define DIRECT_MAX 2
#define GROUPS_MAX 16

#include "kernel/simd/matmul_blocks.h"
#include "kernel/simd/matmul_panels.h"

void az_matmul_init_neon(az_kernels *k)
{
    init_blocks(k);
    init_panels(k);
}
