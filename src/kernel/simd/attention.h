/* Attention, written once for every vector width (the including file brings simd_*.h, dot_*.h and OUT_VECS): the algorithm
 * of c/attention_c.c over the tiles of kernel/kv.h. A tile is converted once for all the queries that see it; a few queries
 * (decode) read the cache itself. Keys in blocks are multiplied with queries rounded to 8 bits, as they lie.
 *
 * Scores: one position a lane, a chain over the head's dimensions. Output: one dimension a lane, positions
 * in order. Both are a row's own, and rows skip tiles that they do not see, so batching changes no bit.
 */
#ifndef AZ_KERNEL_SIMD_ATTENTION_H
#define AZ_KERNEL_SIMD_ATTENTION_H

#include "kernel/c/kernels_c.h"
#include "kernel/simd/vmath.h"

enum {
    HEAD_MAX = 256, /* wider heads take the scalar version */
    TEAM = 4,       /* rows that share what is loaded from a tile */
    BATCH = 128,    /* rows that share a tile */
    DIRECT_ROWS = 8 /* up to so many, converting a tile first does not pay */
};

/* A tile in the cache and, where it is not read directly, as floats. */
typedef struct kv_tile {
    const void *keys;       /* codes or values */
    const az_f16 *k_scales; /* of blocks */
    const void *values;
    const az_f16 *v_scales;
    size_t dims, width;               /* head_dim, and in whole vectors */
    float k[HEAD_MAX * AZ_ATTN_TILE]; /* [dimension][position]; of plain types */
    float v[AZ_ATTN_TILE * HEAD_MAX]; /* [position][width] */
} kv_tile;

/* One query of one head. */
typedef struct query {
    const float *q;
    float *out;
    size_t first, last; /* positions that it sees */
    float top, sum;
    az_q8_block q8[HEAD_MAX / 32]; /* q, where keys are in blocks */
} query;

AZ_INLINE bool in_blocks(const az_type t)
{
    return t == AZ_Q8_0 || t == AZ_Q4_0;
}

/* Dimensions [d, d + LANES) of the value at position p of the tile, as stored. */
AZ_INLINE vf stored_values(const kv_tile *t, const az_type type, size_t p, size_t d)
{
    size_t blocks = t->dims / 32, at = p * t->dims + d;
    const uint8_t *codes = t->values;
    vf scale;

    if (type == AZ_F32) return vf_load((const float *)t->values + at);
    if (type == AZ_F16) return vf_of_f16((const az_f16 *)t->values + at);
    scale = vf_half(t->v_scales[p * blocks + d / 32]);
    if (type == AZ_Q8_0) return vf_mul(vf_of_int(vi_of_s8((const int8_t *)codes + at)), scale);
    codes += p * t->dims / 2 + d / 32 * 16 + d % 16;
    return vf_mul(vf_of_int(vi_sub32(vi_of_nibbles(codes, d % 32 < 16 ? 0 : 4), vi_set32(8))),
                  scale);
}

/* Tile number i, of which positions [p0, p1) are seen. The lanes of others hold anything. */
AZ_INLINE void load_tile(const az_attn_args *a, const az_type type, const bool direct, size_t i,
                         size_t p0, size_t p1, kv_tile *t)
{
    const void *tile = az_kv_tile(&a->kv, i);
    size_t g0 = p0 / LANES, g1 = (p1 + LANES - 1) / LANES;

    t->keys = tile;
    t->k_scales = az_kv_key_scales(type, a->head_dim, tile);
    t->values = az_kv_values(type, a->head_dim, tile);
    t->v_scales = az_kv_value_scales(type, a->head_dim, tile);
    t->dims = a->head_dim;
    t->width = (a->head_dim + LANES - 1) / LANES * LANES;
    if (direct) return;
    for (size_t d = 0; d < a->head_dim && !in_blocks(type); d++)
        for (size_t g = g0; g < g1; g++) {
            size_t at = d * AZ_ATTN_TILE + g * LANES;
            vf_store(t->k + at, type == AZ_F32 ? vf_load((const float *)tile + at)
                                               : vf_of_f16((const az_f16 *)tile + at));
        }
    for (size_t p = p0; p < p1; p++)
        if (a->head_dim == t->width)
            for (size_t d = 0; d < t->width; d += LANES)
                vf_store(t->v + p * t->width + d, stored_values(t, type, p, d));
        else if (type == AZ_F32)
            memcpy(t->v + p * t->width, (const float *)t->values + p * a->head_dim,
                   a->head_dim * sizeof(float));
        else
            floats_of_f16(t->v + p * t->width, (const az_f16 *)t->values + p * a->head_dim,
                          a->head_dim);
}

