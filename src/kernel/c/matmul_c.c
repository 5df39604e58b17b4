/* Scalar matrix products. A block of 32 columns contributes
 *   d * (scale0 * I0 + scale1 * I1) - (min0 * S0 + min1 * S1)
 * where I are exact integer sums of q * (w - zero) over its halves and S = d * sum of q there; blocks are
 * added in order of k. Products of plain weights are f32 sums over k; bf16 weights meet activations that are rounded
 * to bf16, so that a product is exact in f32 and instruction sets with bf16 products have the same ones.
 */
#include "core/affine.h"
#include "kernel/c/kernels_c.h"
#include "kernel/decode.h"

void az_quantize_q8_c(void *a, const float *x, size_t k)
{
    az_q8_block *o = a;

    for (size_t b = 0; b < k / 32; b++, o++, x += 32) {
        uint32_t top = 0;
        float max, inv;

        for (int i = 0; i < 32; i++) {
            uint32_t u = az_f32_bits(x[i]) & 0x7fffffffu;
            if (u > top) top = u;
        }
        max = az_bits_f32(top);
        inv = max >= 0x1p-100f ? 127.0f / max : 0.0f;
        o->d = max / 127.0f;
        o->sum[0] = o->sum[1] = 0;
        for (int i = 0; i < 32; i++) { /* adding 1.5 * 2^23 rounds to nearest even */
            o->q[i] = (int8_t)az_f32_bits(x[i] * inv + 12582912.0f);
            o->sum[i / 16] = (int16_t)(o->sum[i / 16] + o->q[i]);
        }
        o->dsum = o->d * (float)(o->sum[0] + o->sum[1]);
    }
}

static void quantize_bf16_c(void *a, const float *x, size_t k)
{
    float *o = a;

    for (size_t i = 0; i < k; i++)
        o[i] = az_round_bf16(x[i]);
}

static int dot16(const uint8_t *w, const int8_t *q)
{
    int s = 0;

    for (int i = 0; i < 16; i++)
        s += w[i] * q[i];
    return s;
}

static void matmul_blocks(az_decode_fn *decode, float *y, size_t ldy, const void *w,
                          size_t row_bytes, const void *a, size_t m, size_t n0, size_t n1, size_t k)
{
    const size_t blocks = k / 32;

    for (size_t j = n0; j < n1; j++) {
        const uint8_t *row = (const uint8_t *)w + j * row_bytes;

        for (size_t i = 0; i < m; i++)
            y[i * ldy + j] = 0;
        for (size_t b = 0; b < blocks; b++) {
            az_sub32 s;

            decode(row, b, &s);
            for (size_t i = 0; i < m; i++) {
                const az_q8_block *x = (const az_q8_block *)a + i * blocks + b;
                int i0 = dot16(s.q, x->q) - s.zero * x->sum[0];
                int i1 = dot16(s.q + 16, x->q + 16) - s.zero * x->sum[1];
                float v = x->d * (s.scale[0] * (float)i0 + s.scale[1] * (float)i1);

                if (s.min[0] != 0 || s.min[1] != 0)
                    v -= x->d * (s.min[0] * (float)x->sum[0] + s.min[1] * (float)x->sum[1]);
                y[i * ldy + j] += v;
            }
        }
    }
}

