/* GPTQ: X.qweight [K * b / 32, N] packed along K, X.qzeros [G, N * b / 32] packed along N, X.scales [G, N], X.g_idx [K].
 *
 * W[n][k] = scales[g][n] * (q[k][n] - z[g][n]), g = g_idx[k], or k / group without it. Words are streams of bits
 * from the lowest. Format "gptq" (v1) stores z - 1, wrapping; "gptq_v2" stores z. Parts: 0 qweight, 1 scales,
 * 2 qzeros, 3 g_idx. Source: AutoGPTQ's and GPTQModel's dequantization, 2026-08-23.
 */
#include "base/check.h"
#include "base/json.h"
#include "format/parts.h"

#include <string.h>

enum { STORED_LESS_ONE = 1 };

/* `bits` bits at bit `at` of column c of a tile [rows][n] of words. */
static unsigned column_bits(const uint32_t *tile, size_t n, size_t c, size_t at, int bits)
{
    size_t w = at / 32, off = at % 32;
    uint64_t v = tile[w * n + c];

    if (off + (size_t)bits > 32) v |= (uint64_t)tile[(w + 1) * n + c] << 32;
    return (unsigned)(v >> off) & ((1u << bits) - 1);
}

/* Columns [c0, c0 + n) of a matrix of elements of `width` bytes, `cols` a row: [rows][n]. */
static void *read_tile(const adze_model *m, const az_tensor *t, int64_t rows, int64_t cols,
                       int64_t c0, int64_t n, size_t width, adze_error *err)
{
    size_t items;
    char *tile = az_mul_size((size_t)rows, (size_t)n, &items) && items < SIZE_MAX
                     ? az_alloc_array(m->run, items + 1, width)
                     : NULL;
    adze_status rc = tile ? ADZE_OK : az_fail_nomem(err, "reading weights");

    for (int64_t r = 0; r < rows && rc == ADZE_OK; r++)
        rc = az_model_read(m, t, (uint64_t)(r * cols + c0) * width, tile + (size_t)(r * n) * width,
                           (size_t)n * width, err);
    if (rc == ADZE_OK) return tile;
    az_free(m->run, tile);
    return NULL;
}

typedef struct gptq {
    uint32_t *q;     /* [K * b / 32][n] */
    uint8_t *scales; /* [G][n] */
    uint8_t *zeros;  /* [G][row of qzeros] */
} gptq;

/* Codes, scales and zeros of n rows from r0 on. */
static void spread(const az_tensor *t, const gptq *d, int64_t r0, int64_t n, az_codes *c)
{
    const az_packed *p = t->packed;
    size_t k_n = (size_t)t->shape[1], zero_bytes = (size_t)az_tensor_cols(&p->part[2]) * 4;
    unsigned mask = (1u << p->bits) - 1;

    for (size_t g = 0; g < (size_t)p->groups; g++)
        for (size_t r = 0; r < (size_t)n; r++) {
            size_t to = r * (size_t)p->groups + g;
            unsigned z = az_part_bits(d->zeros + g * zero_bytes, zero_bytes,
                                      ((size_t)r0 + r) * (size_t)p->bits, p->bits);
            c->scale[to] = az_part_float(d->scales, p->part[1].type, g * (size_t)n + r);
            c->offset[to] = (float)(p->flags & STORED_LESS_ONE ? (z + 1) & mask : z);
        }
    for (size_t k = 0; k < k_n && c->q; k++)
        for (size_t r = 0; r < (size_t)n; r++)
            c->q[r * k_n + k] =
                (uint8_t)column_bits(d->q, (size_t)n, r, k * (size_t)p->bits, p->bits);
}

static adze_status read_order(const adze_model *m, const az_tensor *t, az_codes *c, adze_error *err)
{
    const az_tensor *g = &t->packed->part[3];
    adze_status rc = az_model_read(m, g, 0, c->order, (size_t)g->size_bytes, err);

    c->ordered = true;
    for (int64_t k = 0; k < t->shape[1] && rc == ADZE_OK; k++)
        if (c->order[k] < 0 || c->order[k] >= t->packed->groups)
            rc = az_fail_name(err, ADZE_EFORMAT, m->files[t->file].path, g->name, g->at_bytes,
                              "column %lld is of group %d of %lld", (long long)k, c->order[k],
                              (long long)t->packed->groups);
    return rc;
}

static adze_status gptq_codes(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n,
                              az_codes *c, adze_error *err)
{
    const az_packed *p = t->packed;
    const az_tensor *q = &p->part[0], *s = &p->part[1], *z = &p->part[2];
    adze_status rc = ADZE_OK;
    gptq d = { .q = NULL };

    d.scales = read_tile(m, s, s->shape[0], s->shape[1], r0, n, az_type_get(s->type)->bytes, err);
    if (d.scales) d.zeros = az_part_rows(m, z, 0, z->shape[0], (size_t)z->shape[1] * 4, err);
    if (d.zeros && c->q) d.q = read_tile(m, q, q->shape[0], q->shape[1], r0, n, 4, err);
    if (!d.zeros || (c->q && !d.q)) rc = err ? err->status : ADZE_EIO;
    if (rc == ADZE_OK && p->part[3].name) rc = read_order(m, t, c, err);
    if (rc == ADZE_OK) spread(t, &d, r0, n, c);
    az_free(m->run, d.q);
    az_free(m->run, d.scales);
    az_free(m->run, d.zeros);
    return rc;
}

