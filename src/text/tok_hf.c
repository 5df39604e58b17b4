/* Tokenizer of a Hugging Face folder: tokenizer.json, and the BOS/EOS flags of tokenizer_config.json.
 *
 * An added token takes the vocabulary's id for its content, else the next free id from the vocabulary's
 * size up (Hugging Face tokenizers, tokenizer/added_vocabulary.rs, 2025); the file's own id is not used. The
 * vocabulary is an object of texts and ids, or an array of [text, score] or [text, score, type].
 */
#include "text/special.h"
#include "text/tokenizer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct hf_reading {
    adze_tokenizer *t;
    const json_t *hf, *model, *vocab, *added;
    bool exact_ids; /* added tokens have the ids that the source gives them */
    char path[512];
    adze_error *err;
} hf_reading;

static adze_status bad(const hf_reading *r, const char *name, const char *what)
{
    return az_fail_name(r->err, ADZE_EFORMAT, r->path, name, ADZE_NOPOS, "%s", what);
}

static adze_status check_model(const hf_reading *r)
{
    const char *type = az_json_str(r->model, "type");
    bool pairs = type && (strcmp(type, "Unigram") == 0 || strcmp(type, "SentencePiece") == 0);

    if (!json_is_object(r->model)) return bad(r, "model", "missing, or not an object");
    if (!pairs && !json_is_object(r->vocab))
        return bad(r, "model.vocab", "missing, or not an object");
    if (pairs && !json_is_array(r->vocab)) return bad(r, "model.vocab", "missing, or not an array");
    if ((!type || strcmp(type, "BPE") == 0) && !json_is_array(json_object_get(r->model, "merges")))
        return bad(r, "model.merges", "missing, or not an array");
    return ADZE_OK;
}

/* Number of ids that the vocabulary needs into *n; every id of an object a number in range. */
static adze_status scan_vocab(const hf_reading *r, size_t *n)
{
    size_t limit = 4 * json_object_size(r->vocab) + 1000000;
    const char *key;
    json_t *v;

    *n = json_array_size(r->vocab);
    json_object_foreach((json_t *)(uintptr_t)r->vocab, key, v)
    {
        json_int_t id = json_integer_value(v);
        if (!json_is_integer(v) || id < 0 || (uint64_t)id >= limit)
            return az_fail_name(r->err, ADZE_EFORMAT, r->path, "model.vocab", ADZE_NOPOS,
                                "the id of \"%.60s\" is not an integer in [0, %zu)", key, limit);
        if ((size_t)id >= *n) *n = (size_t)id + 1;
    }
    return ADZE_OK;
}

static bool flag(const json_t *j, const char *key, bool fallback)
{
    bool v;

    return az_json_bool(j, key, &v) ? v : fallback;
}

/* Content and flags of added token j, and its id if the vocabulary has it, else -1. */
static adze_status read_added(const hf_reading *r, const json_t *j, az_added *a,
                              const json_t **text)
{
    *text = json_object_get(j, "content");
    if (!json_is_string(*text)) return bad(r, "added_tokens", "an element has no string `content`");
    *a = (az_added){ .id = -1,
                     .special = flag(j, "special", false),
                     .normalized = flag(j, "normalized", true),
                     .single_word = flag(j, "single_word", false),
                     .lstrip = flag(j, "lstrip", false),
                     .rstrip = flag(j, "rstrip", false) };
    if (json_string_length(*text))
        a->id = az_index_find(&r->t->names, json_string_value(*text), json_string_length(*text));
    return ADZE_OK;
}

/* tokenizers reads a number as its digits divided by a power of ten, which is not always the nearest float; scores
 * that add up to the same sum are told apart by that. The digits are the shortest that give `v`. */
double az_tok_score(double v)
{
    char text[40], digits[24];
    int exponent, n = 0;

    for (int places = 14; places <= 16; places++) {
        snprintf(text, sizeof text, "%.*e", places, v);
        if (strtod(text, NULL) == v) break;
    }
    for (const char *p = text; *p && *p != 'e'; p++)
        if (*p >= '0' && *p <= '9') digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    digits[n] = 0;
    exponent = atoi(strchr(text, 'e') + 1) - (n - 1);
    if (exponent >= 0 || exponent < -300) return v;
    return (double)strtoull(digits, NULL, 10) / pow(10, -exponent) * (v < 0 ? -1 : 1);
}

/* One element of an array vocabulary. */
static adze_status put_scored(const hf_reading *r, size_t id, const json_t *item)
{
    const json_t *text = json_array_get(item, 0), *score = json_array_get(item, 1);
    const json_t *type = json_array_get(item, 2);
    bool types = r->t->types != NULL;
    json_int_t kind = json_integer_value(type);

    if (!json_is_string(text) || !json_is_number(score) ||
        json_array_size(item) != (types ? 3 : 2) ||
        (types && (!json_is_integer(type) || kind < AZ_TT_NORMAL || kind > AZ_TT_BYTE)))
        return az_fail_name(r->err, ADZE_EFORMAT, r->path, "model.vocab", ADZE_NOPOS,
                            "element %zu is not a token with its %s", id,
                            types ? "score and type" : "score");
    r->t->scores[id] = types ? json_number_value(score) : az_tok_score(json_number_value(score));
    if (types) r->t->types[id] = (uint8_t)kind;
    return az_tok_put(r->t, id, json_string_value(text), json_string_length(text), true, r->path,
                      r->err);
}

