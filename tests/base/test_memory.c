/* Memory: the budget and its exact peak, arenas, buffers, checked arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/thread.h"

static adze_run *new_run(uint64_t budget, int threads)
{
    adze_run_opts o = { .threads = threads, .memory_bytes = budget };
    adze_run *run = NULL;
    adze_error err;

    assert_int_equal(adze_run_new(&run, &o, &err), ADZE_OK);
    return run;
}

static void budget_and_peak_are_exact(void **state)
{
    adze_run *run = new_run(1 << 20, 1);
    uint64_t base = run->used_bytes, room = (1 << 20) - base;
    void *a, *b, *c;

    (void)state;
    a = az_alloc(run, 1000);
    b = az_alloc(run, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(run->used_bytes, base + 1000);
    c = az_alloc(run, room - 1000);
    assert_non_null(c);
    assert_int_equal(run->peak_bytes, 1 << 20);
    assert_null(az_alloc(run, 1)); /* the budget is spent to the byte */
    assert_int_equal(run->used_bytes, 1 << 20);
    assert_int_equal(run->peak_bytes, 1 << 20); /* a refusal is no use of memory */
    az_free(run, c);
    az_free(run, a);
    az_free(run, b);
    az_free(run, NULL);
    assert_int_equal(run->used_bytes, base);
    assert_int_equal(run->peak_bytes, 1 << 20);
    adze_run_free(run);
}

static void sizes_that_overflow_are_refused(void **state)
{
    adze_run *run = new_run(0, 1);
    uint64_t base = run->used_bytes;
    char *p = az_strdup(run, "kept");

    (void)state;
    assert_null(az_alloc(run, SIZE_MAX));
    assert_null(az_alloc(run, SIZE_MAX / 2 + 1));
    assert_null(az_calloc(run, SIZE_MAX / 8, 16));
    assert_null(az_calloc(run, (size_t)1 << 33, (size_t)1 << 33));
    assert_null(az_realloc(run, p, SIZE_MAX - 3));
    assert_string_equal(p, "kept"); /* still valid after a failed realloc */
    assert_null(az_strndup(run, "x", SIZE_MAX));
    az_free(run, p);
    assert_int_equal(run->used_bytes, base);
    adze_run_free(run);
}

static void realloc_keeps_contents_and_alignment(void **state)
{
    adze_run *run = new_run(0, 1);
    unsigned char *p = NULL;

    (void)state;
    for (size_t n = 1; n < 100000; n = n * 3 + 1) {
        p = az_realloc(run, p, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < n / 3; i++)
            assert_int_equal(p[i], (unsigned char)(i * 7));
        for (size_t i = 0; i < n; i++)
            p[i] = (unsigned char)(i * 7);
    }
    p = az_realloc(run, p, 5);
    assert_int_equal(p[4], 28);
    az_free(run, p);
    adze_run_free(run);
}

/* Many threads at a budget that fits half of them: the sum never passes it, and it all comes back. */
typedef struct crowd {
    adze_run *run;
    atomic_int got, refused;
} crowd;

static void take_and_give(void *arg, size_t i, int thread)
{
    crowd *c = arg;

    (void)thread;
    for (int k = 0; k < 200; k++) {
        void *p = az_alloc(c->run, 3000 + i);
        if (p)
            atomic_fetch_add(&c->got, 1);
        else
            atomic_fetch_add(&c->refused, 1);
        az_free(c->run, p);
    }
}

static void budget_holds_between_threads(void **state)
{
    adze_run *run = new_run(0, 4);
    uint64_t base = run->used_bytes;
    crowd c = { .run = run };

    (void)state;
    run->opts.memory_bytes = base + 7000;
    az_parallel(run, 16, take_and_give, &c);
    assert_int_equal(run->used_bytes, base);
    assert_true(run->peak_bytes <= base + 7000);
    assert_int_equal(c.got + c.refused, 16 * 200);
    assert_true(c.got > 0);
    adze_run_free(run);
}

static void arena_zeroes_aligns_and_frees_all(void **state)
{
    adze_run *run = new_run(0, 1);
    uint64_t base = run->used_bytes;
    az_arena a;
    char *text;

    (void)state;
    az_arena_init(&a, run);
    for (size_t i = 0; i < 3000; i++) {
        unsigned char *p = az_arena_alloc(&a, i);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t k = 0; k < i; k++)
            assert_int_equal(p[k], 0);
        memset(p, 0xaa, i);
    }
    text = az_arena_text(&a, 2);
    assert_ptr_equal(az_arena_text(&a, 2), text + 3); /* packed, NUL and all */
    assert_int_equal((uintptr_t)az_arena_alloc(&a, 1) % 16, 0);
    assert_string_equal(az_arena_strdup(&a, "text"), "text");
    assert_string_equal(az_arena_strndup(&a, "text", 2), "te");
    assert_string_equal(az_arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    assert_non_null(az_arena_alloc(&a, (size_t)5 << 20)); /* larger than any chunk */
    assert_null(az_arena_array(&a, SIZE_MAX / 4, 8));
    assert_null(az_arena_alloc(&a, SIZE_MAX));
    assert_null(az_arena_alloc(&a, SIZE_MAX - 7));
    assert_null(az_arena_text(&a, SIZE_MAX));
    assert_null(az_arena_strndup(&a, "x", SIZE_MAX));
    run->opts.memory_bytes = run->used_bytes + 100;
    assert_null(az_arena_alloc(&a, 8 << 20));
    run->opts.memory_bytes = 0;
    az_arena_deinit(&a);
    assert_int_equal(run->used_bytes, base);
    adze_run_free(run);
}

