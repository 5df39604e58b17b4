/* The scalar kernels. Each defines its operation's numbers; other instruction sets are checked against it. */
#ifndef AZ_KERNEL_C_KERNELS_C_H
#define AZ_KERNEL_C_KERNELS_C_H

#include "kernel/kernel.h"

/* Its parts, one a file. */
void az_matmul_init_c(az_kernels *k);
void az_unpack_init_c(az_kernels *k);
void az_vector_init_c(az_kernels *k);
void az_attention_init_c(az_kernels *k);
void az_kv_init_c(az_kernels *k);
void az_quantize_q8_c(void *a, const float *x, size_t k);

/* For heads that a set's vectors do not serve. */
void az_attention_c(az_type type, const az_attn_args *a);

#endif
