/* Importance matrices in files: both layouts there and back, what is malformed refused, and what they change in a
 * conversion. */
#include <math.h>

#include "format/fixture.h"
#include "format/gguf.h"
#include "format/imatrix.h"

static const char *const texts[] = { "a.txt", "b.txt" };
static const char *const sums[] = { "00aa", "11bb" };

/* Two tensors; the second is of three experts, of which one saw nothing. */
static az_importance *sample(void)
{
    az_importance *m = NULL;

    assert_int_equal(az_importance_new(&m, fx_run, NULL, NULL), ADZE_OK);
    m->n = 2;
    m->items = az_arena_array(&m->arena, 2, sizeof *m->items);
    m->items[0] = (az_importance_entry){ .name = "blk.0.attn_q.weight", .cols = 64, .mats = 1 };
    m->items[1] =
        (az_importance_entry){ .name = "blk.0.ffn_up_exps.weight", .cols = 32, .mats = 3 };
    for (size_t i = 0; i < 2; i++) {
        az_importance_entry *e = &m->items[i];
        e->sums = az_arena_array(&m->arena, (size_t)(e->cols * e->mats), sizeof *e->sums);
        e->counts = az_arena_array(&m->arena, (size_t)e->mats, sizeof *e->counts);
        for (uint64_t k = 0; k < e->cols * e->mats; k++)
            e->sums[k] = 0.5f * (float)((k * 37 + i) % 101);
        for (uint64_t k = 0; k < e->mats; k++)
            e->counts[k] = 1024;
    }
    m->items[1].counts[1] = 0;
    memset(m->items[1].sums + 32, 0, 32 * sizeof(float));
    m->chunks = 2;
    m->chunk_size = 512;
    m->datasets = texts;
    m->digests = sums;
    m->n_datasets = m->n_digests = 2;
    return m;
}

static void same_means(const az_importance *a, const az_importance *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        const az_importance_entry *e = &a->items[i], *f = &b->items[i];
        float x[64], y[64];
        assert_string_equal(e->name, f->name);
        assert_true(az_importance_fits(f, e->cols, e->mats));
        assert_false(az_importance_fits(f, e->cols + 1, e->mats));
        for (uint64_t k = 0; k < e->mats; k++) {
            az_importance_means(e, e->cols, k, x);
            az_importance_means(f, e->cols, k, y);
            for (uint64_t c = 0; c < e->cols; c++)
                assert_true(fabsf(x[c] - y[c]) <= 1e-6f * fabsf(x[c]));
        }
    }
}

static void there_and_back(void **state)
{
    static const char *const names[] = { "m.gguf", "m.dat", "m.imatrix" };
    az_importance *m = sample();

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        az_importance *got = NULL;
        adze_error err = { 0 };
        assert_int_equal(az_imatrix_write(fx_run, m, fx_path(names[i]), &err), ADZE_OK);
        assert_int_equal(az_imatrix_read(&got, fx_run, fx_path(names[i]), &err), ADZE_OK);
        same_means(m, got);
        assert_int_equal(got->chunks, 2);
        assert_int_equal(got->n_datasets, i ? 1 : 2);
        assert_string_equal(got->datasets[0], i ? "b.txt" : "a.txt");
        assert_int_equal(got->n_digests, i ? 0 : 2);
        az_importance_free(got);
    }
    az_importance_free(m);
}

/* The older layout by hand, as llama.cpp's tools wrote it: mean squares times calls, no tail. */
static void reads_bytes_of_the_older_layout(void **state)
{
    static const uint8_t bytes[] = {
        1, 0, 0, 0, 3, 0, 0, 0,    'a',  '.', 'w', 4, 0,   0,
        0, 2, 0, 0, 0, 0, 0, 0x80, 0x40, 0,   0,   0, 0x41
    }; /* 4 calls: 4, 8 */
    az_importance *m = NULL;
    float x[2];

    (void)state;
    fx_write(fx_path("old.dat"), bytes, sizeof bytes);
    assert_int_equal(az_imatrix_read(&m, fx_run, fx_path("old.dat"), NULL), ADZE_OK);
    assert_non_null(az_importance_find(m, "a.w"));
    assert_null(az_importance_find(m, "a"));
    az_importance_means(&m->items[0], 2, 0, x);
    assert_true(x[0] == 1 && x[1] == 2);
    az_importance_free(m);
}

