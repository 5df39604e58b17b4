/* Byte-level BPE: what llama.cpp makes of tokenizer.ggml.pre. Rules: llama-vocab.cpp and unicode.cpp of 2026-08-18. */
#include "text/llama_cpp_bpe.h"
#include "text/llama_cpp.h"

#include <stdio.h>
#include <string.h>

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

const char *az_llama_pre_family(const char *name)
{
    if (!name) return "default";
    for (size_t i = 0; i < AZ_COUNT(names); i++)
        for (size_t k = 0; k < AZ_COUNT(names[0]) && names[i][k]; k++)
            if (names[i][k][0] && strcmp(names[i][k], name) == 0) return names[i][0];
    return NULL;
}

bool az_llama_pre_same(const char *a, const char *b)
{
    const char *x = az_llama_pre_family(a), *y = az_llama_pre_family(b);

    return x && y && x[0] && strcmp(x, y) == 0;
}

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
    const char *family = az_llama_pre_family(name);

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

json_t *az_llama_pre_pipeline(const char *family, bool *add_bos)
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
