/* Exact representations: ratios of values are ratios of small integers, which continued fractions find.
 *
 * With d an f16 and codes of a few bits every product is exact in f32, so x[i] / x[j] = c[i] / c[j] up to the
 * rounding of one division (and of one subtraction, where there is a minimum). The least common denominator of
 * all ratios to the largest value is that value's code; it is given up as soon as it grows too large, for
 * ordinary weights after one or two values. What is found is decoded and compared bit by bit before it counts.
 */
#include "kernel/pack_exact.h"
#include "core/half.h"
#include "kernel/decode.h"

#include <math.h>
#include <stdlib.h>

enum { QK = 32, QK_K = 256, MAX_PARTS = 16 };

static const double EPS = 0x1p-22;

static float f16(double v)
{
    return fabs(v) > 65504 ? 0 : az_f16_to_f32(az_f32_to_f16((float)v));
}

static bool same(float a, float b)
{
    return az_f32_bits(a) == az_f32_bits(b);
}

static double nearest(double t)
{
    return (t + 0x1.8p52) - 0x1.8p52;
}

/* Smallest q <= most with t (0 <= t <= 1) within tol of p / q; 0: none. */
static int denominator(double t, int most, double tol)
{
    double rest = t, p0 = 1, q0 = 0, p1 = (int)t, q1 = 1;

    while (fabs(t * q1 - p1) > tol * q1) {
        double part = rest - (int)rest, whole, p2, q2;
        if (part < 1e-7) return 0;
        rest = 1 / part;
        whole = (int)rest;
        p2 = whole * p1 + p0;
        q2 = whole * q1 + q0;
        if (q2 > most) return 0;
        p0 = p1;
        q0 = q1;
        p1 = p2;
        q1 = q2;
    }
    return (int)q1;
}

/* Make k a multiple of itself, at most `most`, for which t * k is an integer; t is within tol. */
static bool take_ratio(int *k, double t, int most, double tol)
{
    double a = fabs(t) * *k;
    int q = 1;

    if (fabs(a - nearest(a)) > tol * *k) q = denominator(a - (int)a, most / *k, tol * *k);
    *k *= q;
    return q != 0;
}

/* Smallest k <= most such that every (x[i] - base) * k / whole is an integer; 0: none. slack: error of
 * each value. */
static int common_code(const float *x, int n, double base, double whole, int most, double slack)
{
    double inv = 1 / whole, tol = fabs(slack * inv) + EPS;
    int k = 1;

    for (int i = 0; i < n; i++)
        if (!take_ratio(&k, (x[i] - base) * inv, most, tol)) return 0;
    return k;
}

static int common_step(const double *v, int n, double whole, int most, double slack)
{
    double inv = 1 / whole, tol = fabs(slack * inv) + EPS;
    int k = 1;

    for (int i = 0; i < n; i++)
        if (!take_ratio(&k, v[i] * inv, most, tol)) return 0;
    return k;
}

/* Size of the largest of n floats; on their bits, which a compiler can do many at a time. */
static float extreme(const float *x, int n)
{
    int32_t best = 0;

    for (int i = 0; i < n; i++) {
        int32_t size = (int32_t)(az_f32_bits(x[i]) & 0x7fffffffu);
        best = size > best ? size : best;
    }
    return az_bits_f32((uint32_t)best);
}

