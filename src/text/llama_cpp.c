/* llama.cpp's reading of a GGUF's tokenizer.
 *
 * The keys that only adze reads are left out, and for byte-level BPE the pipeline is made from tokenizer.ggml.pre:
 * no normalizer, patterns over text where every letter is of one kind but A-Z and a-z. Special and user-defined
 * tokens are cut out of the raw text one by one, the longest first.
 */
#include "text/llama_cpp.h"
#include "base/json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SPACES  "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define LETTER  "[^\\r\\n\\p{L}\\p{N}]?"
#define UPPER   "(?:(?=\\p{L})[^a-z])"
#define LOWER   "(?:(?=\\p{L})[^A-Z])"
#define ENDINGS "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?"
#define GPT2    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"

#define ANY_CASE "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
/* " ?[^(\\s|.,!?" and the full stops and commas of Chinese, Hindi, Urdu and Arabic. */
#define BLOOM \
    " ?[^(\\s|.,!?\xe2\x80\xa6\xe3\x80\x82\xef\xbc\x8c\xe3\x80\x81\xe0\xa5\xa4\xdb\x94\xd8\x8c)]+"

enum { MAX_PATTERNS = 6 };

/* Where its patterns are not those of the names in pre.c. */
static const struct {
    const char *name;
    const char *patterns[MAX_PATTERNS];
    bool ignore_merges, add_bos;
} own[] = {
    { "default",
      { "[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]" },
      false,
      false },
    { "falcon", { "[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]" }, false, false },
    /* '~' is no symbol there */
    { "deepseek-v3",
      { "\\p{N}{1,3}",
        "[\xe4\xb8\x80-\xe9\xbe\xa5\xe3\x81\x80-\xe3\x82\x9f\xe3\x82\xa0-\xe3\x83\xbf]+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|(?:[^\\r\\n\\p{L}\\p{P}\\p{S}]|~)?"
        "[\\p{L}\\p{M}]+| ?(?:(?!~)[\\p{P}\\p{S}])+[\\r\\n]*|" SPACES },
      false,
      false },
    { "gpt-4o",
      { LETTER UPPER "*" LOWER "+" ENDINGS "|" LETTER UPPER "+" LOWER "*" ENDINGS
                     "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES },
      false,
      false },
    { "tekken",
      { LETTER UPPER "*" LOWER "+|" LETTER UPPER "+" LOWER
                     "*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES },
      true,
      true },
    { "deepseek-coder",
      { "[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+",
        "[\xe4\xb8\x80-\xe9\xbe\xa5\xe0\xa0\x80-\xe4\xb8\x80\xea\xb0\x80-\xed\x9f\xbf]+",
        "\\p{N}" },
      false,
      false },
    { "bloom", { BLOOM }, false, false },
    { "viking", { BLOOM, "\\p{N}" }, false, false },
    { "chameleon",
      { "<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", "([\\t\\n]|    |  )", "\\p{N}",
        "[\\p{P}!-/:-@\\[-`{-~]", GPT2 },
      false,
      true },
    { "bailingmoe",
      { "'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|" LETTER "\\p{L}+|\\p{N}| "
        "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+" },
      false,
      false },
    { "seed-coder",
      { ANY_CASE "|" LETTER "\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" SPACES },
      false,
      false },
    { "exaone-moe",
      { ANY_CASE "|" LETTER "(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}| "
                 "?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+" },
      false,
      false },
    { "minicpm5",
      { "\\p{N}{1,3}",
        ANY_CASE "|" LETTER "\\p{L}+|\\p{N}+| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES },
      true,
      false },
};

/* Names that mean what another one means (the first of each line), and names whose meaning adze does not have
 * (lines that start with ""). A name that is nowhere is refused by llama.cpp. */
static const char *const names[][16] = {
    { "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0",
      "mellum", "modern-bert", "jina-v1-en", "jina-v2-code", "roberta-bpe", "exaone4", NULL },
    { "gpt-2", "mpt", "olmo", "jais", "trillion", "granite-docling", NULL },
    { "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2",
      NULL },
    { "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
      "jina-v5-nano", NULL },
    { "dbrx", "smaug-bpe", "glm4", "chatglm-bpe", NULL },
    { "qwen2", "stablelm2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "hunyuan",
      "solar-open", "grok-2", NULL },
    { "qwen35", NULL },
    { "deepseek-v3", "hunyuan-dense", "joyai-llm", NULL },
    { "gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2", NULL },
    { "tekken", NULL },
    { "default", NULL },
    { "falcon", NULL },
    { "deepseek-coder", NULL },
    { "bloom", "poro-chat", "gpt3-finnish", NULL },
    { "viking", NULL },
    { "chameleon", NULL },
    { "bailingmoe", "bailingmoe2", "llada-moe", NULL },
    { "seed-coder", NULL },
    { "exaone-moe", NULL },
    { "minicpm5", NULL },
    { "", "deepseek-llm", "youtu", "jais-2", "gemma4", "granite-embed-multi-311m", "sarvam-moe",
      "whitespace", "granite-embed-multi-97m", "tiny_aya", "cohere2moe", "superbpe", "kimi-k2",
      "afmoe", "laguna", NULL },
};

/* The name that stands for its family; "": adze does not have it; NULL: llama.cpp does not. */
static const char *family_of(const char *name)
{
    if (!name) return "default";
    for (size_t i = 0; i < AZ_COUNT(names); i++)
        for (size_t k = 0; k < AZ_COUNT(names[0]) && names[i][k]; k++)
            if (names[i][k][0] && strcmp(names[i][k], name) == 0) return names[i][0];
    return NULL;
}

bool az_llama_pre_same(const char *a, const char *b)
{
    const char *x = family_of(a), *y = family_of(b);

    return x && y && x[0] && strcmp(x, y) == 0;
}

/* A special token as llama.cpp looks for it in the text. */
typedef struct marker {
    az_str text;
    int32_t id;
    bool lstrip, rstrip;
} marker;

struct az_llama_tok {
    adze_run *run;
    az_arena arena;
    adze_model model; /* the GGUF without adze's keys; borrows all but the list of keys */
    adze_tokenizer *tok;
    marker *markers; /* [n_markers] longest first */
    size_t n_markers;
};

static json_t *split(const char *pattern)
{
    return json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern", "Regex", pattern,
                     "behavior", "Isolated", "invert", 0);
}

static json_t *own_pipeline(size_t i)
{
    json_t *steps = json_array();

    for (size_t k = 0; k < MAX_PATTERNS && own[i].patterns[k]; k++)
        json_array_append_new(steps, split(own[i].patterns[k]));
    json_array_append_new(steps, json_pack("{s:s, s:b, s:b}", "type", "ByteLevel",
                                           "add_prefix_space", 0, "use_regex", 0));
    return json_pack("{s:{s:s, s:o}}", "pre_tokenizer", "type", "Sequence", "pretokenizers", steps);
}

/* What a family stands for in llama.cpp; false: adze does not have it. */
static bool find_family(const char *family, az_pre *out)
{
    for (size_t i = 0; i < AZ_COUNT(own); i++)
        if (strcmp(own[i].name, family) == 0) {
            *out = (az_pre){ own_pipeline(i), own[i].ignore_merges, own[i].add_bos };
            return true;
        }
    if (!az_pre_find(family, out)) return false;
    json_object_del(out->pipeline, "normalizer");
    return true;
}

bool az_pre_resolve(const char *name, az_pre *out)
{
    const char *family = family_of(name);

    if (name && az_pre_find(name, out)) return true;
    if (name && family && family[0]) return find_family(family, out);
    find_family("default", out);
    return false;
}

const char *az_pre_warning(const char *name, char text[AZ_PRE_WARNING_MAX])
{
    snprintf(text, AZ_PRE_WARNING_MAX,
             "tokenizer.ggml.pre is %s%.60s%s: text is split in llama.cpp's default way, so token "
             "ids may not be those that the model was trained with",
             name ? "\"" : "missing", name ? name : "", name ? "\", which adze does not know" : "");
    return text;
}

static json_t *pipeline_of(const char *family, bool *add_bos)
{
    az_pre pre;
    json_t *j;

    if (!find_family(family, &pre)) return NULL;
    j = pre.pipeline;
    *add_bos = pre.add_bos;
    json_object_set_new(j, "model",
                        json_pack("{s:s, s:b}", "type", "BPE", "ignore_merges",
                                  (int)pre.ignore_merges));
    json_object_set_new(j, "added_tokens", json_array());
    return j;
}

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
    const char *name = az_kv_string(&t->model.kv, "tokenizer.ggml.pre"), *family = family_of(name);
    bool add_bos = false, given;
    adze_status rc = ADZE_OK;
    json_t *j;
    char *text;
    size_t n = 0;

    if (!family)
        return az_fail_name(err, ADZE_EFORMAT, t->model.path, "tokenizer.ggml.pre", ADZE_NOPOS,
                            "llama.cpp does not know \"%.60s\" and refuses the file", name);
    j = family[0] ? pipeline_of(family, &add_bos) : NULL;
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

/* It strips spaces only where the model's name is one of a few. */
static bool strips(const az_llama_tok *t)
{
    const char *name = az_kv_string(&t->model.kv, "general.name");

    return name && (strcasestr(name, "phi-3") || strcasestr(name, "phi3"));
}

/* Take the special tokens out of the tokenizer's hands. */
static adze_status take_markers(az_llama_tok *t, adze_error *err)
{
    const az_kv *tokens = az_kv_find(&t->model.kv, "tokenizer.ggml.tokens");
    const az_kv *kv = az_kv_find(&t->model.kv, "tokenizer.ggml.token_type");
    bool right = strips(t);
    int32_t *types;

    if (!tokens || tokens->type != AZ_KV_ARR || tokens->elem != AZ_KV_STR || !kv ||
        kv->type != AZ_KV_ARR || (kv->elem != AZ_KV_I32 && kv->elem != AZ_KV_U32) ||
        kv->v.arr.n != tokens->v.arr.n)
        return ADZE_OK; /* the reader says what is wrong */
    types = az_arena_array(&t->arena, (size_t)kv->v.arr.n + 1, sizeof *types);
    t->markers = az_arena_array(&t->arena, (size_t)kv->v.arr.n + 1, sizeof *t->markers);
    if (!types || !t->markers) return nomem(err);
    memcpy(types, kv->v.arr.data, (size_t)kv->v.arr.n * sizeof *types);
    for (size_t i = 0; i < kv->v.arr.n; i++) {
        az_str s = ((const az_str *)tokens->v.arr.data)[i];
        if (types[i] < 2 || types[i] > 4 || !s.n) continue; /* unknown, control, user-defined */
        t->markers[t->n_markers++] = (marker){ s, (int32_t)i, false, right };
        types[i] = types[i] == 4 ? 1 : 5;
    }
    qsort(t->markers, t->n_markers, sizeof *t->markers, longest_first);
    return az_kv_put_arr(&t->model.kv, "tokenizer.ggml.token_type", AZ_KV_I32, types, kv->v.arr.n)
               ? ADZE_OK
               : nomem(err);
}

adze_status az_llama_tok_new(az_llama_tok **out, adze_run *run, const adze_model *m,
                             adze_error *err)
{
    az_llama_tok *t = az_calloc(run, 1, sizeof *t);
    const char *model = az_kv_string(&m->kv, "tokenizer.ggml.model");
    adze_status rc;

    *out = NULL;
    if (!t) return nomem(err);
    t->run = run;
    az_arena_init(&t->arena, run);
    t->model = *m;
    rc = copy_keys(t, m, err);
    if (rc == ADZE_OK && model && strcmp(model, "gpt2") == 0) {
        rc = put_pipeline(t, err);
        if (rc == ADZE_OK) rc = take_markers(t, err);
    }
    if (rc == ADZE_OK) rc = adze_tokenizer_new(&t->tok, run, &t->model, err);
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
    az_arena_deinit(&t->arena);
    az_free(t->run, t);
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

/* Bytes of the character at the start of s as llama.cpp takes it apart (it accepts surrogates and long forms); 0: none. */
static size_t character(const unsigned char *s, size_t n)
{
    size_t len = s[0] < 0x80   ? 1
                 : s[0] < 0xc0 ? 0
                 : s[0] < 0xe0 ? 2
                 : s[0] < 0xf0 ? 3
                 : s[0] < 0xf8 ? 4
                               : 0;

    if (len > n) return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    return len;
}

/* Text with U+FFFD for each byte that is part of no character. */
static void repair(const char *s, size_t n, az_buf *out)
{
    az_buf_clear(out);
    for (size_t at = 0, len; at < n; at += len ? len : 1) {
        len = character((const unsigned char *)s + at, n - at);
        if (len)
            az_buf_put(out, s + at, len);
        else
            az_buf_puts(out, "\xef\xbf\xbd");
    }
}

static adze_status encode_fragments(const az_llama_tok *t, const char *text, const az_buf *frags,
                                    az_buf *out, adze_error *err)
{
    const fragment *f = (const fragment *)(const void *)frags->data;
    adze_status rc = ADZE_OK;
    az_buf valid;

    az_buf_init(&valid, t->run);
    for (size_t i = 0; i < frags->size / sizeof *f && rc == ADZE_OK; i++) {
        int32_t *ids = NULL;
        size_t n = 0;
        if (f[i].id >= 0) {
            az_buf_put(out, &f[i].id, sizeof f[i].id);
            continue;
        }
        repair(text + f[i].at, f[i].n, &valid);
        rc = az_buf_ok(&valid) ? adze_tokenize(t->tok, valid.data, valid.size, 0, &ids, &n, err)
                               : nomem(err);
        if (rc == ADZE_OK) az_buf_put(out, ids, n * sizeof *ids);
        adze_tokens_free(t->tok, ids);
    }
    az_buf_deinit(&valid);
    return rc;
}

adze_status az_llama_tok_encode(const az_llama_tok *t, const char *text, size_t n, bool add_special,
                                int32_t **ids, size_t *n_ids, adze_error *err)
{
    az_buf a, b, out;
    adze_status rc;

    *ids = NULL;
    *n_ids = 0;
    if (!t->markers) return adze_tokenize(t->tok, text, n, add_special, ids, n_ids, err);
    az_buf_init(&a, t->run);
    az_buf_init(&b, t->run);
    az_buf_init(&out, t->run);
    push(&a, 0, n, -1);
    for (size_t i = 0; i < t->n_markers; i++) {
        az_buf swap = a;
        if (!n || !memmem(text, n, t->markers[i].text.s, t->markers[i].text.n)) continue;
        az_buf_clear(&b);
        cut(&t->markers[i], text, &a, &b);
        a = b;
        b = swap;
    }
    if (add_special) az_buf_put(&out, t->tok->prefix, t->tok->n_prefix * sizeof *t->tok->prefix);
    rc = az_buf_ok(&a) && az_buf_ok(&b) ? encode_fragments(t, text, &a, &out, err) : nomem(err);
    if (add_special) az_buf_put(&out, t->tok->suffix, t->tok->n_suffix * sizeof *t->tok->suffix);
    az_buf_put(&out, "", 1); /* never empty */
    *n_ids = out.size / sizeof **ids;
    if (rc == ADZE_OK && !(*ids = (int32_t *)(void *)az_buf_take(&out))) rc = nomem(err);
    az_buf_deinit(&a);
    az_buf_deinit(&b);
    az_buf_deinit(&out);
    return rc;
}
