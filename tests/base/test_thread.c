/* The thread pool: every index once, barriers, nested loops, loops of several threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/thread.h"

enum { MAX_THREADS = 8, INDICES = 10007, STAGES = 60 };

static adze_run *new_run(int threads)
{
    adze_run_opts o = { .threads = threads };
    adze_run *run = NULL;
    adze_error err;

    assert_int_equal(adze_run_new(&run, &o, &err), ADZE_OK);
    return run;
}

typedef struct marks {
    atomic_int at[INDICES];
    atomic_int bad_thread;
    int threads;
} marks;

static void mark(void *arg, size_t i, int thread)
{
    marks *m = arg;

    atomic_fetch_add(&m->at[i], 1);
    if (thread < 0 || thread >= m->threads) atomic_store(&m->bad_thread, 1);
}

static void parallel_covers_each_index_once(void **state)
{
    static const size_t sizes[] = { 0, 1, 2, 7, 8, 9, 100, INDICES };
    marks *m = malloc(sizeof *m);

    (void)state;
    for (int threads = 1; threads <= MAX_THREADS; threads++) {
        adze_run *run = new_run(threads);
        assert_int_equal(az_pool_threads(run->pool), threads);
        for (size_t k = 0; k < AZ_COUNT(sizes); k++) {
            memset(m, 0, sizeof *m);
            m->threads = threads;
            az_parallel(run, sizes[k], mark, m);
            for (size_t i = 0; i < INDICES; i++)
                assert_int_equal(m->at[i], i < sizes[k]);
            assert_int_equal(m->bad_thread, 0);
        }
        adze_run_free(run);
    }
    free(m);
}

/* In every stage each thread writes its slot and, after the barrier, sees everyone's. */
typedef struct stages {
    az_pool *pool;
    int slot[MAX_THREADS], seen[MAX_THREADS];
    atomic_int wrong;
} stages;

static void staged(void *arg, int thread, int threads)
{
    stages *s = arg;

    s->seen[thread]++;
    for (int k = 1; k <= STAGES; k++) {
        s->slot[thread] = k;
        az_pool_barrier(s->pool);
        for (int t = 0; t < threads; t++)
            if (s->slot[t] != k) atomic_fetch_add(&s->wrong, 1);
        az_pool_barrier(s->pool);
    }
}

static void barriers_separate_stages(void **state)
{
    (void)state;
    for (int threads = 1; threads <= MAX_THREADS; threads++) {
        adze_run *run = new_run(threads);
        stages s = { .pool = run->pool };
        for (int again = 0; again < 3; again++)
            az_pool_team(run->pool, staged, &s);
        assert_int_equal(s.wrong, 0);
        for (int t = 0; t < threads; t++)
            assert_int_equal(s.seen[t], 3);
        adze_run_free(run);
    }
}

typedef struct nest {
    az_pool *a, *b;
    atomic_int inner, wrong;
} nest;

static void innermost(void *arg, int thread, int threads)
{
    nest *n = arg;

    if (thread != 0 || threads != 1) atomic_fetch_add(&n->wrong, 1);
    az_pool_barrier(n->a); /* alone: must not wait for threads that are elsewhere */
    atomic_fetch_add(&n->inner, 1);
}

static void through_b(void *arg, int thread, int threads)
{
    nest *n = arg;

    (void)thread;
    (void)threads;
    az_pool_team(n->a, innermost, n); /* nested in a by way of b */
}

static void inside_a(void *arg, size_t i, int thread)
{
    nest *n = arg;

    (void)i;
    (void)thread;
    az_pool_team(n->a, innermost, n);
    if (n->b) az_pool_team(n->b, through_b, n);
    az_pool_team(n->a, innermost, n); /* still known as nested after the loop of another pool */
}

static void nested_calls_run_alone(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        adze_run *one = new_run(threads);
        nest n = { .a = one->pool };
        az_parallel(one, 20, inside_a, &n);
        assert_int_equal(n.wrong, 0);
        assert_int_equal(n.inner, 40);
        adze_run_free(one);
    }
}

static void nesting_through_another_pool_ends(void **state)
{
    (void)state;
    for (int threads = 2; threads <= 4; threads++) {
        adze_run *one = new_run(threads), *two = new_run(threads);
        nest n = { .a = one->pool, .b = two->pool };
        az_parallel(one, 20, inside_a, &n);
        assert_int_equal(n.wrong, 0);
        assert_true(n.inner >= 40 + 20); /* b's threads join where b is free */
        adze_run_free(two);
        adze_run_free(one);
    }
}

typedef struct user {
    adze_run *run;
    marks *m;
} user;

static void *use_pool(void *arg)
{
    user *u = arg;

    for (int k = 0; k < 50; k++)
        az_parallel(u->run, 500, mark, u->m);
    return NULL;
}

static void threads_share_one_pool(void **state)
{
    adze_run *run = new_run(3);
    pthread_t t[4];
    user u[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        u[i] = (user){ run, calloc(1, sizeof(marks)) };
        u[i].m->threads = 3;
        assert_int_equal(pthread_create(&t[i], NULL, use_pool, &u[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
        for (size_t k = 0; k < 500; k++)
            assert_int_equal(u[i].m->at[k], 50);
        assert_int_equal(u[i].m->bad_thread, 0);
        free(u[i].m);
    }
    adze_run_free(run);
}

static void pools_come_and_go(void **state)
{
    (void)state;
    for (int k = 0; k < 200; k++) {
        adze_run *run = new_run(1 + k % MAX_THREADS);
        if (k % 3 == 0) {
            stages s = { .pool = run->pool };
            az_pool_team(run->pool, staged, &s);
            assert_int_equal(s.wrong, 0);
        }
        adze_run_free(run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parallel_covers_each_index_once),
        cmocka_unit_test(barriers_separate_stages),
        cmocka_unit_test(nested_calls_run_alone),
        cmocka_unit_test(nesting_through_another_pool_ends),
        cmocka_unit_test(threads_share_one_pool),
        cmocka_unit_test(pools_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
