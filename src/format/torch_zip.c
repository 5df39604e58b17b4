/* The zip container of torch.save (PyTorch 1.6 and newer): all records stored, zip64 where needed.
 *
 * Sizes come from the central directory at the end; each local header must name the same record. Records may not
 * overlap each other or the directory. Source: APPNOTE.TXT 6.3.10; caffe2/serialize/inline_container.cc.
 */
#include "base/check.h"
#include "base/reader.h"
#include "format/torch.h"

#include <stdlib.h>
#include <string.h>

enum { END_BYTES = 22, ENTRY_BYTES = 46, LOCAL_BYTES = 30, LOCATOR_BYTES = 20, END64_BYTES = 56 };
#define MAX_COMMENT   65535u
#define MAX_DIRECTORY ((uint64_t)64 << 20)

typedef struct zip {
    adze_model *m;
    const az_model_file *f;
    uint64_t n, dir_at, dir_bytes;
    adze_error *err;
} zip;

static uint64_t le(const uint8_t *p, int n)
{
    uint64_t v = 0;

    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

static adze_status bad(const zip *z, const char *name, uint64_t pos, const char *what)
{
    return az_fail_name(z->err, ADZE_EFORMAT, z->f->path, name, pos, "%s", what);
}

static adze_status read_at(const zip *z, void *dst, size_t n, uint64_t at)
{
    return az_pread_all(z->m->run, z->f->fd, dst, n, at, z->f->path, z->err);
}

/* The zip64 end of the directory, where the plain one has no room. */
static adze_status find_end64(zip *z, uint64_t end_at)
{
    uint8_t p[END64_BYTES];
    uint64_t at;
    adze_status rc;

    if (end_at < LOCATOR_BYTES) return bad(z, NULL, end_at, "the zip64 end is missing");
    rc = read_at(z, p, LOCATOR_BYTES, end_at - LOCATOR_BYTES);
    if (rc < 0) return rc;
    at = le(p + 8, 8);
    if (le(p, 4) != 0x07064b50 || at > end_at - LOCATOR_BYTES ||
        end_at - LOCATOR_BYTES - at < END64_BYTES)
        return bad(z, NULL, end_at - LOCATOR_BYTES, "the zip64 end is missing");
    rc = read_at(z, p, END64_BYTES, at);
    if (rc < 0) return rc;
    if (le(p, 4) != 0x06064b50) return bad(z, NULL, at, "the zip64 end is damaged");
    z->n = le(p + 32, 8);
    z->dir_bytes = le(p + 40, 8);
    z->dir_at = le(p + 48, 8);
    return ADZE_OK;
}

/* The end record lies in the last bytes, before a comment. */
static adze_status find_end(zip *z)
{
    uint64_t size = z->f->size_bytes,
             tail = size < END_BYTES + MAX_COMMENT ? size : END_BYTES + MAX_COMMENT;
    uint8_t *p;
    adze_status rc;
    size_t i;

    if (size < END_BYTES) return bad(z, NULL, size, "file is too short for a zip");
    p = az_alloc(z->m->run, (size_t)tail);
    if (!p) return az_fail_nomem(z->err, "reading a zip");
    rc = read_at(z, p, (size_t)tail, size - tail);
    for (i = (size_t)tail - END_BYTES + 1; rc == ADZE_OK && i-- > 0;)
        if (le(p + i, 4) == 0x06054b50 && le(p + i + 20, 2) == tail - i - END_BYTES) break;
    if (rc == ADZE_OK && i == SIZE_MAX)
        rc = bad(z, NULL, size, "the zip's directory is missing: the file is cut or no zip");
    if (rc == ADZE_OK) {
        z->n = le(p + i + 10, 2);
        z->dir_bytes = le(p + i + 12, 4);
        z->dir_at = le(p + i + 16, 4);
        if (z->n == 0xffff || z->dir_bytes == 0xffffffff || z->dir_at == 0xffffffff)
            rc = find_end64(z, size - tail + i);
    }
    az_free(z->m->run, p);
    if (rc < 0) return rc;
    if (z->dir_at > size || z->dir_bytes > size - z->dir_at || z->dir_bytes > MAX_DIRECTORY ||
        z->n > z->dir_bytes / ENTRY_BYTES)
        return bad(z, NULL, z->dir_at, "the zip's directory does not fit into the file");
    return ADZE_OK;
}

/* Sizes and offset that the 32-bit fields have no room for, in this order, from the zip64 extra field. */
static void take_zip64(const uint8_t *extra, size_t n, uint64_t *v[3])
{
    for (size_t i = 0; i + 4 <= n;) {
        size_t len = (size_t)le(extra + i + 2, 2), at = i + 4;
        if (len > n - at) return;
        if (le(extra + i, 2) == 1)
            for (int k = 0; k < 3; k++)
                if (*v[k] == 0xffffffff && at + 8 <= i + 4 + len) {
                    *v[k] = le(extra + at, 8);
                    at += 8;
                }
        i += 4 + len;
    }
}

/* One entry of the directory; *used gets its bytes. */
static adze_status entry(const zip *z, const uint8_t *p, size_t left, uint64_t pos, az_record *r,
                         size_t *used)
{
    size_t name, extra, comment;
    uint64_t packed;
    const char *slash;
    char *text;

    if (left < ENTRY_BYTES || le(p, 4) != 0x02014b50)
        return bad(z, NULL, pos, "an entry of the zip's directory is damaged");
    name = (size_t)le(p + 28, 2);
    extra = (size_t)le(p + 30, 2);
    comment = (size_t)le(p + 32, 2);
    *used = ENTRY_BYTES + name + extra + comment;
    if (*used > left) return bad(z, NULL, pos, "an entry of the zip's directory is cut");
    text = az_arena_strndup(&z->m->arena, (const char *)p + ENTRY_BYTES, name);
    if (!text) return az_fail_nomem(z->err, "reading a zip");
    if (!name || strlen(text) != name) return bad(z, NULL, pos, "a record has no usable name");
    packed = le(p + 20, 4);
    r->size = le(p + 24, 4);
    r->entry = le(p + 42, 4);
    r->crc = (uint32_t)le(p + 16, 4);
    take_zip64(p + ENTRY_BYTES + name, extra, (uint64_t *[]){ &r->size, &packed, &r->entry });
    if (le(p + 10, 2) != 0 || packed != r->size || (le(p + 8, 2) & 1))
        return az_fail_name(z->err, ADZE_EUNSUP, z->f->path, text, pos,
                            "is compressed or encrypted; torch.save stores records as they are");
    slash = strchr(text, '/');
    r->name = slash ? slash + 1 : text;
    return ADZE_OK;
}

/* Where the payload starts, by the local header. */
static adze_status locate(const zip *z, az_record *r)
{
    uint8_t p[LOCAL_BYTES];
    uint64_t limit = z->dir_at;
    adze_status rc;

    if (r->entry > limit || limit - r->entry < LOCAL_BYTES)
        return bad(z, r->name, r->entry, "the record lies outside the file");
    rc = read_at(z, p, sizeof p, r->entry);
    if (rc < 0) return rc;
    if (le(p, 4) != 0x04034b50 || le(p + 8, 2) != 0)
        return bad(z, r->name, r->entry, "the record's own header is damaged");
    r->at = r->entry + LOCAL_BYTES + le(p + 26, 2) + le(p + 28, 2);
    if (r->at > limit || r->size > limit - r->at)
        return bad(z, r->name, r->entry, "the record goes beyond the zip's directory");
    return ADZE_OK;
}

static int by_place(const void *a, const void *b)
{
    const az_record *x = a, *y = b;

    return x->entry != y->entry ? (x->entry < y->entry ? -1 : 1) : 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const az_record *)a)->name, ((const az_record *)b)->name);
}

