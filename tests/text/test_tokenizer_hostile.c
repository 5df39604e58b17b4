/* Hostile tokenizers: files that lie about sizes, names and bytes, and texts made to be slow. Each gives a status and a
 * message, or ids, in bounded time; none reads outside, which the sanitizers watch. */
#include "tok_util.h"

#include "text/base64.h"
#include "text/source.h"

/* A protobuf field of bytes. */
static void put_field(az_buf *b, int number, const void *data, size_t n)
{
    az_buf_putc(b, (char)(number << 3 | 2));
    for (size_t v = n;; v >>= 7) {
        az_buf_putc(b, (char)((v & 127) | (v > 127 ? 128 : 0)));
        if (v <= 127) break;
    }
    az_buf_put(b, data, n);
}

static void put_piece(az_buf *out, const char *text, float score, int type)
{
    uint32_t u;
    az_buf b;

    az_buf_init(&b, run);
    put_field(&b, 1, text, strlen(text));
    memcpy(&u, &score, sizeof u);
    az_buf_putc(&b, 2 << 3 | 5);
    for (int i = 0; i < 4; i++)
        az_buf_putc(&b, (char)(u >> (8 * i)));
    az_buf_putc(&b, 3 << 3);
    az_buf_putc(&b, (char)type);
    put_field(out, 1, b.data, b.size);
    az_buf_deinit(&b);
}

/* <unk>, <s>, </s>, a few pieces; BPE or unigram; `normalizer`: the bytes of its spec. */
static void small_model(az_buf *b, bool bpe, const void *normalizer, size_t n)
{
    static const char space[] = "\xe2\x96\x81", space_ab[] = "\xe2\x96\x81\x61\x62";
    static const char *const pieces[] = { space, "a", "b", "ab", space_ab, "abab" };
    const char trainer[] = { 3 << 3, bpe ? 2 : 1 };

    put_piece(b, "<unk>", 0, 2);
    put_piece(b, "<s>", 0, 3);
    put_piece(b, "</s>", 0, 3);
    for (size_t i = 0; i < AZ_COUNT(pieces); i++)
        put_piece(b, pieces[i], -(float)i, 1);
    put_field(b, 2, trainer, sizeof trainer);
    if (normalizer) put_field(b, 3, normalizer, n);
}

static adze_status read_model(adze_tokenizer **t, const char *data, size_t n, adze_error *err)
{
    return az_tokenizer_parse(t, run, data, n, true, err);
}

/* A tokenizer.json cut anywhere, or with a byte changed. */
static void cut_and_flipped_json(void **state)
{
    json_t *golden = load_json("tests/data/golden/tokenizer/kinds/bert.json");
    char *text = json_dumps(json_object_get(golden, "tokenizer"), JSON_COMPACT);
    size_t n = strlen(text), refused = 0;
    adze_tokenizer *t;
    az_prng r;

    (void)state;
    az_prng_seed(&r, 3);
    for (size_t cut = 0; cut < n; cut += 97) {
        adze_error err = { .pos = ADZE_NOPOS };
        assert_int_equal(az_tokenizer_parse(&t, run, text, cut, false, &err), ADZE_EFORMAT);
        assert_null(t);
    }
    for (int i = 0; i < 300; i++) {
        size_t at = az_prng_u64(&r) % n;
        char old = text[at];
        adze_error err = { .pos = ADZE_NOPOS };
        text[at] = (char)(32 + az_prng_u64(&r) % 95);
        if (az_tokenizer_parse(&t, run, text, n, false, &err) < 0) {
            refused++;
            assert_true(err.msg[0] != 0);
        } else {
            ids_text(t, "It was the best", 15, 1);
        }
        adze_tokenizer_free(t);
        text[at] = old;
    }
    assert_true(refused > 20);
    free(text);
    json_decref(golden);
}

