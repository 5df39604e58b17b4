/* Filters on sequences and mappings. Those that give Python generators are lazy here as well. */
#include "text/jinja_value.h"

#define FILTER(name) static az_jval name(az_jinja *J, const az_jval *a, const az_jargs *args)

static bool given(az_jval v)
{
    return v.kind != AZ_J_MISSING && v.kind != AZ_J_NONE;
}

/* A path of attributes, "a.b.0". */
typedef struct attr_path {
    az_jval parts[16];
    size_t n;
} attr_path;

static bool all_digits(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] < '0' || s[i] > '9') return false;
    return n > 0 && n < 18;
}

static bool read_path(az_jinja *J, const char *s, size_t n, attr_path *p)
{
    for (size_t from = 0, to; from <= n; from = to + 1) {
        int64_t i = 0;
        for (to = from; to < n && s[to] != '.'; to++)
            ;
        if (p->n == AZ_COUNT(p->parts)) {
            az_jfail(J, "an attribute path has more than %zu parts", AZ_COUNT(p->parts));
            return false;
        }
        if (all_digits(s + from, to - from)) {
            for (size_t k = from; k < to; k++)
                i = i * 10 + (s[k] - '0');
            p->parts[p->n++] = az_jint(i);
        } else
            p->parts[p->n++] = az_jstrn(J, s + from, to - from);
    }
    return !az_jfailed(J);
}

static bool path_of(az_jinja *J, az_jval attr, attr_path *p)
{
    p->n = 0;
    if (!given(attr)) return true;
    if (az_jis_str(attr)) return read_path(J, attr.u.s->s, attr.u.s->n, p);
    p->parts[p->n++] = attr;
    return true;
}

/* The attribute of an item; `def` in place of undefined where it is given. */
static az_jval follow(az_jinja *J, az_jval item, const attr_path *p, az_jval def)
{
    for (size_t i = 0; i < p->n && !az_jfailed(J); i++) {
        item = az_jgetitem(J, item, p->parts[i]);
        if (given(def) && az_jis_undef(item)) item = def;
    }
    return item;
}

static az_jval fold(az_jinja *J, az_jval v, bool case_sensitive)
{
    return az_jis_str(v) && !case_sensitive ? az_jlower(J, v) : v;
}

static az_jval length_of(az_jinja *J, az_jval v)
{
    size_t n;

    if (az_jlen(J, v, &n)) return az_jint((int64_t)n);
    return az_jfail(J, "object of type '%s' has no len()", az_jtype_name(v));
}

FILTER(f_length)
{
    (void)args;
    return length_of(J, a[0]);
}

FILTER(f_list)
{
    (void)args;
    return az_jseq_val(AZ_J_LIST, az_jcollect(J, a[0]));
}

FILTER(f_first)
{
    az_jiter *it = az_jiter_of(J, a[0]);
    az_jval v;

    (void)args;
    return it && az_jnext(J, it, &v) ? v : az_jundef(J, "no first item, the sequence was empty");
}

static bool reversible(az_jval v)
{
    return az_jis_undef(v) || az_jis_str(v) || az_jis_seq(v) || v.kind == AZ_J_DICT ||
           v.kind == AZ_J_VIEW || v.kind == AZ_J_RANGE;
}

FILTER(f_last)
{
    az_jseq *q;

    (void)args;
    if (!reversible(a[0])) return az_jfail(J, "'%s' object is not reversible", az_jtype_name(a[0]));
    q = az_jcollect(J, a[0]);
    if (!q) return AZ_JUNDEF;
    return q->n ? q->v[q->n - 1] : az_jundef(J, "no last item, the sequence was empty");
}

FILTER(f_reverse)
{
    az_jseq *q;

    (void)args;
    if (az_jis_str(a[0])) return az_jslice(J, a[0], AZ_JNONE, AZ_JNONE, az_jint(-1));
    if (!az_jiterable(a[0])) return az_jfail(J, "reverse needs something iterable");
    q = az_jcollect(J, a[0]);
    if (!q) return AZ_JUNDEF;
    for (size_t i = 0; i < q->n / 2; i++) {
        az_jval v = q->v[i];
        q->v[i] = q->v[q->n - 1 - i];
        q->v[q->n - 1 - i] = v;
    }
    if (!reversible(a[0])) return az_jseq_val(AZ_J_LIST, q);
    return az_jiter_val(az_jiter_of(J, az_jseq_val(AZ_J_LIST, q)));
}

