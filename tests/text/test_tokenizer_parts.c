/* Parts of the tokenizer: pre-tokenizer behaviours, normalizers, added tokens, post-processors, the merge
 * algorithms against each other, and files that are wrong. Expected pieces were made with Hugging Face
 * tokenizers 0.23.3 (tools/golden/make_pieces.py) where a comment does not derive them. */
#include "tok_util.h"

static char pieces[4096];

static adze_status put_piece(void *arg, const char *s, size_t n, adze_error *err)
{
    (void)arg;
    (void)err;
    if (pieces[0]) strcat(pieces, "|");
    strncat(pieces, s, n);
    return ADZE_OK;
}

static const char *cut_as(bool unicode_15, const char *pre, const char *text)
{
    json_t *j = json_loads(pre, 0, NULL);
    az_pretoks p = { 0 };
    adze_error err = { 0 };
    az_pretok_run r = { 0 };
    az_arena arena;

    pieces[0] = 0;
    az_arena_init(&arena, run);
    if (az_pretoks_read(&p, &arena, j, "file", false, false, &err) < 0)
        snprintf(pieces, sizeof pieces, "error: %s: %s", err.name, err.msg);
    else {
        p.unicode_15 = unicode_15;
        assert_int_equal(az_pretok_run_init(&r, run, &p, put_piece, NULL, &err), ADZE_OK);
        if (az_pretok_text(&r, text, strlen(text), true, &err) < 0)
            snprintf(pieces, sizeof pieces, "error: %s", err.msg);
        az_pretok_run_deinit(&r);
    }
    az_pretoks_deinit(&p);
    az_arena_deinit(&arena);
    json_decref(j);
    return pieces;
}

static const char *cut(const char *pre, const char *text)
{
    return cut_as(false, pre, text);
}

/* U+140AC became a letter in Unicode 16, U+1B7F punctuation; with a known pattern and with PCRE2, behind a step that rewrites. */
static void unicode_15(void **state)
{
    static const char gpt2[] = "{\"type\":\"ByteLevel\",\"add_prefix_space\":true}";
    static const char classes[] = "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[\\\\p{L}\\\\p{P}]"
                                  "\"},\"behavior\":\"Isolated\"}";

    (void)state;
    assert_string_equal(cut_as(false, gpt2, "a\xf0\x94\x82\xac b\xe1\xad\xbf"),
                        " a\xf0\x94\x82\xac| b|\xe1\xad\xbf");
    assert_string_equal(cut_as(true, gpt2, "a\xf0\x94\x82\xac b\xe1\xad\xbf."),
                        " a|\xf0\x94\x82\xac| b|\xe1\xad\xbf.");
    assert_string_equal(cut_as(true, classes,
                               "\xf0\x94\x82\xac\xe1\xad\xbf"
                               "a"),
                        "\xf0\x94\x82\xac\xe1\xad\xbf|a");
}

static void golden_pieces(void **state)
{
    json_t *all = load_json("tests/data/golden/pieces.json"), *c;
    size_t i;

    (void)state;
    assert_true(json_array_size(all) > 40);
    json_array_foreach(all, i, c)
    {
        char *pre = json_dumps(json_object_get(c, "pre_tokenizer"), 0);
        const char *got = cut(pre, az_json_str(c, "text"));
        if (strcmp(got, az_json_str(c, "pieces")) != 0)
            fail_msg("%s on \"%s\": \"%s\", expected \"%s\"", pre, az_json_str(c, "text"), got,
                     az_json_str(c, "pieces"));
        free(pre);
    }
    json_decref(all);
}

