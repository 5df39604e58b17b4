/* compressed-tensors, pack-quantized: X.weight_packed i32 [N, words], X.weight_scale [N, G], X.weight_shape i64 [2],
 * X.weight_zero_point i32 [N * b / 32, G] packed along rows, X.weight_g_idx [K].
 *
 * Stored u = q + 2^(b - 1): W = (u - 2^(b - 1)) * scale, or (u - u_zp) * scale. 2, 4 and 8 bits fill words; other
 * widths are one stream of bits, in older files 32 / b values a word: the number of words tells. Parts: 0 packed,
 * 1 scale, 2 zero point, 3 order of columns. Source: compressed-tensors' compressors, 2026-08-06.
 */
#include "base/json.h"
#include "core/packed.h"
#include "format/parts.h"

#include <string.h>

enum { WORD_BY_WORD = 1 };

static void spread(const az_packed *p, const uint8_t *row, size_t cols, uint8_t *q)
{
    size_t per = 32 / (size_t)p->bits;

    if (!(p->flags & WORD_BY_WORD)) {
        az_part_spread(row, cols, p->bits, q);
        return;
    }
    for (size_t k = 0; k < cols; k += per, row += 4)
        az_part_spread(row, cols - k < per ? cols - k : per, p->bits, q + k);
}

/* Zero point of row r in group g: bits of a column of words. */
static unsigned zero(const az_packed *p, const uint32_t *z, int64_t groups, int64_t r, int64_t g)
{
    size_t at = (size_t)r * (size_t)p->bits, w = at / 32, off = at % 32;
    uint64_t v = z[w * (size_t)groups + (size_t)g];

    if (off + (size_t)p->bits > 32) v |= (uint64_t)z[(w + 1) * (size_t)groups + (size_t)g] << 32;
    return (unsigned)(v >> off) & ((1u << p->bits) - 1);
}

static adze_status read_order(const adze_model *m, const az_tensor *t, az_codes *c, adze_error *err)
{
    const az_tensor *g = &t->packed->part[3];
    adze_status rc = az_model_read(m, g, 0, c->order, (size_t)g->size_bytes, err);

    c->ordered = true;
    for (int64_t k = 0; k < t->shape[1] && rc == ADZE_OK; k++)
        if (c->order[k] < 0 || c->order[k] >= t->packed->groups)
            rc = az_fail_name(err, ADZE_EFORMAT, m->files[g->file].path, g->name, g->at_bytes,
                              "column %lld is of group %d of %lld", (long long)k, c->order[k],
                              (long long)t->packed->groups);
    return rc;
}

static adze_status packed_codes(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n,
                                az_codes *c, adze_error *err)
{
    const az_packed *p = t->packed;
    const az_tensor *s = &p->part[1], *zt = &p->part[2];
    int64_t cols = t->shape[1], groups = p->groups;
    size_t wb = (size_t)p->part[0].shape[1] * 4, sb = (size_t)groups * az_type_get(s->type)->bytes;
    uint8_t *scale = az_part_rows(m, s, r0, n, sb, err);
    uint8_t *w = scale && c->q ? az_part_rows(m, &p->part[0], r0, n, wb, err) : NULL;
    uint32_t *z = scale && zt->name ? az_part_rows(m, zt, 0, 1, (size_t)zt->size_bytes, err) : NULL;
    adze_status rc = scale && (w || !c->q) && (z || !zt->name) ? ADZE_OK
                     : err                                     ? err->status
                                                               : ADZE_EIO;

    if (rc == ADZE_OK && p->part[3].name) rc = read_order(m, t, c, err);
    for (int64_t r = 0; r < n && rc == ADZE_OK; r++) {
        az_part_floats(scale + (size_t)r * sb, s->type, (size_t)groups, c->scale + r * groups);
        for (int64_t g = 0; g < groups; g++)
            c->offset[r * groups + g] =
                (float)(z ? zero(p, z, groups, r0 + r, g) : 1u << (p->bits - 1));
        if (w) spread(p, w + (size_t)r * wb, (size_t)cols, c->q + r * cols);
    }
    az_free(m->run, w);
    az_free(m->run, scale);
    az_free(m->run, z);
    return rc;
}

static const az_layout layout = { "pack-quantized", packed_codes, NULL };