static const az_layout layout = { "gptq", gptq_codes, NULL };

static adze_status settings(const az_joiner *j, int64_t *bits, int64_t *group, unsigned *flags)
{
    const char *format = az_json_str(j->quant, "checkpoint_format");

    if (!format) format = az_json_str(j->quant, "format");
    *flags = !format || strcmp(format, "gptq") == 0 ? STORED_LESS_ONE : 0;
    if (format && strcmp(format, "gptq") != 0 && strcmp(format, "gptq_v2") != 0)
        return az_fail_name(j->err, ADZE_EUNSUP, j->m->path, "checkpoint_format", ADZE_NOPOS,
                            "GPTQ format %.32s is not known; known are gptq, gptq_v2", format);
    if (!az_json_int(j->quant, "bits", bits) ||
        (*bits != 2 && *bits != 3 && *bits != 4 && *bits != 8))
        return az_fail_name(j->err, ADZE_EUNSUP, j->m->path, "quantization_config.bits", ADZE_NOPOS,
                            "GPTQ has 2, 3, 4 or 8 bits");
    if (!az_json_int(j->quant, "group_size", group)) *group = -1;
    if (*group < -1 || *group == 0 || *group > INT32_MAX)
        return az_fail_name(j->err, ADZE_EFORMAT, j->m->path, "quantization_config.group_size",
                            ADZE_NOPOS, "is no group of columns");
    return ADZE_OK;
}

static adze_status check(const az_joiner *j, const az_packed *p, int64_t *shape)
{
    const az_tensor *q = &p->part[0], *s = &p->part[1], *z = &p->part[2], *g = &p->part[3];
    int64_t n = q->shape[1], k = q->shape[0] * 32 / p->bits, groups = s->shape[0];

    if (q->type != AZ_I32 || q->n_dims != 2 || q->shape[0] > INT32_MAX || n > INT32_MAX ||
        q->shape[0] * 32 % p->bits)
        return az_part_bad(j, q, "is no matrix of i32 words for %d bits", p->bits);
    if (!az_part_is_float(s->type) || s->n_dims != 2 || s->shape[1] != n || groups < 1)
        return az_part_bad(j, s, "must be floats [groups, %lld]", (long long)n);
    if (z->type != AZ_I32 || z->n_dims != 2 || z->shape[0] != groups ||
        z->shape[1] * 32 != (n * p->bits + 31) / 32 * 32)
        return az_part_bad(j, z, "must be i32 words [%lld, %lld]", (long long)groups,
                           (long long)((n * p->bits + 31) / 32));
    if (g->name && (g->type != AZ_I32 || g->n_dims != 1 || g->shape[0] != k))
        return az_part_bad(j, g, "must be i32 [%lld]", (long long)k);
    if (!g->name && (k + p->group - 1) / p->group != groups)
        return az_part_bad(j, s, "has %lld groups, %lld columns in groups of %lld need others",
                           (long long)groups, (long long)k, (long long)p->group);
    shape[0] = n;
    shape[1] = k;
    return ADZE_OK;
}

static adze_status join(az_joiner *j)
{
    int64_t bits = 0, group = 0, shape[2];
    unsigned flags;
    adze_status rc = settings(j, &bits, &group, &flags);

    for (size_t i = 0; i < j->m->n_tensors && rc == ADZE_OK; i++) {
        static const char *const names[] = { ".qweight", ".scales", ".qzeros", ".g_idx" };
        const az_tensor *q = &j->m->tensors[i], *t;
        az_packed p = { .layout = &layout,
                        .bits = (int)bits,
                        .kind = AZ_CODE_ZERO,
                        .flags = flags,
                        .group_rows = 1 };
        size_t base;
        if (!az_part_ends(q, ".qweight", &base)) continue;
        for (int k = 0; k < 4; k++) {
            t = az_part_find(j, q->name, base, names[k]);
            if (t) p.part[k] = *t;
            if (!t && k < 3) return az_part_bad(j, q, "has no %s beside it", names[k] + 1);
        }
        p.group = group > 0 ? group : q->shape[0] * 32;
        p.label = az_arena_printf(&j->m->arena, "gptq %d g%lld", (int)bits, (long long)group);
        rc = check(j, &p, shape);
        p.groups = p.part[1].shape[0];
        if (rc == ADZE_OK) rc = az_part_add(j, q->name, base, ".weight", 2, shape, &p);
    }
    return rc;
}

static const json_t *config(const adze_model *m)
{
    return az_quant_method(m, "gptq");
}

const az_family az_family_gptq = { "gptq", config, join };
