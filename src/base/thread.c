/* The thread pool. Workers wait on a generation counter: a short spin, then a condition variable.
 *
 * A team call publishes (fn, arg), bumps the generation and runs as thread 0; each worker runs once per
 * generation and counts itself done. The barrier is a sense-reversing counter with the same spin.
 */
#include "base/thread.h"
#include "base/compiler.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#if AZ_X86_64
#include <immintrin.h>
#define relax() _mm_pause()
#else
#define relax() sched_yield()
#endif

#define SPINS       4000 /* about 50 us before parking */
#define SPINS_YIELD 1000 /* then let others run: a peer may be waiting for this very core */

typedef struct worker {
    az_pool *pool;
    int index;
    pthread_t thread;
} worker;

struct az_pool {
    adze_run *run;
    int threads, started;
    worker *workers; /* [threads - 1] */
    pthread_mutex_t lock, busy;
    pthread_cond_t wake;
    atomic_uint generation;
    atomic_int sleeping, left, quit;
    az_team_fn *fn;
    void *arg;
    atomic_int bar_count;
    atomic_uint bar_sense;
};

/* The loops that this thread is in, innermost first; so that a nested call is known, through any number of
 * other pools. */
typedef struct frame {
    const az_pool *pool;
    bool alone; /* not with the other threads of the pool */
    const struct frame *outer;
} frame;
static _Thread_local const frame *inside;

static const frame *frame_of(const az_pool *p)
{
    const frame *f = inside;

    while (f && f->pool != p)
        f = f->outer;
    return f;
}

static void wait_generation(az_pool *p, unsigned seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&p->generation, memory_order_acquire) != seen) return;
        relax();
    }
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleeping, 1);
    while (atomic_load(&p->generation) == seen)
        pthread_cond_wait(&p->wake, &p->lock);
    atomic_fetch_sub(&p->sleeping, 1);
    pthread_mutex_unlock(&p->lock);
}

static void *worker_main(void *arg)
{
    worker *w = arg;
    az_pool *p = w->pool;
    const frame own = { p, false, NULL };
    unsigned seen = 0;

    inside = &own;
    for (;;) {
        wait_generation(p, seen);
        seen++;
        if (atomic_load(&p->quit)) return NULL;
        p->fn(p->arg, w->index, p->threads);
        atomic_fetch_sub_explicit(&p->left, 1, memory_order_release);
    }
}

static void next_generation(az_pool *p)
{
    atomic_fetch_add(&p->generation, 1);
    if (atomic_load(&p->sleeping)) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
}

/* Start a worker that leaves the program's signals (Ctrl-C, a child's end) to the threads that wait for them; those
 * that a thread's own instructions raise stay. */
static bool start_worker(worker *w)
{
    static const int own[] = { SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGABRT };
    sigset_t mask, old;
    bool ok;

    sigfillset(&mask);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(&mask, own[i]);
    pthread_sigmask(SIG_BLOCK, &mask, &old);
    ok = pthread_create(&w->thread, NULL, worker_main, w) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return ok;
}

adze_status az_pool_new(az_pool **out, adze_run *run, int threads, adze_error *err)
{
    az_pool *p;

    *out = NULL;
    p = az_calloc(run, 1, sizeof *p);
    if (!p) return az_fail_nomem(err, "making a thread pool");
    p->run = run;
    p->threads = threads > 1 ? threads : 1;
    p->workers = az_calloc(run, (size_t)p->threads, sizeof *p->workers);
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->busy, NULL);
    pthread_cond_init(&p->wake, NULL);
    for (int i = 1; p->workers && i < p->threads; i++) {
        worker *w = &p->workers[i - 1];
        *w = (worker){ .pool = p, .index = i };
        if (!start_worker(w)) break;
        p->started++;
    }
    if (!p->workers || p->started != p->threads - 1) {
        az_pool_free(p);
        return az_fail(err, ADZE_ENOMEM, NULL, ADZE_NOPOS, "cannot start %d threads", threads);
    }
    *out = p;
    return ADZE_OK;
}

void az_pool_free(az_pool *p)
{
    if (!p) return;
    atomic_store(&p->quit, 1);
    next_generation(p);
    for (int i = 0; i < p->started; i++)
        pthread_join(p->workers[i].thread, NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->busy);
    pthread_cond_destroy(&p->wake);
    az_free(p->run, p->workers);
    az_free(p->run, p);
}

int az_pool_threads(const az_pool *p)
{
    return p->threads;
}

void az_pool_team(az_pool *p, az_team_fn *fn, void *arg)
{
    frame own = { p, false, inside };

    /* Alone: a pool of one, a nested call, or a pool that is busy with another thread's loop, which may
     * itself be waiting for this thread. */
    if (p->threads == 1 || frame_of(p) || pthread_mutex_trylock(&p->busy) != 0) {
        own.alone = true;
        inside = &own;
        fn(arg, 0, 1);
        inside = own.outer;
        return;
    }
    p->fn = fn;
    p->arg = arg;
    atomic_store(&p->left, p->threads - 1);
    inside = &own;
    next_generation(p);
    fn(arg, 0, p->threads);
    for (int i = 0; atomic_load_explicit(&p->left, memory_order_acquire); i++) {
        if (i < SPINS_YIELD)
            relax();
        else
            sched_yield();
    }
    inside = own.outer;
    pthread_mutex_unlock(&p->busy);
}

void az_pool_barrier(az_pool *p)
{
    const frame *f = frame_of(p);
    unsigned sense;

    if (!f || f->alone) return;
    sense = atomic_load_explicit(&p->bar_sense, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&p->bar_count, 1, memory_order_acq_rel) == p->threads - 1) {
        atomic_store_explicit(&p->bar_count, 0, memory_order_relaxed);
        atomic_store_explicit(&p->bar_sense, sense + 1, memory_order_release);
        return;
    }
    for (int i = 0; atomic_load_explicit(&p->bar_sense, memory_order_acquire) == sense; i++) {
        if (i < SPINS_YIELD)
            relax();
        else
            sched_yield();
    }
}

void az_spin_until(const atomic_size_t *v, size_t want)
{
    for (int i = 0; atomic_load_explicit(v, memory_order_acquire) != want; i++) {
        if (i < SPINS_YIELD)
            relax();
        else
            sched_yield();
    }
}

typedef struct loop {
    az_parallel_fn *fn;
    void *arg;
    size_t n;
    atomic_size_t next;
} loop;

static void loop_body(void *arg, int thread, int threads)
{
    loop *l = arg;
    size_t i;

    (void)threads;
    while ((i = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed)) < l->n)
        l->fn(l->arg, i, thread);
}

void az_pool_parallel(az_pool *p, size_t n, az_parallel_fn *fn, void *arg)
{
    loop l = { .fn = fn, .arg = arg, .n = n };

    if (n == 1)
        fn(arg, 0, 0);
    else if (n)
        az_pool_team(p, loop_body, &l);
}

void az_parallel(adze_run *run, size_t n, az_parallel_fn *fn, void *arg)
{
    az_pool_parallel(run->pool, n, fn, arg);
}
