/* Running the pre-tokenizer steps. Behaviours follow Hugging Face tokenizers (normalizer.rs): matches and
 * the gaps between them are a list of pieces, which the behaviour drops, keeps or joins. */
#include "text/pretok.h"
#include "text/bert_tables.h"
#include "text/unicode.h"

#include <string.h>

typedef struct span {
    size_t start, end;
} span;

/* Pieces on their way from one step to the next, with the one piece that a behaviour may hold back. */
typedef struct flow {
    az_pretok_run *r;
    size_t step; /* the step that cuts */
    const char *s;
    az_behavior behavior;
    bool first; /* s is where the text begins */
    bool has_held, held_is_match, previous_match;
    span held;
} flow;

static adze_status run_step(az_pretok_run *r, size_t step, const char *s, size_t n, bool first,
                            adze_error *err);

static adze_status emit(flow *f, span p, adze_error *err)
{
    if (p.end == p.start) return ADZE_OK;
    return run_step(f->r, f->step + 1, f->s + p.start, p.end - p.start, f->first && !p.start, err);
}

static adze_status flush(flow *f, adze_error *err)
{
    if (!f->has_held) return ADZE_OK;
    f->has_held = false;
    return emit(f, f->held, err);
}

/* Hold p back, after passing on what was held. */
static adze_status hold(flow *f, span p, bool is_match, adze_error *err)
{
    adze_status rc = flush(f, err);

    f->held = p;
    f->held_is_match = is_match;
    f->has_held = true;
    return rc;
}

static adze_status take(flow *f, span p, bool is_match, adze_error *err)
{
    bool after_match = f->previous_match;

    f->previous_match = is_match;
    switch (f->behavior) {
    case AZ_REMOVED: return is_match ? ADZE_OK : emit(f, p, err);
    case AZ_ISOLATED: return emit(f, p, err);
    case AZ_CONTIGUOUS:
        if (f->has_held && f->held_is_match == is_match) {
            f->held.end = p.end;
            return ADZE_OK;
        }
        return hold(f, p, is_match, err);
    case AZ_MERGED_WITH_PREVIOUS:
        if (is_match && !after_match && f->has_held) {
            f->held.end = p.end;
            return ADZE_OK;
        }
        return hold(f, p, is_match, err);
    default: /* a match joins the gap after it */
        if (!is_match && f->has_held) {
            p.start = f->held.start;
            f->has_held = false;
        }
        return is_match ? hold(f, p, true, err) : emit(f, p, err);
    }
}

static bool is_class(const az_pretok *t, uint32_t c)
{
    if (t->match == AZ_MATCH_CLASS) return az_uc_class_of(c) & t->class_bits;
    if (c < 128)
        return (c > 32 && c < 48) || (c > 57 && c < 65) || (c > 90 && c < 97) ||
               (c > 122 && c < 127);
    return az_in_runs(az_bert_punct, az_bert_punct_n, c);
}

/* Run of \w, or of neither \w nor white space; one white-space character is no match. */
static size_t word_or_not(const char *s, size_t n, bool *found)
{
    size_t at = 0, len;
    unsigned want = 0, k;

    for (; at < n; at += len) {
        k = az_uc_class_of(az_utf8_next(s + at, n - at, &len));
        k = k & AZ_UC_WORD ? AZ_UC_WORD : k & AZ_UC_SPACE ? AZ_UC_SPACE : AZ_UC_P;
        if (!at) want = k;
        if (k != want) break;
    }
    *found = want != AZ_UC_SPACE;
    return at;
}

