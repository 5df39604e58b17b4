/* Formatting: the % operator on strings, and str.format.
 *
 * Source: Python 3.11, "printf-style String Formatting" and "Format Specification Mini-Language" of the library
 * reference.
 */
#include "text/jinja_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct spec {
    az_jval fill;                  /* one character, or MISSING */
    char align, sign, group, type; /* 0: not given */
    bool alt, zero;
    int64_t width, precision; /* -1: not given */
} spec;

enum { MAX_DIGITS = 1000 }; /* width and precision of numbers */

static void put_padded(az_jinja *J, az_buf *b, const char *s, size_t n, const spec *f, char align)
{
    az_jval v = az_jstrn(J, s, n);

    if (az_jfailed(J)) return;
    if (f->align) align = f->align;
    if (align == '^') { /* the odd one goes right, unlike center() */
        int64_t pad = f->width > (int64_t)v.u.s->chars ? f->width - (int64_t)v.u.s->chars : 0;
        v = az_jpad(J, v, (int64_t)v.u.s->chars + pad / 2, f->fill, 1);
        if (!az_jfailed(J)) v = az_jpad(J, v, f->width, f->fill, -1);
    } else
        v = az_jpad(J, v, f->width, f->fill, align == '<' ? -1 : 1);
    if (!az_jfailed(J)) az_jput_str(J, b, v);
}

/* Digits with their sign, padded; `digits` has no sign. */
static void put_number(az_jinja *J, az_buf *b, bool negative, const char *prefix,
                       const char *digits, const spec *f)
{
    char text[2 * MAX_DIGITS + 400];
    size_t n = 0, lead, whole = strspn(digits, "0123456789abcdefABCDEF");
    int every = f->type && strchr("xXob", f->type) ? 4 : 3;

    if (f->type && strchr("eEgGfF%n", f->type)) whole = strspn(digits, "0123456789");
    if (!f->type || f->type == 'd') whole = strspn(digits, "0123456789");
    if (negative || f->sign == '+' || f->sign == ' ') text[n++] = negative ? '-' : f->sign;
    while (*prefix)
        text[n++] = *prefix++;
    lead = n;
    if (f->align == '=' && !f->group) {
        size_t have = n + strlen(digits);
        while (have < (size_t)(f->width < MAX_DIGITS ? f->width : MAX_DIGITS)) {
            text[n++] = f->fill.kind == AZ_J_STR ? f->fill.u.s->s[0] : '0';
            have++;
        }
    }
    (void)lead;
    for (size_t i = 0; digits[i] && n + 4 < sizeof text; i++) {
        if (f->group && i && i < whole && (whole - i) % (size_t)every == 0) text[n++] = f->group;
        text[n++] = digits[i];
    }
    {
        spec g = *f;
        if (g.align == '=') g.align = '>';
        put_padded(J, b, text, n, &g, '>');
    }
}

static void put_int(az_jinja *J, az_buf *b, int64_t i, const spec *f)
{
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    char digits[80];
    const char *prefix = "";

    if (f->type == 'b') {
        size_t n = 0;
        for (int bit = 63; bit >= 0; bit--)
            if (u >> bit & 1 || n || !bit) digits[n++] = (char)('0' + (u >> bit & 1));
        digits[n] = 0;
    } else
        snprintf(digits, sizeof digits,
                 f->type == 'x'   ? "%llx"
                 : f->type == 'X' ? "%llX"
                 : f->type == 'o' ? "%llo"
                                  : "%llu",
                 (unsigned long long)u);
    if (f->alt)
        prefix = f->type == 'x'   ? "0x"
                 : f->type == 'X' ? "0X"
                 : f->type == 'o' ? "0o"
                 : f->type == 'b' ? "0b"
                                  : "";
    put_number(J, b, i < 0, prefix, digits, f);
}

