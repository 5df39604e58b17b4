/* Values: memory, strings, sequences, dicts, and what comes from JSON. */
#include "text/jinja_ast.h"
#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>

static az_jval fail(az_jinja *J, adze_status rc, const char *fmt, va_list ap)
{
    char msg[256];

    if (az_jfailed(J)) return AZ_JUNDEF;
    vsnprintf(msg, sizeof msg, fmt, ap);
    J->rc = az_fail(J->err, rc, NULL, ADZE_NOPOS, "chat template, line %u, column %u: %s", J->line,
                    J->col, msg);
    return AZ_JUNDEF;
}

az_jval az_jfail(az_jinja *J, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fail(J, ADZE_EFORMAT, fmt, ap);
    va_end(ap);
    return AZ_JUNDEF;
}

az_jval az_jfail_status(az_jinja *J, adze_status rc, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fail(J, rc, fmt, ap);
    va_end(ap);
    return AZ_JUNDEF;
}

bool az_jstep(az_jinja *J, uint64_t n)
{
    if (az_jfailed(J)) return false;
    if (n > J->limits.steps - J->steps) {
        az_jfail(J, "takes more than %llu steps", (unsigned long long)J->limits.steps);
        return false;
    }
    J->steps += n;
    if ((J->steps & 1023) < n && az_cancelled(J->run)) {
        J->rc = az_check_cancel(J->run, J->err);
        return false;
    }
    return true;
}

bool az_jstep_bytes(az_jinja *J, size_t n)
{
    return az_jstep(J, n / 512);
}

bool az_jenter(az_jinja *J)
{
    if (az_jfailed(J)) return false;
    if (J->depth >= J->limits.depth) {
        az_jfail(J, "nested deeper than %d levels", J->limits.depth);
        return false;
    }
    J->depth++;
    return true;
}

void *az_jalloc(az_jinja *J, size_t n)
{
    void *p;

    if (az_jfailed(J)) return NULL;
    if (n > J->limits.memory_bytes || J->arena.used_bytes > J->limits.memory_bytes - n) {
        az_jfail(J, "takes more than %zu bytes of memory", J->limits.memory_bytes);
        return NULL;
    }
    p = az_arena_alloc(&J->arena, n);
    if (!p && !az_jfailed(J)) J->rc = az_fail_nomem(J->err, "rendering a chat template");
    return p;
}

void *az_jarray(az_jinja *J, size_t n, size_t size)
{
    size_t total;

    if (!az_mul_size(n, size, &total)) total = SIZE_MAX;
    return az_jalloc(J, total);
}

az_jval az_jundef(az_jinja *J, const char *fmt, ...)
{
    char msg[256];
    va_list ap;
    char *copy;

    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    copy = az_jalloc(J, strlen(msg) + 1);
    if (copy) memcpy(copy, msg, strlen(msg) + 1);
    return (az_jval){ .kind = AZ_J_UNDEF, .u.why = copy };
}

az_jval az_juse_undef(az_jinja *J, az_jval v)
{
    return az_jfail(J, "%s", v.u.why ? v.u.why : "an undefined value is used");
}

/* --- strings --- */

static az_jval str(az_jinja *J, const char *s, size_t n, size_t chars)
{
    az_jstr *p = az_jalloc(J, sizeof *p);

    if (!p) return AZ_JUNDEF;
    *p = (az_jstr){ s, n, chars };
    return (az_jval){ .kind = AZ_J_STR, .u.s = p };
}

static size_t count_chars(const char *s, size_t n)
{
    size_t chars = 0;

    for (size_t i = 0; i < n; i++)
        chars += ((unsigned char)s[i] & 0xc0) != 0x80;
    return chars;
}

az_jval az_jstr_ref(az_jinja *J, const char *s, size_t n)
{
    if (!az_jstep_bytes(J, n)) return AZ_JUNDEF;
    return str(J, s, n, count_chars(s, n));
}

az_jval az_jstrn(az_jinja *J, const char *s, size_t n)
{
    char *copy;

    if (n > J->limits.output_bytes) {
        az_jfail_buf(J);
        return AZ_JUNDEF;
    }
    copy = az_jalloc(J, n + 1);
    if (!copy) return AZ_JUNDEF;
    memcpy(copy, s, n);
    return az_jstr_ref(J, copy, n);
}

