/* Joining the parts of tensors by families, and what the families share. */
#include "format/parts.h"
#include "base/check.h"
#include "base/json.h"
#include "core/half.h"
#include "format/safetensors.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

extern const az_family az_family_mlx, az_family_gptq, az_family_awq, az_family_packed,
    az_family_fp4, az_family_scaled;

static const az_family *const families[] = { &az_family_mlx,
                                             &az_family_gptq,
                                             &az_family_awq,
                                             &az_family_packed,
                                             &az_family_fp4,
                                             &az_family_scaled,
                                             NULL };

bool az_part_is_float(az_type t)
{
    return t == AZ_F32 || t == AZ_F16 || t == AZ_BF16 || t == AZ_F8_E4M3 || t == AZ_F8_E5M2 ||
           t == AZ_F8_E8M0;
}

float az_part_float(const void *data, az_type t, size_t i)
{
    const uint8_t *b = data;
    uint16_t h;
    float f;

    switch (t) {
    case AZ_F8_E4M3: return az_f8_e4m3_to_f32(b[i]);
    case AZ_F8_E5M2: return az_f8_e5m2_to_f32(b[i]);
    case AZ_F8_E8M0: return az_e8m0_to_f32(b[i]);
    case AZ_F32: memcpy(&f, b + 4 * i, sizeof f); return f;
    default: break;
    }
    memcpy(&h, b + 2 * i, sizeof h);
    return t == AZ_BF16 ? az_bf16_to_f32(h) : az_f16_to_f32(h);
}

void *az_part_rows(const adze_model *m, const az_tensor *part, int64_t r0, int64_t n, size_t row,
                   adze_error *err)
{
    uint64_t bytes, at;
    void *p;

    if (!az_mul_u64((uint64_t)n, row, &bytes) || !az_mul_u64((uint64_t)r0, row, &at) ||
        bytes > SIZE_MAX / 2) {
        az_fail_nomem(err, "reading weights");
        return NULL;
    }
    p = az_alloc(m->run, (size_t)bytes + 1);
    if (!p) {
        az_fail_nomem(err, "reading weights");
        return NULL;
    }
    if (az_model_read(m, part, at, p, (size_t)bytes, err) == ADZE_OK) return p;
    az_free(m->run, p);
    return NULL;
}

void az_part_floats(const void *data, az_type t, size_t n, float *dst)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = az_part_float(data, t, i);
}

void az_part_spread(const uint8_t *p, size_t n, int bits, uint8_t *q)
{
    uint32_t acc = 0;
    int have = 0;

    if (bits == 8) memcpy(q, p, n);
    if (bits == 4)
        for (size_t i = 0; i + 1 < n; i += 2) {
            q[i] = p[i / 2] & 15;
            q[i + 1] = p[i / 2] >> 4;
        }
    if (bits == 4 && n % 2) q[n - 1] = p[n / 2] & 15;
    if (bits == 8 || bits == 4) return;
    for (size_t i = 0; i < n; i++, have -= bits, acc >>= bits) {
        for (; have < bits; have += 8)
            acc |= (uint32_t)*p++ << have;
        q[i] = (uint8_t)(acc & ((1u << bits) - 1));
    }
}

bool az_part_ends(const az_tensor *t, const char *suffix, size_t *base)
{
    size_t n = strlen(t->name), k = strlen(suffix);

    if (n <= k || strcmp(t->name + n - k, suffix) != 0) return false;
    *base = n - k;
    return true;
}

const az_tensor *az_part_find(const az_joiner *j, const char *base, size_t n, const char *suffix)
{
    char name[512];
    int k = snprintf(name, sizeof name, "%.*s%s", (int)n, base, suffix);

    return k > 0 && (size_t)k < sizeof name ? az_model_tensor(j->m, name) : NULL;
}

void az_part_drop(az_joiner *j, const az_tensor *t)
{
    if (t) j->used[t - j->m->tensors] = true;
}

