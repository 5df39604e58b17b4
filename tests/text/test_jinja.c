/* Chat templates: what jinja2 writes for a template of each feature, for those of real models, and what a template may
 * not do. Expected texts: tools/golden/make_templates.py. */
#include "tok_util.h"

#include "base/buf.h"
#include "text/jinja.h"

static const char golden[] = "tests/data/golden/templates/";

/* Render into *text (free it); *msg receives the message of a failure. */
static adze_status render(const char *source, size_t n, const json_t *vars,
                          const az_template_limits *limits, char **text, adze_error *err)
{
    az_template *t = NULL;
    adze_status rc;
    az_buf b;

    az_buf_init(&b, run);
    *text = NULL;
    rc = az_template_new(&t, run, source, n, limits, err);
    if (rc == ADZE_OK) rc = az_template_render(t, vars, &b, err);
    if (rc == ADZE_OK) *text = az_buf_take(&b);
    az_template_free(t);
    az_buf_deinit(&b);
    return rc;
}

static uint64_t fixed_time(void *user)
{
    (void)user;
    return 1772874302123u; /* 2026-03-07 09:05:02.123 UTC */
}

static void features(void **state)
{
    char path[128];
    json_t *all, *cases, *c;
    size_t i;

    (void)state;
    snprintf(path, sizeof path, "%sfeatures.json", golden);
    all = load_json(path);
    cases = json_object_get(all, "cases");
    assert_true(json_array_size(cases) >= 40);
    setenv("TZ", "UTC", 1);
    run->clock.unix_ms = fixed_time;
    json_array_foreach(cases, i, c)
    {
        const json_t *source = json_object_get(c, "source"), *want = json_object_get(c, "text");
        adze_error err = { 0 };
        char *text;
        adze_status rc = render(json_string_value(source), json_string_length(source),
                                json_object_get(all, "vars"), NULL, &text, &err);
        if (json_is_null(want) ? rc == ADZE_OK
                               : rc < 0 || strcmp(text, json_string_value(want)) != 0)
            fail_msg("%s: \"%s\" (%s), expected \"%s\"", az_json_str(c, "name"), text ? text : "",
                     err.msg, json_is_null(want) ? "a failure" : json_string_value(want));
        if (rc < 0 && !strstr(err.msg, "line ")) fail_msg("no line in \"%s\"", err.msg);
        az_free(run, text);
    }
    json_decref(all);
}

/* FNV-1a, 64 bits. */
static void digest(const char *text, char out[17])
{
    uint64_t h = 14695981039346656037u;

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    snprintf(out, 17, "%016llx", (unsigned long long)h);
}

/* ADZE_SHARED is a folder whose data/templates holds the templates of real models. */
static void real_templates(void **state)
{
    const char *env = getenv("ADZE_SHARED"), *data = env ? env : "../shared", *name;
    char path[1024], got[17];
    json_t *all, *digests, *conversations, *d, *c;
    size_t i, count = 0;

    (void)state;
    snprintf(path, sizeof path, "%s/data/templates", data);
    if (!az_exists(run, path)) {
        print_message("skipped: %s is missing\n", path);
        skip();
    }
    snprintf(path, sizeof path, "%sreal.json", golden);
    all = load_json(path);
    setenv("TZ", "UTC", 1);
    run->clock.unix_ms = fixed_time;
    digests = json_object_get(all, "digests");
    conversations = json_object_get(all, "conversations");
    assert_true(json_array_size(conversations) >= 8);
    json_object_foreach(digests, name, d)
    {
        const char *want = json_string_value(d);
        adze_error err = { 0 };
        char *source, *text;
        size_t n;
        snprintf(path, sizeof path, "%s/data/templates/%s", data, name);
        if (az_read_file(run, path, 1 << 20, &source, &n, &err) < 0)
            fail_msg("%s: %s", path, err.msg);
        json_array_foreach(conversations, i, c)
        {
            size_t len = strcspn(want, " ");
            if (render(source, n, json_object_get(c, "vars"), NULL, &text, &err) < 0)
                snprintf(got, sizeof got, "raises");
            else
                digest(text, got);
            if (strlen(got) != len || strncmp(got, want, len) != 0)
                fail_msg("%s, %s: %s (%s), expected %.*s", name, az_json_str(c, "name"), got,
                         err.msg, (int)len, want);
            want += len + (want[len] == ' ');
            az_free(run, text);
            count++;
        }
        az_free(run, source);
    }
    assert_true(count >= 8 * 50);
    json_decref(all);
}

