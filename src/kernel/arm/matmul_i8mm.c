/* Products of quantized weights for AArch64 with products of byte matrices (FEAT_I8MM: Cortex-A510, X2, Neoverse V1, N2). */
#include "kernel/arm/dot_smmla.h"
#include "kernel/arm/init.h"

#define ISA        i8mm
#define TILE_N     1
#define TILE_M     4
#define DIRECT_MAX 4
#define GROUPS_MAX 8

#include "kernel/simd/matmul_blocks.h"
#include "kernel/simd/matmul_panels.h"

void az_matmul_init_i8mm(az_kernels *k)
{
    init_blocks(k);
    init_panels(k);
}
