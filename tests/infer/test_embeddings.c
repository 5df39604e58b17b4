/* Embeddings of texts against sentence-transformers' on small encoders (tools/golden/make_embeddings.py): ids,
 * vectors, from the folder, through a GGUF and back; and what modules.json and the files that it names may say. */
#include "made_model.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/convert.h"

static adze_run *run;
static char root[] = "/tmp/adze-embeddings-XXXXXX";
static const char *const models[] = { "bert", "bert_cls", "xlm_roberta", NULL };

static const char *in(const char *name)
{
    static char paths[4][160];
    static unsigned next;
    char *p = paths[next++ % 4];

    snprintf(p, sizeof paths[0], "%s/%s", root, name);
    return p;
}

static void put_file(const char *name, const json_t *doc)
{
    char *slash, path[160];

    snprintf(path, sizeof path, "%s", in(name));
    slash = strrchr(path, '/');
    *slash = 0;
    mkdir(path, 0777);
    *slash = '/';
    assert_int_equal(json_dump_file(doc, path, 0), 0);
}

static made_spec make(const char *name)
{
    made_spec spec;
    const char *file;
    char path[120];
    json_t *doc;

    spec.j = NULL;
    snprintf(path, sizeof path, "tests/data/golden/embeddings/%s.json", name);
    ok(az_json_read(&spec.j, run, path, 1 << 20, &(adze_error){ 0 }), &(adze_error){ 0 });
    az_remove_tree(run, in("hf"), NULL);
    az_remove_tree(run, in("back"), NULL);
    assert_int_equal(mkdir(in("hf"), 0777), 0);
    made_write(&spec, in("hf"), NULL);
    json_object_foreach(json_object_get(spec.j, "files"), file, doc)
    {
        snprintf(path, sizeof path, "hf/%s", file);
        put_file(path, doc);
    }
    return spec;
}

static void convert(const char *from, const char *to, const char *format)
{
    az_convert_opts o = { .to = format };
    adze_error err = { .pos = ADZE_NOPOS };

    ok(az_convert(run, in(from), in(to), &o, NULL, &err), &err);
}

/* Largest difference of a component; all ids must be the same. out: all vectors, to be freed. */
static double off_by(const made_spec *spec, const char *name, float **out)
{
    const json_t *texts = json_object_get(spec->j, "texts"), *ids = json_object_get(spec->j, "ids");
    adze_error err = { .pos = ADZE_NOPOS };
    adze_model *m = NULL;
    adze_session *s = NULL;
    adze_tokenizer *tok = NULL;
    size_t count = json_array_size(texts), width;
    double off;

    ok(adze_model_open(&m, run, in(name), &err), &err);
    ok(adze_session_new(&s, run, m, NULL, &err), &err);
    ok(adze_tokenizer_new(&tok, run, m, &err), &err);
    width = adze_session_width(s);
    *out = calloc(count * width, sizeof **out);
    assert_non_null(*out);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(texts, i));
        int32_t *own, *want;
        const int32_t *use;
        size_t n, n_want = made_tokens(json_array_get(ids, i), &want);
        ok(adze_tokenize(tok, text, strlen(text), 1, &own, &n, &err), &err);
        if (n > adze_session_room(s)) { /* cut: the command line does it */
            assert_int_equal(n_want, adze_session_room(s));
            own[n_want - 1] = own[n - 1];
            n = n_want;
        }
        assert_int_equal(n, n_want);
        assert_memory_equal(own, want, n * sizeof *own);
        use = own;
        ok(adze_session_embed(s, &use, &n, 1, *out + i * width, &err), &err);
        adze_tokens_free(tok, own);
        free(want);
    }
    off = made_error(json_object_get(spec->j, "embeddings"), NULL, *out);
    print_message("%s: %.1e\n", name, off);
    adze_session_free(s);
    adze_tokenizer_free(tok);
    adze_model_close(m);
    return off;
}

static void equal_sentence_transformers(void **state)
{
    (void)state;
    for (const char *const *name = models; *name; name++) {
        made_spec spec = make(*name);
        size_t bytes = json_array_size(json_object_get(spec.j, "texts")) * 32 * sizeof(float);
        float *a, *b;
        if (!(off_by(&spec, "hf", &a) < 1e-5)) fail_msg("%s", *name);
        convert("hf", "m.gguf", "gguf");
        if (!(off_by(&spec, "m.gguf", &b) < 1e-5)) fail_msg("%s as GGUF", *name);
        assert_memory_equal(a, b, bytes);
        free(b);
        convert("m.gguf", "back", "hf");
        if (!(off_by(&spec, "back", &b) < 1e-5)) fail_msg("%s back", *name);
        assert_memory_equal(a, b, bytes);
        free(a);
        free(b);
        json_decref(spec.j);
    }
}

