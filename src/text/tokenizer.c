/* The tokenizer's public face: text to ids, ids to bytes.
 *
 * Bytes that are not valid UTF-8 have no meaning for patterns: each stretch of them is encoded on its own,
 * so any input becomes ids and the ids give it back.
 */
#include "text/tokenizer.h"
#include "text/unicode.h"

#include <string.h>

adze_status az_tokenizer_new(adze_tokenizer **out, adze_run *run, const adze_model *m,
                             const az_tokenizer_opts *opts, adze_error *err)
{
    adze_tokenizer *t = az_calloc(run, 1, sizeof *t);
    adze_status rc;

    *out = NULL;
    if (!t) return az_fail_nomem(err, "reading a tokenizer");
    t->run = run;
    t->bos = t->eos = -1;
    az_arena_init(&t->arena, run);
    az_added_init(&t->raw, run);
    az_added_init(&t->normal, run);
    if (m->tok.hf)
        rc = az_tok_read_hf(t, m, opts, err);
    else if (az_kv_find(&m->kv, "tokenizer.ggml.model"))
        rc = az_tok_read_gguf(t, m, opts, err);
    else
        rc = az_fail(err, ADZE_EUNSUP, m->path, ADZE_NOPOS, "the checkpoint has no tokenizer");
    if (rc < 0) {
        adze_tokenizer_free(t);
        return rc;
    }
    *out = t;
    return ADZE_OK;
}

adze_status adze_tokenizer_new(adze_tokenizer **out, adze_run *run, const adze_model *m,
                               adze_error *err)
{
    az_tokenizer_opts opts = { 0 };

    return az_tokenizer_new(out, run, m, &opts, err);
}

void adze_tokenizer_free(adze_tokenizer *t)
{
    if (!t) return;
    az_bpe_deinit(&t->bpe);
    az_added_deinit(&t->raw);
    az_added_deinit(&t->normal);
    az_norms_deinit(&t->norms);
    az_pretoks_deinit(&t->pretoks);
    az_arena_deinit(&t->arena);
    az_free(t->run, t);
}

size_t adze_tokenizer_vocab(const adze_tokenizer *t)
{
    return t->n_ids;
}

const char *adze_token_bytes(const adze_tokenizer *t, int32_t id, size_t *n)
{
    *n = 0;
    if (id < 0 || (size_t)id >= t->n_ids || !t->bytes[id].s) return NULL;
    *n = t->bytes[id].n;
    return t->bytes[id].s;
}

int adze_token_is_special(const adze_tokenizer *t, int32_t id)
{
    return id >= 0 && (size_t)id < t->n_ids && (t->flags[id] & AZ_TOK_SPECIAL) != 0;
}

int32_t az_tokenizer_id(const adze_tokenizer *t, const char *text, size_t n)
{
    for (size_t id = 0; id < t->n_ids; id++)
        if (t->text[id].s && t->text[id].n == n && memcmp(t->text[id].s, text, n) == 0)
            return (int32_t)id;
    return -1;
}

/* One call of adze_tokenize. */
typedef struct encoding {
    const adze_tokenizer *t;
    az_bpe_out out;
    az_pretok_run pretok;
    az_buf norm[2], raw;
} encoding;

/* Undo the byte alphabet; characters outside it cannot come from a ByteLevel step. */
static adze_status put_alphabet(encoding *e, const char *s, size_t n, adze_error *err)
{
    size_t len;

    az_buf_clear(&e->raw);
    for (size_t at = 0; at < n; at += len) {
        int byte = az_char_byte(az_utf8_next(s + at, n - at, &len));
        if (byte >= 0) az_buf_putc(&e->raw, (char)byte);
    }
    if (!az_buf_ok(&e->raw)) return az_fail_nomem(err, "encoding text");
    return az_bpe_encode(&e->t->bpe, &e->out, e->raw.data, e->raw.size, err);
}

