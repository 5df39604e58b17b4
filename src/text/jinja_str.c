/* Methods of strings. Positions are characters, as in Python. */
#include "text/jinja_value.h"

#include <utf8proc.h>

static bool need_str(az_jinja *J, az_jval v)
{
    if (az_jis_str(v)) return true;
    if (az_jis_undef(v))
        az_juse_undef(J, v);
    else
        az_jfail(J, "a string is needed, not '%s'", az_jtype_name(v));
    return false;
}

/* A count given as an argument, or `def` when it is not given or none. */
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

static bool given(az_jval v)
{
    return v.kind != AZ_J_MISSING && v.kind != AZ_J_NONE;
}

az_jval az_jescape(az_jinja *J, az_jval v)
{
    static const struct {
        char c;
        const char *to;
    } map[] = {
        { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '\'', "&#39;" }, { '"', "&#34;" }
    };
    az_buf b;

    if (az_jis_str(v) && v.markup) return v;
    v = az_jto_str(J, v);
    if (az_jfailed(J) || !az_jstep(J, v.u.s->n / 64)) return AZ_JUNDEF;
    az_jbuf(J, &b);
    for (size_t i = 0; i < v.u.s->n; i++) {
        size_t k;
        for (k = 0; k < AZ_COUNT(map) && map[k].c != v.u.s->s[i]; k++)
            ;
        if (k < AZ_COUNT(map))
            az_buf_puts(&b, map[k].to);
        else
            az_buf_putc(&b, v.u.s->s[i]);
    }
    v = az_jstr_of_buf(J, &b);
    v.markup = true;
    return v;
}

/* c is in the set of characters; MISSING or none: white space. */
static bool in_set(az_jval set, const char *c, size_t len)
{
    const az_jstr *s = set.u.s;
    size_t k, n;

    if (!az_jis_str(set)) return az_jspace(az_utf8_next(c, len, &n));
    for (size_t i = 0; i < s->n; i += k) {
        az_utf8_next(s->s + i, s->n - i, &k);
        if (k == len && memcmp(s->s + i, c, len) == 0) return true;
    }
    return false;
}

az_jval az_jstrip(az_jinja *J, az_jval v, az_jval chars, bool left, bool right)
{
    const az_jstr *s = v.u.s;
    size_t from = 0, to = s->n, len;

    if (given(chars) && !need_str(J, chars)) return AZ_JUNDEF;
    while (left && from < to) {
        az_utf8_next(s->s + from, to - from, &len);
        if (!in_set(chars, s->s + from, len)) break;
        from += len;
    }
    while (right && to > from) {
        size_t at = from + az_utf8_back(s->s + from, to - from);
        if (!in_set(chars, s->s + at, to - at)) break;
        to = at;
    }
    if (!az_jstep_bytes(J, (s->n - (to - from)) * (az_jis_str(chars) ? chars.u.s->n + 1 : 1)))
        return AZ_JUNDEF;
    return az_jstr_part(J, v, from, to - from);
}

az_jval az_jreplace(az_jinja *J, az_jval v, az_jval old, az_jval with, int64_t count)
{
    const az_jstr *s = v.u.s, *o = old.u.s, *w = with.u.s;
    size_t at = 0, len;
    bool markup = v.markup;
    az_buf b;

    if (!az_jstep_bytes(J, s->n)) return AZ_JUNDEF;
    az_jbuf(J, &b);
    for (; count != 0 && at <= s->n; count -= count > 0) {
        if (!o->n) { /* before every character and at the end */
            az_buf_put(&b, w->s, w->n);
            if (at == s->n) break;
            az_utf8_next(s->s + at, s->n - at, &len);
            az_buf_put(&b, s->s + at, len);
            at += len;
        } else {
            const char *hit = at < s->n ? memmem(s->s + at, s->n - at, o->s, o->n) : NULL;
            if (!hit) break;
            az_buf_put(&b, s->s + at, (size_t)(hit - s->s) - at);
            az_buf_put(&b, w->s, w->n);
            at = (size_t)(hit - s->s) + o->n;
        }
        if (!az_jstep_bytes(J, 16 + w->n) || !az_buf_ok(&b)) break;
    }
    if (at < s->n) az_buf_put(&b, s->s + at, s->n - at);
    v = az_jstr_of_buf(J, &b);
    v.markup = markup;
    return v;
}

