/* Operators on values, with Python's rules. Integers have 64 bits: what does not fit is an error. */
#include "text/jinja_value.h"

#include <math.h>

static az_jval bad_types(az_jinja *J, const char *op, az_jval a, az_jval b)
{
    if (az_jis_undef(a)) return az_juse_undef(J, a);
    if (az_jis_undef(b)) return az_juse_undef(J, b);
    return az_jfail(J, "unsupported operand types for %s: '%s' and '%s'", op, az_jtype_name(a),
                    az_jtype_name(b));
}

static az_jval too_big(az_jinja *J)
{
    return az_jfail_status(J, ADZE_EUNSUP, "integers beyond 64 bits are not supported");
}

/* --- arithmetic --- */

static bool add_ok(int64_t a, int64_t b, int64_t *r)
{
    if ((b > 0 && a > INT64_MAX - b) || (b < 0 && a < INT64_MIN - b)) return false;
    *r = a + b;
    return true;
}

static bool mul_ok(int64_t a, int64_t b, int64_t *r)
{
    uint64_t ua = a < 0 ? 0 - (uint64_t)a : (uint64_t)a, ub = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
    uint64_t limit = (a < 0) != (b < 0) ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;

    if (ua && ub > limit / ua) return false;
    *r = (a < 0) != (b < 0) ? (int64_t)(0 - ua * ub) : (int64_t)(ua * ub);
    return true;
}

static az_jval int_pow(az_jinja *J, int64_t a, int64_t b)
{
    int64_t r = 1;

    if (b < 0) {
        if (a == 0) return az_jfail(J, "0 cannot be raised to a negative power");
        return az_jfloat(pow((double)a, (double)b));
    }
    if (a == 1 || b == 0) return az_jint(1);
    if (a == 0) return az_jint(0);
    if (a == -1) return az_jint(b % 2 ? -1 : 1);
    for (; b > 0; b--)
        if (!mul_ok(r, a, &r)) return too_big(J);
    return az_jint(r);
}

static az_jval int_op(az_jinja *J, az_jop op, int64_t a, int64_t b)
{
    int64_t r = 0;

    switch (op) {
    case AZ_JOP_ADD: return add_ok(a, b, &r) ? az_jint(r) : too_big(J);
    case AZ_JOP_SUB:
        if (b == INT64_MIN) return a < 0 ? az_jint(a - b) : too_big(J);
        return add_ok(a, -b, &r) ? az_jint(r) : too_big(J);
    case AZ_JOP_MUL: return mul_ok(a, b, &r) ? az_jint(r) : too_big(J);
    case AZ_JOP_POW: return int_pow(J, a, b);
    default: break;
    }
    if (b == 0)
        return az_jfail(J, op == AZ_JOP_DIV ? "division by zero"
                                            : "integer division or modulo by zero");
    if (op == AZ_JOP_DIV) return az_jfloat((double)a / (double)b);
    if (b == -1) {
        if (op == AZ_JOP_MOD) return az_jint(0);
        return a == INT64_MIN ? too_big(J) : az_jint(-a);
    }
    r = a % b;
    if (r && (r < 0) != (b < 0)) { /* Python's floor */
        if (op == AZ_JOP_MOD) return az_jint(r + b);
        return az_jint(a / b - 1);
    }
    return az_jint(op == AZ_JOP_MOD ? r : a / b);
}

/* Python's float_floor_div and float_rem (Objects/floatobject.c, 3.11). */
static void float_divmod(double a, double b, double *div, double *mod)
{
    *mod = fmod(a, b);
    *div = (a - *mod) / b;
    if (*mod != 0) {
        if ((b < 0) != (*mod < 0)) {
            *mod += b;
            *div -= 1;
        }
    } else
        *mod = copysign(0.0, b);
    if (*div != 0) {
        double f = floor(*div);
        if (*div - f > 0.5) f += 1;
        *div = f;
    } else
        *div = copysign(0.0, a / b);
}

static az_jval float_pow(az_jinja *J, double a, double b)
{
    double r;

    if (a == 0 && b < 0) return az_jfail(J, "0.0 cannot be raised to a negative power");
    if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b))
        return az_jfail_status(J, ADZE_EUNSUP, "complex numbers are not supported");
    r = pow(a, b);
    if (isinf(r) && isfinite(a) && isfinite(b)) return az_jfail(J, "numerical result out of range");
    return az_jfloat(r);
}

