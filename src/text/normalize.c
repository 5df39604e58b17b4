/* Normalizers. Decompositions and pairs come from utf8proc, kept to what tokenizers knows (bert_tables.c); they are
 * ordered and composed as UAX #15 says, between characters that no form changes or joins, so that work memory
 * follows the longest stretch without one. */
#include "text/normalize.h"
#include "base/check.h"
#include "text/base64.h"
#include "text/bert_tables.h"
#include "text/normalize_bert.h"
#include "text/unicode.h"

#include <string.h>
#include <utf8proc.h>

enum { MAX_NORMALIZERS = 64 };

static adze_status read_replace(az_norm *m, az_arena *arena, const json_t *j, const char *path,
                                adze_error *err)
{
    const json_t *pattern = json_object_get(j, "pattern"), *content = json_object_get(j, "content");
    const json_t *text = json_object_get(pattern, "String");
    const json_t *regex = json_object_get(pattern, "Regex");

    if (!json_is_string(content) || (!json_is_string(text) && !json_is_string(regex)))
        return az_fail_name(err, ADZE_EFORMAT, path, "normalizer Replace", ADZE_NOPOS,
                            "needs `content` and a `pattern` with String or Regex");
    m->to_n = json_string_length(content);
    m->to = az_arena_strndup(arena, json_string_value(content), m->to_n);
    if (json_is_string(text)) {
        m->from_n = json_string_length(text);
        m->from = az_arena_strndup(arena, json_string_value(text), m->from_n);
        if (!m->from || !m->to) return az_fail_nomem(err, "reading a tokenizer");
        return ADZE_OK;
    }
    if (!m->to) return az_fail_nomem(err, "reading a tokenizer");
    return az_regex_new(&m->regex, arena->run, json_string_value(regex), json_string_length(regex),
                        path, "normalizer Replace", err);
}

static const struct {
    const char *type;
    az_norm_kind kind;
} kinds[] = {
    { "NFC", AZ_NORM_NFC },
    { "NFD", AZ_NORM_NFD },
    { "NFKC", AZ_NORM_NFKC },
    { "NFKD", AZ_NORM_NFKD },
    { "Lowercase", AZ_NORM_LOWERCASE },
    { "Strip", AZ_NORM_STRIP },
    { "StripAccents", AZ_NORM_STRIP_ACCENTS },
    { "Replace", AZ_NORM_REPLACE },
    { "Prepend", AZ_NORM_PREPEND },
    { "Nmt", AZ_NORM_NMT },
    { "Precompiled", AZ_NORM_CHARSMAP },
    { "SentencePiece", AZ_NORM_SENTENCEPIECE }, /* adze's own: what a tokenizer.model says */
};

/* The map as base64; null or empty: maps nothing. */
static adze_status read_map(az_charsmap *map, az_arena *arena, const json_t *j, const char *path,
                            adze_error *err)
{
    static const char name[] = "precompiled_charsmap";
    const json_t *text = json_object_get(j, name);
    adze_status rc;
    az_buf raw;

    if (text && !json_is_null(text) && !json_is_string(text))
        return az_fail_name(err, ADZE_EFORMAT, path, name, ADZE_NOPOS, "is not a string");
    az_buf_init(&raw, arena->run);
    if (!az_base64_decode(&raw, json_string_value(text), json_string_length(text)))
        rc = az_fail_name(err, ADZE_EFORMAT, path, name, ADZE_NOPOS, "is not base64");
    else if (!az_buf_ok(&raw))
        rc = az_fail_nomem(err, "reading a tokenizer");
    else
        rc = az_charsmap_read(map, arena, raw.data, raw.size, path, name, err);
    az_buf_deinit(&raw);
    return rc;
}

