/* Tokenizer of a Hugging Face folder: tokenizer.json, and the BOS/EOS flags of tokenizer_config.json.
 *
 * An added token takes the vocabulary's id for its content, else the next free id from the vocabulary's
 * size up (Hugging Face tokenizers, tokenizer/added_vocabulary.rs, 2025); the file's own id is not used.
 */
#include "text/tokenizer.h"

#include <stdio.h>
#include <string.h>

typedef struct hf_reading {
    adze_tokenizer *t;
    const json_t *hf, *model, *vocab, *added;
    const az_tokenizer_opts *opts;
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
    static const char *const affixes[] = { "continuing_subword_prefix", "end_of_word_suffix" };
    double dropout;

    if (!json_is_object(r->model)) return bad(r, "model", "missing, or not an object");
    if (type && strcmp(type, "BPE") != 0)
        return az_fail_name(r->err, ADZE_EUNSUP, r->path, "model", ADZE_NOPOS,
                            "tokenizer model %.60s is not supported, only byte-level BPE", type);
    if (!json_is_object(r->vocab)) return bad(r, "model.vocab", "missing, or not an object");
    if (!json_is_array(json_object_get(r->model, "merges")))
        return bad(r, "model.merges", "missing, or not an array");
    for (size_t i = 0; i < AZ_COUNT(affixes); i++) {
        const char *s = az_json_str(r->model, affixes[i]);
        if (s && *s)
            return az_fail_name(r->err, ADZE_EUNSUP, r->path, affixes[i], ADZE_NOPOS,
                                "\"%.40s\" is not supported with byte-level BPE", s);
    }
    if (az_json_real(r->model, "dropout", &dropout) && dropout > 0)
        return az_fail_name(r->err, ADZE_EUNSUP, r->path, "model.dropout", ADZE_NOPOS,
                            "merge dropout makes ids random");
    return ADZE_OK;
}

