/* Calls: arguments to parameters, attributes of values, methods that are not those of strings, and globals. */
#include "text/jinja_ast.h"

#include <stdio.h>
#include <time.h>

const az_jfunc *az_jfind(const az_jfunc *table, const char *s, size_t n)
{
    for (; table->name; table++)
        if (strlen(table->name) == n && memcmp(table->name, s, n) == 0) return table;
    return NULL;
}

/* The next name of a parameter list; *required turns false after the ';'. */
static const char *next_param(const char *p, size_t *n, bool *required)
{
    if (*p == ',' || *p == ';') {
        if (*p == ';') *required = false;
        p++;
    }
    *n = strcspn(p, ",;");
    return p;
}

/* Positional and keyword arguments into a[], after the `at` that are already there. */
static bool bind(az_jinja *J, const az_jfunc *f, az_jval *a, size_t at, const az_jargs *args)
{
    const char *p = f->params;
    bool no_kw = *p == '/', required = true;
    size_t n, count = 0, used = 0, pos = 0;

    if (no_kw) p++;
    while (*p && count < AZ_J_MAX_PARAMS) {
        az_jval v = AZ_JMISS;
        p = next_param(p, &n, &required);
        if (!n) break;
        if (count < at)
            v = a[count];
        else if (pos < args->n)
            v = args->pos[pos++];
        for (size_t i = 0; i < args->n_kw; i++) {
            if (args->name[i]->n != n || memcmp(args->name[i]->s, p, n) != 0) continue;
            if (v.kind != AZ_J_MISSING || no_kw) {
                az_jfail(J, "%s() got argument '%.*s' in a way it does not take", f->name, (int)n,
                         p);
                return false;
            }
            v = args->kw[i];
            used++;
        }
        if (required && v.kind == AZ_J_MISSING) {
            az_jfail(J, "%s() misses the argument '%.*s'", f->name, (int)n, p);
            return false;
        }
        a[count++] = v;
        p += n;
    }
    if (pos < args->n || used < args->n_kw) {
        az_jfail(J, "%s() got too many or unknown arguments", f->name);
        return false;
    }
    return true;
}

az_jval az_jcall_func(az_jinja *J, const az_jfunc *f, az_jval self, const az_jargs *args)
{
    az_jval a[AZ_J_MAX_PARAMS] = { self };

    if (az_jfailed(J)) return AZ_JUNDEF;
    if (!f->fn)
        return az_jfail_status(J, ADZE_EUNSUP, "%s is refused: %s", f->name,
                               f->params ? f->params : "adze does not have it");
    if (f->params && !bind(J, f, a, self.kind != AZ_J_MISSING, args)) return AZ_JUNDEF;
    return f->fn(J, a, args);
}

az_jval az_jcall(az_jinja *J, az_jval f, const az_jargs *args)
{
    az_jval v = AZ_JUNDEF;

    if (az_jis_undef(f)) return az_juse_undef(J, f);
    if (!az_jenter(J)) return v;
    if (f.kind == AZ_J_FUNC)
        v = az_jcall_func(J, f.u.fn->fn, f.u.fn->self, args);
    else if (f.kind == AZ_J_MACRO)
        v = az_jmacro_call(J, f.u.m, args);
    else if (f.kind == AZ_J_LOOP && args->n == 1 && !args->n_kw)
        v = az_jloop_recurse(J, f.u.loop, args->pos[0]);
    else if (f.kind == AZ_J_JOINER && !args->n && !args->n_kw) {
        v = f.u.cycle->used ? f.u.cycle->sep : az_jstr_ref(J, "", 0);
        f.u.cycle->used = true;
    } else
        az_jfail(J, "'%s' object is not callable this way", az_jtype_name(f));
    az_jleave(J);
    return v;
}

/* --- attributes --- */

static az_jval method(az_jinja *J, const az_jfunc *table, az_jval self, const char *s, size_t n)
{
    const az_jfunc *f = az_jfind(table, s, n);
    az_jbound *b = f ? az_jalloc(J, sizeof *b) : NULL;

    if (!b) return AZ_JMISS;
    *b = (az_jbound){ f, self };
    return (az_jval){ .kind = AZ_J_FUNC, .u.fn = b };
}

