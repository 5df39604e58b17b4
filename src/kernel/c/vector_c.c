/* Scalar element-wise kernels and the norm. None is fused, so every instruction set gives the same bits;
 * the norm's sum of squares runs in 16 lanes (i mod 16) that are halved pairwise at the end.
 */
#include <math.h>
#include "core/half.h"
#include "kernel/c/kernels_c.h"
#include "kernel/math.h"

static void rms_norm_c(float *y, const float *x, const float *w, size_t n, float eps)
{
    float s[16] = { 0 }, scale;

    for (size_t i = 0; i < n; i++)
        s[i & 15] += x[i] * x[i];
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            s[i] += s[i + half];
    scale = 1.0f / sqrtf(s[0] / (float)n + eps);
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * scale * w[i];
}

static void add_c(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

static void silu_mul_c(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = gate[i] / (1.0f + az_expf(-gate[i])) * up[i];
}

static void rope_c(float *x, const float *cs, size_t dims, bool adjacent)
{
    size_t half = dims / 2;

    for (size_t j = 0; j < half; j++) {
        float *p = adjacent ? x + 2 * j : x + j, *q = adjacent ? p + 1 : p + half;
        float c = cs[2 * j], s = cs[2 * j + 1], a = *p, b = *q;

        *p = a * c - b * s;
        *q = b * c + a * s;
    }
}

static void f32_to_f16_c(az_f16 *dst, const float *src, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = az_f32_to_f16(src[i]);
}

static void f16_to_f32_c(float *dst, const az_f16 *src, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = az_f16_to_f32(src[i]);
}

void az_vector_init_c(az_kernels *k)
{
    k->rms_norm = rms_norm_c;
    k->add = add_c;
    k->silu_mul = silu_mul_c;
    k->rope = rope_c;
    k->f32_to_f16 = f32_to_f16_c;
    k->f16_to_f32 = f16_to_f32_c;
}
