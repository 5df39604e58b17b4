/* Statements, frames, loops and macros. Source: jinja2 3.1 compiler.py, runtime.py. */
#include "text/jinja_ast.h"

/* A name that no scope binds: set at the top level (only blocks ask), given to the rendering, or a global. */
static az_jval look_up(az_jinja *J, const az_jscope *s, const az_jstr *name)
{
    az_jval key = { .kind = AZ_J_STR, .u.s = name };
    const az_jval *v;
    const az_jfunc *fn;

    if (!s->parent && J->top && J->top->scope != s) {
        v = az_jdict_get(J, J->top->scope->by_name, key);
        if (v && J->top->scope->vars[v->u.i].stored && J->top->slots[v->u.i].kind != AZ_J_MISSING)
            return J->top->slots[v->u.i];
    }
    v = az_jdict_get(J, J->vars, key);
    if (v) return *v;
    fn = az_jfind(az_jglobals, name->s, name->n);
    if (fn) {
        az_jbound *b = az_jalloc(J, sizeof *b);
        if (!b) return AZ_JMISS;
        *b = (az_jbound){ fn, AZ_JMISS };
        return (az_jval){ .kind = AZ_J_FUNC, .u.fn = b };
    }
    return AZ_JMISS;
}

az_jframe *az_jframe_new(az_jinja *J, const az_jscope *scope, az_jframe *parent)
{
    az_jframe *f = az_jalloc(J, sizeof *f + scope->n * sizeof(az_jval));

    if (!f) return NULL;
    f->parent = parent;
    f->scope = scope;
    return f;
}

void az_jframe_enter(az_jinja *J, az_jframe *f)
{
    const az_jscope *s = f->scope;

    for (size_t i = 0; i < s->n; i++) {
        const az_jvar *v = &s->vars[i];
        const az_jframe *p = f;
        if (v->load == AZ_JLOAD_RESOLVE)
            f->slots[i] = look_up(J, s, v->name);
        else if (v->load == AZ_JLOAD_UNSET)
            f->slots[i] = AZ_JMISS;
        else if (v->load == AZ_JLOAD_ALIAS) {
            for (int k = 0; k < v->hops; k++)
                p = p->parent;
            f->slots[i] = p->slots[v->slot];
        }
    }
    az_jstep(J, s->n / 4);
}

static bool assign_all(az_jinja *J, az_jframe *f, const az_jnode *target, az_jval v)
{
    az_jiter *it;
    az_jval item;
    size_t n = 0;

    if (v.kind == AZ_J_UNDEF || !az_jiterable(v)) {
        if (v.kind != AZ_J_UNDEF)
            az_jfail(J, "cannot unpack %s, which is not iterable", az_jtype_name(v));
        else if (target->list)
            az_jfail(J, "not enough values to unpack");
        return !az_jfailed(J);
    }
    it = az_jiter_of(J, v);
    for (const az_jnode *t = target->list; t; t = t->next, n++) {
        if (!it || !az_jnext(J, it, &item)) {
            az_jfail(J, "not enough values to unpack (got %zu)", n);
            return false;
        }
        if (!az_jassign(J, f, t, item)) return false;
    }
    if (it && az_jnext(J, it, &item)) az_jfail(J, "too many values to unpack (expected %zu)", n);
    return !az_jfailed(J);
}

static az_jval ns_of(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    for (int i = 0; i < n->hops; i++)
        f = f->parent;
    if (f->slots[n->slot].kind != AZ_J_NS)
        return az_jfail(J, "cannot assign an attribute on what is not a namespace");
    return f->slots[n->slot];
}

bool az_jassign(az_jinja *J, az_jframe *f, const az_jnode *target, az_jval v)
{
    az_jval ns;

    if (target->kind == AZ_JN_TUPLE) return assign_all(J, f, target, v);
    if (target->kind == AZ_JN_NAME) {
        f->slots[target->slot] = v;
        return !az_jfailed(J);
    }
    ns = ns_of(J, f, target);
    if (az_jfailed(J)) return false;
    if (target->value.u.s->s[0] == '_') {
        az_jfail(J, "a namespace cannot hold names that begin with an underscore");
        return false;
    }
    return az_jdict_set(J, ns.u.d, target->value, v);
}

