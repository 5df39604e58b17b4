/* Templates: parsed and rendered with variables (the template, a zero byte, a JSON object). Work is bounded. */
#include "fuzz.h"
#include "text/jinja_value.h"

static void render(const uint8_t *data, size_t n, const az_template_limits *limits)
{
    adze_error err = { .pos = ADZE_NOPOS };
    adze_status rc;
    az_buf out;

    az_buf_init(&out, fuzz_run);
    rc = az_template_try(fuzz_run, (const char *)data, n, limits, &out, &err);
    fuzz_status(rc, &err);
    fuzz_want(rc == ADZE_OK || out.size == 0, "a failure writes nothing");
    fuzz_want(out.size <= limits->output_bytes, "output is bounded");
    az_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const az_template_limits wide = { .source_bytes = 1 << 16,
                                             .steps = 200000,
                                             .depth = 100,
                                             .output_bytes = 1 << 20,
                                             .memory_bytes = 16 << 20 };
    az_template_limits narrow = wide;

    fuzz_begin();
    render(data, n, &wide);
    switch (n % 4) { /* limits that are hit somewhere on the way */
    case 0: narrow.steps = 1 + n / 4 % 61; break;
    case 1: narrow.memory_bytes = 2048 + n / 4 % 32 * 256; break;
    case 2: narrow.output_bytes = 1 + n / 4 % 16; break;
    default: narrow.depth = (int)(1 + n / 4 % 9); break;
    }
    render(data, n, &narrow);
    fuzz_end();
    return 0;
}

