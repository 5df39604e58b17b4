/* tokenizer.json of SentencePiece's BPE and Unigram and of WordPiece, from what llama.cpp's keys say.
 *
 * SentencePiece merges what has the highest score; tokenizers merges by a list, which is made of every way to put a token
 * together, the highest score first. Rules around the model: transformers' convert_slow_tokenizer (5.x, 2026-08).
 */
#include "format/hf_vocab.h"
#include "base/buf.h"
#include "base/json.h"
#include "text/base64.h"
#include "text/index.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "\xe2\x96\x81"

static const az_kvs *kvs(const az_hf_vocab *v)
{
    return &v->p->model->kv;
}

static bool flag(const az_hf_vocab *v, const char *key, bool fallback)
{
    bool yes;

    return az_kv_bool(kvs(v), key, &yes) ? yes : fallback;
}

void az_hf_vocab_text(const az_hf_vocab *v, uint64_t id, az_buf *b)
{
    const az_str *s = &v->tokens[id];
    const char *prefix = az_json_str(json_object_get(v->doc, "model"), "continuing_subword_prefix");
    int type = az_hf_vocab_type(v, id);
    bool bracketed = s->n > 1 && s->s[0] == '[' && s->s[s->n - 1] == ']';

    az_buf_clear(b);
    if (strcmp(v->kind, "bert") != 0 || type == AZ_TT_CONTROL || type == AZ_TT_UNUSED ||
        bracketed) {
        az_buf_put(b, s->s, s->n);
    } else if (s->n >= strlen(MARK) && memcmp(s->s, MARK, strlen(MARK)) == 0) {
        az_buf_put(b, s->s + strlen(MARK), s->n - strlen(MARK));
    } else {
        az_buf_puts(b, prefix ? prefix : "##");
        az_buf_put(b, s->s, s->n);
    }
}

/* What a SentencePiece normalizer does. */
typedef struct rules {
    bool prefix, always, extra;
    az_buf charsmap; /* base64 */
} rules;

static adze_status read_rules(const az_hf_vocab *v, const json_t *kept, rules *r)
{
    const az_kv *map = az_kv_find(kvs(v), "tokenizer.ggml.precompiled_charsmap");
    const json_t *norm = json_object_get(kept, "normalizer");
    bool escape = true, suffix = false;

    r->always = true;
    if (norm) {
        r->always = false;
        az_json_bool(norm, "add_dummy_prefix", &r->prefix);
        az_json_bool(norm, "prefix_always", &r->always);
        az_json_bool(norm, "remove_extra_whitespaces", &r->extra);
        az_json_bool(norm, "escape_whitespaces", &escape);
        az_json_bool(norm, "treat_whitespace_as_suffix", &suffix);
        if (!escape || suffix)
            return az_fail_name(v->err, ADZE_EUNSUP, v->p->model->path, AZ_TOKENIZER_PATTERN_KEY,
                                ADZE_NOPOS, "a tokenizer.json cannot say how it treats spaces");
    } else {
        r->prefix = flag(v, "tokenizer.ggml.add_space_prefix", strcmp(v->kind, "llama") == 0);
        r->extra = flag(v, "tokenizer.ggml.remove_extra_whitespaces", false);
    }
    if (map && map->type == AZ_KV_ARR && (map->elem == AZ_KV_U8 || map->elem == AZ_KV_I8))
        az_base64_encode(&r->charsmap, map->v.arr.data, (size_t)map->v.arr.n);
    return az_buf_ok(&r->charsmap) ? ADZE_OK : az_fail_nomem(v->err, "writing tokenizer.json");
}

static json_t *replace(const char *kind, const char *what, const char *with)
{
    return json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern", kind, what, "content",
                     with);
}

/* bare: spaces are marked here, not by a pre-tokenizer. */
static json_t *sp_normalizer(const rules *r, bool bare)
{
    json_t *steps = json_array();

    if (r->charsmap.size)
        json_array_append_new(steps, json_pack("{s:s, s:s%}", "type", "Precompiled",
                                               "precompiled_charsmap", r->charsmap.data,
                                               r->charsmap.size));
    if (r->extra) {
        json_array_append_new(steps, json_pack("{s:s, s:b, s:b}", "type", "Strip", "strip_left", 1,
                                               "strip_right", 1));
        json_array_append_new(steps, replace("Regex", " {2,}", " "));
    }
    if (bare && r->prefix)
        json_array_append_new(steps, json_pack("{s:s, s:s}", "type", "Prepend", "prepend", MARK));
    if (bare) json_array_append_new(steps, replace("String", " ", MARK));
    if (json_array_size(steps))
        return json_pack("{s:s, s:o}", "type", "Sequence", "normalizers", steps);
    json_decref(steps);
    return json_null();
}

