/* Products of quantized weights with 8-bit activations, written once for every vector width: the including
 * file brings the vocabulary (simd_*.h), how bytes are multiplied (dot_*.h), ISA (a name suffix), and the tile sizes
 * TILE_N (panels) and TILE_M (rows of activations).
 *
 * What dot_*.h holds:
 *   DOT32          1: products of bytes are added in 32 bits at once; 0: first in 16 bits, PART_PRODUCTS a step
 *   SIGNED_ZERO    what signed weights get added, because the instruction wants them unsigned; 0: nothing
 *   COUNT_FROM     see below
 *   TILE_ZEROS     1: tiles take the weights' zero off the sums; 0: off the weights, once a panel
 *   MMLA           1: two rows of weights times two of activations in one instruction (pair_*)
 *   acts_load(q)   16 activations
 *   dot_step(..)   four columns of LANES rows times dword `lane` of 16 activations; `first` and `last` of the steps that
 *                  are added in 16 bits
 *   dot_row(..)    one row's 32 columns (or 64) times as many activations, as vi_reduce16 or vi_reduce32 takes it
 *   less_zeros(..) `from` less zero times the sum of a sub-block's activations
 *   store_steps(q, v, w)  two steps of a panel, as dot_step or pair_dot reads them
 *
 * A panel is LANES output rows, one a lane, each dword 4 columns of a row. Many rows of activations: the
 * panel is unpacked and transposed once a chunk of columns, and every group of rows multiplies it with
 * broadcast activations. One or two rows: weights stay as they lie, products are reduced across columns
 * into lanes. The integer sums are exact, and both ways end a block with add_block, so an output's bits do
 * not depend on the way, on m, or on the range of rows.
 */
#ifndef AZ_KERNEL_SIMD_MATMUL_BLOCKS_H
#define AZ_KERNEL_SIMD_MATMUL_BLOCKS_H

#define CAT3_(a, b, c) a##b##c
#define CAT3(a, b, c)  CAT3_(a, b, c)

enum {
    GEMV_MAX = 2,               /* rows of activations that do not pay for a panel */
    CHUNK = 512,                /* columns unpacked at once */
    ROW_BLOCKS = ROW_COLS / 32, /* blocks in one row vector */
    CHUNK_BLOCKS = CHUNK / 32,
    CHUNK_SUBS = CHUNK / 16
};

/* What the loops must know of a type; constant in every use, so branches on it vanish. */
typedef struct kind {
    int zero;       /* subtracted from every stored integer */
    int sub;        /* columns that share a scale: 16 or 32 */
    bool min;       /* a minimum per sub-block is subtracted */
    bool is_signed; /* stored bytes are signed (q8_0) */
    bool affine;    /* rows of core/affine.h, block and bytes of their codes */
    int pairs;      /* sums of two products that fit 16 bits, where sums of 32 must wait */
    size_t block;   /* columns of a stored block, and its bytes */
    size_t bytes;
    size_t codes_at; /* affine: from a row's start; known at run time only */
} kind;

typedef struct scales {
    float s[CHUNK_SUBS][LANES], min[CHUNK_SUBS][LANES]; /* [sub-block][row] */
} scales;

/* Where COUNT_FROM is not 0, tiles count from the bits of 1.5 * 2^23: the sum, read as f32, is then that number plus the
 * sum, and one fused product with the scale and -1.5 * 2^23 * scale (exact: a scale has at most 19 bits) gives what
 * conversion and multiplication would. */
AZ_INLINE vf shift_of(vf s)
{
    return COUNT_FROM ? vf_mul(s, vf_set(-12582912.0f)) : vf_zero();
}
AZ_INLINE vf scaled_sum(vi sum, vf s, vf shift)
{
    return COUNT_FROM ? vf_fma(vf_of_bits(sum), s, shift) : vf_mul(vf_of_int(sum), s);
}

typedef struct panel {
    scales sc;
    float shift[CHUNK_SUBS][LANES]; /* -1.5 * 2^23 * scale */
    uint8_t q[CHUNK / 4][LANES][4]; /* [4 columns][row][column] */
} panel;

typedef vi row_fn(const uint8_t *row, size_t c, bool two);
typedef void scales_fn(const uint8_t *const p[LANES], float (*s)[LANES], float (*mn)[LANES]);

#include "kernel/simd/matmul_affine.h"