/* Every namespace of a target exists, before the value is evaluated. */
static bool check_target(az_jinja *J, az_jframe *f, const az_jnode *target)
{
    if (target->kind == AZ_JN_NSREF) ns_of(J, f, target);
    if (target->kind == AZ_JN_TUPLE)
        for (const az_jnode *t = target->list; t && !az_jfailed(J); t = t->next)
            check_target(J, f, t);
    return !az_jfailed(J);
}

/* Run a body with its output captured. *flow receives how it ended. */
static az_jval capture(az_jinja *J, az_jframe *f, const az_jnode *list, az_jflow *flow)
{
    az_buf b, *outer = J->out;

    az_jbuf(J, &b);
    J->out = &b;
    *flow = az_jexec(J, f, list);
    J->out = outer;
    return az_jstr_of_buf(J, &b);
}

static az_jframe *enter(az_jinja *J, const az_jscope *scope, az_jframe *parent)
{
    az_jframe *f = az_jframe_new(J, scope, parent);

    if (f) az_jframe_enter(J, f);
    return az_jfailed(J) ? NULL : f;
}

/* --- loops --- */

/* Items that pass the test of `for ... if`. */
static bool next_tested(az_jinja *J, az_jiter *it, az_jval *out)
{
    while (az_jnext(J, it->in, out)) {
        if (!az_jassign(J, it->frame, it->node->a, *out)) return false;
        if (az_jtruth(J, az_jeval(J, it->frame, it->node->c))) return !az_jfailed(J);
        if (az_jfailed(J)) return false;
    }
    return false;
}

static az_jloop *loop_new(az_jinja *J, az_jframe *f, const az_jnode *n, az_jval items,
                          size_t depth0)
{
    az_jloop *l = az_jalloc(J, sizeof *l);
    az_jiter *it = az_jiter_of(J, items);

    if (!l || !it) return NULL;
    *l = (az_jloop){
        .node = n, .outer = f, .it = it, .iterable = items, .index0 = -1, .depth0 = depth0
    };
    if (n->c) {
        az_jiter *tested = az_jiter_new(J, next_tested);
        if (!tested) return NULL;
        tested->in = it;
        tested->node = n;
        tested->frame = enter(J, n->scope2, f);
        l->it = tested;
        l->iterable = az_jiter_val(tested);
    }
    return az_jfailed(J) ? NULL : l;
}

static bool loop_next(az_jinja *J, az_jloop *l, az_jval *item)
{
    if (l->after.kind != AZ_J_MISSING) {
        *item = l->after;
        l->after = AZ_JMISS;
    } else if (!az_jnext(J, l->it, item))
        return false;
    l->index0++;
    l->before = l->current;
    l->current = *item;
    return true;
}

/* The item after this one, MISSING at the end. */
static az_jval loop_peek(az_jinja *J, az_jloop *l)
{
    az_jval v;

    if (l->after.kind == AZ_J_MISSING && az_jnext(J, l->it, &v)) l->after = v;
    return l->after;
}

size_t az_jloop_length(az_jinja *J, az_jloop *l)
{
    az_jseq *rest;

    if (l->has_length) return l->length;
    if (!az_jlen(J, l->iterable, &l->length)) {
        rest = az_jcollect(J, az_jiter_val(l->it));
        if (!rest) return 0;
        l->length = rest->n + (size_t)(l->index0 + 1) + (l->after.kind != AZ_J_MISSING);
        l->it = az_jiter_of(J, az_jseq_val(AZ_J_LIST, rest));
    }
    l->has_length = !az_jfailed(J);
    return l->length;
}

static az_jval or_undef(az_jinja *J, az_jval v, const char *why)
{
    return v.kind == AZ_J_MISSING ? az_jundef(J, "%s", why) : v;
}

