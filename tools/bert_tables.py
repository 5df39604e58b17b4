#!/usr/bin/env python3
"""Write src/text/bert_tables.c: the code points that Hugging Face tokenizers 0.23.3 takes for punctuation, for marks and for
nothing at all in BERT's rules. They follow Unicode tables of 2016 that no installed library has, so they are asked for.

Usage: tools/bert_tables.py, in an environment that has tokenizers, from the root of the tree.
"""
import subprocess
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


def main():
    text = ("/* Made by tools/bert_tables.py: runs of code points, first and last. */\n#include \"text/bert_tables.h\"\n\n" +
            table("az_bert_cleaned", gone(bert(clean=True))) + table("az_bert_accents", gone(bert(strip=True))) +
            table("az_bert_punct", punctuation()) + table("az_strip_accents", gone(normalizers.StripAccents())))
    path = Path("src/text/bert_tables.c")
    path.write_text(text)
    subprocess.run(["clang-format", "-i", str(path)], check=True)


if __name__ == "__main__":
    main()