static az_jval float_op(az_jinja *J, az_jop op, double a, double b)
{
    double div, mod;

    switch (op) {
    case AZ_JOP_ADD: return az_jfloat(a + b);
    case AZ_JOP_SUB: return az_jfloat(a - b);
    case AZ_JOP_MUL: return az_jfloat(a * b);
    case AZ_JOP_POW: return float_pow(J, a, b);
    default: break;
    }
    if (b == 0) return az_jfail(J, "float division or modulo by zero");
    if (op == AZ_JOP_DIV) return az_jfloat(a / b);
    float_divmod(a, b, &div, &mod);
    return az_jfloat(op == AZ_JOP_MOD ? mod : div);
}

static az_jval join_str(az_jinja *J, az_jval a, az_jval b)
{
    bool markup = a.markup || b.markup;
    az_jval v;
    az_buf buf;

    if (markup && !a.markup) a = az_jescape(J, a);
    if (markup && !b.markup) b = az_jescape(J, b);
    if (az_jfailed(J) || !az_jstep_bytes(J, a.u.s->n + b.u.s->n)) return AZ_JUNDEF;
    az_jbuf(J, &buf);
    az_buf_put(&buf, a.u.s->s, a.u.s->n);
    az_buf_put(&buf, b.u.s->s, b.u.s->n);
    v = az_jstr_of_buf(J, &buf);
    v.markup = markup;
    return v;
}

static az_jval join_seq(az_jinja *J, az_jval a, az_jval b)
{
    az_jseq *q = az_jseq_new(J, a.u.seq->n + b.u.seq->n);

    if (!q || !az_jstep(J, (a.u.seq->n + b.u.seq->n) / 16)) return AZ_JUNDEF;
    for (size_t i = 0; i < a.u.seq->n; i++)
        az_jseq_add(J, q, a.u.seq->v[i]);
    for (size_t i = 0; i < b.u.seq->n; i++)
        az_jseq_add(J, q, b.u.seq->v[i]);
    return az_jseq_val((az_jkind)a.kind, q);
}

static az_jval repeat(az_jinja *J, az_jval v, int64_t n)
{
    az_jseq *q;
    az_buf b;

    if (n < 0) n = 0;
    if (az_jis_str(v)) {
        bool markup = v.markup;
        size_t size = v.u.s->n;
        if (size && (uint64_t)n > J->limits.output_bytes / size) {
            az_jfail_buf(J);
            return AZ_JUNDEF;
        }
        if (!size) n = 0;
        if (!az_jstep(J, (uint64_t)n / 64 + (uint64_t)n * size / 512)) return AZ_JUNDEF;
        az_jbuf(J, &b);
        for (int64_t i = 0; i < n; i++)
            az_buf_put(&b, v.u.s->s, size);
        v = az_jstr_of_buf(J, &b);
        v.markup = markup;
        return v;
    }
    if (!v.u.seq->n) n = 0;
    if (v.u.seq->n && (uint64_t)n > J->limits.memory_bytes / sizeof(az_jval) / v.u.seq->n)
        return az_jfail(J, "takes more than %zu bytes of memory", J->limits.memory_bytes);
    q = az_jseq_new(J, v.u.seq->n * (size_t)n);
    if (!q || !az_jstep(J, (uint64_t)n * v.u.seq->n / 16)) return AZ_JUNDEF;
    for (int64_t i = 0; i < n; i++)
        for (size_t k = 0; k < v.u.seq->n; k++)
            az_jseq_add(J, q, v.u.seq->v[k]);
    return az_jseq_val((az_jkind)v.kind, q);
}

static bool repeatable(az_jval v)
{
    return az_jis_str(v) || az_jis_seq(v);
}