/* --- hostile templates --- */

static const az_template_limits tight = { .steps = 1000000,
                                          .output_bytes = 1 << 20,
                                          .memory_bytes = 64 << 20 };

static void expect_failure(const char *source, const char *part)
{
    adze_error err = { 0 };
    char *text;
    adze_status rc = render(source, strlen(source), NULL, &tight, &text, &err);

    if (rc == ADZE_OK) fail_msg("\"%.60s\" gave \"%.60s\"", source, text);
    if (part && !strstr(err.msg, part))
        fail_msg("\"%.60s\": \"%s\" has no \"%s\"", source, err.msg, part);
    assert_true(err.msg[0]);
}

static const char *const refused[] = {
    /* what is not there to be reached: attributes, other templates */
    "{{ ''.__class__.__mro__ }}",
    "{{ [].__class__.__base__ }}",
    "{{ {}['__class__']['x'] }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ raise_exception.__globals__.os }}",
    "{{ ''['__class__'].mro() }}",
    "{{ '{0.__class__.__mro__}'.format('') }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{{ cycler.__init__() }}",
    "{{ (''|attr('__class__')).x }}",
    "{{ [].append(1) }}",
    "{{ {}.update({}) }}",
    "{{ {}.pop('a') }}",
    "{{ [].clear() }}",
    "{{ {}.setdefault('a') }}",
    "{{ namespace(_x=1) }}",
    "{% set ns = namespace() %}{% set ns.__x = 1 %}",
    /* calls without end */
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{% macro m(x) %}{{ m([x]) }}{% endmacro %}{{ m(1) }}",
    "{% macro m() %}{% call m() %}{% endcall %}{% endmacro %}{{ m() }}",
    "{% macro m(a=m()) %}{% endmacro %}{% macro q(a) %}{% set b %}{{ q(a) }}{% endset %}{% "
    "endmacro %}{{ q(1) }}",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",
    "{% set ns = namespace(l=[]) %}{% for i in range(5000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ "
    "ns.l }}",
    "{% set ns = namespace(l=[1]) %}{% for i in range(5000) %}{% set ns.l = ns.l|select %}{% "
    "endfor %}{{ ns.l|list }}",
    /* work without end */
    "{{ range(10**9) }}",
    "{{ range(1000000)|list }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{{ range(99999)|sum }}{% endfor %}",
    "{% for a in range(99999) %}{{ range(99999)|list|length }}{% endfor %}",
    "{% for a in range(99999) %}{{ 5 in range(99999) }}{{ range(99999)|join|length }}{% endfor %}",
    "{% set l = range(99999)|list %}{% for a in l %}{{ (l|sort)[0] }}{% endfor %}",
    "{% for a in range(99999) %}{{ -1 in range(99999)|list }}{% endfor %}",
    /* text without end */
    "{{ 'a' * 2**31 }}",
    "{{ 'ab' * 9223372036854775807 }}",
    "{{ [0] * 2**40 }}",
    "{{ (1, 2) * 9223372036854775807 }}",
    "{% set ns = namespace(s='a') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor "
    "%}",
    "{% set ns = namespace(s='a') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor "
    "%}",
    "{% set ns = namespace(s=['a']) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% "
    "endfor %}",
    "{{ 'x'|center(2147483648) }}",
    "{{ '%2147483647d' % 1 }}",
    "{{ '%*d' % (99999999, 1) }}",
    "{{ '{:99999999}'.format('x') }}",
    "{{ 'x'.ljust(10**12) }}",
    "{{ ('a' * 1000000).replace('a', 'b' * 1000) }}",
    "{{ 'a'|indent(10**9, true) }}",
    "{{ [[[]]]|tojson(indent=10**9) }}",
    "{% for i in range(99999) %}{{ 'a' * 1000 }}{% endfor %}",
    "{{ '\t'.expandtabs(10**15) }}",
    /* numbers */
    "{{ 1 // 0 }}",
    "{{ 1 % 0 }}",
    "{{ 1 / 0 }}",
    "{{ 1.0 // 0 }}",
    "{{ 0 ** -1 }}",
    "{{ (-9223372036854775807 - 1) // -1 }}",
    "{{ 9223372036854775807 + 1 }}",
    "{{ 2 ** 64 }}",
    "{{ 9223372036854775808 }}",
    "{{ -(-9223372036854775807 - 1) }}",
    "{{ (-9223372036854775807 - 1)|abs }}",
    "{{ 9223372036854775807 * 2 }}",
    "{{ 1e400|int }}",
    "{{ '99999999999999999999'|int }}",
    "{{ 10 ** 400 }}",
    "{{ 2.0 ** 10000 }}",
    "{{ (-8) ** 0.5 }}",
    "{{ 7|round(-400, 'ceil') }}",
    /* comparisons of what has no order */
    "{{ [1] < ['a'] }}",
    "{{ {} < {} }}",
    "{{ none < 1 }}",
    "{{ [3, 'a', none]|sort }}",
    "{{ [{}, {}]|min }}",
    "{{ ['a', 1]|max }}",
    "{{ (1, 'a') > (1, 2) }}",
    "{{ [[1], ['x']]|sort }}",
    "{{ {'a': 1, 'b': 'x'}|dictsort(false, 'value') }}",
    "{{ nope < 1 }}",
    /* syntax */
    "{% else %}{% endif %}{{",
    "{% if %}{% endif %}",
    "{{",
    "{%",
    "{#",
    "{{ 'a",
    "{% if x %}",
    "{% for %}",
    "{% for x in %}{% endfor %}",
    "{% endfor %}",
    "{{ ) }}",
    "{{ (] }}",
    "{{ a b }}",
    "{% set 1 = 2 %}",
    "{{ x[1:2:3:4] }}",
    "{{ {1} }}",
    "{% raw %}",
    "{{ '\\x4' }}",
    "{{ '\\ud800' }}",
    "{{ \"\\U00110000\" }}",
    "{% macro m(a, a) %}{% endmacro %}",
    "{% macro m(a=1, b) %}{% endmacro %}",
    "{% break %}",
    "{% for loop in x %}{% endfor %}",
    "{{ f(a=1, 2) }}",
    "{{ f(a=1, a=2) }}",
    "{{ x is is }}",
    "{{ 1 if }}",
    "{{ x| }}",
    "{{ x. }}",
    "{{ $ }}",
    "{% set ns = 1 %}{% set ns.x = 2 %}",
    "{% call x %}{% endcall %}",
    "{{ 1 }",
    "{{ a.b.c }}",
    "{{ !x }}",
    /* slices */
    "{{ 'abc'[::0] }}",
    "{{ [1][::0] }}",
    "{{ x[::0] }}",
    "{{ 'abc'['a':] }}",
    "{{ [1][1.5:] }}",
    "{{ range(3)[::0] }}",
    "{{ (1,)[none:'x'] }}",
    /* what the template itself refuses */
    "{{ raise_exception('x') }}",
    "{{ raise_exception(1) }}",
    "{{ raise_exception() }}",
    "{% if true %}{{ raise_exception('a' * 100000) }}{% endif %}",
    "{% set x = raise_exception('\x1b[0m') %}",
    "{% macro m() %}{{ raise_exception('in a macro') }}{% endmacro %}{{ m() }}",
};

