/* Tokenizer of a GGUF file: the keys tokenizer.ggml.* of the models gpt2 (byte-level BPE), llama (SentencePiece
 * BPE), t5 (Unigram) and bert (WordPiece).
 *
 * The pipeline comes from adze's own key where it is present, which keeps everything that the source said but
 * vocabulary and merges; else from what llama.cpp does with a file of that model. Keys: ggml docs/gguf.md,
 * llama-vocab.cpp (2026).
 */
#include "text/tokenizer.h"

#include <string.h>

typedef struct gguf_reading {
    adze_tokenizer *t;
    const adze_model *m;
    const az_str *tokens, *merges;
    uint64_t n_tokens, n_merges;
    const int32_t *types; /* NULL: all normal */
    const char *model;    /* "gpt2", ... */
    json_t *pipeline;
    bool own; /* the pipeline is adze's own key */
    bool add_bos, add_eos, add_sep;
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
    if (!merges ? strcmp(r->model, "gpt2") == 0
                : merges->type != AZ_KV_ARR || merges->elem != AZ_KV_STR)
        return bad(r, "tokenizer.ggml.merges", "missing, or not an array of strings");
    r->tokens = tokens->v.arr.data;
    r->n_tokens = tokens->v.arr.n;
    r->merges = merges ? merges->v.arr.data : NULL;
    r->n_merges = merges ? merges->v.arr.n : 0;
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

    if (!r->types) return AZ_TT_NORMAL;
    memcpy(&v, r->types + id, sizeof v);
    return v < AZ_TT_NORMAL || v > AZ_TT_BYTE ? AZ_TT_NORMAL : v;
}

static bool flag_key(const gguf_reading *r, const char *key, bool fallback)
{
    bool v;

    return az_kv_bool(&r->m->kv, key, &v) ? v : fallback;
}

/* gpt2: as the name in tokenizer.ggml.pre says. */
static adze_status gpt2_pipeline(gguf_reading *r)
{
    const char *name = az_kv_string(&r->m->kv, "tokenizer.ggml.pre");
    char text[AZ_PRE_WARNING_MAX];
    az_pre pre;

    if (!az_pre_resolve(name, &pre)) {
        r->t->warning = az_arena_strdup(&r->t->arena, az_pre_warning(name, text));
        if (!r->t->warning) {
            json_decref(pre.pipeline);
            return az_fail_nomem(r->err, "reading a tokenizer");
        }
    }
    r->pipeline = pre.pipeline;
    r->add_bos = pre.add_bos;
    if (r->pipeline)
        json_object_set_new(r->pipeline, "model",
                            json_pack("{s:s, s:b}", "type", "BPE", "ignore_merges",
                                      (int)pre.ignore_merges));
    return ADZE_OK;
}

/* llama and t5: SentencePiece's rules, with what llama.cpp fixes. */
static json_t *sentencepiece_pipeline(const gguf_reading *r, const char *kind, bool prefix)
{
    bool add = flag_key(r, "tokenizer.ggml.add_space_prefix", prefix);
    bool extra = flag_key(r, "tokenizer.ggml.remove_extra_whitespaces", false);

    return json_pack("{s:{s:s, s:s, s:b}, s:{s:s, s:b, s:b, s:b, s:b}, s:{s:s, s:b, s:b}}", "model",
                     "type", "SentencePiece", "model_type", kind, "byte_fallback",
                     strcmp(kind, "bpe") == 0, "normalizer", "type", "SentencePiece",
                     "add_dummy_prefix", (int)add, "prefix_always", 1, "remove_extra_whitespaces",
                     (int)extra, "escape_whitespaces", 1, "decoder", "type", "SentencePiece",
                     "add_dummy_prefix", (int)add, "remove_extra_whitespaces", (int)extra);
}

