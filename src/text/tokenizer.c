/* The tokenizer's public face: text to ids, ids to bytes.
 *
 * Bytes that are not valid UTF-8 have no meaning for patterns: each stretch of them is encoded on its own,
 * so any input becomes ids and the ids give it back.
 */
#include "text/tokenizer.h"
#include "base/check.h"
#include "text/source.h"
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
    t->path = az_arena_strdup(&t->arena, m->path ? m->path : "");
    if (!t->path)
        rc = az_fail_nomem(err, "reading a tokenizer");
    else if (m->tok.hf)
        rc = az_tok_read_hf(t, m, opts, err);
    else if (az_kv_find(&m->kv, "tokenizer.ggml.model"))
        rc = az_tok_read_gguf(t, m, opts, err);
    else
        rc = az_fail(err, ADZE_EUNSUP, m->path, ADZE_NOPOS, "the checkpoint has no tokenizer");
    if (rc < 0) {
        adze_tokenizer_free(t);
        return az_fail_in(err, rc, m->path);
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

adze_status az_tokenizer_parse(adze_tokenizer **out, adze_run *run, const char *data, size_t n,
                               bool spm, adze_error *err)
{
    static const char *const names[] = { "tokenizer.json", "tokenizer.model" };
    az_tok_beside beside = { .run = run };
    adze_model *m;
    adze_status rc = az_model_new(&m, run, "", "hf", err);

    *out = NULL;
    if (rc < 0) return rc;
    if (spm) m->tok.hf_name = names[1];
    rc = spm ? az_tok_from_spm(&m->tok.hf, data, n, &beside, names[1], err)
             : az_json_parse(&m->tok.hf, data, n, names[0], err);
    if (rc == ADZE_OK) rc = adze_tokenizer_new(out, run, m, err);
    adze_model_close(m);
    return rc;
}

void adze_tokenizer_free(adze_tokenizer *t)
{
    if (!t) return;
    az_bpe_deinit(&t->bpe);
    az_unigram_deinit(&t->unigram);
    az_wordpiece_deinit(&t->wordpiece);
    az_trie_deinit(&t->user);
    az_index_deinit(&t->names);
    az_added_deinit(&t->raw);
    az_added_deinit(&t->normal);
    az_norms_deinit(&t->norms);
    az_pretoks_deinit(&t->pretoks);
    az_arena_deinit(&t->arena);
    az_free(t->run, t);
}

const char *adze_tokenizer_warning(const adze_tokenizer *t)
{
    return t->warning;
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
    return az_index_find(&t->names, text, n);
}

/* One call of adze_tokenize. */
typedef struct encoding {
    const adze_tokenizer *t;
    const char *text; /* where it begins */
    az_ids out;
    az_pretok_run pretok;
    az_buf norm[2], raw;
    size_t room; /* bytes that normalizers may still write */
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

static adze_status unigram_word(const void *model, az_ids *o, const char *s, size_t n,
                                adze_error *err)
{
    return az_unigram_encode(model, o, s, n, err);
}

static adze_status wordpiece_word(const void *model, az_ids *o, const char *s, size_t n,
                                  adze_error *err)
{
    return az_wordpiece_encode(model, o, s, n, err);
}

static adze_status put_piece(void *arg, const char *s, size_t n, adze_error *err)
{
    encoding *e = arg;
    const adze_tokenizer *t = e->t;

    if (t->kind == AZ_TOK_UNIGRAM)
        return az_ids_word(&e->out, unigram_word, &t->unigram, s, n, err);
    if (t->kind == AZ_TOK_WORDPIECE)
        return az_ids_word(&e->out, wordpiece_word, &t->wordpiece, s, n, err);
    if (t->byte_level && t->pretoks.alphabet) return put_alphabet(e, s, n, err);
    return az_bpe_encode(&t->bpe, &e->out, s, n, err);
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
        if (!az_ids_push(&e->out, h.token->id)) return az_fail_nomem(err, "encoding text");
        taken = h.end;
        from = h.resume;
    }
}

static adze_status pretokenize(encoding *e, const char *s, size_t n, adze_error *err)
{
    return az_pretok_text(&e->pretok, s, n, false, err);
}

static adze_status pretokenize_first(encoding *e, const char *s, size_t n, adze_error *err)
{
    return az_pretok_text(&e->pretok, s, n, s == e->text, err);
}

static adze_status normalize(encoding *e, const char *s, size_t n, adze_error *err)
{
    bool first = s == e->text;
    adze_status rc;

    e->norm[0].max = e->norm[1].max = e->room;
    rc = az_norms_run(&e->t->norms, e->norm, s, n, &first, &s, &n, err);
    if (rc < 0) return rc;
    e->room = e->room > n ? e->room - n : 1;
    if (!first) return cut_added(e, &e->t->normal, s, n, pretokenize, err);
    e->text = s; /* the normalized text begins here */
    return cut_added(e, &e->t->normal, s, n, pretokenize_first, err);
}

static adze_status put_bytes(encoding *e, const char *s, size_t n, adze_error *err)
{
    const int32_t *id = e->t->kind == AZ_TOK_BPE ? e->t->bpe.byte_id : e->t->unigram.byte_id;

    if (e->t->byte_level) return az_bpe_encode(&e->t->bpe, &e->out, s, n, err);
    for (size_t i = 0; i < n; i++)
        if (!az_ids_push(&e->out, id[(unsigned char)s[i]]))
            return az_fail_nomem(err, "encoding text");
    return ADZE_OK;
}

/* Stretches that are UTF-8, and what is between them as bytes. */
static adze_status encode_stretches(encoding *e, const char *text, size_t n, adze_error *err)
{
    adze_status rc = ADZE_OK;
    size_t at = 0, end;

    while (at < n && rc == ADZE_OK) {
        end = at + az_utf8_prefix(text + at, n - at);
        if (end > at) rc = cut_added(e, &e->t->raw, text + at, end - at, normalize, err);
        at = end;
        while (end < n && !az_utf8_valid(text + end, n - end))
            end++;
        if (rc == ADZE_OK && end > at) rc = put_bytes(e, text + at, end - at, err);
        at = end;
    }
    return rc;
}

/* Every byte that is not part of UTF-8 becomes U+FFFD. */
static adze_status encode_replaced(encoding *e, const char *text, size_t n, adze_error *err)
{
    adze_status rc;
    az_buf b;

    az_buf_init(&b, e->t->run);
    for (size_t at = 0, end; at < n; at = end) {
        end = at + az_utf8_prefix(text + at, n - at);
        az_buf_put(&b, text + at, end - at);
        for (; end < n && !az_utf8_valid(text + end, n - end); end++)
            az_buf_put(&b, "\xef\xbf\xbd", 3);
    }
    if (az_buf_ok(&b)) {
        e->text = b.data;
        rc = cut_added(e, &e->t->raw, b.data, b.size, normalize, err);
    } else {
        rc = az_fail_nomem(err, "encoding text");
    }
    az_buf_deinit(&b);
    return rc;
}

static adze_status encode_all(encoding *e, const char *text, size_t n, adze_error *err)
{
    e->text = text;
    if (e->t->byte_level || e->t->keep_bytes) return encode_stretches(e, text, n, err);
    /* SentencePiece's normalizer takes any bytes. */
    if (e->t->norms.n && e->t->norms.items[0].kind == AZ_NORM_SENTENCEPIECE)
        return cut_added(e, &e->t->raw, text, n, normalize, err);
    if (az_utf8_prefix(text, n) < n) return encode_replaced(e, text, n, err);
    return cut_added(e, &e->t->raw, text, n, normalize, err);
}

static adze_status push_all(encoding *e, const int32_t *ids, size_t n, adze_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!az_ids_push(&e->out, ids[i])) return az_fail_nomem(err, "encoding text");
    return ADZE_OK;
}