az_jval az_jstrz(az_jinja *J, const char *s)
{
    return az_jstrn(J, s, strlen(s));
}

az_jval az_jstr_part(az_jinja *J, az_jval s, size_t from, size_t n)
{
    az_jval v;

    if (from == 0 && n == s.u.s->n) return s;
    v = az_jstr_ref(J, s.u.s->s + from, n);
    v.markup = s.markup;
    return v;
}

void az_jbuf(az_jinja *J, az_buf *b)
{
    az_buf_init(b, J->run);
    b->max = J->limits.output_bytes;
}

void az_jfail_buf(az_jinja *J)
{
    az_jfail(J, "a text is longer than the limit of %zu bytes, or memory is short",
             J->limits.output_bytes);
}

az_jval az_jstr_of_buf(az_jinja *J, az_buf *b)
{
    az_jval v = AZ_JUNDEF;

    if (!az_buf_ok(b)) az_jfail_buf(J);
    if (!az_jfailed(J)) v = az_jstrn(J, b->data ? b->data : "", b->size);
    az_buf_deinit(b);
    return v;
}

/* --- sequences --- */

az_jseq *az_jseq_new(az_jinja *J, size_t cap)
{
    az_jseq *q = az_jalloc(J, sizeof *q);

    if (!q) return NULL;
    if (cap) {
        q->v = az_jarray(J, cap, sizeof *q->v);
        if (!q->v) return NULL;
    }
    q->cap = cap;
    return q;
}

bool az_jseq_add(az_jinja *J, az_jseq *q, az_jval v)
{
    if (az_jfailed(J)) return false;
    if (q->n == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : 4;
        az_jval *p = az_jarray(J, cap, sizeof *p);
        if (!p) return false;
        if (q->n) memcpy(p, q->v, q->n * sizeof *p);
        q->v = p;
        q->cap = cap;
    }
    q->v[q->n++] = v;
    return true;
}

az_jval az_jseq_val(az_jkind kind, az_jseq *q)
{
    return q ? (az_jval){ .kind = (uint8_t)kind, .u.seq = q } : AZ_JUNDEF;
}

az_jval az_jpair_val(az_jinja *J, az_jval a, az_jval b)
{
    az_jseq *q = az_jseq_new(J, 2);

    if (q) {
        az_jseq_add(J, q, a);
        az_jseq_add(J, q, b);
    }
    return az_jseq_val(AZ_J_TUPLE, q);
}

/* --- dicts --- */

bool az_jhashable(const az_jval *v, int depth)
{
    if (v->kind == AZ_J_LIST || v->kind == AZ_J_DICT || v->kind == AZ_J_VIEW) return false;
    if (v->kind != AZ_J_TUPLE) return true;
    for (size_t i = 0; i < v->u.seq->n; i++)
        if (depth == 0 || !az_jhashable(&v->u.seq->v[i], depth - 1)) return false;
    return true;
}

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* Equal values have equal hashes: 1, 1.0 and true among them. */
static uint64_t hash(const az_jval *v)
{
    uint64_t h = 1469598103934665603u;

    switch ((az_jkind)v->kind) {
    case AZ_J_STR:
        for (size_t i = 0; i < v->u.s->n; i++)
            h = (h ^ (unsigned char)v->u.s->s[i]) * 1099511628211u;
        return mix(h);
    case AZ_J_TUPLE:
        for (size_t i = 0; i < v->u.seq->n; i++)
            h = mix(h + hash(&v->u.seq->v[i]));
        return h;
    case AZ_J_BOOL:
    case AZ_J_INT: return mix((uint64_t)az_jto_int(*v));
    case AZ_J_FLOAT:
        if (v->u.f >= -9e18 && v->u.f <= 9e18 && v->u.f == (double)(int64_t)v->u.f)
            return mix((uint64_t)(int64_t)v->u.f);
        memcpy(&h, &v->u.f, sizeof h);
        return mix(h);
    case AZ_J_UNDEF:
    case AZ_J_NONE: return v->kind;
    default: return mix((uint64_t)(uintptr_t)v->u.d);
    }
}

