/* The peak loop for bytes with sdot. */
#include <arm_neon.h>
#include "kernel/arm/init.h"

enum { CHAINS = 16 };

static double int8_dotprod(size_t rounds)
{
    volatile int8_t start = 3;
    const int8x16_t a = vdupq_n_s8(start);
    int32x4_t s[CHAINS];

    for (int i = 0; i < CHAINS; i++)
        s[i] = vdupq_n_s32(i);
    for (size_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++)
            s[i] = vdotq_s32(s[i], a, a);
    for (int i = 0; i < CHAINS; i++)
        start = (int8_t)(start ^ vgetq_lane_s32(s[i], 0));
    return 32.0 * CHAINS * (double)rounds;
}

void az_peaks_init_dotprod(az_peaks *p)
{
    p->int8 = int8_dotprod;
    p->int8_how = "sdot";
}
