/* Filling of the kernel table: scalar first, then the instruction sets overwrite what they have. */
#include "kernel/kernel.h"
#include "base/compiler.h"
#include "kernel/c/kernels_c.h"
#include "kernel/pack.h"
#if AZ_X86_64
#include "kernel/x86/init.h"
#elif AZ_AARCH64
#include "kernel/arm/init.h"
#endif

#include <pthread.h>

static void init_c(az_kernels *k)
{
    *k = (az_kernels){ .isa = "c" };
    az_matmul_init_c(k);
    az_unpack_init_c(k);
    az_pack_init_c(k);
    az_vector_init_c(k);
    az_attention_init_c(k);
}

void az_kernels_init(az_kernels *k, unsigned cpu)
{
    init_c(k);
    k->cpu = cpu;
#if AZ_X86_64
    az_kernels_init_x86(k, cpu);
#elif AZ_AARCH64
    az_kernels_init_arm(k, cpu);
#endif
}

static az_kernels the_kernels;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_default(void)
{
    az_kernels_init(&the_kernels, az_cpu_flags());
}

const az_kernels *az_kernels_default(void)
{
    pthread_once(&once, make_default);
    return &the_kernels;
}