static void golden_normalizers(void **state)
{
    json_t *all = load_json("tests/data/golden/normalized.json"), *c;
    size_t i;

    (void)state;
    assert_true(json_array_size(all) > 40);
    json_array_foreach(all, i, c)
    {
        const json_t *text = json_object_get(c, "text"), *want = json_object_get(c, "normalized");
        bool first = true;
        az_norms norms = { 0 };
        adze_error err = { 0 };
        az_buf bufs[2];
        az_arena arena;
        const char *out;
        size_t n;

        az_arena_init(&arena, run);
        az_buf_init(&bufs[0], run);
        az_buf_init(&bufs[1], run);
        if (az_norms_read(&norms, &arena, json_object_get(c, "normalizer"), "file", &err) < 0)
            fail_msg("case %zu: %s", i, err.msg);
        assert_int_equal(az_norms_run(&norms, bufs, json_string_value(text),
                                      json_string_length(text), &first, &out, &n, &err),
                         ADZE_OK);
        if (n != json_string_length(want) || memcmp(out, json_string_value(want), n) != 0)
            fail_msg("case %zu: \"%.*s\", expected \"%s\"", i, (int)n, out,
                     json_string_value(want));
        az_norms_deinit(&norms);
        az_buf_deinit(&bufs[0]);
        az_buf_deinit(&bufs[1]);
        az_arena_deinit(&arena);
    }
    json_decref(all);
}

/* Metaspace "first" in front of a text whose first character decomposes into a mark that is dropped and a letter that
 * stays: the letter stands where the character stood, so U+2581 goes in front of it, and not where all of it goes.
 * Ids from tokenizers 0.23.3. */
static void first_of_a_text_that_loses_marks(void **state)
{
    static const struct {
        const char *text, *ids;
    } cases[] = { { "\xe0\xb8\xb3x", "0 1 2" },           /* U+0E33 */
                  { "\xcc\x81x", "2" },                   /* a mark alone */
                  { "\xe0\xba\xb3x", "0 3 2" },           /* U+0EB3 */
                  { "\xef\xac\x81x", "0 4 5 2" },         /* U+FB01: f i */
                  { "\xe1\xb9\xa9\xcc\x81x", "0 6 2" } }; /* s with two dots, and a mark */
    json_t *hf = json_loads(
        "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKD\"},{\"type\":"
        "\"StripAccents\"}]},\"pre_tokenizer\":{\"type\":\"Metaspace\",\"prepend_scheme\":"
        "\"first\","
        "\"replacement\":\"\\u2581\",\"split\":true},\"model\":{\"type\":\"BPE\",\"vocab\":{"
        "\"\\u2581\":0,\"\\u0e32\":1,\"x\":2,\"\\u0eb2\":3,\"f\":4,\"i\":5,\"s\":6},\"merges\":[]}"
        "}",
        0, NULL);
    adze_tokenizer *t;
    adze_error err = { 0 };

    (void)state;
    assert_non_null(hf);
    if (tokenizer_of(&t, hf, false, &err) < 0) fail_msg("%s: %s", err.name, err.msg);
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        const char *got = ids_text(t, cases[i].text, strlen(cases[i].text), 0);
        if (strcmp(got, cases[i].ids) != 0)
            fail_msg("\"%s\": %s, expected %s", cases[i].text, got, cases[i].ids);
    }
    adze_tokenizer_free(t);
    json_decref(hf);
}

/* A long run of marks in falling order must not cost quadratic time (a bubble sort takes minutes). */
static void many_marks_normalize_in_linear_time(void **state)
{
    enum { MARKS = 400000 };
    json_t *j = json_pack("{s:s}", "type", "NFC");
    char *text = malloc(1 + 2 * MARKS);
    bool first = true;
    az_norms norms = { 0 };
    uint64_t begin = az_now_ns(run);
    az_buf bufs[2];
    az_arena arena;
    const char *out;
    size_t n;

    (void)state;
    assert_non_null(text);
    text[0] = 'q';
    for (size_t i = 0; i < MARKS; i++) /* U+0301 (class 230) then U+0323 (class 220) */
        memcpy(text + 1 + 2 * i, i % 2 ? "\xcc\xa3" : "\xcc\x81", 2);
    az_arena_init(&arena, run);
    az_buf_init(&bufs[0], run);
    az_buf_init(&bufs[1], run);
    assert_int_equal(az_norms_read(&norms, &arena, j, "file", NULL), ADZE_OK);
    assert_int_equal(az_norms_run(&norms, bufs, text, 1 + 2 * MARKS, &first, &out, &n, NULL),
                     ADZE_OK);
    assert_int_equal(n, 1 + 2 * MARKS);
    assert_memory_equal(out + 1, "\xcc\xa3\xcc\xa3", 4);
    assert_memory_equal(out + n - 4, "\xcc\x81\xcc\x81", 4);
    assert_true(az_now_ns(run) - begin < 10 * 1000000000ull);
    az_norms_deinit(&norms);
    az_buf_deinit(&bufs[0]);
    az_buf_deinit(&bufs[1]);
    az_arena_deinit(&arena);
    json_decref(j);
    free(text);
}

