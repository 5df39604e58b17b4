/* Searches for the scale (and minimum) of single blocks, sixteen at once.
 *
 * Symmetric: x ~ d * c, lo <= c <= hi. For each candidate 1/d the nearest codes are fixed; then the best d for
 * those codes is sum(w x c) / sum(w c c), and it removes d * (2 sum(w x c) - d sum(w c c)) of the error.
 * Affine: x ~ s * q - m, 0 <= q <= top: the same with two unknowns. Both then repeat from their best (nearest
 * codes, best scale: Lloyd's iteration).
 */
#ifndef AZ_KERNEL_PACK_LINEAR_H
#define AZ_KERNEL_PACK_LINEAR_H

#include "kernel/pack_tile.h"

/* Codes at which the largest value of a block may lie; the first fits a block without outliers. */
typedef struct sym_spec {
    float lo, hi;
    int n;
    const float *at;
} sym_spec;

typedef struct sym_fit {
    v16 d, gain;
} sym_fit;

AZ_INLINE void sym_sums(const tile *t, int len, v16 inv, v16 lo, v16 hi, v16 *xc, v16 *cc)
{
    v16 a[2] = { v_set1(0), v_set1(0) }, b[2] = { v_set1(0), v_set1(0) };

    for (int j = 0; j < len; j += 2)
        for (int h = 0; h < 2; h++) {
            v16 x = v_load(t->x[j + h]), c = v_round(v_clamp(v_mul(x, inv), lo, hi));
            v16 wc = v_mul(v_load(t->w[j + h]), c);
            a[h] = v_add(a[h], v_mul(wc, x));
            b[h] = v_add(b[h], v_mul(wc, c));
        }
    *xc = v_add(a[0], a[1]);
    *cc = v_add(b[0], b[1]);
}

AZ_INLINE void sym_try(const tile *t, int len, const sym_spec *spec, v16 inv, bool snap,
                       sym_fit *best)
{
    v16 xc, cc, d, gain;
    m16 better;

    sym_sums(t, len, inv, v_set1(spec->lo), v_set1(spec->hi), &xc, &cc);
    d = v_div0(xc, cc);
    if (snap) d = tile_f16(t, d);
    gain = v_mul(d, v_sub(v_add(xc, xc), v_mul(d, cc)));
    better = v_lt(best->gain, gain);
    best->d = v_sel(better, d, best->d);
    best->gain = v_sel(better, gain, best->gain);
}

/* snap: only scales that an f16 can hold. */
AZ_INLINE sym_fit sym_search(const tile *t, int len, const sym_spec *spec, int refine, bool snap)
{
    sym_fit best = { v_set1(0), v_set1(0) };
    v16 low = v_set1(0), high = v_set1(0), ext;

    for (int j = 0; j < len; j++) {
        low = v_min(v_load(t->x[j]), low);
        high = v_max(v_load(t->x[j]), high);
    }
    ext = v_sel(v_lt(high, v_sub(v_set1(0), low)), low, high);
    for (int i = 0; i < spec->n; i++)
        sym_try(t, len, spec, v_div0(v_set1(spec->at[i]), ext), snap, &best);
    for (int i = 0; i < refine; i++)
        sym_try(t, len, spec, v_div0(v_set1(1), best.d), snap, &best);
    return best;
}

/* Nearest codes for scale d. */
AZ_INLINE void sym_codes(const tile *t, int len, const sym_spec *spec, v16 d, float c[32][16])
{
    v16 inv = v_div0(v_set1(1), d);

    for (int j = 0; j < len; j++)
        v_store(c[j],
                v_round(v_clamp(v_mul(v_load(t->x[j]), inv), v_set1(spec->lo), v_set1(spec->hi))));
}

/* The affine search's question and answer. */
typedef struct affine_spec {
    float top;      /* largest code */
    bool below;     /* m >= 0: the minimum is never above zero */
    int n;          /* candidates */
    float at, step; /* codes that the block's range may span: top + at + i * step */
} affine_spec;

typedef struct affine_fit {
    v16 s, m, gain;
    v16 w, x;      /* sum of w, of w * x */
    v16 q, qq, xq; /* sums of w * q, w * q * q, w * x * q for the codes of this fit */
} affine_fit;

