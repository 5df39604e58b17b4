/* Files: atomic writing under every injected fault, and opening only what lies beneath a model's folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "base/run.h"

static adze_run *run;
static az_io_fns real_io;
static char dir[64];

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

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/adze-io-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
    adze_error err;

    (void)state;
    run->io = real_io;
    return az_remove_tree(run, dir, &err);
}

static const char *in_dir(const char *name)
{
    static char paths[4][256];
    static int next;

    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", dir, name);
    return paths[next];
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void assert_holds(const char *path, const char *want)
{
    adze_error err;
    char *text;
    size_t n;

    assert_int_equal(az_read_file(run, path, 1 << 20, &text, &n, &err), ADZE_OK);
    assert_string_equal(text, want);
    az_free(run, text);
}

static size_t entries(void)
{
    char **names;
    adze_error err;
    size_t n;

    assert_int_equal(az_list_dir(run, dir, &names, &n, &err), ADZE_OK);
    az_free_names(run, names, n);
    return n;
}

/* The k-th call of any slot that changes files fails; counts calls and open descriptors. */
static struct {
    int calls, fail_at, error, open;
    bool dribble;
} fault;

static int hit(void)
{
    return fault.calls++ == fault.fail_at ? fault.error : 0;
}

static int f_open(void *user, int dirfd, const char *path, enum az_open_mode mode)
{
    int e = hit(), fd;

    if (e) return e;
    fd = real_io.open(user, dirfd, path, mode);
    fault.open += fd >= 0;
    return fd;
}

static int f_close(void *user, int fd)
{
    int e = hit(), rc = real_io.close(user, fd);

    fault.open--;
    return e ? e : rc; /* as close(2): an error is reported, and the descriptor is gone */
}

static int64_t f_pwrite(void *user, int fd, const void *src, size_t n, uint64_t at)
{
    int e = hit();

    if (e) {
        real_io.pwrite(user, fd, src, n / 2, at); /* half had already gone out */
        return e;
    }
    return real_io.pwrite(user, fd, src, fault.dribble && n > 3 ? 3 : n, at);
}

static int f_fsync(void *user, int fd)
{
    int e = hit();

    return e ? e : real_io.fsync(user, fd);
}

static int f_rename(void *user, const char *from, const char *to)
{
    int e = hit();

    return e ? e : real_io.rename(user, from, to);
}

static int no_random(void *user, void *dst, size_t n)
{
    (void)user;
    (void)dst;
    (void)n;
    return -ENOSYS;
}

static void inject(int fail_at, int error)
{
    memset(&fault, 0, sizeof fault);
    fault.fail_at = fail_at;
    fault.error = error;
    run->io.open = f_open;
    run->io.close = f_close;
    run->io.pwrite = f_pwrite;
    run->io.fsync = f_fsync;
    run->io.rename = f_rename;
}

static void a_fault_at_any_call_leaves_the_old_file_whole(void **state)
{
    static const int errors[] = { -EIO, -ENOSPC, -EACCES };
    static const char old[] = "the old contents", fresh[] = "what is written now, and longer";
    const char *path = in_dir("file");

    (void)state;
    for (size_t e = 0; e < AZ_COUNT(errors); e++) {
        bool done = false;
        for (int at = 0; !done; at++) {
            adze_error err = { 0 };
            adze_status rc;
            char *text;
            size_t n;
            put(path, old);
            inject(at, errors[e]);
            rc = az_write_file(run, path, fresh, sizeof fresh - 1, &err);
            done = fault.calls <= at; /* the fault was never reached */
            run->io = real_io;
            assert_int_equal(fault.open, 0);
            assert_int_equal(entries(), 1); /* no temporary stays */
            assert_int_equal(az_read_file(run, path, 1000, &text, &n, &err), ADZE_OK);
            if (rc == ADZE_OK)
                assert_string_equal(text, fresh);
            else if (strcmp(text, old) != 0 && strcmp(text, fresh) != 0)
                fail_msg("call %d: a torn file: %s", at, text);
            if (done) assert_int_equal(rc, ADZE_OK);
            az_free(run, text);
            assert_true(at < 20);
        }
    }
}

