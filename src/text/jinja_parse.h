/* What the two halves of the parser share. */
#ifndef AZ_TEXT_JINJA_PARSE_H
#define AZ_TEXT_JINJA_PARSE_H

#include "text/jinja_ast.h"

/* Macro bodies around the current token, innermost first: who uses caller, kwargs, varargs. */
typedef struct macro_context macro_context;
struct macro_context {
    macro_context *outer;
    az_jmacro *m;
};

typedef struct parser {
    az_jinja *J;
    az_jtok *t;
    size_t at;
    macro_context *macro;
    int in_for;   /* inside this many for tags: loop is taken */
    bool in_loop; /* break and continue are allowed */
} parser;

typedef struct tuple_opts {
    bool simple, cond, parens, with_ns;
    const char *end; /* a name that ends the tuple */
} tuple_opts;

static inline const az_jtok *az_jp_at(const parser *P)
{
    return &P->t[P->at];
}
void az_jp_fail(parser *P, const char *what);
az_jnode *az_jp_node(parser *P, az_jnode_kind kind, const az_jtok *at);
bool az_jp_expect(parser *P, az_jtok_kind kind, const char *what);
bool az_jp_is(const parser *P, const char *word);
bool az_jp_word(parser *P, const char *word); /* skips it when it is there */

/* jinja_expr.c; NULL: failed. */
az_jnode *az_jp_expr(parser *P);
az_jnode *az_jp_tuple(parser *P, tuple_opts o);
/* Filters after `n`, with their bars; NULL and no failure when there are none. inline_first: the first has no bar. */
az_jnode *az_jp_filters(parser *P, az_jnode *n, bool inline_first);

#endif
