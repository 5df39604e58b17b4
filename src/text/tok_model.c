/* From the "model" of a tokenizer.json (or of what a GGUF keeps of one) and the filled vocabulary to something that
 * encodes. Model types: BPE, Unigram, WordPiece, and adze's own SentencePiece, which is what a tokenizer.model says
 * with SentencePiece's arithmetic. */
#include "base/check.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

#include <math.h>
#include <string.h>

enum { MAX_AFFIX = 64 };

typedef struct making {
    adze_tokenizer *t;
    const json_t *model;
    const char *path;
    adze_error *err;
} making;

static adze_status bad(const making *m, const char *name, const char *what)
{
    return az_fail_name(m->err, ADZE_EFORMAT, m->path, name, ADZE_NOPOS, "%s", what);
}

/* Id of the token that `key` names by its text; -1 when there is no such key. */
static adze_status token_of(const making *m, const char *key, int32_t *id)
{
    const json_t *v = json_object_get(m->model, key);

    *id = -1;
    if (!v || json_is_null(v)) return ADZE_OK;
    if (json_is_string(v))
        *id = az_index_find(&m->t->names, json_string_value(v), json_string_length(v));
    return *id >= 0 ? ADZE_OK : bad(m, key, "is not in the vocabulary");
}

/* A prefix or suffix of the model, copied; NULL when it is missing or empty. */
static adze_status affix(const making *m, const char *key, const char **out)
{
    const char *s = az_json_str(m->model, key);

    *out = NULL;
    if (!s || !*s) return ADZE_OK;
    if (strlen(s) > MAX_AFFIX)
        return az_fail_name(m->err, ADZE_EUNSUP, m->path, key, ADZE_NOPOS,
                            "of %zu bytes; at most %d are supported", strlen(s), (int)MAX_AFFIX);
    *out = az_arena_strdup(&m->t->arena, s);
    return *out ? ADZE_OK : az_fail_nomem(m->err, "reading a tokenizer");
}

static adze_status make_bpe(const making *m, size_t n_merges)
{
    adze_tokenizer *t = m->t;
    double dropout;
    size_t n_bytes = 0;
    adze_status rc;

    if (az_json_real(m->model, "dropout", &dropout) && dropout > 0)
        return az_fail_name(m->err, ADZE_EUNSUP, m->path, "model.dropout", ADZE_NOPOS,
                            "merge dropout makes ids random");
    rc = az_bpe_init(&t->bpe, t->run, t->byte_level ? AZ_BPE_BYTES : AZ_BPE_CHARS, t->model,
                     t->n_ids, n_merges, m->err);
    if (rc == ADZE_OK) rc = token_of(m, "unk_token", &t->bpe.unk);
    if (rc == ADZE_OK) rc = affix(m, "continuing_subword_prefix", &t->bpe.prefix);
    if (rc == ADZE_OK) rc = affix(m, "end_of_word_suffix", &t->bpe.suffix);
    if (rc < 0) return rc;
    az_json_bool(m->model, "ignore_merges", &t->bpe.ignore_merges);
    az_json_bool(m->model, "fuse_unk", &t->bpe.fuse_unk);
    az_json_bool(m->model, "byte_fallback", &t->bpe.byte_fallback);
    for (int i = 0; i < 256; i++)
        n_bytes += t->bpe.byte_id[i] >= 0;
    if (t->byte_level && !n_bytes)
        return bad(m, "model.vocab", "has none of the 256 single-byte tokens");
    t->keep_bytes = !t->byte_level && t->bpe.byte_fallback && n_bytes == 256;
    return ADZE_OK;
}

static adze_status check_scores(const making *m)
{
    if (!m->t->scores) return bad(m, "model.vocab", "has no scores");
    for (size_t id = 0; id < m->t->n_ids; id++)
        if (!isfinite(m->t->scores[id]))
            return az_fail_name(m->err, ADZE_EFORMAT, m->path, "model.vocab", ADZE_NOPOS,
                                "the score of token %zu is not a finite number", id);
    return ADZE_OK;
}

static void find_bytes(const adze_tokenizer *t, int32_t ids[256], size_t *n)
{
    *n = 0;
    for (int c = 0; c < 256; c++)
        ids[c] = -1;
    for (size_t id = t->n_ids; id-- > 0;) {
        int byte = t->text[id].s ? az_byte_token(t->text[id].s, t->text[id].n) : -1;
        if (byte < 0 || (t->text[id].s[3] >= 'a') || (t->text[id].s[4] >= 'a')) continue;
        *n += ids[byte] < 0;
        ids[byte] = (int32_t)id;
    }
}

