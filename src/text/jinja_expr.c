/* Parser of templates: expressions, with Python's precedence but jinja2's own ideas of **, ~ and filters.
 *
 * Source: jinja2 3.1 parser.py.
 */
#include "text/jinja_parse.h"

bool az_jp_is(const parser *P, const char *word)
{
    return az_jp_at(P)->kind == AZ_JT_NAME && az_jstr_is(az_jp_at(P)->value, word);
}

bool az_jp_word(parser *P, const char *word)
{
    if (!az_jp_is(P, word)) return false;
    P->at++;
    return true;
}

static az_jnode *parse_or(parser *P);
static az_jnode *unary(parser *P, bool with_filter);
static az_jnode *primary(parser *P, bool with_ns);

static az_jnode *pair(parser *P, az_jnode_kind kind, int op, az_jnode *a, az_jnode *b,
                      const az_jtok *at)
{
    az_jnode *n = a && b ? az_jp_node(P, kind, at) : NULL;

    if (!n) return NULL;
    n->op = (uint8_t)op;
    n->a = a;
    n->b = b;
    return n;
}

static az_jnode *cond_expr(parser *P)
{
    const az_jtok *at = az_jp_at(P);
    az_jnode *n = parse_or(P), *test, *c;

    while (n && az_jp_word(P, "if")) {
        test = parse_or(P);
        if (!test) return NULL;
        c = NULL;
        if (az_jp_word(P, "else") && !(c = az_jp_expr(P))) return NULL;
        n = pair(P, AZ_JN_COND, 0, n, test, at);
        if (n) n->c = c;
        at = az_jp_at(P);
    }
    return n;
}

az_jnode *az_jp_expr(parser *P)
{
    az_jnode *n;

    if (!az_jenter(P->J)) return NULL;
    n = cond_expr(P);
    az_jleave(P->J);
    return az_jfailed(P->J) ? NULL : n;
}

/* A comparison or chain of them. */
static az_jnode *compare(parser *P);

static az_jnode *parse_not(parser *P)
{
    const az_jtok *at = az_jp_at(P);
    az_jnode *n, *a;

    if (!az_jp_word(P, "not")) return compare(P);
    if (!az_jenter(P->J)) return NULL;
    a = parse_not(P);
    az_jleave(P->J);
    n = a ? az_jp_node(P, AZ_JN_NOT, at) : NULL;
    if (n) n->a = a;
    return n;
}

static az_jnode *parse_and(parser *P)
{
    const az_jtok *at = az_jp_at(P);
    az_jnode *n = parse_not(P);

    while (n && az_jp_word(P, "and"))
        n = pair(P, AZ_JN_AND, 0, n, parse_not(P), at);
    return n;
}

static az_jnode *parse_or(parser *P)
{
    const az_jtok *at = az_jp_at(P);
    az_jnode *n = parse_and(P);

    while (n && az_jp_word(P, "or"))
        n = pair(P, AZ_JN_OR, 0, n, parse_and(P), at);
    return n;
}

static az_jnode *power(parser *P)
{
    az_jnode *n = unary(P, true);

    while (n && az_jp_at(P)->kind == AZ_JT_POW) {
        const az_jtok *at = az_jp_at(P);
        P->at++;
        n = pair(P, AZ_JN_BINARY, AZ_JOP_POW, n, unary(P, true), at);
    }
    return n;
}

static az_jnode *product(parser *P)
{
    az_jnode *n = power(P);

    while (n) {
        const az_jtok *at = az_jp_at(P);
        az_jop op = at->kind == AZ_JT_MUL        ? AZ_JOP_MUL
                    : at->kind == AZ_JT_DIV      ? AZ_JOP_DIV
                    : at->kind == AZ_JT_FLOORDIV ? AZ_JOP_FLOORDIV
                                                 : AZ_JOP_MOD;
        if (op == AZ_JOP_MOD && at->kind != AZ_JT_MOD) break;
        P->at++;
        n = pair(P, AZ_JN_BINARY, op, n, power(P), at);
    }
    return n;
}

static az_jnode *concat(parser *P)
{
    az_jnode *n = product(P), *all, **end;

    if (!n || az_jp_at(P)->kind != AZ_JT_TILDE) return n;
    all = az_jp_node(P, AZ_JN_CONCAT, az_jp_at(P));
    if (!all) return NULL;
    all->list = n;
    end = &n->next;
    while (az_jp_at(P)->kind == AZ_JT_TILDE) {
        P->at++;
        n = product(P);
        if (!n) return NULL;
        *end = n;
        end = &n->next;
    }
    return all;
}

