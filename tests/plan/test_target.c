/* Declared targets: every file under data/targets loads, and hostile ones are refused with a place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "plan/target.h"

static const char good[] = "format: 1\n"
                           "name: box\n"
                           "title: A box\n"
                           "kind: single-board\n"
                           "os: linux\n"
                           "cpu:\n"
                           "  vendor: arm\n"
                           "  model: Cortex\n"
                           "  isa: aarch64\n"
                           "  features: {list: [neon], from: declared, source: a}\n"
                           "  clock_ghz: {value: 2.4, from: declared, source: a}\n"
                           "memory:\n"
                           "  bytes: {value: 8589934592, from: declared, source: a}\n"
                           "  bandwidth_gb_s: {value: 17, from: estimated, source: a, note: bus}\n"
                           "accelerators:\n"
                           "  - {kind: npu, vendor: hailo, name: Hailo-8}\n"
                           "connectivity: [wifi]\n"
                           "sources:\n"
                           "  - {id: a, url: u, title: t, read: 2026-11-22}\n";

static int setup(void **state)
{
    setenv("ADZE_DATA", "data", 1);
    return adze_run_new((adze_run **)state, NULL, NULL);
}

static int teardown(void **state)
{
    adze_run_free(*state);
    return 0;
}

/* Parse `good` with the first `from` replaced by `to`. */
static adze_status parse_edited(adze_run *run, const char *from, const char *to, adze_error *err)
{
    char text[8192];
    const char *at = strstr(good, from);
    az_target *t = NULL;
    adze_status rc;

    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    *err = (adze_error){ .pos = ADZE_NOPOS };
    rc = az_target_parse(&t, run, "box.yaml", text, strlen(text), err);
    assert_true((rc == ADZE_OK) == (t != NULL));
    az_target_free(run, t);
    return rc;
}

static void loads_every_declared_device(void **state)
{
    adze_run *run = *state;
    char **names = NULL;
    size_t n = 0;

    assert_int_equal(az_target_names(run, &names, &n, NULL), ADZE_OK);
    assert_true(n >= 14);
    for (size_t i = 0; i < n; i++) {
        adze_error err = { .msg = "" };
        az_target *t = NULL;

        if (az_target_load(&t, run, names[i], &err) != ADZE_OK) {
            char text[1200];
            fail_msg("%s", adze_error_text(&err, text, sizeof text));
        }
        assert_string_equal(t->name, names[i]);
        assert_true(t->memory.bytes.value > 0);
        az_target_free(run, t);
    }
    az_free_names(run, names, n);
}

static void reads_figures_with_their_origin(void **state)
{
    adze_run *run = *state;
    az_target *t = NULL;
    const az_target_source *s;

    assert_int_equal(az_target_load(&t, run, "raspberry-pi-5-8gb", NULL), ADZE_OK);
    assert_true(t->cpu.clock_ghz.value == 2.4 && t->cpu.clock_ghz.from == AZ_DECLARED);
    assert_true(t->memory.bandwidth_gb_s.from == AZ_ESTIMATED && t->memory.bandwidth_gb_s.note);
    assert_int_equal(t->kind, AZ_KIND_SINGLE_BOARD);
    assert_int_equal(t->os, AZ_OS_LINUX);
    assert_true(t->memory.bytes.value == 8589934592.0);
    assert_true(t->storage.bytes.from == AZ_NONE);
    s = az_target_find_source(t, t->cpu.clock_ghz.source);
    assert_non_null(s);
    assert_non_null(strstr(s->url, "https://"));
    az_target_free(run, t);
}

static void refuses_defects_and_names_the_place(void **state)
{
    static const struct {
        const char *from, *to, *says;
    } bad[] = {
        { "format: 1", "format: 2", "format" },
        { "name: box", "name: ../box", "name" },
        { "name: box\n", "", "name" },
        { "kind: single-board", "kind: toaster", "kind" },
        { "os: linux", "os: 3", "os" },
        { "  clock_ghz", "  clock_hz", "clock_hz" },
        { "value: 2.4", "value: fast", "fast" },
        { "value: 2.4", "value: nan", "cpu.clock_ghz" },
        { "value: 2.4", "value: -1", "cpu.clock_ghz" },
        { "value: 2.4", "value: 1e300", "cpu.clock_ghz" },
        { "value: 2.4", "value: 1e999", "1e999" },
        { "value: 8589934592", "value: 0", "memory.bytes" },
        { "from: declared, source: a}\nmemory", "from: guessed, source: a}\nmemory", "from" },
        { "2.4, from: declared, source: a", "2.4, from: declared, source: z", "cpu.clock_ghz" },
        { ", note: bus", "", "memory.bandwidth_gb_s" },
        { "note: bus", "note: \"a\\u0007b\"", "memory.bandwidth_gb_s" },
        { "kind: npu", "kind: N P U", "accelerators[0]" },
        { "title: A box", "title: \"\"", "title" },
        { "title: A box", "title: [1, 2]", "title" },
        { "model: Cortex", "model: *x", "lias" },
        { "sources:\n  - {id: a, url: u, title: t, read: 2026-11-22}\n", "sources: []\n",
          "sources" },
        { "connectivity: [wifi]", "connectivity: [[[[[[wifi]]]]]]", "connectivity" },
        { "read: 2026-11-22}\n", "read: 2026-11-22}\n  - {id: a, url: u, title: t, read: d}\n",
          "a" },
        { "os: linux", "os: linux\nextra: {a: {b: {c: 1}}}", "extra" },
        { "os: linux", "os: linux\n\tbroken", NULL },
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        adze_error err;
        char text[1200];
        adze_status rc = parse_edited(*state, bad[i].from, bad[i].to, &err);

        if (rc != ADZE_EFORMAT && rc != ADZE_EUNSUP) fail_msg("'%s' gave status %d", bad[i].to, rc);
        adze_error_text(&err, text, sizeof text);
        assert_non_null(strstr(text, "box.yaml"));
        if (bad[i].says && !strstr(text, bad[i].says))
            fail_msg("'%s': the message lacks '%s': %s", bad[i].to, bad[i].says, text);
    }
}

