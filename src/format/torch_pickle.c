/* The pickle of a state dict (protocol 2), as data: a stack machine that knows dictionaries, lists, tuples, numbers,
 * strings, and the few constructors that torch.save uses for tensors. Nothing is called, imported or looked up;
 * every other opcode or global is refused with its position.
 *
 * Values live in an arena, a few dozen bytes for a byte of pickle at most; nothing recurses. Source:
 * torch/_weights_only_unpickler.py (the accepted set), torch/_utils.py, torch/serialization.py, 2026.
 */
#include "base/check.h"
#include "base/reader.h"
#include "format/torch.h"

#include <stdio.h>
#include <string.h>

#define MAX_PICKLE ((uint64_t)64 << 20)

typedef enum kind { OTHER, MARK, INT, STR, TUPLE, LIST, DICT, GLOBAL, STORAGE, TENSOR } kind;

typedef enum global {
    G_DICT,
    G_TENSOR_V2,
    G_TENSOR_V3,
    G_PARAMETER,
    G_SIZE,
    G_DEVICE,
    G_DTYPE, /* also a storage class: `type` says the element */
    G_UNTYPED
} global;

typedef struct value value;
struct value {
    kind kind;
    global global;
    az_type type;         /* of a dtype, storage or tensor; AZ_TYPE_COUNT: bytes without a type */
    int64_t i;            /* int */
    az_str s;             /* string; a storage's key */
    value **items;        /* [n] of a tuple or list; of a dict keys and values in turn */
    size_t n, cap;        /* of items */
    uint64_t count;       /* elements of a storage (bytes without a type) */
    const value *storage; /* tensor */
    uint64_t offset;
    int n_dims;
    int64_t shape[AZ_MAX_DIMS];
};

typedef struct machine {
    adze_model *m;
    const char *path;
    az_reader r;
    uint64_t at; /* of the opcode, in the file */
    uint64_t base;
    value **stack, **memo;
    size_t n_stack, cap_stack, n_memo;
    adze_error *err;
} machine;

static const struct {
    const char *module, *name;
    global global;
    az_type type;
} globals[] = {
    { "collections", "OrderedDict", G_DICT, AZ_TYPE_COUNT },
    { "torch._utils", "_rebuild_tensor_v2", G_TENSOR_V2, AZ_TYPE_COUNT },
    { "torch._utils", "_rebuild_tensor_v3", G_TENSOR_V3, AZ_TYPE_COUNT },
    { "torch._utils", "_rebuild_parameter", G_PARAMETER, AZ_TYPE_COUNT },
    { "torch", "Size", G_SIZE, AZ_TYPE_COUNT },
    { "torch", "device", G_DEVICE, AZ_TYPE_COUNT },
    { "torch.storage", "UntypedStorage", G_UNTYPED, AZ_TYPE_COUNT },
    { "torch", "FloatStorage", G_DTYPE, AZ_F32 },
    { "torch", "DoubleStorage", G_DTYPE, AZ_F64 },
    { "torch", "HalfStorage", G_DTYPE, AZ_F16 },
    { "torch", "BFloat16Storage", G_DTYPE, AZ_BF16 },
    { "torch", "LongStorage", G_DTYPE, AZ_I64 },
    { "torch", "IntStorage", G_DTYPE, AZ_I32 },
    { "torch", "ShortStorage", G_DTYPE, AZ_I16 },
    { "torch", "CharStorage", G_DTYPE, AZ_I8 },
    { "torch", "ByteStorage", G_DTYPE, AZ_U8 },
    { "torch", "BoolStorage", G_DTYPE, AZ_BOOL },
    { "torch", "float32", G_DTYPE, AZ_F32 },
    { "torch", "float64", G_DTYPE, AZ_F64 },
    { "torch", "float16", G_DTYPE, AZ_F16 },
    { "torch", "bfloat16", G_DTYPE, AZ_BF16 },
    { "torch", "int64", G_DTYPE, AZ_I64 },
    { "torch", "int32", G_DTYPE, AZ_I32 },
    { "torch", "uint16", G_DTYPE, AZ_U16 },
    { "torch", "uint32", G_DTYPE, AZ_U32 },
    { "torch", "uint8", G_DTYPE, AZ_U8 },
    { "torch", "float8_e4m3fn", G_DTYPE, AZ_F8_E4M3 },
    { "torch", "float8_e5m2", G_DTYPE, AZ_F8_E5M2 },
};