static az_jnode *sum(parser *P)
{
    az_jnode *n = concat(P);

    while (n && (az_jp_at(P)->kind == AZ_JT_ADD || az_jp_at(P)->kind == AZ_JT_SUB)) {
        const az_jtok *at = az_jp_at(P);
        P->at++;
        n = pair(P, AZ_JN_BINARY, at->kind == AZ_JT_ADD ? AZ_JOP_ADD : AZ_JOP_SUB, n, concat(P),
                 at);
    }
    return n;
}

/* The comparison operator here, which is skipped, or -1. */
static int comparison(parser *P)
{
    static const struct {
        az_jtok_kind kind;
        az_jop op;
    } ops[] = { { AZ_JT_EQ, AZ_JOP_EQ }, { AZ_JT_NE, AZ_JOP_NE }, { AZ_JT_LT, AZ_JOP_LT },
                { AZ_JT_LE, AZ_JOP_LE }, { AZ_JT_GT, AZ_JOP_GT }, { AZ_JT_GE, AZ_JOP_GE } };

    for (size_t i = 0; i < AZ_COUNT(ops); i++) {
        if (az_jp_at(P)->kind != ops[i].kind) continue;
        P->at++;
        return (int)ops[i].op;
    }
    if (az_jp_word(P, "in")) return AZ_JOP_IN;
    if (!az_jp_is(P, "not")) return -1;
    P->at++;
    if (az_jp_word(P, "in")) return AZ_JOP_NOTIN;
    P->at--;
    return -1;
}

static az_jnode *compare(parser *P)
{
    const az_jtok *at = az_jp_at(P);
    az_jnode *n = sum(P), *all = NULL, **end = NULL, *o;
    int op;

    while (n) {
        at = az_jp_at(P);
        op = comparison(P);
        if (op < 0) break;
        if (!all) {
            all = az_jp_node(P, AZ_JN_COMPARE, at);
            if (!all) return NULL;
            all->a = n;
            end = &all->list;
        }
        o = az_jp_node(P, AZ_JN_OPERAND, at);
        if (!o) return NULL;
        o->op = (uint8_t)op;
        o->a = sum(P);
        if (!o->a) return NULL;
        *end = o;
        end = &o->next;
    }
    return all ? all : n;
}

/* Arguments in parentheses into call. */
static bool call_args(parser *P, az_jnode *call)
{
    az_jnode **pos = &call->list, **kw = &call->list2, *n;
    bool first = true;

    if (!az_jp_expect(P, AZ_JT_LPAREN, "expected (")) return false;
    for (; az_jp_at(P)->kind != AZ_JT_RPAREN; first = false) {
        const az_jtok *at;
        bool bad;
        if (!first) {
            if (!az_jp_expect(P, AZ_JT_COMMA, "expected a comma or )")) return false;
            if (az_jp_at(P)->kind == AZ_JT_RPAREN) break;
        }
        at = az_jp_at(P);
        if (at->kind == AZ_JT_MUL) {
            bad = call->b || call->c;
            P->at++;
            n = call->b = az_jp_expr(P);
        } else if (at->kind == AZ_JT_POW) {
            bad = call->c != NULL;
            P->at++;
            n = call->c = az_jp_expr(P);
        } else if (at->kind == AZ_JT_NAME && P->t[P->at + 1].kind == AZ_JT_ASSIGN) {
            bad = call->c != NULL;
            P->at += 2;
            n = az_jp_node(P, AZ_JN_KEYWORD, at);
            if (!n) return false;
            n->name = at->value.u.s;
            for (az_jnode *k = call->list2; k; k = k->next)
                bad |= k->name->n == n->name->n && memcmp(k->name->s, n->name->s, n->name->n) == 0;
            n->a = az_jp_expr(P);
            if (!n->a) return false;
            *kw = n;
            kw = &n->next;
        } else {
            bad = call->b || call->c || call->list2;
            n = az_jp_expr(P);
            *pos = n;
            if (n) pos = &n->next;
        }
        if (!n || az_jfailed(P->J)) return false;
        if (bad) {
            az_jp_fail(P, "arguments in a wrong order, or twice");
            return false;
        }
    }
    P->at++;
    return true;
}

static az_jnode *one_filter(parser *P, az_jnode *value)
{
    const az_jtok *at = az_jp_at(P);
    az_jnode *n;

    if (!az_jp_expect(P, AZ_JT_NAME, "expected the name of a filter")) return NULL;
    n = az_jp_node(P, AZ_JN_FILTER, at);
    if (!n) return NULL;
    n->a = value;
    n->name = at->value.u.s;
    n->fn = az_jfilter(n->name->s, n->name->n);
    while (az_jp_at(P)->kind == AZ_JT_DOT) { /* part of the name, and none has one */
        n->fn = NULL;
        P->at++;
        if (!az_jp_expect(P, AZ_JT_NAME, "expected the name of a filter")) return NULL;
    }
    if (az_jp_at(P)->kind == AZ_JT_LPAREN && !call_args(P, n)) return NULL;
    return n;
}

