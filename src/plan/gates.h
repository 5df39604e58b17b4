/* Gates: pass or fail rules over measured evidence, each with a reason.
 *
 * A gate passes when the whole interval lies on the right side of its limit, fails when the estimate
 * lies on the wrong side, and is inconclusive otherwise; inconclusive is not a pass. Gates are the
 * const structs of gate_list.c; a gates file (docs/gates.md) sets other limits.
 */
#ifndef AZ_PLAN_GATES_H
#define AZ_PLAN_GATES_H

#include <jansson.h>
#include "base/run.h"
#include "core/figure.h"

/* What gates look at. Ratios are candidate over baseline. */
typedef enum az_evidence_key {
    AZ_EV_TOP1_RATIO,   /* next-token top-1 accuracy, paired bootstrap; n: chunks */
    AZ_EV_DECODE_RATIO, /* decode speed, interleaved pairs; n: pairs */
    AZ_EV_MEMORY_RATIO, /* peak resident bytes, each less an empty child's; n: pairs */
    AZ_EV_LATENCY_CV,   /* standard deviation / mean of per-token latency; n: rounds */
    AZ_EV_PREFILL_RATIO,
    AZ_EV_ENERGY_RATIO, /* J/tok */
    AZ_EV_KL_MEAN,      /* nats; n: chunks */
    AZ_EV_FLIPS,        /* share of positions; n: chunks */
    AZ_EV_TTFT_MS,
    AZ_EV_DECODE_TOK_S,
    AZ_EV_PEAK_BYTES,
    AZ_EV_COUNT
} az_evidence_key;

typedef struct az_evidence {
    az_interval value[AZ_EV_COUNT]; /* n 0: none */
    char why[AZ_EV_COUNT][160];     /* not "": why there is none, or why it proves nothing */
} az_evidence;

typedef enum az_verdict { AZ_VERDICT_PASS, AZ_VERDICT_INCONCLUSIVE, AZ_VERDICT_FAIL } az_verdict;

typedef struct az_gate {
    const char *name;  /* "top1": in files and reports, never changes */
    const char *title; /* what a person reads */
    az_evidence_key key;
    bool at_least;      /* value >= limit is right; else value <= limit */
    bool usual;         /* in force when no file says otherwise */
    double limit;       /* of a usual gate */
    const char *unit;   /* of the limit and the value */
    size_t least_n;     /* fewer observations prove nothing */
    double low, high;   /* a file's limit must lie within */
    const char *reason; /* why there is such a gate */
} az_gate;

extern const az_gate *const az_gate_list[]; /* NULL-terminated, in the order of reports */
const az_gate *az_gate_find(const char *name);

enum { AZ_GATES_MAX = 16 };

/* The gates in force with their limits. */
typedef struct az_gates {
    struct {
        const az_gate *gate;
        double limit;
    } item[AZ_GATES_MAX];
    size_t n;
    char note[256]; /* which usual gates a file switched off, and why; "" if none */
} az_gates;

typedef struct az_gate_result {
    const az_gate *gate;
    double limit;
    az_interval value;
    az_verdict verdict;
    char reason[256]; /* never "" */
} az_gate_result;

void az_gates_usual(az_gates *g);
/* The usual gates with the changes that the file at `path` makes. */
adze_status az_gates_load(az_gates *g, adze_run *run, const char *path, adze_error *err);
/* Same from text in memory; `path` is only named in messages. */
adze_status az_gates_parse(az_gates *g, adze_run *run, const char *path, const char *text, size_t n,
                           adze_error *err);

/* How evenly tokens came: deviation over mean, and the deviation in seconds. */
typedef struct az_steadiness {
    az_interval cv, deviation_s;
} az_steadiness;

/* Why a variation of latency above its limit proves nothing, "" when it does: the baseline, measured in the same rounds, is above
 * it too, and the candidate's latency deviates by no more time. (A quicker token varies more by the same interruption.) */
void az_gates_disturbed(char why[160], const az_steadiness *candidate,
                        const az_steadiness *baseline, double limit);

/* Fill results[g->n] and return the verdict of all: fail if one fails, else inconclusive if one is. */
az_verdict az_gates_check(const az_gates *g, const az_evidence *e, az_gate_result *results);

const char *az_verdict_name(az_verdict v); /* "pass", "inconclusive", "fail" */
/* A candidate's `gates` array of docs/report.md. */
json_t *az_gates_json(const az_gate_result *results, size_t n);

/* a over b: the medians' ratio with the widest spread that the two ranges allow. n is the smaller one; 0 when
 * either is missing or b is not positive. For pairs measured side by side use az_ratio_of_pairs. */
az_interval az_ratio_of_figures(const az_figure *a, const az_figure *b);
/* Median, least and greatest of a[i] / b[i]; `scratch` has room for n. n 0 when a b[i] is not positive. */
az_interval az_ratio_of_pairs(const double *a, const double *b, size_t n, double *scratch);

#endif
