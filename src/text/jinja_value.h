/* Values of the template interpreter, and the state of one rendering.
 *
 * Values are small and passed by value; what they point to lives in the rendering's arena until it ends. Nothing
 * but a namespace, an iterator, a cycler and a joiner ever changes after it was made: the sandbox refuses the
 * methods that would. Failure is sticky: the first az_jfail keeps its message, everything after it gives back
 * undefined and returns early.
 */
#ifndef AZ_TEXT_JINJA_VALUE_H
#define AZ_TEXT_JINJA_VALUE_H

#include <string.h>
#include "base/arena.h"
#include "text/jinja.h"
#include "text/unicode.h"

typedef enum az_jkind {
    AZ_J_MISSING, /* no value at all: an argument not given, a variable not set */
    AZ_J_UNDEF,
    AZ_J_NONE,
    AZ_J_BOOL,
    AZ_J_INT,
    AZ_J_FLOAT,
    AZ_J_STR,
    AZ_J_LIST,
    AZ_J_TUPLE,
    AZ_J_DICT,
    AZ_J_VIEW, /* what keys(), values() and items() give */
    AZ_J_RANGE,
    AZ_J_ITER, /* a generator or iterator: read once */
    AZ_J_NS,
    AZ_J_FUNC, /* a method bound to its object, or a global function */
    AZ_J_MACRO,
    AZ_J_LOOP,
    AZ_J_CYCLER,
    AZ_J_JOINER
} az_jkind;

typedef struct az_jinja az_jinja;
typedef struct az_jval az_jval;
typedef struct az_jstr az_jstr;
typedef struct az_jseq az_jseq;
typedef struct az_jdict az_jdict;
typedef struct az_jiter az_jiter;
typedef struct az_jargs az_jargs;
typedef struct az_jfunc az_jfunc;
typedef struct az_jmacro az_jmacro;
typedef struct az_jloop az_jloop;
typedef struct az_jframe az_jframe;
typedef struct az_jnode az_jnode;

struct az_jval {
    uint8_t kind;
    bool markup;  /* AZ_J_STR: made by safe or escape, so + escapes what is not */
    uint8_t view; /* AZ_J_VIEW: 0 keys, 1 values, 2 items */
    union {
        bool b;
        int64_t i;
        double f;
        const az_jstr *s;
        const char *why; /* AZ_J_UNDEF: the message when it is used; NULL: a plain one */
        az_jseq *seq;    /* list, tuple */
        az_jdict *d;     /* dict, view, namespace */
        const struct az_jrange *r;
        az_jiter *it;
        const struct az_jbound *fn;
        const az_jmacro *m;
        az_jloop *loop;
        struct az_jcycle *cycle;
    } u;
};

struct az_jstr {
    const char *s; /* valid UTF-8, not NUL-terminated */
    size_t n, chars;
};
struct az_jseq {
    az_jval *v;
    size_t n, cap;
    bool group; /* a tuple of groupby, with the attributes grouper and list */
};
typedef struct az_jpair {
    az_jval key, value;
    uint64_t hash;
} az_jpair;
struct az_jdict {
    az_jpair *p; /* in order of insertion */
    size_t n, cap;
    uint32_t *index; /* [n_index] place in p plus 1, 0: free; NULL while small */
    size_t n_index;  /* a power of two */
};
typedef struct az_jrange {
    int64_t start, stop, step;
    size_t n;
} az_jrange;
typedef struct az_jbound {
    const az_jfunc *fn;
    az_jval self; /* AZ_J_MISSING: a global */
} az_jbound;
typedef struct az_jcycle { /* cycler and joiner */
    az_jseq *items;
    az_jval sep;
    size_t pos;
    bool used;
} az_jcycle;
struct az_jargs {
    az_jval *pos;
    size_t n;
    const az_jstr **name; /* [n_kw] */
    az_jval *kw;
    size_t n_kw;
};

