/* The AArch64 kernels by instruction set; each function overwrites the slots that its set does better. */
#ifndef AZ_KERNEL_ARM_INIT_H
#define AZ_KERNEL_ARM_INIT_H

#include "kernel/kernel.h"
#include "kernel/peak.h"

void az_kernels_init_arm(az_kernels *k, unsigned cpu);

void az_matmul_init_neon(az_kernels *k);
void az_float_init_neon(az_kernels *k);
void az_attention_init_neon(az_kernels *k);
void az_matmul_init_dotprod(az_kernels *k);
void az_attention_init_dotprod(az_kernels *k);
void az_matmul_init_i8mm(az_kernels *k);

void az_peaks_init_arm(az_peaks *p, unsigned cpu);
void az_peaks_init_neon(az_peaks *p);
void az_peaks_init_dotprod(az_peaks *p);
void az_peaks_init_i8mm(az_peaks *p);

#endif
