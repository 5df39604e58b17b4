/* Elements of one byte with scales: FP8 (X.weight_scale_inv over blocks, or X.weight_scale) and the int-quantized,
 * float-quantized and naive-quantized formats of compressed-tensors (also X.weight_zero_point).
 *
 * W[n][k] = scale * (q - z). A scale is for the whole tensor ([], [1]), a row ([N], [N, 1]), a group of a row
 * ([N, G]) or a block ([N / bn, K / bk], edge blocks partial). weight_scale_inv multiplies as well, whatever its
 * name says. Parts: 0 weight, 1 scale, 2 zero point. Source: transformers' fp8 integration and compressed-tensors,
 * 2026-08-06.
 */
#include "base/json.h"
#include "format/parts.h"

/* Scales and zero points of n rows from r0 on. */
static adze_status read_scales(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n,
                               az_codes *c, adze_error *err)
{
    const az_packed *p = t->packed;
    const az_tensor *s = &p->part[1], *z = &p->part[2];
    int64_t groups = p->groups, s0 = r0 / p->group_rows, sn = (r0 + n - 1) / p->group_rows - s0 + 1;
    uint8_t *scale = az_part_rows(m, s, s0, sn, (size_t)groups * az_type_get(s->type)->bytes, err);
    uint8_t *zero = scale && z->name ? az_part_rows(m, z, s0, sn, (size_t)groups, err) : NULL;
    bool ok = scale && (zero || !z->name);

    for (int64_t r = 0; r < n && ok; r++)
        for (int64_t g = 0; g < groups; g++) {
            size_t from = (size_t)(((r0 + r) / p->group_rows - s0) * groups + g);
            c->scale[r * groups + g] = az_part_float(scale, s->type, from);
            c->offset[r * groups + g] = zero ? (float)((int8_t)zero[from] + 128) : 128;
        }
    az_free(m->run, scale);
    az_free(m->run, zero);
    return ok ? ADZE_OK : err ? err->status : ADZE_EIO;
}

/* Signed elements are read as codes with 128 added. */
static adze_status scaled_codes(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n,
                                az_codes *c, adze_error *err)
{
    const az_tensor *w = &t->packed->part[0];
    size_t bytes = (size_t)(n * t->shape[1]);
    adze_status rc = read_scales(m, t, r0, n, c, err);

    if (rc < 0 || !c->q) return rc;
    rc = az_model_read(m, w, (uint64_t)(r0 * t->shape[1]), c->q, bytes, err);
    for (size_t i = 0; i < bytes && w->type == AZ_I8; i++)
        c->q[i] ^= 0x80;
    return rc;
}

static const az_layout layout = { "scaled", scaled_codes, NULL };

/* Block sizes that the config names; 0: none. */
static void named_blocks(const az_joiner *j, int64_t *rows, int64_t *cols)
{
    const json_t *b = json_object_get(j->quant, "weight_block_size"), *group;
    const char *name;

    json_object_foreach((json_t *)(uintptr_t)json_object_get(j->quant, "config_groups"), name,
                        group)
    {
        const json_t *w = json_object_get(group, "weights");
        if (!json_is_array(b)) b = json_object_get(w, "block_structure");
    }
    *rows = json_integer_value(json_array_get(b, 0));
    *cols = json_integer_value(json_array_get(b, 1));
    if (*rows < 1 || *cols < 1 || *rows > INT32_MAX || *cols > INT32_MAX) *rows = *cols = 0;
}

