/* Packing f32 rows into blocks of a weight type: the slots that kernel tables get. */
#ifndef AZ_KERNEL_PACK_H
#define AZ_KERNEL_PACK_H

#include "kernel/kernel.h"

/* Fill k->pack; every version writes the same bytes. */
void az_pack_init_c(az_kernels *k);
void az_pack_init_avx2(az_kernels *k);
void az_pack_init_avx512(az_kernels *k);

#endif
