/* Text through tokenizers that are right: the first byte chooses one, the rest is text. Byte-level ones must give it back. */
#include "tok.h"
#include "text/unicode.h"

static const char *const names[] = {
    "gpt2/tokenizer",    "llama3/tokenizer",  "qwen2/tokenizer",  "o200k/tokenizer",
    "kinds/bert",        "kinds/bpe-prefix",  "kinds/bpe-suffix", "kinds/llama-legacy",
    "kinds/llama",       "kinds/spm-bpe-map", "kinds/spm-bpe",    "kinds/spm-unigram-bytes",
    "kinds/spm-unigram", "kinds/unigram"
};
enum { N_NAMES = AZ_COUNT(names) };

static adze_tokenizer *load(size_t i)
{
    adze_error err;
    adze_tokenizer *t = NULL;
    adze_model *m = NULL;

    if (az_model_new(&m, fuzz_run, "folder", "hf", &err) == ADZE_OK) {
        m->tok.hf = tok_golden(names[i]);
        if (m->tok.hf) adze_tokenizer_new(&t, fuzz_run, m, &err);
    }
    adze_model_close(m);
    return t;
}

/* decode(encode(text)) is the text. */
static void there_and_back(const adze_tokenizer *t, const char *text, size_t n)
{
    adze_error err = { .pos = ADZE_NOPOS };
    size_t n_ids = 0, n_out = 0;
    int32_t *ids = NULL;
    char *out = NULL;

    if (adze_tokenize(t, text, n, 0, &ids, &n_ids, &err) < 0) return;
    if (adze_detokenize(t, ids, n_ids, 0, &out, &n_out, &err) == ADZE_OK) {
        fuzz_want(n_out == n && memcmp(out, text, n) == 0,
                  "a byte-level tokenizer gives the text back");
        adze_text_free(t, out);
    }
    adze_tokens_free(t, ids);
}

/* Ids that nobody encoded: each is refused or stands for something. */
static void any_ids(const adze_tokenizer *t, const char *bytes, size_t n)
{
    adze_error err = { .pos = ADZE_NOPOS };
    size_t n_out = 0, len;
    int32_t ids[64];
    char *out = NULL;

    for (size_t i = 0; i < 64; i++)
        ids[i] = n ? (unsigned char)bytes[i % n] * (i % 3 ? 1 : 5) - (i % 17 == 16) * 256 : 0;
    for (size_t count = 1; count <= 64; count *= 2) {
        adze_status rc = adze_detokenize(t, ids, count, count % 3 == 1, &out, &n_out, &err);
        fuzz_status(rc, &err);
        if (rc == ADZE_OK) adze_text_free(t, out);
        adze_token_is_special(t, ids[count - 1]);
        fuzz_want(adze_token_bytes(t, ids[count - 1], &len) || !len,
                  "what an id stands for has a size");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static adze_tokenizer *all[N_NAMES];
    static bool loaded[N_NAMES];
    size_t i = n ? data[0] % N_NAMES : 0;
    const char *text = (const char *)data + 1;

    if (!n || n > 8192) return 0;
    if (!loaded[i]) { /* before the memory of this input is counted */
        loaded[i] = true;
        fuzz_load(true);
        all[i] = load(i);
        fuzz_load(false);
    }
    fuzz_begin();
    if (all[i]) {
        tok_text(all[i], text, n - 1, n % 2);
        any_ids(all[i], text, n - 1);
        if (i < 4 && i != 2 && az_utf8_prefix(text, n - 1) == n - 1)
            there_and_back(all[i], text, n - 1);
    }
    fuzz_end();
    return 0;
}

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "Hello, World! I'm here; don't you'll WE'RE 12345 3.14\r\n\n  \tx  ",
        "\xc3\x89t\xc3\xa9 A\xcc\x8a\xef\xb7\xba\xe2\x91\xa0 "
        "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c "
        "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
        "<|endoftext|><s></s>[CLS] [MASK]<unk> <|im_start|>user",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "bad \xff\xc0\x80\xed\xa0\x80 \xe2\x82 end\xf0\x9f",
        "\xe0\xa4\xa8\xe0\xa4\xae\xe0\xa4\xb8\xe0\xa5\x8d\xe0\xa4\xa4\xe0\xa5\x87 "
        "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 \xd8\xb3\xd9\x84\xd8\xa7\xd9\x85 "
        "\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4",
        "\xe2\x96\x81 \xc2\xa0\xe3\x80\x80\xe2\x80\x83x\x01\x7f  _ __ \xc2\xad\xef\xbb\xbf",
        "\x01\x08\x0b\x0c\x0e\x1f\x7f\xc2\x8f\xc2\x9f\xe1\x9a\x80\xe2\x80\x8b\xe2\x80\xa8\xe2\x80"
        "\xa9\xef\xbb\xbf\xef\xbf\xbd\xc2\x85 a\xcc\x81\xcc\xa7\xe2\x81\xa0",
        "\xe3\x90\x80x\xef\xa4\x80y\xf0\xa0\x80\x80z\xf0\xaa\x9c\x80w\xf0\xab\x9d\x80v\xf0\xab\xa4"
        "\xa0u\xf0\xaf\xa0\x80t\xf3\xa0\x80\x81",
        "",
        " ",
    };
    char buf[600];

    for (size_t i = 0; i < N_NAMES; i++)
        for (size_t k = 0; k < AZ_COUNT(texts); k++) {
            buf[0] = (char)i;
            snprintf(buf + 1, sizeof buf - 1, "%s", texts[k]);
            fuzz_seed(buf, 1 + strlen(texts[k]));
        }
    for (size_t i = 0; i < N_NAMES; i++) {
        memset(buf, 0, sizeof buf);
        buf[0] = (char)i;
        fuzz_seed(buf, 20);
    }
}