static void model_of_bytes_works(void **state)
{
    (void)state;
    for (int bpe = 0; bpe < 2; bpe++) {
        adze_error err = { 0 };
        adze_tokenizer *t;
        az_buf b;
        az_buf_init(&b, run);
        small_model(&b, bpe, NULL, 0);
        if (read_model(&t, b.data, b.size, &err) < 0) fail_msg("%s: %s", err.name, err.msg);
        assert_string_equal(ids_text(t, "ab abab", 7, 1), bpe ? "1 7 7 6" : "1 3 6 3 8");
        adze_tokenizer_free(t);
        az_buf_deinit(&b);
    }
}

/* Every cut and many flipped bytes: a status, never a crash; a failure says where. */
static void cut_and_flipped_models(void **state)
{
    size_t refused = 0;
    az_prng r;
    az_buf b;

    (void)state;
    az_prng_seed(&r, 11);
    az_buf_init(&b, run);
    small_model(&b, true, NULL, 0);
    for (size_t n = 0; n < b.size; n++) {
        adze_error err = { .pos = ADZE_NOPOS };
        adze_tokenizer *t;
        if (read_model(&t, b.data, n, &err) < 0) {
            refused++;
            assert_true(err.msg[0] && (err.status == ADZE_EFORMAT || err.status == ADZE_EUNSUP));
        }
        adze_tokenizer_free(t);
    }
    assert_true(refused > b.size / 2);
    for (int i = 0; i < 4000; i++) {
        size_t at = az_prng_u64(&r) % b.size;
        char old = b.data[at];
        adze_error err = { .pos = ADZE_NOPOS };
        adze_tokenizer *t;
        b.data[at] = (char)az_prng_u64(&r);
        if (read_model(&t, b.data, b.size, &err) < 0)
            assert_true(err.msg[0] != 0);
        else
            ids_text(t, "ab \xff abab \xe2\x96\x81", 13, 1);
        adze_tokenizer_free(t);
        b.data[at] = old;
    }
    az_buf_deinit(&b);
}

static void bad_wire(void **state)
{
    static const struct {
        const char *what, *bytes;
        size_t n;
    } bad[] = {
        { "nothing", "", 0 },
        { "no pieces", "\x12\x02\x18\x02", 4 },
        { "a varint of 11 bytes", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 },
        { "a length beyond the end",
          "\x0a\x7f"
          "abc",
          5 },
        { "a length of 2^63", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10 },
        { "a group", "\x0b\x0c", 2 },
        { "field number 0", "\x02\x00", 2 },
        { "a piece without text", "\x0a\x05\x15\x00\x00\x00\x00", 7 },
        { "a piece that is not UTF-8", "\x0a\x03\x0a\x01\xff", 5 },
        { "a piece of type 9",
          "\x0a\x05\x0a\x01"
          "a\x18\x09",
          7 },
        { "a score that is no number",
          "\x0a\x08\x0a\x01"
          "a\x15\x00\x00\xc0\x7f",
          10 },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        adze_error err = { .pos = ADZE_NOPOS };
        adze_tokenizer *t;
        if (read_model(&t, bad[i].bytes, bad[i].n, &err) != ADZE_EFORMAT)
            fail_msg("%s: status %d %s", bad[i].what, err.status, err.msg);
        assert_string_equal(err.path, "tokenizer.model");
        assert_true(err.msg[0] != 0);
    }
}

