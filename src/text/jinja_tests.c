/* Tests: what may follow `is`. Source: jinja2 3.1 tests.py. */
#include "text/jinja_value.h"

#define TEST(name) static az_jval name(az_jinja *J, const az_jval *a, const az_jargs *args)

/* A test that looks at the kind of the value alone. */
#define KIND(name, condition)       \
    TEST(name)                      \
    {                               \
        (void)J;                    \
        (void)args;                 \
        return az_jbool(condition); \
    }
KIND(t_defined, !az_jis_undef(a[0]))
KIND(t_undefined, az_jis_undef(a[0]))
KIND(t_none, a[0].kind == AZ_J_NONE)
KIND(t_boolean, a[0].kind == AZ_J_BOOL)
KIND(t_true, a[0].kind == AZ_J_BOOL && a[0].u.b)
KIND(t_false, a[0].kind == AZ_J_BOOL && !a[0].u.b)
KIND(t_integer, a[0].kind == AZ_J_INT)
KIND(t_float, a[0].kind == AZ_J_FLOAT)
KIND(t_number, az_jis_num(a[0]))
KIND(t_string, az_jis_str(a[0]))
KIND(t_mapping, a[0].kind == AZ_J_DICT)
KIND(t_iterable, az_jiterable(a[0]))
KIND(t_sequence, az_jis_undef(a[0]) || az_jis_str(a[0]) || az_jis_seq(a[0]) ||
                     a[0].kind == AZ_J_DICT || a[0].kind == AZ_J_RANGE)
KIND(t_callable, az_jis_undef(a[0]) || a[0].kind == AZ_J_FUNC || a[0].kind == AZ_J_MACRO ||
                     a[0].kind == AZ_J_LOOP || a[0].kind == AZ_J_JOINER)
KIND(t_escaped, az_jis_str(a[0]) && a[0].markup)

/* value % n == want */
static az_jval remainder_is(az_jinja *J, az_jval v, az_jval n, int64_t want)
{
    az_jval r = az_jbinary(J, AZ_JOP_MOD, v, n);

    return az_jbool(az_jequal(J, r, az_jint(want)));
}

TEST(t_odd)
{
    (void)args;
    return remainder_is(J, a[0], az_jint(2), 1);
}

TEST(t_even)
{
    (void)args;
    return remainder_is(J, a[0], az_jint(2), 0);
}

TEST(t_divisibleby)
{
    (void)args;
    return remainder_is(J, a[0], a[1], 0);
}

TEST(t_lower)
{
    az_jval s = az_jto_str(J, a[0]);

    (void)args;
    return az_jfailed(J) ? AZ_JUNDEF : az_jbool(az_jcased(s, false));
}

TEST(t_upper)
{
    az_jval s = az_jto_str(J, a[0]);

    (void)args;
    return az_jfailed(J) ? AZ_JUNDEF : az_jbool(az_jcased(s, true));
}

/* Identity: the same object. Equal strings and small numbers are one object in Python, mostly. */
TEST(t_sameas)
{
    (void)args;
    if (a[0].kind != a[1].kind) return az_jbool(false);
    if (a[0].kind <= AZ_J_STR) return az_jbool(az_jequal(J, a[0], a[1]));
    return az_jbool(a[0].u.d == a[1].u.d);
}

#define COMPARE(name, op)                                \
    TEST(name)                                           \
    {                                                    \
        (void)args;                                      \
        return az_jbool(az_jcompare(J, op, a[0], a[1])); \
    }
COMPARE(t_eq, AZ_JOP_EQ)
COMPARE(t_ne, AZ_JOP_NE)
COMPARE(t_lt, AZ_JOP_LT)
COMPARE(t_le, AZ_JOP_LE)
COMPARE(t_gt, AZ_JOP_GT)
COMPARE(t_ge, AZ_JOP_GE)
COMPARE(t_in, AZ_JOP_IN)

TEST(t_filter)
{
    (void)J;
    (void)args;
    return az_jbool(az_jis_str(a[0]) && az_jfilter(a[0].u.s->s, a[0].u.s->n));
}

TEST(t_test)
{
    (void)J;
    (void)args;
    return az_jbool(az_jis_str(a[0]) && az_jtest(a[0].u.s->s, a[0].u.s->n));
}

const az_jfunc az_jtests[] = {
    { "defined", "value", t_defined },
    { "undefined", "value", t_undefined },
    { "none", "value", t_none },
    { "boolean", "value", t_boolean },
    { "true", "value", t_true },
    { "false", "value", t_false },
    { "integer", "value", t_integer },
    { "float", "value", t_float },
    { "number", "value", t_number },
    { "string", "value", t_string },
    { "mapping", "value", t_mapping },
    { "iterable", "value", t_iterable },
    { "sequence", "value", t_sequence },
    { "callable", "/value", t_callable },
    { "escaped", "value", t_escaped },
    { "odd", "value", t_odd },
    { "even", "value", t_even },
    { "divisibleby", "value,num", t_divisibleby },
    { "lower", "value", t_lower },
    { "upper", "value", t_upper },
    { "sameas", "value,other", t_sameas },
    { "in", "value,seq", t_in },
    { "filter", "value", t_filter },
    { "test", "value", t_test },
    { "eq", "/a,b", t_eq },
    { "==", "/a,b", t_eq },
    { "equalto", "/a,b", t_eq },
    { "ne", "/a,b", t_ne },
    { "!=", "/a,b", t_ne },
    { "lt", "/a,b", t_lt },
    { "<", "/a,b", t_lt },
    { "lessthan", "/a,b", t_lt },
    { "le", "/a,b", t_le },
    { "<=", "/a,b", t_le },
    { "gt", "/a,b", t_gt },
    { ">", "/a,b", t_gt },
    { "greaterthan", "/a,b", t_gt },
    { "ge", "/a,b", t_ge },
    { ">=", "/a,b", t_ge },
    { 0 },
};

const az_jfunc *az_jtest(const char *s, size_t n)
{
    return az_jfind(az_jtests, s, n);
}
