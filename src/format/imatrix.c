/* Reading importance matrices; writing is in imatrix_write.c.
 *
 * GGUF: general.type "imatrix"; imatrix.datasets, .chunk_count, .chunk_size; tensors NAME.in_sum2 [mats][cols] and
 * NAME.counts [mats][1], all f32. The older layout: i32 entries; each i32 length, name, i32 calls, i32 values,
 * f32[values] = mean square * calls; then i32 chunks, i32 length, dataset. It has no counts of its own: calls stand
 * for them, and rows of several experts cannot be told apart until a tensor's shape is known.
 * Source: llama.cpp's tools/imatrix and common/imatrix-loader, 2026-08-18.
 */
#include "format/imatrix.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/reader.h"
#include "format/gguf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ENTRIES = 1 << 20, MAX_NAME = 4096 };

typedef struct loader {
    adze_run *run;
    const char *path;
    az_importance *m;
    adze_error *err;
} loader;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const az_importance_entry *)a)->name, ((const az_importance_entry *)b)->name);
}

static adze_status bad(const loader *l, const char *name, uint64_t at, const char *what)
{
    return az_fail_name(l->err, ADZE_EFORMAT, l->path, name, at, "%s", what);
}

static adze_status check_values(const loader *l, const char *name, uint64_t at, const float *x,
                                uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (!(x[i] >= 0 && x[i] <= 3.4e38f))
            return az_fail_name(l->err, ADZE_EFORMAT, l->path, name,
                                at == ADZE_NOPOS ? at : at + 4 * i,
                                "value %llu of the importance matrix is not a finite number from 0",
                                (unsigned long long)i);
    return ADZE_OK;
}

/* Sort, and refuse an entry that is there twice. */
static adze_status finish(const loader *l)
{
    az_importance *m = l->m;

    if (m->n == 0) return bad(l, NULL, ADZE_NOPOS, "holds no importance of any tensor");
    qsort(m->items, m->n, sizeof *m->items, by_name);
    for (size_t i = 1; i < m->n; i++)
        if (strcmp(m->items[i].name, m->items[i - 1].name) == 0)
            return bad(l, m->items[i].name, ADZE_NOPOS, "is in the importance matrix twice");
    return ADZE_OK;
}

/* ---- GGUF ---- */

static adze_status read_floats(const loader *l, const adze_model *g, const az_tensor *t,
                               float **out)
{
    uint64_t n = t->size_bytes / sizeof(float);
    adze_status rc;

    if (t->type != AZ_F32)
        return bad(l, t->name, t->at_bytes, "must be f32 in an importance matrix");
    *out = az_arena_array(&l->m->arena, (size_t)n + 1, sizeof **out);
    if (!*out) return az_fail_nomem(l->err, "reading an importance matrix");
    rc = az_model_read(g, t, 0, *out, (size_t)t->size_bytes, l->err);
    return rc < 0 ? rc : check_values(l, t->name, t->at_bytes, *out, n);
}

static adze_status take_pair(const loader *l, const adze_model *g, const az_tensor *sums,
                             size_t stem)
{
    az_importance_entry *e = &l->m->items[l->m->n];
    char *name = az_arena_alloc(&l->m->arena, stem + sizeof ".counts");
    const az_tensor *counts;
    adze_status rc;

    if (!name) return az_fail_nomem(l->err, "reading an importance matrix");
    memcpy(name, sums->name, stem);
    memcpy(name + stem, ".counts", sizeof ".counts");
    counts = az_model_tensor(g, name);
    if (!counts) return bad(l, sums->name, sums->at_bytes, "has sums but no counts beside it");
    name[stem] = 0;
    *e = (az_importance_entry){ .name = name,
                                .cols = (uint64_t)az_tensor_cols(sums),
                                .mats = (uint64_t)az_tensor_rows(sums) };
    if (!e->cols || !e->mats || counts->size_bytes != e->mats * sizeof(float))
        return bad(l, counts->name, counts->at_bytes,
                   "must have one count for each matrix of sums");
    rc = read_floats(l, g, sums, &e->sums);
    if (rc == ADZE_OK) rc = read_floats(l, g, counts, &e->counts);
    if (rc == ADZE_OK) l->m->n++;
    return rc;
}

