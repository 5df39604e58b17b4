/* Filters for pages: striptags, urlencode, xmlattr; urlize is in jinja_urlize.c. Sources: jinja2 3.1 filters.py,
 * markupsafe, Python's html.unescape. */
#include "text/jinja_html.h"
#include "text/jinja_value.h"

#define FILTER(name) static az_jval name(az_jinja *J, const az_jval *a, const az_jargs *args)

/* Bytes of a text, part of a value that outlives it. */
typedef struct span {
    const char *s;
    size_t n;
} span;

static bool begins(span p, const char *with)
{
    size_t n = strlen(with);

    return p.n >= n && memcmp(p.s, with, n) == 0;
}

/* --- striptags --- */

/* The text without what stands between < and >; a part that is not closed stays. */
static void drop_tags(az_buf *b, span p)
{
    const char *open, *end;

    while ((open = memchr(p.s, '<', p.n))) {
        span tag = { open, p.n - (size_t)(open - p.s) };
        if (begins(tag, "<!--")) {
            end = memmem(tag.s + 4, tag.n - 4, "-->", 3);
            end = end ? end + 3 : NULL;
        } else {
            end = memchr(tag.s, '>', tag.n);
            end = end ? end + 1 : NULL;
        }
        if (!end) break;
        az_buf_put(b, p.s, (size_t)(open - p.s));
        p.n -= (size_t)(end - p.s);
        p.s = end;
    }
    az_buf_put(b, p.s, p.n);
}

/* " ".join(text.split()) */
static void join_words(az_buf *b, span p)
{
    bool any = false, space = false;
    size_t len;

    for (size_t i = 0; i < p.n; i += len) {
        if (az_jspace(az_utf8_next(p.s + i, p.n - i, &len))) {
            space = true;
            continue;
        }
        if (space && any) az_buf_putc(b, ' ');
        az_buf_put(b, p.s + i, len);
        space = false;
        any = true;
    }
}

FILTER(f_striptags)
{
    az_jval s = az_jto_str(J, a[0]);
    az_buf tags, words, out;

    (void)args;
    if (az_jfailed(J) || !az_jstep_bytes(J, 4 * s.u.s->n)) return AZ_JUNDEF;
    for (size_t i = 0; i < s.u.s->n; i++)
        if (s.u.s->s[i] == '&' && !az_jstep(J, 16)) return AZ_JUNDEF;
    az_jbuf(J, &tags);
    az_jbuf(J, &words);
    az_jbuf(J, &out);
    drop_tags(&tags, (span){ s.u.s->s, s.u.s->n });
    join_words(&words, (span){ tags.data, tags.size });
    az_html_unescape(&out, words.data, words.size);
    if (!az_buf_ok(&tags) || !az_buf_ok(&words)) az_jfail_buf(J);
    az_buf_deinit(&tags);
    az_buf_deinit(&words);
    return az_jstr_of_buf(J, &out);
}

/* --- xmlattr --- */

static bool attribute_key(az_jinja *J, az_jval key)
{
    if (!az_jis_str(key)) {
        az_jfail(J, "an attribute's name must be a string, not '%s'", az_jtype_name(key));
        return false;
    }
    for (size_t i = 0; i < key.u.s->n; i++) {
        char c = key.u.s->s[i];
        if ((c >= '\t' && c <= '\r') || c == ' ' || c == '/' || c == '>' || c == '=') {
            az_jfail(J, "invalid character in an attribute's name");
            return false;
        }
    }
    return true;
}

FILTER(f_xmlattr)
{
    bool space = a[1].kind == AZ_J_MISSING || az_jtruth(J, a[1]), any = false;
    az_buf b;

    (void)args;
    if (az_jis_undef(a[0])) return az_juse_undef(J, a[0]);
    if (a[0].kind != AZ_J_DICT)
        return az_jfail(J, "'%s' object has no attribute 'items'", az_jtype_name(a[0]));
    az_jbuf(J, &b);
    for (size_t i = 0; i < a[0].u.d->n && az_jstep(J, 1); i++) {
        const az_jpair *p = &a[0].u.d->p[i];
        if (p->value.kind == AZ_J_NONE || az_jis_undef(p->value)) continue;
        if (!attribute_key(J, p->key)) break;
        if (any || space) az_buf_putc(&b, ' ');
        any = true;
        az_jput_str(J, &b, az_jescape(J, p->key));
        az_buf_puts(&b, "=\"");
        az_jput_str(J, &b, az_jescape(J, p->value));
        az_buf_putc(&b, '"');
    }
    return az_jstr_of_buf(J, &b);
}

/* --- urlencode --- */

/* urllib.parse.quote; in a query a space is "+" and "/" is not kept. */
static void quote(az_jinja *J, az_buf *b, az_jval v, bool query)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~";

    v = az_jto_str(J, v);
    if (az_jfailed(J) || !az_jstep_bytes(J, v.u.s->n)) return;
    for (size_t i = 0; i < v.u.s->n; i++) {
        unsigned char c = (unsigned char)v.u.s->s[i];
        if (c && (strchr(plain, c) || (c == '/' && !query)))
            az_buf_putc(b, (char)c);
        else if (c == ' ' && query)
            az_buf_putc(b, '+');
        else
            az_buf_printf(b, "%%%02X", c);
    }
}

FILTER(f_urlencode)
{
    bool first = true;
    az_jiter *it;
    az_jval pair;
    az_buf b;

    (void)args;
    az_jbuf(J, &b);
    if (az_jis_str(a[0]) || !az_jiterable(a[0])) {
        quote(J, &b, a[0], false);
        return az_jstr_of_buf(J, &b);
    }
    pair = a[0];
    if (pair.kind == AZ_J_DICT) {
        pair.kind = AZ_J_VIEW;
        pair.view = 2;
    }
    it = az_jiter_of(J, pair);
    while (it && az_jnext(J, it, &pair)) {
        az_jseq *two = az_jcollect(J, pair);
        if (two && two->n != 2) az_jfail(J, "urlencode needs pairs");
        if (az_jfailed(J)) break;
        if (!first) az_buf_putc(&b, '&');
        first = false;
        quote(J, &b, two->v[0], true);
        az_buf_putc(&b, '=');
        quote(J, &b, two->v[1], true);
    }
    return az_jstr_of_buf(J, &b);
}

const az_jfunc az_jfilters_page[] = {
    { "striptags", "value", f_striptags },
    { "urlencode", "value", f_urlencode },
    { "urlize", "value;trim_url_limit,nofollow,target,rel,extra_schemes", az_jurlize },
    { "xmlattr", "d;autospace", f_xmlattr },
    { 0 },
};
