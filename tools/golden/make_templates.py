"""Golden texts of chat templates, rendered by Python's jinja2 as Hugging Face transformers sets it up.

    pip install jinja2==3.1.6
    python3 tools/golden/make_templates.py --repo . --templates FOLDER

tests/data/golden/templates/features.json: templates of our own, one for each feature, with the text that Python makes
(null: Python raises). tests/data/golden/templates/real.json: for each *.jinja of FOLDER the 64-bit FNV-1a digest of
its text for each conversation ("raises" where Python does), and the conversations themselves.
"""
import argparse
import json
from importlib.metadata import version
from pathlib import Path

from conversations import CALL, CONVERSATIONS, TOOLS, environment, message, render, variables

VARS = {"messages": [message("user", "Hi"), message("assistant", "Yo", tool_calls=[CALL])], "tools": TOOLS, "flag": True,
        "n": 7, "x": 2.5, "s": "Hello World", "u": "Größe ǆ ΑΣ straße\n é", "none_value": None, "items": [3, 1, 2],
        "words": ["b", "A", "c", "a"], "d": {"b": 1, "A": "x", "c": None}, "empty": [], "q": "it's \"q\" \\ <b>&",
        "people": [{"name": "Zed", "age": 3, "in": {"x": 1}}, {"name": "amy", "age": 2}, {"name": "Bob", "age": 3, "in": {"x": 0}}],
        "tree": [{"v": 1, "kids": [{"v": 2, "kids": []}, {"v": 3, "kids": [{"v": 4, "kids": []}]}]}]}