static adze_status bad(const machine *p, const char *what)
{
    return az_fail_name(p->err, ADZE_EFORMAT, p->path, "data.pkl", p->at, "%s", what);
}

static adze_status nomem(const machine *p)
{
    return az_fail_nomem(p->err, "reading a pickle");
}

static value *new_value(machine *p, kind k)
{
    value *v = az_arena_alloc(&p->m->arena, sizeof *v);

    if (v) v->kind = k;
    return v;
}

static adze_status push(machine *p, value *v)
{
    if (!v) return nomem(p);
    if (p->n_stack == p->cap_stack) {
        size_t cap = p->cap_stack ? p->cap_stack * 2 : 256;
        value **s = az_realloc_array(p->m->run, p->stack, cap, sizeof *s);
        if (!s) return nomem(p);
        p->stack = s;
        p->cap_stack = cap;
    }
    p->stack[p->n_stack++] = v;
    return ADZE_OK;
}

static value *pop(machine *p)
{
    return p->n_stack ? p->stack[--p->n_stack] : NULL;
}

static adze_status push_kind(machine *p, kind k)
{
    return push(p, new_value(p, k));
}

static adze_status push_int(machine *p, int64_t i)
{
    value *v = new_value(p, INT);

    if (v) v->i = i;
    return push(p, v);
}

/* Items in the arena; growth by doubling keeps the total within twice the last size. */
static adze_status append(machine *p, value *to, value *v)
{
    if (to->n == to->cap) {
        size_t cap = to->cap ? to->cap * 2 : 8;
        value **items = az_arena_array(&p->m->arena, cap, sizeof *items);
        if (!items) return nomem(p);
        if (to->n) memcpy(items, to->items, to->n * sizeof *items);
        to->items = items;
        to->cap = cap;
    }
    to->items[to->n++] = v;
    return ADZE_OK;
}

static adze_status string(machine *p, uint64_t n)
{
    value *v = new_value(p, STR);
    char *s;

    if (n > az_rd_left(&p->r)) return bad(p, "a string goes beyond the end");
    s = az_arena_alloc(&p->m->arena, (size_t)n + 1);
    if (!v || !s) return nomem(p);
    az_rd_bytes(&p->r, s, (size_t)n);
    v->s = (az_str){ s, (size_t)n };
    return push(p, v);
}

/* Text up to a newline, which is taken. */
static const char *line(machine *p)
{
    char buf[128];
    size_t n = 0;

    while (n < sizeof buf && az_rd_left(&p->r)) {
        buf[n] = (char)az_rd_u8(&p->r);
        if (buf[n] == '\n') return az_arena_strndup(&p->m->arena, buf, n);
        n++;
    }
    return NULL;
}

static adze_status take_global(machine *p)
{
    const char *module = line(p), *name = module ? line(p) : NULL;
    value *v;

    if (!name) return bad(p, "a global has no end");
    for (size_t i = 0; i < AZ_COUNT(globals); i++) {
        if (strcmp(globals[i].module, module) != 0 || strcmp(globals[i].name, name) != 0) continue;
        v = new_value(p, GLOBAL);
        if (!v) return nomem(p);
        v->global = globals[i].global;
        v->type = globals[i].type;
        return push(p, v);
    }
    return az_fail_name(p->err, ADZE_EUNSUP, p->path, "data.pkl", p->at,
                        "names %.60s.%.60s, which no plain checkpoint needs: refused, nothing of "
                        "the file was run",
                        module, name);
}

static adze_status tuple(machine *p, size_t n)
{
    value *v = new_value(p, TUPLE);

    if (!v) return nomem(p);
    if (n > p->n_stack) return bad(p, "the stack is too short for a tuple");
    v->items = az_arena_array(&p->m->arena, n + 1, sizeof *v->items);
    if (!v->items) return nomem(p);
    p->n_stack -= n;
    if (n) memcpy(v->items, p->stack + p->n_stack, n * sizeof *v->items);
    v->n = n;
    return push(p, v);
}

