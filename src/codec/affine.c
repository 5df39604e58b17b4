/* Rows of core/affine.h: which form a packed tensor takes, and how its rows are put there. */
#include "codec/affine.h"
#include "base/check.h"

/* What a scale's part is stored as decides how the row keeps it. */
static bool scales_of(const az_packed *p, az_type store, az_affine_scales *out)
{
    bool f16 = store == AZ_F16, bf16 = store == AZ_BF16;

    switch (p->kind) {
    case AZ_CODE_BIAS:
        *out = f16 ? AZ_SCALES_F16_BIAS : bf16 ? AZ_SCALES_BF16_BIAS : AZ_SCALES_F32_BIAS;
        return true;
    case AZ_CODE_ZERO:
        *out = f16 ? AZ_SCALES_F16_ZERO : bf16 ? AZ_SCALES_BF16_ZERO : AZ_SCALES_F32_BIAS;
        return true;
    case AZ_CODE_E2M1: *out = AZ_SCALES_E4M3; return p->group == 16;
    case AZ_CODE_E4M3: *out = AZ_SCALES_F32; return true;
    case AZ_CODE_E5M2: break;
    }
    return false;
}

static bool type_of(const az_packed *p, az_type *out)
{
    static const az_type by_bits[9] = { [2] = AZ_AFFINE2, [3] = AZ_AFFINE3, [4] = AZ_AFFINE4,
                                        [5] = AZ_AFFINE5, [6] = AZ_AFFINE6, [8] = AZ_AFFINE8 };

    *out = p->kind == AZ_CODE_E2M1   ? (p->group == 32 ? AZ_MXFP4 : AZ_NVFP4)
           : p->kind == AZ_CODE_E4M3 ? AZ_FP8
           : p->bits <= 8            ? by_bits[p->bits]
                                     : AZ_F32;
    return *out != AZ_F32;
}

bool az_affine_form_of(const az_tensor *t, az_affine_form *out)
{
    const az_packed *p = t->packed;
    size_t cols = (size_t)az_tensor_cols(t), blocks = cols / 32, scales, codes;

    *out = (az_affine_form){
        .kind = p->kind, .cols = cols, .group = (size_t)p->group, .groups = (size_t)p->groups
    };
    if (t->type != AZ_F32 || cols % 32 || !type_of(p, &out->type)) return false;
    codes = blocks * az_type_get(out->type)->bytes;
    out->row_bytes = codes;
    if (out->type == AZ_MXFP4) return true;
    if (!scales_of(p, p->part[1].type, &out->scales)) return false;
    if (out->type != AZ_NVFP4 && (p->group % 32 || p->group / 32 > UINT16_MAX)) return false;
    scales = out->type == AZ_NVFP4 ? blocks : out->groups;
    out->codes_at = sizeof(az_affine_head) + scales * az_affine_scale_bytes(out->scales);
    out->row_bytes += out->codes_at;
    return out->codes_at <= UINT32_MAX;
}

static void put_nibbles(const uint8_t *q, uint8_t *dst)
{
    for (int i = 0; i < 16; i++)
        dst[i] = (uint8_t)((q[i] & 15) | q[i + 16] << 4);
}

static void put_pairs(const uint8_t *q, int shift, uint8_t *dst)
{
    for (int i = 0; i < 8; i++)
        dst[i] = (uint8_t)((q[i] >> shift & 3) | (q[i + 8] >> shift & 3) << 2 |
                           (q[i + 16] >> shift & 3) << 4 | (q[i + 24] >> shift & 3) << 6);
}

static void put_bits(const uint8_t *q, int shift, uint8_t *dst)
{
    for (int b = 0; b < 4; b++) {
        dst[b] = 0;
        for (int i = 0; i < 8; i++)
            dst[b] = (uint8_t)(dst[b] | (q[8 * b + i] >> shift & 1) << i);
    }
}

static void put_block(az_type type, const uint8_t *q, uint8_t *dst)
{
    switch (type) {
    case AZ_AFFINE3: put_bits(q, 2, dst + 8); /* fall through */
    case AZ_AFFINE2: put_pairs(q, 0, dst); return;
    case AZ_AFFINE6: put_pairs(q, 4, dst + 16); break;
    case AZ_AFFINE5: put_bits(q, 4, dst + 16); break;
    case AZ_AFFINE8:
        for (int i = 0; i < 32; i++)
            dst[i] = q[i] ^ 0x80;
        return;
    case AZ_FP8: memcpy(dst, q, 32); return;
    default: break;
    }
    put_nibbles(q, dst);
}