static adze_status make_unigram(const making *m)
{
    adze_tokenizer *t = m->t;
    bool *found = az_calloc(t->run, t->n_ids + 1, sizeof *found);
    int64_t unk = -1;
    adze_status rc = check_scores(m);
    size_t n_bytes;

    if (!found) rc = az_fail_nomem(m->err, "reading a tokenizer");
    for (size_t id = 0; id < t->n_ids && rc == ADZE_OK; id++)
        found[id] = t->model[id].s != NULL;
    if (rc == ADZE_OK)
        rc = az_unigram_init(&t->unigram, t->run, t->model, t->scores, found, NULL, t->n_ids,
                             m->err);
    az_free(t->run, found);
    if (rc < 0) return rc;
    if (az_json_int(m->model, "unk_id", &unk) &&
        (unk < 0 || (uint64_t)unk >= t->n_ids || !t->model[unk].s))
        return bad(m, "model.unk_id", "is not an id of the vocabulary");
    t->unigram.unk = (int32_t)unk;
    az_json_bool(m->model, "byte_fallback", &t->unigram.byte_fallback);
    find_bytes(t, t->unigram.byte_id, &n_bytes);
    t->keep_bytes = t->unigram.byte_fallback && n_bytes == 256;
    return ADZE_OK;
}

static adze_status make_wordpiece(const making *m)
{
    const char *prefix = az_json_str(m->model, "continuing_subword_prefix");
    int64_t max = 100;
    adze_tokenizer *t = m->t;
    adze_status rc;

    if (az_json_int(m->model, "max_input_chars_per_word", &max) && max < 1)
        return bad(m, "model.max_input_chars_per_word", "must be 1 or more");
    rc = az_wordpiece_init(&t->wordpiece, t->run, t->model, t->n_ids, prefix ? prefix : "##",
                           m->err);
    if (rc == ADZE_OK) rc = token_of(m, "unk_token", &t->wordpiece.unk);
    t->wordpiece.max_chars = (size_t)max;
    return rc;
}

static bool has_type(const adze_tokenizer *t, size_t id, int type)
{
    return t->model[id].s && t->types[id] == type;
}

/* SentencePiece's normalizer leaves user-defined pieces as they are. */
static adze_status protect_user(const making *m, const bool *user)
{
    adze_tokenizer *t = m->t;
    az_trie_key *keys;
    adze_status rc;
    size_t n = 0;

    for (size_t id = 0; id < t->n_ids; id++)
        n += user[id];
    if (!n || !t->norms.n || t->norms.items[0].kind != AZ_NORM_SENTENCEPIECE) return ADZE_OK;
    keys = az_calloc(t->run, n, sizeof *keys);
    if (!keys) return az_fail_nomem(m->err, "reading a tokenizer");
    n = 0;
    for (size_t id = 0; id < t->n_ids; id++)
        if (user[id]) keys[n++] = (az_trie_key){ t->model[id], (int32_t)id };
    rc = az_trie_init(&t->user, t->run, keys, n, m->err);
    az_free(t->run, keys);
    t->norms.items[0].rules->user = &t->user;
    return rc;
}

static adze_status make_sp_bpe(const making *m, const bool *normal, const bool *user, int32_t unk,
                               bool fallback)
{
    adze_tokenizer *t = m->t;
    float *scores = az_calloc(t->run, t->n_ids + 1, sizeof *scores);
    adze_status rc;

    if (!scores) return az_fail_nomem(m->err, "reading a tokenizer");
    for (size_t id = 0; id < t->n_ids; id++)
        scores[id] = (float)t->scores[id];
    rc = az_bpe_init(&t->bpe, t->run, AZ_BPE_SCORES, t->model, t->n_ids, 0, m->err);
    if (rc == ADZE_OK) rc = az_bpe_set_scores(&t->bpe, scores, normal, user, m->err);
    t->bpe.unk = unk;
    t->bpe.byte_fallback = fallback;
    az_free(t->run, scores);
    return rc;
}

static adze_status make_sp_unigram(const making *m, bool *normal, const bool *user, int32_t unk,
                                   bool fallback)
{
    adze_tokenizer *t = m->t;
    bool *keep = az_arena_array(&t->arena, t->n_ids, sizeof *keep);
    adze_status rc;

    if (!keep) return az_fail_nomem(m->err, "reading a tokenizer");
    for (size_t id = 0; id < t->n_ids; id++) {
        keep[id] = user[id];
        normal[id] |= user[id];
    }
    rc = az_unigram_init(&t->unigram, t->run, t->model, t->scores, normal, keep, t->n_ids, m->err);
    t->unigram.sentencepiece = true;
    t->unigram.unk = unk;
    t->unigram.byte_fallback = fallback;
    return rc;
}

