/* tokenizer.json from a GGUF's byte-level BPE: the pipeline that adze keeps in a key of its own, or the one that
 * tokenizer.ggml.pre names, with the vocabulary and the merges put back.
 *
 * A GGUF lists added tokens with the others. Those that no merge names or makes are left out of model.vocab, as
 * tokenizers writes them. Source: huggingface/tokenizers' tokenizer.json, 2026-08.
 */
#include "base/buf.h"
#include "base/json.h"
#include "format/folder.h"
#include "text/tokenizer.h"

#include <string.h>

enum { CONTROL = 3, USER_DEFINED = 4, UNUSED = 5 };

typedef struct vocab {
    const az_plan *p;
    const az_str *tokens, *merges;
    uint64_t n, n_merges;
    const int32_t *types; /* NULL: all normal */
    json_t *doc;          /* tokenizer.json as it grows */
    json_t *added;        /* text of an added token -> true when a merge names it */
    adze_error *err;
} vocab;

static adze_status bad(const vocab *v, const char *key, const char *what)
{
    return az_fail_name(v->err, ADZE_EFORMAT, v->p->model->path, key, ADZE_NOPOS, "%s", what);
}

static bool strings(const vocab *v, const char *key, const az_str **s, uint64_t *n)
{
    const az_kv *kv = az_kv_find(&v->p->model->kv, key);

    if (!kv || kv->type != AZ_KV_ARR || kv->elem != AZ_KV_STR) return false;
    *s = kv->v.arr.data;
    *n = kv->v.arr.n;
    return true;
}

static int type_of(const vocab *v, uint64_t i)
{
    int32_t t;

    if (!v->types) return 1;
    memcpy(&t, v->types + i, sizeof t);
    return t;
}

static adze_status find(vocab *v)
{
    const char *model = az_kv_string(&v->p->model->kv, "tokenizer.ggml.model");
    const az_kv *types = az_kv_find(&v->p->model->kv, "tokenizer.ggml.token_type");

    if (!model || strcmp(model, "gpt2") != 0)
        return az_fail_name(v->err, ADZE_EUNSUP, v->p->model->path, "tokenizer.ggml.model",
                            ADZE_NOPOS, "tokenizer %.40s: adze writes byte-level BPE to a folder",
                            model ? model : "(none)");
    if (!strings(v, "tokenizer.ggml.tokens", &v->tokens, &v->n))
        return bad(v, "tokenizer.ggml.tokens", "missing, or not an array of strings");
    if (!strings(v, "tokenizer.ggml.merges", &v->merges, &v->n_merges))
        return bad(v, "tokenizer.ggml.merges", "missing, or not an array of strings");
    if (!types) return ADZE_OK;
    if (types->type != AZ_KV_ARR || (types->elem != AZ_KV_I32 && types->elem != AZ_KV_U32) ||
        types->v.arr.n != v->n)
        return bad(v, "tokenizer.ggml.token_type", "is not one 32-bit integer per token");
    v->types = types->v.arr.data;
    return ADZE_OK;
}