az_jval az_jbinary(az_jinja *J, az_jop op, az_jval a, az_jval b)
{
    static const char *const names[] = { "+", "-", "*", "/", "//", "%", "**" };

    if (az_jis_int(a) && az_jis_int(b)) return int_op(J, op, az_jto_int(a), az_jto_int(b));
    if (az_jis_num(a) && az_jis_num(b)) return float_op(J, op, az_jto_float(a), az_jto_float(b));
    if (op == AZ_JOP_MOD && az_jis_str(a)) return az_jpercent(J, a, b);
    if (op == AZ_JOP_ADD && az_jis_str(a) && az_jis_str(b)) return join_str(J, a, b);
    if (op == AZ_JOP_ADD && az_jis_seq(a) && a.kind == b.kind) return join_seq(J, a, b);
    if (op == AZ_JOP_MUL && repeatable(a) && az_jis_int(b)) return repeat(J, a, az_jto_int(b));
    if (op == AZ_JOP_MUL && repeatable(b) && az_jis_int(a)) return repeat(J, b, az_jto_int(a));
    return bad_types(J, names[op], a, b);
}

az_jval az_junary(az_jinja *J, az_jop op, az_jval a)
{
    if (a.kind == AZ_J_FLOAT) return az_jfloat(op == AZ_JOP_NEG ? -a.u.f : a.u.f);
    if (az_jis_int(a)) {
        int64_t i = az_jto_int(a);
        if (op == AZ_JOP_POS) return az_jint(i);
        return i == INT64_MIN ? too_big(J) : az_jint(-i);
    }
    if (az_jis_undef(a)) return az_juse_undef(J, a);
    return az_jfail(J, "bad operand type for unary %c: '%s'", op == AZ_JOP_NEG ? '-' : '+',
                    az_jtype_name(a));
}

/* --- comparison --- */

/* -1, 0, 1; 2 when a NaN is in it. Exact also where an int has no double. */
static int compare_num(az_jval a, az_jval b)
{
    double f;

    if (az_jis_int(a) && az_jis_int(b)) {
        int64_t x = az_jto_int(a), y = az_jto_int(b);
        return x < y ? -1 : x > y;
    }
    if (az_jis_int(a)) {
        int c = compare_num(b, a);
        return c == 2 ? 2 : -c;
    }
    if (b.kind == AZ_J_FLOAT)
        return isnan(a.u.f) || isnan(b.u.f) ? 2 : a.u.f < b.u.f ? -1 : a.u.f > b.u.f;
    f = a.u.f;
    if (isnan(f)) return 2;
    if (f >= 9223372036854775808.0) return 1;
    if (f < -9223372036854775808.0) return -1;
    {
        int64_t x = (int64_t)f, y = az_jto_int(b);
        if (x != y) return x < y ? -1 : 1;
        return f > (double)x ? 1 : f < (double)x ? -1 : 0;
    }
}

static bool equal_dicts(az_jinja *J, const az_jdict *a, const az_jdict *b)
{
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++) {
        const az_jval *v = az_jdict_get(J, b, a->p[i].key);
        if (!v || !az_jequal(J, a->p[i].value, *v)) return false;
    }
    return true;
}

static bool equal_ranges(const az_jrange *a, const az_jrange *b)
{
    if (a->n != b->n || !a->n) return a->n == b->n;
    return a->start == b->start && (a->n == 1 || a->step == b->step);
}

static bool equal(az_jinja *J, az_jval a, az_jval b)
{
    if (az_jis_num(a) && az_jis_num(b)) return compare_num(a, b) == 0;
    if (a.kind != b.kind) return false;
    switch ((az_jkind)a.kind) {
    case AZ_J_MISSING:
    case AZ_J_UNDEF:
    case AZ_J_NONE: return true;
    case AZ_J_STR:
        return a.u.s->n == b.u.s->n && az_jstep_bytes(J, a.u.s->n) &&
               memcmp(a.u.s->s, b.u.s->s, a.u.s->n) == 0;
    case AZ_J_LIST:
    case AZ_J_TUPLE:
        if (a.u.seq->n != b.u.seq->n) return false;
        for (size_t i = 0; i < a.u.seq->n; i++)
            if (!az_jequal(J, a.u.seq->v[i], b.u.seq->v[i])) return false;
        return true;
    case AZ_J_DICT: return equal_dicts(J, a.u.d, b.u.d);
    case AZ_J_VIEW:
        if (a.view != b.view || a.view == 1)
            return a.u.d == b.u.d && a.view == b.view && a.view != 1;
        if (a.view == 2) return equal_dicts(J, a.u.d, b.u.d);
        if (a.u.d->n != b.u.d->n) return false;
        for (size_t i = 0; i < a.u.d->n; i++)
            if (!az_jdict_get(J, b.u.d, a.u.d->p[i].key)) return false;
        return true;
    case AZ_J_RANGE: return equal_ranges(a.u.r, b.u.r);
    case AZ_J_FUNC: return a.u.fn->fn == b.u.fn->fn && a.u.fn->self.kind == AZ_J_MISSING;
    default: return a.u.d == b.u.d;
    }
}

