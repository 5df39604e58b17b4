/* Making the rows of an output: read from the source by slice, rows of rotary heads permuted and experts
 * stacked where the format stores them so, decoded to f32, encoded. Where type and order stay the same, bytes are
 * copied.
 */
#include "format/rows.h"
#include "base/check.h"
#include "codec/codec.h"
#include "core/half.h"
#include "core/packed.h"
#include "format/parts.h"
#include "codec/repack.h"

#include <string.h>

static int64_t cols_of(const az_output *o)
{
    return o->n_dims ? o->shape[o->n_dims - 1] : 1;
}

uint64_t az_source_item_bytes(const az_tensor *t, int64_t items)
{
    uint64_t row;

    if (t->packed) return az_type_row_bytes(t->type, (uint64_t)az_tensor_cols(t), &row) ? row : 0;
    return items ? t->size_bytes / (uint64_t)items : 0;
}

/* What an output's rows are read as. */
static az_type read_type(const az_output *o, const az_producer *pr)
{
    return pr->as != AZ_F32 && pr->as == o->type && !o->n_parts ? pr->as : pr->src->type;
}

/* Rows (or elements of a vector), `item` bytes each, as the source has them, or as blocks that hold the same. */
static adze_status read_source(const az_plan *p, const az_tensor *t, az_type as, int64_t i0,
                               int64_t n, size_t item, char *dst, adze_error *err)
{
    if (as != t->type) return az_repack_rows(p->model, t, as, i0, n, dst, err);
    if (t->packed) return az_packed_rows(p->model, t, i0, n, dst, err);
    return az_model_read(p->model, t, (uint64_t)i0 * item, dst, (size_t)n * item, err);
}

/* Items [i0, i0 + n) of a tensor whose heads are permuted: GGUF item 2j+s of a head of d is the source's
 * item s*d/2+j, and the other way round. Reads the heads that they lie in, once. */
static adze_status read_permuted(const az_plan *p, const az_producer *pr, az_type as, int64_t i0,
                                 int64_t n, char *dst, adze_error *err)
{
    int64_t d = pr->permuted / pr->heads, first = i0 / d * d, last = ((i0 + n - 1) / d + 1) * d;
    uint64_t item = pr->item_bytes;
    adze_status rc;
    char *heads;

    if (as != pr->src->type) az_type_row_bytes(as, (uint64_t)az_tensor_cols(pr->src), &item);
    heads = az_alloc_array(p->run, (size_t)(last - first), (size_t)item);
    if (!heads) return az_fail_nomem(err, "reading weights");
    rc = read_source(p, pr->src, as, first, last - first, (size_t)item, heads, err);
    for (int64_t i = i0; i < i0 + n && rc == ADZE_OK; i++) {
        int64_t in = i % d, half = d / 2;
        int64_t from = i - in + (pr->inverse ? in % half * 2 + in / half : in % 2 * half + in / 2);
        memcpy(dst + (uint64_t)(i - i0) * item, heads + (uint64_t)(from - first) * item,
               (size_t)item);
    }
    az_free(p->run, heads);
    return rc;
}

/* n items of one expert from item j on, all lying in one tensor. */
static adze_status read_part(const az_plan *p, const az_producer *pr, az_type as, int e, int64_t j,
                             int64_t n, char *dst, uint64_t item, adze_error *err)
{
    const az_items *i = &pr->items;
    const az_tensor *t = az_source_tensor(&pr->source, p->model, e);
    int64_t first = (pr->source.by_expert ? 0 : e * i->part_stride) + i->first + j * i->step;
    char *wide;
    adze_status rc;

    if (!pr->source.map) t = pr->src;
    if (i->step == 1) return read_source(p, t, as, first, n, (size_t)item, dst, err);
    wide = az_alloc_array(p->run, (size_t)(n * i->step), (size_t)item);
    if (!wide) return az_fail_nomem(err, "reading weights");
    rc = read_source(p, t, as, first, (n - 1) * i->step + 1, (size_t)item, wide, err);
    for (int64_t k = 0; k < n && rc == ADZE_OK; k++)
        memcpy(dst + (uint64_t)k * item, wide + (uint64_t)(k * i->step) * item, (size_t)item);
    az_free(p->run, wide);
    return rc;
}

