/* Converting: what is written is what was read; the same bytes for any number of threads; interrupted runs are
 * taken up again; failing disks, folders and allocations give an error and leave the old file alone. */
#include "fixture.h"

#include <errno.h>

#include <adze/session.h>
#include "core/half.h"

static az_convert_opts recipe(const char *name)
{
    return (az_convert_opts){ .to = "gguf", .recipe = name };
}

static void convert(const char *src, const char *dst, const char *name)
{
    az_convert_opts opts = recipe(name);
    adze_error err = { 0 };

    if (az_convert(fx_run, src, dst, &opts, NULL, &err) < 0) fail_msg("%s: %s", dst, err.msg);
}

static void assert_same_files(const char *a, const char *b)
{
    size_t n, k;
    char *x = fx_read(a, &n), *y = fx_read(b, &k);

    assert_int_equal(n, k);
    assert_memory_equal(x, y, n);
    az_free(fx_run, x);
    az_free(fx_run, y);
}

static adze_model *open_model(const char *path)
{
    adze_error err = { 0 };
    adze_model *m;

    if (adze_model_open(&m, fx_run, path, &err) < 0) fail_msg("%s: %s", path, err.msg);
    return m;
}

static void *bytes_of(const adze_model *m, const char *name, const az_tensor **t)
{
    adze_error err = { 0 };
    void *data;

    *t = az_model_tensor(m, name);
    if (!*t) fail_msg("no tensor %s", name);
    data = az_alloc(fx_run, (size_t)(*t)->size_bytes);
    assert_int_equal(az_model_read(m, *t, 0, data, (size_t)(*t)->size_bytes, &err), ADZE_OK);
    return data;
}

static void keeps_weights(void **state)
{
    const az_tensor *t, *u;
    adze_model *a, *b;
    uint16_t *x, *y;
    float *f;

    (void)state;
    convert(fx_path("good"), fx_path("keep.gguf"), NULL);
    a = open_model(fx_path("good"));
    b = open_model(fx_path("keep.gguf"));
    x = bytes_of(a, "model.layers.0.mlp.up_proj.weight", &t);
    y = bytes_of(b, "blk.0.ffn_up.weight", &u);
    assert_int_equal(u->type, AZ_BF16);
    assert_int_equal(u->shape[0], 128);
    assert_int_equal(u->shape[1], 64);
    assert_memory_equal(x, y, t->size_bytes);
    az_free(fx_run, x);
    az_free(fx_run, y);
    /* Two query heads of 32 rows: row 2j+s of a head is the source's row 16s+j. */
    x = bytes_of(a, "model.layers.0.self_attn.q_proj.weight", &t);
    y = bytes_of(b, "blk.0.attn_q.weight", &u);
    for (size_t r = 0; r < 64; r++) {
        size_t from = r / 32 * 32 + r % 2 * 16 + r % 32 / 2;
        assert_memory_equal(y + r * 64, x + from * 64, 128);
    }
    az_free(fx_run, x);
    az_free(fx_run, y);
    x = bytes_of(a, "model.norm.weight", &t);
    f = bytes_of(b, "output_norm.weight", &u);
    assert_int_equal(u->type, AZ_F32);
    for (size_t i = 0; i < 64; i++)
        assert_true(f[i] == az_bf16_to_f32(x[i]));
    az_free(fx_run, x);
    az_free(fx_run, f);
    assert_non_null(az_model_tensor(b, "rope_freqs.weight"));
    adze_model_close(a);
    adze_model_close(b);
}

static void keeps_tokenizer_and_template(void **state)
{
    static const char text[] =
        "The rain in <|begin_of_text|>Spain 12345 don't\n\n  \xc3\xa9t\xc3\xa9 \xe4\xbd\xa0";
    adze_error err = { 0 };
    adze_model *m[2];
    adze_tokenizer *t;
    int32_t *ids[2];
    size_t n[2];

    (void)state;
    convert(fx_path("good"), fx_path("keep.gguf"), "q8_0");
    m[0] = open_model(fx_path("good"));
    m[1] = open_model(fx_path("keep.gguf"));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(adze_tokenizer_new(&t, fx_run, m[i], &err), ADZE_OK);
        assert_int_equal(adze_tokenize(t, text, strlen(text), 1, &ids[i], &n[i], &err), ADZE_OK);
        adze_tokenizer_free(t);
    }
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(ids[0], ids[1], n[0] * sizeof *ids[0]);
    assert_int_equal(m[0]->chat_template_n, m[1]->chat_template_n);
    assert_memory_equal(m[0]->chat_template, m[1]->chat_template, m[0]->chat_template_n);
    assert_true(json_equal(m[0]->generation_config, m[1]->generation_config));
    for (int i = 0; i < 2; i++) {
        az_free(fx_run, ids[i]);
        adze_model_close(m[i]);
    }
}

