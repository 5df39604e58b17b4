/* Evaluation end to end through the program: a model against itself, texts that cannot be used, bad logits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "base/json.h"
#include "base/run.h"
#include "core/model.h"
#include "job/convert.h"
#include "program.h"

static program p;
static adze_run *run;

static int set_up(void **state)
{
    adze_error err;

    (void)state;
    program_open(&p);
    assert_int_equal(adze_run_new(&run, &(adze_run_opts){ .threads = 1 }, &err), ADZE_OK);
    program_run(&p, "head -c 12000 demo/heldout.txt >\"$T/text.txt\"");
    return 0;
}

static int tear_down(void **state)
{
    int failures = p.failures;

    (void)state;
    adze_run_free(run);
    program_close(&p);
    return failures;
}

static json_t *results(const char *command)
{
    json_error_t e;
    json_t *j;

    program_run(&p, command);
    j = json_loads(p.out, 0, &e);
    if (p.code != 0 || !j) fail_msg("%s: exit %d %s%s", command, p.code, p.err, p.out);
    return j;
}

static double of(const json_t *all, size_t i, const char *name, const char *part)
{
    const json_t *v = json_object_get(json_object_get(json_array_get(all, i), name), part);

    if (!json_is_number(v)) fail_msg("%zu: %s.%s is missing", i, name, part);
    return json_number_value(v);
}

/* Convert a model, after `change` had its way with it. */
static void convert(const char *src, const char *name, const char *recipe,
                    void (*change)(adze_model *m))
{
    az_convert_opts o = { .to = "gguf", .recipe = recipe };
    adze_error err = { 0 };
    adze_model *m = NULL;
    char path[128];

    snprintf(path, sizeof path, "%s/%s", p.dir, name);
    assert_int_equal(adze_model_open(&m, run, src, &err), ADZE_OK);
    if (change) change(m);
    if (az_convert_model(run, m, path, &o, NULL, &err) != ADZE_OK)
        fail_msg("%s: %s", path, err.msg);
    adze_model_close(m);
}

static void a_model_against_itself(void **state)
{
    static const char command[] =
        "\"$ADZE\" eval demo/checkpoint demo/checkpoint \"$T/q4.gguf\" --text "
        "\"$T/text.txt\" --chunk 128 --chunks 6 --json";
    json_t *a, *b;

    (void)state;
    convert("demo/checkpoint", "q4.gguf", "q4_0", NULL);
    a = results(command);
    assert_int_equal(json_array_size(a), 3);
    for (size_t i = 0; i < 2; i++) { /* the second is the same model, evaluated as a candidate */
        assert_true(of(a, i, "kl_mean", "value") == 0 && of(a, i, "kl_mean", "hi") == 0);
        assert_true(of(a, i, "kl_p99", "value") == 0 && of(a, i, "flips", "hi") == 0);
        assert_true(of(a, i, "top1_ratio", "lo") == 1 && of(a, i, "top1_ratio", "hi") == 1);
        assert_true(of(a, i, "perplexity", "value") == of(a, 0, "perplexity", "value"));
        assert_true(of(a, i, "perplexity", "lo") < of(a, i, "perplexity", "hi"));
    }
    assert_int_equal(json_integer_value(json_object_get(json_array_get(a, 0), "positions")),
                     6 * 63);
    assert_true(of(a, 0, "perplexity", "value") > 2 && of(a, 0, "perplexity", "value") < 1000);
    assert_true(of(a, 0, "top1_accuracy", "value") > 0.1);
    assert_true(of(a, 2, "kl_mean", "value") > 1e-4 && of(a, 2, "kl_mean", "value") < 0.5);
    assert_true(of(a, 2, "kl_p99", "value") > of(a, 2, "kl_mean", "value"));
    assert_true(of(a, 2, "flips", "value") > 0);
    b = results(command);
    assert_true(json_equal(a, b)); /* the seed decides */
    json_decref(b);
    b = results("\"$ADZE\" eval -j 2 demo/checkpoint demo/checkpoint \"$T/q4.gguf\" --text "
                "\"$T/text.txt\" --chunk 128 --chunks 6 --json");
    assert_true(json_equal(a, b)); /* and not the threads */
    json_decref(b);
    json_decref(a);
}