az_jnode *az_jp_filters(parser *P, az_jnode *n, bool inline_first)
{
    while (inline_first || az_jp_at(P)->kind == AZ_JT_PIPE) {
        if (!inline_first) P->at++;
        n = one_filter(P, n);
        if (!n) return NULL;
        inline_first = false;
    }
    return n;
}

static az_jnode *call(parser *P, az_jnode *callee)
{
    az_jnode *n = az_jp_node(P, AZ_JN_CALL, az_jp_at(P));

    if (!n) return NULL;
    n->a = callee;
    return call_args(P, n) ? n : NULL;
}

/* Bounds of a slice, or an index, up to ] or a comma. */
static az_jnode *subscript(parser *P)
{
    const az_jtok *at = az_jp_at(P);
    az_jnode *first = NULL, *n;

    if (at->kind != AZ_JT_COLON) {
        first = az_jp_expr(P);
        if (!first || az_jp_at(P)->kind != AZ_JT_COLON) return first;
    }
    P->at++;
    n = az_jp_node(P, AZ_JN_SLICE, at);
    if (!n) return NULL;
    n->b = first;
    if (az_jp_at(P)->kind != AZ_JT_COLON && az_jp_at(P)->kind != AZ_JT_RBRACKET &&
        az_jp_at(P)->kind != AZ_JT_COMMA && !(n->c = az_jp_expr(P)))
        return NULL;
    if (az_jp_at(P)->kind == AZ_JT_COLON) {
        P->at++;
        if (az_jp_at(P)->kind != AZ_JT_RBRACKET && az_jp_at(P)->kind != AZ_JT_COMMA &&
            !(n->d = az_jp_expr(P)))
            return NULL;
    }
    return n;
}

static az_jnode *brackets(parser *P, az_jnode *value)
{
    const az_jtok *at = az_jp_at(P);
    az_jnode *list = NULL, **end = &list, *n, *arg;
    size_t count = 0;

    for (P->at++; az_jp_at(P)->kind != AZ_JT_RBRACKET; count++) {
        if (count && !az_jp_expect(P, AZ_JT_COMMA, "expected a comma or ]")) return NULL;
        arg = subscript(P);
        if (!arg) return NULL;
        if (count && (arg->kind == AZ_JN_SLICE || list->kind == AZ_JN_SLICE)) {
            az_jp_fail(P, "a slice in a tuple cannot be used");
            return NULL;
        }
        *end = arg;
        end = &arg->next;
    }
    P->at++;
    if (count == 1 && list->kind == AZ_JN_SLICE) {
        list->a = value;
        return list;
    }
    arg = list;
    if (count != 1) {
        arg = az_jp_node(P, AZ_JN_TUPLE, at);
        if (!arg) return NULL;
        arg->list = list;
    }
    n = az_jp_node(P, AZ_JN_ITEM, at);
    if (!n) return NULL;
    n->a = value;
    n->b = arg;
    return n;
}

static az_jnode *attribute(parser *P, az_jnode *value)
{
    const az_jtok *at = az_jp_at(P), *name = at + 1;
    az_jnode *n;

    P->at++;
    if (name->kind != AZ_JT_NAME && name->kind != AZ_JT_INT) {
        az_jp_fail(P, "expected a name or a number after the dot");
        return NULL;
    }
    P->at++;
    n = az_jp_node(P, name->kind == AZ_JT_NAME ? AZ_JN_ATTR : AZ_JN_ITEM, at);
    if (!n) return NULL;
    n->a = value;
    n->value = name->value;
    if (name->kind == AZ_JT_INT) {
        n->b = az_jp_node(P, AZ_JN_CONST, name);
        if (!n->b) return NULL;
        n->b->value = name->value;
    }
    return n;
}

static az_jnode *postfix(parser *P, az_jnode *n)
{
    while (n) {
        az_jtok_kind kind = az_jp_at(P)->kind;
        if (kind == AZ_JT_DOT)
            n = attribute(P, n);
        else if (kind == AZ_JT_LBRACKET)
            n = brackets(P, n);
        else if (kind == AZ_JT_LPAREN)
            n = call(P, n);
        else
            break;
    }
    return n;
}