/* Character maps: too short, lying about the trie, without the last NUL, leading outside, made of random units. */
static void bad_charsmaps(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        bool refused;
    } maps[] = {
        { "\x01", 1, true },
        { "\x01\x02\x03", 3, true },
        { "\x08\x00\x00\x00\x00\x00\x00\x00", 8, true }, /* a trie of 8 bytes in 4 */
        { "\xff\xff\xff\xff\x00\x00\x00\x00", 8, true }, /* of 4 GiB */
        { "\x03\x00\x00\x00\x00\x00\x00\x00", 8, true }, /* not whole units */
        { "\x00\x00\x00\x00", 4, true },                 /* none at all */
        { "\x04\x00\x00\x00\x00\x00\x00\x00"
          "ab",
          10, true },                                             /* no NUL at the end */
        { "\x04\x00\x00\x00\x00\x00\x00\x00\xff\x00", 10, true }, /* not UTF-8 */
        { "\x04\x00\x00\x00\xff\xff\xff\xff"
          "a\x00",
          10, false },
        { "\x04\x00\x00\x00\x00\x00\x00\x00", 8, false },
    };
    az_prng r;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(maps); i++) {
        adze_error err = { 0 };
        adze_tokenizer *t;
        az_buf b, spec;
        az_buf_init(&b, run);
        az_buf_init(&spec, run);
        put_field(&spec, 2, maps[i].bytes, maps[i].n);
        small_model(&b, false, spec.data, spec.size);
        if ((read_model(&t, b.data, b.size, &err) < 0) != maps[i].refused)
            fail_msg("map %zu: %d %s", i, err.status, err.msg);
        if (t) ids_text(t, "a\xff b", 4, 0);
        if (maps[i].refused) assert_string_equal(err.name, "precompiled_charsmap");
        adze_tokenizer_free(t);
        az_buf_deinit(&spec);
        az_buf_deinit(&b);
    }
    az_prng_seed(&r, 5);
    for (int i = 0; i < 300; i++) {
        uint32_t units[64];
        az_buf raw, out;
        az_charsmap m;
        az_arena arena;
        az_spm_rules rules = { .add_prefix = true, .remove_extra = true, .escape = true };
        az_buf_init(&raw, run);
        az_buf_init(&out, run);
        az_arena_init(&arena, run);
        for (size_t k = 0; k < AZ_COUNT(units); k++)
            units[k] = (uint32_t)(az_prng_u64(&r) & (i % 2 ? 0xffffffffu : 0x0003ffffu));
        az_buf_put(&raw, "\x00\x01\x00\x00", 4);
        az_buf_put(&raw, units, sizeof units);
        az_buf_put(&raw, "x\0\xc3\xa9y\0", 6);
        assert_int_equal(az_charsmap_read(&m, &arena, raw.data, raw.size, "f", "map", NULL),
                         ADZE_OK);
        rules.map = m;
        az_charsmap_clusters(&m, &out, "abc \xc3\xa9\xcc\x81 xyz", 12);
        az_spm_normalize(&rules, &out, "abc \xc3\xa9\xff\xcc xyz", 12, true);
        assert_true(az_utf8_prefix(out.data, out.size) == out.size);
        az_buf_deinit(&raw);
        az_buf_deinit(&out);
        az_arena_deinit(&arena);
    }
}

/* A GGUF vocabulary with one thing wrong. */
static adze_status read_gguf(adze_tokenizer **t, const char *kind, const az_str *tokens, size_t n,
                             const int32_t *types, const char *key, uint32_t value, adze_error *err)
{
    adze_status rc;
    float *scores = calloc(n + 1, sizeof *scores);
    adze_model *m;

    assert_int_equal(az_model_new(&m, run, "file.gguf", "gguf", NULL), ADZE_OK);
    assert_true(az_kv_put_str(&m->kv, "tokenizer.ggml.model", kind, strlen(kind)));
    assert_true(az_kv_put_strs(&m->kv, "tokenizer.ggml.tokens", tokens, n));
    assert_true(az_kv_put_arr(&m->kv, "tokenizer.ggml.scores", AZ_KV_F32, scores, n));
    if (types) assert_true(az_kv_put_arr(&m->kv, "tokenizer.ggml.token_type", AZ_KV_I32, types, n));
    if (key) assert_true(az_kv_put_u32(&m->kv, key, value));
    rc = adze_tokenizer_new(t, run, m, err);
    adze_model_close(m);
    free(scores);
    return rc;
}

