/* A tensor that is stored in several parts: codes, scales, minima, zero points, the order of columns, ...
 *
 * It is one az_tensor with its real shape; `packed` says where the parts lie and how they are read. One az_layout a
 * family (format/parts_*.c). Its type is what rows are read as: AZ_F32, made of codes, or a block type that holds
 * the same numbers.
 */
#ifndef AZ_CORE_PACKED_H
#define AZ_CORE_PACKED_H

#include "core/model.h"

enum { AZ_MAX_PARTS = 5 };

/* What a code q of a group with a scale and an offset stands for. */
typedef enum az_code_kind {
    AZ_CODE_BIAS, /* scale * q + offset */
    AZ_CODE_ZERO, /* scale * (q - offset), the offset whole, 0..255 */
    AZ_CODE_E2M1, /* scale * the float that q is; no offset */
    AZ_CODE_E4M3,
    AZ_CODE_E5M2
} az_code_kind;

/* Rows of a packed tensor as they are stored. Column k is of group k / group, or order[k]. */
typedef struct az_codes {
    adze_run *run;
    uint8_t *q;     /* [n][cols]; NULL: only the scales are read */
    float *scale;   /* [n][groups] */
    float *offset;  /* [n][groups] */
    int32_t *order; /* [cols], all in [0, groups) */
    bool ordered;   /* order is used */
    float factor;   /* in every scale: scale / factor is what the part of scales holds */
} az_codes;

typedef struct az_layout {
    const char *name; /* "gptq" */
    /* Fill c with rows [r0, r0 + n) of the tensor; c is made by az_codes_new. Safe from several threads. */
    adze_status (*codes)(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n,
                         az_codes *c, adze_error *err);
    /* Instead of that for tensors that are no AZ_F32: rows as blocks of t's type. */
    adze_status (*blocks)(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n, void *dst,
                          adze_error *err);
} az_layout;

/* What the numbers mean is said in the layout's file. */
typedef struct az_packed {
    const az_layout *layout;
    const char *label;            /* what is stored, for people: "gptq 4 g128" */
    az_tensor part[AZ_MAX_PARTS]; /* name NULL: not there */
    int bits;
    int64_t group;      /* columns that share a scale */
    int64_t group_rows; /* rows that share a scale */
    int64_t groups;     /* of a row; 0 when joined: columns / group, rounded up */
    az_code_kind kind;
    unsigned flags; /* private to the layout */
} az_packed;

/* Room for n rows of t; scales_only leaves q NULL. az_codes_free also frees a half-made one. */
adze_status az_codes_new(az_codes *c, const adze_model *m, const az_tensor *t, int64_t n,
                         bool scales_only, adze_error *err);
void az_codes_free(az_codes *c);
/* Does column k lie in group k / group in spite of `ordered`? */
bool az_codes_in_order(const az_codes *c, const az_tensor *t);

/* Rows [r0, r0 + n) of a packed tensor in its type. Safe from several threads. */
adze_status az_packed_rows(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n,
                           void *dst, adze_error *err);

/* Are its numbers f32 only because they were decoded? */
static inline bool az_is_decoded(const az_tensor *t)
{
    return t->packed && t->type == AZ_F32;
}

extern const float az_e2m1[16]; /* values of 4-bit floats */

#endif
