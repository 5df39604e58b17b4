/* safetensors: u64 header length, a JSON object {name: {dtype, shape, data_offsets}}, then the data.
 *
 * The header is scanned in place by a small strict JSON reader of its own: integers stay exact, memory is
 * bounded by the header's size, and every message has the byte offset in the file. All rules of the
 * format are enforced: no hole, no overlap, no trailing bytes, sizes that match the shapes.
 * Source: safetensors README and safetensors/src/tensor.rs, 2026-05-12.
 */
#include "format/safetensors.h"
#include "base/check.h"
#include "format/format.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_AT  8u
#define MAX_HEADER 100000000u /* the format's own limit */

typedef struct scan {
    adze_model *m;
    const char *path, *s;
    size_t n, i;
    adze_error *err;
} scan;

static const struct {
    const char *name;
    az_type type;
} dtypes[] = {
    { "F32", AZ_F32 },         { "F16", AZ_F16 },         { "BF16", AZ_BF16 },
    { "F64", AZ_F64 },         { "I8", AZ_I8 },           { "I16", AZ_I16 },
    { "I32", AZ_I32 },         { "I64", AZ_I64 },         { "U8", AZ_U8 },
    { "U16", AZ_U16 },         { "U32", AZ_U32 },         { "U64", AZ_U64 },
    { "BOOL", AZ_BOOL },       { "F8_E4M3", AZ_F8_E4M3 }, { "F8_E5M2", AZ_F8_E5M2 },
    { "F8_E8M0", AZ_F8_E8M0 },
};

/* Valid in the format, but no element type of adze. */
static const char *const other_dtypes[] = { "C64",     "F4",          "F6_E2M3",
                                            "F6_E3M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ" };

const char *az_safetensors_dtype(az_type t)
{
    for (size_t i = 0; i < AZ_COUNT(dtypes); i++)
        if (dtypes[i].type == t) return dtypes[i].name;
    return NULL;
}

static adze_status bad(const scan *sc, const char *what)
{
    return az_fail(sc->err, ADZE_EFORMAT, sc->path, HEADER_AT + sc->i, "header: %s", what);
}

static void skip_space(scan *sc)
{
    while (sc->i < sc->n && strchr(" \t\r\n", sc->s[sc->i]) && sc->s[sc->i])
        sc->i++;
}

/* Next character after white space, taken if it is c. */
static bool take(scan *sc, char c)
{
    skip_space(sc);
    if (sc->i >= sc->n || sc->s[sc->i] != c) return false;
    sc->i++;
    return true;
}

static int hex4(const scan *sc, size_t at)
{
    int v = 0;

    if (sc->n - at < 4) return -1;
    for (size_t k = 0; k < 4; k++) {
        char c = sc->s[at + k];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0) return -1;
        v = v * 16 + d;
    }
    return v;
}

static size_t put_utf8(char *out, uint32_t cp)
{
    if (cp < 0x80) return out[0] = (char)cp, 1;
    if (cp < 0x800) return out[0] = (char)(0xc0 | cp >> 6), out[1] = (char)(0x80 | (cp & 63)), 2;
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 63));
        out[2] = (char)(0x80 | (cp & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 63));
    out[2] = (char)(0x80 | (cp >> 6 & 63));
    out[3] = (char)(0x80 | (cp & 63));
    return 4;
}

