/* JSON glue: what is refused and where, typed look-ups, atomic writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/json.h"

static adze_run *run;

static int make_run(void **state)
{
    adze_error err;

    (void)state;
    assert_int_equal(adze_run_new(&run, &(adze_run_opts){ .threads = 1 }, &err), ADZE_OK);
    return 0;
}

static int free_run(void **state)
{
    (void)state;
    adze_run_free(run);
    return 0;
}

static void malformed_text_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *text;
        uint64_t pos; /* where reading stopped, at most */
        const char *want;
    } bad[] = {
        { "", 0, "line 1" },
        { "{", 1, "line 1" },
        { "{\"a\": 1,}", 9, "'}'" },
        { "{\"a\": 1}\n{}", 10, "end of file" },
        { "{\"a\": 1, \"a\": 2}", 12, "duplicate" },
        { "{\"o\": {\"k\": 1, \"k\": 1}}", 20, "duplicate" },
        { "[1, 2\n, nul]", 11, "line 2" },
        { "[\"\xff\"]", 3, "decode byte" },
        { "[\"\xed\xa0\x80\"]", 5, "decode byte" },
        { "[\"\\ud800\"]", 10, "\\ud800" },
        { "[\"a\tb\"]", 6, "control character" },
        { "[1e999]", 7, "overflow" },
        { "[NaN]", 5, "NaN" },
        { "\"text\"", 6, "" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        adze_error err = { 0 };
        json_t *j = NULL;
        if (az_json_parse(&j, bad[i].text, strlen(bad[i].text), "x.json", &err) != ADZE_EFORMAT)
            fail_msg("accepted: %s", bad[i].text);
        assert_null(j);
        assert_string_equal(err.path, "x.json");
        if (err.pos > bad[i].pos || !strstr(err.msg, bad[i].want))
            fail_msg("%s: at %llu: %s", bad[i].text, (unsigned long long)err.pos, err.msg);
    }
}

static void a_nul_byte_does_not_end_the_text(void **state)
{
    static const char text[] = "{\"a\": 1}\0{\"b\"";
    json_t *j;

    (void)state;
    assert_int_equal(az_json_parse(&j, text, sizeof text - 1, NULL, NULL), ADZE_EFORMAT);
}

static void nesting_is_bounded(void **state)
{
    enum { DEEP = 1000000 };
    static const char *const open[] = { "[", "{\"a\":" };
    char *text = malloc(DEEP * 5 + 1);
    json_t *j;

    (void)state;
    for (size_t k = 0; k < AZ_COUNT(open); k++) {
        size_t n = strlen(open[k]);
        for (size_t i = 0; i < DEEP; i++)
            memcpy(text + i * n, open[k], n);
        assert_int_equal(az_json_parse(&j, text, DEEP * n, NULL, NULL), ADZE_EFORMAT);
        assert_null(j);
    }
    memset(text, '[', 250);
    memset(text + 250, ']', 250);
    assert_int_equal(az_json_parse(&j, text, 500, NULL, NULL), ADZE_OK);
    json_decref(j);
    free(text);
}

static void look_ups_are_typed(void **state)
{
    static const char text[] = "{\"i\": -5, \"r\": 2.5, \"t\": true, \"f\": false, \"s\": \"x\","
                               " \"n\": null, \"big\": 9007199254740993}";
    int64_t i = 77;
    double r = 77;
    bool b = true;
    json_t *j;

    (void)state;
    assert_int_equal(az_json_parse(&j, text, sizeof text - 1, NULL, NULL), ADZE_OK);
    assert_true(az_json_int(j, "i", &i) && i == -5);
    assert_true(az_json_int(j, "big", &i) && i == 9007199254740993);
    assert_true(az_json_real(j, "r", &r) && r == 2.5);
    assert_true(az_json_real(j, "i", &r) && r == -5);
    assert_true(az_json_bool(j, "f", &b) && !b);
    assert_string_equal(az_json_str(j, "s"), "x");
    i = 77;
    r = 77;
    assert_false(az_json_int(j, "r", &i));
    assert_false(az_json_int(j, "t", &i));
    assert_false(az_json_int(j, "n", &i));
    assert_false(az_json_int(j, "missing", &i));
    assert_false(az_json_real(j, "s", &r));
    assert_false(az_json_bool(j, "i", &b));
    assert_null(az_json_str(j, "i"));
    assert_null(az_json_str(j, "n"));
    assert_null(az_json_str(NULL, "s"));
    assert_false(az_json_int(NULL, "i", &i));
    assert_true(i == 77 && r == 77);
    json_decref(j);
}