/* The pipeline as adze kept it, else by its name. */
static adze_status start(vocab *v)
{
    const az_kv *own = az_kv_find(&v->p->model->kv, AZ_TOKENIZER_PATTERN_KEY);
    const char *name = az_kv_string(&v->p->model->kv, "tokenizer.ggml.pre");
    adze_status rc;
    az_pre pre;

    if (own && own->type == AZ_KV_STR) {
        rc = az_json_parse(&v->doc, own->v.str.s, own->v.str.n, v->p->model->path, v->err);
        if (rc == ADZE_OK && !json_is_object(v->doc))
            rc = bad(v, AZ_TOKENIZER_PATTERN_KEY, "must hold a JSON object");
        return rc;
    }
    az_pre_resolve(name, &pre); /* the plan has noted it when this is an assumption */
    v->doc = pre.pipeline;
    if (!v->doc) return az_fail_nomem(v->err, "writing tokenizer.json");
    json_object_set_new(v->doc, "version", json_string("1.0"));
    json_object_set_new(v->doc, "truncation", json_null());
    json_object_set_new(v->doc, "padding", json_null());
    if (!json_object_get(v->doc, "normalizer"))
        json_object_set_new(v->doc, "normalizer", json_null());
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

/* Added tokens by text; and, where the kept pipeline lists none, the list. */
static void put_added(vocab *v)
{
    json_t *list = json_object_get(v->doc, "added_tokens") ? NULL : json_array();

    for (uint64_t i = 0; i < v->n; i++) {
        int type = type_of(v, i);
        if (type != CONTROL && type != USER_DEFINED) continue;
        json_object_setn_new(v->added, v->tokens[i].s, v->tokens[i].n, json_false());
        if (!list) continue;
        json_array_append_new(list,
                              json_pack("{s:I, s:o, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)i,
                                        "content", json_stringn(v->tokens[i].s, v->tokens[i].n),
                                        "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0,
                                        "special", (int)(type == CONTROL)));
    }
    if (list) json_object_set_new(v->doc, "added_tokens", list);
}

static void mark(vocab *v, const char *s, size_t n)
{
    if (json_object_getn(v->added, s, n)) json_object_setn_new(v->added, s, n, json_true());
}

static adze_status put_merges(vocab *v, json_t *model)
{
    json_t *list = json_array();
    az_buf b;

    az_buf_init(&b, v->p->run);
    for (uint64_t i = 0; i < v->n_merges; i++) {
        const az_str *m = &v->merges[i];
        const char *space = m->n > 1 ? memchr(m->s + 1, ' ', m->n - 1) : NULL;
        size_t left = space ? (size_t)(space - m->s) : 0, right = space ? m->n - left - 1 : 0;
        if (!right) {
            json_decref(list);
            az_buf_deinit(&b);
            return bad(v, "tokenizer.ggml.merges", "an entry has no two pieces");
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

    while (end && type_of(v, end - 1) == UNUSED)
        end--;
    for (uint64_t i = 0; i < end; i++)
        if (type_of(v, i) == UNUSED) return end;
    for (first = end; first && is_apart(v, first - 1); first--)
        ;
    return first;
}

static adze_status put_tokens(vocab *v, json_t *model)
{
    uint64_t apart = first_apart(v);
    json_t *map = json_object();
    adze_status rc = ADZE_OK;

    for (uint64_t i = 0; i < apart && rc == ADZE_OK; i++) {
        const az_str *t = &v->tokens[i];
        if (type_of(v, i) == UNUSED) continue;
        if (json_object_getn(map, t->s, t->n))
            rc = az_fail_name(v->err, ADZE_EFORMAT, v->p->model->path, "tokenizer.ggml.tokens",
                              ADZE_NOPOS, "token %llu, \"%.60s\", appears twice",
                              (unsigned long long)i, t->s);
        else if (json_object_setn_new(map, t->s, t->n, json_integer((json_int_t)i)) < 0)
            rc = az_fail_name(v->err, ADZE_EFORMAT, v->p->model->path, "tokenizer.ggml.tokens",
                              ADZE_NOPOS, "token %llu is no UTF-8", (unsigned long long)i);
    }
    json_object_set_new(model, "vocab", map);
    return rc;
}

/* "<bos> text" for a pipeline that was found by its name. */
static void put_post_processor(vocab *v)
{
    const az_kvs *kv = &v->p->model->kv;
    json_t *single, *step;
    const az_str *t;
    bool add = false;
    int64_t id;

    if (json_object_get(v->doc, "post_processor")) return;
    json_object_set_new(v->doc, "post_processor", json_null());
    if (!az_kv_bool(kv, "tokenizer.ggml.add_bos_token", &add) || !add ||
        !az_kv_int(kv, "tokenizer.ggml.bos_token_id", &id) || id < 0 || (uint64_t)id >= v->n)
        return;
    t = &v->tokens[id];
    single = json_pack("[{s:{s:o, s:i}}, {s:{s:s, s:i}}]", "SpecialToken", "id",
                       json_stringn(t->s, t->n), "type_id", 0, "Sequence", "id", "A", "type_id", 0);
    step = json_pack("{s:s, s:o, s:[{s:{s:s, s:i}}, {s:{s:s, s:i}}], s:{}}", "type",
                     "TemplateProcessing", "single", single, "pair", "Sequence", "id", "A",
                     "type_id", 0, "Sequence", "id", "B", "type_id", 1, "special_tokens");
    if (!step) return;
    json_object_setn_new(json_object_get(step, "special_tokens"), t->s, t->n,
                         json_pack("{s:o, s:[I], s:[o]}", "id", json_stringn(t->s, t->n), "ids",
                                   (json_int_t)id, "tokens", json_stringn(t->s, t->n)));
    json_object_set_new(v->doc, "post_processor", step);
}

adze_status az_hf_tokenizer_from_gguf(const az_plan *p, json_t **out, adze_error *err)
{
    vocab v = { .p = p, .err = err, .added = json_object() };
    json_t *model = NULL;
    adze_status rc = v.added ? find(&v) : az_fail_nomem(err, "writing tokenizer.json");

    *out = NULL;
    if (rc == ADZE_OK) rc = start(&v);
    if (rc == ADZE_OK) {
        model = json_object_get(v.doc, "model");
        if (!json_is_object(model)) rc = bad(&v, AZ_TOKENIZER_PATTERN_KEY, "has no model");
    }
    if (rc == ADZE_OK) {
        put_added(&v);
        rc = put_merges(&v, model);
    }
    if (rc == ADZE_OK) rc = put_tokens(&v, model);
    if (rc == ADZE_OK) put_post_processor(&v);
    json_decref(v.added);
    if (rc < 0)
        json_decref(v.doc);
    else
        *out = v.doc;
    return rc;
}
