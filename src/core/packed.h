/* A tensor that is stored in several parts: codes, scales, minima, zero points, the order of columns, ...
 *
 * It is one az_tensor with its real shape; `packed` says where the parts lie and how rows are read. One az_layout a
 * family (format/parts_*.c). Its type is what rows are read as: AZ_F32, or a block type that holds the same numbers.
 */
#ifndef AZ_CORE_PACKED_H
#define AZ_CORE_PACKED_H

#include "core/model.h"

enum { AZ_MAX_PARTS = 5 };

typedef struct az_layout {
    const char *name; /* "gptq" */
    /* Rows [r0, r0 + n) of the tensor, dst: [n][cols] f32. Safe from several threads. */
    adze_status (*rows)(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n, float *dst,
                        adze_error *err);
    /* The same as blocks of t's type, for tensors that are no AZ_F32. */
    adze_status (*blocks)(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n, void *dst,
                          adze_error *err);
} az_layout;

/* What the numbers mean is said in the layout's file. */
typedef struct az_packed {
    const az_layout *layout;
    const char *label;            /* for people: "4-bit, groups of 64" */
    az_tensor part[AZ_MAX_PARTS]; /* name NULL: not there */
    int bits;
    int64_t group;      /* columns that share a scale */
    int64_t group_rows; /* rows that share a scale */
    unsigned flags;     /* private to the layout */
} az_packed;

/* Rows of a packed tensor in its type. */
static inline adze_status az_packed_rows(const adze_model *m, const az_tensor *t, int64_t r0,
                                         int64_t n, void *dst, adze_error *err)
{
    const az_layout *l = t->packed->layout;

    return t->type == AZ_F32 ? l->rows(m, t, r0, n, dst, err) : l->blocks(m, t, r0, n, dst, err);
}

/* Are its numbers f32 only because they were decoded? */
static inline bool az_is_decoded(const az_tensor *t)
{
    return t->packed && t->type == AZ_F32;
}

#endif