/* Values above the last mark. */
static bool above_mark(const machine *p, size_t *n)
{
    for (*n = 0; *n < p->n_stack; ++*n)
        if (p->stack[p->n_stack - 1 - *n]->kind == MARK) return true;
    return false;
}

static adze_status tuple_to_mark(machine *p)
{
    size_t n;
    adze_status rc;
    value *v;

    if (!above_mark(p, &n)) return bad(p, "a tuple has no mark");
    rc = tuple(p, n);
    if (rc < 0) return rc;
    v = pop(p);
    pop(p); /* the mark */
    return push(p, v);
}

/* n values on top go into the dict or list below them (and below a mark). */
static adze_status put_items(machine *p, size_t n, bool mark, kind want)
{
    size_t below = n + (mark ? 1u : 0u);
    adze_status rc = ADZE_OK;
    value *to;

    if (p->n_stack <= below) return bad(p, "the stack is too short for its items");
    to = p->stack[p->n_stack - below - 1];
    if (to->kind != want) return bad(p, "items are put into something that takes none");
    if (want == DICT && n % 2) return bad(p, "a key has no value");
    for (size_t i = 0; i < n && rc == ADZE_OK; i++)
        rc = append(p, to, p->stack[p->n_stack - n + i]);
    p->n_stack -= below;
    return rc;
}

static adze_status put_to_mark(machine *p, kind want)
{
    size_t n;

    if (!above_mark(p, &n)) return bad(p, "items have no mark");
    return put_items(p, n, true, want);
}

static adze_status memo_put(machine *p, uint64_t i)
{
    /* every entry takes an opcode of two bytes or more */
    if (!p->n_stack || i >= p->r.size) return bad(p, "a memo has no value or is out of order");
    if (i >= p->n_memo) {
        size_t cap = (size_t)i * 2 + 256;
        value **memo = az_realloc_array(p->m->run, p->memo, cap, sizeof *memo);
        if (!memo) return nomem(p);
        memset(memo + p->n_memo, 0, (cap - p->n_memo) * sizeof *memo);
        p->memo = memo;
        p->n_memo = cap;
    }
    p->memo[i] = p->stack[p->n_stack - 1];
    return ADZE_OK;
}

static adze_status memo_get(machine *p, uint64_t i)
{
    if (i >= p->n_memo || !p->memo[i]) return bad(p, "a memo that was not stored");
    return push(p, p->memo[i]);
}

static const value *item(const value *v, size_t i, kind k)
{
    return v && v->kind == TUPLE && i < v->n && v->items[i]->kind == k ? v->items[i] : NULL;
}

/* ("storage", class, key, location, count) */
static adze_status persistent(machine *p)
{
    const value *t = pop(p), *tag = item(t, 0, STR), *class = item(t, 1, GLOBAL);
    const value *key = item(t, 2, STR), *count = item(t, 4, INT);
    value *v = new_value(p, STORAGE);

    if (!v) return nomem(p);
    if (!tag || strcmp(tag->s.s, "storage") != 0 || !class || !key || !count || count->i < 0 ||
        (class->global != G_DTYPE && class->global != G_UNTYPED))
        return bad(p, "a persistent id is no storage");
    v->type = class->type;
    v->s = key->s;
    v->count = (uint64_t)count->i;
    return push(p, v);
}