static adze_status put_piece(void *arg, const char *s, size_t n, adze_error *err)
{
    encoding *e = arg;

    if (e->t->pretoks.alphabet) return put_alphabet(e, s, n, err);
    return az_bpe_encode(&e->t->bpe, &e->out, s, n, err);
}

typedef adze_status gap_fn(encoding *e, const char *s, size_t n, adze_error *err);

/* Push the added tokens of `set` in s and hand every gap between them to `gap`. */
static adze_status cut_added(encoding *e, const az_added_set *set, const char *s, size_t n,
                             gap_fn *gap, adze_error *err)
{
    size_t taken = 0, from = 0;

    for (;;) {
        az_added_hit h = az_added_next(set, s, n, from, taken);
        if (h.start > taken) {
            adze_status rc = gap(e, s + taken, h.start - taken, err);
            if (rc < 0) return rc;
        }
        if (!h.token) return ADZE_OK;
        if (!az_bpe_push(&e->out, h.token->id)) return az_fail_nomem(err, "encoding text");
        taken = h.end;
        from = h.resume;
    }
}

static adze_status pretokenize(encoding *e, const char *s, size_t n, adze_error *err)
{
    return az_pretok_text(&e->pretok, s, n, err);
}

static adze_status normalize(encoding *e, const char *s, size_t n, adze_error *err)
{
    adze_status rc = az_norms_run(&e->t->norms, e->norm, s, n, &s, &n, err);

    return rc < 0 ? rc : cut_added(e, &e->t->normal, s, n, pretokenize, err);
}

static adze_status encode_all(encoding *e, const char *text, size_t n, adze_error *err)
{
    adze_status rc = ADZE_OK;
    size_t at = 0, end;

    while (at < n && rc == ADZE_OK) {
        end = at + az_utf8_prefix(text + at, n - at);
        if (end > at) rc = cut_added(e, &e->t->raw, text + at, end - at, normalize, err);
        at = end;
        while (end < n && !az_utf8_valid(text + end, n - end))
            end++;
        if (rc == ADZE_OK && end > at)
            rc = az_bpe_encode(&e->t->bpe, &e->out, text + at, end - at, err);
        at = end;
    }
    return rc;
}

static adze_status push_all(encoding *e, const int32_t *ids, size_t n, adze_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!az_bpe_push(&e->out, ids[i])) return az_fail_nomem(err, "encoding text");
    return ADZE_OK;
}

adze_status adze_tokenize(const adze_tokenizer *t, const char *text, size_t n, int add_special,
                          int32_t **ids, size_t *n_ids, adze_error *err)
{
    encoding e = { .t = t };
    adze_status rc;

    *ids = NULL;
    *n_ids = 0;
    az_bpe_out_init(&e.out, t->run, n);
    az_buf_init(&e.norm[0], t->run);
    az_buf_init(&e.norm[1], t->run);
    az_buf_init(&e.raw, t->run);
    rc = az_pretok_run_init(&e.pretok, t->run, &t->pretoks, put_piece, &e, err);
    if (rc < 0) goto done;
    if (add_special && (rc = push_all(&e, t->prefix, t->n_prefix, err)) < 0) goto done;
    rc = encode_all(&e, text, n, err);
    if (rc < 0) goto done;
    if (add_special && (rc = push_all(&e, t->suffix, t->n_suffix, err)) < 0) goto done;
    if (!e.out.ids && (e.out.ids = az_alloc(t->run, sizeof *e.out.ids)) == NULL) {
        rc = az_fail_nomem(err, "encoding text");
        goto done;
    }
    *ids = e.out.ids;
    *n_ids = e.out.n;
    e.out.ids = NULL;
done:
    az_pretok_run_deinit(&e.pretok);
    az_bpe_out_deinit(&e.out);
    az_buf_deinit(&e.norm[0]);
    az_buf_deinit(&e.norm[1]);
    az_buf_deinit(&e.raw);
    return rc;
}

void adze_tokens_free(const adze_tokenizer *t, int32_t *ids)
{
    if (t) az_free(t->run, ids);
}