static void says_at_which_byte(void **state)
{
    adze_error err;

    assert_int_equal(parse_edited(*state, "kind: single-board", "kind: toaster", &err),
                     ADZE_EFORMAT);
    assert_int_equal(err.pos, strstr(good, "single-board") - good);
}

static void survives_every_truncation(void **state)
{
    for (size_t n = 0; n < sizeof good - 1; n++) {
        adze_error err = { .msg = "" };
        az_target *t = NULL;
        adze_status rc = az_target_parse(&t, *state, "box.yaml", good, n, &err);

        assert_true(rc != ADZE_OK || n + 1 >= sizeof good - 1);
        assert_true(rc == ADZE_OK || err.msg[0]);
        az_target_free(*state, t);
    }
}

static void refuses_a_key_given_twice(void **state)
{
    static const char *const edits[][2] = {
        { "title: A box", "title: A box\ntitle: Another" },
        { "connectivity: [wifi]", "connectivity: [wifi]\nconnectivity: [a, b]" },
        { "  bytes:", "  bytes: {value: 1, from: declared, source: a}\n  bytes:" },
        { "os: linux", "os: linux\nmemory: {bytes: {value: 1, from: declared, source: a}}" },
    };

    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        adze_error err;

        if (parse_edited(*state, edits[i][0], edits[i][1], &err) != ADZE_EFORMAT)
            fail_msg("'%s' was accepted", edits[i][1]);
    }
}

/* Random edits of a good file: whatever happens, a status with a message and no leak. */
static void survives_random_edits(void **state)
{
    static const char bytes[] = "{}[]:,-?&*!|>'\"%@`#\n\t 0aZ\xff\x80\x01";
    az_prng r;

    az_prng_seed(&r, 7);
    for (int round = 0; round < 4000; round++) {
        char text[sizeof good];
        adze_error err = { .msg = "" };
        az_target *t = NULL;
        adze_status rc;

        memcpy(text, good, sizeof good);
        for (int k = 0; k < 1 + round % 8; k++)
            text[az_prng_u64(&r) % (sizeof good - 1)] = bytes[az_prng_u64(&r) % (sizeof bytes - 1)];
        rc = az_target_parse(&t, *state, "box.yaml", text, sizeof good - 1, &err);
        assert_true(rc == ADZE_OK ? t != NULL : t == NULL && err.msg[0]);
        az_target_free(*state, t);
    }
}

/* An allocator that refuses the n-th request. */
typedef struct {
    az_alloc_fns inner;
    long left;
} refusing;

static void *refuse(void *user, size_t n)
{
    refusing *a = user;

    return a->left-- == 0 ? NULL : a->inner.alloc(a->inner.user, n);
}

static void pass_on(void *user, void *p)
{
    refusing *a = user;

    a->inner.free(a->inner.user, p);
}

static void survives_a_refused_allocation(void **state)
{
    adze_run *run = *state;
    refusing a = { run->alloc, 0 };
    adze_status rc = ADZE_ENOMEM;

    run->alloc = (az_alloc_fns){ .alloc = refuse, .free = pass_on, .user = &a };
    for (long n = 0; rc != ADZE_OK; n++) {
        adze_error err = { .msg = "" };
        az_target *t = NULL;

        assert_true(n < 2000);
        a.left = n;
        rc = az_target_load(&t, run, "raspberry-pi-5-8gb", &err);
        assert_true(rc == ADZE_OK || (rc == ADZE_ENOMEM && !t && err.msg[0]));
        a.left = -1;
        az_target_free(run, t);
    }
    run->alloc = a.inner;
}

static void names_what_is_missing(void **state)
{
    adze_error err = { .msg = "" };
    az_target *t = NULL;

    assert_int_equal(az_target_load(&t, *state, "no-such-device", &err), ADZE_ENOENT);
    assert_null(t);
    assert_string_equal(err.name, "no-such-device");
    assert_int_equal(az_target_load(&t, *state, "Bad Name", &err), ADZE_EINVAL);
    assert_int_equal(az_target_load(&t, *state, "./nowhere.yaml", &err), ADZE_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_every_declared_device),
        cmocka_unit_test(reads_figures_with_their_origin),
        cmocka_unit_test(refuses_defects_and_names_the_place),
        cmocka_unit_test(says_at_which_byte),
        cmocka_unit_test(survives_every_truncation),
        cmocka_unit_test(refuses_a_key_given_twice),
        cmocka_unit_test(survives_random_edits),
        cmocka_unit_test(survives_a_refused_allocation),
        cmocka_unit_test(names_what_is_missing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
