/* What a model was made with: told by the user (importance matrix, overridden keys) and by the file (recipe). */
#ifndef AZ_JOB_PROVE_ASKED_H
#define AZ_JOB_PROVE_ASKED_H

#include "job/changes.h"
#include "job/prove.h"

typedef struct az_asked {
    az_changed_recipe changed;
    az_prove_opts o; /* what was found, put into a copy of the caller's */
    char keys[256];  /* of overridden keys, for people */
    char why[256];   /* what is wrong with the recipe */
} az_asked;

/* Fill a->o from `from`, what the user says and what `model` says of itself. Overridden keys of `model` get the value
 * that they would have without: what is compared then is what should not have changed. ADZE_EINVAL: an option that
 * cannot be read. a is to be passed to az_asked_release in every case. */
adze_status az_asked_read(az_asked *a, adze_run *run, const az_prove_asked *said,
                          const az_prove_opts *from, adze_model *ref, adze_model *model,
                          adze_error *err);
void az_asked_release(az_asked *a);

#endif
