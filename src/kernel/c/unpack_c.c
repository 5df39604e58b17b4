/* Dequantization: exact, equal bit for bit to ggml's (see kernel/decode.c for the formulas' source).
 *
 * src may be unaligned; n is a multiple of the type's block.
 */
#include "core/affine.h"
#include "kernel/c/kernels_c.h"
#include "kernel/decode.h"

static void unpack_blocks(az_decode_fn *decode, const void *src, float *dst, size_t n)
{
    for (size_t b = 0; b < n / 32; b++, dst += 32) {
        az_sub32 s;

        decode(src, b, &s);
        for (int i = 0; i < 32; i++)
            dst[i] = s.scale[i / 16] * (float)(s.q[i] - s.zero) - s.min[i / 16];
    }
}

#define UNPACK(T, t)                                                  \
    static void unpack_##t##_c(const void *src, float *dst, size_t n) \
    {                                                                 \
        unpack_blocks(az_decode[AZ_##T], src, dst, n);                \
    }
UNPACK(Q4_0, q4_0)
UNPACK(Q4_1, q4_1)
UNPACK(Q5_0, q5_0)
UNPACK(Q5_1, q5_1)
UNPACK(Q8_0, q8_0)
UNPACK(Q2_K, q2_k)
UNPACK(Q3_K, q3_k)
UNPACK(Q4_K, q4_k)
UNPACK(Q5_K, q5_k)
UNPACK(Q6_K, q6_k)
UNPACK(IQ4_NL, iq4_nl)
UNPACK(IQ4_XS, iq4_xs)
UNPACK(MXFP4, mxfp4)
UNPACK(IQ2_XXS, iq2_xxs)
UNPACK(IQ2_XS, iq2_xs)
UNPACK(IQ2_S, iq2_s)
UNPACK(IQ3_XXS, iq3_xxs)
UNPACK(IQ3_S, iq3_s)
UNPACK(IQ1_S, iq1_s)
UNPACK(IQ1_M, iq1_m)
UNPACK(TQ1_0, tq1_0)
UNPACK(TQ2_0, tq2_0)
UNPACK(AFFINE2, affine2)
UNPACK(AFFINE3, affine3)
UNPACK(AFFINE4, affine4)
UNPACK(AFFINE5, affine5)
UNPACK(AFFINE6, affine6)
UNPACK(AFFINE8, affine8)
UNPACK(NVFP4, nvfp4)

/* A row of core/affine.h; the groups' scales multiply each number. */
static void unpack_fp8_c(const void *src, float *dst, size_t n)
{
    const uint8_t *row = src;
    az_affine_head h;

    memcpy(&h, row, sizeof h);
    for (size_t i = 0; i < n; i++) {
        float scale, min;
        int zero;

        az_affine_scale(row, &h, i / 32 / h.group32, &scale, &min, &zero);
        dst[i] = scale * az_f8_e4m3_to_f32(row[h.codes_at + i]);
    }
}

static void unpack_f32_c(const void *src, float *dst, size_t n)
{
    memcpy(dst, src, n * sizeof *dst);
}

static void unpack_f16_c(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;

    for (size_t i = 0; i < n; i++)
        dst[i] = az_f16_to_f32((uint16_t)(p[2 * i] | p[2 * i + 1] << 8));
}

static void unpack_bf16_c(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;

    for (size_t i = 0; i < n; i++)
        dst[i] = az_bf16_to_f32((uint16_t)(p[2 * i] | p[2 * i + 1] << 8));
}

void az_unpack_init_c(az_kernels *k)
{
    k->unpack[AZ_F32] = unpack_f32_c;
    k->unpack[AZ_F16] = unpack_f16_c;
    k->unpack[AZ_BF16] = unpack_bf16_c;
    k->unpack[AZ_Q4_0] = unpack_q4_0_c;
    k->unpack[AZ_Q4_1] = unpack_q4_1_c;
    k->unpack[AZ_Q5_0] = unpack_q5_0_c;
    k->unpack[AZ_Q5_1] = unpack_q5_1_c;
    k->unpack[AZ_Q8_0] = unpack_q8_0_c;
    k->unpack[AZ_Q2_K] = unpack_q2_k_c;
    k->unpack[AZ_Q3_K] = unpack_q3_k_c;
    k->unpack[AZ_Q4_K] = unpack_q4_k_c;
    k->unpack[AZ_Q5_K] = unpack_q5_k_c;
    k->unpack[AZ_Q6_K] = unpack_q6_k_c;
    k->unpack[AZ_IQ4_NL] = unpack_iq4_nl_c;
    k->unpack[AZ_IQ4_XS] = unpack_iq4_xs_c;
    k->unpack[AZ_MXFP4] = unpack_mxfp4_c;
    k->unpack[AZ_IQ2_XXS] = unpack_iq2_xxs_c;
    k->unpack[AZ_IQ2_XS] = unpack_iq2_xs_c;
    k->unpack[AZ_IQ2_S] = unpack_iq2_s_c;
    k->unpack[AZ_IQ3_XXS] = unpack_iq3_xxs_c;
    k->unpack[AZ_IQ3_S] = unpack_iq3_s_c;
    k->unpack[AZ_IQ1_S] = unpack_iq1_s_c;
    k->unpack[AZ_IQ1_M] = unpack_iq1_m_c;
    k->unpack[AZ_TQ1_0] = unpack_tq1_0_c;
    k->unpack[AZ_TQ2_0] = unpack_tq2_0_c;
    k->unpack[AZ_AFFINE2] = unpack_affine2_c;
    k->unpack[AZ_AFFINE3] = unpack_affine3_c;
    k->unpack[AZ_AFFINE4] = unpack_affine4_c;
    k->unpack[AZ_AFFINE5] = unpack_affine5_c;
    k->unpack[AZ_AFFINE6] = unpack_affine6_c;
    k->unpack[AZ_AFFINE8] = unpack_affine8_c;
    k->unpack[AZ_NVFP4] = unpack_nvfp4_c;
    k->unpack[AZ_FP8] = unpack_fp8_c;
}