/* A function, filter, test or method: one row of a table. */
struct az_jfunc {
    const char *name;
    /* Parameter names "a,b;c,d", those before ';' must be given; a leading '/' forbids keywords. NULL: fn reads args
     * itself. A method's object and a filter's or test's value come first. */
    const char *params;
    /* a: [AZ_J_MAX_PARAMS] bound parameters, AZ_J_MISSING where not given. NULL: known but refused,
     * and params says why (NULL: adze does not have it). */
    az_jval (*fn)(az_jinja *J, const az_jval *a, const az_jargs *args);
};
enum { AZ_J_MAX_PARAMS = 8 };

/* Iteration. next gives false at the end or on failure. */
struct az_jiter {
    bool (*next)(az_jinja *J, az_jiter *it, az_jval *out);
    az_jval src, aux;
    az_jiter *in;
    size_t i, n;
    const az_jfunc *fn;
    az_jargs args;
    const az_jnode *node; /* a loop's test */
    az_jframe *frame;
    bool flag, flag2;
    az_jdict *seen;
};

/* One rendering. */
struct az_jinja {
    adze_run *run;
    az_arena arena;
    const az_template *t;
    az_template_limits limits;
    uint64_t steps;
    int depth;
    adze_status rc;
    adze_error *err;
    uint32_t line, col; /* of what is being evaluated */
    az_jdict *vars;
    az_jframe *top; /* frame of the template itself */
    az_buf *out;    /* where output goes now */
};

/* Failure. az_jfail returns undefined; only the first one counts. */
az_jval az_jfail(az_jinja *J, const char *fmt, ...) AZ_PRINTF(2, 3);
az_jval az_jfail_status(az_jinja *J, adze_status rc, const char *fmt, ...) AZ_PRINTF(3, 4);
static inline bool az_jfailed(const az_jinja *J)
{
    return J->rc < 0;
}
/* Pay for work; false: failed. */
bool az_jstep(az_jinja *J, uint64_t n);
bool az_jstep_bytes(az_jinja *J, size_t n);
bool az_jenter(az_jinja *J); /* one level deeper; true must be paired with az_jleave */
static inline void az_jleave(az_jinja *J)
{
    J->depth--;
}
void *az_jalloc(az_jinja *J, size_t n); /* zeroed; NULL: failed */
void *az_jarray(az_jinja *J, size_t n, size_t size);

/* Making values. */
static inline az_jval az_j(az_jkind kind)
{
    return (az_jval){ .kind = (uint8_t)kind };
}
#define AZ_JUNDEF az_j(AZ_J_UNDEF)
#define AZ_JNONE  az_j(AZ_J_NONE)
#define AZ_JMISS  az_j(AZ_J_MISSING)
static inline az_jval az_jbool(bool b)
{
    return (az_jval){ .kind = AZ_J_BOOL, .u.b = b };
}
static inline az_jval az_jint(int64_t i)
{
    return (az_jval){ .kind = AZ_J_INT, .u.i = i };
}
static inline az_jval az_jfloat(double f)
{
    return (az_jval){ .kind = AZ_J_FLOAT, .u.f = f };
}
az_jval az_jundef(az_jinja *J, const char *fmt, ...) AZ_PRINTF(2, 3); /* with its message */
az_jval az_jstrn(az_jinja *J, const char *s, size_t n);               /* copies */
az_jval az_jstrz(az_jinja *J, const char *s);
az_jval az_jstr_ref(az_jinja *J, const char *s, size_t n); /* s outlives the rendering */
az_jval az_jstr_part(az_jinja *J, az_jval s, size_t from,
                     size_t n);                 /* bytes; shares, keeps markup */
az_jval az_jstr_of_buf(az_jinja *J, az_buf *b); /* copies and frees b; fails when b failed */
void az_jfail_buf(az_jinja *J);                 /* a buffer failed: the limit, or memory */
void az_jbuf(az_jinja *J, az_buf *b);           /* init with the output limit */
az_jseq *az_jseq_new(az_jinja *J, size_t cap);
bool az_jseq_add(az_jinja *J, az_jseq *q, az_jval v);
az_jval az_jseq_val(az_jkind kind, az_jseq *q); /* NULL: undefined */
az_jval az_jpair_val(az_jinja *J, az_jval a, az_jval b);
az_jdict *az_jdict_new(az_jinja *J, size_t cap);
az_jval az_jdict_val(az_jdict *d);
bool az_jdict_set(az_jinja *J, az_jdict *d, az_jval key, az_jval value); /* fails: unhashable */
bool az_jdict_sets(az_jinja *J, az_jdict *d, const char *key, az_jval value);
const az_jval *az_jdict_get(az_jinja *J, const az_jdict *d,
                            az_jval key); /* NULL: none, or failed */
