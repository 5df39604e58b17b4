/* Products of f32, f16 and bf16 weights with f32 activations, written once for every vector width (see
 * matmul_blocks.h for how; the including file brings simd_*.h, ISA and TILE_M).
 *
 * An output is the sum, in order, of the sums over its 64-column blocks, each a chain of fused products
 * from zero. So the bits do not depend on m, nor on how the loops are cut, and the error grows with
 * 64 + k / 64 roundings instead of k.
 */
#ifndef AZ_KERNEL_X86_MATMUL_PLAIN_H
#define AZ_KERNEL_X86_MATMUL_PLAIN_H

#define CAT3_(a, b, c) a##b##c
#define CAT3(a, b, c)  CAT3_(a, b, c)

enum {
    SUM_COLS = 64,           /* columns of one chain */
    ONE_COLS = 4 * SUM_COLS, /* columns unpacked at once for a single row of activations */
    MANY_COLS = 2 * SUM_COLS /* and for many, of two panels */
};

typedef void pack_fn(const uint8_t *const p[LANES], float (*out)[LANES]);

/* Columns [k0, k0 + len) of LANES rows as out[column][row]; len is rounded up to 32, zeros beyond it. */
AZ_INLINE void pack_cols(pack_fn *pack32, const size_t size, const uint8_t *const rows[LANES],
                         size_t k0, size_t len, float (*out)[LANES])
{
    const uint8_t *p[LANES];
    uint8_t tail[LANES][32 * 4];
    size_t c = 0;

    for (; c + 32 <= len; c += 32) {
        for (int i = 0; i < LANES; i++)
            p[i] = rows[i] + (k0 + c) * size;
        pack32(p, out + c);
    }
    if (c == len) return;
    memset(tail, 0, sizeof tail);
    for (int i = 0; i < LANES; i++) {
        memcpy(tail[i], rows[i] + (k0 + c) * size, (len - c) * size);
        p[i] = tail[i];
    }
    pack32(p, out + c);
}

AZ_INLINE void rows_at(const uint8_t *rows[LANES], const uint8_t *w, size_t row_bytes, size_t n,
                       size_t n1)
{
    for (size_t i = 0; i < LANES; i++)
        rows[i] = w + (n + i < n1 ? n + i : n1 - 1) * row_bytes;
}

/* ONE_COLS columns of one row of activations: four chains at once. */
AZ_INLINE vf one_row(vf sum, const float (*w)[LANES], const float *a)
{
    vf t[4] = { vf_zero(), vf_zero(), vf_zero(), vf_zero() };

    for (size_t c = 0; c < SUM_COLS; c++)
        for (size_t b = 0; b < 4; b++)
            t[b] = vf_fma(vf_load(w[b * SUM_COLS + c]), vf_set(a[b * SUM_COLS + c]), t[b]);
    for (int b = 0; b < 4; b++)
        sum = vf_add(sum, t[b]);
    return sum;
}

AZ_INLINE void gemv(pack_fn *pack32, const size_t size, float *y, const uint8_t *w,
                    size_t row_bytes, const float *a, size_t n0, size_t n1, size_t k)
{
    float q[ONE_COLS][LANES];

    for (size_t n = n0; n < n1; n += LANES) {
        const uint8_t *rows[LANES];
        vf sum = vf_zero();
        size_t k0 = 0;

        rows_at(rows, w, row_bytes, n, n1);
        for (; k0 + ONE_COLS <= k; k0 += ONE_COLS) {
            for (int i = 0; i < LANES; i++)
                for (size_t at = 0; at < ONE_COLS * size; at += 64)
                    _mm_prefetch((const char *)rows[i] + LANES * row_bytes + k0 * size + at,
                                 _MM_HINT_T1);
            pack_cols(pack32, size, rows, k0, ONE_COLS, q);
            sum = one_row(sum, (const float(*)[LANES])q, a + k0);
        }
        for (; k0 < k; k0 += SUM_COLS) {
            size_t len = k - k0 < SUM_COLS ? k - k0 : SUM_COLS;
            vf t = vf_zero();

            pack_cols(pack32, size, rows, k0, len, q);
            for (size_t c = 0; c < len; c++)
                t = vf_fma(vf_load(q[c]), vf_set(a[k0 + c]), t);
            sum = vf_add(sum, t);
        }
        vf_store_n(y + n, sum, n1 - n);
    }
}