/* The same from a matrix with columns for rows: all of the expert's is read. */
static adze_status read_turned(const az_plan *p, const az_producer *pr, int e, int64_t j, int64_t n,
                               char *dst, uint64_t size, adze_error *err)
{
    const az_items *i = &pr->items;
    uint64_t part = (uint64_t)(i->part_stride * i->width) * size;
    char *all = az_alloc(p->run, (size_t)part);
    adze_status rc;

    if (!all) return az_fail_nomem(err, "reading weights");
    rc = az_model_read(p->model, pr->src, (uint64_t)e * part, all, (size_t)part, err);
    for (int64_t r = j; r < j + n && rc == ADZE_OK; r++)
        for (int64_t c = 0; c < i->width; c++, dst += size)
            memcpy(dst, all + (uint64_t)(c * i->part_stride + i->first + r * i->step) * size,
                   (size_t)size);
    az_free(p->run, all);
    return rc;
}

/* Items [at, at + n), even ones from one tensor and odd ones from the other. */
static adze_status read_zipped(const az_plan *p, const az_producer *pr, int64_t at, int64_t n,
                               uint64_t item, char *dst, adze_error *err)
{
    char *half = az_alloc_array(p->run, (size_t)(n / 2 + 1), (size_t)item);
    adze_status rc = half ? ADZE_OK : az_fail_nomem(err, "reading weights");

    for (int odd = 0; odd < 2 && rc == ADZE_OK; odd++) {
        int64_t first = (at + 1 - odd) / 2, count = (at + n + 1 - odd) / 2 - first;
        rc = read_source(p, odd ? pr->second : pr->src, pr->src->type, first, count, (size_t)item,
                         half, err);
        for (int64_t i = 0; i < count && rc == ADZE_OK; i++)
            memcpy(dst + (uint64_t)(2 * (first + i) + odd - at) * item, half + (uint64_t)i * item,
                   (size_t)item);
    }
    az_free(p->run, half);
    return rc;
}

/* Rows in the source's type and the output's order. */
static adze_status read_rows(const az_plan *p, const az_output *o, int64_t r0, int64_t n, void *dst,
                             adze_error *err)
{
    const az_producer *pr = o->producer;
    const az_items *i = &pr->items;
    bool turned = pr->source.map && pr->source.map->flags & AZ_TENSOR_TRANSPOSED && i->width > 1;
    int64_t per_row = i->width ? cols_of(o) / i->width : 1, at = r0 * per_row, end, run;
    az_type as = read_type(o, pr);
    adze_status rc = ADZE_OK;
    uint64_t item;
    char *to = dst;

    if (pr->heads && o->n_dims == 1) return read_permuted(p, pr, as, 0, pr->permuted, dst, err);
    if (pr->heads) return read_permuted(p, pr, as, r0, n, dst, err);
    if (!az_type_row_bytes(as, (uint64_t)i->width, &item))
        return az_fail_name(err, ADZE_EFORMAT, p->model->path, o->name, ADZE_NOPOS,
                            "rows of %lld elements are not stored as %s", (long long)i->width,
                            az_type_get(as)->name);
    if (pr->second) return read_zipped(p, pr, at, n * per_row, item, dst, err);
    for (end = at + n * per_row; at < end && rc == ADZE_OK; at += run) {
        int64_t j = at % i->part_items;
        run = i->part_items - j < end - at ? i->part_items - j : end - at;
        rc = turned ? read_turned(p, pr, (int)(at / i->part_items), j, run, to,
                                  item / (uint64_t)i->width, err)
                    : read_part(p, pr, as, (int)(at / i->part_items), j, run, to, item, err);
        to += (uint64_t)run * item;
    }
    return rc;
}

/* First element that the output type cannot hold; n: all fit. */
static size_t first_bad(const float *x, size_t n, az_type type)
{
    uint32_t limit = type == AZ_F16 ? 0x477ff000u : 0x7f800000u, over = 0;

    if (!az_type_get(type)->quantized && type != AZ_F16) return n;
    for (size_t i = 0; i < n; i++)
        over |= (az_f32_bits(x[i]) & 0x7fffffffu) >= limit;
    if (!over) return n;
    for (size_t i = 0; i < n; i++) {
        uint32_t a = az_f32_bits(x[i]) & 0x7fffffffu;
        if (type == AZ_F16 && a >= 0x7f800000u) continue; /* f16 has both */
        if (a >= limit) return i;
    }
    return n;
}