static void range(const float *x, int n, float *low, float *high)
{
    float lo = x[0], hi = x[0];

    for (int i = 1; i < n; i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    *low = lo;
    *high = hi;
}

static double largest(const double *v, int n)
{
    double best = 0;

    for (int i = 0; i < n; i++)
        if (fabs(v[i]) > fabs(best)) best = v[i];
    return best;
}

static bool sym_holds(const float *x, int n, float scale, int lo, int hi, const int *c)
{
    for (int i = 0; i < n; i++)
        if (c[i] < lo || c[i] > hi || !same(scale * (float)c[i], x[i])) return false;
    return true;
}

/* All zeros: their signs are those of the codes, times that of the scale (+0 or -0). */
static void zero_codes(const float *x, int n, bool minus, int *c)
{
    for (int i = 0; i < n; i++)
        c[i] = (signbit(x[i]) != 0) != minus ? -1 : 0;
}

bool az_exact_sym_find(const float *x, int lo, int hi, az_exact_sym *out)
{
    double ext = extreme(x, QK);
    int k;

    if (ext == 0) {
        out->d = 0;
        zero_codes(x, QK, false, out->c);
        return true;
    }
    k = common_code(x, QK, 0, ext, -lo, 0);
    for (int whole = k; k && whole <= -lo; whole += k) {
        double d = ext / whole;
        if ((double)f16(d) != d) continue;
        for (int sign = 1; sign >= -1; sign -= 2) {
            out->d = (float)(sign * d);
            for (int i = 0; i < QK; i++)
                out->c[i] = (int)nearest(x[i] / (sign * d));
            if (sym_holds(x, QK, out->d, lo, hi, out->c)) return true;
        }
    }
    return false;
}

/* ---- one scale and one minimum ---- */

static bool affine_holds(const float *x, int top, az_exact_affine *a)
{
    for (int i = 0; i < QK; i++)
        if (a->q[i] < 0 || a->q[i] > top || !same(a->d * (float)a->q[i] + a->m, x[i])) return false;
    return true;
}

/* d is known up to its sign, `span` is the range of codes; find m. */
static bool affine_try(const float *x, double low, double high, double d, int span, int top,
                       az_exact_affine *out)
{
    for (int sign = 1; sign >= -1; sign -= 2)
        for (int first = 0; first + span <= top; first++) {
            double base = sign > 0 ? low : high;
            out->d = (float)(sign * d);
            out->m = f16(base - sign * d * first);
            for (int i = 0; i < QK; i++)
                out->q[i] = first + (int)nearest(fabs(x[i] - base) / d);
            if (affine_holds(x, top, out)) return true;
        }
    return false;
}

bool az_exact_affine_find(const float *x, int top, az_exact_affine *out)
{
    float low, high;
    double whole, error;
    int k;

    range(x, QK, &low, &high);
    if (low == high) {
        *out = (az_exact_affine){ .d = signbit(x[0]) ? -0.0f : 0.0f, .m = f16(low) };
        return affine_holds(x, top, out);
    }
    whole = (double)high - low;
    error = extreme(x, QK) * EPS;
    if (error > whole * 0x1p-14) return false;
    k = common_code(x, QK, low, whole, top, error);
    for (int span = k; k && span <= top; span += k) {
        double d = f16(whole / span);
        if (d > 0 && fabs(d * span - whole) <= error && affine_try(x, low, high, d, span, top, out))
            return true;
    }
    return false;
}

/* ---- super-blocks of scales ---- */

/* A part's codes for scale s * g, both signs; *sc is s / d. */
static bool part_codes(const float *x, double d, double step, int lo, int hi, int sc_lo, int *sc,
                       int *c)
{
    int whole = (int)nearest(step / fabs(d)), n = QK_K / MAX_PARTS;

    for (int g = 1; g <= -lo; g++) {
        if (whole % g != 0 || whole / g > -sc_lo) continue;
        for (int sign = 1; sign >= -1; sign -= 2) {
            *sc = sign * whole / g;
            if (*sc > -sc_lo - 1) continue;
            for (int i = 0; i < n; i++)
                c[i] = (int)nearest((double)x[i] / (d * *sc));
            if (sym_holds(x, n, (float)d * (float)*sc, lo, hi, c)) return true;
        }
    }
    return false;
}

static bool super_sym_try(const float *x, double d, const double *step, int lo, int hi, int sc_lo,
                          az_exact_super *out)
{
    out->d = (float)d;
    for (int j = 0; j < MAX_PARTS; j++) {
        out->sc[j] = 0;
        zero_codes(x + 16 * j, 16, d < 0, out->c + 16 * j);
        if (step[j] > 0 &&
            !part_codes(x + 16 * j, d, step[j], lo, hi, sc_lo, &out->sc[j], out->c + 16 * j))
            return false;
    }
    return true;
}

bool az_exact_super_sym_find(const float *x, int lo, int hi, int sc_lo, az_exact_super *out)
{
    double step[MAX_PARTS], top;
    int k;

    for (int j = 0; j < MAX_PARTS; j++) {
        double ext = extreme(x + 16 * j, 16);
        step[j] = 0;
        if (ext == 0) continue;
        k = common_code(x + 16 * j, 16, 0, ext, -lo, 0);
        if (!k) return false;
        step[j] = ext / k;
    }
    top = largest(step, MAX_PARTS);
    if (top == 0) return super_sym_try(x, 0, step, lo, hi, sc_lo, out);
    k = common_step(step, MAX_PARTS, top, sc_lo * lo, 0);
    for (int whole = k; k && whole <= sc_lo * lo; whole += k) {
        double d = top / whole;
        if ((double)f16(d) != d) continue;
        if (super_sym_try(x, d, step, lo, hi, sc_lo, out) ||
            super_sym_try(x, -d, step, lo, hi, sc_lo, out))
            return true;
    }
    return false;
}

/* ---- super-blocks of scales and minima ---- */

typedef struct affine_part {
    double low, high, step, error; /* step: of one code; error: of each value's rounding */
    int span;                      /* range of its codes, 0: constant */
} affine_part;

typedef struct affine_super {
    const float *x;
    int parts, len, top, sc_top;
    int tries; /* left: bounds the time that made-up values can cost */
    affine_part part[MAX_PARTS];
} affine_super;

static bool affine_part_read(const affine_super *s, int j, affine_part *p)
{
    const float *x = s->x + j * s->len;
    float low, high;

    range(x, s->len, &low, &high);
    *p = (affine_part){ .low = low, .high = high, .error = extreme(x, s->len) * EPS };
    if (low == high) return true;
    p->span = common_code(x, s->len, low, p->high - p->low, s->top, p->error);
    if (p->span) p->step = (p->high - p->low) / p->span;
    return p->span != 0;
}

/* Part j with scale d and minimum dmin: the smallest integers that decode to its values. */
static bool affine_part_fit(const affine_super *s, int j, double d, double dmin,
                            az_exact_super *out)
{
    const affine_part *p = &s->part[j];
    const float *x = s->x + j * s->len;
    double base = d > 0 ? p->low : p->high;
    int whole = d != 0 ? (int)nearest(p->step / fabs(d)) : 0;
    int *c = out->c + j * s->len;

    for (int g = 1; g * p->span <= s->top; g++) {
        if (whole % g != 0 || whole / g > s->sc_top) continue;
        out->sc[j] = whole / g;
        double step = d * out->sc[j];
        for (int first = 0; first + g * p->span <= s->top; first++) {
            double mn = dmin != 0 ? (step * first - base) / dmin : 0;
            if (mn < -0.5 || mn > s->sc_top + 0.5) continue;
            out->mn[j] = (int)nearest(mn);
            float scale = (float)d * (float)out->sc[j], min = (float)dmin * (float)out->mn[j];
            bool ok = true;
            for (int i = 0; i < s->len && ok; i++) {
                c[i] = first + (step != 0 ? (int)nearest(fabs(x[i] - base) / fabs(step)) : 0);
                ok = c[i] <= s->top && same(scale * (float)c[i] - min, x[i]);
            }
            if (ok) return true;
            if (p->span == 0) break;
        }
        if (whole == 0) break;
    }
    return false;
}

static bool affine_super_fit(affine_super *s, double d, double dmin, az_exact_super *out)
{
    if (s->tries-- <= 0) return false;
    out->d = (float)d;
    out->dmin = (float)dmin;
    for (int j = 0; j < s->parts; j++)
        if (!affine_part_fit(s, j, d, dmin, out)) return false;
    return true;
}

/* Parts whose codes span the whole range show their minimum; dmin divides all of those. pivot: a part
 * that does not, taken to start at code `first`; -1: none. */
static bool affine_find_dmin(affine_super *s, double d, int pivot, int first, az_exact_super *out)
{
    double m[MAX_PARTS], top, error = 0;
    int n = 0, k;

    for (int j = 0; j < s->parts; j++) {
        const affine_part *p = &s->part[j];
        double base = d > 0 ? p->low : p->high;
        bool whole = p->span == s->top || p->span == 0;
        if (!whole && j != pivot) continue;
        double step = d != 0 ? d * nearest(p->step / fabs(d)) : 0;
        m[n++] = (whole ? 0 : step * first) - base;
        if (p->error > error) error = p->error;
    }
    top = largest(m, n);
    if (top == 0) return affine_super_fit(s, d, 0, out);
    k = common_step(m, n, top, s->sc_top, error);
    for (int whole = k; k && whole <= s->sc_top; whole += k) {
        double dmin = f16(top / whole);
        if (dmin != 0 && fabs(dmin * whole - top) <= error && affine_super_fit(s, d, dmin, out))
            return true;
    }
    return false;
}

static bool affine_find_mins(affine_super *s, double d, az_exact_super *out)
{
    int pivot = -1;

    if (affine_find_dmin(s, d, -1, 0, out)) return true;
    for (int j = 0; j < s->parts; j++) {
        int span = s->part[j].span;
        if (span == 0 || span == s->top) continue;
        if (pivot < 0 || span > s->part[pivot].span) pivot = j;
    }
    if (pivot < 0) return false;
    for (int first = 0; first + s->part[pivot].span <= s->top; first++)
        if (affine_find_dmin(s, d, pivot, first, out)) return true;
    return false;
}

bool az_exact_super_affine_find(const float *x, int parts, int top, int sc_top, az_exact_super *out)
{
    affine_super s = {
        .x = x, .parts = parts, .len = QK_K / parts, .top = top, .sc_top = sc_top, .tries = 500
    };
    double step[MAX_PARTS], most = 0, error = 0;
    int k;

    for (int j = 0; j < parts; j++) {
        if (!affine_part_read(&s, j, &s.part[j])) return false;
        step[j] = s.part[j].step;
        if (step[j] > 0 && s.part[j].error / s.part[j].span > error)
            error = s.part[j].error / s.part[j].span;
        if (step[j] > most) most = step[j];
    }
    if (most == 0) return affine_find_dmin(&s, 0, -1, 0, out);
    if (error > most * 0x1p-14) return false; /* the minima swallow the steps */
    k = common_step(step, parts, most, sc_top * top, 2 * error);
    for (int whole = k; k && whole <= sc_top * top; whole += k) {
        double d = f16(most / whole);
        if (d == 0 || fabs(d * whole - most) > 2 * error + most * EPS) continue;
        if (affine_find_mins(&s, d, out) || affine_find_mins(&s, -d, out)) return true;
    }
    return false;
}

/* ---- table values ---- */

/* Codes of 32 values for scale d. */
static bool table_holds(const float *x, float d, uint8_t *q)
{
    for (int i = 0; i < QK; i++) {
        int k = 0;
        while (k < 15 && !same(d * az_iq4_values[k], x[i]))
            k++;
        if (!same(d * az_iq4_values[k], x[i])) return false;
        q[i] = (uint8_t)k;
    }
    return true;
}

/* A scale of at most `bits` digits with which every value of x is one of the table's; 0: none. */
static float table_scale(const float *x, unsigned bits, uint8_t *q)
{
    float ext = x[0];

    for (int i = 1; i < QK; i++)
        if (fabsf(x[i]) > fabsf(ext)) ext = x[i];
    for (int k = 0; k < 16; k++) {
        float d = ext / az_iq4_values[k];
        if ((az_f32_bits(d) & ((1u << (24 - bits)) - 1)) == 0 && table_holds(x, d, q)) return d;
    }
    return 0;
}

bool az_exact_table_find(const float *x, float *d, uint8_t q[32])
{
    uint8_t codes[QK];
    float found = extreme(x, QK) > 0 ? table_scale(x, 11, codes) : 0;

    if (found == 0 || f16(found) != found) return false;
    *d = found;
    for (int i = 0; i < QK; i++)
        q[i] = codes[i];
    return true;
}

/* Integers for all parts with scale d. */
static bool super_table_try(const float *x, double d, const double *step, float *sc, uint8_t *q)
{
    for (int j = 0; j < 8; j++) {
        double s = nearest(step[j] / d);
        if (s < -32 || s > 31 || !table_holds(x + QK * j, (float)d * (float)s, q + QK * j))
            return false;
        sc[j] = (float)s;
    }
    return true;
}

bool az_exact_super_table_find(const float *x, float *d, float sc[8], uint8_t q[256])
{
    uint8_t codes[QK_K];
    double step[8], top;
    float found[8];
    int k;

    for (int j = 0; j < 8; j++) {
        step[j] = extreme(x + QK * j, QK) > 0 ? table_scale(x + QK * j, 17, codes) : 0;
        if (step[j] == 0 && extreme(x + QK * j, QK) > 0) return false;
    }
    top = largest(step, 8);
    if (top == 0) return false;
    k = common_step(step, 8, top, 32, 0);
    for (int whole = k; k && whole <= 32; whole += k)
        for (int sign = 1; sign >= -1; sign -= 2) {
            double one = sign * fabs(top) / whole;
            if ((double)f16(one) != one || !super_table_try(x, one, step, found, codes)) continue;
            *d = (float)one;
            for (int j = 0; j < 8; j++)
                sc[j] = found[j];
            for (int i = 0; i < QK_K; i++)
                q[i] = codes[i];
            return true;
        }
    return false;
}