/* The two merge algorithms on random vocabularies. */
static void scan_and_heap_agree(void **state)
{
    az_prng r;

    (void)state;
    az_prng_seed(&r, 11);
    for (int round = 0; round < 60; round++) {
        json_t *hf = small_tokenizer(NULL, NULL, NULL), *model = json_object_get(hf, "model");
        json_t *vocab = json_object_get(model, "vocab"), *merges = json_array();
        char words[64][80] = { "a", "b", "c" };
        size_t n_words = 3;
        adze_tokenizer *t;
        adze_error err = { 0 };

        for (int i = 0; i < 40; i++) {
            const char *a = words[az_prng_u64(&r) % n_words], *b = words[az_prng_u64(&r) % n_words];
            char both[80];
            if (strlen(a) + strlen(b) > 16) continue;
            snprintf(both, sizeof both, "%s%s", a, b);
            json_array_append_new(merges, json_pack("[s, s]", a, b));
            if (json_object_get(vocab, both)) continue;
            json_object_set_new(vocab, both, json_integer((json_int_t)json_object_size(vocab)));
            snprintf(words[n_words++], sizeof words[0], "%s", both);
        }
        json_object_set_new(model, "merges", merges);
        if (tokenizer_of(&t, hf, false, &err) < 0) fail_msg("%s: %s", err.name, err.msg);
        for (int k = 0; k < 200; k++) {
            char s[32];
            size_t n = 1 + az_prng_u64(&r) % sizeof s;
            az_ids a, b;
            for (size_t i = 0; i < n; i++)
                s[i] = (char)('a' + az_prng_u64(&r) % 3);
            az_ids_init(&a, run, 0);
            az_ids_init(&b, run, 0);
            b.force_heap = true;
            assert_int_equal(az_bpe_encode(&t->bpe, &a, s, n, NULL), ADZE_OK);
            assert_int_equal(az_bpe_encode(&t->bpe, &b, s, n, NULL), ADZE_OK);
            assert_int_equal(a.n, b.n);
            assert_memory_equal(a.ids, b.ids, a.n * sizeof *a.ids);
            az_ids_deinit(&a);
            az_ids_deinit(&b);
        }
        adze_tokenizer_free(t);
        json_decref(hf);
    }
}

static void check_ids(json_t *hf, const char *text, int special, const char *want)
{
    adze_error err = { 0 };
    adze_tokenizer *t;

    if (tokenizer_of(&t, hf, false, &err) < 0) fail_msg("%s: %s", err.name, err.msg);
    assert_string_equal(ids_text(t, text, strlen(text), special), want);
    adze_tokenizer_free(t);
    json_decref(hf);
}

static void merges_and_ignore_merges(void **state)
{
    json_t *hf;

    (void)state;
    check_ids(small_tokenizer(NULL, NULL, NULL), "hello hello", 0, "261 262");
    check_ids(small_tokenizer(NULL, NULL, NULL), "abcab helo", 0, "257 256 32 259 111");
    hf = small_tokenizer(NULL, NULL, NULL);
    json_object_set_new(json_object_get(json_object_get(hf, "model"), "vocab"), "zzz",
                        json_integer(270));
    check_ids(json_incref(hf), "zzz", 0, "122 122 122"); /* no merge makes it */
    json_object_set_new(json_object_get(hf, "model"), "ignore_merges", json_true());
    check_ids(hf, "zzz", 0, "270");
}