static adze_status refuse_value(const az_plan *p, const az_output *o, int64_t row, size_t col,
                                float x, adze_error *err)
{
    const az_producer *pr = o->producer;
    const az_tensor *t = pr->src;
    const char *why = x != x                    ? "is not a number"
                      : x > 3e38f || x < -3e38f ? "is infinite"
                                                : "is too large";

    return az_fail_name(err, ADZE_EFORMAT, t ? p->model->files[t->file].path : p->model->path,
                        t ? t->name : o->name, t ? t->at_bytes : ADZE_NOPOS,
                        "element %lld (row %lld, column %zu of %s) %s and cannot be stored as %s",
                        (long long)(row * cols_of(o)) + (long long)col, (long long)row, col,
                        o->name, why, az_type_get(o->type)->name);
}

static void unpack(const az_kernels *k, az_type type, const void *src, float *x, size_t n)
{
    if (type == AZ_F64) {
        for (size_t i = 0; i < n; i++) {
            double d;
            memcpy(&d, (const char *)src + i * sizeof d, sizeof d);
            x[i] = (float)d;
        }
    } else {
        az_codec_get(type)->unpack(k, src, x, n);
    }
}

enum { TURNED_ROWS = 64 }; /* that are decoded at once */

/* Rows [r0, r0 + n) of matrices that the source has with columns for rows, as f32. */
static adze_status read_turned_back(const az_plan *p, const az_output *o, int64_t r0, int64_t n,
                                    float *dst, adze_error *err)
{
    const az_producer *pr = o->producer;
    int64_t cols = cols_of(o), width = o->shape[o->n_dims - 2], run;
    float *x = az_calloc(p->run, (size_t)width, sizeof *x);
    adze_status rc = x ? ADZE_OK : az_fail_nomem(err, "reading weights");
    uint64_t item = 0;
    char *rows = NULL;

    if (rc == ADZE_OK && az_type_row_bytes(pr->src->type, (uint64_t)width, &item))
        rows = az_alloc_array(p->run, (size_t)item, TURNED_ROWS);
    if (rc == ADZE_OK && !rows) rc = az_fail_nomem(err, "reading weights");
    for (int64_t at = r0; at < r0 + n && rc == ADZE_OK; at += run, dst += run * cols) {
        int64_t first = at % width, matrix = at / width * cols;
        run = width - first < r0 + n - at ? width - first : r0 + n - at;
        for (int64_t j = 0; j < cols && rc == ADZE_OK; j += TURNED_ROWS) {
            int64_t k = cols - j < TURNED_ROWS ? cols - j : TURNED_ROWS;
            rc = pr->second ? read_zipped(p, pr, matrix + j, k, item, rows, err)
                            : read_source(p, pr->src, pr->src->type, matrix + j, k, (size_t)item,
                                          rows, err);
            for (int64_t i = 0; i < k && rc == ADZE_OK; i++) {
                unpack(az_kernels_default(), pr->src->type, rows + (uint64_t)i * item, x,
                       (size_t)width);
                for (int64_t c = 0; c < run; c++)
                    dst[c * cols + j + i] = x[first + c];
            }
        }
    }
    az_free(p->run, rows);
    az_free(p->run, x);
    return rc;
}