/* A test's argument may follow without parentheses. */
static bool has_bare_argument(parser *P)
{
    switch (az_jp_at(P)->kind) {
    case AZ_JT_STRING:
    case AZ_JT_INT:
    case AZ_JT_FLOAT:
    case AZ_JT_LBRACKET:
    case AZ_JT_LBRACE: return true;
    case AZ_JT_NAME: return !az_jp_is(P, "else") && !az_jp_is(P, "or") && !az_jp_is(P, "and");
    default: return false;
    }
}

static az_jnode *test(parser *P, az_jnode *value)
{
    const az_jtok *at = az_jp_at(P), *name;
    az_jnode *n, *no;
    bool negated;

    P->at++;
    negated = az_jp_word(P, "not");
    name = az_jp_at(P);
    if (!az_jp_expect(P, AZ_JT_NAME, "expected the name of a test")) return NULL;
    n = az_jp_node(P, AZ_JN_TEST, at);
    if (!n) return NULL;
    n->a = value;
    n->name = name->value.u.s;
    n->fn = az_jtest(n->name->s, n->name->n);
    while (az_jp_at(P)->kind == AZ_JT_DOT) {
        n->fn = NULL;
        P->at++;
        if (!az_jp_expect(P, AZ_JT_NAME, "expected the name of a test")) return NULL;
    }
    if (az_jp_at(P)->kind == AZ_JT_LPAREN) {
        if (!call_args(P, n)) return NULL;
    } else if (has_bare_argument(P)) {
        if (az_jp_is(P, "is")) {
            az_jp_fail(P, "tests cannot be chained with is");
            return NULL;
        }
        n->list = primary(P, false);
        n->list = n->list ? postfix(P, n->list) : NULL;
        if (!n->list) return NULL;
    }
    if (!negated) return n;
    no = az_jp_node(P, AZ_JN_NOT, at);
    if (no) no->a = n;
    return no;
}

static az_jnode *filters_and_tests(parser *P, az_jnode *n)
{
    while (n) {
        if (az_jp_at(P)->kind == AZ_JT_PIPE)
            n = az_jp_filters(P, n, false);
        else if (az_jp_is(P, "is"))
            n = test(P, n);
        else if (az_jp_at(P)->kind == AZ_JT_LPAREN)
            n = call(P, n);
        else
            break;
    }
    return n;
}

static az_jnode *sign(parser *P, az_jop op)
{
    const az_jtok *at = az_jp_at(P);
    az_jnode *n, *a;

    P->at++;
    if (!az_jenter(P->J)) return NULL;
    a = unary(P, false);
    az_jleave(P->J);
    n = a ? az_jp_node(P, AZ_JN_UNARY, at) : NULL;
    if (!n) return NULL;
    n->op = (uint8_t)op;
    n->a = a;
    return n;
}

static az_jnode *unary(parser *P, bool with_filter)
{
    az_jtok_kind kind = az_jp_at(P)->kind;
    az_jnode *n;

    if (kind == AZ_JT_SUB)
        n = sign(P, AZ_JOP_NEG);
    else if (kind == AZ_JT_ADD)
        n = sign(P, AZ_JOP_POS);
    else
        n = primary(P, false);
    n = postfix(P, n);
    return with_filter ? filters_and_tests(P, n) : n;
}

/* Macros whose bodies these are take the special variables that are read in them. */
static void note_special(parser *P, az_jval name)
{
    for (macro_context *c = P->macro; c; c = c->outer) {
        if (az_jstr_is(name, "caller")) c->m->uses_caller = true;
        if (az_jstr_is(name, "kwargs")) c->m->uses_kwargs = true;
        if (az_jstr_is(name, "varargs")) c->m->uses_varargs = true;
    }
}

static az_jnode *name(parser *P, bool with_ns)
{
    const az_jtok *t = az_jp_at(P);
    az_jnode *n = az_jp_node(P, AZ_JN_CONST, t);

    if (!n) return NULL;
    P->at++;
    if (az_jstr_is(t->value, "true") || az_jstr_is(t->value, "True"))
        n->value = az_jbool(true);
    else if (az_jstr_is(t->value, "false") || az_jstr_is(t->value, "False"))
        n->value = az_jbool(false);
    else if (az_jstr_is(t->value, "none") || az_jstr_is(t->value, "None"))
        n->value = AZ_JNONE;
    else {
        n->kind = AZ_JN_NAME;
        n->name = t->value.u.s;
        if (with_ns && az_jp_at(P)->kind == AZ_JT_DOT) {
            P->at++;
            n->kind = AZ_JN_NSREF;
            n->value = az_jp_at(P)->value;
            if (!az_jp_expect(P, AZ_JT_NAME, "expected a name after the dot")) return NULL;
        } else if (!with_ns)
            note_special(P, t->value);
    }
    return n;
}

