/* Tokenizer of a GGUF file: the keys tokenizer.ggml.* of model gpt2 (byte-level BPE).
 *
 * Control (3) and user-defined (4) tokens are added tokens. The pipeline comes from adze's own key where it
 * is present, which keeps everything tokenizer.json said, else from the name in tokenizer.ggml.pre.
 * Keys: ggml docs/gguf.md (2026).
 */
#include "text/tokenizer.h"

#include <string.h>

enum {
    TYPE_NORMAL = 1,
    TYPE_UNKNOWN = 2,
    TYPE_CONTROL = 3,
    TYPE_USER = 4,
    TYPE_UNUSED = 5,
    TYPE_BYTE = 6
};

typedef struct gguf_reading {
    adze_tokenizer *t;
    const adze_model *m;
    const az_str *tokens, *merges;
    uint64_t n_tokens, n_merges;
    const int32_t *types; /* NULL: all normal */
    json_t *pipeline;
    bool ignore_merges, add_bos;
    adze_error *err;
} gguf_reading;

static adze_status bad(const gguf_reading *r, const char *key, const char *what)
{
    return az_fail_name(r->err, ADZE_EFORMAT, r->m->path, key, ADZE_NOPOS, "%s", what);
}

static adze_status find_arrays(gguf_reading *r)
{
    const az_kv *tokens = az_kv_find(&r->m->kv, "tokenizer.ggml.tokens");
    const az_kv *merges = az_kv_find(&r->m->kv, "tokenizer.ggml.merges");
    const az_kv *types = az_kv_find(&r->m->kv, "tokenizer.ggml.token_type");

    if (!tokens || tokens->type != AZ_KV_ARR || tokens->elem != AZ_KV_STR)
        return bad(r, "tokenizer.ggml.tokens", "missing, or not an array of strings");
    if (!merges || merges->type != AZ_KV_ARR || merges->elem != AZ_KV_STR)
        return bad(r, "tokenizer.ggml.merges", "missing, or not an array of strings");
    r->tokens = tokens->v.arr.data;
    r->n_tokens = tokens->v.arr.n;
    r->merges = merges->v.arr.data;
    r->n_merges = merges->v.arr.n;
    if (!types) return ADZE_OK;
    if (types->type != AZ_KV_ARR || (types->elem != AZ_KV_I32 && types->elem != AZ_KV_U32) ||
        types->v.arr.n != r->n_tokens)
        return bad(r, "tokenizer.ggml.token_type", "is not one 32-bit integer per token");
    r->types = types->v.arr.data;
    return ADZE_OK;
}

static int type_of(const gguf_reading *r, size_t id)
{
    int32_t v;

    if (!r->types) return TYPE_NORMAL;
    memcpy(&v, r->types + id, sizeof v);
    return v;
}

static adze_status find_pipeline(gguf_reading *r)
{
    const az_kv *own = az_kv_find(&r->m->kv, AZ_TOKENIZER_PATTERN_KEY);
    const char *name = az_kv_string(&r->m->kv, "tokenizer.ggml.pre");
    adze_status rc;
    az_pre pre;

    if (own && own->type == AZ_KV_STR) {
        rc = az_json_parse(&r->pipeline, own->v.str.s, own->v.str.n, r->m->path, r->err);
        if (rc < 0) return rc;
        az_json_bool(json_object_get(r->pipeline, "model"), "ignore_merges", &r->ignore_merges);
        return ADZE_OK;
    }
    if (!name)
        return az_fail_name(r->err, ADZE_EUNSUP, r->m->path, "tokenizer.ggml.pre", ADZE_NOPOS,
                            "missing: the file does not say how text is split");
    if (!az_pre_find(name, &pre))
        return az_fail_name(r->err, ADZE_EUNSUP, r->m->path, "tokenizer.ggml.pre", ADZE_NOPOS,
                            "pre-tokenizer %.60s is not supported", name);
    if (!pre.pipeline) return az_fail_nomem(r->err, "reading a tokenizer");
    r->pipeline = pre.pipeline;
    r->ignore_merges = pre.ignore_merges;
    r->add_bos = pre.add_bos;
    return ADZE_OK;
}