static adze_status read_rules(az_norm *m, az_arena *arena, const json_t *j, const char *path,
                              adze_error *err)
{
    m->rules = az_arena_array(arena, 1, sizeof *m->rules);
    if (!m->rules) return az_fail_nomem(err, "reading a tokenizer");
    az_json_bool(j, "add_dummy_prefix", &m->rules->add_prefix);
    az_json_bool(j, "prefix_always", &m->rules->prefix_always);
    az_json_bool(j, "remove_extra_whitespaces", &m->rules->remove_extra);
    az_json_bool(j, "escape_whitespaces", &m->rules->escape);
    az_json_bool(j, "treat_whitespace_as_suffix", &m->rules->suffix);
    return read_map(&m->rules->map, arena, j, path, err);
}

static adze_status read_one(az_norm *m, az_arena *arena, const json_t *j, const char *type,
                            const char *path, adze_error *err)
{
    const json_t *s;
    size_t i;

    for (i = 0; i < AZ_COUNT(kinds) && strcmp(kinds[i].type, type) != 0; i++)
        ;
    if (i == AZ_COUNT(kinds))
        return az_fail_name(err, ADZE_EUNSUP, path, "normalizer", ADZE_NOPOS,
                            "normalizer type %.60s is not supported", type);
    m->kind = kinds[i].kind;
    switch (m->kind) {
    case AZ_NORM_STRIP:
        if (az_json_bool(j, "strip_left", &m->left) && az_json_bool(j, "strip_right", &m->right))
            return ADZE_OK;
        return az_fail_name(err, ADZE_EFORMAT, path, "normalizer Strip", ADZE_NOPOS,
                            "needs `strip_left` and `strip_right`");
    case AZ_NORM_REPLACE: return read_replace(m, arena, j, path, err);
    case AZ_NORM_CHARSMAP:
    case AZ_NORM_SENTENCEPIECE: return read_rules(m, arena, j, path, err);
    case AZ_NORM_PREPEND:
        s = json_object_get(j, "prepend");
        if (!json_is_string(s))
            return az_fail_name(err, ADZE_EFORMAT, path, "normalizer Prepend", ADZE_NOPOS,
                                "needs the string `prepend`");
        m->to_n = json_string_length(s);
        m->to = az_arena_strndup(arena, json_string_value(s), m->to_n);
        return m->to ? ADZE_OK : az_fail_nomem(err, "reading a tokenizer");
    default: return ADZE_OK;
    }
}

/* BertNormalizer is its parts, one after the other. */
static adze_status read_bert(az_norms *norms, const json_t *j, const char *path, adze_error *err)
{
    bool clean = true, chinese = true, lower = true, strip;
    az_norm *m = norms->items + norms->n;

    if (norms->n + 4 > MAX_NORMALIZERS)
        return az_fail_name(err, ADZE_EUNSUP, path, "normalizer", ADZE_NOPOS,
                            "more than %d normalizers", (int)MAX_NORMALIZERS);
    az_json_bool(j, "clean_text", &clean);
    az_json_bool(j, "handle_chinese_chars", &chinese);
    az_json_bool(j, "lowercase", &lower);
    strip = lower;
    az_json_bool(j, "strip_accents", &strip);
    if (clean || chinese)
        *m++ = (az_norm){ .kind = AZ_NORM_BERT_CLEAN, .left = clean, .right = chinese };
    if (strip) {
        *m++ = (az_norm){ .kind = AZ_NORM_NFD };
        *m++ = (az_norm){ .kind = AZ_NORM_BERT_ACCENTS };
    }
    if (lower) *m++ = (az_norm){ .kind = AZ_NORM_LOWERCASE };
    norms->n = (size_t)(m - norms->items);
    return ADZE_OK;
}

