/* What this machine's kernels reach: the roof that predictions are made under.
 *
 * For each weight type: products with one row of activations (decode) over working sets of several sizes, and
 * with many rows (prefill); then attention, activations, and what starting and joining a stage costs. All with
 * the kernels and the thread pool that the engine uses.
 */
#ifndef AZ_MEASURE_ROOF_H
#define AZ_MEASURE_ROOF_H

#include <jansson.h>
#include "base/run.h"
#include "core/figure.h"
#include "core/type.h"

enum { AZ_ROOF_SIZES = 5 };
extern const uint64_t az_roof_sizes[AZ_ROOF_SIZES]; /* working sets in bytes, rising */

typedef struct az_roof {
    int threads;
    char isa[24];
    size_t n_sizes; /* how many of az_roof_sizes fit this machine's memory */
    az_figure decode_gb_s[AZ_TYPE_COUNT][AZ_ROOF_SIZES]; /* weight bytes read a second, one row */
    az_figure prefill_gops[AZ_TYPE_COUNT];               /* 128 rows; a multiply-add is two */
    az_figure attention_gops;           /* 128 queries over 256 positions, f16 cache */
    az_figure attention_gb_s;           /* one query over 4096 positions: cache bytes */
    az_figure value_gb_s;               /* elementwise work on activations */
    az_figure row_ns[AZ_TYPE_COUNT];    /* decode: what a row costs however short it is */
    az_figure output_ns[AZ_TYPE_COUNT]; /* prefill: what an output costs however short its row */
    az_figure stage_us; /* handing a stage's values from thread to thread, beyond its work */
} az_roof;

/* Measure the types for which wanted[type] is true, on the run's own threads; about 0.5 s a type. */
adze_status az_roof_measure(az_roof *roof, adze_run *run, const bool wanted[AZ_TYPE_COUNT],
                            adze_error *err);

/* Weight bytes a second when decoding `type` with that many bytes read for each token; 0: not measured. */
double az_roof_decode_gb_s(const az_roof *roof, az_type type, double working_set_bytes);

/* Seconds of a row of `cols` weights beyond what the rates say, which are of rows of 2048; ns: row_ns, output_ns. */
double az_roof_short_s(const az_figure *ns, double cols);

/* For stages that are resumed. */
json_t *az_roof_json(const az_roof *roof);
adze_status az_roof_recall(az_roof *roof, const json_t *j, adze_error *err);

#endif
