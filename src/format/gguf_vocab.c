/* The tokenizer of a Hugging Face folder as GGUF metadata: tokens, types, scores, merges, special ids, flags.
 *
 * What other programs cannot be told by those keys (normalizer, exact pattern, flags of added tokens) goes
 * whole into a key of adze's own, so that adze reads back exactly the tokenizer that it was given.
 * Source: gguf's key list and llama-vocab.cpp, 2026-08-18; huggingface/tokenizers' tokenizer.json.
 */
#include "format/gguf_vocab.h"
#include "format/gguf_vocab_kinds.h"
#include "base/buf.h"
#include "base/json.h"
#include "text/special.h"
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NORMAL = AZ_TT_NORMAL,
    CONTROL = AZ_TT_CONTROL,
    USER_DEFINED = AZ_TT_USER,
    UNUSED = AZ_TT_UNUSED
};

typedef struct vocab {
    az_plan *p;
    const json_t *doc, *model, *config; /* tokenizer.json, its model, tokenizer_config.json */
    const char *path;                   /* of tokenizer.json, for messages */
    az_str *tokens;                     /* [n] */
    int32_t *types;
    double *scores; /* [n] */
    size_t n;
    const char *kind; /* llama.cpp's name: gpt2, llama, t5 or bert */
    adze_error *err;
} vocab;

static adze_status bad(const vocab *v, const char *name, const char *what)
{
    return az_fail_name(v->err, ADZE_EFORMAT, v->path, name, ADZE_NOPOS, "%s", what);
}

static adze_status nomem(const vocab *v)
{
    return az_fail_nomem(v->err, "writing a tokenizer");
}

static adze_status set_token(vocab *v, const char *text, const json_t *id, int32_t type)
{
    json_int_t i = json_is_integer(id) ? json_integer_value(id) : -1;

    if (i < 0) return bad(v, text, "its id must be a whole number from 0");
    if ((uint64_t)i >= v->n)
        return az_fail_name(v->err, ADZE_EFORMAT, v->path, text, ADZE_NOPOS,
                            "has id %lld, but the embedding has only %zu rows", (long long)i, v->n);
    if (v->tokens[i].s)
        return az_fail_name(v->err, ADZE_EFORMAT, v->path, text, ADZE_NOPOS,
                            "has id %lld, as \"%.60s\" has", (long long)i, v->tokens[i].s);
    v->tokens[i] = (az_str){ text, strlen(text) };
    v->types[i] = type;
    return ADZE_OK;
}

/* [text, score] or [text, score, type]. */
static adze_status read_array(vocab *v, const json_t *list)
{
    bool unigram = strcmp(az_json_str(v->model, "type"), "Unigram") == 0;
    const json_t *item;
    adze_status rc;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(json_array_get(item, 0));
        double score = json_number_value(json_array_get(item, 1));
        const json_t *type = json_array_get(item, 2);
        json_t *id = json_integer((json_int_t)i);
        rc = text ? set_token(v, text, id, type ? (int32_t)json_integer_value(type) : NORMAL)
                  : bad(v, "model.vocab", "an element is not a token with its score");
        json_decref(id);
        if (rc < 0) return rc;
        v->scores[i] = unigram ? az_tok_score(score) : score;
    }
    return i ? ADZE_OK : bad(v, "model.vocab", "is empty");
}