static void errors_say_what_failed(void **state)
{
    const char *path = in_dir("file");
    az_rand_fns real_rand = run->rand;
    adze_error err = { 0 };

    (void)state;
    inject(1, -ENOSPC); /* open, then the first write */
    assert_int_equal(az_write_file(run, path, "abc", 3, &err), ADZE_EIO);
    assert_non_null(strstr(err.msg, strerror(ENOSPC)));
    assert_non_null(strstr(err.path, path));
    run->io = real_io;
    assert_false(az_exists(run, path));
    assert_int_equal(entries(), 0);
    run->rand.bytes = no_random;
    assert_int_equal(az_write_file(run, path, "abc", 3, &err), ADZE_EIO);
    run->rand = real_rand;
    assert_int_equal(az_write_file(run, in_dir("no/such/folder"), "abc", 3, &err), ADZE_ENOENT);
    assert_non_null(strstr(err.path, "no/such/folder"));
    put(in_dir("plain"), "");
    assert_int_equal(az_write_file(run, in_dir("plain/x"), "abc", 3, &err), ADZE_ENOENT);
    assert_int_equal(mkdir(in_dir("folder"), 0777), 0);
    assert_int_equal(az_write_file(run, in_dir("folder"), "abc", 3, &err), ADZE_EIO);
    assert_int_equal(entries(), 2);
}

static void short_writes_and_short_reads_are_finished(void **state)
{
    const char *path = in_dir("file");
    char data[1001];
    adze_error err;

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)('a' + i % 23);
    data[sizeof data - 1] = 0;
    inject(-1, 0);
    fault.dribble = true;
    assert_int_equal(az_write_file(run, path, data, strlen(data), &err), ADZE_OK);
    run->io = real_io;
    assert_true(fault.calls > 300);
    assert_holds(path, data);
    assert_int_equal(az_write_file(run, path, "", 0, &err), ADZE_OK);
    assert_holds(path, "");
}

static int64_t pwrite_nothing(void *user, int fd, const void *src, size_t n, uint64_t at)
{
    (void)user;
    (void)fd;
    (void)src;
    (void)n;
    (void)at;
    return 0;
}

static void a_write_of_nothing_is_no_endless_loop(void **state)
{
    adze_error err;

    (void)state;
    run->io.pwrite = pwrite_nothing;
    assert_int_equal(az_write_file(run, in_dir("file"), "abc", 3, &err), ADZE_EIO);
    run->io = real_io;
    assert_int_equal(entries(), 0);
}

/* --- beneath --- */

static adze_status beneath(const char *folder, const char *name, adze_error *err)
{
    int fd = 77;
    adze_status rc = az_open_beneath(run, folder, name, &fd, err);

    assert_true((fd >= 0) == (rc == ADZE_OK));
    az_close(run, fd);
    return rc;
}

static void names_from_files_stay_beneath(void **state)
{
    static const char *const outside[] = { "",          ".",           "..",
                                           "../secret", "/etc/passwd", "a/b",
                                           "./in.bin",  "sub/in",      "..\\x",
                                           "/",         "in.bin/" };
    adze_error err = { 0 };

    (void)state;
    put(in_dir("secret"), "s");
    assert_int_equal(mkdir(in_dir("m"), 0777), 0);
    assert_int_equal(mkdir(in_dir("m/sub"), 0777), 0);
    put(in_dir("m/in.bin"), "x");
    put(in_dir("m/sub/in"), "x");
    assert_int_equal(beneath(in_dir("m"), "in.bin", &err), ADZE_OK);
    assert_int_equal(beneath(in_dir("m/"), "in.bin", &err), ADZE_OK);
    for (size_t i = 0; i < AZ_COUNT(outside); i++)
        if (beneath(in_dir("m"), outside[i], &err) != ADZE_EFORMAT)
            fail_msg("opened \"%s\"", outside[i]);
    assert_int_equal(beneath(in_dir("m"), "missing", &err), ADZE_ENOENT);
    assert_non_null(strstr(err.path, "m/missing"));
    assert_int_equal(beneath(in_dir("m"), "sub", &err), ADZE_EFORMAT);
    assert_non_null(strstr(err.msg, "not a regular file"));
    assert_int_equal(mkfifo(in_dir("m/pipe"), 0600), 0);
    assert_int_equal(beneath(in_dir("m"), "pipe", &err), ADZE_EFORMAT); /* and does not hang */
    assert_int_equal(beneath(in_dir("gone"), "in.bin", &err), ADZE_ENOENT);
}