/* What the sandbox hides: reading it gives undefined, using that fails. */
static bool is_unsafe(az_jval v, const char *s, size_t n)
{
    static const char *const list[] = { "append", "clear",  "pop",    "reverse", "insert",
                                        "sort",   "extend", "remove", NULL };
    static const char *const dict[] = { "clear", "pop", "popitem", "setdefault", "update", NULL };
    const char *const *names = v.kind == AZ_J_LIST ? list : v.kind == AZ_J_DICT ? dict : NULL;

    for (; names && *names; names++)
        if (strlen(*names) == n && memcmp(*names, s, n) == 0) return true;
    return false;
}

static az_jval macro_attr(az_jinja *J, const az_jmacro *m, const char *s, size_t n)
{
    az_jseq *q;

    if (n == 4 && memcmp(s, "name", 4) == 0)
        return m->name ? (az_jval){ .kind = AZ_J_STR, .u.s = m->name } : AZ_JNONE;
    if (n == 12 && memcmp(s, "catch_kwargs", n) == 0) return az_jbool(m->uses_kwargs);
    if (n == 13 && memcmp(s, "catch_varargs", n) == 0) return az_jbool(m->uses_varargs);
    if (n == 6 && memcmp(s, "caller", n) == 0) return az_jbool(m->uses_caller);
    if (n != 9 || memcmp(s, "arguments", n) != 0) return AZ_JMISS;
    q = az_jseq_new(J, 0);
    for (const az_jnode *p = m->params; p && q; p = p->next)
        az_jseq_add(J, q, (az_jval){ .kind = AZ_J_STR, .u.s = p->name });
    return az_jseq_val(AZ_J_TUPLE, q);
}

static az_jval group_attr(const az_jseq *q, const char *s, size_t n)
{
    if (n == 7 && memcmp(s, "grouper", n) == 0) return q->v[0];
    return n == 4 && memcmp(s, "list", n) == 0 ? q->v[1] : AZ_JMISS;
}

static az_jval number_attr(az_jinja *J, az_jval v, const char *s, size_t n)
{
    static const az_jfunc float_methods[] = {
        { "as_integer_ratio", NULL, NULL }, { "conjugate", NULL, NULL },  { "hex", NULL, NULL },
        { "fromhex", NULL, NULL },          { "is_integer", NULL, NULL }, { 0 },
    };
    static const az_jfunc int_methods[] = {
        { "as_integer_ratio", NULL, NULL },
        { "bit_count", NULL, NULL },
        { "bit_length", NULL, NULL },
        { "conjugate", NULL, NULL },
        { "to_bytes", NULL, NULL },
        { "from_bytes", NULL, NULL },
        { 0 },
    };
    bool is_int = az_jis_int(v);

    if (n == 4 && memcmp(s, "real", n) == 0) return is_int ? az_jint(az_jto_int(v)) : v;
    if (n == 4 && memcmp(s, "imag", n) == 0) return is_int ? az_jint(0) : az_jfloat(0);
    if (is_int && n == 9 && memcmp(s, "numerator", n) == 0) return az_jint(az_jto_int(v));
    if (is_int && n == 11 && memcmp(s, "denominator", n) == 0) return az_jint(1);
    return method(J, is_int ? int_methods : float_methods, v, s, n);
}

