/* The scalar kernels. Each defines its operation's numbers; other instruction sets are checked against it. */
#ifndef AZ_KERNEL_C_KERNELS_C_H
#define AZ_KERNEL_C_KERNELS_C_H

#include "kernel/kernel.h"

/* Its parts, one a file. */
void az_matmul_init_c(az_kernels *k);
void az_unpack_init_c(az_kernels *k);
void az_vector_init_c(az_kernels *k);
void az_attention_c(const az_attn_args *a);

#endif
