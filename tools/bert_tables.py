#!/usr/bin/env python3
"""Write src/text/bert_tables.c: the code points that Hugging Face tokenizers 0.23.3 takes for punctuation, for marks, for
nothing at all in BERT's rules, for part of the grapheme cluster before, and
for the lower case of recent characters; and the ones that it decomposes and that it puts in order. They follow Unicode tables of 2016 that no installed library has, so they are asked for.

Usage: tools/bert_tables.py, in an environment that has tokenizers, from the root of the tree.
"""
import struct
import subprocess
import unicodedata
from pathlib import Path

from tokenizers import normalizers, pre_tokenizers

POINTS = [c for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000]


def gone(normalizer):
    return [c for c in POINTS if normalizer.normalize_str(chr(c)) == ""]


def bert(clean=False, strip=False):
    return normalizers.BertNormalizer(clean_text=clean, handle_chinese_chars=False, strip_accents=strip, lowercase=False)


def punctuation():
    split = pre_tokenizers.Punctuation("isolated")
    return [c for c in POINTS if len(split.pre_tokenize_str("a" + chr(c) + "a")) == 3]


def darts(unit_for_a):
    """A character map that turns "A" into "a" and nothing else: units of a Darts-clone trie."""
    units = [0] * 512
    units[0] = 256 << 10                                # children of the root at 256
    units[256 ^ 0x41] = 0x41 | 0x100 | (1 << 10)        # "A", with a value at offset 1
    units[256 ^ 0x41 ^ 1] = 0x80000000 | unit_for_a
    return struct.pack("<I512I", 2048, *units) + b"a\0"


def extenders():
    """Code points that belong to the grapheme cluster of the character before them."""
    norm = normalizers.Precompiled(darts(0))
    return [c for c in POINTS if norm.normalize_str("A" + chr(c)) == "a"]


def decomposed():
    norm = normalizers.NFKD()
    return [c for c in POINTS if norm.normalize_str(chr(c)) != chr(c)]


def reordered():
    """Code points that NFD moves: in front of U+0345, of class 240, or behind U+0334, of class 1."""
    norm = normalizers.NFD()

    low, high = "a\u0345%c", "a%c\u0334"
    return [c for c in POINTS if norm.normalize_str(chr(c)) == chr(c)
            and (norm.normalize_str(low % c) != low % c or norm.normalize_str(high % c) != high % c)]


def runs(points):
    out = []
    for c in points:
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def table(name, points):
    rows = runs(points)
    body = ",".join(f"{{0x{a:x},0x{b:x}}}" for a, b in rows)
    return f"const az_uc_run {name}[] = {{{body}}};\nconst size_t {name}_n = {len(rows)};\n\n"


def lower():
    """Characters with a lower case that Unicode 14 does not know, which this Python has."""
    norm = normalizers.Lowercase()
    pairs = [(c, norm.normalize_str(chr(c))) for c in POINTS]
    rows = [(c, ord(s)) for c, s in pairs if s != chr(c).lower() and len(s) == 1]
    body = ",".join(f"{{0x{a:x},0x{b:x}}}" for a, b in rows)
    return f"const az_uc_pair az_new_lower[] = {{{body}}};\nconst size_t az_new_lower_n = {len(rows)};\n"


def main():
    assert unicodedata.unidata_version == "14.0.0", "made with a Python of Unicode 14"
    text = ("/* Made by tools/bert_tables.py: runs of code points, first and last. */\n#include \"text/bert_tables.h\"\n\n" +
            table("az_bert_cleaned", gone(bert(clean=True))) + table("az_bert_accents", gone(bert(strip=True))) +
            table("az_bert_punct", punctuation()) + table("az_strip_accents", gone(normalizers.StripAccents())) + table("az_extenders", extenders()) +
            table("az_decomposed", decomposed()) + table("az_reordered", reordered()) + lower())
    path = Path("src/text/bert_tables.c")
    path.write_text(text)
    subprocess.run(["clang-format", "-i", str(path)], check=True)


if __name__ == "__main__":
    main()
