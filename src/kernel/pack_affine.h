/* Groups of 32, 64 or 128 values as x ~ scale * q + bias, 0 <= q < 2^bits, with scale and bias as they are stored
 * (bf16, f16 or f32): what MLX's affine quantization holds.
 *
 * The first candidate is MLX's own fit (mx.quantize: the end of larger size and zero are kept exactly), so no
 * group is worse than there; others start from narrower ranges and go on once with the best scale and bias for
 * their codes (Lloyd's iteration). Every error is measured with the rounded scale and bias. Sixteen groups are searched at
 * once. Source: MLX's affine_quantize, 2026-08-22.
 */
#ifndef AZ_KERNEL_PACK_AFFINE_H
#define AZ_KERNEL_PACK_AFFINE_H

#include <math.h>
#include "kernel/pack.h"
#include "kernel/pack_v16.h"

enum { AFFINE_GROUP_MAX = 128, AFFINE_STEPS = 2 };

typedef struct grp_tile {
    AZ_ALIGNED(64) float x[AFFINE_GROUP_MAX][16]; /* value j of each group */
    int len;
    float top;
    az_type store;
} grp_tile;

typedef struct grp_try {
    v16 s, b, err;
    v16 q, qq, xq; /* sums of q, q * q, x * q */
} grp_try;

static inline float grp_stored(float v, az_type t)
{
    if (t == AZ_BF16) return az_bf16_to_f32(az_f32_to_bf16(v));
    return t == AZ_F16 ? az_f16_to_f32(az_f32_to_f16(v)) : v;
}

static inline v16 grp_round(v16 a, az_type t)
{
    float v[16];

    if (t == AZ_F32) return a;
    v_store(v, a);
    for (int i = 0; i < 16; i++)
        v[i] = grp_stored(v[i], t);
    return v_load(v);
}

/* MLX's fit of one group. */
static inline void grp_mlx(float low, float high, float top, float *scale, float *bias)
{
    float s = (high - low) / top, edge = high, q0;

    if (s < 1e-7f) s = 1e-7f;
    if (fabsf(low) > fabsf(high))
        edge = low;
    else
        s = -s;
    q0 = rintf(edge / s);
    *bias = 0;
    if (q0 != 0) {
        s = edge / q0;
        *bias = edge;
    }
    *scale = s;
}

/* Codes, error and sums for the scale and bias of f, which are rounded first. */
AZ_INLINE void grp_look(const grp_tile *t, grp_try *f)
{
    v16 zero = v_set1(0), top = v_set1(t->top), inv;
    v16 e2 = zero, q1 = zero, q2 = zero, qx = zero;

    f->s = grp_round(f->s, t->store);
    f->b = grp_round(f->b, t->store);
    inv = v_div0(v_set1(1), f->s);
    for (int j = 0; j < t->len; j++) {
        v16 x = v_load(t->x[j]), u = v_sub(x, f->b);
        v16 q = v_round(v_clamp(v_mul(u, inv), zero, top)), e = v_sub(u, v_mul(f->s, q));
        e2 = v_add(e2, v_mul(e, e));
        q1 = v_add(q1, q);
        q2 = v_add(q2, v_mul(q, q));
        qx = v_add(qx, v_mul(q, x));
    }
    f->err = e2;
    f->q = q1;
    f->qq = q2;
    f->xq = qx;
}

AZ_INLINE void grp_best(grp_try *best, const grp_try *f)
{
    m16 better = v_lt(f->err, best->err);

    best->s = v_sel(better, f->s, best->s);
    best->b = v_sel(better, f->b, best->b);
    best->err = v_sel(better, f->err, best->err);
}

/* The scale and bias that fit the codes of f best; sum_x: sum of x. */
AZ_INLINE void grp_refit(grp_try *f, v16 sum_x, float len)
{
    v16 n = v_set1(len), det = v_sub(v_mul(n, f->qq), v_mul(f->q, f->q));
    v16 s = v_div0(v_sub(v_mul(n, f->xq), v_mul(sum_x, f->q)), det);
    m16 flat = v_lt(v_abs(s), v_set1(1e-30f));

    f->b = v_sel(flat, f->b, v_mul(v_sub(sum_x, v_mul(s, f->q)), v_set1(1.0f / len)));
    f->s = v_sel(flat, f->s, s);
}

