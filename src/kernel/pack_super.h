/* Super-blocks of 256: parts with small integer scales over one f16 (q6_k, q3_k), or with small integer
 * scales and minima over two (q5_k, q4_k, q2_k).
 *
 * 1. Each part gets its best real scale (and minimum) and the curvature of its error there.
 * 2. The f16 scales are chosen among many candidates, by the error that rounding every part's scale (and
 *    minimum) to an integer adds: a quadratic form in what the rounding moves.
 * 3. Codes are made for the rounded scales; they have new best scales; back to 2, keeping the best by true error.
 * 4. Each part tries neighbouring integers.
 */
#ifndef AZ_KERNEL_PACK_SUPER_H
#define AZ_KERNEL_PACK_SUPER_H

#include "core/block.h"
#include "kernel/pack_exact.h"
#include "kernel/pack_linear.h"

/* Scales whose dmin is searched; repeats of steps 2 and 3. More of either gains less than 0.1 % of the error. */
enum { SUPER_TRIES = 2, SUPER_ROUNDS = 2 };

/* ---- scales only ---- */

typedef struct super_sym {
    sym_spec codes;
    float sc_lo, sc_hi; /* range of the integer scales */
    weighting how;
} super_sym;

/* The part scales of a super-block: d times an integer each. */
typedef struct sym_parts {
    v16 sc, s; /* integer, d * integer */
    float d;
    float error;
} sym_parts;

AZ_INLINE float sum16(v16 a)
{
    float v[16], s = 0;

    v_store(v, a);
    for (int i = 0; i < 16; i++)
        s += v[i];
    return s;
}

/* The positive d, an f16 in units, that moves the parts' scales the least, as weighed by cc: among 64 that give the largest
 * part an integer from sc_hi + 1 down. */