FILTER(f_join)
{
    az_jval sep = a[1].kind == AZ_J_MISSING ? az_jstr_ref(J, "", 0) : az_jto_str(J, a[1]), v;
    az_jiter *it = az_jiter_of(J, a[0]);
    bool first = true;
    attr_path path;
    az_buf b;

    (void)args;
    if (!it || !path_of(J, a[2], &path)) return AZ_JUNDEF;
    az_jbuf(J, &b);
    while (az_jnext(J, it, &v)) {
        if (!first) az_jput_str(J, &b, sep);
        first = false;
        az_jput_str(J, &b, follow(J, v, &path, AZ_JMISS));
    }
    return az_jstr_of_buf(J, &b);
}

static bool next_item(az_jinja *J, az_jiter *it, az_jval *out)
{
    const az_jdict *d = it->src.u.d;

    if (it->i >= d->n) return false;
    *out = az_jview_item(J, d, 2, it->i++);
    return true;
}

/* A generator fails when it is read, not when it is made. */
static bool next_fail(az_jinja *J, az_jiter *it, az_jval *out)
{
    (void)out;
    az_jfail(J, "%s", it->src.u.why);
    return false;
}

static az_jval later(az_jinja *J, const char *why)
{
    az_jiter *it = az_jiter_new(J, next_fail);

    if (it) it->src.u.why = why;
    return az_jiter_val(it);
}

FILTER(f_items)
{
    az_jiter *it;

    (void)args;
    if (az_jis_undef(a[0])) return az_jiter_val(az_jiter_of(J, a[0]));
    if (a[0].kind != AZ_J_DICT) return later(J, "can only get item pairs from a mapping");
    it = az_jiter_new(J, next_item);
    if (it) it->src = a[0];
    return az_jiter_val(it);
}

/* --- map, select, reject --- */

typedef struct mapping {
    az_jiter it; /* first: they are cast to each other */
    attr_path path;
    az_jval def;
    bool reject;
} mapping;

/* An iterator over a generator's source that is made at the first use; falsy sources give nothing. */
static bool open_source(az_jinja *J, az_jiter *it)
{
    if (it->flag) return it->in != NULL;
    it->flag = true;
    if (az_jtruth(J, it->src)) it->in = az_jiter_of(J, it->src);
    return it->in != NULL;
}

static bool next_map(az_jinja *J, az_jiter *it, az_jval *out)
{
    const mapping *m = (const mapping *)it;
    az_jval v;

    if (!open_source(J, it) || !az_jnext(J, it->in, &v)) return false;
    *out = it->fn ? az_jcall_func(J, it->fn, v, &it->args) : follow(J, v, &m->path, m->def);
    return true;
}

static const az_jval *take_keyword(az_jargs *args, const char *name)
{
    for (size_t i = 0; i < args->n_kw; i++)
        if (az_jstr_is((az_jval){ .kind = AZ_J_STR, .u.s = args->name[i] }, name))
            return &args->kw[i];
    return NULL;
}

static mapping *mapping_new(az_jinja *J, az_jval src,
                            bool (*next)(az_jinja *, az_jiter *, az_jval *))
{
    mapping *m = az_jalloc(J, sizeof *m);

    if (!m) return NULL;
    m->it.next = next;
    m->it.src = src;
    m->def = AZ_JMISS;
    return m;
}