static json_t *bert_pipeline(const gguf_reading *r)
{
    bool lower = flag_key(r, "tokenizer.ggml.normalizer.lowercase", true);
    bool strip = flag_key(r, "tokenizer.ggml.normalizer.strip_accents", lower);

    return json_pack("{s:{s:s, s:s}, s:{s:s, s:b, s:b}, s:{s:s}, s:{s:s, s:b}}", "model", "type",
                     "WordPiece", "continuing_subword_prefix", "##", "normalizer", "type",
                     "BertNormalizer", "lowercase", (int)lower, "strip_accents", (int)strip,
                     "pre_tokenizer", "type", "BertPreTokenizer", "decoder", "type", "WordPiece",
                     "cleanup", 1);
}

static adze_status find_pipeline(gguf_reading *r)
{
    const az_kv *own = az_kv_find(&r->m->kv, AZ_TOKENIZER_PATTERN_KEY);
    adze_status rc = ADZE_OK;

    if (own && own->type == AZ_KV_STR) {
        r->own = true;
        rc = az_json_parse(&r->pipeline, own->v.str.s, own->v.str.n, r->m->path, r->err);
        if (rc == ADZE_OK && !json_is_object(json_object_get(r->pipeline, "model")))
            rc = bad(r, AZ_TOKENIZER_PATTERN_KEY, "has no `model`");
        return rc;
    }
    if (strcmp(r->model, "gpt2") == 0) {
        rc = gpt2_pipeline(r);
    } else if (strcmp(r->model, "llama") == 0) {
        r->pipeline = sentencepiece_pipeline(r, "bpe", true);
        r->add_bos = true;
    } else if (strcmp(r->model, "t5") == 0) {
        r->pipeline = sentencepiece_pipeline(r, "unigram", false);
        r->add_eos = true;
    } else {
        r->pipeline = bert_pipeline(r);
        r->add_bos = r->add_sep = true;
    }
    return rc < 0 || r->pipeline ? rc : az_fail_nomem(r->err, "reading a tokenizer");
}

/* bert files have U+2581 in front of words and nothing in front of what continues one. */
static adze_status wordpiece_text(const gguf_reading *r, az_str s, az_str *out)
{
    static const char mark[] = "\xe2\x96\x81";
    const char *prefix =
        az_json_str(json_object_get(r->pipeline, "model"), "continuing_subword_prefix");
    char *text;

    if (s.n >= 3 && memcmp(s.s, mark, 3) == 0) {
        *out = (az_str){ s.s + 3, s.n - 3 };
        return ADZE_OK;
    }
    if (!prefix) prefix = "##";
    text = az_arena_alloc(&r->t->arena, strlen(prefix) + s.n + 1);
    if (!text) return az_fail_nomem(r->err, "reading a tokenizer");
    memcpy(text, prefix, strlen(prefix));
    memcpy(text + strlen(prefix), s.s, s.n);
    *out = (az_str){ text, strlen(prefix) + s.n };
    return ADZE_OK;
}

static adze_status put_tokens(const gguf_reading *r)
{
    bool bert = strcmp(r->model, "bert") == 0, gpt2 = strcmp(r->model, "gpt2") == 0;
    adze_tokenizer *t = r->t;
    int64_t n_model =
        INT64_MAX; /* tokens behind these are added ones, which the model does not know */
    adze_status rc;

    if (r->own) az_json_int(json_object_get(r->pipeline, "model"), "vocab_size", &n_model);
    t->types = az_arena_array(&t->arena, t->n_ids, sizeof *t->types);
    if (!t->types) return az_fail_nomem(r->err, "reading a tokenizer");
    for (size_t id = 0; id < r->n_tokens; id++) {
        int type = type_of(r, id);
        az_str s = r->tokens[id];
        /* A control or user-defined token may be one of the vocabulary, which merges can name. */
        bool is_model = gpt2 ? type == AZ_TT_NORMAL || type == AZ_TT_BYTE || type == AZ_TT_USER
                             : (type != AZ_TT_UNUSED || bert) && (int64_t)id < n_model;
        rc = bert && type != AZ_TT_CONTROL && type != AZ_TT_UNUSED ? wordpiece_text(r, s, &s)
                                                                   : ADZE_OK;
        if (rc == ADZE_OK) rc = az_tok_put(t, id, s.s, s.n, is_model, r->m->path, r->err);
        if (rc < 0) return rc;
        t->types[id] = (uint8_t)type;
    }
    return az_tok_index(t, r->err);
}