static float sym_choose_d(const super_sym *spec, v16 scales, v16 curvature, v16 unit, v16 per_unit)
{
    static const float steps[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    float s[16], cc[16], d[16], ext = 0, best = 0, found = 0, cost,
                                grain = spec->sc_hi * (0.5f / 127);

    v_store(s, scales);
    v_store(cc, curvature);
    for (int j = 0; j < 16; j++) {
        float size = s[j] < 0 ? -s[j] : s[j];
        ext = size > ext ? size : ext;
    }
    for (int g = 0; g < 4; g++) {
        v16 down = v_mul(v_add(v_load(steps), v_set1(16.0f * (float)g)), v_set1(grain));
        v16 dd = v_div(v_set1(ext), v_sub(v_set1(spec->sc_hi + 0.5f), down));
        dd = v_mul(v_f16(v_mul(dd, unit)), per_unit);
        v16 inv = v_div0(v_set1(1), dd), sum = v_set1(0);
        for (int j = 0; j < 16; j++) {
            v16 sc = v_round(
                v_clamp(v_mul(v_set1(s[j]), inv), v_set1(-spec->sc_hi), v_set1(spec->sc_hi)));
            v16 move = v_sub(v_mul(dd, sc), v_set1(s[j]));
            sum = v_add(sum, v_mul(v_set1(cc[j]), v_mul(move, move)));
        }
        int lane = v_least(sum, &cost);
        v_store(d, dd);
        if (g == 0 || cost < best) {
            best = cost;
            found = d[lane];
        }
    }
    return found;
}

AZ_INLINE v16 sym_error(const tile *t, int len, const sym_spec *spec, v16 s)
{
    v16 inv = v_div0(v_set1(1), s), lo = v_set1(spec->lo), hi = v_set1(spec->hi), sum = v_set1(0);

    for (int j = 0; j < len; j++) {
        v16 x = v_load(t->x[j]), c = v_round(v_clamp(v_mul(x, inv), lo, hi)),
            e = v_sub(x, v_mul(s, c));
        sum = v_add(sum, v_mul(v_mul(v_load(t->w[j]), e), e));
    }
    return sum;
}

static sym_parts super_sym_search(const tile *t, const super_sym *spec)
{
    sym_fit fit = sym_search(t, 16, &spec->codes, 2, false);
    v16 target = fit.d, xc, cc;
    sym_parts best = { v_set1(0), v_set1(0), 0, -1 };

    sym_sums(t, 16, v_div0(v_set1(1), target), v_set1(spec->codes.lo), v_set1(spec->codes.hi), &xc,
             &cc);
    for (int round = 0; round <= SUPER_ROUNDS; round++) {
        float d = sym_choose_d(spec, target, cc, t->unit, t->per_unit);
        v16 inv = v_set1(d > 0 ? 1 / d : 0);
        v16 sc = v_round(v_clamp(v_mul(target, inv), v_set1(-spec->sc_hi), v_set1(spec->sc_hi)));
        v16 s = v_mul(v_set1(d), sc);
        float error = sum16(sym_error(t, 16, &spec->codes, s));
        if (best.error < 0 || error < best.error) best = (sym_parts){ sc, s, d, error };
        sym_sums(t, 16, v_div0(v_set1(1), s), v_set1(spec->codes.lo), v_set1(spec->codes.hi), &xc,
                 &cc);
        v16 next = v_div0(xc, cc);
        target = v_sel(v_lt(v_set1(0), cc), next, target);
    }
    v16 e0 = sym_error(t, 16, &spec->codes, best.s);
    for (int k = -1; k <= 1; k += 2) {
        v16 sc =
            v_clamp(v_add(best.sc, v_set1((float)k)), v_set1(-spec->sc_hi), v_set1(spec->sc_hi));
        v16 s = v_mul(v_set1(best.d), sc), e = sym_error(t, 16, &spec->codes, s);
        m16 better = v_lt(e, e0);
        e0 = v_sel(better, e, e0);
        best.sc = v_sel(better, sc, best.sc);
        best.s = v_sel(better, s, best.s);
    }
    return best;
}

static const float q6_k_at[] = { -32.0f, -31.0f, -31.5f, -30.5f, -32.5f, -33.0f,
                                 -33.5f, -34.0f, 31.0f,  31.5f,  30.5f };
static const float q3_k_at[] = { -4.0f, -3.7f, -3.4f, -3.1f, -4.3f, -4.6f, -4.9f,
                                 -5.3f, 3.0f,  2.7f,  3.3f,  3.6f,  4.0f,  4.4f };
static const super_sym q6_k_spec = {
    { -32, 31, AZ_COUNT(q6_k_at), q6_k_at }, -128, 127, WEIGHT_MIXED
};
static const super_sym q3_k_spec = { { -4, 3, AZ_COUNT(q3_k_at), q3_k_at }, -32, 31, WEIGHT_MIXED };

/* What a super-block's bytes are made of; q5_k and q4_k make two at once. */
typedef struct super_out {
    float d[16], dmin[16], sc[16], mn[16];
    uint8_t q[512];
} super_out;

/* One way to write a part: no scale where all codes are zero, a positive one where the codes allow it. */
AZ_INLINE void sym_tidy(const sym_spec *spec, v16 *sc, float c[32][16])
{
    v16 zero = v_set1(0), least_code = zero, any = zero;
    m16 flip, some;

    for (int j = 0; j < 16; j++) {
        v16 v = v_load(c[j]);
        least_code = v_min(v, least_code);
        any = v_max(v_abs(v), any);
    }
    some = v_lt(zero, any);
    flip = v_lt(v_sel(v_lt(v_set1(spec->lo), least_code), *sc, zero), zero);
    *sc = v_sel(some, v_sel(flip, v_sub(zero, *sc), *sc), zero);
    for (int j = 0; j < 16; j++) {
        v16 v = v_load(c[j]);
        v_store(c[j], v_sel(flip, v_sub(zero, v), v));
    }
}

static void super_sym_pack(const float *x, const float *imp, const super_sym *spec, super_out *o)
{
    tile t;
    AZ_ALIGNED(64) float c[32][16];
    az_exact_super e;
    sym_parts p;

    if (az_exact_super_sym_find(x, (int)spec->codes.lo, (int)spec->codes.hi, (int)spec->sc_lo,
                                &e)) {
        o->d[0] = e.d;
        for (int j = 0; j < 16; j++)
            o->sc[j] = (float)e.sc[j];
        for (int i = 0; i < 256; i++)
            o->q[i] = (uint8_t)(e.c[i] - (int)spec->codes.lo);
        return;
    }
    tile_load(&t, x, imp, 16, 16, 16, spec->how);
    p = super_sym_search(&t, spec);
    sym_codes(&t, 16, &spec->codes, p.s, c);
    sym_tidy(&spec->codes, &p.sc, c);
    codes_out(c, 16, -spec->codes.lo, o->q);
    v_store(o->d, v_mul(v_set1(p.d), t.unit));
    v_store(o->sc, p.sc);
}

static void put_q6_k(az_block_q6_k *b, const super_out *o)
{
    b->d = az_f32_to_f16(o->d[0]);
    for (int j = 0; j < 16; j++)
        b->scales[j] = (int8_t)o->sc[j];
    for (int h = 0; h < 2; h++) {
        const uint8_t *q = o->q + 128 * h;
        for (int i = 0; i < 64; i++)
            b->ql[64 * h + i] = (uint8_t)((q[i] & 15) | (q[i + 64] & 15) << 4);
        for (int i = 0; i < 32; i++)
            b->qh[32 * h + i] = (uint8_t)(q[i] >> 4 | q[i + 32] >> 4 << 2 | q[i + 64] >> 4 << 4 |
                                          q[i + 96] >> 4 << 6);
    }
}

static void pack_q6_k(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q6_k *b = dst;
    super_out o;

    for (; n; n -= 256, x += 256, imp = imp ? imp + 256 : NULL) {
        super_sym_pack(x, imp, &q6_k_spec, &o);
        put_q6_k(b++, &o);
    }
}

static void put_q3_k(az_block_q3_k *b, const super_out *o)
{
    memset(b, 0, sizeof *b);
    b->d = az_f32_to_f16(o->d[0]);
    for (int j = 0; j < 16; j++) {
        unsigned s = (unsigned)((int)o->sc[j] + 32);
        b->scales[j % 8] |= (uint8_t)((s & 15) << (j / 8 * 4));
        b->scales[8 + j % 4] |= (uint8_t)((s >> 4) << (j / 4 * 2));
    }
    for (int i = 0; i < 256; i++) {
        b->qs[i / 128 * 32 + i % 32] |= (uint8_t)((o->q[i] & 3) << (i % 128 / 32 * 2));
        b->hmask[i % 32] |= (uint8_t)((o->q[i] >> 2) << (i / 32));
    }
}

static void pack_q3_k(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q3_k *b = dst;
    super_out o;

    for (; n; n -= 256, x += 256, imp = imp ? imp + 256 : NULL) {
        super_sym_pack(x, imp, &q3_k_spec, &o);
        put_q3_k(b++, &o);
    }
}

/* ---- scales and minima ---- */

typedef struct super_affine {
    affine_spec codes;
    int len, parts;
    float sc_top; /* largest integer scale and minimum */
    weighting how;
} super_affine;

/* For each lane (a part): integers, and d and dmin of its super-block. */
typedef struct affine_parts {
    v16 sc, mn, d, dmin, error;
} affine_parts;

/* What the choice of a super-block's scales looks at, part by part: best s and m, the error's second
 * derivatives w, q and qq, how m follows s (lean), and the curvature along that line. */
typedef struct affine_view {
    float s[16], m[16], w[16], q[16], qq[16], lean[16], curve[16];
    float unit, per_unit;
    int parts;
    float top;
} affine_view;

AZ_INLINE v16 view_f16(const affine_view *a, v16 scale)
{
    return v_mul(v_f16(v_mul(scale, v_set1(a->unit))), v_set1(a->per_unit));
}

/* Sixteen candidates for a scale whose largest part should get an integer near top. */
AZ_INLINE v16 scale_candidates(const affine_view *a, const float *values)
{
    static const float steps[16] = { 1,  .5f,   0,  -.5f, -1, -1.5f, -2, -2.5f,
                                     -3, -3.5f, -4, -5,   -6, -7,    -8, -9 };
    float largest = 0;

    for (int j = 0; j < a->parts; j++)
        largest = values[j] > largest ? values[j] : largest;
    v16 at = v_add(v_set1(a->top), v_mul(v_load(steps), v_set1(a->top / 63)));
    return view_f16(a, v_div(v_set1(largest), at));
}

/* Error that scale candidates add when each part's minimum may follow freely. */
AZ_INLINE v16 scale_cost(const affine_view *a, v16 d, v16 inv)
{
    v16 sum = v_set1(0), top = v_set1(a->top);

    for (int j = 0; j < a->parts; j++) {
        v16 s = v_set1(a->s[j]), sc = v_round(v_min(v_mul(s, inv), top));
        v16 move = v_sub(v_mul(d, sc), s);
        sum = v_add(sum, v_mul(v_set1(a->curve[j]), v_mul(move, move)));
    }
    return sum;
}

/* Error that scale d (1 / d in inv) and candidates for dmin add. */
AZ_INLINE v16 min_cost(const affine_view *a, float d, float inv, v16 dmin, v16 inv_dmin)
{
    AZ_ALIGNED(64) float want[16], cross[16];
    v16 s = v_load(a->s), sc = v_round(v_min(v_mul(s, v_set1(inv)), v_set1(a->top)));
    v16 move = v_sub(v_mul(v_set1(d), sc), s);
    v16 sum = v_set1(0), top = v_set1(a->top), zero = sum;

    v_store(want, v_add(v_load(a->m), v_mul(v_load(a->lean), move)));
    v_store(cross, v_mul(v_load(a->q), v_add(move, move)));
    for (int j = 0; j < a->parts; j++) {
        v16 mn = v_round(v_clamp(v_mul(v_set1(want[j]), inv_dmin), zero, top));
        v16 dm = v_sub(v_mul(dmin, mn), v_set1(a->m[j]));
        sum = v_add(sum, v_mul(dm, v_sub(v_mul(v_set1(a->w[j]), dm), v_set1(cross[j]))));
    }
    /* what the scale alone adds: the same for all candidates, but not for all d */
    v_store(want, v_mul(v_load(a->qq), v_mul(move, move)));
    for (int j = 0; j < a->parts; j++)
        sum = v_add(sum, v_set1(want[j]));
    return sum;
}

/* d and dmin of one super-block: the best scales, each with its best dmin. */
static void affine_choose(const affine_view *a, float *d_out, float *dmin_out)
{
    AZ_ALIGNED(64) float ds[16], invs[16], dmins[16], costs[16];
    float best = 0, cost;
    v16 one = v_set1(1), d = scale_candidates(a, a->s), dmin = scale_candidates(a, a->m);
    v16 inv = v_div0(one, d), inv_dmin = v_div0(one, dmin);

    v_store(ds, d);
    v_store(invs, inv);
    v_store(dmins, dmin);
    v_store(costs, scale_cost(a, d, inv));
    for (int i = 0; i < SUPER_TRIES; i++) {
        int at = v_least(v_load(costs), &cost);
        int lane = v_least(min_cost(a, ds[at], invs[at], dmin, inv_dmin), &cost);
        if (i == 0 || cost < best) {
            best = cost;
            *d_out = ds[at];
            *dmin_out = dmins[lane];
        }
        costs[at] = 3e38f;
    }
}

/* d and dmin for all super-blocks of a tile, then integers for its parts. */
AZ_INLINE affine_parts affine_round(const super_affine *spec, const affine_fit *fit, const tile *t)
{
    AZ_ALIGNED(64) float d[16], dmin[16], all[9][16];
    v16 top = v_set1(spec->sc_top), zero = v_set1(0), lean = v_div0(fit->q, fit->w);
    const v16 from[9] = {
        fit->s,  fit->m,     fit->w, fit->q, fit->qq, lean, v_sub(fit->qq, v_mul(fit->q, lean)),
        t->unit, t->per_unit
    };
    affine_parts p;

    for (int i = 0; i < 9; i++)
        v_store(all[i], from[i]);
    for (int at = 0; at < 16; at += spec->parts) {
        affine_view a = {
            .unit = all[7][at], .per_unit = all[8][at], .parts = spec->parts, .top = spec->sc_top
        };
        float *const to[7] = { a.s, a.m, a.w, a.q, a.qq, a.lean, a.curve };
        for (int i = 0; i < 7; i++)
            memcpy(to[i], all[i] + at, sizeof(float) * (size_t)spec->parts);
        affine_choose(&a, &d[at], &dmin[at]);
        for (int j = at + 1; j < at + spec->parts; j++) {
            d[j] = d[at];
            dmin[j] = dmin[at];
        }
    }
    p.d = v_load(d);
    p.dmin = v_load(dmin);
    p.sc = v_round(v_clamp(v_mul(fit->s, v_div0(v_set1(1), p.d)), zero, top));
    v16 move = v_sub(v_mul(p.d, p.sc), fit->s);
    v16 want = v_add(fit->m, v_mul(lean, move));
    p.mn = v_round(v_clamp(v_mul(want, v_div0(v_set1(1), p.dmin)), zero, top));
    p.error = affine_error(t, spec->len, spec->codes.top, v_mul(p.d, p.sc), v_mul(p.dmin, p.mn));
    return p;
}

/* Sum of each super-block's lanes, in all of them. */
AZ_INLINE v16 group_sum(v16 a, int group)
{
    float v[16];

    v_store(v, a);
    for (int g = 0; g < 16; g += group) {
        float s = 0;
        for (int i = 0; i < group; i++)
            s += v[g + i];
        for (int i = 0; i < group; i++)
            v[g + i] = s;
    }
    return v_load(v);
}

AZ_INLINE void affine_take(affine_parts *best, const affine_parts *p, m16 better)
{
    best->sc = v_sel(better, p->sc, best->sc);
    best->mn = v_sel(better, p->mn, best->mn);
    best->d = v_sel(better, p->d, best->d);
    best->dmin = v_sel(better, p->dmin, best->dmin);
    best->error = v_sel(better, p->error, best->error);
}

static affine_parts super_affine_search(const tile *t, const super_affine *spec)
{
    static const signed char near[][2] = { { 0, 1 },  { 0, -1 }, { 1, 0 },
                                           { -1, 0 }, { 1, 1 },  { -1, -1 } };
    affine_fit fit = affine_search(t, spec->len, &spec->codes, 2);
    affine_parts best = affine_round(spec, &fit, t);
    v16 top = v_set1(spec->sc_top), zero = v_set1(0);

    for (int round = 0; round < SUPER_ROUNDS; round++) {
        affine_fit f = fit;
        affine_sums(t, spec->len, spec->codes.top, v_div0(v_set1(1), v_mul(best.d, best.sc)),
                    v_mul(best.dmin, best.mn), &f);
        affine_solve(&f, spec->codes.below);
        affine_parts p = affine_round(spec, &f, t);
        affine_take(&best, &p,
                    v_lt(group_sum(p.error, spec->parts), group_sum(best.error, spec->parts)));
    }
    for (size_t i = 0; i < AZ_COUNT(near); i++) {
        affine_parts p = best;
        p.sc = v_clamp(v_add(p.sc, v_set1(near[i][0])), zero, top);
        p.mn = v_clamp(v_add(p.mn, v_set1(near[i][1])), zero, top);
        p.error =
            affine_error(t, spec->len, spec->codes.top, v_mul(p.d, p.sc), v_mul(p.dmin, p.mn));
        affine_take(&best, &p, v_lt(p.error, best.error));
    }
    return best;
}

static const super_affine q5_k_spec = { { 31, true, 14, -2.6f, 0.35f }, 32, 8, 63, WEIGHT_SOFT };
static const super_affine q4_k_spec = { { 15, true, 16, -2.2f, 0.25f }, 32, 8, 63, WEIGHT_SOFT };
static const super_affine q2_k_spec = { { 3, true, 16, -0.6f, 0.1f }, 16, 16, 15, WEIGHT_MIXED };

/* Replace what the search found for the super-block in lanes [at, ...) by an exact one, if there is. */
static void super_exact(const float *x, int at, const super_affine *spec, super_out *o)
{
    az_exact_super e;
    int parts = spec->parts;

    if (!az_exact_super_affine_find(x + at * spec->len, parts, (int)spec->codes.top,
                                    (int)spec->sc_top, &e))
        return;
    o->d[at] = e.d;
    o->dmin[at] = e.dmin;
    for (int j = 0; j < parts; j++) {
        o->sc[at + j] = (float)e.sc[j];
        o->mn[at + j] = (float)e.mn[j];
    }
    for (int i = 0; i < 256; i++)
        o->q[at * spec->len + i] = (uint8_t)e.c[i];
}

AZ_INLINE void super_pack16(const float *x, const float *imp, size_t parts,
                            const super_affine *spec, super_out *o)
{
    tile t;
    AZ_ALIGNED(64) float c[32][16];

    tile_load(&t, x, imp, parts, spec->len, spec->parts, spec->how);
    affine_parts p = super_affine_search(&t, spec);
    affine_codes(&t, spec->len, spec->codes.top, v_mul(p.d, p.sc), v_mul(p.dmin, p.mn), c);
    codes_out(c, spec->len, 0, o->q);
    v_store(o->d, v_mul(p.d, t.unit));
    v_store(o->dmin, v_mul(p.dmin, t.unit));
    v_store(o->sc, p.sc);
    v_store(o->mn, p.mn);
    for (int at = 0; at < (int)parts; at += spec->parts)
        super_exact(x, at, spec, o);
}

/* Eight pairs of 6 bits in 12 bytes. */
AZ_INLINE void put_scales(uint8_t dst[12], const float *sc, const float *mn)
{
    for (int j = 0; j < 4; j++) {
        unsigned s0 = (unsigned)sc[j], s4 = (unsigned)sc[j + 4], m0 = (unsigned)mn[j],
                 m4 = (unsigned)mn[j + 4];
        dst[j] = (uint8_t)(s0 | s4 >> 4 << 6);
        dst[j + 4] = (uint8_t)(m0 | m4 >> 4 << 6);
        dst[j + 8] = (uint8_t)((s4 & 15) | (m4 & 15) << 4);
    }
}

AZ_INLINE void put_super_nibbles(uint8_t qs[128], const uint8_t q[256])
{
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 32; j++)
            qs[32 * i + j] = (uint8_t)((q[64 * i + j] & 15) | (q[64 * i + 32 + j] & 15) << 4);
}

