/* Element-wise kernels, the norm and the quantization of activations, written once for every vector width
 * (the including file brings simd_*.h and ISA). All give the scalar version's bits: no fused products, the
 * same lanes in the norm.
 */
#ifndef AZ_KERNEL_SIMD_VECTOR_H
#define AZ_KERNEL_SIMD_VECTOR_H

#include <math.h>
#include "kernel/simd/vmath.h"

AZ_INLINE float lane_sum(const vf t[16 / LANES])
{
    float s[16];

    for (int j = 0; j < 16 / LANES; j++)
        vf_store(s + j * LANES, t[j]);
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            s[i] += s[i + half];
    return s[0];
}

static void CAT3(rms_norm, _, ISA)(float *y, const float *x, const float *w, size_t n, float eps)
{
    float scale;
    vf t[16 / LANES];

    for (int j = 0; j < 16 / LANES; j++)
        t[j] = vf_zero();
    for (size_t i = 0; i < n; i += 16)
        for (size_t j = 0; j < 16 / LANES; j++) {
            size_t at = i + j * LANES;
            vf v;

            if (at >= n) break;
            v = vf_load_n(x + at, n - at);
            t[j] = vf_add(t[j], vf_mul(v, v));
        }
    scale = 1.0f / sqrtf(lane_sum(t) / (float)n + eps);
    for (size_t i = 0; i < n; i += LANES)
        vf_store_n(y + i,
                   vf_mul(vf_mul(vf_load_n(x + i, n - i), vf_set(scale)), vf_load_n(w + i, n - i)),
                   n - i);
}

/* Sum of (x - shift) or of its squares, in 16 lanes. */
AZ_INLINE float shifted_sum(const float *x, size_t n, float shift, const bool squares)
{
    vf t[16 / LANES];

    for (int j = 0; j < 16 / LANES; j++)
        t[j] = vf_zero();
    for (size_t i = 0; i < n; i += LANES) {
        vf *to = &t[i / LANES % (16 / LANES)], v = vf_load_n(x + i, n - i);

        if (squares) {
            float lanes[LANES];

            v = vf_sub(v, vf_set(shift));
            v = vf_mul(v, v);
            vf_store(lanes, v);
            if (n - i < LANES) v = vf_load_n(lanes, n - i);
        }
        *to = vf_add(*to, v);
    }
    return lane_sum(t);
}

static void CAT3(layer_norm, _, ISA)(float *y, const float *x, const float *w, const float *b,
                                     size_t n, float eps)
{
    float mean = shifted_sum(x, n, 0, false) / (float)n;
    float scale = 1.0f / sqrtf(shifted_sum(x, n, mean, true) / (float)n + eps);

    for (size_t i = 0; i < n; i += LANES) {
        vf v = vf_mul(vf_sub(vf_load_n(x + i, n - i), vf_set(mean)), vf_set(scale));

        v = vf_add(vf_mul(v, vf_load_n(w + i, n - i)), vf_load_n(b + i, n - i));
        vf_store_n(y + i, v, n - i);
    }
}

static void CAT3(add, _, ISA)(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i += LANES)
        vf_store_n(y + i, vf_add(vf_load_n(y + i, n - i), vf_load_n(x + i, n - i)), n - i);
}

static void CAT3(add_scaled, _, ISA)(float *y, const float *x, float s, size_t n)
{
    for (size_t i = 0; i < n; i += LANES)
        vf_store_n(y + i,
                   vf_add(vf_load_n(y + i, n - i), vf_mul(vf_set(s), vf_load_n(x + i, n - i))),
                   n - i);
}

static void CAT3(scale_cap, _, ISA)(float *y, float s, float cap, size_t n)
{
    softcap(y, s, cap, n);
}

/* x * sigmoid(u). */
AZ_INLINE vf vf_gated(vf x, vf u)
{
    return vf_div(x, vf_add(vf_set(1), vf_exp(vf_sub(vf_set(-0.0f), u))));
}

AZ_INLINE vf vf_activate(const az_activation kind, vf x)
{
    vf u = x;

    if (kind == AZ_ACTIVATION_GELU) return vf_gelu(x);
    if (kind == AZ_ACTIVATION_GELU_TANH) {
        u = vf_mul(vf_mul(vf_mul(vf_set(AZ_GELU_D), x), x), x);
        u = vf_mul(vf_set(AZ_GELU_C), vf_add(x, u));
    }
    return vf_gated(x, u);
}

