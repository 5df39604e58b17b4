/* Parser of templates: statements. Expressions are in jinja_expr.c.
 *
 * Source: jinja2 3.1 parser.py, ext.py (loopcontrols); the generation tag of transformers.
 */
#include "text/jinja_parse.h"

void az_jp_fail(parser *P, const char *what)
{
    const az_jtok *t = az_jp_at(P);

    P->J->line = t->line;
    P->J->col = t->col;
    if (t->kind == AZ_JT_EOF)
        az_jfail(P->J, "unexpected end of template: %s", what);
    else if (t->kind == AZ_JT_NAME)
        az_jfail(P->J, "%s (at \"%.*s\")", what, (int)(t->value.u.s->n > 40 ? 40 : t->value.u.s->n),
                 t->value.u.s->s);
    else
        az_jfail(P->J, "%s", what);
}

az_jnode *az_jp_node(parser *P, az_jnode_kind kind, const az_jtok *at)
{
    az_jnode *n = az_jalloc(P->J, sizeof *n);

    if (!n) return NULL;
    n->kind = (uint8_t)kind;
    n->line = at->line;
    n->col = at->col;
    n->slot = -1;
    return n;
}

bool az_jp_expect(parser *P, az_jtok_kind kind, const char *what)
{
    if (az_jp_at(P)->kind == kind) {
        P->at++;
        return true;
    }
    az_jp_fail(P, what);
    return false;
}

static az_jnode *body(parser *P, const char *const *ends);

/* The node of a name that is bound: a loop's variable, a macro, a parameter. */
static az_jnode *bound_name(parser *P, int op)
{
    const az_jtok *t = az_jp_at(P);
    az_jnode *n;

    if (!az_jp_expect(P, AZ_JT_NAME, "expected a name")) return NULL;
    n = az_jp_node(P, AZ_JN_NAME, t);
    if (!n) return NULL;
    n->name = t->value.u.s;
    n->op = (uint8_t)op;
    return n;
}

/* Mark the names of an assignment's target; false: it cannot be assigned to. */
static bool make_target(parser *P, az_jnode *n, int op, bool with_ns)
{
    if (n->kind == AZ_JN_NSREF) return with_ns;
    if (n->kind == AZ_JN_NAME) {
        n->op = (uint8_t)op;
        if (op == AZ_J_STORE || op == AZ_J_PARAM) {
            if (az_jstr_is((az_jval){ .kind = AZ_J_STR, .u.s = n->name }, "loop") && P->in_for) {
                az_jp_fail(P, "cannot assign to the special variable loop");
                return false;
            }
        }
        return true;
    }
    if (n->kind != AZ_JN_TUPLE) return false;
    for (az_jnode *i = n->list; i; i = i->next)
        if (!make_target(P, i, op, with_ns)) return false;
    return true;
}

static az_jnode *target(parser *P, int op, bool with_ns, const char *end)
{
    az_jnode *n = az_jp_tuple(P, (tuple_opts){ .simple = true, .with_ns = with_ns, .end = end });

    if (!n) return NULL;
    if (!make_target(P, n, op, with_ns)) {
        if (!az_jfailed(P->J)) az_jp_fail(P, "cannot assign to this");
        return NULL;
    }
    return n;
}

/* The body of a tag up to one of `ends`, which is left as the current token (or dropped by the caller). */
static az_jnode *statements(parser *P, const char *const *ends)
{
    if (az_jp_at(P)->kind == AZ_JT_COLON) P->at++;
    if (!az_jp_expect(P, AZ_JT_BLOCK_END, "expected the end of the tag")) return NULL;
    return body(P, ends);
}

static az_jnode *statements_to(parser *P, const char *end)
{
    const char *const ends[] = { end, NULL };
    az_jnode *n = statements(P, ends);

    P->at++;
    return n;
}

static az_jnode *parse_set(parser *P, const az_jtok *at)
{
    az_jnode *n, *t = target(P, AZ_J_STORE, true, NULL);

    if (!t) return NULL;
    if (az_jp_at(P)->kind == AZ_JT_ASSIGN) {
        P->at++;
        n = az_jp_node(P, AZ_JN_SET, at);
        if (!n) return NULL;
        n->a = t;
        n->b = az_jp_tuple(P, (tuple_opts){ .cond = true });
        return n;
    }
    n = az_jp_node(P, AZ_JN_SET_BLOCK, at);
    if (!n) return NULL;
    n->a = t;
    n->b = az_jp_filters(P, NULL, false);
    if (!az_jfailed(P->J)) n->list = statements_to(P, "endset");
    return n;
}

