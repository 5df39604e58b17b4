/* Order statistics behind core/figure.h. */
#include "core/figure.h"
#include "base/compiler.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double az_quantile(const double *sorted, size_t n, double f)
{
    double at = n ? f * (double)(n - 1) : 0;
    size_t i = (size_t)at;

    if (n == 0) return 0;
    if (i + 1 >= n) return sorted[n - 1];
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

az_figure az_figure_of(double *samples, size_t n, const char *unit, az_provenance from)
{
    az_figure f = { .unit = unit, .from = n ? from : AZ_NONE, .n = n };

    if (!n) return f;
    qsort(samples, n, sizeof *samples, by_value);
    f.min = samples[0];
    f.max = samples[n - 1];
    f.median = az_quantile(samples, n, 0.5);
    return f;
}

/* Conover 1999, chapter 3.2: [x(k), x(n + 1 - k)] covers the median with probability 1 - 2 P(B < k), B binomial. */
az_interval az_median_interval(double *samples, size_t n)
{
    double p = 1, below = 0;
    size_t k = 1;

    if (!n) return (az_interval){ .n = 0 };
    qsort(samples, n, sizeof *samples, by_value);
    for (size_t i = 0; i < n; i++)
        p *= 0.5; /* P(B = 0) */
    while (2 * k < n) {
        below += p; /* P(B < k) */
        p *= (double)(n - k + 1) / (double)k;
        if (below + p > 0.025) break;
        k++;
    }
    return (az_interval){ az_quantile(samples, n, 0.5), samples[k - 1], samples[n - k], n };
}

const char *az_provenance_name(az_provenance p)
{
    static const char *const names[] = { "none", "measured", "estimated", "declared" };

    return names[p];
}

json_t *az_figure_json(const az_figure *f, const char *reason)
{
    if (!f->n)
        return json_pack("{s:b, s:s}", "available", 0, "reason", reason ? reason : "not measured");
    return json_pack("{s:f, s:f, s:f, s:I, s:s, s:s}", "median", f->median, "min", f->min, "max",
                     f->max, "n", (json_int_t)f->n, "unit", f->unit, "provenance",
                     az_provenance_name(f->from));
}

json_t *az_interval_json(const az_interval *v, const char *unit)
{
    return json_pack("{s:f, s:f, s:f, s:I, s:s}", "value", v->value, "lo", v->lo, "hi", v->hi, "n",
                     (json_int_t)v->n, "unit", unit);
}

/* Units are static strings in az_figure. */
static const char *known_unit(const char *u)
{
    static const char *const units[] = { "ms",    "s",    "tok/s", "bytes",   "bits",
                                         "J/tok", "W",    "ratio", "x",       "nats",
                                         "1",     "GB/s", "GOP/s", "GFLOP/s", "us" };

    for (size_t i = 0; u && i < AZ_COUNT(units); i++)
        if (strcmp(units[i], u) == 0) return units[i];
    return NULL;
}

bool az_figure_from_json(const json_t *j, az_figure *f)
{
    const char *from = az_json_str(j, "provenance");
    int64_t n = 0;

    *f = (az_figure){ .n = 0 };
    f->unit = known_unit(az_json_str(j, "unit"));
    if (!f->unit || !from || !az_json_int(j, "n", &n) || n < 1 ||
        !az_json_real(j, "median", &f->median) || !az_json_real(j, "min", &f->min) ||
        !az_json_real(j, "max", &f->max))
        return false;
    for (int p = AZ_MEASURED; p <= AZ_DECLARED; p++)
        if (strcmp(az_provenance_name((az_provenance)p), from) == 0) f->from = (az_provenance)p;
    f->n = (size_t)n;
    return true;
}

bool az_interval_from_json(const json_t *j, az_interval *v)
{
    int64_t n = 0;

    *v = (az_interval){ .n = 0 };
    if (!az_json_real(j, "value", &v->value) || !az_json_real(j, "lo", &v->lo) ||
        !az_json_real(j, "hi", &v->hi) || !az_json_int(j, "n", &n) || n < 0)
        return false;
    v->n = (size_t)n;
    return true;
}