FEATURES = [
    ("precedence", "{{ 1 + 2 * 3 }} {{ (1 + 2) * 3 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ -1|abs }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 4 / 2 }} {{ 'a' ~ 1 ~ 2 }} {{ not 1 == 2 }} {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 == true }}"),
    ("arithmetic", "{{ 7.0 // 2 }} {{ -7.5 % 2 }} {{ 0.1 + 0.2 }} {{ 1e16 }} {{ 1e15 }} {{ 1e-5 }} {{ 1.5e300 * 1e10 }} {{ 10 ** -2 }} {{ 5 % -3 }} {{ 5.0 % -3 }} {{ true + 1 }} {{ 'ab' * 3 }} {{ [1] * 2 }} {{ [1] + [2] }}"),
    ("literals", "{{ 1_000 }} {{ 0x1f }} {{ 0b101 }} {{ 0o17 }} {{ 1.5e3 }} {{ 'a' 'b' }} {{ \"it's\" }} {{ '\\n\\t\\x41\\u00e9\\q' }} {{ [1, 'a', none, true, 2.0] }} {{ {'k': 1, 2: [3]} }} {{ (1,) }} {{ () }} {{ (1, 2) }}"),
    ("division by zero", "a{{ 1 // 0 }}"),
    ("modulo by zero", "{{ n % 0 }}"),
    ("inline if", "{{ 'y' if flag else 'n' }}{{ 'y' if not flag }}|{{ 'a' if n > 9 else 'b' if n > 5 else 'c' }}"),
    ("and or", "{{ 0 or 'x' }} {{ '' and 1 }} {{ 1 and 2 }} {{ none or [] }} {{ not none }} {{ nope or 'd' }}"),
    ("in", "{{ 1 in items }} {{ 'ell' in s }} {{ 'b' in d }} {{ 9 not in items }} {{ 'a' in nope }} {{ '' in 'x' }}"),
    ("slices", "{{ s[1:4] }}|{{ s[::-1] }}|{{ s[-3:] }}|{{ items[1:] }}|{{ items[::-1] }}|{{ s[10:2:-2] }}|{{ u[2:4] }}|{{ (1, 2, 3)[:2] }}|{{ items[-100:100] }}|{{ range(9)[2:8:3] }}"),
    ("lookup", "{{ messages[0].role }} {{ messages[0]['content'] }} {{ messages[-1].role }} {{ messages[9] }}|{{ d.nope }}|{{ d['b'] }}|{{ d.items }}|"[:-15] + "{{ items.0 }} {{ s[0] }} {{ d.get('zz') }} {{ d.get('zz', 5) }}"),
    ("undefined prints nothing", "[{{ nope }}][{{ nope ~ 'a' }}][{{ nope|default('d') }}][{{ none_value|default('d') }}][{{ none_value|default('d', true) }}][{% for i in nope %}x{% endfor %}][{{ nope|length }}][{{ nope is defined }}]"),
    ("undefined attribute raises", "a{{ nope.x }}"),
    ("undefined sum raises", "a{{ nope + 'x' }}"),
    ("undefined call raises", "{{ nope() }}"),
    ("sandbox hides underscores", "[{{ s.__class__ }}][{{ items.append }}]"),
    ("sandbox refuses to change", "{{ items.append(1) }}"),
    ("sandbox limits range", "{{ range(1000000) }}"),
    ("string methods", "{{ s.upper() }}{{ s.lower() }}{{ '  x '.strip() }}|{{ 'xxax'.strip('x') }}|{{ 'a,b,,c'.split(',') }}|{{ ' a  b '.split() }}|{{ 'a,b,c'.split(',', 1) }}|{{ 'a,b,c'.rsplit(',', 1) }}|{{ s.replace('l', 'L', 2) }}|{{ s.startswith('He') }}|{{ s.endswith(('x', 'd')) }}|{{ s.title() }}|{{ s.find('o') }}|{{ s.count('l') }}|{{ '-'.join(words) }}|{{ 'x'.center(5, '*') }}|{{ '7'.zfill(3) }}|{{ s.partition(' ') }}|{{ 'ab\\ncd'.splitlines() }}|{{ s.isalpha() }}|{{ 'ab'.removeprefix('a') }}|{{ s.swapcase() }}|{{ s.capitalize() }}"),
    ("unicode", "{{ u|upper }}|{{ u|lower }}|{{ u|title }}|{{ u|length }}|{{ u|capitalize }}|{{ '\u00a0x\u200b'|trim }}|{{ ['é\u200b\\n'] }}|{{ 'ß'|upper }}"),
    ("dict methods", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{{ d.keys()|list }}{{ d.values()|list }}{{ d.items() }}{{ d|length }}{{ d }}"),
    ("percent format", "{{ '%s and %s' % ('a', 1) }} {{ '%d%%' % 5 }} {{ '%05.2f|%-6s|%+d|%x' % (3.14159, 'ab', 4, 255) }} {{ '%(b)s' % d }} {{ '%r' % 'x' }} {{ '%s'|format(n) }}"),
    ("str.format", "{{ '{} {}'.format(1, 'a') }} {{ '{0}{1}{0}'.format('x', 'y') }} {{ '{k:>5}|{v:.2f}|{n:,}'.format(k='a', v=1.5, n=1234567) }} {{ '{{}}'.format() }} {{ '{0[b]} {0.b}'.format(d) }} {{ '{:05d} {:^7} {:x}'.format(42, 'mid', 255) }}"),
    ("tojson", "{{ d|tojson }} {{ messages|tojson }} {{ 'é\\u2028</script>\\x7f\"'|tojson }} {{ u|tojson(ensure_ascii=true) }} {{ [1.0, 1e22, 1e-7, true, none]|tojson }} {{ {1: 2, true: 3, none: 4}|tojson }} {{ []|tojson }}{{ {}|tojson }} {{ d|tojson(sort_keys=true) }} {{ d|tojson(separators=(',', ':')) }}"),
    ("tojson indent", "{{ tools[0]|tojson(indent=4) }}\n{{ [[], {}, [1]]|tojson(indent=2) }}\n{{ [1]|tojson(indent='--') }}"),
    ("tojson of undefined raises", "{{ nope|tojson }}"),
    ("text filters", "{{ s|upper }}|{{ s|replace('o', '0') }}|{{ '  x '|trim }}|{{ s|title }}|{{ 'a b_c d'|wordcount }}|{{ s|truncate(8) }}|{{ s|center(15) }}|{{ 'a\\nb\\n\\nc'|indent }}|{{ 'a\\nb'|indent(2, true) }}|{{ s|reverse }}|{{ 'foo bar-baz (qux)'|title }}|{{ 'a b/ü'|urlencode }}|{{ 12345678|filesizeformat }}"),
    ("numbers", "{{ '42'|int }} {{ 'x'|int }} {{ '0x1f'|int(0, 16) }} {{ ' 3.7 '|int }} {{ 3.9|int }} {{ '3.5'|float }} {{ 'x'|float(1.5) }} {{ 2.5|round }} {{ 3.5|round }} {{ 2.675|round(2) }} {{ 42|round }} {{ 1234|round(-2) }} {{ 2.1|round(0, 'ceil') }} {{ -3|abs }} {{ 3.0|string }}"),
    ("sequence filters", "{{ items|sort }} {{ words|sort }} {{ words|sort(case_sensitive=true) }} {{ items|first }} {{ items|last }} {{ items|sum }} {{ items|min }} {{ words|max }} {{ items|reverse|list }} {{ ['a', 'A', 'b']|unique|list }} {{ 'abc'|list }} {{ items|join('-') }} {{ range(7)|batch(3, 0)|list }} {{ range(7)|slice(3)|list }} {{ empty|first }}"),
    ("map and select", "{{ people|map(attribute='name')|join(',') }} {{ people|map(attribute='in.x', default='-')|list }} {{ words|map('upper')|list }} {{ items|select('odd')|list }} {{ items|reject('gt', 1)|list }} {{ people|selectattr('in')|map(attribute='name')|list }} {{ people|selectattr('age', 'equalto', 2)|list|length }} {{ people|rejectattr('in', 'defined')|map(attribute='name')|first }}"),
    ("sort and group by attribute", "{{ people|sort(attribute='name')|map(attribute='name')|list }} {{ people|sort(attribute='age,name', reverse=true)|map(attribute='name')|list }} {% for age, list in people|groupby('age') %}{{ age }}:{{ list|length }};{% endfor %}{% for g in people|groupby('age') %}{{ g.grouper }}{{ g.list|map(attribute='name')|join }}{% endfor %} {{ d|dictsort }} {{ people|sum(attribute='age') }} {{ (people|max(attribute='age')).name }}"),
    ("generators are read once", "{% set g = words|map('upper') %}{{ g|join }}|{{ g|join }}|{{ g is iterable }}{{ g is sequence }}"),
    ("tests", "{{ n is number }} {{ true is integer }} {{ x is float }} {{ s is string }} {{ d is mapping }} {{ d is iterable }} {{ items is sequence }} {{ none_value is none }} {{ n is odd }} {{ n is divisibleby 7 }} {{ n is eq(7) }} {{ 1 is true }} {{ true is boolean }} {{ n is in [7] }} {{ s is not string }} {{ s is callable }} {{ 'a' is lower }} {{ nope is undefined }} {{ n is gt 3 and n is lt 9 }} {{ nope is sequence }} {{ none is sameas none }}"),
    ("for", "{% for i in items %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }};{% endfor %}"),
    ("for if else", "{% for i in items if i > 5 %}{{ i }}{% else %}none{% endfor %} {% for i in items if i > 1 %}{{ loop.index }}/{{ loop.length }}:{{ i }} {% endfor %}{% for k, (a, b) in [('x', (1, 2))] %}{{ k }}{{ a }}{{ b }}{% endfor %}"),
    ("break continue", "{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}{% for i in items %}{% break %}{% else %}else{% endfor %}"),
    ("recursive", "{% for n in tree recursive %}{{ n.v }}@{{ loop.depth }}{% if n.kids %}({{ loop(n.kids) }}){% endif %}{% endfor %}"),
    ("loop.changed", "{% for p in people|sort(attribute='age') %}{% if loop.changed(p.age) %}[{{ p.age }}]{% endif %}{{ p.name }}{% endfor %}"),
    ("scope", "{% set a = 1 %}{% for i in items %}{% set a = a + i %}{{ a }},{% endfor %}{{ a }}{% if true %}{% set a = 9 %}{% endif %}{{ a }}{% set ns = namespace(t=0) %}{% for i in items %}{% set ns.t = ns.t + i %}{% endfor %}{{ ns.t }}{{ ns }}{% macro m() %}{{ a }}{{ n }}{% endmacro %}{{ m() }}"),
    ("macros", "{% macro m(a, b='B', c=a) %}[{{ a }}{{ b }}{{ c }}{{ varargs }}{{ kwargs }}]{% endmacro %}{{ m(1) }}{{ m(1, 2, 3, 4, z=5) }}{{ m(b='x', a=2) }}{{ m() }}{{ m.name }}{{ m.arguments }}"),
    ("macro arguments raise", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}"),
    ("call blocks", "{% macro box(t) %}<{{ t }}>{{ caller(1) }}</>{% endmacro %}{% call(x) box('a') %}in{{ x }}{% endcall %}{% macro c() %}{{ caller() if caller else 'no' }}{% endmacro %}{{ c() }}{% call c() %}yes{% endcall %}"),
    ("set and filter blocks", "{% set a %}x{{ n }} y{% endset %}[{{ a }}]{% set b|upper|trim %} abc {% endset %}[{{ b }}]{% filter upper %}q{{ s }}{% endfilter %}{% with z = 3, w = n %}{{ z }}{{ w }}{% endwith %}{{ z }}{% set p, q2 = 1, 2 %}{{ q2 }}{{ p }}"),
    ("whitespace", "a\n  {% if true %}\n    b\n  {% endif %}\n{# c #}\n  x {%- if true -%}  y  {%- endif %}\n\n{{- 1 -}}  \n z\n  {%+ if true %}w{% endif +%}\n  {# gone #}  \nend\n"),
    ("raw and comments", "{% raw %}{{ x }}{% if %}{% endraw %}{# {{ nope.x }} #}{{ '{{' }}{{ '%}' }}\r\nb\rc\n\n"),
    ("escape and safe", "{{ q|e }}|{{ q|safe }}|{{ ('<'|safe) + '<' }}|{{ '<' ~ ('<'|e) }}|{{ [q|e] }}|{{ q|string }}|{{ q|escape|e }}|{{ ('<'|e) is escaped }}"),
    ("generation", "{% for m in messages %}{% generation %}{{ m.role }}{% set zz = 1 %}{% endgeneration %}{{ zz }}{% endfor %}"),
    ("raise_exception", "a{{ raise_exception('no ' ~ n) }}"),
    ("strftime_now", "{{ strftime_now('%Y-%m-%d %H:%M:%S %B %d %j %f|%Z|%%') }}"),
    ("cycler joiner dict", "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set j = joiner('; ') %}{% for i in items %}{{ j() }}{{ i }}{% endfor %}{{ dict(a=1, b=2) }}{{ dict([('x', 1)], y=2) }}{{ range(5, 0, -2)|list }}"),
    ("unknown filter in a branch", "{% if false %}{{ s|nothing }}{% endif %}ok"),
    ("unknown filter", "ok{{ s|nothing }}"),
    ("unknown tag", "{% do x %}"),
    ("nothing to load", "{% if false %}{% include 'x' %}{% endif %}ok{% include 'x' %}"),
    ("dangling else", "{% else %}{% endif %}{{"),
    ("comparing kinds raises", "{{ 'a' < 1 }}"),
    ("str plus int raises", "{{ 'a' + 1 }}"),
    ("unhashable key raises", "{{ {[]: 1} }}"),
    ("pprint", "{{ people|pprint }}\n{{ tools|pprint }}\n{{ u|pprint }}{{ ['word ' * 30, {3: 'x' * 70, 'k': (1,), none: ()}]|pprint }}\n{{ ('line\\n' * 3 ~ 'a b ' * 25)|pprint }}"),
    ("wordwrap", "{{ ('one two-three four--five e.g. well-known ' * 2)|wordwrap(12) }}|{{ 'averyverylongword and-more\n\n  x'|wordwrap(8) }}|{{ 'averyverylongword-too long'|wordwrap(8, false, '/') }}|{{ 'a-b-c-dd ee-ff'|wordwrap(4, true, '/', false) }}"),
    ("wordwrap of no width raises", "{{ s|wordwrap(0) }}"),
    ("striptags", "{{ '<p>a  &amp;<!-- x > y --> <b>b</b>\n&lt;c&gt; &copy &notit; &#65;&#x42 &#128; &nosuch; <open'|striptags }}|{{ q|striptags }}|{{ q|e|striptags }}"),
    ("urlize", "{{ '(see http://example.org/a_(b)), www.x.de. me@x.org mailto:a@b.c <https://[::1]:80/?q#f> example.com/p foo@x http://x' | urlize }}|{{ 'https://example.org/long/path tel:12'|urlize(10, true, '_top', 'b a', extra_schemes=['tel:']) }}"),
    ("urlize with a wrong scheme raises", "{{ s|urlize(extra_schemes=['x']) }}"),
    ("xmlattr", "<a{{ {'class': 'x \"y\"', 'id': n, 'no': none, 'q<': q, 'nope': nope}|xmlattr }}>{{ {'a': 1}|xmlattr(false) }}{{ {}|xmlattr }}"),
    ("xmlattr with a wrong name raises", "{{ {'a b': 1}|xmlattr }}"),
    ("urlencode of pairs", "{{ {'a b': 'c/d', 'ü': n, 'x': none}|urlencode }}|{{ [('a', 1), 'xy']|urlencode }}|{{ 7|urlencode }}"),
    ("block and print", "{% set v = 4 %}{% block b %}{{ v }}{{ n }}{% endblock %}{% print n, s %}"),
    ("spread arguments", "{% macro m(a, b, c) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(*items) }}{{ m(1, **{'b': 2, 'c': 3}) }}"),
]


def digest(text):
    h = 14695981039346656037
    for c in text.encode():
        h = (h ^ c) * 1099511628211 & (1 << 64) - 1
    return f"{h:016x}"


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--repo", type=Path, default=Path("."))
    args.add_argument("--templates", type=Path)
    a = args.parse_args()
    assert version("jinja2") == "3.1.6", version("jinja2")
    out = a.repo / "tests/data/golden/templates"
    env = environment()
    cases = [{"name": n, "source": s, "text": render(env, s, VARS)} for n, s in FEATURES]
    (out / "features.json").write_text(json.dumps({"vars": VARS, "cases": cases}, indent=1, ensure_ascii=False) + "\n")
    if not a.templates:
        return
    real = {}
    for f in sorted(a.templates.glob("*.jinja")):
        texts = [render(env, f.read_text(), variables(m, t, v)) for _, m, t, v in CONVERSATIONS]
        real[f.name] = " ".join("raises" if x is None else digest(x) for x in texts)
    conversations = [{"name": n, "vars": variables(m, t, v)} for n, m, t, v in CONVERSATIONS]
    (out / "real.json").write_text(json.dumps({"conversations": conversations, "digests": real}, indent=1, ensure_ascii=False) + "\n")


main()