/* scheme: never, first or always is a mark put before a text that has none. */
static json_t *metaspace(const char *scheme, bool split)
{
    return json_pack("{s:s, s:s, s:s, s:b}", "type", "Metaspace", "replacement", MARK,
                     "prepend_scheme", scheme, "split", (int)split);
}

static json_t *bpe_decoder(const rules *r)
{
    json_t *steps = json_array();

    json_array_append_new(steps, replace("String", MARK, " "));
    json_array_append_new(steps, json_pack("{s:s}", "type", "ByteFallback"));
    json_array_append_new(steps, json_pack("{s:s}", "type", "Fuse"));
    if (r->prefix)
        json_array_append_new(steps, json_pack("{s:s, s:s, s:i, s:i}", "type", "Strip", "content",
                                               " ", "start", 1, "stop", 0));
    return json_pack("{s:s, s:o}", "type", "Sequence", "decoders", steps);
}

/* Id of the token for what no other covers; -1: none. */
static int64_t unknown(const az_hf_vocab *v, int64_t fallback)
{
    int64_t id;

    if (az_kv_int(kvs(v), "tokenizer.ggml.unknown_token_id", &id) && id >= 0 && (uint64_t)id < v->n)
        return id;
    for (uint64_t i = 0; i < v->n && v->types; i++)
        if (az_hf_vocab_type(v, i) == AZ_TT_UNKNOWN) return (int64_t)i;
    return fallback < (int64_t)v->n ? fallback : -1;
}

static bool has_bytes(const az_hf_vocab *v)
{
    for (uint64_t i = 0; i < v->n; i++)
        if (az_hf_vocab_type(v, i) == AZ_TT_BYTE) return true;
    return false;
}

static json_t *bpe_model(const az_hf_vocab *v)
{
    int64_t unk = unknown(v, 0);
    json_t *text = unk >= 0 ? json_stringn(v->tokens[unk].s, v->tokens[unk].n) : json_null();

    return json_pack("{s:s, s:n, s:o, s:n, s:n, s:b, s:b, s:b}", "type", "BPE", "dropout",
                     "unk_token", text, "continuing_subword_prefix", "end_of_word_suffix",
                     "fuse_unk", 1, "byte_fallback", (int)has_bytes(v), "ignore_merges", 0);
}

static json_t *unigram_model(const az_hf_vocab *v)
{
    int64_t unk = unknown(v, -1);

    return json_pack("{s:s, s:o, s:b}", "type", "Unigram", "unk_id",
                     unk >= 0 ? json_integer(unk) : json_null(), "byte_fallback",
                     (int)has_bytes(v));
}

static adze_status sentencepiece(az_hf_vocab *v, const json_t *kept)
{
    bool bpe = strcmp(v->kind, "llama") == 0;
    rules r = { .prefix = false };
    json_t *model, *pre, *decoder;
    adze_status rc;

    az_buf_init(&r.charsmap, v->p->run);
    rc = read_rules(v, kept, &r);
    if (rc == ADZE_OK) {
        /* a pre-tokenizer's mark is left out before a space, SentencePiece's is not */
        bool bare = !r.prefix || r.always;
        model = bpe ? bpe_model(v) : unigram_model(v);
        pre = bare && bpe ? json_null() : metaspace(bare ? "never" : "first", !bpe);
        decoder = bpe ? bpe_decoder(&r) : metaspace(r.prefix ? "always" : "never", true);
        v->doc = json_pack("{s:o, s:o, s:o, s:o}", "normalizer", sp_normalizer(&r, bare),
                           "pre_tokenizer", pre, "decoder", decoder, "model", model);
    }
    az_buf_deinit(&r.charsmap);
    return rc;
}