az_jval az_jloop_attr(az_jinja *J, az_jloop *l, const char *s, size_t n)
{
    static const char *const names[] = { "index",  "index0",   "first",    "last",
                                         "length", "previtem", "nextitem", "depth",
                                         "depth0", "revindex", "revindex0" };
    size_t i;

    for (i = 0; i < AZ_COUNT(names); i++)
        if (strlen(names[i]) == n && memcmp(names[i], s, n) == 0) break;
    switch (i) {
    case 0: return az_jint(l->index0 + 1);
    case 1: return az_jint(l->index0);
    case 2: return az_jbool(l->index0 == 0);
    case 3: return az_jbool(loop_peek(J, l).kind == AZ_J_MISSING);
    case 4: return az_jint((int64_t)az_jloop_length(J, l));
    case 5: return or_undef(J, l->index0 == 0 ? AZ_JMISS : l->before, "there is no previous item");
    case 6: return or_undef(J, loop_peek(J, l), "there is no next item");
    case 7: return az_jint((int64_t)l->depth0 + 1);
    case 8: return az_jint((int64_t)l->depth0);
    case 9: return az_jint((int64_t)az_jloop_length(J, l) - l->index0);
    case 10: return az_jint((int64_t)az_jloop_length(J, l) - l->index0 - 1);
    default: return AZ_JMISS;
    }
}

static az_jflow run_loop(az_jinja *J, az_jframe *f, const az_jnode *n, az_jval items, size_t depth0)
{
    az_jloop *l = loop_new(J, f, n, items, depth0);
    az_jframe *inner = l ? az_jframe_new(J, n->scope, f) : NULL;
    bool never = true; /* no pass reached the end of the body */
    az_jflow flow = AZ_JFLOW_NEXT;
    az_jval item;

    while (inner && loop_next(J, l, &item)) {
        inner->slots[0] = (az_jval){ .kind = AZ_J_LOOP, .u.loop = l };
        if (!az_jassign(J, inner, n->a, item)) break;
        az_jframe_enter(J, inner);
        flow = az_jexec(J, inner, n->list);
        if (az_jfailed(J) || flow == AZ_JFLOW_BREAK) break;
        if (flow == AZ_JFLOW_NEXT) never = false;
    }
    if (!az_jfailed(J) && never && n->list2) {
        inner = enter(J, n->scope3, f);
        return inner ? az_jexec(J, inner, n->list2) : AZ_JFLOW_NEXT;
    }
    return AZ_JFLOW_NEXT;
}

az_jval az_jloop_recurse(az_jinja *J, az_jloop *l, az_jval items)
{
    az_buf b, *outer = J->out;

    if (!l->node->flag) return az_jfail(J, "the loop needs the marker recursive to be called");
    if (!az_jenter(J)) return AZ_JUNDEF;
    az_jbuf(J, &b);
    J->out = &b;
    run_loop(J, l->outer, l->node, items, l->depth0 + 1);
    J->out = outer;
    az_jleave(J);
    return az_jstr_of_buf(J, &b);
}

/* --- macros --- */

static az_jval *keyword(const az_jargs *args, bool *used, const az_jstr *name)
{
    for (size_t i = 0; i < args->n_kw; i++)
        if (!used[i] && args->name[i]->n == name->n &&
            memcmp(args->name[i]->s, name->s, name->n) == 0) {
            used[i] = true;
            return &args->kw[i];
        }
    return NULL;
}

/* Arguments into the macro's frame as runtime.py's Macro.__call__ takes them; `used` marks the keywords. */
static bool bind(az_jinja *J, const az_jmacro *m, const az_jargs *args, az_jframe *f, bool *used)
{
    size_t at = 0;
    bool found_caller = m->names_caller && args->n >= m->n_params;

    for (const az_jnode *p = m->params; p; p = p->next, at++) {
        const az_jval *v = at < args->n ? &args->pos[at] : keyword(args, used, p->name);
        f->slots[p->slot] = v ? *v : AZ_JMISS;
        if (at >= args->n && m->names_caller && p->name->n == 6 &&
            memcmp(p->name->s, "caller", 6) == 0)
            found_caller = true;
        if (!az_jstep(J, 1 + args->n_kw)) return false;
    }
    if (m->uses_caller && !found_caller && !m->names_caller) {
        az_jval name = az_jstr_ref(J, "caller", 6);
        const az_jval *v = az_jfailed(J) ? NULL : keyword(args, used, name.u.s);
        f->slots[m->caller_slot] =
            v && v->kind != AZ_J_NONE ? *v : az_jundef(J, "no caller defined");
    }
    return !az_jfailed(J);
}

