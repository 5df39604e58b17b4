/* AWQ (gemm): X.qweight [K, N / 8] packed along N, X.qzeros [G, N / 8], X.scales [G, N]; 4 bits.
 *
 * W[n][k] = scales[g][n] * (q - z), g = k / group. Column c of a word of eight is nibble {0 4 1 5 2 6 3 7}[c].
 * Parts: 0 qweight, 1 scales, 2 qzeros. Source: AutoAWQ, 2025-05-11.
 */
#include "base/check.h"
#include "base/json.h"
#include "format/parts.h"

#include <string.h>

static const uint8_t nibble_of[8] = { 0, 4, 1, 5, 2, 6, 3, 7 };

static unsigned code(const uint32_t *words, int64_t column)
{
    return words[column / 8] >> 4 * nibble_of[column % 8] & 15;
}

/* The words of columns [r0, r0 + n) of every stored row: [rows][words]. */
static uint32_t *read_words(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n,
                            int64_t *words, adze_error *err)
{
    int64_t first = r0 / 8, last = (r0 + n - 1) / 8;
    adze_status rc = ADZE_OK;
    size_t items;
    uint32_t *w;

    *words = last - first + 1;
    w = az_mul_size((size_t)t->shape[0], (size_t)*words, &items) && items < SIZE_MAX
            ? az_alloc_array(m->run, items + 1, sizeof *w)
            : NULL;
    if (!w) rc = az_fail_nomem(err, "reading weights");
    for (int64_t k = 0; k < t->shape[0] && rc == ADZE_OK; k++)
        rc = az_model_read(m, t, (uint64_t)(k * t->shape[1] + first) * 4, w + k * *words,
                           (size_t)*words * 4, err);
    if (rc == ADZE_OK) return w;
    az_free(m->run, w);
    return NULL;
}

static adze_status awq_codes(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n,
                             az_codes *c, adze_error *err)
{
    const az_packed *p = t->packed;
    const az_tensor *s = &p->part[1];
    int64_t k_n = t->shape[1], groups = p->groups, words = 0, from = r0 % 8;
    size_t row = (size_t)s->shape[1] * az_type_get(s->type)->bytes;
    uint32_t *z = read_words(m, &p->part[2], r0, n, &words, err);
    uint32_t *q = z && c->q ? read_words(m, &p->part[0], r0, n, &words, err) : NULL;
    uint8_t *scales = z && (q || !c->q) ? az_part_rows(m, s, 0, s->shape[0], row, err) : NULL;

    for (int64_t g = 0; g < groups && scales; g++)
        for (int64_t r = 0; r < n; r++) {
            c->scale[r * groups + g] =
                az_part_float(scales, s->type, (size_t)(g * s->shape[1] + r0 + r));
            c->offset[r * groups + g] = (float)code(z + g * words, from + r);
        }
    for (int64_t k = 0; k < k_n && scales && q; k++)
        for (int64_t r = 0; r < n; r++)
            c->q[r * k_n + k] = (uint8_t)code(q + k * words, from + r);
    az_free(m->run, q);
    az_free(m->run, z);
    az_free(m->run, scales);
    return scales ? ADZE_OK : err ? err->status : ADZE_EIO;
}

static const az_layout layout = { "awq", awq_codes, NULL };

static adze_status settings(const az_joiner *j, int64_t *group)
{
    const char *version = az_json_str(j->quant, "version");
    int64_t bits = 4;

    *group = 128;
    if (!az_json_int(j->quant, "bits", &bits)) az_json_int(j->quant, "w_bit", &bits);
    if (!az_json_int(j->quant, "group_size", group)) az_json_int(j->quant, "q_group_size", group);
    if (bits != 4)
        return az_fail_name(j->err, ADZE_EUNSUP, j->m->path, "quantization_config.bits", ADZE_NOPOS,
                            "AWQ with %lld bits", (long long)bits);
    if (version && strcmp(version, "gemm") != 0 && strcmp(version, "GEMM") != 0)
        return az_fail_name(j->err, ADZE_EUNSUP, j->m->path, "quantization_config.version",
                            ADZE_NOPOS, "AWQ version %.32s is not known; known is gemm", version);
    if (*group < 1 || *group > INT32_MAX)
        return az_fail_name(j->err, ADZE_EFORMAT, j->m->path, "quantization_config.group_size",
                            ADZE_NOPOS, "is no group of columns");
    return ADZE_OK;
}

static adze_status check(const az_joiner *j, const az_packed *p, int64_t *shape)
{
    const az_tensor *q = &p->part[0], *s = &p->part[1], *z = &p->part[2];
    int64_t groups;

    if (q->type != AZ_I32 || q->n_dims != 2 || q->shape[0] > INT32_MAX || q->shape[1] > INT32_MAX)
        return az_part_bad(j, q, "is no matrix of i32 words");
    groups = (q->shape[0] + p->group - 1) / p->group;
    if (z->type != AZ_I32 || z->n_dims != 2 || z->shape[0] != groups || z->shape[1] != q->shape[1])
        return az_part_bad(j, z, "must be i32 words [%lld, %lld]", (long long)groups,
                           (long long)q->shape[1]);
    if (!az_part_is_float(s->type) || s->n_dims != 2 || s->shape[0] != groups ||
        s->shape[1] != q->shape[1] * 8)
        return az_part_bad(j, s, "must be floats [%lld, %lld]", (long long)groups,
                           (long long)q->shape[1] * 8);
    shape[0] = q->shape[1] * 8;
    shape[1] = q->shape[0];
    return ADZE_OK;
}

static adze_status join(az_joiner *j)
{
    int64_t group = 0, shape[2];
    adze_status rc = settings(j, &group);

    for (size_t i = 0; i < j->m->n_tensors && rc == ADZE_OK; i++) {
        static const char *const names[] = { ".qweight", ".scales", ".qzeros" };
        const az_tensor *q = &j->m->tensors[i], *t;
        az_packed p = {
            .layout = &layout, .bits = 4, .kind = AZ_CODE_ZERO, .group = group, .group_rows = 1
        };
        size_t base;
        if (!az_part_ends(q, ".qweight", &base)) continue;
        for (int k = 0; k < 3; k++) {
            t = az_part_find(j, q->name, base, names[k]);
            if (!t) return az_part_bad(j, q, "has no %s beside it", names[k] + 1);
            p.part[k] = *t;
        }
        p.label = az_arena_printf(&j->m->arena, "awq 4 g%lld", (long long)group);
        rc = check(j, &p, shape);
        if (rc == ADZE_OK) rc = az_part_add(j, q->name, base, ".weight", 2, shape, &p);
    }
    return rc;
}

static const json_t *config(const adze_model *m)
{
    return az_quant_method(m, "awq");
}

const az_family az_family_awq = { "awq", config, join };
