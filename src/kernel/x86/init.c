/* Choice of the x86-64 kernels, sets in rising order, no early return. */
#include "kernel/x86/init.h"
#include "kernel/pack.h"

/* Intel's cores have the products, at half the rate of f32. */
#define BF16 (AZ_CPU_LEVEL_AVX512 | AZ_CPU_AVX512VNNI | AZ_CPU_AVX512BF16 | AZ_CPU_FAST_BF16)

static bool has(unsigned cpu, unsigned all)
{
    return (cpu & all) == all;
}

void az_kernels_init_x86(az_kernels *k, unsigned cpu)
{
    if (has(cpu, AZ_CPU_LEVEL_AVX2)) {
        k->isa = "avx2";
        az_matmul_init_avx2(k);
        az_float_init_avx2(k);
        az_attention_init_avx2(k);
        az_unpack_init_avx2(k);
        az_pack_init_avx2(k);
    }
    if (has(cpu, AZ_CPU_LEVEL_AVX2 | AZ_CPU_AVXVNNI)) {
        k->isa = "avxvnni";
        az_matmul_init_avxvnni(k);
    }
    if (has(cpu, AZ_CPU_LEVEL_AVX512)) {
        k->isa = "avx512";
        az_matmul_init_avx512(k);
        az_float_init_avx512(k);
        az_attention_init_avx512(k);
        az_pack_init_avx512(k);
    }
    if (has(cpu, AZ_CPU_LEVEL_AVX512 | AZ_CPU_AVX512VNNI)) {
        k->isa = "avx512vnni";
        az_matmul_init_avx512vnni(k);
        az_attention_init_avx512vnni(k);
    }
    if (has(cpu, BF16)) {
        k->isa = "avx512bf16";
        az_matmul_init_avx512bf16(k);
    }
}

void az_peaks_init_x86(az_peaks *p, unsigned cpu)
{
    if (has(cpu, AZ_CPU_LEVEL_AVX2)) az_peaks_init_avx2(p);
    if (has(cpu, AZ_CPU_LEVEL_AVX2 | AZ_CPU_AVXVNNI)) az_peaks_init_avxvnni(p);
    if (has(cpu, AZ_CPU_LEVEL_AVX512)) az_peaks_init_avx512(p);
    if (has(cpu, AZ_CPU_LEVEL_AVX512 | AZ_CPU_AVX512VNNI)) az_peaks_init_avx512vnni(p);
    if (has(cpu, BF16)) az_peaks_init_avx512bf16(p);
}