static void buffer_grows_and_failure_sticks(void **state)
{
    adze_run *run = new_run(0, 1);
    uint64_t base = run->used_bytes;
    char *text;
    az_buf b;

    (void)state;
    az_buf_init(&b, run);
    for (int i = 0; i < 1000; i++)
        az_buf_printf(&b, "%d,", i);
    az_buf_puts(&b, "end");
    az_buf_putc(&b, '!');
    az_buf_put(&b, "", 0);
    assert_true(az_buf_ok(&b));
    assert_int_equal(b.size, 3890 + 4);
    assert_int_equal(strlen(b.data), b.size);
    assert_string_equal(b.data + b.size - 8, "999,end!");

    assert_null(az_buf_grow(&b, SIZE_MAX)); /* must not wrap */
    assert_false(az_buf_ok(&b));
    az_buf_puts(&b, "more");
    assert_int_equal(b.size, 3894); /* nothing is added after a failure */
    assert_null(az_buf_take(&b));
    az_buf_clear(&b);
    assert_true(az_buf_ok(&b));
    assert_null(az_buf_grow(&b, SIZE_MAX - 1));
    az_buf_clear(&b);

    b.max = 10;
    az_buf_puts(&b, "0123456789");
    assert_true(az_buf_ok(&b));
    az_buf_putc(&b, 'x');
    assert_false(az_buf_ok(&b));
    assert_string_equal(b.data, "0123456789");
    az_buf_clear(&b);
    b.max = 0;
    run->opts.memory_bytes = run->used_bytes + 1;
    az_buf_grow(&b, 1 << 20);
    assert_false(az_buf_ok(&b)); /* refused memory */
    run->opts.memory_bytes = 0;
    az_buf_clear(&b);
    text = az_buf_take(&b);
    assert_string_equal(text, "");
    az_free(run, text);
    az_buf_deinit(&b);
    text = az_buf_take(&b); /* of a buffer that was never used */
    assert_string_equal(text, "");
    az_free(run, text);
    assert_int_equal(run->used_bytes, base);
    adze_run_free(run);
}

static void checked_arithmetic(void **state)
{
    uint64_t v;
    size_t s;

    (void)state;
    assert_true(az_add_u64(UINT64_MAX - 1, 1, &v) && v == UINT64_MAX);
    assert_false(az_add_u64(UINT64_MAX, 1, &v));
    assert_false(az_add_u64(1, UINT64_MAX, &v));
    assert_true(az_mul_u64(0, UINT64_MAX, &v) && v == 0);
    assert_true(az_mul_u64(UINT64_MAX, 0, &v) && v == 0);
    assert_true(az_mul_u64((uint64_t)1 << 32, ((uint64_t)1 << 32) - 1, &v));
    assert_false(az_mul_u64((uint64_t)1 << 32, (uint64_t)1 << 32, &v));
    assert_false(az_mul_u64(UINT64_MAX, UINT64_MAX, &v));
    assert_true(az_mul_size(1, SIZE_MAX, &s) && s == SIZE_MAX);
    assert_false(az_mul_size(2, SIZE_MAX / 2 + 1, &s));
    assert_true(az_align_u64(0, 32, &v) && v == 0);
    assert_true(az_align_u64(1, 32, &v) && v == 32);
    assert_true(az_align_u64(32, 32, &v) && v == 32);
    assert_true(az_align_u64(UINT64_MAX - 31, 32, &v) && v == UINT64_MAX - 31);
    assert_false(az_align_u64(UINT64_MAX - 30, 32, &v));
    assert_true(az_align_u64(17, 1, &v) && v == 17);
}

/* Refuse the n-th allocation; counts them. */
typedef struct failing {
    int left;
} failing;

static void *failing_alloc(void *user, size_t n)
{
    failing *f = user;

    return f->left-- > 0 ? aligned_alloc(64, (n + 63) & ~(size_t)63) : NULL;
}

static void failing_free(void *user, void *p)
{
    (void)user;
    free(p);
}

static void refused_memory_at_any_point_leaks_nothing(void **state)
{
    adze_run *run = new_run(0, 1);
    az_alloc_fns kept = run->alloc;
    uint64_t base = run->used_bytes;
    failing f;

    (void)state;
    run->alloc = (az_alloc_fns){ failing_alloc, failing_free, &f };
    for (int n = 0; n < 40; n++) {
        az_arena a;
        az_buf b;
        char *s;
        f.left = n;
        az_arena_init(&a, run);
        az_buf_init(&b, run);
        for (int i = 0; i < 10; i++) {
            az_arena_printf(&a, "%0*d", 1000 * i, i);
            az_buf_printf(&b, "%0*d", 1000 * i, i);
        }
        s = az_buf_take(&b);
        az_free(run, s);
        az_buf_deinit(&b);
        az_arena_deinit(&a);
        assert_int_equal(run->used_bytes, base);
    }
    run->alloc = kept;
    adze_run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget_and_peak_are_exact),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(realloc_keeps_contents_and_alignment),
        cmocka_unit_test(budget_holds_between_threads),
        cmocka_unit_test(arena_zeroes_aligns_and_frees_all),
        cmocka_unit_test(buffer_grows_and_failure_sticks),
        cmocka_unit_test(checked_arithmetic),
        cmocka_unit_test(refused_memory_at_any_point_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