az_jval az_jpad(az_jinja *J, az_jval v, int64_t width, az_jval fill, int side)
{
    int64_t chars = (int64_t)v.u.s->chars, pad = width > chars ? width - chars : 0, left;
    bool markup = v.markup;
    az_buf b;

    if (given(fill) && (!need_str(J, fill) || fill.u.s->chars != 1))
        return az_jfail(J, "the fill must be one character");
    if (pad > (int64_t)J->limits.output_bytes) {
        az_jfail_buf(J);
        return AZ_JUNDEF;
    }
    if (!pad) return v;
    left = side > 0 ? pad : side < 0 ? 0 : pad / 2 + (pad & width & 1);
    if (!az_jstep_bytes(J, (size_t)pad)) return AZ_JUNDEF;
    az_jbuf(J, &b);
    for (int64_t i = 0; i <= pad; i++) {
        if (i == left) az_buf_put(&b, v.u.s->s, v.u.s->n);
        if (i < pad) az_buf_put(&b, given(fill) ? fill.u.s->s : " ", given(fill) ? fill.u.s->n : 1);
    }
    v = az_jstr_of_buf(J, &b);
    v.markup = markup;
    return v;
}

/* --- splitting --- */

static bool is_line_end(uint32_t c)
{
    return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
}

az_jval az_jsplit_lines(az_jinja *J, az_jval v, bool keep)
{
    az_jseq *q = az_jseq_new(J, 0);
    const az_jstr *s = v.u.s;
    size_t from = 0, len;

    for (size_t i = 0; q && i < s->n;) {
        uint32_t c = az_utf8_next(s->s + i, s->n - i, &len);
        size_t end = i;
        i += len;
        if (!is_line_end(c) && i < s->n) continue;
        if (!is_line_end(c)) end = i;
        if (c == '\r' && i < s->n && s->s[i] == '\n') i++;
        az_jseq_add(J, q, az_jstr_part(J, v, from, (keep ? i : end) - from));
        from = i;
        if (!az_jstep(J, 1)) break;
    }
    return az_jseq_val(AZ_J_LIST, q);
}

static az_jval split_space(az_jinja *J, az_jval v, int64_t max)
{
    az_jseq *q = az_jseq_new(J, 0);
    const az_jstr *s = v.u.s;
    size_t i = 0, from, len;

    while (q && az_jstep(J, 1)) {
        while (i < s->n && az_jspace(az_utf8_next(s->s + i, s->n - i, &len)))
            i += len;
        if (i == s->n) break;
        from = i;
        if (max >= 0 && (int64_t)q->n == max) {
            az_jseq_add(J, q, az_jstr_part(J, v, from, s->n - from));
            break;
        }
        while (i < s->n && !az_jspace(az_utf8_next(s->s + i, s->n - i, &len)))
            i += len;
        az_jseq_add(J, q, az_jstr_part(J, v, from, i - from));
    }
    return az_jseq_val(AZ_J_LIST, q);
}

static void reverse(az_jseq *q)
{
    for (size_t i = 0; i < q->n / 2; i++) {
        az_jval v = q->v[i];
        q->v[i] = q->v[q->n - 1 - i];
        q->v[q->n - 1 - i] = v;
    }
}