static adze_status read_vocab(vocab *v)
{
    const char *type = az_json_str(v->model, "type"), *text;
    const json_t *map = json_object_get(v->model, "vocab");
    json_t *id;
    adze_status rc;

    if (json_is_array(map) || strcmp(v->kind, "t5") == 0 ||
        (type && strcmp(type, "SentencePiece") == 0))
        return json_is_array(map) ? read_array(v, map)
                                  : bad(v, "model.vocab", "must be an array of tokens and scores");
    if (!json_is_object(map) || json_object_size(map) == 0)
        return bad(v, "model.vocab", "must be an object of tokens and ids");
    json_object_foreach((json_t *)(uintptr_t)map, text, id)
    {
        rc = set_token(v, text, id, NORMAL);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

/* Text such as <|...|> marks a control token even where the file does not say special. */
static bool looks_like_control(const char *s)
{
    size_t n = strlen(s);

    return (n > 4 && strncmp(s, "<|", 2) == 0 && strcmp(s + n - 2, "|>") == 0) ||
           strcmp(s, "<pad>") == 0 || strcmp(s, "<mask>") == 0 || strncmp(s, "<unused", 7) == 0;
}

/* Id of a token of an array; v->n: not there, or the vocabulary is an object. */
static size_t find_token(const vocab *v, const char *text)
{
    size_t id = json_is_array(json_object_get(v->model, "vocab")) ? 0 : v->n;

    while (id < v->n && !(v->tokens[id].s && strcmp(v->tokens[id].s, text) == 0))
        id++;
    return id;
}

static adze_status read_added(vocab *v)
{
    const json_t *list = json_object_get(v->doc, "added_tokens");
    const json_t *map = json_object_get(v->model, "vocab"), *known;
    adze_status rc;
    size_t id;

    if (list && !json_is_array(list)) return bad(v, "added_tokens", "must be a list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *t = json_array_get(list, i);
        const char *text = az_json_str(t, "content");
        bool special = false;
        int32_t type;
        if (!text || !text[0]) return bad(v, "added_tokens", "an entry has no content");
        az_json_bool(t, "special", &special);
        type = special || looks_like_control(text) ? CONTROL : USER_DEFINED;
        known = json_object_get(map, text); /* the vocabulary's id wins */
        id = known ? (size_t)json_integer_value(known) : find_token(v, text);
        if (id < v->n) {
            if (v->types[id] != AZ_TT_UNKNOWN) v->types[id] = type;
            continue;
        }
        rc = set_token(v, text, json_object_get(t, "id"), type);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

static adze_status put_tokens(vocab *v)
{
    az_kvs *kv = &v->p->kv;

    for (size_t i = 0; i < v->n; i++) {
        if (v->tokens[i].s) continue;
        v->tokens[i].s = az_arena_printf(&v->p->arena, "[PAD%zu]", i);
        if (!v->tokens[i].s) return nomem(v);
        v->tokens[i].n = strlen(v->tokens[i].s);
        v->types[i] = UNUSED;
    }
    if (!az_kv_put_strs(kv, "tokenizer.ggml.tokens", v->tokens, v->n) ||
        !az_kv_put_arr(kv, "tokenizer.ggml.token_type", AZ_KV_I32, v->types, v->n))
        return nomem(v);
    return ADZE_OK;
}

/* Append a piece of a merge; a space inside becomes U+0120, as one space parts the two pieces. */
static void put_piece(az_buf *b, const char *s)
{
    for (; *s; s++)
        if (*s == ' ')
            az_buf_puts(b, "\xc4\xa0");
        else
            az_buf_putc(b, *s);
}

static bool is_token(const vocab *v, const char *text)
{
    return json_object_get(json_object_get(v->model, "vocab"), text) != NULL;
}

/* Both pieces and what they make must be tokens. */
static adze_status check_merge(const vocab *v, const char *left, const char *right, az_buf *b)
{
    const char *prefix = az_json_str(v->model, "continuing_subword_prefix");
    char at[64];

    snprintf(at, sizeof at, "merge \"%.24s %.24s\"", left, right);
    if (!is_token(v, left) || !is_token(v, right))
        return bad(v, at, "a piece is not in the vocabulary");
    az_buf_clear(b);
    az_buf_puts(b, left);
    az_buf_puts(b, prefix && strncmp(right, prefix, strlen(prefix)) == 0 ? right + strlen(prefix)
                                                                         : right);
    if (!az_buf_ok(b)) return nomem(v);
    return is_token(v, b->data) ? ADZE_OK : bad(v, at, "what it makes is not in the vocabulary");
}

/* One merge, ["left", "right"] or "left right", as "left right". */
static adze_status merge_text(vocab *v, const json_t *m, az_buf *b, az_str *out)
{
    const char *left = json_string_value(json_array_get(m, 0));
    const char *right = json_string_value(json_array_get(m, 1)), *space;
    adze_status rc;

    if (json_is_string(m)) {
        left = json_string_value(m);
        space = left[0] ? strchr(left + 1, ' ') : NULL;
        if (!space || !space[1]) return bad(v, "model.merges", "an entry has no two pieces");
        left = az_arena_strndup(&v->p->arena, left, (size_t)(space - left));
        right = space + 1;
        if (!left) return nomem(v);
    } else if (!left || !right || json_array_size(m) != 2) {
        return bad(v, "model.merges", "an entry is no pair of strings");
    }
    rc = check_merge(v, left, right, b);
    if (rc < 0) return rc;
    az_buf_clear(b);
    put_piece(b, left);
    az_buf_putc(b, ' ');
    put_piece(b, right);
    out->n = b->size;
    out->s = az_buf_ok(b) ? az_arena_strndup(&v->p->arena, b->data, b->size) : NULL;
    return out->s ? ADZE_OK : nomem(v);
}

static adze_status put_merges(vocab *v)
{
    const json_t *list = json_object_get(v->model, "merges");
    size_t n = json_array_size(list);
    az_str *s = az_calloc(v->p->run, n + 1, sizeof *s);
    adze_status rc = ADZE_OK;
    az_buf b;

    az_buf_init(&b, v->p->run);
    if (!s) rc = nomem(v);
    if (!json_is_array(list)) rc = bad(v, "model.merges", "must be a list");
    for (size_t i = 0; i < n && rc == ADZE_OK; i++)
        rc = merge_text(v, json_array_get(list, i), &b, &s[i]);
    if (rc == ADZE_OK && !az_kv_put_strs(&v->p->kv, "tokenizer.ggml.merges", s, n)) rc = nomem(v);
    az_buf_deinit(&b);
    az_free(v->p->run, s);
    return rc;
}

/* llama.cpp's name for the way text is split, and beside it the whole pipeline for adze itself. */
static adze_status put_pipeline(vocab *v)
{
    bool gpt2 = strcmp(v->kind, "gpt2") == 0;
    const char *name = gpt2 ? az_tokenizer_pre_name(v->doc) : "default";
    const char *written = name ? name : "default";
    char *pipeline = az_tokenizer_pipeline(v->p->run, v->doc);
    adze_status rc = ADZE_OK;

    if (!pipeline || !az_kv_put_str(&v->p->kv, "tokenizer.ggml.pre", written, strlen(written)) ||
        !az_kv_put_str(&v->p->kv, AZ_TOKENIZER_PATTERN_KEY, pipeline, strlen(pipeline)))
        rc = nomem(v);
    if (!name)
        az_plan_note(v->p,
                     "llama.cpp has no name for this tokenizer's pre-tokenizer: it will split "
                     "text in its default way there; adze itself reads the exact pattern back");
    az_free(v->p->run, pipeline);
    return rc;
}

/* ByteLevel must be a step, alone or in a sequence: it says that tokens are spelled in the byte alphabet. */
static bool has_byte_level(const json_t *pre)
{
    const json_t *steps = json_object_get(pre, "pretokenizers");
    const char *type = az_json_str(pre, "type");

    for (size_t i = 0; i < json_array_size(steps); i++) {
        const char *t = az_json_str(json_array_get(steps, i), "type");
        if (t && strcmp(t, "ByteLevel") == 0) return true;
    }
    return type && strcmp(type, "ByteLevel") == 0;
}

/* The text of a special token in tokenizer_config.json: a string, or an object with content. */
static const char *special_text(const vocab *v, const char *key)
{
    const json_t *t = json_object_get(v->config, key);

    return json_is_string(t) ? json_string_value(t) : az_json_str(t, "content");
}

/* Id of a special token: by its text, else by config.json's number (the first of a list). */
static bool special_id(const vocab *v, const char *name, int64_t *id)
{
    const char *text;
    const json_t *n;
    char key[40];

    snprintf(key, sizeof key, "%s_token", name);
    text = special_text(v, key);
    if (!text && strcmp(v->kind, "bert") == 0) text = az_gguf_bert_special(name);
    if (text)
        for (size_t i = 0; i < v->n; i++)
            if (v->tokens[i].s && strcmp(v->tokens[i].s, text) == 0) {
                *id = (int64_t)i;
                return true;
            }
    snprintf(key, sizeof key, "%s_token_id", name);
    n = json_object_get(v->p->model->config, key);
    if (json_is_array(n)) n = json_array_get(n, 0);
    if (!json_is_integer(n)) return false;
    *id = json_integer_value(n);
    return *id >= 0 && (uint64_t)*id < v->n;
}

/* A second end of sequence in generation_config.json, such as an end of turn. */
static bool other_eos(const vocab *v, int64_t eos, int64_t *id)
{
    const json_t *list = json_object_get(v->p->model->generation_config, "eos_token_id");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *n = json_array_get(list, i);
        *id = json_integer_value(n);
        if (json_is_integer(n) && *id != eos && *id >= 0 && (uint64_t)*id < v->n) return true;
    }
    return false;
}

/* Does a post-processor put this token at the start (or end) of one text? */
static bool template_adds(const json_t *post, const char *token, bool at_start)
{
    const char *type = az_json_str(post, "type");
    const json_t *list = json_object_get(post, "processors"), *one;

    for (size_t i = 0; type && strcmp(type, "Sequence") == 0 && i < json_array_size(list); i++) {
        const char *t = az_json_str(json_array_get(list, i), "type");
        if (t && strcmp(t, "TemplateProcessing") == 0)
            return template_adds(json_array_get(list, i), token, at_start);
    }
    if (!type || strcmp(type, "TemplateProcessing") != 0) return false;
    list = json_object_get(post, "single");
    one = json_array_get(list, at_start || !json_array_size(list) ? 0 : json_array_size(list) - 1);
    type = az_json_str(json_object_get(one, "SpecialToken"), "id");
    return type && strcmp(type, token) == 0;
}

static adze_status put_special(vocab *v, const char *name, const char *key, const char *add_key,
                               bool at_start)
{
    bool add, bos, eos, given;
    char text[64];
    int64_t id, eot;

    given = az_special_flags(v->config, !v->p->model->tok.hf_name, &bos, &eos);
    if (!special_id(v, name, &id) && /* what begins a text of an encoder is its BOS there */
        (strcmp(name, "bos") != 0 || !special_id(v, "cls", &id)))
        return ADZE_OK;
    if (!az_kv_put_u32(&v->p->kv, key, (uint32_t)id)) return nomem(v);
    if (strcmp(name, "eos") == 0 && other_eos(v, id, &eot) &&
        !az_kv_put_u32(&v->p->kv, "tokenizer.ggml.eot_token_id", (uint32_t)eot))
        return nomem(v);
    if (!add_key) return ADZE_OK;
    snprintf(text, sizeof text, "add_%s_token", name);
    if (given && !az_kv_put_bool(&v->p->kv, AZ_TOKENIZER_FLAGS_KEY, true)) return nomem(v);
    if (given)
        add = at_start ? bos : eos;
    else
        add = template_adds(json_object_get(v->doc, "post_processor"), v->tokens[id].s, at_start);
    return az_kv_put_bool(&v->p->kv, add_key, add) ? ADZE_OK : nomem(v);
}

static adze_status put_specials(vocab *v)
{
    static const struct {
        const char *name, *key, *add;
        bool at_start;
    } all[] = {
        { "bos", "tokenizer.ggml.bos_token_id", "tokenizer.ggml.add_bos_token", true },
        { "eos", "tokenizer.ggml.eos_token_id", "tokenizer.ggml.add_eos_token", false },
        { "unk", "tokenizer.ggml.unknown_token_id", NULL, false },
        { "pad", "tokenizer.ggml.padding_token_id", NULL, false },
        { "cls", "tokenizer.ggml.cls_token_id", NULL, false },
        { "sep", "tokenizer.ggml.seperator_token_id", NULL, false },
        { "mask", "tokenizer.ggml.mask_token_id", NULL, false },
    };
    adze_status rc = ADZE_OK;

    for (size_t i = 0; i < AZ_COUNT(all) && rc == ADZE_OK; i++)
        rc = put_special(v, all[i].name, all[i].key, all[i].add, all[i].at_start);
    if (rc == ADZE_OK && !az_kv_find(&v->p->kv, "tokenizer.ggml.add_bos_token") &&
        !az_kv_put_bool(&v->p->kv, "tokenizer.ggml.add_bos_token", false))
        rc = nomem(v);
    return rc;
}

static adze_status put_json(vocab *v, const char *key, const json_t *j)
{
    adze_status rc = ADZE_OK;
    size_t n = 0;
    char *text = az_json_text(v->p->run, j, JSON_COMPACT, &n);

    if (!text || !az_kv_put_str(&v->p->kv, key, text, n)) rc = nomem(v);
    az_free(v->p->run, text);
    return rc;
}

enum { MAX_TEMPLATES = 32 };

/* A named template; names[] receives how the GGUF calls it. */
static adze_status put_template(vocab *v, const char *name, const json_t *t, az_str *names,
                                size_t *n)
{
    static const char prefix[] = "tokenizer.chat_template.";
    char *key;

    if (!name || !json_is_string(t) || strcmp(name, "default") == 0) return ADZE_OK;
    if (*n == MAX_TEMPLATES)
        return az_fail_name(v->err, ADZE_EUNSUP, v->p->model->path, name, ADZE_NOPOS,
                            "is one of more than %d chat templates", MAX_TEMPLATES);
    key = az_arena_printf(&v->p->arena, "%s%s", prefix, name);
    if (!key) return nomem(v);
    for (char *c = key + sizeof prefix - 1; *c; c++)
        if (!((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')))
            *c = '_';
    if (!az_kv_put_str(&v->p->kv, key, json_string_value(t), json_string_length(t)))
        return nomem(v);
    names[*n].s = key + sizeof prefix - 1;
    names[*n].n = strlen(names[*n].s);
    ++*n;
    return ADZE_OK;
}

/* The default template, and the named ones: of files, else of tokenizer_config.json. */
static adze_status put_templates(vocab *v)
{
    const adze_model *m = v->p->model;
    const json_t *list = json_object_get(v->config, "chat_template"), *item;
    az_str names[MAX_TEMPLATES];
    adze_status rc = ADZE_OK;
    const char *name;
    size_t n = 0, i;
    json_t *t;

    if (m->chat_template &&
        !az_kv_put_str(&v->p->kv, "tokenizer.chat_template", m->chat_template, m->chat_template_n))
        return nomem(v);
    json_object_foreach(m->chat_templates, name, t)
    {
        if (rc == ADZE_OK) rc = put_template(v, name, t, names, &n);
    }
    if (!m->chat_templates && !m->template_is_file) json_array_foreach(list, i, item)
        {
            if (rc == ADZE_OK)
                rc = put_template(v, az_json_str(item, "name"), json_object_get(item, "template"),
                                  names, &n);
        }
    if (rc < 0) return rc;
    return !n || az_kv_put_strs(&v->p->kv, "tokenizer.chat_templates", names, n) ? ADZE_OK
                                                                                 : nomem(v);
}

/* Which of llama.cpp's tokenizers comes closest. */
static adze_status find_kind(vocab *v)
{
    const char *type = az_json_str(v->model, "type");
    const char *sp = az_json_str(v->model, "model_type");
    static const char *const affixes[] = { "continuing_subword_prefix", "end_of_word_suffix" };
    bool affixed = false;

    if (!v->model) return bad(v, "model", "is missing");
    if (!type && !json_object_get(v->model, "merges")) return bad(v, "model.type", "is missing");
    for (size_t i = 0; i < AZ_COUNT(affixes); i++) {
        const char *s = az_json_str(v->model, affixes[i]);
        affixed |= s && s[0];
    }
    if (type && strcmp(type, "WordPiece") == 0)
        v->kind = "bert";
    else if (type && strcmp(type, "Unigram") == 0)
        v->kind = "t5";
    else if (type && strcmp(type, "SentencePiece") == 0)
        v->kind = sp && strcmp(sp, "bpe") == 0 ? "llama" : "t5";
    else if (type && strcmp(type, "BPE") != 0)
        return az_fail_name(v->err, ADZE_EUNSUP, v->path, "model.type", ADZE_NOPOS,
                            "tokenizer model %.60s is not supported", type);
    else
        v->kind =
            !affixed && has_byte_level(json_object_get(v->doc, "pre_tokenizer")) ? "gpt2" : "llama";
    if (affixed && strcmp(v->kind, "llama") == 0)
        az_plan_note(
            v->p,
            "llama.cpp has no tokenizer with this one's prefixes and suffixes: it will give other "
            "ids there; adze itself reads the exact one back");
    return ADZE_OK;
}

static adze_status put_all(vocab *v)
{
    const json_t *merges = json_object_get(v->model, "merges");
    adze_status rc = find_kind(v);

    if (rc == ADZE_OK &&
        !az_kv_put_str(&v->p->kv, "tokenizer.ggml.model", v->kind, strlen(v->kind)))
        rc = nomem(v);
    if (rc == ADZE_OK) rc = put_pipeline(v);
    if (rc == ADZE_OK) rc = read_vocab(v);
    if (rc == ADZE_OK) az_gguf_mark_tokens(v->doc, v->kind, v->tokens, v->types, v->n);
    if (rc == ADZE_OK) rc = read_added(v);
    if (rc == ADZE_OK) rc = put_specials(v);
    if (rc == ADZE_OK && strcmp(v->kind, "gpt2") != 0)
        rc = az_gguf_put_kind(v->p, v->doc, v->kind, v->tokens, v->types, v->scores, v->n, v->err);
    if (rc == ADZE_OK) rc = put_tokens(v);
    if (rc == ADZE_OK && (merges || strcmp(v->kind, "gpt2") == 0)) rc = put_merges(v);
    return rc == ADZE_OK ? put_templates(v) : rc;
}

adze_status az_gguf_put_vocab(az_plan *p, int64_t n_rows, adze_error *err)
{
    const adze_model *m = p->model;
    vocab v = {
        .p = p, .doc = m->tok.hf, .config = m->tok.hf_config, .n = (size_t)n_rows, .err = err
    };
    adze_status rc;

    if (!v.doc)
        return az_fail(err, ADZE_EFORMAT, m->path, ADZE_NOPOS,
                       "holds no tokenizer.json or tokenizer.model, which a GGUF needs");
    v.path = az_arena_printf(&p->arena, "%s/%s", m->path,
                             m->tok.hf_name ? m->tok.hf_name : "tokenizer.json");
    v.model = json_object_get(v.doc, "model");
    v.tokens = az_calloc(p->run, v.n + 1, sizeof *v.tokens);
    v.types = az_calloc(p->run, v.n + 1, sizeof *v.types);
    v.scores = az_calloc(p->run, v.n + 1, sizeof *v.scores);
    rc = v.path && v.tokens && v.types && v.scores ? put_all(&v) : nomem(&v);
    if (rc == ADZE_OK && m->generation_config)
        rc = put_json(&v, "adze.generation_config", m->generation_config);
    az_free(p->run, v.tokens);
    az_free(p->run, v.types);
    az_free(p->run, v.scores);
    return rc;
}
