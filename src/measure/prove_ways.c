/* Tokenizing in two ways and finding the first text and token where they part. */
#include "measure/prove_ways.h"
#include "text/unicode.h"

#include <stdio.h>
#include <string.h>

enum { MAX_TEXT = 64 << 20, SHOWN_IDS = 6, SLOW_LINES = 64 };

#define TIMEOUT_S 60.0

/* Ids of a worker: as many as a hostile one may send are taken for what they are, numbers that differ. */
static adze_status real_ids(adze_run *run, az_worker *w, const char *s, size_t n, int32_t **ids,
                            size_t *n_ids, adze_error *err)
{
    size_t bytes = 0;
    void *frame = NULL;
    adze_status rc =
        az_worker_call(w, "tokenize", NULL, s, n, TIMEOUT_S, NULL, &frame, &bytes, err);

    if (rc == ADZE_OK && (bytes % sizeof **ids || bytes / sizeof **ids > 8 * n + 1024))
        rc = az_fail(err, ADZE_EWORKER, NULL, ADZE_NOPOS, "%zu bytes of ids for a text of %zu",
                     bytes, n);
    if (rc == ADZE_OK && !frame && !(frame = az_alloc(run, 1))) rc = az_fail_nomem(err, "proving");
    if (rc < 0) {
        az_free(run, frame);
        return rc;
    }
    *ids = frame;
    *n_ids = bytes / sizeof **ids;
    return ADZE_OK;
}

adze_status az_way_encode(adze_run *run, const az_way *w, const char *s, size_t n, int32_t **ids,
                          size_t *n_ids, adze_error *err)
{
    if (w->real) return real_ids(run, w->real, s, n, ids, n_ids, err);
    return w->llama ? az_llama_tok_encode(w->llama, s, n, true, ids, n_ids, err)
                    : adze_tokenize(w->tok, s, n, 1, ids, n_ids, err);
}

static void put_ids(az_buf *b, const int32_t *ids, size_t n, size_t from)
{
    az_buf_puts(b, from ? "[.. " : "[");
    for (size_t i = from; i < n && i < from + SHOWN_IDS; i++)
        if (ids[i] < 0)
            az_buf_puts(b, i > from ? " error" : "error");
        else
            az_buf_printf(b, "%s%d", i > from ? " " : "", (int)ids[i]);
    az_buf_puts(b, n > from + SHOWN_IDS ? " ..]" : "]");
}

static const char *describe(az_texts *t, const char *what, const char *s, size_t n,
                            const int32_t *a, size_t n_a, const int32_t *b, size_t n_b, size_t at)
{
    const char *text;
    char raw[72];
    size_t len = n < 48 ? n : 48;
    az_buf buf;

    memcpy(raw, s, len);
    raw[len] = 0;
    for (size_t i = 0; i < len; i++)
        if (!raw[i]) raw[i] = '?';
    az_buf_init(&buf, t->v->run);
    az_buf_printf(&buf, "%s: \"%s%s\": token %zu: ", what, raw, n > len ? ".." : "", at);
    put_ids(&buf, a, n_a, at);
    az_buf_printf(&buf, " %s, ", t->ref_name);
    put_ids(&buf, b, n_b, at);
    az_buf_printf(&buf, " %s", t->here_name);
    text = az_proof_text(t->v->p, "%s", az_buf_ok(&buf) ? buf.data : "");
    az_buf_deinit(&buf);
    return text;
}

static adze_status compare_text(az_texts *t, const char *what, const char *s, size_t n,
                                adze_error *err)
{
    int32_t *a = NULL, *b = NULL;
    size_t n_a = 0, n_b = 0, at = 0;
    adze_status rc;

    /* What is no UTF-8 becomes U+FFFD in llama.cpp, whatever the model; Python's strings cannot hold it. */
    if ((t->here.llama || t->here.real || t->ref.real) && az_utf8_prefix(s, n) != n) return ADZE_OK;
    rc = az_way_encode(t->v->run, &t->ref, s, n, &a, &n_a, err);
    if (rc == ADZE_OK) rc = az_way_encode(t->v->run, &t->here, s, n, &b, &n_b, err);
    if (rc == ADZE_OK) {
        t->n++;
        t->ids += n_a;
        while (at < n_a && at < n_b && a[at] == b[at])
            at++;
        if (at < n_a || at < n_b) {
            if (!t->differing++) t->where = describe(t, what, s, n, a, n_a, b, n_b, at);
        }
    }
    az_free(t->v->run, a);
    az_free(t->v->run, b);
    return rc;
}

static adze_status compare_file(az_texts *t, const char *path, adze_error *err)
{
    char *text = NULL, name[32];
    size_t n = 0, line = 0;
    adze_status rc = az_read_file(t->v->run, path, MAX_TEXT, &text, &n, err);

    for (size_t at = 0; rc == ADZE_OK && at < n && !(t->slow && line == SLOW_LINES);) {
        const char *stop = memchr(text + at, '\n', n - at);
        size_t end = stop ? (size_t)(stop - text) + 1 : n;
        snprintf(name, sizeof name, "line %zu", ++line);
        rc = compare_text(t, name, text + at, end - at, err);
        at = end;
        if (rc == ADZE_OK && line % 1024 == 0) {
            rc = az_check_cancel(t->v->run, err);
            az_progress(t->v->run, "prove tokens", at, n, "B");
        }
    }
    if (rc == ADZE_OK && n && !t->slow) rc = compare_text(t, "the whole text", text, n, err);
    az_free(t->v->run, text);
    return rc;
}

/* Every token's own text: what the merges make of it. */
static adze_status compare_pieces(az_texts *t, adze_error *err)
{
    adze_status rc = ADZE_OK;

    for (size_t id = 0; id < t->ref.tok->n_ids && rc == ADZE_OK; id++) {
        az_str s = t->ref.tok->bytes[id];
        if (s.s && s.n) rc = compare_text(t, "a token's text", s.s, s.n, err);
        if (rc == ADZE_OK && id % 4096 == 0) rc = az_check_cancel(t->v->run, err);
    }
    return rc;
}

adze_status az_texts_compare(az_texts *t, adze_error *err)
{
    adze_status rc = ADZE_OK;

    for (const az_proof_string *s = az_proof_strings; s->what && rc == ADZE_OK; s++)
        rc = compare_text(t, s->what, s->s, s->n, err);
    if (rc == ADZE_OK && !t->slow) rc = compare_pieces(t, err);
    if (rc == ADZE_OK && t->v->o->text) rc = compare_file(t, t->v->o->text, err);
    return rc;
}