bool az_jequal(az_jinja *J, az_jval a, az_jval b)
{
    bool same;

    if (!az_jstep(J, 1) || !az_jenter(J)) return false;
    same = equal(J, a, b);
    az_jleave(J);
    return same && !az_jfailed(J);
}

/* One of < <= > >= on lists and tuples: the first difference decides. */
static bool order_seq(az_jinja *J, az_jop op, const az_jseq *a, const az_jseq *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        if (az_jequal(J, a->v[i], b->v[i])) continue;
        return !az_jfailed(J) && az_jcompare(J, op, a->v[i], b->v[i]);
    }
    return op == AZ_JOP_LT   ? a->n < b->n
           : op == AZ_JOP_LE ? a->n <= b->n
           : op == AZ_JOP_GT ? a->n > b->n
                             : a->n >= b->n;
}

static bool order(az_jinja *J, az_jop op, az_jval a, az_jval b)
{
    static const char *const names[] = { "<", "<=", ">", ">=" };
    int c;

    if (az_jis_num(a) && az_jis_num(b))
        c = compare_num(a, b);
    else if (az_jis_str(a) && az_jis_str(b)) {
        size_t n = a.u.s->n < b.u.s->n ? a.u.s->n : b.u.s->n;
        c = memcmp(a.u.s->s, b.u.s->s, n); /* UTF-8 sorts as code points do */
        if (!c) c = a.u.s->n < b.u.s->n ? -1 : a.u.s->n > b.u.s->n;
        if (!az_jstep_bytes(J, n)) return false;
        if (c > 1) c = 1;
    } else if (az_jis_seq(a) && a.kind == b.kind)
        return order_seq(J, op, a.u.seq, b.u.seq);
    else {
        bad_types(J, names[op - AZ_JOP_LT], a, b);
        return false;
    }
    if (c == 2) return false;
    return op == AZ_JOP_LT ? c < 0 : op == AZ_JOP_LE ? c <= 0 : op == AZ_JOP_GT ? c > 0 : c >= 0;
}

bool az_jless(az_jinja *J, az_jval a, az_jval b)
{
    return az_jcompare(J, AZ_JOP_LT, a, b);
}

static bool in_range(az_jval item, const az_jrange *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (compare_num(item, az_jint(r->start + (int64_t)i * r->step)) == 0) return true;
    return false;
}

bool az_jcontains(az_jinja *J, az_jval item, az_jval in)
{
    az_jiter *it;
    az_jval v;

    if (az_jis_str(in)) {
        if (!az_jis_str(item)) {
            az_jfail(J, "'in <string>' requires string as left operand, not %s",
                     az_jtype_name(item));
            return false;
        }
        return az_jstep_bytes(J, in.u.s->n) &&
               (!item.u.s->n || memmem(in.u.s->s, in.u.s->n, item.u.s->s, item.u.s->n) != NULL);
    }
    if (in.kind == AZ_J_RANGE && az_jis_num(item))
        return az_jstep(J, in.u.r->n / 16) && in_range(item, in.u.r);
    if (in.kind == AZ_J_DICT || (in.kind == AZ_J_VIEW && in.view == 0)) {
        if (!az_jhashable(&item, 64)) {
            az_jfail(J, "unhashable type: '%s'", az_jtype_name(item));
            return false;
        }
        return az_jdict_get(J, in.u.d, item) != NULL;
    }
    if (!az_jiterable(in)) {
        az_jfail(J, "argument of type '%s' is not iterable", az_jtype_name(in));
        return false;
    }
    it = az_jiter_of(J, in);
    while (it && az_jnext(J, it, &v))
        if (az_jequal(J, v, item)) return true;
    return false;
}

