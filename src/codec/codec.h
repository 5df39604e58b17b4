/* Weight codecs: f32 rows to and from the blocks of one weight type.
 *
 * One file per type (codec/q4_k.c), one line in codec_list.c. Encoded bytes are identical for any thread
 * count, instruction set and compiler.
 */
#ifndef AZ_CODEC_CODEC_H
#define AZ_CODEC_CODEC_H

#include "core/block.h"
#include "core/type.h"
#include "kernel/kernel.h"

typedef struct az_codec {
    az_type type;
    const char *summary;
    /* Encode one row of n values (a multiple of the block). imp: [n] importance of each column, or NULL.
     * NaN and infinity must have been refused before. NULL: adze only reads this type. */
    void (*pack)(const az_kernels *k, const float *x, const float *imp, size_t n, void *dst);
    /* Decode n values, bit for bit as the format defines them. */
    void (*unpack)(const az_kernels *k, const void *src, float *dst, size_t n);
} az_codec;

/* NULL: adze does not know what this type's bytes mean. */
const az_codec *az_codec_get(az_type t);
/* All codecs, NULL-terminated. */
extern const az_codec *const az_codecs[];

#endif
