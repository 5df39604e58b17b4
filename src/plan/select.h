/* Which framework to try first on a device, by rules, each with its reason.
 *
 * The questions are asked in order: platform, size, strategy. The rules are data (select_tables.c). They
 * choose what to try; what was measured on the device overrides them.
 *
 * The order of the ranking: frameworks that run on the device; then those without a weak rating in a stated
 * need; then the place that the platform's rule gives; then the sum of the ratings in the stated needs; then
 * the place in the strategy's ranking.
 */
#ifndef AZ_PLAN_SELECT_H
#define AZ_PLAN_SELECT_H

#include <jansson.h>
#include "plan/device.h"

typedef enum az_framework {
    AZ_LLAMA_CPP,
    AZ_OLIVE,
    AZ_OPENVINO,
    AZ_MLX,
    AZ_FRAMEWORKS
} az_framework;

/* name on the command line, title, what is asked */
#define AZ_NEED_MAP(X)                                                 \
    X(CROSS_PLATFORM, "cross-platform", "runs on many systems")        \
    X(ENTERPRISE, "enterprise", "integration into enterprise tooling") \
    X(MOBILE, "mobile", "runs inside a phone's app")                   \
    X(REAL_TIME, "real-time", "steady low latency")                    \
    X(MULTIMODAL, "multimodal", "vision, audio and text")              \
    X(DIVERSITY, "diversity", "many kinds of models")                  \
    X(EASE, "ease", "little to learn")                                 \
    X(PROTOTYPING, "prototyping", "a first result soon")

#define AZ_X(name, text, asks) AZ_NEED_##name,
typedef enum az_need { AZ_NEED_MAP(AZ_X) AZ_NEEDS } az_need;
#undef AZ_X

typedef enum az_level { AZ_LEVEL_NO, AZ_LEVEL_WEAK, AZ_LEVEL_GOOD, AZ_LEVEL_EXCELLENT } az_level;

typedef struct az_rating {
    az_level level;
    const char *text; /* "excellent", "Apple only" */
} az_rating;

typedef struct az_request {
    const az_device *device;
    double parameters; /* of the model; 0: not known */
    unsigned needs;    /* bit per az_need */
} az_request;

typedef enum az_question {
    AZ_ASK_PLATFORM,
    AZ_ASK_SIZE,
    AZ_ASK_STRATEGY,
    AZ_QUESTIONS
} az_question;

/* One selection rule. The first one of a question that fits answers it. */
typedef struct az_rule {
    const char *name; /* "apple-silicon" */
    az_question question;
    bool (*fits)(const az_request *r);
    const char *answer;                /* "Apple Silicon" */
    const char *reason;                /* one sentence */
    az_framework order[AZ_FRAMEWORKS]; /* the first n_order are given */
    size_t n_order;
} az_rule;

typedef struct az_ranked {
    az_framework framework;
    bool runs;           /* on this device at all */
    bool meets;          /* no weak rating in a stated need */
    int platform_place;  /* 0.., or -1 */
    int strategy_place;  /* 0.. */
    int points;          /* sum of the levels in the stated needs */
    const char *recipe;  /* how weights are made small with it, by the platform's strategy */
    char reason[5][200]; /* sentences, the deciding one first */
    size_t n_reasons;
} az_ranked;

typedef struct az_selection {
    const az_rule *rule[AZ_QUESTIONS]; /* platform may be NULL: no special platform */
    az_ranked ranking[AZ_FRAMEWORKS];  /* best first */
    size_t n_run;                      /* how many of them run on the device */
    struct {
        bool served;
        char text[240];                    /* by what, or what it falls back to and why */
    } accelerator[AZ_DEVICE_ACCELERATORS]; /* as in the device */
} az_selection;

/* "mobile,real-time" to bits; ADZE_EINVAL lists the needs. */
adze_status az_needs_parse(unsigned *needs, const char *text, adze_error *err);
const char *az_need_name(az_need n);
const char *az_framework_name(az_framework f);
az_rating az_framework_rating(az_framework f, az_need n, const az_device *d);

void az_select(az_selection *s, const az_request *r);
/* Members: questions[], ranking[], accelerators[]; docs/plan.md. */
json_t *az_selection_json(const az_selection *s, const az_request *r);

#endif