/* Next match at or after `from`; an empty match right after the last one does not count. */
static adze_status next_match(az_pretok_run *r, size_t step, const char *s, size_t n, size_t from,
                              span *m, bool *found, adze_error *err)
{
    const az_pretok *t = &r->p->steps[step];
    const char *hit;
    size_t len;

    *found = false;
    switch (t->match) {
    case AZ_MATCH_KNOWN:
        *found = from < n;
        if (*found) *m = (span){ from, from + t->fn(s + from, n - from) };
        return ADZE_OK;
    case AZ_MATCH_REGEX:
        return az_regex_next(t->regex, r->scratch[step], s, n, from, &m->start, &m->end, found,
                             err);
    case AZ_MATCH_STRING:
        hit = t->text_n && from < n ? memmem(s + from, n - from, t->text, t->text_n) : NULL;
        *found = hit != NULL;
        if (hit) *m = (span){ (size_t)(hit - s), (size_t)(hit - s) + t->text_n };
        return ADZE_OK;
    case AZ_MATCH_CLASS:
    case AZ_MATCH_PUNCT:
        for (; from < n && !*found; from += len)
            if (is_class(t, az_utf8_next(s + from, n - from, &len))) {
                *m = (span){ from, from + len };
                *found = true;
            }
        return ADZE_OK;
    case AZ_MATCH_LENGTH:
        *found = from < n;
        *m = (span){ from, from };
        for (size_t k = 0; k < t->length && m->end < n; k++, m->end += len)
            az_utf8_next(s + m->end, n - m->end, &len);
        return ADZE_OK;
    default:
        while (from < n && !*found) {
            *m = (span){ from, from + word_or_not(s + from, n - from, found) };
            from = m->end;
        }
        return ADZE_OK;
    }
}

/* What the step's pattern is to see of s: the same text, or a copy with characters of no class, which are as long, in
 * place of those that Unicode 15.1 did not have. */
static adze_status as_of_15(az_pretok_run *r, size_t step, const char **s, size_t n,
                            adze_error *err)
{
    az_buf *b = &r->bufs[r->p->n + step];
    bool copied = false;

    for (size_t at = 0, len; at < n; at += len) {
        if (!(az_uc_class_of(az_utf8_next(*s + at, n - at, &len)) & AZ_UC_NEW)) continue;
        if (!copied) {
            az_buf_clear(b);
            az_buf_put(b, *s, n);
            if (!az_buf_ok(b)) return az_fail_nomem(err, "splitting text");
            copied = true;
        }
        az_utf8_put(b->data + at, len == 3 ? 0xffff : 0x1ffff); /* none is shorter */
    }
    if (copied) *s = b->data;
    return ADZE_OK;
}

static adze_status cut(az_pretok_run *r, size_t step, const char *s, size_t n, bool first,
                       adze_error *err)
{
    const az_pretok *t = &r->p->steps[step];
    const char *seen = s;
    flow f = { .r = r, .step = step, .s = s, .behavior = t->behavior, .first = first };
    size_t done = 0, from = 0, last_end = SIZE_MAX, len;
    adze_status rc = ADZE_OK;
    span m = { 0, 0 };
    bool found;

    if (r->p->unicode_15 && (rc = as_of_15(r, step, &seen, n, err)) < 0) return rc;
    while (from <= n) {
        rc = next_match(r, step, seen, n, from, &m, &found, err);
        if (rc < 0) return rc;
        if (!found) break;
        if (m.start == m.end && m.end == last_end) { /* empty, right after the last match */
            if (from >= n) break;
            az_utf8_next(s + from, n - from, &len);
            from += len;
            continue;
        }
        from = last_end = m.end;
        if (m.start > done) rc = take(&f, (span){ done, m.start }, t->invert, err);
        if (rc == ADZE_OK) rc = take(&f, m, !t->invert, err);
        if (rc < 0) return rc;
        done = m.end;
    }
    if (done < n) rc = take(&f, (span){ done, n }, t->invert, err);
    return rc < 0 ? rc : flush(&f, err);
}

/* The piece with a space in front, in the step's own buffer. */
static adze_status add_space(az_pretok_run *r, size_t step, const char **s, size_t *n,
                             adze_error *err)
{
    az_buf *b = &r->bufs[step];

    az_buf_clear(b);
    az_buf_putc(b, ' ');
    az_buf_put(b, *s, *n);
    if (!az_buf_ok(b)) return az_fail_nomem(err, "splitting text");
    *s = b->data;
    *n = b->size;
    return ADZE_OK;
}

