/* The registry: digests and their cache, stages, runs, several processes at once, killed writers, its home. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "store/store.h"

static adze_run *run;
static char home[64];
static uint64_t base_bytes, clock_ms;

/* Wall time that the test sets; 0: the real one. */
static uint64_t (*real_unix_ms)(void *user);
static uint64_t test_unix_ms(void *user)
{
    return clock_ms ? clock_ms : real_unix_ms(user);
}

static int make_home(void **state)
{
    adze_error err;

    (void)state;
    strcpy(home, "/tmp/adze-store-XXXXXX");
    assert_non_null(mkdtemp(home));
    setenv("ADZE_HOME", home, 1);
    assert_int_equal(adze_run_new(&run, &(adze_run_opts){ .threads = 1 }, &err), ADZE_OK);
    real_unix_ms = run->clock.unix_ms;
    run->clock.unix_ms = test_unix_ms;
    clock_ms = 0;
    base_bytes = run->used_bytes;
    return 0;
}

static int drop_home(void **state)
{
    adze_error err;

    (void)state;
    assert_int_equal(run->used_bytes, base_bytes);
    chmod(home, 0700);
    assert_int_equal(az_remove_tree(run, home, &err), ADZE_OK);
    adze_run_free(run);
    return 0;
}

static az_store *open_store(void)
{
    adze_error err = { 0 };
    az_store *s = NULL;

    if (az_store_open(&s, run, &err) != ADZE_OK) fail_msg("%s: %s", err.path, err.msg);
    return s;
}

