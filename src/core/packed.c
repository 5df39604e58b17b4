/* Rows of packed tensors as codes and as numbers. */
#include "core/packed.h"
#include "base/check.h"
#include "core/half.h"

const float az_e2m1[16] = { 0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6 };

adze_status az_codes_new(az_codes *c, const adze_model *m, const az_tensor *t, int64_t n,
                         bool scales_only, adze_error *err)
{
    size_t cols = (size_t)az_tensor_cols(t), rows = (size_t)n, bytes, scales;

    *c = (az_codes){ .run = m->run, .factor = 1 };
    if (!az_mul_size(rows, cols, &bytes) ||
        !az_mul_size(rows, (size_t)t->packed->groups * sizeof(float), &scales))
        return az_fail_nomem(err, "reading weights");
    if (!scales_only) c->q = az_alloc(m->run, bytes + 1);
    c->scale = az_alloc(m->run, scales + 1);
    c->offset = az_alloc(m->run, scales + 1);
    c->order = az_alloc_array(m->run, cols + 1, sizeof *c->order);
    if ((c->q || scales_only) && c->scale && c->offset && c->order) return ADZE_OK;
    az_codes_free(c);
    return az_fail_nomem(err, "reading weights");
}

void az_codes_free(az_codes *c)
{
    if (!c->run) return;
    az_free(c->run, c->q);
    az_free(c->run, c->scale);
    az_free(c->run, c->offset);
    az_free(c->run, c->order);
    *c = (az_codes){ .run = NULL };
}

bool az_codes_in_order(const az_codes *c, const az_tensor *t)
{
    if (!c->ordered) return true;
    for (int64_t k = 0; k < az_tensor_cols(t); k++)
        if (c->order[k] != k / t->packed->group) return false;
    return true;
}

static float value(az_code_kind kind, unsigned q, float scale, float offset)
{
    switch (kind) {
    case AZ_CODE_BIAS: return scale * (float)q + offset;
    case AZ_CODE_ZERO: return scale * ((float)q - offset);
    case AZ_CODE_E2M1: return scale * az_e2m1[q & 15];
    case AZ_CODE_E4M3: return scale * az_f8_e4m3_to_f32((uint8_t)q);
    case AZ_CODE_E5M2: break;
    }
    return scale * az_f8_e5m2_to_f32((uint8_t)q);
}

static void decode_row(const az_packed *p, const az_codes *c, size_t r, size_t cols, float *dst)
{
    const uint8_t *q = c->q + r * cols;
    const float *scale = c->scale + r * (size_t)p->groups, *offset = c->offset + (scale - c->scale);
    size_t group = (size_t)p->group;

    for (size_t k = 0; k < cols && c->ordered; k++)
        dst[k] = value(p->kind, q[k], scale[c->order[k]], offset[c->order[k]]);
    if (c->ordered) return;
    for (size_t k = 0, g = 0; k < cols; k += group, g++)
        for (size_t i = k; i < cols && i < k + group; i++)
            dst[i] = value(p->kind, q[i], scale[g], offset[g]);
}

adze_status az_packed_rows(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n,
                           void *dst, adze_error *err)
{
    size_t cols = (size_t)az_tensor_cols(t);
    float *x = dst;
    az_codes c;
    adze_status rc;

    if (t->type != AZ_F32) return t->packed->layout->blocks(m, t, r0, n, dst, err);
    rc = az_codes_new(&c, m, t, n, false, err);
    if (rc < 0) return rc;
    rc = t->packed->layout->codes(m, t, r0, n, &c, err);
    for (size_t r = 0; r < (size_t)n && rc == ADZE_OK; r++)
        decode_row(t->packed, &c, r, cols, x + r * cols);
    az_codes_free(&c);
    return rc;
}
