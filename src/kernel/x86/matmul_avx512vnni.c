/* Products of quantized weights for AVX-512 with VNNI. */
#include "kernel/x86/affine_avx512.h"

#define VNNI_DOT4 _mm512_dpbusd_epi32
#define VNNI_DOT2 _mm512_dpwssd_epi32
#include "kernel/x86/dot_vnni.h"
#include "kernel/x86/init.h"

#define ISA    avx512vnni
#define TILE_N 2
#define TILE_M 6
#ifdef AZ_FEW_KERNELS /* with checks in them, more take minutes to compile */
#define DIRECT_MAX 2
#define GROUPS_MAX 2
#else
#define DIRECT_MAX 8
#define GROUPS_MAX 8
#endif
#define HIGH_STAYS 1

#include "kernel/simd/matmul_blocks.h"
#include "kernel/simd/matmul_panels.h"

void az_matmul_init_avx512vnni(az_kernels *k)
{
    init_blocks(k);
    init_panels(k);
}