/* (storage, offset, size, stride, requires_grad, hooks[, dtype or metadata]) */
static adze_status tensor(machine *p, const value *a, bool typed)
{
    const value *st = item(a, 0, STORAGE), *at = item(a, 1, INT), *size = item(a, 2, TUPLE);
    const value *stride = item(a, 3, TUPLE), *dtype = typed ? item(a, 6, GLOBAL) : st;
    value *v = new_value(p, TENSOR);
    int64_t step = 1;

    if (!v) return nomem(p);
    if (!st || !at || at->i < 0 || !size || !stride || size->n != stride->n || !dtype ||
        dtype->type == AZ_TYPE_COUNT)
        return bad(p, "a tensor's arguments are not what torch.save writes");
    if (size->n > AZ_MAX_DIMS)
        return az_fail_name(p->err, ADZE_EUNSUP, p->path, "data.pkl", p->at,
                            "a tensor has %zu dimensions; adze reads up to %d", size->n,
                            AZ_MAX_DIMS);
    v->type = dtype->type;
    v->storage = st;
    v->offset = (uint64_t)at->i;
    v->n_dims = (int)size->n;
    for (int i = 0; i < AZ_MAX_DIMS; i++)
        v->shape[i] = 1;
    for (size_t i = size->n; i-- > 0;) {
        const value *d = item(size, i, INT), *s = item(stride, i, INT);
        uint64_t next;
        if (!d || !s || d->i < 0) return bad(p, "a tensor's size is no tuple of numbers");
        if (d->i > 1 && s->i != step)
            return az_fail_name(p->err, ADZE_EUNSUP, p->path, "data.pkl", p->at,
                                "a tensor does not lie row by row; save a contiguous copy");
        if (!az_mul_u64((uint64_t)step, (uint64_t)d->i, &next) || next > INT64_MAX / 8)
            return bad(p, "a tensor's size overflows");
        step = (int64_t)next;
        v->shape[i] = d->i;
        if (!d->i) step = 1; /* empty: strides mean nothing */
    }
    return push(p, v);
}

static adze_status reduce(machine *p)
{
    value *args = pop(p), *f = pop(p);

    if (!f || f->kind != GLOBAL || !args || args->kind != TUPLE)
        return bad(p, "something that is no known constructor is called");
    switch (f->global) {
    case G_DICT: return args->n ? bad(p, "OrderedDict takes no arguments") : push_kind(p, DICT);
    case G_TENSOR_V2: return tensor(p, args, false);
    case G_TENSOR_V3: return tensor(p, args, true);
    case G_PARAMETER:
        if (!item(args, 0, TENSOR)) return bad(p, "a parameter holds no tensor");
        return push(p, args->items[0]);
    case G_SIZE:
        if (!item(args, 0, TUPLE)) return bad(p, "a size holds no tuple");
        return push(p, args->items[0]);
    case G_DEVICE: return push_kind(p, OTHER);
    default: return bad(p, "a type is called");
    }
}

/* State of a dict (its _metadata) or of a tensor: says nothing about weights. */
static adze_status build(machine *p)
{
    value *state = pop(p);

    if (!state || !p->n_stack) return bad(p, "the stack is too short for a state");
    if (p->stack[p->n_stack - 1]->kind != DICT && p->stack[p->n_stack - 1]->kind != TENSOR)
        return bad(p, "a state is given to something that has none");
    return ADZE_OK;
}

/* An integer of n <= 8 bytes, signed; longer ones are no sizes. */
static adze_status long1(machine *p)
{
    unsigned n = az_rd_u8(&p->r);
    uint64_t v = 0;

    if (n > 8) return bad(p, "a number above 64 bits");
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)az_rd_u8(&p->r) << 8 * i;
    if (n && n < 8 && v >> (8 * n - 1) & 1) v |= UINT64_MAX << 8 * n;
    return push_int(p, (int64_t)v);
}

static adze_status newobj(machine *p)
{
    const value *args = pop(p), *class = pop(p);

    if (!class || class->kind != GLOBAL || class->global != G_DICT || !args ||
        args->kind != TUPLE || args->n)
        return bad(p, "an object that is no OrderedDict is made");
    return push_kind(p, DICT);
}

