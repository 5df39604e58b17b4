/* The hub's parts: names, headers, hashes, the choice of files, the cache; and a whole pull with a fault at every
 * file operation. */
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
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "hub/cache.h"
#include "hub/check.h"
#include "hub/choose.h"
#include "hub/listing.h"
#include "hub/reply.h"

static adze_run *run;
static az_io_fns real_io;
static char dir[64];

static int make(void **state)
{
    adze_error err;

    (void)state;
    assert_int_equal(adze_run_new(&run, &(adze_run_opts){ .threads = 1 }, &err), ADZE_OK);
    real_io = run->io;
    strcpy(dir, "/tmp/adze-hub-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    run->io = real_io;
    az_remove_tree(run, dir, NULL);
    adze_run_free(run);
    return 0;
}

static void names_are_read_and_refused(void **state)
{
    static const struct {
        const char *text, *repo, *revision, *file;
    } good[] = {
        { "hf:org/name", "org/name", "main", "" },
        { "org/name:v1.0", "org/name", "v1.0", "" },
        { "gpt2", "gpt2", "main", "" },
        { "hf:gpt2:refs/pr/7", "gpt2", "refs/pr/7", "" },
        { "a/b/c/d.gguf", "a/b", "main", "c/d.gguf" },
        { "a/b/*q4*:x", "a/b", "x", "*q4*" },
        { "Org.x/n_a-me.1", "Org.x/n_a-me.1", "main", "" },
    };
    static const char *const bad[] = {
        "",         "hf:",    "/a",       "a/",        "a//b",       "a/b/",
        "a--b/c",   "a/b..c", "-a/b",     "a/b.",      "a b/c",      "a/b:",
        "a/b:../c", "a/b:/x", "a/b:x//y", "a/b/../c",  "\303\244/b", "a/b:x\ny",
        "../../x",  "a/b\\c", "a%2fb/c",  "a/b/c\001", ":main",      "a/b:x\\y",
    };
    char longest[400];
    az_hub_name n;
    adze_error err;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(good); i++) {
        assert_int_equal(az_hub_name_parse(&n, good[i].text, &err), ADZE_OK);
        assert_string_equal(n.repo, good[i].repo);
        assert_string_equal(n.revision, good[i].revision);
        assert_string_equal(n.file, good[i].file);
    }
    for (size_t i = 0; i < AZ_COUNT(bad); i++)
        if (az_hub_name_parse(&n, bad[i], &err) != ADZE_EINVAL) fail_msg("\"%s\"", bad[i]);
    memset(longest, 'a', sizeof longest);
    longest[97] = 0;
    assert_int_equal(az_hub_name_parse(&n, longest, &err), ADZE_EINVAL);
    longest[96] = '/', longest[97] = 'a', longest[193] = 0;
    assert_int_equal(az_hub_name_parse(&n, longest, &err), ADZE_OK);
    longest[193] = ':', longest[399] = 0;
    assert_int_equal(az_hub_name_parse(&n, longest, &err), ADZE_OK);
    assert_true(az_hub_is_name("hf:x") && !az_hub_is_name("hf") && !az_hub_is_name("x/hf:y"));
}

static az_http_reply header(const char *line)
{
    az_http_reply r;

    az_reply_reset(&r);
    az_reply_header(&r, line, strlen(line));
    return r;
}