static az_jval rsplit_space(az_jinja *J, az_jval v, int64_t max)
{
    az_jseq *q = az_jseq_new(J, 0);
    const az_jstr *s = v.u.s;
    size_t end = s->n, at, len;

    while (q && az_jstep(J, 1)) {
        while (end > 0 &&
               (at = az_utf8_back(s->s, end), az_jspace(az_utf8_next(s->s + at, end - at, &len))))
            end = at;
        if (!end) break;
        if (max >= 0 && (int64_t)q->n == max) {
            az_jseq_add(J, q, az_jstr_part(J, v, 0, end));
            break;
        }
        for (at = end; at > 0; at = az_utf8_back(s->s, at)) {
            size_t c = az_utf8_back(s->s, at);
            if (az_jspace(az_utf8_next(s->s + c, s->n - c, &len))) break;
        }
        az_jseq_add(J, q, az_jstr_part(J, v, at, end - at));
        end = at;
    }
    if (q) reverse(q);
    return az_jseq_val(AZ_J_LIST, q);
}

/* The last place of `sep` in s[0..n), or NULL. */
static const char *find_last(const char *s, size_t n, const az_jstr *sep)
{
    for (size_t i = n; n >= sep->n && i + 1 > sep->n; i--)
        if (memcmp(s + i - sep->n, sep->s, sep->n) == 0) return s + i - sep->n;
    return NULL;
}

static az_jval split_by(az_jinja *J, az_jval v, az_jval sep, int64_t max, bool from_right)
{
    az_jseq *q = az_jseq_new(J, 0);
    size_t from = 0, to = v.u.s->n;
    const char *s = v.u.s->s, *hit;

    if (!sep.u.s->n) return az_jfail(J, "empty separator");
    if (!az_jstep_bytes(J, to)) return AZ_JUNDEF;
    while (q && (max < 0 || (int64_t)q->n < max) && az_jstep(J, 1)) {
        hit = from_right  ? find_last(s, to, sep.u.s)
              : to > from ? memmem(s + from, to - from, sep.u.s->s, sep.u.s->n)
                          : NULL;
        if (!hit) break;
        if (from_right) {
            size_t after = (size_t)(hit - s) + sep.u.s->n;
            az_jseq_add(J, q, az_jstr_part(J, v, after, to - after));
            to = (size_t)(hit - s);
        } else {
            az_jseq_add(J, q, az_jstr_part(J, v, from, (size_t)(hit - s) - from));
            from = (size_t)(hit - s) + sep.u.s->n;
        }
    }
    if (!q || az_jfailed(J)) return AZ_JUNDEF;
    az_jseq_add(J, q, az_jstr_part(J, v, from, to - from));
    if (from_right) reverse(q);
    return az_jseq_val(AZ_J_LIST, q);
}

static az_jval split_any(az_jinja *J, const az_jval *a, bool right)
{
    int64_t max;

    if (!need_int(J, a[2], -1, &max) || (given(a[1]) && !need_str(J, a[1]))) return AZ_JUNDEF;
    if (given(a[1])) return split_by(J, a[0], a[1], max, right);
    return right ? rsplit_space(J, a[0], max) : split_space(J, a[0], max);
}

#define METHOD(name) static az_jval name(az_jinja *J, const az_jval *a, const az_jargs *args)

METHOD(m_split)
{
    (void)args;
    return split_any(J, a, false);
}

METHOD(m_rsplit)
{
    (void)args;
    return split_any(J, a, true);
}

METHOD(m_splitlines)
{
    (void)args;
    return az_jsplit_lines(J, a[0], az_jtruth(J, a[1]));
}

static az_jval parts(az_jinja *J, const az_jval *a, bool right)
{
    const az_jstr *s = a[0].u.s;
    az_jseq *q = az_jseq_new(J, 3);
    az_jval none = az_jstr_ref(J, "", 0), sep = a[1];
    const char *hit;
    size_t at;

    if (!q || !need_str(J, a[1])) return AZ_JUNDEF;
    if (!a[1].u.s->n) return az_jfail(J, "empty separator");
    sep.markup = none.markup = a[0].markup;
    hit = right  ? find_last(s->s, s->n, a[1].u.s)
          : s->n ? memmem(s->s, s->n, a[1].u.s->s, a[1].u.s->n)
                 : NULL;
    at = hit ? (size_t)(hit - s->s) : 0;
    if (!hit) {
        az_jseq_add(J, q, right ? none : a[0]);
        az_jseq_add(J, q, none);
        az_jseq_add(J, q, right ? a[0] : none);
    } else {
        az_jseq_add(J, q, az_jstr_part(J, a[0], 0, at));
        az_jseq_add(J, q, sep);
        az_jseq_add(J, q, az_jstr_part(J, a[0], at + a[1].u.s->n, s->n - at - a[1].u.s->n));
    }
    return az_jseq_val(AZ_J_TUPLE, q);
}

