/* Each decoder turns a list of tokens into another. A list is one buffer of text and the places where its tokens
 * end. Source: Hugging Face tokenizers decoders/ (2026), sentencepiece_processor.cc Decode (2025). */
#include "text/decode.h"
#include "text/unicode.h"

#include <string.h>

/* Decoders come from files, and a chain of them can double text at each step. */
enum { MAX_DECODERS = 32, GROWTH = 16, LEAST = 4096 };

static size_t most(size_t n)
{
    return n < SIZE_MAX / (2 * GROWTH) ? GROWTH * n + LEAST : 0;
}

typedef struct list {
    az_buf text, ends; /* ends: size_t for each token */
} list;

static adze_status bad(const char *type, const char *what, const char *path, adze_error *err)
{
    char name[96] = "decoder ";

    strncat(name, type, sizeof name - strlen(name) - 1);
    return az_fail_name(err, ADZE_EFORMAT, path, name, ADZE_NOPOS, "%s", what);
}

static const struct {
    const char *type;
    az_decoder_kind kind;
    const char *from_key, *from, *to_key, *to; /* key NULL: a fixed value */
    const char *flag;
    bool flag_default;
} kinds[] = {
    { "ByteLevel", AZ_DEC_BYTE_LEVEL, NULL, "", NULL, "", NULL, false },
    { "ByteFallback", AZ_DEC_BYTE_FALLBACK, NULL, "", NULL, "", NULL, false },
    { "Fuse", AZ_DEC_FUSE, NULL, "", NULL, "", NULL, false },
    { "Strip", AZ_DEC_STRIP, "content", NULL, NULL, "", NULL, false },
    { "Replace", AZ_DEC_REPLACE, NULL, "", "content", NULL, NULL, false },
    { "Metaspace", AZ_DEC_METASPACE, "replacement", "\xe2\x96\x81", NULL, " ", NULL, true },
    { "WordPiece", AZ_DEC_WORDPIECE, "prefix", "##", NULL, " ", "cleanup", true },
    { "BPEDecoder", AZ_DEC_BPE, "suffix", "</w>", NULL, " ", NULL, false },
    { "CTC", AZ_DEC_CTC, "pad_token", "<pad>", "word_delimiter_token", "|", "cleanup", true },
    { "SentencePiece", AZ_DEC_SENTENCEPIECE, NULL, "\xe2\x96\x81", NULL, " ", "add_dummy_prefix",
      false },
};

/* The string at `key`, or the default; .s NULL: neither. */
static az_str text_of(az_arena *arena, const json_t *j, const char *key, const char *fallback)
{
    const json_t *v = key ? json_object_get(j, key) : NULL;
    az_str s = { NULL, 0 };

    if (json_is_string(v))
        s = (az_str){ json_string_value(v), json_string_length(v) };
    else if (fallback)
        s = (az_str){ fallback, strlen(fallback) };
    if (s.s) s.s = az_arena_strndup(arena, s.s, s.n);
    return s;
}

static adze_status read_fields(az_decoder *d, size_t k, az_arena *arena, const json_t *j,
                               const char *path, adze_error *err)
{
    const char *type = kinds[k].type, *scheme;
    int64_t start = 0, stop = 0;

    d->kind = kinds[k].kind;
    d->flag = kinds[k].flag_default;
    d->from = text_of(arena, j, kinds[k].from_key, kinds[k].from);
    d->to = text_of(arena, j, kinds[k].to_key, kinds[k].to);
    if (kinds[k].flag) az_json_bool(j, kinds[k].flag, &d->flag);
    if (d->kind == AZ_DEC_REPLACE) {
        const json_t *pattern = json_object_get(j, "pattern");
        if (!json_is_string(json_object_get(pattern, "String")))
            return az_fail_name(err, ADZE_EUNSUP, path, "decoder Replace", ADZE_NOPOS,
                                "only a `pattern` with String is supported");
        d->from = text_of(arena, pattern, "String", NULL);
    }
    if (d->kind == AZ_DEC_METASPACE) {
        scheme = az_json_str(j, "prepend_scheme");
        az_json_bool(j, "add_prefix_space", &d->flag);
        if (scheme) d->flag = strcmp(scheme, "never") != 0;
    }
    if (d->kind == AZ_DEC_STRIP) {
        if (!az_json_int(j, "start", &start) || !az_json_int(j, "stop", &stop) || start < 0 ||
            stop < 0)
            return bad(type, "needs `start` and `stop`, 0 or more", path, err);
        d->start = (size_t)start;
        d->stop = (size_t)stop;
    }
    if (d->kind == AZ_DEC_SENTENCEPIECE) {
        az_json_bool(j, "remove_extra_whitespaces", &d->all);
        d->unk = text_of(arena, j, "unk_piece", NULL);
        d->unk_text = text_of(arena, j, "unk_surface", NULL);
    }
    if (!d->from.s || !d->to.s) return bad(type, "a string is missing", path, err);
    return ADZE_OK;
}