static void bad_byte_tokens(void **state)
{
    static const char *const names[] = { "<0x-1>", "<0xZZ>", "<0x>", "<0x123>",
                                         "<0x1",   "<0XAA>", "0xAA" };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(names); i++) {
        /* 255 byte tokens and one that is not: a llama vocabulary needs all 256. */
        char text[256][8];
        int32_t types[256];
        az_str tokens[256];
        adze_error err = { 0 };
        adze_tokenizer *t;
        for (int k = 0; k < 256; k++) {
            snprintf(text[k], sizeof text[k], "<0x%02X>", (unsigned)k);
            if (k == 65) snprintf(text[k], sizeof text[k], "%s", names[i]);
            tokens[k] = (az_str){ text[k], strlen(text[k]) };
            types[k] = AZ_TT_BYTE;
        }
        assert_int_equal(read_gguf(&t, "llama", tokens, 256, types, NULL, 0, &err), ADZE_EFORMAT);
        assert_non_null(strstr(err.msg, "byte"));
        assert_null(t);
    }
}

static void bad_gguf_vocabularies(void **state)
{
    static const az_str twice[] = { { "a", 1 }, { "b", 1 }, { "a", 1 } };
    static const az_str odd[] = { { "a", 1 }, { "\xff", 1 } };
    static const char *const all[] = { "llama", "t5", "bert" };
    adze_error err = { 0 };
    adze_tokenizer *t;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(all); i++) {
        assert_int_equal(read_gguf(&t, all[i], twice, 3, NULL, NULL, 0, &err), ADZE_EFORMAT);
        assert_int_equal(read_gguf(&t, all[i], odd, 2, NULL, NULL, 0, &err), ADZE_EFORMAT);
        assert_int_equal(read_gguf(&t, all[i], twice, 0, NULL, NULL, 0, &err), ADZE_EFORMAT);
        assert_int_equal(read_gguf(&t, all[i], twice, 2, NULL, "tokenizer.ggml.bos_token_id", 7,
                                   &err),
                         ADZE_EFORMAT);
        assert_true(err.msg[0] != 0);
    }
    assert_int_equal(read_gguf(&t, "rwkv", twice, 2, NULL, NULL, 0, &err), ADZE_EUNSUP);
}

static json_t *unigram(const char *vocab)
{
    return json_pack("{s:{s:s, s:i, s:o}}", "model", "type", "Unigram", "unk_id", 0, "vocab",
                     json_loads(vocab, 0, NULL));
}

static void bad_unigrams(void **state)
{
    static const char *const bad[] = {
        "[]", "[1]", "[[\"a\"]]", "[[\"a\", \"b\"]]", "[[1, 2]]", "[[\"a\", 1, 1]]", "{}"
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        json_t *hf = unigram(bad[i]);
        adze_error err = { 0 };
        adze_tokenizer *t;
        assert_int_equal(tokenizer_of(&t, hf, false, &err), ADZE_EFORMAT);
        assert_true(err.msg[0] != 0);
        json_decref(hf);
    }
}

/* A token longer than any text would have, and ids beyond the vocabulary. */
static void long_tokens_and_wrong_ids(void **state)
{
    char *text = malloc(70001);
    json_t *hf = unigram("[[\"<unk>\", 0], [\"a\", -1]]");
    adze_error err = { 0 };
    adze_tokenizer *t;
    char *out;
    size_t n;

    (void)state;
    memset(text, 'a', 70000);
    text[70000] = 0;
    json_array_append_new(json_object_get(json_object_get(hf, "model"), "vocab"),
                          json_pack("[s, f]", text, -2.0));
    assert_int_equal(tokenizer_of(&t, hf, false, &err), ADZE_EUNSUP);
    json_array_remove(json_object_get(json_object_get(hf, "model"), "vocab"), 2);
    json_object_set_new(json_object_get(hf, "model"), "unk_id", json_integer(2));
    assert_int_equal(tokenizer_of(&t, hf, false, &err), ADZE_EFORMAT);
    /* an added token that is in the vocabulary already leaves the id that was kept for it free */
    json_object_set_new(hf, "added_tokens", json_pack("[{s:i, s:s}]", "id", 0, "content", "<unk>"));
    assert_int_equal(tokenizer_of(&t, hf, false, &err), ADZE_EFORMAT);
    json_object_del(hf, "added_tokens");
    json_object_set_new(json_object_get(hf, "model"), "unk_id", json_integer(1));
    assert_int_equal(tokenizer_of(&t, hf, false, &err), ADZE_OK);
    for (int32_t id = -2; id < 5; id++) {
        adze_status rc = adze_detokenize(t, &id, 1, 0, &out, &n, &err);
        assert_int_equal(rc, id < 0 || id > 1 ? ADZE_EINVAL : ADZE_OK);
        adze_text_free(t, out);
    }
    adze_tokenizer_free(t);
    json_decref(hf);
    free(text);
}

