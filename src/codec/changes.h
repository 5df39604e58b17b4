/* Changes that a user makes to a recipe's choices; only recipe.c uses it. */
#ifndef AZ_CODEC_CHANGES_H
#define AZ_CODEC_CHANGES_H

#include "codec/recipe.h"

typedef struct az_changes az_changes;

/* c may be NULL; then *out is NULL, which the others accept. ADZE_EINVAL with the pattern that cannot be read. */
adze_status az_changes_open(az_changes **out, adze_run *run, const az_recipe_changes *c,
                            adze_error *err);
void az_changes_close(az_changes *c);

/* True: *type is what the user wants for a tensor that may be quantized. tied: it is the embedding that serves as
 * output matrix, too. */
bool az_changes_type(az_changes *c, const char *name, bool tied, az_type *type);
/* ADZE_EINVAL names a change that applied to no tensor. */
adze_status az_changes_used(const az_changes *c, adze_error *err);

#endif
