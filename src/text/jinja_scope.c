/* Names of a template to variables of scopes, found before anything runs.
 *
 * A name belongs to the scope that binds it; a scope that sets a name that an outer scope knows starts with a copy
 * of the outer value and leaves the outer one alone. A name that nobody binds is looked up among the variables
 * given to the rendering when the scope that reads it is entered. A name that is set before it is read, and not only
 * in a branch, starts unset. If does not open a scope; for, macro, call, filter, set blocks, with and generation do.
 * Source: jinja2 3.1 idtracking.py.
 */
#include "text/jinja_ast.h"

typedef struct visit {
    az_jinja *J;
    az_jscope *s;
    bool in_branch, soft;
} visit;

static az_jscope *scope_new(az_jinja *J, az_jscope *parent)
{
    az_jscope *s = az_jalloc(J, sizeof *s);

    if (!s) return NULL;
    s->parent = parent;
    s->by_name = az_jdict_new(J, 0);
    return s->by_name ? s : NULL;
}

static az_jval name_val(const az_jstr *name)
{
    return (az_jval){ .kind = AZ_J_STR, .u.s = name };
}

/* Place of a name in s, or -1. */
static int find(az_jinja *J, const az_jscope *s, const az_jstr *name)
{
    const az_jval *at = az_jdict_get(J, s->by_name, name_val(name));

    return at ? (int)at->u.i : -1;
}

static az_jvar *var_of(az_jinja *J, az_jscope *s, const az_jstr *name)
{
    int at = find(J, s, name);

    if (at >= 0) return &s->vars[at];
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 8;
        az_jvar *v = az_jarray(J, cap, sizeof *v);
        if (!v) return NULL;
        if (s->n) memcpy(v, s->vars, s->n * sizeof *v);
        s->vars = v;
        s->cap = cap;
    }
    if (s->n >= INT32_MAX || !az_jdict_set(J, s->by_name, name_val(name), az_jint((int64_t)s->n)))
        return NULL;
    s->vars[s->n] = (az_jvar){ .name = name };
    return &s->vars[s->n++];
}

static void param(az_jinja *J, az_jscope *s, const az_jstr *name)
{
    az_jvar *v = var_of(J, s, name);

    if (v) v->param = true;
}

static void param_named(az_jinja *J, az_jscope *s, const char *name, int *slot)
{
    az_jval v = az_jstr_ref(J, name, strlen(name));

    if (az_jfailed(J)) return;
    param(J, s, v.u.s);
    *slot = find(J, s, v.u.s);
}

static void see(visit *V, az_jnode *n);

static void see_list(visit *V, az_jnode *list)
{
    for (; list && !az_jfailed(V->J); list = list->next)
        see(V, list);
}

static void see_name(visit *V, az_jnode *n)
{
    bool is_new = find(V->J, V->s, n->name) < 0;
    az_jvar *v = var_of(V->J, V->s, n->name);

    if (!v) return;
    if (n->op == AZ_J_PARAM)
        v->param = true;
    else if (n->op == AZ_J_STORE) {
        v->stored = true;
        if (is_new && !V->in_branch) v->set_first = true;
    }
    n->next_ref = V->s->refs;
    V->s->refs = n;
}

/* Its scopes are made when this one is complete. */
static void later(visit *V, az_jnode *n)
{
    if (V->s->inner_last)
        V->s->inner_last->next_ref = n;
    else
        V->s->inner = n;
    V->s->inner_last = n;
}

static void see_if(visit *V, az_jnode *n)
{
    bool branch = V->in_branch, soft = V->soft;

    V->soft = true;
    see(V, n->a);
    for (az_jnode *e = n; e; e = e->b) {
        V->in_branch = true;
        if (e != n) see(V, e->a);
        see_list(V, e->list);
        see_list(V, e->list2);
    }
    V->in_branch = branch;
    V->soft = soft;
}

static void unknown(visit *V, const az_jnode *n)
{
    V->J->line = n->line;
    V->J->col = n->col;
    az_jfail(V->J, "there is no %s named \"%.*s\"", n->kind == AZ_JN_FILTER ? "filter" : "test",
             (int)(n->name->n > 60 ? 60 : n->name->n), n->name->s);
}

static void see_node(visit *V, az_jnode *n)
{
    bool soft = V->soft;

    switch ((az_jnode_kind)n->kind) {
    case AZ_JN_NAME:
    case AZ_JN_NSREF: see_name(V, n); break;
    case AZ_JN_IF: see_if(V, n); break;
    case AZ_JN_FOR:
        see(V, n->b);
        later(V, n);
        break;
    case AZ_JN_SET:
        see(V, n->b);
        see(V, n->a);
        break;
    case AZ_JN_MACRO:
    case AZ_JN_SET_BLOCK:
    case AZ_JN_CALL_BLOCK:
        see(V, n->a); /* the target, or the call */
        later(V, n);
        break;
    case AZ_JN_WITH:
        for (az_jnode *k = n->list2; k; k = k->next)
            see(V, k->b);
        later(V, n);
        break;
    case AZ_JN_FILTER_BLOCK:
    case AZ_JN_GENERATION:
    case AZ_JN_BLOCK: later(V, n); break;
    case AZ_JN_FILTER:
    case AZ_JN_TEST:
        if (!n->fn && !V->soft) unknown(V, n);
        see(V, n->a);
        see(V, n->b);
        see(V, n->c);
        see_list(V, n->list);
        see_list(V, n->list2);
        break;
    case AZ_JN_COND:
        V->soft = true;
        see(V, n->a);
        see(V, n->b);
        see(V, n->c);
        V->soft = soft;
        break;
    default:
        see(V, n->a);
        see(V, n->b);
        see(V, n->c);
        see(V, n->d);
        see_list(V, n->list);
        see_list(V, n->list2);
    }
}

