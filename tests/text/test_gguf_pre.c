/* tokenizer.ggml.pre of a GGUF: names that are known, missing and unknown, and adze's own key, which goes before them.
 * llama.cpp's default way of splitting is in tests/data/golden/pieces.json with the pieces that it gives. */
#include "tok_util.h"

#include "core/kv.h"

enum { N_TOKENS = 256 + 7 };

/* A GGUF with the small byte-level vocabulary; pre and pattern may be NULL. */
static adze_model *small_gguf(const char *pre, const char *pattern)
{
    static char text[N_TOKENS][16], merge[7][24];
    json_t *hf = small_tokenizer(NULL, NULL, NULL), *model = json_object_get(hf, "model"), *id;
    const json_t *list = json_object_get(model, "merges");
    az_str tokens[N_TOKENS], merges[7];
    adze_error err = { 0 };
    const char *key;
    adze_model *m;

    json_object_foreach(json_object_get(model, "vocab"), key, id)
    {
        size_t i = (size_t)json_integer_value(id);
        snprintf(text[i], sizeof text[i], "%s", key);
        tokens[i] = (az_str){ text[i], strlen(text[i]) };
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *two = json_array_get(list, i);
        snprintf(merge[i], sizeof merge[i], "%s %s", json_string_value(json_array_get(two, 0)),
                 json_string_value(json_array_get(two, 1)));
        merges[i] = (az_str){ merge[i], strlen(merge[i]) };
    }
    assert_int_equal(az_model_new(&m, run, "small.gguf", "gguf", &err), ADZE_OK);
    assert_true(az_kv_put_str(&m->kv, "tokenizer.ggml.model", "gpt2", 4));
    assert_true(az_kv_put_strs(&m->kv, "tokenizer.ggml.tokens", tokens, N_TOKENS));
    assert_true(az_kv_put_strs(&m->kv, "tokenizer.ggml.merges", merges, json_array_size(list)));
    if (pre) assert_true(az_kv_put_str(&m->kv, "tokenizer.ggml.pre", pre, strlen(pre)));
    if (pattern)
        assert_true(az_kv_put_str(&m->kv, AZ_TOKENIZER_PATTERN_KEY, pattern, strlen(pattern)));
    json_decref(hf);
    return m;
}

static json_t *default_of_golden(void)
{
    json_t *all = load_json("tests/data/golden/pieces.json"), *c, *found = NULL;
    size_t i;

    json_array_foreach(all, i, c)
    {
        json_t *pre = json_object_get(c, "pre_tokenizer");
        if (!found && json_array_size(json_object_get(pre, "pretokenizers")) == 4)
            found = json_incref(pre);
    }
    json_decref(all);
    assert_non_null(found);
    return found;
}

/* Ids by pre against ids of the small tokenizer.json with this pre_tokenizer. */
static void same_ids(const char *name, const adze_tokenizer *t, const json_t *pre)
{
    static const char *const texts[] = { "hello hello 12345 abc, abc!",
                                         "$1234.50 hello's  \n\n abc  ", "x\xd9\xa1\xd9\xa2 ab-c" };
    char *json = json_dumps(pre, 0), want[4096];
    json_t *hf = small_tokenizer(json, NULL, NULL);
    adze_tokenizer *other;

    assert_int_equal(tokenizer_of(&other, hf, false, NULL), ADZE_OK);
    for (size_t i = 0; i < AZ_COUNT(texts); i++) {
        snprintf(want, sizeof want, "%s", ids_text(other, texts[i], strlen(texts[i]), 0));
        if (strcmp(ids_text(t, texts[i], strlen(texts[i]), 0), want) != 0)
            fail_msg("%s on \"%s\": %s, expected %s", name, texts[i],
                     ids_text(t, texts[i], strlen(texts[i]), 0), want);
    }
    adze_tokenizer_free(other);
    json_decref(hf);
    free(json);
}

