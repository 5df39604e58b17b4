/* tokenizer.json of a GGUF: the pipeline that adze keeps in a key of its own, or the one that follows from llama.cpp's keys
 * (of byte-level BPE here, of other kinds in hf_vocab_kinds.c), with the vocabulary and the merges put back.
 *
 * A GGUF lists added tokens with the others. Those that no merge names or makes are left out of model.vocab, as
 * tokenizers writes them. Source: huggingface/tokenizers' tokenizer.json, 2026-08.
 */
#include "format/hf_vocab.h"
#include "base/buf.h"
#include "base/json.h"
#include "text/source.h"

#include <stdio.h>
#include <string.h>

typedef az_hf_vocab vocab;

adze_status az_hf_vocab_bad(const vocab *v, const char *key, const char *what)
{
    return az_fail_name(v->err, ADZE_EFORMAT, v->p->model->path, key, ADZE_NOPOS, "%s", what);
}

static adze_status nomem(const vocab *v)
{
    return az_fail_nomem(v->err, "writing tokenizer.json");
}

static bool strings(const vocab *v, const char *key, const az_str **s, uint64_t *n)
{
    const az_kv *kv = az_kv_find(&v->p->model->kv, key);

    if (!kv || kv->type != AZ_KV_ARR || kv->elem != AZ_KV_STR) return false;
    *s = kv->v.arr.data;
    *n = kv->v.arr.n;
    return true;
}

int az_hf_vocab_type(const vocab *v, uint64_t i)
{
    int32_t t;

    if (!v->types) return AZ_TT_NORMAL;
    memcpy(&t, v->types + i, sizeof t);
    return t;
}

static bool is_kind(const vocab *v, const char *kind)
{
    return strcmp(v->kind, kind) == 0;
}

static adze_status find(vocab *v)
{
    static const char *const kinds[] = { "gpt2", "llama", "t5", "bert" };
    const char *model = az_kv_string(&v->p->model->kv, "tokenizer.ggml.model");
    const az_kv *types = az_kv_find(&v->p->model->kv, "tokenizer.ggml.token_type");

    for (size_t i = 0; model && i < AZ_COUNT(kinds); i++)
        if (strcmp(model, kinds[i]) == 0) v->kind = kinds[i];
    if (!v->kind)
        return az_fail_name(v->err, ADZE_EUNSUP, v->p->model->path, "tokenizer.ggml.model",
                            ADZE_NOPOS,
                            "tokenizer %.40s is not known: gpt2, llama, t5 and bert are",
                            model ? model : "(none)");
    if (!strings(v, "tokenizer.ggml.tokens", &v->tokens, &v->n))
        return az_hf_vocab_bad(v, "tokenizer.ggml.tokens", "missing, or not an array of strings");
    if (!strings(v, "tokenizer.ggml.merges", &v->merges, &v->n_merges) && is_kind(v, "gpt2"))
        return az_hf_vocab_bad(v, "tokenizer.ggml.merges", "missing, or not an array of strings");
    v->n_model = v->n;
    if (!types) return ADZE_OK;
    if (types->type != AZ_KV_ARR || (types->elem != AZ_KV_I32 && types->elem != AZ_KV_U32) ||
        types->v.arr.n != v->n)
        return az_hf_vocab_bad(v, "tokenizer.ggml.token_type",
                               "is not one 32-bit integer per token");
    v->types = types->v.arr.data;
    return ADZE_OK;
}

/* tokenizers wants all members of a ByteLevel, alone or in a sequence. */
static void complete(json_t *pre)
{
    const json_t *steps = json_object_get(pre, "pretokenizers");
    const char *type = az_json_str(pre, "type");

    for (size_t i = 0; i < json_array_size(steps); i++)
        complete(json_array_get(steps, i));
    if (!type || strcmp(type, "ByteLevel") != 0) return;
    for (size_t i = 0; i < 3; i++) {
        const char *name = (const char *[]){ "add_prefix_space", "trim_offsets", "use_regex" }[i];
        if (!json_object_get(pre, name)) json_object_set_new(pre, name, json_boolean(i > 0));
    }
}