static void headers_are_read(void **state)
{
    (void)state;
    assert_true(header("Content-Length: 42\r\n").length == 42);
    assert_true(header("content-length: 18446744073709551616\r\n").length == AZ_HTTP_UNKNOWN);
    assert_true(header("content-length: -1\r\n").length == AZ_HTTP_UNKNOWN);
    assert_true(header("Content-Range: bytes 5-9/10\r\n").range_from == 5);
    assert_true(header("Content-Range: bytes 5-9/10\r\n").range_total == 10);
    assert_true(header("Content-Range: bytes 5-9/*\r\n").range_total == AZ_HTTP_UNKNOWN);
    assert_true(header("Content-Range: bytes */10\r\n").range_from == AZ_HTTP_UNKNOWN);
    assert_true(header("Content-Range: bytes -5-9/10\r\n").range_from == AZ_HTTP_UNKNOWN);
    assert_string_equal(header("ETag: W/\"abc\"\r\n").etag, "abc");
    assert_string_equal(header("X-Linked-ETag: \"abc\"").linked_etag, "abc");
    assert_string_equal(header("Link: <http://a/?x=1>; rel=\"next\"\r\n").next, "http://a/?x=1");
    assert_string_equal(header("Link: <b>; rel=\"prev\", <c>; rel=\"next\"").next, "c");
    assert_string_equal(header("Link: <b>; rel=\"prev\"").next, "");
    assert_string_equal(header("Link: <b").next, "");
    assert_true(header("RateLimit: \"api\";r=0;t=55\r\n").wait_s == 55);
    assert_string_equal(header("nothing").etag, "");
    assert_true(az_url_same_origin("https://a.b/x", "https://A.b:443/y"));
    assert_false(az_url_same_origin("https://a.b/x", "http://a.b/x"));
    assert_false(az_url_same_origin("https://a.b/x", "https://a.b:444/x"));
    assert_false(az_url_same_origin("https://a.b/x", "https://a.b.c/x"));
    assert_false(az_url_same_origin("https://a.b@c/x", "https://a.b/x"));
    assert_false(az_url_same_origin("https://a.b/x", "nonsense:://"));
}

/* Hashes from git hash-object and sha256sum. */
static void hashes_are_gits_and_sha256(void **state)
{
    static const char git[] = "ce013625030ba8dba906f756967f9e9ca394464a",
                      sha[] = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    az_check c = { 0 };

    (void)state;
    assert_true(az_check_begin(&c, git, 6));
    az_check_add(&c, "hello\n", 6);
    assert_true(az_check_end(&c, git));
    assert_true(az_check_begin(&c, sha, 6));
    az_check_add(&c, "hel", 3);
    az_check_add(&c, "lo\n", 3);
    assert_true(az_check_end(&c, sha));
    assert_true(az_check_begin(&c, sha, 6));
    az_check_add(&c, "hello!", 6);
    assert_false(az_check_end(&c, sha));
    az_check_deinit(&c);
}

static adze_status choose(const char *files, const char *include, char *chosen, adze_error *err)
{
    az_hub_result r = { 0 };
    az_hub_opts o = { .include = &include, .n_include = include != NULL };
    char *copy = strdup(files), *at = copy, *s;
    adze_status rc;

    az_arena_init(&r.arena, run);
    strcpy(r.name.repo, "a/b");
    r.files = az_arena_array(&r.arena, 64, sizeof *r.files);
    while ((s = strsep(&at, " ")) != NULL)
        r.files[r.n_files++].name = s;
    assert_int_equal(az_hub_sort_files(&r, err), ADZE_OK);
    rc = az_hub_choose(&o, &r, err);
    if (rc == ADZE_OK) rc = az_hub_check_parts(&r, err);
    chosen[0] = 0;
    for (size_t i = 0; rc == ADZE_OK && i < r.n_files; i++)
        if (r.files[i].chosen) {
            if (chosen[0]) strcat(chosen, " ");
            strcat(chosen, r.files[i].name);
        }
    az_hub_result_deinit(&r);
    free(copy);
    return rc;
}