/* Shares of the range that the narrower candidates leave out, by bits. */
static const float grp_cut2[] = { 0.08f, 0.16f, 0.26f, 0.38f };
static const float grp_cut3[] = { 0.05f, 0.11f, 0.19f, 0.28f };
static const float grp_cut4[] = { 0.05f };
static const float grp_cut5[] = { 0.02f, 0.06f };
static const float grp_cut8[] = { 0.0f };

AZ_INLINE grp_try grp_find(const grp_tile *t, int bits)
{
    static const struct {
        const float *cut;
        int n;
    } cuts[9] = { [2] = { grp_cut2, 4 }, [3] = { grp_cut3, 4 }, [4] = { grp_cut4, 1 },
                  [5] = { grp_cut5, 2 }, [6] = { grp_cut5, 2 }, [8] = { grp_cut8, 1 } };
    v16 low = v_load(t->x[0]), high = low, sum = v_set1(0), range;
    float lo[16], hi[16], s[16], b[16];
    grp_try best, f;

    for (int j = 0; j < t->len; j++) {
        v16 x = v_load(t->x[j]);
        low = v_min(x, low);
        high = v_max(x, high);
        sum = v_add(sum, x);
    }
    v_store(lo, low);
    v_store(hi, high);
    for (int i = 0; i < 16; i++)
        grp_mlx(lo[i], hi[i], t->top, &s[i], &b[i]);
    f.s = v_load(s);
    f.b = v_load(b);
    grp_look(t, &f);
    best = f;
    range = v_sub(high, low);
    for (int c = 0; c < cuts[bits].n; c++) {
        float cut = cuts[bits].cut[c];
        f.s = v_mul(range, v_set1((1 - cut) / t->top));
        f.b = v_add(low, v_mul(range, v_set1(cut / 2)));
        for (int k = 0; k < AFFINE_STEPS; k++) {
            if (k) grp_refit(&f, sum, (float)t->len);
            grp_look(t, &f);
            grp_best(&best, &f);
        }
    }
    return best;
}

static void grp_tile_out(const grp_tile *t, const grp_try *f, size_t groups, float *scale,
                         float *bias, uint8_t *q)
{
    v16 inv = v_div0(v_set1(1), f->s), zero = v_set1(0), top = v_set1(t->top), up = v_set1(256);
    float s[16], b[16], c[2][16];
    uint32_t four[16];

    v_store(s, f->s);
    v_store(b, f->b);
    memcpy(scale, s, groups * sizeof *s);
    memcpy(bias, b, groups * sizeof *b);
    for (int j = 0; j < t->len; j += 4) {
        v16 code[4];
        for (int k = 0; k < 4; k++)
            code[k] = v_round(v_clamp(v_mul(v_sub(v_load(t->x[j + k]), f->b), inv), zero, top));
        v_store(c[0], v_add(code[0], v_mul(code[1], up))); /* exact: below 2^16 */
        v_store(c[1], v_add(code[2], v_mul(code[3], up)));
        for (int g = 0; g < 16; g++)
            four[g] = (uint32_t)(int32_t)c[0][g] | (uint32_t)(int32_t)c[1][g] << 16;
        for (size_t g = 0; g < groups; g++) {
            uint8_t *to = q + g * (size_t)t->len + j;
            to[0] = (uint8_t)four[g];
            to[1] = (uint8_t)(four[g] >> 8);
            to[2] = (uint8_t)(four[g] >> 16);
            to[3] = (uint8_t)(four[g] >> 24);
        }
    }
}

static void pack_affine(const float *x, size_t n_groups, const az_affine_spec *spec, float *scale,
                        float *bias, uint8_t *q)
{
    grp_tile t = { .len = spec->group,
                   .top = (float)((1 << spec->bits) - 1),
                   .store = spec->store };
    size_t len = (size_t)spec->group;

    for (size_t g0 = 0; g0 < n_groups; g0 += 16) {
        size_t n = n_groups - g0 < 16 ? n_groups - g0 : 16;
        grp_try f;
        for (size_t j = 0; n == 16 && j < len; j += 16)
            v_turn(&t.x[j], x + g0 * len + j, len);
        if (n < 16) memset(t.x, 0, sizeof t.x);
        for (size_t g = 0; n < 16 && g < n; g++)
            for (size_t j = 0; j < len; j++)
                t.x[j][g] = x[(g0 + g) * len + j];
        f = grp_find(&t, spec->bits);
        grp_tile_out(&t, &f, n, scale + g0, bias + g0, q + g0 * len);
    }
}

#endif