/* 64-bit scores in a key of adze's own where 32 bits do not hold them, else llama.cpp's; missing: all zero. */
static adze_status put_scores(const gguf_reading *r)
{
    const az_kv *own = az_kv_find(&r->m->kv, AZ_TOKENIZER_SCORES_KEY);
    const az_kv *kv = az_kv_find(&r->m->kv, "tokenizer.ggml.scores");
    adze_tokenizer *t = r->t;

    t->scores = az_arena_array(&t->arena, t->n_ids, sizeof *t->scores);
    if (!t->scores) return az_fail_nomem(r->err, "reading a tokenizer");
    if (own) {
        if (own->type != AZ_KV_ARR || own->elem != AZ_KV_F64 || own->v.arr.n != r->n_tokens)
            return bad(r, AZ_TOKENIZER_SCORES_KEY, "is not one 64-bit float per token");
        memcpy(t->scores, own->v.arr.data, (size_t)r->n_tokens * sizeof *t->scores);
        return ADZE_OK;
    }
    if (!kv) return ADZE_OK;
    if (kv->type != AZ_KV_ARR || kv->elem != AZ_KV_F32 || kv->v.arr.n != r->n_tokens)
        return bad(r, "tokenizer.ggml.scores", "is not one 32-bit float per token");
    for (size_t id = 0; id < r->n_tokens; id++) {
        float f;
        memcpy(&f, (const char *)kv->v.arr.data + id * sizeof f, sizeof f);
        t->scores[id] = (double)f;
    }
    return ADZE_OK;
}

static adze_status check_unique(const gguf_reading *r)
{
    const adze_tokenizer *t = r->t;

    for (size_t id = 0; id < t->n_ids; id++)
        if (t->model[id].s && az_index_find(&t->names, t->text[id].s, t->text[id].n) != (int32_t)id)
            return az_fail_name(r->err, ADZE_EFORMAT, r->m->path, "tokenizer.ggml.tokens",
                                ADZE_NOPOS, "token %zu, \"%.60s\", appears twice", id,
                                t->text[id].s);
    return ADZE_OK;
}

static adze_status read_merges(const gguf_reading *r)
{
    adze_status rc = ADZE_OK;

    if (r->t->kind != AZ_TOK_BPE || r->t->bpe.unit == AZ_BPE_SCORES) return ADZE_OK;
    for (size_t i = 0; i < r->n_merges && rc == ADZE_OK; i++)
        rc = az_tok_merge_text(r->t, r->merges[i].s, r->merges[i].n, 1, i, r->m->path, r->err);
    return rc;
}

