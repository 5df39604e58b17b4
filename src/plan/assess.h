/* Assessment: what a model is, what each recipe would make of it, whether it fits, and how fast it would be on
 * this machine, said before anything is converted. Bytes are exact counts from the writer's own plan; speeds are
 * estimates from the graph's cost walk under the measured roof of the kernels. */
#ifndef AZ_PLAN_ASSESS_H
#define AZ_PLAN_ASSESS_H

#include "arch/arch.h"
#include "codec/recipe.h"
#include "graph/cost.h"
#include "measure/roof.h"

/* Said of one artifact; a value of 0 was not said. */
typedef struct az_prediction {
    double weight_bytes;
    double prefill_tok_s, decode_tok_s;
} az_prediction;

typedef struct az_assess_opts {
    size_t prompt,
        generate;    /* what the speeds are for: prefill of `prompt`, then decode of `generate` */
    int64_t context; /* whose caches are counted for memory; 0: the model's, at most 4096 */
    const char *const *recipes; /* NULL-terminated; NULL: those that optimize tries, and f16 */
} az_assess_opts;

enum { AZ_ASSESS_MAX = 24 };

typedef struct az_assess_row {
    const char *recipe; /* "as stored" for the model itself */
    bool possible;
    char why_not[256];
    uint64_t weight_bytes, cache_bytes, need_bytes;
    double bits_per_weight;
    size_t fallbacks; /* tensors whose shape does not allow the recipe's type */
    bool fits;
    az_prediction predicted;
} az_assess_row;

typedef struct az_assessment {
    const az_arch *arch;
    az_config config;
    uint64_t parameters;
    uint64_t cache_bytes_per_token;
    int64_t context;
    uint64_t usable_bytes; /* of this machine, its cgroup counted */
    az_assess_row rows[AZ_ASSESS_MAX];
    size_t n;
} az_assessment;

/* Types that predicting needs the roof of: all that the model holds or a recipe would make. */
adze_status az_assess_types(adze_run *run, adze_model *m, const az_assess_opts *o,
                            bool wanted[AZ_TYPE_COUNT], adze_error *err);
/* roof NULL: speeds are not said. */
adze_status az_assess(az_assessment *a, adze_run *run, adze_model *m, const az_roof *roof,
                      const az_assess_opts *o, adze_error *err);
json_t *az_assess_json(const az_assessment *a);

#endif