static void what_a_model_needs_is_chosen(void **state)
{
    static const struct {
        const char *files, *include, *want; /* NULL: refused */
    } cases[] = {
        { "config.json model.safetensors pytorch_model.bin flax_model.msgpack x.py", NULL,
          "config.json model.safetensors" },
        { "config.json consolidated.safetensors model-00001-of-00002.safetensors "
          "model-00002-of-00002.safetensors model.safetensors.index.json",
          NULL,
          "config.json model-00001-of-00002.safetensors model-00002-of-00002.safetensors "
          "model.safetensors.index.json" },
        { "config.json model-00001-of-00002.safetensors model.safetensors.index.json", NULL, NULL },
        { "config.json weights.safetensors consolidated.safetensors", NULL,
          "config.json weights.safetensors" },
        { "adapter/model.safetensors config.json", NULL, NULL },
        { "README.md a.gguf", NULL, "a.gguf" },
        { "README.md a.gguf mmproj-a.gguf a.imatrix.gguf", NULL, "a.gguf" },
        { "a.gguf b.gguf", NULL, NULL },
        { "a.gguf model.safetensors", NULL, "model.safetensors" },
        { "a-00001-of-00002.gguf a-00002-of-00002.gguf", NULL,
          "a-00001-of-00002.gguf a-00002-of-00002.gguf" },
        { "a-00001-of-00003.gguf a-00002-of-00003.gguf", NULL, NULL },
        { "a-Q4_K_M.gguf a-Q8_0.gguf", "*q4_k_m*", "a-Q4_K_M.gguf" },
        { "q/a-Q4_K_M.gguf a-Q8_0.gguf", "*q4_k_m*", "q/a-Q4_K_M.gguf" },
        { "a-00001-of-00002.gguf a-00002-of-00002.gguf b.gguf", "a-00001*",
          "a-00001-of-00002.gguf a-00002-of-00002.gguf" },
        { "a-00001-of-00002.bin a-00001-of-00002.gguf a-00002-of-00002.bin a-00002-of-00002.gguf",
          "*.gguf", "a-00001-of-00002.gguf a-00002-of-00002.gguf" },
        { "config.json pytorch_model.bin training_args.bin", NULL,
          "config.json pytorch_model.bin" },
        { "config.json pytorch_model-00001-of-00001.bin pytorch_model.bin.index.json x.bin", NULL,
          "config.json pytorch_model-00001-of-00001.bin pytorch_model.bin.index.json" },
        { "1_Pooling/config.json config.json model.safetensors modules.json onnx/config.json", NULL,
          "1_Pooling/config.json config.json model.safetensors modules.json" },
        { "config.json", NULL, NULL },
        { "config.json model.safetensors", "*.txt", NULL },
    };
    char chosen[600];
    adze_error err;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        adze_status rc = choose(cases[i].files, cases[i].include, chosen, &err);
        if (cases[i].want ? rc != ADZE_OK || strcmp(chosen, cases[i].want) != 0 : rc == ADZE_OK)
            fail_msg("%s: %d %s %s", cases[i].files, rc, chosen, rc ? err.msg : "");
    }
}

/* Fifty thousand parts of one file, and of as many: time must not grow with their square. */
static void many_parts_take_linear_time(void **state)
{
    az_hub_result r = { 0 };
    az_hub_opts o = { 0 };
    adze_error err;

    (void)state;
    az_arena_init(&r.arena, run);
    strcpy(r.name.file, "*");
    r.n_files = 50000;
    r.files = az_arena_array(&r.arena, r.n_files, sizeof *r.files);
    for (size_t i = 0; i < r.n_files; i++)
        r.files[i].name = az_arena_printf(&r.arena, "x-%05zu-of-50000.gguf", i + 1);
    alarm(60);
    assert_int_equal(az_hub_sort_files(&r, &err), ADZE_OK);
    assert_int_equal(az_hub_choose(&o, &r, &err), ADZE_OK);
    assert_int_equal(az_hub_check_parts(&r, &err), ADZE_OK);
    assert_int_equal(az_hub_check_clashes(run, &r, &err), ADZE_OK);
    for (size_t i = 0; i < r.n_files; i++)
        r.files[i].name = az_arena_printf(&r.arena, "x-00001-of-%05zu.gguf", i + 1);
    assert_int_equal(az_hub_sort_files(&r, &err), ADZE_OK);
    r.name.file[0] = 0;
    assert_int_equal(az_hub_choose(&o, &r, &err), ADZE_EUNSUP);
    alarm(0);
    az_hub_result_deinit(&r);
}

static int no_symlink(void *user, const char *target, const char *path)
{
    (void)user;
    (void)target;
    (void)path;
    return -EPERM;
}

static int no_lock(void *user, int fd)
{
    (void)user;
    (void)fd;
    return -ENOLCK;
}

static void open_cache(az_hub_cache *c, az_arena *a)
{
    az_hub_env env = { .cache = dir };
    adze_error err;

    az_arena_init(a, run);
    assert_int_equal(az_hub_cache_init(c, a, &env, "org/name", &err), ADZE_OK);
    assert_int_equal(az_hub_cache_make(c, &err), ADZE_OK);
}