az_jdict *az_jdict_new(az_jinja *J, size_t cap)
{
    az_jdict *d = az_jalloc(J, sizeof *d);

    if (!d) return NULL;
    if (cap) {
        d->p = az_jarray(J, cap, sizeof *d->p);
        if (!d->p) return NULL;
    }
    d->cap = cap;
    return d;
}

az_jval az_jdict_val(az_jdict *d)
{
    return d ? (az_jval){ .kind = AZ_J_DICT, .u.d = d } : AZ_JUNDEF;
}

/* Place of a key in d->p, or SIZE_MAX. Every probe is paid for, so colliding keys cannot cost more than steps. */
static size_t place(az_jinja *J, const az_jdict *d, const az_jval *key, uint64_t h)
{
    size_t probes = 0;

    if (!d->index) {
        for (size_t i = 0; i < d->n; i++)
            if (d->p[i].hash == h && az_jequal(J, d->p[i].key, *key)) return i;
        return SIZE_MAX;
    }
    for (size_t i = h & (d->n_index - 1); d->index[i]; i = (i + 1) & (d->n_index - 1)) {
        const az_jpair *p = &d->p[d->index[i] - 1];
        if (p->hash == h && az_jequal(J, p->key, *key)) return d->index[i] - 1;
        if (++probes > 8 && !az_jstep(J, 1)) break;
    }
    return SIZE_MAX;
}

static void put_index(az_jdict *d, size_t at)
{
    size_t i = d->p[at].hash & (d->n_index - 1);

    while (d->index[i])
        i = (i + 1) & (d->n_index - 1);
    d->index[i] = (uint32_t)at + 1;
}

static bool grow(az_jinja *J, az_jdict *d)
{
    size_t cap = d->cap ? d->cap * 2 : 4;
    az_jpair *p = az_jarray(J, cap, sizeof *p);

    if (!p) return false;
    if (d->n) memcpy(p, d->p, d->n * sizeof *p);
    d->p = p;
    d->cap = cap;
    return true;
}

static bool index_all(az_jinja *J, az_jdict *d)
{
    size_t n = d->n_index ? d->n_index * 4 : 64;
    uint32_t *index = az_jarray(J, n, sizeof *index);

    if (!index || d->n >= UINT32_MAX - 1) return false;
    d->index = index;
    d->n_index = n;
    for (size_t i = 0; i < d->n; i++)
        put_index(d, i);
    return az_jstep(J, d->n / 8);
}

bool az_jdict_set(az_jinja *J, az_jdict *d, az_jval key, az_jval value)
{
    uint64_t h;
    size_t at;

    if (!az_jhashable(&key, 64)) {
        az_jfail(J, "unhashable type: '%s'", az_jtype_name(key));
        return false;
    }
    h = hash(&key);
    at = place(J, d, &key, h);
    if (az_jfailed(J)) return false;
    if (at != SIZE_MAX) {
        d->p[at].value = value;
        return true;
    }
    if (d->n == d->cap && !grow(J, d)) return false;
    if (d->n >= 8 && d->n * 2 >= d->n_index && !index_all(J, d)) return false;
    d->p[d->n] = (az_jpair){ key, value, h };
    d->n++;
    if (d->index) put_index(d, d->n - 1);
    return true;
}

bool az_jdict_sets(az_jinja *J, az_jdict *d, const char *key, az_jval value)
{
    az_jval k = az_jstr_ref(J, key, strlen(key));

    return !az_jfailed(J) && az_jdict_set(J, d, k, value);
}

const az_jval *az_jdict_get(az_jinja *J, const az_jdict *d, az_jval key)
{
    size_t at = place(J, d, &key, hash(&key));

    return at == SIZE_MAX ? NULL : &d->p[at].value;
}

const az_jval *az_jdict_gets(az_jinja *J, const az_jdict *d, const char *key, size_t n)
{
    az_jstr s = { key, n, 0 };

    return az_jdict_get(J, d, (az_jval){ .kind = AZ_J_STR, .u.s = &s });
}

az_jval az_jview_item(az_jinja *J, const az_jdict *d, int view, size_t i)
{
    if (view == 2) return az_jpair_val(J, d->p[i].key, d->p[i].value);
    return view ? d->p[i].value : d->p[i].key;
}

/* --- questions --- */