/* Neither refuses the file: llama.cpp's default, and a warning that says which name it was. */
static void missing_and_unknown_names(void **state)
{
    static const struct {
        const char *name, *says;
    } cases[] = { { NULL, "tokenizer.ggml.pre is missing" },
                  { "nothing-like-it", "\"nothing-like-it\", which adze does not know" },
                  { "gemma4", "\"gemma4\"" }, /* llama.cpp knows it, adze does not */
                  { "default", NULL } };
    json_t *pre = default_of_golden();

    (void)state;
    json_array_append_new(json_object_get(pre, "pretokenizers"),
                          json_pack("{s:s, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0,
                                    "use_regex", 0));
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        adze_model *m = small_gguf(cases[i].name, NULL);
        const char *warning;
        adze_tokenizer *t;
        adze_error err = { 0 };
        if (adze_tokenizer_new(&t, run, m, &err) < 0) fail_msg("%s: %s", err.name, err.msg);
        warning = adze_tokenizer_warning(t);
        if (!cases[i].says ? warning != NULL : !warning || !strstr(warning, cases[i].says))
            fail_msg("\"%s\" warns \"%s\"", cases[i].name ? cases[i].name : "",
                     warning ? warning : "");
        same_ids(cases[i].name ? cases[i].name : "(none)", t, pre);
        adze_tokenizer_free(t);
        adze_model_close(m);
    }
    json_decref(pre);
}

/* Names that llama.cpp takes for another one, and patterns of its own. */
static void names_of_llama_cpp(void **state)
{
    static const struct {
        const char *name, *text, *ids;
    } cases[] = {
        { "gpt-2", "12345", "49 50 51 52 53" },
        { "granite-docling", " hello", "262" },
        { "megrez", " hello", "262" },
        { "bloom", "abc,abc", "257 44 257" },
        { "viking", "abc 1", "257 32 49" },
        { "exaone-moe", "abc hello", "257 262" },
        { "deepseek-coder", "abc hello", "257 262" },
        { "chameleon", "abc hello", "257 262" },
        { "bailingmoe2", "abc hello", "257 262" },
        { "seed-coder", "abc hello", "257 262" },
        { "minicpm5", "abc hello", "257 262" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        adze_model *m = small_gguf(cases[i].name, NULL);
        const char *s = cases[i].text;
        adze_tokenizer *t;
        adze_error err = { 0 };
        if (adze_tokenizer_new(&t, run, m, &err) < 0)
            fail_msg("%s: %s: %s", cases[i].name, err.name, err.msg);
        if (adze_tokenizer_warning(t)) fail_msg("%s: %s", s, adze_tokenizer_warning(t));
        if (strcmp(ids_text(t, s, strlen(s), 0), cases[i].ids) != 0)
            fail_msg("%s on \"%s\": %s, expected %s", cases[i].name, s,
                     ids_text(t, s, strlen(s), 0), cases[i].ids);
        adze_tokenizer_free(t);
        adze_model_close(m);
    }
}

/* adze's own key says how text is split, whatever the name says. */
static void own_key_goes_first(void **state)
{
    static const char *const names[] = { NULL, "nothing-like-it", "llama-bpe" };
    static const char pattern[] =
        "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","
        "\"pattern\":{\"Regex\":\"l\"},\"behavior\":\"Isolated\",\"invert\":false},{\"type\":"
        "\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]},\"model\":{\"type\":"
        "\"BPE\",\"vocab_size\":263}}";

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(names); i++) {
        adze_model *m = small_gguf(names[i], pattern);
        adze_tokenizer *t;
        adze_error err = { 0 };
        if (adze_tokenizer_new(&t, run, m, &err) < 0) fail_msg("%s: %s", err.name, err.msg);
        assert_null(adze_tokenizer_warning(t));
        assert_string_equal(ids_text(t, "hello", 5, 0), "258 108 108 111");
        adze_tokenizer_free(t);
        adze_model_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_and_unknown_names),
        cmocka_unit_test(names_of_llama_cpp),
        cmocka_unit_test(own_key_goes_first),
    };

    return cmocka_run_group_tests(tests, start_run, stop_run);
}
