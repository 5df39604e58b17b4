/* Plain weights and the element-wise kernels for AArch64. */
#include "kernel/arm/simd_neon.h"
#include "kernel/arm/init.h"

#define ISA    neon
#define TILE_M 6
#define TILE_N 2

#include "kernel/simd/matmul_plain.h"
#include "kernel/simd/matmul_fp8.h"
#include "kernel/simd/vector.h"

/* The scalar version's products and sums, four pairs at a time. */
static void rope_neon(float *x, const float *cs, size_t dims, bool adjacent)
{
    size_t half = dims / 2, j = 0;

    for (; j + 4 <= half; j += 4) {
        float32x4x2_t w = vld2q_f32(cs + 2 * j), v, r;

        if (adjacent)
            v = vld2q_f32(x + 2 * j);
        else
            v = (float32x4x2_t){ { vld1q_f32(x + j), vld1q_f32(x + j + half) } };
        r.val[0] = vsubq_f32(vmulq_f32(v.val[0], w.val[0]), vmulq_f32(v.val[1], w.val[1]));
        r.val[1] = vaddq_f32(vmulq_f32(v.val[1], w.val[0]), vmulq_f32(v.val[0], w.val[1]));
        if (adjacent) {
            vst2q_f32(x + 2 * j, r);
        } else {
            vst1q_f32(x + j, r.val[0]);
            vst1q_f32(x + j + half, r.val[1]);
        }
    }
    for (; j < half; j++) {
        float *p = adjacent ? x + 2 * j : x + j, *q = adjacent ? p + 1 : p + half;
        float c = cs[2 * j], s = cs[2 * j + 1], a = *p, b = *q;

        *p = a * c - b * s;
        *q = b * c + a * s;
    }
}

static void unpack_f16_neon(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        vf_store(dst + i, of_f16(load_u16(p + 2 * i)));
    for (; i < n; i++)
        dst[i] = half_at(p + 2 * i);
}

static void unpack_bf16_neon(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        vf_store(dst + i, of_bf16(load_u16(p + 2 * i)));
    for (; i < n; i++)
        dst[i] = az_bf16_to_f32((uint16_t)(p[2 * i] | p[2 * i + 1] << 8));
}

void az_float_init_neon(az_kernels *k)
{
    init_plain(k);
    init_fp8(k);
    init_vector(k);
    k->rope = rope_neon;
    k->unpack[AZ_F16] = unpack_f16_neon;
    k->unpack[AZ_BF16] = unpack_bf16_neon;
}
