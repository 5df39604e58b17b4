/* The exponential that every kernel uses, so that results do not depend on a C library.
 *
 * exp(x) = 2^n * e^r with n = round(x / ln 2) and |r| <= ln 2 / 2; e^r is Cephes' polynomial for expf
 * (S. L. Moshier, netlib.org/cephes, single/expf.c), relative error below 2e-7. Multiplications and
 * additions are separate, so a vector version has the same bits.
 */
#ifndef AZ_KERNEL_MATH_H
#define AZ_KERNEL_MATH_H

#include "core/half.h"

#define AZ_INFINITY ((float)(1e300 * 1e300))
#define AZ_EXP_MIN  -87.3f /* below: 0 */
#define AZ_EXP_MAX  88.7f  /* above: infinity */
#define AZ_LOG2E    1.44269504f
#define AZ_LN2_HI   0.693359375f
#define AZ_LN2_LO   -2.12194440e-4f
#define AZ_ROUND    12582912.0f /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
#define AZ_EXP_P0   1.9875691500e-4f
#define AZ_EXP_P1   1.3981999507e-3f
#define AZ_EXP_P2   8.3334519073e-3f
#define AZ_EXP_P3   4.1665795894e-2f
#define AZ_EXP_P4   1.6666665459e-1f
#define AZ_EXP_P5   5.0000001201e-1f

static inline float az_expf(float x)
{
    float t, n, r, p;

    if (x < AZ_EXP_MIN) return 0.0f;
    if (x > AZ_EXP_MAX) return AZ_INFINITY;
    if (x != x) return x;
    t = x * AZ_LOG2E + AZ_ROUND;
    n = t - AZ_ROUND;
    r = x - n * AZ_LN2_HI;
    r = r - n * AZ_LN2_LO;
    p = AZ_EXP_P0;
    p = p * r + AZ_EXP_P1;
    p = p * r + AZ_EXP_P2;
    p = p * r + AZ_EXP_P3;
    p = p * r + AZ_EXP_P4;
    p = p * r + AZ_EXP_P5;
    p = p * (r * r) + r;
    p = p + 1.0f;
    return az_bits_f32(az_f32_bits(p) + (az_f32_bits(t) << 23));
}

#endif