bool az_jcompare(az_jinja *J, az_jop op, az_jval a, az_jval b)
{
    bool yes;

    if (!az_jenter(J)) return false;
    switch (op) {
    case AZ_JOP_EQ: yes = az_jequal(J, a, b); break;
    case AZ_JOP_NE: yes = !az_jequal(J, a, b); break;
    case AZ_JOP_IN: yes = az_jcontains(J, a, b); break;
    case AZ_JOP_NOTIN: yes = !az_jcontains(J, a, b); break;
    default: yes = order(J, op, a, b);
    }
    az_jleave(J);
    return yes && !az_jfailed(J);
}

/* --- slices --- */

static bool bound(az_jinja *J, az_jval v, int64_t *out)
{
    if (v.kind == AZ_J_NONE) return true;
    if (az_jis_int(v)) {
        *out = az_jto_int(v);
        return true;
    }
    az_jfail(J, "slice indices must be integers or none, not %s", az_jtype_name(v));
    return false;
}

/* Python's slice.indices: where to begin, how many, with which step. */
static bool slice_range(az_jinja *J, int64_t n, const az_jval b[3], int64_t *start, int64_t *step,
                        size_t *count)
{
    int64_t stop;

    *step = 1;
    if (!bound(J, b[2], step)) return false;
    if (*step == 0) {
        az_jfail(J, "slice step cannot be zero");
        return false;
    }
    if (*step < -INT64_MAX) *step = -INT64_MAX;
    *start = *step > 0 ? 0 : n - 1;
    stop = *step > 0 ? n : -1;
    if (b[0].kind != AZ_J_NONE) {
        if (!bound(J, b[0], start)) return false;
        if (*start < 0) *start = *start < -n ? (*step > 0 ? 0 : -1) : *start + n;
        if (*start >= n) *start = *step > 0 ? n : n - 1;
    }
    if (b[1].kind != AZ_J_NONE) {
        if (!bound(J, b[1], &stop)) return false;
        if (stop < 0) stop = stop < -n ? (*step > 0 ? 0 : -1) : stop + n;
        if (stop >= n) stop = *step > 0 ? n : n - 1;
    }
    *count = 0;
    if (*step > 0 && *start < stop) *count = (size_t)((stop - *start - 1) / *step + 1);
    if (*step < 0 && *start > stop) *count = (size_t)((*start - stop - 1) / -*step + 1);
    return true;
}

/* Byte offset of character i. */
static size_t char_at(const az_jstr *s, size_t i)
{
    size_t at = 0;

    if (s->chars == s->n) return i;
    for (; i && at < s->n; i--)
        do
            at++;
        while (at < s->n && ((unsigned char)s->s[at] & 0xc0) == 0x80);
    return at;
}

static az_jval slice_str(az_jinja *J, az_jval v, int64_t start, int64_t step, size_t count)
{
    const az_jstr *s = v.u.s;
    bool markup = v.markup;
    size_t from, len;
    az_buf b;

    if (!az_jstep_bytes(J, s->n)) return AZ_JUNDEF;
    if (!count) {
        v = az_jstr_ref(J, "", 0);
    } else if (step == 1) {
        from = char_at(s, (size_t)start);
        return az_jstr_part(J, v, from,
                            s->chars == s->n
                                ? count
                                : char_at(&(az_jstr){ s->s + from, s->n - from, 0 }, count));
    } else {
        /* offsets of all characters once, so that any step is linear */
        uint32_t *at = az_jarray(J, s->chars + 1, sizeof *at);
        size_t k = 0;
        if (!at) return AZ_JUNDEF;
        for (size_t i = 0; i < s->n; i++)
            if (((unsigned char)s->s[i] & 0xc0) != 0x80) at[k++] = (uint32_t)i;
        at[k] = (uint32_t)s->n;
        az_jbuf(J, &b);
        for (size_t i = 0; i < count; i++) {
            size_t c = (size_t)(start + (int64_t)i * step);
            len = at[c + 1] - at[c];
            az_buf_put(&b, s->s + at[c], len);
        }
        if (!az_jstep(J, count / 64)) az_jfail_buf(J);
        v = az_jstr_of_buf(J, &b);
    }
    v.markup = markup;
    return v;
}

