/* Source: transformers 5.23, tokenization_utils_base.py (_from_pretrained) and the tokenizer classes' own defaults. */
#include "text/special.h"

#include <string.h>

const char *const az_special_names[AZ_SPECIAL_NAMES] = { "bos_token", "eos_token", "unk_token",
                                                         "sep_token", "pad_token", "cls_token",
                                                         "mask_token" };

/* Classes that have tokens of their own; any other has none. Texts are in the order of the names. */
static const struct {
    const char *class;
    const char *text[AZ_SPECIAL_NAMES];
} defaults[] = {
#define END "<|endoftext|>"
#define ROBERTA                                                  \
    {                                                            \
        "<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>" \
    }
#define BERT                                                     \
    {                                                            \
        NULL, NULL, "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]" \
    }
#define ALBERT                                                         \
    {                                                                  \
        "[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]" \
    }
    { "LlamaTokenizer", { "<s>", "</s>", "<unk>" } },
    { "CodeLlamaTokenizer", { "<s>", "</s>", "<unk>" } },
    { "GemmaTokenizer", { "<bos>", "<eos>", "<unk>", NULL, "<pad>", NULL, "<mask>" } },
    { "GPT2Tokenizer", { END, END, END } },
    { "CodeGenTokenizer", { END, END, END } },
    { "WhisperTokenizer", { END, END, END } },
    { "GPTNeoXTokenizer", { END, END, END, NULL, "<|padding|>" } },
    { "Qwen2Tokenizer", { NULL, END, END, NULL, END } },
    { "Qwen3_5Tokenizer", { NULL, END, END, NULL, END } },
    { "CLIPTokenizer", { "<|startoftext|>", END, END, NULL, END } },
    { "CohereTokenizer",
      { "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "<UNK>", "<SEP>", "<PAD>", "<CLS>",
        "<MASK_TOKEN>" } },
    { "T5Tokenizer", { NULL, "</s>", "<unk>", NULL, "<pad>" } },
    { "RobertaTokenizer", ROBERTA },
    { "XLMRobertaTokenizer", ROBERTA },
    { "CamembertTokenizer", ROBERTA },
    { "MBartTokenizer", ROBERTA },
    { "MPNetTokenizer", { "<s>", "</s>", "[UNK]", "</s>", "<pad>", "<s>", "<mask>" } },
    { "BertTokenizer", BERT },
    { "DistilBertTokenizer", BERT },
    { "AlbertTokenizer", ALBERT },
    { "DebertaV2Tokenizer", { "[CLS]", "[SEP]", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]" } },
#undef END
#undef ROBERTA
#undef BERT
#undef ALBERT
};

/* The text of a token: a string, or an object with `content`; NULL: neither. */
static json_t *text_of(const json_t *j)
{
    if (json_is_object(j)) j = json_object_get(j, "content");
    return json_is_string(j) ? json_incref((json_t *)(uintptr_t)j) : NULL;
}

static bool is_name(const char *key)
{
    size_t n = strlen(key);

    return n > 6 && strcmp(key + n - 6, "_token") == 0;
}

static void put_defaults(json_t *out, const json_t *config)
{
    const char *class = az_json_str(config, "tokenizer_class");
    size_t n = class ? strlen(class) : 0;

    if (n > 4 && strcmp(class + n - 4, "Fast") == 0) n -= 4;
    for (size_t i = 0; n && i < AZ_COUNT(defaults); i++) {
        if (strlen(defaults[i].class) != n || memcmp(defaults[i].class, class, n) != 0) continue;
        for (size_t k = 0; k < AZ_SPECIAL_NAMES; k++)
            if (defaults[i].text[k])
                json_object_set_new(out, az_special_names[k], json_string(defaults[i].text[k]));
    }
}

/* Every *_token of a document; null takes one away. */
static void put_all(json_t *out, const json_t *doc)
{
    const char *key;
    json_t *v, *text;

    json_object_foreach((json_t *)(uintptr_t)doc, key, v)
    {
        if (!is_name(key)) continue;
        if (json_is_null(v)) json_object_del(out, key);
        if ((text = text_of(v))) json_object_set_new(out, key, text);
    }
}

/* extra_special_tokens as an object names more of them, whatever their names. */
static void put_extra(json_t *out, const json_t *doc)
{
    const char *key;
    json_t *v, *text;

    json_object_foreach(json_object_get(doc, "extra_special_tokens"), key, v)
    {
        if ((text = text_of(v))) json_object_set_new(out, key, text);
    }
}

json_t *az_special_tokens(const json_t *config, const json_t *map)
{
    json_t *out = json_object();

    if (!out) return NULL;
    put_defaults(out, config);
    put_all(out, config);
    put_extra(out, config);
    /* A config that lists its added tokens is a newer one, beside which the map says nothing. */
    if (!json_object_get(config, "added_tokens_decoder")) {
        put_all(out, map);
        put_extra(out, map);
    }
    return out;
}

bool az_special_flags(const json_t *config, bool is_json, bool *bos, bool *eos)
{
    bool given;

    *bos = *eos = false;
    if (is_json) return false;
    given = az_json_bool(config, "add_bos_token", bos);
    return az_json_bool(config, "add_eos_token", eos) || given;
}