az_jval az_jattr_only(az_jinja *J, az_jval v, const char *s, size_t n)
{
    static const az_jfunc none[] = { { 0 } };
    const az_jval *found;
    az_jval r = AZ_JMISS;

    if (v.kind == AZ_J_NS) {
        found = n && s[0] != '_' ? az_jdict_gets(J, v.u.d, s, n) : NULL;
        return found ? *found : AZ_JMISS;
    }
    if (n >= 4 && s[0] == '_' && s[1] == '_' && s[n - 1] == '_' && s[n - 2] == '_')
        return az_jundef(J, "access to the attribute '%.*s' is unsafe", (int)(n > 60 ? 60 : n), s);
    if (is_unsafe(v, s, n))
        return az_jundef(J, "access to the attribute '%.*s' of '%s' object is unsafe", (int)n, s,
                         az_jtype_name(v));
    switch ((az_jkind)v.kind) {
    case AZ_J_BOOL:
    case AZ_J_INT:
    case AZ_J_FLOAT: return number_attr(J, v, s, n);
    case AZ_J_STR: return method(J, az_jstr_methods, v, s, n);
    case AZ_J_TUPLE:
        if (v.u.seq->group) r = group_attr(v.u.seq, s, n);
        if (r.kind != AZ_J_MISSING) return r;
        return n == 4 && memcmp(s, "copy", n) == 0 ? r : method(J, az_jlist_methods, v, s, n);
    case AZ_J_LIST: return method(J, az_jlist_methods, v, s, n);
    case AZ_J_DICT: return method(J, az_jdict_methods, v, s, n);
    case AZ_J_LOOP:
        r = az_jloop_attr(J, v.u.loop, s, n);
        return r.kind != AZ_J_MISSING ? r : method(J, az_jloop_methods, v, s, n);
    case AZ_J_CYCLER:
        if (n == 7 && memcmp(s, "current", n) == 0) return v.u.cycle->items->v[v.u.cycle->pos];
        return method(J, az_jcycler_methods, v, s, n);
    case AZ_J_MACRO: return macro_attr(J, v.u.m, s, n);
    case AZ_J_FUNC:
        return method(J, strcmp(v.u.fn->fn->name, "dict") == 0 ? az_jdict_type_methods : none, v, s,
                      n);
    default: return AZ_JMISS;
    }
}

/* --- methods of lists, dicts, loops --- */

static az_jval list_count(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    int64_t n = 0;

    (void)args;
    for (size_t i = 0; i < a[0].u.seq->n; i++)
        n += az_jequal(J, a[0].u.seq->v[i], a[1]);
    return az_jint(n);
}

static az_jval list_index(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    (void)args;
    if (a[2].kind != AZ_J_MISSING)
        return az_jfail_status(J, ADZE_EUNSUP, "index() with bounds is not supported on lists");
    for (size_t i = 0; i < a[0].u.seq->n; i++)
        if (az_jequal(J, a[0].u.seq->v[i], a[1])) return az_jint((int64_t)i);
    return az_jfail(J, "the value is not in the list");
}

static az_jval same(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    (void)J;
    (void)args;
    return a[0]; /* nothing changes, so a copy cannot be told from it */
}

const az_jfunc az_jlist_methods[] = {
    { "copy", "/self", same },
    { "count", "/self,value", list_count },
    { "index", "/self,value;start,stop", list_index },
    { 0 },
};

static az_jval dict_get(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    const az_jval *v;

    (void)args;
    if (!az_jhashable(&a[1], 64)) return az_jfail(J, "unhashable type: '%s'", az_jtype_name(a[1]));
    v = az_jdict_get(J, a[0].u.d, a[1]);
    return v ? *v : a[2].kind == AZ_J_MISSING ? AZ_JNONE : a[2];
}

static az_jval view(const az_jval *a, uint8_t which)
{
    return (az_jval){ .kind = AZ_J_VIEW, .view = which, .u.d = a[0].u.d };
}

static az_jval dict_keys(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    (void)J;
    (void)args;
    return view(a, 0);
}

static az_jval dict_values(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    (void)J;
    (void)args;
    return view(a, 1);
}

static az_jval dict_items(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    (void)J;
    (void)args;
    return view(a, 2);
}

/* dict.fromkeys(keys, value) */
static az_jval from_keys(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    az_jdict *d = az_jdict_new(J, 0);
    az_jiter *it = az_jiter_of(J, a[1]);
    az_jval key;

    (void)args;
    while (d && it && az_jnext(J, it, &key))
        if (!az_jdict_set(J, d, key, a[2].kind == AZ_J_MISSING ? AZ_JNONE : a[2])) return AZ_JUNDEF;
    return az_jfailed(J) ? AZ_JUNDEF : az_jdict_val(d);
}

const az_jfunc az_jdict_methods[] = {
    { "copy", "/self", same },
    { "get", "/self,key;default", dict_get },
    { "items", "/self", dict_items },
    { "keys", "/self", dict_keys },
    { "values", "/self", dict_values },
    { "fromkeys", "/self,keys;value", from_keys },
    { 0 },
};

const az_jfunc az_jdict_type_methods[] = { { "fromkeys", "/self,keys;value", from_keys }, { 0 } };

