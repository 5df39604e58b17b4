/* Peak loops for any AArch64: 16 independent chains hide the latency of any product. */
#include <arm_neon.h>
#include "kernel/arm/init.h"

enum { CHAINS = 16 };

static double int8_neon(size_t rounds)
{
    volatile int8_t start = 3;
    const int8x16_t a = vdupq_n_s8(start);
    int16x8_t s[CHAINS];

    for (int i = 0; i < CHAINS; i++)
        s[i] = vdupq_n_s16((int16_t)i);
    for (size_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++)
            s[i] = vmlal_high_s8(s[i], a, a);
    for (int i = 0; i < CHAINS; i++)
        start = (int8_t)(start ^ vgetq_lane_s16(s[i], 0));
    return 16.0 * CHAINS * (double)rounds;
}

static double f32_neon(size_t rounds)
{
    volatile float start = 0.5f;
    const float32x4_t a = vdupq_n_f32(start);
    float32x4_t s[CHAINS];

    for (int i = 0; i < CHAINS; i++)
        s[i] = vdupq_n_f32((float)i);
    for (size_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++)
            s[i] = vfmaq_f32(a, s[i], a);
    for (int i = 0; i < CHAINS; i++)
        start = start + vgetq_lane_f32(s[i], 0);
    return 8.0 * CHAINS * (double)rounds;
}

static unsigned read_neon(const void *p, size_t bytes)
{
    const uint8_t *w = p;
    uint8x16_t s[4] = { vdupq_n_u8(0), vdupq_n_u8(0), vdupq_n_u8(0), vdupq_n_u8(0) };

    for (size_t i = 0; i + 64 <= bytes; i += 64)
        for (size_t j = 0; j < 4; j++)
            s[j] = veorq_u8(s[j], vld1q_u8(w + i + 16 * j));
    s[0] = veorq_u8(veorq_u8(s[0], s[1]), veorq_u8(s[2], s[3]));
    return vgetq_lane_u32(vreinterpretq_u32_u8(s[0]), 0);
}

void az_peaks_init_neon(az_peaks *p)
{
    *p = (az_peaks){ int8_neon, f32_neon, f32_neon, read_neon, "smlal", "f32", "fmla" };
}