/* GGUF to GGUF copies keys that adze does not know, and bytes. */
static void copies_gguf(void **state)
{
    adze_error err = { 0 };
    az_plan *plan;
    adze_model *m;
    int64_t v;

    (void)state;
    m = open_model(fx_path("good"));
    assert_int_equal(az_format_find("gguf")->plan(fx_run, m, az_recipe_find("q8_0"), &plan, &err),
                     ADZE_OK);
    assert_true(az_kv_put_u32(&plan->kv, "somebody.else", 77));
    assert_int_equal(plan->format->write(fx_run, plan, fx_path("first.gguf"), &err), ADZE_OK);
    az_plan_free(plan);
    adze_model_close(m);
    convert(fx_path("first.gguf"), fx_path("second.gguf"), NULL);
    assert_same_files(fx_path("first.gguf"), fx_path("second.gguf"));
    convert(fx_path("second.gguf"), fx_path("third.gguf"), "q4_0");
    m = open_model(fx_path("third.gguf"));
    assert_true(az_kv_int(&m->kv, "somebody.else", &v));
    assert_int_equal(v, 77);
    assert_true(az_kv_int(&m->kv, "general.file_type", &v));
    assert_int_equal(v, 2);
    assert_int_equal(az_model_tensor(m, "blk.0.ffn_up.weight")->type, AZ_Q4_0);
    adze_model_close(m);
}

static void is_the_same_for_any_threads(void **state)
{
    static const char *const recipes[] = { "q8_0", "q4_0", "f16", "q4_k_m" };
    adze_run *first = fx_run, *one;
    adze_error err = { 0 };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(recipes); i++) {
        convert(fx_path("good"), fx_path("many.gguf"), recipes[i]);
        assert_int_equal(adze_run_new(&one, &(adze_run_opts){ .threads = 1 }, &err), ADZE_OK);
        fx_run = one;
        convert(fx_path("good"), fx_path("one.gguf"), recipes[i]);
        fx_run = first;
        assert_same_files(fx_path("one.gguf"), fx_path("many.gguf"));
        adze_run_free(one);
    }
}

/* Cancels its run when `left` steps of progress have been seen. */
typedef struct stopper {
    adze_run *run;
    int left;
} stopper;

static void on_progress(void *user, const adze_progress *p)
{
    stopper *s = user;

    (void)p;
    if (s->left-- == 0) adze_run_cancel(s->run);
}

/* Run until `steps` outputs are done, then be interrupted. */
static void interrupted(int steps)
{
    stopper s = { NULL, steps };
    adze_run_opts ro = { .threads = 1, .progress = on_progress, .user = &s };
    az_convert_opts opts = recipe("q8_0");
    adze_error err = { 0 };

    assert_int_equal(adze_run_new(&s.run, &ro, &err), ADZE_OK);
    assert_int_equal(az_convert(s.run, fx_path("good"), fx_path("out.gguf"), &opts, NULL, &err),
                     ADZE_ECANCEL);
    adze_run_free(s.run);
    assert_false(az_exists(fx_run, fx_path("out.gguf")));
    assert_int_equal(fx_count("out.gguf"), 2); /* part and journal */
}

static void damage_part(void)
{
    adze_error err = { 0 };
    char **names;
    size_t n;

    assert_int_equal(az_list_dir(fx_run, fx_root, &names, &n, &err), ADZE_OK);
    for (size_t i = 0; i < n; i++) {
        size_t size, len = strlen(names[i]);
        char *text;
        if (len < 5 || strcmp(names[i] + len - 5, ".part") != 0) continue;
        text = fx_read(fx_path(names[i]), &size);
        for (size_t k = 0; k < size; k += 97)
            text[k] ^= 1;
        fx_write(fx_path(names[i]), text, size);
        az_free(fx_run, text);
    }
    az_free_names(fx_run, names, n);
}

static void takes_up_interrupted_runs(void **state)
{
    az_convert_opts opts = recipe("q8_0");
    adze_error err = { 0 };
    az_convert_result r;

    (void)state;
    convert(fx_path("good"), fx_path("whole.gguf"), "q8_0");
    for (int steps = 0; steps < 10; steps += 3) {
        for (int damaged = 0; damaged < 2; damaged++) {
            interrupted(steps);
            if (damaged) damage_part();
            assert_int_equal(az_convert(fx_run, fx_path("good"), fx_path("out.gguf"), &opts, &r,
                                        &err),
                             ADZE_OK);
            assert_true(damaged ? r.resumed_bytes < r.bytes / 2 : r.resumed_bytes > 0);
            assert_same_files(fx_path("out.gguf"), fx_path("whole.gguf"));
            assert_int_equal(fx_count("out.gguf"), 1);
            unlink(fx_path("out.gguf"));
        }
    }
}

