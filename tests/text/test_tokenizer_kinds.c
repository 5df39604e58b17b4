/* Tokenizers that are not byte-level BPE against golden ids (tools/golden/make_kinds.py), the double-array trie
 * against a plain search, the time that one letter takes. */
#include "tok_util.h"

#include "text/base64.h"
#include "text/source.h"

static const char *const kinds[] = { "spm-bpe",           "spm-bpe-map",  "spm-unigram",
                                     "spm-unigram-bytes", "llama-legacy", "llama",
                                     "unigram",           "bert",         "bpe-suffix",
                                     "bpe-prefix" };

/* The tokenizer.json of a golden file, or what its tokenizer.model comes to. */
static json_t *golden_doc(const json_t *golden)
{
    const json_t *model = json_object_get(golden, "model");
    az_tok_beside beside = { .run = run };
    adze_error err = { 0 };
    json_t *doc = NULL;
    az_buf raw;

    if (!model) return json_incref(json_object_get(golden, "tokenizer"));
    az_buf_init(&raw, run);
    assert_true(az_base64_decode(&raw, json_string_value(model), json_string_length(model)));
    if (az_tok_from_spm(&doc, raw.data, raw.size, &beside, "tokenizer.model", &err) < 0)
        fail_msg("tokenizer.model: %s", err.msg);
    az_buf_deinit(&raw);
    return doc;
}

static json_t *golden_of(const char *kind)
{
    char path[256];

    snprintf(path, sizeof path, "tests/data/golden/tokenizer/kinds/%s.json", kind);
    return load_json(path);
}

static void compare_ids(const char *kind, const json_t *text, const json_t *want, const char *got)
{
    char expected[65536] = "";
    size_t at = 0, i;
    const json_t *id;

    json_array_foreach(want, i, id) at +=
        (size_t)snprintf(expected + at, sizeof expected - at, i ? " %d" : "%d",
                         (int)json_integer_value(id));
    if (strcmp(got, expected) != 0)
        fail_msg("%s on \"%s\": %s, expected %s", kind, json_string_value(text), got, expected);
}

/* The ids decode to what is said. What is not UTF-8 among bytes is U+FFFD in the golden text only. */
static void compare_text(const char *kind, const adze_tokenizer *t, const json_t *c)
{
    const json_t *text = json_object_get(c, "text"), *want = json_object_get(c, "decoded"), *id;
    int32_t ids[4096];
    adze_error err = { 0 };
    size_t n = 0, i, len;
    char *out;

    if (!want) want = text;
    json_array_foreach(json_object_get(c, "ids"), i, id) ids[n++] = (int32_t)json_integer_value(id);
    assert_int_equal(adze_detokenize(t, ids, n, 0, &out, &len, &err), ADZE_OK);
    if (len != json_string_length(want) || memcmp(out, json_string_value(want), len) != 0)
        fail_msg("%s: decoded \"%s\", expected \"%s\"", kind, out, json_string_value(want));
    adze_text_free(t, out);
}

static void check_cases(const char *kind, const adze_tokenizer *t, const json_t *golden)
{
    const json_t *cases = json_object_get(golden, "cases"), *c;
    size_t i;

    assert_true(json_array_size(cases) > 30);
    json_array_foreach(cases, i, c)
    {
        const json_t *text = json_object_get(c, "text");
        const char *s = json_string_value(text);
        size_t n = json_string_length(text);
        compare_ids(kind, text, json_object_get(c, "ids"), ids_text(t, s, n, 0));
        if (json_object_get(c, "with_bos"))
            compare_ids(kind, text, json_object_get(c, "with_bos"), ids_text(t, s, n, 1));
        compare_text(kind, t, c);
    }
}