AZ_INLINE vf keys_at(const kv_tile *t, const bool direct, size_t d, size_t g)
{
    return direct ? vf_of_f16((const az_f16 *)t->keys + d * AZ_ATTN_TILE + g * LANES)
                  : vf_load(t->k + d * AZ_ATTN_TILE + g * LANES);
}

AZ_INLINE vf values_at(const kv_tile *t, const az_type type, const bool direct, size_t p, size_t d)
{
    return direct ? stored_values(t, type, p, d) : vf_load(t->v + p * t->width + d);
}

/* Scaled scores of n rows against the tile's groups [g0, g1). */
AZ_INLINE void plain_scores(const kv_tile *t, const bool direct, const query *q, const int n,
                            float scale, size_t g0, size_t g1, float s[TEAM][AZ_ATTN_TILE])
{
    for (size_t g = g0; g < g1; g += 2) {
        vf x[TEAM][2];
        const size_t h = g + 1 < g1 ? g + 1 : g;

        for (int r = 0; r < n; r++)
            x[r][0] = x[r][1] = vf_zero();
        for (size_t d = 0; d < t->dims; d++) {
            vf a = keys_at(t, direct, d, g), b = keys_at(t, direct, d, h);

            for (int r = 0; r < n; r++) {
                vf y = vf_set(q[r].q[d]);

                x[r][0] = vf_fma(y, a, x[r][0]);
                x[r][1] = vf_fma(y, b, x[r][1]);
            }
        }
        for (int r = 0; r < n; r++) {
            vf_store(s[r] + g * LANES, vf_mul(x[r][0], vf_set(scale)));
            vf_store(s[r] + h * LANES, vf_mul(x[r][1], vf_set(scale)));
        }
    }
}

/* Stored codes as this instruction set multiplies them: those of q8_0 are signed, with 128 added. */
AZ_INLINE vi key_codes(const az_type type, vi v)
{
    return type == AZ_Q8_0 && !SIGNED_ZERO ? vi_add8(v, vi_set8(-128)) : v;
}

/* What a block's sum begins with: zero's code times the query's. */
AZ_INLINE vi key_start(const az_type type, const az_q8_block *q)
{
    int zero = type == AZ_Q4_0 ? 8 : SIGNED_ZERO;

    return vi_set32(-zero * (q->sum[0] + q->sum[1]));
}

/* Integer sums of 16 dimensions of a block, from p and p + LANES positions on; `at` is where they are in the queries, `high`
 * that they are upper nibbles. */
AZ_INLINE void key_dots(const az_type type, const bool high, const uint8_t *p, const uint8_t *o,
                        const query *q, const int n, size_t b, int at, vi sum[TEAM][2])
{
    const int pairs = type == AZ_Q8_0 ? 1 : 8, fit = pairs * 2 / PART_PRODUCTS,
              run = fit < 4 ? fit : 4;
    const bool is_signed = type == AZ_Q8_0;
    part parts[TEAM][2];
    acts x[TEAM];

    for (int r = 0; r < n; r++)
        x[r] = acts_load(q[r].q8[b].q + at);
    AZ_UNROLL
    for (int c = 0; c < 4; c++, p += AZ_ATTN_TILE * 4, o += AZ_ATTN_TILE * 4) {
        const bool first = c % run == 0, last = (c + 1) % run == 0;
        vi v = key_codes(type, vi_load(p)), w = key_codes(type, vi_load(o));

        if (type == AZ_Q4_0) {
            v = high ? high4(v) : vi_and(v, vi_set8(15));
            w = high ? high4(w) : vi_and(w, vi_set8(15));
        }
        for (int r = 0; r < n; r++) {
            dot_step(is_signed, first, last, &sum[r][0], &parts[r][0], v, x[r], c);
            dot_step(is_signed, first, last, &sum[r][1], &parts[r][1], w, x[r], c);
        }
    }
}