const char *az_jtype_name(az_jval v)
{
    static const char *const names[] = {
        [AZ_J_MISSING] = "missing", [AZ_J_UNDEF] = "Undefined",  [AZ_J_NONE] = "NoneType",
        [AZ_J_BOOL] = "bool",       [AZ_J_INT] = "int",          [AZ_J_FLOAT] = "float",
        [AZ_J_STR] = "str",         [AZ_J_LIST] = "list",        [AZ_J_TUPLE] = "tuple",
        [AZ_J_DICT] = "dict",       [AZ_J_VIEW] = "dict_items",  [AZ_J_RANGE] = "range",
        [AZ_J_ITER] = "generator",  [AZ_J_NS] = "namespace",     [AZ_J_FUNC] = "function",
        [AZ_J_MACRO] = "Macro",     [AZ_J_LOOP] = "LoopContext", [AZ_J_CYCLER] = "Cycler",
        [AZ_J_JOINER] = "Joiner",
    };

    if (v.kind == AZ_J_VIEW)
        return v.view == 2 ? "dict_items" : v.view ? "dict_values" : "dict_keys";
    return names[v.kind];
}

bool az_jlen(az_jinja *J, az_jval v, size_t *n)
{
    switch ((az_jkind)v.kind) {
    case AZ_J_UNDEF: *n = 0; return true;
    case AZ_J_STR: *n = v.u.s->chars; return true;
    case AZ_J_LIST:
    case AZ_J_TUPLE: *n = v.u.seq->n; return true;
    case AZ_J_DICT:
    case AZ_J_VIEW: *n = v.u.d->n; return true;
    case AZ_J_RANGE: *n = v.u.r->n; return true;
    case AZ_J_LOOP: *n = az_jloop_length(J, v.u.loop); return true;
    default: return false;
    }
}

bool az_jtruth(az_jinja *J, az_jval v)
{
    size_t n;

    if (az_jfailed(J)) return false;
    switch ((az_jkind)v.kind) {
    case AZ_J_MISSING:
    case AZ_J_UNDEF:
    case AZ_J_NONE: return false;
    case AZ_J_BOOL: return v.u.b;
    case AZ_J_INT: return v.u.i != 0;
    case AZ_J_FLOAT: return v.u.f != 0;
    default: return !az_jlen(J, v, &n) || n > 0;
    }
}

/* --- JSON --- */

static az_jval from_array(az_jinja *J, const json_t *j)
{
    az_jseq *q = az_jseq_new(J, json_array_size(j));

    for (size_t i = 0; q && i < json_array_size(j); i++)
        if (!az_jseq_add(J, q, az_jfrom_json(J, json_array_get(j, i)))) return AZ_JUNDEF;
    return az_jseq_val(AZ_J_LIST, q);
}

static az_jval from_object(az_jinja *J, const json_t *j)
{
    az_jdict *d = az_jdict_new(J, json_object_size(j));
    void *it = json_object_iter((json_t *)(uintptr_t)j);

    for (; d && it; it = json_object_iter_next((json_t *)(uintptr_t)j, it)) {
        const char *key = json_object_iter_key(it);
        az_jval k = az_jstr_ref(J, key, json_object_iter_key_len(it));
        az_jval v = az_jfrom_json(J, json_object_iter_value(it));
        if (az_jfailed(J) || !az_jdict_set(J, d, k, v)) return AZ_JUNDEF;
    }
    return az_jdict_val(d);
}

az_jval az_jfrom_json(az_jinja *J, const json_t *j)
{
    az_jval v;

    if (!az_jenter(J)) return AZ_JUNDEF;
    switch (json_typeof(j)) {
    case JSON_OBJECT: v = from_object(J, j); break;
    case JSON_ARRAY: v = from_array(J, j); break;
    case JSON_STRING: v = az_jstr_ref(J, json_string_value(j), json_string_length(j)); break;
    case JSON_INTEGER: v = az_jint(json_integer_value(j)); break;
    case JSON_REAL: v = az_jfloat(json_real_value(j)); break;
    case JSON_TRUE: v = az_jbool(true); break;
    case JSON_FALSE: v = az_jbool(false); break;
    default: v = AZ_JNONE;
    }
    az_jleave(J);
    return v;
}
