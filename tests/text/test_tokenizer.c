/* Tokenizers against golden ids from Hugging Face tokenizers (tools/golden/make_tokens.py), the GGUF
 * vocabulary of GPT-2 with its published ids, and round trips. */
#include "tok_util.h"

#include <adze/model.h>

static void check_case(const adze_tokenizer *t, const char *set, size_t i, const json_t *c,
                       const char *key, int special)
{
    const json_t *text = json_object_get(c, "text"), *want = json_object_get(c, key);
    adze_error err = { 0 };
    int32_t *ids;
    size_t n;

    if (!want) return;
    if (adze_tokenize(t, json_string_value(text), json_string_length(text), special, &ids, &n,
                      &err) < 0)
        fail_msg("%s case %zu: %s", set, i, err.msg);
    if (n != json_array_size(want))
        fail_msg("%s case %zu (%s): %zu ids, expected %zu: %s", set, i, key, n,
                 json_array_size(want),
                 ids_text(t, json_string_value(text), json_string_length(text), special));
    for (size_t k = 0; k < n; k++)
        if (ids[k] != json_integer_value(json_array_get(want, k)))
            fail_msg("%s case %zu (%s): id %zu is %d, expected %d", set, i, key, k, (int)ids[k],
                     (int)json_integer_value(json_array_get(want, k)));
    adze_tokens_free(t, ids);
}

/* Bytes of the expected ids, special ones left out or not, against the expected text. */
static void check_decode(const adze_tokenizer *t, const char *set, size_t i, const json_t *c,
                         const char *key, bool skip)
{
    const json_t *ids = json_object_get(c, "ids"), *want = json_object_get(c, key), *id;
    az_buf b;
    size_t k;

    az_buf_init(&b, run);
    json_array_foreach(ids, k, id)
    {
        int32_t v = (int32_t)json_integer_value(id);
        size_t n;
        const char *s = adze_token_bytes(t, v, &n);
        assert_non_null(s);
        /* Hugging Face turns characters of added tokens that look like the byte alphabet into bytes. */
        if ((t->flags[v] & AZ_TOK_ADDED) && n && memchr(s, 0xc3, n)) want = NULL;
        if (!skip || !adze_token_is_special(t, v)) az_buf_put(&b, s, n);
    }
    if (want && az_utf8_prefix(b.data ? b.data : "", b.size) == b.size &&
        (b.size != json_string_length(want) ||
         (b.size && memcmp(b.data, json_string_value(want), b.size) != 0)))
        fail_msg("%s case %zu: decoded \"%s\", expected \"%s\"", set, i, b.data,
                 json_string_value(want));
    az_buf_deinit(&b);
}

static void check_set(const char *name, const char *tokenizer, bool no_known)
{
    char path[256];
    adze_error err = { 0 };
    json_t *hf = load_json(tokenizer), *cases, *c;
    adze_tokenizer *t;
    size_t i;

    snprintf(path, sizeof path, "tests/data/golden/tokenizer/%s/cases.json", name);
    cases = load_json(path);
    if (tokenizer_of(&t, hf, no_known, &err) < 0)
        fail_msg("%s: %s: %s", err.path, err.name, err.msg);
    assert_true(json_array_size(cases) > 50);
    json_array_foreach(cases, i, c)
    {
        check_case(t, name, i, c, "ids", 0);
        check_case(t, name, i, c, "with_bos", 1);
        check_decode(t, name, i, c, "decoded", false);
        check_decode(t, name, i, c, "skipped", true);
    }
    adze_tokenizer_free(t);
    json_decref(cases);
    json_decref(hf);
}

static void golden_ids(void **state)
{
    static const char *const sets[] = { "gpt2", "llama3", "qwen2", "o200k" };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(sets); i++) {
        char path[256];
        snprintf(path, sizeof path, "tests/data/golden/tokenizer/%s/tokenizer.json", sets[i]);
        check_set(sets[i], path, false);
        check_set(sets[i], path, true); /* the same through PCRE2 */
    }
    check_set("demo", "demo/checkpoint/tokenizer.json", false);
}

static const char *shared_dir(void)
{
    const char *dir = getenv("ADZE_SHARED");

    return dir ? dir : "../shared";
}

