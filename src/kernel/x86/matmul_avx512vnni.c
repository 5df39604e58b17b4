/* Products of quantized weights for AVX-512 with VNNI. */
#include "kernel/x86/affine_avx512.h"
#include "kernel/x86/init.h"

#define ISA    avx512vnni
#define VNNI   1
#define TILE_N 2
#define TILE_M 6

AZ_INLINE vi vi_dpbusd(vi sum, vi u, vi s)
{
    return _mm512_dpbusd_epi32(sum, u, s);
}
/* Signed bytes, 128 added to each. */
AZ_INLINE vi vi_add8_128(vi v)
{
    return _mm512_xor_si512(v, vi_set8((int8_t)-128));
}

/* sum + products of 16-bit pairs */
AZ_INLINE vi vi_dot2(vi sum, vi a, vi b)
{
    return _mm512_dpwssd_epi32(sum, a, b);
}

#include "kernel/simd/matmul_blocks.h"
#include "kernel/simd/matmul_panels.h"

void az_matmul_init_avx512vnni(az_kernels *k)
{
    init_blocks(k);
    init_panels(k);
}
