/* The run context and its seams: az_alloc, az_io, az_clock, az_rand.
 *
 * All allocation, file access, time and randomness in src/ go through the functions declared here and
 * in base/io.h, so that tests can put a fault anywhere (tools/lint checks it). A context is passed
 * first to everything that needs one of them; objects that free memory later keep the pointer.
 */
#ifndef AZ_BASE_RUN_H
#define AZ_BASE_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <adze/run.h>
#include "base/error.h"
#include "base/io.h"

/* Raw memory: blocks are aligned to 64 bytes. NULL: refused. */
typedef struct az_alloc_fns {
    void *(*alloc)(void *user, size_t n);
    void (*free)(void *user, void *p);
    void *user;
} az_alloc_fns;

typedef struct az_clock_fns {
    uint64_t (*mono_ns)(void *user); /* steady time */
    uint64_t (*unix_ms)(void *user); /* wall time since 1970 */
    void (*sleep_ns)(void *user, uint64_t ns);
    void *user;
} az_clock_fns;

typedef struct az_rand_fns {
    int (*bytes)(void *user, void *dst, size_t n); /* 0, or -errno */
    void *user;
} az_rand_fns;

typedef struct az_pool az_pool;

struct adze_run {
    az_alloc_fns alloc;
    az_io_fns io;
    az_clock_fns clock;
    az_rand_fns rand;
    adze_run_opts opts;
    int threads;
    atomic_int cancel;
    atomic_uint_least64_t used_bytes, peak_bytes;
    az_pool *pool; /* made by adze_run_new */
};

/* Memory. Contents are undefined (az_alloc) or zero (az_calloc); aligned to 64 bytes when n >= 1024,
 * to 16 otherwise. NULL when out of memory or over the run's budget. az_free accepts NULL. */
void *az_alloc(adze_run *run, size_t n);
void *az_calloc(adze_run *run, size_t n, size_t size);
/* n elements of `size` bytes, NULL as well when that overflows: every product of sizes is made here or by base/check.h
 * (tools/seams checks it). Contents undefined; p of the second as for az_realloc. */
void *az_alloc_array(adze_run *run, size_t n, size_t size);
void *az_realloc_array(adze_run *run, void *p, size_t n, size_t size);
void *az_realloc(adze_run *run, void *p, size_t n); /* p may be NULL; on failure p is still valid */
void az_free(adze_run *run, void *p);
char *az_strdup(adze_run *run, const char *s);
char *az_strndup(adze_run *run, const char *s, size_t n);
char *az_asprintf(adze_run *run, const char *fmt, ...) AZ_PRINTF(2, 3);

/* Time and randomness. */
uint64_t az_now_ns(adze_run *run);  /* steady */
uint64_t az_unix_ms(adze_run *run); /* wall clock */
void az_sleep_ns(adze_run *run, uint64_t ns);
adze_status az_random(adze_run *run, void *dst, size_t n, adze_error *err);

/* Small reproducible generator (splitmix64 seeding xoshiro256**); not for secrets. */
typedef struct az_prng {
    uint64_t s[4];
} az_prng;
void az_prng_seed(az_prng *r, uint64_t seed);
uint64_t az_prng_u64(az_prng *r);
double az_prng_unit(az_prng *r); /* [0, 1) */

/* Cancel and progress. */
static inline bool az_cancelled(adze_run *run)
{
    return atomic_load_explicit(&run->cancel, memory_order_relaxed) != 0;
}
/* ADZE_ECANCEL when cancelled, else ADZE_OK. */
adze_status az_check_cancel(adze_run *run, adze_error *err);
void az_progress(adze_run *run, const char *stage, uint64_t done, uint64_t total, const char *unit);

#endif