static adze_status put_array(const hf_reading *r)
{
    const char *type = az_json_str(r->model, "type");
    adze_tokenizer *t = r->t;
    adze_status rc = ADZE_OK;
    const json_t *item;
    size_t i;

    t->scores = az_arena_array(&t->arena, t->n_ids, sizeof *t->scores);
    if (strcmp(type, "SentencePiece") == 0)
        t->types = az_arena_array(&t->arena, t->n_ids, sizeof *t->types);
    if (!t->scores || (strcmp(type, "SentencePiece") == 0 && !t->types))
        return az_fail_nomem(r->err, "reading a tokenizer");
    json_array_foreach(r->vocab, i, item)
    {
        rc = put_scored(r, i, item);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

static adze_status put_vocab(const hf_reading *r)
{
    const char *key;
    adze_status rc;
    json_t *v;

    if (json_is_array(r->vocab)) return put_array(r);
    json_object_foreach((json_t *)(uintptr_t)r->vocab, key, v)
    {
        rc = az_tok_put(r->t, (size_t)json_integer_value(v), key, strlen(key), true, r->path,
                        r->err);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

/* Texts of added tokens outside the vocabulary, numbered from `next`; ids[i] receives each one's id. */
static adze_status put_new(const hf_reading *r, size_t next, int32_t *ids, json_t *seen)
{
    const json_t *item, *text, *known;
    adze_status rc;
    int64_t given;
    size_t i, id;
    az_added a;

    json_array_foreach(r->added, i, item)
    {
        rc = read_added(r, item, &a, &text);
        if (rc < 0) return rc;
        ids[i] = a.id;
        known = json_object_getn(seen, json_string_value(text), json_string_length(text));
        if (known) ids[i] = (int32_t)json_integer_value(known); /* the same content twice */
        if (ids[i] >= 0 || !json_string_length(text)) continue;
        while (next < r->t->n_ids && r->t->text[next].s)
            next++;
        id = next;
        if (r->exact_ids && az_json_int(item, "id", &given)) id = (size_t)given;
        if (id >= r->t->n_ids) return bad(r, "added_tokens", "no id is free for a token");
        rc = az_tok_put(r->t, id, json_string_value(text), json_string_length(text), false, r->path,
                        r->err);
        if (rc < 0) return rc;
        json_object_setn_new(seen, json_string_value(text), json_string_length(text),
                             json_integer((json_int_t)id));
        ids[i] = (int32_t)id;
    }
    return ADZE_OK;
}

static adze_status put_added(const hf_reading *r, size_t next, int32_t *ids)
{
    json_t *seen = json_object();
    adze_status rc =
        seen ? put_new(r, next, ids, seen) : az_fail_nomem(r->err, "reading a tokenizer");

    json_decref(seen);
    return rc;
}

static adze_status add_added(const hf_reading *r, const int32_t *ids)
{
    const json_t *item, *text;
    adze_status rc;
    az_added a;
    size_t i;

    json_array_foreach(r->added, i, item)
    {
        rc = read_added(r, item, &a, &text);
        if (rc < 0) return rc;
        if (ids[i] < 0) continue;
        a.id = ids[i];
        rc = az_tok_add(r->t, &a, json_string_value(text), json_string_length(text), r->err);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

/* Raise *n to hold the ids of added tokens. */
static adze_status last_added(const hf_reading *r, size_t *n)
{
    size_t limit = 4 * *n + 1000000, i;
    const json_t *item;
    int64_t id;

    json_array_foreach(r->added, i, item)
    {
        if (!az_json_int(item, "id", &id)) continue;
        if (id < 0 || (uint64_t)id >= limit)
            return az_fail_name(r->err, ADZE_EFORMAT, r->path, "added_tokens", ADZE_NOPOS,
                                "the id of \"%.60s\" is not in [0, %zu)",
                                az_json_str(item, "content"), limit);
        if ((size_t)id >= *n) *n = (size_t)id + 1;
    }
    return ADZE_OK;
}

static adze_status read_merges(const hf_reading *r)
{
    const json_t *merges = json_object_get(r->model, "merges"), *item;
    size_t i, rank = 0;
    adze_status rc;

    json_array_foreach(merges, i, item)
    {
        if (json_is_string(item)) {
            const char *s = json_string_value(item);
            if (strncmp(s, "#version", 8) == 0) continue;
            rc = az_tok_merge_text(r->t, s, json_string_length(item), 0, rank++, r->path, r->err);
        } else {
            const json_t *a = json_array_get(item, 0), *b = json_array_get(item, 1);
            if (!json_is_string(a) || !json_is_string(b) || json_array_size(item) != 2)
                return bad(r, "model.merges",
                           "an element is neither a string nor a pair of strings");
            rc = az_tok_merge(r->t, (az_str){ json_string_value(a), json_string_length(a) },
                              (az_str){ json_string_value(b), json_string_length(b) }, rank++,
                              r->path, r->err);
        }
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

/* Named special token; -1: none, or none of the vocabulary. */
static int32_t named_token(const adze_tokenizer *t, const json_t *tokens, const char *name)
{
    const json_t *j = json_object_get(tokens, name);

    return json_is_string(j) ? az_tokenizer_id(t, json_string_value(j), json_string_length(j)) : -1;
}

/* transformers makes the post-processor bos $A eos when either flag is given beside other files than a tokenizer.json. */
static adze_status read_around(const hf_reading *r, const json_t *config)
{
    json_t *tokens = az_special_tokens(config, NULL);
    bool add_bos, add_eos;

    if (!tokens) return az_fail_nomem(r->err, "reading a tokenizer");
    r->t->bos = named_token(r->t, tokens, "bos_token");
    r->t->eos = named_token(r->t, tokens, "eos_token");
    json_decref(tokens);
    if (az_special_flags(config, !r->exact_ids, &add_bos, &add_eos))
        return az_tok_set_around(r->t, add_bos ? r->t->bos : -1, add_eos ? r->t->eos : -1, r->err);
    return az_tok_read_post(r->t, json_object_get(r->hf, "post_processor"), 0, r->path, r->err);
}

/* Texts and ids of all tokens. ids: [added tokens] */
static adze_status read_tokens(const hf_reading *r, size_t n_vocab, int32_t *ids)
{
    adze_status rc = put_vocab(r);

    if (rc == ADZE_OK) rc = az_tok_index(r->t, r->err);
    if (rc == ADZE_OK) rc = put_added(r, n_vocab, ids);
    return rc == ADZE_OK ? az_tok_index(r->t, r->err) : rc;
}

static adze_status read_all(const hf_reading *r, const az_tokenizer_opts *opts, size_t n_vocab,
                            int32_t *ids)
{
    adze_tokenizer *t = r->t;
    size_t n_merges = json_array_size(json_object_get(r->model, "merges"));
    adze_status rc = az_tok_read_pipeline(t, r->hf, opts, r->path, r->err);

    if (rc == ADZE_OK) rc = read_tokens(r, n_vocab, ids);
    if (rc == ADZE_OK) rc = add_added(r, ids);
    if (rc == ADZE_OK) rc = az_tok_read_model(t, r->model, n_merges, r->path, r->err);
    if (rc == ADZE_OK && t->kind == AZ_TOK_BPE && t->bpe.unit != AZ_BPE_SCORES) rc = read_merges(r);
    return rc == ADZE_OK ? az_tok_finish(t, r->err) : rc;
}

adze_status az_tok_read_hf(adze_tokenizer *t, const adze_model *m, const az_tokenizer_opts *opts,
                           adze_error *err)
{
    hf_reading r = { .t = t, .hf = m->tok.hf, .err = err };
    size_t n, n_vocab, n_added;
    int32_t *ids = NULL;
    adze_status rc;

    snprintf(r.path, sizeof r.path, "%s/%s", m->path ? m->path : "",
             m->tok.hf_name ? m->tok.hf_name : "tokenizer.json");
    r.model = json_object_get(r.hf, "model");
    r.vocab = json_object_get(r.model, "vocab");
    r.added = json_object_get(r.hf, "added_tokens");
    rc = check_model(&r);
    if (rc < 0) return rc;
    rc = scan_vocab(&r, &n);
    if (rc < 0) return rc;
    if (r.added && !json_is_null(r.added) && !json_is_array(r.added))
        return bad(&r, "added_tokens", "is not an array");
    n_added = json_array_size(r.added);
    r.exact_ids = m->tok.hf_name != NULL;
    if (r.exact_ids && (rc = last_added(&r, &n)) < 0) return rc;
    n_vocab = json_is_array(r.vocab) ? n : json_object_size(r.vocab);
    if (n_added > 100000) return bad(&r, "added_tokens", "more than 100000 tokens");
    rc = az_tok_alloc(t, n_vocab ? (n > n_vocab ? n : n_vocab) + n_added : 0, r.path, err);
    if (rc < 0) return rc;
    ids = az_calloc(t->run, n_added + 1, sizeof *ids);
    if (!ids) return az_fail_nomem(err, "reading a tokenizer");
    rc = read_all(&r, opts, n_vocab, ids);
    az_free(t->run, ids);
    if (rc < 0) return rc;
    while (t->n_ids > 1 && !t->text[t->n_ids - 1].s)
        t->n_ids--;
    return read_around(&r, m->tok.hf_config);
}
