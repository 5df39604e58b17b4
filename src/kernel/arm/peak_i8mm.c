/* The peak loop for bytes with smmla. */
#include <arm_neon.h>
#include "kernel/arm/init.h"

enum { CHAINS = 16 };

static double int8_i8mm(size_t rounds)
{
    volatile int8_t start = 3;
    const int8x16_t a = vdupq_n_s8(start);
    int32x4_t s[CHAINS];

    for (int i = 0; i < CHAINS; i++)
        s[i] = vdupq_n_s32(i);
    for (size_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++)
            s[i] = vmmlaq_s32(s[i], a, a);
    for (int i = 0; i < CHAINS; i++)
        start = (int8_t)(start ^ vgetq_lane_s32(s[i], 0));
    return 64.0 * CHAINS * (double)rounds;
}

void az_peaks_init_i8mm(az_peaks *p)
{
    p->int8 = int8_i8mm;
    p->int8_how = "smmla";
}
