/* Measuring the ceilings: reading memory, and products without memory, by one thread and by all.
 *
 * Each figure is the median of several short windows taken round by round, so that a disturbance hits all
 * figures alike. All threads of a window start together behind a barrier; its time is from the first start to
 * the last end. The memory buffer is several times the largest cache where memory allows.
 */
#include "base/cpu.h"
#include "base/thread.h"
#include "kernel/peak.h"
#include "measure/probe.h"

#include <stdio.h>
#include <string.h>

enum { ROUNDS = 5, LEAST_ROUNDS = 3, MAX_THREADS = 1024 };
#define WINDOW_NS     10000000.0   /* of a window of products */
#define BUDGET_NS     3000000000.0 /* after this only LEAST_ROUNDS are made */
#define LARGEST_READ  (UINT64_C(1) << 30)
#define SMALLEST_READ (UINT64_C(1) << 24)

typedef struct window {
    adze_run *run;
    const az_peaks *peaks;
    az_peak_fn *fn; /* NULL: read */
    size_t rounds;  /* of fn, or times over the buffer */
    const char *buf;
    size_t bytes;
    bool fill; /* write the buffer instead: first touch */
    uint64_t start[MAX_THREADS], end[MAX_THREADS];
    double work[MAX_THREADS]; /* operations or bytes */
    unsigned keep[MAX_THREADS];
} window;

/* Part of the buffer that a thread takes, whole 256-byte steps. */
static size_t part(const window *w, int threads)
{
    return w->bytes / (size_t)threads & ~(size_t)255;
}

static void work(window *w, int thread, int threads)
{
    size_t n = part(w, threads);
    const char *at = w->buf + (size_t)thread * n;

    w->start[thread] = az_now_ns(w->run);
    if (w->fill) {
        memset((char *)(uintptr_t)at, thread + 1, n);
    } else if (w->fn) {
        w->work[thread] = w->fn(w->rounds);
    } else {
        unsigned sum = 0;
        for (size_t i = 0; i < w->rounds; i++)
            sum ^= w->peaks->read(at, n);
        w->keep[thread] = sum;
        w->work[thread] = (double)n * (double)w->rounds;
    }
    w->end[thread] = az_now_ns(w->run);
}

static void team(void *arg, int thread, int threads)
{
    window *w = arg;

    az_pool_barrier(w->run->pool);
    work(w, thread, threads);
}

/* Run a window on one thread or all; work per nanosecond, that is 1e9 per second. */
static double rate(window *w, int threads)
{
    uint64_t first = UINT64_MAX, last = 0;
    double sum = 0;

    if (threads > 1)
        az_pool_team(w->run->pool, team, w);
    else
        work(w, 0, 1);
    for (int i = 0; i < threads; i++) {
        if (w->start[i] < first) first = w->start[i];
        if (w->end[i] > last) last = w->end[i];
        sum += w->work[i];
    }
    return last > first ? sum / (double)(last - first) : 0;
}

/* Rounds of fn that take one window. */
static size_t rounds_for(window *w, az_peak_fn *fn)
{
    size_t rounds = 256;

    w->fn = fn;
    for (;;) {
        double ns;
        w->rounds = rounds;
        rate(w, 1);
        ns = (double)(w->end[0] - w->start[0]);
        if (ns >= WINDOW_NS / 8 || rounds > SIZE_MAX / 8)
            return (size_t)((double)rounds * WINDOW_NS / (ns > 1 ? ns : 1)) + 1;
        rounds *= 4;
    }
}

/* Bytes to read: four times the largest cache, within a quarter of what memory allows. */
static uint64_t buffer_size(const az_probe *p, uint64_t memory_bytes, uint64_t *llc)
{
    uint64_t want;

    *llc = 0;
    for (size_t i = 0; i < p->n_caches; i++)
        if (p->caches[i].size_bytes > *llc) *llc = p->caches[i].size_bytes;
    want = *llc ? 4 * *llc : UINT64_C(1) << 28;
    if (want < UINT64_C(1) << 27) want = UINT64_C(1) << 27;
    if (want > LARGEST_READ) want = LARGEST_READ;
    if (want > memory_bytes / 4) want = memory_bytes / 4;
    if (want < SMALLEST_READ) want = SMALLEST_READ;
    return want;
}

typedef struct samples {
    double read_1[ROUNDS], read_all[ROUNDS], cache[2][ROUNDS];
    double peak_1[3][ROUNDS], peak_all[3][ROUNDS];
} samples;

static void measure_reads(window *w, const az_ceiling *r, samples *s, int round)
{
    uint64_t half = r->buffer_bytes / 2 & ~UINT64_C(4095);

    w->fn = NULL;
    w->rounds = 1;
    w->bytes = r->buffer_bytes;
    s->read_all[round] = rate(w, r->threads);
    if (r->threads >
        1) { /* alternate halves: what one round leaves in a cache, the next does not read */
        const char *keep = w->buf;
        w->buf += round % 2 ? half : 0;
        w->bytes = half;
        s->read_1[round] = rate(w, 1);
        w->buf = keep;
    } else {
        s->read_1[round] = s->read_all[round];
    }
    for (int k = 0; k < 2; k++) {
        if (!r->cache_bytes[k]) continue;
        w->bytes = r->cache_bytes[k];
        w->rounds = (size_t)(UINT64_C(1) << 26) / w->bytes + 1;
        s->cache[k][round] = rate(w, 1);
    }
}