adze_status az_part_bad(const az_joiner *j, const az_tensor *t, const char *fmt, ...)
{
    char what[200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return az_fail_name(j->err, ADZE_EFORMAT, j->m->files[t->file].path, t->name, t->at_bytes, "%s",
                        what);
}

adze_status az_part_add_as(az_joiner *j, az_type type, const char *base, size_t n,
                           const char *suffix, int n_dims, const int64_t *shape, const az_packed *p)
{
    az_packed *own = az_arena_alloc(&j->m->arena, sizeof *own);
    az_tensor t = { .type = type, .n_dims = n_dims, .packed = own };

    t.name = az_arena_printf(&j->m->arena, "%.*s%s", (int)n, base, suffix);
    if (!own || !t.name) return az_fail_nomem(j->err, "joining the parts of a tensor");
    *own = *p;
    if (!own->groups) own->groups = (shape[n_dims - 1] + own->group - 1) / own->group;
    for (int i = 0; i < AZ_MAX_DIMS; i++)
        t.shape[i] = i < n_dims ? shape[i] : 1;
    t.file = p->part[0].file;
    t.at_bytes = p->part[0].at_bytes;
    for (int k = 0; k < AZ_MAX_PARTS; k++) {
        if (!p->part[k].name) continue;
        t.size_bytes += p->part[k].size_bytes; /* disjoint ranges of files */
        az_part_drop(j, az_model_tensor(j->m, p->part[k].name));
    }
    az_buf_put(&j->made, &t, sizeof t);
    return az_buf_ok(&j->made) ? ADZE_OK : az_fail_nomem(j->err, "joining the parts of a tensor");
}

adze_status az_part_add(az_joiner *j, const char *base, size_t n, const char *suffix, int n_dims,
                        const int64_t *shape, const az_packed *p)
{
    return az_part_add_as(j, AZ_F32, base, n, suffix, n_dims, shape, p);
}

const json_t *az_quant_method(const adze_model *m, const char *name)
{
    const json_t *q = json_object_get(m->config, "quantization_config");
    const char *method = az_json_str(q, "quant_method");

    return method && strcmp(method, name) == 0 ? q : NULL;
}

/* Tensors that are no part of another one. */
static adze_status take_rest(az_joiner *j)
{
    const adze_model *m = j->m;

    for (size_t i = 0; i < m->n_tensors; i++) {
        const az_tensor *t = &m->tensors[i];
        const char *dtype = az_safetensors_dtype(t->type), *method;
        if (j->used[i]) continue;
        if (az_type_is_storage(t->type) && t->type != AZ_BOOL) {
            method = az_json_str(json_object_get(m->config, "quantization_config"), "quant_method");
            return az_fail_name(j->err, ADZE_EUNSUP, m->files[t->file].path, t->name, t->at_bytes,
                                "has dtype %s, which is no part of weights that adze knows%s%.40s",
                                dtype ? dtype : "?", method ? "; quant_method is " : "",
                                method ? method : "");
        }
        az_buf_put(&j->made, t, sizeof *t);
    }
    return az_buf_ok(&j->made) ? ADZE_OK : az_fail_nomem(j->err, "joining the parts of a tensor");
}

adze_status az_parts_join(adze_model *m, adze_error *err)
{
    az_joiner j = { .m = m, .err = err };
    adze_status rc = ADZE_OK;

    j.used = az_calloc(m->run, m->n_tensors + 1, sizeof *j.used);
    if (!j.used) return az_fail_nomem(err, "joining the parts of a tensor");
    az_buf_init(&j.made, m->run);
    for (size_t i = 0; families[i] && rc == ADZE_OK; i++) {
        j.quant = families[i]->config(m);
        if (j.quant) rc = families[i]->join(&j);
    }
    if (rc == ADZE_OK) rc = take_rest(&j);
    if (rc == ADZE_OK) rc = az_model_take_tensors(m, &j.made, err);
    az_buf_deinit(&j.made);
    az_free(m->run, j.used);
    return rc;
}

/* Encoding a row into the parts of a packed output. */
bool az_pack_parts(adze_run *run, const az_output *o, const void *x, int64_t r, int64_t n,
                   char *dst)
{
    size_t cols = (size_t)o->shape[o->n_dims - 1];
    void *to[AZ_OUTPUT_PARTS] = { NULL };
    uint64_t at = 0;

    for (int k = 0; k < o->n_parts; k++) {
        to[k] = dst + at + (uint64_t)r * o->parts[k].row_bytes;
        at += (uint64_t)n * o->parts[k].row_bytes;
    }
    if (!o->packing->split) return o->packing->pack(run, o->packing, x, cols, to);
    o->packing->split(x, cols, to);
    return true;
}