/* The pipeline of a byte-level BPE by its name. */
static adze_status start_named(vocab *v)
{
    const char *name = az_kv_string(&v->p->model->kv, "tokenizer.ggml.pre");
    az_pre pre;

    az_pre_resolve(name, &pre); /* the plan has noted it when this is an assumption */
    v->add_bos = pre.add_bos;
    v->doc = pre.pipeline;
    if (!v->doc) return nomem(v);
    complete(json_object_get(v->doc, "pre_tokenizer"));
    json_object_set_new(v->doc, "decoder",
                        json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space",
                                  1, "trim_offsets", 1, "use_regex", 1));
    json_object_set_new(v->doc, "model",
                        json_pack("{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:b}", "type", "BPE",
                                  "dropout", "unk_token", "continuing_subword_prefix",
                                  "end_of_word_suffix", "fuse_unk", 0, "byte_fallback", 0,
                                  "ignore_merges", (int)pre.ignore_merges));
    return ADZE_OK;
}

/* What every tokenizer.json has. */
static void put_frame(vocab *v)
{
    json_object_set_new(v->doc, "version", json_string("1.0"));
    json_object_set_new(v->doc, "truncation", json_null());
    json_object_set_new(v->doc, "padding", json_null());
    if (!json_object_get(v->doc, "normalizer"))
        json_object_set_new(v->doc, "normalizer", json_null());
}

/* The pipeline as adze kept it, unless it is a tokenizer.model's, which no tokenizer.json can hold as it is. */
static adze_status start(vocab *v)
{
    const az_kv *own = az_kv_find(&v->p->model->kv, AZ_TOKENIZER_PATTERN_KEY);
    const json_t *model;
    const char *type;
    int64_t n;
    adze_status rc = ADZE_OK;

    if (own && own->type == AZ_KV_STR) {
        rc = az_json_parse(&v->doc, own->v.str.s, own->v.str.n, v->p->model->path, v->err);
        if (rc < 0) return rc;
        model = json_object_get(v->doc, "model");
        if (!json_is_object(model))
            return az_hf_vocab_bad(v, AZ_TOKENIZER_PATTERN_KEY, "has no model");
        if (az_json_int(model, "vocab_size", &n) && n >= 0 && (uint64_t)n < v->n)
            v->n_model = (uint64_t)n;
        type = az_json_str(model, "type");
        if (!type || strcmp(type, "SentencePiece") != 0) return ADZE_OK;
    }
    if (is_kind(v, "gpt2")) {
        rc = start_named(v);
    } else {
        json_t *kept = v->doc, *list;
        v->doc = NULL;
        rc = az_hf_vocab_pipeline(v, kept);
        list = json_object_get(kept, "added_tokens");
        if (rc == ADZE_OK && list) json_object_set(v->doc, "added_tokens", list);
        json_decref(kept);
    }
    if (rc == ADZE_OK) put_frame(v);
    return rc;
}

/* Added tokens by text; and, where the kept pipeline lists none, the list. */
static void put_added(vocab *v)
{
    json_t *list = json_object_get(v->doc, "added_tokens") ? NULL : json_array();

    for (uint64_t i = 0; i < v->n; i++) {
        int type = az_hf_vocab_type(v, i);
        if (type != AZ_TT_CONTROL && type != AZ_TT_USER) continue;
        json_object_setn_new(v->added, v->tokens[i].s, v->tokens[i].n, json_false());
        if (!list) continue;
        json_array_append_new(list,
                              json_pack("{s:I, s:o, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)i,
                                        "content", json_stringn(v->tokens[i].s, v->tokens[i].n),
                                        "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0,
                                        "special", (int)(type == AZ_TT_CONTROL)));
    }
    if (list) json_object_set_new(v->doc, "added_tokens", list);
}

static void mark(vocab *v, const char *s, size_t n)
{
    if (json_object_getn(v->added, s, n)) json_object_setn_new(v->added, s, n, json_true());
}