METHOD(m_partition)
{
    (void)args;
    return parts(J, a, false);
}

METHOD(m_rpartition)
{
    (void)args;
    return parts(J, a, true);
}

/* --- the rest --- */

METHOD(m_upper)
{
    (void)args;
    return az_jupper(J, a[0]);
}

METHOD(m_lower)
{
    (void)args;
    return az_jlower(J, a[0]);
}

METHOD(m_capitalize)
{
    (void)args;
    return az_jcapitalize(J, a[0]);
}

METHOD(m_title)
{
    (void)args;
    return az_jtitle_method(J, a[0]);
}

METHOD(m_swapcase)
{
    (void)args;
    return az_jswapcase(J, a[0]);
}

METHOD(m_strip)
{
    (void)args;
    return az_jstrip(J, a[0], a[1], true, true);
}

METHOD(m_lstrip)
{
    (void)args;
    return az_jstrip(J, a[0], a[1], true, false);
}

METHOD(m_rstrip)
{
    (void)args;
    return az_jstrip(J, a[0], a[1], false, true);
}

METHOD(m_replace)
{
    int64_t count;
    az_jval with = a[2];

    (void)args;
    if (a[0].markup) with = az_jescape(J, with);
    if (!need_str(J, a[1]) || !need_str(J, with) || !need_int(J, a[3], -1, &count))
        return AZ_JUNDEF;
    return az_jfailed(J) ? AZ_JUNDEF : az_jreplace(J, a[0], a[1], with, count);
}

METHOD(m_join)
{
    az_jiter *it = az_jiter_of(J, a[1]);
    size_t n = 0;
    az_jval v;
    az_buf b;

    (void)args;
    az_jbuf(J, &b);
    for (; it && az_jnext(J, it, &v); n++) {
        if (a[0].markup) v = az_jescape(J, v);
        if (!az_jis_str(v)) {
            az_jfail(J, "sequence item %zu: expected a string, '%s' found", n, az_jtype_name(v));
            break;
        }
        if (n) az_jput_str(J, &b, a[0]);
        az_jput_str(J, &b, v);
    }
    v = az_jstr_of_buf(J, &b);
    v.markup = a[0].markup;
    return v;
}

/* The part of a[0] that start and end leave, and the characters before it. false: nothing is left, or failed. */
static bool window(az_jinja *J, const az_jval *a, az_jval start, az_jval end, az_jval *part,
                   int64_t *before)
{
    int64_t n = (int64_t)a[0].u.s->chars;

    *part = a[0];
    *before = 0;
    if (start.kind == AZ_J_MISSING && end.kind == AZ_J_MISSING) return true;
    if (given(start) && !need_int(J, start, 0, before)) return false;
    if (*before < 0) *before = *before < -n ? 0 : *before + n;
    if (*before > n) return false;
    *part =
        az_jslice(J, a[0], given(start) ? start : AZ_JNONE, given(end) ? end : AZ_JNONE, AZ_JNONE);
    return !az_jfailed(J);
}