/* Half-precision scale (and minimum, negated in the file's sense) at the head of blocks of 32. */
AZ_INLINE void scales_legacy(const kind t, const uint8_t *const rows[LANES], size_t b0, size_t n,
                             scales *o)
{
    az_f16 d[CHUNK_BLOCKS][LANES], m[CHUNK_BLOCKS][LANES];

    for (int i = 0; i < LANES; i++)
        for (size_t b = 0; b < n; b++) {
            const uint8_t *p = rows[i] + (b0 + b) * t.bytes;

            memcpy(&d[b][i], p, 2);
            if (t.min) memcpy(&m[b][i], p + 2, 2);
        }
    for (size_t b = 0; b < n; b++) {
        vf_store(o->s[b], vf_of_f16(d[b]));
        if (t.min) vf_store(o->min[b], vf_fnma(vf_set(1), vf_of_f16(m[b]), vf_zero()));
    }
}

/* A power of two at the head of blocks of 32. */
AZ_INLINE void scales_mxfp4(const uint8_t *const rows[LANES], size_t b0, size_t n, scales *o)
{
    for (int i = 0; i < LANES; i++)
        for (size_t b = 0; b < n; b++)
            o->s[b][i] = az_e8m0_half(rows[i][(b0 + b) * sizeof(az_block_mxfp4)]);
}

/* Types without vector code of their own: integers and scales come from their scalar decoder. */
AZ_INLINE vi row_decoded(az_decode_fn *decode, const uint8_t *row, size_t c, bool two)
{
    int8_t v[ROW_COLS] = { 0 };
    az_sub32 s;

    for (size_t b = 0; b < (two ? ROW_BLOCKS : 1); b++) {
        decode(row, c * ROW_BLOCKS + b, &s);
        for (int i = 0; i < 32; i++)
            v[32 * b + (size_t)i] = (int8_t)(s.q[i] - s.zero);
    }
    return vi_load(v);
}

AZ_INLINE void scales_decoded(az_decode_fn *decode, const uint8_t *const p[LANES],
                              float (*s)[LANES])
{
    az_sub32 v;

    for (int i = 0; i < LANES; i++)
        for (size_t b = 0; b < 8; b++) {
            decode(p[i], b, &v);
            s[2 * b][i] = v.scale[0];
            s[2 * b + 1][i] = v.scale[1];
        }
}

