/* The bytes of a GGUF's header, and where its tensors lie: one file, or several as gguf-split lays them out.
 *
 * A split file is PREFIX-%05d-of-%05d.gguf, numbered from 1. Every part has the keys split.no (from 0),
 * split.count and split.tensors.count; all other keys are in the first. Source: ggml's docs/gguf.md and
 * llama.cpp's gguf-split, 2026-08-18.
 */
#include "base/check.h"
#include "format/gguf.h"

#include <stdio.h>
#include <string.h>

enum { SPLIT_KEYS = 3 };

static void put(az_buf *w, uint64_t v, int bytes)
{
    uint8_t le[8];

    for (int i = 0; i < bytes; i++)
        le[i] = (uint8_t)(v >> 8 * i);
    az_buf_put(w, le, (size_t)bytes);
}

static void put_string(az_buf *w, const char *s, size_t n)
{
    put(w, n, 8);
    az_buf_put(w, s, n);
}

static void put_float(az_buf *w, double v, int bytes)
{
    float f = (float)v;
    uint64_t u = 0;

    if (bytes == 4)
        memcpy(&u, &f, sizeof f); /* little-endian hosts only, as for every file of weights */
    else
        memcpy(&u, &v, sizeof v);
    put(w, u, bytes);
}

static void put_array(az_buf *w, const az_kv *kv)
{
    const az_str *s = kv->v.arr.data;
    size_t bytes = az_kv_elem_bytes(kv->elem);

    put(w, (uint64_t)kv->elem, 4);
    put(w, kv->v.arr.n, 8);
    if (bytes) {
        az_buf_put(w, kv->v.arr.data, (size_t)kv->v.arr.n * bytes);
        return;
    }
    for (uint64_t i = 0; i < kv->v.arr.n; i++)
        put_string(w, s[i].s, s[i].n);
}

static void put_kv(az_buf *w, const az_kv *kv)
{
    put_string(w, kv->key, strlen(kv->key));
    put(w, (uint64_t)kv->type, 4);
    switch (kv->type) {
    case AZ_KV_STR: put_string(w, kv->v.str.s, kv->v.str.n); break;
    case AZ_KV_ARR: put_array(w, kv); break;
    case AZ_KV_F32:
    case AZ_KV_F64: put_float(w, kv->v.f, (int)az_kv_elem_bytes(kv->type)); break;
    default: put(w, kv->v.u, (int)az_kv_elem_bytes(kv->type)); break;
    }
}

static void put_number(az_buf *w, const char *key, az_kv_type type, uint64_t v)
{
    az_kv kv = { .key = key, .type = type, .v = { .u = v } };

    put_kv(w, &kv);
}

static uint64_t alignment(const az_plan *p)
{
    int64_t a;

    return az_kv_int(&p->kv, "general.alignment", &a) && a > 0 ? (uint64_t)a : AZ_GGUF_ALIGN;
}

/* Which file each output goes to: a new one where the last would grow beyond shard_bytes. */
static adze_status divide(const az_plan *p, az_gguf_layout *l, adze_error *err)
{
    uint64_t used = 0;

    l->n_files = 1;
    for (size_t i = 0; i < p->n_outputs; i++) {
        uint64_t size = (uint64_t)p->outputs[i].rows * p->outputs[i].row_bytes;
        if (p->shard_bytes && used && size > p->shard_bytes - used) {
            used = 0;
            l->n_files++;
        }
        l->place[i * AZ_OUTPUT_PARTS].file = (uint32_t)(l->n_files - 1);
        used = size > UINT64_MAX - used ? UINT64_MAX : used + size;
        if (p->shard_bytes && used > p->shard_bytes) used = p->shard_bytes;
    }
    if (l->n_files > AZ_GGUF_MAX_PARTS)
        return az_fail(err, ADZE_EINVAL, p->model->path, ADZE_NOPOS,
                       "would be split into %zu files; at most %d are possible", l->n_files,
                       AZ_GGUF_MAX_PARTS);
    return ADZE_OK;
}

static void put_info(az_buf *w, const az_output *o, uint64_t offset)
{
    put_string(w, o->name, strlen(o->name));
    put(w, (uint64_t)o->n_dims, 4);
    for (int k = o->n_dims; k-- > 0;)
        put(w, (uint64_t)o->shape[k], 8);
    put(w, az_type_get(o->type)->gguf_id, 4);
    put(w, offset, 8);
}

