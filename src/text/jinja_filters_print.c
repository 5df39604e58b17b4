/* Filters that lay text out: pprint and wordwrap. Sources: jinja2 3.1 filters.py, Python 3.11's pprint and textwrap. */
#include "text/jinja_value.h"

#define FILTER(name) static az_jval name(az_jinja *J, const az_jval *a, const az_jargs *args)

/* --- pprint --- */

enum { WIDTH = 80 };

typedef struct printing {
    az_jinja *J;
    az_buf b;
} printing;

static az_jval repr_of(az_jinja *J, az_jval v)
{
    az_buf b;

    az_jbuf(J, &b);
    az_jput_repr(J, &b, v);
    return az_jstr_of_buf(J, &b);
}

static size_t chars_of(az_jval s)
{
    return az_jis_str(s) ? s.u.s->chars : 0;
}

/* Where values of different types stand, by the names of their types: NoneType, numbers, str, tuple. */
static int rank(az_jval v)
{
    return v.kind == AZ_J_NONE ? 0 : az_jis_num(v) ? 1 : az_jis_str(v) ? 2 : 3;
}

static bool key_less(az_jinja *J, az_jval a, az_jval b)
{
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    return az_jless(J, a, b);
}

/* Stable merge sort of pairs by key. */
static bool sort_pairs(az_jinja *J, az_jpair *p, az_jpair *tmp, size_t n)
{
    size_t half = n / 2, i = 0, j = half, at = 0;

    if (n < 2) return true;
    if (!sort_pairs(J, p, tmp, half) || !sort_pairs(J, p + half, tmp, n - half)) return false;
    memcpy(tmp, p, n * sizeof *p);
    while (i < half && j < n)
        p[at++] = key_less(J, tmp[j].key, tmp[i].key) ? tmp[j++] : tmp[i++];
    while (i < half)
        p[at++] = tmp[i++];
    while (j < n)
        p[at++] = tmp[j++];
    return az_jstep(J, n / 8 + 1);
}

static bool is_plain_seq(az_jval v)
{
    return az_jis_seq(v) && !v.u.seq->group;
}

static az_jval sorted(az_jinja *J, az_jval v);

static az_jval sorted_dict(az_jinja *J, const az_jdict *d)
{
    az_jpair *p = az_jarray(J, d->n + 1, sizeof *p), *tmp = az_jarray(J, d->n + 1, sizeof *tmp);
    az_jdict *out = az_jdict_new(J, d->n);

    if (!p || !tmp || !out) return AZ_JUNDEF;
    if (d->n) memcpy(p, d->p, d->n * sizeof *p);
    if (!sort_pairs(J, p, tmp, d->n)) return AZ_JUNDEF;
    for (size_t i = 0; i < d->n && !az_jfailed(J); i++)
        az_jdict_set(J, out, p[i].key, sorted(J, p[i].value));
    return az_jdict_val(out);
}

/* The value with every dict in it sorted by key. */
static az_jval sorted(az_jinja *J, az_jval v)
{
    az_jseq *q;

    if (!az_jenter(J)) return AZ_JUNDEF;
    if (v.kind == AZ_J_DICT) {
        v = sorted_dict(J, v.u.d);
    } else if (is_plain_seq(v)) {
        q = az_jseq_new(J, v.u.seq->n);
        for (size_t i = 0; q && i < v.u.seq->n && az_jstep(J, 1); i++)
            az_jseq_add(J, q, sorted(J, v.u.seq->v[i]));
        v = az_jseq_val((az_jkind)v.kind, q);
    }
    az_jleave(J);
    return v;
}

/* Values begin at column `indent` and leave `room` characters behind them. */
static void print(printing *P, az_jval v, size_t indent, size_t room, bool top);

static void new_line(printing *P, size_t indent)
{
    az_buf_printf(&P->b, "\n%*s", (int)indent, "");
}