/* What is no template, or none that renders. */
static const char *const wrong[] = {
    "{{",
    "{%",
    "{#",
    "{{ }}",
    "{% %}",
    "{% if %}{% endif %}",
    "{% if a %}",
    "{% else %}{% endif %}{{",
    "{% endfor %}",
    "{% for %}{% endfor %}",
    "{% for a b in c %}{% endfor %}",
    "{% for a in 1 %}{% endfor %}",
    "{% for a, in [[1]] %}{{ a }}{% endfor %}",
    "{% for a, b in [1] %}{% endfor %}",
    "{% set %}",
    "{% set a %}x{% endset %}{{ a }}",
    "{% set 1 = 2 %}",
    "{% set a.b = 2 %}",
    "{% set ns = namespace(a=1) %}{% set ns.a = 2 %}{{ ns.a }}",
    "{% macro %}{% endmacro %}",
    "{% macro m(a, a) %}{% endmacro %}",
    "{% macro m(a=1, b) %}{% endmacro %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% call m() %}{% endcall %}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% extends 'x' %}",
    "{% block x %}{% endblock %}",
    "{% raw %}{{ x }}{% endraw %}",
    "{% raw %}",
    "{% filter upper %}x{% endfilter %}",
    "{% with a = 1 %}{{ a }}{% endwith %}",
    "{% break %}",
    "{% for i in range(3) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 2 %}{% break %}{% "
    "endif %}{{ i }}{% endfor %}",
    "{% generation %}x{% endgeneration %}",
    "{% unknown %}",
    "{{ 1 // 0 }}",
    "{{ 1 / 0 }}",
    "{{ 1 % 0 }}",
    "{{ (-9223372036854775807 - 1) // -1 }}",
    "{{ 9223372036854775807 + 1 }}",
    "{{ 99999999999999999999 }}",
    "{{ 2 ** 64 }}",
    "{{ 2 ** -1 }}",
    "{{ 0x1f }}{{ 0b11 }}{{ 0o17 }}{{ 1_000 }}{{ 1e3 }}{{ 1.5 }}{{ 1. }}",
    "{{ 'a' * 1000000000 }}",
    "{{ range(1000000000)|list }}",
    "{% for i in range(1000000) %}{% for j in range(1000000) %}{% endfor %}{% endfor %}",
    "{{ [1,2,3][::0] }}",
    "{{ [1,2,3][::-1] }}{{ 'abc'[1:] }}{{ 'abc'[-1] }}{{ 'abc'[10] }}{{ (1,2)[0] }}",
    "{{ {}.x }}{{ {}.x.y }}",
    "{{ x.__class__ }}{{ ''.__class__.__mro__ }}",
    "{{ raise_exception('no') }}",
    "{{ x() }}",
    "{{ 'a'.nope() }}",
    "{{ 'a'|nope }}",
    "{{ 'a' is nope }}",
    "{{ 1 < 'a' }}",
    "{{ [1] == (1,) }}{{ {'a':1} == {'a':1} }}{{ not a }}{{ a and b or c }}{{ 1 in [1] }}{{ 1 not "
    "in [1] }}{{ 1 < 2 < 3 }}",
    "{{ 'a' ~ 1 ~ none }}{{ -1 }}{{ +1 }}{{ 7 // 2 }}{{ 7 % 2 }}{{ 2 ** 3 }}",
    "{{ 'unclosed }}",
    "{{ \"\\x41\\u00e9\\U0001f600\\n\\q\\101\" }}",
    "{{ '\\x4' }}",
    "{{ '\\N{DASH}' }}",
    "{{ "
    "(((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((("
    "(((((((((((((((((((((1)))",
    "{{ "
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
    "[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "{{ a if b }}{{ a if b else c }}",
    "{{ f(a, b=1, *c, **d) }}",
    "{{ dict(a=1) }}{{ [*a] }}",
    "{{ a. }}",
    "{{ a[ }}",
    "{{ a| }}",
    "{{ a is }}",
    "{{ ) }}",
    "{{ {'a' 1} }}",
    "{{ {1: 2, } }}",
    "{{ 1 2 }}",
    "{{ a ! b }}",
    "{{- 1 -}} {%- if true -%} x {%- endif -%} {#- c -#}",
    "{%+ if true +%}x{%+ endif +%}",
    "\xff{{ 1 }}",
    "{{ messages|tojson(indent=99999) }}",
    "{{ '%s %d %5.2f %x %%'|format('a', 1, 2.5, 255) }}",
    "{{ '{} {0}'.format(1) }}",
    "{{ messages|map(attribute='role')|join(',') }}{{ "
    "messages|selectattr('role','equalto','user')|list }}",
    "{{ messages|sort(attribute='role')|first }}{{ [3,1,2]|sort(reverse=true)|last }}{{ "
    "messages|groupby('role') }}",
    "{{ 'a b c'.split() }}{{ ' a '.strip() }}{{ 'abc'.replace('b','') }}{{ 'a'.startswith('a') "
    "}}{{ 'x'.join(['a',1]) }}",
    "{{ loop }}{% for i in [1] recursive %}{{ loop([2]) }}{% endfor %}",
    "{% for i in [1,2] if i > 1 %}{{ loop.index }}{{ loop.previtem }}{{ loop.nextitem }}{{ "
    "loop.cycle(1,2) }}{{ loop.changed(i) }}{% else %}none{% endfor %}",
    "{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}",
    "{{ strftime_now('%Y-%m-%d %H:%M:%S %j %a %A %b %B %p %y %Z %%') }}",
    "{% call(x) m() %}{% endcall %}",
    "{% macro m(a, caller) %}{{ caller(1) }}{% endmacro %}{% call(x) m(1) %}{{ x }}{% endcall %}",
    "{% macro m(a) %}{{ caller(1) }}{% endmacro %}{% call(x, y=2) m(1) %}{{ x }}{{ y }}{% endcall "
    "%}{{ m(1) }}",
    "{% macro m(a, caller=1) %}{{ caller }}{% endmacro %}{{ m.name }}{{ m.arguments }}{{ m(1) }}",
    "{% call 1 %}{% endcall %}",
    "{% call m %}{% endcall %}",
    "{% if a: %}x{% elif b %}y{% elif c %}z{% else %}w{% endif %}",
    "{% if a b %}x{% endif %}",
    "{% set loop = 1 %}",
    "{% for loop in [1] %}{% endfor %}",
    "{% for i in [1] %}{% set loop = 1 %}{% endfor %}",
    "{% set a, b = [1, 2] %}{{ a }}{{ b }}{% set (a, b), c = [[1,2],3] %}",
    "{% set a, 1 = [1, 2] %}",
    "{% set a %}x{% endset %}{% set a | upper %}x{% endset %}{{ a }}",
    "{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}",
    "{% with a = 1 b = 2 %}{% endwith %}",
    "{% with 1 = 2 %}{% endwith %}",
    "{% with a 2 %}{% endwith %}",
    "{% with %}x{% endwith %}",
    "{% block a scoped %}x{% endblock a %}{% block b required %}{% endblock c %}",
    "{% block %}{% endblock %}{% block a-b %}{% endblock %}",
    "{% block a %}{% endblock %}{% block a %}{% endblock %}",
    "{% macro m(a, b=%}{% endmacro %}",
    "{% macro m a %}{% endmacro %}",
    "{% macro m(a b) %}{% endmacro %}",
    "{% macro m(1) %}{% endmacro %}",
    "{% print 1 %}{% print 1, 2 %}{% do 1 %}",
    "{% autoescape true %}{{ '<' }}{% endautoescape %}",
    "{% filter %}x{% endfilter %}",
    "{% filter upper|lower %}x{% endfilter %}",
    "{% from 'x' import y as z, w with context %}",
    "{% include 'x' ignore missing %}",
    "{{ super() }}{{ self.a() }}",
    "{{ 'aaaa bbbb cccc dddd'|truncate(9) }}{{ 'aaaa bbbb cccc dddd'|truncate(9, true) }}{{ "
    "'aaaaaaaaaaaaaaaaaaaa'|truncate(9, false, '', 0) }}",
    "{{ '0x1F'|int(0, 16) }}{{ '0b11'|int(0, 2) }}{{ '017'|int(0, 0) }}{{ '0o17'|int(0, 8) }}{{ "
    "'z'|int(0, 36) }}{{ '1__0'|int }}{{ '-5'|int }}{{ '99999999999999999999'|int }}{{ 'x'|int(7, "
    "99) }}",
    "{{ 'inf'|float }}{{ '-infinity'|float }}{{ 'nan'|float }}{{ '+1_0.5e-3'|float }}{{ "
    "'x'|float(2) }}{{ 1e300|int }}",
    "{{ 15|round(-1) }}{{ 25|round(-1) }}{{ 1234567|round(-30) }}{{ -15|round(-1) }}{{ "
    "2.5|round(400) }}{{ 2.5|round(-400) }}{{ 2.5|round(100) }}{{ 125.5|round(-2) }}{{ "
    "2.567|round(1, 'floor') }}{{ 2.1|round(0, 'ceil') }}{{ 2|round(999, 'ceil') }}",
    "{{ 1000000|filesizeformat }}{{ 1e30|filesizeformat(true) }}{{ 1|filesizeformat }}{{ "
    "'5'|filesizeformat }}",
    "{{ '%(a)s'|format(a=1) }}{{ 'a\nb\n\nc'|indent(2, true, true) }}{{ 'a\nb'|indent('> ') }}{{ "
    "'a b/c&'|urlencode }}{{ {'a b': 1, 'c': '/'}|urlencode }}{{ [('a', 1)]|urlencode }}",
    "{{ 'a-b c'|title }}{{ 'x y z'|wordcount }}{{ 'abc'|center(9) }}",
    "{{ cycler(1,2).next() }}{{ joiner(',')() }}{{ lipsum() }}",
};

