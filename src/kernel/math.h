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

/* tanh: Cephes' polynomial (tanhf.c) near 0, else by the exponential; absolute error below 2e-7. */
#define AZ_TANH_NEAR 0.625f
#define AZ_TANH_P0   -5.70498872745e-3f
#define AZ_TANH_P1   2.06390887954e-2f
#define AZ_TANH_P2   -5.37397155531e-2f
#define AZ_TANH_P3   1.33314422036e-1f
#define AZ_TANH_P4   -3.33332819422e-1f

static inline float az_tanhf(float x)
{
    float z = x * x, p;

    if (!(x < AZ_TANH_NEAR && x > -AZ_TANH_NEAR)) return 1.0f - 2.0f / (az_expf(x + x) + 1.0f);
    p = AZ_TANH_P0;
    p = p * z + AZ_TANH_P1;
    p = p * z + AZ_TANH_P2;
    p = p * z + AZ_TANH_P3;
    p = p * z + AZ_TANH_P4;
    return p * z * x + x;
}

/* gelu(x) = max(x, 0) - |x| * (1 - erf(|x| / sqrt 2)) / 2, the second factor as a polynomial in
 * 1 / (1 + p |x| / sqrt 2) times exp(-x^2 / 2) (Abramowitz and Stegun 7.1.26, error below 1.5e-7). */
#define AZ_ERF_P  0.23164190f  /* 0.3275911 / sqrt 2 */
#define AZ_ERF_A1 0.127414796f /* halves of the published coefficients */
#define AZ_ERF_A2 -0.142248368f
#define AZ_ERF_A3 0.7107068705f
#define AZ_ERF_A4 -0.7265760135f
#define AZ_ERF_A5 0.5307027145f

static inline float az_geluf(float x)
{
    float z = x < 0 ? -x : x, t = 1.0f / (1.0f + AZ_ERF_P * z), p;

    p = AZ_ERF_A5;
    p = p * t + AZ_ERF_A4;
    p = p * t + AZ_ERF_A3;
    p = p * t + AZ_ERF_A2;
    p = p * t + AZ_ERF_A1;
    return (x > 0 ? x : 0) - z * (p * t * az_expf(-0.5f * z * z));
}

/* 2 * sqrt(2 / pi) * (x + 0.044715 x^3): gelu by tanh is x * sigmoid of it. */
#define AZ_GELU_C 1.59576912f
#define AZ_GELU_D 0.044715f

#define AZ_SWIGLU_LIMIT 7.0f
#define AZ_SWIGLU_ALPHA 1.702f

#endif