static bool bind_rest(az_jinja *J, const az_jmacro *m, const az_jargs *args, az_jframe *f,
                      const bool *used)
{
    az_jdict *d = m->uses_kwargs ? az_jdict_new(J, 0) : NULL;
    az_jseq *rest;

    for (size_t i = 0; i < args->n_kw; i++) {
        if (used[i]) continue;
        if (!m->uses_kwargs) {
            az_jfail(J, "the macro takes no keyword argument \"%.*s\"",
                     (int)(args->name[i]->n > 60 ? 60 : args->name[i]->n), args->name[i]->s);
            return false;
        }
        if (!d ||
            !az_jdict_set(J, d, (az_jval){ .kind = AZ_J_STR, .u.s = args->name[i] }, args->kw[i]))
            return false;
    }
    if (d) f->slots[m->kwargs_slot] = az_jdict_val(d);
    if (m->uses_varargs) {
        rest = az_jseq_new(J, 0);
        for (size_t i = m->n_params; rest && i < args->n; i++)
            az_jseq_add(J, rest, args->pos[i]);
        f->slots[m->varargs_slot] = az_jseq_val(AZ_J_TUPLE, rest);
    } else if (args->n > m->n_params)
        az_jfail(J, "the macro takes at most %zu arguments", m->n_params);
    return !az_jfailed(J);
}

az_jval az_jmacro_call(az_jinja *J, const az_jmacro *m, const az_jargs *args)
{
    az_jframe *f = az_jframe_new(J, m->node->scope, m->frame);
    bool *used = az_jarray(J, args->n_kw + 1, sizeof *used);
    az_jval v = AZ_JUNDEF;
    az_jflow flow;

    if (!f || !used || !az_jenter(J)) return v;
    if (bind(J, m, args, f, used) && bind_rest(J, m, args, f, used)) {
        az_jframe_enter(J, f);
        for (const az_jnode *p = m->params; p && !az_jfailed(J); p = p->next)
            if (f->slots[p->slot].kind == AZ_J_MISSING)
                f->slots[p->slot] =
                    p->a ? az_jeval(J, f, p->a)
                         : az_jundef(J, "parameter '%.*s' was not provided",
                                     (int)(p->name->n > 60 ? 60 : p->name->n), p->name->s);
        if (!az_jfailed(J)) v = capture(J, f, m->node->list, &flow);
    }
    az_jleave(J);
    return v;
}

static az_jval closure(az_jinja *J, az_jframe *f, const az_jmacro *m)
{
    az_jmacro *c = az_jalloc(J, sizeof *c);

    if (!c) return AZ_JUNDEF;
    *c = *m;
    c->frame = f;
    return (az_jval){ .kind = AZ_J_MACRO, .u.m = c };
}

static void call_block(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jval callee = az_jeval(J, f, n->a->a), caller = closure(J, f, n->macro);
    az_jval name = az_jstr_ref(J, "caller", 6);
    az_jargs args;

    if (az_jfailed(J) || !az_jeval_args(J, f, n->a, &args)) return;
    for (size_t i = 0; i < args.n_kw; i++)
        if (az_jstr_is((az_jval){ .kind = AZ_J_STR, .u.s = args.name[i] }, "caller")) {
            az_jfail(J, "caller is given twice");
            return;
        }
    args.name[args.n_kw] = name.u.s;
    args.kw[args.n_kw++] = caller;
    J->line = n->a->line;
    J->col = n->a->col;
    az_jput_str(J, J->out, az_jcall(J, callee, &args));
}

/* --- statements --- */

static az_jflow exec_if(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    for (; n; n = n->b) {
        if (az_jtruth(J, az_jeval(J, f, n->a))) return az_jexec(J, f, n->list);
        if (az_jfailed(J)) return AZ_JFLOW_NEXT;
        if (!n->b) return az_jexec(J, f, n->list2);
    }
    return AZ_JFLOW_NEXT;
}

