/* Whether a model fits a device under each recipe: estimates from shapes, types and the device's figures.
 *
 * Memory counted: all weights, the caches of a whole context with f16 keys and values, and a fixed amount for the
 * program and its activations. The decode speed is an upper bound: the memory bandwidth over the bytes that one
 * token reads.
 */
#ifndef AZ_PLAN_FIT_H
#define AZ_PLAN_FIT_H

#include <jansson.h>
#include <adze/model.h>
#include "codec/recipe.h"
#include "plan/device.h"

#define AZ_FIT_PROGRAM_BYTES 64e6 /* program, activations, logits */
enum { AZ_FIT_ROWS = 24, AZ_FIT_CONTEXT = 4096 };

typedef struct az_fit_row {
    const az_recipe *recipe;
    bool possible; /* the recipe can be applied to this model */
    char why_not[200];
    double weight_bytes, need_bytes;
    bool fits;
    double decode_tok_s; /* at most; 0: the bandwidth is not known */
} az_fit_row;

typedef struct az_fit {
    double parameters;
    int64_t context;     /* tokens counted */
    double cache_bytes;  /* of that context */
    double usable_bytes; /* of the device; 0: not known */
    az_fit_row row[AZ_FIT_ROWS];
    size_t n, n_fit;
} az_fit;

/* context: tokens, 0 for the model's own up to AZ_FIT_CONTEXT. ADZE_EUNSUP for an architecture that is not known.
 * Where the device's memory is not known, everything is taken to fit. */
adze_status az_fit_model(az_fit *f, adze_run *run, adze_model *m, int64_t context,
                         const az_device *d, adze_error *err);
json_t *az_fit_json(const az_fit *f);

#endif
