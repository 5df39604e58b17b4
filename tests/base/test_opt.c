/* Option tables: every kind, both spellings, and errors that name the option. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "base/opt.h"

typedef struct values {
    bool flag, verbose;
    int64_t count;
    double rate, seconds, limit;
    const char *name;
    uint64_t size;
    az_opt_list items;
} values;

typedef struct more_values {
    bool help;
    int64_t threads;
} more_values;

static const az_opt table[] = {
    { 'f', "flag", AZ_OPT_BOOL, offsetof(values, flag), NULL, NULL, "a flag" },
    { 'v', "verbose", AZ_OPT_BOOL, offsetof(values, verbose), NULL, NULL, "another" },
    { 'c', "count", AZ_OPT_INT, offsetof(values, count), "7", "N", "a count" },
    { 'r', "rate", AZ_OPT_REAL, offsetof(values, rate), "0.5", "X", "a rate" },
    { 'n', "name", AZ_OPT_STR, offsetof(values, name), "nobody", "NAME", "a name" },
    { 's', "size", AZ_OPT_SIZE, offsetof(values, size), "1k", "SIZE", "a size" },
    { 't', "time", AZ_OPT_TIME, offsetof(values, seconds), "2m", "TIME", "a time" },
    { 'l', "limit", AZ_OPT_REAL, offsetof(values, limit), AZ_OPT_UNSET, "X", "no default" },
    { 'i', "item", AZ_OPT_LIST, offsetof(values, items), NULL, "ITEM", "an item" },
    { 0, "flag-long-only", AZ_OPT_BOOL, offsetof(values, flag), NULL, NULL, "no letter" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};
static const az_opt common[] = {
    { 'h', "help", AZ_OPT_BOOL, offsetof(more_values, help), NULL, NULL, "help" },
    { 'j', "threads", AZ_OPT_INT, offsetof(more_values, threads), "0", "N", "threads" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

enum { WORDS = 80 };
typedef struct outcome {
    values v;
    more_values m;
    const char *rest[WORDS];
    int n_rest;
    adze_error err;
    adze_status rc;
} outcome;

/* Parse words, which end with NULL. */
static void parse(outcome *o, const char *const *words)
{
    char *argv[WORDS];
    int argc = 0;

    memset(o, 0, sizeof *o);
    for (; words[argc]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc];
    o->rc = az_opt_parse(table, &o->v, common, &o->m, argc, argv, o->rest, &o->n_rest, &o->err);
}

#define PARSE(o, ...) parse(o, (const char *const[]){ __VA_ARGS__, NULL })

static void defaults_fill_every_field(void **state)
{
    outcome o;

    (void)state;
    parse(&o, (const char *const[]){ NULL });
    assert_int_equal(o.rc, ADZE_OK);
    assert_false(o.v.flag);
    assert_int_equal(o.v.count, 7);
    assert_true(o.v.rate == 0.5);
    assert_string_equal(o.v.name, "nobody");
    assert_int_equal(o.v.size, 1000);
    assert_true(o.v.seconds == 120);
    assert_int_equal(o.v.items.n, 0);
    assert_int_equal(o.m.threads, 0);
    assert_int_equal(o.n_rest, 0);
}

static void every_kind_in_every_spelling(void **state)
{
    outcome o;

    (void)state;
    PARSE(&o, "--flag", "--count", "-3", "--rate=1e-3", "--name", "", "--size=1.5Gi", "--time",
          "1.5h", "--item=a", "--item", "b", "--threads=2");
    assert_int_equal(o.rc, ADZE_OK);
    assert_true(o.v.flag);
    assert_int_equal(o.v.count, -3);
    assert_true(o.v.rate == 1e-3);
    assert_string_equal(o.v.name, "");
    assert_int_equal(o.v.size, 1610612736);
    assert_true(o.v.seconds == 5400);
    assert_int_equal(o.v.items.n, 2);
    assert_string_equal(o.v.items.items[0], "a");
    assert_string_equal(o.v.items.items[1], "b");
    assert_int_equal(o.m.threads, 2);

    PARSE(&o, "-c5", "-r", "2", "-n=x", "-s3MB", "-t", "90", "-ione", "-i", "two", "-j4");
    assert_int_equal(o.rc, ADZE_OK);
    assert_int_equal(o.v.count, 5);
    assert_true(o.v.rate == 2);
    assert_string_equal(o.v.name, "=x"); /* as GNU getopt reads it */
    assert_int_equal(o.v.size, 3000000);
    assert_true(o.v.seconds == 90);
    assert_int_equal(o.v.items.n, 2);
    assert_int_equal(o.m.threads, 4);
}

static void letters_join_and_the_last_takes_a_value(void **state)
{
    outcome o;

    (void)state;
    PARSE(&o, "-fvhc12", "word");
    assert_int_equal(o.rc, ADZE_OK);
    assert_true(o.v.flag && o.v.verbose && o.m.help);
    assert_int_equal(o.v.count, 12);
    assert_int_equal(o.n_rest, 1);
    PARSE(&o, "-vc", "12");
    assert_int_equal(o.rc, ADZE_OK);
    assert_int_equal(o.v.count, 12);
}

