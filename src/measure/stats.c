/* Statistics behind eval: sums in double; percentile bootstrap (Efron and Tibshirani 1993, chapter 13). */
#include "measure/stats.h"

#include <math.h>

size_t az_argmax(const float *x, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

double az_log_sum_exp(const float *x, size_t n)
{
    float max = x[az_argmax(x, n)];
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)expf(x[i] - max);
    return (double)max + log(sum);
}

double az_kl(const float *p, const float *q, size_t n)
{
    double lp = az_log_sum_exp(p, n), lq = az_log_sum_exp(q, n), sum = 0;

    for (size_t i = 0; i < n; i++) {
        double a = (double)p[i] - lp;
        if (a > -32) sum += (double)expf((float)a) * (a - ((double)q[i] - lq));
    }
    return sum < 0 ? 0 : sum; /* rounding; a NaN stays one */
}

adze_status az_bootstrap(adze_run *run, size_t n, size_t resamples, uint64_t seed, az_statistic *fn,
                         void *arg, az_interval *out, adze_error *err)
{
    uint32_t *idx = az_alloc_array(run, n + 1, sizeof *idx);
    double *values = az_alloc_array(run, resamples + 1, sizeof *values);
    adze_status rc = ADZE_OK;
    az_prng rng;

    *out = (az_interval){ .n = n };
    if (!idx || !values) {
        rc = az_fail_nomem(err, "bootstrapping");
        goto done;
    }
    for (size_t i = 0; i < n; i++)
        idx[i] = (uint32_t)i;
    out->value = out->lo = out->hi = fn(arg, idx, n);
    if (n < 2 || !resamples) goto done;
    az_prng_seed(&rng, seed);
    for (size_t r = 0; r < resamples; r++) {
        for (size_t i = 0; i < n; i++)
            idx[i] = (uint32_t)(az_prng_u64(&rng) % n);
        values[r] = fn(arg, idx, n);
    }
    az_figure_of(values, resamples, "", AZ_MEASURED); /* sorts */
    out->lo = az_quantile(values, resamples, 0.025);
    out->hi = az_quantile(values, resamples, 0.975);
done:
    az_free(run, idx);
    az_free(run, values);
    return rc;
}
