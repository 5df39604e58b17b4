"""Tables of Python's case mappings: writes src/text/jinja_case_tables.c.

    python3.11 tools/case_tables.py > src/text/jinja_case_tables.c

Chat templates are rendered as Python renders them, so upper, lower and title are Python's (3.11, Unicode 14.0).
"""
import sys
import unicodedata

if unicodedata.unidata_version != "14.0.0":
    sys.exit(f"Unicode {unicodedata.unidata_version}: run this with Python 3.11")


def tables(name, mapping):
    single = {c: ord(m) - c for c in range(0x110000) if not 0xD800 <= c < 0xE000
              for m in [mapping(chr(c))] if len(m) == 1 and m != chr(c)}
    special = {c: mapping(chr(c)) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and len(mapping(chr(c))) > 1}
    runs, todo = [], sorted(single)
    while todo:
        first = todo[0]
        step = 2 if first + 1 not in single or single[first + 1] != single[first] else 1
        last = first
        while single.get(last + step) == single[first] and (step == 1 or last + 1 not in single):
            last += step
        runs.append((first, last, single[first], step))
        todo = [c for c in todo if c > last or (c - first) % step]
    print(f"\nconst az_case_run az_case_{name}[] = {{")
    line = "   "
    for first, last, delta, step in runs:
        item = f" {{ 0x{first:x}, 0x{last:x}, {delta}, {step} }},"
        if len(line) + len(item) > 100:
            print(line)
            line = "   "
        line += item
    print(line + f"\n}};\nconst size_t az_case_{name}_n = {len(runs)};")
    print(f"\nconst az_case_special az_case_{name}_special[] = {{")
    line = "   "
    for c, text in special.items():
        out = [f"0x{ord(x):x}" for x in text] + ["0"] * (3 - len(text))
        item = f" {{ 0x{c:x}, {{ {', '.join(out)} }} }},"
        if len(line) + len(item) > 100:
            print(line)
            line = "   "
        line += item
    print(line + f"\n}};\nconst size_t az_case_{name}_special_n = {len(special)};")


print("""/* Case mappings of Python 3.11 (Unicode 14.0). Made by tools/case_tables.py. */
#include "text/jinja_case.h"

/* clang-format off */""")
tables("upper", str.upper)
tables("lower", str.lower)
# title() of one character is its title case; only what differs from upper case
special_title = {c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and chr(c).title() != chr(c).upper()}
tables("title", lambda s: s.title() if ord(s) in special_title else s)
print("""
/* Characters of which upper case is not title case, though title case is the character itself. */
const uint32_t az_case_title_same[] = {""")
same = sorted(c for c in special_title if chr(c).title() == chr(c))
print("    " + ", ".join(f"0x{c:x}" for c in same) + f"\n}};\nconst size_t az_case_title_same_n = {len(same)};")