static void unknown_bytes(void **state)
{
    json_t *hf = small_tokenizer(NULL, NULL, NULL), *model = json_object_get(hf, "model");

    (void)state;
    json_object_del(json_object_get(model, "vocab"), "q");
    check_ids(json_incref(hf), "aqqb", 0,
              "error: : the vocabulary has no token for byte 0x71 and no unknown token");
    json_object_set_new(model, "unk_token", json_string("hello"));
    check_ids(json_incref(hf), "aqqb", 0, "97 261 261 98");
    json_object_set_new(model, "fuse_unk", json_true());
    check_ids(hf, "aqqb", 0, "97 261 98");
}

static void added_tokens(void **state)
{
    const char *longest = "[{\"id\":900,\"content\":\"<a>\",\"normalized\":false,\"special\":true},"
                          "{\"id\":901,\"content\":\"<a><b>\",\"normalized\":false}]";
    const char *strips =
        "[{\"id\":900,\"content\":\"<l>\",\"normalized\":false,\"lstrip\":true},"
        "{\"id\":901,\"content\":\"<r>\",\"normalized\":false,\"rstrip\":true},"
        "{\"id\":902,\"content\":\"wo\",\"normalized\":false,\"single_word\":true}]";
    const char *lower = "[{\"id\":900,\"content\":\"<A>\",\"normalized\":true}]";

    (void)state;
    /* Ids count up from the vocabulary's size, 263, whatever the file says. */
    check_ids(small_tokenizer(NULL, NULL, longest), "x<a>y<a><b><a", 0, "120 263 121 264 60 97");
    check_ids(small_tokenizer(NULL, NULL, strips), "a  <l>  b", 0, "97 263 32 32 98");
    check_ids(small_tokenizer(NULL, NULL, strips), "a  <r>  b", 0, "97 32 32 264 98");
    check_ids(small_tokenizer(NULL, NULL, strips), "<r>  <l>", 0, "264 263");
    check_ids(small_tokenizer(NULL, NULL, strips), "wo wowo wo_ (wo)", 0,
              "265 32 119 111 119 111 32 119 111 95 32 40 265 41");
    /* Searched by normalized content, in normalized text. */
    check_ids(small_tokenizer(NULL, "{\"type\":\"Lowercase\"}", lower), "<a>X<A>", 0,
              "263 120 263");
}

static void post_processors(void **state)
{
    json_t *hf = small_tokenizer(NULL, NULL, NULL);
    json_t *post =
        json_pack("{s:s, s:[{s:{s:s}}, {s:{s:s}}, {s:{s:s}}], s:{s:{s:[i, i]}, s:{s:[i]}}}", "type",
                  "TemplateProcessing", "single", "SpecialToken", "id", "B", "Sequence", "id", "A",
                  "SpecialToken", "id", "E", "special_tokens", "B", "ids", 1, 2, "E", "ids", 3);
    json_t *roberta = json_pack("{s:s, s:[s, i], s:[s, i]}", "type", "RobertaProcessing", "cls",
                                "x", 7, "sep", "y", 8);

    (void)state;
    json_object_set_new(hf, "post_processor",
                        json_pack("{s:s, s:[O, O]}", "type", "Sequence", "processors", post,
                                  roberta));
    check_ids(json_incref(hf), "a", 1, "7 1 2 97 3 8");
    check_ids(json_incref(hf), "a", 0, "97");
    check_ids(json_incref(hf), "", 1, "7 1 2 3 8");
    json_object_set_new(json_object_get(json_object_get(post, "special_tokens"), "E"), "ids",
                        json_pack("[i]", 99999));
    {
        adze_tokenizer *t;
        adze_error err = { 0 };
        assert_int_equal(tokenizer_of(&t, hf, false, &err), ADZE_EFORMAT);
        assert_string_equal(err.name, "post_processor");
    }
    json_decref(post);
    json_decref(roberta);
    json_decref(hf);
}

