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