AZ_INLINE void act_mul(const az_activation kind, float *y, const float *gate, const float *up,
                       size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        vf v = vf_activate(kind, vf_load_n(gate + i, n - i));

        if (up) v = vf_mul(v, vf_load_n(up + i, n - i));
        vf_store_n(y + i, v, n - i);
    }
}

static void CAT3(silu_mul, _, ISA)(float *y, const float *gate, const float *up, size_t n)
{
    act_mul(AZ_ACTIVATION_SILU, y, gate, up, n);
}

static void CAT3(gelu_mul, _, ISA)(float *y, const float *gate, const float *up, size_t n)
{
    act_mul(AZ_ACTIVATION_GELU, y, gate, up, n);
}

static void CAT3(gelu_tanh_mul, _, ISA)(float *y, const float *gate, const float *up, size_t n)
{
    act_mul(AZ_ACTIVATION_GELU_TANH, y, gate, up, n);
}

static void CAT3(swiglu_mul, _, ISA)(float *y, const float *gate, const float *up, size_t n)
{
    const vf top = vf_set(AZ_SWIGLU_LIMIT), low = vf_set(-AZ_SWIGLU_LIMIT);

    for (size_t i = 0; i < n; i += LANES) { /* min and max give their second argument for a NaN */
        vf g = vf_min(top, vf_load_n(gate + i, n - i));
        vf u = vf_max(low, vf_min(top, vf_load_n(up + i, n - i)));

        g = vf_gated(g, vf_mul(vf_set(AZ_SWIGLU_ALPHA), g));
        vf_store_n(y + i, vf_mul(g, vf_add(u, vf_set(1))), n - i);
    }
}

static void CAT3(f16_to_f32, _, ISA)(float *dst, const az_f16 *src, size_t n)
{
    floats_of_f16(dst, src, n);
}

static void CAT3(f32_to_f16, _, ISA)(az_f16 *dst, const float *src, size_t n)
{
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        vf_to_f16(dst + i, vf_load(src + i));
    for (; i < n; i++)
        dst[i] = az_f32_to_f16(src[i]);
}

static void CAT3(quantize_q8, _, ISA)(void *a, const float *x, size_t k)
{
    enum { V = 32 / LANES };
    az_q8_block *o = a;

    for (size_t b = 0; b < k / 32; b++, o++, x += 32) {
        vf v[V], inv;
        vi top = vi_zero(), q[V];
        float max;

        for (int j = 0; j < V; j++) {
            v[j] = vf_load(x + j * LANES);
            top = vi_max_u32(top, vi_abs_bits(v[j]));
        }
        max = az_bits_f32(vi_top_u32(top));
        inv = vf_set(max >= 0x1p-100f ? 127.0f / max : 0.0f);
        for (int j = 0; j < V;
             j++) /* adding 1.5 * 2^23 rounds to nearest even; the low byte is q */
            q[j] = vf_bits(vf_add(vf_mul(v[j], inv), vf_set(AZ_ROUND)));
        vi_low_bytes(o->q, q);
        byte_sums(o->q, o->sum);
        o->d = max / 127.0f;
        o->dsum = o->d * (float)(o->sum[0] + o->sum[1]);
    }
}

static void CAT3(quantize_bf16, _, ISA)(void *a, const float *x, size_t k)
{
    float *o = a;

    for (size_t i = 0; i < k; i++)
        o[i] = az_round_bf16(x[i]);
}

static void init_vector(az_kernels *k)
{
    k->rms_norm = CAT3(rms_norm, _, ISA);
    k->add = CAT3(add, _, ISA);
    k->layer_norm = CAT3(layer_norm, _, ISA);
    k->add_scaled = CAT3(add_scaled, _, ISA);
    k->scale_cap = CAT3(scale_cap, _, ISA);
    k->act_mul[AZ_ACTIVATION_SILU] = CAT3(silu_mul, _, ISA);
    k->act_mul[AZ_ACTIVATION_GELU] = CAT3(gelu_mul, _, ISA);
    k->act_mul[AZ_ACTIVATION_GELU_TANH] = CAT3(gelu_tanh_mul, _, ISA);
    k->act_mul[AZ_ACTIVATION_SWIGLU] = CAT3(swiglu_mul, _, ISA);
    k->f16_to_f32 = CAT3(f16_to_f32, _, ISA);
    k->f32_to_f16 = CAT3(f32_to_f16, _, ISA);
    k->quantize_q8 = CAT3(quantize_q8, _, ISA);
    k->quantize_bf16 = CAT3(quantize_bf16, _, ISA);
}

#endif