FILTER(f_map)
{
    mapping *m = mapping_new(J, a[0], next_map);
    az_jargs all = *args;
    const az_jval *attr = take_keyword(&all, "attribute"), *def = take_keyword(&all, "default");

    if (!m) return AZ_JUNDEF;
    if (!args->n && attr) {
        if (args->n_kw > 1 + (def != NULL))
            return later(J, "map got an unexpected keyword argument");
        if (!path_of(J, *attr, &m->path)) return AZ_JUNDEF;
        if (def) m->def = *def;
    } else {
        if (!args->n) return later(J, "map needs a filter or an attribute");
        m->it.fn =
            az_jis_str(args->pos[0]) ? az_jfilter(args->pos[0].u.s->s, args->pos[0].u.s->n) : NULL;
        if (!m->it.fn) return later(J, "there is no filter of the name given to map");
        m->it.args = (az_jargs){ args->pos + 1, args->n - 1, args->name, args->kw, args->n_kw };
    }
    return az_jiter_val(&m->it);
}

static bool next_selected(az_jinja *J, az_jiter *it, az_jval *out)
{
    const mapping *m = (const mapping *)it;
    bool yes;

    while (open_source(J, it) && az_jnext(J, it->in, out)) {
        az_jval v = follow(J, *out, &m->path, AZ_JMISS);
        yes = az_jtruth(J, it->fn ? az_jcall_func(J, it->fn, v, &it->args) : v);
        if (az_jfailed(J)) return false;
        if (yes != m->reject) return true;
    }
    return false;
}

static az_jval choose(az_jinja *J, const az_jval *a, const az_jargs *args, bool by_attr,
                      bool reject)
{
    mapping *m = mapping_new(J, a[0], next_selected);
    size_t at = by_attr;

    if (!m) return AZ_JUNDEF;
    m->reject = reject;
    if (by_attr && !args->n) return later(J, "missing parameter for the attribute's name");
    if (by_attr && !path_of(J, args->pos[0], &m->path)) return AZ_JUNDEF;
    if (args->n > at) {
        m->it.fn =
            az_jis_str(args->pos[at]) ? az_jtest(args->pos[at].u.s->s, args->pos[at].u.s->n) : NULL;
        if (!m->it.fn) return later(J, "there is no test of the name given");
        at++;
        m->it.args = (az_jargs){ args->pos + at, args->n - at, args->name, args->kw, args->n_kw };
    }
    return az_jiter_val(&m->it);
}

FILTER(f_select)
{
    return choose(J, a, args, false, false);
}

FILTER(f_reject)
{
    return choose(J, a, args, false, true);
}

FILTER(f_selectattr)
{
    return choose(J, a, args, true, false);
}

FILTER(f_rejectattr)
{
    return choose(J, a, args, true, true);
}

/* --- order --- */

typedef struct keyed {
    az_jval key, value;
} keyed;

/* Stable merge sort of k[0..n) by key. */
static bool merge_sort(az_jinja *J, keyed *k, keyed *tmp, size_t n, bool reverse)
{
    size_t half = n / 2, i = 0, j = half, at = 0;

    if (n < 2) return true;
    if (!merge_sort(J, k, tmp, half, reverse) || !merge_sort(J, k + half, tmp, n - half, reverse))
        return false;
    memcpy(tmp, k, n * sizeof *k);
    while (i < half && j < n) {
        bool right =
            reverse ? az_jless(J, tmp[i].key, tmp[j].key) : az_jless(J, tmp[j].key, tmp[i].key);
        if (az_jfailed(J)) return false;
        k[at++] = right ? tmp[j++] : tmp[i++];
    }
    while (i < half)
        k[at++] = tmp[i++];
    while (j < n)
        k[at++] = tmp[j++];
    return az_jstep(J, n / 8);
}

static bool sort(az_jinja *J, keyed *k, size_t n, bool reverse)
{
    keyed *tmp = az_jarray(J, n + 1, sizeof *tmp);

    return tmp && merge_sort(J, k, tmp, n, reverse);
}

/* Items of a sequence with keys by a path. */
static keyed *keys_of(az_jinja *J, const az_jseq *q, const attr_path *path, az_jval def,
                      bool sensitive)
{
    keyed *k = q ? az_jarray(J, q->n + 1, sizeof *k) : NULL;

    for (size_t i = 0; k && i < q->n; i++) {
        k[i].value = q->v[i];
        k[i].key = fold(J, follow(J, q->v[i], path, def), sensitive);
        if (az_jfailed(J)) return NULL;
    }
    return k;
}

