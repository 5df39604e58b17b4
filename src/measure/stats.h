/* Log-probabilities, divergence and the bootstrap. */
#ifndef AZ_MEASURE_STATS_H
#define AZ_MEASURE_STATS_H

#include "base/run.h"
#include "core/figure.h"

/* Index of the largest value; the lowest one among equals. */
size_t az_argmax(const float *x, size_t n);
/* ln(sum(exp(x))) in double. */
double az_log_sum_exp(const float *x, size_t n);
/* KL(p || q) in nats of the distributions with logits p and q; >= 0 up to rounding. */
double az_kl(const float *p, const float *q, size_t n);

/* Statistic of a bootstrap sample: idx[n] chunk numbers, drawn with replacement. */
typedef double az_statistic(void *arg, const uint32_t *idx, size_t n);
/* Value on all chunks once, with the 2.5 % and 97.5 % quantiles over `resamples` draws. Chunks are drawn by
 * the same seeded sequence for every statistic, so comparisons are paired. lo = hi = value when n < 2. */
adze_status az_bootstrap(adze_run *run, size_t n, size_t resamples, uint64_t seed, az_statistic *fn,
                         void *arg, az_interval *out, adze_error *err);

#endif