static adze_status encode_rows(const az_plan *p, const az_output *o, int64_t r0, int64_t n,
                               az_type from, const char *src, uint64_t src_row, float *x, char *dst,
                               adze_error *err)
{
    const az_kernels *k = az_kernels_default();
    const az_producer *pr = o->producer;
    size_t cols = (size_t)cols_of(o);
    int64_t rows = o->n_dims > 2 ? o->shape[o->n_dims - 2] : o->rows; /* of one matrix */
    float *imp = o->importance ? x + cols : NULL;

    for (int64_t r = 0; r < n; r++) {
        size_t bad;
        if (imp && (r == 0 || (r0 + r) % rows == 0))
            az_importance_weights(o->importance, cols, (uint64_t)((r0 + r) / rows), imp);
        unpack(k, from, src + (uint64_t)r * src_row, x, cols);
        for (size_t c = 0; pr->add != 0 && c < cols; c++)
            x[c] += pr->add;
        bad = first_bad(x, cols, o->n_parts ? AZ_Q8_0 : o->type);
        if (bad < cols) return refuse_value(p, o, r0 + r, bad, x[bad], err);
        if (o->n_parts && !az_pack_parts(p->run, o, x, r, n, dst))
            return az_fail_nomem(err, "writing weights");
        if (!o->n_parts)
            az_codec_get(o->type)->pack(k, x, imp, cols, dst + (uint64_t)r * o->row_bytes);
    }
    return ADZE_OK;
}

/* Rows of the output's type, divided among its parts. */
static adze_status split_rows(az_plan *p, const az_output *o, int64_t r0, int64_t n, char *dst,
                              adze_error *err)
{
    char *src = az_alloc_array(p->run, (size_t)n, (size_t)o->row_bytes);
    adze_status rc = src ? read_rows(p, o, r0, n, src, err) : az_fail_nomem(err, "reading weights");

    for (int64_t r = 0; r < n && rc == ADZE_OK; r++)
        az_pack_parts(p->run, o, src + (uint64_t)r * o->row_bytes, r, n, dst);
    az_free(p->run, src);
    return rc;
}

/* Rows that have a source, [r0, r0 + n) of them. */
static adze_status sourced_rows(az_plan *p, const az_output *o, int64_t r0, int64_t n, void *dst,
                                adze_error *err)
{
    const az_producer *pr = o->producer;
    az_type from = pr->turn ? AZ_F32 : read_type(o, pr);
    uint64_t src_row, src_bytes;
    char *src = NULL;
    float *x = NULL;
    adze_status rc;

    if (o->packing && o->packing->split) return split_rows(p, o, r0, n, dst, err);
    if (from == o->type && !o->n_parts && pr->add == 0 && !pr->turn)
        return read_rows(p, o, r0, n, dst, err);
    x = az_type_row_bytes(from, (uint64_t)cols_of(o), &src_row) &&
                az_mul_u64(src_row, (uint64_t)n, &src_bytes) && src_bytes < SIZE_MAX / 2
            ? az_calloc(p->run, 2 * (size_t)cols_of(o), sizeof *x) /* a row, and its importance */
            : NULL;
    src = x ? az_alloc(p->run, (size_t)src_bytes) : NULL;
    if (!src)
        rc = az_fail_nomem(err, "reading weights");
    else if (pr->turn)
        rc = read_turned_back(p, o, r0, n, (float *)(void *)src, err);
    else
        rc = read_rows(p, o, r0, n, src, err);
    if (rc == ADZE_OK) rc = encode_rows(p, o, r0, n, from, src, src_row, x, dst, err);
    az_free(p->run, src);
    az_free(p->run, x);
    return rc;
}

adze_status az_plan_rows(az_plan *p, const az_output *o, int64_t r0, int64_t n, void *dst,
                         adze_error *err)
{
    const az_producer *pr = o->producer;
    int64_t empty;

    if (r0 < 0 || n < 0 || r0 > o->rows || n > o->rows - r0)
        return az_fail_name(err, ADZE_EINVAL, p->model->path, o->name, ADZE_NOPOS,
                            "rows outside the tensor");
    if (!n || !cols_of(o)) return ADZE_OK;
    if (!pr->src) {
        memcpy(dst, pr->data, (size_t)o->row_bytes);
        return ADZE_OK;
    }
    empty = r0 >= pr->empty ? 0 : pr->empty - r0 < n ? pr->empty - r0 : n;
    if (empty) memset(dst, 0, (size_t)((uint64_t)empty * o->row_bytes)); /* zeros of every float */
    if (empty == n) return ADZE_OK;
    return sourced_rows(p, o, r0 + empty - pr->empty, n - empty,
                        (char *)dst + (uint64_t)empty * o->row_bytes, err);
}
