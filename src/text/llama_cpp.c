/* llama.cpp's reading of a GGUF's tokenizer.
 *
 * Special and user-defined tokens are cut out of the raw text one by one, the longest first; what is left goes to the
 * kind's own rules (llama_cpp_kinds.c). For byte-level BPE that is adze's tokenizer without the keys that only adze
 * reads, with a pipeline made from tokenizer.ggml.pre: no normalizer, patterns over text where every letter is of one
 * kind but A-Z and a-z.
 */
#include "text/llama_cpp.h"
#include "base/json.h"
#include "text/llama_cpp_bpe.h"
#include "text/llama_cpp_kinds.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A special token as llama.cpp looks for it in the text. */
typedef struct marker {
    az_str text;
    int32_t id;
    bool lstrip, rstrip;
} marker;

struct az_llama_tok {
    adze_run *run;
    az_arena arena;
    adze_model model;     /* the GGUF without adze's keys; borrows all but the list of keys */
    adze_tokenizer *tok;  /* byte-level BPE; NULL: vocab */
    az_llama_vocab vocab; /* the other kinds */
    marker *markers;      /* [n_markers] longest first */
    size_t n_markers;
};

static adze_status nomem(adze_error *err)
{
    return az_fail_nomem(err, "reading a tokenizer as llama.cpp does");
}

/* All keys but adze's own. */
static adze_status copy_keys(az_llama_tok *t, const adze_model *m, adze_error *err)
{
    az_kvs *kv = &t->model.kv;

    *kv = (az_kvs){ .arena = &t->arena, .cap = m->kv.n + 8 };
    kv->items = az_arena_array(&t->arena, kv->cap, sizeof *kv->items);
    if (!kv->items) return nomem(err);
    for (size_t i = 0; i < m->kv.n; i++)
        if (strncmp(m->kv.items[i].key, "adze.", 5) != 0) kv->items[kv->n++] = m->kv.items[i];
    return ADZE_OK;
}

static adze_status put_pipeline(az_llama_tok *t, adze_error *err)
{
    const char *name = az_kv_string(&t->model.kv, "tokenizer.ggml.pre"),
               *family = az_llama_pre_family(name);
    bool add_bos = false, given;
    adze_status rc = ADZE_OK;
    json_t *j;
    char *text;
    size_t n = 0;

    if (!family)
        return az_fail_name(err, ADZE_EFORMAT, t->model.path, "tokenizer.ggml.pre", ADZE_NOPOS,
                            "llama.cpp does not know \"%.60s\" and refuses the file", name);
    j = family[0] ? az_llama_pre_pipeline(family, &add_bos) : NULL;
    if (!j)
        return az_fail_name(err, ADZE_EUNSUP, t->model.path, "tokenizer.ggml.pre", ADZE_NOPOS,
                            "adze does not know how llama.cpp splits text by \"%.60s\"",
                            name ? name : "default");
    text = az_json_text(t->run, j, JSON_COMPACT, &n);
    if (!text || !az_kv_put_str(&t->model.kv, AZ_TOKENIZER_PATTERN_KEY, text, n)) rc = nomem(err);
    if (rc == ADZE_OK && !az_kv_bool(&t->model.kv, "tokenizer.ggml.add_bos_token", &given) &&
        !az_kv_put_bool(&t->model.kv, "tokenizer.ggml.add_bos_token",
                        add_bos && az_kv_find(&t->model.kv, "tokenizer.ggml.bos_token_id")))
        rc = nomem(err);
    az_free(t->run, text);
    json_decref(j);
    return rc;
}

static int longest_first(const void *a, const void *b)
{
    const marker *x = a, *y = b;

    if (x->text.n != y->text.n) return x->text.n > y->text.n ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Tokens that it takes for special ones by their text, whatever the file says of them. */
static bool special_by_text(az_str s)
{
    static const char *const all[] = {
        "<|eot_id|>",
        "<|im_end|>",
        "<|end|>",
        "<|return|>",
        "<|call|>",
        "<|flush|>",
        "<|calls|>",
        "<end_of_turn>",
        "<|endoftext|>",
        "</s>",
        "<|eom_id|>",
        "<EOT>",
        "_<EOT>",
        "[EOT]",
        "[EOS]",
        "<eos>",
        "<|end_of_text|>",
        "<turn|>",
        "<|tool_response>",
        "[e~[",
        "<|channel|>",
        "<|message|>",
        "<|start|>",
        "<|constrain|>",
        "<end_of_utterance>",
        "<\xef\xbd\x9c\x65nd\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>",
    };

    for (size_t i = 0; i < AZ_COUNT(all); i++)
        if (strlen(all[i]) == s.n && memcmp(all[i], s.s, s.n) == 0) return true;
    return false;
}

static bool is_text(az_str s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.s, text, s.n) == 0;
}