/* Defects by a JSON patch on the small tokenizer: where, what is put there, and what the message names. */
static void defects(void **state)
{
    static const struct {
        const char *where, *value; /* value NULL: removed */
        adze_status want;
        const char *names;
    } bad[] = {
        { "model", NULL, ADZE_EFORMAT, "model" },
        { "model", "[]", ADZE_EFORMAT, "model" },
        { "model/type", "\"Unigram\"", ADZE_EFORMAT, "model.vocab" },
        { "model/type", "\"WordLevel\"", ADZE_EUNSUP, "WordLevel" },
        { "model/vocab", NULL, ADZE_EFORMAT, "model.vocab" },
        { "model/vocab", "{}", ADZE_EFORMAT, "empty" },
        { "model/vocab", "[1]", ADZE_EFORMAT, "model.vocab" },
        { "model/vocab", "{\"\\u2581x\":0}", ADZE_EFORMAT, "single-byte" },
        { "model/vocab/a", "-1", ADZE_EFORMAT, "\"a\"" },
        { "model/vocab/a", "4000000000", ADZE_EFORMAT, "\"a\"" },
        { "model/vocab/a", "9223372036854775807", ADZE_EFORMAT, "\"a\"" },
        { "model/vocab/a", "1.5", ADZE_EFORMAT, "\"a\"" },
        { "model/vocab/a", "98", ADZE_EFORMAT, "two tokens" },
        { "model/vocab/hel", NULL, ADZE_EFORMAT, "merges[3]" },
        { "model/vocab/a", NULL, ADZE_EFORMAT, "merges[0]" },
        { "model/merges", NULL, ADZE_EFORMAT, "model.merges" },
        { "model/merges", "{}", ADZE_EFORMAT, "model.merges" },
        { "model/merges", "[5]", ADZE_EFORMAT, "model.merges" },
        { "model/merges", "[[\"a\"]]", ADZE_EFORMAT, "model.merges" },
        { "model/merges", "[\"ab\"]", ADZE_EFORMAT, "merges[0]" },
        { "model/merges", "[[\"a\", \"\"]]", ADZE_EFORMAT, "empty" },
        { "model/unk_token", "\"nope\"", ADZE_EFORMAT, "unk_token" },
        { "model/dropout", "0.1", ADZE_EUNSUP, "dropout" },
        { "model/end_of_word_suffix",
          "\"0123456789012345678901234567890123456789012345678901234567890123456789\"", ADZE_EUNSUP,
          "end_of_word_suffix" },
        { "added_tokens", "{}", ADZE_EFORMAT, "added_tokens" },
        { "added_tokens", "[{}]", ADZE_EFORMAT, "added_tokens" },
        { "pre_tokenizer", "{\"type\":\"UnicodeScripts\"}", ADZE_EUNSUP, "UnicodeScripts" },
        { "pre_tokenizer", "{\"type\":\"Metaspace\",\"prepend_scheme\":\"odd\"}", ADZE_EFORMAT,
          "prepend_scheme" },
        { "pre_tokenizer", "{\"type\":\"Metaspace\",\"replacement\":\"\"}", ADZE_EFORMAT,
          "one character" },
        { "pre_tokenizer", "{\"type\":\"FixedLength\",\"length\":0}", ADZE_EFORMAT, "length" },
        { "pre_tokenizer", "{}", ADZE_EFORMAT, "type" },
        { "pre_tokenizer/add_prefix_space", "3", ADZE_EFORMAT, "add_prefix_space" },
        { "pre_tokenizer",
          "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},\"behavior\":\"Isolated\"}",
          ADZE_EFORMAT, "does not compile" },
        { "pre_tokenizer", "{\"type\":\"Split\",\"pattern\":{},\"behavior\":\"Isolated\"}",
          ADZE_EFORMAT, "pattern" },
        { "pre_tokenizer",
          "{\"type\":\"Split\",\"pattern\":{\"String\":\"a\"},\"behavior\":\"Shuffled\"}",
          ADZE_EFORMAT, "behavior" },
        { "normalizer", "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAA=\"}",
          ADZE_EFORMAT, "character map" },
        { "normalizer", "{\"type\":\"Strange\"}", ADZE_EUNSUP, "Strange" },
        { "normalizer", "{\"type\":\"Replace\"}", ADZE_EFORMAT, "Replace" },
        { "normalizer", "{\"type\":\"Sequence\"}", ADZE_EFORMAT, "normalizers" },
        { "normalizer", "{\"type\":\"Prepend\"}", ADZE_EFORMAT, "prepend" },
        { "decoder", "{\"type\":\"Strange\"}", ADZE_EUNSUP, "Strange" },
        { "decoder", "{\"type\":\"Strip\",\"content\":\" \"}", ADZE_EFORMAT, "start" },
        { "post_processor", "{\"type\":\"TemplateProcessing\"}", ADZE_EFORMAT, "single" },
        { "post_processor", "{\"type\":\"Strange\"}", ADZE_EUNSUP, "Strange" },
        { "post_processor", "{\"type\":\"BertProcessing\",\"cls\":[\"a\",-4],\"sep\":[\"b\",1]}",
          ADZE_EFORMAT, "BertProcessing" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        json_t *hf = small_tokenizer(NULL, NULL, NULL), *at = hf;
        char where[64], *key = where, *slash, line[1024];
        adze_error err = { 0 };
        adze_tokenizer *t;

        snprintf(where, sizeof where, "%s", bad[i].where);
        while ((slash = strchr(key, '/'))) {
            *slash = 0;
            at = json_object_get(at, key);
            key = slash + 1;
        }
        if (bad[i].value)
            json_object_set_new(at, key, json_loads(bad[i].value, JSON_DECODE_ANY, NULL));
        else
            json_object_del(at, key);
        if (tokenizer_of(&t, hf, false, &err) != bad[i].want || t)
            fail_msg("defect %zu (%s = %s): status %d, %s", i, bad[i].where, bad[i].value,
                     err.status, err.msg);
        adze_error_text(&err, line, sizeof line);
        if (!strstr(line, bad[i].names) || !strstr(line, "tokenizer.json"))
            fail_msg("defect %zu (%s): message \"%s\" does not name \"%s\"", i, bad[i].where, line,
                     bad[i].names);
        json_decref(hf);
    }
}

/* No allocation that fails leaves anything behind or is taken for success. */
static int fail_after;
static void *failing_alloc(void *user, size_t n)
{
    void *p = NULL;

    (void)user;
    if (fail_after-- <= 0) return NULL;
    return posix_memalign(&p, 64, n) ? NULL : p;
}

static void out_of_memory(void **state)
{
    json_t *hf = small_tokenizer(NULL, "{\"type\":\"NFC\"}", "[{\"id\":900,\"content\":\"<a>\"}]");
    az_alloc_fns keep = run->alloc;
    bool done = false;

    (void)state;
    for (int k = 0; !done; k++) {
        az_tokenizer_opts opts = { .no_known_patterns = true };
        adze_tokenizer *t = NULL;
        int32_t *ids = NULL;
        adze_model *m;
        adze_status rc;
        size_t n;

        assert_int_equal(az_model_new(&m, run, "folder", "hf", NULL), ADZE_OK);
        m->tok.hf = json_incref(hf);
        run->alloc.alloc = failing_alloc;
        fail_after = k;
        rc = az_tokenizer_new(&t, run, m, &opts, NULL);
        if (rc == ADZE_OK) rc = adze_tokenize(t, "hello <a> e\xcc\x81", 13, 1, &ids, &n, NULL);
        done = rc == ADZE_OK && fail_after > 0;
        if (rc != ADZE_OK && rc != ADZE_ENOMEM)
            fail_msg("allocation %d: %s", k, adze_status_text(rc));
        run->alloc = keep;
        if (ids) adze_tokens_free(t, ids);
        adze_tokenizer_free(t);
        adze_model_close(m);
        assert_true(k < 5000);
    }
    json_decref(hf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unicode_15),
        cmocka_unit_test(golden_pieces),
        cmocka_unit_test(golden_normalizers),
        cmocka_unit_test(first_of_a_text_that_loses_marks),
        cmocka_unit_test(many_marks_normalize_in_linear_time),
        cmocka_unit_test(scan_and_heap_agree),
        cmocka_unit_test(merges_and_ignore_merges),
        cmocka_unit_test(unknown_bytes),
        cmocka_unit_test(added_tokens),
        cmocka_unit_test(post_processors),
        cmocka_unit_test(defects),
        cmocka_unit_test(out_of_memory),
    };

    return cmocka_run_group_tests(tests, start_run, stop_run);
}
