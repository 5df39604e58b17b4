/* tokenizer.json (as the input, or as a file of a folder): read, used, put into a GGUF's keys and read from those again. */
#include "format/gguf_vocab.h"
#include "tok.h"

/* As keys of a GGUF it must be a tokenizer again, of as many ids. */
static void through_gguf(adze_model *m, const adze_tokenizer *t)
{
    az_plan p = { .run = fuzz_run, .model = m };
    adze_error err = { .pos = ADZE_NOPOS };
    adze_tokenizer *again;
    adze_model *g = NULL;
    adze_status rc;

    if (adze_tokenizer_vocab(t) > 5000) return;
    az_arena_init(&p.arena, fuzz_run);
    p.kv.arena = &p.arena;
    rc = az_gguf_put_vocab(&p, (int64_t)adze_tokenizer_vocab(t), &err);
    fuzz_status(rc, &err);
    if (rc == ADZE_OK && az_model_new(&g, fuzz_run, "m.gguf", "gguf", &err) == ADZE_OK) {
        g->kv = p.kv;
        again = tok_new(g);
        fuzz_want(!again || adze_tokenizer_vocab(again) == adze_tokenizer_vocab(t),
                  "a GGUF has as many tokens");
        if (again) tok_text(again, "Hello \xc3\xa9", 8, 1);
        adze_tokenizer_free(again);
        g->kv = (az_kvs){ 0 };
        adze_model_close(g);
    }
    az_arena_deinit(&p.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_part rest = { (const char *)data, n }, doc = fuzz_next(&rest), config = fuzz_next(&rest);
    adze_error err = { .pos = ADZE_NOPOS };
    adze_tokenizer *t = NULL;
    adze_model *m = NULL;

    fuzz_begin();
    if (az_model_new(&m, fuzz_run, "folder", "hf", &err) == ADZE_OK) {
        az_json_parse(&m->tok.hf, doc.s, doc.n, "tokenizer.json", NULL);
        if (config.n)
            az_json_parse(&m->tok.hf_config, config.s, config.n, "tokenizer_config.json", NULL);
        if (json_is_object(m->tok.hf)) t = tok_new(m);
        if (t) tok_use(t, rest.s, rest.n);
        if (t) through_gguf(m, t);
        adze_tokenizer_free(t);
    }
    adze_model_close(m);
    fuzz_end();
    return 0;
}

#define VOCAB                                                                                      \
    "{\"<unk>\":0,\"a\":1,\"b\":2,\"ab\":3,\"\xc4\xa0\":4,\"l\":5,\"##b\":6,\"H\":7,\"<0x41>\":8," \
    "\"ll\":9,\"\xc4\x8a\":10}"
#define BPE                                                                                      \
    "\"model\":{\"type\":\"BPE\",\"vocab\":" VOCAB ",\"merges\":[\"a "                           \
    "b\",[\"l\",\"l\"]],\"unk_token\":\"<unk>\",\"fuse_unk\":true,\"byte_fallback\":true,"       \
    "\"ignore_merges\":false,\"dropout\":null,\"continuing_subword_prefix\":\"\",\"end_of_word_" \
    "suffix\":\"\"}"
#define WORD                                                                                      \
    "\"model\":{\"type\":\"WordPiece\",\"vocab\":" VOCAB                                          \
    ",\"unk_token\":\"<unk>\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":" \
    "100}"
#define UNI                                                                                       \
    "\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"byte_fallback\":false,\"vocab\":[[\"<unk>\"," \
    "0.0],[\"a\",-1],[\"b\",-2.5],[\"ab\",-3],[\"\xe2\x96\x81\",-4]]}"
#define ADDED                                                                                    \
    "\"added_tokens\":[{\"id\":0,\"content\":\"<unk>\",\"special\":true,\"normalized\":false,"   \
    "\"single_word\":false,\"lstrip\":false,\"rstrip\":false},{\"id\":11,\"content\":\" "        \
    "x\",\"special\":false,\"normalized\":true,\"single_word\":true,\"lstrip\":true,\"rstrip\":" \
    "true}]"
#define POST                                                                                     \
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":" \
    "\"<unk>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],"        \
    "\"special_tokens\":{\"<unk>\":{\"id\":\"<unk>\",\"ids\":[0],\"tokens\":[\"<unk>\"]}}}"

