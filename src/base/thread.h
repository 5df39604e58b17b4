/* Threads: a fixed pool that spins briefly and then parks, with the two loops everything uses.
 *
 * az_parallel hands out indices one by one (uneven work); az_team runs one function on every thread at
 * once (the engine), with a barrier between its stages. The caller is thread 0 and takes part. A pool
 * runs one loop at a time; a nested call, or one while another thread's loop is under way, runs on the
 * calling thread alone (threads is 1 then, and barriers return at once).
 */
#ifndef AZ_BASE_THREAD_H
#define AZ_BASE_THREAD_H

#include "base/run.h"

adze_status az_pool_new(az_pool **out, adze_run *run, int threads, adze_error *err);
void az_pool_free(az_pool *p);
int az_pool_threads(const az_pool *p);

typedef void az_team_fn(void *arg, int thread, int threads);
void az_pool_team(az_pool *p, az_team_fn *fn, void *arg);
/* Inside a team function only: every thread of the team waits for all. */
void az_pool_barrier(az_pool *p);

/* Spin briefly, then let other threads run, until *v is `want`. What was done before the store that made it so
 * is visible afterwards. */
void az_spin_until(const atomic_size_t *v, size_t want);

typedef void az_parallel_fn(void *arg, size_t index, int thread);
void az_pool_parallel(az_pool *p, size_t n, az_parallel_fn *fn, void *arg);

/* On the run's own pool. */
void az_parallel(adze_run *run, size_t n, az_parallel_fn *fn, void *arg);

#endif
