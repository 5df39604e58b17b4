/* Codes of packed tensors as GGUF's blocks of 32.
 *
 * With a bias, or zero points that differ: q4_1 (up to 4 bits), q5_1 (5 bits): d = scale, m = bias or -scale * zero.
 * With the zero point in the middle everywhere: q4_0, q5_0, q8_0. Both fields are halves; where a scale or a minimum
 * is none, it is rounded, if that moves no number by more than 1/64 of a step. E2M1 in groups of 32: mxfp4.
 */
#include "codec/repack.h"
#include "codec/affine.h"
#include "core/half.h"

#include <string.h>

#define MOST_STEPS 0x1p-6f
enum { SCALES_AT_ONCE = 1 << 16 };

static float half(float f)
{
    return az_f16_to_f32(az_f32_to_f16(f));
}

static float minimum(const az_packed *p, float scale, float offset)
{
    return p->kind == AZ_CODE_BIAS ? offset : -(scale * offset);
}

static float absolute(float f)
{
    return f < 0 ? -f : f;
}

/* How far the numbers of a group move, in steps (a group of one value has as good as none: the row's widest step
 * tells what is small); 1 where that is too far, or there are no halves. */
static float group_off(const az_packed *p, float scale, float offset, float widest, bool middle)
{
    float m = middle ? 0 : minimum(p, scale, offset), d = half(scale), k = half(m);
    float top = (float)((1 << p->bits) - 1), step = absolute(scale), off;

    if (d == scale && k == m) return 0; /* false for what is no number */
    if (!(d - d == 0) || !(k - k == 0)) return 1;
    if (step < widest / 1024) step = widest / 1024;
    off = (absolute(d - scale) * top + absolute(k - m)) / step;
    return off <= MOST_STEPS ? off : 1;
}

static float widest_of(const float *scale, int64_t n)
{
    float w = 0;

    for (int64_t g = 0; g < n; g++)
        if (absolute(scale[g]) > w) w = absolute(scale[g]);
    return w;
}

/* The largest of group_off for both ways, and whether all zero points lie in the middle. */
typedef struct survey {
    float off, middle_off;
    bool middle;
} survey;

static void look_at_row(const az_packed *p, const float *scale, const float *offset, survey *s)
{
    float middle = (float)(1 << (p->bits - 1)), widest = widest_of(scale, p->groups);

    for (int64_t g = 0; g < p->groups; g++) {
        float off = group_off(p, scale[g], offset[g], widest, false);
        if (off > s->off) s->off = off;
        off = group_off(p, scale[g], 0, widest, true);
        if (off > s->middle_off) s->middle_off = off;
        if (offset[g] != middle) s->middle = false;
    }
}

static adze_status look(const adze_model *m, const az_tensor *t, survey *s, adze_error *err)
{
    const az_packed *p = t->packed;
    int64_t rows = az_tensor_rows(t), n = SCALES_AT_ONCE / p->groups + 1;
    adze_status rc = ADZE_OK;

    s->middle = p->kind == AZ_CODE_ZERO;
    for (int64_t r = 0; r < rows && rc == ADZE_OK; r += n) {
        int64_t some = rows - r < n ? rows - r : n;
        az_codes c;

        rc = az_codes_new(&c, m, t, some, true, err);
        if (rc < 0) return rc;
        rc = p->layout->codes(m, t, r, some, &c, err);
        for (int64_t i = 0; i < some && rc == ADZE_OK; i++)
            look_at_row(p, c.scale + i * p->groups, c.offset + i * p->groups, s);
        if (rc == ADZE_OK && !az_codes_in_order(&c, t)) s->off = s->middle_off = 1;
        az_codes_free(&c);
    }
    return rc;
}