/* printf's digits of |v|, with a point whatever the locale. */
static void float_digits(char *out, size_t size, double v, char type, int64_t precision, bool alt)
{
    char how[16];

    snprintf(how, sizeof how, "%%%s.*%c", alt ? "#" : "", type);
    snprintf(out, size, how, (int)precision, fabs(v));
    for (char *p = out; *p; p++)
        if (*p == ',') *p = '.';
}

static void put_float(az_jinja *J, az_buf *b, double v, const spec *f)
{
    char digits[MAX_DIGITS + 400], short_text[40], type = f->type;
    int64_t precision = f->precision < 0 ? 6 : f->precision;
    bool percent = type == '%';

    if (precision > MAX_DIGITS) {
        az_jfail(J, "precision is too big");
        return;
    }
    if (percent) {
        v *= 100;
        type = 'f';
    }
    if (isnan(v) || isinf(v))
        snprintf(digits, sizeof digits, "%s", isnan(v) ? "nan" : "inf");
    else if (!type && f->precision < 0) {
        az_jfloat_text(fabs(v), short_text);
        snprintf(digits, sizeof digits, "%s", short_text);
    } else if (!type || type == 'n' || type == 'g' || type == 'G') {
        float_digits(digits, sizeof digits, v, type == 'G' ? 'G' : 'g', precision ? precision : 1,
                     f->alt);
        if (!type && !strpbrk(digits, ".en"))
            strncat(digits, ".0", sizeof digits - strlen(digits) - 1);
    } else
        float_digits(digits, sizeof digits, v, type, precision, f->alt);
    if (isnan(v) || isinf(v))
        for (char *p = digits; *p && (type == 'F' || type == 'E' || type == 'G'); p++)
            *p = (char)(*p - 32);
    if (percent) strncat(digits, "%", sizeof digits - strlen(digits) - 1);
    put_number(J, b, signbit(v) && !isnan(v), "", digits, f);
}

/* --- % --- */

typedef struct percent {
    az_jinja *J;
    az_buf *b;
    const char *s;
    size_t n, at;
    az_jval arg;
    size_t used;
    bool mapped;
} percent;

static az_jval next_arg(percent *P)
{
    bool tuple = P->arg.kind == AZ_J_TUPLE;

    if (P->used < (tuple ? P->arg.u.seq->n : 1)) {
        P->used++;
        return tuple ? P->arg.u.seq->v[P->used - 1] : P->arg;
    }
    return az_jfail(P->J, "not enough arguments for format string");
}

/* A number of digits, or *. */
static int64_t percent_count(percent *P)
{
    int64_t n = 0;

    if (P->at < P->n && P->s[P->at] == '*') {
        az_jval v = next_arg(P);
        P->at++;
        if (!az_jfailed(P->J) && !az_jis_int(v)) az_jfail(P->J, "* wants an integer");
        n = az_jfailed(P->J) ? 0 : az_jto_int(v);
    }
    for (; P->at < P->n && P->s[P->at] >= '0' && P->s[P->at] <= '9'; P->at++) {
        n = n * 10 + (P->s[P->at] - '0');
        if (n > INT32_MAX) az_jfail(P->J, "width or precision is too big");
        if (n > INT32_MAX) return 0;
    }
    return n;
}

static az_jval percent_key(percent *P)
{
    size_t from = P->at + 1, depth = 1;
    const az_jval *v;

    for (P->at++; P->at < P->n && depth; P->at++)
        depth += (P->s[P->at] == '(') - (P->s[P->at] == ')');
    if (depth) return az_jfail(P->J, "incomplete format key");
    if (P->arg.kind != AZ_J_DICT) return az_jfail(P->J, "format requires a mapping");
    v = az_jdict_gets(P->J, P->arg.u.d, P->s + from, P->at - from - 1);
    if (!v) return az_jfail(P->J, "a key of the format string is missing");
    P->mapped = true;
    return *v;
}

