#!/usr/bin/env python3
"""Write src/text/jinja_html_tables.c: HTML 5's names of characters, as Python's html.entities has them.

Usage: tools/html_tables.py, from the root of the tree.
"""
import html.entities
import string
from pathlib import Path

HEAD = """/* Made by tools/html_tables.py: HTML 5's names of characters. */
#include "text/jinja_html.h"

/* clang-format off */
const char *const az_html_names[] = {
"""


def c_text(s):
    return "".join(f"\\{b:03o}" if b > 126 or b < 32 or b in b'"\\?' else chr(b) for b in s.encode())


def main():
    table = html.entities.html5
    old = {n for n in table if not n.endswith(";")}
    assert all(table[n] == table[n + ";"] and not table[n].isalnum() | table[n].startswith(";") or ord(table[n]) > 127 for n in old)
    text = HEAD
    for first in string.ascii_uppercase + string.ascii_lowercase:
        line = ""
        for name in sorted(n for n in table if n[0] == first and n[:-1] not in old):
            line += f'{name[1:]}{c_text(table[name])}\\000'
            if len(line) > 100:
                text += f'    "{line}"\n'
                line = ""
        text += f'    "{line}",\n'
    Path("src/text/jinja_html_tables.c").write_text(text + "};\n/* clang-format on */\n")


main()
