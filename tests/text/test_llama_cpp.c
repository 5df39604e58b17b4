/* Ids that llama.cpp gives, against golden ones of the program itself (tools/golden/make_llama_ids.py), and its own
 * vocabularies where they are at hand. */
#include "tok_util.h"
#include "text/llama_cpp.h"

static az_str str_of(const json_t *j)
{
    return (az_str){ json_string_value(j), json_string_length(j) };
}

static void put_key(az_kvs *kv, const char *name, const json_t *v)
{
    char key[80];

    snprintf(key, sizeof key, "tokenizer.ggml.%s", name);
    if (json_is_boolean(v))
        assert_true(az_kv_put_bool(kv, key, json_is_true(v)));
    else
        assert_true(az_kv_put_u32(kv, key, (uint32_t)json_integer_value(v)));
}

/* A GGUF's keys from a case of the golden file. */
static adze_model *model_of(const json_t *c)
{
    const json_t *tokens = json_object_get(c, "tokens"), *t;
    size_t n = json_array_size(tokens), i;
    az_str *text = calloc(n, sizeof *text);
    float *scores = calloc(n, sizeof *scores);
    int32_t *types = calloc(n, sizeof *types);
    const char *kind = json_string_value(json_object_get(c, "model")), *key;
    json_t *v;
    adze_model *m;

    assert_int_equal(az_model_new(&m, run, "golden.gguf", "gguf", NULL), ADZE_OK);
    json_array_foreach(tokens, i, t)
    {
        text[i] = str_of(json_array_get(t, 0));
        scores[i] = (float)json_number_value(json_array_get(t, 1));
        types[i] = (int32_t)json_integer_value(json_array_get(t, 2));
    }
    assert_true(az_kv_put_str(&m->kv, "tokenizer.ggml.model", kind, strlen(kind)));
    assert_true(az_kv_put_strs(&m->kv, "tokenizer.ggml.tokens", text, n));
    assert_true(az_kv_put_arr(&m->kv, "tokenizer.ggml.scores", AZ_KV_F32, scores, n));
    assert_true(az_kv_put_arr(&m->kv, "tokenizer.ggml.token_type", AZ_KV_I32, types, n));
    json_object_foreach(json_object_get(c, "keys"), key, v) put_key(&m->kv, key, v);
    free(text);
    free(scores);
    free(types);
    return m;
}

static bool has(const int32_t *ids, size_t n, int32_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id) return true;
    return false;
}

/* want NULL: llama.cpp ends with an error. */
static void expect(const az_llama_tok *t, size_t at, const json_t *text, const json_t *want)
{
    az_str s = str_of(text);
    int32_t *ids;
    size_t n;

    assert_int_equal(az_llama_tok_encode(t, s.s, s.n, true, &ids, &n, NULL), ADZE_OK);
    if (json_is_null(want)) {
        if (!has(ids, n, -1)) fail_msg("case %zu: \"%s\" should be an error", at, s.s);
    } else {
        bool same = n == json_array_size(want);
        for (size_t i = 0; i < n && same; i++)
            same = ids[i] == json_integer_value(json_array_get(want, i));
        if (!same) fail_msg("case %zu: \"%s\": %zu ids, the first %d", at, s.s, n, n ? ids[0] : -1);
    }
    az_free(run, ids);
}

static void golden_ids(void **state)
{
    json_t *doc = load_json("tests/data/golden/llama_ids.json"), *c, *text;
    const json_t *texts = json_object_get(doc, "texts");
    size_t i, k;

    (void)state;
    assert_true(json_array_size(json_object_get(doc, "cases")) >= 10);
    json_array_foreach(json_object_get(doc, "cases"), i, c)
    {
        adze_model *m = model_of(c);
        adze_error err = { 0 };
        az_llama_tok *t;
        if (az_llama_tok_new(&t, run, m, &err) != ADZE_OK) fail_msg("case %zu: %s", i, err.msg);
        json_array_foreach(texts, k, text)
            expect(t, i, text, json_array_get(json_object_get(c, "ids"), k));
        az_llama_tok_free(t);
        adze_model_close(m);
    }
    json_decref(doc);
}