/* The keys of sort(attribute="a,b"): lists. */
static keyed *sort_keys(az_jinja *J, const az_jseq *q, az_jval attr, bool sensitive)
{
    keyed *k = q ? az_jarray(J, q->n + 1, sizeof *k) : NULL;
    const char *s = az_jis_str(attr) ? attr.u.s->s : "";
    size_t n = az_jis_str(attr) ? attr.u.s->n : 0, to;

    for (size_t i = 0; k && i < q->n; i++) {
        k[i].value = q->v[i];
        k[i].key = az_jseq_val(AZ_J_LIST, az_jseq_new(J, 1));
    }
    for (size_t from = 0; k && from <= n && !az_jfailed(J); from = to + 1) {
        attr_path path = { .n = 0 };
        for (to = from; to < n && s[to] != ','; to++)
            ;
        if (az_jis_str(attr) ? !read_path(J, s + from, to - from, &path) : !path_of(J, attr, &path))
            return NULL;
        for (size_t i = 0; i < q->n && !az_jfailed(J); i++)
            az_jseq_add(J, k[i].key.u.seq, fold(J, follow(J, q->v[i], &path, AZ_JMISS), sensitive));
    }
    return az_jfailed(J) ? NULL : k;
}

static az_jval values_of(az_jinja *J, const keyed *k, size_t n)
{
    az_jseq *q = az_jseq_new(J, n);

    for (size_t i = 0; q && i < n; i++)
        az_jseq_add(J, q, k[i].value);
    return az_jseq_val(AZ_J_LIST, q);
}

FILTER(f_sort)
{
    az_jseq *q = az_jcollect(J, a[0]);
    keyed *k = sort_keys(J, q, a[3], az_jtruth(J, a[2]));

    (void)args;
    return k && sort(J, k, q->n, az_jtruth(J, a[1])) ? values_of(J, k, q->n) : AZ_JUNDEF;
}

FILTER(f_dictsort)
{
    bool sensitive = az_jtruth(J, a[1]), by_value = az_jstr_is(a[2], "value");
    az_jseq *q = az_jseq_new(J, 0);
    keyed *k;

    (void)args;
    if (a[2].kind != AZ_J_MISSING && !by_value && !az_jstr_is(a[2], "key"))
        return az_jfail(J, "dictsort goes by key or by value");
    if (az_jis_undef(a[0])) return az_juse_undef(J, a[0]);
    if (a[0].kind != AZ_J_DICT)
        return az_jfail(J, "'%s' object has no items to sort", az_jtype_name(a[0]));
    k = az_jarray(J, a[0].u.d->n + 1, sizeof *k);
    for (size_t i = 0; k && q && i < a[0].u.d->n; i++) {
        k[i].value = az_jview_item(J, a[0].u.d, 2, i);
        k[i].key = fold(J, az_jview_item(J, a[0].u.d, by_value, i), sensitive);
    }
    return k && sort(J, k, a[0].u.d->n, az_jtruth(J, a[3])) ? values_of(J, k, a[0].u.d->n)
                                                            : AZ_JUNDEF;
}

static az_jval extreme(az_jinja *J, const az_jval *a, bool max)
{
    az_jseq *q = az_jcollect(J, a[0]);
    attr_path path;
    size_t best = 0;
    keyed *k;

    if (!q || !path_of(J, a[2], &path)) return AZ_JUNDEF;
    if (!q->n) return az_jundef(J, "no aggregated item, the sequence was empty");
    k = keys_of(J, q, &path, AZ_JMISS, az_jtruth(J, a[1]));
    for (size_t i = 1; k && i < q->n && !az_jfailed(J); i++)
        if (max ? az_jcompare(J, AZ_JOP_GT, k[i].key, k[best].key)
                : az_jless(J, k[i].key, k[best].key))
            best = i;
    return az_jfailed(J) ? AZ_JUNDEF : q->v[best];
}

FILTER(f_min)
{
    (void)args;
    return extreme(J, a, false);
}