static az_jval loop_cycle(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    if (!args->n || args->n_kw) return az_jfail(J, "no items for cycling given");
    return args->pos[(size_t)a[0].u.loop->index0 % args->n];
}

static az_jval loop_changed(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    az_jseq *q = az_jseq_new(J, args->n);
    az_jloop *l = a[0].u.loop;
    az_jval v;

    for (size_t i = 0; q && i < args->n; i++)
        az_jseq_add(J, q, args->pos[i]);
    if (args->n_kw) az_jfail(J, "changed() takes no keyword arguments");
    if (!q || az_jfailed(J)) return AZ_JUNDEF;
    v = az_jseq_val(AZ_J_TUPLE, q);
    if (l->changed.kind != AZ_J_MISSING && az_jequal(J, l->changed, v)) return az_jbool(false);
    l->changed = v;
    return az_jbool(true);
}

const az_jfunc az_jloop_methods[] = {
    { "cycle", NULL, loop_cycle },
    { "changed", NULL, loop_changed },
    { 0 },
};

static az_jval cycler_next(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    az_jcycle *c = a[0].u.cycle;
    az_jval v = c->items->v[c->pos];

    (void)J;
    (void)args;
    c->pos = (c->pos + 1) % c->items->n;
    return v;
}

static az_jval cycler_reset(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    (void)J;
    (void)args;
    a[0].u.cycle->pos = 0;
    return AZ_JNONE;
}

const az_jfunc az_jcycler_methods[] = {
    { "next", "/self", cycler_next },
    { "reset", "/self", cycler_reset },
    { 0 },
};

/* --- globals --- */

/* dict(mapping or pairs, **more) */
static az_jdict *make_dict(az_jinja *J, const az_jargs *args)
{
    az_jdict *d = az_jdict_new(J, 0);
    az_jval pair;
    az_jiter *it;

    if (args->n > 1) az_jfail(J, "dict expected at most 1 argument");
    if (!d || az_jfailed(J)) return NULL;
    if (args->n && args->pos[0].kind == AZ_J_DICT) {
        const az_jdict *from = args->pos[0].u.d;
        for (size_t i = 0; i < from->n; i++)
            if (!az_jdict_set(J, d, from->p[i].key, from->p[i].value)) return NULL;
    } else if (args->n) {
        it = az_jiter_of(J, args->pos[0]);
        while (it && az_jnext(J, it, &pair)) {
            az_jseq *q = az_jcollect(J, pair);
            if (!q) return NULL;
            if (q->n != 2) {
                az_jfail(J, "dict needs pairs");
                return NULL;
            }
            if (!az_jdict_set(J, d, q->v[0], q->v[1])) return NULL;
        }
    }
    for (size_t i = 0; i < args->n_kw; i++)
        if (!az_jdict_set(J, d, (az_jval){ .kind = AZ_J_STR, .u.s = args->name[i] }, args->kw[i]))
            return NULL;
    return az_jfailed(J) ? NULL : d;
}

static az_jval make_dict_val(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    (void)a;
    return az_jdict_val(make_dict(J, args));
}

static az_jval make_namespace(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    az_jdict *d = make_dict(J, args);

    (void)a;
    for (size_t i = 0; d && i < d->n; i++)
        if (az_jis_str(d->p[i].key) && d->p[i].key.u.s->n && d->p[i].key.u.s->s[0] == '_')
            return az_jfail(J, "a namespace cannot hold names that begin with an underscore");
    return d ? (az_jval){ .kind = AZ_J_NS, .u.d = d } : AZ_JUNDEF;
}

