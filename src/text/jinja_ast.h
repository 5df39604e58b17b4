/* Tokens, nodes and scopes of a parsed template. */
#ifndef AZ_TEXT_JINJA_AST_H
#define AZ_TEXT_JINJA_AST_H

#include "text/jinja_value.h"

typedef enum az_jtok_kind {
    AZ_JT_EOF,
    AZ_JT_DATA,
    AZ_JT_BLOCK_BEGIN,
    AZ_JT_BLOCK_END,
    AZ_JT_VAR_BEGIN,
    AZ_JT_VAR_END,
    AZ_JT_NAME,
    AZ_JT_STRING,
    AZ_JT_INT,
    AZ_JT_FLOAT,
    /* operators, in the order of the lexer's table */
    AZ_JT_POW,
    AZ_JT_FLOORDIV,
    AZ_JT_EQ,
    AZ_JT_NE,
    AZ_JT_GE,
    AZ_JT_LE,
    AZ_JT_ADD,
    AZ_JT_SUB,
    AZ_JT_DIV,
    AZ_JT_MUL,
    AZ_JT_MOD,
    AZ_JT_TILDE,
    AZ_JT_LBRACKET,
    AZ_JT_RBRACKET,
    AZ_JT_LPAREN,
    AZ_JT_RPAREN,
    AZ_JT_LBRACE,
    AZ_JT_RBRACE,
    AZ_JT_GT,
    AZ_JT_LT,
    AZ_JT_ASSIGN,
    AZ_JT_DOT,
    AZ_JT_COLON,
    AZ_JT_PIPE,
    AZ_JT_COMMA,
    AZ_JT_SEMICOLON
} az_jtok_kind;

typedef struct az_jtok {
    az_jtok_kind kind;
    uint32_t line, col;
    az_jval value; /* data, name, string, number */
} az_jtok;

/* The whole template as tokens, in J's arena; false: failed. */
bool az_jlex(az_jinja *J, const char *s, size_t n, az_jtok **tokens, size_t *n_tokens);

typedef enum az_jnode_kind {
    /* statements */
    AZ_JN_DATA,         /* value */
    AZ_JN_OUTPUT,       /* a */
    AZ_JN_IF,           /* a test, list body, b the next elif, list2 else */
    AZ_JN_FOR,          /* a target, b iterable, c test, list body, list2 else, flag recursive */
    AZ_JN_SET,          /* a target, b value */
    AZ_JN_SET_BLOCK,    /* a target, b filters or NULL, list body */
    AZ_JN_MACRO,        /* name, params, list body */
    AZ_JN_CALL_BLOCK,   /* a call, params, list body */
    AZ_JN_FILTER_BLOCK, /* a filters, list body */
    AZ_JN_WITH,         /* list2 of KEYWORD: a target, b value; list body */
    AZ_JN_GENERATION,   /* list body */
    AZ_JN_BLOCK,        /* list body */
    AZ_JN_BREAK,
    AZ_JN_CONTINUE,
    AZ_JN_LOADER, /* name: include, import, from, extends: there is no loader */
    /* expressions */
    AZ_JN_CONST,
    AZ_JN_NAME,   /* name, hops, slot; op: AZ_J_LOAD, ... */
    AZ_JN_NSREF,  /* name, value: the attribute */
    AZ_JN_TUPLE,  /* list */
    AZ_JN_LIST,   /* list */
    AZ_JN_DICT,   /* list of KEYWORD: a key, b value */
    AZ_JN_BINARY, /* op, a, b */
    AZ_JN_UNARY,  /* op, a */
    AZ_JN_AND,
    AZ_JN_OR,
    AZ_JN_NOT,
    AZ_JN_COMPARE, /* a, list of OPERAND */
    AZ_JN_OPERAND, /* op, a */
    AZ_JN_CONCAT,  /* list */
    AZ_JN_COND,    /* a value, b test, c else or NULL */
    AZ_JN_ATTR,    /* a, value: the name */
    AZ_JN_ITEM,    /* a, b */
    AZ_JN_SLICE,   /* a, and b, c, d bounds or NULL */
    AZ_JN_CALL,    /* a, list arguments, list2 KEYWORDs, b *args, c **kwargs */
    AZ_JN_FILTER,  /* as CALL with name and fn; a NULL: the captured text */
    AZ_JN_TEST,    /* as FILTER */
    AZ_JN_KEYWORD
} az_jnode_kind;

