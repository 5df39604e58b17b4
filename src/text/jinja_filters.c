/* Filters on text and numbers. Those on sequences are in jinja_filters_seq.c, those for pages in jinja_filters_page.c,
 * pprint and wordwrap in jinja_filters_print.c. Source: jinja2 3.1 filters.py. */
#include "text/jinja_value.h"

#include <math.h>
#include <stdio.h>

#define FILTER(name) static az_jval name(az_jinja *J, const az_jval *a, const az_jargs *args)

static bool given(az_jval v)
{
    return v.kind != AZ_J_MISSING && v.kind != AZ_J_NONE;
}

static bool need_int(az_jinja *J, az_jval v, int64_t def, int64_t *out)
{
    *out = def;
    if (v.kind == AZ_J_MISSING) return true;
    if (az_jis_int(v)) {
        *out = az_jto_int(v);
        return true;
    }
    if (az_jis_undef(v))
        az_juse_undef(J, v);
    else
        az_jfail(J, "'%s' object cannot be interpreted as an integer", az_jtype_name(v));
    return false;
}

static bool need_str(az_jinja *J, az_jval v, const char *what)
{
    if (az_jis_str(v)) return true;
    if (az_jis_undef(v))
        az_juse_undef(J, v);
    else
        az_jfail(J, "%s needs a string, not '%s'", what, az_jtype_name(v));
    return false;
}

#define ON_TEXT(name, function)                            \
    FILTER(name)                                           \
    {                                                      \
        az_jval s = az_jsoft_str(J, a[0]);                 \
        (void)args;                                        \
        return az_jfailed(J) ? AZ_JUNDEF : function(J, s); \
    }
ON_TEXT(f_upper, az_jupper)
ON_TEXT(f_lower, az_jlower)
ON_TEXT(f_capitalize, az_jcapitalize)
ON_TEXT(f_title, az_jtitle_filter)

FILTER(f_string)
{
    (void)args;
    return az_jsoft_str(J, a[0]);
}

FILTER(f_trim)
{
    az_jval s = az_jsoft_str(J, a[0]);

    (void)args;
    return az_jfailed(J) ? AZ_JUNDEF : az_jstrip(J, s, a[1], true, true);
}

FILTER(f_replace)
{
    az_jval s = az_jto_str(J, a[0]), old = az_jto_str(J, a[1]), with = az_jto_str(J, a[2]);
    int64_t count = -1;

    (void)args;
    if (given(a[3]) && !need_int(J, a[3], -1, &count)) return AZ_JUNDEF;
    return az_jfailed(J) ? AZ_JUNDEF : az_jreplace(J, s, old, with, count);
}

FILTER(f_safe)
{
    az_jval s = az_jto_str(J, a[0]);

    (void)args;
    s.markup = s.kind == AZ_J_STR;
    return s;
}

FILTER(f_escape)
{
    (void)args;
    return az_jescape(J, a[0]);
}

FILTER(f_forceescape)
{
    az_jval s = az_jto_str(J, a[0]);

    (void)args;
    return az_jfailed(J) ? AZ_JUNDEF : az_jescape(J, s);
}

FILTER(f_default)
{
    (void)args;
    if (!az_jis_undef(a[0]) && !(az_jtruth(J, a[2]) && !az_jtruth(J, a[0]))) return a[0];
    return a[1].kind == AZ_J_MISSING ? az_jstr_ref(J, "", 0) : a[1];
}

FILTER(f_tojson)
{
    (void)args;
    return az_jtojson(J, a[0], a + 1);
}

FILTER(f_center)
{
    az_jval s = az_jsoft_str(J, a[0]);
    int64_t width;

    (void)args;
    if (az_jfailed(J) || !need_int(J, a[1], 80, &width)) return AZ_JUNDEF;
    return az_jpad(J, s, width, AZ_JMISS, 0);
}

FILTER(f_format)
{
    az_jval s = az_jsoft_str(J, a[0]), with;
    az_jseq *q;

    if (az_jfailed(J)) return AZ_JUNDEF;
    if (args->n && args->n_kw)
        return az_jfail(J, "format takes positional or keyword arguments, not both");
    if (args->n_kw) {
        az_jdict *d = az_jdict_new(J, 0);
        for (size_t i = 0; d && i < args->n_kw; i++)
            az_jdict_set(J, d, (az_jval){ .kind = AZ_J_STR, .u.s = args->name[i] }, args->kw[i]);
        with = az_jdict_val(d);
    } else {
        q = az_jseq_new(J, args->n);
        for (size_t i = 0; q && i < args->n; i++)
            az_jseq_add(J, q, args->pos[i]);
        with = az_jseq_val(AZ_J_TUPLE, q);
    }
    return az_jfailed(J) ? AZ_JUNDEF : az_jpercent(J, s, with);
}