static adze_status read_any(az_decoders *d, az_arena *arena, const json_t *j, int depth,
                            const char *path, adze_error *err)
{
    const char *type = az_json_str(j, "type");
    const json_t *items = json_object_get(j, "decoders"), *item;
    adze_status rc;
    size_t i;

    if (!type) return bad("", "has no `type`", path, err);
    if (strcmp(type, "Sequence") != 0) {
        for (i = 0; i < AZ_COUNT(kinds) && strcmp(kinds[i].type, type) != 0; i++)
            ;
        if (i == AZ_COUNT(kinds) || d->n == MAX_DECODERS)
            return az_fail_name(err, ADZE_EUNSUP, path, "decoder", ADZE_NOPOS,
                                i == AZ_COUNT(kinds) ? "decoder type %.60s is not supported"
                                                     : "too many decoders at %.60s",
                                type);
        return read_fields(&d->items[d->n++], i, arena, j, path, err);
    }
    if (!json_is_array(items) || depth > 8)
        return bad(type, "needs the array `decoders`, nested at most 8 deep", path, err);
    json_array_foreach(items, i, item)
    {
        rc = read_any(d, arena, item, depth + 1, path, err);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

adze_status az_decoders_read(az_decoders *d, az_arena *arena, const json_t *j, const char *path,
                             adze_error *err)
{
    d->items = az_arena_array(arena, MAX_DECODERS, sizeof *d->items);
    if (!d->items) return az_fail_nomem(err, "reading a tokenizer");
    return !j || json_is_null(j) ? ADZE_OK : read_any(d, arena, j, 0, path, err);
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int az_byte_token(const char *s, size_t n)
{
    int hi, lo;

    if (n != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>') return -1;
    hi = hex(s[3]);
    lo = hex(s[4]);
    return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

static void put_replaced(az_buf *out, const char *s, size_t n, az_str from, const char *to,
                         size_t to_n)
{
    const char *hit, *end = s + n;

    while (from.n && s < end && (hit = memmem(s, (size_t)(end - s), from.s, from.n))) {
        az_buf_put(out, s, (size_t)(hit - s));
        az_buf_put(out, to, to_n);
        s = hit + from.n;
    }
    az_buf_put(out, s, (size_t)(end - s));
}

/* Up to `start` times the content in front, up to `stop` times behind. */
static void put_stripped(az_buf *out, const char *s, size_t n, const az_decoder *d)
{
    for (size_t i = 0; i < d->start && n >= d->from.n && d->from.n; i++) {
        if (memcmp(s, d->from.s, d->from.n) != 0) break;
        s += d->from.n;
        n -= d->from.n;
    }
    for (size_t i = 0; i < d->stop && n >= d->from.n && d->from.n; i++) {
        if (memcmp(s + n - d->from.n, d->from.s, d->from.n) != 0) break;
        n -= d->from.n;
    }
    az_buf_put(out, s, n);
}

/* Spaces that tokenizing put in front of punctuation and English contractions, one rule after the other; `from` is
 * where the text begins. */
static void clean_up(az_buf *b, size_t from)
{
    static const char *const rules[][2] = {
        { " .", "." },   { " ?", "?" },     { " !", "!" },     { " ,", "," },
        { " ' ", "'" },  { " n't", "n't" }, { " 'm", "'m" },   { " do not", " don't" },
        { " 's", "'s" }, { " 've", "'ve" }, { " 're", "'re" },
    };

    for (size_t r = 0; r < AZ_COUNT(rules) && az_buf_ok(b) && b->size > from; r++) {
        const char *what = rules[r][0], *to = rules[r][1];
        size_t n = strlen(what), to_n = strlen(to), put = from;
        for (size_t at = from; at < b->size;) { /* no rule makes text longer */
            if (b->size - at >= n && memcmp(b->data + at, what, n) == 0) {
                memcpy(b->data + put, to, to_n);
                put += to_n;
                at += n;
            } else {
                b->data[put++] = b->data[at++];
            }
        }
        b->size = put;
    }
}

static void put_alphabet(az_buf *out, const char *s, size_t n)
{
    size_t len, from = out->size;

    for (size_t at = 0; at < n; at += len) {
        int byte = az_char_byte(az_utf8_next(s + at, n - at, &len));
        if (byte < 0) { /* a token with any other character stays as it is */
            if (az_buf_ok(out)) out->size = from;
            az_buf_put(out, s, n);
            return;
        }
        az_buf_putc(out, (char)byte);
    }
}

static void put_wordpiece(az_buf *out, const char *s, size_t n, const az_decoder *d, bool first)
{
    size_t from = out->size;
    bool more = d->from.n && n >= d->from.n && memcmp(s, d->from.s, d->from.n) == 0;

    if (!first && !more) az_buf_putc(out, ' ');
    if (!first && more) {
        s += d->from.n;
        n -= d->from.n;
    }
    az_buf_put(out, s, n);
    if (d->flag) clean_up(out, from);
}

static void put_byte_or(az_buf *out, const char *s, size_t n)
{
    int byte = az_byte_token(s, n);

    if (byte < 0)
        az_buf_put(out, s, n);
    else
        az_buf_putc(out, (char)byte);
}

static void put_ctc(az_buf *out, const char *s, size_t n, const az_decoder *d)
{
    size_t from = out->size;
    char *copy;

    put_replaced(out, s, n, d->from, "", 0);
    if (!d->flag || !az_buf_ok(out)) return;
    clean_up(out, from);
    if (out->size == from) return;
    n = out->size - from;
    copy = az_strndup(out->run, out->data + from, n);
    if (!copy) {
        out->failed = true;
        return;
    }
    out->size = from;
    put_replaced(out, copy, n, d->to, " ", 1);
    az_free(out->run, copy);
}

static void put_bpe(az_buf *out, const char *s, size_t n, const az_decoder *d, bool last)
{
    put_replaced(out, s, n, d->from, " ", last ? 0 : 1);
}

typedef struct place {
    bool first, last;
} place;

static void put_one(const az_decoder *d, const char *s, size_t n, place p, az_buf *out)
{
    switch (d->kind) {
    case AZ_DEC_BYTE_LEVEL: put_alphabet(out, s, n); break;
    case AZ_DEC_BYTE_FALLBACK: put_byte_or(out, s, n); break;
    case AZ_DEC_STRIP: put_stripped(out, s, n, d); break;
    case AZ_DEC_REPLACE: put_replaced(out, s, n, d->from, d->to.s, d->to.n); break;
    case AZ_DEC_METASPACE: put_replaced(out, s, n, d->from, " ", p.first && d->flag ? 0 : 1); break;
    case AZ_DEC_WORDPIECE: put_wordpiece(out, s, n, d, p.first); break;
    case AZ_DEC_BPE: put_bpe(out, s, n, d, p.last); break;
    case AZ_DEC_CTC: put_ctc(out, s, n, d); break;
    case AZ_DEC_SENTENCEPIECE:
        if (d->unk_text.s && d->unk.s && n == d->unk.n && memcmp(s, d->unk.s, n) == 0)
            az_buf_put(out, d->unk_text.s, d->unk_text.n);
        else if (az_byte_token(s, n) >= 0)
            put_byte_or(out, s, n);
        else
            put_replaced(out, s, n, d->from, " ", 1);
        break;
    default: az_buf_put(out, s, n);
    }
}

adze_status az_decoders_fail(const char *path, adze_error *err)
{
    return az_fail_name(err, ADZE_EUNSUP, path, "decoder", ADZE_NOPOS,
                        "makes text more than %d times as long", (int)GROWTH);
}

void az_decoders_token(const az_decoders *d, const char *s, size_t n, az_buf *out)
{
    az_buf b[2];
    int turn = 0;

    az_buf_init(&b[0], out->run);
    az_buf_init(&b[1], out->run);
    b[0].max = b[1].max = most(n);
    for (size_t i = 0; i < d->n; i++) {
        if (d->items[i].kind == AZ_DEC_STRIP) continue; /* only the ends of a text */
        az_buf_clear(&b[turn]);
        put_one(&d->items[i], s, n, (place){ false, false }, &b[turn]);
        if (!az_buf_ok(&b[turn])) out->failed = true;
        if (b[turn].full) out->full = true;
        s = b[turn].size ? b[turn].data : "";
        n = b[turn].size;
        turn ^= 1;
    }
    az_buf_put(out, s, n);
    az_buf_deinit(&b[0]);
    az_buf_deinit(&b[1]);
}

static void end_token(list *l)
{
    az_buf_put(&l->ends, &l->text.size, sizeof l->text.size);
}

static size_t count(const list *l)
{
    return l->ends.size / sizeof(size_t);
}

static az_str token(const list *l, size_t i)
{
    size_t from = 0, to;

    if (i) memcpy(&from, l->ends.data + (i - 1) * sizeof from, sizeof from);
    memcpy(&to, l->ends.data + i * sizeof to, sizeof to);
    return (az_str){ l->text.data + from, to - from };
}

/* In front of the text the first U+2581 goes, or all of them. */
static void sentencepiece_step(const az_decoder *d, const list *from, list *to)
{
    bool at_start = d->flag || d->all;

    for (size_t i = 0; i < count(from); i++) {
        az_str s = token(from, i);
        if (at_start && to->text.size) at_start = false;
        if (at_start && s.n >= d->from.n && memcmp(s.s, d->from.s, d->from.n) == 0) {
            s.s += d->from.n;
            s.n -= d->from.n;
            if (!d->all) at_start = false;
        }
        put_one(d, s.s, s.n, (place){ false, false }, &to->text);
        end_token(to);
    }
}

static void run_step(const az_decoder *d, const list *from, list *to)
{
    size_t n = count(from);

    az_buf_clear(&to->text);
    az_buf_clear(&to->ends);
    if (d->kind == AZ_DEC_FUSE) {
        az_buf_put(&to->text, from->text.data, from->text.size);
        end_token(to);
        return;
    }
    if (d->kind == AZ_DEC_SENTENCEPIECE) {
        sentencepiece_step(d, from, to);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        az_str s = token(from, i), before = i ? token(from, i - 1) : s;
        size_t size = to->text.size;
        if (d->kind == AZ_DEC_CTC && i && s.n == before.n && memcmp(s.s, before.s, s.n) == 0)
            continue;
        put_one(d, s.s, s.n, (place){ i == 0, i + 1 == n }, &to->text);
        if (d->kind != AZ_DEC_CTC || to->text.size > size) end_token(to);
    }
}

adze_status az_decoders_run(const az_decoders *d, adze_run *run, const az_str *tokens, size_t n,
                            az_buf *out, adze_error *err)
{
    list l[2];
    int now = 0;
    bool ok = true, full;

    for (int i = 0; i < 2; i++) {
        az_buf_init(&l[i].text, run);
        az_buf_init(&l[i].ends, run);
    }
    az_buf_put(&l[0].text, "", 0); /* data is never NULL from here on */
    for (size_t i = 0; i < n; i++) {
        if (i && !d->n) az_buf_putc(&l[0].text, ' ');
        az_buf_put(&l[0].text, tokens[i].s, tokens[i].n);
        end_token(&l[0]);
    }
    ok = az_buf_ok(&l[0].text) && az_buf_ok(&l[0].ends);
    l[0].text.max = l[1].text.max = most(l[0].text.size);
    for (size_t i = 0; i < d->n && ok; i++, now ^= 1) {
        az_buf_put(&l[!now].text, "", 0);
        run_step(&d->items[i], &l[now], &l[!now]);
        ok = az_buf_ok(&l[!now].text) && az_buf_ok(&l[!now].ends);
    }
    if (ok) az_buf_put(out, l[now].text.data, l[now].text.size);
    ok = ok && az_buf_ok(out);
    full = l[0].text.full || l[1].text.full;
    for (int i = 0; i < 2; i++) {
        az_buf_deinit(&l[i].text);
        az_buf_deinit(&l[i].ends);
    }
    return ok     ? ADZE_OK
           : full ? az_decoders_fail(NULL, err)
                  : az_fail_nomem(err, "decoding tokens");
}