FILTER(f_max)
{
    (void)args;
    return extreme(J, a, true);
}

FILTER(f_sum)
{
    az_jval total = a[2].kind == AZ_J_MISSING ? az_jint(0) : a[2], v;
    az_jiter *it = az_jiter_of(J, a[0]);
    attr_path path;

    (void)args;
    if (!it || !path_of(J, a[1], &path)) return AZ_JUNDEF;
    if (az_jis_str(total)) return az_jfail(J, "sum() cannot sum strings");
    while (az_jnext(J, it, &v))
        total = az_jbinary(J, AZ_JOP_ADD, total, follow(J, v, &path, AZ_JMISS));
    return az_jfailed(J) ? AZ_JUNDEF : total;
}

/* --- groups --- */

typedef struct unique {
    mapping m;
    az_jdict *seen;
    bool sensitive;
} unique;

static bool next_unique(az_jinja *J, az_jiter *it, az_jval *out)
{
    unique *u = (unique *)it;
    size_t before = u->seen->n;

    if (!it->flag) {
        it->flag = true;
        it->in = az_jiter_of(J, it->src);
    }
    while (it->in && az_jnext(J, it->in, out)) {
        az_jval key = fold(J, follow(J, *out, &u->m.path, AZ_JMISS), u->sensitive);
        if (az_jfailed(J) || !az_jdict_set(J, u->seen, key, AZ_JNONE)) return false;
        if (u->seen->n > before) return true;
    }
    return false;
}

FILTER(f_unique)
{
    unique *u = az_jalloc(J, sizeof *u);

    (void)args;
    if (!u) return AZ_JUNDEF;
    u->m.it.next = next_unique;
    u->m.it.src = a[0];
    u->sensitive = az_jtruth(J, a[1]);
    u->seen = az_jdict_new(J, 0);
    return u->seen && path_of(J, a[2], &u->m.path) ? az_jiter_val(&u->m.it) : AZ_JUNDEF;
}

FILTER(f_groupby)
{
    bool sensitive = az_jtruth(J, a[3]);
    az_jseq *q = az_jcollect(J, a[0]), *out = az_jseq_new(J, 0);
    attr_path path;
    keyed *k;

    (void)args;
    if (!q || !out || !path_of(J, a[1], &path)) return AZ_JUNDEF;
    k = keys_of(J, q, &path, a[2], sensitive);
    if (!k || !sort(J, k, q->n, false)) return AZ_JUNDEF;
    for (size_t i = 0, j; i < q->n && !az_jfailed(J); i = j) {
        az_jseq *group = az_jseq_new(J, 0);
        az_jval pair;
        for (j = i; group && j < q->n && (j == i || az_jequal(J, k[j].key, k[i].key)); j++)
            az_jseq_add(J, group, k[j].value);
        if (!group) return AZ_JUNDEF;
        pair = az_jpair_val(J, sensitive ? k[i].key : follow(J, k[i].value, &path, a[2]),
                            az_jseq_val(AZ_J_LIST, group));
        if (az_jfailed(J)) return AZ_JUNDEF;
        pair.u.seq->group = true;
        az_jseq_add(J, out, pair);
    }
    return az_jseq_val(AZ_J_LIST, out);
}

static bool next_batch(az_jinja *J, az_jiter *it, az_jval *out)
{
    az_jseq *q = az_jseq_new(J, 0);
    az_jval v;

    if (!it->flag) {
        it->flag = true;
        it->in = az_jiter_of(J, it->src);
    }
    while (q && it->in && !it->flag2) {
        if (q->n == it->n) break;
        if (!az_jnext(J, it->in, &v)) {
            it->flag2 = true;
            break;
        }
        az_jseq_add(J, q, v);
    }
    if (!q || !q->n || az_jfailed(J)) return false;
    if (it->flag2 && given(it->aux))
        while (q->n < it->n && az_jseq_add(J, q, it->aux))
            if (!az_jstep(J, 1)) return false;
    *out = az_jseq_val(AZ_J_LIST, q);
    return true;
}

