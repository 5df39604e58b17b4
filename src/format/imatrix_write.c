/* Writing importance matrices; the layouts are described in imatrix.c. */
#include "base/buf.h"
#include "base/check.h"
#include "format/gguf.h"
#include "format/imatrix.h"

#include <math.h>
#include <string.h>

static void put(az_buf *b, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        az_buf_putc(b, (char)(v >> 8 * i));
}

static void put_string(az_buf *b, const char *s)
{
    put(b, strlen(s), 8);
    az_buf_puts(b, s);
}

static void put_strings(az_buf *b, const char *key, const char *const *s, size_t n)
{
    put_string(b, key);
    put(b, AZ_KV_ARR, 4);
    put(b, AZ_KV_STR, 4);
    put(b, n, 8);
    for (size_t i = 0; i < n; i++)
        put_string(b, s[i]);
}

static void put_u32(az_buf *b, const char *key, uint32_t v)
{
    put_string(b, key);
    put(b, AZ_KV_U32, 4);
    put(b, v, 4);
}

static uint64_t padded(uint64_t n)
{
    return (n + AZ_GGUF_ALIGN - 1) / AZ_GGUF_ALIGN * AZ_GGUF_ALIGN;
}

static void put_tensor(az_buf *b, const char *name, const char *part, uint64_t cols, uint64_t mats,
                       uint64_t *at)
{
    put(b, strlen(name) + strlen(part), 8);
    az_buf_puts(b, name);
    az_buf_puts(b, part);
    put(b, 2, 4);
    put(b, cols, 8);
    put(b, mats, 8);
    put(b, az_type_get(AZ_F32)->gguf_id, 4);
    put(b, *at, 8);
    *at += padded(cols * mats * sizeof(float));
}

static void put_data(az_buf *b, const float *x, uint64_t n)
{
    az_buf_put(b, x,
               (size_t)n * sizeof *x); /* little-endian hosts only, as for every file of weights */
    while (b->size % AZ_GGUF_ALIGN && az_buf_ok(b))
        az_buf_putc(b, 0);
}

static void put_gguf(az_buf *b, const az_importance *m)
{
    uint64_t at = 0;

    az_buf_puts(b, "GGUF");
    put(b, AZ_GGUF_VERSION, 4);
    put(b, 2 * m->n, 8);
    put(b, 4 + (m->n_digests > 0), 8);
    put_string(b, "general.type");
    put(b, AZ_KV_STR, 4);
    put_string(b, "imatrix");
    put_strings(b, "imatrix.datasets", m->datasets, m->n_datasets);
    put_u32(b, "imatrix.chunk_count", m->chunks);
    put_u32(b, "imatrix.chunk_size", m->chunk_size);
    if (m->n_digests) put_strings(b, AZ_CALIBRATION_KEY, m->digests, m->n_digests);
    for (size_t i = 0; i < m->n; i++) {
        const az_importance_entry *e = &m->items[i];
        put_tensor(b, e->name, ".in_sum2", e->cols, e->mats, &at);
        put_tensor(b, e->name, ".counts", 1, e->mats, &at);
    }
    while (b->size % AZ_GGUF_ALIGN && az_buf_ok(b))
        az_buf_putc(b, 0);
    for (size_t i = 0; i < m->n; i++) {
        put_data(b, m->items[i].sums, m->items[i].cols * m->items[i].mats);
        put_data(b, m->items[i].counts, m->items[i].mats);
    }
}

/* How many chunks' worth of rows an entry has seen; at least one. */
static uint32_t calls_of(const az_importance *m, const az_importance_entry *e)
{
    float most = 0, size = m->chunk_size ? (float)m->chunk_size : 512;

    for (uint64_t i = 0; i < e->mats; i++)
        most = e->counts[i] > most ? e->counts[i] : most;
    most = ceilf(most / size);
    return most < 1 ? 1 : most > 1e9f ? 1000000000u : (uint32_t)most;
}

static void put_old(az_buf *b, const az_importance *m, float *row)
{
    const char *text = m->n_datasets ? m->datasets[m->n_datasets - 1] : "";

    put(b, m->n, 4);
    for (size_t i = 0; i < m->n; i++) {
        const az_importance_entry *e = &m->items[i];
        uint32_t calls = calls_of(m, e);
        put(b, strlen(e->name), 4);
        az_buf_puts(b, e->name);
        put(b, calls, 4);
        put(b, e->cols * e->mats, 4);
        for (uint64_t k = 0; k < e->mats; k++) {
            az_importance_means(e, e->cols, k, row);
            for (uint64_t c = 0; c < e->cols; c++)
                row[c] *= (float)calls;
            az_buf_put(b, row, (size_t)e->cols * sizeof *row);
        }
    }
    put(b, m->chunks, 4);
    put(b, strlen(text), 4);
    az_buf_puts(b, text);
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);

    return n >= k && strcmp(s + n - k, end) == 0;
}

static adze_status check_names(const az_importance *m, const char *path, bool old, adze_error *err)
{
    for (size_t i = 0; i < m->n; i++) {
        const az_importance_entry *e = &m->items[i];
        if (!old && strlen(e->name) + strlen(".in_sum2") > AZ_GGUF_MAX_NAME)
            return az_fail_name(err, ADZE_EUNSUP, path, e->name, ADZE_NOPOS,
                                "name is too long for an importance matrix in GGUF");
        if (old && e->cols * e->mats > INT32_MAX)
            return az_fail_name(err, ADZE_EUNSUP, path, e->name, ADZE_NOPOS,
                                "is too large for this layout; write a .gguf");
    }
    return ADZE_OK;
}

adze_status az_imatrix_write(adze_run *run, const az_importance *m, const char *path,
                             adze_error *err)
{
    bool old = ends_with(path, ".dat") || ends_with(path, ".imatrix");
    adze_status rc = check_names(m, path, old, err);
    uint64_t widest = 1;
    float *row;
    az_buf b;

    if (rc < 0) return rc;
    for (size_t i = 0; i < m->n; i++)
        widest = m->items[i].cols > widest ? m->items[i].cols : widest;
    row = az_alloc_array(run, (size_t)widest, sizeof *row);
    az_buf_init(&b, run);
    if (row && old) put_old(&b, m, row);
    if (row && !old) put_gguf(&b, m);
    if (!row || !az_buf_ok(&b))
        rc = az_fail_nomem(err, "writing an importance matrix");
    else
        rc = az_write_file(run, path, b.data, b.size, err);
    az_buf_deinit(&b);
    az_free(run, row);
    return rc;
}