/* The ids of every text in PATH.inp, a line each, against PATH.out. */
static void check_vocab(const char *name)
{
    char path[512], *inp, *out, *text, *line;
    size_t n, checked = 0;
    adze_error err = { 0 };
    adze_tokenizer *t;
    adze_model *m;

    snprintf(path, sizeof path, "%s/data/vocab/ggml-vocab-%s.gguf", shared_dir(), name);
    if (!az_exists(run, path)) {
        print_message("skipped: %s is missing\n", path);
        skip();
    }
    if (adze_model_open(&m, run, path, &err) < 0 || adze_tokenizer_new(&t, run, m, &err) < 0)
        fail_msg("%s: %s: %s", err.path, err.name, err.msg);
    snprintf(path, sizeof path, "%s/data/vocab/ggml-vocab-%s.gguf.inp", shared_dir(), name);
    assert_int_equal(az_read_file(run, path, 1 << 20, &inp, &n, &err), ADZE_OK);
    snprintf(path, sizeof path, "%s/data/vocab/ggml-vocab-%s.gguf.out", shared_dir(), name);
    assert_int_equal(az_read_file(run, path, 1 << 20, &out, &n, &err), ADZE_OK);
    for (text = inp, line = out; text; checked++) {
        char *end = strstr(text, "\n__ggml_vocab_test__\n"), *eol = strchr(line, '\n');
        size_t len = end ? (size_t)(end - text) : strlen(text);
        if (!end) break; /* what follows the last separator is no test */
        assert_non_null(eol);
        *eol = 0;
        while (*line == ' ')
            line++;
        if (strcmp(ids_text(t, text, len, 0), line) != 0)
            fail_msg("%s, text %zu: %s, expected %s", name, checked, ids_text(t, text, len, 0),
                     line);
        text = end + strlen("\n__ggml_vocab_test__\n");
        line = eol + 1;
    }
    assert_true(checked > 40);
    az_free(run, inp);
    az_free(run, out);
    adze_tokenizer_free(t);
    adze_model_close(m);
}

static void gguf_vocab_of_gpt2(void **state)
{
    (void)state;
    check_vocab("gpt-2");
}

static void gguf_vocab_of_llama(void **state)
{
    (void)state;
    check_vocab("llama-spm");
}

static void gguf_vocab_of_phi3(void **state)
{
    (void)state;
    check_vocab("phi-3");
}

static void gguf_vocab_of_bert(void **state)
{
    (void)state;
    check_vocab("bert-bge");
}

/* A GGUF tokenizer made from a golden one gives the same ids, by its pattern key and by its pre name. */
static void gguf_twin(void **state)
{
    static const char *const sets[] = { "gpt2", "llama3", "qwen2", "o200k" };

    (void)state;
    for (size_t s = 0; s < 2 * AZ_COUNT(sets); s++) {
        bool by_name = s >= AZ_COUNT(sets);
        const char *set = sets[s % AZ_COUNT(sets)];
        json_t *hf, *cases, *merges, *item;
        adze_tokenizer *from, *t;
        adze_error err = { 0 };
        az_str strs[4096];
        int32_t types[4096];
        char path[256], spare[4096][24];
        adze_model *m;
        size_t i;

        snprintf(path, sizeof path, "tests/data/golden/tokenizer/%s/tokenizer.json", set);
        hf = load_json(path);
        snprintf(path, sizeof path, "tests/data/golden/tokenizer/%s/cases.json", set);
        cases = load_json(path);
        assert_int_equal(tokenizer_of(&from, hf, false, &err), ADZE_OK);
        assert_int_equal(az_model_new(&m, run, "twin.gguf", "gguf", &err), ADZE_OK);
        assert_true(az_kv_put_str(&m->kv, "tokenizer.ggml.model", "gpt2", 4));
        for (i = 0; i < from->n_ids; i++) {
            snprintf(spare[i], sizeof spare[i], "[PAD%zu]", i);
            strs[i] = from->text[i].s ? from->text[i] : (az_str){ spare[i], strlen(spare[i]) };
            types[i] = !from->text[i].s                    ? 5
                       : !(from->flags[i] & AZ_TOK_ADDED)  ? 1
                       : (from->flags[i] & AZ_TOK_SPECIAL) ? 3
                                                           : 4;
        }
        assert_true(az_kv_put_strs(&m->kv, "tokenizer.ggml.tokens", strs, i));
        assert_true(az_kv_put_arr(&m->kv, "tokenizer.ggml.token_type", AZ_KV_I32, types, i));
        merges = json_object_get(json_object_get(hf, "model"), "merges");
        json_array_foreach(merges, i, item)
        {
            char *text = az_arena_alloc(&m->arena, 512);
            snprintf(text, 512, "%s %s", json_string_value(json_array_get(item, 0)),
                     json_string_value(json_array_get(item, 1)));
            strs[i] = (az_str){ json_is_string(item) ? json_string_value(item) : text, 0 };
            strs[i].n = strlen(strs[i].s);
        }
        assert_true(az_kv_put_strs(&m->kv, "tokenizer.ggml.merges", strs, json_array_size(merges)));
        if (by_name) {
            const char *pre = az_tokenizer_pre_name(hf);
            assert_non_null(pre);
            assert_true(az_kv_put_str(&m->kv, "tokenizer.ggml.pre", pre, strlen(pre)));
            assert_true(az_kv_put_bool(&m->kv, "tokenizer.ggml.add_bos_token", from->n_prefix > 0));
            if (from->n_prefix)
                assert_true(az_kv_put_u32(&m->kv, "tokenizer.ggml.bos_token_id",
                                          (uint32_t)from->prefix[0]));
        } else {
            char *pattern = az_tokenizer_pipeline(run, hf);
            assert_non_null(pattern);
            assert_null(strstr(pattern, "\"merges\""));
            assert_true(az_kv_put_str(&m->kv, AZ_TOKENIZER_PATTERN_KEY, pattern, strlen(pattern)));
            az_free(run, pattern);
        }
        if (adze_tokenizer_new(&t, run, m, &err) < 0)
            fail_msg("%s: %s: %s", set, err.name, err.msg);
        json_array_foreach(cases, i, item)
        {
            /* A name cannot say what lstrip, rstrip, single_word and normalized do. */
            if (by_name && (strcmp(set, "llama3") != 0 || json_is_null(item))) continue;
            check_case(t, set, i, item, "ids", 0);
            check_case(t, set, i, item, "with_bos", 1);
        }
        adze_tokenizer_free(from);
        adze_tokenizer_free(t);
        adze_model_close(m);
        json_decref(hf);
        json_decref(cases);
    }
}