FILTER(f_indent)
{
    az_jval width = a[1].kind == AZ_J_MISSING ? az_jint(4) : a[1], by = width, lines;
    bool first = az_jtruth(J, a[2]), blank = az_jtruth(J, a[3]);
    az_jval s = a[0];
    az_buf b;

    (void)args;
    if (!need_str(J, s, "indent")) return AZ_JUNDEF;
    if (!az_jis_str(width)) by = az_jbinary(J, AZ_JOP_MUL, az_jstr_ref(J, " ", 1), width);
    if (az_jfailed(J) || !need_str(J, by, "indent")) return AZ_JUNDEF;
    lines = az_jsplit_lines(J, az_jbinary(J, AZ_JOP_ADD, s, az_jstr_ref(J, "\n", 1)), false);
    az_jbuf(J, &b);
    for (size_t i = 0; !az_jfailed(J) && i < lines.u.seq->n; i++) {
        az_jval line = lines.u.seq->v[i];
        if (i) az_buf_putc(&b, '\n');
        if (i ? blank || line.u.s->n : first) az_jput_str(J, &b, by);
        az_jput_str(J, &b, line);
    }
    by = az_jstr_of_buf(J, &b);
    by.markup = s.markup;
    return by;
}

FILTER(f_truncate)
{
    int64_t length, leeway = 5, chars, n_end;
    az_jval end = a[3].kind == AZ_J_MISSING ? az_jstr_ref(J, "...", 3) : a[3], s = a[0], cut;
    size_t last;

    (void)args;
    if (!need_int(J, a[1], 255, &length) || !need_str(J, end, "truncate")) return AZ_JUNDEF;
    if (given(a[4]) && !need_int(J, a[4], 5, &leeway)) return AZ_JUNDEF;
    if (!az_jlen(J, s, &last))
        return az_jfail(J, "object of type '%s' has no len()", az_jtype_name(s));
    chars = (int64_t)last;
    n_end = (int64_t)end.u.s->chars;
    if (length < n_end || leeway < 0)
        return az_jfail(J, "truncate needs a length of at least %lld", (long long)n_end);
    if (chars - length <= leeway) return s;
    if (!need_str(J, s, "truncate")) return AZ_JUNDEF;
    cut = az_jslice(J, s, AZ_JNONE, az_jint(length - n_end), AZ_JNONE);
    if (az_jfailed(J)) return AZ_JUNDEF;
    if (!az_jtruth(J, a[2])) {
        for (last = cut.u.s->n; last > 0 && cut.u.s->s[last - 1] != ' '; last--)
            ;
        if (last) cut = az_jstr_part(J, cut, 0, last - 1);
    }
    return az_jbinary(J, AZ_JOP_ADD, cut, end);
}

FILTER(f_wordcount)
{
    az_jval s = az_jsoft_str(J, a[0]);
    bool inside = false;
    int64_t n = 0;
    size_t len;

    (void)args;
    if (az_jfailed(J) || !az_jstep(J, s.u.s->n / 64)) return AZ_JUNDEF;
    for (size_t i = 0; i < s.u.s->n; i += len) {
        uint32_t c = az_utf8_next(s.u.s->s + i, s.u.s->n - i, &len);
        bool word = c == '_' || az_jalnum(c);
        n += word && !inside;
        inside = word;
    }
    return az_jint(n);
}

/* --- numbers --- */

/* Python's int() of a text; false: not a number of this base. */
static bool parse_int(az_jinja *J, az_jval s, int64_t base, int64_t *out)
{
    az_jval t = az_jstrip(J, s, AZ_JNONE, true, true);
    const char *p = az_jfailed(J) ? "" : t.u.s->s, *end = az_jfailed(J) ? p : p + t.u.s->n;
    bool negative = false, any = false, after_digit = false;
    uint64_t v = 0;

    if (p < end && (*p == '+' || *p == '-')) negative = *p++ == '-';
    if (end - p > 2 && *p == '0') {
        char c = (char)(p[1] | 0x20);
        int64_t of = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
        if (of && (base == of || base == 0)) {
            base = of;
            p += 2;
            after_digit = true; /* an underscore may follow */
        }
    }
    if (base == 0) {
        if (end - p > 1 && *p == '0' && strspn(p, "0_") < (size_t)(end - p)) return false;
        base = 10;
    }
    for (; p < end; p++) {
        int64_t d = *p >= '0' && *p <= '9'                     ? *p - '0'
                    : (*p | 0x20) >= 'a' && (*p | 0x20) <= 'z' ? (*p | 0x20) - 'a' + 10
                                                               : 99;
        if (*p == '_' && after_digit && p + 1 < end) {
            after_digit = false;
            continue;
        }
        if (d >= base) return false;
        if (v > (INT64_MAX - (uint64_t)d) / (uint64_t)base) {
            az_jfail_status(J, ADZE_EUNSUP, "integers beyond 64 bits are not supported");
            return false;
        }
        v = v * (uint64_t)base + (uint64_t)d;
        any = after_digit = true;
    }
    *out = negative ? -(int64_t)v : (int64_t)v;
    return any && after_digit;
}