static void links_stay_beneath(void **state)
{
    adze_error err = { 0 };

    (void)state;
    put(in_dir("secret"), "s");
    assert_int_equal(mkdir(in_dir("m"), 0777), 0);
    assert_int_equal(mkdir(in_dir("m2"), 0777), 0);
    put(in_dir("m/in.bin"), "x");
    put(in_dir("m2/in.bin"), "x");
    assert_int_equal(symlink("in.bin", in_dir("m/good")), 0);
    assert_int_equal(symlink("../secret", in_dir("m/up")), 0);
    assert_int_equal(symlink("/etc/passwd", in_dir("m/far")), 0);
    assert_int_equal(symlink("up", in_dir("m/twice")), 0);
    assert_int_equal(symlink("../m2/in.bin", in_dir("m/beside")), 0); /* "m" is a prefix of "m2" */
    assert_int_equal(symlink("loop", in_dir("m/loop")), 0);
    assert_int_equal(symlink("nowhere", in_dir("m/dangling")), 0);
    assert_int_equal(symlink("m", in_dir("link-to-m")), 0);
    assert_int_equal(beneath(in_dir("m"), "good", &err), ADZE_OK);
    assert_int_equal(beneath(in_dir("link-to-m"), "in.bin", &err), ADZE_OK);
    assert_int_equal(beneath(in_dir("m"), "up", &err), ADZE_EFORMAT);
    assert_int_equal(beneath(in_dir("m"), "far", &err), ADZE_EFORMAT);
    assert_int_equal(beneath(in_dir("m"), "twice", &err), ADZE_EFORMAT);
    assert_int_equal(beneath(in_dir("m"), "beside", &err), ADZE_EFORMAT);
    assert_true(beneath(in_dir("m"), "loop", &err) < 0);
    assert_int_equal(beneath(in_dir("m"), "dangling", &err), ADZE_ENOENT);
}

/* models--x/snapshots/COMMIT/file -> ../../blobs/DIGEST, as the hub's cache lays files out. */
static void hub_cache_links_reach_its_blobs_only(void **state)
{
    static const char *const folders[] = { "snapshots",
                                           "snapshots/models--x",
                                           "snapshots/models--x/blobs",
                                           "snapshots/models--x/blobs/deep",
                                           "snapshots/models--x/snapshots",
                                           "snapshots/models--x/snapshots/c0ffee",
                                           "snapshots/models--y",
                                           "snapshots/models--y/blobs" };
    const char *snap;
    adze_error err = { 0 };

    (void)state;
    /* a folder above the cache is called snapshots too */
    for (size_t i = 0; i < AZ_COUNT(folders); i++)
        assert_int_equal(mkdir(in_dir(folders[i]), 0777), 0);
    put(in_dir("snapshots/models--x/blobs/abc"), "x");
    put(in_dir("snapshots/models--x/blobs/deep/abc"), "x");
    put(in_dir("snapshots/models--x/secret"), "x");
    put(in_dir("snapshots/models--y/blobs/abc"), "x");
    symlink("../../blobs/abc", in_dir("snapshots/models--x/snapshots/c0ffee/good"));
    symlink("../../blobs/deep/abc", in_dir("snapshots/models--x/snapshots/c0ffee/deep"));
    symlink("../../secret", in_dir("snapshots/models--x/snapshots/c0ffee/secret"));
    symlink("../../../models--y/blobs/abc", in_dir("snapshots/models--x/snapshots/c0ffee/other"));
    snap = in_dir("snapshots/models--x/snapshots/c0ffee");
    assert_int_equal(beneath(snap, "good", &err), ADZE_OK);
    assert_int_equal(beneath(snap, "deep", &err), ADZE_EFORMAT);
    assert_int_equal(beneath(snap, "secret", &err), ADZE_EFORMAT);
    assert_int_equal(beneath(snap, "other", &err), ADZE_EFORMAT);
}

