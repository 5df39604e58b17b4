/* Reading a GGUF header (version 2 or 3): keys into model->kv, tensors with their dimensions reversed to
 * row-major. Every count is checked against the bytes that are left before memory is taken for it. */
#include "base/check.h"
#include "base/json.h"
#include "base/reader.h"
#include "format/gguf.h"
#include "format/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_KEY    13u /* length, type and one byte of value */
#define MIN_TENSOR 24u /* length, n_dims, type, offset */
#define MAX_KEYS   8192u
#define MAX_HELD   ((uint64_t)256 << 20) /* bytes of all strings and arrays of a header */

typedef struct gguf {
    adze_model *m;
    az_reader r;
    const char *path;
    uint64_t n_tensors, n_kv;
    uint32_t file;  /* index in m->files */
    az_kvs kv;      /* of this file; the model keeps the first file's */
    uint64_t align; /* of this file */
    uint64_t held;  /* bytes of strings and arrays so far */
    adze_error *err;
} gguf;

int az_gguf_probe(adze_run *run, const char *path)
{
    adze_error ignored;
    const char *dot = strrchr(path, '.');
    int named = dot && strcmp(dot, ".gguf") == 0, fd;
    char magic[4] = "";
    az_stat st;

    if (az_stat_path(run, path, &st, &ignored) < 0 || !st.is_file) return 0;
    if (az_open(run, path, AZ_OPEN_READ, &fd, &ignored) < 0) return 0;
    if (run->io.pread(run->io.user, fd, magic, 4, 0) != 4) magic[0] = 0;
    az_close(run, fd);
    return memcmp(magic, "GGUF", 4) == 0 ? 100 : named ? 50 : 0;
}

static adze_status bad(const gguf *g, const char *name, uint64_t pos, const char *what)
{
    return az_fail_name(g->err, ADZE_EFORMAT, g->path, name, pos, "%s", what);
}

/* Room for n elements more; what a file holds of them was checked, but a sparse file holds anything. */
static adze_status hold(gguf *g, uint64_t n, size_t elem, const char *what, uint64_t at)
{
    uint64_t bytes;

    if (!az_mul_u64(n, elem, &bytes) || !az_add_u64(g->held, bytes, &bytes) || bytes > MAX_HELD)
        return az_fail_name(g->err, ADZE_EUNSUP, g->path, what, at,
                            "%llu elements: a header may hold at most %llu MiB of strings and "
                            "arrays",
                            (unsigned long long)n, (unsigned long long)(MAX_HELD >> 20));
    g->held = bytes;
    return ADZE_OK;
}

/* A string into the arena, NUL added. `what` names it in messages. */
static adze_status string(gguf *g, az_str *out, const char *what)
{
    uint64_t at = g->r.pos, n = az_rd_u64(&g->r);
    adze_status rc;
    char *s;

    if (!az_rd_ok(&g->r)) return az_rd_check(&g->r, what, g->err);
    if (n > az_rd_left(&g->r))
        return az_fail_name(g->err, ADZE_EFORMAT, g->path, what, at,
                            "string of %llu bytes goes beyond the end of the file",
                            (unsigned long long)n);
    rc = hold(g, n, 1, what, at);
    if (rc < 0) return rc;
    s = az_arena_text(&g->m->arena, (size_t)n);
    if (!s) return az_fail_nomem(g->err, "reading a GGUF header");
    az_rd_bytes(&g->r, s, (size_t)n);
    *out = (az_str){ s, (size_t)n };
    return az_rd_ok(&g->r) ? ADZE_OK : az_rd_check(&g->r, what, g->err);
}