static adze_status put_tokens(const gguf_reading *r)
{
    adze_status rc;

    for (size_t id = 0; id < r->n_tokens; id++) {
        int type = type_of(r, id);
        /* A user-defined token may be one of the vocabulary, which merges can name. */
        bool is_model = type == TYPE_NORMAL || type == TYPE_BYTE || type == TYPE_USER;
        rc = az_tok_put(r->t, id, r->tokens[id].s, r->tokens[id].n, is_model, r->m->path, r->err);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

static adze_status read_bpe(const gguf_reading *r)
{
    adze_tokenizer *t = r->t;
    size_t n_bytes = 0;
    adze_status rc = az_bpe_init(&t->bpe, t->run, t->model, t->n_ids, r->n_merges, r->err);

    if (rc < 0) return rc;
    t->bpe.ignore_merges = r->ignore_merges;
    for (size_t id = 0; id < t->n_ids; id++)
        if (t->model[id].s && az_bpe_find(&t->bpe, t->model[id].s, t->model[id].n) != (int32_t)id)
            return az_fail_name(r->err, ADZE_EFORMAT, r->m->path, "tokenizer.ggml.tokens",
                                ADZE_NOPOS, "token %zu, \"%.60s\", appears twice", id,
                                t->text[id].s);
    for (int i = 0; i < 256; i++)
        n_bytes += t->bpe.byte_id[i] >= 0;
    if (!n_bytes) return bad(r, "tokenizer.ggml.tokens", "has none of the 256 single-byte tokens");
    for (size_t i = 0; i < r->n_merges; i++) {
        rc = az_tok_merge_text(t, r->merges[i].s, r->merges[i].n, 1, i, r->m->path, r->err);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

/* What the pipeline's added_tokens says about a token of this text and id; NULL: nothing. */
static const json_t *described(const gguf_reading *r, size_t id)
{
    const json_t *list = json_object_get(r->pipeline, "added_tokens"), *item, *text;
    int64_t want;
    size_t i;

    json_array_foreach(list, i, item)
    {
        text = json_object_get(item, "content");
        if (az_json_int(item, "id", &want) && want == (int64_t)id && json_is_string(text) &&
            json_string_length(text) == r->tokens[id].n &&
            memcmp(json_string_value(text), r->tokens[id].s, r->tokens[id].n) == 0)
            return item;
    }
    return NULL;
}

static adze_status add_tokens(const gguf_reading *r)
{
    size_t n_added = 0;
    adze_status rc;

    for (size_t id = 0; id < r->n_tokens; id++) {
        int type = type_of(r, id);
        az_added a = { .id = (int32_t)id, .special = type == TYPE_CONTROL };
        const json_t *j;
        if (type != TYPE_CONTROL && type != TYPE_USER) continue;
        if (++n_added > 100000)
            return bad(r, "tokenizer.ggml.token_type", "more than 100000 added tokens");
        j = described(r, id);
        az_json_bool(j, "normalized", &a.normalized);
        az_json_bool(j, "single_word", &a.single_word);
        az_json_bool(j, "lstrip", &a.lstrip);
        az_json_bool(j, "rstrip", &a.rstrip);
        az_json_bool(j, "special", &a.special);
        rc = az_tok_add(r->t, &a, r->tokens[id].s, r->tokens[id].n, r->err);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

/* -1 when the key is missing; an id outside the vocabulary is an error. */
static adze_status token_key(const gguf_reading *r, const char *key, int32_t *id)
{
    int64_t v;

    *id = -1;
    if (!az_kv_int(&r->m->kv, key, &v)) return ADZE_OK;
    if (v < 0 || (uint64_t)v >= r->n_tokens) return bad(r, key, "is not an id of the vocabulary");
    *id = (int32_t)v;
    return ADZE_OK;
}

static adze_status read_around(const gguf_reading *r)
{
    bool add_bos = r->add_bos, add_eos = false, given;
    adze_tokenizer *t = r->t;
    adze_status rc;

    rc = token_key(r, "tokenizer.ggml.bos_token_id", &t->bos);
    if (rc < 0) return rc;
    rc = token_key(r, "tokenizer.ggml.eos_token_id", &t->eos);
    if (rc < 0) return rc;
    given = az_kv_bool(&r->m->kv, "tokenizer.ggml.add_bos_token", &add_bos);
    given = az_kv_bool(&r->m->kv, "tokenizer.ggml.add_eos_token", &add_eos) || given;
    if (!given && json_object_get(r->pipeline, "post_processor"))
        return az_tok_read_post(t, json_object_get(r->pipeline, "post_processor"), 0, r->m->path,
                                r->err);
    if (add_bos && t->bos < 0)
        return bad(r, "tokenizer.ggml.bos_token_id", "missing, but a BOS is to be added");
    if (add_eos && t->eos < 0)
        return bad(r, "tokenizer.ggml.eos_token_id", "missing, but an EOS is to be added");
    return az_tok_set_around(t, add_bos ? t->bos : -1, add_eos ? t->eos : -1, r->err);
}

adze_status az_tok_read_gguf(adze_tokenizer *t, const adze_model *m, const az_tokenizer_opts *opts,
                             adze_error *err)
{
    gguf_reading r = { .t = t, .m = m, .err = err };
    const char *model = az_kv_string(&m->kv, "tokenizer.ggml.model");
    adze_status rc;

    if (!model || strcmp(model, "gpt2") != 0)
        return az_fail_name(err, ADZE_EUNSUP, m->path, "tokenizer.ggml.model", ADZE_NOPOS,
                            "tokenizer %.60s is not supported, only gpt2 (byte-level BPE)",
                            model ? model : "(not a string)");
    if ((rc = find_arrays(&r)) < 0 || (rc = find_pipeline(&r)) < 0 ||
        (rc = az_tok_alloc(t, r.n_tokens, m->path, err)) < 0 || (rc = put_tokens(&r)) < 0 ||
        (rc = read_bpe(&r)) < 0 ||
        (rc = az_tok_read_pipeline(t, r.pipeline, opts, m->path, err)) < 0 ||
        (rc = add_tokens(&r)) < 0)
        goto done;
    rc = read_around(&r);
done:
    json_decref(r.pipeline);
    return rc;
}
