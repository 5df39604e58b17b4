/* Speed and memory of candidates, each in a worker process, interleaved round by round. */
#ifndef AZ_MEASURE_BENCH_H
#define AZ_MEASURE_BENCH_H

#include <jansson.h>
#include "core/figure.h"
#include "engine/worker.h"

/* What is measured. Strings are borrowed. */
typedef struct az_bench_item {
    const char *label; /* for progress: "q4_k_m" */
    const char *path, *engine;
    az_engine_settings settings;
} az_bench_item;

typedef struct az_bench_opts {
    size_t prompt, generate; /* tokens; at least 1 */
    int rounds;              /* measured rounds per item, at least 1 */
    int warmup;              /* rounds before them */
    const int32_t *tokens;   /* [n_tokens] prompt text to use; NULL: seeded random ids */
    size_t n_tokens;
    const size_t *batches; /* [n_batches] numbers of sequences to run side by side as well */
    size_t n_batches;
    uint64_t deadline_ns;      /* no round after the third starts later than this; 0: none */
    const char *const *worker; /* command of the worker; NULL: this program's own */
} az_bench_opts;

enum { AZ_BENCH_MAX_ROUNDS = 64, AZ_BENCH_MAX_BATCHES = 8 };

/* So many sequences side by side; totals of all of them. */
typedef struct az_bench_batch {
    size_t sequences;
    az_figure prefill_tok_s, decode_tok_s;
} az_bench_batch;

typedef struct az_bench_result {
    adze_status status; /* a failed candidate costs itself only */
    adze_error err;
    az_worker_model model;
    size_t rounds; /* samples below, in the order of the rounds, so that items can be paired */
    double prefill_round[AZ_BENCH_MAX_ROUNDS], decode_round[AZ_BENCH_MAX_ROUNDS]; /* tok/s */
    double cv_round[AZ_BENCH_MAX_ROUNDS];
    az_figure load_ms, ttft_ms, prefill_tok_s, decode_tok_s;
    az_figure latency_p50_ms, latency_p95_ms, latency_p99_ms; /* per token; spread over rounds */
    az_figure latency_cv;                         /* stdev / mean of token latency in a round */
    az_figure peak_rss_bytes;                     /* of the worker, minus an empty worker's */
    az_figure energy_j_tok;                       /* n 0: not available, see energy_reason */
    az_bench_batch batches[AZ_BENCH_MAX_BATCHES]; /* [opts.n_batches] */
    size_t n_batches;
    char energy_source[64], energy_reason[128];
} az_bench_result;

/* Fill results[n]. Fails as a whole only when no worker can be started, or on cancel. */
adze_status az_bench_run(adze_run *run, const az_bench_item *items, size_t n,
                         const az_bench_opts *opts, az_bench_result *results, adze_error *err);

/* Where a model spends its time: {"phases": [{"phase", "tokens", "ms", "operators": [...]}]}, one prompt and
 * one run of generated tokens, by the engine's own clock. *out is a new reference. */
adze_status az_bench_profile(adze_run *run, const az_bench_item *item, size_t prompt,
                             size_t generate, json_t **out, adze_error *err);

/* a / b, round by round: "x". n is 0 when they were not measured together. */
az_figure az_bench_ratio(const double *a, size_t n_a, const double *b, size_t n_b);
/* The same ratios as their median with its confidence interval; b NULL: a itself. */
az_interval az_bench_interval(const double *a, size_t n_a, const double *b, size_t n_b);

/* The `measurements` object of docs/report.md. */
json_t *az_bench_json(const az_bench_result *r);
/* All of a result, and back: for stages that are resumed. */
json_t *az_bench_keep(const az_bench_result *r);
adze_status az_bench_recall(az_bench_result *r, const json_t *kept, adze_error *err);

#endif