static void hostile_templates_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < AZ_COUNT(refused); i++)
        expect_failure(refused[i], NULL);
}

/* Slices at the edges give what Python gives, whatever the numbers. */
static void extreme_slices(void **state)
{
    static const struct {
        const char *source, *want;
    } all[] = {
        { "{{ 'abc'[::-9223372036854775807] }}", "c" },
        { "{{ 'abc'[9223372036854775807:-9223372036854775807:-1] }}", "cba" },
        { "{{ [1, 2][-9223372036854775807:9223372036854775807:9223372036854775807] }}", "[1]" },
        { "{{ 'äbc'[-1:-100:-2] }}", "cä" },
        { "{{ range(10)[::-3]|list }}", "[9, 6, 3, 0]" },
        { "{{ ''[5:2] }}|{{ [][::-1] }}", "|[]" },
        { "{{ 'abc'[-9223372036854775807 - 1] }}|{{ [1][9223372036854775807] }}", "|" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(all); i++) {
        adze_error err = { 0 };
        char *text;
        if (render(all[i].source, strlen(all[i].source), NULL, &tight, &text, &err) < 0)
            fail_msg("%s: %s", all[i].source, err.msg);
        assert_string_equal(text, all[i].want);
        az_free(run, text);
    }
}

/* n times `open`, the middle, n times `close`. */
static char *nested(const char *open, const char *middle, const char *close, size_t n)
{
    char *s = malloc(n * (strlen(open) + strlen(close)) + strlen(middle) + 1), *p = s;

    assert_non_null(s);
    for (size_t i = 0; i < n; i++)
        p = stpcpy(p, open);
    p = stpcpy(p, middle);
    for (size_t i = 0; i < n; i++)
        p = stpcpy(p, close);
    return s;
}

static void deep_nesting_is_refused(void **state)
{
    static const char *const all[][3] = {
        { "{{ ", "", "" },
        { "{% if x %}", "", "{% endif %}" },
        { "{% for a in b %}", "", "{% endfor %}" },
        { "{% macro m() %}", "", "{% endmacro %}" },
        { "{% set x %}", "", "{% endset %}" },
        { "{% filter upper %}", "", "{% endfilter %}" },
        { "{% with %}", "", "{% endwith %}" },
        { "{% generation %}", "", "{% endgeneration %}" },
    };
    static const char *const exprs[][3] = {
        { "(", "1", ")" },    { "[", "", "]" },   { "{1:", "2", "}" },
        { "not ", "1", "" },  { "-", "1", "" },   { "1 if 1 else ", "2", "" },
        { "f(", "", ")" },    { "x[", "1", "]" }, { "", "1", " + 1" },
        { "", "x", "|list" }, { "", "x", ".x" },  { "", "x", " and 1" },
        { "", "x", "()" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(all); i++) {
        char *s = nested(all[i][0], all[i][1], all[i][2], 10000);
        expect_failure(s, NULL);
        free(s);
    }
    for (size_t i = 0; i < AZ_COUNT(exprs); i++) {
        char *s = nested(exprs[i][0], exprs[i][1], exprs[i][2], 10000), *t = malloc(strlen(s) + 16);
        assert_non_null(t);
        sprintf(t, "{{ %s }}", s);
        expect_failure(t, NULL);
        free(s);
        free(t);
    }
}

/* Deep values from JSON are refused, not run out of stack on. */
static void deep_variables_are_refused(void **state)
{
    json_t *j = json_integer(1), *vars;
    adze_error err = { 0 };
    char *text;

    (void)state;
    for (int i = 0; i < 3000; i++)
        j = json_pack("[o]", j);
    vars = json_pack("{s:o}", "x", j);
    assert_int_equal(render("{{ x }}", 7, vars, NULL, &text, &err), ADZE_EFORMAT);
    assert_non_null(strstr(err.msg, "nested"));
    json_decref(vars);
}

static void bad_bytes_are_refused(void **state)
{
    static const char *const all[] = {
        "\xff", "a\xc3", "{{ '\xed\xa0\x80' }}", "\xf8\x88\x80\x80\x80", "x\xc0\xaf", "{{ x\x80 }}"
    };
    adze_error err = { 0 };
    char *text;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(all); i++)
        expect_failure(all[i], "UTF-8");
    assert_int_equal(render("a{{ 1 }}", 8, NULL, &(az_template_limits){ .source_bytes = 7 }, &text,
                            &err),
                     ADZE_EFORMAT);
    assert_int_equal(render("a\0b", 3, NULL, NULL, &text, &err), ADZE_OK);
    az_free(run, text);
}

static void positions_are_told(void **state)
{
    static const struct {
        const char *source, *where;
    } all[] = {
        { "a\nbc{{ 1 // 0 }}", "line 2, column 8" },
        { "{% if x %}\n\n  {{ nope.a }}", "line 3" },
        { "ä{{ x y }}", "line 1, column 7" },
        { "x\r\ny\r\n{{ 'a' + 1 }}", "line 3, column 8" },
        { "{% macro m() %}\n{{ 1 // 0 }}{% endmacro %}\n\n{{ m() }}", "line 2, column 6" },
        { "{{ 'a", "line 1, column 4" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(all); i++)
        expect_failure(all[i].source, all[i].where);
}

static void unsupported_is_told_from_malformed(void **state)
{
    static const char *const all[] = { "{% block a scoped %}{% endblock %}",
                                       "x\n{% block a required %}{% endblock %}" };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(all); i++) {
        adze_error err = { 0 };
        char *text;
        assert_int_equal(render(all[i], strlen(all[i]), NULL, NULL, &text, &err), ADZE_EUNSUP);
        assert_int_equal(err.status, ADZE_EUNSUP);
        assert_non_null(strstr(err.msg, i ? "line 2, column 12" : "line 1, column 12"));
        assert_non_null(strstr(err.msg, "not supported"));
    }
}

/* Every allocation refused once: an error each time, and nothing is left behind (the run counts). */
static int countdown;
static void *(*real_alloc)(void *user, size_t n);

static void *failing_alloc(void *user, size_t n)
{
    return countdown-- == 0 ? NULL : real_alloc(user, n);
}

static void survives_every_failed_allocation(void **state)
{
    static const char source[] =
        "{% macro m(a, b=1) %}{{ a }}{{ b }}{% endmacro %}{% for x in range(40) %}{{ m(x|string * "
        "30) }}"
        "{% endfor %}{{ {'a': [1, 2]}|tojson(indent=2) }}{{ 'x,y'.split(',') }}";
    char *text;
    int i;

    (void)state;
    real_alloc = run->alloc.alloc;
    for (i = 0; i < 1000; i++) {
        adze_error err = { 0 };
        uint64_t used = run->used_bytes;
        adze_status rc;
        countdown = i;
        run->alloc.alloc = failing_alloc;
        rc = render(source, sizeof source - 1, NULL, NULL, &text, &err);
        run->alloc.alloc = real_alloc;
        if (rc == ADZE_OK) {
            az_free(run, text);
            break;
        }
        assert_true(err.msg[0]);
        assert_true(run->used_bytes == used);
    }
    assert_true(i > 5 && i < 1000);
}

static void entry_point_for_fuzzing(void **state)
{
    static const char in[] = "{{ a }}!\0{\"a\": \"b\"}";
    adze_error err = { 0 };
    az_buf b;

    (void)state;
    az_buf_init(&b, run);
    assert_int_equal(az_template_try(run, in, sizeof in - 1, NULL, &b, &err), ADZE_OK);
    assert_string_equal(b.data, "b!");
    assert_int_equal(az_template_try(run, "x\0{", 3, NULL, &b, &err), ADZE_EFORMAT);
    assert_int_equal(az_template_try(run, "", 0, NULL, &b, &err), ADZE_OK);
    assert_string_equal(b.data, "b!");
    az_buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(features, start_run, stop_run),
        cmocka_unit_test_setup_teardown(real_templates, start_run, stop_run),
        cmocka_unit_test_setup_teardown(hostile_templates_are_refused, start_run, stop_run),
        cmocka_unit_test_setup_teardown(extreme_slices, start_run, stop_run),
        cmocka_unit_test_setup_teardown(deep_nesting_is_refused, start_run, stop_run),
        cmocka_unit_test_setup_teardown(deep_variables_are_refused, start_run, stop_run),
        cmocka_unit_test_setup_teardown(bad_bytes_are_refused, start_run, stop_run),
        cmocka_unit_test_setup_teardown(positions_are_told, start_run, stop_run),
        cmocka_unit_test_setup_teardown(unsupported_is_told_from_malformed, start_run, stop_run),
        cmocka_unit_test_setup_teardown(survives_every_failed_allocation, start_run, stop_run),
        cmocka_unit_test_setup_teardown(entry_point_for_fuzzing, start_run, stop_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
