/* Calibration: the sums against sums made here from the weights, the same bits for any number of threads, experts
 * counted, bad texts refused, and texts known again by evaluation. */
#include <math.h>

#include "format/fixture.h"

#include "calib/calibrate.h"
#include "format/imatrix.h"
#include "infer/session.h"

enum { CHUNK = 32, CHUNKS = 3, HIDDEN = 64 };

static const char *text_file(const char *name, size_t words)
{
    FILE *f = fopen(fx_path(name), "wb");
    uint32_t r = 7;

    assert_non_null(f);
    for (size_t i = 0; i < words; i++) {
        r = r * 1664525 + 1013904223;
        fprintf(f, "%c%c%u ", 'a' + (int)(r >> 27), 'k' + (int)(i % 7), r >> 22);
    }
    fclose(f);
    return fx_path(name);
}

static adze_model *open_good(void)
{
    adze_model *m = NULL;

    assert_int_equal(adze_model_open(&m, fx_run, fx_path("good"), NULL), ADZE_OK);
    return m;
}

static az_importance *calibrate(adze_model *m, const char *text, int threads)
{
    az_calibrate_opts o = {
        .texts = &text, .n_texts = 1, .chunk = CHUNK, .max_chunks = CHUNKS, .threads = threads
    };
    az_importance *imp = NULL;
    adze_error err = { 0 };

    if (az_calibrate(&imp, fx_run, m, &o, &err) < 0) fail_msg("%s", err.msg);
    return imp;
}

static void row_of(adze_model *m, const char *name, size_t row, float *x)
{
    const az_tensor *t = az_model_tensor(m, name);
    const void *data;

    assert_non_null(t);
    assert_int_equal(t->type, AZ_BF16);
    assert_int_equal(az_model_tensor_data(m, t, &data, NULL), ADZE_OK);
    az_kernels_default()->unpack[AZ_BF16]((const uint8_t *)data + row * HIDDEN * 2, x, HIDDEN);
}

/* What attn_q of the first layer reads is the embedding, normed: its sums can be made without the engine. */
static void sums_are_those_of_the_inputs(void **state)
{
    adze_model *m = open_good();
    const char *path = text_file("text", 400);
    az_importance *imp = calibrate(m, path, 1);
    const az_importance_entry *q = az_importance_find(imp, "blk.0.attn_q.weight");
    double want[HIDDEN] = { 0 };
    float w[HIDDEN], x[HIDDEN];
    adze_tokenizer *tok = NULL;
    int32_t *ids, *bos;
    size_t n, n_bos, bytes;
    char *text = fx_read(path, &bytes);

    (void)state;
    assert_int_equal(adze_tokenizer_new(&tok, fx_run, m, NULL), ADZE_OK);
    assert_int_equal(adze_tokenize(tok, text, bytes, 0, &ids, &n, NULL), ADZE_OK);
    assert_int_equal(adze_tokenize(tok, "", 0, 1, &bos, &n_bos, NULL), ADZE_OK);
    row_of(m, "model.layers.0.input_layernorm.weight", 0, w);
    assert_true(n >= CHUNK * CHUNKS);
    for (size_t i = 0; i < CHUNK * CHUNKS; i++) {
        double square = 0;
        const int32_t *text_ids = ids - (n_bos > 0); /* behind the first BOS */
        row_of(m, "model.embed_tokens.weight",
               (size_t)(i % CHUNK == 0 && n_bos ? bos[0] : text_ids[i]), x);
        for (int j = 0; j < HIDDEN; j++)
            square += (double)x[j] * x[j];
        for (int j = 0; j < HIDDEN; j++) {
            double y = x[j] / sqrt(square / HIDDEN + 1e-5) * w[j];
            want[j] += y * y;
        }
    }
    assert_non_null(q);
    assert_int_equal(imp->n, 7);
    assert_true(q->cols == HIDDEN && q->mats == 1 && q->counts[0] == CHUNK * CHUNKS);
    for (int j = 0; j < HIDDEN; j++)
        assert_true(fabs(q->sums[j] - want[j]) <= 1e-5 * want[j]);
    assert_null(az_importance_find(imp, "output.weight"));
    assert_null(az_importance_find(imp, "token_embd.weight"));
    adze_tokens_free(tok, ids);
    adze_tokens_free(tok, bos);
    adze_tokenizer_free(tok);
    az_free(fx_run, text);
    az_importance_free(imp);
    adze_model_close(m);
}