adze_status adze_tokenize(const adze_tokenizer *t, const char *text, size_t n, int add_special,
                          int32_t **ids, size_t *n_ids, adze_error *err)
{
    encoding e = { .t = t };
    adze_status rc;

    *ids = NULL;
    *n_ids = 0;
    if (!az_mul_size(n, AZ_NORM_GROWTH, &e.room) || !az_add_size(e.room, AZ_NORM_LEAST, &e.room))
        return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "a text of %zu bytes", n);
    az_ids_init(&e.out, t->run, n);
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
    az_ids_deinit(&e.out);
    az_buf_deinit(&e.norm[0]);
    az_buf_deinit(&e.norm[1]);
    az_buf_deinit(&e.raw);
    return az_fail_in(err, rc, t->path);
}

void adze_tokens_free(const adze_tokenizer *t, int32_t *ids)
{
    if (t) az_free(t->run, ids);
}

/* A byte-level token is bytes already; the others go through the decoders as the vocabulary spells them. */
static adze_status decode(const adze_tokenizer *t, const az_str *tokens, size_t n, az_buf *out,
                          adze_error *err)
{
    if (!t->byte_level) return az_decoders_run(&t->decoders, t->run, tokens, n, out, err);
    for (size_t i = 0; i < n; i++)
        az_buf_put(out, tokens[i].s, tokens[i].n);
    return az_buf_ok(out) ? ADZE_OK : az_fail_nomem(err, "decoding tokens");
}

adze_status adze_detokenize(const adze_tokenizer *t, const int32_t *ids, size_t n, int skip_special,
                            char **text, size_t *n_text, adze_error *err)
{
    az_str *tokens = az_calloc(t->run, n + 1, sizeof *tokens);
    adze_status rc = ADZE_OK;
    size_t k = 0;
    az_buf out;

    *text = NULL;
    *n_text = 0;
    if (!tokens) return az_fail_nomem(err, "decoding tokens");
    az_buf_init(&out, t->run);
    for (size_t i = 0; i < n && rc == ADZE_OK; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= t->n_ids)
            rc = az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "%d is not an id of the vocabulary",
                         (int)ids[i]);
        else if (t->text[ids[i]].s && !(skip_special && adze_token_is_special(t, ids[i])))
            tokens[k++] = t->byte_level ? t->bytes[ids[i]] : t->text[ids[i]];
    }
    if (rc == ADZE_OK) rc = decode(t, tokens, k, &out, err);
    az_free(t->run, tokens);
    if (rc == ADZE_OK) {
        *n_text = out.size;
        az_buf_put(&out, "", 0); /* never NULL */
        *text = az_buf_take(&out);
        if (!*text) rc = az_fail_nomem(err, "decoding tokens");
    }
    az_buf_deinit(&out);
    return az_fail_in(err, rc, t->path);
}

void adze_text_free(const adze_tokenizer *t, char *text)
{
    if (t) az_free(t->run, text);
}
