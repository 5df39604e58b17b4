#!/usr/bin/env python3
"""Golden pieces and normalized texts from Hugging Face tokenizers (made with 0.23.3).

Writes tests/data/golden/pieces.json: {pre_tokenizer, text, pieces} with '|' between the pieces, and
tests/data/golden/normalized.json: {normalizer, text, normalized}. Run from the root of the tree.
"""
import json
from tokenizers import Tokenizer, models

TEXTS = ["a-b--c", "--a", "a--", "-", "x y  z", " 12ab3 4", "$1.50, (ok)!", "caf\u00e9_1 \u4f60\u597d\u3002",
         "one\ttwo\n\nthree  "]


def split(pattern, behavior, invert=False, kind="String"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
DIGITS = {"type": "Digits", "individual_digits": True}
RUNS = {"type": "Digits", "individual_digits": False}
PRE = [split("-", b, i) for b in BEHAVIORS for i in (False, True)]
PRE += [split(r"\s+", b, i, "Regex") for b in BEHAVIORS for i in (False, True)]
PRE += [split(r"(?=[a-z])", b, False, "Regex") for b in BEHAVIORS]
PRE += [DIGITS, RUNS, {"type": "Whitespace"}, {"type": "WhitespaceSplit"}]
PRE += [{"type": "Punctuation", "behavior": b} for b in BEHAVIORS]
# llama.cpp's way where a file does not name one: its four patterns, one after the other
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
DEFAULT = sequence(*[split(p, "Isolated", False, "Regex")
                     for p in (r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]")])
PRE += [DEFAULT]
PRE += [sequence(DIGITS, split("-", "MergedWithNext")), sequence({"type": "WhitespaceSplit"}, RUNS)]

NORM_TEXTS = ["", "plain text", "Cafe\u0301 \u00c9TE\u0301", "\u1e9b\u0323 \ufb01n \u2460", "\u0130stanbul \u03a3\u03a3",
              "\uac01 \u1100\u1161\u11a8", "a\u0315\u0300\u05ae\u0300\u0062", "\u0344\u0958 \u2126\u212b",
              "  spaced\u3000 ", "\u4f60\u597d e\u0301\u4f60\u0301", "q\u0307\u0323 \u1e69\u0323", "\ub354\u11a7 \ub354\u11a8\u11a7",
              # marks and letters that are newer than the tables of tokenizers: not put in order, not composed
              "\u074a\u1df9 e\u1df9\u0301", "\u4e00\u032f\ua82c", "\U00011935\U00011930 a\u08d3\u0327 \U000105d2\u0307"]
NORM = [{"type": t} for t in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase"]]
NORM += [{"type": "Strip", "strip_left": l, "strip_right": r} for l in (True, False) for r in (True, False)]
NORM += [{"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
         {"type": "Replace", "pattern": {"Regex": "[aeiou]+"}, "content": "<v>"},
         {"type": "Prepend", "prepend": "\u2581"},
         {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]}]


def tokenizer(**parts):
    spec = json.loads(Tokenizer(models.BPE()).to_str())
    spec.update(parts)
    return Tokenizer.from_str(json.dumps(spec))


def main():
    rows = []
    for pre in PRE:
        tok = tokenizer(pre_tokenizer=pre).pre_tokenizer
        for text in TEXTS:
            parts = [p for p, _ in tok.pre_tokenize_str(text)]
            rows.append({"pre_tokenizer": pre, "text": text, "pieces": "|".join(parts)})
    save("pieces", rows)
    rows = []
    for norm in NORM:
        tok = tokenizer(normalizer=norm).normalizer
        rows += [{"normalizer": norm, "text": t, "normalized": tok.normalize_str(t)} for t in NORM_TEXTS]
    save("normalized", rows)


def save(name, rows):
    with open(f"tests/data/golden/{name}.json", "w", encoding="utf-8") as f:
        f.write("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")


main()