static adze_status read_any(az_norms *norms, az_arena *arena, const json_t *j, int depth,
                            const char *path, adze_error *err)
{
    const char *type = az_json_str(j, "type");
    const json_t *list, *item;
    adze_status rc;
    size_t i;

    if (!j || json_is_null(j)) return ADZE_OK;
    if (!type)
        return az_fail_name(err, ADZE_EFORMAT, path, "normalizer", ADZE_NOPOS, "has no `type`");
    if (strcmp(type, "BertNormalizer") == 0) return read_bert(norms, j, path, err);
    if (strcmp(type, "Sequence") != 0) {
        if (norms->n == MAX_NORMALIZERS)
            return az_fail_name(err, ADZE_EUNSUP, path, "normalizer", ADZE_NOPOS,
                                "more than %d normalizers", (int)MAX_NORMALIZERS);
        return read_one(&norms->items[norms->n++], arena, j, type, path, err);
    }
    list = json_object_get(j, "normalizers");
    if (!json_is_array(list) || depth > 8)
        return az_fail_name(err, ADZE_EFORMAT, path, "normalizer Sequence", ADZE_NOPOS,
                            "needs the array `normalizers`, nested at most 8 deep");
    json_array_foreach(list, i, item)
    {
        rc = read_any(norms, arena, item, depth + 1, path, err);
        if (rc < 0) return rc;
        if (json_is_null(item))
            return az_fail_name(err, ADZE_EFORMAT, path, "normalizer Sequence", ADZE_NOPOS,
                                "element %zu is null", i);
    }
    return ADZE_OK;
}

adze_status az_norms_read(az_norms *norms, az_arena *arena, const json_t *j, const char *path,
                          adze_error *err)
{
    norms->items = az_arena_array(arena, MAX_NORMALIZERS, sizeof *norms->items);
    if (!norms->items) return az_fail_nomem(err, "reading a tokenizer");
    return read_any(norms, arena, j, 0, path, err);
}

void az_norms_deinit(az_norms *norms)
{
    for (size_t i = 0; i < norms->n; i++)
        az_regex_free(norms->items[i].regex);
    norms->n = 0;
}

/* True for a character that `kind` leaves alone and that never joins the one before it. Below the limits
 * nothing decomposes; CJK ideographs have no decomposition; Hangul syllables only change under D forms. */
static bool is_stable(az_norm_kind kind, uint32_t c)
{
    if (c >= 0x4e00 && c <= 0x9fff) return true;
    if (c == 0x11a7)
        return true; /* no trailing consonant, though utf8proc 2.8 composes it as one */
    switch (kind) {
    case AZ_NORM_NFC: return c < 0x300 || (c >= 0xac00 && c <= 0xd7a3);
    case AZ_NORM_NFKC: return c < 0xa0 || (c >= 0xac00 && c <= 0xd7a3);
    case AZ_NORM_NFD: return c < 0xc0;
    default: return c < 0xa0;
    }
}

static utf8proc_option_t form_options(az_norm_kind kind)
{
    bool compat = kind == AZ_NORM_NFKC || kind == AZ_NORM_NFKD;

    return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compat ? UTF8PROC_COMPAT : 0);
}

enum { MAX_EXPANSION = 32 }; /* code points that one decomposes to; the longest today is 18 */

static int combining_class(utf8proc_int32_t c)
{
    if (c < 0x300 || !az_in_runs(az_reordered, az_reordered_n, (uint32_t)c)) return 0;
    return utf8proc_get_property(c)->combining_class;
}

/* Canonical order: stable sort by combining class within each run of non-starters, by counting, so that a
 * long run costs no more than a short one. tmp is as long as c. */
static void canonical_order(utf8proc_int32_t *c, utf8proc_int32_t *tmp, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t start[257] = { 0 }, end = i;
        while (end < n && combining_class(c[end]) > 0)
            start[combining_class(c[end++]) + 1]++;
        if (end - i > 1) {
            for (int k = 1; k <= 256; k++)
                start[k] += start[k - 1];
            for (size_t j = i; j < end; j++)
                tmp[start[combining_class(c[j])]++] = c[j];
            memcpy(c + i, tmp, (end - i) * sizeof *c);
        }
        i = end > i ? end : i + 1;
    }
}

