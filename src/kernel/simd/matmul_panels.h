/* Products of quantized weights that lie in panels (kernel/panel.h), for every vector width: included after
 * matmul_blocks.h, whose kinds, sums and tiles it shares, so that an output has the same bits here and there.
 *
 * A step is one load: one vector of weights for each of two places. Up to DIRECT_MAX rows of activations multiply it
 * at once, up to GROUPS_MAX in such groups (both from the including file); for more, a chunk of the panel is unpacked into the first cache and goes through the tiles.
 */
#ifndef AZ_KERNEL_SIMD_MATMUL_PANELS_H
#define AZ_KERNEL_SIMD_MATMUL_PANELS_H

/* 1: the high nibbles of q4_k are multiplied where they lie, as 16 times their number, and their blocks' scales are 16 times smaller:
 * all of it is exact, and a shift a vector less. Only where products of bytes are added in 32 bits, and weights may be above 127. */
#ifndef HIGH_STAYS
#define HIGH_STAYS 0
#endif

enum {
    DIRECT_TOP = DIRECT_MAX > 4 ? DIRECT_MAX : 4,
    AHEAD =
        16384 /* bytes from what is multiplied to what is asked for; into the second cache, as the first is full */
};

/* p: a stored block of a panel. Scales and minimums of its sub-blocks. */
typedef void panel_scales_fn(const uint8_t *p, float (*s)[LANES], float (*mn)[LANES]);
/* Vectors of step c of unit u: 4 columns of every row for each of two places, as step_place says. */
typedef void panel_step_fn(const uint8_t *p, int u, int c, vi w[2]);

/* Where the vectors of a step lie in a unit: blocks of 32 columns, and dwords in them. A unit is `unit` blocks whose
 * bytes are shared. 1: both halves of a block (q4_0); 2: neighbours (q4_k); 4: a block and the next but one (q6_k). */
typedef struct place {
    int block[2], dword[2];
} place;

AZ_INLINE place step_place(const int unit, int c)
{
    if (unit == 1) return (place){ { 0, 0 }, { c, c + 4 } };
    if (unit == 2) return (place){ { 0, 1 }, { c, c } };
    return (place){ { c / 8, c / 8 + 2 }, { c % 8, c % 8 } };
}

/* ---- the types ---- */

/* Field that starts `at` bytes into a row's block: vector i of its dwords, and its halves as floats. */
AZ_INLINE vi field(const uint8_t *p, size_t at, int i)
{
    return vi_load(p + (at + 4 * (size_t)i) * LANES);
}
AZ_INLINE vf half_field(const uint8_t *p, size_t at)
{
    return vf_of_f16((const az_f16 *)(const void *)(p + at * LANES));
}
AZ_INLINE vi low4(vi v)
{
    return vi_and(v, vi_set8(15));
}
AZ_INLINE void panel_scales_q4_0(const uint8_t *p, float (*s)[LANES], float (*mn)[LANES])
{
    (void)mn;
    vf_store(s[0], half_field(p, 0));
}
AZ_INLINE void panel_scales_q4_1(const uint8_t *p, float (*s)[LANES], float (*mn)[LANES])
{
    vf_store(s[0], half_field(p, 0));
    vf_store(mn[0], vf_fnma(vf_set(1), half_field(p, 2), vf_zero()));
}
AZ_INLINE void panel_scales_mxfp4(const uint8_t *p, float (*s)[LANES], float (*mn)[LANES])
{
    (void)mn;
    for (int i = 0; i < LANES; i++)
        s[0][i] = az_e8m0_half(p[i]);
}
AZ_INLINE void super_scales(const uint8_t *p, const float of_odd, float (*s)[LANES],
                            float (*mn)[LANES])
{
    const vf d = half_field(p, 0), dmin = half_field(p, 2), odd = vf_mul(d, vf_set(of_odd));
    const vi a = field(p, 4, 0), b = field(p, 4, 1), c = field(p, 4, 2);
    const vi a1 = put_bits(low4(c), a, 2, 0, 48), b1 = put_bits(high4(c), b, 2, 0, 48);

    AZ_UNROLL
    for (int j = 0; j < 4; j++) {
        vf_store(s[j], vf_mul(vf_of_byte(a, j, 63), j % 2 ? odd : d));
        vf_store(s[j + 4], vf_mul(vf_of_byte(a1, j, 63), j % 2 ? odd : d));
        vf_store(mn[j], vf_mul(vf_of_byte(b, j, 63), dmin));
        vf_store(mn[j + 4], vf_mul(vf_of_byte(b1, j, 63), dmin));
    }
}
AZ_INLINE void panel_scales_q4_k(const uint8_t *p, float (*s)[LANES], float (*mn)[LANES])
{
    super_scales(p, HIGH_STAYS ? 1.0f / 16 : 1, s, mn);
}
AZ_INLINE void panel_scales_q5_k(const uint8_t *p, float (*s)[LANES], float (*mn)[LANES])
{
    super_scales(p, 1, s, mn);
}
AZ_INLINE void panel_scales_q6_k(const uint8_t *p, float (*s)[LANES], float (*mn)[LANES])
{
    const vf d = half_field(p, 208);

    (void)mn;
    AZ_UNROLL
    for (int i = 0; i < 16; i++)
        vf_store(s[i], vf_mul(vf_of_signed_byte(field(p, 192, i / 4), i % 4), d));
}
AZ_INLINE void panel_scales_iq4_xs(const uint8_t *p, float (*s)[LANES], float (*mn)[LANES])
{
    const vf d = half_field(p, 0);
    const vi h = vi_of_u16((const uint16_t *)(const void *)(p + 2 * LANES)), l = field(p, 4, 0);

    (void)mn;
    for (int j = 0; j < 8; j++) {
        vi v = vi_or(vi_and(vi_srl32(l, 4 * j), vi_set32(15)),
                     vi_sll32(vi_and(vi_srl32(h, 2 * j), vi_set32(3)), 4));

        vf_store(s[j], vf_mul(vf_of_int(vi_sub32(v, vi_set32(32))), d));
    }
}