static adze_status step(machine *p, unsigned op)
{
    switch (op) {
    case 0x80: return az_rd_u8(&p->r) == 2 ? ADZE_OK : bad(p, "the pickle is not of protocol 2");
    case '}': return push_kind(p, DICT);
    case ']': return push_kind(p, LIST);
    case ')': return tuple(p, 0);
    case '(': return push_kind(p, MARK);
    case 'X': return string(p, az_rd_u32(&p->r));
    case 'U': return string(p, az_rd_u8(&p->r));
    case 'q': return memo_put(p, az_rd_u8(&p->r));
    case 'r': return memo_put(p, az_rd_u32(&p->r));
    case 'h': return memo_get(p, az_rd_u8(&p->r));
    case 'j': return memo_get(p, az_rd_u32(&p->r));
    case 'c': return take_global(p);
    case 'Q': return persistent(p);
    case 'J': return push_int(p, (int32_t)az_rd_u32(&p->r));
    case 'K': return push_int(p, az_rd_u8(&p->r));
    case 'M': return push_int(p, az_rd_u16(&p->r));
    case 0x8a: return long1(p);
    case 'G': az_rd_skip(&p->r, 8); return push_kind(p, OTHER);
    case 'N':
    case 0x88:
    case 0x89: return push_kind(p, OTHER);
    case 't': return tuple_to_mark(p);
    case 0x85: return tuple(p, 1);
    case 0x86: return tuple(p, 2);
    case 0x87: return tuple(p, 3);
    case 'a': return put_items(p, 1, false, LIST);
    case 'e': return put_to_mark(p, LIST);
    case 's': return put_items(p, 2, false, DICT);
    case 'u': return put_to_mark(p, DICT);
    case 'R': return reduce(p);
    case 'b': return build(p);
    case 0x81: return newobj(p);
    default:
        return az_fail_name(p->err, ADZE_EUNSUP, p->path, "data.pkl", p->at,
                            "opcode 0x%02x, which no plain checkpoint needs: refused, nothing of "
                            "the file was run",
                            op);
    }
}

static adze_status run(machine *p, value **out)
{
    adze_status rc = ADZE_OK;

    while (rc == ADZE_OK) {
        unsigned op;
        p->at = p->base + p->r.pos;
        op = az_rd_u8(&p->r);
        if (!az_rd_ok(&p->r)) return bad(p, "the pickle has no end");
        if (op == '.') break;
        rc = step(p, op);
        if (rc == ADZE_OK && !az_rd_ok(&p->r)) return bad(p, "the pickle ends inside an opcode");
    }
    if (rc < 0) return rc;
    *out = pop(p);
    return *out ? ADZE_OK : bad(p, "the pickle holds nothing");
}

/* The dict of tensors: the pickle's own, or one that a trainer put it into. */
static const value *state_dict(const value *v)
{
    static const char *const names[] = { "state_dict", "model" };

    for (size_t k = 0; k < AZ_COUNT(names); k++)
        for (size_t i = 0; i + 1 < v->n; i += 2)
            if (v->items[i]->kind == STR && strcmp(v->items[i]->s.s, names[k]) == 0 &&
                v->items[i + 1]->kind == DICT)
                return v->items[i + 1];
    return v;
}

/* A tensor's range inside its record. */
static adze_status place(machine *p, const az_records *records, const char *name, const value *v,
                         az_tensor *t)
{
    uint64_t width = az_type_get(v->type)->bytes, n = 1, have, end;
    const az_record *r;
    char key[96];

    if (v->storage->s.n > 64) return bad(p, "a storage's key is too long");
    snprintf(key, sizeof key, "data/%s", v->storage->s.s);
    r = az_torch_record(records, key);
    if (!r)
        return az_fail_name(p->err, ADZE_EFORMAT, p->path, name, p->at, "its record %s is missing",
                            key);
    have = v->storage->type == AZ_TYPE_COUNT ? 1 : az_type_get(v->storage->type)->bytes;
    for (int i = 0; i < v->n_dims; i++)
        n *= (uint64_t)v->shape[i]; /* checked when the tensor was made, or zero */
    if (!az_mul_u64(v->storage->count, have, &have) || have != r->size ||
        !az_add_u64(v->offset, n, &end) || !az_mul_u64(end, width, &end) || end > r->size)
        return az_fail_name(p->err, ADZE_EFORMAT, p->path, name, r->at,
                            "does not fit its record %s of %llu bytes", key,
                            (unsigned long long)r->size);
    t->at_bytes = r->at + v->offset * width;
    t->size_bytes = n * width;
    return ADZE_OK;
}

