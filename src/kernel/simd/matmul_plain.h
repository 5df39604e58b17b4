/* Products of f32, f16 and bf16 weights with activations in f32 or, where PLAIN_BF16 is 1, in bf16, written once for
 * every vector width (the including file brings simd_*.h, ISA, TILE_M and TILE_N, and vf_dot_bf16 for bf16).
 *
 * Lanes run along the columns, so both sides are read as they lie and nothing is transposed. An output is
 * the sum, by halves, of LANES chains of fused products, lane l of columns l, l + LANES, ... (bf16: of the pairs
 * l, l + LANES, ...): the bits do not depend on m, nor on how the loops are cut, and the error grows with
 * k / LANES roundings.
 */
#ifndef AZ_KERNEL_SIMD_MATMUL_PLAIN_H
#define AZ_KERNEL_SIMD_MATMUL_PLAIN_H

#define CAT3_(a, b, c) a##b##c
#define CAT3(a, b, c)  CAT3_(a, b, c)

#ifndef PLAIN_BF16
#define PLAIN_BF16 0
#endif

enum {
    ACT_BYTES = PLAIN_BF16 ? 2 : 4, /* of one activation */
    COLS = 4 * LANES / ACT_BYTES,   /* columns of a vector */
    PLAIN_ROWS = 60 /* rows of activations that stay in the cache while the weights pass */
};

typedef vi load_fn(const uint8_t *p); /* COLS weights from p, any alignment */

AZ_INLINE vf plain_madd(vf sum, vi w, vi x)
{
#if PLAIN_BF16
    return vf_dot_bf16(sum, w, x);
#else
    return vf_fma(vf_of_bits(w), vf_of_bits(x), sum);
#endif
}

/* The last n < COLS values of a row, zeros beyond them. */
AZ_INLINE vi load_tail(load_fn *load, const size_t size, const uint8_t *p, size_t n)
{
    uint8_t room[COLS * sizeof(float)] = { 0 };

    memcpy(room, p, n * size);
    return load(room);
}
AZ_INLINE vi load_act(const uint8_t *p)
{
    return vi_load(p);
}

/* Bytes from what one row of activations multiplies to what is asked for: it waits for memory. */
enum { PLAIN_AHEAD = 8192 };

/* nt rows of weights from w times mt rows of activations from a, lda bytes apart. */
AZ_INLINE void tile(load_fn *load, const size_t size, const int nt, const int mt, const uint8_t *w,
                    size_t row_bytes, const uint8_t *a, size_t lda, size_t k, float *y, size_t ldy)
{
    vf t[TILE_M][TILE_N];
    vi v[TILE_N];
    size_t c = 0;

    for (int i = 0; i < mt; i++)
        for (int j = 0; j < nt; j++)
            t[i][j] = vf_zero();
    for (; c + COLS <= k; c += COLS) {
        if (mt == 1) AZ_PREFETCH_FAR(w + c * size + PLAIN_AHEAD);
        for (int j = 0; j < nt; j++)
            v[j] = load(w + (size_t)j * row_bytes + c * size);
        for (int i = 0; i < mt; i++) {
            vi x = vi_load(a + (size_t)i * lda + c * ACT_BYTES);

            for (int j = 0; j < nt; j++)
                t[i][j] = plain_madd(t[i][j], v[j], x);
        }
    }
    if (c < k) {
        for (int j = 0; j < nt; j++)
            v[j] = load_tail(load, size, w + (size_t)j * row_bytes + c * size, k - c);
        for (int i = 0; i < mt; i++) {
            vi x = load_tail(load_act, ACT_BYTES, a + (size_t)i * lda + c * ACT_BYTES, k - c);

            for (int j = 0; j < nt; j++)
                t[i][j] = plain_madd(t[i][j], v[j], x);
        }
    }
    for (int i = 0; i < mt; i++)
        for (int j = 0; j < nt; j++)
            y[(size_t)i * ldy + (size_t)j] = vf_sum(t[i][j]);
}

/* nt rows of weights, read once or from the nearest cache, times m rows of activations. */
AZ_INLINE void rows(load_fn *load, const size_t size, const int nt, const uint8_t *w,
                    size_t row_bytes, const uint8_t *a, size_t lda, size_t m, size_t k, float *y,
                    size_t ldy)
{
    size_t i = 0;

    for (; m - i >= TILE_M; i += TILE_M)
        tile(load, size, nt, TILE_M, w, row_bytes, a + i * lda, lda, k, y + i * ldy, ldy);
    for (; m - i >= 2; i += 2)
        tile(load, size, nt, 2, w, row_bytes, a + i * lda, lda, k, y + i * ldy, ldy);
    if (m > i) tile(load, size, nt, 1, w, row_bytes, a + i * lda, lda, k, y + i * ldy, ldy);
}

AZ_INLINE void product(load_fn *load, const size_t size, float *y, size_t ldy, const uint8_t *w,
                       size_t row_bytes, const uint8_t *a, size_t m, size_t n0, size_t n1, size_t k)
{
    const size_t lda = k * ACT_BYTES;

    for (size_t i = 0; i < m; i += PLAIN_ROWS) {
        size_t some = m - i < PLAIN_ROWS ? m - i : PLAIN_ROWS, n = n0;

        /* A single row waits for memory, which is fastest read in one stream. */
        for (; some > 1 && n1 - n >= TILE_N; n += TILE_N)
            rows(load, size, TILE_N, w + n * row_bytes, row_bytes, a + i * lda, lda, some, k,
                 y + i * ldy + n, ldy);
        for (; n < n1; n++)
            rows(load, size, 1, w + n * row_bytes, row_bytes, a + i * lda, lda, some, k,
                 y + i * ldy + n, ldy);
    }
}

#define MATMUL(t, size)                                                                           \
    static void CAT3(matmul_##t, _, ISA)(float *y, size_t ldy, const void *w, size_t row_bytes,   \
                                         const void *a, size_t m, size_t n0, size_t n1, size_t k) \
    {                                                                                             \
        product(load_##t, size, y, ldy, w, row_bytes, a, m, n0, n1, k);                           \
    }

#if PLAIN_BF16
AZ_INLINE vi load_bf16(const uint8_t *p)
{
    return vi_load(p);
}
MATMUL(bf16, 2)
#else
AZ_INLINE vi load_f32(const uint8_t *p)
{
    return vi_load(p);
}
AZ_INLINE vi load_f16(const uint8_t *p)
{
    return vf_bits(vf_of_f16((const az_f16 *)(const void *)p));
}
AZ_INLINE vi load_bf16(const uint8_t *p)
{
    return vf_bits(vf_of_bf16((const az_bf16 *)(const void *)p));
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

#endif
