/* Walking the map and the two ways to apply it. Every step is checked against the unit count, so no table can
 * lead outside. */
#include "text/charsmap.h"
#include "text/bert_tables.h"
#include "text/unicode.h"

#include <string.h>
#include <utf8proc.h>

static size_t offset_of(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 0x200) >> 6);
}

/* Longest (or shortest) key; one whose replacement is outside, or starts inside a character, does not count. Key that s[0..n) starts with: its replacement, and its length; NULL: none. */
static const char *match(const az_charsmap *m, const char *s, size_t n, bool longest, size_t *len)
{
    const char *found = NULL;
    size_t at;

    if (!m->n_units) return NULL;
    at = offset_of(m->units[0]);
    for (size_t i = 0; i < n && s[i]; i++) {
        uint32_t unit;
        at ^= (unsigned char)s[i];
        if (at >= m->n_units) break;
        unit = m->units[at];
        if ((unit & 0x800000ffu) != (unsigned char)s[i]) break;
        at ^= offset_of(unit);
        if (at >= m->n_units) break;
        if (!(unit & 0x100)) continue;
        if ((m->units[at] & 0x7fffffffu) >= m->n_texts) continue;
        if (((unsigned char)m->texts[m->units[at] & 0x7fffffffu] & 0xc0) == 0x80) continue;
        found = m->texts + (m->units[at] & 0x7fffffffu);
        *len = i + 1;
        if (!longest) break;
    }
    return found;
}

adze_status az_charsmap_read(az_charsmap *m, az_arena *arena, const char *data, size_t n,
                             const char *path, const char *name, adze_error *err)
{
    uint32_t *units, bytes;
    size_t len;
    char c;

    memset(m, 0, sizeof *m);
    memset(m->plain, 1, sizeof m->plain);
    if (!n) return ADZE_OK;
    if (n < 4)
        return az_fail_name(err, ADZE_EFORMAT, path, name, 0, "%zu bytes are no character map", n);
    bytes = (uint32_t)(unsigned char)data[0] | (uint32_t)(unsigned char)data[1] << 8 |
            (uint32_t)(unsigned char)data[2] << 16 | (uint32_t)(unsigned char)data[3] << 24;
    if (bytes > n - 4 || bytes % 4 || !bytes)
        return az_fail_name(err, ADZE_EFORMAT, path, name, 0,
                            "a trie of %u bytes in a character map of %zu", (unsigned)bytes, n);
    if (n - 4 > bytes && data[n - 1])
        return az_fail_name(err, ADZE_EFORMAT, path, name, n - 1,
                            "the last replacement does not end with NUL");
    units = az_arena_array(arena, bytes / 4, sizeof *units);
    m->texts = az_arena_strndup(arena, data + 4 + bytes, n - 4 - bytes);
    if (!units || !m->texts) return az_fail_nomem(err, "reading a tokenizer");
    m->n_texts = n - 4 - bytes;
    m->n_units = bytes / 4;
    m->units = units;
    for (size_t i = 0; i < m->n_units; i++) {
        const unsigned char *u = (const unsigned char *)data + 4 + 4 * i;
        units[i] = u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
    }
    if (az_utf8_prefix(m->texts, m->n_texts) != m->n_texts)
        return az_fail_name(err, ADZE_EFORMAT, path, name, ADZE_NOPOS,
                            "the replacements are not valid UTF-8");
    for (int i = 0; i < 128; i++) {
        size_t first = m->units[0] ? offset_of(m->units[0]) ^ (size_t)i : (size_t)i;
        c = (char)i;
        /* Keys of several characters may start here too: then it is not left alone. */
        m->plain[i] = !match(m, &c, 1, true, &len) && i != '\r' &&
                      !(first < m->n_units && (m->units[first] & 0x800000ffu) == (unsigned)i && i);
    }
    return ADZE_OK;
}

/* Nothing joins a control character. */
static bool is_control(uint32_t c)
{
    int kind = utf8proc_get_property((utf8proc_int32_t)c)->boundclass;

    return kind == UTF8PROC_BOUNDCLASS_CONTROL || kind == UTF8PROC_BOUNDCLASS_CR ||
           kind == UTF8PROC_BOUNDCLASS_LF;
}

const char *az_charsmap_longest(const az_charsmap *m, const char *s, size_t n, size_t *len)
{
    return match(m, s, n, true, len);
}

