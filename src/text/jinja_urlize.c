/* The filter urlize: links around what looks like one. Its rules are jinja2 3.1's (utils.py), whose patterns are spelled out
 * here, so that every text takes linear time. */
#include "text/jinja_value.h"

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

static size_t count_of(span p, const char *what)
{
    size_t count = 0, n = strlen(what);
    const char *hit;

    while (p.n >= n && (hit = memmem(p.s, p.n, what, n))) {
        p.n -= (size_t)(hit + n - p.s);
        p.s = hit + n;
        count++;
    }
    return count;
}

/* A letter as an ASCII pattern without regard to case sees it: Python folds four others to ASCII. */
static uint32_t folded(uint32_t c)
{
    if (c >= 'A' && c <= 'Z') return c + 32;
    return c == 0x130 || c == 0x131 ? 'i' : c == 0x17f ? 's' : c == 0x212a ? 'k' : c;
}

static bool is_word(uint32_t c)
{
    return c == '_' || az_jalnum(c);
}

/* Takes `word` from the front, without regard to case; false: it is not there. */
static bool take_folded(span *p, const char *word)
{
    size_t at = 0, len;

    for (; *word; word++, at += len)
        if (at >= p->n || folded(az_utf8_next(p->s + at, p->n - at, &len)) != (uint32_t)*word)
            return false;
    *p = (span){ p->s + at, p->n - at };
    return true;
}

/* How many characters p has, if all are letters a-z, or all \w and '%' and, where hyphens are allowed, '-'. */
static size_t all_of(span p, bool letters, bool hyphen)
{
    size_t count = 0, len;

    for (size_t i = 0; i < p.n; i += len, count++) {
        uint32_t c = az_utf8_next(p.s + i, p.n - i, &len), f = folded(c);
        if (letters ? f < 'a' || f > 'z' : !is_word(c) && c != '%' && !(hyphen && c == '-'))
            return 0;
    }
    return count;
}

/* Takes what a host may hold: \w, '%', '-' and '.'. */
static span take_host(span *p)
{
    span host = { p->s, 0 };
    size_t len;

    for (; host.n < p->n; host.n += len) {
        uint32_t c = az_utf8_next(p->s + host.n, p->n - host.n, &len);
        if (!is_word(c) && c != '%' && c != '-' && c != '.') break;
    }
    *p = (span){ p->s + host.n, p->n - host.n };
    return host;
}

/* The last label of a host, and whether each before it has min to max characters. n: how many those are. */
static bool last_label(span host, size_t min, size_t max, span *last, size_t *n)
{
    *n = 0;
    for (;;) {
        const char *dot = memchr(host.s, '.', host.n);
        size_t count;
        if (!dot) break;
        count = all_of((span){ host.s, (size_t)(dot - host.s) }, false, true);
        if (count < min || count > max) return false;
        host.n -= (size_t)(dot + 1 - host.s);
        host.s = dot + 1;
        ++*n;
    }
    *last = host;
    return true;
}

/* Up to `most` decimal digits. */
static size_t take_digits(span *p, size_t most)
{
    size_t count = 0, len;

    while (count < most && p->n && az_jdecimal(az_utf8_next(p->s, p->n, &len))) {
        *p = (span){ p->s + len, p->n - len };
        count++;
    }
    return count;
}

static bool take_char(span *p, char c)
{
    if (!p->n || p->s[0] != c) return false;
    *p = (span){ p->s + 1, p->n - 1 };
    return true;
}

static bool take_ipv4(span *p)
{
    for (int i = 0; i < 4; i++)
        if ((i && !take_char(p, '.')) || !take_digits(p, 3)) return false;
    return true;
}

/* Up to four digits of [\da-f]. */
static void take_hex(span *p)
{
    for (size_t count = 0, len; count < 4 && p->n; count++) {
        uint32_t c = az_utf8_next(p->s, p->n, &len), f = folded(c);
        if (!az_jdecimal(c) && (f < 'a' || f > 'f')) return;
        *p = (span){ p->s + len, p->n - len };
    }
}