/* The character that two make; 0: none. */
static utf8proc_int32_t composed(utf8proc_int32_t a, utf8proc_int32_t b)
{
    utf8proc_int32_t pair[2] = { a, b };

    if (utf8proc_normalize_utf32(pair, 2, UTF8PROC_STABLE | UTF8PROC_COMPOSE) != 1) return 0;
    return az_in_runs(az_decomposed, az_decomposed_n, (uint32_t)pair[0]) ? pair[0] : 0;
}

/* Canonical composition in place; returns how many are left. A mark joins the starter before it unless one of its own
 * class or a higher one stands between them. */
static size_t compose(utf8proc_int32_t *c, size_t n)
{
    size_t out = 0, starter = SIZE_MAX;
    int last = -1; /* class of what stands behind the starter */

    for (size_t i = 0; i < n; i++) {
        int class = combining_class(c[i]);
        utf8proc_int32_t one = 0;
        if (starter != SIZE_MAX && last < class) one = composed(c[starter], c[i]);
        if (one) {
            c[starter] = one;
            continue;
        }
        if (!class) starter = out;
        last = class ? class : -1;
        c[out++] = c[i];
    }
    return out;
}

/* Decompose every character of s into c (room for all); returns how many code points, or an error < 0. */
static utf8proc_ssize_t decompose(const char *s, size_t n, utf8proc_int32_t *c, size_t room,
                                  utf8proc_option_t opts)
{
    utf8proc_ssize_t count = 0;
    size_t len;

    for (size_t at = 0; at < n; at += len) {
        uint32_t ch = az_utf8_next(s + at, n - at, &len);
        int bound = 0;
        utf8proc_ssize_t got;
        if (!az_in_runs(az_decomposed, az_decomposed_n, ch)) { /* newer ones stay as they are */
            if (count == (utf8proc_ssize_t)room) return UTF8PROC_ERROR_OVERFLOW;
            c[count++] = (utf8proc_int32_t)ch;
            continue;
        }
        got = utf8proc_decompose_char((utf8proc_int32_t)ch, c + count,
                                      (utf8proc_ssize_t)room - count, opts, &bound);
        if (got < 0) return got;
        if (got > (utf8proc_ssize_t)room - count) return UTF8PROC_ERROR_OVERFLOW;
        count += got;
    }
    return count;
}

/* Normalize one stretch with utf8proc and append it. */
static adze_status put_form(az_buf *out, const char *s, size_t n, az_norm_kind kind,
                            adze_error *err)
{
    utf8proc_int32_t small[2 * 192], *c = small;
    utf8proc_option_t opts = form_options(kind);
    utf8proc_ssize_t count, bytes;
    size_t room = AZ_COUNT(small) / 2;

    count = decompose(s, n, c, room - 1, opts);
    if (count == UTF8PROC_ERROR_OVERFLOW) {
        size_t total;
        room = n / 2 * MAX_EXPANSION + MAX_EXPANSION; /* characters here have at least two bytes */
        c = az_mul_size(room, 2 * sizeof *c, &total) ? az_alloc(out->run, total) : NULL;
        if (!c) return az_fail_nomem(err, "normalizing text");
        count = decompose(s, n, c, room - 1, opts);
    }
    if (count > 0) canonical_order(c, c + room, (size_t)count);
    if (count > 0 && (kind == AZ_NORM_NFC || kind == AZ_NORM_NFKC))
        count = (utf8proc_ssize_t)compose(c, (size_t)count);
    /* reencode works in place and adds a NUL: one element more than counted */
    bytes = count < 0 ? count : utf8proc_reencode(c, count, UTF8PROC_STABLE);
    if (bytes >= 0) az_buf_put(out, c, (size_t)bytes);
    if (c != small) az_free(out->run, c);
    if (bytes < 0)
        return az_fail(err, ADZE_EUNSUP, NULL, ADZE_NOPOS, "cannot normalize text: %s",
                       utf8proc_errmsg(bytes));
    return ADZE_OK;
}