static adze_status check_disjoint(const zip *z, az_records *r)
{
    if (r->n) qsort(r->items, r->n, sizeof *r->items, by_place);
    for (size_t i = 1; i < r->n; i++)
        if (r->items[i].entry < r->items[i - 1].at + r->items[i - 1].size)
            return bad(z, r->items[i].name, r->items[i].entry, "the record overlaps another one");
    if (r->n) qsort(r->items, r->n, sizeof *r->items, by_name);
    for (size_t i = 1; i < r->n; i++)
        if (strcmp(r->items[i].name, r->items[i - 1].name) == 0)
            return bad(z, r->items[i].name, r->items[i].entry, "the record appears twice");
    return ADZE_OK;
}

adze_status az_torch_records(adze_model *m, uint32_t file, az_records *out, adze_error *err)
{
    zip z = { .m = m, .f = &m->files[file], .err = err };
    uint8_t *dir = NULL;
    size_t at = 0, used = 0;
    adze_status rc = find_end(&z);

    *out = (az_records){ .n = 0 };
    if (rc < 0) return rc;
    dir = az_alloc(m->run, (size_t)z.dir_bytes + 1);
    out->items = az_arena_array(&m->arena, (size_t)z.n + 1, sizeof *out->items);
    if (!dir || !out->items) rc = az_fail_nomem(err, "reading a zip");
    if (rc == ADZE_OK) rc = read_at(&z, dir, (size_t)z.dir_bytes, z.dir_at);
    for (uint64_t i = 0; i < z.n && rc == ADZE_OK; i++, at += used) {
        az_record *r = &out->items[i];
        rc = entry(&z, dir + at, (size_t)z.dir_bytes - at, z.dir_at + at, r, &used);
        if (rc == ADZE_OK) rc = locate(&z, r);
        out->n++;
    }
    az_free(m->run, dir);
    return rc < 0 ? rc : check_disjoint(&z, out);
}

const az_record *az_torch_record(const az_records *r, const char *name)
{
    az_record key = { .name = name };

    return r->n ? bsearch(&key, r->items, r->n, sizeof *r->items, by_name) : NULL;
}