static void only_regular_files_are_read_whole(void **state)
{
    adze_error err = { 0 };
    char *text;
    size_t n;

    (void)state;
    assert_int_equal(mkfifo(in_dir("pipe"), 0600), 0);
    assert_int_equal(az_read_file(run, in_dir("pipe"), 100, &text, &n, &err), ADZE_EFORMAT);
    assert_null(text);
    assert_int_equal(az_read_file(run, dir, 100, &text, &n, &err), ADZE_EFORMAT);
    assert_int_equal(az_read_file(run, "/dev/zero", 100, &text, &n, &err), ADZE_EFORMAT);
    put(in_dir("ten"), "0123456789");
    assert_int_equal(az_read_file(run, in_dir("ten"), 10, &text, &n, &err), ADZE_OK);
    assert_int_equal(n, 10);
    assert_int_equal(text[10], 0);
    az_free(run, text);
    assert_int_equal(az_read_file(run, in_dir("ten"), 9, &text, &n, &err), ADZE_EFORMAT);
}

static void folders_come_and_go(void **state)
{
    char **names;
    adze_error err = { 0 };
    size_t n;

    (void)state;
    assert_int_equal(az_mkdirs(run, in_dir("a/b//c/"), &err), ADZE_OK);
    assert_int_equal(az_mkdirs(run, in_dir("a/b/c"), &err), ADZE_OK);
    put(in_dir("a/b/c/file"), "x");
    put(in_dir("keep"), "x");
    assert_int_equal(az_mkdirs(run, in_dir("keep/sub"), &err), ADZE_EIO);
    assert_non_null(strstr(err.path, "keep"));
    assert_int_equal(symlink("../keep", in_dir("a/link")), 0);
    assert_int_equal(symlink("..", in_dir("a/up")), 0);
    assert_int_equal(az_list_dir(run, in_dir("a"), &names, &n, &err), ADZE_OK);
    assert_int_equal(n, 3);
    assert_string_equal(names[0], "b");
    assert_string_equal(names[1], "link");
    assert_string_equal(names[2], "up");
    az_free_names(run, names, n);
    assert_int_equal(az_remove_tree(run, in_dir("a"), &err), ADZE_OK);
    assert_false(az_exists(run, in_dir("a")));
    assert_true(az_exists(run, in_dir("keep"))); /* links were removed, not followed */
    assert_int_equal(az_remove_tree(run, in_dir("a"), &err), ADZE_OK);
    assert_int_equal(az_list_dir(run, in_dir("a"), &names, &n, &err), ADZE_ENOENT);
}

static void paths(void **state)
{
    static const struct {
        const char *path, *base, *folder;
    } cases[] = {
        { "a/b", "b", "a" }, { "b", "b", "." },     { "/b", "b", "/" },
        { "/", "", "/" },    { "a/b/", "", "a/b" },
    };
    char *p;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        assert_string_equal(az_path_base(cases[i].path), cases[i].base);
        p = az_path_dir(run, cases[i].path);
        assert_string_equal(p, cases[i].folder);
        az_free(run, p);
    }
    p = az_path_join(run, "a", "b");
    assert_string_equal(p, "a/b");
    az_free(run, p);
    p = az_path_join(run, "a/", "b");
    assert_string_equal(p, "a/b");
    az_free(run, p);
    p = az_path_join(run, "", "b");
    assert_string_equal(p, "b");
    az_free(run, p);
    p = az_path_join(run, NULL, "b");
    assert_string_equal(p, "b");
    az_free(run, p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_fault_at_any_call_leaves_the_old_file_whole, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(errors_say_what_failed, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(short_writes_and_short_reads_are_finished, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(a_write_of_nothing_is_no_endless_loop, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(names_from_files_stay_beneath, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(links_stay_beneath, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(hub_cache_links_reach_its_blobs_only, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(only_regular_files_are_read_whole, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(folders_come_and_go, make_dir, drop_dir),
        cmocka_unit_test(paths),
    };

    return cmocka_run_group_tests(tests, make_run, free_run);
}
