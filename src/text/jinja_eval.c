/* Evaluation of expressions. Every node costs a step and a level of depth while its parts are evaluated. */
#include "text/jinja_ast.h"

static az_jval variable(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jval v;

    for (int i = 0; i < n->hops; i++)
        f = f->parent;
    v = f->slots[n->slot];
    if (v.kind != AZ_J_MISSING) return v;
    return az_jundef(J, "'%.*s' is undefined", (int)(n->name->n > 100 ? 100 : n->name->n),
                     n->name->s);
}

static az_jval sequence(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jseq *q = az_jseq_new(J, 0);

    for (const az_jnode *i = n->list; i && q; i = i->next)
        if (!az_jseq_add(J, q, az_jeval(J, f, i))) return AZ_JUNDEF;
    return az_jseq_val(n->kind == AZ_JN_LIST ? AZ_J_LIST : AZ_J_TUPLE, q);
}

static az_jval dict(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jdict *d = az_jdict_new(J, 0);

    for (const az_jnode *i = n->list; i && d; i = i->next) {
        az_jval key = az_jeval(J, f, i->a), value = az_jeval(J, f, i->b);
        if (az_jfailed(J) || !az_jdict_set(J, d, key, value)) return AZ_JUNDEF;
    }
    return az_jdict_val(d);
}

static az_jval compare(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jval left = az_jeval(J, f, n->a), right;

    for (const az_jnode *o = n->list; o; o = o->next) {
        right = az_jeval(J, f, o->a);
        if (az_jfailed(J)) return AZ_JUNDEF;
        J->line = o->line;
        J->col = o->col;
        if (!az_jcompare(J, (az_jop)o->op, left, right)) return az_jbool(false);
        left = right;
    }
    return az_jbool(true);
}

static az_jval concat(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_buf b;

    az_jbuf(J, &b);
    for (const az_jnode *i = n->list; i && !az_jfailed(J); i = i->next)
        az_jput_str(J, &b, az_jeval(J, f, i));
    return az_jstr_of_buf(J, &b);
}

static az_jval cond(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    if (az_jtruth(J, az_jeval(J, f, n->b))) return az_jeval(J, f, n->a);
    if (n->c) return az_jeval(J, f, n->c);
    return az_jundef(J, "the inline if-expression on line %u was false and has no else", n->line);
}

static az_jval slice(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jval v = az_jeval(J, f, n->a);
    az_jval b = n->b ? az_jeval(J, f, n->b) : AZ_JNONE, c = n->c ? az_jeval(J, f, n->c) : AZ_JNONE;
    az_jval d = n->d ? az_jeval(J, f, n->d) : AZ_JNONE;

    if (az_jfailed(J)) return AZ_JUNDEF;
    J->line = n->line;
    J->col = n->col;
    return az_jslice(J, v, b, c, d);
}

/* The members of **kwargs. */
static bool spread(az_jinja *J, az_jval v, az_jargs *args, size_t at)
{
    if (v.kind != AZ_J_DICT) {
        az_jfail(J, "argument after ** must be a mapping, not %s", az_jtype_name(v));
        return false;
    }
    for (size_t i = 0; i < v.u.d->n; i++) {
        if (v.u.d->p[i].key.kind != AZ_J_STR) {
            az_jfail(J, "keywords must be strings");
            return false;
        }
        args->name[at + i] = v.u.d->p[i].key.u.s;
        args->kw[at + i] = v.u.d->p[i].value;
        for (size_t k = 0; k < at; k++)
            if (az_jequal(J, v.u.d->p[i].key,
                          (az_jval){ .kind = AZ_J_STR, .u.s = args->name[k] })) {
                az_jfail(J, "got multiple values for a keyword argument");
                return false;
            }
    }
    return true;
}

bool az_jeval_args(az_jinja *J, az_jframe *f, const az_jnode *call, az_jargs *args)
{
    az_jseq *pos = az_jseq_new(J, 4);
    az_jval more, all = AZ_JMISS;
    size_t n = 0;

    *args = (az_jargs){ 0 };
    for (const az_jnode *a = call->list; a && pos; a = a->next)
        if (!az_jseq_add(J, pos, az_jeval(J, f, a))) return false;
    if (call->b) {
        az_jiter *it = az_jiter_of(J, az_jeval(J, f, call->b));
        while (it && az_jnext(J, it, &more))
            if (!az_jseq_add(J, pos, more)) return false;
    }
    if (az_jfailed(J)) return false;
    args->pos = pos->v;
    args->n = pos->n;
    for (const az_jnode *k = call->list2; k; k = k->next)
        n++;
    if (call->c) {
        all = az_jeval(J, f, call->c);
        if (all.kind == AZ_J_DICT) n += all.u.d->n;
    }
    /* one more: a call block adds its caller */
    args->name = az_jarray(J, n + 1, sizeof *args->name);
    args->kw = az_jarray(J, n + 1, sizeof *args->kw);
    if (!args->name || !args->kw) return false;
    for (const az_jnode *k = call->list2; k; k = k->next, args->n_kw++) {
        args->name[args->n_kw] = k->name;
        args->kw[args->n_kw] = az_jeval(J, f, k->a);
    }
    if (az_jfailed(J) || !call->c) return !az_jfailed(J);
    if (!spread(J, all, args, args->n_kw)) return false;
    args->n_kw += all.u.d->n;
    return true;
}

