/* The x86-64 kernels by instruction set; each function overwrites the slots that its set does better. */
#ifndef AZ_KERNEL_X86_INIT_H
#define AZ_KERNEL_X86_INIT_H

#include "kernel/kernel.h"
#include "kernel/peak.h"

void az_kernels_init_x86(az_kernels *k, unsigned cpu);

void az_matmul_init_avx2(az_kernels *k);
void az_float_init_avx2(az_kernels *k);
void az_unpack_init_avx2(az_kernels *k);
void az_attention_init_avx2(az_kernels *k);
void az_matmul_init_avxvnni(az_kernels *k);
void az_matmul_init_avx512(az_kernels *k);
void az_float_init_avx512(az_kernels *k);
void az_attention_init_avx512(az_kernels *k);
void az_matmul_init_avx512vnni(az_kernels *k);
void az_attention_init_avx512vnni(az_kernels *k);
void az_matmul_init_avx512bf16(az_kernels *k);

void az_peaks_init_x86(az_peaks *p, unsigned cpu);
void az_peaks_init_avx2(az_peaks *p);
void az_peaks_init_avxvnni(az_peaks *p);
void az_peaks_init_avx512(az_peaks *p);
void az_peaks_init_avx512vnni(az_peaks *p);
void az_peaks_init_avx512bf16(az_peaks *p);

#endif