/* Every shorter file and every changed byte is refused or read, and never more than that. */
static void damaged(const char *name)
{
    az_importance *m = sample(), *got;
    size_t n;
    char *text;

    assert_int_equal(az_imatrix_write(fx_run, m, fx_path(name), NULL), ADZE_OK);
    text = fx_read(fx_path(name), &n);
    for (size_t cut = 0; cut < n; cut += cut < 400 ? 1 : 37) {
        adze_error err = { 0 };
        fx_write(fx_path("cut"), text, cut);
        if (az_imatrix_read(&got, fx_run, fx_path("cut"), &err) < 0)
            assert_true(err.msg[0] && err.path[0] && err.status == ADZE_EFORMAT);
        az_importance_free(got);
    }
    for (size_t at = 0; at < n && at < 700; at++)
        for (int bit = 0; bit < 8; bit += 7) {
            adze_error err = { 0 };
            text[at] = (char)(text[at] ^ 1 << bit);
            fx_write(fx_path("cut"), text, n);
            if (az_imatrix_read(&got, fx_run, fx_path("cut"), &err) < 0) assert_true(err.msg[0]);
            az_importance_free(got);
            text[at] = (char)(text[at] ^ 1 << bit);
        }
    az_free(fx_run, text);
    az_importance_free(m);
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    damaged("m.gguf");
    damaged("m.dat");
}

static void values_must_be_numbers(void **state)
{
    static const float bad[] = { NAN, INFINITY, -1 };
    az_importance *m = sample(), *got;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int old = 0; old < 2; old++) {
            adze_error err = { 0 };
            m->items[0].sums[5] = bad[i];
            assert_int_equal(az_imatrix_write(fx_run, m, fx_path(old ? "b.dat" : "b.gguf"), NULL),
                             ADZE_OK);
            assert_int_equal(az_imatrix_read(&got, fx_run, fx_path(old ? "b.dat" : "b.gguf"), &err),
                             ADZE_EFORMAT);
            assert_null(got);
            assert_non_null(strstr(err.name, "blk.0.attn_q.weight"));
        }
    az_importance_free(m);
}

static void the_same_entry_twice(void **state)
{
    az_importance *m = sample(), *got;
    adze_error err = { 0 };

    (void)state;
    m->items[1].name = m->items[0].name;
    assert_int_equal(az_imatrix_write(fx_run, m, fx_path("two.dat"), NULL), ADZE_OK);
    assert_int_equal(az_imatrix_read(&got, fx_run, fx_path("two.dat"), &err), ADZE_EFORMAT);
    assert_non_null(strstr(err.msg, "twice"));
    az_importance_free(m);
}

/* ---- conversions ---- */

static adze_status convert(const char *dst, const az_convert_opts *o, adze_error *err)
{
    return az_convert(fx_run, fx_path("good"), fx_path(dst), o, NULL, err);
}

static void importance_changes_a_conversion(void **state)
{
    az_convert_opts o = { .recipe = "q4_0" };
    az_importance *m = sample();
    adze_error err = { 0 };
    adze_model *g = NULL;
    size_t n, k;
    char *a, *b, path[512];

    (void)state;
    m->n = 1;
    assert_int_equal(az_imatrix_write(fx_run, m, fx_path("one.gguf"), NULL), ADZE_OK);
    assert_int_equal(convert("without.gguf", &o, &err), ADZE_OK);
    snprintf(path, sizeof path, "%s", fx_path("one.gguf"));
    o.imatrix = path;
    assert_int_equal(convert("with.gguf", &o, &err), ADZE_OK);
    assert_int_equal(adze_model_open(&g, fx_run, fx_path("with.gguf"), &err), ADZE_OK);
    assert_string_equal(az_kv_string(&g->kv, "quantize.imatrix.file"), "one.gguf");
    assert_string_equal(az_kv_string(&g->kv, "quantize.imatrix.dataset"), "a.txt");
    assert_non_null(az_kv_find(&g->kv, AZ_CALIBRATION_KEY));
    adze_model_close(g);
    a = fx_read(fx_path("with.gguf"), &n);
    b = fx_read(fx_path("without.gguf"), &k);
    assert_true(n > k); /* more keys */
    az_free(fx_run, a);
    az_free(fx_run, b);
    m->items[0].cols = 32; /* another model's */
    assert_int_equal(az_imatrix_write(fx_run, m, fx_path("one.gguf"), NULL), ADZE_OK);
    assert_int_equal(convert("no.gguf", &o, &err), ADZE_EFORMAT);
    assert_non_null(strstr(err.msg, "another model"));
    m->items[0].cols = 64;
    m->items[0].name = "blk.7.attn_q.weight";
    assert_int_equal(az_imatrix_write(fx_run, m, fx_path("one.gguf"), NULL), ADZE_OK);
    assert_int_equal(convert("no.gguf", &o, &err), ADZE_EINVAL);
    assert_false(az_exists(fx_run, fx_path("no.gguf")));
    az_importance_free(m);
}

