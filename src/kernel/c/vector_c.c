/* Scalar element-wise kernels and the norm. None is fused, so every instruction set gives the same bits;
 * the norms' sums run in 16 lanes (i mod 16) that are halved pairwise at the end.
 */
#include <math.h>
#include "core/half.h"
#include "kernel/c/kernels_c.h"
#include "kernel/math.h"

static float lane_sum(float s[16])
{
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            s[i] += s[i + half];
    return s[0];
}

static void rms_norm_c(float *y, const float *x, const float *w, size_t n, float eps)
{
    float s[16] = { 0 }, scale;

    for (size_t i = 0; i < n; i++)
        s[i & 15] += x[i] * x[i];
    scale = 1.0f / sqrtf(lane_sum(s) / (float)n + eps);
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * scale * w[i];
}

static void layer_norm_c(float *y, const float *x, const float *w, const float *b, size_t n,
                         float eps)
{
    float s[16] = { 0 }, q[16] = { 0 }, mean, scale;

    for (size_t i = 0; i < n; i++)
        s[i & 15] += x[i];
    mean = lane_sum(s) / (float)n;
    for (size_t i = 0; i < n; i++)
        q[i & 15] += (x[i] - mean) * (x[i] - mean);
    scale = 1.0f / sqrtf(lane_sum(q) / (float)n + eps);
    for (size_t i = 0; i < n; i++)
        y[i] = (x[i] - mean) * scale * w[i] + b[i];
}

static void add_c(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

static void add_scaled_c(float *y, const float *x, float s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += s * x[i];
}

static void scale_cap_c(float *y, float s, float cap, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = cap > 0 ? cap * az_tanhf(s * y[i] / cap) : s * y[i];
}

static void silu_mul_c(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = gate[i] / (1.0f + az_expf(-gate[i])) * (up ? up[i] : 1.0f);
}

static void gelu_mul_c(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = az_geluf(gate[i]) * (up ? up[i] : 1.0f);
}

static void gelu_tanh_mul_c(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float x = gate[i], u = AZ_GELU_C * (x + AZ_GELU_D * x * x * x);

        y[i] = x / (1.0f + az_expf(-u)) * (up ? up[i] : 1.0f);
    }
}

static void swiglu_mul_c(float *y, const float *gate, const float *up, size_t n)
{
    const float top = AZ_SWIGLU_LIMIT;

    for (size_t i = 0; i < n; i++) { /* written so that a NaN stays one */
        float g = top < gate[i] ? top : gate[i], u = top < up[i] ? top : up[i];

        u = -top > u ? -top : u;
        y[i] = g / (1.0f + az_expf(-(AZ_SWIGLU_ALPHA * g))) * (u + 1.0f);
    }
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
    k->layer_norm = layer_norm_c;
    k->add_scaled = add_scaled_c;
    k->scale_cap = scale_cap_c;
    k->act_mul[AZ_ACTIVATION_SILU] = silu_mul_c;
    k->act_mul[AZ_ACTIVATION_GELU] = gelu_mul_c;
    k->act_mul[AZ_ACTIVATION_GELU_TANH] = gelu_tanh_mul_c;
    k->act_mul[AZ_ACTIVATION_SWIGLU] = swiglu_mul_c;
    k->rope = rope_c;
    k->f32_to_f16 = f32_to_f16_c;
    k->f16_to_f32 = f16_to_f32_c;
}