static az_jnode *strings(parser *P)
{
    az_jnode *n = az_jp_node(P, AZ_JN_CONST, az_jp_at(P));
    az_buf b;

    if (!n) return NULL;
    n->value = az_jp_at(P)->value;
    P->at++;
    if (az_jp_at(P)->kind != AZ_JT_STRING) return n;
    az_jbuf(P->J, &b);
    az_buf_put(&b, n->value.u.s->s, n->value.u.s->n);
    for (; az_jp_at(P)->kind == AZ_JT_STRING; P->at++)
        az_buf_put(&b, az_jp_at(P)->value.u.s->s, az_jp_at(P)->value.u.s->n);
    n->value = az_jstr_of_buf(P->J, &b);
    return az_jfailed(P->J) ? NULL : n;
}

/* A list or dict literal. */
static az_jnode *literal(parser *P, az_jnode_kind kind, az_jtok_kind close)
{
    az_jnode *n = az_jp_node(P, kind, az_jp_at(P)), **end, *item;

    if (!n) return NULL;
    end = &n->list;
    for (P->at++; az_jp_at(P)->kind != close;) {
        const az_jtok *at;
        if (n->list) {
            if (!az_jp_expect(P, AZ_JT_COMMA, "expected a comma or the closing bracket"))
                return NULL;
            if (az_jp_at(P)->kind == close) break;
        }
        at = az_jp_at(P);
        item = az_jp_expr(P);
        if (item && kind == AZ_JN_DICT) {
            if (!az_jp_expect(P, AZ_JT_COLON, "expected :")) return NULL;
            item = pair(P, AZ_JN_KEYWORD, 0, item, az_jp_expr(P), at);
        }
        if (!item) return NULL;
        *end = item;
        end = &item->next;
    }
    P->at++;
    return n;
}

static az_jnode *primary(parser *P, bool with_ns)
{
    const az_jtok *t = az_jp_at(P);
    az_jnode *n;

    switch (t->kind) {
    case AZ_JT_NAME: return name(P, with_ns);
    case AZ_JT_STRING: return strings(P);
    case AZ_JT_INT:
    case AZ_JT_FLOAT:
        n = az_jp_node(P, AZ_JN_CONST, t);
        if (n) n->value = t->value;
        P->at++;
        return n;
    case AZ_JT_LPAREN:
        P->at++;
        n = az_jp_tuple(P, (tuple_opts){ .cond = true, .parens = true });
        return n && az_jp_expect(P, AZ_JT_RPAREN, "expected )") ? n : NULL;
    case AZ_JT_LBRACKET: return literal(P, AZ_JN_LIST, AZ_JT_RBRACKET);
    case AZ_JT_LBRACE: return literal(P, AZ_JN_DICT, AZ_JT_RBRACE);
    default: az_jp_fail(P, "expected an expression"); return NULL;
    }
}

static bool tuple_ends(parser *P, const tuple_opts *o)
{
    az_jtok_kind kind = az_jp_at(P)->kind;

    return kind == AZ_JT_VAR_END || kind == AZ_JT_BLOCK_END || kind == AZ_JT_RPAREN ||
           (o->end && az_jp_is(P, o->end));
}

static az_jnode *tuple(parser *P, tuple_opts o)
{
    const az_jtok *at = az_jp_at(P);
    az_jnode *first = NULL, **end = &first, *n;
    bool is_tuple = false;

    for (;;) {
        if (first && !az_jp_expect(P, AZ_JT_COMMA, "expected a comma")) return NULL;
        if (tuple_ends(P, &o)) break;
        n = o.simple ? primary(P, o.with_ns) : o.cond ? az_jp_expr(P) : parse_or(P);
        if (!n) return NULL;
        *end = n;
        end = &n->next;
        if (az_jp_at(P)->kind != AZ_JT_COMMA) break;
        is_tuple = true;
    }
    if (!is_tuple && first) return first;
    if (!is_tuple && !o.parens) {
        az_jp_fail(P, "expected an expression");
        return NULL;
    }
    n = az_jp_node(P, AZ_JN_TUPLE, at);
    if (n) n->list = first;
    return n;
}

az_jnode *az_jp_tuple(parser *P, tuple_opts o)
{
    az_jnode *n;

    if (!az_jenter(P->J)) return NULL;
    n = tuple(P, o);
    az_jleave(P->J);
    return az_jfailed(P->J) ? NULL : n;
}