/* Texts made to be slow or odd, through each kind: ids in bounded time, and the same ones again. */
static void awkward_texts(void **state)
{
    enum { BIG = 300000 };
    static const char *const files[] = { "spm-bpe", "spm-unigram", "llama",
                                         "unigram", "bert",        "bpe-suffix" };
    static const char *const units[] = { "A",
                                         "^",
                                         "\xcc\x81",
                                         "\xef\xb7\xba",
                                         "\xff",
                                         "\xed\xa0\x80",
                                         "\xc0\xaf",
                                         "<s>",
                                         "\xe2\x96\x81",
                                         " ",
                                         "\xf0\x9f\x91\xa8\xe2\x80\x8d",
                                         "ab \n" };
    char *text = malloc(BIG);

    (void)state;
    for (size_t f = 0; f < AZ_COUNT(files); f++) {
        char path[128];
        json_t *golden, *doc;
        const json_t *model;
        adze_tokenizer *t = NULL;
        snprintf(path, sizeof path, "tests/data/golden/tokenizer/kinds/%s.json", files[f]);
        golden = load_json(path);
        model = json_object_get(golden, "model");
        doc = json_object_get(golden, "tokenizer");
        if (model) {
            az_buf raw;
            az_buf_init(&raw, run);
            assert_true(
                az_base64_decode(&raw, json_string_value(model), json_string_length(model)));
            assert_int_equal(read_model(&t, raw.data, raw.size, NULL), ADZE_OK);
            az_buf_deinit(&raw);
        } else {
            assert_int_equal(tokenizer_of(&t, doc, false, NULL), ADZE_OK);
        }
        for (size_t u = 0; u < AZ_COUNT(units); u++) {
            size_t len = strlen(units[u]), n = 0, count, again;
            uint64_t begin = az_now_ns(run);
            int32_t *a, *b;
            while (n + len <= BIG) {
                memcpy(text + n, units[u], len);
                n += len;
            }
            assert_int_equal(adze_tokenize(t, text, n, 1, &a, &count, NULL), ADZE_OK);
            assert_int_equal(adze_tokenize(t, text, n, 1, &b, &again, NULL), ADZE_OK);
            assert_int_equal(count, again);
            assert_memory_equal(a, b, count * sizeof *a);
            adze_tokens_free(t, a);
            adze_tokens_free(t, b);
            assert_true(az_now_ns(run) - begin < 60 * 1000000000ull);
        }
        adze_tokenizer_free(t);
        json_decref(golden);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_of_bytes_works),
        cmocka_unit_test(cut_and_flipped_models),
        cmocka_unit_test(cut_and_flipped_json),
        cmocka_unit_test(bad_wire),
        cmocka_unit_test(bad_charsmaps),
        cmocka_unit_test(bad_byte_tokens),
        cmocka_unit_test(bad_gguf_vocabularies),
        cmocka_unit_test(bad_unigrams),
        cmocka_unit_test(long_tokens_and_wrong_ids),
        cmocka_unit_test(awkward_texts),
    };

    return cmocka_run_group_tests(tests, start_run, stop_run);
}