static void the_cache_links_locks_and_remembers(void **state)
{
    static const char commit[] = "0123456789012345678901234567890123456789";
    az_hub_file f = { .name = "sub/b.txt", .size_bytes = 1, .oid = "ab" };
    az_hub_result r = { 0 };
    char path[300], text[300], lock[300];
    int a, b, other;
    az_hub_cache c;
    az_arena arena;
    adze_error err;
    ssize_t n;

    (void)state;
    open_cache(&c, &arena);
    snprintf(path, sizeof path, "%s/ab", c.blobs);
    assert_int_equal(az_write_file(run, path, "x", 1, &err), ADZE_OK);
    assert_true(az_hub_cached(&c, commit, &f));
    f.size_bytes = 2;
    assert_false(az_hub_cached(&c, commit, &f));
    f.size_bytes = 1;
    for (int i = 0; i < 2; i++) { /* the second time over a link to nowhere */
        assert_int_equal(az_hub_link(&c, commit, &f, &err), ADZE_OK);
        snprintf(path, sizeof path, "%s/snapshots/%s/sub/b.txt", c.repo, commit);
        n = readlink(path, text, sizeof text - 1);
        text[n < 0 ? 0 : n] = 0;
        assert_string_equal(text, "../../../blobs/ab");
        if (i == 0) assert_int_equal(unlink(path) | symlink("../nowhere", path), 0);
    }
    /* no links on this disk: the file itself gets the name */
    run->io.symlink = no_symlink;
    f.name = "c.txt";
    assert_int_equal(az_hub_link(&c, commit, &f, &err), ADZE_OK);
    assert_true(az_hub_cached(&c, commit, &f));
    assert_int_equal(az_hub_link(&c, commit, &f, &err), ADZE_OK);
    run->io = real_io;
    /* the link sub/b.txt now leads nowhere: it is no file of the snapshot */
    memcpy(r.commit, commit, sizeof r.commit);
    az_arena_init(&r.arena, run);
    assert_int_equal(az_hub_read_snapshot(&c, &r, &err), ADZE_OK);
    assert_int_equal(r.n_files, 1);
    assert_string_equal(r.files[0].name, "c.txt");

    assert_int_equal(az_hub_write_ref(&c, "refs/pr/1", commit, &err), ADZE_OK);
    strcpy(r.name.revision, "refs/pr/1");
    r.commit[0] = 0;
    assert_int_equal(az_hub_read_ref(&c, &r, &err), ADZE_OK);
    assert_string_equal(r.commit, commit);
    strcpy(r.name.revision, "other");
    assert_int_equal(az_hub_read_ref(&c, &r, &err), ADZE_ENOENT);
    assert_int_equal(az_hub_write_ref(&c, "bad", "../../x", &err), ADZE_OK);
    strcpy(r.name.revision, "bad");
    assert_int_equal(az_hub_read_ref(&c, &r, &err), ADZE_EFORMAT);

    assert_int_equal(az_hub_lock(&c, "ab", &a, &err), ADZE_OK);
    assert_true(a >= 0);
    assert_int_equal(az_hub_lock(&c, "ab", &b, &err), ADZE_OK);
    assert_int_equal(b, -1);
    snprintf(lock, sizeof lock, "%s/ab.lock", c.locks);
    other = open(lock, O_RDWR);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    close(other);
    az_close(run, a);
    run->io.lock = no_lock;
    assert_int_equal(az_hub_lock(&c, "ab", &a, &err), ADZE_EIO);
    assert_non_null(strstr(err.msg, "HF_HUB_CACHE"));
    assert_int_equal(a, -1);
    az_hub_result_deinit(&r);
    az_arena_deinit(&arena);
}

/* Faults: the k-th operation of those that change files fails. */
static int countdown;

static bool now(void)
{
    return countdown > 0 && --countdown == 0;
}

static int bad_open(void *u, int d, const char *p, enum az_open_mode m)
{
    return m != AZ_OPEN_READ && m != AZ_OPEN_DIR && now() ? -EMFILE : real_io.open(u, d, p, m);
}
static int64_t bad_pwrite(void *u, int fd, const void *s, size_t n, uint64_t at)
{
    return now() ? -ENOSPC : real_io.pwrite(u, fd, s, n, at);
}
static int bad_fsync(void *u, int fd)
{
    return now() ? -EIO : real_io.fsync(u, fd);
}
static int bad_rename(void *u, const char *a, const char *b)
{
    return now() ? -EACCES : real_io.rename(u, a, b);
}
static int bad_mkdir(void *u, const char *p)
{
    return now() ? -EROFS : real_io.mkdir(u, p);
}
static int bad_symlink(void *u, const char *t, const char *p)
{
    return now() ? -ENOSPC : real_io.symlink(u, t, p);
}
static int bad_lock(void *u, int fd)
{
    return now() ? -EAGAIN : real_io.lock(u, fd);
}