static adze_status wordpiece(az_hf_vocab *v)
{
    bool lower = flag(v, "tokenizer.ggml.normalizer.lowercase", true);
    int64_t unk = unknown(v, -1);
    az_buf text;

    az_buf_init(&text, v->p->run);
    if (unk >= 0)
        az_hf_vocab_text(v, (uint64_t)unk, &text);
    else
        az_buf_puts(&text, "[UNK]");
    if (!az_buf_ok(&text)) {
        az_buf_deinit(&text);
        return az_fail_nomem(v->err, "writing tokenizer.json");
    }
    /* A GGUF's words have no longest length. */
    v->doc = json_pack("{s:{s:s, s:b, s:b, s:b, s:b}, s:{s:s}, s:{s:s, s:s, s:b}, "
                       "s:{s:s, s:s, s:s, s:i}}",
                       "normalizer", "type", "BertNormalizer", "clean_text", 1,
                       "handle_chinese_chars", 1, "strip_accents",
                       (int)flag(v, "tokenizer.ggml.normalizer.strip_accents", lower), "lowercase",
                       (int)lower, "pre_tokenizer", "type", "BertPreTokenizer", "decoder", "type",
                       "WordPiece", "prefix", "##", "cleanup", 1, "model", "type", "WordPiece",
                       "unk_token", text.data, "continuing_subword_prefix", "##",
                       "max_input_chars_per_word", 1000000);
    az_buf_deinit(&text);
    return ADZE_OK;
}

adze_status az_hf_vocab_pipeline(az_hf_vocab *v, const json_t *kept)
{
    const json_t *post = json_object_get(kept, "post_processor");
    adze_status rc;

    v->add_bos = strcmp(v->kind, "t5") != 0;
    v->add_eos = strcmp(v->kind, "t5") == 0;
    v->add_sep = strcmp(v->kind, "bert") == 0;
    rc = v->add_sep ? wordpiece(v) : sentencepiece(v, kept);
    if (rc == ADZE_OK && !v->doc) rc = az_fail_nomem(v->err, "writing tokenizer.json");
    if (rc == ADZE_OK && post && !json_is_null(post)) {
        json_t *copy = json_copy((json_t *)(uintptr_t)post);
        if (!json_object_get(copy, "pair"))
            json_object_set_new(copy, "pair",
                                json_pack("[{s:{s:s, s:i}}, {s:{s:s, s:i}}]", "Sequence", "id", "A",
                                          "type_id", 0, "Sequence", "id", "B", "type_id", 1));
        json_object_set_new(v->doc, "post_processor", copy);
    }
    return rc;
}

/* --- scores --------------------------------------------------------------------------------------------- */

/* 64-bit scores in a key of adze's own, else llama.cpp's; new memory. */
static adze_status read_scores(const az_hf_vocab *v, double **out)
{
    const az_kv *own = az_kv_find(kvs(v), AZ_TOKENIZER_SCORES_KEY);
    const az_kv *kv = az_kv_find(kvs(v), "tokenizer.ggml.scores");
    double *s = az_calloc(v->p->run, (size_t)v->n + 1, sizeof *s);
    adze_status rc = s ? ADZE_OK : az_fail_nomem(v->err, "writing tokenizer.json");

    if (own && own->type == AZ_KV_ARR && own->elem == AZ_KV_F64 && own->v.arr.n == v->n) {
        if (s) memcpy(s, own->v.arr.data, (size_t)v->n * sizeof *s);
    } else if (kv && kv->type == AZ_KV_ARR && kv->elem == AZ_KV_F32 && kv->v.arr.n == v->n) {
        for (uint64_t i = 0; s && i < v->n; i++) {
            float f;
            memcpy(&f, (const char *)kv->v.arr.data + i * sizeof f, sizeof f);
            s[i] = (double)f;
        }
    } else if (rc == ADZE_OK) {
        rc = az_hf_vocab_bad(v, "tokenizer.ggml.scores", "missing, or not one float per token");
    }
    for (uint64_t i = 0; i < v->n && rc == ADZE_OK; i++)
        if (!isfinite(s[i]))
            rc = az_hf_vocab_bad(v, "tokenizer.ggml.scores", "holds a value that is not finite");
    if (rc < 0) {
        az_free(v->p->run, s);
        s = NULL;
    }
    *out = s;
    return rc;
}

/* A number that tokenizers reads as this score: at 16 digits, its neighbours may be the ones. */
static double written_score(double score)
{
    char text[40];

    for (int k = 0; k < 9; k++) {
        double near = score;
        for (int i = 0; i < (k + 1) / 2; i++)
            near = nextafter(near, k % 2 ? INFINITY : -INFINITY);
        snprintf(text, sizeof text, "%.16g", near);
        near = strtod(text, NULL);
        if (memcmp(&(double){ az_tok_score(near) }, &score, sizeof score) == 0) return near;
    }
    return score;
}