/* Does the part begin (or end) with one of v, a string or a tuple of them? */
static az_jval has_affix(az_jinja *J, const az_jval *a, bool at_end)
{
    az_jval part, v = a[1];
    int64_t before;

    if (v.kind != AZ_J_TUPLE && !need_str(J, v)) return AZ_JUNDEF;
    if (!window(J, a, a[2], a[3], &part, &before)) return az_jbool(false);
    for (size_t i = 0; i < (v.kind == AZ_J_TUPLE ? v.u.seq->n : 1); i++) {
        az_jval x = v.kind == AZ_J_TUPLE ? v.u.seq->v[i] : v;
        if (!need_str(J, x)) return AZ_JUNDEF;
        if (x.u.s->n > part.u.s->n) continue;
        if (memcmp(part.u.s->s + (at_end ? part.u.s->n - x.u.s->n : 0), x.u.s->s, x.u.s->n) == 0)
            return az_jbool(true);
    }
    return az_jbool(false);
}

METHOD(m_startswith)
{
    (void)args;
    return has_affix(J, a, false);
}

METHOD(m_endswith)
{
    (void)args;
    return has_affix(J, a, true);
}

static size_t chars_in(const char *s, size_t n)
{
    size_t c = 0;

    for (size_t i = 0; i < n; i++)
        c += ((unsigned char)s[i] & 0xc0) != 0x80;
    return c;
}

static int64_t find_in(az_jinja *J, const az_jval *a, bool last)
{
    int64_t before;
    const char *hit;
    az_jval part;

    if (!need_str(J, a[1]) || !window(J, a, a[2], a[3], &part, &before)) return -1;
    if (!az_jstep_bytes(J, part.u.s->n)) return -1;
    if (!a[1].u.s->n) return before + (last ? (int64_t)part.u.s->chars : 0);
    hit = last          ? find_last(part.u.s->s, part.u.s->n, a[1].u.s)
          : part.u.s->n ? memmem(part.u.s->s, part.u.s->n, a[1].u.s->s, a[1].u.s->n)
                        : NULL;
    return hit ? before + (int64_t)chars_in(part.u.s->s, (size_t)(hit - part.u.s->s)) : -1;
}

METHOD(m_find)
{
    (void)args;
    return az_jint(find_in(J, a, false));
}

METHOD(m_rfind)
{
    (void)args;
    return az_jint(find_in(J, a, true));
}

static az_jval found(az_jinja *J, int64_t at)
{
    return at < 0 ? az_jfail(J, "substring not found") : az_jint(at);
}

METHOD(m_index)
{
    (void)args;
    return found(J, find_in(J, a, false));
}

METHOD(m_rindex)
{
    (void)args;
    return found(J, find_in(J, a, true));
}

METHOD(m_count)
{
    int64_t before, n = 0;
    az_jval part;

    (void)args;
    if (!need_str(J, a[1])) return AZ_JUNDEF;
    if (!window(J, a, a[2], a[3], &part, &before)) return az_jint(0);
    if (!az_jstep_bytes(J, part.u.s->n)) return AZ_JUNDEF;
    if (!a[1].u.s->n) return az_jint((int64_t)part.u.s->chars + 1);
    for (size_t at = 0; at < part.u.s->n; n++) {
        const char *hit = memmem(part.u.s->s + at, part.u.s->n - at, a[1].u.s->s, a[1].u.s->n);
        if (!hit) break;
        at = (size_t)(hit - part.u.s->s) + a[1].u.s->n;
    }
    return az_jint(n);
}

static az_jval pad(az_jinja *J, const az_jval *a, int side)
{
    int64_t width;

    return need_int(J, a[1], 0, &width) ? az_jpad(J, a[0], width, a[2], side) : AZ_JUNDEF;
}

METHOD(m_center)
{
    (void)args;
    return pad(J, a, 0);
}

METHOD(m_ljust)
{
    (void)args;
    return pad(J, a, -1);
}

METHOD(m_rjust)
{
    (void)args;
    return pad(J, a, 1);
}