/* The number of bits of a config group that fits the words of K columns. */
static bool find_bits(const az_joiner *j, az_packed *p, int64_t k, int64_t words)
{
    const char *name;
    json_t *group;

    json_object_foreach((json_t *)(uintptr_t)json_object_get(j->quant, "config_groups"), name,
                        group)
    {
        int64_t b = 0;
        if (!az_json_int(json_object_get(group, "weights"), "num_bits", &b) || b < 1 || b > 8)
            continue;
        p->bits = (int)b;
        p->flags = 0;
        if ((k * b + 31) / 32 == words) return true;
        p->flags = WORD_BY_WORD;
        if ((k + 32 / b - 1) / (32 / b) == words) return true;
    }
    return false;
}

static adze_status check(const az_joiner *j, az_packed *p, const int64_t *shape)
{
    const az_tensor *w = &p->part[0], *s = &p->part[1], *z = &p->part[2], *g = &p->part[3];
    int64_t n = shape[0], k = shape[1], groups = az_tensor_cols(s);

    if (n < 1 || k < 1 || n > INT32_MAX || k > INT32_MAX)
        return az_part_bad(j, w, "weight_shape says [%lld, %lld]", (long long)n, (long long)k);
    if (w->type != AZ_I32 || w->n_dims != 2 || w->shape[0] != n || !find_bits(j, p, k, w->shape[1]))
        return az_part_bad(j, w, "%lld words a row are not %lld columns of any group of the config",
                           (long long)w->shape[1], (long long)k);
    if (!az_part_is_float(s->type) || s->n_dims != 2 || s->shape[0] != n || groups < 1 ||
        (k + groups - 1) / groups * (groups - 1) >= k)
        return az_part_bad(j, s, "must be floats [%lld, groups]", (long long)n);
    p->groups = groups;
    p->group = (k + groups - 1) / groups;
    p->group_rows = 1;
    if (z->name && (z->type != AZ_I32 || z->n_dims != 2 || z->shape[1] != groups ||
                    z->shape[0] != (n * p->bits + 31) / 32))
        return az_part_bad(j, z, "must be i32 words [%lld, %lld]",
                           (long long)((n * p->bits + 31) / 32), (long long)groups);
    if (g->name && (g->type != AZ_I32 || g->n_dims != 1 || g->shape[0] != k))
        return az_part_bad(j, g, "must be i32 [%lld]", (long long)k);
    return ADZE_OK;
}

static adze_status join_one(az_joiner *j, const az_tensor *w, size_t base)
{
    static const char *const names[] = { ".weight_packed", ".weight_scale", ".weight_zero_point",
                                         ".weight_g_idx" };
    az_packed p = { .layout = &layout, .kind = AZ_CODE_ZERO };
    const az_tensor *t, *st = az_part_find(j, w->name, base, ".weight_shape");
    int64_t shape[2];
    adze_status rc;

    for (int k = 0; k < 4; k++) {
        t = az_part_find(j, w->name, base, names[k]);
        if (t) p.part[k] = *t;
        if (!t && k < 2) return az_part_bad(j, w, "has no %s beside it", names[k] + 1);
    }
    if (!st || st->type != AZ_I64 || st->size_bytes != sizeof shape)
        return az_part_bad(j, w, "has no weight_shape of two i64 beside it");
    rc = az_model_read(j->m, st, 0, shape, sizeof shape, j->err);
    if (rc == ADZE_OK) rc = check(j, &p, shape);
    if (rc < 0) return rc;
    p.label = az_arena_printf(&j->m->arena, "pack-quantized %d g%lld", p.bits, (long long)p.group);
    az_part_drop(j, st);
    return az_part_add(j, w->name, base, ".weight", 2, shape, &p);
}

static adze_status join(az_joiner *j)
{
    adze_status rc = ADZE_OK;
    size_t base;

    for (size_t i = 0; i < j->m->n_tensors && rc == ADZE_OK; i++) {
        const az_tensor *w = &j->m->tensors[i];
        if (w->type == AZ_I32 && az_part_ends(w, ".weight_packed", &base))
            rc = join_one(j, w, base);
    }
    return rc;
}

static const json_t *config(const adze_model *m)
{
    return az_quant_method(m, "compressed-tensors");
}

const az_family az_family_packed = { "pack-quantized", config, join };