static void name_calibration_text(adze_model *m)
{
    static const char name[] = "/somewhere/else/text.txt";

    assert_true(az_kv_put_str(&m->kv, "quantize.imatrix.dataset", name, sizeof name - 1));
}

static void texts_that_cannot_be_used(void **state)
{
    char src[100];

    (void)state;
    program_expect(
        &p, 3, "fewer than one chunk",
        "echo short >\"$T/short.txt\"; \"$ADZE\" eval demo/checkpoint --text \"$T/short.txt\"");
    assert_non_null(strstr(p.err, "short.txt"));
    program_expect(&p, 3, "fewer than one chunk",
                   ": >\"$T/empty.txt\"; \"$ADZE\" eval demo/checkpoint --text \"$T/empty.txt\"");
    program_expect(&p, 3, "not a regular file", "\"$ADZE\" eval demo/checkpoint --text \"$T\"");
    snprintf(src, sizeof src, "%s/q4.gguf", p.dir);
    convert(src, "calibrated.gguf", "keep", name_calibration_text);
    program_expect(&p, 2, "was used to calibrate",
                   "\"$ADZE\" eval demo/checkpoint \"$T/calibrated.gguf\" --text \"$T/text.txt\" "
                   "--chunk 64 --chunks 1");
    assert_non_null(strstr(p.err, "calibrated.gguf"));
    program_expect(
        &p, 2, "was used to calibrate",
        "\"$ADZE\" eval \"$T/calibrated.gguf\" --text \"$T/text.txt\" --chunk 64 --chunks 1");
    program_expect(
        &p, 0, NULL, /* another text is fine */
        "\"$ADZE\" eval \"$T/calibrated.gguf\" --text demo/heldout.txt --chunk 64 --chunks 1");
}

static void another_model_or_none(void **state)
{
    (void)state;
    program_expect(&p, 3, "not the same model",
                   "\"$ADZE\" eval demo/checkpoint tests/data/golden/llama --text \"$T/text.txt\" "
                   "--chunk 64 --chunks 1");
    program_expect(
        &p, 3, "/nowhere",
        "\"$ADZE\" eval demo/checkpoint /nowhere --text \"$T/text.txt\" --chunk 64 --chunks 1");
    assert_non_null(strstr(p.out, "baseline")); /* the others are still told */
}

/* Overwrite the last two bytes of the file with a bf16 NaN: one weight of the last tensor. */
static void logits_that_are_no_numbers(void **state)
{
    (void)state;
    program_expect(
        &p, 0, NULL,
        "cp -r demo/checkpoint \"$T/nan\" && n=$(wc -c <\"$T/nan/model.safetensors\") && "
        "printf '\\300\\177' | dd of=\"$T/nan/model.safetensors\" bs=1 seek=$((n - 2)) "
        "conv=notrunc 2>/dev/null");
    program_run(
        &p,
        "\"$ADZE\" eval demo/checkpoint \"$T/nan\" --text \"$T/text.txt\" --chunk 64 --chunks 1");
    if (p.code != 3 || !(strstr(p.err, "not finite") || strstr(p.err, "NaN")))
        fail_msg("exit %d: %s%s", p.code, p.out, p.err);
    assert_non_null(strstr(p.err, "/nan"));
    program_run(&p, "\"$ADZE\" eval \"$T/nan\" --text \"$T/text.txt\" --chunk 64 --chunks 1");
    assert_int_equal(p.code, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_against_itself),
        cmocka_unit_test(texts_that_cannot_be_used),
        cmocka_unit_test(another_model_or_none),
        cmocka_unit_test(logits_that_are_no_numbers),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
