/* Weights that a file stores in several parts, as a session holds them; only the binding of weights includes it. */
#ifndef AZ_INFER_PACKED_H
#define AZ_INFER_PACKED_H

#include "codec/affine.h"
#include "infer/session.h"

/* Rows made of a model's packed tensors, each tensor once: [model->n_tensors]. */
typedef struct az_made {
    const void *data; /* NULL: not yet */
    az_type type;
} az_made;

/* Form in which t's rows are multiplied: t's own type where there is no other. */
az_affine_form az_packed_form(const adze_session *s, const az_tensor *t);

/* All rows of t in a form, in the session's arena. *fits false: a value has no place in the form, *data is NULL. */
adze_status az_packed_make(adze_session *s, az_made *made, const az_tensor *t,
                           const az_affine_form *form, const void **data, bool *fits,
                           adze_error *err);

#endif