static az_jflow exec_set_block(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jframe *inner = enter(J, n->scope, f);
    az_jflow flow = AZ_JFLOW_NEXT;
    az_jval v;

    if (!inner) return flow;
    v = capture(J, inner, n->list, &flow);
    if (az_jfailed(J) || flow != AZ_JFLOW_NEXT) return flow;
    if (n->b) v = az_jeval_filters(J, inner, n->b, v);
    if (!az_jfailed(J) && check_target(J, f, n->a)) az_jassign(J, f, n->a, v);
    return flow;
}

static az_jflow exec_filter_block(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jframe *inner = enter(J, n->scope, f);
    az_jflow flow = AZ_JFLOW_NEXT;
    az_jval v;

    if (!inner) return flow;
    v = capture(J, inner, n->list, &flow);
    if (az_jfailed(J) || flow != AZ_JFLOW_NEXT) return flow;
    az_jput_str(J, J->out, az_jeval_filters(J, inner, n->a, v));
    return flow;
}

static az_jflow exec_with(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jframe *inner = enter(J, n->scope, f);

    for (const az_jnode *k = n->list2; k && inner; k = k->next) {
        az_jval v = az_jeval(J, f, k->b);
        if (az_jfailed(J) || !az_jassign(J, inner, k->a, v)) return AZ_JFLOW_NEXT;
    }
    return inner ? az_jexec(J, inner, n->list) : AZ_JFLOW_NEXT;
}

static az_jflow exec_for(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jval items = az_jeval(J, f, n->b);

    return az_jfailed(J) ? AZ_JFLOW_NEXT : run_loop(J, f, n, items, 0);
}

static az_jflow exec_inner(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jframe *inner = enter(J, n->scope, n->kind == AZ_JN_BLOCK ? NULL : f);

    return inner ? az_jexec(J, inner, n->list) : AZ_JFLOW_NEXT;
}

static void exec_set(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jval v;

    if (!check_target(J, f, n->a)) return;
    v = az_jeval(J, f, n->b);
    if (!az_jfailed(J)) az_jassign(J, f, n->a, v);
}

static az_jflow exec_one(az_jinja *J, az_jframe *f, const az_jnode *n)
{
    az_jargs none = { 0 };

    switch ((az_jnode_kind)n->kind) {
    case AZ_JN_DATA:
        if (az_jstep_bytes(J, n->value.u.s->n)) az_jput_str(J, J->out, n->value);
        break;
    case AZ_JN_OUTPUT: az_jput_str(J, J->out, az_jeval(J, f, n->a)); break;
    case AZ_JN_IF: return exec_if(J, f, n);
    case AZ_JN_FOR: return exec_for(J, f, n);
    case AZ_JN_SET: exec_set(J, f, n); break;
    case AZ_JN_SET_BLOCK: return exec_set_block(J, f, n);
    case AZ_JN_MACRO: az_jassign(J, f, n->a, closure(J, f, n->macro)); break;
    case AZ_JN_CALL_BLOCK: call_block(J, f, n); break;
    case AZ_JN_FILTER_BLOCK: return exec_filter_block(J, f, n);
    case AZ_JN_WITH: return exec_with(J, f, n);
    case AZ_JN_GENERATION:
        az_jput_str(J, J->out, az_jcall(J, closure(J, f, n->macro), &none));
        break;
    case AZ_JN_BLOCK: return exec_inner(J, f, n);
    case AZ_JN_BREAK: return AZ_JFLOW_BREAK;
    case AZ_JN_CONTINUE: return AZ_JFLOW_CONTINUE;
    case AZ_JN_LOADER:
        az_jfail(J, "%.*s needs other templates, and a chat template has none", (int)n->name->n,
                 n->name->s);
        break;
    default: az_jfail(J, "not a statement");
    }
    return AZ_JFLOW_NEXT;
}

az_jflow az_jexec(az_jinja *J, az_jframe *f, const az_jnode *list)
{
    az_jflow flow = AZ_JFLOW_NEXT;

    if (!az_jenter(J)) return flow;
    for (; list && flow == AZ_JFLOW_NEXT; list = list->next) {
        J->line = list->line;
        J->col = list->col;
        if (!az_jstep(J, 1)) break;
        flow = exec_one(J, f, list);
        if (az_jfailed(J)) break;
        if (!az_buf_ok(J->out)) {
            az_jfail_buf(J);
            break;
        }
    }
    az_jleave(J);
    return flow;
}
