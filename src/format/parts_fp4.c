/* 4-bit floats with scales: gpt-oss's X_blocks and X_scales, and the mxfp4 and nvfp4 formats of compressed-tensors
 * and ModelOpt.
 *
 * Byte i of a row holds elements 2i (low nibble) and 2i + 1. mxfp4: 2^(s - 127) * E2M1, groups of 32. nvfp4:
 * E4M3 scale / global (compressed-tensors' weight_global_scale), or * weight_scale_2 (ModelOpt), groups of 16. Parts:
 * 0 codes, 1 scales, 2 global scale. gpt-oss: [E, rows, K / 32, 16] is joined as X_blocks [E, rows, K]. Source: openai's
 * gpt-oss, compressed-tensors 2026-08-06.
 *
 * mxfp4 is read as blocks of the type mxfp4, which hold the same bits in another order (byte j: element j and, in the
 * high nibble, j + 16), and written back from them: nothing is decoded.
 */
#include "base/json.h"
#include "core/block.h"
#include "format/parts.h"

#include <string.h>

enum { DIVIDE = 1 }; /* by the global scale */
enum { BLOCK = 32, BLOCK_BYTES = BLOCK / 2 };

/* Nibbles of 32 elements: pairs of neighbours become pairs of halves. */
static void to_halves(const uint8_t *pairs, uint8_t *halves)
{
    for (int j = 0; j < BLOCK_BYTES; j++) {
        int k = j + BLOCK_BYTES;
        unsigned low = pairs[j / 2] >> j % 2 * 4 & 15u, high = pairs[k / 2] >> k % 2 * 4 & 15u;
        halves[j] = (uint8_t)(low | high << 4);
    }
}

static void to_pairs(const uint8_t *halves, uint8_t *pairs)
{
    for (int i = 0; i < BLOCK_BYTES; i++) {
        int k = 2 * i % BLOCK_BYTES, shift = i < BLOCK_BYTES / 2 ? 0 : 4;
        pairs[i] = (uint8_t)((halves[k] >> shift & 15u) | (halves[k + 1] >> shift & 15u) << 4);
    }
}

static adze_status mxfp4_blocks(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n,
                                void *dst, adze_error *err)
{
    const az_packed *p = t->packed;
    int64_t groups = az_tensor_cols(t) / BLOCK;
    az_block_mxfp4 *out = dst;
    uint8_t *w = az_part_rows(m, &p->part[0], r0, n, (size_t)groups * BLOCK_BYTES, err);
    uint8_t *s = w ? az_part_rows(m, &p->part[1], r0, n, (size_t)groups, err) : NULL;
    adze_status rc = s ? ADZE_OK : err ? err->status : ADZE_EIO;

    for (int64_t i = 0; i < n * groups && rc == ADZE_OK; i++) {
        if (s[i] == 255)
            rc = az_fail_name(err, ADZE_EFORMAT, m->files[t->file].path, p->part[1].name,
                              p->part[1].at_bytes + (uint64_t)(r0 * groups + i),
                              "a scale is not a number");
        out[i].e = s[i];
        to_halves(w + i * BLOCK_BYTES, out[i].qs);
    }
    az_free(m->run, w);
    az_free(m->run, s);
    return rc;
}

static void mxfp4_split(const void *row, size_t n, void *const *to)
{
    const az_block_mxfp4 *b = row;
    uint8_t *codes = to[0], *scales = to[1];

    for (size_t i = 0; i < n / BLOCK; i++) {
        to_pairs(b[i].qs, codes + i * BLOCK_BYTES);
        scales[i] = b[i].e;
    }
}

adze_status az_mxfp4_in_parts(az_plan *p, az_output *o, const char *name, adze_error *err)
{
    static const az_packing packing = {
        .bits = 4, .group = BLOCK, .scale_type = AZ_U8, .split = mxfp4_split
    };
    az_output_part *part = az_arena_array(&p->arena, AZ_OUTPUT_PARTS, sizeof *part);
    int64_t groups = o->shape[o->n_dims - 1] / BLOCK;
    int base = (int)(strlen(name) - strlen("_blocks"));

    if (!part) return az_fail_nomem(err, "planning a conversion");
    for (int k = 0; k < 2; k++) {
        part[k] = (az_output_part){ .type = AZ_U8, .n_dims = o->n_dims };
        part[k].name = az_arena_printf(&p->arena, "%.*s%s", base, name, k ? "_scales" : "_blocks");
        if (!part[k].name) return az_fail_nomem(err, "planning a conversion");
        memcpy(part[k].shape, o->shape, sizeof part[k].shape);
        part[k].shape[o->n_dims - 1] = groups;
        part[k].row_bytes = (uint64_t)groups * (k ? 1 : BLOCK_BYTES);
    }
    part[0].shape[part[0].n_dims++] = BLOCK_BYTES;
    o->parts = part;
    o->n_parts = 2;
    o->packing = &packing;
    return ADZE_OK;
}