static void print_dict(printing *P, const az_jdict *d, size_t indent, size_t room)
{
    az_buf_putc(&P->b, '{');
    for (size_t i = 0; i < d->n && !az_jfailed(P->J); i++) {
        az_jval key = repr_of(P->J, d->p[i].key);
        if (i) {
            az_buf_putc(&P->b, ',');
            new_line(P, indent + 1);
        }
        az_jput_str(P->J, &P->b, key);
        az_buf_puts(&P->b, ": ");
        print(P, d->p[i].value, indent + 1 + chars_of(key) + 2, i + 1 == d->n ? room + 1 : 1,
              false);
    }
    az_buf_putc(&P->b, '}');
}

static void print_seq(printing *P, az_jval v, size_t indent, size_t room)
{
    bool tuple = v.kind == AZ_J_TUPLE;
    const char *end = !tuple ? "]" : v.u.seq->n == 1 ? ",)" : ")";

    az_buf_putc(&P->b, tuple ? '(' : '[');
    for (size_t i = 0; i < v.u.seq->n && !az_jfailed(P->J); i++) {
        if (i) {
            az_buf_putc(&P->b, ',');
            new_line(P, indent + 1);
        }
        print(P, v.u.seq->v[i], indent + 1, i + 1 == v.u.seq->n ? room + strlen(end) : 1, false);
    }
    az_buf_puts(&P->b, end);
}

/* A part of a text with the white space behind it; returns its end. */
static size_t part_end(const az_jstr *s, size_t at)
{
    size_t len;

    while (at < s->n && !az_jspace(az_utf8_next(s->s + at, s->n - at, &len)))
        at += len;
    while (at < s->n && az_jspace(az_utf8_next(s->s + at, s->n - at, &len)))
        at += len;
    return at;
}

/* One line of a text in pieces that fit into `width`, the last one into `last_width`. */
static void cut_line(az_jinja *J, az_jseq *out, az_jval line, int64_t width, int64_t last_width)
{
    const az_jstr *s = line.u.s;
    size_t from = 0;

    for (size_t at = 0, end; at < s->n && !az_jfailed(J); at = end) {
        int64_t limit;
        end = part_end(s, at);
        limit = end == s->n ? last_width : width;
        if ((int64_t)chars_of(repr_of(J, az_jstr_part(J, line, from, end - from))) <= limit)
            continue;
        if (at > from) az_jseq_add(J, out, repr_of(J, az_jstr_part(J, line, from, at - from)));
        from = at;
    }
    if (from < s->n) az_jseq_add(J, out, repr_of(J, az_jstr_part(J, line, from, s->n - from)));
}

static void print_text(printing *P, az_jval v, size_t indent, size_t room, bool top)
{
    az_jval lines = az_jsplit_lines(P->J, v, true);
    az_jseq *out = az_jseq_new(P->J, 4);
    int64_t width;

    indent += top;
    room += top;
    width = WIDTH - (int64_t)indent;
    for (size_t i = 0; out && !az_jfailed(P->J) && i < lines.u.seq->n; i++) {
        bool last = i + 1 == lines.u.seq->n;
        int64_t last_width = last ? width - (int64_t)room : width;
        az_jval rep = repr_of(P->J, lines.u.seq->v[i]);
        if ((int64_t)chars_of(rep) <= last_width)
            az_jseq_add(P->J, out, rep);
        else
            cut_line(P->J, out, lines.u.seq->v[i], width, last_width);
    }
    if (az_jfailed(P->J) || !out) return;
    top = top && out->n != 1;
    if (top) az_buf_putc(&P->b, '(');
    for (size_t i = 0; i < out->n; i++) {
        if (i) new_line(P, indent);
        az_jput_str(P->J, &P->b, out->v[i]);
    }
    if (top) az_buf_putc(&P->b, ')');
}

static void print(printing *P, az_jval v, size_t indent, size_t room, bool top)
{
    az_jval rep;

    if (az_jfailed(P->J) || !az_jenter(P->J)) return;
    rep = repr_of(P->J, v);
    if ((int64_t)chars_of(rep) <= WIDTH - (int64_t)indent - (int64_t)room)
        az_jput_str(P->J, &P->b, rep);
    else if (v.kind == AZ_J_DICT)
        print_dict(P, v.u.d, indent, room);
    else if (is_plain_seq(v))
        print_seq(P, v, indent, room);
    else if (az_jis_str(v) && !v.markup && v.u.s->n)
        print_text(P, v, indent, room, top);
    else
        az_jput_str(P->J, &P->b, rep);
    if (!az_buf_ok(&P->b)) az_jfail_buf(P->J);
    az_jleave(P->J);
}

