/* Products of fp8 rows (core/affine.h) with f32 activations, written once for every vector width.
 *
 * Lanes run along the columns, as in matmul_plain.h. A group's products are chains of fused products, which join the
 * output's lanes times the group's scale; lanes are added by halves at the end. The bits do not depend on m.
 */
#ifndef AZ_KERNEL_SIMD_MATMUL_FP8_H
#define AZ_KERNEL_SIMD_MATMUL_FP8_H

#include "core/affine.h"

/* One row of weights times mt rows of activations. */
AZ_INLINE void fp8_tile(const int mt, const uint8_t *row, const az_affine_head *h, const float *a,
                        size_t k, float *y, size_t ldy)
{
    const uint8_t *q = row + h->codes_at, *scale = row + sizeof *h;
    const size_t group = (size_t)32 * h->group32;
    vf sum[TILE_M];

    for (int i = 0; i < mt; i++)
        sum[i] = vf_zero();
    for (size_t c = 0; c < k; scale += sizeof(float)) {
        const size_t end = k - c < group ? k : c + group;
        vf t[TILE_M];
        float s;

        memcpy(&s, scale, sizeof s);
        for (int i = 0; i < mt; i++)
            t[i] = vf_zero();
        for (; c < end; c += LANES) {
            vf w = vf_of_e4m3(q + c);

            for (int i = 0; i < mt; i++)
                t[i] = vf_fma(w, vf_load(a + (size_t)i * k + c), t[i]);
        }
        for (int i = 0; i < mt; i++)
            sum[i] = vf_fma(t[i], vf_set(s * 256), sum[i]);
    }
    for (int i = 0; i < mt; i++)
        y[(size_t)i * ldy] = vf_sum(sum[i]);
}

static void CAT3(matmul_fp8, _, ISA)(float *y, size_t ldy, const void *w, size_t row_bytes,
                                     const void *a, size_t m, size_t n0, size_t n1, size_t k)
{
    const float *x = a;
    az_affine_head h;

    memcpy(&h, (const uint8_t *)w + n0 * row_bytes, sizeof h);
    for (size_t from = 0; from < m; from += PLAIN_ROWS) {
        size_t to = m - from < PLAIN_ROWS ? m : from + PLAIN_ROWS;

        for (size_t n = n0; n < n1; n++) {
            const uint8_t *row = (const uint8_t *)w + n * row_bytes;
            size_t i = from;

            for (; to - i >= TILE_M; i += TILE_M)
                fp8_tile(TILE_M, row, &h, x + i * k, k, y + i * ldy + n, ldy);
            for (; i < to; i++)
                fp8_tile(1, row, &h, x + i * k, k, y + i * ldy + n, ldy);
        }
    }
}

static void init_fp8(az_kernels *k)
{
    k->weight[AZ_FP8].matmul = CAT3(matmul_fp8, _, ISA);
}

#endif