/* Two parts that end in a colon, then up to six that need not. */
static bool take_ipv6(span *p)
{
    if (!take_char(p, '[')) return false;
    for (int i = 0; i < 2; i++) {
        take_hex(p);
        if (!take_char(p, ':')) return false;
    }
    for (int i = 0; i < 6; i++) {
        take_hex(p);
        take_char(p, ':');
    }
    return take_char(p, ']');
}

/* A port and a path, to the end. */
static bool is_tail(span p)
{
    if (p.n && p.s[0] == ':') {
        take_char(&p, ':');
        if (!take_digits(&p, 5)) return false;
    }
    return !p.n || p.s[0] == '/' || p.s[0] == '?' || p.s[0] == '#';
}

static bool is_domain(span host)
{
    size_t n, letters;
    span last;

    if (!last_label(host, 1, SIZE_MAX, &last, &n)) return false;
    letters = all_of(last, true, false);
    if (letters >= 2 && letters <= 63) return true;
    if (!take_folded(&last, "xn--")) return false;
    letters = all_of(last, false, false);
    return letters >= 2 && letters <= 59;
}

static bool is_basic_domain(span host)
{
    static const char *const tops[] = { "com", "net", "int", "edu", "gov", "org", "info", "mil" };
    size_t n;
    span last;

    if (!last_label(host, 2, 63, &last, &n) || !n) return false;
    for (size_t i = 0; i < AZ_COUNT(tops); i++) {
        span rest = last;
        if (take_folded(&rest, tops[i]) && !rest.n) return true;
    }
    return false;
}

static bool is_url(span p)
{
    span rest = p, ip;
    bool scheme = take_folded(&rest, "https://");

    if (!scheme) {
        rest = p;
        scheme = take_folded(&rest, "http://");
    }
    if (scheme) {
        ip = rest;
        if (take_ipv4(&ip) && is_tail(ip)) return true;
        ip = rest;
        if (take_ipv6(&ip) && is_tail(ip)) return true;
    } else {
        rest = p;
    }
    if (scheme || take_folded(&rest, "www.")) {
        span host = take_host(&rest);
        if (is_domain(host) && is_tail(rest)) return true;
        rest = p;
    }
    return is_basic_domain(take_host(&rest)) && is_tail(rest);
}

/* Something, '@', and a host whose last part is of \w alone. */
static bool is_email(span p)
{
    const char *at = memrchr(p.s, '@', p.n), *dot;
    span host;
    size_t len;

    if (!at || at == p.s) return false;
    host = (span){ at + 1, p.n - (size_t)(at + 1 - p.s) };
    dot = host.n ? memrchr(host.s, '.', host.n) : NULL;
    if (!dot || dot == host.s || dot + 1 == host.s + host.n) return false;
    for (size_t i = 0; i < host.n; i += len) {
        uint32_t c = az_utf8_next(host.s + i, host.n - i, &len);
        bool mark = c == '.' || c == '-';
        if (!is_word(c) && !(mark && i && host.s + i <= dot)) return false;
    }
    return true;
}

typedef struct urls {
    az_jinja *J;
    az_jval limit, rel, target;
    const az_jseq *schemes; /* NULL: none */
    az_buf out;
} urls;

/* [begins with] one of ( < &lt; */
static size_t opening(span p)
{
    return begins(p, "&lt;") ? 4 : p.n && (p.s[0] == '(' || p.s[0] == '<');
}

/* ends with one of ) > . , newline &gt; */
static size_t closing(span p)
{
    if (p.n >= 4 && memcmp(p.s + p.n - 4, "&gt;", 4) == 0) return 4;
    return p.n && strchr(")>.,\n", p.s[p.n - 1]) && p.s[p.n - 1];
}

