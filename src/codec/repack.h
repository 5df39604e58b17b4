/* Packed tensors as blocks of a GGUF type that holds the same numbers: nothing is encoded again. */
#ifndef AZ_CODEC_REPACK_H
#define AZ_CODEC_REPACK_H

#include "core/packed.h"

/* How a decoded tensor goes into a GGUF when no recipe says otherwise. */
typedef struct az_repack {
    az_type type; /* AZ_F32: no type holds its groups */
    float off; /* largest error in steps of the codes: 0 where all scales and minimums are halves */
} az_repack;

/* Reads all scales of t. */
adze_status az_repack_find(const adze_model *m, const az_tensor *t, az_repack *out,
                           adze_error *err);
/* Rows [r0, r0 + n) of t as blocks of the type that was found. Safe from several threads. */
adze_status az_repack_rows(const adze_model *m, const az_tensor *t, az_type type, int64_t r0,
                           int64_t n, void *dst, adze_error *err);

#endif