METHOD(m_zfill)
{
    const az_jstr *s = a[0].u.s;
    bool sign = s->n && (s->s[0] == '+' || s->s[0] == '-');
    az_jval zero = az_jstr_ref(J, "0", 1), first, rest;
    int64_t width;

    (void)args;
    if (!need_int(J, a[1], 0, &width)) return AZ_JUNDEF;
    if (!sign) return az_jpad(J, a[0], width, zero, 1);
    if (width <= (int64_t)s->chars) return a[0];
    first = az_jstr_part(J, a[0], 0, 1);
    rest = az_jpad(J, az_jstr_part(J, a[0], 1, s->n - 1), width - 1, zero, 1);
    return az_jfailed(J) ? AZ_JUNDEF : az_jbinary(J, AZ_JOP_ADD, first, rest);
}

METHOD(m_removeprefix)
{
    const az_jstr *s = a[0].u.s;

    (void)args;
    if (!need_str(J, a[1])) return AZ_JUNDEF;
    if (a[1].u.s->n > s->n || memcmp(s->s, a[1].u.s->s, a[1].u.s->n) != 0) return a[0];
    return az_jstr_part(J, a[0], a[1].u.s->n, s->n - a[1].u.s->n);
}

METHOD(m_removesuffix)
{
    const az_jstr *s = a[0].u.s;

    (void)args;
    if (!need_str(J, a[1])) return AZ_JUNDEF;
    if (a[1].u.s->n > s->n || memcmp(s->s + s->n - a[1].u.s->n, a[1].u.s->s, a[1].u.s->n) != 0)
        return a[0];
    return az_jstr_part(J, a[0], 0, s->n - a[1].u.s->n);
}

METHOD(m_expandtabs)
{
    int64_t size, column = 0;
    const az_jstr *s = a[0].u.s;
    az_jval v;
    az_buf b;

    (void)args;
    if (!need_int(J, a[1], 8, &size)) return AZ_JUNDEF;
    az_jbuf(J, &b);
    for (size_t i = 0; i < s->n && az_buf_ok(&b); i++) {
        char c = s->s[i];
        if (c != '\t') {
            az_buf_putc(&b, c);
            column = c == '\n' || c == '\r' ? 0 : column + (((unsigned char)c & 0xc0) != 0x80);
        } else if (size > 0) {
            int64_t n = size - column % size;
            if (!az_jstep(J, (uint64_t)n)) break;
            for (column += n; n > 0 && az_buf_ok(&b); n--)
                az_buf_putc(&b, ' ');
        }
    }
    v = az_jstr_of_buf(J, &b);
    v.markup = a[0].markup;
    return v;
}

METHOD(m_format)
{
    return az_jformat(J, a[0], args);
}

METHOD(m_format_map)
{
    az_jargs all = { 0 };
    const az_jdict *d;

    (void)args;
    if (a[1].kind != AZ_J_DICT) return az_jfail(J, "format_map() needs a mapping");
    d = a[1].u.d;
    all.name = az_jarray(J, d->n + 1, sizeof *all.name);
    all.kw = az_jarray(J, d->n + 1, sizeof *all.kw);
    for (size_t i = 0; all.name && all.kw && i < d->n; i++) {
        if (!az_jis_str(d->p[i].key)) continue;
        all.name[all.n_kw] = d->p[i].key.u.s;
        all.kw[all.n_kw++] = d->p[i].value;
    }
    return az_jfailed(J) ? AZ_JUNDEF : az_jformat(J, a[0], &all);
}

/* --- questions --- */

static bool is_alpha(uint32_t c)
{
    return (az_uc_class_of(c) & AZ_UC_L) != 0;
}

bool az_jdecimal(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_ND;
}

static bool is_digit(uint32_t c)
{
    return az_jdecimal(c) || c == 0xb2 || c == 0xb3 || c == 0xb9 || c == 0x2070 ||
           (c >= 0x2074 && c <= 0x2079) || (c >= 0x2080 && c <= 0x2089) ||
           (c >= 0x2460 && c <= 0x2468);
}

static bool is_numeric(uint32_t c)
{
    return (az_uc_class_of(c) & AZ_UC_N) != 0;
}

static bool is_ascii(uint32_t c)
{
    return c < 0x80;
}

