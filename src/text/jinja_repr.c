/* Values as text: Python's str and repr, and json.dumps. */
#include "text/jinja_value.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The decimal point of the C library's locale, which printf and strtod use. */
static char point(void)
{
    const struct lconv *l = localeconv();

    return l && l->decimal_point && l->decimal_point[0] ? l->decimal_point[0] : '.';
}

bool az_jparse_float(const char *s, size_t n, double *out)
{
    char buf[512], *end;

    if (n == 0 || n >= sizeof buf) return false;
    for (size_t i = 0; i < n; i++) {
        buf[i] = s[i] == '.' ? point() : s[i];
        if (!s[i]) return false;
    }
    buf[n] = 0;
    *out = strtod(buf, &end);
    return end == buf + n;
}

/* Shortest digits that read back as f; *exponent: the decimal point comes after the first digit times 10^it. */
static int shortest(double f, char digits[32], int *exponent)
{
    char text[40], *e;
    double back;
    int n = 0;

    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, f);
        back = strtod(text, NULL);
        if (back == f) break;
    }
    e = strchr(text, 'e');
    *exponent = atoi(e + 1);
    for (const char *p = text; p < e; p++)
        if (*p >= '0' && *p <= '9') digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

void az_jfloat_text(double f, char buf[40])
{
    char digits[32] = "0";
    int n, e, at = 0;

    if (isnan(f) || isinf(f)) {
        snprintf(buf, 40, "%s", isnan(f) ? "nan" : f < 0 ? "-inf" : "inf");
        return;
    }
    if (signbit(f)) buf[at++] = '-';
    n = shortest(fabs(f), digits, &e);
    if (e < -4 || e >= 16) {
        buf[at++] = digits[0];
        if (n > 1) buf[at++] = '.';
        for (int i = 1; i < n; i++)
            buf[at++] = digits[i];
        snprintf(buf + at, (size_t)(40 - at), "e%c%02d", e < 0 ? '-' : '+', abs(e));
        return;
    }
    if (e < 0) {
        buf[at++] = '0';
        buf[at++] = '.';
        for (int i = -1; i > e; i--)
            buf[at++] = '0';
    }
    for (int i = 0; i < n || i <= e; i++) {
        if (i == e + 1 && e >= 0) buf[at++] = '.';
        buf[at++] = i < n ? digits[i] : '0';
    }
    if (n <= e + 1) {
        buf[at++] = '.';
        buf[at++] = '0';
    }
    buf[at] = 0;
}

static void put_float(az_buf *b, double f)
{
    char text[40];

    az_jfloat_text(f, text);
    az_buf_puts(b, text);
}

static bool printable(uint32_t c)
{
    if (c < 0x7f) return c >= 0x20;
    return (az_uc_class_of(c) & (AZ_UC_L | AZ_UC_N | AZ_UC_M | AZ_UC_P | AZ_UC_S)) != 0;
}