#define MATMUL_BLOCKS(T, t)                                                             \
    static void matmul_##t##_c(float *y, size_t ldy, const void *w, size_t row_bytes,   \
                               const void *a, size_t m, size_t n0, size_t n1, size_t k) \
    {                                                                                   \
        matmul_blocks(az_decode[AZ_##T], y, ldy, w, row_bytes, a, m, n0, n1, k);        \
    }
MATMUL_BLOCKS(Q4_0, q4_0)
MATMUL_BLOCKS(Q4_1, q4_1)
MATMUL_BLOCKS(Q5_0, q5_0)
MATMUL_BLOCKS(Q5_1, q5_1)
MATMUL_BLOCKS(Q8_0, q8_0)
MATMUL_BLOCKS(Q2_K, q2_k)
MATMUL_BLOCKS(Q3_K, q3_k)
MATMUL_BLOCKS(Q4_K, q4_k)
MATMUL_BLOCKS(Q5_K, q5_k)
MATMUL_BLOCKS(Q6_K, q6_k)
MATMUL_BLOCKS(IQ4_NL, iq4_nl)
MATMUL_BLOCKS(IQ4_XS, iq4_xs)
MATMUL_BLOCKS(MXFP4, mxfp4)
MATMUL_BLOCKS(IQ2_XXS, iq2_xxs)
MATMUL_BLOCKS(IQ2_XS, iq2_xs)
MATMUL_BLOCKS(IQ2_S, iq2_s)
MATMUL_BLOCKS(IQ3_XXS, iq3_xxs)
MATMUL_BLOCKS(IQ3_S, iq3_s)
MATMUL_BLOCKS(IQ1_S, iq1_s)
MATMUL_BLOCKS(IQ1_M, iq1_m)
MATMUL_BLOCKS(TQ1_0, tq1_0)
MATMUL_BLOCKS(TQ2_0, tq2_0)
MATMUL_BLOCKS(AFFINE2, affine2)
MATMUL_BLOCKS(AFFINE3, affine3)
MATMUL_BLOCKS(AFFINE4, affine4)
MATMUL_BLOCKS(AFFINE5, affine5)
MATMUL_BLOCKS(AFFINE6, affine6)
MATMUL_BLOCKS(AFFINE8, affine8)
MATMUL_BLOCKS(NVFP4, nvfp4)

static float load_f32(const uint8_t *p)
{
    float f;

    memcpy(&f, p, sizeof f);
    return f;
}

static float load_f16(const uint8_t *p)
{
    return az_f16_to_f32((uint16_t)(p[0] | p[1] << 8));
}

static float load_bf16(const uint8_t *p)
{
    return az_bf16_to_f32((uint16_t)(p[0] | p[1] << 8));
}

#define MATMUL_PLAIN(t, size)                                                           \
    static void matmul_##t##_c(float *y, size_t ldy, const void *w, size_t row_bytes,   \
                               const void *a, size_t m, size_t n0, size_t n1, size_t k) \
    {                                                                                   \
        for (size_t j = n0; j < n1; j++) {                                              \
            const uint8_t *row = (const uint8_t *)w + j * row_bytes;                    \
                                                                                        \
            for (size_t i = 0; i < m; i++) {                                            \
                const float *x = (const float *)a + i * k;                              \
                float s[8] = { 0 };                                                     \
                                                                                        \
                for (size_t c = 0; c < k; c++)                                          \
                    s[c & 7] += load_##t(row + c * (size)) * x[c];                      \
                y[i * ldy + j] =                                                        \
                    ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));  \
            }                                                                           \
        }                                                                               \
    }
MATMUL_PLAIN(f32, 4)
MATMUL_PLAIN(f16, 2)
MATMUL_PLAIN(bf16, 2)

/* Sums of a group's 32-column blocks are scaled once. */
static void matmul_fp8_c(float *y, size_t ldy, const void *w, size_t row_bytes, const void *a,
                         size_t m, size_t n0, size_t n1, size_t k)
{
    for (size_t j = n0; j < n1; j++) {
        const uint8_t *row = (const uint8_t *)w + j * row_bytes;
        az_affine_head h;

        memcpy(&h, row, sizeof h);
        for (size_t i = 0; i < m; i++) {
            const float *x = (const float *)a + i * k;
            float sum = 0, scale, min;
            int zero;

            for (size_t c = 0; c < k;) {
                float s[8] = { 0 };

                az_affine_scale(row, &h, c / 32 / h.group32, &scale, &min, &zero);
                for (size_t end = c + (size_t)32 * h.group32; c < end && c < k; c++)
                    s[c & 7] += az_f8_e4m3_to_f32(row[h.codes_at + c]) * x[c];
                sum += scale * (((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7])));
            }
            y[i * ldy + j] = sum;
        }
    }
}