static void refused_files(void **state)
{
    json_t *doc = load_json("tests/data/golden/llama_ids.json");
    const json_t *first = json_array_get(json_object_get(doc, "cases"), 0);
    adze_model *m = model_of(first);
    adze_error err = { 0 };
    az_llama_tok *t;
    az_str *tokens;
    float few[3] = { 0 };

    (void)state;
    tokens = (az_str *)(uintptr_t)az_kv_find(&m->kv, "tokenizer.ggml.tokens")->v.arr.data;
    tokens[7] = tokens[9]; /* llama.cpp asserts that all are different */
    assert_int_equal(az_llama_tok_new(&t, run, m, &err), ADZE_EFORMAT);
    assert_non_null(strstr(err.msg, "twice"));
    adze_model_close(m);
    m = model_of(first);
    assert_true(az_kv_put_arr(&m->kv, "tokenizer.ggml.scores", AZ_KV_F32, few, 3));
    assert_int_equal(az_llama_tok_new(&t, run, m, &err), ADZE_EFORMAT);
    assert_true(az_kv_put_str(&m->kv, "tokenizer.ggml.model", "rwkv", 4));
    assert_int_equal(az_llama_tok_new(&t, run, m, &err), ADZE_EUNSUP);
    assert_null(t);
    adze_model_close(m);
    json_decref(doc);
}

/* A letter a million times takes no longer a letter than a thousand times (the cost is in merges, not in time: a
 * quadratic one would not end here). */
static void long_text(void **state)
{
    json_t *doc = load_json("tests/data/golden/llama_ids.json"), *c;
    enum { N = 1 << 20 };
    char *text = malloc(N);
    size_t i, n;

    (void)state;
    memset(text, 'a', N);
    json_array_foreach(json_object_get(doc, "cases"), i, c)
    {
        adze_model *m = model_of(c);
        az_llama_tok *t;
        int32_t *ids;
        assert_int_equal(az_llama_tok_new(&t, run, m, NULL), ADZE_OK);
        assert_int_equal(az_llama_tok_encode(t, text, N, true, &ids, &n, NULL), ADZE_OK);
        assert_true(n > 0);
        az_free(run, ids);
        az_llama_tok_free(t);
        adze_model_close(m);
    }
    free(text);
    json_decref(doc);
}

/* llama.cpp's vocabularies come with texts and ids, one line each, texts apart by "__ggml_vocab_test__". */
static void shared_file(const char *dir, const char *name)
{
    static const char sep[] = "\n__ggml_vocab_test__\n";
    char path[600], *text, *ids;
    size_t n_text, n_ids, n = 0;
    adze_model *m = NULL;
    az_llama_tok *t;

    snprintf(path, sizeof path, "%s/data/vocab/ggml-vocab-%s.gguf", dir, name);
    assert_int_equal(adze_model_open(&m, run, path, NULL), ADZE_OK);
    assert_int_equal(az_llama_tok_new(&t, run, m, NULL), ADZE_OK);
    strcat(path, ".inp");
    assert_int_equal(az_read_file(run, path, 1 << 20, &text, &n_text, NULL), ADZE_OK);
    strcpy(path + strlen(path) - 3, "out");
    assert_int_equal(az_read_file(run, path, 1 << 20, &ids, &n_ids, NULL), ADZE_OK);
    for (char *s = text, *want = ids, *end; (end = strstr(s, sep)); s = end + strlen(sep), n++) {
        size_t len = (size_t)(end - s), count;
        char *eol = strchr(want, '\n');
        int32_t *got;
        assert_non_null(eol);
        assert_int_equal(az_llama_tok_encode(t, s, len, false, &got, &count, NULL), ADZE_OK);
        for (size_t i = 0; i < count; i++)
            if (strtol(want, &want, 10) != got[i]) fail_msg("%s, text %zu: id %zu", name, n, i);
        while (*want == ' ')
            want++;
        assert_ptr_equal(want, eol);
        az_free(run, got);
        want = eol + 1;
    }
    assert_true(n >= 40);
    az_free(run, text);
    az_free(run, ids);
    az_llama_tok_free(t);
    adze_model_close(m);
}

static void shared_vocabularies(void **state)
{
    const char *env = getenv("ADZE_SHARED"), *dir = env ? env : "../shared";
    char path[600];
    FILE *f;

    (void)state;
    snprintf(path, sizeof path, "%s/data/vocab/ggml-vocab-llama-spm.gguf", dir);
    f = fopen(path, "rb");
    if (!f) skip(); /* golden_ids is its twin */
    fclose(f);
    shared_file(dir, "llama-spm");
    shared_file(dir, "phi-3");
    shared_file(dir, "bert-bge");
    shared_file(dir, "gpt-2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_ids),
        cmocka_unit_test(refused_files),
        cmocka_unit_test(long_text),
        cmocka_unit_test(shared_vocabularies),
    };

    return cmocka_run_group_tests(tests, start_run, stop_run);
}