/* What the scale's shape says it is for. */
static adze_status find_groups(const az_joiner *j, az_packed *p)
{
    const az_tensor *w = &p->part[0], *s = &p->part[1];
    int64_t n = w->shape[0], k = w->shape[1], down = s->shape[0], bn, bk;
    int64_t across = s->n_dims == 2 ? s->shape[1] : 1;

    p->group_rows = 1;
    p->group = k;
    if (s->n_dims == 0 || (down == 1 && across == 1)) {
        p->group_rows = n;
        return ADZE_OK;
    }
    named_blocks(j, &bn, &bk);
    if (bn && s->n_dims == 2 && down == (n + bn - 1) / bn && across == (k + bk - 1) / bk) {
        p->group_rows = bn;
        p->group = bk;
        return ADZE_OK;
    }
    if (s->n_dims > 2 || down != n || across < 1 || k % across)
        return az_part_bad(j, s, "is [%lld, %lld], which fits no groups of a weight [%lld, %lld]",
                           (long long)down, (long long)across, (long long)n, (long long)k);
    p->group = k / across;
    return ADZE_OK;
}

static adze_status check(const az_joiner *j, az_packed *p)
{
    const az_tensor *w = &p->part[0], *s = &p->part[1], *z = &p->part[2];

    if (w->n_dims != 2 || w->shape[0] < 1 || w->shape[1] < 1 || w->shape[0] > INT32_MAX ||
        w->shape[1] > INT32_MAX ||
        (w->type != AZ_F8_E4M3 && w->type != AZ_F8_E5M2 && w->type != AZ_I8))
        return az_part_bad(j, w, "has a scale, but is no matrix of 8-bit elements");
    if (!az_part_is_float(s->type))
        return az_part_bad(j, s, "has type %s", az_type_get(s->type)->name);
    p->kind = w->type == AZ_I8 ? AZ_CODE_ZERO : w->type == AZ_F8_E4M3 ? AZ_CODE_E4M3 : AZ_CODE_E5M2;
    if (z->name && (w->type != AZ_I8 || z->type != AZ_I8 ||
                    z->size_bytes != s->size_bytes / az_type_get(s->type)->bytes))
        return az_part_bad(j, z, "must be i8 in the shape of the scales, of i8 weights");
    return find_groups(j, p);
}

static adze_status join(az_joiner *j)
{
    static const char *const scales[] = { ".weight_scale_inv", ".weight_scale" };
    static const char *const others[] = {
        ".input_scale", ".activation_scale", ".k_scale",
        ".v_scale",     ".output_scale",     ".input_zero_point"
    };
    adze_status rc = ADZE_OK;
    size_t base;

    for (size_t i = 0; i < j->m->n_tensors && rc == ADZE_OK; i++) {
        const az_tensor *s = &j->m->tensors[i], *w = NULL, *z;
        az_packed p = { .layout = &layout, .bits = 8 };
        if (j->used[i]) continue;
        for (size_t k = 0; k < AZ_COUNT(others); k++)
            if (az_part_ends(s, others[k], &base)) az_part_drop(j, s);
        for (size_t k = 0; k < AZ_COUNT(scales) && !w; k++)
            if (az_part_ends(s, scales[k], &base)) w = az_part_find(j, s->name, base, ".weight");
        if (!w) continue; /* or another family's */
        p.part[0] = *w;
        p.part[1] = *s;
        z = az_part_find(j, s->name, base, ".weight_zero_point");
        if (z) p.part[2] = *z;
        rc = check(j, &p);
        p.label = az_arena_printf(&j->m->arena, "%s %lldx%lld",
                                  w->type == AZ_I8        ? "int8"
                                  : w->type == AZ_F8_E4M3 ? "fp8 e4m3"
                                                          : "fp8 e5m2",
                                  (long long)p.group_rows, (long long)p.group);
        if (rc == ADZE_OK) rc = az_part_add(j, s->name, base, ".weight", 2, w->shape, &p);
    }
    return rc;
}

static const json_t *config(const adze_model *m)
{
    static const char *const methods[] = { "fp8", "fbgemm_fp8", "compressed-tensors" };
    const json_t *q = NULL;

    for (size_t i = 0; i < AZ_COUNT(methods) && !q; i++)
        q = az_quant_method(m, methods[i]);
    return q;
}

const az_family az_family_scaled = { "scaled", config, join };
