/* CPU features that kernels dispatch on, checked against what the operating system saves (XCR0). */
#ifndef AZ_BASE_CPU_H
#define AZ_BASE_CPU_H

#include <stddef.h>

/* clang-format off */
/* bit, name as printed. fast_bf16 is no bit of cpuid: AMD's cores multiply bf16 pairs at twice the rate of f32, Intel's at half. */
#define AZ_CPU_MAP(X)                                                                            \
    X(SSE2, 0, "sse2")                                                                           \
    X(AVX, 1, "avx")                                                                             \
    X(F16C, 2, "f16c")                                                                           \
    X(FMA, 3, "fma") X(AVX2, 4, "avx2") X(AVXVNNI, 5, "avx_vnni") X(AVX512F, 6, "avx512f")       \
        X(AVX512BW, 7, "avx512bw") X(AVX512VL, 8, "avx512vl") X(AVX512DQ, 9, "avx512dq")         \
            X(AVX512VNNI, 10, "avx512_vnni") X(AVX512BF16, 11, "avx512_bf16")                    \
                X(AVX512FP16, 12, "avx512_fp16") X(AVX512VBMI, 13, "avx512vbmi")                 \
                    X(AMXTILE, 14, "amx_tile") X(AMXINT8, 15, "amx_int8")                        \
                        X(AMXBF16, 16, "amx_bf16") X(NEON, 17, "neon") X(DOTPROD, 18, "dotprod") \
                            X(I8MM, 19, "i8mm") X(SVE, 20, "sve") X(SSE41, 21, "sse4_1")         \
                                X(BMI2, 22, "bmi2") X(FAST_BF16, 23, "fast_bf16")
/* clang-format on */

#define AZ_X(name, bit, text) AZ_CPU_##name = 1u << (bit),
enum az_cpu_flag { AZ_CPU_MAP(AZ_X) };
#undef AZ_X

/* The level that kernels are written for. */
#define AZ_CPU_LEVEL_AVX2 (AZ_CPU_AVX2 | AZ_CPU_FMA | AZ_CPU_F16C)
#define AZ_CPU_LEVEL_AVX512 \
    (AZ_CPU_LEVEL_AVX2 | AZ_CPU_AVX512F | AZ_CPU_AVX512BW | AZ_CPU_AVX512VL | AZ_CPU_AVX512DQ)
#define AZ_CPU_LEVEL_DOTPROD (AZ_CPU_NEON | AZ_CPU_DOTPROD)
#define AZ_CPU_LEVEL_I8MM    (AZ_CPU_LEVEL_DOTPROD | AZ_CPU_I8MM)

/* What this CPU and its operating system offer, without any cap. */
unsigned az_cpu_detect(void);
/* Flags capped by a level name: "c" (scalar), "avx2", "avxvnni" (VNNI in 256 bits), "avx512" (no VNNI), "avx512vnni",
 * "avx512bf16" (bf16 products even where they are slow), "neon", "dotprod", "i8mm", "max". A level of another architecture leaves the scalar kernels. Returns 0
 * and sets *ok false for an unknown name. */
unsigned az_cpu_cap(unsigned flags, const char *level, int *ok);
/* Detected flags, capped by the environment variable ADZE_CPU where set (an unknown value is ignored). */
unsigned az_cpu_flags(void);
/* Name of flag number i (0..), or NULL past the end; *bit gets its mask. */
const char *az_cpu_flag_name(size_t i, unsigned *bit);
/* Brand string such as "AMD EPYC ..."; "" when unknown. */
const char *az_cpu_brand(char *buf, size_t size);
/* Cores this process may use: affinity mask and cgroup quota counted; at least 1. */
int az_cpu_usable(void);

#endif