/* Bytes of the UTF-8 character at p (n left); 0: malformed, overlong or a surrogate. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t cp;

    if (len == 1) return 1;
    if (!len || p[0] > 0xf4 || n < len) return 0;
    cp = p[0] & (0x7fu >> len);
    for (size_t k = 1; k < len; k++) {
        if ((p[k] & 0xc0) != 0x80) return 0;
        cp = cp << 6 | (p[k] & 63);
    }
    return cp < least[len] || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000) ? 0 : len;
}

/* The escape after a backslash at sc->i; writes to out, returns bytes or 0. */
static size_t escape(scan *sc, char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = sc->i < sc->n ? sc->s[sc->i++] : 0;
    const char *k = c ? strchr(from, c) : NULL;
    int u, low;

    if (k) return out[0] = to[k - from], 1;
    if (c != 'u') return 0;
    u = hex4(sc, sc->i);
    if (u <= 0) return 0;
    sc->i += 4;
    if (u < 0xd800 || u > 0xdfff) return put_utf8(out, (uint32_t)u);
    if (u > 0xdbff || sc->n - sc->i < 6 || sc->s[sc->i] != '\\' || sc->s[sc->i + 1] != 'u')
        return 0;
    low = hex4(sc, sc->i + 2);
    if (low < 0xdc00 || low > 0xdfff) return 0;
    sc->i += 6;
    return put_utf8(out, 0x10000u + ((uint32_t)(u - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
}

/* A JSON string into the arena, unescaped; it holds no NUL. */
static adze_status string(scan *sc, const char **out)
{
    size_t end, n = 0;
    char *p;

    if (!take(sc, '"')) return bad(sc, "a string was expected");
    for (end = sc->i; end < sc->n && sc->s[end] != '"'; end++)
        if (sc->s[end] == '\\') end++;
    if (end >= sc->n) return bad(sc, "a string does not end");
    p = az_arena_alloc(&sc->m->arena, end - sc->i + 1);
    if (!p) return az_fail_nomem(sc->err, "reading a safetensors header");
    while (sc->i < end) {
        const unsigned char *at = (const unsigned char *)sc->s + sc->i;
        size_t len = utf8_len(at, end - sc->i);
        if (at[0] < 0x20) return bad(sc, "a control character inside a string");
        if (!len) return bad(sc, "not valid UTF-8");
        if (at[0] == '\\') {
            sc->i++;
            len = escape(sc, p + n);
            if (!len) return bad(sc, "a bad escape in a string");
        } else {
            memcpy(p + n, at, len);
            sc->i += len;
        }
        n += len;
    }
    sc->i = end + 1;
    p[n] = 0;
    *out = p;
    return ADZE_OK;
}

static adze_status uint64(scan *sc, uint64_t *out)
{
    size_t first;
    uint64_t v = 0;

    skip_space(sc);
    first = sc->i;
    for (; sc->i < sc->n && sc->s[sc->i] >= '0' && sc->s[sc->i] <= '9'; sc->i++) {
        uint64_t ten;
        if (!az_mul_u64(v, 10, &ten) || !az_add_u64(ten, (uint64_t)(sc->s[sc->i] - '0'), &v))
            return bad(sc, "a number above 64 bits");
    }
    if (sc->i == first || (sc->s[first] == '0' && sc->i > first + 1))
        return bad(sc, "an unsigned whole number was expected");
    if (sc->i < sc->n && strchr(".eE", sc->s[sc->i])) return bad(sc, "a whole number was expected");
    *out = v;
    return ADZE_OK;
}

/* [u, u, ...]; at most max of them are stored, *n counts all. */
static adze_status uint64s(scan *sc, uint64_t *v, size_t max, size_t *n)
{
    adze_status rc;

    *n = 0;
    if (!take(sc, '[')) return bad(sc, "a list was expected");
    if (take(sc, ']')) return ADZE_OK;
    do {
        uint64_t x = 0;
        rc = uint64(sc, &x);
        if (rc < 0) return rc;
        if (*n < max) v[*n] = x;
        ++*n;
    } while (take(sc, ','));
    return take(sc, ']') ? ADZE_OK : bad(sc, "a list does not end");
}

static adze_status metadata(scan *sc)
{
    const char *s;
    adze_status rc;

    if (!take(sc, '{')) return bad(sc, "__metadata__ must be an object of strings");
    if (take(sc, '}')) return ADZE_OK;
    do {
        rc = string(sc, &s);
        if (rc < 0) return rc;
        if (!take(sc, ':')) return bad(sc, "a colon was expected");
        skip_space(sc);
        if (sc->i < sc->n && sc->s[sc->i] != '"')
            return bad(sc, "__metadata__ must be an object of strings");
        rc = string(sc, &s);
        if (rc < 0) return rc;
    } while (take(sc, ','));
    return take(sc, '}') ? ADZE_OK : bad(sc, "__metadata__ does not end");
}

static adze_status set_dtype(scan *sc, az_tensor *t, const char *dtype)
{
    for (size_t i = 0; i < AZ_COUNT(dtypes); i++)
        if (strcmp(dtypes[i].name, dtype) == 0) {
            t->type = dtypes[i].type;
            return ADZE_OK;
        }
    for (size_t i = 0; i < AZ_COUNT(other_dtypes); i++)
        if (strcmp(other_dtypes[i], dtype) == 0)
            return az_fail_name(sc->err, ADZE_EUNSUP, sc->path, t->name, HEADER_AT + sc->i,
                                "has dtype %s, which adze does not read", dtype);
    return az_fail_name(sc->err, ADZE_EFORMAT, sc->path, t->name, HEADER_AT + sc->i,
                        "has the unknown dtype \"%.32s\"", dtype);
}

/* Shape and offsets against each other; fills the size. begin and end are relative to the data. */
static adze_status check_size(scan *sc, az_tensor *t, const uint64_t *dims, size_t n,
                              const uint64_t *range)
{
    uint64_t bytes = az_type_get(t->type)->bytes;

    if (n > AZ_MAX_DIMS)
        return az_fail_name(sc->err, ADZE_EUNSUP, sc->path, t->name, HEADER_AT + sc->i,
                            "has %zu dimensions; adze reads up to %d", n, AZ_MAX_DIMS);
    t->n_dims = (int)n;
    for (size_t i = 0; i < AZ_MAX_DIMS; i++)
        t->shape[i] = 1;
    for (size_t i = 0; i < n; i++) {
        if (dims[i] > INT64_MAX || !az_mul_u64(bytes, dims[i], &bytes) || bytes > INT64_MAX)
            return az_fail_name(sc->err, ADZE_EFORMAT, sc->path, t->name, HEADER_AT + sc->i,
                                "shape times element size overflows");
        t->shape[i] = (int64_t)dims[i];
    }
    if (range[1] < range[0])
        return az_fail_name(sc->err, ADZE_EFORMAT, sc->path, t->name, HEADER_AT + sc->i,
                            "data_offsets end before they begin");
    if (range[1] - range[0] != bytes)
        return az_fail_name(sc->err, ADZE_EFORMAT, sc->path, t->name, HEADER_AT + sc->i,
                            "data_offsets span %llu bytes, shape and dtype need %llu",
                            (unsigned long long)(range[1] - range[0]), (unsigned long long)bytes);
    t->at_bytes = range[0]; /* made absolute once the header is known to be whole */
    t->size_bytes = bytes;
    return ADZE_OK;
}

/* {"dtype": ..., "shape": [...], "data_offsets": [begin, end]} in any order. */
static adze_status entry(scan *sc, az_tensor *t)
{
    uint64_t dims[AZ_MAX_DIMS] = { 0 }, range[2] = { 0 };
    size_t n_dims = 0, n_range = 0;
    unsigned seen = 0;
    adze_status rc = ADZE_OK;
    const char *key, *dtype;

    if (!take(sc, '{')) return bad(sc, "a tensor entry must be an object");
    do {
        unsigned bit;
        rc = string(sc, &key);
        if (rc < 0) return rc;
        if (!take(sc, ':')) return bad(sc, "a colon was expected");
        if (strcmp(key, "dtype") == 0) {
            bit = 1;
            rc = string(sc, &dtype);
            if (rc == ADZE_OK) rc = set_dtype(sc, t, dtype);
        } else if (strcmp(key, "shape") == 0) {
            bit = 2;
            rc = uint64s(sc, dims, AZ_MAX_DIMS, &n_dims);
        } else if (strcmp(key, "data_offsets") == 0) {
            bit = 4;
            rc = uint64s(sc, range, 2, &n_range);
            if (rc == ADZE_OK && n_range != 2) return bad(sc, "data_offsets must be [begin, end]");
        } else {
            return az_fail_name(sc->err, ADZE_EFORMAT, sc->path, t->name, HEADER_AT + sc->i,
                                "has the unknown field \"%.32s\"", key);
        }
        if (rc < 0) return rc;
        if (seen & bit)
            return az_fail_name(sc->err, ADZE_EFORMAT, sc->path, t->name, HEADER_AT + sc->i,
                                "field \"%s\" appears twice", key);
        seen |= bit;
    } while (take(sc, ','));
    if (!take(sc, '}')) return bad(sc, "a tensor entry does not end");
    if (seen != 7)
        return az_fail_name(sc->err, ADZE_EFORMAT, sc->path, t->name, HEADER_AT + sc->i,
                            "lacks dtype, shape or data_offsets");
    return check_size(sc, t, dims, n_dims, range);
}

static adze_status object(scan *sc, uint32_t file, az_buf *tensors)
{
    bool have_metadata = false;
    adze_status rc;
    size_t n = 0;

    if (!take(sc, '{')) return bad(sc, "must be a JSON object");
    if (take(sc, '}')) goto end;
    do {
        az_tensor t = { .file = file };
        rc = string(sc, &t.name);
        if (rc < 0) return rc;
        if (!take(sc, ':')) return bad(sc, "a colon was expected");
        if (strcmp(t.name, "__metadata__") == 0) {
            if (have_metadata) return bad(sc, "__metadata__ appears twice");
            have_metadata = true;
            rc = metadata(sc);
        } else {
            rc = entry(sc, &t);
            if (rc == ADZE_OK && ++n > AZ_MAX_TENSORS)
                rc = az_fail(sc->err, ADZE_EUNSUP, sc->path, HEADER_AT + sc->i,
                             "header: more than the %d tensors that adze reads in a file",
                             (int)AZ_MAX_TENSORS);
            if (rc == ADZE_OK) az_buf_put(tensors, &t, sizeof t);
        }
        if (rc < 0) return rc;
    } while (take(sc, ','));
    if (!take(sc, '}')) return bad(sc, "the object does not end");
end:
    skip_space(sc);
    if (sc->i < sc->n) return bad(sc, "bytes after the object");
    return az_buf_ok(tensors) ? ADZE_OK : az_fail_nomem(sc->err, "reading a safetensors header");
}

static int by_range(const void *a, const void *b)
{
    const az_tensor *x = a, *y = b;

    if (x->at_bytes != y->at_bytes) return x->at_bytes < y->at_bytes ? -1 : 1;
    return x->size_bytes < y->size_bytes ? -1 : x->size_bytes > y->size_bytes;
}

/* No overlap, no hole, nothing after the last; then offsets become absolute. */
static adze_status check_layout(const az_model_file *f, az_tensor *t, size_t n, uint64_t data_at,
                                adze_error *err)
{
    uint64_t at = 0;

    if (n) qsort(t, n, sizeof *t, by_range);
    for (size_t i = 0; i < n; i++) {
        if (t[i].at_bytes != at)
            return az_fail_name(err, ADZE_EFORMAT, f->path, t[i].name, data_at + t[i].at_bytes,
                                t[i].at_bytes < at ? "overlaps the tensor before it, which ends at "
                                                     "offset %llu of the data"
                                                   : "leaves a hole after offset %llu of the data",
                                (unsigned long long)at);
        if (!az_add_u64(at, t[i].size_bytes, &at) || at > f->size_bytes - data_at)
            return az_fail_name(err, ADZE_EFORMAT, f->path, t[i].name, f->size_bytes,
                                "data ends at offset %llu, but the file holds %llu bytes of data",
                                (unsigned long long)(t[i].at_bytes + t[i].size_bytes),
                                (unsigned long long)(f->size_bytes - data_at));
        t[i].at_bytes += data_at;
    }
    if (at != f->size_bytes - data_at)
        return az_fail(err, ADZE_EFORMAT, f->path, data_at + at, "%llu bytes after the last tensor",
                       (unsigned long long)(f->size_bytes - data_at - at));
    return ADZE_OK;
}

adze_status az_safetensors_header(adze_model *m, uint32_t file, az_buf *tensors, adze_error *err)
{
    const az_model_file *f = &m->files[file];
    size_t first = tensors->size / sizeof(az_tensor), added;
    uint8_t head[HEADER_AT];
    uint64_t n = 0;
    adze_status rc;
    char *text = NULL;
    scan sc = { .m = m, .path = f->path, .err = err };

    if (f->size_bytes < HEADER_AT)
        return az_fail(err, ADZE_EFORMAT, f->path, f->size_bytes,
                       f->size_bytes ? "file ends inside the header length" : "file is empty");
    rc = az_pread_all(m->run, f->fd, head, sizeof head, 0, f->path, err);
    if (rc < 0) return rc;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | head[i];
    if (n > f->size_bytes - HEADER_AT)
        return az_fail(err, ADZE_EFORMAT, f->path, 0,
                       "header length %llu goes beyond the file's %llu bytes",
                       (unsigned long long)n, (unsigned long long)f->size_bytes);
    if (n > MAX_HEADER)
        return az_fail(err, ADZE_EFORMAT, f->path, 0, "header length %llu is above the limit of %u",
                       (unsigned long long)n, MAX_HEADER);
    text = az_alloc(m->run, (size_t)n + 1);
    if (!text) return az_fail_nomem(err, "reading a safetensors header");
    rc = az_pread_all(m->run, f->fd, text, (size_t)n, HEADER_AT, f->path, err);
    if (rc < 0) goto done;
    sc.s = text;
    sc.n = (size_t)n;
    rc = object(&sc, file, tensors);
    if (rc < 0) goto done;
    added = tensors->size / sizeof(az_tensor) - first;
    rc = check_layout(f, added ? (az_tensor *)(void *)tensors->data + first : NULL, added,
                      HEADER_AT + n, err);
done:
    az_free(m->run, text);
    return rc;
}

adze_status az_model_take_tensors(adze_model *m, const az_buf *tensors, adze_error *err)
{
    m->n_tensors = tensors->size / sizeof(az_tensor);
    m->tensors = az_arena_alloc(&m->arena, tensors->size + 1);
    if (!m->tensors || !az_buf_ok(tensors)) {
        m->n_tensors = 0;
        return az_fail_nomem(err, "listing a model's tensors");
    }
    if (tensors->size) memcpy(m->tensors, tensors->data, tensors->size);
    return az_model_finish(m, err);
}

static int st_probe(adze_run *run, const char *path)
{
    const char *dot = strrchr(path, '.');
    az_stat st;
    adze_error ignored;

    if (!dot || strcmp(dot, ".safetensors") != 0) return 0;
    return az_stat_path(run, path, &st, &ignored) == ADZE_OK && st.is_file ? 90 : 0;
}

/* A lone file: tensors only, no config. */
static adze_status st_read(adze_run *run, const char *path, unsigned flags, adze_model **out,
                           adze_error *err)
{
    adze_model *m = NULL;
    az_buf tensors;
    adze_status rc;
    uint32_t file;
    az_stat st;
    int fd;

    (void)flags;
    *out = NULL;
    az_buf_init(&tensors, run);
    rc = az_model_new(&m, run, path, "safetensors", err);
    if (rc < 0) goto done;
    rc = az_open(run, path, AZ_OPEN_READ, &fd, err);
    if (rc < 0) goto done;
    rc = az_fstat(run, fd, path, &st, err);
    if (rc < 0) {
        az_close(run, fd);
        goto done;
    }
    rc = az_model_add_file(m, path, fd, st.size_bytes, &file, err);
    if (rc < 0) goto done;
    rc = az_safetensors_header(m, file, &tensors, err);
    if (rc < 0) goto done;
    rc = az_model_take_tensors(m, &tensors, err);
    if (rc < 0) goto done;
    *out = m;
    m = NULL;
done:
    az_buf_deinit(&tensors);
    adze_model_close(m);
    return rc;
}

const az_format az_format_safetensors = {
    .name = "safetensors",
    .summary = "one file of tensors, without config or tokenizer",
    .caps = AZ_FMT_WEIGHTS,
    .probe = st_probe,
    .read = st_read,
};
