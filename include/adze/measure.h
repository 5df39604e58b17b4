/* adze: measuring a model on this machine. Needs libadze (libadze-rt does not hold it). */
#ifndef ADZE_MEASURE_H
#define ADZE_MEASURE_H

#include <stddef.h>
#include <stdint.h>
#include <adze/error.h>
#include <adze/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Median and spread of n samples. */
typedef struct adze_figure {
    double median, min, max;
    size_t n;
} adze_figure;

/* Zero-initialise, then set what matters. */
typedef struct adze_measure_opts {
    size_t prompt_tokens;   /* 0: 256 */
    size_t generate_tokens; /* 0: 64 */
    int rounds;             /* 0: 5 */
    int threads;            /* 0: the run's */
    const char *worker; /* path of the adze program that is started as the worker; NULL: "adze" */
} adze_measure_opts;

typedef struct adze_measurement {
    adze_figure load_ms, ttft_ms, prefill_tok_s, decode_tok_s;
    uint64_t peak_rss_bytes; /* of the worker process, less that of one that opened nothing */
} adze_measurement;

/**
 * Measure a model in a worker process: one warm-up round, then opts->rounds measured ones.
 *
 * @param path  checkpoint, as for adze_model_open.
 * @param opts  NULL for the defaults.
 * @param out   filled on success.
 * @return ADZE_OK; ADZE_EMISSING when the worker cannot be started; ADZE_EWORKER when it died; the errors
 *         of adze_model_open and adze_session_new.
 */
ADZE_API adze_status adze_measure(adze_run *run, const char *path, const adze_measure_opts *opts,
                                  adze_measurement *out, adze_error *err);

#ifdef __cplusplus
}
#endif
#endif