static bool holds(const char *s, const char *what)
{
    return s && strcasestr(s, what);
}

/* It swallows spaces beside special tokens only where names in the file are some of a few. */
static void set_strips(const az_llama_tok *t, marker *m)
{
    const az_kvs *kv = &t->model.kv;
    const char *pre = az_kv_string(kv, "tokenizer.ggml.pre");
    const char *arch = az_kv_string(kv, "general.architecture");
    const char *name = az_kv_string(kv, "general.name");

    if (holds(pre, "jina-v2-de") || holds(pre, "jina-v2-es") || holds(pre, "jina-v2-code") ||
        holds(arch, "nomic-bert-moe") || holds(arch, "jina-bert-v3"))
        m->lstrip = is_text(m->text, "<mask>");
    else if (holds(name, "phi-3") || holds(name, "phi3"))
        m->rstrip = !is_text(m->text, "<unk>") && !is_text(m->text, "<s>") &&
                    !is_text(m->text, "<|endoftext|>");
    else if (holds(name, "modern-bert"))
        m->lstrip = is_text(m->text, "[MASK]");
}

/* The tokens of the file, and their types (NULL: it has none). */
static adze_status read_tokens(const az_llama_tok *t, const az_kv **tokens, const az_kv **types,
                               adze_error *err)
{
    const az_kv *a = az_kv_find(&t->model.kv, "tokenizer.ggml.tokens");
    const az_kv *b = az_kv_find(&t->model.kv, "tokenizer.ggml.token_type");

    if (!a || a->type != AZ_KV_ARR || a->elem != AZ_KV_STR)
        return az_fail_name(err, ADZE_EFORMAT, t->model.path, "tokenizer.ggml.tokens", ADZE_NOPOS,
                            "missing, or not an array of strings");
    if (b && (b->type != AZ_KV_ARR || (b->elem != AZ_KV_I32 && b->elem != AZ_KV_U32) ||
              b->v.arr.n != a->v.arr.n))
        return az_fail_name(err, ADZE_EFORMAT, t->model.path, b->key, ADZE_NOPOS,
                            "is not one 32-bit integer per token");
    *tokens = a;
    *types = b;
    return ADZE_OK;
}

/* The token's text; "[EMPTY_7]" where the file has none. */
static az_str text_of(az_llama_tok *t, const az_kv *tokens, size_t id)
{
    az_str s = ((const az_str *)tokens->v.arr.data)[id];
    char name[40];

    if (s.n) return s;
    s.n = (size_t)snprintf(name, sizeof name, "[EMPTY_%zu]", id);
    s.s = az_arena_strndup(&t->arena, name, s.n);
    return s;
}

/* Find the special tokens and take them out of the hands of what tokenizes the rest: their types become others. */
static adze_status take_markers(az_llama_tok *t, az_str **text, int32_t **types, size_t *n,
                                adze_error *err)
{
    const az_kv *tokens = NULL, *kv = NULL;
    adze_status rc = read_tokens(t, &tokens, &kv, err);
    int32_t *all;

    if (rc < 0) return rc;
    *n = (size_t)tokens->v.arr.n;
    *text = az_arena_array(&t->arena, *n + 1, sizeof **text);
    *types = all = az_arena_array(&t->arena, *n + 1, sizeof *all);
    t->markers = az_arena_array(&t->arena, *n + 1, sizeof *t->markers);
    if (!*text || !all || !t->markers) return nomem(err);
    if (kv && *n) memcpy(all, kv->v.arr.data, *n * sizeof *all);
    for (size_t i = 0; i < *n; i++) {
        marker m = { text_of(t, tokens, i), (int32_t)i, false, false };
        if (!m.text.s) return nomem(err);
        (*text)[i] = m.text;
        if (!kv) all[i] = AZ_TT_NORMAL;
        if (all[i] != AZ_TT_UNKNOWN && all[i] != AZ_TT_CONTROL && all[i] != AZ_TT_USER &&
            !special_by_text(m.text))
            continue;
        set_strips(t, &m);
        t->markers[t->n_markers++] = m;
    }
    qsort(t->markers, t->n_markers, sizeof *t->markers, longest_first);
    return ADZE_OK;
}