AZ_INLINE void panel_step_q4_0(const uint8_t *p, int u, int c, vi w[2])
{
    vi v = field(p, 2, 4 * u + c);

    w[0] = low4(v);
    w[1] = high4(v);
}
AZ_INLINE void panel_step_q4_1(const uint8_t *p, int u, int c, vi w[2])
{
    vi v = field(p, 4, 4 * u + c);

    w[0] = low4(v);
    w[1] = high4(v);
}
AZ_INLINE void panel_step_q8_0(const uint8_t *p, int u, int c, vi w[2]) /* signed */
{
    w[0] = field(p, 2, 8 * u + c);
    w[1] = field(p, 2, 8 * u + c + 4);
}
AZ_INLINE void panel_step_q4_k(const uint8_t *p, int u, int c, vi w[2])
{
    vi v = field(p, 16, 8 * u + c);

    w[0] = low4(v);
    w[1] = HIGH_STAYS ? vi_and(v, vi_set8((int8_t)0xf0)) : high4(v);
}
AZ_INLINE void panel_step_q5_k(const uint8_t *p, int u, int c, vi w[2])
{
    vi v = field(p, 48, 8 * u + c), h = field(p, 16, c);

    w[0] = put_bits(low4(v), h, 2 * u, 4, 16);
    w[1] = put_bits(high4(v), h, 2 * u, 3, 16);
}
AZ_INLINE void panel_step_q6_k(const uint8_t *p, int u, int c, vi w[2])
{
    vi v = field(p, 0, 16 * u + c), h = field(p, 128, 8 * u + c % 8);

    w[0] = put_bits(low4(v), h, c / 8 * 2, 4, 48);
    w[1] = put_bits(high4(v), h, c / 8 * 2, 0, 48);
}
AZ_INLINE void panel_step_iq4_nl(const uint8_t *p, int u, int c, vi w[2]) /* signed */
{
    panel_step_q4_0(p, u, c, w);
    for (int i = 0; i < 2; i++)
        w[i] = look_up(az_iq4_values, w[i]);
}
AZ_INLINE void panel_step_iq4_xs(const uint8_t *p, int u, int c, vi w[2]) /* signed */
{
    vi v = field(p, 8, 4 * u + c);

    w[0] = look_up(az_iq4_values, low4(v));
    w[1] = look_up(az_iq4_values, high4(v));
}
AZ_INLINE void panel_step_mxfp4(const uint8_t *p, int u, int c, vi w[2])
{
    vi v = field(p, 1, 4 * u + c);

    w[0] = vi_add8(look_up(az_e2m1_values, low4(v)), vi_set8(12));
    w[1] = vi_add8(look_up(az_e2m1_values, high4(v)), vi_set8(12));
}