void az_matmul_init_c(az_kernels *k)
{
    static const az_weight_kernel weights[AZ_TYPE_COUNT] = {
        [AZ_F32] = { AZ_ACT_F32, matmul_f32_c, NULL },
        [AZ_F16] = { AZ_ACT_F32, matmul_f16_c, NULL },
        [AZ_BF16] = { AZ_ACT_F32_BF16, matmul_bf16_c, NULL },
        [AZ_Q4_0] = { AZ_ACT_Q8, matmul_q4_0_c, NULL },
        [AZ_Q4_1] = { AZ_ACT_Q8, matmul_q4_1_c, NULL },
        [AZ_Q5_0] = { AZ_ACT_Q8, matmul_q5_0_c, NULL },
        [AZ_Q5_1] = { AZ_ACT_Q8, matmul_q5_1_c, NULL },
        [AZ_Q8_0] = { AZ_ACT_Q8, matmul_q8_0_c, NULL },
        [AZ_Q2_K] = { AZ_ACT_Q8, matmul_q2_k_c, NULL },
        [AZ_Q3_K] = { AZ_ACT_Q8, matmul_q3_k_c, NULL },
        [AZ_Q4_K] = { AZ_ACT_Q8, matmul_q4_k_c, NULL },
        [AZ_Q5_K] = { AZ_ACT_Q8, matmul_q5_k_c, NULL },
        [AZ_Q6_K] = { AZ_ACT_Q8, matmul_q6_k_c, NULL },
        [AZ_IQ4_NL] = { AZ_ACT_Q8, matmul_iq4_nl_c, NULL },
        [AZ_IQ4_XS] = { AZ_ACT_Q8, matmul_iq4_xs_c, NULL },
        [AZ_MXFP4] = { AZ_ACT_Q8, matmul_mxfp4_c, NULL },
        [AZ_IQ2_XXS] = { AZ_ACT_Q8, matmul_iq2_xxs_c, NULL },
        [AZ_IQ2_XS] = { AZ_ACT_Q8, matmul_iq2_xs_c, NULL },
        [AZ_IQ2_S] = { AZ_ACT_Q8, matmul_iq2_s_c, NULL },
        [AZ_IQ3_XXS] = { AZ_ACT_Q8, matmul_iq3_xxs_c, NULL },
        [AZ_IQ3_S] = { AZ_ACT_Q8, matmul_iq3_s_c, NULL },
        [AZ_IQ1_S] = { AZ_ACT_Q8, matmul_iq1_s_c, NULL },
        [AZ_IQ1_M] = { AZ_ACT_Q8, matmul_iq1_m_c, NULL },
        [AZ_TQ1_0] = { AZ_ACT_Q8, matmul_tq1_0_c, NULL },
        [AZ_TQ2_0] = { AZ_ACT_Q8, matmul_tq2_0_c, NULL },
        [AZ_AFFINE2] = { AZ_ACT_Q8, matmul_affine2_c, NULL },
        [AZ_AFFINE3] = { AZ_ACT_Q8, matmul_affine3_c, NULL },
        [AZ_AFFINE4] = { AZ_ACT_Q8, matmul_affine4_c, NULL },
        [AZ_AFFINE5] = { AZ_ACT_Q8, matmul_affine5_c, NULL },
        [AZ_AFFINE6] = { AZ_ACT_Q8, matmul_affine6_c, NULL },
        [AZ_AFFINE8] = { AZ_ACT_Q8, matmul_affine8_c, NULL },
        [AZ_NVFP4] = { AZ_ACT_Q8, matmul_nvfp4_c, NULL },
        [AZ_FP8] = { AZ_ACT_F32, matmul_fp8_c, NULL },
    };

    memcpy(k->weight, weights, sizeof weights);
    k->quantize_q8 = az_quantize_q8_c;
    k->quantize_bf16 = quantize_bf16_c;
}