static adze_status header(gguf *g)
{
    char magic[4];
    uint32_t version;

    az_rd_bytes(&g->r, magic, 4);
    if (!az_rd_ok(&g->r)) return az_rd_check(&g->r, "the magic", g->err);
    if (memcmp(magic, "GGUF", 4) != 0)
        return az_fail(g->err, ADZE_EFORMAT, g->path, 0, "is not a GGUF file: wrong magic");
    version = az_rd_u32(&g->r);
    g->n_tensors = az_rd_u64(&g->r);
    g->n_kv = az_rd_u64(&g->r);
    if (!az_rd_ok(&g->r)) return az_rd_check(&g->r, "the header", g->err);
    if (version && (version & 0xffff) == 0)
        return az_fail(g->err, ADZE_EUNSUP, g->path, 4, "is a big-endian GGUF file");
    if (version < 2 || version > AZ_GGUF_VERSION)
        return az_fail(g->err, ADZE_EUNSUP, g->path, 4,
                       "has GGUF version %u; adze reads versions 2 and 3", version);
    if (g->n_tensors > az_rd_left(&g->r) / MIN_TENSOR)
        return az_fail(g->err, ADZE_EFORMAT, g->path, 8,
                       "tensor count %llu does not fit into the file",
                       (unsigned long long)g->n_tensors);
    if (g->n_kv > az_rd_left(&g->r) / MIN_KEY)
        return az_fail(g->err, ADZE_EFORMAT, g->path, 16,
                       "key count %llu does not fit into the file", (unsigned long long)g->n_kv);
    if (g->n_tensors > AZ_MAX_TENSORS)
        return az_fail(g->err, ADZE_EUNSUP, g->path, 8,
                       "tensor count %llu; adze reads up to %d in a file",
                       (unsigned long long)g->n_tensors, (int)AZ_MAX_TENSORS);
    if (g->n_kv > MAX_KEYS)
        return az_fail(g->err, ADZE_EUNSUP, g->path, 16, "key count %llu; adze reads up to %u",
                       (unsigned long long)g->n_kv, MAX_KEYS);
    return ADZE_OK;
}

static void scalar(az_reader *r, az_kv *kv)
{
    switch (kv->type) {
    case AZ_KV_U8:
    case AZ_KV_BOOL: kv->v.u = az_rd_u8(r); break;
    case AZ_KV_I8: kv->v.i = (int8_t)az_rd_u8(r); break;
    case AZ_KV_U16: kv->v.u = az_rd_u16(r); break;
    case AZ_KV_I16: kv->v.i = (int16_t)az_rd_u16(r); break;
    case AZ_KV_U32: kv->v.u = az_rd_u32(r); break;
    case AZ_KV_I32: kv->v.i = (int32_t)az_rd_u32(r); break;
    case AZ_KV_F32: kv->v.f = az_rd_f32(r); break;
    case AZ_KV_U64: kv->v.u = az_rd_u64(r); break;
    case AZ_KV_I64: kv->v.i = (int64_t)az_rd_u64(r); break;
    case AZ_KV_F64: kv->v.f = az_rd_f64(r); break;
    default: break;
    }
}

static adze_status array(gguf *g, az_kv *kv)
{
    uint64_t at = g->r.pos, n;
    uint32_t elem = az_rd_u32(&g->r);
    size_t bytes;
    adze_status rc;

    n = az_rd_u64(&g->r);
    if (!az_rd_ok(&g->r)) return az_rd_check(&g->r, kv->key, g->err);
    if (elem == AZ_KV_ARR || elem > AZ_KV_F64)
        return bad(g, kv->key, at,
                   elem == AZ_KV_ARR ? "arrays of arrays are not allowed" : "unknown element type");
    kv->elem = (az_kv_type)elem;
    bytes = az_kv_elem_bytes(kv->elem);
    if (n > az_rd_left(&g->r) / (bytes ? bytes : 8))
        return az_fail_name(g->err, ADZE_EFORMAT, g->path, kv->key, at,
                            "array of %llu elements goes beyond the end of the file",
                            (unsigned long long)n);
    rc = hold(g, n, bytes ? bytes : sizeof(az_str), kv->key, at);
    if (rc < 0) return rc;
    kv->v.arr.n = n;
    if (bytes) {
        void *data = az_arena_array(&g->m->arena, (size_t)n + 1, bytes);
        if (!data) return az_fail_nomem(g->err, "reading a GGUF header");
        az_rd_bytes(&g->r, data, (size_t)n * bytes);
        kv->v.arr.data = data;
    } else {
        az_str *s = az_arena_array(&g->m->arena, (size_t)n + 1, sizeof *s);
        if (!s) return az_fail_nomem(g->err, "reading a GGUF header");
        kv->v.arr.data = s;
        for (uint64_t i = 0; i < n; i++) {
            rc = string(g, &s[i], kv->key);
            if (rc < 0) return rc;
        }
    }
    return az_rd_ok(&g->r) ? ADZE_OK : az_rd_check(&g->r, kv->key, g->err);
}

