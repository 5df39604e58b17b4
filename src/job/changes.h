/* Reading what a user changes about a recipe or about the metadata of a conversion. */
#ifndef AZ_JOB_CHANGES_H
#define AZ_JOB_CHANGES_H

#include "job/convert.h"

/* A copy of a recipe with its changes. */
typedef struct az_changed_recipe {
    az_recipe recipe;
    az_recipe_changes changes;
    az_type_override overrides[AZ_OPT_LIST_MAX];
    char patterns[AZ_OPT_LIST_MAX][256];
    az_importance *importance;
} az_changed_recipe;

/* Point *recipe at *c where o changes anything; metadata goes to m->overrides. ADZE_EINVAL names the option that makes
 * no sense. c is to be passed to az_changes_release in every case. */
adze_status az_changes_read(adze_run *run, adze_model *m, const az_format *format,
                            const az_convert_opts *o, az_changed_recipe *c,
                            const az_recipe **recipe, adze_error *err);
void az_changes_release(az_changed_recipe *c);

#endif
