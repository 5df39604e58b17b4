/* 4-bit floats with scales: gpt-oss's X_blocks and X_scales, and the mxfp4 and nvfp4 formats of compressed-tensors
 * and ModelOpt.
 *
 * Byte i of a row holds elements 2i (low nibble) and 2i + 1. mxfp4: 2^(s - 127) * E2M1, groups of 32. nvfp4:
 * E4M3 scale / global (compressed-tensors' weight_global_scale), or * weight_scale_2 (ModelOpt), groups of 16. Parts:
 * 0 codes, 1 scales, 2 global scale. gpt-oss: [E, rows, K / 32, 16] is joined as X [E, rows, K]. Source: openai's
 * gpt-oss, compressed-tensors 2026-08-06.
 */
#include "base/json.h"
#include "format/parts.h"

#include <string.h>

enum { BY_BYTE = 1, DIVIDE = 2 }; /* scales are E8M0 bytes; the global scale divides */

static adze_status fp4_rows(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n,
                            float *dst, adze_error *err)
{
    const az_packed *p = t->packed;
    int64_t cols = az_tensor_cols(t), groups = cols / p->group;
    size_t wb = (size_t)cols / 2;
    uint8_t *w = az_part_rows(m, &p->part[0], r0, n, wb, err);
    uint8_t *s = w ? az_part_rows(m, &p->part[1], r0, n, (size_t)groups, err) : NULL;
    float all = 1;
    adze_status rc = s ? ADZE_OK : err ? err->status : ADZE_EIO;

    if (s && p->part[2].name) rc = az_model_read(m, &p->part[2], 0, &all, sizeof all, err);
    for (int64_t r = 0; r < n && rc == ADZE_OK; r++)
        for (int64_t k = 0; k < cols; k++) {
            uint8_t b = s[r * groups + k / p->group];
            float scale = p->flags & BY_BYTE ? az_e8m0_to_f32(b) : az_f8_e4m3_to_f32(b);
            unsigned q = w[(size_t)r * wb + (size_t)k / 2] >> k % 2 * 4 & 15;
            if (p->part[2].name) scale = p->flags & DIVIDE ? scale / all : scale * all;
            dst[r * cols + k] = scale * az_e2m1[q];
        }
    az_free(m->run, w);
    az_free(m->run, s);
    return rc;
}

static const az_layout layout = { "fp4", fp4_rows };

/* gpt-oss: blocks [.., K / 32, 16] and scales [.., K / 32]. */
static adze_status join_blocks(az_joiner *j, const az_tensor *b, size_t base)
{
    const az_tensor *s = az_part_find(j, b->name, base, "_scales");
    az_packed p = { .layout = &layout, .bits = 4, .group = 32, .group_rows = 1, .flags = BY_BYTE };
    int64_t shape[AZ_MAX_DIMS];
    int dims = b->n_dims - 1;

    if (!s) return az_part_bad(j, b, "has no scales beside it");
    if (b->type != AZ_U8 || dims < 2 || b->shape[dims] != 16 || b->shape[dims - 1] > INT32_MAX)
        return az_part_bad(j, b, "must be u8 [.., blocks, 16]");
    if (s->type != AZ_U8 || s->n_dims != dims ||
        memcmp(s->shape, b->shape, (size_t)dims * sizeof *shape) != 0)
        return az_part_bad(j, s, "must be u8, one for each block");
    memcpy(shape, b->shape, sizeof shape);
    shape[dims - 1] *= 32;
    p.part[0] = *b;
    p.part[1] = *s;
    p.label = "mxfp4 blocks";
    return az_part_add(j, b->name, base, "", dims, shape, &p);
}

/* compressed-tensors and ModelOpt: codes [N, K / 2], scales [N, K / group]. */
static adze_status join_matrix(az_joiner *j, const az_tensor *w, size_t base)
{
    const az_tensor *s = az_part_find(j, w->name, base, ".weight_scale");
    const az_tensor *div = az_part_find(j, w->name, base, ".weight_global_scale");
    const az_tensor *mul = az_part_find(j, w->name, base, ".weight_scale_2");
    az_packed p = { .layout = &layout, .bits = 4, .group_rows = 1 };
    int64_t shape[2] = { w->shape[0], w->shape[1] * 2 };

    if (!s) return az_part_bad(j, w, "has no weight_scale beside it");
    p.flags = s->type == AZ_U8 || s->type == AZ_F8_E8M0 ? BY_BYTE : DIVIDE;
    p.group = p.flags & BY_BYTE ? 32 : 16;
    if (mul) p.flags &= ~(unsigned)DIVIDE;
    if (w->n_dims != 2 || shape[1] > INT32_MAX || shape[1] % p.group)
        return az_part_bad(j, w, "must be u8 [rows, columns / 2]");
    if ((!(p.flags & BY_BYTE) && s->type != AZ_F8_E4M3) || s->n_dims != 2 ||
        s->shape[0] != shape[0] || s->shape[1] != shape[1] / p.group)
        return az_part_bad(j, s, "must be scales [%lld, %lld]", (long long)shape[0],
                           (long long)(shape[1] / p.group));
    p.part[0] = *w;
    p.part[1] = *s;
    if (mul || div) p.part[2] = mul ? *mul : *div;
    if (p.part[2].name && (p.part[2].type != AZ_F32 || p.part[2].size_bytes != 4))
        return az_part_bad(j, &p.part[2], "must be one f32");
    p.label = p.flags & BY_BYTE ? "mxfp4, groups of 32" : "nvfp4, groups of 16";
    return az_part_add(j, w->name, base, ".weight", 2, shape, &p);
}

static adze_status join(az_joiner *j)
{
    adze_status rc = ADZE_OK;
    size_t base;

    for (size_t i = 0; i < j->m->n_tensors && rc == ADZE_OK; i++) {
        const az_tensor *w = &j->m->tensors[i];
        if (j->used[i] || w->type != AZ_U8) continue;
        if (az_part_ends(w, "_blocks", &base))
            rc = join_blocks(j, w, base);
        else if (az_part_ends(w, ".weight_packed", &base) || az_part_ends(w, ".weight", &base))
            rc = join_matrix(j, w, base);
    }
    return rc;
}

static const json_t *config(const adze_model *m)
{
    static const char *const methods[] = { "mxfp4", "compressed-tensors", "modelopt" };
    const json_t *q = NULL;

    for (size_t i = 0; i < AZ_COUNT(methods) && !q; i++)
        q = az_quant_method(m, methods[i]);
    return q;
}

const az_family az_family_fp4 = { "fp4", config, join };
