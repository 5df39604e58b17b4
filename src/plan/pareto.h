/* The frontier over speed, accuracy, memory and energy, and a choice by the user's weights.
 *
 * A candidate is dominated when another is at least as good in every objective and better in one. The
 * score is the weighted mean of what each objective gained, on a scale that the other candidates do not
 * move much: 0 is the baseline (for accuracy: the loss that the gate just allows), 1 is the best candidate
 * (for accuracy: no loss). Speed, memory and energy count by the logarithm of their ratio, so twice as
 * fast from 1x and from 2x weigh the same. Accuracy is the share of positions whose most likely token is still
 * the baseline's, not the ratio of accuracies: that one is an estimate whose noise exceeds what sets good
 * candidates apart (gained and lost answers cancel), so it would rank them by chance. All of it is deterministic: ties go to the more accurate, then
 * the smaller, then the faster, then the first by name.
 */
#ifndef AZ_PLAN_PARETO_H
#define AZ_PLAN_PARETO_H

#include "base/run.h"

typedef enum az_objective {
    AZ_OBJ_SPEED,    /* decode speed over the baseline's; more is better */
    AZ_OBJ_ACCURACY, /* share of answers kept: 1 - flips; more is better */
    AZ_OBJ_MEMORY,   /* peak memory over the baseline's; less is better */
    AZ_OBJ_ENERGY,   /* energy of a token over the baseline's; less is better */
    AZ_OBJ_COUNT
} az_objective;

typedef struct az_weights {
    double w[AZ_OBJ_COUNT]; /* >= 0, at least one above 0 */
} az_weights;

typedef struct az_point {
    const char *id;
    double ratio[AZ_OBJ_COUNT]; /* over the baseline; NAN: not known */
    bool passed;                /* its gates passed: may be chosen */
    /* filled by az_pareto */
    bool frontier;
    int dominated_by; /* index of a better one, or -1 */
    double score;     /* 0 .. 1 */
} az_point;

typedef struct az_choice {
    int chosen, runner_up; /* index, or -1 */
    unsigned objectives;   /* bit per az_objective that every point had and that was compared */
    char why[512];
} az_choice;

/* speed=1,accuracy=2,memory=1; energy counts where it is known. */
az_weights az_weights_usual(void);
/* "speed=1,accuracy=2": objectives that are not named weigh 0. ADZE_EINVAL says what is allowed. */
adze_status az_weights_parse(az_weights *w, const char *text, adze_error *err);
const char *az_objective_name(az_objective o);

/* Mark the frontier, score, and choose among the points that passed. `least_accuracy` is the accuracy
 * gate's limit, 0 to 1; an allowed loss below 0.001 counts as that. An objective that a point lacks is left out for all. */
void az_pareto(az_point *p, size_t n, const az_weights *w, double least_accuracy, az_choice *out);

#endif