static void put_text(percent *P, az_jval text, const spec *f)
{
    if (az_jfailed(P->J)) return;
    if (f->precision >= 0) text = az_jslice(P->J, text, AZ_JNONE, az_jint(f->precision), AZ_JNONE);
    if (!az_jfailed(P->J)) put_padded(P->J, P->b, text.u.s->s, text.u.s->n, f, '>');
}

static az_jval repr_of(az_jinja *J, az_jval v)
{
    az_buf b;

    az_jbuf(J, &b);
    az_jput_repr(J, &b, v);
    return az_jstr_of_buf(J, &b);
}

static void percent_int(percent *P, az_jval v, spec *f)
{
    bool is_decimal = strchr("diu", f->type) != NULL;

    if (!az_jis_int(v) && !(is_decimal && v.kind == AZ_J_FLOAT)) {
        az_jfail(P->J, "%%%c format: a number is required, not %s", f->type, az_jtype_name(v));
        return;
    }
    if (v.kind == AZ_J_FLOAT) {
        if (!(v.u.f > -9.2e18 && v.u.f < 9.2e18)) {
            az_jfail_status(P->J, ADZE_EUNSUP, "integers beyond 64 bits are not supported");
            return;
        }
        v = az_jint((int64_t)v.u.f);
    }
    if (f->precision > (f->width > MAX_DIGITS ? 0 : MAX_DIGITS)) {
        az_jfail(P->J, "precision is too big");
        return;
    }
    if (is_decimal) f->type = 'd';
    if (f->precision > 0) { /* at least so many digits */
        char digits[MAX_DIGITS + 64], all[MAX_DIGITS + 128];
        spec g = *f;
        g.width = 0;
        g.sign = 0;
        g.alt = false;
        g.align = '=';
        g.width = f->precision;
        g.fill = AZ_JMISS;
        az_buf b;
        az_jbuf(P->J, &b);
        put_int(P->J, &b, az_jto_int(v) == INT64_MIN ? INT64_MAX : llabs(az_jto_int(v)), &g);
        snprintf(digits, sizeof digits, "%s", b.data ? b.data : "");
        az_buf_deinit(&b);
        snprintf(all, sizeof all, "%s", digits);
        put_number(P->J, P->b, az_jto_int(v) < 0,
                   f->alt ? (f->type == 'x'   ? "0x"
                             : f->type == 'X' ? "0X"
                             : f->type == 'o' ? "0o"
                                              : "")
                          : "",
                   all, f);
        return;
    }
    put_int(P->J, P->b, az_jto_int(v), f);
}

static void percent_one(percent *P, az_jval v, spec *f)
{
    char utf8[4];

    switch (f->type) {
    case 's': put_text(P, az_jto_str(P->J, v), f); break;
    case 'r':
    case 'a': put_text(P, repr_of(P->J, v), f); break;
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o': percent_int(P, v, f); break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
        if (!az_jis_num(v))
            az_jfail(P->J, "must be a real number, not %s", az_jtype_name(v));
        else
            put_float(P->J, P->b, az_jto_float(v), f);
        break;
    case 'c':
        if (az_jis_int(v) && az_jto_int(v) >= 0 && az_jto_int(v) < 0x110000 &&
            (az_jto_int(v) & ~0x7ff) != 0xd800)
            put_padded(P->J, P->b, utf8, az_utf8_put(utf8, (uint32_t)az_jto_int(v)), f, '>');
        else if (az_jis_str(v) && v.u.s->chars == 1)
            put_padded(P->J, P->b, v.u.s->s, v.u.s->n, f, '>');
        else
            az_jfail(P->J, "%%c requires a character");
        break;
    default: az_jfail(P->J, "unsupported format character");
    }
}

