/* Hostile chat templates, classes J01 to J10 (J11, JSON schemas, belongs to a grammar that adze does not have). `adze chat`
 * renders them from chat_template.jinja of a folder: exit code 3, the folder and the line, bounded work and memory. */
#include "hostile/hostile.h"

static void write_template(const char *text)
{
    fx_copy();
    fx_write(fx_path("case/chat_template.jinja"), text, strlen(text));
    fx_write(fx_path("line"), "hi\n", 3);
}

/* spec: the template. */
static void plain(const hs_case *c)
{
    write_template(c->spec);
}

/* spec: N OPEN|MIDDLE|CLOSE: OPEN N times, MIDDLE, CLOSE N times, between head and tail. */
static void repeat(const hs_case *c, const char *head, const char *tail)
{
    char *open;
    unsigned long n = strtoul(c->spec, &open, 10);
    const char *middle = strchr(++open, '|') + 1, *close = strchr(middle, '|') + 1;
    az_buf b;

    az_buf_init(&b, fx_run);
    az_buf_puts(&b, head);
    for (unsigned long i = 0; i < n; i++)
        az_buf_put(&b, open, (size_t)(middle - open - 1));
    az_buf_put(&b, middle, (size_t)(close - middle - 1));
    for (unsigned long i = 0; i < n; i++)
        az_buf_puts(&b, close);
    az_buf_puts(&b, tail);
    write_template(b.data);
    az_buf_deinit(&b);
}

static void nested(const hs_case *c)
{
    repeat(c, "", "");
}

static void nested_expression(const hs_case *c)
{
    repeat(c, "{{ ", " }}");
}