static adze_status put_merges(vocab *v, json_t *model)
{
    json_t *list;
    az_buf b;

    if (!v->merges && !is_kind(v, "llama")) return ADZE_OK;
    if (!v->merges) return az_hf_vocab_merges(v, model);
    list = json_array();
    az_buf_init(&b, v->p->run);
    for (uint64_t i = 0; i < v->n_merges; i++) {
        const az_str *m = &v->merges[i];
        const char *space = m->n > 1 ? memchr(m->s + 1, ' ', m->n - 1) : NULL;
        size_t left = space ? (size_t)(space - m->s) : 0, right = space ? m->n - left - 1 : 0;
        if (!right) {
            json_decref(list);
            az_buf_deinit(&b);
            return az_hf_vocab_bad(v, "tokenizer.ggml.merges", "an entry has no two pieces");
        }
        az_buf_clear(&b);
        az_buf_put(&b, m->s, left);
        az_buf_put(&b, space + 1, right);
        mark(v, m->s, left);
        mark(v, space + 1, right);
        if (az_buf_ok(&b)) mark(v, b.data, b.size);
        json_array_append_new(list, json_pack("[o, o]", json_stringn(m->s, left),
                                              json_stringn(space + 1, right)));
    }
    az_buf_deinit(&b);
    return json_object_set_new(model, "merges", list) < 0
               ? az_fail_nomem(v->err, "writing tokenizer.json")
               : ADZE_OK;
}

/* An added token that no merge names or makes. */
static bool is_apart(const vocab *v, uint64_t i)
{
    return json_is_false(json_object_getn(v->added, v->tokens[i].s, v->tokens[i].n));
}

/* First id of those that model.vocab may leave out: readers give added tokens that are not in it the ids behind it,
 * one after the other, so they must lie there, and no id before or between them may be without a token. */
static uint64_t first_apart(const vocab *v)
{
    uint64_t end = v->n, first;

    while (end && az_hf_vocab_type(v, end - 1) == AZ_TT_UNUSED)
        end--;
    for (uint64_t i = 0; i < end; i++)
        if (az_hf_vocab_type(v, i) == AZ_TT_UNUSED) return end;
    for (first = end; first && is_apart(v, first - 1); first--)
        ;
    return first;
}

static adze_status put_tokens(vocab *v, json_t *model)
{
    uint64_t end = is_kind(v, "bert") ? v->n : first_apart(v); /* [UNK] must be in it */
    json_t *map = json_object();
    adze_status rc = ADZE_OK;
    az_buf b;

    az_buf_init(&b, v->p->run);
    for (uint64_t i = 0; i < end && rc == ADZE_OK; i++) {
        if (az_hf_vocab_type(v, i) == AZ_TT_UNUSED) continue;
        az_hf_vocab_text(v, i, &b);
        if (!az_buf_ok(&b))
            rc = nomem(v);
        else if (json_object_getn(map, b.data, b.size))
            rc = az_fail_name(v->err, ADZE_EFORMAT, v->p->model->path, "tokenizer.ggml.tokens",
                              ADZE_NOPOS, "token %llu, \"%.60s\", appears twice",
                              (unsigned long long)i, v->tokens[i].s);
        else if (json_object_setn_new(map, b.data, b.size, json_integer((json_int_t)i)) < 0)
            rc = az_fail_name(v->err, ADZE_EFORMAT, v->p->model->path, "tokenizer.ggml.tokens",
                              ADZE_NOPOS, "token %llu is no UTF-8", (unsigned long long)i);
    }
    az_buf_deinit(&b);
    json_object_set_new(model, "vocab", map);
    return rc;
}