/* Byte-level BPE: adze's own, which must not look for special tokens itself. */
static adze_status new_bpe(az_llama_tok *t, int32_t *types, size_t n, adze_error *err)
{
    adze_status rc = put_pipeline(t, err);

    for (size_t i = 0; i < n; i++)
        if (types[i] == AZ_TT_USER)
            types[i] = AZ_TT_NORMAL;
        else if (types[i] == AZ_TT_UNKNOWN || types[i] == AZ_TT_CONTROL)
            types[i] = AZ_TT_UNUSED;
    if (rc == ADZE_OK &&
        !az_kv_put_arr(&t->model.kv, "tokenizer.ggml.token_type", AZ_KV_I32, types, n))
        rc = nomem(err);
    return rc == ADZE_OK ? az_tokenizer_new(&t->tok, t->run, &t->model,
                                            &(az_tokenizer_opts){ .unicode_15 = true }, err)
                         : rc;
}

static adze_status read_all(az_llama_tok *t, const adze_model *m, adze_error *err)
{
    const char *model = az_kv_string(&m->kv, "tokenizer.ggml.model");
    int32_t *types = NULL;
    az_str *text = NULL;
    size_t n = 0;
    adze_status rc = copy_keys(t, m, err);

    if (rc == ADZE_OK && (!model || (strcmp(model, "gpt2") != 0 && !az_llama_kind_known(model))))
        return az_fail_name(err, ADZE_EUNSUP, m->path, "tokenizer.ggml.model", ADZE_NOPOS,
                            "adze does not know how llama.cpp reads \"%.60s\"", model ? model : "");
    if (rc == ADZE_OK) rc = take_markers(t, &text, &types, &n, err);
    if (rc < 0) return rc;
    return strcmp(model, "gpt2") == 0
               ? new_bpe(t, types, n, err)
               : az_llama_vocab_init(&t->vocab, t->run, &t->model, text, types, n, err);
}

adze_status az_llama_tok_new(az_llama_tok **out, adze_run *run, const adze_model *m,
                             adze_error *err)
{
    az_llama_tok *t = az_calloc(run, 1, sizeof *t);
    adze_status rc;

    *out = NULL;
    if (!t) return nomem(err);
    t->run = run;
    az_arena_init(&t->arena, run);
    t->model = *m;
    rc = read_all(t, m, err);
    if (rc < 0)
        az_llama_tok_free(t);
    else
        *out = t;
    return rc;
}

void az_llama_tok_free(az_llama_tok *t)
{
    if (!t) return;
    adze_tokenizer_free(t->tok);
    az_llama_vocab_deinit(&t->vocab);
    az_arena_deinit(&t->arena);
    az_free(t->run, t);
}

bool az_llama_tok_marks(const az_llama_tok *t, int32_t id)
{
    for (size_t i = 0; i < t->n_markers; i++)
        if (t->markers[i].id == id) return true;
    return false;
}

/* A stretch of text, or a token that was found. */
typedef struct fragment {
    size_t at, n;
    int32_t id; /* -1: text */
} fragment;

static void push(az_buf *b, size_t at, size_t n, int32_t id)
{
    fragment f = { at, n, id };

    if (id >= 0 || n) az_buf_put(b, &f, sizeof f);
}

/* Cut one token out of all text that is left. */
static void cut(const marker *m, const char *text, const az_buf *from, az_buf *to)
{
    const fragment *f = (const fragment *)(const void *)from->data;

    for (size_t i = 0; i < from->size / sizeof *f; i++) {
        size_t at = f[i].at, end = f[i].at + f[i].n;
        const char *hit;
        if (f[i].id >= 0) {
            push(to, f[i].at, f[i].n, f[i].id);
            continue;
        }
        while (at < end && (hit = memmem(text + at, end - at, m->text.s, m->text.n))) {
            size_t left = (size_t)(hit - text);
            size_t stop = left;
            while (m->lstrip && stop > at && isspace((unsigned char)text[stop - 1]))
                stop--;
            push(to, at, stop - at, -1);
            push(to, left, m->text.n, m->id);
            at = left + m->text.n;
            while (m->rstrip && at < end && isspace((unsigned char)text[at]))
                at++;
        }
        push(to, at, end - at, -1);
    }
}