/* Give back to the middle as much of the tail as closes what it opens. */
static void balance(span *middle, span *tail)
{
    static const char *const pairs[][2] = { { "(", ")" }, { "<", ">" }, { "&lt;", "&gt;" } };

    for (size_t i = 0; i < AZ_COUNT(pairs); i++) {
        size_t opened = count_of(*middle, pairs[i][0]), n = strlen(pairs[i][1]);
        if (opened <= count_of(*middle, pairs[i][1])) continue;
        for (; opened; opened--) {
            const char *hit = tail->n ? memmem(tail->s, tail->n, pairs[i][1], n) : NULL;
            if (!hit) break;
            middle->n += (size_t)(hit + n - tail->s);
            tail->n -= (size_t)(hit + n - tail->s);
            tail->s = hit + n;
        }
    }
}

static void put_span(urls *u, span p)
{
    az_buf_put(&u->out, p.s, p.n);
}

static void put_attribute(urls *u, const char *name, az_jval v)
{
    if (!az_jis_str(v) || !v.u.s->n) return;
    az_buf_printf(&u->out, " %s=\"", name);
    az_jput_str(u->J, &u->out, az_jescape(u->J, v));
    az_buf_putc(&u->out, '"');
}

static void put_link(urls *u, const char *scheme, span p, bool attributes, span shown)
{
    az_buf_puts(&u->out, "<a href=\"");
    az_buf_puts(&u->out, scheme);
    put_span(u, p);
    az_buf_putc(&u->out, '"');
    if (attributes) {
        put_attribute(u, "rel", u->rel);
        put_attribute(u, "target", u->target);
    }
    az_buf_putc(&u->out, '>');
    put_span(u, shown);
    az_buf_puts(&u->out, "</a>");
}

static void put_url(urls *u, span p)
{
    bool whole = begins(p, "https://") || begins(p, "http://"), cut = false;
    az_jval s = az_jstrn(u->J, p.s, p.n);
    span shown = p;

    if (az_jfailed(u->J)) return;
    if (u->limit.kind == AZ_J_INT && (int64_t)s.u.s->chars > u->limit.u.i) {
        az_jval part = az_jslice(u->J, s, AZ_JNONE, u->limit, AZ_JNONE);
        az_jval more = az_jbinary(u->J, AZ_JOP_ADD, part, az_jstr_ref(u->J, "...", 3));
        if (az_jfailed(u->J)) return;
        shown = (span){ more.u.s->s, more.u.s->n };
        cut = true;
    }
    put_link(u, whole ? "" : "https://", p, true, cut ? shown : p);
}

static bool put_scheme(urls *u, span p)
{
    for (size_t i = 0; u->schemes && i < u->schemes->n; i++) {
        const az_jstr *s = u->schemes->v[i].u.s;
        if (p.n == s->n || p.n < s->n || memcmp(p.s, s->s, s->n) != 0) continue;
        put_link(u, "", p, true, p);
        return true;
    }
    return false;
}

static void put_word(urls *u, span word)
{
    span middle = word, tail, mail;
    size_t n;

    while ((n = opening(middle)))
        middle = (span){ middle.s + n, middle.n - n };
    put_span(u, (span){ word.s, word.n - middle.n });
    tail = (span){ middle.s + middle.n, 0 };
    while ((n = closing(middle))) {
        middle.n -= n;
        tail = (span){ tail.s - n, tail.n + n };
    }
    balance(&middle, &tail);
    mail = middle;
    if (is_url(middle)) {
        put_url(u, middle);
    } else if (begins(middle, "mailto:") && is_email((span){ middle.s + 7, middle.n - 7 })) {
        put_link(u, "", middle, false, (span){ middle.s + 7, middle.n - 7 });
    } else if (middle.n && middle.s[0] != '@' && !begins(middle, "www.") &&
               !memchr(middle.s, ':', middle.n) && is_email(mail)) {
        put_link(u, "mailto:", middle, false, middle);
    } else if (!put_scheme(u, middle)) {
        put_span(u, middle);
    }
    put_span(u, tail);
}

static void put_words(urls *u, span p)
{
    size_t from = 0, at = 0, len = 0;

    while (at < p.n && az_jstep(u->J, 1)) {
        while (at < p.n && !az_jspace(az_utf8_next(p.s + at, p.n - at, &len)))
            at += len;
        if (at > from) put_word(u, (span){ p.s + from, at - from });
        from = at;
        while (at < p.n && az_jspace(az_utf8_next(p.s + at, p.n - at, &len)))
            at += len;
        put_span(u, (span){ p.s + from, at - from });
        from = at;
    }
}