/* ---- up to DIRECT_MAX rows of activations ---- */

/* Whether the zero is taken off the weights: where it is cheaper than off every row's sums. */
AZ_INLINE bool off_weights(const kind t, const int m)
{
    return !TILE_ZEROS && m * (32 / t.sub) >= 4;
}

/* Ask for what step c of a unit will read AHEAD bytes later. A few lines a step: a core follows some 16 requests at a time and waits
 * with the next one, so that many at once are waited for, and nothing is multiplied meanwhile. */
AZ_INLINE void ask_ahead(const kind t, const int unit, const uint8_t *p, int u, const int c)
{
    const size_t bytes = t.bytes * LANES / (t.block / 32) * (size_t)unit;
    const size_t lines = (bytes + 63) / 64, steps = 4 * (size_t)unit;

    AZ_UNROLL
    for (size_t i = (size_t)c * lines / steps; i < (size_t)(c + 1) * lines / steps; i++)
        AZ_PREFETCH_FAR((const char *)p + AHEAD + (size_t)u * bytes + 64 * i);
}

/* Steps [c0, c0 + n) of a unit, all in sub-blocks `sub`, whose vectors go to one sum each: g and h (or both to g), from blocks x0 and x1 of every row of
 * activations, from `dword` on (of x1: dword1). */
AZ_INLINE void panel_steps(const kind t, const int unit, const int sub, panel_step_fn *step,
                           const int m, const uint8_t *p, int u, const int c0, const int n,
                           const az_q8_block *x0, const int dword0, const az_q8_block *x1,
                           const int dword1, size_t ldx, vi g[DIRECT_TOP], vi h[DIRECT_TOP])
{
    const int run = run_of(t, n);
    part gp[DIRECT_TOP], hp[DIRECT_TOP];
    acts ga[DIRECT_TOP], ha[DIRECT_TOP];

    AZ_UNROLL
    for (int c = 0; c < n; c++) {
        const bool first = c % run == 0, last = (c + 1) % run == 0;
        vi w[2];

        ask_ahead(t, unit, p, u, c0 + c);
        step(p, u, c0 + c, w);
        w[0] = off_weights(t, m) ? as_tile_operand(t, w[0]) : as_operand(t, w[0]);
        w[1] = off_weights(t, m) ? as_tile_operand(t, w[1]) : as_operand(t, w[1]);
        AZ_UNROLL
        for (int i = 0; i < m; i++) {
            if (c == 0) {
                const vi zero = vi_set32(0);

                g[i] =
                    off_weights(t, m) ? zero : sums_from(t, zero_of(t), sub, x0 + (size_t)i * ldx);
                if (h != g)
                    h[i] = off_weights(t, m) || unit == 1
                               ? zero
                               : sums_from(t, zero_of(t), sub, x1 + (size_t)i * ldx);
            }
            if (c % 4 == 0) {
                ga[i] = acts_load(x0[(size_t)i * ldx].q + 4 * (dword0 + c));
                ha[i] = acts_load(x1[(size_t)i * ldx].q + 4 * (dword1 + c));
            }
            dot_step(t.is_signed, first, last, &g[i], &gp[i], w[0], ga[i], c % 4);
            dot_step(t.is_signed, first, last, &h[i], &hp[i], w[1], ha[i], c % 4);
        }
    }
}

/* A block of 32 columns joins the sums. */
AZ_INLINE void add_sums(const kind t, const int m, vi i[2][DIRECT_TOP], const az_q8_block *x,
                        size_t ldx, const float (*s)[LANES], const float (*mn)[LANES],
                        vf sum[DIRECT_TOP])
{
    const vf s0 = vf_load(s[0]), s1 = vf_load(s[t.sub == 16]), shift = shift_of(s0);

    AZ_UNROLL
    for (int r = 0; r < m; r++) {
        const az_q8_block *xr = x + (size_t)r * ldx;
        vf v = scaled_sum(i[0][r], s0, shift);

        if (t.sub == 16) v = vf_fma(vf_of_int(i[1][r]), s1, v);
        sum[r] = add_min(t, vf_fma(v, vf_set(xr->d), sum[r]), xr, mn);
    }
}

