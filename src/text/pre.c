/* Names of pre-tokenizers in GGUF files (tokenizer.ggml.pre) and the patterns that they stand for.
 *
 * The names are llama.cpp's (src/llama-vocab.cpp, 2026); the patterns are those of the tokenizer.json that
 * each name was given to. Names whose pattern is not certain are left out: an unknown name is an error.
 */
#include "base/json.h"
#include "text/split.h"
#include "text/tokenizer.h"

#include <string.h>

enum { MAX_PATTERNS = 3 };

typedef struct family {
    const char *splits[MAX_PATTERNS]; /* names of split.c, or a pattern after '=' */
    bool digits;                      /* every digit alone first */
    bool nfc;
} family;

static const family gpt2 = { { "gpt2" }, false, false };
static const family digits_gpt2 = { { "gpt2" }, true, false };
static const family llama3 = { { "llama3" }, false, false };
static const family qwen2 = { { "qwen2" }, false, true };
static const family qwen35 = { { "qwen35" }, false, true };
static const family o200k = { { "o200k" }, false, false };
static const family tekken = { { "tekken" }, false, false };
static const family deepseek3 = {
    { "=\\p{N}{1,3}",
      "=[\xe4\xb8\x80-\xe9\xbe\xa5\xe3\x81\x80-\xe3\x82\x9f\xe3\x82\xa0-\xe3\x83\xbf]+",
      "=[!\"#$%&'()*+,\\-./"
      ":;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]"
      "+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" },
    false,
    false
};

/* The first name of a family with the right ignore_merges is the one written. */
static const struct {
    const char *name;
    const family *f;
    bool ignore_merges, add_bos;
} names[] = {
    { "gpt-2", &gpt2, false, false },
    { "phi-2", &gpt2, false, false },
    { "olmo", &gpt2, false, false },
    { "mpt", &gpt2, false, false },
    { "jais", &gpt2, false, false },
    { "smollm", &digits_gpt2, false, false },
    { "starcoder", &digits_gpt2, false, false },
    { "refact", &digits_gpt2, false, false },
    { "command-r", &digits_gpt2, false, false },
    { "codeshell", &digits_gpt2, false, false },
    { "llama-bpe", &llama3, true, true },
    { "llama3", &llama3, true, true },
    { "llama-v3", &llama3, true, true },
    { "falcon3", &llama3, true, true },
    { "pixtral", &llama3, true, true },
    { "lfm2", &llama3, true, true },
    { "dbrx", &llama3, false, false },
    { "smaug-bpe", &llama3, false, false },
    { "qwen2", &qwen2, false, false },
    { "deepseek-r1-qwen", &qwen2, false, false },
    { "stablelm2", &qwen2, false, false },
    { "qwen35", &qwen35, false, false },
    { "gpt-4o", &o200k, false, false },
    { "llama4", &o200k, false, false },
    { "tekken", &tekken, true, true },
    { "deepseek-v3", &deepseek3, false, false },
};

static const char *pattern_of(const char *split)
{
    const char *name, *pattern;
    az_split_fn *fn;

    if (split[0] == '=') return split + 1;
    for (size_t i = 0; (pattern = az_split_pattern(i, &fn, &name)); i++)
        if (strcmp(name, split) == 0) return pattern;
    return NULL;
}

static json_t *build(const family *f)
{
    json_t *steps = json_array(), *pipeline;

    if (f->digits)
        json_array_append_new(steps,
                              json_pack("{s:s, s:b}", "type", "Digits", "individual_digits", 1));
    for (size_t i = 0; i < MAX_PATTERNS && f->splits[i]; i++)
        json_array_append_new(steps, json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split",
                                               "pattern", "Regex", pattern_of(f->splits[i]),
                                               "behavior", "Isolated", "invert", 0));
    json_array_append_new(steps, json_pack("{s:s, s:b, s:b}", "type", "ByteLevel",
                                           "add_prefix_space", 0, "use_regex", 0));
    pipeline =
        json_pack("{s:{s:s, s:o}}", "pre_tokenizer", "type", "Sequence", "pretokenizers", steps);
    if (pipeline && f->nfc)
        json_object_set_new(pipeline, "normalizer", json_pack("{s:s}", "type", "NFC"));
    return pipeline;
}