/* The source's own list of added tokens. */
static adze_status add_listed(const gguf_reading *r, const json_t *list)
{
    adze_tokenizer *t = r->t;
    const json_t *item;
    adze_status rc;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const json_t *text = json_object_get(item, "content");
        const char *s = json_string_value(text);
        size_t n = json_string_length(text);
        az_added a = { .normalized = true };
        if (!s || !n) continue;
        a.id = az_index_find(&t->names, s, n);
        if (a.id < 0)
            return az_fail_name(r->err, ADZE_EFORMAT, r->m->path, AZ_TOKENIZER_PATTERN_KEY,
                                ADZE_NOPOS, "the added token \"%.60s\" is not among the tokens", s);
        az_json_bool(item, "normalized", &a.normalized);
        az_json_bool(item, "single_word", &a.single_word);
        az_json_bool(item, "lstrip", &a.lstrip);
        az_json_bool(item, "rstrip", &a.rstrip);
        az_json_bool(item, "special", &a.special);
        rc = az_tok_add(t, &a, s, n, r->err);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

static adze_status add_tokens(const gguf_reading *r)
{
    const json_t *list = json_object_get(r->pipeline, "added_tokens");
    size_t n_added = 0;
    adze_status rc;

    if (json_array_size(list) > 100000)
        return bad(r, AZ_TOKENIZER_PATTERN_KEY, "more than 100000 added tokens");
    if (r->own) return add_listed(r, list);
    for (size_t id = 0; id < r->n_tokens; id++) {
        int type = type_of(r, id);
        az_added a = { .id = (int32_t)id, .special = type == AZ_TT_CONTROL };
        if (type != AZ_TT_CONTROL && type != AZ_TT_USER) continue;
        if (++n_added > 100000)
            return bad(r, "tokenizer.ggml.token_type", "more than 100000 added tokens");
        rc = az_tok_add(r->t, &a, r->t->text[id].s, r->t->text[id].n, r->err);
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

/* Ids that llama.cpp assumes where a file does not name them. */
static void default_ids(const gguf_reading *r, int32_t *cls, int32_t *sep)
{
    adze_tokenizer *t = r->t;

    if (strcmp(r->model, "llama") == 0 && t->bos < 0 && r->n_tokens > 2) t->bos = 1;
    if (strcmp(r->model, "llama") == 0 && t->eos < 0 && r->n_tokens > 2) t->eos = 2;
    if (strcmp(r->model, "t5") == 0 && t->eos < 0 && r->n_tokens > 1) t->eos = 1;
    if (strcmp(r->model, "bert") == 0 && *cls < 0)
        *cls = t->bos >= 0 ? t->bos : az_index_find(&t->names, "[CLS]", 5);
    if (strcmp(r->model, "bert") == 0 && *sep < 0) *sep = az_index_find(&t->names, "[SEP]", 5);
}

static adze_status read_around(const gguf_reading *r)
{
    bool add_bos = r->add_bos, add_eos = r->add_eos, add_sep = r->add_sep, given;
    const json_t *post = json_object_get(r->pipeline, "post_processor");
    int32_t cls = -1, sep = -1, first, last;
    adze_tokenizer *t = r->t;
    adze_status rc;

    if ((rc = token_key(r, "tokenizer.ggml.bos_token_id", &t->bos)) < 0 ||
        (rc = token_key(r, "tokenizer.ggml.eos_token_id", &t->eos)) < 0 ||
        (rc = token_key(r, "tokenizer.ggml.cls_token_id", &cls)) < 0 ||
        (rc = token_key(r, "tokenizer.ggml.seperator_token_id", &sep)) < 0)
        return rc;
    /* The source's rules say exactly what goes around; its flags replace them where it had any. */
    if (r->own && post && !json_is_null(post) && !flag_key(r, AZ_TOKENIZER_FLAGS_KEY, false))
        return az_tok_read_post(t, post, 0, r->m->path, r->err);
    given = az_kv_bool(&r->m->kv, "tokenizer.ggml.add_bos_token", &add_bos);
    given = az_kv_bool(&r->m->kv, "tokenizer.ggml.add_eos_token", &add_eos) || given;
    az_kv_bool(&r->m->kv, "tokenizer.ggml.add_sep_token", &add_sep);
    if (!given && post && !json_is_null(post))
        return az_tok_read_post(t, post, 0, r->m->path, r->err);
    default_ids(r, &cls, &sep);
    first = cls >= 0 ? cls : t->bos;
    last = add_sep ? sep : t->eos;
    if (first < 0 && !az_kv_find(&r->m->kv, "tokenizer.ggml.add_bos_token")) add_bos = false;
    if (add_bos && first < 0)
        return bad(r, "tokenizer.ggml.bos_token_id", "missing, but a BOS is to be added");
    if ((add_eos || add_sep) && last < 0)
        return bad(r, "tokenizer.ggml.eos_token_id", "missing, but an EOS is to be added");
    return az_tok_set_around(t, add_bos ? first : -1, add_eos || add_sep ? last : -1, r->err);
}

/* What the file's keys say beside the arrays where there is no pipeline of adze's own. */
static adze_status foreign_model(const gguf_reading *r)
{
    const az_kv *map = az_kv_find(&r->m->kv, "tokenizer.ggml.precompiled_charsmap");
    adze_tokenizer *t = r->t;
    adze_status rc = ADZE_OK;
    int32_t unk;

    if (strcmp(r->model, "t5") == 0 && map) {
        if (map->type != AZ_KV_ARR || (map->elem != AZ_KV_U8 && map->elem != AZ_KV_I8))
            return bad(r, "tokenizer.ggml.precompiled_charsmap", "is not an array of bytes");
        rc = az_charsmap_read(&t->norms.items[0].rules->map, &t->arena, map->v.arr.data,
                              (size_t)map->v.arr.n, r->m->path, map->key, r->err);
    }
    if (rc == ADZE_OK) rc = token_key(r, "tokenizer.ggml.unknown_token_id", &unk);
    if (rc < 0) return rc;
    if (strcmp(r->model, "bert") == 0) {
        t->wordpiece.unk = unk >= 0 ? unk : az_index_find(&t->names, "[UNK]", 5);
        t->wordpiece.max_chars = SIZE_MAX; /* llama.cpp has no limit */
    } else if (strcmp(r->model, "llama") == 0) {
        t->keep_bytes = t->bpe.byte_fallback;
        if (unk >= 0) t->bpe.unk = unk;
    } else if (strcmp(r->model, "t5") == 0 && unk >= 0) {
        t->unigram.unk = unk;
    }
    return ADZE_OK;
}

static adze_status read_all(gguf_reading *r, const az_tokenizer_opts *opts)
{
    adze_tokenizer *t = r->t;
    const char *path = r->m->path;
    adze_status rc;

    if ((rc = find_arrays(r)) < 0 || (rc = find_pipeline(r)) < 0 ||
        (rc = az_tok_read_pipeline(t, r->pipeline, opts, path, r->err)) < 0 ||
        (rc = az_tok_alloc(t, r->n_tokens, path, r->err)) < 0 || (rc = put_tokens(r)) < 0 ||
        (rc = check_unique(r)) < 0 || (rc = put_scores(r)) < 0 || (rc = add_tokens(r)) < 0 ||
        (rc = az_tok_read_model(t, json_object_get(r->pipeline, "model"), (size_t)r->n_merges, path,
                                r->err)) < 0 ||
        (rc = read_merges(r)) < 0)
        return rc;
    if (!r->own) rc = foreign_model(r);
    if (rc == ADZE_OK) rc = az_tok_finish(t, r->err);
    return rc == ADZE_OK ? read_around(r) : rc;
}

adze_status az_tok_read_gguf(adze_tokenizer *t, const adze_model *m, const az_tokenizer_opts *opts,
                             adze_error *err)
{
    static const char *const models[] = { "gpt2", "llama", "t5", "bert" };
    gguf_reading r = { .t = t, .m = m, .err = err };
    adze_status rc;
    size_t i = 0;

    r.model = az_kv_string(&m->kv, "tokenizer.ggml.model");
    while (r.model && i < AZ_COUNT(models) && strcmp(models[i], r.model) != 0)
        i++;
    if (!r.model || i == AZ_COUNT(models))
        return az_fail_name(err, ADZE_EUNSUP, m->path, "tokenizer.ggml.model", ADZE_NOPOS,
                            "tokenizer %.60s is not supported, only gpt2, llama, t5 and bert",
                            r.model ? r.model : "(not a string)");
    rc = read_all(&r, opts);
    json_decref(r.pipeline);
    return rc;
}