static const char *in_home(const char *name)
{
    static char paths[4][256];
    static int next;

    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", home, name);
    return paths[next];
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static const char *digest_of(az_store *s, const char *path)
{
    static char out[4][AZ_DIGEST_SIZE];
    static int next;
    adze_error err = { 0 };

    next = (next + 1) % 4;
    if (az_store_digest(s, path, out[next], &err) != ADZE_OK) fail_msg("%s: %s", err.path, err.msg);
    return out[next];
}

/* First column of the first line of a command's output, as sha256sum prints a digest. */
static const char *sha256sum(const char *path)
{
    static char out[AZ_DIGEST_SIZE];
    char command[400];
    FILE *p;

    snprintf(command, sizeof command, "sha256sum < %s", path);
    p = popen(command, "r");
    assert_non_null(p);
    strcpy(out, "sha256:");
    assert_int_equal(fread(out + 7, 1, 64, p), 64);
    out[71] = 0;
    pclose(p);
    return out;
}

static void digests_are_as_documented(void **state)
{
    az_store *s = open_store();
    const char *model;
    char lines[600], *data = malloc(3 << 20);
    FILE *f;

    (void)state;
    /* FIPS 180-2, appendix B.1, and the digest of nothing */
    put(in_home("abc"), "abc");
    put(in_home("empty"), "");
    assert_string_equal(digest_of(s, in_home("abc")),
                        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_string_equal(digest_of(s, in_home("empty")),
                        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (int i = 0; i < 3 << 20; i++)
        data[i] = (char)(i * 7 + (i >> 8));
    f = fopen(in_home("long"), "wb");
    fwrite(data, 1, (3 << 20) - 5, f);
    fclose(f);
    free(data);
    assert_string_equal(digest_of(s, in_home("long")), sha256sum(in_home("long")));

    /* a folder: its regular files by name, without dot files and folders */
    assert_int_equal(mkdir(in_home("model"), 0777), 0);
    assert_int_equal(mkdir(in_home("model/sub"), 0777), 0);
    put(in_home("model/b.json"), "abc");
    put(in_home("model/a.bin"), "");
    put(in_home("model/.hidden"), "x");
    put(in_home("model/sub/c"), "x");
    snprintf(lines, sizeof lines,
             "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  0  a.bin\n"
             "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  3  b.json\n");
    put(in_home("lines"), lines);
    model = digest_of(s, in_home("model"));
    assert_string_equal(model, sha256sum(in_home("lines")));
    put(in_home("model/.hidden"), "other");
    assert_string_equal(digest_of(s, in_home("model")), model);
    assert_int_equal(rename(in_home("model/a.bin"), in_home("model/z.bin")), 0);
    assert_string_not_equal(digest_of(s, in_home("model")), model);
    az_store_close(s);
}

static int reads;
static int64_t (*real_pread)(void *user, int fd, void *dst, size_t n, uint64_t at);
static int64_t counting_pread(void *user, int fd, void *dst, size_t n, uint64_t at)
{
    reads++;
    return real_pread(user, fd, dst, n, at);
}

static void cache_is_used_and_never_stale(void **state)
{
    az_store *s = open_store();
    char first[AZ_DIGEST_SIZE], text[3] = "aa";

    (void)state;
    real_pread = run->io.pread;
    run->io.pread = counting_pread;
    /* Changed again and again with the same size, within one step of the file system's clock. */
    for (int i = 0; i < 200; i++) {
        char before[AZ_DIGEST_SIZE];
        put(in_home("file"), text);
        memcpy(before, digest_of(s, in_home("file")), sizeof before);
        text[1] = (char)('a' + i % 26);
        text[0] = (char)('b' + i % 25);
        put(in_home("file"), text);
        if (strcmp(before, digest_of(s, in_home("file"))) == 0)
            fail_msg("stale digest in round %d", i);
    }
    clock_ms = real_unix_ms(NULL) + 10000; /* ten seconds later it has settled */
    strcpy(first, digest_of(s, in_home("file")));
    reads = 0;
    assert_string_equal(digest_of(s, in_home("file")), first);
    assert_int_equal(reads, 0); /* from the cache */
    az_store_close(s);
    s = open_store();
    assert_string_equal(digest_of(s, in_home("file")), first);
    assert_int_equal(reads, 0); /* which is kept */
    usleep(20000);
    put(in_home("file"), "zz");
    assert_string_not_equal(digest_of(s, in_home("file")), first);
    assert_true(reads > 0);
    az_store_close(s);
}

static void digest_errors(void **state)
{
    az_store *s = open_store();
    char out[AZ_DIGEST_SIZE];
    adze_error err = { 0 };

    (void)state;
    assert_int_equal(az_store_digest(s, in_home("nothing"), out, &err), ADZE_ENOENT);
    assert_non_null(strstr(err.path, "nothing"));
    put(in_home("file"), "x");
    adze_run_cancel(run);
    assert_int_equal(az_store_digest(s, in_home("file"), out, &err), ADZE_ECANCEL);
    atomic_store(&run->cancel, 0);
    az_store_close(s);
}

static void stages_come_back_as_they_were(void **state)
{
    az_store *s = open_store();
    json_t *j = json_pack("{s:f, s:I, s:s, s:[b, n]}", "x", 0.1 + 0.2, "n",
                          (json_int_t)9007199254740993, "t", "\xc3\xa9\n\"", "a", 1),
           *back;
    adze_error err = { 0 };

    (void)state;
    assert_int_equal(az_store_get_stage(s, "k", &back, &err), ADZE_OK);
    assert_null(back);
    assert_int_equal(az_store_put_stage(s, "k", "measure", j, &err), ADZE_OK);
    az_store_close(s);
    s = open_store();
    assert_int_equal(az_store_get_stage(s, "k", &back, &err), ADZE_OK);
    assert_true(json_equal(j, back)); /* doubles to the last bit */
    json_decref(back);
    json_object_set_new(j, "x", json_integer(1));
    assert_int_equal(az_store_put_stage(s, "k", "measure", j, &err), ADZE_OK);
    assert_int_equal(az_store_get_stage(s, "k", &back, &err), ADZE_OK);
    assert_true(json_equal(j, back)); /* the newer one */
    json_decref(back);
    assert_int_equal(az_store_get_stage(s, "k' OR '1'='1", &back, &err), ADZE_OK);
    assert_null(back);
    json_decref(j);
    az_store_close(s);
}

static void runs_have_their_measurements_gates_and_lineage(void **state)
{
    double samples[] = { 3, 1, 2 };
    az_figure f = az_figure_of(samples, 3, "tok/s", AZ_MEASURED), none = { 0 };
    az_store_model m = { "sha256:m", "/models/caf\xe9", "model", "llama", "hf", 1000, 2000 };
    az_store_artifact a = { "sha256:a", "sha256:m", "q4_0", "gguf", "/out/a.gguf", 500 };
    az_store *s = open_store();
    json_t *rows, *row, *one;
    adze_error err = { 0 };
    int64_t id[3];

    (void)state;
    assert_int_equal(az_store_put_model(s, &m, &err), ADZE_OK);
    assert_int_equal(az_store_put_artifact(s, &a, &err), ADZE_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(az_store_begin_run(s, "optimize 'x'; DROP TABLE runs", "sha256:m", &id[i],
                                            &err),
                         ADZE_OK);
    assert_true(id[0] < id[1] && id[1] < id[2]);
    assert_int_equal(az_store_put_measurement(s, id[1], "c", "sha256:a", "decode_tok_s", &f, &err),
                     ADZE_OK);
    assert_int_equal(az_store_put_measurement(s, id[1], "c", "sha256:a", "energy", &none, &err),
                     ADZE_OK);
    assert_int_equal(az_store_put_gate(s, id[1], "c", "top1", 0.97, 0.95, "pass", &err), ADZE_OK);
    assert_int_equal(az_store_put_measurement(s, 999, "c", NULL, "x", &f, &err),
                     ADZE_EIO); /* no such run */
    assert_int_equal(az_store_end_run(s, id[1], 5, NULL, "/out/report.json", &err), ADZE_OK);

    assert_int_equal(az_store_history(s, 2, &rows, &err), ADZE_OK);
    assert_int_equal(json_array_size(rows), 2);
    one = json_array_get(rows, 1);
    assert_int_equal(json_integer_value(json_object_get(one, "id")), id[1]);
    assert_int_equal(json_integer_value(json_object_get(one, "exit_code")), 5);
    assert_true(json_is_null(json_object_get(one, "chosen")));
    assert_string_equal(json_string_value(json_object_get(one, "name")), "model");
    assert_true(
        json_is_null(json_object_get(json_array_get(rows, 0), "exit_code"))); /* unfinished */
    json_decref(rows);

    assert_int_equal(az_store_run(s, id[1], &row, &err), ADZE_OK);
    one = json_array_get(json_object_get(row, "run"), 0);
    assert_string_equal(json_string_value(json_object_get(one, "model_path")), "/models/caf\\xe9");
    assert_int_equal(json_array_size(json_object_get(row, "measurements")), 1); /* none is no row */
    one = json_array_get(json_object_get(row, "measurements"), 0);
    assert_true(json_real_value(json_object_get(one, "median")) == 2);
    assert_int_equal(json_integer_value(json_object_get(one, "n")), 3);
    assert_string_equal(json_string_value(json_object_get(one, "provenance")), "measured");
    assert_int_equal(json_array_size(json_object_get(row, "gates")), 1);
    one = json_array_get(json_object_get(row, "lineage"), 0);
    assert_string_equal(json_string_value(json_object_get(one, "source")), "sha256:m");
    json_decref(row);
    assert_int_equal(az_store_run(s, 12345, &row, &err), ADZE_ENOENT);
    assert_null(row);
    az_store_close(s);
}

/* ---- several processes ---- */

enum { WRITERS = 5, ROUNDS = 12 };

/* A process of its own: opens the registry, which may not exist yet, and writes runs. Exit code 0 when all went
 * in. */
static void write_much(int which)
{
    double one = 1;
    az_figure f = az_figure_of(&one, 1, "ms", AZ_MEASURED);
    adze_error err = { 0 };
    adze_run *own = NULL;
    az_store *s = NULL;
    char text[64];

    if (adze_run_new(&own, &(adze_run_opts){ .threads = 1 }, &err) < 0) _exit(2);
    if (az_store_open(&s, own, &err) < 0) {
        fprintf(stderr, "writer %d: %s\n", which, err.msg);
        _exit(3);
    }
    for (int i = 0; i < ROUNDS; i++) {
        json_t *j = json_pack("{s:i, s:i}", "writer", which, "round", i);
        int64_t id = 0;
        snprintf(text, sizeof text, "w%d-%d", which, i);
        if (az_store_begin_run(s, text, NULL, &id, &err) < 0 ||
            az_store_put_measurement(s, id, "c", NULL, text, &f, &err) < 0 ||
            az_store_put_stage(s, text, "test", j, &err) < 0 ||
            az_store_end_run(s, id, which, NULL, NULL, &err) < 0) {
            fprintf(stderr, "writer %d: %s\n", which, err.msg);
            _exit(4);
        }
        json_decref(j);
    }
    az_store_close(s);
    adze_run_free(own);
    _exit(0);
}

static void many_processes_write_and_nothing_is_lost(void **state)
{
    pid_t pid[WRITERS];
    az_store *s;
    json_t *rows, *j;
    adze_error err = { 0 };
    char key[64];

    (void)state;
    for (int i = 0; i < WRITERS; i++) {
        pid[i] = fork();
        assert_true(pid[i] >= 0);
        if (!pid[i]) write_much(i);
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = -1;
        assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    s = open_store();
    assert_int_equal(az_store_history(s, 1000, &rows, &err), ADZE_OK);
    assert_int_equal(json_array_size(rows), WRITERS * ROUNDS);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        int which = -1, round;
        sscanf(json_string_value(json_object_get(row, "command")), "w%d-%d", &which, &round);
        assert_int_equal(json_integer_value(json_object_get(row, "exit_code")), which);
    }
    json_decref(rows);
    for (int w = 0; w < WRITERS; w++)
        for (int i = 0; i < ROUNDS; i++) {
            snprintf(key, sizeof key, "w%d-%d", w, i);
            assert_int_equal(az_store_get_stage(s, key, &j, &err), ADZE_OK);
            assert_int_equal(json_integer_value(json_object_get(j, "round")), i);
            json_decref(j);
        }
    az_store_close(s);
}

/* Writes until it is killed; one byte on the pipe for each stage that is safely kept. */
static void write_until_killed(int fd)
{
    adze_error err = { 0 };
    adze_run *own = NULL;
    az_store *s = NULL;
    char key[64];

    if (adze_run_new(&own, &(adze_run_opts){ .threads = 1 }, &err) < 0) _exit(2);
    if (az_store_open(&s, own, &err) < 0) _exit(3);
    for (int i = 0;; i++) {
        json_t *j = json_pack("{s:i}", "i", i);
        snprintf(key, sizeof key, "s%d", i);
        if (az_store_put_stage(s, key, "test", j, &err) < 0) _exit(4);
        json_decref(j);
        if (write(fd, "x", 1) != 1) _exit(5);
    }
}

static void a_killed_writer_leaves_what_it_wrote(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) {
        int p[2], kept = 0, status;
        adze_error err = { 0 };
        az_store *s;
        json_t *j;
        char c, key[64];
        pid_t pid;
        assert_int_equal(pipe(p), 0);
        pid = fork();
        if (!pid) write_until_killed(p[1]);
        close(p[1]);
        while (kept < 5 + round * 3 && read(p[0], &c, 1) == 1)
            kept++;
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        while (read(p[0], &c, 1) == 1)
            kept++;
        close(p[0]);
        s = open_store();
        for (int i = 0; i < kept; i++) {
            snprintf(key, sizeof key, "s%d", i);
            assert_int_equal(az_store_get_stage(s, key, &j, &err), ADZE_OK);
            assert_non_null(j);
            json_decref(j);
        }
        j = json_object();
        assert_int_equal(az_store_put_stage(s, "after", "test", j, &err), ADZE_OK);
        json_decref(j);
        az_store_close(s);
    }
}

/* ---- where it lies, and what else may lie there ---- */

static void newer_schemas_are_refused_and_kept(void **state)
{
    char command[200];
    adze_error err = { 0 };
    az_store *s = open_store();

    (void)state;
    az_store_close(s);
    /* the user_version of the file's header, big-endian at byte 60 (sqlite.org/fileformat2.html, 1.3) */
    snprintf(command, sizeof command,
             "printf '\\000\\000\\003\\347' | dd of=%s bs=1 seek=60 conv=notrunc 2>/dev/null",
             in_home("registry.db"));
    assert_int_equal(system(command), 0);
    assert_int_equal(az_store_open(&s, run, &err), ADZE_EUNSUP);
    assert_null(s);
    assert_non_null(strstr(err.msg, "newer adze"));
    assert_non_null(strstr(err.msg, "999"));
    assert_string_equal(err.path, in_home("registry.db"));
}

static void what_is_no_database_is_refused_and_kept(void **state)
{
    static const char text[] =
        "this is a text of mine that must not be lost, long enough for a page";
    adze_error err = { 0 };
    char *back;
    az_store *s;
    size_t n;

    (void)state;
    put(in_home("registry.db"), text);
    assert_int_equal(az_store_open(&s, run, &err), ADZE_EIO);
    assert_null(s);
    assert_non_null(strstr(err.msg, "not a database"));
    assert_int_equal(az_read_file(run, in_home("registry.db"), 1000, &back, &n, &err), ADZE_OK);
    assert_string_equal(back, text);
    az_free(run, back);
    unlink(in_home("registry.db"));
    assert_int_equal(mkdir(in_home("registry.db"), 0777), 0);
    assert_int_equal(az_store_open(&s, run, &err), ADZE_EIO);
    assert_non_null(strstr(err.path, "registry.db"));
    rmdir(in_home("registry.db"));
}

static void opens_at(const char *want)
{
    az_store *s = open_store();

    assert_string_equal(az_store_path(s), want);
    az_store_close(s);
}

static void home_order(void **state)
{
    char *old_home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    adze_error err = { 0 };
    az_store *s;

    (void)state;
    setenv("XDG_DATA_HOME", in_home("xdg"), 1);
    setenv("HOME", in_home("user"), 1);
    opens_at(in_home("registry.db"));
    setenv("ADZE_HOME", "", 1); /* empty is as if it were not set */
    opens_at(in_home("xdg/adze/registry.db"));
    unsetenv("ADZE_HOME");
    setenv("XDG_DATA_HOME", "relative/is/invalid", 1); /* so says the XDG specification */
    opens_at(in_home("user/.local/share/adze/registry.db"));
    unsetenv("XDG_DATA_HOME");
    opens_at(in_home("user/.local/share/adze/registry.db"));
    unsetenv("HOME");
    assert_int_equal(az_store_open(&s, run, &err), ADZE_EIO);
    assert_non_null(strstr(err.msg, "ADZE_HOME"));
    if (old_home) setenv("HOME", old_home, 1);
    free(old_home);
}

static void a_home_that_cannot_be_written_is_an_error(void **state)
{
    adze_error err = { 0 };
    az_store *s;

    (void)state;
    put(in_home("plain"), "x");
    setenv("ADZE_HOME", in_home("plain"), 1); /* a file where the folder should be */
    assert_int_equal(az_store_open(&s, run, &err), ADZE_EIO);
    assert_null(s);
    assert_string_equal(err.path, in_home("plain"));
    setenv("ADZE_HOME", in_home("plain/below"), 1);
    assert_true(az_store_open(&s, run, &err) < 0);
    assert_non_null(strstr(err.path, "plain"));
    setenv("ADZE_HOME", "/proc/adze", 1); /* not even root makes folders there */
    assert_true(az_store_open(&s, run, &err) < 0);
    assert_non_null(strstr(err.path, "/proc/adze"));
    assert_non_null(strstr(err.msg, "cannot make the folder"));
    if (geteuid() != 0) {
        assert_int_equal(mkdir(in_home("locked"), 0555), 0);
        setenv("ADZE_HOME", in_home("locked"), 1);
        assert_int_equal(az_store_open(&s, run, &err), ADZE_EIO);
        assert_non_null(strstr(err.path, "locked/registry.db"));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define EACH(f) cmocka_unit_test_setup_teardown(f, make_home, drop_home)
        EACH(digests_are_as_documented),
        EACH(cache_is_used_and_never_stale),
        EACH(digest_errors),
        EACH(stages_come_back_as_they_were),
        EACH(runs_have_their_measurements_gates_and_lineage),
        EACH(many_processes_write_and_nothing_is_lost),
        EACH(a_killed_writer_leaves_what_it_wrote),
        EACH(newer_schemas_are_refused_and_kept),
        EACH(what_is_no_database_is_refused_and_kept),
        EACH(home_order),
        EACH(a_home_that_cannot_be_written_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