/* A second writer of the same file, in the middle of the first, is told to wait and harms nothing. */
static void second_writer(void *user, const adze_progress *p)
{
    adze_status *rc = user;
    az_convert_opts opts = recipe("q8_0");
    adze_error err = { 0 };

    (void)p;
    if (*rc != ADZE_OK) return;
    *rc = az_convert(fx_run, fx_path("good"), fx_path("out.gguf"), &opts, NULL, &err);
    assert_non_null(strstr(err.msg, "another process is writing"));
}

static void refuses_a_second_writer(void **state)
{
    adze_status second = ADZE_OK;
    adze_run_opts ro = { .threads = 1, .progress = second_writer, .user = &second };
    az_convert_opts opts = recipe("q8_0");
    adze_error err = { 0 };
    adze_run *run;

    (void)state;
    convert(fx_path("good"), fx_path("whole.gguf"), "q8_0");
    assert_int_equal(adze_run_new(&run, &ro, &err), ADZE_OK);
    assert_int_equal(az_convert(run, fx_path("good"), fx_path("out.gguf"), &opts, NULL, &err),
                     ADZE_OK);
    adze_run_free(run);
    assert_int_equal(second, ADZE_EIO);
    assert_same_files(fx_path("out.gguf"), fx_path("whole.gguf"));
    assert_int_equal(fx_count("out.gguf"), 1);
}

/* --- faults ---------------------------------------------------------------------------------------------- */

static struct {
    az_io_fns real;
    int fail_pwrite, fail_pread, fail_fsync, fail_rename, fail_create; /* count down; errno below */
    int error;
    uint64_t free_bytes; /* 0: as it is */
} faults;

static bool hit(int *counter)
{
    return *counter > 0 && --*counter == 0;
}

static int64_t bad_pwrite(void *user, int fd, const void *src, size_t n, uint64_t at)
{
    if (hit(&faults.fail_pwrite)) {
        faults.fail_pwrite = 1; /* a full disk stays full */
        return -faults.error;
    }
    return faults.real.pwrite(user, fd, src, n > 1000 ? n / 2 : n, at); /* short writes too */
}

static int64_t bad_pread(void *user, int fd, void *dst, size_t n, uint64_t at)
{
    if (hit(&faults.fail_pread)) return -faults.error;
    return faults.real.pread(user, fd, dst, n > 1000 ? n / 2 : n, at);
}

static int bad_fsync(void *user, int fd)
{
    return hit(&faults.fail_fsync) ? -faults.error : faults.real.fsync(user, fd);
}

static int bad_rename(void *user, const char *from, const char *to)
{
    return hit(&faults.fail_rename) ? -faults.error : faults.real.rename(user, from, to);
}

static int bad_open(void *user, int dirfd, const char *path, enum az_open_mode mode)
{
    if (mode != AZ_OPEN_READ && mode != AZ_OPEN_DIR && hit(&faults.fail_create))
        return -faults.error;
    return faults.real.open(user, dirfd, path, mode);
}

static int bad_space(void *user, const char *path, az_space *sp)
{
    int rc = faults.real.space(user, path, sp);

    if (faults.free_bytes) sp->free_bytes = faults.free_bytes;
    return rc;
}

/* Convert over an old file with the faults that are set: an error of `want` that says `says`, or success. */
static adze_status convert_with_faults(const char *what, const char *says)
{
    az_convert_opts opts = recipe("q8_0");
    adze_error err = { .pos = ADZE_NOPOS };
    adze_run *run;
    adze_status rc;
    char line[1200], *old;
    size_t n;

    unlink(fx_path("out.gguf"));
    fx_write(fx_path("out.gguf"), "old", 3);
    assert_int_equal(adze_run_new(&run, &(adze_run_opts){ .threads = 1 }, &err), ADZE_OK);
    faults.real = run->io;
    run->io.pwrite = bad_pwrite;
    run->io.pread = bad_pread;
    run->io.fsync = bad_fsync;
    run->io.rename = bad_rename;
    run->io.open = bad_open;
    run->io.space = bad_space;
    rc = az_convert(run, fx_path("good"), fx_path("out.gguf"), &opts, NULL, &err);
    adze_run_free(run);
    adze_error_text(&err, line, sizeof line);
    assert_int_equal(fx_count("out.gguf"), 1); /* no part, no journal */
    if (rc == ADZE_OK) {
        assert_same_files(fx_path("out.gguf"), fx_path("whole.gguf"));
        return rc;
    }
    if (!strstr(line, says)) fail_msg("%s: \"%s\" does not say \"%s\"", what, line, says);
    if (!err.path[0]) fail_msg("%s: no path: %s", what, line);
    old = fx_read(fx_path("out.gguf"), &n);
    if (n != 3 || memcmp(old, "old", 3) != 0) fail_msg("%s: the old file was changed", what);
    az_free(fx_run, old);
    return rc;
}