adze_status az_hf_vocab_scores(az_hf_vocab *v, json_t *model)
{
    json_t *list = json_array();
    uint64_t n = v->n_model < v->n ? v->n_model : v->n;
    double *scores = NULL;
    adze_status rc =
        list ? read_scores(v, &scores) : az_fail_nomem(v->err, "writing tokenizer.json");

    while (n && n == v->n && n > 1 && az_hf_vocab_type(v, n - 1) == AZ_TT_UNUSED &&
           strncmp(v->tokens[n - 1].s, "[PAD", 4) == 0)
        v->n_model = --n; /* rows of the embedding without a token */
    for (uint64_t i = 0; i < n && rc == ADZE_OK; i++) {
        json_t *text = json_stringn(v->tokens[i].s, v->tokens[i].n);
        if (!text)
            rc = az_hf_vocab_bad(v, "tokenizer.ggml.tokens", "a token is no UTF-8");
        else if (json_array_append_new(list, json_pack("[o, f]", text, written_score(scores[i]))))
            rc = az_fail_nomem(v->err, "writing tokenizer.json");
    }
    az_free(v->p->run, scores);
    if (rc < 0)
        json_decref(list);
    else
        json_object_set_new(model, "vocab", list);
    return rc;
}

typedef struct merge {
    double score;
    int32_t token, left, right;
} merge;

static int by_score(const void *a, const void *b)
{
    const merge *x = a, *y = b;

    if (x->score < y->score || x->score > y->score) return x->score > y->score ? -1 : 1;
    if (x->token != y->token) return x->token < y->token ? -1 : 1;
    return x->left != y->left ? (x->left < y->left ? -1 : 1)
                              : (x->right > y->right) - (x->right < y->right);
}

static bool takes_part(const az_hf_vocab *v, uint64_t i)
{
    int type = az_hf_vocab_type(v, i);

    return type == AZ_TT_NORMAL || type == AZ_TT_USER;
}

enum { MAX_TOKEN = 4096 };

/* Every way to put two tokens together that is a token. */
static adze_status find_merges(const az_hf_vocab *v, const double *scores, az_buf *out)
{
    az_index x = { 0 };
    adze_status rc = az_index_init(&x, v->p->run, v->tokens, (size_t)v->n, v->err);
    uint64_t work = 0;

    for (uint64_t i = 0; i < v->n && rc == ADZE_OK; i++) {
        const az_str *t = &v->tokens[i];
        if (!takes_part(v, i)) continue;
        work += t->n * t->n;
        if (t->n > MAX_TOKEN || work > (uint64_t)1 << 32)
            rc = az_fail_name(v->err, ADZE_EUNSUP, v->p->model->path, "tokenizer.ggml.tokens",
                              ADZE_NOPOS, "token %llu has %zu bytes: too long for a list of merges",
                              (unsigned long long)i, t->n);
        for (size_t k = 1; k < t->n && rc == ADZE_OK; k++) {
            merge m = { .score = scores[i], .token = (int32_t)i };
            if (((unsigned char)t->s[k] & 0xc0) == 0x80) continue;
            m.left = az_index_find(&x, t->s, k);
            m.right = m.left >= 0 ? az_index_find(&x, t->s + k, t->n - k) : -1;
            if (m.right < 0 || !takes_part(v, (uint64_t)m.left) ||
                !takes_part(v, (uint64_t)m.right))
                continue;
            az_buf_put(out, &m, sizeof m);
        }
    }
    az_index_deinit(&x);
    if (rc == ADZE_OK && !az_buf_ok(out)) rc = az_fail_nomem(v->err, "writing tokenizer.json");
    return rc;
}

adze_status az_hf_vocab_merges(az_hf_vocab *v, json_t *model)
{
    json_t *list = json_array();
    double *scores = NULL;
    adze_status rc =
        list ? read_scores(v, &scores) : az_fail_nomem(v->err, "writing tokenizer.json");
    const merge *m;
    az_buf b;

    az_buf_init(&b, v->p->run);
    if (rc == ADZE_OK) rc = find_merges(v, scores, &b);
    if (rc == ADZE_OK && b.size) qsort(b.data, b.size / sizeof *m, sizeof *m, by_score);
    m = (const merge *)(const void *)b.data;
    for (size_t i = 0; i < b.size / sizeof *m && rc == ADZE_OK; i++) {
        const az_str *l = &v->tokens[m[i].left], *r = &v->tokens[m[i].right];
        if (json_array_append_new(list, json_pack("[o, o]", json_stringn(l->s, l->n),
                                                  json_stringn(r->s, r->n))))
            rc = az_hf_vocab_bad(v, "tokenizer.ggml.tokens", "a token is no UTF-8");
    }
    az_buf_deinit(&b);
    az_free(v->p->run, scores);
    if (rc < 0)
        json_decref(list);
    else
        json_object_set_new(model, "merges", list);
    return rc;
}