static adze_status make_sentencepiece(const making *m, const char *kind)
{
    adze_tokenizer *t = m->t;
    bool *normal = az_calloc(t->run, t->n_ids + 1, sizeof *normal), fallback = false;
    bool *user = az_calloc(t->run, t->n_ids + 1, sizeof *user);
    int32_t unk = -1;
    size_t n_bytes;
    adze_status rc = check_scores(m);

    az_json_bool(m->model, "byte_fallback", &fallback);
    find_bytes(t, t->unigram.byte_id, &n_bytes);
    if (!normal || !user) rc = az_fail_nomem(m->err, "reading a tokenizer");
    for (size_t id = 0; id < t->n_ids && rc == ADZE_OK; id++) {
        normal[id] = has_type(t, id, AZ_TT_NORMAL);
        user[id] = has_type(t, id, AZ_TT_USER) && !(t->flags[id] & AZ_TOK_ADDED);
        if (has_type(t, id, AZ_TT_UNKNOWN) && unk < 0) unk = (int32_t)id;
    }
    if (rc == ADZE_OK && fallback && n_bytes != 256)
        rc = bad(m, "model.byte_fallback", "is set, but there are not 256 byte tokens");
    if (rc == ADZE_OK && unk < 0 && !fallback) rc = bad(m, "model.vocab", "has no unknown token");
    if (rc == ADZE_OK) rc = protect_user(m, user);
    if (rc == ADZE_OK) {
        t->kind = strcmp(kind, "bpe") == 0 ? AZ_TOK_BPE : AZ_TOK_UNIGRAM;
        rc = t->kind == AZ_TOK_BPE ? make_sp_bpe(m, normal, user, unk, fallback)
                                   : make_sp_unigram(m, normal, user, unk, fallback);
    }
    az_free(t->run, normal);
    az_free(t->run, user);
    return rc;
}

adze_status az_tok_read_model(adze_tokenizer *t, const json_t *model, size_t n_merges,
                              const char *path, adze_error *err)
{
    making m = { t, model, path, err };
    const char *type = az_json_str(model, "type"), *kind = az_json_str(model, "model_type");

    if (!type || strcmp(type, "BPE") == 0) {
        t->kind = AZ_TOK_BPE;
        return make_bpe(&m, n_merges);
    }
    if (strcmp(type, "Unigram") == 0) {
        t->kind = AZ_TOK_UNIGRAM;
        return make_unigram(&m);
    }
    if (strcmp(type, "WordPiece") == 0) {
        t->kind = AZ_TOK_WORDPIECE;
        return make_wordpiece(&m);
    }
    if (strcmp(type, "SentencePiece") == 0 && kind && t->types &&
        (strcmp(kind, "bpe") == 0 || strcmp(kind, "unigram") == 0))
        return make_sentencepiece(&m, kind);
    return az_fail_name(err, ADZE_EUNSUP, path, "model.type", ADZE_NOPOS,
                        "tokenizer model %.60s is not supported", type);
}

/* What each token stands for in the middle of text, by the decoders. */
static adze_status token_bytes(adze_tokenizer *t, adze_error *err)
{
    adze_status rc = ADZE_OK;
    az_buf b;

    az_buf_init(&b, t->run);
    for (size_t id = 0; id < t->n_ids && rc == ADZE_OK; id++) {
        az_str s = t->text[id];
        if (!s.s || !t->model[id].s || (t->flags[id] & AZ_TOK_ADDED)) continue;
        az_buf_clear(&b);
        az_decoders_token(&t->decoders, s.s, s.n, &b);
        if (!az_buf_ok(&b)) {
            rc = b.full ? az_decoders_fail(NULL, err) : az_fail_nomem(err, "reading a tokenizer");
        } else if (b.size != s.n || (s.n && memcmp(b.data, s.s, s.n) != 0)) {
            t->bytes[id].s = az_arena_strndup(&t->arena, b.size ? b.data : "", b.size);
            t->bytes[id].n = b.size;
            if (!t->bytes[id].s) rc = az_fail_nomem(err, "reading a tokenizer");
        }
    }
    az_buf_deinit(&b);
    return rc;
}

adze_status az_tok_finish(adze_tokenizer *t, adze_error *err)
{
    if (t->kind == AZ_TOK_BPE) az_bpe_finish(&t->bpe);
    return t->byte_level ? ADZE_OK : token_bytes(t, err);
}