static void reset_faults(int error)
{
    memset(&faults, 0, sizeof faults);
    faults.error = error;
}

static void survives_failing_disks(void **state)
{
    int k;

    (void)state;
    convert(fx_path("good"), fx_path("whole.gguf"), "q8_0");
    reset_faults(0);
    faults.free_bytes = 1000;
    assert_int_equal(convert_with_faults("no space", "bytes, the disk has 1000 free"), ADZE_EIO);
    for (k = 1; k < 200; k++) {
        reset_faults(ENOSPC);
        faults.fail_pwrite = k;
        if (convert_with_faults("full disk", "No space left") == ADZE_OK) break;
    }
    assert_in_range(k, 10, 199);
    for (k = 1; k < 500; k++) {
        reset_faults(EIO);
        faults.fail_pread = k;
        if (convert_with_faults("failing disk", "Input/output error") == ADZE_OK) break;
    }
    assert_in_range(k, 10, 499);
    reset_faults(EIO);
    faults.fail_fsync = 1;
    assert_int_equal(convert_with_faults("failing flush", "Input/output error"), ADZE_EIO);
    reset_faults(EACCES);
    faults.fail_rename = 1;
    assert_int_equal(convert_with_faults("failing rename", "rename"), ADZE_EIO);
    for (k = 1; k < 3; k++) {
        reset_faults(EACCES);
        faults.fail_create = k;
        assert_int_equal(convert_with_faults("unwritable folder", "Permission denied"), ADZE_EIO);
    }
    reset_faults(EROFS);
    faults.fail_create = 1;
    assert_int_equal(convert_with_faults("read-only disk", "Read-only"), ADZE_EIO);
}

static struct {
    az_alloc_fns real;
    int left;
} memory;

static void *bad_alloc(void *user, size_t n)
{
    if (hit(&memory.left)) {
        memory.left = 1;
        return NULL;
    }
    return memory.real.alloc(user, n);
}

static void survives_failing_allocations(void **state)
{
    az_convert_opts opts = recipe("q8_0");
    adze_status rc = ADZE_ENOMEM;
    int k;

    (void)state;
    unlink(fx_path("out.gguf"));
    for (k = 1; rc != ADZE_OK && k < 3000; k += 1 + k / 40) {
        adze_error err = { .pos = ADZE_NOPOS };
        adze_run *run;
        assert_int_equal(adze_run_new(&run, &(adze_run_opts){ .threads = 1 }, &err), ADZE_OK);
        memory.real = run->alloc;
        memory.left = k;
        run->alloc.alloc = bad_alloc;
        rc = az_convert(run, fx_path("good"), fx_path("out.gguf"), &opts, NULL, &err);
        run->alloc = memory.real;
        adze_run_free(run);
        if (rc == ADZE_OK) break;
        if (rc != ADZE_ENOMEM) fail_msg("allocation %d: status %d %s", k, rc, err.msg);
        assert_int_equal(fx_count("out.gguf"), 0);
    }
    assert_int_equal(rc, ADZE_OK);
    assert_true(k > 50);
}

static void inspects_within_bounds(void **state)
{
    adze_error err = { 0 };
    uint64_t before, after;
    adze_model *m;

    (void)state;
    before = az_now_ns(fx_run);
    assert_int_equal(az_model_open(&m, fx_run, fx_path("good"), AZ_READ_NO_TOKENIZER, &err),
                     ADZE_OK);
    after = az_now_ns(fx_run);
    assert_null(m->tok.hf);
    assert_non_null(m->chat_template);
    assert_string_equal(adze_model_format(m), "hf");
    assert_true(after - before < 5000000000u);
    adze_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_weights),
        cmocka_unit_test(keeps_tokenizer_and_template),
        cmocka_unit_test(copies_gguf),
        cmocka_unit_test(is_the_same_for_any_threads),
        cmocka_unit_test(takes_up_interrupted_runs),
        cmocka_unit_test(refuses_a_second_writer),
        cmocka_unit_test(survives_failing_disks),
        cmocka_unit_test(survives_failing_allocations),
        cmocka_unit_test(inspects_within_bounds),
    };

    return cmocka_run_group_tests(tests, fx_start, fx_stop);
}
