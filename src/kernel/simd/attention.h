/* Attention, written once for every vector width (after matmul_plain.h and vector.h): the algorithm of
 * c/attention_c.c. A KV tile is converted once for all the queries that see it; a few queries (decode) read
 * the f16 cache itself.
 *
 * Scores: one position a lane, a chain over the head's dimensions. Output: one dimension a lane, positions
 * in order. Both are a row's own, and rows skip tiles that they do not see, so batching changes no bit.
 */
#ifndef AZ_KERNEL_SIMD_ATTENTION_H
#define AZ_KERNEL_SIMD_ATTENTION_H

#include "kernel/c/kernels_c.h"

enum {
    HEAD_MAX = 256,  /* wider heads take the scalar version */
    TEAM = 4,        /* rows that share what is loaded from a tile */
    BATCH = 128,     /* rows that share a tile */
    DIRECT_ROWS = 8, /* up to so many, converting a tile first does not pay */
    OUT_VECS = 4     /* output vectors kept in registers, for each row of a team */
};

typedef struct kv_tile {
    const az_f16 *k16, *v16; /* the tile in the cache, for direct reading; v16: row 0 of the tile */
    size_t ld_v;             /* of v16 */
    size_t width;            /* head_dim in whole vectors */
    float k[HEAD_MAX * AZ_ATTN_TILE]; /* [dimension][position] */
    float v[AZ_ATTN_TILE * HEAD_MAX]; /* [position][width] */
} kv_tile;

/* One query of one head. */
typedef struct query {
    const float *q;
    float *out;
    size_t first, last; /* positions that it sees */
    float top, sum;
} query;

/* The tile at `base`, of which positions [p0, p1) are seen. The lanes of others hold anything. */
AZ_INLINE void load_tile(const az_attn_args *a, const bool f32, const bool direct, size_t base,
                         size_t p0, size_t p1, kv_tile *t)
{
    size_t keys = az_attn_key_at(base, a->head_dim);
    size_t g0 = (p0 - base) / LANES, g1 = (p1 - base + LANES - 1) / LANES;

    if (direct) {
        t->k16 = a->k + keys;
        t->v16 = a->v + base * a->ld_v;
        t->ld_v = a->ld_v;
        return;
    }
    t->width = (a->head_dim + LANES - 1) / LANES * LANES;
    for (size_t d = 0; d < a->head_dim; d++)
        for (size_t g = g0; g < g1; g++) {
            size_t at = keys + d * AZ_ATTN_TILE + g * LANES;
            vf_store(t->k + d * AZ_ATTN_TILE + g * LANES,
                     f32 ? vf_load(a->k32 + at) : vf_of_f16(a->k + at));
        }
    for (size_t p = p0; p < p1; p++)
        if (f32)
            memcpy(t->v + (p - base) * t->width, a->v32 + p * a->ld_v, a->head_dim * sizeof(float));
        else
            CAT3(f16_to_f32, _, ISA)(t->v + (p - base) * t->width, a->v + p * a->ld_v, a->head_dim);
}

AZ_INLINE vf keys_at(const kv_tile *t, const bool direct, size_t d, size_t g)
{
    return direct ? vf_of_f16(t->k16 + d * AZ_ATTN_TILE + g * LANES)
                  : vf_load(t->k + d * AZ_ATTN_TILE + g * LANES);
}

AZ_INLINE vf values_at(const kv_tile *t, const bool direct, size_t p, size_t d)
{
    return direct ? vf_of_f16(t->v16 + p * t->ld_v + d) : vf_load(t->v + p * t->width + d);
}

