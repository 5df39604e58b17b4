/* Tensors in several parts: how readers join them, and how writers make them.
 *
 * A family (one file, one line in parts.c) knows the names of its parts and what they hold. After the headers of a
 * folder are read, every family whose config applies joins what it finds; parts that are left over are refused.
 */
#ifndef AZ_FORMAT_PARTS_H
#define AZ_FORMAT_PARTS_H

#include "base/buf.h"
#include "core/packed.h"
#include "format/format.h"

typedef struct az_joiner {
    adze_model *m;       /* tensors: the parts, sorted by name */
    const json_t *quant; /* the family's object in config.json */
    az_buf made;         /* az_tensors */
    bool *used;          /* [m->n_tensors] */
    adze_error *err;
} az_joiner;

typedef struct az_family {
    const char *name;
    /* The object of config.json that speaks of this family; NULL: none does. */
    const json_t *(*config)(const adze_model *m);
    adze_status (*join)(az_joiner *j);
} az_family;

/* Join the parts of m's tensors by what config.json says; refuses element types that are no weights. */
adze_status az_parts_join(adze_model *m, adze_error *err);

/* Does t's name end in `suffix`? *base gets the length of what is before it. */
bool az_part_ends(const az_tensor *t, const char *suffix, size_t *base);
/* The tensor called base[0..n) + suffix; NULL: there is none. */
const az_tensor *az_part_find(const az_joiner *j, const char *base, size_t n, const char *suffix);
/* A tensor that says nothing about weights (input scales, ...). */
void az_part_drop(az_joiner *j, const az_tensor *t);
/* Add base[0..n) + suffix of a shape, made of p's parts, which are then used. p is copied. */
adze_status az_part_add(az_joiner *j, const char *base, size_t n, const char *suffix, int n_dims,
                        const int64_t *shape, const az_packed *p);
/* The same for a tensor whose rows are read as blocks of a type. */
adze_status az_part_add_as(az_joiner *j, az_type type, const char *base, size_t n,
                           const char *suffix, int n_dims, const int64_t *shape,
                           const az_packed *p);
/* EFORMAT about a part. */
adze_status az_part_bad(const az_joiner *j, const az_tensor *t, const char *fmt, ...)
    AZ_PRINTF(3, 4);
/* quant_method of config.json's quantization_config, when it is `name`: the object. */
const json_t *az_quant_method(const adze_model *m, const char *name);

/* What reading rows needs. */
/* Part k of rows [r0, r0 + n) of `row` bytes each into new memory (az_free); NULL and an error on failure. */
void *az_part_rows(const adze_model *m, const az_tensor *part, int64_t r0, int64_t n, size_t row,
                   adze_error *err);
/* Element i of an array of floats (f32, f16, bf16, f8) as f32. */
float az_part_float(const void *data, az_type t, size_t i);
bool az_part_is_float(az_type t);
/* n of them. */
void az_part_floats(const void *data, az_type t, size_t n, float *dst);
/* n codes of `bits` <= 8 bits, one after the other from the lowest bit of a little-endian stream, a byte each. */
void az_part_spread(const uint8_t *p, size_t n, int bits, uint8_t *q);
/* `bits` <= 8 bits at bit `at` of a little-endian stream that holds them; n: bytes of the stream. */
static inline unsigned az_part_bits(const uint8_t *p, size_t n, size_t at, int bits)
{
    size_t i = at / 8;
    unsigned w = p[i] | (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0u);

    return w >> at % 8 & ((1u << bits) - 1);
}

/* How a writer encodes rows. */
typedef struct az_packing az_packing;
struct az_packing {
    int bits, group;
    az_type scale_type;
    /* Encode a row of n values; to: where each part's row goes. False: out of memory. */
    bool (*pack)(adze_run *run, const az_packing *p, const float *x, size_t n, void *const *to);
    /* Where it is not NULL: nothing is encoded, a row of the output's type is divided among the parts. */
    void (*split)(const void *row, size_t n, void *const *to);
};

/* parts_fp4.c: store an output of mxfp4 as X_blocks and X_scales; name: the first. */
adze_status az_mxfp4_in_parts(az_plan *p, az_output *o, const char *name, adze_error *err);

#endif
