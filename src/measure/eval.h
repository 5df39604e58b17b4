/* Quality of candidates against a baseline that runs beside them, on held-out text.
 *
 * The text is tokenized once and cut into disjoint chunks; the first token of each becomes BOS when the
 * model asks for one; the second half of each chunk is scored (255 predictions for chunks of 512).
 */
#ifndef AZ_MEASURE_EVAL_H
#define AZ_MEASURE_EVAL_H

#include <jansson.h>
#include "core/figure.h"
#include "measure/bench.h"

typedef struct az_eval_opts {
    size_t chunk;      /* tokens per chunk, at least 8; 0: 512 */
    size_t max_chunks; /* 0: as many as the text has */
    size_t resamples;  /* of the bootstrap; 0: 1000 */
    uint64_t seed;
    const char *text_path;
    const char *text; /* instead of text_path: [text_n] bytes; text_path may then be NULL */
    size_t text_n;
} az_eval_opts;

/* Statistics with 95 % intervals by paired bootstrap over chunks. */
typedef struct az_eval_result {
    adze_status status;
    adze_error err;
    size_t chunks, positions;
    az_interval top1; /* share of positions whose most likely token is the text's next one */
    az_interval perplexity;
    az_interval kl_mean, kl_p99; /* nats, KL(baseline || candidate); the baseline's own are 0 */
    az_interval flips;      /* share of positions whose most likely token is not the baseline's */
    az_interval top1_ratio; /* candidate's top1 / baseline's top1, paired */
    double logit_diff_max;  /* |candidate - baseline| over all logits that were scored */
    double logit_diff_mean;
} az_eval_result;

/* results[0] is items[0], the baseline; the others are compared with it. Fails as a whole when the baseline
 * or the text cannot be used (too short, or the baseline was calibrated on it); what is wrong with another
 * item, such as a calibration on this text or logits that are not numbers, is that item's own status. */
adze_status az_eval_run(adze_run *run, const az_bench_item *items, size_t n,
                        const az_eval_opts *opts, az_eval_result *results, adze_error *err);

/* The `quality` object of docs/report.md. */
json_t *az_eval_json(const az_eval_result *r);
/* Read az_eval_json back, for stages that are resumed. */
adze_status az_eval_recall(az_eval_result *r, const json_t *kept, adze_error *err);

#endif