/* Sums for the codes nearest to (x + m) * inv. */
AZ_INLINE void affine_sums(const tile *t, int len, float top, v16 inv, v16 m, affine_fit *f)
{
    v16 q1[2] = { v_set1(0), v_set1(0) }, q2[2] = { v_set1(0), v_set1(0) },
        qx[2] = { v_set1(0), v_set1(0) };
    v16 shift = v_mul(m, inv), zero = v_set1(0), high = v_set1(top);

    for (int j = 0; j < len; j += 2)
        for (int h = 0; h < 2; h++) {
            v16 x = v_load(t->x[j + h]),
                q = v_round(v_clamp(v_add(v_mul(x, inv), shift), zero, high));
            v16 wq = v_mul(v_load(t->w[j + h]), q);
            q1[h] = v_add(q1[h], wq);
            q2[h] = v_add(q2[h], v_mul(wq, q));
            qx[h] = v_add(qx[h], v_mul(wq, x));
        }
    f->q = v_add(q1[0], q1[1]);
    f->qq = v_add(q2[0], q2[1]);
    f->xq = v_add(qx[0], qx[1]);
}

/* Best s and m for the sums, and the error that they remove. */
AZ_INLINE void affine_solve(affine_fit *f, bool below)
{
    v16 zero = v_set1(0);
    v16 det = v_sub(v_mul(f->w, f->qq), v_mul(f->q, f->q));
    v16 s = v_div0(v_sub(v_mul(f->w, f->xq), v_mul(f->x, f->q)), det);
    v16 m = v_div0(v_sub(v_mul(f->q, s), f->x), f->w);

    if (below) {
        m16 above = v_lt(m, zero);
        s = v_sel(above, v_div0(f->xq, f->qq), s);
        m = v_sel(above, zero, m);
        f->q = v_sel(above, zero, f->q); /* m does not follow s there */
    }
    f->s = s;
    f->m = m;
    f->gain = v_sub(v_mul(s, f->xq), v_mul(m, f->x));
}

AZ_INLINE void affine_keep(affine_fit *best, const affine_fit *f)
{
    m16 better = v_lt(best->gain, f->gain);

    best->s = v_sel(better, f->s, best->s);
    best->m = v_sel(better, f->m, best->m);
    best->gain = v_sel(better, f->gain, best->gain);
    best->q = v_sel(better, f->q, best->q);
    best->qq = v_sel(better, f->qq, best->qq);
    best->xq = v_sel(better, f->xq, best->xq);
}

AZ_INLINE affine_fit affine_search(const tile *t, int len, const affine_spec *spec, int refine)
{
    v16 zero = v_set1(0), low = v_load(t->x[0]), high = low, range;
    affine_fit best = { zero, zero, zero, zero, zero, zero, zero, zero }, f = best;

    if (spec->below) low = v_min(low, zero);
    for (int j = 0; j < len; j++) {
        v16 x = v_load(t->x[j]), w = v_load(t->w[j]);
        low = v_min(x, low);
        high = v_max(x, high);
        f.w = v_add(f.w, w);
        f.x = v_add(f.x, v_mul(w, x));
    }
    range = v_sub(high, low);
    best.w = f.w;
    best.x = f.x;
    best.m = v_sub(zero, low);
    best.gain = v_mul(low, v_sub(v_add(f.x, f.x), v_mul(low, f.w)));
    for (int i = 0; i < spec->n; i++) {
        v16 inv = v_div0(v_set1(spec->top + spec->at + (float)i * spec->step), range);
        affine_sums(t, len, spec->top, inv, v_sub(zero, low), &f);
        affine_solve(&f, spec->below);
        affine_keep(&best, &f);
    }
    for (int i = 0; i < refine; i++) {
        affine_sums(t, len, spec->top, v_div0(v_set1(1), best.s), best.m, &f);
        affine_solve(&f, spec->below);
        affine_keep(&best, &f);
    }
    return best;
}

/* Nearest codes for s and m. */
AZ_INLINE void affine_codes(const tile *t, int len, float top, v16 s, v16 m, float q[32][16])
{
    v16 inv = v_div0(v_set1(1), s);

    for (int j = 0; j < len; j++)
        v_store(q[j],
                v_round(v_clamp(v_mul(v_add(v_load(t->x[j]), m), inv), v_set1(0), v_set1(top))));
}

/* Error of the nearest codes for s and m. */
AZ_INLINE v16 affine_error(const tile *t, int len, float top, v16 s, v16 m)
{
    v16 inv = v_div0(v_set1(1), s), zero = v_set1(0), high = v_set1(top);
    v16 sum[2] = { zero, zero };

    for (int j = 0; j < len; j += 2)
        for (int h = 0; h < 2; h++) {
            v16 u = v_add(v_load(t->x[j + h]), m), q = v_round(v_clamp(v_mul(u, inv), zero, high));
            v16 e = v_sub(u, v_mul(s, q));
            sum[h] = v_add(sum[h], v_mul(v_mul(v_load(t->w[j + h]), e), e));
        }
    return v_add(sum[0], sum[1]);
}

#endif