bool az_pre_find(const char *name, az_pre *out)
{
    for (size_t i = 0; i < AZ_COUNT(names); i++)
        if (strcmp(names[i].name, name) == 0) {
            *out = (az_pre){ build(names[i].f), names[i].ignore_merges, names[i].add_bos };
            return true;
        }
    return false;
}

/* What a pre_tokenizer comes down to; count SIZE_MAX: something that no family has. */
typedef struct shape {
    const char *patterns[MAX_PATTERNS + 1];
    size_t count;
    bool digits, byte_level;
} shape;

static void add_pattern(shape *s, const char *pattern)
{
    if (!pattern || s->byte_level || s->count >= MAX_PATTERNS)
        s->count = SIZE_MAX;
    else
        s->patterns[s->count++] = pattern;
}

static void reduce(shape *s, const json_t *j, int depth)
{
    const char *type = az_json_str(j, "type"), *behavior = az_json_str(j, "behavior");
    bool flag = false;
    const json_t *item;
    size_t i;

    if (!type || depth > 8 || s->count == SIZE_MAX) {
        s->count = SIZE_MAX;
    } else if (strcmp(type, "Sequence") == 0) {
        json_array_foreach(json_object_get(j, "pretokenizers"), i, item) reduce(s, item, depth + 1);
    } else if (strcmp(type, "Digits") == 0) {
        s->digits = az_json_bool(j, "individual_digits", &flag) && flag && !s->count;
        if (!s->digits) s->count = SIZE_MAX;
    } else if (strcmp(type, "Split") == 0) {
        bool inverted = az_json_bool(j, "invert", &flag) && flag;
        /* Removing what is not matched keeps the matches, as isolating them does. */
        if (!behavior || strcmp(behavior, inverted ? "Removed" : "Isolated") != 0)
            s->count = SIZE_MAX;
        else
            add_pattern(s, az_json_str(json_object_get(j, "pattern"), "Regex"));
    } else if (strcmp(type, "ByteLevel") == 0) {
        if (az_json_bool(j, "add_prefix_space", &flag) && flag) s->count = SIZE_MAX;
        if (!az_json_bool(j, "use_regex", &flag) || flag) add_pattern(s, az_pattern_gpt2);
        s->byte_level = true;
    } else {
        s->count = SIZE_MAX;
    }
}

static bool same(const shape *s, const family *f)
{
    size_t i;

    if (s->digits != f->digits) return false;
    for (i = 0; i < s->count && i < MAX_PATTERNS; i++)
        if (!f->splits[i] || strcmp(s->patterns[i], pattern_of(f->splits[i])) != 0) return false;
    return i == MAX_PATTERNS || !f->splits[i];
}

const char *az_tokenizer_pre_name(const json_t *hf)
{
    const json_t *normalizer = json_object_get(hf, "normalizer");
    const char *type = az_json_str(normalizer, "type");
    shape s = { { NULL }, 0, false, false };
    bool ignore = false;

    if (normalizer && !json_is_null(normalizer) && !(type && strcmp(type, "NFC") == 0)) return NULL;
    az_json_bool(json_object_get(hf, "model"), "ignore_merges", &ignore);
    reduce(&s, json_object_get(hf, "pre_tokenizer"), 0);
    if (s.count == SIZE_MAX || !s.byte_level) return NULL;
    for (size_t i = 0; i < AZ_COUNT(names); i++)
        if (names[i].ignore_merges == ignore && same(&s, names[i].f)) return names[i].name;
    return NULL;
}

char *az_tokenizer_pipeline(adze_run *run, const json_t *hf)
{
    json_t *copy = json_is_object(hf) ? json_copy((json_t *)(uintptr_t)hf) : NULL;
    json_t *model = json_copy(json_object_get(hf, "model"));
    char *text = NULL;
    size_t n;

    if (copy && model) {
        const json_t *vocab = json_object_get(model, "vocab");
        size_t size = json_is_array(vocab) ? json_array_size(vocab) : json_object_size(vocab);
        json_object_set_new(model, "vocab_size", json_integer((json_int_t)size));
        json_object_del(model, "vocab");
        json_object_del(model, "merges");
        json_object_set(copy, "model", model);
        n = json_dumpb(copy, NULL, 0, JSON_COMPACT);
        text = n ? az_alloc(run, n + 1) : NULL;
        if (text) {
            json_dumpb(copy, text, n, JSON_COMPACT);
            text[n] = 0;
        }
    }
    json_decref(model);
    json_decref(copy);
    return text;
}