/* ' ' becomes the replacement, which is put in front where the scheme says so. */
static adze_status metaspace(az_pretok_run *r, size_t step, const char **s, size_t *n, bool first,
                             adze_error *err)
{
    const az_pretok *t = &r->p->steps[step];
    az_buf *b = &r->bufs[step];
    const char *p = *s, *end = p + *n, *space;
    bool has = (*n >= t->text_n && memcmp(p, t->text, t->text_n) == 0) || *p == ' ';

    az_buf_clear(b);
    if (!has && (t->prepend == AZ_PREPEND_ALWAYS || (t->prepend == AZ_PREPEND_FIRST && first)))
        az_buf_put(b, t->text, t->text_n);
    for (; (space = memchr(p, ' ', (size_t)(end - p))); p = space + 1) {
        az_buf_put(b, p, (size_t)(space - p));
        az_buf_put(b, t->text, t->text_n);
    }
    az_buf_put(b, p, (size_t)(end - p));
    if (!az_buf_ok(b)) return az_fail_nomem(err, "splitting text");
    *s = b->data;
    *n = b->size;
    return ADZE_OK;
}

/* Pieces of a ByteLevel step whose successors see the byte alphabet. */
static adze_status alphabet_step(az_pretok_run *r, size_t step, const char *s, size_t n, bool first,
                                 adze_error *err)
{
    az_buf *b = &r->bufs[step];
    char utf8[4];

    az_buf_clear(b);
    for (size_t i = 0; i < n; i++)
        az_buf_put(b, utf8, az_utf8_put(utf8, az_byte_char((unsigned char)s[i])));
    if (!az_buf_ok(b)) return az_fail_nomem(err, "splitting text");
    return run_step(r, step + 1, b->data, b->size, first, err);
}

/* Steps nest at most p->n deep (64). */
static adze_status run_step(az_pretok_run *r, size_t step, const char *s, size_t n, bool first,
                            adze_error *err)
{
    const az_pretok *t = &r->p->steps[step];
    adze_status rc = ADZE_OK;

    if (step == r->p->n) {
        if (az_cancelled(r->run)) return az_check_cancel(r->run, err);
        return r->piece(r->arg, s, n, err);
    }
    if (t->to_alphabet) return alphabet_step(r, step, s, n, first, err);
    if (t->add_space && s[0] != ' ') rc = add_space(r, step, &s, &n, err);
    if (t->metaspace) rc = metaspace(r, step, &s, &n, first, err);
    if (rc < 0) return rc;
    if (!t->split) return run_step(r, step + 1, s, n, first, err);
    return cut(r, step, s, n, first, err);
}

adze_status az_pretok_run_init(az_pretok_run *r, adze_run *run, const az_pretoks *p,
                               az_piece_fn *piece, void *arg, adze_error *err)
{
    adze_status rc = ADZE_OK;

    *r = (az_pretok_run){ .p = p, .run = run, .piece = piece, .arg = arg };
    r->scratch = az_calloc(run, p->n + 1, sizeof *r->scratch);
    r->bufs = az_calloc(run, 2 * p->n + 1, sizeof *r->bufs);
    if (!r->scratch || !r->bufs) return az_fail_nomem(err, "splitting text");
    for (size_t i = 0; i < 2 * p->n; i++)
        az_buf_init(&r->bufs[i], run);
    for (size_t i = 0; i < p->n && rc == ADZE_OK; i++)
        if (p->steps[i].regex) rc = az_regex_scratch_new(&r->scratch[i], p->steps[i].regex, err);
    return rc;
}

void az_pretok_run_deinit(az_pretok_run *r)
{
    for (size_t i = 0; r->p && r->scratch && i < r->p->n; i++)
        az_regex_scratch_free(r->scratch[i]);
    for (size_t i = 0; r->p && r->bufs && i < 2 * r->p->n; i++)
        if (r->bufs[i].run) az_buf_deinit(&r->bufs[i]);
    az_free(r->run, r->scratch);
    az_free(r->run, r->bufs);
}

adze_status az_pretok_text(az_pretok_run *r, const char *s, size_t n, bool first, adze_error *err)
{
    return n ? run_step(r, 0, s, n, first, err) : ADZE_OK;
}