static az_jval slice_seq(az_jinja *J, az_jval v, int64_t start, int64_t step, size_t count)
{
    az_jseq *q = az_jseq_new(J, count);

    if (!q || !az_jstep(J, count / 16)) return AZ_JUNDEF;
    for (size_t i = 0; i < count; i++)
        az_jseq_add(J, q, v.u.seq->v[start + (int64_t)i * step]);
    return az_jseq_val((az_jkind)v.kind, q);
}

az_jval az_jslice(az_jinja *J, az_jval v, az_jval start, az_jval stop, az_jval step)
{
    const az_jval b[3] = { start, stop, step };
    int64_t from, by;
    az_jrange *r;
    size_t n, count;

    if (az_jis_undef(v)) return az_juse_undef(J, v);
    if (!az_jis_str(v) && !az_jis_seq(v) && v.kind != AZ_J_RANGE)
        return az_jfail(J, "'%s' object cannot be sliced", az_jtype_name(v));
    if (!az_jlen(J, v, &n) || !slice_range(J, (int64_t)n, b, &from, &by, &count)) return AZ_JUNDEF;
    if (az_jis_str(v)) return slice_str(J, v, from, by, count);
    if (az_jis_seq(v)) return slice_seq(J, v, from, by, count);
    r = az_jalloc(J, sizeof *r);
    if (!r) return AZ_JUNDEF;
    *r = (az_jrange){ v.u.r->start + from * v.u.r->step, 0, 0, count };
    if (!mul_ok(v.u.r->step, by, &r->step)) return too_big(J);
    r->stop = count ? r->start + (int64_t)count * r->step : r->start;
    return (az_jval){ .kind = AZ_J_RANGE, .u.r = r };
}

/* --- members --- */

/* v[key] alone: MISSING when Python raises a LookupError or TypeError. */
static az_jval item_only(az_jinja *J, az_jval v, az_jval key)
{
    const az_jval *found;
    int64_t i;
    size_t n;

    if (az_jis_undef(v)) return az_juse_undef(J, v);
    if (v.kind == AZ_J_DICT) {
        found = az_jhashable(&key, 64) ? az_jdict_get(J, v.u.d, key) : NULL;
        return found ? *found : AZ_JMISS;
    }
    if (!az_jis_int(key) || !(az_jis_str(v) || az_jis_seq(v) || v.kind == AZ_J_RANGE))
        return AZ_JMISS;
    i = az_jto_int(key);
    az_jlen(J, v, &n);
    if (i < 0) i += (int64_t)n;
    if (i < 0 || (uint64_t)i >= n) return AZ_JMISS;
    if (az_jis_seq(v)) return v.u.seq->v[i];
    if (v.kind == AZ_J_RANGE) return az_jint(v.u.r->start + i * v.u.r->step);
    return slice_str(J, v, i, 1, 1);
}

static az_jval no_member(az_jinja *J, az_jval v, az_jval key)
{
    if (az_jis_str(key))
        return az_jundef(J, "'%s object' has no attribute '%.*s'", az_jtype_name(v),
                         (int)(key.u.s->n > 100 ? 100 : key.u.s->n), key.u.s->s);
    return az_jundef(J, "'%s object' has no such element", az_jtype_name(v));
}

az_jval az_jgetattr(az_jinja *J, az_jval v, az_jval name)
{
    az_jval r;

    if (az_jis_undef(v)) return az_juse_undef(J, v);
    r = az_jattr_only(J, v, name.u.s->s, name.u.s->n);
    if (r.kind == AZ_J_MISSING) r = item_only(J, v, name);
    return r.kind == AZ_J_MISSING ? no_member(J, v, name) : r;
}

az_jval az_jgetitem(az_jinja *J, az_jval v, az_jval key)
{
    az_jval r = item_only(J, v, key);

    if (r.kind == AZ_J_MISSING && az_jis_str(key) && !az_jfailed(J))
        r = az_jattr_only(J, v, key.u.s->s, key.u.s->n);
    return r.kind == AZ_J_MISSING ? no_member(J, v, key) : r;
}