static adze_status take_texts(const loader *l, const az_kvs *kv, const char *key,
                              const char *const **out, size_t *n)
{
    const az_kv *k = az_kv_find(kv, key);
    const az_str *s;
    const char **list;

    if (!k) return ADZE_OK;
    if (k->type != AZ_KV_ARR || k->elem != AZ_KV_STR)
        return bad(l, key, ADZE_NOPOS, "must be an array of strings");
    s = k->v.arr.data;
    list = az_arena_array(&l->m->arena, (size_t)k->v.arr.n + 1, sizeof *list);
    if (!list) return az_fail_nomem(l->err, "reading an importance matrix");
    for (size_t i = 0; i < k->v.arr.n; i++) {
        list[i] = az_arena_strndup(&l->m->arena, s[i].s, s[i].n);
        if (!list[i]) return az_fail_nomem(l->err, "reading an importance matrix");
    }
    *out = list;
    *n = (size_t)k->v.arr.n;
    return ADZE_OK;
}

static adze_status take_keys(const loader *l, const az_kvs *kv)
{
    const char *type = az_kv_string(kv, "general.type");
    int64_t chunks = 0, size = 0;
    adze_status rc;

    if (!type || strcmp(type, "imatrix") != 0)
        return bad(l, "general.type", ADZE_NOPOS, "is a GGUF, but of no importance matrix");
    az_kv_int(kv, "imatrix.chunk_count", &chunks);
    az_kv_int(kv, "imatrix.chunk_size", &size);
    l->m->chunks = chunks > 0 && chunks <= UINT32_MAX ? (uint32_t)chunks : 0;
    l->m->chunk_size = size > 0 && size <= UINT32_MAX ? (uint32_t)size : 0;
    rc = take_texts(l, kv, "imatrix.datasets", &l->m->datasets, &l->m->n_datasets);
    if (rc == ADZE_OK) rc = take_texts(l, kv, AZ_CALIBRATION_KEY, &l->m->digests, &l->m->n_digests);
    return rc;
}

static adze_status read_gguf(const loader *l)
{
    static const char sums[] = ".in_sum2", counts[] = ".counts";
    adze_model *g = NULL;
    size_t n_counts = 0;
    adze_status rc = az_gguf_read(l->run, l->path, 0, &g, l->err);

    if (rc == ADZE_OK) rc = take_keys(l, &g->kv);
    if (rc == ADZE_OK) {
        l->m->items = az_arena_array(&l->m->arena, g->n_tensors + 1, sizeof *l->m->items);
        if (!l->m->items) rc = az_fail_nomem(l->err, "reading an importance matrix");
    }
    for (size_t i = 0; rc == ADZE_OK && i < g->n_tensors; i++) {
        const az_tensor *t = &g->tensors[i];
        size_t n = strlen(t->name);
        if (n > strlen(sums) && strcmp(t->name + n - strlen(sums), sums) == 0)
            rc = take_pair(l, g, t, n - strlen(sums));
        else if (n > strlen(counts) && strcmp(t->name + n - strlen(counts), counts) == 0)
            n_counts++;
        else
            rc = bad(l, t->name, t->at_bytes, "is no part of an importance matrix");
    }
    if (rc == ADZE_OK && n_counts != l->m->n)
        rc = bad(l, NULL, ADZE_NOPOS, "has counts without sums");
    adze_model_close(g);
    return rc;
}

/* ---- the older layout ---- */