/* modules.json and what it names are given back; the rows of positions that no token has are zero. */
static void documents_come_back(void **state)
{
    (void)state;
    for (const char *const *name = models; *name; name++) {
        made_spec spec = make(*name);
        adze_error err = { 0 };
        adze_model *a = NULL, *b = NULL, *c = NULL;
        convert("hf", "m.gguf", "gguf");
        convert("m.gguf", "back", "hf");
        ok(adze_model_open(&a, run, in("hf"), &err), &err);
        ok(adze_model_open(&b, run, in("back"), &err), &err);
        assert_true(json_equal(a->sentence, b->sentence));
        assert_true(json_object_size(b->sentence) >= 2);
        assert_int_equal(a->n_tensors, b->n_tensors);
        for (size_t i = 0; i < a->n_tensors; i++) {
            const az_tensor *t = &a->tensors[i], *u = &b->tensors[i];
            bool cut = strcmp(*name, "xlm_roberta") == 0 && strstr(t->name, "position");
            float *x = malloc(t->size_bytes), *y = malloc(t->size_bytes);
            assert_string_equal(t->name, u->name);
            assert_memory_equal(t->shape, u->shape, sizeof t->shape);
            ok(az_model_read(a, t, 0, x, t->size_bytes, &err), &err);
            ok(az_model_read(b, u, 0, y, u->size_bytes, &err), &err);
            for (size_t k = 0; cut && k < 2 * 32; k++) {
                assert_true(y[k] == 0);
                x[k] = 0;
            }
            assert_memory_equal(x, y, t->size_bytes);
            free(x);
            free(y);
        }
        az_remove_tree(run, in("copy"), NULL);
        convert("hf", "copy", "hf");
        ok(adze_model_open(&c, run, in("copy"), &err), &err);
        assert_true(json_equal(a->sentence, c->sentence));
        adze_model_close(a);
        adze_model_close(b);
        adze_model_close(c);
        json_decref(spec.j);
    }
}

/* --- what the documents may say --- */

static adze_status opens(adze_error *err)
{
    adze_model *m = NULL;
    adze_session *s = NULL;
    adze_status rc;

    *err = (adze_error){ .pos = ADZE_NOPOS };
    rc = adze_model_open(&m, run, in("hf"), err);
    if (rc == ADZE_OK) rc = adze_session_new(&s, run, m, NULL, err);
    adze_session_free(s);
    adze_model_close(m);
    return rc;
}

static void bad_documents_are_refused(void **state)
{
    static const struct {
        const char *file, *text;
        adze_status want;
        const char *says;
    } cases[] = {
        { "hf/modules.json", "{}", ADZE_EFORMAT, "list" },
        { "hf/modules.json", "[", ADZE_EFORMAT, "" },
        { "hf/modules.json", "[{\"type\":\"x.Dense\",\"path\":\"2_Dense\"}]", ADZE_EUNSUP,
          "Dense" },
        { "hf/modules.json", "[{\"path\":\"\"}]", ADZE_EUNSUP, "without a type" },
        { "hf/modules.json", "[{\"type\":\"x.Pooling\",\"path\":\"../hf/1_Pooling\"}]",
          ADZE_EFORMAT, "plain name" },
        { "hf/1_Pooling/config.json", "{\"pooling_mode_max_tokens\":true}", ADZE_EUNSUP, "max" },
        { "hf/1_Pooling/config.json", "{\"pooling_mode\":\"first\"}", ADZE_EUNSUP, "no known way" },
        { "hf/1_Pooling/config.json", "{\"pooling_mode\":[\"cls\",\"mean\"]}", ADZE_EUNSUP,
          "no known way" },
        { "hf/1_Pooling/config.json",
          "{\"pooling_mode_cls_token\":true,\"pooling_mode_mean_tokens\":true}", ADZE_EUNSUP,
          "several" },
        { "hf/sentence_bert_config.json", "{\"max_seq_length\":0}", ADZE_EFORMAT, "is 0" },
        { "hf/sentence_bert_config.json", "{\"do_lower_case\":true}", ADZE_EUNSUP, "lower case" },
        { "hf/1_Pooling/config.json", "{\"pooling_mode\":[\"cls\"]}", ADZE_OK, "" },
        { "hf/sentence_bert_config.json", "{\"max_seq_length\":100000}", ADZE_OK, "" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        made_spec spec = make("bert");
        adze_error err;
        adze_status rc;
        FILE *f = fopen(in(cases[i].file), "w");
        assert_non_null(f);
        fputs(cases[i].text, f);
        fclose(f);
        rc = opens(&err);
        if (rc != cases[i].want || !strstr(err.msg, cases[i].says))
            fail_msg("%s: %d %s: %s", cases[i].text, rc, err.name, err.msg);
        json_decref(spec.j);
    }
}

/* A folder within that leads out of the model's is not followed. */
static void links_out_are_refused(void **state)
{
    made_spec spec = make("bert");
    adze_error err;

    (void)state;
    az_remove_tree(run, in("away"), NULL);
    assert_int_equal(rename(in("hf/1_Pooling"), in("away")), 0);
    assert_int_equal(symlink(in("away"), in("hf/1_Pooling")), 0);
    assert_int_equal(opens(&err), ADZE_EFORMAT);
    assert_non_null(strstr(err.msg, "outside"));
    json_decref(spec.j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_sentence_transformers),
        cmocka_unit_test(documents_come_back),
        cmocka_unit_test(bad_documents_are_refused),
        cmocka_unit_test(links_out_are_refused),
    };
    int failed;

    if (adze_run_new(&run, NULL, NULL) != ADZE_OK || !mkdtemp(root)) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    az_remove_tree(run, root, NULL);
    adze_run_free(run);
    return failed;
}