static void pack_q4_k(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q4_k *b = dst;
    super_out o;

    for (size_t left = n / 256, k; left; left -= k) {
        k = left < 2 ? left : 2;
        super_pack16(x, imp, 8 * k, &q4_k_spec, &o);
        for (size_t l = 0; l < k; l++, b++) {
            b->d = az_f32_to_f16(o.d[8 * l]);
            b->dmin = az_f32_to_f16(o.dmin[8 * l]);
            put_scales(b->scales, o.sc + 8 * l, o.mn + 8 * l);
            put_super_nibbles(b->qs, o.q + 256 * l);
        }
        x += 256 * k;
        if (imp) imp += 256 * k;
    }
}

static void pack_q5_k(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q5_k *b = dst;
    super_out o;

    for (size_t left = n / 256, k; left; left -= k) {
        k = left < 2 ? left : 2;
        super_pack16(x, imp, 8 * k, &q5_k_spec, &o);
        for (size_t l = 0; l < k; l++, b++) {
            const uint8_t *q = o.q + 256 * l;
            b->d = az_f32_to_f16(o.d[8 * l]);
            b->dmin = az_f32_to_f16(o.dmin[8 * l]);
            put_scales(b->scales, o.sc + 8 * l, o.mn + 8 * l);
            put_super_nibbles(b->qs, q);
            for (int j = 0; j < 32; j++) {
                unsigned bits = 0;
                for (int i = 0; i < 8; i++)
                    bits |= (unsigned)(q[32 * i + j] >> 4) << i;
                b->qh[j] = (uint8_t)bits;
            }
        }
        x += 256 * k;
        if (imp) imp += 256 * k;
    }
}

static void pack_q2_k(const float *x, const float *imp, size_t n, void *dst)
{
    az_block_q2_k *b = dst;
    super_out o;

    for (; n; n -= 256, x += 256, imp = imp ? imp + 256 : NULL, b++) {
        super_pack16(x, imp, 16, &q2_k_spec, &o);
        b->d = az_f32_to_f16(o.d[0]);
        b->dmin = az_f32_to_f16(o.dmin[0]);
        for (int j = 0; j < 16; j++)
            b->scales[j] = (uint8_t)((unsigned)o.sc[j] | (unsigned)o.mn[j] << 4);
        for (int h = 0; h < 2; h++)
            for (int i = 0; i < 32; i++) {
                const uint8_t *q = o.q + 128 * h + i;
                b->qs[32 * h + i] = (uint8_t)(q[0] | q[32] << 2 | q[64] << 4 | q[96] << 6);
            }
    }
}

#endif