static void the_same_for_any_threads(void **state)
{
    adze_model *m = open_good();
    const char *path = text_file("text", 400);
    size_t n, k;
    char *a, *b;

    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        az_importance *imp = calibrate(m, path, threads);
        assert_int_equal(az_imatrix_write(fx_run, imp, fx_path(threads == 1 ? "1.gguf" : "n.gguf"),
                                          NULL),
                         ADZE_OK);
        az_importance_free(imp);
        if (threads == 1) continue;
        a = fx_read(fx_path("1.gguf"), &n);
        b = fx_read(fx_path("n.gguf"), &k);
        assert_int_equal(n, k);
        assert_memory_equal(a, b, n);
        az_free(fx_run, a);
        az_free(fx_run, b);
    }
    adze_model_close(m);
}

static void texts_that_cannot_serve(void **state)
{
    adze_model *m = open_good();
    const char *twice[2] = { text_file("text", 400), text_file("copy", 400) };
    const char *brief = text_file("brief", 3), *missing = fx_path("missing");
    az_calibrate_opts o = { .texts = twice, .n_texts = 2, .chunk = CHUNK };
    az_importance *imp;
    adze_error err = { 0 };

    (void)state;
    assert_int_equal(az_calibrate(&imp, fx_run, m, &o, &err), ADZE_EINVAL);
    assert_non_null(strstr(err.msg, "same text"));
    o.n_texts = 1;
    o.texts = &brief;
    assert_int_equal(az_calibrate(&imp, fx_run, m, &o, &err), ADZE_EFORMAT);
    assert_non_null(strstr(err.msg, "fewer than one chunk"));
    o.texts = &missing;
    assert_true(az_calibrate(&imp, fx_run, m, &o, &err) < 0);
    o.texts = twice;
    o.chunk = 65536; /* longer than the context */
    assert_int_equal(az_calibrate(&imp, fx_run, m, &o, &err), ADZE_EFIT);
    assert_null(imp);
    adze_model_close(m);
}

/* The text under another name: its digest tells. */
static void evaluation_knows_the_text(void **state)
{
    adze_model *m = open_good();
    const char *bin = getenv("ADZE_BIN"), *path = text_file("text", 400);
    az_importance *imp = calibrate(m, path, 0);
    az_convert_opts o = { .recipe = "q4_0", .imatrix = fx_path("cal.gguf") };
    char command[2048];
    size_t n;
    char *said;

    (void)state;
    assert_int_equal(az_imatrix_write(fx_run, imp, fx_path("cal.gguf"), NULL), ADZE_OK);
    assert_int_equal(az_convert_model(fx_run, m, fx_path("q.gguf"), &o, NULL, NULL), ADZE_OK);
    az_importance_free(imp);
    adze_model_close(m);
    assert_non_null(bin);
    text_file("renamed", 400);
    snprintf(command, sizeof command, "%s eval --chunk 32 --text %s %s %s >%s 2>&1", bin,
             fx_path("renamed"), fx_path("good"), fx_path("q.gguf"), fx_path("said"));
    assert_int_not_equal(system(command), 0);
    said = fx_read(fx_path("said"), &n);
    assert_non_null(strstr(said, "was used to calibrate"));
    az_free(fx_run, said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_the_inputs),
        cmocka_unit_test(the_same_for_any_threads),
        cmocka_unit_test(texts_that_cannot_serve),
        cmocka_unit_test(evaluation_knows_the_text),
    };

    return cmocka_run_group_tests(tests, fx_start, fx_stop);
}