static void golden_kinds(void **state)
{
    (void)state;
    for (size_t k = 0; k < AZ_COUNT(kinds); k++) {
        json_t *golden = golden_of(kinds[k]), *doc = golden_doc(golden);
        adze_error err = { 0 };
        adze_tokenizer *t;

        if (tokenizer_of(&t, doc, false, &err) < 0)
            fail_msg("%s: %s: %s", kinds[k], err.name, err.msg);
        check_cases(kinds[k], t, golden);
        adze_tokenizer_free(t);
        json_decref(doc);
        json_decref(golden);
    }
}

static size_t random_key(az_prng *r, char *s)
{
    size_t n = 1 + az_prng_u64(r) % 6;

    for (size_t i = 0; i < n; i++)
        s[i] = (char)(az_prng_u64(r) % 4 ? 'a' + az_prng_u64(r) % 3 : az_prng_u64(r) % 256);
    return n;
}

static void trie_finds_the_longest_key(void **state)
{
    enum { N = 3000 };
    static char text[N][8];
    az_trie_key *keys = calloc(N, sizeof *keys);
    az_str strs[N];
    az_index x = { 0 };
    az_prng r;
    az_trie t;

    (void)state;
    az_prng_seed(&r, 3);
    for (int32_t i = 0; i < N; i++) {
        strs[i] = (az_str){ text[i], random_key(&r, text[i]) };
        keys[i] = (az_trie_key){ strs[i], i };
    }
    assert_int_equal(az_trie_init(&t, run, keys, N, NULL), ADZE_OK);
    assert_int_equal(az_index_init(&x, run, strs, N, NULL), ADZE_OK);
    for (int i = 0; i < 20000; i++) {
        char s[16];
        size_t n = random_key(&r, s), want_n = 0, len = 0;
        int32_t want = -1, got;
        n += random_key(&r, s + n);
        for (size_t k = 1; k <= n; k++)
            if (az_index_find(&x, s, k) >= 0) {
                want = az_index_find(&x, s, k);
                want_n = k;
            }
        got = az_trie_longest(&t, s, n, &len);
        assert_int_equal(got, want);
        if (want >= 0) assert_int_equal(len, want_n);
    }
    az_trie_deinit(&t);
    az_index_deinit(&x);
    free(keys);
}

/* Seconds of the processor for n letters without a break, the best of three. */
static double seconds_for(const adze_tokenizer *t, char letter, size_t n)
{
    char *text = malloc(n);
    double best = 1e9;

    memset(text, letter, n);
    for (int i = 0; i < 3; i++) {
        clock_t begin = clock();
        int32_t *ids;
        size_t count;
        double s;
        assert_int_equal(adze_tokenize(t, text, n, 0, &ids, &count, NULL), ADZE_OK);
        s = (double)(clock() - begin) / CLOCKS_PER_SEC;
        if (s < best) best = s;
        adze_tokens_free(t, ids);
    }
    free(text);
    return best;
}

/* A quadratic step would make 8 times the text cost 64 times the time. */
static void one_letter_takes_linear_time(void **state)
{
    (void)state;
    for (size_t k = 0; k < AZ_COUNT(kinds); k++) {
        json_t *golden = golden_of(kinds[k]), *doc = golden_doc(golden);
        adze_tokenizer *t;
        double small, large;

        assert_int_equal(tokenizer_of(&t, doc, false, NULL), ADZE_OK);
        small = seconds_for(t, 'e', 1 << 17);
        large = seconds_for(t, 'e', 1 << 20);
        print_message("%s: 1 MiB of one letter in %.2f s\n", kinds[k], large);
        if (large > 20 * small + 0.2)
            fail_msg("%s: 8 times the text took %.1f times", kinds[k], large / small);
        assert_true(large < MEGABYTE_S);
        adze_tokenizer_free(t);
        json_decref(doc);
        json_decref(golden);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_kinds),
        cmocka_unit_test(trie_finds_the_longest_key),
        cmocka_unit_test(one_letter_takes_linear_time),
    };

    return cmocka_run_group_tests(tests, start_run, stop_run);
}