static void see(visit *V, az_jnode *n)
{
    if (!n || !az_jenter(V->J)) return;
    if (az_jstep(V->J, 1)) see_node(V, n);
    az_jleave(V->J);
}

/* A variable of the scopes around s; false: none. */
static bool find_outer(az_jinja *J, const az_jscope *s, const az_jstr *name, int *hops, int *slot)
{
    *hops = 0;
    for (s = s->parent; s; s = s->parent) {
        ++*hops;
        *slot = find(J, s, name);
        if (*slot >= 0 && s->vars[*slot].load != AZ_JLOAD_OUTER) return true;
        if (!az_jstep(J, 1)) break;
    }
    return false;
}

static void resolve(az_jinja *J, az_jscope *s)
{
    for (size_t i = 0; i < s->n && !az_jfailed(J); i++) {
        az_jvar *v = &s->vars[i];
        bool outer;
        if (v->param) {
            v->load = AZ_JLOAD_PARAM;
            continue;
        }
        outer = find_outer(J, s, v->name, &v->hops, &v->slot);
        if (outer)
            v->load = v->stored ? AZ_JLOAD_ALIAS : AZ_JLOAD_OUTER;
        else
            v->load = v->set_first ? AZ_JLOAD_UNSET : AZ_JLOAD_RESOLVE;
    }
    for (az_jnode *n = s->refs; n && !az_jfailed(J); n = n->next_ref) {
        const az_jvar *v;
        n->hops = 0;
        n->slot = find(J, s, n->name);
        v = &s->vars[n->slot];
        if (v->load != AZ_JLOAD_OUTER) continue;
        n->hops = v->hops;
        n->slot = v->slot;
    }
}

static void open_scopes(az_jinja *J, az_jscope *s);

static void finish(visit *V)
{
    if (az_jfailed(V->J)) return;
    resolve(V->J, V->s);
    open_scopes(V->J, V->s);
}

static bool start(visit *V, az_jinja *J, az_jscope *parent, az_jscope **scope)
{
    *V = (visit){ .J = J, .s = scope_new(J, parent) };
    *scope = V->s;
    return V->s != NULL;
}

static void open_for(az_jinja *J, az_jscope *s, az_jnode *n)
{
    az_jval loop = az_jstr_ref(J, "loop", 4);
    visit V;

    if (az_jfailed(J) || !start(&V, J, s, &n->scope)) return;
    param(J, V.s, loop.u.s); /* always slot 0 */
    see(&V, n->a);
    see_list(&V, n->list);
    finish(&V);
    if (n->c && start(&V, J, s, &n->scope2)) {
        /* The target's names have the slots of the body's scope, where they follow loop. */
        az_jval nobody = az_jstr_ref(J, "", 0);
        if (az_jfailed(J)) return;
        param(J, V.s, nobody.u.s);
        for (size_t i = 1; i < n->scope->n && n->scope->vars[i].param; i++)
            param(J, V.s, n->scope->vars[i].name);
        see(&V, n->c);
        finish(&V);
    }
    if (n->list2 && start(&V, J, s, &n->scope3)) {
        see_list(&V, n->list2);
        finish(&V);
    }
}

static bool has_param(const az_jmacro *m, const char *name)
{
    for (const az_jnode *p = m->params; p; p = p->next)
        if (az_jstr_is(name_val(p->name), name)) return true;
    return false;
}

static void open_macro(az_jinja *J, az_jscope *s, az_jnode *n)
{
    az_jmacro *m = n->macro;
    visit V;

    if (!start(&V, J, s, &n->scope)) return;
    for (az_jnode *p = m->params; p; p = p->next)
        see_name(&V, p);
    if (m->uses_caller && !m->names_caller) param_named(J, V.s, "caller", &m->caller_slot);
    m->uses_kwargs = m->uses_kwargs && !has_param(m, "kwargs");
    m->uses_varargs = m->uses_varargs && !has_param(m, "varargs");
    if (m->uses_kwargs) param_named(J, V.s, "kwargs", &m->kwargs_slot);
    if (m->uses_varargs) param_named(J, V.s, "varargs", &m->varargs_slot);
    for (az_jnode *p = m->params; p; p = p->next)
        see(&V, p->a);
    see_list(&V, n->list);
    finish(&V);
}

static void open_other(az_jinja *J, az_jscope *s, az_jnode *n)
{
    visit V;

    if (!start(&V, J, n->kind == AZ_JN_BLOCK ? NULL : s, &n->scope)) return;
    if (n->kind == AZ_JN_WITH)
        for (az_jnode *k = n->list2; k; k = k->next)
            see(&V, k->a);
    if (n->kind == AZ_JN_FILTER_BLOCK) see(&V, n->a);
    if (n->kind == AZ_JN_SET_BLOCK) see(&V, n->b);
    see_list(&V, n->list);
    finish(&V);
}

static void open_scopes(az_jinja *J, az_jscope *s)
{
    if (!az_jenter(J)) return;
    for (az_jnode *n = s->inner; n && !az_jfailed(J);) {
        az_jnode *next = n->next_ref;
        n->next_ref = NULL;
        if (n->kind == AZ_JN_FOR)
            open_for(J, s, n);
        else if (n->macro)
            open_macro(J, s, n);
        else
            open_other(J, s, n);
        n = next;
    }
    az_jleave(J);
}

bool az_jresolve_names(az_jinja *J, az_template *t)
{
    visit V;

    if (!start(&V, J, NULL, &t->scope)) return false;
    see_list(&V, t->body);
    finish(&V);
    return !az_jfailed(J);
}