enum { AZ_J_LOAD, AZ_J_STORE, AZ_J_PARAM };

typedef enum az_jload {
    AZ_JLOAD_PARAM,
    AZ_JLOAD_RESOLVE,
    AZ_JLOAD_ALIAS,
    AZ_JLOAD_UNSET,
    AZ_JLOAD_OUTER
} az_jload;

/* One name of a scope; found by jinja2's rules (idtracking.py). OUTER: not a variable of this scope. */
typedef struct az_jvar {
    const az_jstr *name;
    bool param, stored, set_first; /* set_first: an unconditional store before anything else */
    az_jload load;
    int hops, slot; /* of the outer variable for ALIAS and OUTER */
} az_jvar;

typedef struct az_jscope az_jscope;
struct az_jscope {
    az_jscope *parent;
    az_jvar *vars;
    size_t n, cap;
    az_jdict *by_name;
    az_jnode *refs;  /* names to resolve, by next_ref */
    az_jnode *inner; /* nodes that open scopes, by next_ref */
    az_jnode *inner_last;
};

struct az_jnode {
    uint8_t kind, op;
    bool flag;
    uint32_t line, col;
    int hops, slot;
    az_jnode *next, *next_ref;
    az_jnode *a, *b, *c, *d, *list, *list2;
    const az_jstr *name;
    az_jval value;
    const az_jfunc *fn;
    az_jscope *scope, *scope2, *scope3; /* body; a loop's test; a loop's else */
    az_jmacro *macro;
};

/* What is fixed about a macro, a call block or a generation block; with a frame it is a value. */
struct az_jmacro {
    const az_jnode *node;
    const az_jstr *name;
    az_jnode *params; /* names; a: the default or NULL */
    size_t n_params;
    bool uses_caller, uses_kwargs, uses_varargs, names_caller;
    int caller_slot, kwargs_slot, varargs_slot;
    az_jframe *frame; /* where it was defined */
};

struct az_jframe {
    az_jframe *parent;
    const az_jscope *scope;
    az_jval slots[];
};

struct az_template {
    adze_run *run;
    az_arena arena;
    az_template_limits limits;
    az_jnode *body;
    az_jscope *scope;
};

/* Parse into t->body; names are resolved. false: failed. */
bool az_jparse(az_jinja *J, az_template *t, const char *source, size_t n);
bool az_jresolve_names(az_jinja *J, az_template *t);

/* jinja_eval.c, jinja_exec.c */
typedef enum az_jflow { AZ_JFLOW_NEXT, AZ_JFLOW_BREAK, AZ_JFLOW_CONTINUE } az_jflow;
az_jval az_jeval(az_jinja *J, az_jframe *f, const az_jnode *n);
az_jval az_jeval_filters(az_jinja *J, az_jframe *f, const az_jnode *n, az_jval text);
bool az_jeval_args(az_jinja *J, az_jframe *f, const az_jnode *call, az_jargs *args);
az_jflow az_jexec(az_jinja *J, az_jframe *f, const az_jnode *list);
az_jframe *az_jframe_new(az_jinja *J, const az_jscope *scope, az_jframe *parent);
void az_jframe_enter(az_jinja *J, az_jframe *f); /* gives every variable its first value */
bool az_jassign(az_jinja *J, az_jframe *f, const az_jnode *target, az_jval v);
az_jval az_jmacro_call(az_jinja *J, const az_jmacro *m, const az_jargs *args);
az_jval az_jloop_attr(az_jinja *J, az_jloop *l, const char *s, size_t n); /* MISSING: none */
size_t az_jloop_length(az_jinja *J, az_jloop *l);
az_jval az_jloop_recurse(az_jinja *J, az_jloop *l, az_jval items);

/* A running loop. */
struct az_jloop {
    const az_jnode *node;
    az_jframe *outer; /* frame around the loop */
    az_jiter *it;
    az_jval iterable;
    int64_t index0;
    size_t depth0, length;
    bool has_length;
    az_jval before, current, after, changed; /* MISSING where there is none */
};

#endif