static adze_status run_form(az_buf *out, const char *s, size_t n, az_norm_kind kind,
                            adze_error *err)
{
    size_t at = 0, len;
    adze_status rc;

    while (at < n) {
        size_t plain = at, last = at, end;
        while (plain < n && is_stable(kind, az_utf8_next(s + plain, n - plain, &len))) {
            last = plain;
            plain += len;
        }
        if (plain == n) { /* stable to the end */
            az_buf_put(out, s + at, n - at);
            return ADZE_OK;
        }
        /* The last stable character may be joined by what follows. */
        az_buf_put(out, s + at, last - at);
        end = plain;
        while (end < n && !is_stable(kind, az_utf8_next(s + end, n - end, &len)))
            end += len;
        rc = put_form(out, s + last, end - last, kind, err);
        if (rc < 0) return rc;
        at = end;
    }
    return ADZE_OK;
}

static void run_lowercase(az_buf *out, const char *s, size_t n)
{
    size_t len;
    char utf8[4];

    for (size_t at = 0; at < n; at += len) {
        uint32_t c = az_utf8_next(s + at, n - at, &len);
        if (c < 128) {
            az_buf_putc(out, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
            continue;
        }
        if (c == 0x130) { /* the one character whose lower case is two */
            az_buf_put(out, "i\xcc\x87", 3);
        } else {
            uint32_t small = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
            c = small == c ? az_lower_of_new(c) : small;
            az_buf_put(out, utf8, az_utf8_put(utf8, c));
        }
    }
}

static void run_strip(az_buf *out, const char *s, size_t n, const az_norm *m)
{
    size_t at = 0, len;

    while (m->left && at < n && (az_uc_class_of(az_utf8_next(s + at, n - at, &len)) & AZ_UC_SPACE))
        at += len;
    while (m->right && n > at) {
        size_t last = at + az_utf8_back(s + at, n - at);
        if (!(az_uc_class_of(az_utf8_next(s + last, n - last, &len)) & AZ_UC_SPACE)) break;
        n = last;
    }
    az_buf_put(out, s + at, n - at);
}

static void run_strip_accents(az_buf *out, const char *s, size_t n)
{
    size_t len;

    for (size_t at = 0; at < n; at += len) {
        uint32_t c = az_utf8_next(s + at, n - at, &len);
        if (!az_in_runs(az_strip_accents, az_strip_accents_n, c)) az_buf_put(out, s + at, len);
    }
}

static adze_status run_replace(az_buf *out, const char *s, size_t n, const az_norm *m,
                               adze_error *err)
{
    az_regex_scratch *scratch = NULL;
    size_t at = 0, start, end, len;
    adze_status rc = ADZE_OK;
    bool found;

    if (m->from) {
        const char *hit;
        while (m->from_n && at < n && (hit = memmem(s + at, n - at, m->from, m->from_n))) {
            az_buf_put(out, s + at, (size_t)(hit - (s + at)));
            az_buf_put(out, m->to, m->to_n);
            at = (size_t)(hit - s) + m->from_n;
        }
        az_buf_put(out, s + at, n - at);
        return ADZE_OK;
    }
    rc = az_regex_scratch_new(&scratch, m->regex, err);
    for (size_t from = 0; rc == ADZE_OK && from <= n;) {
        rc = az_regex_next(m->regex, scratch, s, n, from, &start, &end, &found, err);
        if (rc < 0 || !found) break;
        az_buf_put(out, s + at, start - at);
        az_buf_put(out, m->to, m->to_n);
        at = from = end;
        if (end == start) { /* step over one character after an empty match */
            if (end >= n) break;
            az_utf8_next(s + end, n - end, &len);
            from = end + len;
        }
    }
    if (rc == ADZE_OK) az_buf_put(out, s + at, n - at);
    az_regex_scratch_free(scratch);
    return rc;
}

static adze_status run_one(const az_norm *m, az_buf *out, const char *s, size_t n, bool first,
                           adze_error *err)
{
    switch (m->kind) {
    case AZ_NORM_NFC:
    case AZ_NORM_NFD:
    case AZ_NORM_NFKC:
    case AZ_NORM_NFKD: return run_form(out, s, n, m->kind, err);
    case AZ_NORM_LOWERCASE: run_lowercase(out, s, n); return ADZE_OK;
    case AZ_NORM_STRIP: run_strip(out, s, n, m); return ADZE_OK;
    case AZ_NORM_STRIP_ACCENTS: run_strip_accents(out, s, n); return ADZE_OK;
    case AZ_NORM_REPLACE: return run_replace(out, s, n, m, err);
    case AZ_NORM_BERT_CLEAN: az_norm_bert_clean(out, s, n, m->left, m->right); return ADZE_OK;
    case AZ_NORM_BERT_ACCENTS: az_norm_bert_accents(out, s, n); return ADZE_OK;
    case AZ_NORM_NMT: az_norm_nmt(out, s, n); return ADZE_OK;
    case AZ_NORM_CHARSMAP: return az_charsmap_clusters(&m->rules->map, out, s, n);
    case AZ_NORM_SENTENCEPIECE: az_spm_normalize(m->rules, out, s, n, first); return ADZE_OK;
    default:
        if (n) az_buf_put(out, m->to, m->to_n);
        az_buf_put(out, s, n);
        return ADZE_OK;
    }
}

/* True when a Unicode form keeps this text as it is, the common case. */
static bool keeps(const az_norm *m, const char *s, size_t n)
{
    size_t len;

    if (m->kind > AZ_NORM_NFKD) return false;
    for (size_t at = 0; at < n; at += len)
        if (!is_stable(m->kind, az_utf8_next(s + at, n - at, &len))) return false;
    return true;
}

/* How many bytes of what a step makes of a text come from its first `lead`, which stand for the text's first character;
 * 0: it is gone. A replaced string begins where its last character stood. */
static size_t lead_after(const az_norm *m, const char *s, size_t n, size_t lead, adze_run *run)
{
    bool ascii = lead == 1 && (unsigned char)s[0] < 128;
    az_buf b;

    if (m->kind == AZ_NORM_SENTENCEPIECE || (ascii && m->kind <= AZ_NORM_LOWERCASE)) return lead;
    if (m->kind == AZ_NORM_PREPEND) return lead + m->to_n;
    if (m->kind == AZ_NORM_REPLACE) {
        if (!m->from || !m->from_n || n < m->from_n || memcmp(s, m->from, m->from_n) != 0)
            return lead;
        return m->from_n > lead || !m->to_n ? 0 : m->to_n + lead - m->from_n;
    }
    az_buf_init(&b, run);
    if (run_one(m, &b, s, lead, true, NULL) == ADZE_OK) lead = b.size;
    az_buf_deinit(&b);
    return lead;
}

adze_status az_norms_run(const az_norms *norms, az_buf bufs[2], const char *text, size_t n,
                         bool *first, const char **out, size_t *out_n, adze_error *err)
{
    size_t lead = 0;
    int turn = 0;

    if (n) az_utf8_next(text, n, &lead);
    for (size_t i = 0; i < norms->n; i++) {
        az_buf *b = &bufs[turn];
        adze_status rc;
        if (keeps(&norms->items[i], text, n)) continue;
        if (*first && n) {
            lead = lead_after(&norms->items[i], text, n, lead, b->run);
            *first = lead > 0;
        }
        az_buf_clear(b);
        rc = run_one(&norms->items[i], b, text, n, *first, err);
        if (rc < 0) return rc;
        if (b->full)
            return az_fail_name(err, ADZE_EUNSUP, NULL, "normalizer", ADZE_NOPOS,
                                "makes text more than %d times as long", (int)AZ_NORM_GROWTH);
        if (!az_buf_ok(b)) return az_fail_nomem(err, "normalizing text");
        text = b->size ? b->data : "";
        n = b->size;
        if (lead > n) lead = n;
        while (lead < n && ((unsigned char)text[lead] & 0xc0) == 0x80)
            lead++; /* a character that was composed stays whole */
        turn ^= 1;
    }
    *out = text;
    *out_n = n;
    return ADZE_OK;
}