AZ_INLINE void block_scores(const kv_tile *t, const az_type type, const query *q, const int n,
                            float scale, size_t g0, size_t g1, float s[TEAM][AZ_ATTN_TILE])
{
    const uint8_t *keys = t->keys;
    const size_t step = AZ_ATTN_TILE * 16; /* bytes of 4 dwords of all positions */

    for (size_t g = g0; g < g1; g += 2) {
        const size_t h = g + 1 < g1 ? g + 1 : g;
        vf x[TEAM][2];

        for (int r = 0; r < n; r++)
            x[r][0] = x[r][1] = vf_zero();
        for (size_t b = 0; b < t->dims / 32; b++) {
            const uint8_t *p = keys + b * (type == AZ_Q8_0 ? 2 : 1) * step + g * LANES * 4,
                          *o = p + (h - g) * LANES * 4;
            vf d0 = vf_of_f16(t->k_scales + b * AZ_ATTN_TILE + g * LANES);
            vf d1 = vf_of_f16(t->k_scales + b * AZ_ATTN_TILE + h * LANES);
            vi i[TEAM][2];

            for (int r = 0; r < n; r++)
                i[r][0] = i[r][1] = key_start(type, &q[r].q8[b]);
            key_dots(type, false, p, o, q, n, b, 0, i);
            if (type == AZ_Q8_0)
                key_dots(type, false, p + step, o + step, q, n, b, 16, i);
            else
                key_dots(type, true, p, o, q, n, b, 16, i);
            for (int r = 0; r < n; r++) {
                vf d = vf_set(q[r].q8[b].d);

                x[r][0] = vf_fma(vf_of_int(i[r][0]), vf_mul(d0, d), x[r][0]);
                x[r][1] = vf_fma(vf_of_int(i[r][1]), vf_mul(d1, d), x[r][1]);
            }
        }
        for (int r = 0; r < n; r++) {
            vf_store(s[r] + g * LANES, vf_mul(x[r][0], vf_set(scale)));
            vf_store(s[r] + h * LANES, vf_mul(x[r][1], vf_set(scale)));
        }
    }
}

AZ_INLINE void scores(const kv_tile *t, const az_type type, const bool direct, const query *q,
                      const int n, float scale, size_t g0, size_t g1, float s[TEAM][AZ_ATTN_TILE])
{
    if (in_blocks(type))
        block_scores(t, type, q, n, scale, g0, g1, s);
    else
        plain_scores(t, direct, q, n, scale, g0, g1, s);
}

/* Scores of positions [p0, p1) of the tile to weights; returns the factor for what was summed before. */
AZ_INLINE float soften_range(query *q, float s[AZ_ATTN_TILE], const size_t p0, const size_t p1)
{
    const size_t g0 = p0 / LANES, g1 = (p1 + LANES - 1) / LANES;
    float before = q->top, shrink;
    vf top = vf_set(before), sum = vf_zero();

    AZ_UNROLL
    for (size_t g = g0; g < g1; g++) {
        vf v = vf_load(s + g * LANES);

        if (g * LANES < p0 || (g + 1) * LANES > p1) {
            v = vf_between(v, (int)p0 - (int)(g * LANES), (int)p1 - (int)(g * LANES));
            vf_store(s + g * LANES, v);
        }
        top = vf_max(top, v);
    }
    q->top = vf_top(top);
    shrink = before == q->top ? 1 : az_expf(before - q->top);
    AZ_UNROLL
    for (size_t g = g0; g < g1; g++) {
        vf e = vf_exp(vf_sub(vf_load(s + g * LANES), vf_set(q->top)));

        vf_store(s + g * LANES, e);
        sum = vf_add(sum, e);
    }
    q->sum = q->sum * shrink + vf_sum(sum);
    return shrink;
}

