/* adze: the run context that every long call takes: cancel flag, threads, memory budget, progress. */
#ifndef ADZE_RUN_H
#define ADZE_RUN_H

#include <stddef.h>
#include <stdint.h>
#include <adze/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct adze_run adze_run;

/* One step of long work; done and total are in `unit`, total is 0 when unknown. */
typedef struct adze_progress {
    const char *stage; /* "convert", "measure q4_0", ... */
    const char *unit;  /* "B", "tok", "step" */
    uint64_t done, total;
} adze_progress;

typedef struct adze_run_opts {
    int threads;           /* worker threads, caller included; 0: one per usable core */
    uint64_t memory_bytes; /* budget for allocations made through this context; 0: no limit */
    void (*progress)(void *user, const adze_progress *p); /* may be NULL; called on any thread */
    void *user;                                           /* passed to progress */
} adze_run_opts;

/**
 * Make a run context.
 *
 * @param out   receives the context; NULL on failure.
 * @param opts  options, or NULL for defaults; copied.
 * @param err   filled on failure; may be NULL.
 * @return ADZE_OK or ADZE_ENOMEM. Free with adze_run_free after everything made with it.
 *
 * Threads: one context may be used from several threads; it runs one parallel loop at a time.
 */
ADZE_API adze_status adze_run_new(adze_run **out, const adze_run_opts *opts, adze_error *err);

/** Free a context; NULL is fine. */
ADZE_API void adze_run_free(adze_run *run);

/** Ask every long call on this context to stop with ADZE_ECANCEL; safe in a signal handler. */
ADZE_API void adze_run_cancel(adze_run *run);

/** Number of threads that parallel work uses, the caller included. */
ADZE_API int adze_run_threads(const adze_run *run);

/** Version of the library as "major.minor.patch". */
ADZE_API const char *adze_version(void);

#ifdef __cplusplus
}
#endif
#endif