/* Any bytes come back from their ids. */
static void any_bytes_round_trip(void **state)
{
    json_t *hf = load_json("tests/data/golden/tokenizer/llama3/tokenizer.json");
    adze_tokenizer *t;
    az_prng r;

    (void)state;
    assert_int_equal(tokenizer_of(&t, hf, false, NULL), ADZE_OK);
    az_prng_seed(&r, 7);
    for (int round = 0; round < 300; round++) {
        char text[400];
        size_t n = az_prng_u64(&r) % sizeof text, count, len;
        int32_t *ids;
        az_buf b;

        for (size_t i = 0; i < n; i++) {
            uint64_t v = az_prng_u64(&r);
            text[i] = (char)(v & 1 ? v >> 8 : 32 + (v >> 8) % 95);
        }
        az_buf_init(&b, run);
        assert_int_equal(adze_tokenize(t, text, n, 0, &ids, &count, NULL), ADZE_OK);
        for (size_t i = 0; i < count; i++) {
            const char *s = adze_token_bytes(t, ids[i], &len);
            az_buf_put(&b, s, len);
        }
        assert_int_equal(b.size, n);
        if (n) assert_memory_equal(b.data, text, n);
        adze_tokens_free(t, ids);
        az_buf_deinit(&b);
    }
    adze_tokenizer_free(t);
    json_decref(hf);
}

/* Merges a+a, aa+aa, ... up to 16 letters: every byte takes part in several merges. */
static json_t *doubling_tokenizer(void)
{
    json_t *hf = small_tokenizer("{\"type\":\"ByteLevel\",\"add_prefix_space\":false}", NULL, NULL);
    json_t *model = json_object_get(hf, "model");
    char half[32] = "a", both[64];

    for (int i = 0; i < 4; i++) {
        snprintf(both, sizeof both, "%s%s", half, half);
        json_object_set_new(json_object_get(model, "vocab"), both, json_integer(300 + i));
        json_array_append_new(json_object_get(model, "merges"), json_pack("[s, s]", half, half));
        memcpy(half, both, sizeof half);
    }
    return hf;
}

static void one_megabyte_of_one_letter(void **state)
{
    json_t *hf = doubling_tokenizer();
    size_t n = 1 << 20, count;
    char *text = malloc(n);
    adze_error err = { 0 };
    adze_tokenizer *t;
    int32_t *ids;
    double seconds;
    clock_t begin;

    (void)state;
    assert_non_null(text);
    memset(text, 'a', n);
    assert_int_equal(tokenizer_of(&t, hf, false, NULL), ADZE_OK);
    begin = clock();
    if (adze_tokenize(t, text, n, 0, &ids, &count, &err) < 0) fail_msg("%s", err.msg);
    seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    print_message("1 MiB of one letter: %zu ids in %.2f s\n", count, seconds);
    assert_int_equal(count, n / 16);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ids[i], 303);
    assert_true(seconds < MEGABYTE_S); /* a quadratic merge takes hours */
    adze_tokens_free(t, ids);
    adze_tokenizer_free(t);
    json_decref(hf);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_ids),           cmocka_unit_test(gguf_vocab_of_gpt2),
        cmocka_unit_test(gguf_vocab_of_llama),  cmocka_unit_test(gguf_vocab_of_phi3),
        cmocka_unit_test(gguf_vocab_of_bert),   cmocka_unit_test(gguf_twin),
        cmocka_unit_test(any_bytes_round_trip), cmocka_unit_test(one_megabyte_of_one_letter),
    };

    return cmocka_run_group_tests(tests, start_run, stop_run);
}