static az_jnode *parse_for(parser *P, const az_jtok *at)
{
    static const char *const ends[] = { "endfor", "else", NULL };
    az_jnode *n = az_jp_node(P, AZ_JN_FOR, at);
    bool was_loop = P->in_loop;

    if (!n) return NULL;
    P->in_for++;
    n->a = target(P, AZ_J_PARAM, false, "in");
    if (!n->a || !az_jp_word(P, "in")) {
        az_jp_fail(P, "expected in");
        return NULL;
    }
    n->b = az_jp_tuple(P, (tuple_opts){ .end = "recursive" });
    if (!n->b) return NULL;
    if (az_jp_word(P, "if")) n->c = az_jp_expr(P);
    n->flag = az_jp_word(P, "recursive");
    if (az_jfailed(P->J)) return NULL;
    P->in_loop = true;
    n->list = statements(P, ends);
    P->in_loop = was_loop;
    if (az_jfailed(P->J)) return NULL;
    if (az_jp_is(P, "else")) {
        P->at++;
        n->list2 = statements_to(P, "endfor");
    } else
        P->at++;
    P->in_for--;
    return n;
}

static az_jnode *parse_if(parser *P, const az_jtok *at)
{
    static const char *const ends[] = { "elif", "else", "endif", NULL };
    az_jnode *first = az_jp_node(P, AZ_JN_IF, at), *n = first;

    while (n) {
        n->a = az_jp_tuple(P, (tuple_opts){ 0 });
        if (!n->a) return NULL;
        n->list = statements(P, ends);
        if (az_jfailed(P->J)) return NULL;
        if (az_jp_word(P, "elif")) {
            n->b = az_jp_node(P, AZ_JN_IF, az_jp_at(P));
            n = n->b;
            continue;
        }
        if (az_jp_word(P, "else"))
            n->list2 = statements_to(P, "endif");
        else
            P->at++;
        return first;
    }
    return NULL;
}

static az_jnode *parse_with(parser *P, const az_jtok *at)
{
    az_jnode *n = az_jp_node(P, AZ_JN_WITH, at), **end;

    if (!n) return NULL;
    end = &n->list2;
    while (az_jp_at(P)->kind != AZ_JT_BLOCK_END && !az_jfailed(P->J)) {
        az_jnode *pair;
        if (n->list2 && !az_jp_expect(P, AZ_JT_COMMA, "expected a comma")) return NULL;
        pair = az_jp_node(P, AZ_JN_KEYWORD, az_jp_at(P));
        if (!pair) return NULL;
        pair->a = target(P, AZ_J_PARAM, false, NULL);
        if (!pair->a || !az_jp_expect(P, AZ_JT_ASSIGN, "expected =")) return NULL;
        pair->b = az_jp_expr(P);
        *end = pair;
        end = &pair->next;
    }
    n->list = statements_to(P, "endwith");
    return n;
}

/* Parameters in parentheses of a macro or call block. */
static bool signature(parser *P, az_jmacro *m)
{
    az_jnode **end = &m->params;
    bool defaults = false;

    if (!az_jp_expect(P, AZ_JT_LPAREN, "expected (")) return false;
    while (az_jp_at(P)->kind != AZ_JT_RPAREN) {
        az_jnode *p;
        if (m->params && !az_jp_expect(P, AZ_JT_COMMA, "expected a comma")) return false;
        p = bound_name(P, AZ_J_PARAM);
        if (!p) return false;
        for (az_jnode *q = m->params; q; q = q->next)
            if (q->name->n == p->name->n && memcmp(q->name->s, p->name->s, p->name->n) == 0) {
                az_jp_fail(P, "two parameters have the same name");
                return false;
            }
        if (!az_jstep(P->J, m->n_params)) return false;
        if (az_jp_at(P)->kind == AZ_JT_ASSIGN) {
            P->at++;
            p->a = az_jp_expr(P);
            if (!p->a) return false;
            defaults = true;
        } else if (defaults) {
            az_jp_fail(P, "a parameter without a default follows one with a default");
            return false;
        }
        if (az_jstr_is((az_jval){ .kind = AZ_J_STR, .u.s = p->name }, "caller")) {
            m->names_caller = true;
            m->caller_slot = p->a ? 1 : 0; /* until names are resolved: has a default */
        }
        *end = p;
        end = &p->next;
        m->n_params++;
    }
    P->at++;
    return true;
}