/* Scaled scores of n rows against the tile's groups [g0, g1). */
AZ_INLINE void scores(const kv_tile *t, const bool direct, const query *q, const int n, size_t dims,
                      float scale, size_t g0, size_t g1, float s[TEAM][AZ_ATTN_TILE])
{
    for (size_t g = g0; g < g1; g += 2) {
        vf x[TEAM][2];
        const size_t h = g + 1 < g1 ? g + 1 : g;

        for (int r = 0; r < n; r++)
            x[r][0] = x[r][1] = vf_zero();
        for (size_t d = 0; d < dims; d++) {
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

/* Scores of positions [p0, p1) of the tile to weights; returns the factor for what was summed before. */
AZ_INLINE float soften(query *q, float s[AZ_ATTN_TILE], size_t p0, size_t p1)
{
    const size_t g0 = p0 / LANES, g1 = (p1 + LANES - 1) / LANES;
    vf top = vf_set(q->top), sum = vf_zero();
    float lanes[LANES], shrink, before = q->top;

    for (size_t g = g0; g < g1; g++) {
        vf v = vf_load(s + g * LANES);

        if (g * LANES < p0 || (g + 1) * LANES > p1)
            v = vf_between(v, (int)p0 - (int)(g * LANES), (int)p1 - (int)(g * LANES));
        vf_store(s + g * LANES, v);
        top = vf_max(top, v);
    }
    q->top = vf_top(top);
    shrink = az_expf(before - q->top);
    for (size_t g = g0; g < g1; g++) {
        vf e = vf_exp(vf_sub(vf_load(s + g * LANES), vf_set(q->top)));

        vf_store(s + g * LANES, e);
        sum = vf_add(sum, e);
    }
    vf_store(lanes, sum);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lanes[i] += lanes[i + half];
    q->sum = q->sum * shrink + lanes[0];
    return shrink;
}

/* Weighted values of positions [p0, p1) join the outputs of n rows. */
AZ_INLINE void mix(const kv_tile *t, const bool direct, const query *q, const int n, size_t dims,
                   float s[TEAM][AZ_ATTN_TILE], const float shrink[TEAM], size_t p0, size_t p1)
{
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
                if (d + j * LANES < dims) v[j] = values_at(t, direct, p, d + j * LANES);
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

/* n rows take what they see of the tile at `base`, which holds positions [p0, p1). */
AZ_INLINE void attend_rows(const az_attn_args *a, const kv_tile *t, const bool direct, query *q,
                           const int n, size_t base, size_t p0, size_t p1)
{
    float s[TEAM][AZ_ATTN_TILE], shrink[TEAM];
    size_t from[TEAM], to[TEAM], g0 = p0 - base, g1 = p1 - base;
    bool alike = true;

    scores(t, direct, q, n, a->head_dim, a->scale, g0 / LANES, (g1 + LANES - 1) / LANES, s);
    if (a->softcap > 0)
        for (int r = 0; r < n; r++)
            CAT3(scale_cap, _, ISA)
    (s[r] + g0 / LANES * LANES, 1, a->softcap,
     (g1 + LANES - 1) / LANES * LANES - g0 / LANES * LANES);
    for (int r = 0; r < n; r++) {
        from[r] = (q[r].first > p0 ? q[r].first : p0) - base;
        to[r] = (q[r].last + 1 < p1 ? q[r].last + 1 : p1) - base;
        alike = alike && q[r].last >= p0 && q[r].first < p1 && from[r] == from[0] && to[r] == to[0];
    }
    for (int r = 0; r < n; r++)
        if (q[r].last >= p0 && q[r].first < p1) shrink[r] = soften(q + r, s[r], from[r], to[r]);
    if (alike) {
        mix(t, direct, q, n, a->head_dim, s, shrink, from[0], to[0]);
        return;
    }
    for (int r = 0; r < n; r++)
        if (q[r].last >= p0 && q[r].first < p1)
            mix(t, direct, q + r, 1, a->head_dim, s + r, shrink + r, from[r], to[r]);
}

AZ_INLINE void attend(const az_attn_args *a, const kv_tile *t, const bool direct, query *q,
                      size_t n, size_t base, size_t p0, size_t p1)
{
    size_t i = 0;

    for (; i + TEAM <= n; i += TEAM)
        if (q[i + TEAM - 1].last >= p0 && q[i].first < p1)
            attend_rows(a, t, direct, q + i, TEAM, base, p0, p1);
    for (; i + 2 <= n; i += 2)
        if (q[i + 1].last >= p0 && q[i].first < p1)
            attend_rows(a, t, direct, q + i, 2, base, p0, p1);
    for (; i < n; i++)
        if (q[i].last >= p0 && q[i].first < p1) attend_rows(a, t, direct, q + i, 1, base, p0, p1);
}

static AZ_NOINLINE void attend_tile(const az_attn_args *a, const kv_tile *t, query *q, size_t n,
                                    size_t base, size_t p0, size_t p1)
{
    attend(a, t, false, q, n, base, p0, p1);
}

static AZ_NOINLINE void attend_cache(const az_attn_args *a, const kv_tile *t, query *q, size_t n,
                                     size_t base, size_t p0, size_t p1)
{
    attend(a, t, true, q, n, base, p0, p1);
}

static void make_query(const az_attn_args *a, size_t row, query *q)
{
    size_t i = row / a->group, h = row % a->group;
    int64_t last = a->n_keys ? a->n_keys - 1 : a->pos + (int64_t)i;
    int64_t first = a->window ? last - a->window + 1 : 0;

    *q = (query){ .q = a->q + i * a->ld_q + h * a->head_dim,
                  .out = a->out + i * a->ld_out + h * a->head_dim,
                  .first = first < 0 ? 0 : (size_t)first,
                  .last = (size_t)last,
                  .top = a->sinks ? a->sinks[h] : -AZ_INFINITY,
                  .sum = a->sinks ? 1 : 0 };
    memset(q->out, 0, a->head_dim * sizeof *q->out);
}

AZ_INLINE void attention(const az_attn_args *a, const bool f32)
{
    const size_t rows = a->n_tok * a->group;
    kv_tile t;
    query q[BATCH];

    if (a->head_dim > HEAD_MAX) {
        az_attention_c(a);
        return;
    }
    for (size_t r0 = 0; r0 < rows; r0 += BATCH) {
        size_t n = rows - r0 < BATCH ? rows - r0 : BATCH, end;
        const bool direct = !f32 && n <= DIRECT_ROWS && a->head_dim % LANES == 0;

        for (size_t i = 0; i < n; i++)
            make_query(a, r0 + i, q + i);
        end = q[n - 1].last + 1;
        for (size_t p0 = q[0].first, p1; p0 < end; p0 = p1) {
            size_t base = p0 / AZ_ATTN_TILE * AZ_ATTN_TILE;

            p1 = base + AZ_ATTN_TILE < end ? base + AZ_ATTN_TILE : end;
            load_tile(a, f32, direct, base, p0, p1, &t);
            if (direct)
                attend_cache(a, &t, q, n, base, p0, p1);
            else
                attend_tile(a, &t, q, n, base, p0, p1);
        }
        for (size_t i = 0; i < n; i++)
            for (size_t d = 0; d < a->head_dim; d++)
                q[i].out[d] *= 1.0f / q[i].sum;
    }
}

static void CAT3(attention, _, ISA)(const az_attn_args *a)
{
    attention(a, false);
}

static void CAT3(attention_f32, _, ISA)(const az_attn_args *a)
{
    attention(a, true);
}

static void init_attention(az_kernels *k)
{
    k->attention = CAT3(attention, _, ISA);
    k->attention_f32 = CAT3(attention_f32, _, ISA);
}

#endif
