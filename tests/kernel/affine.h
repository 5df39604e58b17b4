/* Random rows of every weight type: blocks (kernel/weights.h), then those of core/affine.h in every form. */
#ifndef AZ_TESTS_KERNEL_AFFINE_H
#define AZ_TESTS_KERNEL_AFFINE_H

#include "base/run.h"
#include "codec/affine.h"
#include "kernel/weights.h"

static const struct {
    int bits;
    az_code_kind kind;
    az_type store;
    int group;
} affine_forms[] = {
    { 2, AZ_CODE_BIAS, AZ_F16, 64 },     { 3, AZ_CODE_BIAS, AZ_BF16, 128 },
    { 4, AZ_CODE_BIAS, AZ_BF16, 64 },    { 4, AZ_CODE_BIAS, AZ_F16, 32 },
    { 4, AZ_CODE_BIAS, AZ_F32, 64 },     { 4, AZ_CODE_ZERO, AZ_F16, 128 },
    { 5, AZ_CODE_BIAS, AZ_F16, 64 },     { 5, AZ_CODE_ZERO, AZ_BF16, 32 },
    { 6, AZ_CODE_BIAS, AZ_BF16, 64 },    { 8, AZ_CODE_BIAS, AZ_BF16, 64 },
    { 8, AZ_CODE_ZERO, AZ_F16, 128 },    { 8, AZ_CODE_ZERO, AZ_F32, 32 },
    { 4, AZ_CODE_E2M1, AZ_F8_E4M3, 16 }, { 8, AZ_CODE_E4M3, AZ_F32, 128 },
    { 8, AZ_CODE_E4M3, AZ_BF16, 32 },
};
enum { N_AFFINE_FORMS = sizeof affine_forms / sizeof affine_forms[0] };

/* A tensor of one row of form i. */
static inline void affine_tensor(size_t i, size_t cols, az_tensor *t, az_packed *p)
{
    *p = (az_packed){ .bits = affine_forms[i].bits,
                      .kind = affine_forms[i].kind,
                      .group = affine_forms[i].group,
                      .group_rows = 1 };
    p->groups = ((int64_t)cols + p->group - 1) / p->group;
    p->part[1].type = affine_forms[i].store;
    *t = (az_tensor){ .type = AZ_F32, .n_dims = 2, .shape = { 1, (int64_t)cols }, .packed = p };
}

static inline float affine_scale(size_t i, uint64_t *seed)
{
    float f = rand_f32(seed, 0.01f);

    if (affine_forms[i].store == AZ_F16) return az_f16_to_f32(az_f32_to_f16(f));
    if (affine_forms[i].store == AZ_BF16) return az_bf16_to_f32(az_f32_to_bf16(f));
    if (affine_forms[i].store == AZ_F8_E4M3)
        return az_f8_e4m3_to_f32((uint8_t)(rand_u32(seed) % 0x7f)) * 0x1.8p-12f;
    return f;
}

/* One row of random codes of form i. */
typedef struct made_codes {
    az_packed p;
    az_tensor t;
    az_codes c;
} made_codes;

static inline made_codes codes_new(size_t i, size_t cols, uint64_t *seed)
{
    made_codes m = { .c.factor = 0x1.8p-12f };
    size_t groups;

    affine_tensor(i, cols, &m.t, &m.p);
    groups = (size_t)m.p.groups;
    m.c.q = malloc(cols);
    m.c.scale = malloc(groups * sizeof(float));
    m.c.offset = malloc(groups * sizeof(float));
    for (size_t k = 0; k < cols; k++) {
        m.c.q[k] = (uint8_t)(rand_u32(seed) & ((1u << m.p.bits) - 1));
        if (m.p.kind == AZ_CODE_E4M3 && (m.c.q[k] & 0x7f) == 0x7f) m.c.q[k] = 0;
    }
    for (size_t g = 0; g < groups; g++) {
        m.c.scale[g] = affine_scale(i, seed);
        m.c.offset[g] = m.p.kind == AZ_CODE_ZERO ? (float)(rand_u32(seed) >> (32 - m.p.bits))
                                                 : 5 * affine_scale(i, seed);
        if (affine_forms[i].store == AZ_F16)
            m.c.offset[g] = az_f16_to_f32(az_f32_to_f16(m.c.offset[g]));
        if (affine_forms[i].store == AZ_BF16)
            m.c.offset[g] = az_bf16_to_f32(az_f32_to_bf16(m.c.offset[g]));
    }
    return m;
}

static inline void codes_free(made_codes *m)
{
    free(m->c.q);
    free(m->c.scale);
    free(m->c.offset);
}

/* What column k of row 0 stands for. */
static inline float code_value(size_t i, const made_codes *m, size_t k)
{
    float scale = m->c.scale[k / (size_t)m->p.group], offset = m->c.offset[k / (size_t)m->p.group];

    switch (affine_forms[i].kind) {
    case AZ_CODE_BIAS: return scale * (float)m->c.q[k] + offset;
    case AZ_CODE_ZERO: return scale * ((float)m->c.q[k] - offset);
    case AZ_CODE_E2M1: return scale * az_e2m1[m->c.q[k]];
    default: return scale * az_f8_e4m3_to_f32(m->c.q[k]);
    }
}

/* n rows of form i to dst. */
static inline void rand_affine(size_t i, size_t cols, size_t n, uint8_t *dst, uint64_t *seed)
{
    for (size_t r = 0; r < n; r++) {
        made_codes m = codes_new(i, cols, seed);
        az_affine_form f;

        m.t.packed = &m.p; /* it was moved */
        if (!az_affine_form_of(&m.t, &f)) abort();
        if (!az_affine_put(&f, &m.c, 0, dst + r * f.row_bytes)) abort();
        codes_free(&m);
    }
}

enum { N_ROW_FORMS = N_WEIGHT_TYPES + N_AFFINE_FORMS };

static inline az_affine_form affine_form(size_t i, size_t cols)
{
    az_affine_form f;
    az_packed p;
    az_tensor t;

    affine_tensor(i, cols, &t, &p);
    if (!az_affine_form_of(&t, &f)) abort();
    return f;
}

/* Of weight_types, and after them of affine_forms. */
static inline az_type row_type(size_t which)
{
    return which < N_WEIGHT_TYPES ? weight_types[which].type
                                  : affine_form(which - N_WEIGHT_TYPES, 256).type;
}

static inline size_t row_bytes_of(size_t which, size_t cols)
{
    uint64_t bytes;

    if (which >= N_WEIGHT_TYPES) return affine_form(which - N_WEIGHT_TYPES, cols).row_bytes;
    if (!az_type_row_bytes(weight_types[which].type, cols, &bytes)) abort();
    return (size_t)bytes;
}

static inline void rand_rows(size_t which, size_t cols, size_t n, uint8_t *dst, uint64_t *seed)
{
    if (which < N_WEIGHT_TYPES)
        rand_weights(which, dst, n * row_bytes_of(which, cols), seed);
    else
        rand_affine(which - N_WEIGHT_TYPES, cols, n, dst, seed);
}

#endif