/* A unit joins the sums, its blocks in order; s and mn: scales and minimums of its sub-blocks. */
AZ_INLINE void add_unit(const kind t, const int unit, panel_step_fn *step, const int m,
                        const uint8_t *p, int u, const az_q8_block *x, size_t ldx,
                        const float (*s)[LANES], const float (*mn)[LANES], vf sum[DIRECT_TOP])
{
    vi g[4][2][DIRECT_TOP];

    if (unit == 1) {
        if (m >= 6) { /* as many chains as hide the latency */
            panel_steps(t, unit, 0, step, m, p, u, 0, 4, x, 0, x, 4, ldx, g[0][0], g[0][0]);
        } else {
            panel_steps(t, unit, 0, step, m, p, u, 0, 4, x, 0, x, 4, ldx, g[0][0], g[1][0]);
            AZ_UNROLL
            for (int r = 0; r < m; r++)
                g[0][0][r] = vi_add32(g[0][0][r], g[1][0][r]);
        }
        add_sums(t, m, g[0], x, ldx, s, mn, sum);
    } else if (unit == 2) {
        panel_steps(t, unit, 0, step, m, p, u, 0, 8, x, 0, x + 1, 0, ldx, g[0][0], g[1][0]);
        add_sums(t, m, g[0], x, ldx, s, mn, sum);
        add_sums(t, m, g[1], x + 1, ldx, s + 1, mn + 1, sum);
    } else { /* sub-blocks of 16; the sums of blocks 2 and 3 wait for those before them */
        AZ_UNROLL
        for (int b = 0; b < 2; b++) {
            AZ_UNROLL
            for (int h = 0; h < 2; h++)
                panel_steps(t, unit, h, step, m, p, u, 8 * b + 4 * h, 4, x + b, 4 * h, x + b + 2,
                            4 * h, ldx, g[b][h], g[b + 2][h]);
            add_sums(t, m, g[b], x + b, ldx, s + 2 * b, mn + 2 * b, sum);
        }
        AZ_UNROLL
        for (int b = 2; b < 4; b++)
            add_sums(t, m, g[b], x + b, ldx, s + 2 * b, mn + 2 * b, sum);
    }
}

/* One panel times m rows of activations. */
AZ_INLINE void direct(const kind t, const int unit, panel_step_fn *step, panel_scales_fn *fn,
                      const int m, float *y, size_t ldy, size_t n, const uint8_t *p,
                      const az_q8_block *a, size_t k)
{
    const int subs = 32 / t.sub, blocks = (int)t.block / 32;
    const size_t ldx = k / 32;
    vf sum[DIRECT_TOP];

    AZ_UNROLL
    for (int r = 0; r < m; r++)
        sum[r] = vf_zero();
    for (const az_q8_block *x = a; x < a + ldx; x += blocks, p += t.bytes * LANES) {
        float s[16][LANES], mn[16][LANES];

        fn(p, s, mn);
        for (int u = 0; u < blocks / unit; u++)
            add_unit(t, unit, step, m, p, u, x + unit * u, ldx,
                     (const float(*)[LANES])s + unit * u * subs,
                     (const float(*)[LANES])mn + unit * u * subs, sum);
    }
    AZ_UNROLL
    for (int r = 0; r < m; r++)
        vf_store_n(y + (size_t)r * ldy, sum[r], n);
}

/* The same for a number of rows that is known when it runs, DIRECT_MAX at most. */
AZ_INLINE void direct_rows(const kind t, const int unit, panel_step_fn *step, panel_scales_fn *fn,
                           size_t m, float *y, size_t ldy, size_t n, const uint8_t *p,
                           const az_q8_block *a, size_t k)
{
    switch (m) {
    case 1: direct(t, unit, step, fn, 1, y, ldy, n, p, a, k); break;
    case 2: direct(t, unit, step, fn, 2, y, ldy, n, p, a, k); break;
#if DIRECT_MAX >= 4
    case 3: direct(t, unit, step, fn, 3, y, ldy, n, p, a, k); break;
    case 4: direct(t, unit, step, fn, 4, y, ldy, n, p, a, k); break;
#endif
#if DIRECT_MAX >= 8
    case 5: direct(t, unit, step, fn, 5, y, ldy, n, p, a, k); break;
    case 6: direct(t, unit, step, fn, 6, y, ldy, n, p, a, k); break;
    case 7: direct(t, unit, step, fn, 7, y, ldy, n, p, a, k); break;
    case 8: direct(t, unit, step, fn, 8, y, ldy, n, p, a, k); break;
#endif
    default: break;
    }
}

