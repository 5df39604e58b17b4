/* Every kind of tokenizer through a GGUF's keys: adze reads back the same ids from what it writes, and the keys that llama.cpp
 * reads are there. Golden ids: tools/golden/make_kinds.py. */
#include "../text/tok_util.h"

#include "format/gguf_vocab.h"
#include "text/base64.h"
#include "text/source.h"

static const struct {
    const char *name, *model; /* tokenizer.ggml.model */
    bool scores, merges;
} kinds[] = {
    { "spm-bpe", "llama", true, false },     { "spm-bpe-map", "llama", true, false },
    { "spm-unigram", "t5", true, false },    { "spm-unigram-bytes", "t5", true, false },
    { "llama-legacy", "llama", true, true }, { "llama", "llama", true, true },
    { "unigram", "t5", true, false },        { "bert", "bert", false, false },
    { "bpe-suffix", "llama", true, true },   { "bpe-prefix", "llama", true, true },
};

static json_t *doc_of(const json_t *golden)
{
    const json_t *model = json_object_get(golden, "model");
    az_tok_beside beside = { .run = run };
    json_t *doc = NULL;
    az_buf raw;

    if (!model) return json_incref(json_object_get(golden, "tokenizer"));
    az_buf_init(&raw, run);
    assert_true(az_base64_decode(&raw, json_string_value(model), json_string_length(model)));
    assert_int_equal(az_tok_from_spm(&doc, raw.data, raw.size, &beside, "m", NULL), ADZE_OK);
    az_buf_deinit(&raw);
    return doc;
}

/* Keys of the tokenizer `doc` in a plan of their own, with three rows more than it has tokens. */
static void write_keys(az_plan *p, adze_model *m, size_t n_ids)
{
    adze_error err = { 0 };

    *p = (az_plan){ .run = run, .model = m };
    az_arena_init(&p->arena, run);
    p->kv.arena = &p->arena;
    if (az_gguf_put_vocab(p, (int64_t)n_ids + 3, &err) < 0) fail_msg("%s: %s", err.name, err.msg);
}

static char *ids_copy(const adze_tokenizer *t, const json_t *text, int special)
{
    return strdup(ids_text(t, json_string_value(text), json_string_length(text), special));
}

static void check_kind(size_t k)
{
    char path[128];
    json_t *golden, *doc;
    const json_t *cases, *c;
    adze_tokenizer *a, *b;
    adze_model *m, *g;
    adze_error err = { 0 };
    az_plan p;
    size_t i;

    snprintf(path, sizeof path, "tests/data/golden/tokenizer/kinds/%s.json", kinds[k].name);
    golden = load_json(path);
    doc = doc_of(golden);
    assert_int_equal(tokenizer_of(&a, doc, false, &err), ADZE_OK);
    assert_int_equal(az_model_new(&m, run, "folder", "hf", NULL), ADZE_OK);
    m->tok.hf = json_incref(doc);
    write_keys(&p, m, adze_tokenizer_vocab(a));
    assert_string_equal(az_kv_string(&p.kv, "tokenizer.ggml.model"), kinds[k].model);
    assert_int_equal(az_kv_find(&p.kv, "tokenizer.ggml.scores") != NULL, kinds[k].scores);
    assert_int_equal(az_kv_find(&p.kv, "tokenizer.ggml.merges") != NULL, kinds[k].merges);
    assert_int_equal(az_model_new(&g, run, "file.gguf", "gguf", NULL), ADZE_OK);
    for (i = 0; i < p.kv.n; i++)
        assert_true(az_kv_put(&g->kv, &p.kv.items[i]));
    if (adze_tokenizer_new(&b, run, g, &err) < 0)
        fail_msg("%s: %s: %s", kinds[k].name, err.name, err.msg);
    cases = json_object_get(golden, "cases");
    json_array_foreach(cases, i, c) for (int special = 0; special < 2; special++)
    {
        char *x = ids_copy(a, json_object_get(c, "text"), special);
        char *y = ids_copy(b, json_object_get(c, "text"), special);
        if (strcmp(x, y) != 0)
            fail_msg("%s on \"%s\": %s, from the GGUF %s", kinds[k].name,
                     json_string_value(json_object_get(c, "text")), x, y);
        free(x);
        free(y);
    }
    adze_tokenizer_free(a);
    adze_tokenizer_free(b);
    adze_model_close(g);
    adze_model_close(m);
    az_arena_deinit(&p.arena);
    json_decref(doc);
    json_decref(golden);
}

static void every_kind_comes_back(void **state)
{
    (void)state;
    for (size_t k = 0; k < AZ_COUNT(kinds); k++)
        check_kind(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_kind_comes_back) };

    return cmocka_run_group_tests(tests, start_run, stop_run);
}