#define DECODED(t)                                                                                \
    AZ_INLINE vi row_##t(const uint8_t *row, size_t c, bool two)                                  \
    {                                                                                             \
        return row_decoded(az_decode_##t, row, c, two);                                           \
    }                                                                                             \
    AZ_INLINE void scales_##t(const uint8_t *const p[LANES], float(*s)[LANES], float(*mn)[LANES]) \
    {                                                                                             \
        (void)mn;                                                                                 \
        scales_decoded(az_decode_##t, p, s);                                                      \
    }
DECODED(iq2_xxs)
DECODED(iq2_xs)
DECODED(iq2_s)
DECODED(iq3_xxs)
DECODED(iq3_s)
DECODED(iq1_s)
DECODED(iq1_m)
DECODED(tq1_0)
DECODED(tq2_0)

/* Scales of columns [k0, k0 + n) of LANES rows. */
AZ_INLINE void chunk_scales(const kind t, scales_fn *fn, const uint8_t *const rows[LANES],
                            size_t k0, size_t n, scales *o)
{
    if (t.affine) {
        chunk_scales_affine(t.codes_at, t.is_signed, rows, k0 / 32, n / 32, o);
        return;
    }
    if (t.block == 32) {
        if (t.bytes == sizeof(az_block_mxfp4))
            scales_mxfp4(rows, k0 / 32, n / 32, o);
        else
            scales_legacy(t, rows, k0 / 32, n / 32, o);
        return;
    }
    for (size_t b = 0; b < n / 256; b++) {
        const uint8_t *p[LANES];
        size_t at = b * (256 / (size_t)t.sub);

        for (int i = 0; i < LANES; i++)
            p[i] = rows[i] + (k0 / 256 + b) * t.bytes;
        fn(p, o->s + at, o->min + at);
    }
}

/* The stored bytes as this instruction set multiplies them. */
AZ_INLINE vi as_operand(const kind t, vi v)
{
#if SIGNED_ZERO
    if (t.is_signed) return vi_add8_128(v);
#else
    (void)t;
#endif
    return v;
}

/* The same for tiles. */
AZ_INLINE vi as_tile_operand(const kind t, vi v)
{
    if (TILE_ZEROS || t.is_signed || t.min) return as_operand(t, v);
    return vi_add8(v, vi_set8((int8_t)-t.zero));
}

AZ_INLINE int zero_of(const kind t)
{
    return t.is_signed ? SIGNED_ZERO : t.zero;
}

/* A block's minimums join the sum of LANES outputs. */
AZ_INLINE vf add_min(const kind t, vf y, const az_q8_block *x, const float (*mn)[LANES])
{
    if (!t.min) return y;
    if (t.sub == 32) return vf_fnma(vf_load(mn[0]), vf_set(x->dsum), y);
    y = vf_fnma(vf_load(mn[0]), vf_set(x->d * (float)x->sum[0]), y);
    return vf_fnma(vf_load(mn[1]), vf_set(x->d * (float)x->sum[1]), y);
}

/* One block of one row of activations joins; i: integer sums, one a sub-block. */
AZ_INLINE vf add_block(const kind t, vf y, const vi i[2], const az_q8_block *x,
                       const float (*s)[LANES], const float (*mn)[LANES])
{
    vf v = vf_mul(vf_of_int(i[0]), vf_load(s[0]));

    if (t.sub == 16) v = vf_fma(vf_of_int(i[1]), vf_load(s[1]), v);
    return add_min(t, vf_fma(v, vf_set(x->d), y), x, mn);
}

/* zero * (sum of the sub-block's activations) */
AZ_INLINE int32_t zero_sum(const kind t, const az_q8_block *x, int sub)
{
    return zero_of(t) * (t.sub == 32 ? x->sum[0] + x->sum[1] : x->sum[sub]);
}

/* ---- one or two rows of activations ---- */

/* LANES outputs of one row of activations from row vector c; `first` is its first block in the chunk. */
AZ_INLINE vf gemv_step(const kind t, vf y, const vi w[LANES], const az_q8_block *x, size_t blocks,
                       const scales *sc, size_t first)
{
    const int subs = 32 / t.sub;
    vi r[LANES], i[2 * ROW_BLOCKS], a = row_act(x, blocks > 1);

    for (int l = 0; l < LANES; l++)
        r[l] = dot_row(t.is_signed, t.sub, t.pairs, w[l], a);
    if (t.sub == 16)
        vi_reduce16(r, i);
    else
        vi_reduce32(r, i);
    for (size_t b = 0; b < ROW_BLOCKS; b++) {
        size_t at = (first + b) * (size_t)subs;
        vi z[2] = { i[(size_t)subs * b], i[(size_t)subs * b + (size_t)subs - 1] };

        if (b >= blocks) break;
        if (zero_of(t))
            for (int h = 0; h < subs; h++)
                z[h] = vi_sub32(z[h], vi_set32(zero_sum(t, x + b, h)));
        y = add_block(t, y, z, x + b, sc->s + at, sc->min + at);
    }
    return y;
}

AZ_INLINE void gemv(const kind t, row_fn *row, scales_fn *fn, float *y, size_t ldy,
                    const uint8_t *w, size_t row_bytes, const az_q8_block *a, size_t m, size_t n0,
                    size_t n1, size_t k)
{
    for (size_t n = n0; n < n1; n += LANES) {
        const uint8_t *rows[LANES];
        vf sum[GEMV_MAX] = { vf_zero(), vf_zero() };

        for (size_t i = 0; i < LANES; i++)
            rows[i] = w + (n + i < n1 ? n + i : n1 - 1) * row_bytes;
        for (size_t k0 = 0; k0 < k; k0 += CHUNK) {
            size_t len = k - k0 < CHUNK ? k - k0 : CHUNK;
            scales sc;

            chunk_scales(t, fn, rows, k0, len, &sc);
            for (size_t c = 0; c * ROW_COLS < len; c++) {
                size_t b = c * ROW_BLOCKS, left = len / 32 - b, at = k0 / 32 + b;
                size_t blocks = left < ROW_BLOCKS ? left : ROW_BLOCKS;
                size_t ahead =
                    (k0 + c * ROW_COLS) / 32 * (t.bytes * 32 / t.block) + LANES * row_bytes;
                vi v[LANES];

                for (int l = 0; l < LANES; l++) {
                    v[l] = as_operand(t, row(rows[l], k0 / ROW_COLS + c, blocks > 1));
                    AZ_PREFETCH_FAR((const char *)rows[l] + ahead);
                }
                for (size_t i = 0; i < m; i++)
                    sum[i] = gemv_step(t, sum[i], v, a + i * (k / 32) + at, blocks, &sc, b);
            }
        }
        for (size_t i = 0; i < m; i++)
            vf_store_n(y + i * ldy + n, sum[i], n1 - n);
    }
}

/* ---- many rows of activations ---- */

/* `next`: bytes from this chunk of a row to what is wanted after it. */
AZ_INLINE void pack_panel(const kind t, row_fn *row, scales_fn *fn, ptrdiff_t next,
                          const uint8_t *const rows[LANES], size_t k0, size_t len, panel *p)
{
    chunk_scales(t, fn, rows, k0, len, &p->sc);
    for (size_t b = 0; COUNT_FROM != 0 && b < len / (size_t)t.sub; b++)
        vf_store(p->shift[b], shift_of(vf_load(p->sc.s[b])));
    for (int l = 0; l < LANES; l++)
        for (size_t at = 0; at < len / t.block * t.bytes; at += 64)
            AZ_PREFETCH_FAR((const char *)rows[l] + k0 / t.block * t.bytes + next + (ptrdiff_t)at);
    for (size_t c = 0; c * ROW_COLS < len; c++) {
        vi r[LANES];

        for (int l = 0; l < LANES; l++)
            r[l] = as_tile_operand(t, row(rows[l], k0 / ROW_COLS + c, len - c * ROW_COLS > 32));
        vi_transpose(r);
        for (size_t l = 0; l < LANES; l += 2)
            store_steps(p->q[c * LANES + l], r[l], r[l + 1]);
    }
}

/* Packed panels against rows of activations. */
typedef struct job {
    const panel *p;       /* [TILE_N] */
    const az_q8_block *x; /* first block of the chunk in row 0 */
    size_t ldx, blocks;   /* blocks a row; blocks of the chunk */
    float *y;
    size_t ldy, m, n; /* m rows, n columns that exist */
    int zero;
    bool first;                   /* y holds nothing yet, else the sums of the chunks before */
    const uint8_t *ahead[TILE_N]; /* what the first rows' tile asks for: */
    size_t ask;                   /* bytes with every block, 0: nothing */
} job;

/* Where the integer sums of sub-block `sub` start: what all zeros take away is there from the beginning. */
AZ_INLINE vi sums_from(const kind t, int zero, int sub, const az_q8_block *x)
{
    const vi from = vi_set32(sub ? 0 : COUNT_FROM);

    if (t.is_signed ? SIGNED_ZERO == 0 : t.min) return from;
    return less_zeros(from, zero, x->sum, t.sub, sub);
}
AZ_INLINE vi tile_sums_from(const kind t, int zero, int sub, const az_q8_block *x)
{
    return TILE_ZEROS ? sums_from(t, zero, sub, x) : vi_set32(sub ? 0 : COUNT_FROM);
}

/* Steps of four columns whose products are added in 16 bits, and how many of them fit. */
AZ_INLINE int run_of(const kind t, int steps)
{
    int run = t.pairs * 2 / PART_PRODUCTS;

    return DOT32 ? steps : run < steps ? run : steps;
}

#if MMLA
/* Integer sums of one sub-block for nt panels (q: the block's columns in them) and mt rows of activations x, in pairs;
 * a single row is its own pair. */
AZ_INLINE void dot_sub(const kind t, const int nt, const int mt, int zero,
                       const az_q8_block *const x[TILE_M], const uint8_t *const q[TILE_N], int sub,
                       vi acc[TILE_M][TILE_N])
{
    const int o = mt > 1;
    pair_sums s[(TILE_M + 1) / 2][TILE_N];

    AZ_UNROLL
    for (int i = 0; i < mt; i += 2) {
        pair_sums from =
            pair_from(tile_sums_from(t, zero, sub, x[i]), tile_sums_from(t, zero, sub, x[i + o]));

        for (int j = 0; j < nt; j++)
            s[i / 2][j] = from;
    }
    AZ_UNROLL
    for (int c = 0; c < t.sub / 4; c += 4) {
        const int at = sub * 16 + 4 * c;
        acts v[(TILE_M + 1) / 2][2];

        AZ_UNROLL
        for (int i = 0; i < mt; i += 2)
            pair_acts(acts_load(x[i]->q + at), acts_load(x[i + o]->q + at), v[i / 2]);
        AZ_UNROLL
        for (int j = 0; j < nt; j++)
            for (int h = 0; h < 2; h++)
                AZ_UNROLL
        for (int i = 0; i < mt; i += 2)
            pair_dot(&s[i / 2][j], q[j] + (at + 8 * h) * LANES, v[i / 2][h]);
    }
    AZ_UNROLL
    for (int i = 0; i < mt; i += 2)
        for (int j = 0; j < nt; j++)
            pair_split(s[i / 2][j], &acc[i][j], &acc[i + o][j]);
}
#else
/* Integer sums of one sub-block for nt panels (q: the block's columns in them) and mt rows of activations x. */
AZ_INLINE void dot_sub(const kind t, const int nt, const int mt, int zero,
                       const az_q8_block *const x[TILE_M], const uint8_t *const q[TILE_N], int sub,
                       vi acc[TILE_M][TILE_N])
{
    const int steps = t.sub / 4, run = run_of(t, steps);
    part part_of[TILE_M][TILE_N];
    acts v[TILE_M];

    for (int i = 0; i < mt; i++) {
        vi from = tile_sums_from(t, zero, sub, x[i]);

        for (int j = 0; j < nt; j++)
            acc[i][j] = from;
    }
    AZ_UNROLL
    for (int c = 0; c < steps; c++) {
        const int at = sub * 16 + 4 * c;
        vi w[TILE_N];

        for (int j = 0; j < nt; j++)
            w[j] = vi_load(q[j] + at * LANES);
        for (int i = 0; i < mt; i++) {
            if (c % 4 == 0) v[i] = acts_load(x[i]->q + at);
            for (int j = 0; j < nt; j++)
                dot_step(t.is_signed, c % run == 0, (c + 1) % run == 0, &acc[i][j], &part_of[i][j],
                         w[j], v[i], c % 4);
        }
    }
}
#endif

/* nt panels times mt rows from row i0 on. */
AZ_INLINE void tile(const kind t, const int nt, const int mt, const bool ask, const job *g,
                    size_t i0)
{
    const size_t subs = 32 / (size_t)t.sub;
    const az_q8_block *x[TILE_M];
    const uint8_t *q[TILE_N];
    float *y = g->y + i0 * g->ldy;
    vf sum[TILE_M][TILE_N];

    for (int j = 0; j < nt; j++)
        q[j] = g->p[j].q[0][0];
    for (int i = 0; i < mt; i++)
        x[i] = g->x + (i0 + (size_t)i) * g->ldx;
    for (int i = 0; i < mt; i++)
        for (int j = 0; j < nt; j++)
            sum[i][j] = g->first ? vf_zero()
                                 : vf_load_n(y + (size_t)i * g->ldy + (size_t)j * LANES,
                                             g->n - (size_t)j * LANES);
    for (size_t b = 0; b < g->blocks; b++) {
        vi acc[2][TILE_M][TILE_N];

        for (int j = 0; j < nt; j++) {
            AZ_FORGET(q[j]);
            for (size_t at = 0; ask && at < g->ask; at += 64)
                AZ_PREFETCH_FAR(g->ahead[j] + b * g->ask + at);
        }
        for (int h = 0; h < (int)subs; h++)
            dot_sub(t, nt, mt, g->zero, x, q, h, acc[h]);
        for (int i = 0; i < mt; i++)
            for (int j = 0; j < nt; j++) {
                const az_q8_block *xb = x[i];
                const panel *p = g->p + j;
                vf v = scaled_sum(acc[0][i][j], vf_load(p->sc.s[b * subs]),
                                  vf_load(p->shift[b * subs]));

                if (subs == 2)
                    v = vf_fma(vf_of_int(acc[1][i][j]), vf_load(p->sc.s[b * subs + 1]), v);
                sum[i][j] =
                    add_min(t, vf_fma(v, vf_set(xb->d), sum[i][j]), xb, p->sc.min + b * subs);
            }
        for (int j = 0; j < nt; j++)
            q[j] += 32 * LANES;
        for (int i = 0; i < mt; i++)
            x[i]++;
    }
    for (int i = 0; i < mt; i++)
        for (int j = 0; j < nt; j++)
            vf_store_n(y + (size_t)i * g->ldy + (size_t)j * LANES, sum[i][j],
                       g->n - (size_t)j * LANES);
}

#if MMLA
AZ_INLINE void tiles(const kind t, const int nt, const job *g)
{
    size_t i = 0;

    for (; g->m - i >= TILE_M; i += TILE_M)
        tile(t, nt, TILE_M, false, g, i);
    for (; g->m - i >= 2; i += 2)
        tile(t, nt, 2, false, g, i);
    if (i < g->m) tile(t, nt, 1, false, g, i);
}
#else
AZ_INLINE void tile_rows(const kind t, const int nt, size_t mt, const bool ask, const job *g,
                         size_t i0)
{
    (void)ask; /* by the larger ones only */
    switch (mt) {
    case 1: tile(t, nt, 1, false, g, i0); break;
    case 2: tile(t, nt, 2, false, g, i0); break;
#if TILE_M >= 4
    case 3: tile(t, nt, 3, false, g, i0); break;
    case 4: tile(t, nt, 4, ask, g, i0); break;
#endif
#if TILE_M >= 6
    case 5: tile(t, nt, 5, ask, g, i0); break;
    case 6: tile(t, nt, 6, ask, g, i0); break;
#endif
    default: break;
    }
}

/* Rows of activations in groups of nearly the same size, TILE_M at most. The first asks for the next weights: in a loop of its own,
 * as the others would be slower for a question in every block. */
AZ_INLINE void tiles(const kind t, const int nt, const job *g)
{
    const size_t groups = (g->m + TILE_M - 1) / TILE_M, least = g->m / groups;
    const size_t larger = g->m - groups * least;

    for (size_t j = 0, i = 0, n; j < groups; j++, i += n) {
        n = least + (j < larger);
#ifndef AZ_FEW_KERNELS
        if (j == 0 && g->ask) {
            tile_rows(t, nt, n, true, g, i);
            continue;
        }
#endif
        tile_rows(t, nt, n, false, g, i);
    }
}
#endif

/* One loop for all types that share its constants; nt is 1 at the end of the rows. */
typedef void tiles_fn(const job *g, size_t nt);
#define TILES(name, ...)                                          \
    static AZ_NOINLINE void tiles_##name(const job *g, size_t nt) \
    {                                                             \
        const kind t = { __VA_ARGS__ };                           \
                                                                  \
        if (nt == TILE_N)                                         \
            tiles(t, TILE_N, g);                                  \
        else                                                      \
            tiles(t, 1, g);                                       \
    }
TILES(32_min_4, .sub = 32, .min = true, .pairs = 4)
TILES(16_min_4, .sub = 16, .min = true, .pairs = 4)
TILES(32_zero_4, .sub = 32, .pairs = 4)
TILES(16_zero_4, .sub = 16, .pairs = 4)
TILES(32_signed_min, .sub = 32, .min = true, .is_signed = true, .pairs = 1)
#if DOT32 /* sums need no room */
#define tiles_32_min_8  tiles_32_min_4
#define tiles_32_zero_8 tiles_32_zero_4
#define tiles_16_zero_2 tiles_16_zero_4
#define tiles_32_min_2  tiles_32_min_4
#else
TILES(32_min_2, .sub = 32, .min = true, .pairs = 2)
TILES(32_min_8, .sub = 32, .min = true, .pairs = 8)
TILES(32_zero_8, .sub = 32, .pairs = 8)
TILES(16_zero_2, .sub = 16, .pairs = 2)
#endif
#if SIGNED_ZERO || (DOT32 && !TILE_ZEROS)
#define tiles_32_signed tiles_32_zero_4
#define tiles_16_signed tiles_16_zero_4
#else
TILES(32_signed, .sub = 32, .is_signed = true, .pairs = 1)
TILES(16_signed, .sub = 16, .is_signed = true, .pairs = 1)
#endif

/* All rows of a times the panels p, unpacked from column n and of the chunk at k0 on. */
AZ_INLINE job chunk_job(const kind t, const panel *p, float *y, size_t ldy, const az_q8_block *a,
                        size_t m, size_t n, size_t n1, size_t k0, size_t k)
{
    return (job){ .p = p,
                  .x = a + k0 / 32,
                  .ldx = k / 32,
                  .blocks = (k - k0 < CHUNK ? k - k0 : CHUNK) / 32,
                  .y = y + n,
                  .ldy = ldy,
                  .m = m,
                  .n = n1 - n,
                  .zero = zero_of(t),
                  .first = k0 == 0 };
}

AZ_INLINE void gemm(const kind t, row_fn *row, scales_fn *fn, tiles_fn *multiply, float *y,
                    size_t ldy, const uint8_t *w, size_t row_bytes, const az_q8_block *a, size_t m,
                    size_t n0, size_t n1, size_t k)
{
    panel p[TILE_N];

    for (size_t n = n0; n < n1; n += TILE_N * LANES)
        for (size_t k0 = 0; k0 < k; k0 += CHUNK) {
            const job g = chunk_job(t, p, y, ldy, a, m, n, n1, k0, k);
            const size_t nt = n1 - n > LANES ? TILE_N : 1;

            for (size_t j = 0; j < nt; j++) {
                const uint8_t *rows[LANES];
                ptrdiff_t next = (ptrdiff_t)(CHUNK / t.block * t.bytes);

                if (k0 + CHUNK >= k)
                    next = (ptrdiff_t)(TILE_N * LANES * row_bytes) -
                           (ptrdiff_t)(k0 / t.block * t.bytes);
                for (size_t i = 0; i < LANES; i++) {
                    size_t r = n + j * LANES + i;

                    rows[i] = w + (r < n1 ? r : n1 - 1) * row_bytes;
                }
                pack_panel(t, row, fn, next, rows, k0, g.blocks * 32, &p[j]);
            }
            multiply(&g, nt);
        }
}

#define MATMUL(t, fn, tiles, ...)                                                                 \
    static void CAT3(matmul_##t, _, ISA)(float *y, size_t ldy, const void *w, size_t row_bytes,   \
                                         const void *a, size_t m, size_t n0, size_t n1, size_t k) \
    {                                                                                             \
        const kind kind_of = { __VA_ARGS__ };                                                     \
                                                                                                  \
        if (m <= GEMV_MAX)                                                                        \
            gemv(kind_of, row_##t, fn, y, ldy, w, row_bytes, a, m, n0, n1, k);                    \
        else                                                                                      \
            gemm(kind_of, row_##t, fn, tiles, y, ldy, w, row_bytes, a, m, n0, n1, k);             \
    }
/* clang-format off */
MATMUL(q4_0, NULL, tiles_32_zero_8, .zero = 8, .sub = 32, .pairs = 8, .block = 32, .bytes = 18)
MATMUL(q4_1, NULL, tiles_32_min_8, .sub = 32, .min = true, .pairs = 8, .block = 32, .bytes = 20)
MATMUL(q5_0, NULL, tiles_32_zero_4, .zero = 16, .sub = 32, .pairs = 4, .block = 32, .bytes = 22)
MATMUL(q5_1, NULL, tiles_32_min_4, .sub = 32, .min = true, .pairs = 4, .block = 32, .bytes = 24)
MATMUL(q8_0, NULL, tiles_32_signed, .sub = 32, .is_signed = true, .pairs = 1, .block = 32, .bytes = 34)
MATMUL(q2_k, scales_q2_k, tiles_16_min_4, .sub = 16, .min = true, .pairs = 4, .block = 256, .bytes = 84)
MATMUL(q3_k, scales_q3_k, tiles_16_zero_4, .zero = 4, .sub = 16, .pairs = 4, .block = 256, .bytes = 110)
MATMUL(q4_k, scales_q4_k, tiles_32_min_8, .sub = 32, .min = true, .pairs = 8, .block = 256, .bytes = 144)
MATMUL(q5_k, scales_q5_k, tiles_32_min_4, .sub = 32, .min = true, .pairs = 4, .block = 256, .bytes = 176)
MATMUL(q6_k, scales_q6_k, tiles_16_zero_2, .zero = 32, .sub = 16, .pairs = 2, .block = 256, .bytes = 210)
MATMUL(iq4_nl, NULL, tiles_32_signed, .sub = 32, .is_signed = true, .pairs = 1, .block = 32, .bytes = 18)
MATMUL(iq4_xs, scales_iq4_xs, tiles_32_signed, .sub = 32, .is_signed = true, .pairs = 1, .block = 256, .bytes = 136)
MATMUL(mxfp4, NULL, tiles_32_zero_4, .zero = 12, .sub = 32, .pairs = 4, .block = 32, .bytes = 17)
MATMUL(iq2_xxs, scales_iq2_xxs, tiles_16_signed, .sub = 16, .is_signed = true, .pairs = 1, .block = 256, .bytes = 66)
MATMUL(iq2_xs, scales_iq2_xs, tiles_16_signed, .sub = 16, .is_signed = true, .pairs = 1, .block = 256, .bytes = 74)
MATMUL(iq2_s, scales_iq2_s, tiles_16_signed, .sub = 16, .is_signed = true, .pairs = 1, .block = 256, .bytes = 82)
MATMUL(iq3_xxs, scales_iq3_xxs, tiles_16_signed, .sub = 16, .is_signed = true, .pairs = 1, .block = 256, .bytes = 98)
MATMUL(iq3_s, scales_iq3_s, tiles_16_signed, .sub = 16, .is_signed = true, .pairs = 1, .block = 256, .bytes = 110)
MATMUL(iq1_s, scales_iq1_s, tiles_16_signed, .sub = 16, .is_signed = true, .pairs = 1, .block = 256, .bytes = 50)
MATMUL(iq1_m, scales_iq1_m, tiles_16_signed, .sub = 16, .is_signed = true, .pairs = 1, .block = 256, .bytes = 56)
MATMUL(tq1_0, scales_tq1_0, tiles_16_signed, .sub = 16, .is_signed = true, .pairs = 1, .block = 256, .bytes = 54)
MATMUL(tq2_0, scales_tq2_0, tiles_16_signed, .sub = 16, .is_signed = true, .pairs = 1, .block = 256, .bytes = 66)
/* clang-format on */

/* The affine types: the row pointers become pointers at codes. */
#define MATMUL_AFFINE(t, tiles, ...)                                                              \
    static void CAT3(matmul_##t, _, ISA)(float *y, size_t ldy, const void *w, size_t row_bytes,   \
                                         const void *a, size_t m, size_t n0, size_t n1, size_t k) \
    {                                                                                             \
        az_affine_head h;                                                                         \
                                                                                                  \
        memcpy(&h, (const uint8_t *)w + n0 * row_bytes, sizeof h);                                \
        {                                                                                         \
            const kind kind_of = { __VA_ARGS__, .affine = true, .codes_at = h.codes_at };         \
            const uint8_t *q = (const uint8_t *)w + h.codes_at;                                   \
                                                                                                  \
            if (m <= GEMV_MAX)                                                                    \
                gemv(kind_of, row_##t, NULL, y, ldy, q, row_bytes, a, m, n0, n1, k);              \
            else                                                                                  \
                gemm(kind_of, row_##t, NULL, tiles, y, ldy, q, row_bytes, a, m, n0, n1, k);       \
        }                                                                                         \
    }
/* clang-format off */
MATMUL_AFFINE(affine2, tiles_32_min_8, .sub = 32, .min = true, .pairs = 8, .block = 32, .bytes = 8)
MATMUL_AFFINE(affine3, tiles_32_min_8, .sub = 32, .min = true, .pairs = 8, .block = 32, .bytes = 12)
MATMUL_AFFINE(affine4, tiles_32_min_8, .sub = 32, .min = true, .pairs = 8, .block = 32, .bytes = 16)
MATMUL_AFFINE(affine5, tiles_32_min_4, .sub = 32, .min = true, .pairs = 4, .block = 32, .bytes = 20)
MATMUL_AFFINE(affine6, tiles_32_min_2, .sub = 32, .min = true, .pairs = 2, .block = 32, .bytes = 24)
MATMUL_AFFINE(affine8, tiles_32_signed_min, .sub = 32, .min = true, .is_signed = true, .pairs = 1, .block = 32, .bytes = 32)
MATMUL_AFFINE(nvfp4, tiles_16_zero_4, .zero = 12, .sub = 16, .pairs = 4, .block = 32, .bytes = 16)
/* clang-format on */

static void init_blocks(az_kernels *k)
{
    k->weight[AZ_Q4_0].matmul = CAT3(matmul_q4_0, _, ISA);
    k->weight[AZ_Q4_1].matmul = CAT3(matmul_q4_1, _, ISA);
    k->weight[AZ_Q5_0].matmul = CAT3(matmul_q5_0, _, ISA);
    k->weight[AZ_Q5_1].matmul = CAT3(matmul_q5_1, _, ISA);
    k->weight[AZ_Q8_0].matmul = CAT3(matmul_q8_0, _, ISA);
    k->weight[AZ_Q2_K].matmul = CAT3(matmul_q2_k, _, ISA);
    k->weight[AZ_Q3_K].matmul = CAT3(matmul_q3_k, _, ISA);
    k->weight[AZ_Q4_K].matmul = CAT3(matmul_q4_k, _, ISA);
    k->weight[AZ_Q5_K].matmul = CAT3(matmul_q5_k, _, ISA);
    k->weight[AZ_Q6_K].matmul = CAT3(matmul_q6_k, _, ISA);
    k->weight[AZ_IQ4_NL].matmul = CAT3(matmul_iq4_nl, _, ISA);
    k->weight[AZ_IQ4_XS].matmul = CAT3(matmul_iq4_xs, _, ISA);
    k->weight[AZ_MXFP4].matmul = CAT3(matmul_mxfp4, _, ISA);
    k->weight[AZ_IQ2_XXS].matmul = CAT3(matmul_iq2_xxs, _, ISA);
    k->weight[AZ_IQ2_XS].matmul = CAT3(matmul_iq2_xs, _, ISA);
    k->weight[AZ_IQ2_S].matmul = CAT3(matmul_iq2_s, _, ISA);
    k->weight[AZ_IQ3_XXS].matmul = CAT3(matmul_iq3_xxs, _, ISA);
    k->weight[AZ_IQ3_S].matmul = CAT3(matmul_iq3_s, _, ISA);
    k->weight[AZ_IQ1_S].matmul = CAT3(matmul_iq1_s, _, ISA);
    k->weight[AZ_IQ1_M].matmul = CAT3(matmul_iq1_m, _, ISA);
    k->weight[AZ_TQ1_0].matmul = CAT3(matmul_tq1_0, _, ISA);
    k->weight[AZ_TQ2_0].matmul = CAT3(matmul_tq2_0, _, ISA);
    k->weight[AZ_AFFINE2].matmul = CAT3(matmul_affine2, _, ISA);
    k->weight[AZ_AFFINE3].matmul = CAT3(matmul_affine3, _, ISA);
    k->weight[AZ_AFFINE4].matmul = CAT3(matmul_affine4, _, ISA);
    k->weight[AZ_AFFINE5].matmul = CAT3(matmul_affine5, _, ISA);
    k->weight[AZ_AFFINE6].matmul = CAT3(matmul_affine6, _, ISA);
    k->weight[AZ_AFFINE8].matmul = CAT3(matmul_affine8, _, ISA);
    k->weight[AZ_NVFP4].matmul = CAT3(matmul_nvfp4, _, ISA);
}

#endif