static bool is_printable(uint32_t c)
{
    return c == ' ' || (az_uc_class_of(c) & (AZ_UC_L | AZ_UC_N | AZ_UC_M | AZ_UC_P | AZ_UC_S)) != 0;
}

/* All characters are; an empty string is only when `empty`. */
static az_jval all(az_jinja *J, az_jval v, bool (*is)(uint32_t), bool empty)
{
    size_t len;

    if (!az_jstep(J, v.u.s->n / 64)) return AZ_JUNDEF;
    for (size_t i = 0; i < v.u.s->n; i += len)
        if (!is(az_utf8_next(v.u.s->s + i, v.u.s->n - i, &len))) return az_jbool(false);
    return az_jbool(empty || v.u.s->n);
}

#define ALL(name, is, empty)            \
    METHOD(name)                        \
    {                                   \
        (void)args;                     \
        return all(J, a[0], is, empty); \
    }
ALL(m_isalpha, is_alpha, false)
ALL(m_isdecimal, az_jdecimal, false)
ALL(m_isdigit, is_digit, false)
ALL(m_isnumeric, is_numeric, false)
ALL(m_isalnum, az_jalnum, false)
ALL(m_isspace, az_jspace, false)
ALL(m_isascii, is_ascii, true)
ALL(m_isprintable, is_printable, true)

METHOD(m_islower)
{
    (void)J;
    (void)args;
    return az_jbool(az_jcased(a[0], false));
}

METHOD(m_isupper)
{
    (void)J;
    (void)args;
    return az_jbool(az_jcased(a[0], true));
}

const az_jfunc az_jstr_methods[] = {
    { "capitalize", "/self", m_capitalize },
    { "casefold", NULL, NULL },
    { "center", "/self,width;fill", m_center },
    { "count", "/self,sub;start,end", m_count },
    { "encode", NULL, NULL },
    { "endswith", "/self,suffix;start,end", m_endswith },
    { "expandtabs", "self;tabsize", m_expandtabs },
    { "find", "/self,sub;start,end", m_find },
    { "format", NULL, m_format },
    { "format_map", "/self,mapping", m_format_map },
    { "index", "/self,sub;start,end", m_index },
    { "isalnum", "/self", m_isalnum },
    { "isalpha", "/self", m_isalpha },
    { "isascii", "/self", m_isascii },
    { "isdecimal", "/self", m_isdecimal },
    { "isdigit", "/self", m_isdigit },
    { "isidentifier", NULL, NULL },
    { "islower", "/self", m_islower },
    { "isnumeric", "/self", m_isnumeric },
    { "isprintable", "/self", m_isprintable },
    { "isspace", "/self", m_isspace },
    { "istitle", NULL, NULL },
    { "isupper", "/self", m_isupper },
    { "join", "/self,iterable", m_join },
    { "ljust", "/self,width;fill", m_ljust },
    { "lower", "/self", m_lower },
    { "lstrip", "/self;chars", m_lstrip },
    { "maketrans", NULL, NULL },
    { "partition", "/self,sep", m_partition },
    { "removeprefix", "/self,prefix", m_removeprefix },
    { "removesuffix", "/self,suffix", m_removesuffix },
    { "replace", "/self,old,new;count", m_replace },
    { "rfind", "/self,sub;start,end", m_rfind },
    { "rindex", "/self,sub;start,end", m_rindex },
    { "rjust", "/self,width;fill", m_rjust },
    { "rpartition", "/self,sep", m_rpartition },
    { "rsplit", "self;sep,maxsplit", m_rsplit },
    { "rstrip", "/self;chars", m_rstrip },
    { "split", "self;sep,maxsplit", m_split },
    { "splitlines", "self;keepends", m_splitlines },
    { "startswith", "/self,prefix;start,end", m_startswith },
    { "strip", "/self;chars", m_strip },
    { "swapcase", "/self", m_swapcase },
    { "title", "/self", m_title },
    { "translate", NULL, NULL },
    { "upper", "/self", m_upper },
    { "zfill", "/self,width", m_zfill },
    { 0 },
};
