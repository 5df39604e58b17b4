/* Peak loops in plain C, overwritten by what the CPU has. */
#include "kernel/peak.h"
#include <stdint.h>
#include "base/compiler.h"
#if AZ_X86_64
#include "kernel/x86/init.h"
#elif AZ_AARCH64
#include "kernel/arm/init.h"
#endif

enum { CHAINS = 16 };

static double int8_c(size_t rounds)
{
    volatile int8_t start = 3;
    int32_t sum[CHAINS] = { 0 };
    int8_t a = start;

    for (size_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++)
            sum[i] = (int32_t)((uint32_t)(sum[i] & 127) * (uint32_t)a + (uint32_t)sum[i]);
    for (int i = 0; i < CHAINS; i++)
        start = (int8_t)(start ^ sum[i]);
    return 2.0 * CHAINS * (double)rounds;
}

static double f32_c(size_t rounds)
{
    volatile float start = 0.5f;
    float sum[CHAINS] = { 0 }, a = start;

    for (size_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++)
            sum[i] = sum[i] * a + a;
    for (int i = 0; i < CHAINS; i++)
        start = start + sum[i];
    return 2.0 * CHAINS * (double)rounds;
}

static unsigned read_c(const void *p, size_t bytes)
{
    const uint64_t *w = p;
    uint64_t s[4] = { 0 };

    for (size_t i = 0; i + 4 <= bytes / 8; i += 4)
        for (size_t j = 0; j < 4; j++)
            s[j] += w[i + j];
    return (unsigned)(s[0] ^ s[1] ^ s[2] ^ s[3]);
}

void az_peaks_init(az_peaks *p, unsigned cpu)
{
    *p = (az_peaks){ int8_c, f32_c, f32_c, read_c, "C", "f32", "C" };
#if AZ_X86_64
    az_peaks_init_x86(p, cpu);
#elif AZ_AARCH64
    az_peaks_init_arm(p, cpu);
#else
    (void)cpu;
#endif
}
