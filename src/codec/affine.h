/* Making rows of core/affine.h from codes, scales and offsets. */
#ifndef AZ_CODEC_AFFINE_H
#define AZ_CODEC_AFFINE_H

#include "core/affine.h"
#include "core/packed.h"

typedef struct az_affine_form {
    az_type type;
    az_code_kind kind;
    az_affine_scales scales;
    size_t cols, group, groups;
    size_t codes_at, row_bytes;
} az_affine_form;

/* The form that a packed tensor's rows take; false: they have none, for example as groups are no multiple of 32
 * columns. */
bool az_affine_form_of(const az_tensor *t, az_affine_form *out);
/* Row r of c (its codes are in order) to dst; false: a value has no place in the form. */
bool az_affine_put(const az_affine_form *f, const az_codes *c, size_t r, uint8_t *dst);

#endif