const az_jval *az_jdict_gets(az_jinja *J, const az_jdict *d, const char *key, size_t n);
bool az_jhashable(const az_jval *v, int depth);
az_jval az_jview_item(az_jinja *J, const az_jdict *d, int view, size_t i);
az_jval az_jfrom_json(az_jinja *J, const json_t *j);

/* Asking values. */
static inline bool az_jis_str(az_jval v)
{
    return v.kind == AZ_J_STR;
}
static inline bool az_jis_undef(az_jval v)
{
    return v.kind == AZ_J_UNDEF;
}
/* A whole number: int or bool. */
static inline bool az_jis_int(az_jval v)
{
    return v.kind == AZ_J_INT || v.kind == AZ_J_BOOL;
}
static inline int64_t az_jto_int(az_jval v)
{
    return v.kind == AZ_J_BOOL ? v.u.b : v.u.i;
}
static inline bool az_jis_num(az_jval v)
{
    return az_jis_int(v) || v.kind == AZ_J_FLOAT;
}
static inline double az_jto_float(az_jval v)
{
    return v.kind == AZ_J_FLOAT ? v.u.f : (double)az_jto_int(v);
}
static inline bool az_jis_seq(az_jval v)
{
    return v.kind == AZ_J_LIST || v.kind == AZ_J_TUPLE;
}
static inline bool az_jstr_is(az_jval v, const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return v.kind == AZ_J_STR && v.u.s->n == n && memcmp(v.u.s->s, s, n) == 0;
}
const char *az_jtype_name(az_jval v); /* as Python names it */
bool az_jtruth(az_jinja *J, az_jval v);
bool az_jlen(az_jinja *J, az_jval v, size_t *n); /* false: has no length (not a failure) */
/* Fails with the message of an undefined value that was used. */
az_jval az_juse_undef(az_jinja *J, az_jval v);

/* jinja_iter.c */
az_jiter *az_jiter_of(az_jinja *J, az_jval v); /* NULL: failed, not iterable */
bool az_jiterable(az_jval v);
bool az_jnext(az_jinja *J, az_jiter *it, az_jval *out);
az_jval az_jiter_val(az_jiter *it);
az_jiter *az_jiter_new(az_jinja *J, bool (*next)(az_jinja *, az_jiter *, az_jval *));
az_jseq *az_jcollect(az_jinja *J, az_jval v); /* list(v); NULL: failed */

/* jinja_ops.c */
typedef enum az_jop {
    AZ_JOP_ADD,
    AZ_JOP_SUB,
    AZ_JOP_MUL,
    AZ_JOP_DIV,
    AZ_JOP_FLOORDIV,
    AZ_JOP_MOD,
    AZ_JOP_POW,
    AZ_JOP_NEG,
    AZ_JOP_POS,
    AZ_JOP_EQ,
    AZ_JOP_NE,
    AZ_JOP_LT,
    AZ_JOP_LE,
    AZ_JOP_GT,
    AZ_JOP_GE,
    AZ_JOP_IN,
    AZ_JOP_NOTIN
} az_jop;
az_jval az_jbinary(az_jinja *J, az_jop op, az_jval a, az_jval b);
az_jval az_junary(az_jinja *J, az_jop op, az_jval a);
bool az_jcompare(az_jinja *J, az_jop op, az_jval a, az_jval b);
bool az_jequal(az_jinja *J, az_jval a, az_jval b);
bool az_jless(az_jinja *J, az_jval a, az_jval b); /* a < b, or fails */
bool az_jcontains(az_jinja *J, az_jval item, az_jval in);
az_jval az_jslice(az_jinja *J, az_jval v, az_jval start, az_jval stop, az_jval step);
az_jval az_jgetattr(az_jinja *J, az_jval v, az_jval name); /* v.name */
az_jval az_jgetitem(az_jinja *J, az_jval v, az_jval key);  /* v[key] */
az_jval az_jattr_only(az_jinja *J, az_jval v, const char *s,
                      size_t n); /* MISSING: no such attribute */