AZ_INLINE float soften(query *q, float s[AZ_ATTN_TILE], size_t p0, size_t p1)
{
    if (p0 == 0 && p1 == AZ_ATTN_TILE) return soften_range(q, s, 0, AZ_ATTN_TILE); /* unrolled */
    return soften_range(q, s, p0, p1);
}

/* Weighted values of positions [p0, p1) join the outputs of n rows. */
AZ_INLINE void mix(const kv_tile *t, const az_type type, const bool direct, const query *q,
                   const int n, float s[TEAM][AZ_ATTN_TILE], const float shrink[TEAM], size_t p0,
                   size_t p1)
{
    const size_t dims = t->dims;

    for (size_t d = 0; d < dims; d += OUT_VECS * LANES) {
        vf o[TEAM][OUT_VECS];

        for (int r = 0; r < n; r++)
            for (size_t j = 0; j < OUT_VECS; j++) {
                size_t at = d + j * LANES;

                o[r][j] = vf_zero();
                if (at < dims)
                    o[r][j] = vf_mul(vf_load_n(q[r].out + at, dims - at), vf_set(shrink[r]));
            }
        for (size_t p = p0; p < p1; p++) {
            vf v[OUT_VECS];

            for (size_t j = 0; j < OUT_VECS; j++) {
                v[j] = vf_zero();
                if (d + j * LANES < dims) v[j] = values_at(t, type, direct, p, d + j * LANES);
            }
            for (int r = 0; r < n; r++)
                for (size_t j = 0; j < OUT_VECS; j++)
                    o[r][j] = vf_fma(vf_set(s[r][p]), v[j], o[r][j]);
        }
        for (int r = 0; r < n; r++)
            for (size_t j = 0; j < OUT_VECS; j++)
                if (d + j * LANES < dims)
                    vf_store_n(q[r].out + d + j * LANES, o[r][j], dims - d - j * LANES);
    }
}

/* n rows take what they see of tile number i, which holds positions [p0, p1). */
AZ_INLINE void attend_rows(const az_attn_args *a, const kv_tile *t, const az_type type,
                           const bool direct, query *q, const int n, size_t base, size_t p0,
                           size_t p1)
{
    float s[TEAM][AZ_ATTN_TILE], shrink[TEAM];
    size_t from[TEAM], to[TEAM], g0 = (p0 - base) / LANES, g1 = (p1 - base + LANES - 1) / LANES;
    bool alike = true;

    scores(t, type, direct, q, n, a->scale, g0, g1, s);
    for (int r = 0; r < n && a->softcap > 0; r++)
        softcap(s[r] + g0 * LANES, 1, a->softcap, (g1 - g0) * LANES);
    for (int r = 0; r < n; r++) {
        from[r] = (q[r].first > p0 ? q[r].first : p0) - base;
        to[r] = (q[r].last + 1 < p1 ? q[r].last + 1 : p1) - base;
        alike = alike && q[r].last >= p0 && q[r].first < p1 && from[r] == from[0] && to[r] == to[0];
    }
    for (int r = 0; r < n; r++)
        if (q[r].last >= p0 && q[r].first < p1) shrink[r] = soften(q + r, s[r], from[r], to[r]);
    if (alike) {
        mix(t, type, direct, q, n, s, shrink, from[0], to[0]);
        return;
    }
    for (int r = 0; r < n; r++)
        if (q[r].last >= p0 && q[r].first < p1)
            mix(t, type, direct, q + r, 1, s + r, shrink + r, from[r], to[r]);
}