static pid_t start_server(const char *folder)
{
    char path[200], text[64], endpoint[100];
    pid_t pid = fork();
    FILE *f = NULL;

    if (pid == 0) {
        execlp("python3", "python3", "tests/hub/server.py", folder, "demo/checkpoint", NULL);
        _exit(127);
    }
    snprintf(path, sizeof path, "%s/ports", folder);
    for (int i = 0; i < 400 && !f; i++) {
        usleep(50000);
        f = fopen(path, "r");
        if (waitpid(pid, NULL, WNOHANG) == pid) return 0;
    }
    if (!f || !fgets(text, sizeof text, f)) fail_msg("the server did not start");
    fclose(f);
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", atoi(text));
    setenv("HF_ENDPOINT", endpoint, 1);
    setenv("no_proxy", "*", 1);
    return pid;
}

/* Whatever has a final name is whole. */
static void expect_whole(const char *home)
{
    char command[600];

    snprintf(command, sizeof command,
             "cd '%s' 2>/dev/null || exit 0; for f in $(find . -path '*/blobs/*' -not -name "
             "'*.incomplete'); do n=$(basename $f); if [ ${#n} = 40 ]; then "
             "s=$({ printf 'blob %%d\\0' $(stat -c %%s $f); cat $f; } | sha1sum); else "
             "s=$(sha256sum <$f); fi; [ \"${s%%%% *}\" = $n ] || exit 1; done; "
             "! find . -xtype l | grep -q .",
             home);
    if (system(command) != 0) fail_msg("something that is not whole has a final name");
}

static void a_fault_at_any_operation_leaves_nothing_wrong(void **state)
{
    az_hub_opts o = { .retries = 0 };
    char home[100], served[100];
    az_hub_name name;
    adze_error err;
    int k = 0, failed = 0;
    adze_status rc;
    pid_t server;

    (void)state;
    snprintf(home, sizeof home, "%s/home", dir);
    snprintf(served, sizeof served, "%s/served", dir);
    mkdir(served, 0777);
    server = start_server(served);
    if (!server) {
        print_message("python3 is missing: not tested\n");
        skip();
    }
    setenv("HF_HUB_CACHE", home, 1);
    assert_int_equal(az_hub_name_parse(&name, "org/bin", &err), ADZE_OK);
    run->io.open = bad_open;
    run->io.pwrite = bad_pwrite;
    run->io.fsync = bad_fsync;
    run->io.rename = bad_rename;
    run->io.mkdir = bad_mkdir;
    run->io.symlink = bad_symlink;
    run->io.lock = bad_lock;
    do {
        az_hub_result r;
        assert_int_equal(az_remove_tree(run, home, &err), ADZE_OK);
        countdown = ++k;
        rc = az_hub_pull(run, &name, &o, &r, &err);
        failed += rc < 0;
        az_hub_result_deinit(&r);
        expect_whole(home);
        if (rc < 0) {
            bool done = countdown == 0;
            countdown = 0;
            assert_true(done && err.msg[0]);
            rc = az_hub_pull(run, &name, &o, &r, &err);
            if (rc < 0) fail_msg("after fault %d: %s", k, err.msg);
            az_hub_result_deinit(&r);
            expect_whole(home);
        }
    } while (countdown == 0);
    assert_true(failed > 15);
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_read_and_refused, make, drop),
        cmocka_unit_test_setup_teardown(headers_are_read, make, drop),
        cmocka_unit_test_setup_teardown(hashes_are_gits_and_sha256, make, drop),
        cmocka_unit_test_setup_teardown(what_a_model_needs_is_chosen, make, drop),
        cmocka_unit_test_setup_teardown(many_parts_take_linear_time, make, drop),
        cmocka_unit_test_setup_teardown(the_cache_links_locks_and_remembers, make, drop),
        cmocka_unit_test_setup_teardown(a_fault_at_any_operation_leaves_nothing_wrong, make, drop),
    };

    unsetenv("HF_TOKEN");
    setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1", 1);
    unsetenv("HF_HUB_OFFLINE");
    unsetenv("HF_HUB_DISABLE_SYMLINKS");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
