/* The run context: default seams, budgeted allocation, time, randomness, cancel and progress.
 *
 * Every block carries its size in a header, so that the budget and the peak are exact for what goes
 * through the seam. xoshiro256** and splitmix64: Blackman & Vigna, https://prng.di.unimi.it (2018).
 */
#include "base/run.h"
#include "base/check.h"
#include "base/cpu.h"
#include "base/thread.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define HEADER 64 /* keeps 64-byte alignment of the payload */

typedef struct block_header {
    size_t size;
} block_header;

static void *sys_alloc(void *user, size_t n)
{
    void *p = NULL;

    (void)user;
    return posix_memalign(&p, 64, n) ? NULL : p;
}

static void sys_free(void *user, void *p)
{
    (void)user;
    free(p);
}

static uint64_t sys_mono_ns(void *user)
{
    struct timespec ts;

    (void)user;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t sys_unix_ms(void *user)
{
    struct timespec ts;

    (void)user;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

static void sys_sleep_ns(void *user, uint64_t ns)
{
    struct timespec ts = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };

    (void)user;
    nanosleep(&ts, NULL);
}

static int sys_rand(void *user, void *dst, size_t n)
{
    char *at = dst;

    (void)user;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        at += got;
        n -= (size_t)got;
    }
    return 0;
}

adze_status adze_run_new(adze_run **out, const adze_run_opts *opts, adze_error *err)
{
    adze_run *run;
    adze_status rc;

    *out = NULL;
    run = sys_alloc(NULL, sizeof *run);
    if (!run) return az_fail_nomem(err, "making a run context");
    memset(run, 0, sizeof *run);
    if (opts) run->opts = *opts;
    run->alloc = (az_alloc_fns){ sys_alloc, sys_free, NULL };
    run->clock = (az_clock_fns){ sys_mono_ns, sys_unix_ms, sys_sleep_ns, NULL };
    run->rand = (az_rand_fns){ sys_rand, NULL };
    az_io_default(&run->io);
    run->threads = run->opts.threads > 0 ? run->opts.threads : az_cpu_usable();
    rc = az_pool_new(&run->pool, run, run->threads, err);
    if (rc < 0) {
        sys_free(NULL, run);
        return rc;
    }
    *out = run;
    return ADZE_OK;
}

void adze_run_free(adze_run *run)
{
    if (!run) return;
    az_pool_free(run->pool);
    sys_free(NULL, run);
}

void adze_run_cancel(adze_run *run)
{
    atomic_store_explicit(&run->cancel, 1, memory_order_relaxed);
}

int adze_run_threads(const adze_run *run)
{
    return run->threads;
}

const char *adze_version(void)
{
    return ADZE_VERSION;
}

static void note_peak(adze_run *run, uint64_t used)
{
    uint64_t peak = atomic_load_explicit(&run->peak_bytes, memory_order_relaxed);

    while (used > peak &&
           !atomic_compare_exchange_weak_explicit(&run->peak_bytes, &peak, used,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void *az_alloc(adze_run *run, size_t n)
{
    uint64_t used = atomic_load_explicit(&run->used_bytes, memory_order_relaxed);
    uint64_t limit = run->opts.memory_bytes ? run->opts.memory_bytes : UINT64_MAX;
    char *p;

    if (n > SIZE_MAX / 2) return NULL;
    do { /* a refused block is never counted, so it cannot make another thread's fail */
        if (n > limit || used > limit - n) return NULL;
    } while (!atomic_compare_exchange_weak_explicit(&run->used_bytes, &used, used + n,
                                                    memory_order_relaxed, memory_order_relaxed));
    p = run->alloc.alloc(run->alloc.user, n + HEADER);
    if (!p) {
        atomic_fetch_sub_explicit(&run->used_bytes, n, memory_order_relaxed);
        return NULL;
    }
    note_peak(run, used + n);
    ((block_header *)(void *)p)->size = n;
    return p + HEADER;
}

void *az_calloc(adze_run *run, size_t n, size_t size)
{
    size_t total;
    void *p;

    if (!az_mul_size(n, size, &total)) return NULL;
    p = az_alloc(run, total);
    if (p) memset(p, 0, total);
    return p;
}

void *az_alloc_array(adze_run *run, size_t n, size_t size)
{
    size_t total;

    return az_mul_size(n, size, &total) ? az_alloc(run, total) : NULL;
}

void *az_realloc_array(adze_run *run, void *p, size_t n, size_t size)
{
    size_t total;

    return az_mul_size(n, size, &total) ? az_realloc(run, p, total) : NULL;
}

void *az_realloc(adze_run *run, void *p, size_t n)
{
    size_t old;
    void *q;

    if (!p) return az_alloc(run, n);
    old = ((block_header *)(void *)((char *)p - HEADER))->size;
    q = az_alloc(run, n);
    if (!q) return NULL;
    memcpy(q, p, old < n ? old : n);
    az_free(run, p);
    return q;
}

void az_free(adze_run *run, void *p)
{
    char *block;

    if (!p) return;
    block = (char *)p - HEADER;
    atomic_fetch_sub_explicit(&run->used_bytes, ((block_header *)(void *)block)->size,
                              memory_order_relaxed);
    run->alloc.free(run->alloc.user, block);
}

char *az_strndup(adze_run *run, const char *s, size_t n)
{
    char *p = n < SIZE_MAX / 2 ? az_alloc(run, n + 1) : NULL;

    if (p) {
        memcpy(p, s, n);
        p[n] = 0;
    }
    return p;
}

char *az_strdup(adze_run *run, const char *s)
{
    return az_strndup(run, s, strlen(s));
}

char *az_asprintf(adze_run *run, const char *fmt, ...)
{
    va_list ap;
    char *p;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) return NULL;
    p = az_alloc(run, (size_t)n + 1);
    if (!p) return NULL;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}

uint64_t az_now_ns(adze_run *run)
{
    return run->clock.mono_ns(run->clock.user);
}

uint64_t az_unix_ms(adze_run *run)
{
    return run->clock.unix_ms(run->clock.user);
}

void az_sleep_ns(adze_run *run, uint64_t ns)
{
    run->clock.sleep_ns(run->clock.user, ns);
}

adze_status az_random(adze_run *run, void *dst, size_t n, adze_error *err)
{
    int rc = run->rand.bytes(run->rand.user, dst, n);

    if (rc < 0) return az_fail_errno(err, NULL, "get random bytes", -rc);
    return ADZE_OK;
}

adze_status az_check_cancel(adze_run *run, adze_error *err)
{
    if (!az_cancelled(run)) return ADZE_OK;
    return az_fail(err, ADZE_ECANCEL, NULL, ADZE_NOPOS, "interrupted");
}

void az_progress(adze_run *run, const char *stage, uint64_t done, uint64_t total, const char *unit)
{
    adze_progress p = { stage, unit, done, total };

    if (run->opts.progress) run->opts.progress(run->opts.user, &p);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void az_prng_seed(az_prng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        r->s[i] = z ^ (z >> 31);
    }
}

uint64_t az_prng_u64(az_prng *r)
{
    uint64_t *s = r->s, out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return out;
}

double az_prng_unit(az_prng *r)
{
    return (double)(az_prng_u64(r) >> 11) * 0x1.0p-53;
}