static void words_keep_their_order_and_a_double_dash_ends_options(void **state)
{
    outcome o;

    (void)state;
    PARSE(&o, "one", "--flag", "-", "two", "--", "--count", "-x", "--", "");
    assert_int_equal(o.rc, ADZE_OK);
    assert_true(o.v.flag);
    assert_int_equal(o.v.count, 7);
    assert_int_equal(o.n_rest, 7);
    assert_string_equal(o.rest[0], "one");
    assert_string_equal(o.rest[1], "-");
    assert_string_equal(o.rest[2], "two");
    assert_string_equal(o.rest[3], "--count");
    assert_string_equal(o.rest[4], "-x");
    assert_string_equal(o.rest[5], "--");
    assert_string_equal(o.rest[6], "");
}

static void errors_name_the_option(void **state)
{
    static const struct {
        const char *words[3];
        const char *want;
    } bad[] = {
        { { "--nope" }, "--nope" },
        { { "--nope=3" }, "--nope;" },
        { { "--fla" }, "--fla; did you mean --flag?" },
        { { "--cuont=3" }, "--cuont; did you mean --count?" },
        { { "--treads", "2" }, "--treads; did you mean --threads?" },
        { { "--at-once" }, "--at-once; --help lists" },
        { { "--limit=-1" }, "--limit: \"-1\" is not 0 or more" },
        { { "--limit", "-3" }, "--limit: \"-3\" is not 0 or more" },
        { { "--"
            "flagg" },
          "--flagg;" },
        { { "--=3" }, "--;" },
        { { "-x" }, "-x" },
        { { "-fx" }, "-x" },
        { { "--flag=1" }, "--flag takes no value" },
        { { "--count" }, "--count needs a value (N)" },
        { { "-c" }, "--count needs a value (N)" },
        { { "--count", "" }, "--count: \"\" is not a whole number" },
        { { "--count", "3x" }, "--count: \"3x\" is not a whole number" },
        { { "--count=1.5" }, "--count: \"1.5\"" },
        { { "--count=9223372036854775808" }, "--count:" },
        { { "--rate=fast" }, "--rate: \"fast\" is not a number" },
        { { "--rate=nan" }, "--rate:" },
        { { "--rate=inf" }, "--rate:" },
        { { "--rate=1,5" }, "--rate:" },
        { { "--size=" }, "--size:" },
        { { "--size=-1" }, "--size:" },
        { { "--size=5X" }, "--size: \"5X\" is not a size such as 500M or 2Gi" },
        { { "--time=5d" }, "--time: \"5d\" is not a time such as 90s, 15m or 2h" },
        { { "--threads=two" }, "--threads:" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        outcome o;
        parse(&o, (const char *const[]){ bad[i].words[0], bad[i].words[1], NULL });
        if (o.rc != ADZE_EINVAL || !strstr(o.err.msg, bad[i].want))
            fail_msg("%s: status %d, \"%s\" lacks \"%s\"", bad[i].words[0], o.rc, o.err.msg,
                     bad[i].want);
    }
}

static void lists_are_bounded(void **state)
{
    const char *words[AZ_OPT_LIST_MAX + 2] = { NULL };
    outcome o;

    (void)state;
    for (int i = 0; i < AZ_OPT_LIST_MAX; i++)
        words[i] = "-ia";
    parse(&o, words);
    assert_int_equal(o.rc, ADZE_OK);
    assert_int_equal(o.v.items.n, AZ_OPT_LIST_MAX);
    words[AZ_OPT_LIST_MAX] = "--item=a";
    parse(&o, words);
    assert_int_equal(o.rc, ADZE_EINVAL);
    assert_non_null(strstr(o.err.msg, "--item may be given at most 64 times"));
}

static void sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t want;
    } good[] = {
        { "0", 0 },
        { "12", 12 },
        { "1k", 1000 },
        { "1K", 1000 },
        { "2M", 2000000 },
        { "1.5G", 1500000000 },
        { "1Ki", 1024 },
        { "300Mi", 314572800 },
        { "2GiB", 2147483648 },
        { "1T", 1000000000000 },
        { "1Ti", 1099511627776 },
        { "7B", 7 },
    };
    static const char *const bad[] = { "",    "x",   "-1",   "1m",    "1 M", "1KiBB", "1ki",
                                       "nan", "inf", "1e30", "9e9Ti", "1GG", "0x" };
    uint64_t v;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(good); i++) {
        assert_true(az_parse_size(good[i].text, &v));
        assert_int_equal(v, good[i].want);
    }
    for (size_t i = 0; i < AZ_COUNT(bad); i++)
        if (az_parse_size(bad[i], &v)) fail_msg("\"%s\" was read as a size", bad[i]);
}

static void times(void **state)
{
    static const char *const bad[] = { "", "s", "-1", "5d", "5 m", "1h30m", "nan", "inf", "1e10" };
    double v;

    (void)state;
    assert_true(az_parse_time("90", &v) && v == 90);
    assert_true(az_parse_time("90s", &v) && v == 90);
    assert_true(az_parse_time("1.5m", &v) && v == 90);
    assert_true(az_parse_time("2h", &v) && v == 7200);
    for (size_t i = 0; i < AZ_COUNT(bad); i++)
        if (az_parse_time(bad[i], &v)) fail_msg("\"%s\" was read as a time", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_every_field),
        cmocka_unit_test(every_kind_in_every_spelling),
        cmocka_unit_test(letters_join_and_the_last_takes_a_value),
        cmocka_unit_test(words_keep_their_order_and_a_double_dash_ends_options),
        cmocka_unit_test(errors_name_the_option),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(sizes),
        cmocka_unit_test(times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