/* Python's float() of a text. */
static bool parse_float(az_jinja *J, az_jval s, double *out)
{
    static const char *const words[] = { "inf", "infinity", "nan" };
    az_jval t = az_jstrip(J, s, AZ_JNONE, true, true);
    char buf[512];
    size_t n = 0, sign;

    if (az_jfailed(J) || t.u.s->n >= sizeof buf) return false;
    for (size_t i = 0; i < t.u.s->n; i++) {
        char c = t.u.s->s[i];
        bool digits = i > 0 && i + 1 < t.u.s->n && t.u.s->s[i - 1] >= '0' &&
                      t.u.s->s[i - 1] <= '9' && t.u.s->s[i + 1] >= '0' && t.u.s->s[i + 1] <= '9';
        if (c == '_' && digits) continue;
        buf[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    sign = n && (buf[0] == '+' || buf[0] == '-');
    for (size_t i = 0; i < AZ_COUNT(words); i++)
        if (n - sign == strlen(words[i]) && memcmp(buf + sign, words[i], n - sign) == 0) {
            *out = i < 2 ? (buf[0] == '-' ? -INFINITY : INFINITY) : NAN;
            return true;
        }
    for (size_t i = 0; i < n; i++)
        if (!strchr("0123456789.e+-", buf[i]) || !buf[i]) return false;
    return az_jparse_float(buf, n, out);
}

/* int() of a float; fails on what has none. */
static az_jval float_to_int(az_jinja *J, double f)
{
    if (isinf(f)) return az_jfail(J, "cannot convert float infinity to integer");
    if (!(f > -9223372036854775808.0 && f < 9223372036854775808.0))
        return az_jfail_status(J, ADZE_EUNSUP, "integers beyond 64 bits are not supported");
    return az_jint((int64_t)f);
}

FILTER(f_int)
{
    az_jval def = a[1].kind == AZ_J_MISSING ? az_jint(0) : a[1];
    int64_t base, i;
    double f;

    (void)args;
    if (az_jis_undef(a[0])) return az_juse_undef(J, a[0]);
    if (az_jis_int(a[0])) return az_jint(az_jto_int(a[0]));
    if (a[0].kind == AZ_J_FLOAT) return isnan(a[0].u.f) ? def : float_to_int(J, a[0].u.f);
    if (!az_jis_str(a[0])) return def;
    if (!need_int(J, a[2], 10, &base)) return AZ_JUNDEF;
    if ((base == 0 || (base >= 2 && base <= 36)) && parse_int(J, a[0], base, &i)) return az_jint(i);
    if (az_jfailed(J)) return AZ_JUNDEF;
    if (!parse_float(J, a[0], &f) || isnan(f) || isinf(f)) return def;
    return float_to_int(J, f);
}

FILTER(f_float)
{
    double f;

    (void)args;
    if (az_jis_undef(a[0])) return az_juse_undef(J, a[0]);
    if (az_jis_num(a[0])) return az_jfloat(az_jto_float(a[0]));
    if (az_jis_str(a[0]) && parse_float(J, a[0], &f)) return az_jfloat(f);
    return a[1].kind == AZ_J_MISSING ? az_jfloat(0) : a[1];
}

FILTER(f_abs)
{
    (void)args;
    if (a[0].kind == AZ_J_FLOAT) return az_jfloat(fabs(a[0].u.f));
    if (!az_jis_int(a[0])) return az_junary(J, AZ_JOP_NEG, a[0]); /* fails, saying why */
    return az_jto_int(a[0]) < 0 ? az_junary(J, AZ_JOP_NEG, a[0]) : az_jint(az_jto_int(a[0]));
}

/* round(int, -digits): half to even. */
static az_jval round_int(az_jinja *J, int64_t v, int64_t digits)
{
    int64_t unit = 1, rest;

    if (digits >= 0) return az_jint(v);
    if (digits < -18) return az_jint(0);
    for (; digits < 0; digits++)
        unit *= 10;
    rest = v % unit;
    if (rest < 0) rest += unit;
    if (v < INT64_MIN + unit || v > INT64_MAX - unit)
        return az_jfail_status(J, ADZE_EUNSUP, "integers beyond 64 bits are not supported");
    v -= rest;
    if (rest > unit - rest || (rest == unit - rest && (v / unit) % 2)) v += unit;
    return az_jint(v);
}

static double round_float(double v, int64_t digits)
{
    char text[400];
    double r = v;

    if (isnan(v) || isinf(v) || digits > 320) return v;
    if (digits < -310) return copysign(0.0, v);
    if (digits >= 0) {
        snprintf(text, sizeof text, "%.*f", (int)(digits < 60 ? digits : 60), v);
        if (digits >= 60) return v;
        for (char *p = text; *p; p++)
            if (*p == ',') *p = '.';
        az_jparse_float(text, strlen(text), &r);
        return r;
    }
    r = pow(10.0, (double)-digits);
    return rint(v / r) * r;
}

FILTER(f_round)
{
    int64_t precision;
    double unit, v;

    (void)args;
    if (az_jis_undef(a[0])) return az_juse_undef(J, a[0]);
    if (!need_int(J, a[1], 0, &precision)) return AZ_JUNDEF;
    if (!az_jis_num(a[0])) return az_jfail(J, "'%s' object cannot be rounded", az_jtype_name(a[0]));
    if (a[2].kind == AZ_J_MISSING || az_jstr_is(a[2], "common"))
        return a[0].kind == AZ_J_FLOAT ? az_jfloat(round_float(a[0].u.f, precision))
                                       : round_int(J, az_jto_int(a[0]), precision);
    if (!az_jstr_is(a[2], "ceil") && !az_jstr_is(a[2], "floor"))
        return az_jfail(J, "method must be common, ceil or floor");
    if (precision > 300 || precision < -300) return az_jfail(J, "precision is too big");
    unit = pow(10.0, (double)precision);
    v = az_jto_float(a[0]) * unit;
    if (isnan(v) || isinf(v)) return az_jfail(J, "cannot round what is not finite");
    return az_jfloat(((az_jstr_is(a[2], "ceil") ? ceil(v) : floor(v)) + 0.0) /
                     unit); /* never -0.0 */
}

FILTER(f_filesizeformat)
{
    static const char *const units[2][8] = { { "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB" },
                                             { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB",
                                               "YiB" } };
    bool binary = az_jtruth(J, a[1]);
    double base = binary ? 1024 : 1000, unit = base, v;
    char text[400];
    size_t i = 0;

    (void)args;
    if (az_jis_undef(a[0])) return az_juse_undef(J, a[0]);
    if (az_jis_num(a[0]))
        v = az_jto_float(a[0]);
    else if (!az_jis_str(a[0]) || !parse_float(J, a[0], &v))
        return az_jfail(J, "filesizeformat needs a number");
    if (v == 1) return az_jstrz(J, "1 Byte");
    if (v < base) {
        az_jval whole = float_to_int(J, v);
        if (az_jfailed(J)) return AZ_JUNDEF;
        snprintf(text, sizeof text, "%lld Bytes", (long long)whole.u.i);
        return az_jstrz(J, text);
    }
    for (i = 0; i < 8; i++) {
        unit *= base;
        if (v < unit) break;
    }
    snprintf(text, sizeof text, "%.1f %s", base * v / unit, units[binary][i < 8 ? i : 7]);
    for (char *p = text; *p; p++)
        if (*p == ',') *p = '.';
    return az_jstrz(J, text);
}

const az_jfunc az_jfilters_text[] = {
    { "abs", "/value", f_abs },
    { "capitalize", "s", f_capitalize },
    { "center", "value;width", f_center },
    { "d", "value;default_value,boolean", f_default },
    { "default", "value;default_value,boolean", f_default },
    { "e", "/s", f_escape },
    { "escape", "/s", f_escape },
    { "filesizeformat", "value;binary", f_filesizeformat },
    { "float", "value;default", f_float },
    { "forceescape", "value", f_forceescape },
    { "format", NULL, f_format },
    { "indent", "s;width,first,blank", f_indent },
    { "int", "value;default,base", f_int },
    { "lower", "s", f_lower },
    { "replace", "s,old,new;count", f_replace },
    { "round", "value;precision,method", f_round },
    { "safe", "value", f_safe },
    { "string", "object", f_string },
    { "title", "s", f_title },
    { "tojson", "x;ensure_ascii,indent,separators,sort_keys", f_tojson },
    { "trim", "value;chars", f_trim },
    { "truncate", "s;length,killwords,end,leeway", f_truncate },
    { "upper", "s", f_upper },
    { "wordcount", "s", f_wordcount },
    { 0 },
};

const az_jfunc *az_jfilter(const char *s, size_t n)
{
    static const az_jfunc *const tables[] = { az_jfilters_text, az_jfilters_seq, az_jfilters_page,
                                              az_jfilters_print };
    const az_jfunc *f = NULL;

    for (size_t i = 0; !f && i < AZ_COUNT(tables); i++)
        f = az_jfind(tables[i], s, n);
    return f;
}
