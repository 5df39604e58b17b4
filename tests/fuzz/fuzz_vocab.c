/* Tokenizers of several files: vocab.txt, vocab.json and merges.txt, added_tokens.json, tokenizer_config.json. */
#include "model.h"
#include "tok.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    adze_tokenizer *t;
    adze_model *m;

    fuzz_begin();
    m = fuzz_open(fuzz_folder(data, n), AZ_READ_NO_WEIGHTS);
    t = m ? tok_new(m) : NULL;
    if (t) tok_use(t, NULL, 0);
    adze_tokenizer_free(t);
    adze_model_close(m);
    fuzz_end();
    return 0;
}

#define TXT "vocab.txt\n[PAD]\n[UNK]\n[CLS]\r\n[SEP]\n[MASK]\na\nb\n##b\nhello\n!\n"
#define JSON \
    "vocab.json\n{\"<s>\":0,\"</s>\":1,\"a\":2,\"b\":3,\"ab\":4,\"\xc4\xa0\":5,\"l\":6,\"ll\":7}"
#define MERGES FUZZ_NEXT "merges.txt\n#version: 0.2\na b\nl l\r\n\n"
#define ADDED  FUZZ_NEXT "added_tokens.json\n"
#define CONFIG FUZZ_NEXT "tokenizer_config.json\n"

void fuzz_seeds(void)
{
    static const char *const classes[] = { "GPT2Tokenizer",    "RobertaTokenizer", "Qwen2Tokenizer",
                                           "WhisperTokenizer", "ZebraTokenizer",   "" };
    static const char *const texts[] = { TXT "\xff\n",
                                         TXT "a",
                                         "vocab.txt\n\n\n",
                                         "vocab.txt\na\0b\n",
                                         TXT ADDED "{\"c\":-1}",
                                         TXT ADDED "{\"c\":\"x\"}",
                                         TXT ADDED "{\"c\":12,\"d\":11,\"\":13}",
                                         JSON,
                                         JSON FUZZ_NEXT "merges.txt\n",
                                         JSON FUZZ_NEXT "merges.txt\n\xff a\n",
                                         JSON FUZZ_NEXT "merges.txt\nabc\n",
                                         JSON FUZZ_NEXT "merges.txt\nz z\n",
                                         "vocab.json\n{\"a\":-1}" MERGES,
                                         "vocab.json\n{\"a\":\"x\"}" MERGES };
    char buf[1200];

    fuzz_seed_damaged(TXT, sizeof TXT - 1, 40, sizeof TXT - 1);
    fuzz_seed_damaged(JSON MERGES, sizeof(JSON MERGES) - 1, 40, sizeof(JSON MERGES) - 1);
    for (size_t i = 0; i < AZ_COUNT(texts); i++)
        fuzz_seed_text(texts[i]);
    fuzz_seed("vocab.txt\na\0b\n", 14);
    fuzz_seed_json_text(TXT ADDED, "{\"c\":10,\"d\":11}", "");
    fuzz_seed_json_text(
        TXT CONFIG,
        "{\"do_lower_case\":false,\"strip_accents\":true,\"tokenize_chinese_chars\":false,\"cls_"
        "token\":\"a\",\"sep_token\":{\"content\":\"b\"},\"unk_token\":\"[UNK]\",\"additional_"
        "special_tokens\":[\"<x>\",{\"content\":\"<y>\"}]}",
        "");
    fuzz_seed_json_text(TXT CONFIG,
                        "{\"added_tokens_decoder\":{\"10\":{\"content\":\"<z>\",\"special\":true,"
                        "\"lstrip\":true},\"4\":{\"content\":\"[MASK]\",\"special\":true},\"x\":{"
                        "\"content\":\"q\"},\"-3\":{\"content\":\"q\"}}}",
                        "");
    fuzz_seed_json_text(TXT CONFIG,
                        "{\"added_tokens_decoder\":{\"10\":{\"content\":\"<z>\",\"special\":true,"
                        "\"lstrip\":true},\"4\":{\"content\":\"[MASK]\",\"special\":true}}}",
                        "");
    for (size_t i = 0; i < AZ_COUNT(classes); i++) {
        snprintf(buf, sizeof buf,
                 "{\"tokenizer_class\":\"%s\",\"add_prefix_space\":true,\"bos_token\":\"<s>\","
                 "\"eos_token\":\"</s>\"}",
                 classes[i]);
        fuzz_seed_json_text(JSON MERGES CONFIG, buf, "");
    }
    fuzz_seed_json_text("vocab.json\n",
                        "{\"<s>\":0,\"</s>\":1,\"a\":2,\"b\":3,\"ab\":4,\"l\":6,\"ll\":7}", MERGES);
    fuzz_seed_text(
        JSON MERGES CONFIG
        "{\"cls_token\":\"a\",\"tokenizer_class\":\"RobertaTokenizer\",\"sep_token\":\"b\"}");
}