FILTER(f_pprint)
{
    printing P = { .J = J };
    az_jval v = sorted(J, a[0]);

    (void)args;
    if (az_jfailed(J)) return AZ_JUNDEF;
    az_jbuf(J, &P.b);
    print(&P, v, 0, 0, true);
    return az_jstr_of_buf(J, &P.b);
}

/* --- wordwrap --- */

/* One line as characters; c[n] is 0. */
typedef struct wrapping {
    az_jinja *J;
    const uint32_t *c;
    const size_t *at; /* [n + 1] bytes in front of each */
    size_t n;
    az_jval line;
    int64_t width;
    bool break_words, break_hyphens;
    az_buf *out;
    az_jval newline;
    bool any; /* a line was written */
} wrapping;

static bool is_blank(uint32_t c) /* textwrap knows ASCII white space only */
{
    return (c >= '\t' && c <= '\r') || c == ' ';
}

static bool is_word(uint32_t c)
{
    return c == '_' || az_jalnum(c);
}

static bool is_letter(uint32_t c)
{
    return is_word(c) && !az_jdecimal(c);
}

static bool word_or_mark(uint32_t c)
{
    return is_word(c) || c == '!' || c == '"' || c == '\'' || c == '&' || c == '.' || c == ',' ||
           c == '?';
}

/* Two hyphens or more at p, and a word behind them: how many; 0: none. */
static size_t dash(const wrapping *w, size_t p)
{
    size_t n = 0;

    while (p + n < w->n && w->c[p + n] == '-')
        n++;
    return n >= 2 && p + n < w->n && is_word(w->c[p + n]) ? n : 0;
}

/* May a line end behind the hyphen at p? */
static bool hyphen_in_word(const wrapping *w, size_t p)
{
    const uint32_t *c = w->c;
    bool before = (p >= 2 && is_letter(c[p - 1]) && is_letter(c[p - 2])) ||
                  (p >= 3 && is_letter(c[p - 1]) && c[p - 2] == '-' && is_letter(c[p - 3]));

    if (!before || p + 2 >= w->n || !is_letter(c[p + 1])) return false;
    return is_letter(c[p + 2]) || (c[p + 2] == '-' && p + 3 < w->n && is_letter(c[p + 3]));
}

/* End of the chunk that begins at `from`. */
static size_t chunk_end(const wrapping *w, size_t from, bool hyphens)
{
    size_t p = from, n;
    bool blank = is_blank(w->c[from]);

    if (blank || !hyphens) {
        while (p < w->n && is_blank(w->c[p]) == blank)
            p++;
        return p;
    }
    if (from && word_or_mark(w->c[from - 1]) && (n = dash(w, from))) return from + n;
    for (p = from + 1; p < w->n; p++) {
        if (w->c[p] == '-' && hyphen_in_word(w, p)) return p + 1;
        if (is_blank(w->c[p]) || (word_or_mark(w->c[p - 1]) && dash(w, p))) return p;
    }
    return p;
}

typedef struct chunk {
    size_t from, to;
} chunk;

static bool all_space(const wrapping *w, chunk k)
{
    for (size_t i = k.from; i < k.to; i++)
        if (!az_jspace(w->c[i])) return false;
    return true;
}

/* How much of a chunk that is longer than a line goes onto one with so much room. */
static size_t part_of_long(const wrapping *w, chunk k, int64_t room)
{
    size_t cut = room > 0 ? (size_t)room : 0, hyphen = 0;

    if (!w->break_hyphens || k.to - k.from <= cut) return k.to - k.from < cut ? k.to - k.from : cut;
    for (size_t i = 0; i < cut; i++)
        if (w->c[k.from + i] == '-') hyphen = i;
    for (size_t i = 0; i < hyphen; i++)
        if (w->c[k.from + i] != '-') return hyphen + 1;
    return cut;
}

static void put_line(wrapping *w, size_t from, size_t to)
{
    if (w->any) az_jput_str(w->J, w->out, w->newline);
    w->any = true;
    az_buf_put(w->out, w->line.u.s->s + w->at[from], w->at[to] - w->at[from]);
}