/* Added tokens of a tokenizer.model have no ids in what adze keeps of it. */
static adze_status put_ids(vocab *v)
{
    json_t *list = json_object_get(v->doc, "added_tokens"), *ids = NULL, *e;
    adze_status rc = ADZE_OK;
    size_t i;

    json_array_foreach(list, i, e)
    {
        const char *text = az_json_str(e, "content");
        const json_t *id;
        if (!text || json_object_get(e, "id")) continue;
        if (!ids) {
            ids = json_object();
            for (uint64_t k = v->n; k-- > 0;)
                json_object_setn_new(ids, v->tokens[k].s, v->tokens[k].n,
                                     json_integer((json_int_t)k));
        }
        id = json_object_get(ids, text);
        if (!id) {
            rc =
                az_fail_name(v->err, ADZE_EFORMAT, v->p->model->path, AZ_TOKENIZER_PATTERN_KEY,
                             ADZE_NOPOS, "the added token \"%.60s\" is not among the tokens", text);
            break;
        }
        json_object_set_new(e, "id", json_integer(json_integer_value(id)));
    }
    for (i = 0; rc == ADZE_OK && i < json_array_size(list); i++) {
        static const char *const flags[] = { "single_word", "lstrip", "rstrip", "normalized",
                                             "special" };
        e = json_array_get(list, i);
        for (size_t k = 0; k < AZ_COUNT(flags); k++)
            if (!json_object_get(e, flags[k]))
                json_object_set_new(e, flags[k], json_boolean(k == 3));
    }
    json_decref(ids);
    return rc;
}

/* Token of a key, else of its text; -1: none. */
static int64_t token_of(const vocab *v, const char *name, int64_t fallback, const char *text)
{
    char key[64];
    int64_t id;

    snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", name);
    if (az_kv_int(&v->p->model->kv, key, &id)) return id >= 0 && (uint64_t)id < v->n ? id : -1;
    for (uint64_t i = 0; text && i < v->n; i++)
        if (strcmp(v->tokens[i].s, text) == 0) return (int64_t)i;
    return fallback < (int64_t)v->n ? fallback : -1;
}

static bool flag(const vocab *v, const char *key, bool fallback)
{
    bool yes;

    return az_kv_bool(&v->p->model->kv, key, &yes) ? yes : fallback;
}

/* "<bos> text <eos>" as the keys say, for a pipeline that does not say it. */
static void put_post_processor(vocab *v)
{
    bool bert = is_kind(v, "bert"), llama = is_kind(v, "llama"), t5 = is_kind(v, "t5");
    int64_t first = -1, last = -1;
    json_t *step;

    if (json_object_get(v->doc, "post_processor")) return;
    json_object_set_new(v->doc, "post_processor", json_null());
    if (flag(v, "tokenizer.ggml.add_bos_token", v->add_bos)) {
        first = token_of(v, "cls", -1, NULL);
        if (first < 0) first = token_of(v, "bos", llama ? 1 : -1, bert ? "[CLS]" : NULL);
    }
    if (flag(v, "tokenizer.ggml.add_sep_token", v->add_sep))
        last = token_of(v, "seperator", -1, bert ? "[SEP]" : NULL);
    else if (flag(v, "tokenizer.ggml.add_eos_token", v->add_eos))
        last = token_of(v, "eos", llama ? 2 : t5 ? 1 : -1, NULL);
    if (first < 0 && last < 0) return;
    step = az_tok_around(first >= 0 ? v->tokens[first].s : NULL, first,
                         last >= 0 ? v->tokens[last].s : NULL, last);
    if (!step) return;
    json_object_set_new(step, "pair",
                        json_pack("[{s:{s:s, s:i}}, {s:{s:s, s:i}}]", "Sequence", "id", "A",
                                  "type_id", 0, "Sequence", "id", "B", "type_id", 1));
    json_object_set_new(v->doc, "post_processor", step);
}

adze_status az_hf_tokenizer_from_gguf(const az_plan *p, json_t **out, adze_error *err)
{
    vocab v = { .p = p, .err = err, .added = json_object() };
    json_t *model = NULL;
    adze_status rc = v.added ? find(&v) : nomem(&v);

    *out = NULL;
    if (rc == ADZE_OK) rc = start(&v);
    if (rc == ADZE_OK) {
        model = json_object_get(v.doc, "model");
        json_object_del(model, "vocab_size");
        put_added(&v);
        rc = put_ids(&v);
    }
    if (rc == ADZE_OK) rc = put_merges(&v, model);
    if (rc == ADZE_OK)
        rc = is_kind(&v, "t5") ? az_hf_vocab_scores(&v, model) : put_tokens(&v, model);
    if (rc == ADZE_OK) put_post_processor(&v);
    json_decref(v.added);
    if (rc < 0)
        json_decref(v.doc);
    else
        *out = v.doc;
    return rc;
}
