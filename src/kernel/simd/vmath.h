/* Functions of vectors that several kernels use, written once for every vector width (the including file brings simd_*.h). All
 * give the scalar version's bits: no fused products.
 */
#ifndef AZ_KERNEL_SIMD_VMATH_H
#define AZ_KERNEL_SIMD_VMATH_H

#include "kernel/math.h"

#define CAT3_(a, b, c) a##b##c
#define CAT3(a, b, c)  CAT3_(a, b, c)

/* az_expf in every lane. */
AZ_INLINE vf vf_exp(vf x)
{
    vf in = vf_max(vf_min(x, vf_set(AZ_EXP_MAX)), vf_set(AZ_EXP_MIN)), t, n, r, p;

    t = vf_add(vf_mul(in, vf_set(AZ_LOG2E)), vf_set(AZ_ROUND));
    n = vf_sub(t, vf_set(AZ_ROUND));
    r = vf_sub(in, vf_mul(n, vf_set(AZ_LN2_HI)));
    r = vf_sub(r, vf_mul(n, vf_set(AZ_LN2_LO)));
    p = vf_set(AZ_EXP_P0);
    p = vf_add(vf_mul(p, r), vf_set(AZ_EXP_P1));
    p = vf_add(vf_mul(p, r), vf_set(AZ_EXP_P2));
    p = vf_add(vf_mul(p, r), vf_set(AZ_EXP_P3));
    p = vf_add(vf_mul(p, r), vf_set(AZ_EXP_P4));
    p = vf_add(vf_mul(p, r), vf_set(AZ_EXP_P5));
    p = vf_add(vf_mul(p, vf_mul(r, r)), r);
    p = vf_add(p, vf_set(1));
    p = vf_times_2_pow(p, t);
    return vf_exp_edges(p, x);
}

/* az_tanhf in every lane. */
AZ_INLINE vf vf_tanh(vf x)
{
    vf z = vf_mul(x, x), p = vf_set(AZ_TANH_P0), e = vf_exp(vf_add(x, x));

    p = vf_add(vf_mul(p, z), vf_set(AZ_TANH_P1));
    p = vf_add(vf_mul(p, z), vf_set(AZ_TANH_P2));
    p = vf_add(vf_mul(p, z), vf_set(AZ_TANH_P3));
    p = vf_add(vf_mul(p, z), vf_set(AZ_TANH_P4));
    p = vf_add(vf_mul(vf_mul(p, z), x), x);
    e = vf_sub(vf_set(1), vf_div(vf_set(2), vf_add(e, vf_set(1))));
    return vf_near(x, AZ_TANH_NEAR, p, e);
}

/* az_geluf in every lane. */
AZ_INLINE vf vf_gelu(vf x)
{
    vf z = vf_max(x, vf_sub(vf_zero(), x)), p = vf_set(AZ_ERF_A5), t, e;

    z = vf_near(x, AZ_INFINITY, z, vf_mul(x, x)); /* a NaN stays one */
    t = vf_div(vf_set(1), vf_add(vf_set(1), vf_mul(vf_set(AZ_ERF_P), z)));
    p = vf_add(vf_mul(p, t), vf_set(AZ_ERF_A4));
    p = vf_add(vf_mul(p, t), vf_set(AZ_ERF_A3));
    p = vf_add(vf_mul(p, t), vf_set(AZ_ERF_A2));
    p = vf_add(vf_mul(p, t), vf_set(AZ_ERF_A1));
    e = vf_exp(vf_mul(vf_mul(vf_set(-0.5f), z), z));
    return vf_sub(vf_max(x, vf_zero()), vf_mul(z, vf_mul(vf_mul(p, t), e)));
}

AZ_INLINE void softcap(float *y, float s, float cap, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        vf v = vf_mul(vf_set(s), vf_load_n(y + i, n - i));

        if (cap > 0) v = vf_mul(vf_set(cap), vf_tanh(vf_div(v, vf_set(cap))));
        vf_store_n(y + i, v, n - i);
    }
}

AZ_INLINE void floats_of_f16(float *dst, const az_f16 *src, size_t n)
{
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        vf_store(dst + i, vf_of_f16(src + i));
    for (; i < n; i++)
        dst[i] = az_f16_to_f32(src[i]);
}

#endif
