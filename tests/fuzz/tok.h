/* What every tokenizer that loads must do, whatever file it came from. */
#ifndef AZ_TESTS_FUZZ_TOK_H
#define AZ_TESTS_FUZZ_TOK_H

#include "fuzz.h"
#include "text/base64.h"
#include "text/source.h"
#include "text/tokenizer.h"

/* Text to ids and back: ids exist, texts end. */
static inline void tok_text(const adze_tokenizer *t, const char *text, size_t n, int special)
{
    adze_error err = { .pos = ADZE_NOPOS };
    size_t n_ids = 0, n_out = 0;
    int32_t *ids = NULL;
    char *out = NULL;
    adze_status rc = adze_tokenize(t, text, n, special, &ids, &n_ids, &err);

    fuzz_status(rc, &err);
    if (rc < 0) return;
    for (size_t i = 0; i < n_ids; i++)
        fuzz_want(ids[i] >= 0 && (size_t)ids[i] < adze_tokenizer_vocab(t),
                  "an id is one of the vocabulary");
    rc = adze_detokenize(t, ids, n_ids, special, &out, &n_out, &err);
    fuzz_status(rc, &err);
    fuzz_want(rc < 0 || (out && out[n_out] == 0), "text ends");
    if (rc == ADZE_OK) adze_text_free(t, out);
    adze_tokens_free(t, ids);
}

static inline void tok_use(const adze_tokenizer *t, const char *more, size_t n)
{
    static const char *const texts[] = {
        "Hello, World! don't  12345\n\n\tx ",
        "\xc3\xa9 \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80 A\xcc\x8a\xef\xb7\xba\xe2\x91\xa0",
        "bad \xff\xc0\x80 bytes",
        " <s>a</s> [MASK] <|endoftext|>",
        "",
        "\xe2\x96\x81 \xc2\xa0\xe3\x80\x80x",
    };
    size_t len;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        tok_text(t, texts[i], strlen(texts[i]), i % 2);
    if (n) tok_text(t, more, n < 2000 ? n : 2000, 1);
    for (int32_t id = -1; id < 600; id++) {
        const char *s = adze_token_bytes(t, id, &len);
        fuzz_want(s || len == 0, "what an id stands for has a size");
        if (id >= 0 && (size_t)id < adze_tokenizer_vocab(t)) adze_token_is_special(t, id);
    }
}

/* The tokenizer of a model, used; NULL when it has none. */
static inline adze_tokenizer *tok_new(const adze_model *m)
{
    adze_error err = { .pos = ADZE_NOPOS };
    adze_tokenizer *t;
    adze_status rc = adze_tokenizer_new(&t, fuzz_run, m, &err);

    fuzz_status(rc, &err);
    fuzz_want((rc == ADZE_OK) == (t != NULL), "a tokenizer with success, and only then");
    return t;
}

/* Bytes of a golden tokenizer.model; false: this one is a tokenizer.json. */
static inline bool tok_golden_spm(const json_t *golden, az_buf *out)
{
    const char *s = az_json_str(golden, "model");

    return s && az_base64_decode(out, s, strlen(s));
}

/* tokenizer.json of tests/data/golden/tokenizer/NAME.json, or what its tokenizer.model comes to; NULL: not there. */
static inline json_t *tok_golden(const char *name)
{
    az_tok_beside beside = { .run = fuzz_run };
    json_t *j, *doc = NULL;
    char path[100], *text;
    size_t n;
    az_buf raw;

    snprintf(path, sizeof path, "tests/data/golden/tokenizer/%s.json", name);
    text = fuzz_read(path, &n);
    j = text ? json_loadb(text, n, JSON_ALLOW_NUL, NULL) : NULL;
    free(text);
    az_buf_init(&raw, fuzz_run);
    if (tok_golden_spm(j, &raw))
        az_tok_from_spm(&doc, raw.data, raw.size, &beside, "tokenizer.model", NULL);
    else
        doc = json_incref(json_object_get(j, "tokenizer") ? json_object_get(j, "tokenizer") : j);
    az_buf_deinit(&raw);
    json_decref(j);
    return doc;
}

#endif