static adze_status key(gguf *g, az_kv *kv)
{
    uint64_t at = g->r.pos;
    az_str name;
    uint32_t type;
    adze_status rc;

    rc = string(g, &name, "a key");
    if (rc < 0) return rc;
    if (name.n == 0) return bad(g, NULL, at, "a key is empty");
    if (memchr(name.s, 0, name.n)) return bad(g, name.s, at, "the key holds a NUL byte");
    kv->key = name.s;
    at = g->r.pos;
    type = az_rd_u32(&g->r);
    if (!az_rd_ok(&g->r)) return az_rd_check(&g->r, kv->key, g->err);
    if (type > AZ_KV_F64) return bad(g, kv->key, at, "unknown value type");
    kv->type = (az_kv_type)type;
    if (kv->type == AZ_KV_STR) return string(g, &kv->v.str, kv->key);
    if (kv->type == AZ_KV_ARR) return array(g, kv);
    at = g->r.pos;
    scalar(&g->r, kv);
    if (!az_rd_ok(&g->r)) return az_rd_check(&g->r, kv->key, g->err);
    if (kv->type == AZ_KV_BOOL && kv->v.u > 1)
        return bad(g, kv->key, at, "a boolean must be 0 or 1");
    return ADZE_OK;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static adze_status refuse_duplicate_keys(gguf *g)
{
    const az_kvs *kvs = &g->kv;
    const char **names = az_alloc_array(g->m->run, kvs->n + 1, sizeof *names);
    adze_status rc = ADZE_OK;

    if (!names) return az_fail_nomem(g->err, "reading a GGUF header");
    for (size_t i = 0; i < kvs->n; i++)
        names[i] = kvs->items[i].key;
    qsort(names, kvs->n, sizeof *names, by_key);
    for (size_t i = 1; i < kvs->n && rc == ADZE_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            rc = bad(g, names[i], ADZE_NOPOS, "key appears twice");
    az_free(g->m->run, names);
    return rc;
}

static adze_status keys(gguf *g)
{
    adze_model *m = g->m;
    const az_kv *align;
    adze_status rc;

    g->kv = (az_kvs){ .arena = &m->arena, .cap = (size_t)g->n_kv };
    g->kv.items = az_arena_array(&m->arena, (size_t)g->n_kv + 1, sizeof *g->kv.items);
    if (!g->kv.items) return az_fail_nomem(g->err, "reading a GGUF header");
    for (uint64_t i = 0; i < g->n_kv; i++) {
        rc = key(g, &g->kv.items[i]);
        if (rc < 0) return rc;
        g->kv.n++;
    }
    rc = refuse_duplicate_keys(g);
    if (rc < 0) return rc;
    g->align = AZ_GGUF_ALIGN;
    align = az_kv_find(&g->kv, "general.alignment");
    if (!align) return ADZE_OK;
    if (align->type != AZ_KV_U32 || !align->v.u || (align->v.u & (align->v.u - 1)) ||
        align->v.u > (1u << 20))
        return bad(g, align->key, ADZE_NOPOS, "must be a u32 power of two up to 2^20");
    g->align = align->v.u;
    return ADZE_OK;
}

/* Bytes of a tensor with checks of every product. */
static adze_status tensor_size(gguf *g, az_tensor *t, uint64_t at)
{
    uint64_t elems = 1, row;

    for (int i = 0; i < t->n_dims; i++)
        if (!az_mul_u64(elems, (uint64_t)t->shape[i], &elems) || elems > INT64_MAX)
            return bad(g, t->name, at, "shape overflows");
    if (!az_type_row_bytes(t->type, (uint64_t)az_tensor_cols(t), &row))
        return az_fail_name(g->err, ADZE_EFORMAT, g->path, t->name, at,
                            "rows of %lld elements are no whole number of %s blocks of %u",
                            (long long)az_tensor_cols(t), az_type_get(t->type)->name,
                            az_type_get(t->type)->elems);
    elems = 1;
    for (int i = 0; i + 1 < t->n_dims; i++)
        elems *= (uint64_t)t->shape[i]; /* a factor of the product above, or that is zero */
    if (!az_mul_u64(elems, row, &t->size_bytes) || t->size_bytes > INT64_MAX)
        return bad(g, t->name, at, "shape times element size overflows");
    return ADZE_OK;
}

/* One tensor info; its offset must be `expect`, the end of the one before. */
static adze_status tensor(gguf *g, az_tensor *t, uint64_t expect)
{
    uint64_t at = g->r.pos, offset, dim;
    uint32_t n_dims, type;
    az_str name;
    adze_status rc;

    rc = string(g, &name, "a tensor name");
    if (rc < 0) return rc;
    if (name.n == 0 || name.n > AZ_GGUF_MAX_NAME || memchr(name.s, 0, name.n))
        return bad(g, name.s, at, "tensor names must have 1 to 63 bytes and no NUL");
    t->name = name.s;
    at = g->r.pos;
    n_dims = az_rd_u32(&g->r);
    if (!az_rd_ok(&g->r)) return az_rd_check(&g->r, t->name, g->err);
    if (n_dims > AZ_MAX_DIMS) return bad(g, t->name, at, "has more than 4 dimensions");
    t->n_dims = (int)n_dims;
    for (int i = 0; i < AZ_MAX_DIMS; i++)
        t->shape[i] = 1;
    for (int i = t->n_dims; i-- > 0;) {
        at = g->r.pos;
        dim = az_rd_u64(&g->r);
        if (dim > INT64_MAX) return bad(g, t->name, at, "has a negative dimension");
        t->shape[i] = (int64_t)dim;
    }
    at = g->r.pos;
    type = az_rd_u32(&g->r);
    offset = az_rd_u64(&g->r);
    if (!az_rd_ok(&g->r)) return az_rd_check(&g->r, t->name, g->err);
    if (!az_type_from_gguf(type, &t->type))
        return az_fail_name(g->err, ADZE_EUNSUP, g->path, t->name, at,
                            "has type id %u, which adze does not know", type);
    rc = tensor_size(g, t, at);
    if (rc < 0) return rc;
    if (offset != expect)
        return az_fail_name(g->err, ADZE_EFORMAT, g->path, t->name, at + 4,
                            "data offset is %llu, but the tensor before it ends at %llu",
                            (unsigned long long)offset, (unsigned long long)expect);
    t->at_bytes = offset;
    return ADZE_OK;
}

static adze_status tensors(gguf *g, az_buf *list)
{
    size_t first = list->size / sizeof(az_tensor);
    uint64_t end = 0, data_at;
    az_tensor *t;
    adze_status rc;

    for (uint64_t i = 0; i < g->n_tensors; i++) {
        az_tensor one = { .file = g->file };
        rc = tensor(g, &one, end);
        if (rc < 0) return rc;
        if (!az_add_u64(end, one.size_bytes, &end) || !az_align_u64(end, g->align, &end) ||
            end > INT64_MAX)
            return bad(g, one.name, g->r.pos, "tensor sizes overflow");
        az_buf_put(list, &one, sizeof one);
    }
    if (!az_buf_ok(list)) return az_fail_nomem(g->err, "reading a GGUF header");
    if (!az_align_u64(g->r.pos, g->align, &data_at))
        return bad(g, NULL, g->r.pos, "header size overflows");
    t = (az_tensor *)(void *)list->data;
    for (uint64_t i = 0; i < g->n_tensors; i++)
        t[first + i].at_bytes += data_at;
    return ADZE_OK;
}

/* The chat template, and the generation settings that adze stores beside it. */
static adze_status take_documents(gguf *g)
{
    const az_kv *kv = az_kv_find(&g->m->kv, "tokenizer.chat_template");
    adze_status rc = ADZE_OK;

    if (kv && kv->type == AZ_KV_STR) {
        g->m->chat_template = kv->v.str.s;
        g->m->chat_template_n = kv->v.str.n;
    }
    kv = az_kv_find(&g->m->kv, "adze.generation_config");
    if (kv && kv->type == AZ_KV_STR)
        rc = az_json_parse(&g->m->generation_config, kv->v.str.s, kv->v.str.n, g->path, g->err);
    if (rc == ADZE_OK && g->m->generation_config && !json_is_object(g->m->generation_config))
        rc = bad(g, kv->key, ADZE_NOPOS, "must hold a JSON object");
    kv = az_kv_find(&g->m->kv, "adze.sentence_transformers");
    if (rc == ADZE_OK && kv && kv->type == AZ_KV_STR)
        rc = az_json_parse(&g->m->sentence, kv->v.str.s, kv->v.str.n, g->path, g->err);
    if (rc == ADZE_OK && g->m->sentence && !json_is_object(g->m->sentence))
        rc = bad(g, kv->key, ADZE_NOPOS, "must hold a JSON object");
    return rc;
}

/* One file: header, keys, tensor infos. */
static adze_status read_file(gguf *g, int fd, az_buf *list)
{
    adze_model *m = g->m;
    adze_status rc;
    az_stat st;

    rc = az_fstat(m->run, fd, g->path, &st, g->err);
    if (rc < 0) {
        az_close(m->run, fd);
        return rc;
    }
    rc = az_model_add_file(m, g->path, fd, st.size_bytes, &g->file, g->err);
    if (rc < 0) return rc;
    if (st.size_bytes == 0) return az_fail(g->err, ADZE_EFORMAT, g->path, 0, "file is empty");
    rc = az_reader_file(&g->r, m->run, fd, g->path, g->err);
    if (rc == ADZE_OK) rc = header(g);
    if (rc == ADZE_OK) rc = keys(g);
    if (rc == ADZE_OK) rc = tensors(g, list);
    az_reader_deinit(&g->r);
    return rc;
}

/* What a file says about the set that it is part of; count 0: none. */
static adze_status split_of(const gguf *g, int64_t *no, int64_t *count, int64_t *n_tensors)
{
    *no = *count = *n_tensors = 0;
    if (!az_kv_int(&g->kv, "split.count", count) || *count <= 1) {
        *count = 0;
        return ADZE_OK;
    }
    if (*count > AZ_GGUF_MAX_PARTS || !az_kv_int(&g->kv, "split.no", no) || *no < 0 ||
        *no >= *count || !az_kv_int(&g->kv, "split.tensors.count", n_tensors) || *n_tensors < 0)
        return bad(g, "split.count", ADZE_NOPOS, "does not fit split.no and split.tensors.count");
    return ADZE_OK;
}

/* Part `no` of a set of which `path` is one: PREFIX-00001-of-00003.gguf. Its name, in the arena. */
static adze_status part_name(gguf *g, const char *path, int64_t no, int64_t count,
                             const char **name)
{
    const char *base = az_path_base(path);
    size_t n = strlen(base);
    char tail[32];

    snprintf(tail, sizeof tail, "-of-%05lld.gguf", (long long)count);
    if (n < 20 || strcmp(base + n - 14, tail) != 0 || base[n - 20] != '-')
        return az_fail_name(g->err, ADZE_EFORMAT, path, "split.count", ADZE_NOPOS,
                            "is one of %lld parts, but its name does not end in -00001%s",
                            (long long)count, tail);
    *name = az_arena_printf(&g->m->arena, "%.*s-%05lld%s", (int)(n - 20), base, (long long)no + 1,
                            tail);
    return *name ? ADZE_OK : az_fail_nomem(g->err, "reading a GGUF header");
}

/* The other parts, each beside the first under the name that the set gives it. */
static adze_status read_parts(adze_model *m, const char *path, int64_t count, int64_t total,
                              az_buf *list, adze_error *err)
{
    char *dir = az_path_dir(m->run, path);
    adze_status rc = dir ? ADZE_OK : az_fail_nomem(err, "reading a GGUF header");

    for (int64_t i = 1; i < count && rc == ADZE_OK; i++) {
        gguf g = { .m = m, .err = err };
        int64_t no, n, n_tensors;
        const char *name;
        int fd;
        rc = part_name(&g, path, i, count, &name);
        if (rc == ADZE_OK) rc = az_open_beneath(m->run, dir, name, &fd, err);
        if (rc < 0) break;
        g.path = az_arena_printf(&m->arena, "%s/%s", dir, name);
        if (!g.path) {
            az_close(m->run, fd);
            rc = az_fail_nomem(err, "reading a GGUF header");
            break;
        }
        rc = read_file(&g, fd, list);
        if (rc == ADZE_OK) rc = split_of(&g, &no, &n, &n_tensors);
        if (rc == ADZE_OK && (no != i || n != count))
            rc = az_fail_name(err, ADZE_EFORMAT, g.path, "split.no", ADZE_NOPOS,
                              "says part %lld of %lld, its name part %lld of %lld",
                              (long long)no + 1, (long long)n, (long long)i + 1, (long long)count);
    }
    az_free(m->run, dir);
    if (rc == ADZE_OK && list->size / sizeof(az_tensor) != (uint64_t)total)
        rc = az_fail_name(err, ADZE_EFORMAT, path, "split.tensors.count", ADZE_NOPOS,
                          "says %lld tensors, the parts hold %zu", (long long)total,
                          list->size / sizeof(az_tensor));
    return rc;
}

/* One file, or the first of a set. */
static adze_status read_set(adze_model *m, const char *path, az_buf *list, adze_error *err)
{
    gguf g = { .m = m, .path = path, .err = err };
    int64_t no, count, total;
    const char *name;
    adze_status rc;
    int fd;

    rc = az_open(m->run, path, AZ_OPEN_READ, &fd, err);
    if (rc == ADZE_OK) rc = read_file(&g, fd, list);
    if (rc == ADZE_OK) rc = split_of(&g, &no, &count, &total);
    if (rc == ADZE_OK && count && no) {
        rc = part_name(&g, path, 0, count, &name);
        if (rc < 0) return rc;
        return az_fail_name(err, ADZE_EINVAL, path, "split.no", ADZE_NOPOS,
                            "is part %lld of %lld; give the first, %s", (long long)no + 1,
                            (long long)count, name);
    }
    if (rc < 0) return rc;
    m->kv = g.kv;
    m->data_align = g.align;
    return count ? read_parts(m, path, count, total, list, err) : ADZE_OK;
}

adze_status az_gguf_read(adze_run *run, const char *path, unsigned flags, adze_model **out,
                         adze_error *err)
{
    adze_model *m = NULL;
    az_buf list;
    adze_status rc;

    (void)flags;
    *out = NULL;
    az_buf_init(&list, run);
    rc = az_model_new(&m, run, path, "gguf", err);
    if (rc == ADZE_OK) rc = read_set(m, path, &list, err);
    if (rc == ADZE_OK) rc = az_model_take_tensors(m, &list, err);
    if (rc == ADZE_OK) {
        gguf g = { .m = m, .path = path, .err = err };
        rc = take_documents(&g);
    }
    if (rc == ADZE_OK) {
        *out = m;
        m = NULL;
    }
    az_buf_deinit(&list);
    adze_model_close(m);
    return rc;
}
