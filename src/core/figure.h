/* Measured numbers: every figure carries its unit, spread, sample count and where it comes from. */
#ifndef AZ_CORE_FIGURE_H
#define AZ_CORE_FIGURE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum az_provenance { AZ_NONE, AZ_MEASURED, AZ_ESTIMATED, AZ_DECLARED } az_provenance;

typedef struct az_figure {
    double median, min, max;
    size_t n;         /* samples; 0: not available */
    const char *unit; /* of docs/report.md: "tok/s", "ms", "bytes"; static string */
    az_provenance from;
} az_figure;

/* A statistic with its 95 % interval. */
typedef struct az_interval {
    double value, lo, hi;
    size_t n; /* observations; 0: not available */
} az_interval;

/* Figure of n samples (sorted in place). */
az_figure az_figure_of(double *samples, size_t n, const char *unit, az_provenance from);
/* Linear interpolation at f in [0, 1] on sorted values. */
double az_quantile(const double *sorted, size_t n, double f);
/* Median with its 95 % confidence interval by order statistics, which assumes nothing of the distribution; with
 * fewer than 9 samples that is the least and the greatest (sorted in place). */
az_interval az_median_interval(double *samples, size_t n);
const char *az_provenance_name(az_provenance p); /* "measured", ... */

/* As docs/report.md writes them; a figure with n 0 becomes {"available": false, "reason": reason}. */
json_t *az_figure_json(const az_figure *f, const char *reason);
json_t *az_interval_json(const az_interval *v, const char *unit);
/* Read a figure back; false when it is missing, malformed or not available (then *f has n 0). The unit is one
 * of the known names. */
bool az_figure_from_json(const json_t *j, az_figure *f);
bool az_interval_from_json(const json_t *j, az_interval *v);

#endif
