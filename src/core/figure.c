/* Order statistics behind core/figure.h. */
#include "core/figure.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double az_quantile(const double *sorted, size_t n, double f)
{
    double at = f * (double)(n - 1);
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

const char *az_provenance_name(az_provenance p)
{
    static const char *const names[] = { "none", "measured", "estimated", "declared" };

    return names[p];
}
