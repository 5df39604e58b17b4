/* The instruction-set levels that this machine can run, each as a kernel table. */
#ifndef AZ_TESTS_KERNEL_LEVELS_H
#define AZ_TESTS_KERNEL_LEVELS_H

#include <string.h>
#include "kernel/kernel.h"

/* Level number i of those present, scalar first; false past the end. */
static inline int levels_get(size_t i, az_kernels *k)
{
    static const char *const names[] = { "c",          "avx2", "avxvnni", "avx512", "avx512vnni",
                                         "avx512bf16", "neon", "dotprod", "i8mm" };
    for (size_t l = 0; l < sizeof names / sizeof names[0]; l++) {
        int ok;

        az_kernels_init(k, az_cpu_cap(az_cpu_detect(), names[l], &ok));
        if (!ok || strcmp(k->isa, names[l]) != 0) continue;
        if (i-- == 0) return 1;
    }
    return 0;
}

#endif