/* Steps of each kind, with all that they may say. */
static const char *const normalizers[] = {
    "{\"type\":\"NFC\"}",
    "{\"type\":\"NFD\"}",
    "{\"type\":\"NFKC\"}",
    "{\"type\":\"NFKD\"}",
    "{\"type\":\"Lowercase\"}",
    "{\"type\":\"StripAccents\"}",
    "{\"type\":\"Nmt\"}",
    "{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}",
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"_\"}",
    "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"[a-c]+\"},\"content\":\"x\"}",
    "{\"type\":\"Prepend\",\"prepend\":\"_\"}",
    "{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":true,\"strip_"
    "accents\":null,\"lowercase\":true}",
    "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"}",
    "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Lowercase\"}]}",
    "{\"type\":\"SentencePiece\",\"add_dummy_prefix\":true,\"remove_extra_whitespaces\":true,"
    "\"escape_whitespaces\":true,\"prefix_always\":false,\"suffix\":true}",
    "{\"type\":\"ByteLevel\"}",
};
static const char *const pre_tokenizers[] = {
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true}",
    "{\"type\":\"Whitespace\"}",
    "{\"type\":\"WhitespaceSplit\"}",
    "{\"type\":\"BertPreTokenizer\"}",
    "{\"type\":\"Punctuation\",\"behavior\":\"Isolated\"}",
    "{\"type\":\"Digits\",\"individual_digits\":true}",
    "{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"first\",\"split\":true}",
    "{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\",\"add_prefix_space\":true}",
    "{\"type\":\"CharDelimiterSplit\",\"delimiter\":\"-\"}",
    "{\"type\":\"FixedLength\",\"length\":3}",
    "{\"type\":\"UnicodeScripts\"}",
    "{\"type\":\"Split\",\"pattern\":{\"String\":\" "
    "\"},\"behavior\":\"MergedWithPrevious\",\"invert\":false}",
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[^a-z]+\"},\"behavior\":\"MergedWithNext\","
    "\"invert\":true}",
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\d\"},\"behavior\":\"Removed\",\"invert\":"
    "false}",
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"l\"},\"behavior\":\"Contiguous\",\"invert\":"
    "false}",
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":false},{"
    "\"type\":\"ByteLevel\",\"add_prefix_space\":false}]}",
};
static const char *const decoders[] = {
    "{\"type\":\"ByteLevel\"}",
    "{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}",
    "{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"always\"}",
    "{\"type\":\"BPEDecoder\",\"suffix\":\"</w>\"}",
    "{\"type\":\"ByteFallback\"}",
    "{\"type\":\"Fuse\"}",
    "{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":1}",
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\"_\"},\"content\":\" \"}",
    "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"_\"},\"content\":\" \"}",
    "{\"type\":\"CTC\",\"pad_token\":\"a\",\"word_delimiter_token\":\"b\",\"cleanup\":true}",
    "{\"type\":\"SentencePiece\",\"add_dummy_prefix\":true,\"remove_extra_whitespaces\":true}",
    "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}]}",
};
#define ENDS "\"sep\":[\"b\",2],\"cls\":[\"a\",1]"
static const char *const posts[] = {
    "{\"type\":\"BertProcessing\"," ENDS "}",
    "{\"type\":\"RobertaProcessing\"," ENDS ",\"trim_offsets\":true,\"add_prefix_space\":false}",
    "{\"type\":\"ByteLevel\",\"trim_offsets\":true}",
    "{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"}]}",
    "{\"type\":\"Other\"}",
};

/* A document with one step, and everything in that step changed; then with other models. */
static void step(const char *member, const char *value)
{
    static const char *const models[] = { WORD, UNI, BPE };
    char before[200], after[2500];

    snprintf(before, sizeof before, "{\"%s\":", member);
    snprintf(after, sizeof after, "," ADDED "," BPE "}");
    fuzz_seed_json_text(before, value, after);
    for (size_t i = 0; i < AZ_COUNT(models); i++) {
        char all[4000];
        snprintf(all, sizeof all, "{\"%s\":%s,\"%s\":%s,%s}", member, value,
                 strcmp(member, "pre_tokenizer") ? "pre_tokenizer" : "normalizer",
                 strcmp(member, "pre_tokenizer") ? pre_tokenizers[0] : normalizers[0], models[i]);
        fuzz_seed_text(all);
    }
}

static void golden(const char *name)
{
    json_t *doc = tok_golden(name);
    char *all = doc ? json_dumps(doc, JSON_COMPACT) : NULL;

    if (all) fuzz_variant(all, strlen(all));
    free(all);
    json_decref(doc);
}

void fuzz_seeds(void)
{
    static const char *const names[] = {
        "kinds/bert",        "kinds/bpe-prefix",  "kinds/bpe-suffix", "kinds/llama-legacy",
        "kinds/llama",       "kinds/spm-bpe-map", "kinds/spm-bpe",    "kinds/spm-unigram-bytes",
        "kinds/spm-unigram", "kinds/unigram",     "gpt2/tokenizer",   "llama3/tokenizer",
        "qwen2/tokenizer",   "o200k/tokenizer"
    };

    fuzz_seed_json_text("",
                        "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null," ADDED "," POST
                        "," BPE "}",
                        "");
    fuzz_seed_json_text("", "{" ADDED "," WORD "}", "");
    fuzz_seed_json_text("", "{" ADDED "," UNI "}", "");
    fuzz_seed_json_text("{" BPE "}" FUZZ_NEXT,
                        "{\"bos_token\":\"a\",\"eos_token\":{\"content\":\"b\"},\"add_bos_token\":"
                        "true,\"add_eos_token\":true,\"unk_token\":null}",
                        FUZZ_NEXT "some text");
    fuzz_seed_json_text("",
                        "{\"model\":{\"type\":\"SentencePiece\",\"model_type\":\"bpe\",\"byte_"
                        "fallback\":true,\"unk_id\":0,\"unk_surface\":\"?\",\"vocab\":[[\"<unk>\","
                        "0.0,2],[\"a\",-1,1],[\"<0x41>\",-2.5,6],[\"aa\",-3,1],[\"u\",0,4]]}}",
                        "");
    for (size_t i = 0; i < AZ_COUNT(normalizers); i++)
        step("normalizer", normalizers[i]);
    for (size_t i = 0; i < AZ_COUNT(pre_tokenizers); i++)
        step("pre_tokenizer", pre_tokenizers[i]);
    for (size_t i = 0; i < AZ_COUNT(decoders); i++)
        step("decoder", decoders[i]);
    for (size_t i = 0; i < AZ_COUNT(posts); i++)
        step("post_processor", posts[i]);
    for (size_t i = 0; i < AZ_COUNT(names); i++)
        golden(names[i]);
}
