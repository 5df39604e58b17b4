/* Products of quantized weights for AVX2 with VNNI in 256 bits (clients since Alder Lake). */
#include "kernel/x86/affine_avx2.h"

#define VNNI_DOT4 _mm256_dpbusd_avx_epi32
#define VNNI_DOT2 _mm256_dpwssd_avx_epi32
#include "kernel/x86/dot_vnni.h"
#include "kernel/x86/init.h"

#define ISA    avxvnni
#define TILE_N 2
#define TILE_M 4
#ifdef AZ_FEW_KERNELS /* with checks in them, more take minutes to compile */
#define DIRECT_MAX 2
#define GROUPS_MAX 2
#else
#define DIRECT_MAX 4
#define GROUPS_MAX 4
#endif
#define HIGH_STAYS 1

#include "kernel/simd/matmul_blocks.h"
#include "kernel/simd/matmul_panels.h"

void az_matmul_init_avxvnni(az_kernels *k)
{
    init_blocks(k);
    init_panels(k);
}