static void writing_and_reading_back(void **state)
{
    char dir[] = "/tmp/adze-json-XXXXXX", path[64], *text;
    json_t *j = json_pack("{s:s, s:f, s:[i, n]}", "k", "tab\tquote\"\xc3\xa9", "pi",
                          3.141592653589793, "a", 1),
           *back;
    adze_error err;
    size_t n;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x.json", dir);
    assert_int_equal(az_json_write(run, j, path, &err), ADZE_OK);
    assert_int_equal(az_json_read(&back, run, path, 1000, &err), ADZE_OK);
    assert_true(json_equal(j, back));
    assert_int_equal(az_read_file(run, path, 1000, &text, &n, &err), ADZE_OK);
    assert_int_equal(text[n - 1], '\n');
    assert_int_equal(strlen(text), n);
    az_free(run, text);
    json_decref(back);
    assert_int_equal(az_json_read(&back, run, path, 10, &err), ADZE_EFORMAT); /* over the limit */
    assert_null(back);
    assert_int_equal(az_json_read(&back, run, dir, 1000, &err), ADZE_EFORMAT); /* a folder */
    unlink(path);
    assert_int_equal(az_json_read(&back, run, path, 1000, &err), ADZE_ENOENT);
    assert_string_equal(err.path, path);
    json_decref(j);
    rmdir(dir);
}

/* Such as the model_max_length that transformers writes for "no limit". */
static void large_whole_numbers_become_reals(void **state)
{
    static const char text[] =
        "{\"m\": 1000000000000000019884624838656, \"s\": \"12345678901234567890123\\\"9\", "
        "\"a\": [9223372036854775807, -9223372036854775808, 9223372036854775808, 1.5e3, 7]}";
    adze_error err = { 0 };
    json_t *j = NULL, *a;

    (void)state;
    assert_int_equal(az_json_parse(&j, text, sizeof text - 1, "x.json", &err), ADZE_OK);
    assert_true(json_is_real(json_object_get(j, "m")));
    assert_true(json_real_value(json_object_get(j, "m")) == 1e30);
    assert_string_equal(az_json_str(j, "s"), "12345678901234567890123\"9");
    a = json_object_get(j, "a");
    assert_int_equal(json_integer_value(json_array_get(a, 0)), INT64_MAX);
    assert_true(json_real_value(json_array_get(a, 2)) == 9223372036854775808.0);
    assert_true(json_real_value(json_array_get(a, 3)) == 1500);
    assert_int_equal(json_integer_value(json_array_get(a, 4)), 7);
    json_decref(j);
}

/* An error behind them lies where it does behind other numbers of that length. */
static void large_whole_numbers_move_no_error(void **state)
{
    static const char *const pairs[][2] = {
        { "[99999999999999999999,99999999999999999999,x]",
          "[1111111111111111.000,1111111111111111.000,x]" },
        { "[99999999999999999999", "[1111111111111111.000" },
        { "{\"a\":99999999999999999999,\"a\":1}", "{\"a\":1111111111111111.000,\"a\":1}" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(pairs); i++) {
        adze_error err[2] = { { .pos = 0 }, { .pos = 0 } };
        json_t *j;
        for (int k = 0; k < 2; k++)
            assert_int_equal(az_json_parse(&j, pairs[i][k], strlen(pairs[i][k]), "a", &err[k]),
                             ADZE_EFORMAT);
        assert_int_equal(err[0].pos, err[1].pos);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_text_is_refused_with_its_place),
        cmocka_unit_test(large_whole_numbers_become_reals),
        cmocka_unit_test(large_whole_numbers_move_no_error),
        cmocka_unit_test(a_nul_byte_does_not_end_the_text),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(look_ups_are_typed),
        cmocka_unit_test(writing_and_reading_back),
    };

    return cmocka_run_group_tests(tests, make_run, free_run);
}
