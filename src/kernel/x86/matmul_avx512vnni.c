/* Products of quantized weights for AVX-512 with VNNI. */
#include "kernel/x86/affine_avx512.h"
#include "kernel/x86/dot_vnni.h"
#include "kernel/x86/init.h"

#define ISA        avx512vnni
#define TILE_N     2
#define TILE_M     6
#define DIRECT_MAX 4
#define GROUPS_MAX 16

#include "kernel/simd/matmul_blocks.h"
#include "kernel/simd/matmul_panels.h"

void az_matmul_init_avx512vnni(az_kernels *k)
{
    init_blocks(k);
    init_panels(k);
}
