/* Variants of recipes: what their text means, what is refused, and a run that tries each kind and records it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "plan/variant.h"
#include "program.h"
#include "report/report.h"
#include "store/digest.h"

static adze_run *run;
static az_arena arena;
static program p;

static int start(void **state)
{
    (void)state;
    assert_int_equal(adze_run_new(&run, NULL, NULL), ADZE_OK);
    az_arena_init(&arena, run);
    program_open(&p);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    program_close(&p);
    az_arena_deinit(&arena);
    adze_run_free(run);
    return p.failures;
}

static void reads(void **state)
{
    az_variant v;
    adze_error err = { 0 };
    az_convert_opts o;

    (void)state;
    assert_int_equal(az_variant_parse(&v, &arena, "q4_k_m", &err), ADZE_OK);
    assert_string_equal(v.format, "gguf");
    assert_true(!v.importance && v.types.n == 0);
    assert_string_equal(az_variant_file(&v, &arena), "q4_k_m");
    assert_int_equal(az_variant_parse(&v, &arena, "q4_k_m+imatrix,^blk\\.0\\.=q6_k,ffn_down=q5_k",
                                      &err),
                     ADZE_OK);
    assert_string_equal(v.recipe, "q4_k_m");
    assert_int_equal(v.types.n, 2);
    assert_string_equal(v.types.items[0], "^blk\\.0\\.=q6_k");
    assert_string_equal(v.types.items[1], "ffn_down=q5_k");
    o = az_variant_opts(&v, "file");
    assert_string_equal(o.imatrix, "file");
    assert_string_equal(o.to, "gguf");
    assert_int_equal(o.tensor_types.n, 2);
    assert_null(strpbrk(az_variant_file(&v, &arena), "^\\"));
    assert_int_equal(az_variant_parse(&v, &arena, "mlx-4bit", &err), ADZE_OK);
    assert_string_equal(v.format, "mlx");
    assert_null(az_variant_opts(&v, "file").imatrix);
}

static void tells_files_apart(void **state)
{
    az_variant a, b;

    (void)state;
    az_variant_parse(&a, &arena, "q4_0,a/b=q8_0", NULL);
    az_variant_parse(&b, &arena, "q4_0,a:b=q8_0", NULL);
    assert_string_not_equal(az_variant_file(&a, &arena), az_variant_file(&b, &arena));
    assert_null(strchr(az_variant_file(&a, &arena), '/'));
}

static void refuses(void **state)
{
    static const char *const texts[] = {
        "",          "nope",     "q4_0,",    "q4_0,=q8_0",       "q4_0,a=",        "q4_0,a",
        "q4_0,a=b,", "+imatrix", "mlx-9bit", "mlx-4bit+imatrix", "mlx-4bit,a=q8_0"
    };
    char longer[AZ_VARIANT_MAX + 8];

    (void)state;
    memset(longer, 'a', sizeof longer - 1);
    memcpy(longer, "q4_0,a=q8_0,", 12);
    longer[sizeof longer - 1] = 0;
    for (size_t i = 0; i < AZ_COUNT(texts) + 1; i++) {
        const char *text = i < AZ_COUNT(texts) ? texts[i] : longer;
        adze_error err = { 0 };
        az_variant v;

        if (az_variant_parse(&v, &arena, text, &err) != ADZE_EINVAL || !err.msg[0])
            fail_msg("\"%s\" was taken", text);
    }
}

static const json_t *candidate(const json_t *report, const char *recipe)
{
    size_t i;
    const json_t *c;

    json_array_foreach(json_object_get(report, "candidates"), i,
                       c) if (strcmp(json_string_value(json_object_get(c, "recipe")), recipe) ==
                              0) return c;
    fail_msg("no candidate %s", recipe);
    return NULL;
}

#define JOB                                                                                 \
    "\"$ADZE\" optimize demo/checkpoint --rounds 3 -p 8 -n 4 -j 1 --keep --out \"$T/run\" " \
    "-r q4_0 -r q4_k_m+imatrix -r q4_0,ffn_down=q8_0 -r mlx-4bit --calibrate README.md"

/* Each kind of variant is made, proven, measured and recorded; the importance matrix is made once. */
static void tries_and_records(void **state)
{
    char path[128];
    adze_error err = { 0 };
    const json_t *c;
    json_t *r;

    (void)state;
    program_run(&p, JOB);
    if (p.code != 5 && p.code != 0) fail_msg("exit %d: %s", p.code, p.err);
    assert_non_null(strstr(p.err, "calibrate"));
    snprintf(path, sizeof path, "%s/run/report.json", p.dir);
    r = json_load_file(path, 0, NULL);
    assert_non_null(r);
    if (az_report_check(r, &err) != ADZE_OK) fail_msg("%s: %s", err.name, err.msg);
    c = candidate(r, "q4_k_m+imatrix");
    assert_int_equal(json_string_length(
                         json_object_get(json_object_get(c, "importance"), "digest")),
                     AZ_DIGEST_SIZE - 1);
    c = candidate(r, "q4_0,ffn_down=q8_0");
    assert_string_equal(json_string_value(json_array_get(json_object_get(c, "tensor_types"), 0)),
                        "ffn_down=q8_0");
    c = candidate(r, "mlx-4bit");
    assert_string_equal(json_string_value(json_object_get(c, "format")), "mlx");
    assert_string_equal(json_string_value(json_object_get(c, "status")), "measured");
    json_decref(r);

    program_run(&p, JOB);
    assert_null(strstr(p.err, "calibrate"));
    assert_null(strstr(p.err, "convert"));

    /* what is kept is proven again from the report's record */
    program_expect(&p, 0, "",
                   "\"$ADZE\" prove demo/checkpoint \"$T/run/checkpoint-q4_k_m+imatrix.gguf\" "
                   "--imatrix \"$T/run/checkpoint-imatrix.gguf\"");
    program_expect(&p, 0, "", "\"$ADZE\" prove demo/checkpoint \"$T/run/checkpoint-mlx-4bit\"");
    assert_int_equal(p.failures, 0);
}

static void refuses_what_makes_no_sense(void **state)
{
    static const struct {
        int code;
        const char *text, *command;
    } cases[] = {
        { 2, "needs --imatrix", "-r q4_0+imatrix" },
        { 2, "no recipe uses it", "-r q4_0 --calibrate README.md" },
        { 2, "exclude each other", "-r q4_0+imatrix --calibrate README.md --imatrix x" },
        { 2, "held-out text",
          "-r q4_0+imatrix --calibrate demo/heldout.txt --text demo/heldout.txt" },
        { 2, "format gguf or mlx", "--to onnx" },
        { 2, "nothing_here", "-r q4_0,nothing_here=q8_0" },
        { 3, "/nowhere", "-r q4_0+imatrix --imatrix /nowhere" },
        { 3, "/nowhere", "-r q4_0+imatrix --calibrate /nowhere" },
    };
    char line[300];

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        snprintf(line, sizeof line, "\"$ADZE\" optimize demo/checkpoint --out \"$T/o\" %s",
                 cases[i].command);
        program_expect(&p, cases[i].code, cases[i].text, line);
    }
    assert_int_equal(p.failures, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(tells_files_apart),
        cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_what_makes_no_sense),
        cmocka_unit_test(tries_and_records),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