/* A template with the variables as text. */
static void seed(const char *source, size_t n, const char *vars)
{
    char *all = malloc(n + 1 + strlen(vars));

    if (!all) abort();
    memcpy(all, source, n);
    all[n] = 0;
    memcpy(all + n + 1, vars, strlen(vars));
    fuzz_seed(all, n + 1 + strlen(vars));
    free(all);
}

static json_t *load(const char *path)
{
    size_t n;
    char *text = fuzz_read(path, &n);
    json_t *j = text ? json_loadb(text, n, 0, NULL) : NULL;

    free(text);
    return j;
}

#define VALUES                                                                                \
    "'a Bc,1'", "''", "'\xc3\x9f\xc7\x86\xe1\x80\x90 \xf0\x9f\x98\x80'", "3", "-2.5", "true", \
        "none", "[3,'b',[1]]", "[2,1,2]", "{'a':1,'b':'x'}", "('a','b')", "nope", "messages", \
        "'0x1F'", "'-1_0.5e3'", "'inf'", "123456789", "1e20", "[['b',2],['A',1]]",            \
        "' aB\\n\\tcD  e\\r\\n'", "range(3)", "namespace(a=1)", "dict"
static const char *const values[] = { VALUES };
static const char *const arguments[] = { "",
                                         "1",
                                         "2, 1",
                                         "'a'",
                                         "',', 1",
                                         "'a', 'b', 1",
                                         "[1,'a']",
                                         "{'a': 'b'}",
                                         "'role'",
                                         "nope",
                                         "a=1",
                                         "-1, -1",
                                         "'odd'",
                                         "true, true",
                                         "attribute='role'",
                                         "3, 'x', 1, 2",
                                         "0, 16",
                                         "0, 0",
                                         "none, 'x'",
                                         "'a', -2, 5",
                                         "'role', 'equalto', 'user'",
                                         "'int'",
                                         "1, 'ceil'",
                                         "-1, 'floor'",
                                         "2, 'common'",
                                         "5, true",
                                         "5, false, '..', 0",
                                         "indent=2, sort_keys=true",
                                         "ensure_ascii=true",
                                         "separators=(',',':')",
                                         "'0'",
                                         "case_sensitive=true, reverse=true",
                                         "by='value'",
                                         "start=1",
                                         "*[1], **{'a': 2}",
                                         "9999999999",
                                         "'%s'" };