/* Text with U+FFFD for each byte that is part of no character. */
static void repair(const char *s, size_t n, az_buf *out)
{
    az_buf_clear(out);
    for (size_t at = 0, len; at < n; at += len ? len : 1) {
        len = az_llama_character(s + at, n - at);
        if (len)
            az_buf_put(out, s + at, len);
        else
            az_buf_puts(out, "\xef\xbf\xbd");
    }
}

static adze_status encode_bpe(const az_llama_tok *t, const char *s, size_t n, az_buf *valid,
                              az_buf *out, adze_error *err)
{
    int32_t *ids = NULL;
    size_t count = 0;
    adze_status rc;

    repair(s, n, valid);
    rc = az_buf_ok(valid) ? adze_tokenize(t->tok, valid->data, valid->size, 0, &ids, &count, err)
                          : nomem(err);
    if (rc == ADZE_OK) az_buf_put(out, ids, count * sizeof *ids);
    adze_tokens_free(t->tok, ids);
    return rc;
}

static adze_status encode_fragments(const az_llama_tok *t, const char *text, const az_buf *frags,
                                    az_buf *out, adze_error *err)
{
    const fragment *f = (const fragment *)(const void *)frags->data;
    adze_status rc = ADZE_OK;
    bool first = true;
    az_buf valid;

    az_buf_init(&valid, t->run);
    for (size_t i = 0; i < frags->size / sizeof *f && rc == ADZE_OK; i++) {
        if (f[i].id >= 0)
            az_buf_put(out, &f[i].id, sizeof f[i].id);
        else if (t->tok)
            rc = encode_bpe(t, text + f[i].at, f[i].n, &valid, out, err);
        else
            rc = az_llama_vocab_encode(&t->vocab, text + f[i].at, f[i].n, first, out, err);
        first = f[i].id >= 0;
    }
    az_buf_deinit(&valid);
    return rc;
}

/* What goes in front of the text, or behind it. */
static adze_status put_around(const az_llama_tok *t, bool front, az_buf *out, adze_error *err)
{
    int32_t id;

    if (t->tok) {
        az_buf_put(out, front ? t->tok->prefix : t->tok->suffix,
                   (front ? t->tok->n_prefix : t->tok->n_suffix) * sizeof(int32_t));
        return ADZE_OK;
    }
    if (!az_llama_vocab_around(&t->vocab, front, &id))
        return az_fail(err, ADZE_EFORMAT, t->model.path, ADZE_NOPOS,
                       "llama.cpp stops: the file names no token to put %s a text",
                       front ? "in front of" : "behind");
    if (id >= 0) az_buf_put(out, &id, sizeof id);
    return ADZE_OK;
}

/* All markers cut out of the text, one after the other. a: the list, b: its twin. */
static void partition(const az_llama_tok *t, const char *text, size_t n, az_buf *a, az_buf *b)
{
    push(a, 0, n, -1);
    for (size_t i = 0; i < t->n_markers && n; i++) {
        az_buf swap = *a;
        if (!memmem(text, n, t->markers[i].text.s, t->markers[i].text.n)) continue;
        az_buf_clear(b);
        cut(&t->markers[i], text, a, b);
        *a = *b;
        *b = swap;
    }
}

adze_status az_llama_tok_encode(const az_llama_tok *t, const char *text, size_t n, bool add_special,
                                int32_t **ids, size_t *n_ids, adze_error *err)
{
    adze_status rc = ADZE_OK;
    az_buf a, b, out;

    *ids = NULL;
    *n_ids = 0;
    az_buf_init(&a, t->run);
    az_buf_init(&b, t->run);
    az_buf_init(&out, t->run);
    partition(t, text, n, &a, &b);
    if (!az_buf_ok(&a) || !az_buf_ok(&b)) rc = nomem(err);
    if (rc == ADZE_OK && add_special) rc = put_around(t, true, &out, err);
    if (rc == ADZE_OK) rc = encode_fragments(t, text, &a, &out, err);
    if (rc == ADZE_OK && add_special) rc = put_around(t, false, &out, err);
    az_buf_put(&out, "", 1); /* never empty */
    *n_ids = out.size / sizeof **ids;
    if (rc == ADZE_OK && !(*ids = (int32_t *)(void *)az_buf_take(&out))) rc = nomem(err);
    az_buf_deinit(&a);
    az_buf_deinit(&b);
    az_buf_deinit(&out);
    return rc;
}
