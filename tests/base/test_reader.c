/* The bounded reader: memory and file give the same, overruns stick, windows have no seams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/reader.h"

enum { WINDOW = 256 * 1024, LONG = 3 * WINDOW + 5 };

static adze_run *run;
static az_io_fns real_io;

static int make_run(void **state)
{
    adze_error err;

    (void)state;
    assert_int_equal(adze_run_new(&run, &(adze_run_opts){ .threads = 1 }, &err), ADZE_OK);
    real_io = run->io;
    return 0;
}

static int free_run(void **state)
{
    (void)state;
    adze_run_free(run);
    return 0;
}

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 131 + (i >> 9));
}

/* An open file of n bytes without a name. */
static int file_of(size_t n)
{
    char path[] = "/tmp/adze-reader-XXXXXX";
    uint8_t *data = malloc(n + 1);
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    unlink(path);
    for (size_t i = 0; i < n; i++)
        data[i] = byte_at(i);
    assert_int_equal(write(fd, data, n), (ssize_t)n);
    free(data);
    return fd;
}

static void values_are_little_endian(void **state)
{
    static const uint8_t data[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
                                    0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0,    0,    0x80,
                                    0x3f, 0,    0,    0,    0,    0,    0,    0xf8, 0xbf };
    az_reader r;

    (void)state;
    az_reader_mem(&r, run, data, sizeof data, "mem");
    assert_int_equal(az_rd_u8(&r), 0x01);
    assert_int_equal(az_rd_u16(&r), 0x0302);
    assert_int_equal(az_rd_u32(&r), 0x07060504);
    assert_true(az_rd_u64(&r) == 0x0f0e0d0c0b0a0908);
    assert_true(az_rd_f32(&r) == 1.0f);
    assert_true(az_rd_f64(&r) == -1.5);
    assert_true(az_rd_ok(&r));
    assert_int_equal(az_rd_left(&r), 0);
    assert_int_equal(az_rd_check(&r, "a record", NULL), ADZE_OK);
}

static void overruns_stick_and_read_as_zero(void **state)
{
    static const uint8_t data[] = { 1, 2, 3, 4, 5 };
    uint8_t out[8];
    adze_error err;
    az_reader r;

    (void)state;
    az_reader_mem(&r, run, data, sizeof data, "some.bin");
    assert_int_equal(az_rd_u32(&r), 0x04030201);
    assert_int_equal(az_rd_u16(&r), 0); /* one byte is left */
    assert_false(az_rd_ok(&r));
    assert_int_equal(az_rd_left(&r), 0);
    assert_int_equal(az_rd_u8(&r), 0); /* though it would have fitted */
    memset(out, 0xff, sizeof out);
    az_rd_bytes(&r, out, sizeof out);
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], 0);
    az_rd_seek(&r, 0);
    assert_int_equal(az_rd_u8(&r), 0);
    assert_int_equal(az_rd_check(&r, "the header", &err), ADZE_EFORMAT);
    assert_string_equal(err.path, "some.bin");
    assert_int_equal(err.pos, 5);
    assert_non_null(strstr(err.msg, "the header"));

    az_reader_mem(&r, run, data, sizeof data, "some.bin");
    az_rd_skip(&r, 5);
    assert_true(az_rd_ok(&r));
    az_rd_skip(&r, UINT64_MAX); /* must not wrap to before the start */
    assert_false(az_rd_ok(&r));
    az_reader_mem(&r, run, data, sizeof data, "some.bin");
    az_rd_seek(&r, 5);
    assert_true(az_rd_ok(&r));
    az_rd_seek(&r, 6);
    assert_false(az_rd_ok(&r));
    az_reader_mem(&r, run, NULL, 0, "empty");
    assert_int_equal(az_rd_u64(&r), 0);
    assert_int_equal(az_rd_check(&r, "x", NULL), ADZE_EFORMAT);
    az_reader_mem(&r, run, data, sizeof data, "some.bin");
    az_rd_bytes(&r, NULL, 0); /* nothing asked is no overrun */
    assert_true(az_rd_ok(&r));
}