static void percent_spec(percent *P)
{
    spec f = { .fill = AZ_JMISS, .precision = -1 };
    az_jval v = AZ_JMISS;
    bool left = false;

    P->at++;
    if (P->at < P->n && P->s[P->at] == '(') v = percent_key(P);
    for (; P->at < P->n && P->s[P->at] && strchr("-+ #0", P->s[P->at]); P->at++) {
        left |= P->s[P->at] == '-';
        if (P->s[P->at] == '+') f.sign = '+';
        if (P->s[P->at] == ' ' && !f.sign) f.sign = ' ';
        f.alt |= P->s[P->at] == '#';
        f.zero |= P->s[P->at] == '0';
    }
    f.width = percent_count(P);
    if (f.width < 0) {
        left = true;
        f.width = -f.width;
    }
    if (P->at < P->n && P->s[P->at] == '.') {
        P->at++;
        f.precision = percent_count(P);
        if (f.precision < 0) f.precision = 0;
    }
    while (P->at < P->n && P->s[P->at] && strchr("hlL", P->s[P->at]))
        P->at++;
    if (az_jfailed(P->J)) return;
    if (P->at == P->n) {
        az_jfail(P->J, "incomplete format");
        return;
    }
    f.type = P->s[P->at++];
    if (f.type == '%') {
        az_buf_putc(P->b, '%');
        return;
    }
    if (left)
        f.align = '<';
    else if (f.zero && f.type && strchr("diuxXoeEfFgG", f.type))
        f.align = '=';
    if (f.align == '=' && f.width > MAX_DIGITS)
        az_jfail_status(P->J, ADZE_EUNSUP, "this number format is not supported");
    if (v.kind == AZ_J_MISSING) v = next_arg(P);
    if (!az_jfailed(P->J)) percent_one(P, v, &f);
}

az_jval az_jpercent(az_jinja *J, az_jval fmt, az_jval arg)
{
    percent P = { .J = J, .s = fmt.u.s->s, .n = fmt.u.s->n, .arg = arg };
    bool markup = fmt.markup;
    az_jval v;
    az_buf b;

    if (markup)
        return az_jfail_status(J, ADZE_EUNSUP,
                               "%% on text made by safe or escape is not supported");
    az_jbuf(J, &b);
    P.b = &b;
    while (P.at < P.n && az_jstep(J, 1)) {
        const char *hit = memchr(P.s + P.at, '%', P.n - P.at);
        size_t end = hit ? (size_t)(hit - P.s) : P.n;
        az_buf_put(&b, P.s + P.at, end - P.at);
        P.at = end;
        if (hit) percent_spec(&P);
    }
    /* what is left over must be a mapping or a list, which Python lets pass */
    if (!az_jfailed(J) && !P.mapped &&
        (arg.kind == AZ_J_TUPLE ? P.used < arg.u.seq->n
                                : !P.used && arg.kind != AZ_J_DICT && arg.kind != AZ_J_LIST &&
                                      arg.kind != AZ_J_RANGE && arg.kind != AZ_J_UNDEF))
        az_jfail(J, "not all arguments converted during string formatting");
    v = az_jstr_of_buf(J, &b);
    return v;
}

/* --- format --- */

typedef struct formatting {
    az_jinja *J;
    const az_jargs *args;
    size_t next;
    bool manual, automatic, markup;
} formatting;

static void put_fields(formatting *F, az_buf *b, const char *s, size_t n, int depth);