static void keys_that_the_user_sets(void **state)
{
    static const struct {
        const char *text;
        adze_status want;
    } cases[] = { { "general.name=str:Hello: world", ADZE_OK },
                  { "x.a=int:7", ADZE_OK },
                  { "x.b=float:0.5", ADZE_OK },
                  { "x.c=bool:true", ADZE_OK },
                  { "x.d=i8:-128", ADZE_OK },
                  { "x.e=u64:18446744073709551615", ADZE_OK },
                  { "x.a=int:-7", ADZE_EINVAL },
                  { "x.a=int:4294967296", ADZE_EINVAL },
                  { "x.a=i8:128", ADZE_EINVAL },
                  { "x.a=float:nan", ADZE_EINVAL },
                  { "x.a=bool:1", ADZE_EINVAL },
                  { "x.a=what:1", ADZE_EINVAL },
                  { "x.a", ADZE_EINVAL },
                  { "=int:1", ADZE_EINVAL },
                  { "general.alignment=int:64", ADZE_EINVAL },
                  { "split.count=int:2", ADZE_EINVAL } };
    adze_model *g = NULL;
    int64_t v = 0;
    double f = 0;
    bool b = false;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        az_convert_opts o = { .override_kv = { { cases[i].text }, 1 } };
        adze_error err = { 0 };
        if (convert("kv.gguf", &o, &err) != cases[i].want)
            fail_msg("%s: %s", cases[i].text, err.msg);
    }
    az_convert_opts all = { .recipe = "q8_0" };
    for (size_t i = 0; i < 6; i++)
        all.override_kv.items[all.override_kv.n++] = cases[i].text;
    assert_int_equal(convert("kv.gguf", &all, NULL), ADZE_OK);
    assert_int_equal(adze_model_open(&g, fx_run, fx_path("kv.gguf"), NULL), ADZE_OK);
    assert_string_equal(az_kv_string(&g->kv, "general.name"), "Hello: world");
    assert_true(az_kv_int(&g->kv, "x.a", &v) && v == 7);
    assert_true(az_kv_float(&g->kv, "x.b", &f) && f == 0.5);
    assert_true(az_kv_bool(&g->kv, "x.c", &b) && b);
    assert_true(az_kv_int(&g->kv, "x.d", &v) && v == -128);
    adze_model_close(g);
}

static void options_that_make_no_sense(void **state)
{
    static const struct {
        az_convert_opts o;
        const char *option;
    } cases[] = {
        { { .pure = true }, "--pure" },
        { { .recipe = "keep", .imatrix = "x" }, "--imatrix" },
        { { .to = "hf", .recipe = "bf16", .output_type = "q8_0" }, "--output-tensor-type" },
        { { .to = "hf", .override_kv = { { "a=int:1" }, 1 } }, "--override-kv" },
        { { .recipe = "q8_0", .embedding_type = "q9" }, "--token-embedding-type" },
        { { .recipe = "q8_0", .output_type = "i32" }, "--output-tensor-type" },
        { { .recipe = "q8_0", .tensor_types = { { "attn_v" }, 1 } }, "--tensor-type" },
        { { .recipe = "q8_0", .tensor_types = { { "nothing=q4_0" }, 1 } }, "--tensor-type" },
        { { .recipe = "q8_0", .leave_output = true }, "--leave-output-tensor" }
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        adze_error err = { 0 };
        assert_int_equal(convert(cases[i].o.to ? "bad" : "bad.gguf", &cases[i].o, &err),
                         ADZE_EINVAL);
        assert_string_equal(err.name, cases[i].option);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(reads_bytes_of_the_older_layout),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(values_must_be_numbers),
        cmocka_unit_test(the_same_entry_twice),
        cmocka_unit_test(importance_changes_a_conversion),
        cmocka_unit_test(keys_that_the_user_sets),
        cmocka_unit_test(options_that_make_no_sense),
    };

    return cmocka_run_group_tests(tests, fx_start, fx_stop);
}
