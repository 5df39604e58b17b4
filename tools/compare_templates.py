"""Compare adze's chat templates with Python's jinja2.

    python3 tools/compare_templates.py build/release/render_lines FOLDER   # every *.jinja x the conversations
    python3 tools/compare_templates.py build/release/render_lines --fuzz SEED COUNT
    python3 tools/compare_templates.py build/release/render_lines --layout SEED COUNT   # pprint, wordwrap, urlize, ...

Needs jinja2. Prints what differs; where Python raises, adze must fail.
"""
import json
import random
import subprocess
import sys
import warnings
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "golden"))
from conversations import CONVERSATIONS, environment, render, variables  # noqa: E402


class Adze:
    def __init__(self, program):
        self.p = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def render(self, source, values):
        self.p.stdin.write(json.dumps({"source": source, "vars": values}) + "\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        if not line:
            print("CRASH on", repr(source))
            sys.exit(1)
        out = json.loads(line)
        return out.get("text"), out.get("error")


def check(env, adze, name, source, values):
    want = render(env, source, values)
    got, error = adze.render(source, values)
    if got == want:
        return True
    if want is None:
        try:
            env.from_string(source).render(**values)
        except Exception as e:
            print(f"{name}: Python raises {type(e).__name__}: {e}\n  adze: {got!r}")
            return False
    print(f"{name}:\n  python {want!r}\n  adze   {got!r} {error or ''}")
    return False


def folder(adze, path):
    bad = raised = 0
    env = environment(datetime.now())
    files = sorted(Path(path).glob("*.jinja"))
    for f in files:
        for name, messages, tools, more in CONVERSATIONS:
            values = variables(messages, tools, more)
            bad += not check(env, adze, f"{f.name} {name}", f.read_text(), values)
            raised += render(env, f.read_text(), values) is None
    print(f"{len(files)} templates x {len(CONVERSATIONS)} conversations: {bad} differ; Python raises in {raised}")
    return bad


VALUES = {
    "s": "Hello World", "u": "Größe ǆ ΑΣ ΣΑ ß\u200b\n é", "e": "", "n": None, "t": True, "f": False, "i": 7, "z": 0, "neg": -3,
    "x": 2.5, "big": 1e16, "small": 1e-7, "l": [3, 1, 2], "ls": ["b", "A", "c", "a"], "el": [], "d": {"b": 1, "A": "x", "c": None},
    "ed": {}, "m": [{"a": 1, "r": "x", "k": {"z": 2}}, {"a": 3, "r": "Y"}, {"a": 2, "r": "x", "k": {"z": 0}}],
    "w": "  a b  c\t\n", "q": "it's \"q\" \\ <b>&", "num": "42", "fl": " 3.5e1 ", "items": {"items": 1, "get": 2}, "mix": [1, "a", None, True, 2.0],
}
FILTERS = ["abs", "capitalize", "count", "default('d')", "default('d', true)", "dictsort", "dictsort(true)", "dictsort(false, 'value')",
           "dictsort(reverse=true)", "e", "escape", "first", "float", "float(1)", "forceescape", "format(1)", "groupby('r')|list", "groupby('a')|list",
           "indent", "indent(2)", "indent(2, true)", "indent('>', false, true)", "int", "int(5)", "int(0, 16)", "items|list", "join", "join(', ')",
           "join('-', 'a')", "last", "length", "list", "lower", "map('upper')|list", "map(attribute='a')|list", "map(attribute='k.z', default=9)|list",
           "max", "min", "max(attribute='a')", "reject('odd')|list", "rejectattr('k')|list", "rejectattr('a', 'eq', 1)|list", "replace('l', 'L')",
           "replace('l', 'L', 1)", "reverse|list", "reverse|join", "round", "round(1)", "round(1, 'ceil')", "round(-1)", "safe", "select|list", "select('string')|list",
           "select('in', [1, 'a'])|list", "selectattr('k')|list", "selectattr('r', 'equalto', 'x')|list", "slice(2)|list", "batch(2)|list", "batch(2, 'z')|list",
           "slice(2, 'z')|list", "sort", "sort(true)", "sort(attribute='a')", "sort(attribute='r,a')", "sort(case_sensitive=true)", "string", "sum",
           "sum(attribute='a')", "sum(start=2)", "title", "tojson", "tojson(indent=2)", "tojson(ensure_ascii=true)", "tojson(sort_keys=true)",
           "tojson(separators=(',', ':'))", "tojson(indent=0)", "trim", "trim('H ')", "truncate(5)", "truncate(5, true)", "truncate(8, false, '', 0)",
           "unique|list", "unique(true)|list", "upper", "urlencode", "wordcount", "center(20)", "filesizeformat", "attr('upper')", "attr('x')",
           "list|length", "list|first", "map('string')|join('|')", "select('defined')|list", "pprint", "wordwrap(9)", "wordwrap(4, false)", "striptags",
           "urlize", "urlize(8)", "xmlattr"]
METHODS = ["upper()", "lower()", "title()", "capitalize()", "strip()", "lstrip()", "rstrip()", "strip('H d')", "split()", "split('l')", "split('l', 1)",
           "rsplit('l', 1)", "split(None, 1)", "rsplit(None, 1)", "split(maxsplit=1)", "splitlines()", "splitlines(true)", "replace('l', '')", "replace('', '-')",
           "replace('l', 'LL', 2)", "startswith('He')", "endswith('d')", "startswith(('x', 'H'))", "endswith('l', 0, 4)", "find('l')", "rfind('l')",
           "find('o', 5)", "index('W')", "count('l')", "count('')", "center(15, '*')", "ljust(14)", "rjust(14, '.')", "zfill(14)", "join(['a', 'b'])",
           "join('xyz')", "format(1)", "isalpha()", "isdigit()", "isalnum()", "isspace()", "isupper()", "islower()", "isnumeric()", "isdecimal()", "swapcase()",
           "partition(' ')", "rpartition('l')", "removeprefix('He')", "removesuffix('ld')", "expandtabs(4)", "expandtabs()", "items()", "keys()", "values()",
           "items()|list", "keys()|list", "get('b')", "get('zz')", "get('zz', 1)", "get(1)", "copy()", "count(1)", "index(1)", "append(1)", "pop()", "update({})",
           "isascii()", "isprintable()", "a", "b", "items", "get", "k", "__class__", "0", "r"]
TESTS = ["defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number", "integer", "float", "boolean", "true", "false", "odd", "even",
         "divisibleby(3)", "divisibleby 2", "eq 7", "equalto('x')", "ne 1", "gt 1", "ge(2)", "lt 5", "le 7", "in [1, 7]", "in 'Hello World'", "sameas none",
         "sameas true", "lower", "upper", "callable", "escaped", "not defined", "not none", "not string"]
FORMATS = ["%s", "%d", "%5d|", "%-5d|", "%05d", "%+d", "%x", "%X", "%#x", "%o", "%f", "%.2f", "%10.3f|", "%e", "%g", "%r", "%5s|", "%-5s|", "%.2s", "%c", "%%", "%i",
           "%5.1f%%", "%(b)s", "%s %s", "% d", "%u"]
SPECS = ["", "d", "5d", "<5", ">5", "^5", "^7", "*^9", "05d", "+d", ",", "_", "x", "#x", "b", "#b", "o", "X", "f", ".2f", "8.2f", "e", ".3e", "g", ".3g", "%", ".1%", "s", ".2s",
         "10s", ">10s", "08.3f", "+.1f", " d", "n", ".0f", ",.2f", "=+6d"]


WORDS = ["the", "a-b", "foo-bar-baz", "--", "---", "x--y", "don't", "really-long-hyphenated-word-here", "verylongwordwithoutanyhyphens", "e.g.",
         "\u00e9t\u00e9-\u00e9t\u00e9", "a1-b2", "_a-_b", "\u4f60\u597d", "(x)", "y,--z", "-b", "a-", "-", "n--"]
LINKS = ["http://example.org", "https://a.b.example.com/x?y=z#w", "www.example.com", "WWW.x.co", "example.com", "foo.org/path", "me@example.org", "mailto:me@x.y.org",
         "(http://x.org/a_(b))", "<http://x.com>", "http://1.2.3.4:80/", "http://[::1]/", "http://[fe80:0:0:0:0:0:0:1]:8080/x", "https://xn--bcher-kva", "ftp://x.org/", "tel:123",
         "@a@b.c", "a@b", "x.y.", "http://localhost", "http://a_b-c%20.net", "http://x.com,", "see:http://x.com", "foo.com).", "\"www.a.com\"", "a&b", "&lt;http://q.org&gt;",
         "https://ex.comm:123456", "http://x.info:12?q"]
MARKUP = ["<b>", "</b>", "<!-- c -->", "<", "<!--", "&amp;", "&lt;", "&copy", "&copy;", "&notit;", "&#65;", "&#x41", "&#0;", "&#x110000;", "&#128;", "&nosuch;", "&;", "& ", "&#;",
          "&#x;", "&frac12;", "&CounterClockwiseContourIntegral;", "&fjlig;", "&NewLine;", "a", "  b ", "\t", "\u00a0", "&#xfffe;", "&#127;", "&ampx", "&amp", "&LT", "&#1114112",
          "&#99999999999999999999;", "&Aacute", "&acE;", "&ngE;"]
LAYOUT = ["{{ s|wordwrap(w) }}", "{{ s|wordwrap(w, false) }}", "{{ s|wordwrap(w, true, '|', false) }}", "{{ s|wordwrap(w, false, '|', false) }}", "{{ u|urlize }}",
          "{{ u|urlize(w - 3, true, rel='x noopener a', target='_b') }}", "{{ u|urlize(extra_schemes=['tel:', 'ftp://']) }}", "{{ u|safe|urlize }}", "{{ h|striptags }}", "{{ v|pprint }}",
          "{{ [v, (1, 2), (v,)]|pprint }}", "{{ {1: v, 'a': 2, none: 3, (1, 2): 4}|pprint }}", "{{ d|xmlattr }}", "{{ d|xmlattr(false) }}", "{{ d|urlencode }}", "{{ v|urlencode }}",
          "{{ s|urlencode }}"]


def layout(adze, seed, count):
    """Random texts through the filters that lay text out."""
    r, env, bad = random.Random(seed), environment(datetime.now()), 0

    def text(parts, spaces, n):
        return "".join(r.choice(parts) + r.choice(spaces) for _ in range(r.randrange(n)))

    def value(depth=0):
        k = r.random()
        if depth < 4 and k < 0.3:
            return [value(depth + 1) for _ in range(r.randrange(6))]
        if depth < 4 and k < 0.55:
            return {r.choice(["k", "key two", "zz", "longer key here", "'q'"]) + str(r.randrange(9)): value(depth + 1) for _ in range(r.randrange(6))}
        return text(WORDS, "   \t\n", 12) if k < 0.8 else r.choice([1, -7, 2.5, None, True, 1e20, "", "it's", "a\nb\nc", "x" * 90, "word " * 30])

    for _ in range(count):
        values = {"s": text(WORDS, "   \t\n\u00a0", 30), "u": text(LINKS + WORDS[:5], [" ", " ", "\n", ""], 8), "h": text(MARKUP, [""], 12), "v": value(),
                  "w": r.choice([1, 2, 3, 5, 8, 10, 15, 20, 30, 79]),
                  "d": {r.choice(["a", "b-c", "x:y", "q<"]): r.choice(["1", "<&\"'", None, 5, True, "\u00e9"]) for _ in range(4)}}
        bad += sum(not check(env, adze, "layout", source, values) for source in LAYOUT)
    print(f"{count * len(LAYOUT)} texts: {bad} differ")
    return bad


class Maker:
    def __init__(self, r):
        self.r = r
        self.names = list(VALUES)

    def pick(self, items):
        return self.r.choice(items)

    def literal(self):
        return self.pick(["1", "0", "-1", "2", "10", "3.5", "0.0", "1e3", "'a'", "'x'", "''", "'Hello'", "none", "true", "false", "[]", "{}", "()", "[1, 2]", "(1,)", "('a', 'b')",
                          "{'a': 1}", "{1: 'x', 'k': [1]}", "'\\n'", "\"it's\"", "'\\u00e9'", "[none, true]", "range(3)", "range(5, 0, -2)", "'a' 'b'", "1_000", "0x1f", "nope"])

    # Expressions that mostly work: of a kind of value, with what that kind can do.
    NAMES = {"str": ["s", "u", "e", "w", "q", "num", "fl"], "num": ["i", "z", "neg", "x", "big", "small", "t"], "list": ["l", "ls", "el", "m", "mix"], "dict": ["d", "ed", "items", "m[0]"]}
    DO = {
        "str": ["upper", "lower", "title", "capitalize", "trim", "replace('l', 'L')", "replace('', '-')", "indent", "indent(2, true)", "indent('>', false, true)", "e", "safe", "string", "center(20)", "truncate(5)",
                "truncate(8, false, '', 0)", "reverse", "urlencode", "default('d', true)", "list", "wordcount", "length", "int", "float", "first", "last", "tojson", "int(0, 16)", "unique|join", "batch(3)|list", "slice(3)|list",
                "sort", "map('upper')|join", "join('-')", "filesizeformat", "tojson(ensure_ascii=true)", "count", "trim('Hd ')", "forceescape"],
        "num": ["abs", "round", "round(1)", "round(-1)", "round(1, 'ceil')", "round(2, 'floor')", "int", "float", "string", "default(1)", "default('n', true)", "tojson", "filesizeformat", "upper", "title"],
        "list": ["first", "last", "length", "list", "join(', ')", "reverse|list", "tojson", "tojson(indent=2)", "map('string')|join('|')", "select|list", "unique|list", "batch(2)|list", "batch(2, 'z')|list", "slice(2)|list",
                 "slice(2, 'z')|list", "select('string')|list", "reject('none')|list", "map(attribute='a')|list", "map(attribute='k.z', default=9)|list", "string", "default([])", "sort(attribute='a')", "sum(attribute='a')",
                 "selectattr('k')|list", "selectattr('r', 'equalto', 'x')|list", "rejectattr('k', 'defined')|list", "groupby('r')|list", "groupby('r')|map(attribute='list')|list", "sort", "min", "max", "sum", "select('defined')|first"],
        "dict": ["length", "list", "items|list", "dictsort", "dictsort(true)", "dictsort(reverse=true)", "tojson", "tojson(indent=2)", "tojson(sort_keys=true)", "tojson(separators=(',', ':'))", "first", "last", "string", "join(',')",
                 "default({})", "dictsort(false, 'value')", "items|map('first')|list", "tojson(indent='.')"]}
    CALL = {"str": METHODS[:METHODS.index("items()")] + ["isascii()", "isprintable()"], "num": ["real"], "list": ["count(1)", "copy()"],
            "dict": ["items()|list", "keys()|list", "values()|list", "get('b')", "get('zz', 1)", "copy()", "keys()", "items()", "b", "nope", "get"]}

    def typed(self, kind, depth):
        r = self.r.random()
        if depth > 3 or r < 0.4:
            return self.pick(self.NAMES[kind])
        e = lambda k=kind: self.typed(k, depth + 1)  # noqa: E731
        if r < 0.5:
            return f"({e()} if {self.expr(depth + 2)} else {e()})"
        if kind == "str":
            return self.pick([f"({e()} + {e()})", f"({e()} ~ {self.expr(depth + 1)})", f"{e()}.strip()", f"{e()}.split()[0]", f"({e()} * 2)", f"({e()}|upper)", f"({e()}|lower)", f"{e()}[1:]", f"{e()}[::-1]", f"{e()}[:3]",
                              f"({self.typed(self.pick(['list', 'dict']), depth + 1)}|string)", f"({e('num')}|string)", f"'%s' % ({e('num')},)", f"({e()}|e)", f"({e()}|safe)", f"{e()}.replace('l', {e()})"])
        if kind == "num":
            return self.pick([f"({e()} + {e()})", f"({e()} - {e()})", f"({e()} * {e()})", f"({e()} / (i + 1))", f"({e()} // 3)", f"({e()} % 5)", f"-{e()}", f"({e('str')}|length)", f"({e('list')}|length)", f"({e()} // -2)", f"({e()} ** 2)",
                              f"({e()} % -3.5)"])
        if kind == "list":
            return self.pick([f"[{e('str')}, {e('num')}]", f"{e('str')}.split('l')", f"({e()} + {e()})", f"{e()}[1:]", f"{e()}[::-1]", f"({e()}|reverse|list)", f"({e('dict')}|list)", f"[{e()}]", f"range({e('num')}|int|abs % 9)|list"])
        return self.pick([f"{{'k': {e('str')}, {e('num')}: 1}}", f"dict(a={e('list')})", f"{{'b': {e()}}}", f"dict({e()}, z=1)"])

    def expr(self, depth=0):
        kind = self.pick(list(self.NAMES))
        r = self.r.random()
        if r < 0.12:
            return self.wild(depth)
        t = lambda k=kind: self.typed(k, depth + 1)  # noqa: E731
        if r < 0.35:
            return f"({t()}|{self.pick(self.DO[kind])})"
        if r < 0.5:
            return f"{t()}.{self.pick(self.CALL[kind])}"
        if r < 0.58:
            return f"({t()} is {self.pick(TESTS)})"
        if r < 0.68:
            return f"({t()} {self.pick(['==', '!=', 'and', 'or', '<', '>=', 'in', 'not in'])} {t()})"
        if r < 0.73:
            return f"'{self.pick(FORMATS)}' % ({t('num')})"
        if r < 0.78:
            return f"'{{:{self.pick(SPECS)}}}'.format({t(self.pick(['num', 'num', 'str']))})"
        return t()

    def wild(self, depth=0):
        r = self.r.random()
        if depth > 3 or r < 0.28:
            return self.pick(self.names) if self.r.random() < 0.65 else self.literal()
        e = lambda: self.expr(depth + 1)  # noqa: E731
        if r < 0.40:
            return f"({e()}|{self.pick(FILTERS)})"
        if r < 0.52:
            return f"{e()}.{self.pick(METHODS)}"
        if r < 0.60:
            return f"({e()} is {self.pick(TESTS)})"
        if r < 0.70:
            return f"({e()} {self.pick(['+', '-', '*', '/', '//', '%', '**', '~', '~', '+'])} {e()})"
        if r < 0.77:
            return f"({e()} {self.pick(['==', '!=', '<', '>', '<=', '>=', 'in', 'not in', 'and', 'or', 'and', 'or'])} {e()})"
        if r < 0.80:
            return f"({e()} if {e()}" + (f" else {e()})" if self.r.random() < 0.8 else ")")
        if r < 0.86:
            i = lambda: self.pick(["", "0", "1", "-1", "2", "-2", "5", "100", "-100", "i", "none"])  # noqa: E731
            v = self.pick(self.names)  # Python folds slices of constants by other rules
            return f"{v}[{i() or 0}]" if self.r.random() < 0.4 else f"{v}[{i()}:{i()}" + (f":{i()}]" if self.r.random() < 0.5 else "]")
        if r < 0.89:
            return f"{e()}[{self.pick(['0', repr('a'), repr('b'), repr('items'), e()])}]"
        if r < 0.92:
            return f"'{self.pick(FORMATS)}' % {e()}"
        if r < 0.95:
            return f"'{{:{self.pick(SPECS)}}}'.format({e()})"
        if r < 0.97:
            return f"[{e()}, {e()}]"
        return self.pick(["not ", "-", "+"]) + e()

    def space(self):
        return self.pick(["", "", "", " ", "\n", "  \n", "\n\n  ", "\t", "x", "text\n", " a "])

    def tag(self, body):
        return "{%" + self.pick(["", "", "-", "+"]) + f" {body} " + self.pick(["", "", "-", "+"]) + "%}"

    def body(self, depth=0):
        return "".join(self.statement(depth) for _ in range(self.r.randint(1, 3)))

    def statement(self, depth=0):
        r = self.r.random()
        t, b = self.tag, lambda: self.space() + self.body(depth + 1) + self.space()  # noqa: E731
        v = self.pick(["s", "i", "v", "k", "item", "x"])
        if depth > 2 or r < 0.45:
            out = "{{" + self.pick(["", "", "-"]) + f" {self.expr()} " + self.pick(["", "", "-"]) + "}}"
        elif r < 0.58:
            out = t(f"if {self.expr()}") + b() + (t(f"elif {self.expr()}") + b() if self.r.random() < 0.3 else "") + \
                (t("else") + b() if self.r.random() < 0.5 else "") + t("endif")
        elif r < 0.72:
            loop = self.pick(["", "{{ loop.index }}/{{ loop.last }}", "{{ loop.length }}", "{{ loop.previtem }}{{ loop.nextitem }}", "{{ loop.cycle('a', 'b') }}",
                              "{{ loop.changed(item) }}", "{{ loop.revindex0 }}", self.tag("break") if self.r.random() < 0.3 else "",
                              self.tag(f"if {self.expr()}") + self.tag("continue") + self.tag("endif")])
            head = self.pick([f"for item in {self.expr()}", f"for k, v in {self.expr()}", f"for item in {self.expr()} if {self.expr()}", "for k, v in d.items()",
                              "for item in m", "for item in l if item > 1"])
            out = t(head) + "{{ item }}" + loop + b() + (t("else") + b() if self.r.random() < 0.3 else "") + t("endfor")
        elif r < 0.82:
            out = t(f"set {v} = {self.expr()}") if self.r.random() < 0.8 else t(f"set {v}" + self.pick(["", " | upper", "|trim"])) + b() + t("endset")
        elif r < 0.87:
            out = t("set ns = namespace(a=1)") + t(f"for item in {self.expr()}") + t(f"set ns.a = {self.expr()}") + t("endfor") + "{{ ns.a }}{{ ns }}"
        elif r < 0.93:
            out = t(f"macro mac(p, {v}={self.expr()})") + b() + "{{ p }}{{ varargs }}{{ kwargs }}" * (self.r.random() < 0.4) + \
                "{{ caller() }}" * (self.r.random() < 0.2) + t("endmacro") + "{{ mac(" + self.pick(["", self.expr(), f"{self.expr()}, p2=1", "1, 2, 3"]) + ") }}"
            if self.r.random() < 0.2:
                out += t("call mac(1)") + b() + t("endcall")
        elif r < 0.96:
            out = t("filter " + self.pick(["upper", "trim", "replace('a', 'b')", "indent(2)", "title"])) + b() + t("endfilter")
        elif r < 0.98:
            out = t(f"with {v} = {self.expr()}") + b() + t("endwith")
        else:
            out = self.pick(["{# c #}", "{#- c -#}", t("raw") + "{{ x }}" + t("endraw"), t("generation") + b() + t("endgeneration")])
        return self.space() + out


# A text that names an object's address cannot be compared; nor can numbers that adze refuses.
SKIP = (" at 0x", "<function", "<built-in", "<bound method")
REFUSED = ("64 bits", "is not supported", "are not supported", "is refused", "has no text")


def fuzz(adze, seed, count):
    env, bad, same, failed, refused = environment(), 0, 0, 0, 0
    r = random.Random(seed)
    for i in range(count):
        source = Maker(r).body()
        want = render(env, source, VALUES)
        got, error = adze.render(source, VALUES)
        if want is not None and any(s in want for s in SKIP):
            continue
        if error and any(s in error for s in REFUSED):
            refused += 1
        elif got == want:
            same += want is not None
            failed += want is None
        else:
            bad += 1
            if bad <= 12:
                check(env, adze, repr(source), source, VALUES)
    print(f"seed {seed}: {count} templates: {same} equal, {failed} fail in both, {refused} refused, {bad} differ")
    return bad


def main():
    warnings.simplefilter("ignore")
    adze = Adze(sys.argv[1])
    if sys.argv[2] == "--fuzz":
        sys.exit(fuzz(adze, int(sys.argv[3]), int(sys.argv[4])) > 0)
    if sys.argv[2] == "--layout":
        sys.exit(layout(adze, int(sys.argv[3]), int(sys.argv[4])) > 0)
    sys.exit(folder(adze, sys.argv[2]) > 0)


main()
