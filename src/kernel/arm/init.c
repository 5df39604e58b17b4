/* Choice of the AArch64 kernels, sets in rising order. */
#include "kernel/arm/init.h"

static bool has(unsigned cpu, unsigned all)
{
    return (cpu & all) == all;
}

void az_kernels_init_arm(az_kernels *k, unsigned cpu)
{
    if (has(cpu, AZ_CPU_NEON)) {
        k->isa = "neon";
        az_matmul_init_neon(k);
        az_float_init_neon(k);
        az_attention_init_neon(k);
    }
    if (has(cpu, AZ_CPU_LEVEL_DOTPROD)) {
        k->isa = "dotprod";
        az_matmul_init_dotprod(k);
        az_attention_init_dotprod(k);
    }
    if (has(cpu, AZ_CPU_LEVEL_I8MM)) {
        k->isa = "i8mm";
        az_matmul_init_i8mm(k);
    }
}

void az_peaks_init_arm(az_peaks *p, unsigned cpu)
{
    if (has(cpu, AZ_CPU_NEON)) az_peaks_init_neon(p);
    if (has(cpu, AZ_CPU_LEVEL_DOTPROD)) az_peaks_init_dotprod(p);
    if (has(cpu, AZ_CPU_LEVEL_I8MM)) az_peaks_init_i8mm(p);
}