/* jinja_repr.c */
void az_jput_str(az_jinja *J, az_buf *b, az_jval v);        /* str(v) */
void az_jput_repr(az_jinja *J, az_buf *b, az_jval v);       /* repr(v) */
az_jval az_jto_str(az_jinja *J, az_jval v);                 /* str(v), without markup */
az_jval az_jsoft_str(az_jinja *J, az_jval v);               /* v if it is a string */
void az_jfloat_text(double f, char buf[40]);                /* repr of a float */
bool az_jparse_float(const char *s, size_t n, double *out); /* C syntax, all of s */
az_jval az_jtojson(az_jinja *J, az_jval v,
                   const az_jval *opts); /* ensure_ascii, indent, separators, sort_keys */

/* jinja_str.c, jinja_case.c, jinja_format.c */
az_jval az_jescape(az_jinja *J, az_jval v); /* markupsafe.escape */
az_jval az_jstrip(az_jinja *J, az_jval s, az_jval chars, bool left, bool right);
az_jval az_jlower(az_jinja *J, az_jval s);
az_jval az_jupper(az_jinja *J, az_jval s);
az_jval az_jreplace(az_jinja *J, az_jval s, az_jval old, az_jval with, int64_t count);
az_jval az_jcapitalize(az_jinja *J, az_jval s);
az_jval az_jtitle_method(az_jinja *J, az_jval s); /* str.title */
az_jval az_jtitle_filter(az_jinja *J, az_jval s); /* the filter title */
az_jval az_jswapcase(az_jinja *J, az_jval s);
az_jval az_jpad(az_jinja *J, az_jval s, int64_t width, az_jval fill, int side);
az_jval az_jsplit_lines(az_jinja *J, az_jval s, bool keep);
bool az_jcased(az_jval s, bool upper); /* islower, isupper */
bool az_jspace(uint32_t c);            /* Python's str.isspace */
bool az_jalnum(uint32_t c);
bool az_jdecimal(uint32_t c);                                       /* Nd */
az_jval az_jpercent(az_jinja *J, az_jval fmt, az_jval arg);         /* fmt % arg */
az_jval az_jformat(az_jinja *J, az_jval fmt, const az_jargs *args); /* fmt.format(...) */
extern const az_jfunc az_jstr_methods[];

/* jinja_call.c */
az_jval az_jcall(az_jinja *J, az_jval f, const az_jargs *args);
az_jval az_jcall_func(az_jinja *J, const az_jfunc *f, az_jval self, const az_jargs *args);
const az_jfunc *az_jfind(const az_jfunc *table, const char *s, size_t n); /* ends with name NULL */
extern const az_jfunc az_jlist_methods[], az_jdict_methods[], az_jloop_methods[],
    az_jcycler_methods[], az_jglobals[], az_jdict_type_methods[];

/* jinja_filters.c and its siblings, jinja_tests.c */
const az_jfunc *az_jfilter(const char *s, size_t n); /* NULL: unknown */
const az_jfunc *az_jtest(const char *s, size_t n);
az_jval az_jurlize(az_jinja *J, const az_jval *a, const az_jargs *args); /* jinja_urlize.c */
extern const az_jfunc az_jfilters_text[], az_jfilters_seq[], az_jfilters_page[],
    az_jfilters_print[], az_jtests[];

/* jinja_case.c: Python's case mappings. Writes up to 3 characters, returns how many. */
int az_jcase_upper(uint32_t c, uint32_t out[3]);
int az_jcase_lower(uint32_t c, uint32_t out[3]);
int az_jcase_title(uint32_t c, uint32_t out[3]);

#endif