/* A few rows, in groups of nearly the same size. */
AZ_INLINE void few(const kind t, const int unit, panel_step_fn *step, panel_scales_fn *fn, float *y,
                   size_t ldy, const uint8_t *w, size_t row_bytes, const az_q8_block *a, size_t m,
                   size_t n0, size_t n1, size_t k)
{
    const size_t groups = (m + DIRECT_MAX - 1) / DIRECT_MAX;

    for (size_t n = n0; n < n1; n += LANES)
        for (size_t g = 0; g < groups; g++) {
            const size_t i = m * g / groups, end = m * (g + 1) / groups;

            direct_rows(t, unit, step, fn, end - i, y + i * ldy + n, ldy, n1 - n, w + n * row_bytes,
                        a + i * (k / 32), k);
        }
}

/* Rows of activations that go directly: more where nothing is to be unpacked (q8_0). Measured. */
AZ_INLINE size_t few_rows(const kind t)
{
    return !MMLA && t.bytes > t.block ? 16 : GROUPS_MAX;
}

/* ---- more ---- */

AZ_INLINE void unpack_panel(const kind t, const int unit, panel_step_fn *step, panel_scales_fn *fn,
                            const uint8_t *p, size_t len, panel *o)
{
    const size_t subs = t.block / (size_t)t.sub;
    const int units = (int)t.block / 32 / unit;

    for (size_t b = 0; b < len / t.block; b++, p += t.bytes * LANES) {
        fn(p, o->sc.s + b * subs, o->sc.min + b * subs);
        for (int u = 0; u < units; u++)
            AZ_UNROLL
        for (int c = 0; c < 4 * unit; c += 2) {
            const place at = step_place(unit, c);
            vi v[2], w[2];

            step(p, u, c, v);
            step(p, u, c + 1, w);
            for (int h = 0; h < 2; h++)
                store_steps(
                    o->q[b * t.block / 4 + (size_t)(8 * (unit * u + at.block[h]) + at.dword[h])],
                    as_tile_operand(t, v[h]), as_tile_operand(t, w[h]));
        }
    }
    for (size_t b = 0; COUNT_FROM != 0 && b < len / (size_t)t.sub; b++)
        vf_store(o->shift[b], shift_of(vf_load(o->sc.s[b])));
}

AZ_INLINE void gemm_panels(const kind t, const int unit, panel_step_fn *step, panel_scales_fn *fn,
                           tiles_fn *multiply, float *y, size_t ldy, const uint8_t *w,
                           size_t row_bytes, const az_q8_block *a, size_t m, size_t n0, size_t n1,
                           size_t k)
{
    panel p[TILE_N];

    for (size_t n = n0; n < n1; n += TILE_N * LANES)
        for (size_t k0 = 0; k0 < k; k0 += CHUNK) {
            const size_t nt = n1 - n > LANES ? TILE_N : 1, ask = t.bytes * LANES / (t.block / 32);
            job g = chunk_job(t, p, y, ldy, a, m, n, n1, k0, k);

            g.ask = ask;
            for (size_t j = 0; j < nt; j++) {
                const uint8_t *from = w + (n + j * LANES) * row_bytes + k0 / 32 * ask;

                unpack_panel(t, unit, step, fn, from, g.blocks * 32, &p[j]);
                /* the next chunk follows this one, or starts the next panels */
                g.ahead[j] =
                    from + g.blocks * ask + (k0 + CHUNK < k ? 0 : (TILE_N - 1) * LANES * row_bytes);
            }
            multiply(&g, nt);
        }
}