static adze_status nvfp4_codes(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n,
                               az_codes *c, adze_error *err)
{
    const az_packed *p = t->packed;
    size_t cols = (size_t)az_tensor_cols(t), wb = cols / 2, groups = (size_t)(n * p->groups);
    uint8_t *s = az_part_rows(m, &p->part[1], r0, n, (size_t)p->groups, err);
    uint8_t *w = s && c->q ? az_part_rows(m, &p->part[0], r0, n, wb, err) : NULL;
    float all = 1;
    adze_status rc = s && (w || !c->q) ? ADZE_OK : err ? err->status : ADZE_EIO;

    if (rc == ADZE_OK && p->part[2].name)
        rc = az_model_read(m, &p->part[2], 0, &all, sizeof all, err);
    if (rc == ADZE_OK) az_part_floats(s, AZ_F8_E4M3, groups, c->scale);
    for (size_t g = 0; g < groups && rc == ADZE_OK && p->part[2].name; g++)
        c->scale[g] = p->flags & DIVIDE ? c->scale[g] / all : c->scale[g] * all;
    c->factor = p->flags & DIVIDE ? 1 / all : all;
    for (size_t r = 0; r < (size_t)n && rc == ADZE_OK && w; r++)
        az_part_spread(w + r * wb, cols, 4, c->q + r * cols);
    az_free(m->run, w);
    az_free(m->run, s);
    return rc;
}

static const az_layout nvfp4 = { "nvfp4", nvfp4_codes, NULL },
                       mxfp4 = { "mxfp4", NULL, mxfp4_blocks };

/* gpt-oss: blocks [.., K / 32, 16] and scales [.., K / 32]. */
static adze_status join_blocks(az_joiner *j, const az_tensor *b, size_t base)
{
    const az_tensor *s = az_part_find(j, b->name, base, "_scales");
    az_packed p = {
        .layout = &mxfp4, .bits = 4, .kind = AZ_CODE_E2M1, .group = BLOCK, .group_rows = 1
    };
    int64_t shape[AZ_MAX_DIMS];
    int dims = b->n_dims - 1;

    if (!s) return az_part_bad(j, b, "has no scales beside it");
    if (b->type != AZ_U8 || dims < 2 || b->shape[dims] != 16 || b->shape[dims - 1] > INT32_MAX)
        return az_part_bad(j, b, "must be u8 [.., blocks, 16]");
    if (s->type != AZ_U8 || s->n_dims != dims ||
        memcmp(s->shape, b->shape, (size_t)dims * sizeof *shape) != 0)
        return az_part_bad(j, s, "must be u8, one for each block");
    memcpy(shape, b->shape, sizeof shape);
    shape[dims - 1] *= BLOCK;
    p.part[0] = *b;
    p.part[1] = *s;
    p.label = "mxfp4";
    return az_part_add_as(j, AZ_MXFP4, b->name, base, "_blocks", dims, shape, &p);
}

/* compressed-tensors and ModelOpt: codes [N, K / 2], scales [N, K / group]. */
static adze_status join_matrix(az_joiner *j, const az_tensor *w, size_t base)
{
    const az_tensor *s = az_part_find(j, w->name, base, ".weight_scale");
    const az_tensor *div = az_part_find(j, w->name, base, ".weight_global_scale");
    const az_tensor *mul = az_part_find(j, w->name, base, ".weight_scale_2");
    az_packed p = { .layout = &nvfp4, .bits = 4, .kind = AZ_CODE_E2M1, .group_rows = 1 };
    bool by_byte = s && (s->type == AZ_U8 || s->type == AZ_F8_E8M0);
    int64_t shape[2] = { w->shape[0], w->shape[1] * 2 };

    if (!s) return az_part_bad(j, w, "has no weight_scale beside it");
    if (by_byte) p.layout = &mxfp4;
    p.flags = mul ? 0 : DIVIDE;
    p.group = by_byte ? BLOCK : 16;
    if (w->n_dims != 2 || shape[1] > INT32_MAX || shape[1] % p.group)
        return az_part_bad(j, w, "must be u8 [rows, columns / 2]");
    if ((!by_byte && s->type != AZ_F8_E4M3) || s->n_dims != 2 || s->shape[0] != shape[0] ||
        s->shape[1] != shape[1] / p.group)
        return az_part_bad(j, s, "must be scales [%lld, %lld]", (long long)shape[0],
                           (long long)(shape[1] / p.group));
    p.part[0] = *w;
    p.part[1] = *s;
    if ((mul || div) && by_byte) return az_part_bad(j, mul ? mul : div, "belongs to no mxfp4");
    if (mul || div) p.part[2] = mul ? *mul : *div;
    if (p.part[2].name && (p.part[2].type != AZ_F32 || p.part[2].size_bytes != 4))
        return az_part_bad(j, &p.part[2], "must be one f32");
    p.label = by_byte ? "mxfp4" : "nvfp4";
    return az_part_add_as(j, by_byte ? AZ_MXFP4 : AZ_F32, w->name, base, ".weight", 2, shape, &p);
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
