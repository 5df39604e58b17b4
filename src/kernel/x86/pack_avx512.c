/* Packing for AVX-512: the same code and the same bytes as in plain C. */
#define AZ_V16_AVX512
#include "kernel/pack_body.h"

void az_pack_init_avx512(az_kernels *k)
{
    fill_pack(k);
}