static adze_status read_entry(const loader *l, az_reader *r)
{
    az_importance_entry *e = &l->m->items[l->m->n];
    uint64_t at = r->pos;
    uint32_t length = az_rd_u32(r), calls, values;
    char *name;

    if (!az_rd_ok(r)) return az_rd_check(r, "an entry", l->err);
    if (length == 0 || length > MAX_NAME || length > az_rd_left(r))
        return bad(l, NULL, at, "name of an entry has no sensible length");
    name = az_arena_alloc(&l->m->arena, length + 1);
    if (!name) return az_fail_nomem(l->err, "reading an importance matrix");
    az_rd_bytes(r, name, length);
    name[length] = 0;
    calls = az_rd_u32(r);
    values = az_rd_u32(r);
    if (!az_rd_ok(r)) return az_rd_check(r, name, l->err);
    at = r->pos;
    if (strlen(name) != length || calls > INT32_MAX) return bad(l, name, at, "entry is malformed");
    if (values == 0 || values > az_rd_left(r) / sizeof(float))
        return bad(l, name, at, "entry is longer than the file, or empty");
    *e = (az_importance_entry){ .name = name, .cols = values, .mats = 1 };
    e->sums = az_arena_array(&l->m->arena, values, sizeof *e->sums);
    e->counts = az_arena_array(&l->m->arena, 1, sizeof *e->counts);
    if (!e->sums || !e->counts) return az_fail_nomem(l->err, "reading an importance matrix");
    az_rd_bytes(r, e->sums, values * sizeof *e->sums);
    e->counts[0] = calls ? (float)calls : 1;
    l->m->n++;
    return check_values(l, name, at, e->sums, values);
}

static adze_status read_old(const loader *l, az_reader *r)
{
    uint32_t n = az_rd_u32(r), chunks, length;
    char *text;
    adze_status rc = ADZE_OK;

    if (!az_rd_ok(r)) return az_rd_check(r, "the number of entries", l->err);
    if (n == 0 || n > MAX_ENTRIES || n > az_rd_left(r) / 16)
        return bad(l, NULL, 0, "is no importance matrix: neither a GGUF nor a number of entries");
    l->m->items = az_arena_array(&l->m->arena, n, sizeof *l->m->items);
    if (!l->m->items) return az_fail_nomem(l->err, "reading an importance matrix");
    for (uint32_t i = 0; i < n && rc == ADZE_OK; i++)
        rc = read_entry(l, r);
    if (rc < 0 || az_rd_left(r) == 0) return rc; /* what follows came later */
    chunks = az_rd_u32(r);
    length = az_rd_u32(r);
    if (!az_rd_ok(r) || length > az_rd_left(r) || length > MAX_NAME)
        return bad(l, NULL, r->pos, "name of the dataset is longer than the file");
    text = az_arena_alloc(&l->m->arena, length + 1);
    const char **list = az_arena_array(&l->m->arena, 1, sizeof *list);
    if (!text || !list) return az_fail_nomem(l->err, "reading an importance matrix");
    az_rd_bytes(r, text, length);
    text[length] = 0;
    list[0] = text;
    l->m->chunks = chunks <= INT32_MAX ? chunks : 0;
    l->m->datasets = list;
    l->m->n_datasets = length > 0;
    return az_rd_check(r, "the dataset", l->err);
}

static adze_status read_file(const loader *l)
{
    az_reader r = { .fd = -1 };
    uint8_t magic[4] = { 0 };
    adze_status rc;
    int fd;

    rc = az_open(l->run, l->path, AZ_OPEN_READ, &fd, l->err);
    if (rc < 0) return rc;
    rc = az_reader_file(&r, l->run, fd, l->path, l->err);
    if (rc == ADZE_OK) {
        if (az_rd_left(&r) >= 4) az_rd_bytes(&r, magic, 4);
        if (memcmp(magic, "GGUF", 4) == 0) {
            rc = read_gguf(l);
        } else {
            az_rd_seek(&r, 0);
            rc = read_old(l, &r);
        }
        az_reader_deinit(&r);
    }
    az_close(l->run, fd);
    return rc;
}

adze_status az_imatrix_read(az_importance **out, adze_run *run, const char *path, adze_error *err)
{
    loader l = { .run = run, .path = path, .err = err };
    adze_status rc;

    *out = NULL;
    rc = az_importance_new(&l.m, run, path, err);
    if (rc == ADZE_OK) rc = read_file(&l);
    if (rc == ADZE_OK) rc = finish(&l);
    if (rc == ADZE_OK)
        *out = l.m;
    else
        az_importance_free(l.m);
    return rc;
}