#define PANELS(t, unit, fn, tiles, ...)                                                         \
    static void CAT3(panels_##t, _, ISA)(float *y, size_t ldy, const void *w, size_t row_bytes, \
                                         const void *act, size_t m, size_t n0, size_t n1,       \
                                         size_t k)                                              \
    {                                                                                           \
        const kind kind_of = { __VA_ARGS__ };                                                   \
                                                                                                \
        if (m > few_rows(kind_of))                                                              \
            gemm_panels(kind_of, unit, panel_step_##t, fn, tiles, y, ldy, w, row_bytes, act, m, \
                        n0, n1, k);                                                             \
        else                                                                                    \
            few(kind_of, unit, panel_step_##t, fn, y, ldy, w, row_bytes, act, m, n0, n1, k);    \
    }
/* clang-format off */
PANELS(q4_0, 1, panel_scales_q4_0, tiles_32_zero_8, .zero = 8, .sub = 32, .pairs = 8, .block = 32, .bytes = 18)
PANELS(q4_1, 1, panel_scales_q4_1, tiles_32_min_8, .sub = 32, .min = true, .pairs = 8, .block = 32, .bytes = 20)
PANELS(q8_0, 1, panel_scales_q4_0, tiles_32_signed, .sub = 32, .is_signed = true, .pairs = 1, .block = 32, .bytes = 34)
PANELS(q4_k, 2, panel_scales_q4_k, tiles_32_min_8, .sub = 32, .min = true, .pairs = 8, .block = 256, .bytes = 144)
PANELS(q5_k, 2, panel_scales_q5_k, tiles_32_min_4, .sub = 32, .min = true, .pairs = 4, .block = 256, .bytes = 176)
PANELS(q6_k, 4, panel_scales_q6_k, tiles_16_zero_2, .zero = 32, .sub = 16, .pairs = 2, .block = 256, .bytes = 210)
PANELS(iq4_nl, 1, panel_scales_q4_0, tiles_32_signed, .sub = 32, .is_signed = true, .pairs = 1, .block = 32, .bytes = 18)
PANELS(iq4_xs, 1, panel_scales_iq4_xs, tiles_32_signed, .sub = 32, .is_signed = true, .pairs = 1, .block = 256, .bytes = 136)
PANELS(mxfp4, 1, panel_scales_mxfp4, tiles_32_zero_4, .zero = 12, .sub = 32, .pairs = 4, .block = 32, .bytes = 17)
/* clang-format on */

/* Rows into a panel: runs of LANES dwords of LANES rows are a transposed square. */
static void CAT3(interleave, _, ISA)(az_type type, void *dst, const void *src, size_t stride,
                                     size_t rows, size_t blocks)
{
    const uint8_t *from = src;
    uint8_t *to = dst;

    if (rows < LANES) {
        az_interleave_c(type, LANES, dst, src, stride, rows, blocks);
        return;
    }
    for (size_t b = 0; b < blocks; b++)
        for (const az_panel_field *f = az_panel_fields[type]; f->bytes; f++) {
            size_t u = 0;

            for (; f->bytes == 4 && f->count - u >= LANES; u += LANES, from += 4 * LANES) {
                vi r[LANES];

                for (size_t i = 0; i < LANES; i++)
                    r[i] = vi_load(from + i * stride);
                vi_transpose(r);
                for (size_t i = 0; i < LANES; i++, to += 4 * LANES)
                    vi_store(to, r[i]);
            }
            for (; u < f->count; u++, from += f->bytes)
                for (size_t i = 0; i < LANES; i++, to += f->bytes)
                    memcpy(to, from + i * stride, f->bytes);
        }
}

static void init_panels(az_kernels *k)
{
    k->panel_rows = LANES;
    k->interleave = CAT3(interleave, _, ISA);
    k->weight[AZ_Q4_0].panels = CAT3(panels_q4_0, _, ISA);
    k->weight[AZ_Q4_1].panels = CAT3(panels_q4_1, _, ISA);
    k->weight[AZ_Q8_0].panels = CAT3(panels_q8_0, _, ISA);
    k->weight[AZ_Q4_K].panels = CAT3(panels_q4_k, _, ISA);
    k->weight[AZ_Q5_K].panels = CAT3(panels_q5_k, _, ISA);
    k->weight[AZ_Q6_K].panels = CAT3(panels_q6_k, _, ISA);
    k->weight[AZ_IQ4_NL].panels = CAT3(panels_iq4_nl, _, ISA);
    k->weight[AZ_IQ4_XS].panels = CAT3(panels_iq4_xs, _, ISA);
    k->weight[AZ_MXFP4].panels = CAT3(panels_mxfp4, _, ISA);
}

#endif