/* Largest id of the vocabulary into *max; every id a number in range. */
static adze_status scan_vocab(const hf_reading *r, size_t *max)
{
    size_t limit = 4 * json_object_size(r->vocab) + 1000000;
    const char *key;
    json_t *v;

    *max = 0;
    json_object_foreach((json_t *)(uintptr_t)r->vocab, key, v)
    {
        json_int_t id = json_integer_value(v);
        if (!json_is_integer(v) || id < 0 || (uint64_t)id >= limit)
            return az_fail_name(r->err, ADZE_EFORMAT, r->path, "model.vocab", ADZE_NOPOS,
                                "the id of \"%.60s\" is not an integer in [0, %zu)", key, limit);
        if ((size_t)id > *max) *max = (size_t)id;
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
    const json_t *id;

    *text = json_object_get(j, "content");
    if (!json_is_string(*text)) return bad(r, "added_tokens", "an element has no string `content`");
    *a = (az_added){ .id = -1,
                     .special = flag(j, "special", false),
                     .normalized = flag(j, "normalized", true),
                     .single_word = flag(j, "single_word", false),
                     .lstrip = flag(j, "lstrip", false),
                     .rstrip = flag(j, "rstrip", false) };
    id = json_object_get(r->vocab, json_string_value(*text));
    if (id) a->id = (int32_t)json_integer_value(id);
    return ADZE_OK;
}

static adze_status put_vocab(const hf_reading *r)
{
    const char *key;
    adze_status rc;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)r->vocab, key, v)
    {
        rc = az_tok_put(r->t, (size_t)json_integer_value(v), key, strlen(key), true, r->path,
                        r->err);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

/* Texts of added tokens outside the vocabulary, numbered from `next`; ids[i] receives each one's id. */
static adze_status put_added(const hf_reading *r, size_t next, int32_t *ids)
{
    const json_t *item, *text;
    adze_status rc;
    az_added a;
    size_t i;

    json_array_foreach(r->added, i, item)
    {
        rc = read_added(r, item, &a, &text);
        if (rc < 0) return rc;
        ids[i] = a.id;
        for (size_t k = 0; k < i && ids[i] < 0; k++) /* the same content twice is one token */
            if (json_equal(json_object_get(json_array_get(r->added, k), "content"), text))
                ids[i] = ids[k];
        if (ids[i] >= 0 || !json_string_length(text)) continue;
        while (next < r->t->n_ids && r->t->text[next].s)
            next++;
        if (next == r->t->n_ids) return bad(r, "added_tokens", "no id is free for a token");
        rc = az_tok_put(r->t, next, json_string_value(text), json_string_length(text), false,
                        r->path, r->err);
        if (rc < 0) return rc;
        ids[i] = (int32_t)next++;
    }
    return ADZE_OK;
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

static adze_status read_bpe(const hf_reading *r)
{
    adze_tokenizer *t = r->t;
    const char *unk = az_json_str(r->model, "unk_token");
    size_t n_bytes = 0;
    adze_status rc;

    rc = az_bpe_init(&t->bpe, t->run, t->model, t->n_ids,
                     json_array_size(json_object_get(r->model, "merges")), r->err);
    if (rc < 0) return rc;
    t->bpe.ignore_merges = flag(r->model, "ignore_merges", false);
    t->bpe.fuse_unk = flag(r->model, "fuse_unk", false);
    if (unk) {
        const json_t *id = json_object_get(r->vocab, unk);
        if (!id) return bad(r, "model.unk_token", "is not in the vocabulary");
        t->bpe.unk = (int32_t)json_integer_value(id);
    }
    for (int i = 0; i < 256; i++)
        n_bytes += t->bpe.byte_id[i] >= 0;
    if (!n_bytes) return bad(r, "model.vocab", "has none of the 256 single-byte tokens");
    return read_merges(r);
}

/* Token named by tokenizer_config.json, as text or as an object with `content`; -1: none. */
static int32_t config_token(const adze_tokenizer *t, const json_t *config, const char *key)
{
    const json_t *j = json_object_get(config, key);

    if (json_is_object(j)) j = json_object_get(j, "content");
    return json_is_string(j) ? az_tokenizer_id(t, json_string_value(j), json_string_length(j)) : -1;
}

/* transformers rebuilds the post-processor as bos $A eos when either flag is given. */
static adze_status read_around(const hf_reading *r, const json_t *config)
{
    bool add_bos = false, add_eos = false, given;

    r->t->bos = config_token(r->t, config, "bos_token");
    r->t->eos = config_token(r->t, config, "eos_token");
    given = az_json_bool(config, "add_bos_token", &add_bos);
    given = az_json_bool(config, "add_eos_token", &add_eos) || given;
    if (given)
        return az_tok_set_around(r->t, add_bos ? r->t->bos : -1, add_eos ? r->t->eos : -1, r->err);
    return az_tok_read_post(r->t, json_object_get(r->hf, "post_processor"), 0, r->path, r->err);
}

adze_status az_tok_read_hf(adze_tokenizer *t, const adze_model *m, const az_tokenizer_opts *opts,
                           adze_error *err)
{
    hf_reading r = { .t = t, .hf = m->tok.hf, .opts = opts, .err = err };
    size_t max, n_vocab, n_added;
    int32_t *ids = NULL;
    adze_status rc;

    snprintf(r.path, sizeof r.path, "%s/tokenizer.json", m->path ? m->path : "");
    r.model = json_object_get(r.hf, "model");
    r.vocab = json_object_get(r.model, "vocab");
    r.added = json_object_get(r.hf, "added_tokens");
    rc = check_model(&r);
    if (rc < 0) return rc;
    rc = scan_vocab(&r, &max);
    if (rc < 0) return rc;
    if (r.added && !json_is_null(r.added) && !json_is_array(r.added))
        return bad(&r, "added_tokens", "is not an array");
    n_added = json_array_size(r.added);
    n_vocab = json_object_size(r.vocab);
    if (n_added > 100000) return bad(&r, "added_tokens", "more than 100000 tokens");
    rc = az_tok_alloc(t, n_vocab ? (max + 1 > n_vocab ? max + 1 : n_vocab) + n_added : 0, r.path,
                      err);
    if (rc < 0) return rc;
    ids = az_calloc(t->run, n_added + 1, sizeof *ids);
    if (!ids) return az_fail_nomem(err, "reading a tokenizer");
    if ((rc = put_vocab(&r)) < 0 || (rc = put_added(&r, n_vocab, ids)) < 0 ||
        (rc = read_bpe(&r)) < 0 || (rc = az_tok_read_pipeline(t, r.hf, opts, r.path, err)) < 0 ||
        (rc = add_added(&r, ids)) < 0)
        goto done;
    while (t->n_ids > 1 && !t->text[t->n_ids - 1].s)
        t->n_ids--;
    rc = read_around(&r, m->tok.hf_config);
done:
    az_free(t->run, ids);
    return rc;
}
