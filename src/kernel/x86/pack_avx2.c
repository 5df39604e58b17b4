/* Packing for AVX2: the same code and the same bytes as in plain C. */
#define AZ_V16_AVX2
#include "kernel/pack_body.h"

void az_pack_init_avx2(az_kernels *k)
{
    fill_pack(k);
}