/* End of the grapheme cluster that starts at s. */
static size_t cluster(const char *s, size_t n)
{
    utf8proc_int32_t state = 0;
    size_t len, at;
    uint32_t a = az_utf8_next(s, n, &at), b;

    while (at < n) {
        b = az_utf8_next(s + at, n - at, &len);
        /* The table knows characters that are newer than the library. */
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)a, (utf8proc_int32_t)b, &state) &&
            !(utf8proc_category((utf8proc_int32_t)b) == UTF8PROC_CATEGORY_CN && !is_control(a) &&
              az_in_runs(az_extenders, az_extenders_n, b)))
            break;
        a = b;
        at += len;
    }
    return at;
}

adze_status az_charsmap_clusters(const az_charsmap *m, az_buf *out, const char *s, size_t n)
{
    size_t at = 0, end, len, used;
    const char *to;

    while (at < n) {
        size_t run = at;
        while (run < n && (unsigned char)s[run] < 128 && m->plain[(unsigned char)s[run]] &&
               (run + 1 == n || (unsigned char)s[run + 1] < 128))
            run++;
        az_buf_put(out, s + at, run - at);
        at = run;
        if (at == n) break;
        end = at + cluster(s + at, n - at);
        to = end - at < 6 ? match(m, s + at, end - at, false, &used) : NULL;
        if (to) {
            az_buf_puts(out, to);
            at = end;
        }
        for (; at < end; at += len) {
            az_utf8_next(s + at, n - at, &len);
            to = match(m, s + at, len, false, &used);
            if (to)
                az_buf_puts(out, to);
            else
                az_buf_put(out, s + at, len);
        }
    }
    return ADZE_OK;
}

/* What the text at s becomes, and how many of its bytes that takes. */
static az_str next_part(const az_spm_rules *r, const char *s, size_t n, size_t *used)
{
    const char *to;

    if ((unsigned char)s[0] < 128 && r->map.plain[(unsigned char)s[0]] && !r->user) {
        *used = 1;
        return (az_str){ s, 1 };
    }
    if (r->user && az_trie_longest(r->user, s, n, used) >= 0) return (az_str){ s, *used };
    to = match(&r->map, s, n, true, used);
    if (to) return (az_str){ to, strlen(to) };
    *used = az_utf8_valid(s, n);
    if (*used) return (az_str){ s, *used };
    *used = 1;
    return (az_str){ "\xef\xbf\xbd", 3 };
}

static void put_escaped(const az_spm_rules *r, az_buf *out, az_str p)
{
    if (p.n == 1 && p.s[0] != ' ') {
        az_buf_putc(out, p.s[0]);
        return;
    }
    for (size_t i = 0; i < p.n; i++)
        if (p.s[i] == ' ' && r->escape)
            az_buf_put(out, "\xe2\x96\x81", 3);
        else
            az_buf_putc(out, p.s[i]);
}

static bool ends_with(const az_buf *b, const char *s, size_t n, size_t from)
{
    return b->size >= from + n && memcmp(b->data + b->size - n, s, n) == 0;
}

void az_spm_normalize(const az_spm_rules *r, az_buf *out, const char *s, size_t n, bool first)
{
    bool add = r->add_prefix && (first || r->prefix_always), after_space = r->remove_extra;
    const az_str space = { " ", 1 };
    size_t at = 0, used, from = out->size;

    for (; at < n && r->remove_extra; at += used) {
        az_str p = next_part(r, s + at, n - at, &used);
        if (p.n != 1 || p.s[0] != ' ') break;
    }
    if (at == n) return;
    if (add && !r->suffix) put_escaped(r, out, space);
    for (; at < n; at += used) {
        az_str p = next_part(r, s + at, n - at, &used);
        while (after_space && p.n && p.s[0] == ' ') {
            p.s++;
            p.n--;
        }
        if (!p.n) continue;
        put_escaped(r, out, p);
        after_space = r->remove_extra && p.s[p.n - 1] == ' ';
    }
    while (r->remove_extra && az_buf_ok(out) &&
           (r->escape ? ends_with(out, "\xe2\x96\x81", 3, from) : ends_with(out, " ", 1, from)))
        out->size -= r->escape ? 3 : 1;
    if (add && r->suffix) put_escaped(r, out, space);
}