AZ_INLINE void attend(const az_attn_args *a, const kv_tile *t, const az_type type,
                      const bool direct, query *q, size_t n, size_t base, size_t p0, size_t p1)
{
    size_t i = 0;

    for (; i + TEAM <= n; i += TEAM)
        if (q[i + TEAM - 1].last >= p0 && q[i].first < p1)
            attend_rows(a, t, type, direct, q + i, TEAM, base, p0, p1);
    for (; i + 2 <= n; i += 2)
        if (q[i + 1].last >= p0 && q[i].first < p1)
            attend_rows(a, t, type, direct, q + i, 2, base, p0, p1);
    for (; i < n; i++)
        if (q[i].last >= p0 && q[i].first < p1)
            attend_rows(a, t, type, direct, q + i, 1, base, p0, p1);
}

static void make_query(const az_attn_args *a, const az_type type, size_t row, query *q)
{
    size_t i = row / a->group, h = row % a->group;
    int64_t last = a->n_keys ? a->n_keys - 1 : a->pos + (int64_t)i;
    int64_t first = a->window ? last - a->window + 1 : 0;

    q->q = a->q + i * a->ld_q + h * a->head_dim;
    q->out = a->out + i * a->ld_out + h * a->head_dim;
    q->first = first < 0 ? 0 : (size_t)first;
    q->last = (size_t)last;
    q->top = a->sinks ? a->sinks[h] : -AZ_INFINITY;
    q->sum = a->sinks ? 1 : 0;
    if (in_blocks(type)) az_quantize_q8_c(q->q8, q->q, a->head_dim);
    memset(q->out, 0, a->head_dim * sizeof *q->out);
}

typedef void attend_fn(const az_attn_args *a, const kv_tile *t, query *q, size_t n, size_t base,
                       size_t p0, size_t p1);

AZ_INLINE void attention(const az_attn_args *a, const az_type type, attend_fn *from_tile,
                         attend_fn *from_cache)
{
    const size_t rows = a->n_tok * a->group;
    kv_tile t;
    query q[BATCH];

    if (a->head_dim > HEAD_MAX) {
        az_attention_c(type, a);
        return;
    }
    for (size_t r0 = 0; r0 < rows; r0 += BATCH) {
        size_t n = rows - r0 < BATCH ? rows - r0 : BATCH, end;
        const bool direct = type != AZ_F32 && n <= DIRECT_ROWS && a->head_dim % LANES == 0;

        for (size_t i = 0; i < n; i++)
            make_query(a, type, r0 + i, q + i);
        end = q[n - 1].last + 1;
        for (size_t p0 = q[0].first, p1; p0 < end; p0 = p1) {
            size_t base = p0 / AZ_ATTN_TILE * AZ_ATTN_TILE;

            p1 = base + AZ_ATTN_TILE < end ? base + AZ_ATTN_TILE : end;
            load_tile(a, type, direct, base / AZ_ATTN_TILE, p0 - base, p1 - base, &t);
            (direct ? from_cache : from_tile)(a, &t, q, n, base, p0, p1);
        }
        for (size_t i = 0; i < n; i++)
            for (size_t d = 0; d < a->head_dim; d++)
                q[i].out[d] *= 1.0f / q[i].sum;
    }
}

#define ATTEND(name, type, direct)                                                            \
    static AZ_NOINLINE void name(const az_attn_args *a, const kv_tile *t, query *q, size_t n, \
                                 size_t base, size_t p0, size_t p1)                           \
    {                                                                                         \
        attend(a, t, type, direct, q, n, base, p0, p1);                                       \
    }
#define ATTENTION(name, type)                           \
    ATTEND(tile_##name, type, false)                    \
    ATTEND(cache_##name, type, true)                    \
    static void attention_##name(const az_attn_args *a) \
    {                                                   \
        attention(a, type, tile_##name, cache_##name);  \
    }

ATTENTION(f32, AZ_F32)
ATTENTION(f16, AZ_F16)
ATTENTION(q8_0, AZ_Q8_0)
ATTENTION(q4_0, AZ_Q4_0)

static void init_attention(az_kernels *k)
{
    k->kv[AZ_F32].attention = attention_f32;
    k->kv[AZ_F16].attention = attention_f16;
    k->kv[AZ_Q8_0].attention = attention_q8_0;
    k->kv[AZ_Q4_0].attention = attention_q4_0;
}

#endif