adze_status az_repack_find(const adze_model *m, const az_tensor *t, az_repack *out, adze_error *err)
{
    const az_packed *p = t->packed;
    survey s = { .off = 0 };
    adze_status rc;

    *out = (az_repack){ .type = AZ_F32 };
    if (p->group % 32 || az_tensor_cols(t) % 32) return ADZE_OK;
    if (p->kind == AZ_CODE_E2M1 && p->group == 32) out->type = AZ_MXFP4;
    if (p->kind != AZ_CODE_BIAS && p->kind != AZ_CODE_ZERO) return ADZE_OK;
    rc = look(m, t, &s, err);
    if (rc < 0) return rc;
    if (s.middle && s.middle_off < 1) {
        out->type = p->bits <= 4 ? AZ_Q4_0 : p->bits == 5 ? AZ_Q5_0 : AZ_Q8_0;
        out->off = s.middle_off;
    } else if (p->bits <= 5 && s.off < 1) {
        out->type = p->bits <= 4 ? AZ_Q4_1 : AZ_Q5_1;
        out->off = s.off;
    }
    return ADZE_OK;
}

/* 32 codes in 16 bytes of their low nibbles and, for five bits, 4 bytes of the others. */
static void put_codes(const uint8_t *q, uint8_t *nibbles, uint8_t *fifth)
{
    for (int i = 0; i < 16; i++)
        nibbles[i] = (uint8_t)((q[i] & 15) | q[i + 16] << 4);
    for (int b = 0; b < 4 && fifth; b++) {
        fifth[b] = 0;
        for (int i = 0; i < 8; i++)
            fifth[b] = (uint8_t)(fifth[b] | (q[8 * b + i] >> 4 & 1) << i);
    }
}

/* One block; q is changed. */
static void put_block(az_type type, int bits, float d, float m, uint8_t *q, uint8_t *dst)
{
    az_f16 two[2] = { az_f32_to_f16(d), az_f32_to_f16(m) };
    int up = (type == AZ_Q4_0 ? 8 : type == AZ_Q5_0 ? 16 : 0) - (1 << (bits - 1));
    bool middle = type == AZ_Q4_0 || type == AZ_Q5_0 || type == AZ_Q8_0;

    for (int i = 0; i < 32 && middle; i++)
        q[i] = (uint8_t)(q[i] + up);
    memcpy(dst, two, middle ? 2 : 4);
    dst += middle ? 2 : 4;
    if (type == AZ_Q8_0)
        memcpy(dst, q, 32);
    else if (type == AZ_Q5_0 || type == AZ_Q5_1)
        put_codes(q, dst + 4, dst);
    else
        put_codes(q, dst, NULL);
}

static void put_row(const az_tensor *t, az_codes *c, size_t r, az_type type, uint8_t *dst)
{
    const az_packed *p = t->packed;
    size_t cols = (size_t)az_tensor_cols(t), bytes = az_type_get(type)->bytes;

    for (size_t k = 0; k < cols; k += 32, dst += bytes) {
        size_t g = r * (size_t)p->groups + k / (size_t)p->group;
        put_block(type, p->bits, c->scale[g], minimum(p, c->scale[g], c->offset[g]),
                  c->q + r * cols + k, dst);
    }
}

adze_status az_repack_rows(const adze_model *m, const az_tensor *t, az_type type, int64_t r0,
                           int64_t n, void *dst, adze_error *err)
{
    size_t bytes = (size_t)az_tensor_cols(t) / 32 * az_type_get(type)->bytes;
    az_affine_form form;
    az_codes c;
    adze_status rc = az_codes_new(&c, m, t, n, false, err);

    if (rc < 0) return rc;
    rc = t->packed->layout->codes(m, t, r0, n, &c, err);
    for (size_t r = 0; r < (size_t)n && rc == ADZE_OK; r++) {
        uint8_t *to = (uint8_t *)dst + r * bytes;
        if (type != AZ_MXFP4)
            put_row(t, &c, r, type, to);
        else if (!az_affine_form_of(t, &form) || !az_affine_put(&form, &c, r, to))
            rc = az_fail_name(err, ADZE_EFORMAT, m->files[t->file].path, t->name, t->at_bytes,
                              "row %lld has a scale that is not a number",
                              (long long)r0 + (long long)r);
    }
    az_codes_free(&c);
    return rc;
}