static void repr_str(az_buf *b, const az_jstr *s)
{
    char quote = memchr(s->s, '\'', s->n) && !memchr(s->s, '"', s->n) ? '"' : '\'';
    size_t len;

    az_buf_putc(b, quote);
    for (size_t i = 0; i < s->n; i += len) {
        uint32_t c = az_utf8_next(s->s + i, s->n - i, &len);
        if (c == (unsigned char)quote || c == '\\')
            az_buf_printf(b, "\\%c", (int)c);
        else if (c == '\n' || c == '\r' || c == '\t')
            az_buf_printf(b, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (printable(c))
            az_buf_put(b, s->s + i, len);
        else
            az_buf_printf(b, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
    }
    az_buf_putc(b, quote);
}

static void repr_seq(az_jinja *J, az_buf *b, az_jval v)
{
    bool list = v.kind == AZ_J_LIST;

    az_buf_putc(b, list ? '[' : '(');
    for (size_t i = 0; i < v.u.seq->n && !az_jfailed(J); i++) {
        if (i) az_buf_puts(b, ", ");
        az_jput_repr(J, b, v.u.seq->v[i]);
    }
    if (!list && v.u.seq->n == 1) az_buf_putc(b, ',');
    az_buf_putc(b, list ? ']' : ')');
}

static void repr_dict(az_jinja *J, az_buf *b, const az_jdict *d)
{
    az_buf_putc(b, '{');
    for (size_t i = 0; i < d->n && !az_jfailed(J); i++) {
        if (i) az_buf_puts(b, ", ");
        az_jput_repr(J, b, d->p[i].key);
        az_buf_puts(b, ": ");
        az_jput_repr(J, b, d->p[i].value);
    }
    az_buf_putc(b, '}');
}

static void repr_view(az_jinja *J, az_buf *b, az_jval v)
{
    az_buf_printf(b, "%s([", az_jtype_name(v));
    for (size_t i = 0; i < v.u.d->n && !az_jfailed(J); i++) {
        if (i) az_buf_puts(b, ", ");
        az_jput_repr(J, b, az_jview_item(J, v.u.d, v.view, i));
    }
    az_buf_puts(b, "])");
}

static void repr(az_jinja *J, az_buf *b, az_jval v)
{
    switch ((az_jkind)v.kind) {
    case AZ_J_MISSING:
    case AZ_J_UNDEF: az_buf_puts(b, "Undefined"); break;
    case AZ_J_NONE: az_buf_puts(b, "None"); break;
    case AZ_J_BOOL: az_buf_puts(b, v.u.b ? "True" : "False"); break;
    case AZ_J_INT: az_buf_printf(b, "%lld", (long long)v.u.i); break;
    case AZ_J_FLOAT: put_float(b, v.u.f); break;
    case AZ_J_STR:
        if (v.markup) az_buf_puts(b, "Markup(");
        repr_str(b, v.u.s);
        if (v.markup) az_buf_putc(b, ')');
        break;
    case AZ_J_LIST:
    case AZ_J_TUPLE: repr_seq(J, b, v); break;
    case AZ_J_DICT: repr_dict(J, b, v.u.d); break;
    case AZ_J_VIEW: repr_view(J, b, v); break;
    case AZ_J_RANGE:
        az_buf_printf(b, "range(%lld, %lld", (long long)v.u.r->start, (long long)v.u.r->stop);
        if (v.u.r->step != 1) az_buf_printf(b, ", %lld", (long long)v.u.r->step);
        az_buf_putc(b, ')');
        break;
    case AZ_J_NS:
        az_buf_puts(b, "<Namespace ");
        repr_dict(J, b, v.u.d);
        az_buf_putc(b, '>');
        break;
    case AZ_J_LOOP:
        az_buf_printf(b, "<LoopContext %lld/%zu>",
                      (long long)az_jto_int(az_jattr_only(J, v, "index", 5)),
                      (size_t)az_jto_int(az_jattr_only(J, v, "length", 6)));
        break;
    default: az_jfail(J, "a '%s' object has no text", az_jtype_name(v));
    }
}

void az_jput_repr(az_jinja *J, az_buf *b, az_jval v)
{
    if (!az_jenter(J)) return;
    if (az_jstep(J, 1) && (!az_jis_str(v) || az_jstep_bytes(J, v.u.s->n))) repr(J, b, v);
    if (!az_buf_ok(b)) az_jfail_buf(J);
    az_jleave(J);
}

void az_jput_str(az_jinja *J, az_buf *b, az_jval v)
{
    if (az_jfailed(J) || az_jis_undef(v)) return;
    if (!az_jis_str(v)) {
        az_jput_repr(J, b, v);
        return;
    }
    if (az_jstep_bytes(J, v.u.s->n)) az_buf_put(b, v.u.s->s, v.u.s->n);
    if (!az_buf_ok(b)) az_jfail_buf(J);
}

az_jval az_jto_str(az_jinja *J, az_jval v)
{
    az_buf b;

    if (az_jis_str(v)) {
        v.markup = false;
        return v;
    }
    az_jbuf(J, &b);
    az_jput_str(J, &b, v);
    return az_jstr_of_buf(J, &b);
}

az_jval az_jsoft_str(az_jinja *J, az_jval v)
{
    return az_jis_str(v) ? v : az_jto_str(J, v);
}

/* --- JSON --- */

typedef struct dumping {
    az_jinja *J;
    az_buf *b;
    bool ascii, sort, has_indent;
    az_jval indent, comma, colon; /* strings */
    int level;
} dumping;

static void dump_str(dumping *D, const az_jstr *s)
{
    static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
    size_t len, plain = 0;

    az_buf_putc(D->b, '"');
    for (size_t i = 0; i < s->n; i += len) {
        uint32_t c = az_utf8_next(s->s + i, s->n - i, &len);
        const char *hit = c && c < 0x80 ? strchr(from, (int)c) : NULL;
        if (!hit && c >= 0x20 && (c < 0x7f || !D->ascii)) continue;
        az_buf_put(D->b, s->s + plain, i - plain);
        plain = i + len;
        if (hit)
            az_buf_printf(D->b, "\\%c", to[hit - from]);
        else if (c < 0x10000)
            az_buf_printf(D->b, "\\u%04x", c);
        else
            az_buf_printf(D->b, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
    }
    az_buf_put(D->b, s->s + plain, s->n - plain);
    az_buf_putc(D->b, '"');
}

static void dump(dumping *D, az_jval v);

static void put(dumping *D, az_jval s)
{
    az_buf_put(D->b, s.u.s->s, s.u.s->n);
}

static void new_line(dumping *D)
{
    if (!D->has_indent) return;
    az_buf_putc(D->b, '\n');
    if (!az_jstep_bytes(D->J, (size_t)D->level * D->indent.u.s->n)) return;
    for (int i = 0; i < D->level; i++)
        put(D, D->indent);
}

static void dump_float(dumping *D, double f)
{
    if (isnan(f) || isinf(f))
        az_buf_puts(D->b, isnan(f) ? "NaN" : f < 0 ? "-Infinity" : "Infinity");
    else
        put_float(D->b, f);
}

static void dump_key(dumping *D, az_jval key)
{
    switch ((az_jkind)key.kind) {
    case AZ_J_STR: dump_str(D, key.u.s); return;
    case AZ_J_NONE:
    case AZ_J_BOOL:
    case AZ_J_INT:
    case AZ_J_FLOAT:
        az_buf_putc(D->b, '"');
        dump(D, key);
        az_buf_putc(D->b, '"');
        return;
    default: az_jfail(D->J, "a key of JSON cannot be %s", az_jtype_name(key));
    }
}

/* Places of the keys in order. Insertion sort is enough where keys are few; the work is paid for. */
static size_t *sorted(dumping *D, const az_jdict *d)
{
    size_t *order = az_jarray(D->J, d->n + 1, sizeof *order);

    for (size_t i = 0; order && i < d->n; i++) {
        size_t k = i;
        for (; k > 0 && az_jless(D->J, d->p[i].key, d->p[order[k - 1]].key); k--)
            order[k] = order[k - 1];
        order[k] = i;
        if (!az_jstep(D->J, i - k)) return NULL;
    }
    return order;
}

static void dump_dict(dumping *D, const az_jdict *d)
{
    const size_t *order = D->sort ? sorted(D, d) : NULL;

    az_buf_putc(D->b, '{');
    D->level++;
    for (size_t i = 0; i < d->n && !az_jfailed(D->J); i++) {
        const az_jpair *p = &d->p[order ? order[i] : i];
        if (i) put(D, D->comma);
        new_line(D);
        dump_key(D, p->key);
        put(D, D->colon);
        dump(D, p->value);
    }
    D->level--;
    if (d->n) new_line(D);
    az_buf_putc(D->b, '}');
}

static void dump_seq(dumping *D, const az_jseq *q)
{
    az_buf_putc(D->b, '[');
    D->level++;
    for (size_t i = 0; i < q->n && !az_jfailed(D->J); i++) {
        if (i) put(D, D->comma);
        new_line(D);
        dump(D, q->v[i]);
    }
    D->level--;
    if (q->n) new_line(D);
    az_buf_putc(D->b, ']');
}

static void dump(dumping *D, az_jval v)
{
    if (!az_jstep(D->J, 1) || !az_jenter(D->J)) return;
    switch ((az_jkind)v.kind) {
    case AZ_J_NONE: az_buf_puts(D->b, "null"); break;
    case AZ_J_BOOL: az_buf_puts(D->b, v.u.b ? "true" : "false"); break;
    case AZ_J_INT: az_buf_printf(D->b, "%lld", (long long)v.u.i); break;
    case AZ_J_FLOAT: dump_float(D, v.u.f); break;
    case AZ_J_STR:
        if (az_jstep_bytes(D->J, v.u.s->n)) dump_str(D, v.u.s);
        break;
    case AZ_J_LIST:
    case AZ_J_TUPLE: dump_seq(D, v.u.seq); break;
    case AZ_J_DICT: dump_dict(D, v.u.d); break;
    default: az_jfail(D->J, "an object of type %s cannot be written as JSON", az_jtype_name(v));
    }
    if (!az_buf_ok(D->b)) az_jfail_buf(D->J);
    az_jleave(D->J);
}

/* The option indent: none, a number of spaces, or a text. */
static void read_indent(dumping *D, az_jval v)
{
    D->has_indent = v.kind != AZ_J_MISSING && v.kind != AZ_J_NONE;
    if (!D->has_indent) return;
    D->indent = v;
    if (az_jis_int(v))
        D->indent = az_jbinary(D->J, AZ_JOP_MUL, az_jstr_ref(D->J, " ", 1), v);
    else if (!az_jis_str(v))
        az_jfail(D->J, "indent must be a number or a text, not %s", az_jtype_name(v));
}

static void read_separators(dumping *D, az_jval v)
{
    az_jseq *q;

    D->comma = az_jstr_ref(D->J, D->has_indent ? "," : ", ", D->has_indent ? 1 : 2);
    D->colon = az_jstr_ref(D->J, ": ", 2);
    if (v.kind == AZ_J_MISSING || v.kind == AZ_J_NONE) return;
    q = az_jcollect(D->J, v);
    if (!q) return;
    if (q->n != 2 || !az_jis_str(q->v[0]) || !az_jis_str(q->v[1])) {
        az_jfail(D->J, "separators must be two texts");
        return;
    }
    D->comma = q->v[0];
    D->colon = q->v[1];
}

az_jval az_jtojson(az_jinja *J, az_jval v, const az_jval *opts)
{
    dumping D = { .J = J };
    az_buf b;

    D.ascii = az_jtruth(J, opts[0]);
    D.sort = az_jtruth(J, opts[3]);
    read_indent(&D, opts[1]);
    read_separators(&D, opts[2]);
    if (az_jfailed(J)) return AZ_JUNDEF;
    az_jbuf(J, &b);
    D.b = &b;
    dump(&D, v);
    return az_jstr_of_buf(J, &b);
}