static az_jval call(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jval callee = az_jeval(J, f, n->a);
    az_jargs args;

    if (az_jfailed(J) || !az_jeval_args(J, f, n, &args)) return AZ_JUNDEF;
    J->line = n->line;
    J->col = n->col;
    return az_jcall(J, callee, &args);
}

/* A filter or a test on a value. */
static az_jval apply(az_jinja *J, az_jframe *f, const az_jnode *n, az_jval value)
{
    az_jargs args;

    if (az_jfailed(J) || !az_jeval_args(J, f, n, &args)) return AZ_JUNDEF;
    J->line = n->line;
    J->col = n->col;
    if (!n->fn)
        return az_jfail(J, "there is no %s named \"%.*s\"",
                        n->kind == AZ_JN_FILTER ? "filter" : "test",
                        (int)(n->name->n > 60 ? 60 : n->name->n), n->name->s);
    return az_jcall_func(J, n->fn, value, &args);
}

az_jval az_jeval_filters(az_jinja *J, az_jframe *f, const az_jnode *n, az_jval text)
{
    az_jval value;

    if (!az_jenter(J)) return AZ_JUNDEF;
    value = n->a ? az_jeval_filters(J, f, n->a, text) : text;
    value = apply(J, f, n, value);
    az_jleave(J);
    return value;
}

static az_jval binary(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jval a = az_jeval(J, f, n->a), b = az_jeval(J, f, n->b);

    if (az_jfailed(J)) return AZ_JUNDEF;
    J->line = n->line;
    J->col = n->col;
    return az_jbinary(J, (az_jop)n->op, a, b);
}

static az_jval member(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jval v = az_jeval(J, f, n->a), key;

    key = n->kind == AZ_JN_ATTR ? n->value : az_jeval(J, f, n->b);
    if (az_jfailed(J)) return AZ_JUNDEF;
    J->line = n->line;
    J->col = n->col;
    return n->kind == AZ_JN_ATTR ? az_jgetattr(J, v, key) : az_jgetitem(J, v, key);
}

static az_jval unary(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jval a = az_jeval(J, f, n->a);

    if (az_jfailed(J)) return AZ_JUNDEF;
    J->line = n->line;
    J->col = n->col;
    return az_junary(J, (az_jop)n->op, a);
}

static az_jval eval(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jval v;

    switch ((az_jnode_kind)n->kind) {
    case AZ_JN_CONST: return n->value;
    case AZ_JN_NAME: return variable(J, f, n);
    case AZ_JN_TUPLE:
    case AZ_JN_LIST: return sequence(J, f, n);
    case AZ_JN_DICT: return dict(J, f, n);
    case AZ_JN_BINARY: return binary(J, f, n);
    case AZ_JN_UNARY: return unary(J, f, n);
    case AZ_JN_AND: v = az_jeval(J, f, n->a); return az_jtruth(J, v) ? az_jeval(J, f, n->b) : v;
    case AZ_JN_OR:
        v = az_jeval(J, f, n->a);
        return az_jtruth(J, v) || az_jfailed(J) ? v : az_jeval(J, f, n->b);
    case AZ_JN_NOT: return az_jbool(!az_jtruth(J, az_jeval(J, f, n->a)));
    case AZ_JN_COMPARE: return compare(J, f, n);
    case AZ_JN_CONCAT: return concat(J, f, n);
    case AZ_JN_COND: return cond(J, f, n);
    case AZ_JN_ATTR:
    case AZ_JN_ITEM: return member(J, f, n);
    case AZ_JN_SLICE: return slice(J, f, n);
    case AZ_JN_CALL: return call(J, f, n);
    case AZ_JN_FILTER:
    case AZ_JN_TEST: return apply(J, f, n, az_jeval(J, f, n->a));
    default: return az_jfail(J, "not an expression");
    }
}

az_jval az_jeval(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jval v;

    if (!az_jenter(J)) return AZ_JUNDEF;
    J->line = n->line;
    J->col = n->col;
    v = az_jstep(J, 1) ? eval(J, f, n) : AZ_JUNDEF;
    az_jleave(J);
    return az_jfailed(J) ? AZ_JUNDEF : v;
}
