/* Errors: statuses and exit codes, escaping, long paths keep their end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include "base/error.h"

static void statuses_have_text_and_exit_codes(void **state)
{
    static const struct {
        adze_status s;
        int code;
    } want[] = {
        { ADZE_OK, 0 },       { ADZE_ENOMEM, 1 },    { ADZE_EIO, 1 },      { ADZE_EINVAL, 2 },
        { ADZE_EFORMAT, 3 },  { ADZE_EUNSUP, 3 },    { ADZE_EFIT, 4 },     { ADZE_EGATE, 5 },
        { ADZE_EMISSING, 6 }, { ADZE_ECANCEL, 130 }, { ADZE_ETIMEOUT, 1 }, { ADZE_EWORKER, 1 },
        { ADZE_ENOENT, 3 },   { ADZE_ENETWORK, 1 },  { ADZE_EDENIED, 1 },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(want); i++) {
        assert_int_equal(adze_status_exit_code(want[i].s), want[i].code);
        assert_true(strlen(adze_status_text(want[i].s)) > 3);
        assert_true(strcmp(adze_status_text(want[i].s), "unknown status") != 0);
    }
    assert_int_equal(adze_status_exit_code((adze_status)-77), 1);
    assert_string_equal(adze_status_text((adze_status)-77), "unknown status");
    assert_int_equal(az_fail_errno(NULL, "p", "open", ENOENT), ADZE_ENOENT);
    assert_int_equal(az_fail_errno(NULL, "p", "open", ENOTDIR), ADZE_ENOENT);
    assert_int_equal(az_fail_errno(NULL, "p", "open", ENOMEM), ADZE_ENOMEM);
    assert_int_equal(az_fail_errno(NULL, "p", "open", EACCES), ADZE_EIO);
}

static void text_has_path_name_message_and_place(void **state)
{
    char line[300];
    adze_error e;

    (void)state;
    az_fail_name(&e, ADZE_EFORMAT, "m.gguf", "blk.0.attn_q.weight", 4242, "shape %d is too long",
                 9);
    assert_string_equal(adze_error_text(&e, line, sizeof line),
                        "m.gguf: blk.0.attn_q.weight: shape 9 is too long (at byte 4242)");
    az_fail(&e, ADZE_EFORMAT, "m.gguf", ADZE_NOPOS, "is empty");
    assert_string_equal(adze_error_text(&e, line, sizeof line), "m.gguf: is empty");
    az_fail(&e, ADZE_EIO, NULL, 5, "%s", "");
    assert_string_equal(adze_error_text(&e, line, sizeof line), "read or write failed");
    az_fail(&e, ADZE_EFORMAT, "m", 0, "x");
    assert_string_equal(adze_error_text(&e, line, sizeof line), "m: x (at byte 0)");
}

static void errors_of_the_system_say_what_helps(void **state)
{
    static const struct {
        int errnum;
        const char *want;
    } cases[] = {
        { EACCES,
          "m: cannot write: Permission denied; change its permissions, or take another place" },
        { EROFS, "m: cannot write: Read-only file system; take another place" },
        { ENOSPC,
          "m: cannot write: No space left on device; free some space, or take another place" },
        { EMFILE,
          "m: cannot write: Too many open files; raise the limit of open files (ulimit -n)" },
        { EIO, "m: cannot write: Input/output error" },
    };
    char line[300];
    adze_error e;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        az_fail_errno(&e, "m", "write", cases[i].errnum);
        assert_string_equal(adze_error_text(&e, line, sizeof line), cases[i].want);
    }
}

static void nothing_unprintable_comes_out(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "a\nb", "a\\x0ab" },
        { "\x1b[2J\x1b]0;x\x07", "\\x1b[2J\\x1b]0;x\\x07" },
        { "\x7f\r\t", "\\x7f\\x0d\\x09" },
        { "\xc2\x9b"
          "31m",
          "\\xc2\\x9b31m" }, /* C1: CSI in one character */
        { "\xc2\xa0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
          "\xc2\xa0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "\xff\xfe", "\\xff\\xfe" },
        { "\xc0\xaf", "\\xc0\\xaf" }, /* overlong '/' */
        { "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },
        { "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* a surrogate */
        { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* over U+10FFFF */
        { "\xe2\x82", "\\xe2\\x82" },                   /* cut at the end */
        { "\xe2\x82"
          "A",
          "\\xe2\\x82A" },
        { "\xf0\x9f\x98", "\\xf0\\x9f\\x98" },
        { "caf\xe9", "caf\\xe9" }, /* Latin-1 */
    };
    char buf[128], line[128];
    adze_error e;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        json_t *j;
        assert_string_equal(az_escape_text(buf, sizeof buf, cases[i].in), cases[i].out);
        az_fail(&e, ADZE_EFORMAT, cases[i].in, ADZE_NOPOS, "x");
        adze_error_text(&e, line, sizeof line);
        assert_memory_equal(line, cases[i].out, strlen(cases[i].out));
        j = json_string(line); /* valid UTF-8 by another library's judgement */
        assert_non_null(j);
        json_decref(j);
    }
}

static void short_buffers_get_whole_characters(void **state)
{
    char buf[32];

    (void)state;
    for (size_t size = 1; size <= 12; size++) {
        json_t *j;
        memset(buf, 0x55, sizeof buf);
        az_escape_text(buf, size, "a\n\xe2\x82\xac\xf0\x9f\x98\x80z");
        assert_true(strlen(buf) < size);
        assert_int_equal(buf[size], 0x55);
        j = json_string(buf);
        assert_non_null(j);
        json_decref(j);
    }
    buf[0] = 'k';
    az_escape_text(buf, 0, "text");
    assert_int_equal(buf[0], 'k');
}

static void long_paths_keep_their_end(void **state)
{
    char path[2000], line[4000];
    adze_error e;

    (void)state;
    memset(path, 'd', sizeof path);
    strcpy(path + sizeof path - 19, "/model.safetensors");
    az_fail_name(&e, ADZE_EFORMAT, path, path, 7, "%s", path);
    assert_int_equal(strlen(e.path), sizeof e.path - 1);
    assert_memory_equal(e.path, "...ddd", 6);
    assert_string_equal(e.path + sizeof e.path - 19, "/model.safetensors");
    assert_string_equal(e.name + sizeof e.name - 19, "/model.safetensors");
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    adze_error_text(&e, line, sizeof line);
    assert_non_null(strstr(line, "(at byte 7)"));
    memset(path, 'e', sizeof e.path - 1); /* exactly as long as fits */
    path[sizeof e.path - 1] = 0;
    az_fail(&e, ADZE_EFORMAT, path, ADZE_NOPOS, "x");
    assert_string_equal(e.path, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_have_text_and_exit_codes),
        cmocka_unit_test(text_has_path_name_message_and_place),
        cmocka_unit_test(errors_of_the_system_say_what_helps),
        cmocka_unit_test(nothing_unprintable_comes_out),
        cmocka_unit_test(short_buffers_get_whole_characters),
        cmocka_unit_test(long_paths_keep_their_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