/* The specification after the colon. */
static bool read_spec(az_jinja *J, const char *s, size_t n, spec *f)
{
    size_t at = 0, len = 0;

    *f = (spec){ .fill = AZ_JMISS, .width = 0, .precision = -1 };
    if (n) az_utf8_next(s, n, &len);
    if (n > len && s[len] && strchr("<>=^", s[len])) {
        f->fill = az_jstrn(J, s, len);
        f->align = s[len];
        at = len + 1;
    } else if (n && s[0] && strchr("<>=^", s[0]))
        f->align = s[at++];
    if (at < n && s[at] && strchr("+- ", s[at])) f->sign = s[at++];
    if (at < n && s[at] == '#') {
        f->alt = true;
        at++;
    }
    if (at < n && s[at] == '0') {
        f->zero = true;
        at++;
    }
    for (; at < n && s[at] >= '0' && s[at] <= '9'; at++) {
        f->width = f->width * 10 + (s[at] - '0');
        if (f->width > INT32_MAX) az_jfail(J, "width is too big");
        if (f->width > INT32_MAX) return false;
    }
    if (at < n && (s[at] == ',' || s[at] == '_')) f->group = s[at++];
    if (at < n && s[at] == '.') {
        f->precision = 0;
        for (at++; at < n && s[at] >= '0' && s[at] <= '9'; at++) {
            f->precision = f->precision * 10 + (s[at] - '0');
            if (f->precision > INT32_MAX) az_jfail(J, "precision is too big");
            if (f->precision > INT32_MAX) return false;
        }
    }
    if (at < n) f->type = s[at++];
    if (at < n) az_jfail(J, "invalid format specifier");
    return !az_jfailed(J);
}

static void put_formatted(az_jinja *J, az_buf *b, az_jval v, const char *s, size_t n)
{
    spec f;

    if (!read_spec(J, s, n, &f)) return;
    if (az_jis_str(v) && (!f.type || f.type == 's')) {
        if (f.sign || f.alt || f.group || f.align == '=') {
            az_jfail(J, "this format is not for strings");
            return;
        }
        if (f.zero && f.fill.kind == AZ_J_MISSING) f.fill = az_jstr_ref(J, "0", 1);
        if (f.precision >= 0) v = az_jslice(J, v, AZ_JNONE, az_jint(f.precision), AZ_JNONE);
        if (!az_jfailed(J)) put_padded(J, b, v.u.s->s, v.u.s->n, &f, '<');
        return;
    }
    if (!n) {
        az_jput_str(J, b, v);
        return;
    }
    if (f.zero && !f.align) f.align = '=';
    if (f.zero && f.fill.kind == AZ_J_MISSING) f.fill = az_jstr_ref(J, "0", 1);
    if (f.align == '=' && f.fill.kind == AZ_J_MISSING) f.fill = az_jstr_ref(J, " ", 1);
    if (az_jfailed(J)) return;
    if (f.align == '=' && (f.width > MAX_DIGITS || f.fill.u.s->n != 1 || f.group))
        az_jfail_status(J, ADZE_EUNSUP, "this number format is not supported");
    else if (az_jis_int(v) && (!f.type || strchr("dxXobn", f.type))) {
        if (f.precision >= 0)
            az_jfail(J, "precision is not allowed in an integer format");
        else
            put_int(J, b, az_jto_int(v), &f);
    } else if (az_jis_num(v) && f.type && strchr("eEfFgGn%", f.type))
        put_float(J, b, az_jto_float(v), &f);
    else if (v.kind == AZ_J_FLOAT && !f.type)
        put_float(J, b, v.u.f, &f);
    else
        az_jfail(J, "this format is not for '%s'", az_jtype_name(v));
}