/* The words of rel, nofollow and noopener, sorted, each once. */
static az_jval rel_words(az_jinja *J, az_jval rel, bool nofollow)
{
    az_jdict *seen = az_jdict_new(J, 4);
    az_jval text = az_jis_str(rel) ? rel : az_jstr_ref(J, "", 0), key, out;
    az_jseq *q = az_jseq_new(J, 4);
    const az_jstr *s = text.u.s;
    bool first = true;
    az_buf b;

    for (size_t at = 0, from = 0, len; seen && at <= s->n; at += len) {
        bool end = at == s->n || az_jspace(az_utf8_next(s->s + at, s->n - at, &len));
        if (at == s->n) len = 1;
        if (!end) continue;
        if (at > from) az_jdict_set(J, seen, az_jstr_part(J, text, from, at - from), AZ_JNONE);
        from = at + len;
    }
    if (seen && nofollow) az_jdict_sets(J, seen, "nofollow", AZ_JNONE);
    if (seen) az_jdict_sets(J, seen, "noopener", AZ_JNONE);
    for (size_t i = 0; seen && q && i < seen->n; i++)
        az_jseq_add(J, q, seen->p[i].key);
    az_jbuf(J, &b);
    while (q && q->n && !az_jfailed(J)) { /* the least one each time: there are few */
        size_t least = 0;
        for (size_t i = 1; i < q->n && az_jstep(J, 1); i++)
            if (az_jless(J, q->v[i], q->v[least])) least = i;
        key = q->v[least];
        q->v[least] = q->v[--q->n];
        if (!first) az_buf_putc(&b, ' ');
        first = false;
        az_jput_str(J, &b, key);
    }
    out = az_jstr_of_buf(J, &b);
    return out;
}

/* [\w.+-]{2,}:(/){0,2} */
static bool is_scheme(az_jval v)
{
    size_t count = 0, at = 0, slashes = 0, len;
    const az_jstr *s = v.u.s;

    for (; at < s->n; at += len, count++) {
        uint32_t c = az_utf8_next(s->s + at, s->n - at, &len);
        if (!is_word(c) && c != '.' && c != '+' && c != '-') break;
    }
    if (count < 2 || at == s->n || s->s[at] != ':') return false;
    for (at++; at < s->n && s->s[at] == '/'; at++)
        slashes++;
    return at == s->n && slashes <= 2;
}

static bool read_schemes(urls *u, az_jval list)
{
    if (list.kind == AZ_J_MISSING || list.kind == AZ_J_NONE) return true;
    u->schemes = az_jcollect(u->J, list);
    for (size_t i = 0; u->schemes && i < u->schemes->n; i++)
        if (!az_jis_str(u->schemes->v[i]) || !is_scheme(u->schemes->v[i])) {
            az_jfail(u->J, "extra_schemes: element %zu is not a valid URI scheme prefix", i);
            return false;
        }
    return !az_jfailed(u->J);
}

az_jval az_jurlize(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    az_jval text = az_jescape(J, a[0]), limit = a[1];
    urls u = { .J = J, .limit = limit, .target = a[3] };

    (void)args;
    if (az_jis_int(limit)) u.limit = az_jint(az_jto_int(limit));
    if (limit.kind != AZ_J_MISSING && limit.kind != AZ_J_NONE && !az_jis_int(limit))
        return az_jfail(J, "trim_url_limit must be a whole number");
    if (az_jfailed(J) || !read_schemes(&u, a[5])) return AZ_JUNDEF;
    u.rel = rel_words(J, a[4], az_jtruth(J, a[2]));
    if (az_jfailed(J) || !az_jstep_bytes(J, 8 * text.u.s->n)) return AZ_JUNDEF;
    az_jbuf(J, &u.out);
    put_words(&u, (span){ text.u.s->s, text.u.s->n });
    return az_jstr_of_buf(J, &u.out);
}