/* The body of a macro: a function of its own, so break and loop do not reach out of it. */
static bool macro_body(parser *P, az_jmacro *m, const az_jnode *n, az_jnode **list, const char *end)
{
    macro_context here = { .outer = P->macro, .m = m };
    bool was_loop = P->in_loop;

    m->node = n;
    P->macro = &here;
    P->in_loop = false;
    *list = statements_to(P, end);
    P->in_loop = was_loop;
    P->macro = here.outer;
    if (m->uses_caller && m->names_caller && !m->caller_slot) {
        az_jp_fail(P, "the parameter caller must be left out or have a default");
        return false;
    }
    return !az_jfailed(P->J);
}

static az_jnode *macro_node(parser *P, az_jnode_kind kind, const az_jtok *at)
{
    az_jnode *n = az_jp_node(P, kind, at);

    if (!n) return NULL;
    n->macro = az_jalloc(P->J, sizeof *n->macro);
    return n->macro ? n : NULL;
}

static az_jnode *parse_macro(parser *P, const az_jtok *at)
{
    az_jnode *n = macro_node(P, AZ_JN_MACRO, at);

    if (!n) return NULL;
    n->a = bound_name(P, AZ_J_STORE);
    if (!n->a) return NULL;
    n->macro->name = n->a->name;
    if (!make_target(P, n->a, AZ_J_STORE, false)) return NULL;
    if (!signature(P, n->macro)) return NULL;
    return macro_body(P, n->macro, n, &n->list, "endmacro") ? n : NULL;
}

static az_jnode *parse_call(parser *P, const az_jtok *at)
{
    az_jnode *n = macro_node(P, AZ_JN_CALL_BLOCK, at);

    if (!n) return NULL;
    if (az_jp_at(P)->kind == AZ_JT_LPAREN && !signature(P, n->macro)) return NULL;
    n->a = az_jp_expr(P);
    if (!n->a) return NULL;
    if (n->a->kind != AZ_JN_CALL) {
        az_jp_fail(P, "expected a call");
        return NULL;
    }
    return macro_body(P, n->macro, n, &n->list, "endcall") ? n : NULL;
}

static az_jnode *parse_generation(parser *P, const az_jtok *at)
{
    az_jnode *n = macro_node(P, AZ_JN_GENERATION, at);

    return n && macro_body(P, n->macro, n, &n->list, "endgeneration") ? n : NULL;
}

static az_jnode *parse_filter(parser *P, const az_jtok *at)
{
    az_jnode *n = az_jp_node(P, AZ_JN_FILTER_BLOCK, at);

    if (!n) return NULL;
    n->a = az_jp_filters(P, NULL, true);
    if (!n->a) return NULL;
    n->list = statements_to(P, "endfilter");
    return n;
}

static az_jnode *parse_block(parser *P, const az_jtok *at)
{
    az_jnode *n = az_jp_node(P, AZ_JN_BLOCK, at);
    bool was_loop = P->in_loop;
    const az_jtok *name = az_jp_at(P);

    if (!n || !az_jp_expect(P, AZ_JT_NAME, "expected a name")) return NULL;
    if (az_jp_is(P, "scoped") || az_jp_is(P, "required")) {
        P->J->line = az_jp_at(P)->line;
        P->J->col = az_jp_at(P)->col;
        az_jfail_status(P->J, ADZE_EUNSUP, "scoped and required blocks are not supported");
        return NULL;
    }
    P->in_loop = false;
    n->list = statements_to(P, "endblock");
    P->in_loop = was_loop;
    if (!az_jfailed(P->J) && az_jp_at(P)->kind == AZ_JT_NAME &&
        az_jequal(P->J, az_jp_at(P)->value, name->value))
        P->at++;
    return n;
}

static az_jnode *parse_print(parser *P, const az_jtok *at)
{
    az_jnode *first = NULL, **end = &first;

    while (az_jp_at(P)->kind != AZ_JT_BLOCK_END) {
        az_jnode *n;
        if (first && !az_jp_expect(P, AZ_JT_COMMA, "expected a comma")) return NULL;
        n = az_jp_node(P, AZ_JN_OUTPUT, at);
        if (!n) return NULL;
        n->a = az_jp_expr(P);
        if (!n->a) return NULL;
        *end = n;
        end = &n->next;
    }
    /* nothing to print is a statement as well */
    if (!first) first = az_jp_node(P, AZ_JN_DATA, at);
    if (first && first->kind == AZ_JN_DATA) first->value = az_jstr_ref(P->J, "", 0);
    return first;
}