/* nt panels times mt rows over len columns; y holds the sums of the columns before, unless `first`. */
AZ_INLINE void tile(const int nt, const int mt, float (*const q)[MANY_COLS][LANES], const float *a,
                    size_t k, size_t len, float *y, size_t ldy, size_t n, bool first)
{
    for (size_t c0 = 0; c0 < len; c0 += SUM_COLS) {
        size_t c1 = len - c0 < SUM_COLS ? len : c0 + SUM_COLS;
        vf t[TILE_M][2];

        for (int i = 0; i < mt; i++)
            for (int j = 0; j < nt; j++)
                t[i][j] = vf_zero();
        for (size_t c = c0; c < c1; c++) {
            vf w[2];

            for (int j = 0; j < nt; j++)
                w[j] = vf_load(q[j][c]);
            for (int i = 0; i < mt; i++) {
                vf x = vf_set(a[(size_t)i * k + c]);

                for (int j = 0; j < nt; j++)
                    t[i][j] = vf_fma(w[j], x, t[i][j]);
            }
        }
        for (int i = 0; i < mt; i++)
            for (int j = 0; j < nt; j++) {
                float *at = y + (size_t)i * ldy + (size_t)j * LANES;
                size_t left = n - (size_t)j * LANES;

                if (!first || c0)
                    t[i][j] = vf_add(vf_load_n(at, left), t[i][j]);
                else
                    t[i][j] = vf_add(vf_zero(), t[i][j]);
                vf_store_n(at, t[i][j], left);
            }
    }
}

AZ_INLINE void tiles(const int nt, float (*const q)[MANY_COLS][LANES], const float *a, size_t k,
                     size_t len, float *y, size_t ldy, size_t m, size_t n, bool first)
{
    size_t i = 0;

    for (; m - i >= TILE_M; i += TILE_M)
        tile(nt, TILE_M, q, a + i * k, k, len, y + i * ldy, ldy, n, first);
    for (; m - i >= 4; i += 4)
        tile(nt, 4, q, a + i * k, k, len, y + i * ldy, ldy, n, first);
    for (; m - i >= 2; i += 2)
        tile(nt, 2, q, a + i * k, k, len, y + i * ldy, ldy, n, first);
    if (m > i) tile(nt, 1, q, a + i * k, k, len, y + i * ldy, ldy, n, first);
}

AZ_INLINE void gemm(pack_fn *pack32, const size_t size, float *y, size_t ldy, const uint8_t *w,
                    size_t row_bytes, const float *a, size_t m, size_t n0, size_t n1, size_t k)
{
    float q[2][MANY_COLS][LANES];

    for (size_t n = n0; n < n1; n += 2 * LANES)
        for (size_t k0 = 0; k0 < k; k0 += MANY_COLS) {
            size_t len = k - k0 < MANY_COLS ? k - k0 : MANY_COLS;
            const uint8_t *rows[LANES];

            rows_at(rows, w, row_bytes, n, n1);
            pack_cols(pack32, size, rows, k0, len, q[0]);
            if (n1 - n > LANES) {
                rows_at(rows, w, row_bytes, n + LANES, n1);
                pack_cols(pack32, size, rows, k0, len, q[1]);
                tiles(2, q, a + k0, k, len, y + n, ldy, m, n1 - n, k0 == 0);
            } else {
                tiles(1, q, a + k0, k, len, y + n, ldy, m, n1 - n, k0 == 0);
            }
        }
}

#define MATMUL(t, size)                                                                           \
    static void CAT3(matmul_##t, _, ISA)(float *y, size_t ldy, const void *w, size_t row_bytes,   \
                                         const void *a, size_t m, size_t n0, size_t n1, size_t k) \
    {                                                                                             \
        if (m == 1)                                                                               \
            gemv(pack32_##t, size, y, w, row_bytes, a, n0, n1, k);                                \
        else                                                                                      \
            gemm(pack32_##t, size, y, ldy, w, row_bytes, a, m, n0, n1, k);                        \
    }
MATMUL(f32, 4)
MATMUL(f16, 2)
MATMUL(bf16, 2)

static void init_plain(az_kernels *k)
{
    k->weight[AZ_F32].matmul = CAT3(matmul_f32, _, ISA);
    k->weight[AZ_F16].matmul = CAT3(matmul_f16, _, ISA);
    k->weight[AZ_BF16].matmul = CAT3(matmul_bf16, _, ISA);
}

#endif