static const char *const operators[] = { "+",   "-",  "*",  "/",      "//", "%",      "**",
                                         "~",   "==", "!=", "<",      "<=", ">",      ">=",
                                         "and", "or", "in", "not in", "is", "is not", "if" };
static const char vars_text[] =
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"tool\",\"content\":\"\"}]}";

static void variant(const char *source)
{
    char all[600];
    size_t n = strlen(source);

    memcpy(all, source, n + 1);
    memcpy(all + n + 1, vars_text, sizeof vars_text - 1);
    fuzz_variant(all, n + sizeof vars_text);
}

/* Every function of a table on every kind of value with every kind of argument. shape: "{{ %s|%s(%s) }}". */
static void functions(const az_jfunc *table, const char *shape)
{
    char source[400];

    for (size_t f = 0; table->name; table++, f++)
        for (size_t v = 0; v < AZ_COUNT(values); v++)
            for (size_t a = (v + f) % 8; a < AZ_COUNT(arguments); a += 8) {
                snprintf(source, sizeof source, shape, values[v], table->name, arguments[a]);
                variant(source);
            }
}

/* %d of every length, {:>5} and their kind. */
static void formats(void)
{
    static const char *const old[] = {
        "%s",   "%r",    "%a",  "%d",   "%i",         "%u",       "%5d",   "%-5d|", "%05d", "%+d",
        "% d",  "%x",    "%#x", "%X",   "%o",         "%#o",      "%c",    "%e",    "%E",   "%f",
        "%F",   "%g",    "%G",  "%.2f", "%10.3e",     "%%",       "%(a)s", "%",     "%z",   "%*d",
        "%.*f", "%5.1s", "%(a", "%ld",  "%99999999d", "%.99999f", "%s %s"
    };
    static const char *const now[] = {
        "{}",     "{0}",    "{1}",         "{a}",        "{0.x}",   "{0[0]}", "{0[a]}", "{!r}",
        "{!s}",   "{!a}",   "{!x}",        "{:>5}",      "{:<5}|",  "{:^5}",  "{:*^9}", "{:=+5}",
        "{:d}",   "{:5d}",  "{:05}",       "{:,}",       "{:_}",    "{:b}",   "{:#b}",  "{:o}",
        "{:x}",   "{:#X}",  "{:c}",        "{:n}",       "{:e}",    "{:.2f}", "{:.3g}", "{:%}",
        "{:.1%}", "{:s}",   "{:.1}",       "{:{}}",      "{:>{0}}", "{{}}",   "{",      "}",
        "{:q}",   "{0} {}", "{:99999999}", "{:.99999f}", "{: }",    "{:+.1e}"
    };
    char source[300];

    for (size_t v = 0; v < AZ_COUNT(values); v++) {
        for (size_t i = v % 3; i < AZ_COUNT(old); i += 3) {
            snprintf(source, sizeof source, "{{ '%s' %% %s }}{{ '%s'|format(%s) }}", old[i],
                     values[v], old[i], values[v]);
            variant(source);
        }
        for (size_t i = v % 3; i < AZ_COUNT(now); i += 3) {
            snprintf(source, sizeof source, "{{ '%s'.format(%s, a=%s) }}", now[i], values[v],
                     values[v]);
            variant(source);
        }
    }
}