/* There is no loader, so these can only fail, and only when they are reached. */
static az_jnode *parse_loader(parser *P, const az_jtok *at)
{
    az_jnode *n = az_jp_node(P, AZ_JN_LOADER, at);

    if (!n) return NULL;
    n->name = at->value.u.s;
    while (az_jp_at(P)->kind != AZ_JT_BLOCK_END && az_jp_at(P)->kind != AZ_JT_EOF)
        P->at++;
    return n;
}

static az_jnode *parse_autoescape(parser *P, const az_jtok *at)
{
    P->J->line = at->line;
    P->J->col = at->col;
    az_jfail_status(P->J, ADZE_EUNSUP, "the tag autoescape is not supported");
    return NULL;
}

static az_jnode *loop_control(parser *P, const az_jtok *at, az_jnode_kind kind)
{
    if (P->in_loop) return az_jp_node(P, kind, at);
    P->J->line = at->line;
    P->J->col = at->col;
    az_jfail(P->J, "break and continue belong in a loop");
    return NULL;
}

static az_jnode *parse_break(parser *P, const az_jtok *at)
{
    return loop_control(P, at, AZ_JN_BREAK);
}

static az_jnode *parse_continue(parser *P, const az_jtok *at)
{
    return loop_control(P, at, AZ_JN_CONTINUE);
}

static const struct {
    const char *name;
    az_jnode *(*parse)(parser *P, const az_jtok *at);
} tags[] = {
    { "if", parse_if },
    { "set", parse_set },
    { "for", parse_for },
    { "macro", parse_macro },
    { "call", parse_call },
    { "filter", parse_filter },
    { "break", parse_break },
    { "continue", parse_continue },
    { "generation", parse_generation },
    { "with", parse_with },
    { "print", parse_print },
    { "block", parse_block },
    { "include", parse_loader },
    { "import", parse_loader },
    { "from", parse_loader },
    { "extends", parse_loader },
    { "autoescape", parse_autoescape },
};

static az_jnode *statement(parser *P)
{
    const az_jtok *t = az_jp_at(P);

    if (t->kind != AZ_JT_NAME) {
        az_jp_fail(P, "expected the name of a tag");
        return NULL;
    }
    for (size_t i = 0; i < AZ_COUNT(tags); i++) {
        if (!az_jp_is(P, tags[i].name)) continue;
        P->at++;
        return tags[i].parse(P, t);
    }
    az_jp_fail(P, "unknown tag, or the end of a tag that is not open");
    return NULL;
}

static bool at_end(parser *P, const char *const *ends)
{
    for (size_t i = 0; ends && ends[i]; i++)
        if (az_jp_is(P, ends[i])) return true;
    return false;
}

/* Statements up to one of `ends` (the current token then), or to the end of the template when ends is NULL. */
static az_jnode *parse_body(parser *P, const char *const *ends)
{
    az_jnode *first = NULL, **end = &first, *n;

    while (az_jp_at(P)->kind != AZ_JT_EOF) {
        const az_jtok *t = az_jp_at(P);
        P->at++;
        if (t->kind == AZ_JT_DATA) {
            n = az_jp_node(P, AZ_JN_DATA, t);
            if (n) n->value = t->value;
        } else if (t->kind == AZ_JT_VAR_BEGIN) {
            n = az_jp_node(P, AZ_JN_OUTPUT, t);
            if (n) n->a = az_jp_tuple(P, (tuple_opts){ .cond = true });
            if (!az_jfailed(P->J))
                az_jp_expect(P, AZ_JT_VAR_END, "expected the end of the print tag");
        } else {
            if (at_end(P, ends)) return first;
            n = statement(P);
            if (!az_jfailed(P->J)) az_jp_expect(P, AZ_JT_BLOCK_END, "expected the end of the tag");
        }
        if (!n || az_jfailed(P->J)) return NULL;
        *end = n;
        while (*end)
            end = &(*end)->next;
    }
    if (ends) az_jp_fail(P, ends[0]);
    return first;
}

static az_jnode *body(parser *P, const char *const *ends)
{
    az_jnode *n;

    if (!az_jenter(P->J)) return NULL;
    n = parse_body(P, ends);
    az_jleave(P->J);
    return n;
}

bool az_jparse(az_jinja *J, az_template *t, const char *source, size_t n)
{
    parser P = { .J = J };
    size_t n_tokens;

    if (!az_jlex(J, source, n, &P.t, &n_tokens)) return false;
    t->body = body(&P, NULL);
    return !az_jfailed(J) && az_jresolve_names(J, t);
}