/* The value a field names: number or name, then .attribute and [index]. */
static az_jval field_value(formatting *F, const char *s, size_t n)
{
    size_t at = 0, end;
    az_jval v = AZ_JMISS, key;
    int64_t i = 0;

    while (at < n && s[at] != '.' && s[at] != '[')
        at++;
    for (end = 0; end < at && s[end] >= '0' && s[end] <= '9' && i < 1000000; end++)
        i = i * 10 + (s[end] - '0');
    if (end == at) { /* a number, or nothing: the next one */
        F->manual |= at > 0;
        F->automatic |= at == 0;
        if (F->manual && F->automatic)
            return az_jfail(F->J, "cannot switch between numbered and automatic fields");
        if (!at) i = (int64_t)F->next++;
        if ((size_t)i >= F->args->n)
            return az_jfail(F->J, "replacement index %d out of range", (int)i);
        v = F->args->pos[i];
    } else
        for (size_t k = 0; k < F->args->n_kw; k++)
            if (F->args->name[k]->n == at && memcmp(F->args->name[k]->s, s, at) == 0)
                v = F->args->kw[k];
    if (v.kind == AZ_J_MISSING) return az_jfail(F->J, "a field of the format has no value");
    while (at < n && !az_jfailed(F->J)) {
        bool attr = s[at] == '.';
        size_t from = ++at;
        while (at < n && (attr ? s[at] != '.' && s[at] != '[' : s[at] != ']'))
            at++;
        if (at == from || (!attr && at == n)) return az_jfail(F->J, "bad field in a format");
        key = az_jstrn(F->J, s + from, at - from);
        if (az_jfailed(F->J)) return AZ_JUNDEF;
        if (attr)
            v = az_jgetattr(F->J, v, key);
        else {
            for (i = 0, end = from; end < at && s[end] >= '0' && s[end] <= '9' && i < 1000000000;
                 end++)
                i = i * 10 + (s[end] - '0');
            v = az_jgetitem(F->J, v, end == at ? az_jint(i) : key);
            at++;
        }
    }
    return v;
}

/* One {field}: name, !conversion, :specification. */
static void put_field(formatting *F, az_buf *b, const char *s, size_t n, int depth)
{
    size_t name = 0, at, brackets = 0;
    char conversion = 0;
    az_jval v;
    az_buf inner;

    for (; name < n && (brackets || (s[name] != '!' && s[name] != ':')); name++)
        brackets = s[name] == '[' ? 1 : s[name] == ']' ? 0 : brackets;
    v = field_value(F, s, name);
    at = name;
    if (at + 1 < n && s[at] == '!') {
        conversion = s[at + 1];
        at += 2;
        if (at < n && s[at] != ':') az_jfail(F->J, "expected ':' after the conversion");
    }
    if (az_jfailed(F->J)) return;
    if (conversion && !strchr("sra", conversion)) az_jfail(F->J, "unknown conversion");
    if (conversion) v = conversion == 's' ? az_jto_str(F->J, v) : repr_of(F->J, v);
    if (F->markup) v = az_jescape(F->J, v);
    if (az_jfailed(F->J)) return;
    at += at < n;
    az_jbuf(F->J, &inner);
    put_fields(F, &inner, s + at, n - at, depth + 1);
    if (!az_jfailed(F->J)) put_formatted(F->J, b, v, inner.data ? inner.data : "", inner.size);
    az_buf_deinit(&inner);
}

static void put_fields(formatting *F, az_buf *b, const char *s, size_t n, int depth)
{
    for (size_t i = 0; i < n && az_jstep(F->J, 1);) {
        size_t end = i, open = 1;
        if (s[i] != '{' && s[i] != '}') {
            while (end < n && s[end] != '{' && s[end] != '}')
                end++;
            az_buf_put(b, s + i, end - i);
            i = end;
            continue;
        }
        if (i + 1 < n && s[i + 1] == s[i] && depth == 0) {
            az_buf_putc(b, s[i]);
            i += 2;
            continue;
        }
        if (s[i] == '}' || depth > 1) {
            az_jfail(F->J, "unbalanced brace in a format");
            return;
        }
        for (end = i + 1; end < n && open; end++)
            open += (size_t)((s[end] == '{') - (s[end] == '}'));
        if (open) {
            az_jfail(F->J, "expected '}' in a format");
            return;
        }
        put_field(F, b, s + i + 1, end - i - 2, depth);
        i = end;
    }
}

az_jval az_jformat(az_jinja *J, az_jval fmt, const az_jargs *args)
{
    formatting F = { .J = J, .args = args, .markup = fmt.markup };
    az_jval v;
    az_buf b;

    az_jbuf(J, &b);
    put_fields(&F, &b, fmt.u.s->s, fmt.u.s->n, 0);
    v = az_jstr_of_buf(J, &b);
    v.markup = F.markup;
    return v;
}