static void measure_peaks(window *w, const az_ceiling *r, const size_t rounds[3], samples *s,
                          int round)
{
    az_peak_fn *const fns[3] = { w->peaks->int8, w->peaks->bf16, w->peaks->f32 };

    for (int k = 0; k < 3; k++) {
        w->fn = fns[k];
        w->rounds = rounds[k];
        s->peak_1[k][round] = rate(w, 1);
        s->peak_all[k][round] = r->threads > 1 ? rate(w, r->threads) : s->peak_1[k][round];
    }
}

static void set_figures(az_ceiling *r, samples *s, size_t n)
{
    r->read_gb_s_1 = az_figure_of(s->read_1, n, "GB/s", AZ_MEASURED);
    r->read_gb_s_all = az_figure_of(s->read_all, n, "GB/s", AZ_MEASURED);
    r->int8_gops_1 = az_figure_of(s->peak_1[0], n, "GOP/s", AZ_MEASURED);
    r->int8_gops_all = az_figure_of(s->peak_all[0], n, "GOP/s", AZ_MEASURED);
    r->bf16_gflops_1 = az_figure_of(s->peak_1[1], n, "GFLOP/s", AZ_MEASURED);
    r->bf16_gflops_all = az_figure_of(s->peak_all[1], n, "GFLOP/s", AZ_MEASURED);
    r->f32_gflops_1 = az_figure_of(s->peak_1[2], n, "GFLOP/s", AZ_MEASURED);
    r->f32_gflops_all = az_figure_of(s->peak_all[2], n, "GFLOP/s", AZ_MEASURED);
    for (int k = 0; k < 2; k++)
        r->cache_gb_s[k] =
            az_figure_of(s->cache[k], r->cache_bytes[k] ? n : 0, "GB/s", AZ_MEASURED);
}

static void set_caches(az_ceiling *r, const az_probe *p)
{
    for (size_t i = 0; i < p->n_caches; i++) {
        const az_probe_cache *c = &p->caches[i];
        if (c->level <= 2) r->cache_bytes[c->level - 1] = c->size_bytes / 2 & ~UINT64_C(255);
    }
}

static adze_status measure(az_ceiling *r, window *w, adze_error *err)
{
    adze_run *run = w->run;
    uint64_t begin = az_now_ns(run);
    size_t rounds[3];
    samples s = { { 0 }, { 0 }, { { 0 } }, { { 0 } }, { { 0 } } };
    adze_status rc;
    int n;

    rounds[0] = rounds_for(w, w->peaks->int8);
    rounds[1] = rounds_for(w, w->peaks->bf16);
    rounds[2] = rounds_for(w, w->peaks->f32);
    for (n = 0; n < ROUNDS; n++) {
        if (n >= LEAST_ROUNDS && (double)(az_now_ns(run) - begin) > BUDGET_NS) break;
        rc = az_check_cancel(run, err);
        if (rc < 0) return rc;
        az_progress(run, "probe", (uint64_t)n, ROUNDS, "round");
        measure_reads(w, r, &s, n);
        measure_peaks(w, r, rounds, &s, n);
    }
    az_progress(run, "probe", ROUNDS, ROUNDS, "round");
    set_figures(r, &s, (size_t)n);
    return ADZE_OK;
}

adze_status az_ceiling_measure(az_ceiling *r, adze_run *run, const az_probe *p,
                               uint64_t memory_bytes, adze_error *err)
{
    window *w = az_calloc(run, 1, sizeof *w);
    adze_status rc = ADZE_ENOMEM;
    az_peaks peaks;
    char *buf = NULL;
    uint64_t llc;

    memset(r, 0, sizeof *r);
    if (!w) goto done;
    az_peaks_init(&peaks, az_cpu_flags());
    r->threads = adze_run_threads(run) < MAX_THREADS ? adze_run_threads(run) : MAX_THREADS;
    r->buffer_bytes = buffer_size(p, memory_bytes, &llc);
    while (!(buf = az_alloc(run, r->buffer_bytes)) && r->buffer_bytes > SMALLEST_READ)
        r->buffer_bytes /= 2;
    if (!buf) goto done;
    set_caches(r, p);
    snprintf(r->int8_how, sizeof r->int8_how, "%s", peaks.int8_how);
    snprintf(r->bf16_how, sizeof r->bf16_how, "%s", peaks.bf16_how);
    snprintf(r->f32_how, sizeof r->f32_how, "%s", peaks.f32_how);
    *w =
        (window){ .run = run, .peaks = &peaks, .buf = buf, .bytes = r->buffer_bytes, .fill = true };
    memset(buf, 1, 4096);
    rate(w, r->threads);
    w->fill = false;
    rc = measure(r, w, err);
done:
    if (rc == ADZE_ENOMEM) az_fail_nomem(err, "measuring memory");
    az_free(run, buf);
    az_free(run, w);
    return rc;
}