/* Chunks follow each other, so a line is a stretch of the text. */
static void put_lines(wrapping *w, chunk *k, size_t n)
{
    bool first = true;

    for (size_t i = 0; i < n && az_jstep(w->J, 1);) {
        chunk last = { 0, 0 };
        size_t from, to, begin;
        int64_t len = 0;
        if (!first && all_space(w, k[i]) && ++i == n) break;
        begin = i;
        from = to = k[i].from;
        for (; i < n && len + (int64_t)(k[i].to - k[i].from) <= w->width; i++) {
            last = k[i];
            len += (int64_t)(last.to - last.from);
            to = last.to;
        }
        if (i < n && (int64_t)(k[i].to - k[i].from) > w->width && (w->break_words || i == begin)) {
            last = k[i];
            if (w->break_words) last.to = last.from + part_of_long(w, last, w->width - len);
            k[i].from = to = last.to;
            i += k[i].from == k[i].to;
        }
        if (all_space(w, last)) to -= last.to - last.from; /* nothing, when a part is empty */
        if (to == from) continue;
        put_line(w, from, to);
        first = false;
    }
}

static void wrap_line(wrapping *w, bool hyphens)
{
    const az_jstr *s = w->line.u.s;
    uint32_t *c = az_jarray(w->J, s->chars + 1, sizeof *c);
    size_t *at = az_jarray(w->J, s->chars + 1, sizeof *at), n = 0, len;
    chunk *k = az_jarray(w->J, s->chars + 1, sizeof *k);

    if (!c || !at || !k || !az_jstep_bytes(w->J, 8 * s->n)) return;
    for (size_t i = 0; i < s->n; i += len, n++) {
        c[n] = az_utf8_next(s->s + i, s->n - i, &len);
        at[n] = i;
    }
    at[n] = s->n;
    w->c = c;
    w->at = at;
    w->n = n;
    n = 0;
    for (size_t from = 0; from < w->n; from = k[n++].to)
        k[n] = (chunk){ from, chunk_end(w, from, hyphens) };
    put_lines(w, k, n);
}

FILTER(f_wordwrap)
{
    bool hyphens = a[4].kind == AZ_J_MISSING || (a[4].kind == AZ_J_BOOL && a[4].u.b);
    wrapping w = { .J = J, .width = 79 };
    az_jval lines;
    az_buf b;

    (void)args;
    if (!az_jis_str(a[0]))
        return az_jis_undef(a[0])
                   ? az_juse_undef(J, a[0])
                   : az_jfail(J, "wordwrap needs a string, not '%s'", az_jtype_name(a[0]));
    if (a[1].kind != AZ_J_MISSING && !az_jis_int(a[1]))
        return az_jfail(J, "wordwrap: the width must be a whole number");
    if (a[1].kind != AZ_J_MISSING) w.width = az_jto_int(a[1]);
    w.break_words = a[2].kind == AZ_J_MISSING || az_jtruth(J, a[2]);
    w.break_hyphens = a[4].kind == AZ_J_MISSING || az_jtruth(J, a[4]);
    w.newline =
        a[3].kind == AZ_J_MISSING || a[3].kind == AZ_J_NONE ? az_jstr_ref(J, "\n", 1) : a[3];
    if (!az_jis_str(w.newline)) return az_jfail(J, "wordwrap: wrapstring must be a string");
    lines = az_jsplit_lines(J, a[0], false);
    az_jbuf(J, &b);
    w.out = &b;
    for (size_t i = 0; !az_jfailed(J) && i < lines.u.seq->n; i++) {
        if (w.width <= 0) {
            az_jfail(J, "wordwrap: the width must be 1 or more");
            break;
        }
        if (i) az_jput_str(J, &b, w.newline);
        w.line = lines.u.seq->v[i];
        w.any = false;
        wrap_line(&w, hyphens);
    }
    return az_jstr_of_buf(J, &b);
}

const az_jfunc az_jfilters_print[] = {
    { "pprint", "value", f_pprint },
    { "wordwrap", "s;width,break_long_words,wrapstring,break_on_hyphens", f_wordwrap },
    { 0 },
};