static adze_status take_tensors(machine *p, const az_records *records, uint32_t file,
                                const value *v, az_buf *tensors)
{
    adze_status rc = ADZE_OK;

    if (v->kind != DICT) return bad(p, "the pickle holds no dictionary");
    v = state_dict(v);
    for (size_t i = 0; i + 1 < v->n && rc == ADZE_OK; i += 2) {
        const value *key = v->items[i], *x = v->items[i + 1];
        az_tensor t = { .file = file, .n_dims = x->n_dims, .type = x->type };
        if (x->kind != TENSOR) continue; /* a step count, a name */
        if (key->kind != STR || !key->s.n || strlen(key->s.s) != key->s.n)
            return bad(p, "a tensor has no usable name");
        t.name = key->s.s;
        memcpy(t.shape, x->shape, sizeof t.shape);
        rc = place(p, records, t.name, x, &t);
        if (rc == ADZE_OK) az_buf_put(tensors, &t, sizeof t);
    }
    return rc < 0 ? rc : az_buf_ok(tensors) ? ADZE_OK : nomem(p);
}

static uint32_t crc32(const uint8_t *p, size_t n)
{
    uint32_t c = ~0u;

    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (0xedb88320u & (0u - (c & 1)));
    }
    return ~c;
}

/* Records that say how the others are to be read. */
static adze_status check_order(adze_model *m, uint32_t file, const az_records *r, adze_error *err)
{
    const az_record *o = az_torch_record(r, "byteorder");
    char text[8] = "";
    adze_status rc;

    if (!o || o->size > sizeof text - 1) return ADZE_OK;
    rc = az_pread_all(m->run, m->files[file].fd, text, (size_t)o->size, o->at, m->files[file].path,
                      err);
    if (rc == ADZE_OK && strcmp(text, "big") == 0)
        rc = az_fail_name(err, ADZE_EUNSUP, m->files[file].path, "byteorder", o->at,
                          "the file is big-endian");
    return rc;
}

static adze_status refuse_old(const adze_model *m, uint32_t file, adze_error *err)
{
    const az_model_file *f = &m->files[file];
    uint8_t head[2] = { 0 };
    adze_status rc =
        f->size_bytes < 2 ? ADZE_OK : az_pread_all(m->run, f->fd, head, 2, 0, f->path, err);

    if (rc == ADZE_OK && head[0] == 0x80)
        rc = az_fail(err, ADZE_EUNSUP, f->path, 0,
                     "is a pickle from before PyTorch 1.6; save it again with a newer one");
    return rc;
}

adze_status az_torch_header(adze_model *m, uint32_t file, az_buf *tensors, adze_error *err)
{
    machine p = { .m = m, .path = m->files[file].path, .err = err };
    const az_record *pkl;
    az_records records;
    uint8_t *data = NULL;
    value *top = NULL;
    adze_status rc = refuse_old(m, file, err);

    if (rc == ADZE_OK) rc = az_torch_records(m, file, &records, err);
    if (rc == ADZE_OK) rc = check_order(m, file, &records, err);
    if (rc < 0) return rc;
    pkl = az_torch_record(&records, "data.pkl");
    if (!pkl || pkl->size > MAX_PICKLE)
        return az_fail_name(err, ADZE_EFORMAT, p.path, "data.pkl", ADZE_NOPOS,
                            pkl ? "is too large" : "is missing");
    p.base = p.at = pkl->at;
    data = az_alloc(m->run, (size_t)pkl->size + 1);
    if (!data) return az_fail_nomem(err, "reading a pickle");
    rc = az_pread_all(m->run, m->files[file].fd, data, (size_t)pkl->size, pkl->at, p.path, err);
    if (rc == ADZE_OK && crc32(data, (size_t)pkl->size) != pkl->crc)
        rc = bad(&p, "its checksum does not fit: the file is damaged");
    az_reader_mem(&p.r, m->run, data, (size_t)pkl->size, p.path);
    if (rc == ADZE_OK) rc = run(&p, &top);
    if (rc == ADZE_OK) rc = take_tensors(&p, &records, file, top, tensors);
    az_free(m->run, p.stack);
    az_free(m->run, p.memo);
    az_free(m->run, data);
    return rc;
}
