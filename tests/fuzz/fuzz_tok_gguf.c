/* A GGUF's tokenizer keys: as adze reads them, as llama.cpp does, and as the tokenizer.json that a folder gets. */
#include "format/folder.h"
#include "format/gguf_vocab.h"
#include "gguf.h"
#include "model.h"
#include "text/llama_cpp.h"
#include "tok.h"

static void as_llama_cpp(const adze_model *m)
{
    static const char text[] = "Hello <s> w\xc3\xb6rld 12 \xff";
    adze_error err = { .pos = ADZE_NOPOS };
    az_llama_tok *t;
    int32_t *ids = NULL;
    size_t n = 0;
    adze_status rc = az_llama_tok_new(&t, fuzz_run, m, &err);

    fuzz_status(rc, &err);
    if (rc < 0) return;
    rc = az_llama_tok_encode(t, text, sizeof text - 1, true, &ids, &n, &err);
    fuzz_status(rc, &err);
    if (rc == ADZE_OK) az_free(fuzz_run, ids);
    az_llama_tok_free(t);
}

/* The tokenizer.json of a folder that is made of it must be one. */
static void as_folder(adze_model *m)
{
    az_plan p = { .run = fuzz_run, .model = m };
    adze_error err = { .pos = ADZE_NOPOS };
    adze_model *hf = NULL;
    json_t *doc = NULL;
    adze_status rc;

    az_arena_init(&p.arena, fuzz_run);
    p.kv.arena = &p.arena;
    rc = az_hf_tokenizer_from_gguf(&p, &doc, &err);
    fuzz_status(rc, &err);
    fuzz_want((rc == ADZE_OK) == (doc != NULL), "a document with success, and only then");
    if (doc && az_model_new(&hf, fuzz_run, "folder", "hf", &err) == ADZE_OK) {
        hf->tok.hf = json_incref(doc);
        adze_tokenizer_free(tok_new(hf));
        adze_model_close(hf);
    }
    json_decref(doc);
    az_arena_deinit(&p.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    adze_tokenizer *t;
    adze_model *m;

    fuzz_begin();
    m = fuzz_open(fuzz_file("m.gguf", data, n), AZ_READ_ALL);
    if (m) {
        t = tok_new(m);
        if (t) tok_use(t, NULL, 0);
        adze_tokenizer_free(t);
        as_llama_cpp(m);
        as_folder(m);
    }
    adze_model_close(m);
    fuzz_end();
    return 0;
}

/* The keys as a file; key `which` is of kind `odd`: 1 not there, 2 text, 3 a number, 4 a list of numbers, 5 a list of texts, 6 flag. */
static void put(const az_kvs *kv, size_t which, int odd)
{
    az_buf b;

    az_buf_init(&b, fuzz_run);
    gg_head(&b, 3, 0, kv->n);
    for (size_t i = 0; i < kv->n; i++) {
        const char *key = kv->items[i].key;
        if (i != which || odd == 0)
            gg_kv(&b, &kv->items[i]);
        else if (odd == 1)
            gg_num(&b, "other", AZ_KV_U32, 1, 4);
        else if (odd == 2)
            gg_text(&b, key, "{}");
        else if (odd == 3)
            gg_num(&b, key, AZ_KV_U32, 1000000, 4);
        else if (odd == 4)
            gg_list(&b, key, AZ_KV_F32, 2), fuzz_le(&b, 0x7fc00000, 4), fuzz_le(&b, 0, 4);
        else if (odd == 5)
            gg_list(&b, key, AZ_KV_STR, 2), gg_str(&b, "a"), gg_str(&b, "\xff b");
        else
            gg_num(&b, key, AZ_KV_BOOL, 1, 1);
    }
    gg_pad(&b, 0);
    if (odd)
        fuzz_variant(b.data, b.size);
    else
        fuzz_seed(b.data, b.size);
    az_buf_deinit(&b);
}

static void put_all(const az_kvs *kv, bool variants)
{
    put(kv, 0, 0);
    for (size_t i = 0; variants && i < kv->n; i++)
        for (int odd = 1; odd < 7; odd++)
            put(kv, i, odd);
}

/* A golden tokenizer.json as a GGUF's keys, with and without adze's own. */
static void golden(const char *name)
{
    az_plan p = { .run = fuzz_run };
    adze_error err;
    adze_tokenizer *t = NULL;
    adze_model *m = NULL;

    if (az_model_new(&m, fuzz_run, "folder", "hf", &err) < 0) return;
    m->tok.hf = tok_golden(name);
    p.model = m;
    az_arena_init(&p.arena, fuzz_run);
    p.kv.arena = &p.arena;
    if (adze_tokenizer_new(&t, fuzz_run, m, &err) == ADZE_OK &&
        az_gguf_put_vocab(&p, (int64_t)adze_tokenizer_vocab(t), &err) == ADZE_OK) {
        put_all(&p.kv, true);
        az_kv_remove(&p.kv, AZ_TOKENIZER_PATTERN_KEY);
        put_all(&p.kv, true);
    }
    adze_tokenizer_free(t);
    az_arena_deinit(&p.arena);
    adze_model_close(m);
}

/* A small vocabulary of each model and pre-tokenizer. */
static void small(const char *model, const char *pre, bool flags)
{
    static const char *const tokens[] = {
        "<unk>",    "<s>",  "</s>",  "a",      "b",      "ab",     "\xe2\x96\x81",
        "l",        "ll",   "[PAD]", "<0x41>", "<0x-1>", "<0xZZ>", "H",
        "\xc4\xa0", "user", "x",     "y",      "z",      "w"
    };
    static const int32_t types[] = { 2, 3, 3, 1, 1, 1, 1, 1, 1, 5, 6, 6, 6, 1, 1, 4, 9, -1, 0, 1 };
    static const char *const merges[] = { "a b", "l l" };
    az_arena arena;
    az_kvs kv = { .arena = &arena };
    az_str list[AZ_COUNT(tokens)];
    float scores[AZ_COUNT(tokens)];

    az_arena_init(&arena, fuzz_run);
    for (size_t i = 0; i < AZ_COUNT(tokens); i++) {
        list[i] = (az_str){ tokens[i], strlen(tokens[i]) };
        scores[i] = -(float)i;
    }
    az_kv_put_str(&kv, "tokenizer.ggml.model", model, strlen(model));
    if (pre) az_kv_put_str(&kv, "tokenizer.ggml.pre", pre, strlen(pre));
    az_kv_put_strs(&kv, "tokenizer.ggml.tokens", list, AZ_COUNT(list));
    az_kv_put_arr(&kv, "tokenizer.ggml.token_type", AZ_KV_I32, types, AZ_COUNT(types));
    az_kv_put_arr(&kv, "tokenizer.ggml.scores", AZ_KV_F32, scores, AZ_COUNT(scores));
    for (size_t i = 0; i < 2; i++)
        list[i] = (az_str){ merges[i], strlen(merges[i]) };
    az_kv_put_strs(&kv, "tokenizer.ggml.merges", list, 2);
    az_kv_put_u32(&kv, "tokenizer.ggml.bos_token_id", 1);
    az_kv_put_u32(&kv, "tokenizer.ggml.eos_token_id", 2);
    az_kv_put_u32(&kv, "tokenizer.ggml.unknown_token_id", 0);
    az_kv_put_u32(&kv, "tokenizer.ggml.seperator_token_id", 2);
    if (flags) {
        static const char *const names[] = { "add_bos_token",
                                             "add_eos_token",
                                             "add_sep_token",
                                             "add_space_prefix",
                                             "remove_extra_whitespaces",
                                             "normalizer.lowercase",
                                             "normalizer.strip_accents" };
        char key[80];
        for (size_t i = 0; i < AZ_COUNT(names); i++) {
            snprintf(key, sizeof key, "tokenizer.ggml.%s", names[i]);
            az_kv_put_bool(&kv, key, true);
        }
    }
    put_all(&kv, flags);
    az_arena_deinit(&arena);
}

void fuzz_seeds(void)
{
    static const char *const models[] = { "gpt2", "llama", "t5", "bert", "rwkv", "no_vocab" };
    static const char *const pres[] = { "gpt-2",  "llama-bpe",    "qwen2",  "default",
                                        "gpt-4o", "deepseek-llm", "tekken", "smollm",
                                        "refact", "never-heard",  NULL };
    static const char *const names[] = {
        "kinds/bert",        "kinds/bpe-prefix",  "kinds/bpe-suffix", "kinds/llama-legacy",
        "kinds/llama",       "kinds/spm-bpe-map", "kinds/spm-bpe",    "kinds/spm-unigram-bytes",
        "kinds/spm-unigram", "kinds/unigram",     "gpt2/tokenizer",   "llama3/tokenizer"
    };

    for (size_t i = 0; i < AZ_COUNT(models); i++) {
        small(models[i], "default", true);
        small(models[i], "default", false);
    }
    for (size_t i = 0; i < AZ_COUNT(pres); i++)
        small("gpt2", pres[i], i < 2);
    for (size_t i = 0; i < AZ_COUNT(names); i++)
        golden(names[i]);
}