static az_jval make_range(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    enum { MAX_RANGE = 100000 }; /* the sandbox's */
    int64_t v[3] = { 0, 0, 1 };
    uint64_t span, step;
    az_jrange *r;

    (void)a;
    if (!args->n || args->n > 3 || args->n_kw) return az_jfail(J, "range() takes 1 to 3 numbers");
    for (size_t i = 0; i < args->n; i++) {
        if (az_jis_undef(args->pos[i])) return az_juse_undef(J, args->pos[i]);
        if (!az_jis_int(args->pos[i]))
            return az_jfail(J, "'%s' object cannot be interpreted as an integer",
                            az_jtype_name(args->pos[i]));
        v[args->n == 1 ? 1 : i] = az_jto_int(args->pos[i]);
    }
    if (!v[2]) return az_jfail(J, "range() step must not be zero");
    r = az_jalloc(J, sizeof *r);
    if (!r) return AZ_JUNDEF;
    *r = (az_jrange){ v[0], v[1], v[2], 0 };
    step = v[2] > 0 ? (uint64_t)v[2] : 0 - (uint64_t)v[2];
    span = v[2] > 0 ? (uint64_t)v[1] - (uint64_t)v[0] : (uint64_t)v[0] - (uint64_t)v[1];
    if (v[2] > 0 ? v[0] < v[1] : v[0] > v[1]) {
        if ((span - 1) / step >= MAX_RANGE)
            return az_jfail(J, "range of more than %d items", MAX_RANGE);
        r->n = (size_t)((span - 1) / step) + 1;
    }
    return (az_jval){ .kind = AZ_J_RANGE, .u.r = r };
}

static az_jval make_cycler(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    az_jcycle *c = az_jalloc(J, sizeof *c);

    (void)a;
    if (!args->n || args->n_kw) return az_jfail(J, "cycler() needs at least one item");
    if (!c) return AZ_JUNDEF;
    c->items = az_jseq_new(J, args->n);
    for (size_t i = 0; c->items && i < args->n; i++)
        az_jseq_add(J, c->items, args->pos[i]);
    return (az_jval){ .kind = AZ_J_CYCLER, .u.cycle = c };
}

static az_jval make_joiner(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    az_jcycle *c = az_jalloc(J, sizeof *c);

    (void)args;
    if (!c) return AZ_JUNDEF;
    c->sep = a[0].kind == AZ_J_MISSING ? az_jstr_ref(J, ", ", 2) : a[0];
    return (az_jval){ .kind = AZ_J_JOINER, .u.cycle = c };
}

static az_jval raise_exception(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    az_jval text = az_jto_str(J, a[0]);

    (void)args;
    if (az_jfailed(J)) return AZ_JUNDEF;
    return az_jfail(J, "the template refuses: %.*s", (int)(text.u.s->n > 200 ? 200 : text.u.s->n),
                    text.u.s->s);
}

/* Python's datetime.now().strftime: %f is microseconds, a time without a zone has empty %z, %Z and %:z. */
static az_jval strftime_now(az_jinja *J, const az_jval *a, const az_jargs *args)
{
    uint64_t ms = az_unix_ms(J->run);
    time_t now = (time_t)(ms / 1000);
    char one[64], spec[4] = "%";
    const az_jstr *s = a[0].u.s;
    struct tm tm;
    az_buf b;

    (void)args;
    if (!az_jis_str(a[0])) return az_jfail(J, "strftime_now() needs a text");
    if (memchr(s->s, 0, s->n)) return az_jfail(J, "embedded null character in a time format");
    if (!localtime_r(&now, &tm)) return az_jfail(J, "the clock is out of range");
    az_jbuf(J, &b);
    for (size_t i = 0; i < s->n; i++) {
        if (s->s[i] != '%' || i + 1 == s->n) {
            az_buf_putc(&b, s->s[i]);
            continue;
        }
        i++;
        if (s->s[i] == 'f')
            az_buf_printf(&b, "%06u", (unsigned)(ms % 1000) * 1000);
        else if (s->s[i] == ':' && i + 1 < s->n && s->s[i + 1] == 'z')
            i++;
        else if (s->s[i] != 'z' && s->s[i] != 'Z') {
            spec[1] = s->s[i];
            spec[2] = 0;
            if (strchr("-_0^#EO", s->s[i]) && i + 1 < s->n) {
                spec[2] = s->s[++i];
                spec[3] = 0;
            }
            az_buf_put(&b, one, strftime(one, sizeof one, spec, &tm));
        }
        if (!az_jstep(J, 1)) break;
    }
    return az_jstr_of_buf(J, &b);
}

const az_jfunc az_jglobals[] = {
    { "range", NULL, make_range },
    { "dict", NULL, make_dict_val },
    { "namespace", NULL, make_namespace },
    { "cycler", NULL, make_cycler },
    { "joiner", ";sep", make_joiner },
    { "raise_exception", "message", raise_exception },
    { "strftime_now", "format", strftime_now },
    { "lipsum", "its text would be another one each time", NULL },
    { 0 },
};