/* Header of file f and the places of its outputs. */
static adze_status lay_out_file(az_plan *p, az_gguf_layout *l, size_t f, adze_error *err)
{
    uint64_t align = f ? AZ_GGUF_ALIGN : alignment(p), offset = 0, data_at, n = 0;
    size_t n_kv = (f ? 0 : p->kv.n) + (l->n_files > 1 ? SPLIT_KEYS : 0);
    az_buf *w = &l->heads[f];

    for (size_t i = 0; i < p->n_outputs; i++)
        n += l->place[i * AZ_OUTPUT_PARTS].file == f;
    az_buf_put(w, "GGUF", 4);
    put(w, AZ_GGUF_VERSION, 4);
    put(w, n, 8);
    put(w, n_kv, 8);
    for (size_t i = 0; f == 0 && i < p->kv.n; i++)
        put_kv(w, &p->kv.items[i]);
    if (l->n_files > 1) {
        put_number(w, "split.no", AZ_KV_U16, f);
        put_number(w, "split.count", AZ_KV_U16, l->n_files);
        put_number(w, "split.tensors.count", AZ_KV_I32, p->n_outputs);
    }
    for (size_t i = 0; i < p->n_outputs; i++) {
        const az_output *o = &p->outputs[i];
        az_place *to = &l->place[i * AZ_OUTPUT_PARTS];
        if (to->file != f) continue;
        put_info(w, o, offset);
        to->at = offset;
        if (!az_align_u64(offset + (uint64_t)o->rows * o->row_bytes, align, &offset))
            return az_fail(err, ADZE_EFORMAT, p->model->path, ADZE_NOPOS, "sizes overflow");
    }
    if (!az_buf_ok(w)) return az_fail_nomem(err, "writing a GGUF header");
    if (!az_align_u64(w->size, align, &data_at) ||
        !az_add_u64(data_at, offset, &l->files[f].file_bytes) ||
        !az_add_u64(p->file_bytes, l->files[f].file_bytes, &p->file_bytes))
        return az_fail(err, ADZE_EFORMAT, p->model->path, ADZE_NOPOS, "sizes overflow");
    while (w->size < data_at && az_buf_ok(w))
        az_buf_putc(w, 0);
    if (!az_buf_ok(w)) return az_fail_nomem(err, "writing a GGUF header");
    for (size_t i = 0; i < p->n_outputs; i++)
        if (l->place[i * AZ_OUTPUT_PARTS].file == f) l->place[i * AZ_OUTPUT_PARTS].at += data_at;
    l->files[f].head = w->data;
    l->files[f].head_bytes = w->size;
    return ADZE_OK;
}

/* Length of dst without ".gguf" and without "-00001-of-00002". */
static size_t prefix_of(const char *dst)
{
    size_t n = strlen(dst);
    unsigned a, b;

    if (n > 5 && strcmp(dst + n - 5, ".gguf") == 0) n -= 5;
    if (n > 15 && sscanf(dst + n - 15, "-%5u-of-%5u", &a, &b) == 2 && dst[n - 9] == '-') n -= 15;
    return n;
}

static adze_status name_files(az_gguf_layout *l, const char *dst, adze_error *err)
{
    for (size_t f = 0; f < l->n_files; f++) {
        char *name = l->n_files == 1 ? az_strdup(l->run, dst)
                                     : az_asprintf(l->run, "%.*s-%05zu-of-%05zu.gguf",
                                                   (int)prefix_of(dst), dst, f + 1, l->n_files);
        if (!name) return az_fail_nomem(err, "planning a GGUF");
        l->files[f].name = name;
    }
    return ADZE_OK;
}

adze_status az_gguf_lay_out(az_gguf_layout *l, az_plan *p, const char *dst, adze_error *err)
{
    adze_status rc;

    *l = (az_gguf_layout){ .run = p->run };
    l->place = az_calloc(p->run, (p->n_outputs + 1) * AZ_OUTPUT_PARTS, sizeof *l->place);
    if (!l->place) return az_fail_nomem(err, "planning a GGUF");
    rc = divide(p, l, err);
    if (rc < 0) return rc;
    l->files = az_calloc(p->run, l->n_files, sizeof *l->files);
    l->heads = az_calloc(p->run, l->n_files, sizeof *l->heads);
    if (!l->files || !l->heads) return az_fail_nomem(err, "planning a GGUF");
    for (size_t f = 0; f < l->n_files; f++)
        az_buf_init(&l->heads[f], p->run);
    p->file_bytes = 0;
    for (size_t f = 0; f < l->n_files && rc == ADZE_OK; f++)
        rc = lay_out_file(p, l, f, err);
    return rc < 0 ? rc : name_files(l, dst, err);
}

void az_gguf_layout_deinit(az_gguf_layout *l)
{
    for (size_t f = 0; l->files && f < l->n_files; f++)
        az_free(l->run, (char *)(uintptr_t)l->files[f].name);
    for (size_t f = 0; l->heads && f < l->n_files; f++)
        az_buf_deinit(&l->heads[f]);
    if (!l->run) return;
    az_free(l->run, l->files);
    az_free(l->run, l->heads);
    az_free(l->run, l->place);
}