/* The 8-bit float nearest to f. */
static uint8_t to_e4m3(float f)
{
    float a = f < 0 ? -f : f;
    uint8_t low = 0, high = 126, sign = f < 0 ? 0x80 : 0;

    while (low < high) { /* the first whose middle to the next is not below a */
        uint8_t mid = (uint8_t)((low + high) / 2);
        if (0.5f * (az_f8_e4m3_to_f32(mid) + az_f8_e4m3_to_f32((uint8_t)(mid + 1 - (mid == 126)))) <
            a)
            low = (uint8_t)(mid + 1);
        else
            high = mid;
    }
    return low | sign;
}

static bool finite_f32(float f)
{
    return (az_f32_bits(f) & 0x7f800000u) != 0x7f800000u;
}

static bool is_zero_point(float f)
{
    return f >= 0 && f <= 255 && f == (float)(int)f;
}

/* Scale and offset of one group. */
static bool put_scale(const az_affine_form *form, float scale, float offset, uint8_t *p)
{
    az_affine_scales kind = form->scales;
    uint16_t two[2];
    float f[2] = { az_keep_bits(scale, 22),
                   form->kind == AZ_CODE_BIAS ? offset : -(scale * offset) };
    bool f16 = kind == AZ_SCALES_F16_BIAS || kind == AZ_SCALES_F16_ZERO;

    if (!finite_f32(scale) || !finite_f32(f[0])) return false;
    two[0] = f16 ? az_f32_to_f16(scale) : az_f32_to_bf16(scale);
    two[1] = f16 ? az_f32_to_f16(offset) : az_f32_to_bf16(offset);
    switch (kind) {
    case AZ_SCALES_F16_BIAS:
    case AZ_SCALES_BF16_BIAS: memcpy(p, two, 4); return finite_f32(offset);
    case AZ_SCALES_F32_BIAS: memcpy(p, f, 8); return finite_f32(f[1]);
    case AZ_SCALES_F16_ZERO:
    case AZ_SCALES_BF16_ZERO:
        if (!is_zero_point(offset)) return false;
        two[1] = (uint16_t)offset;
        memcpy(p, two, 4);
        return true;
    case AZ_SCALES_F32: memcpy(p, &scale, 4); return true;
    case AZ_SCALES_E4M3: break;
    }
    return false;
}

/* Blocks of mxfp4 as GGUF files have them. */
static bool put_mxfp4(const az_affine_form *f, const az_codes *c, size_t r, uint8_t *dst)
{
    const float *scale = c->scale + r * f->groups;
    const uint8_t *q = c->q + r * f->cols;

    for (size_t b = 0; b < f->groups; b++, dst += sizeof(az_block_mxfp4)) {
        uint32_t u = az_f32_bits(scale[b]), e = u >> 23;
        bool least = u == 0x00400000u; /* 2^-127 */
        if (!least && (u & 0x807fffffu || e == 0 || e == 255)) return false;
        dst[0] = (uint8_t)e;
        put_nibbles(q + 32 * b, dst + 1);
    }
    return true;
}

/* Scales of nvfp4: what they are without the factor that all share. */
static bool put_nvfp4_scales(const az_affine_form *f, const float *scale, float factor, uint8_t *p)
{
    if (!finite_f32(factor) || !(factor > 0x1p-100f) || factor > 0x1p100f) return false;
    for (size_t g = 0; g < f->groups; g++) {
        if (!finite_f32(scale[g])) return false;
        p[g] = to_e4m3(scale[g] / factor);
    }
    return true;
}

bool az_affine_put(const az_affine_form *f, const az_codes *c, size_t r, uint8_t *dst)
{
    const float *scale = c->scale + r * f->groups, *offset = c->offset + r * f->groups;
    const uint8_t *q = c->q + r * f->cols;
    az_affine_head h = { .scales = (uint16_t)f->scales,
                         .group32 = (uint16_t)(f->type == AZ_NVFP4 ? 1 : f->group / 32),
                         .codes_at = (uint32_t)f->codes_at,
                         .factor = 1 };
    size_t each = az_affine_scale_bytes(f->scales);
    bool ok = true;

    if (f->type == AZ_MXFP4) return put_mxfp4(f, c, r, dst);
    if (f->type == AZ_NVFP4) {
        h.factor = az_keep_bits(c->factor, 18);
        ok = put_nvfp4_scales(f, scale, c->factor, dst + sizeof h);
    }
    memcpy(dst, &h, sizeof h);
    for (size_t g = 0; g < f->groups && ok && f->type != AZ_NVFP4; g++)
        ok = put_scale(f, scale[g], f->kind == AZ_CODE_E4M3 ? 0 : offset[g],
                       dst + sizeof h + g * each);
    for (size_t k = 0; k < f->cols && f->type == AZ_FP8; k++)
        ok = ok && (q[k] & 0x7f) != 0x7f; /* not a number */
    dst += f->codes_at;
    for (size_t k = 0; k < f->cols && ok; k += 32, dst += az_type_get(f->type)->bytes)
        put_block(f->type, q + k, dst);
    return ok;
}