static bool count_arg(az_jinja *J, az_jval v, int64_t *n)
{
    if (az_jis_int(v)) {
        *n = az_jto_int(v);
        return true;
    }
    if (az_jis_undef(v))
        az_juse_undef(J, v);
    else
        az_jfail(J, "an integer is needed, not '%s'", az_jtype_name(v));
    return false;
}

FILTER(f_batch)
{
    az_jiter *it = az_jiter_new(J, next_batch);
    int64_t n;

    (void)args;
    if (!it || !count_arg(J, a[1], &n)) return AZ_JUNDEF;
    if (n < 1)
        return az_jfail_status(J, ADZE_EUNSUP, "batches of less than one item are not supported");
    it->src = a[0];
    it->n = (size_t)n;
    it->aux = a[2];
    return az_jiter_val(it);
}

static bool next_slice(az_jinja *J, az_jiter *it, az_jval *out)
{
    az_jseq *q, *all;
    size_t per, extra, from, to;

    if (!it->flag) {
        all = az_jcollect(J, it->src);
        if (!all) return false;
        it->flag = true;
        it->src = az_jseq_val(AZ_J_LIST, all);
    }
    if (it->i >= it->n) return false;
    all = it->src.u.seq;
    per = all->n / it->n;
    extra = all->n % it->n;
    from = it->i * per + (it->i < extra ? it->i : extra);
    to = from + per + (it->i < extra);
    q = az_jseq_new(J, to - from + 1);
    for (size_t i = from; q && i < to; i++)
        az_jseq_add(J, q, all->v[i]);
    if (q && given(it->aux) && it->i >= extra) az_jseq_add(J, q, it->aux);
    it->i++;
    *out = az_jseq_val(AZ_J_LIST, q);
    return q != NULL;
}

FILTER(f_slice)
{
    az_jiter *it = az_jiter_new(J, next_slice);
    int64_t n;

    (void)args;
    if (!it || !count_arg(J, a[1], &n)) return AZ_JUNDEF;
    if (n == 0) return later(J, "integer division or modulo by zero");
    it->src = a[0];
    it->n = n > 0 ? (size_t)n : 0;
    if (!it->n)
        return az_jfail_status(J, ADZE_EUNSUP, "a negative number of slices is not supported");
    it->aux = a[2];
    return az_jiter_val(it);
}

/* foo|attr("bar"): the attribute alone, never the item. */
FILTER(f_attr)
{
    az_jval v;

    (void)args;
    if (!az_jis_str(a[1])) return az_jfail(J, "attr needs a name");
    if (az_jis_undef(a[0])) return az_juse_undef(J, a[0]);
    v = az_jattr_only(J, a[0], a[1].u.s->s, a[1].u.s->n);
    return v.kind == AZ_J_MISSING ? az_jundef(J, "there is no such attribute") : v;
}

const az_jfunc az_jfilters_seq[] = {
    { "attr", "obj,name", f_attr },
    { "batch", "value,linecount;fill_with", f_batch },
    { "count", "/obj", f_length },
    { "dictsort", "value;case_sensitive,by,reverse", f_dictsort },
    { "first", "seq", f_first },
    { "groupby", "value,attribute;default,case_sensitive", f_groupby },
    { "items", "value", f_items },
    { "join", "value;d,attribute", f_join },
    { "last", "seq", f_last },
    { "length", "/obj", f_length },
    { "list", "value", f_list },
    { "map", NULL, f_map },
    { "max", "value;case_sensitive,attribute", f_max },
    { "min", "value;case_sensitive,attribute", f_min },
    { "random", "its value would be another one each time", NULL },
    { "reject", NULL, f_reject },
    { "rejectattr", NULL, f_rejectattr },
    { "reverse", "value", f_reverse },
    { "select", NULL, f_select },
    { "selectattr", NULL, f_selectattr },
    { "slice", "value,slices;fill_with", f_slice },
    { "sort", "value;reverse,case_sensitive,attribute", f_sort },
    { "sum", "iterable;attribute,start", f_sum },
    { "unique", "value;case_sensitive,attribute", f_unique },
    { 0 },
};