/* clang-format off */
static const hs_case cases[] = {
    { .class = "J01", "the classes of a text", "{{ ''.__class__.__mro__ }}", "/case: |line 1" },
    { .class = "J01", "the classes of a list by subscripts", "{{ []['__class__']['__base__'] }}", "/case: |line 1" },
    { .class = "J01", "the globals of a function", "{{ raise_exception.__globals__.os }}", "/case: |line 1" },
    { .class = "J01", "an attribute by a filter", "{{ (''|attr('__class__')).x }}", "/case: |line 1" },
    { .class = "J01", "an attribute by a format", "{{ '{0.__class__.__mro__}'.format('') }}", "/case: |line 1" },
    { .class = "J01", "another file", "{% include '/etc/passwd' %}", "/case: |line 1" },
    { .class = "J01", "a module", "{% import 'os' as os %}", "/case: |line 1" },
    { .class = "J01", "names of a module", "{% from 'x' import y %}", "/case: |line 1" },
    { .class = "J01", "a parent", "{% extends 'x' %}", "/case: |line 1" },
    { .class = "J01", "a change of what is given", "{{ messages.append(1) }}", "/case: |line 1" },

    { .class = "J02", "10000 parentheses", "10000 (|1|)", "/case: |line 1", 3, nested_expression },
    { .class = "J02", "10000 lists", "10000 [||]", "/case: |line 1", 3, nested_expression },
    { .class = "J02", "10000 times not", "10000 not |1|", "/case: |line 1", 3, nested_expression },
    { .class = "J02", "10000 sums", "10000 |1| + 1", "/case: |line 1", 3, nested_expression },
    { .class = "J02", "10000 conditions", "10000 {% if x %}||{% endif %}", "/case: |line 1", 3, nested },
    { .class = "J02", "10000 loops", "10000 {% for a in b %}||{% endfor %}", "/case: |line 1", 3, nested },
    { .class = "J02", "10000 macros", "10000 {% macro m() %}||{% endmacro %}", "/case: |line 1", 3, nested },
    { .class = "J02", "10000 blocks that are set", "10000 {% set x %}||{% endset %}", "/case: |line 1", 3, nested },
    { .class = "J02", "10000 filters", "10000 {% filter upper %}||{% endfilter %}", "/case: |line 1", 3, nested },
    { .class = "J02", "a million open braces", "1000000 {{||", "/case: |2000000 bytes, the limit is 1048576", 3, nested },

    { .class = "J03", "a macro that calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "/case: |line 1" },
    { .class = "J03", "two that call each other", "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", "/case: |line 1" },
    { .class = "J03", "with an argument that grows", "{% macro m(x) %}{{ m([x]) }}{% endmacro %}{{ m(1) }}", "/case: |line 1" },
    { .class = "J03", "by a call block", "{% macro m() %}{% call m() %}{% endcall %}{% endmacro %}{{ m() }}", "/case: |line 1" },
    { .class = "J03", "in what is set", "{% macro q(a) %}{% set b %}{{ q(a) }}{% endset %}{% endmacro %}{{ q(1) }}", "/case: |line 1" },
    { .class = "J03", "a loop that calls itself", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "/case: |line 1" },
    { .class = "J03", "a value that holds itself", "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}", "/case: |line 1" },

    { .class = "J04", "range of 10^9", "{{ range(10**9) }}", "/case: |line 1" },
    { .class = "J04", "loops in loops", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "/case: |line 1" },
    { .class = "J04", "sums in a loop", "{% for a in range(99999) %}{{ range(99999)|sum }}{% endfor %}", "/case: |line 1" },
    { .class = "J04", "lists in a loop", "{% for a in range(99999) %}{{ range(99999)|list|length }}{% endfor %}", "/case: |line 1", .megabytes = 700 },
    { .class = "J04", "sorting in a loop", "{% set l = range(99999)|list %}{% for a in l %}{{ (l|sort)[0] }}{% endfor %}", "/case: |line 1", .megabytes = 700 },
    { .class = "J04", "searching in a loop", "{% for a in range(99999) %}{{ -1 in range(99999)|list }}{% endfor %}", "/case: |line 1", .megabytes = 700 },
    { .class = "J04", "a generator of a generator, 5000 times", "{% set ns = namespace(l=[1]) %}{% for i in range(5000) %}{% set ns.l = ns.l|select %}{% endfor %}{{ ns.l|list }}", "/case: |line 1", .megabytes = 300 },

    { .class = "J05", "a letter 2^31 times", "{{ 'a' * 2**31 }}", "/case: |line 1" },
    { .class = "J05", "two letters 2^63 - 1 times", "{{ 'ab' * 9223372036854775807 }}", "/case: |line 1" },
    { .class = "J05", "a list 2^40 times", "{{ [0] * 2**40 }}", "/case: |line 1" },
    { .class = "J05", "doubling 99 times", "{% set ns = namespace(s='a') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "/case: |line 1", .megabytes = 400 },
    { .class = "J05", "a list that doubles 99 times", "{% set ns = namespace(s=['a']) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "/case: |line 1", .megabytes = 700 },
    { .class = "J05", "a width of 2^31", "{{ 'x'|center(2147483648) }}", "/case: |line 1" },
    { .class = "J05", "a width in a format", "{{ '%2147483647d' % 1 }}", "/case: |line 1" },
    { .class = "J05", "a width in another format", "{{ '{:99999999}'.format('x') }}", "/case: |line 1" },
    { .class = "J05", "each letter becomes a thousand", "{{ ('a' * 1000000).replace('a', 'b' * 1000) }}", "/case: |line 1", .megabytes = 300 },
    { .class = "J05", "an indent of 10^9", "{{ [[[]]]|tojson(indent=10**9) }}", "/case: |line 1" },
    { .class = "J05", "output without end", "{% for i in range(99999) %}{{ 'a' * 1000 }}{% endfor %}", "/case: |line 1", .megabytes = 300 },

    { .class = "J06", "1 // 0", "{{ 1 // 0 }}", "/case: |line 1, column" },
    { .class = "J06", "1 % 0", "{{ 1 % 0 }}", "/case: |line 1, column" },
    { .class = "J06", "1 / 0", "{{ 1 / 0 }}", "/case: |line 1, column" },
    { .class = "J06", "1.0 // 0", "{{ 1.0 // 0 }}", "/case: |line 1, column" },
    { .class = "J06", "INT64_MIN // -1", "{{ (-9223372036854775807 - 1) // -1 }}", "/case: |line 1, column" },
    { .class = "J06", "INT64_MIN % -1", "{{ (-9223372036854775807 - 1) % -1 }}x", "", HS_ANY },
    { .class = "J06", "2^63 - 1 + 1", "{{ 9223372036854775807 + 1 }}", "/case: |line 1, column" },
    { .class = "J06", "2 ** 64", "{{ 2 ** 64 }}", "/case: |line 1, column" },
    { .class = "J06", "10 ** 400", "{{ 10 ** 400 }}", "/case: |line 1, column" },
    { .class = "J06", "1e400 as a whole number", "{{ 1e400|int }}", "/case: |line 1" },

    { .class = "J07", "lists of other kinds", "{{ [1] < ['a'] }}", "/case: |line 1" },
    { .class = "J07", "objects", "{{ {} < {} }}", "/case: |line 1" },
    { .class = "J07", "nothing and a number", "{{ none < 1 }}", "/case: |line 1" },
    { .class = "J07", "a list that cannot be sorted", "{{ [3, 'a', none]|sort }}", "/case: |line 1" },
    { .class = "J07", "tuples that differ late", "{{ (1, 'a') > (1, 2) }}", "/case: |line 1" },
    { .class = "J07", "lists of other lengths, which is fine", "{{ [1, 2] < [1] }}{{ [1] == [1, 2] }}", "", HS_DONE },
    { .class = "J07", "the least of objects", "{{ [{}, {}]|min }}", "/case: |line 1" },
    { .class = "J07", "what is not defined", "{{ nope < 1 }}", "/case: |line 1" },

    { .class = "J08", "an else of nothing", "{% else %}{% endif %}{{", "/case: |line 1" },
    { .class = "J08", "an end of nothing", "{% endfor %}", "/case: |line 1" },
    { .class = "J08", "an open expression", "{{", "/case: |line 1" },
    { .class = "J08", "an open statement", "{%", "/case: |line 1" },
    { .class = "J08", "an open comment", "{#", "/case: |line 1" },
    { .class = "J08", "an open text", "{{ 'a", "/case: |line 1" },
    { .class = "J08", "an open block on line 3", "\n\n{% if x %}", "/case: |line 3" },
    { .class = "J08", "raw without an end", "{% raw %}", "/case: |line 1" },
    { .class = "J08", "a condition of nothing", "{% if %}{% endif %}", "/case: |line 1" },
    { .class = "J08", "bytes that are not UTF-8", "\xff\xfe{{ 1 }}", "/case: |UTF-8" },
    { .class = "J08", "another kind of bracket", "{{ (] }}", "/case: |line 1" },

    { .class = "J09", "a step of 0", "{{ 'abc'[::0] }}", "/case: |line 1" },
    { .class = "J09", "a step of 0 of a range", "{{ range(3)[::0] }}", "/case: |line 1" },
    { .class = "J09", "a start that is text", "{{ 'abc'['a':] }}", "/case: |line 1" },
    { .class = "J09", "a start that is a fraction", "{{ [1][1.5:] }}", "/case: |line 1" },
    { .class = "J09", "the least step, which is fine", "{{ 'abc'[::-9223372036854775807] }}", "", HS_DONE },
    { .class = "J09", "the largest of all, which is fine", "{{ [1, 2][-9223372036854775807:9223372036854775807:9223372036854775807] }}", "", HS_DONE },
    { .class = "J09", "an index of INT64_MIN, which is fine", "a{{ 'abc'[-9223372036854775807 - 1] }}", "", HS_DONE },
    { .class = "J09", "four parts", "{{ x[1:2:3:4] }}", "/case: |line 1" },

    { .class = "J10", "at once", "{{ raise_exception('no roles') }}", "/case: |no roles" },
    { .class = "J10", "a number", "{{ raise_exception(1) }}", "/case: |the template refuses: 1" },
    { .class = "J10", "nothing", "{{ raise_exception() }}", "/case: |line 1" },
    { .class = "J10", "a message of 100 kB", "{% if true %}{{ raise_exception('a' * 100000) }}{% endif %}", "/case: |aaaa" },
    { .class = "J10", "a message with escapes for a terminal", "{% set x = raise_exception('\\x1b]0;x\\x07') %}", "/case: |]0;x" },
    { .class = "J10", "/case: |in a macro", "{% macro m() %}{{ raise_exception('in a macro') }}{% endmacro %}{{ m() }}", "/case: |in a macro" },
};
/* clang-format on */

static const hs_table table = { cases, AZ_COUNT(cases), "J01",
                                "J10", plain,           "chat CASE -n 1 --greedy <line",
                                NULL };

static void hostile_templates(void **state)
{
    (void)state;
    hs_check_table(&table);
}

static void classes_are_complete(void **state)
{
    (void)state;
    hs_check_classes(&table, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_complete),
        cmocka_unit_test(hostile_templates),
    };

    return cmocka_run_group_tests(tests, fx_start, fx_stop);
}