static void everything(void)
{
    char source[300];

    functions(az_jfilters_text, "{{ %s|%s(%s) }}");
    functions(az_jfilters_seq, "{{ (%s|%s(%s))|string }}");
    functions(az_jtests, "{{ %s is %s(%s) }}");
    functions(az_jstr_methods, "{{ (%s).%s(%s) }}");
    functions(az_jlist_methods, "{{ (%s).%s(%s) }}");
    functions(az_jdict_methods, "{{ (%s).%s(%s)|list }}");
    for (size_t o = 0; o < AZ_COUNT(operators); o++)
        for (size_t a = 0; a < AZ_COUNT(values); a++)
            for (size_t b = (o + a) % 4; b < AZ_COUNT(values); b += 4) {
                snprintf(source, sizeof source, "{{ %s %s %s }}", values[a], operators[o],
                         values[b]);
                variant(source);
            }
    for (size_t a = 0; a < AZ_COUNT(values); a++)
        for (size_t b = a % 4; b < AZ_COUNT(arguments); b += 4) {
            snprintf(source, sizeof source,
                     "{%% for x in %s %%}{{ loop.cycle(%s) }}{{ x }}{%% endfor %%}{{ (%s)[%s] }}",
                     values[a], arguments[b], values[a], arguments[b]);
            variant(source);
            snprintf(source, sizeof source, "{{ (%s)[%s:] }}{{ (%s)[:%s:2]|tojson }}", values[a],
                     arguments[b], values[a], arguments[b]);
            variant(source);
            snprintf(source, sizeof source,
                     "{%% macro m(a, b=%s) %%}{{ a }}{{ b }}{{ caller }}{{ varargs }}{{ kwargs "
                     "}}{%% endmacro %%}{{ m(%s) }}",
                     values[a], arguments[b]);
            variant(source);
            snprintf(source, sizeof source,
                     "{{ range(%s)|list }}{{ dict(%s) }}{{ namespace(%s) }}{{ joiner(%s)() }}{{ "
                     "cycler(%s).next() }}{{ strftime_now(%s) }}",
                     arguments[b], arguments[b], arguments[b], arguments[b], arguments[b],
                     arguments[b]);
            variant(source);
        }
    formats();
}

void fuzz_seeds(void)
{
    json_t *features = load("tests/data/golden/templates/features.json"), *c;
    char *vars = json_dumps(json_object_get(features, "vars"), JSON_COMPACT);
    size_t i;

    json_array_foreach(json_object_get(features, "cases"), i, c)
        seed(json_string_value(json_object_get(c, "source")),
             json_string_length(json_object_get(c, "source")), vars ? vars : "{}");
    for (i = 0; i < AZ_COUNT(wrong); i++)
        seed(wrong[i], strlen(wrong[i]),
             "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"n\":3}");
    everything();
    seed("{{ a }}", 7, "{nope");
    seed("", 0, "{}");
    free(vars);
    json_decref(features);
}