/* Reads that start and end around each window border, at every offset. */
static void window_borders_are_seamless(void **state)
{
    int fd = file_of(LONG);
    adze_error err;
    az_reader r;

    (void)state;
    assert_int_equal(az_reader_file(&r, run, fd, "f", &err), ADZE_OK);
    assert_int_equal(r.size, LONG);
    for (uint64_t border = WINDOW; border < LONG; border += WINDOW)
        for (uint64_t at = border - 20; at < border + 4 && at + 24 <= LONG; at++) {
            uint8_t out[16];
            uint64_t v, want = 0;
            az_rd_seek(&r, 0); /* windows start here again, so the border is where it was */
            az_rd_u8(&r);
            az_rd_seek(&r, at);
            v = az_rd_u64(&r);
            for (int k = 7; k >= 0; k--)
                want = want << 8 | byte_at(at + (uint64_t)k);
            assert_true(v == want);
            az_rd_bytes(&r, out, sizeof out);
            for (uint64_t k = 0; k < sizeof out; k++)
                assert_int_equal(out[k], byte_at(at + 8 + k));
            assert_true(az_rd_ok(&r));
        }
    az_reader_deinit(&r);
    assert_int_equal(az_reader_file(&r, run, fd, "f", &err), ADZE_OK);
    for (uint64_t i = 0; i < LONG; i++)
        if (az_rd_u8(&r) != byte_at(i)) fail_msg("byte %llu", (unsigned long long)i);
    assert_true(az_rd_ok(&r));
    assert_int_equal(az_rd_u8(&r), 0);
    assert_false(az_rd_ok(&r));
    assert_int_equal(r.fail_pos, LONG);
    az_reader_deinit(&r);
    az_reader_deinit(&r);
    close(fd);
}

static void one_read_spans_many_windows(void **state)
{
    int fd = file_of(LONG);
    uint8_t *out = malloc(LONG);
    adze_error err;
    az_reader r;

    (void)state;
    assert_int_equal(az_reader_file(&r, run, fd, "f", &err), ADZE_OK);
    az_rd_u8(&r);
    az_rd_bytes(&r, out, LONG - 1);
    assert_true(az_rd_ok(&r));
    for (uint64_t i = 1; i < LONG; i++)
        if (out[i - 1] != byte_at(i)) fail_msg("byte %llu", (unsigned long long)i);
    az_rd_seek(&r, 3); /* back into a window that is gone */
    assert_int_equal(az_rd_u8(&r), byte_at(3));
    az_reader_deinit(&r);
    free(out);
    close(fd);
}

/* pread in steps of three bytes; from `fail_at` on with an error, or as if the file had been cut. */
static uint64_t fail_at;
static int fail_with;

static int64_t stingy_pread(void *user, int fd, void *dst, size_t n, uint64_t at)
{
    if (at >= fail_at) return fail_with;
    return real_io.pread(user, fd, dst, n < 3 ? n : 3, at);
}

static void short_and_failing_reads(void **state)
{
    int fd = file_of(1000);
    uint8_t out[600];
    adze_error err;
    az_reader r;

    (void)state;
    run->io.pread = stingy_pread;
    fail_at = UINT64_MAX;
    assert_int_equal(az_reader_file(&r, run, fd, "f", &err), ADZE_OK);
    az_rd_bytes(&r, out, sizeof out);
    assert_true(az_rd_ok(&r));
    for (uint64_t i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], byte_at(i));
    fail_at = 700;
    fail_with = -EIO;
    az_rd_bytes(&r, out, 400);
    assert_int_equal(az_rd_check(&r, "rows", &err), ADZE_EIO);
    assert_true(err.pos >= 700 && err.pos < 703);
    assert_int_equal(out[399], 0);
    az_reader_deinit(&r);

    fail_at = 500; /* shrank since it was opened */
    fail_with = 0;
    assert_int_equal(az_reader_file(&r, run, fd, "f", &err), ADZE_OK);
    az_rd_bytes(&r, out, 600);
    assert_int_equal(az_rd_check(&r, "rows", &err), ADZE_EFORMAT);
    assert_true(err.pos >= 500 && err.pos < 503);
    az_reader_deinit(&r);
    run->io = real_io;
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_little_endian),
        cmocka_unit_test(overruns_stick_and_read_as_zero),
        cmocka_unit_test(window_borders_are_seamless),
        cmocka_unit_test(one_read_spans_many_windows),
        cmocka_unit_test(short_and_failing_reads),
    };

    return cmocka_run_group_tests(tests, make_run, free_run);
}
