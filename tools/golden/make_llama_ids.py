#!/usr/bin/env python3
"""Ids that llama.cpp gives for small vocabularies of its own kinds: tests/data/golden/llama_ids.json.

    python3 tools/golden/make_llama_ids.py --real PROGRAM

PROGRAM MODEL LINES prints llama.cpp's ids of each line, special tokens recognized in it and put around it ("throws" where
the call ends with an exception). Needs the package gguf. Made with llama.cpp of 2026-08-18.
"""
import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import gguf

OUT = Path(__file__).resolve().parents[2] / "tests/data/golden/llama_ids.json"
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = range(1, 7)
S = "\u2581"
HEAD = [["<unk>", 0, UNKNOWN], ["<s>", 0, CONTROL], ["</s>", 0, CONTROL]]
BYTES = [[f"<0x{b:02X}>", 0, BYTE] for b in range(256)]
LETTERS = [[c, -20 - i, NORMAL] for i, c in enumerate(S + "abcdefgh\u00e9\u4e2d")]
SPM = HEAD + BYTES + LETTERS + [["ab", -1, NORMAL], ["bc", -1, NORMAL], ["abc", -5, NORMAL], [S + "a", -3, NORMAL], [S + S, -4, NORMAL],
                                ["de", -2, NORMAL], ["cd", -1.5, NORMAL], ["<tool>", 0, USER], [S + "x", 0, USER], ["fgh", -9, NORMAL]]
UGM = ([["<pad>", 0, CONTROL], ["</s>", 0, CONTROL], ["<unk>", 0, UNKNOWN]] +
       [[S, -3, NORMAL], ["a", -4, NORMAL], ["b", -4.5, NORMAL], ["c", -4.25, NORMAL], ["ab", -5, NORMAL], ["bc", -5, NORMAL],
        ["abc", -9, NORMAL], [S + "a", -3.5, NORMAL], ["abca", -9.5, UNUSED], ["<tool>", -30, USER], ["bb", -9, NORMAL], ["\u00e9", -6, NORMAL]])
WPM = ([["[PAD]", 0, CONTROL], ["[UNK]", 0, CONTROL], ["[CLS]", 0, CONTROL], ["[SEP]", 0, CONTROL], ["[MASK]", 0, CONTROL]] +
       [[t, 0, NORMAL] for t in (S + "a", S + "ab", "b", "c", "bc", S + "e", S + "E", S + "\u00e9", S + ",", S + "\u4e2d", S + "\u1112", S + "i", S + "\u0130",
                                 S + "$", "$", S + "a\u00a3", "\u0301", S + "x" * 120)])
TEXTS = ["", "a", "abc", "a b c", "  abcabc  ", "abcd", "bcd de", "abca abcabca", "\u00e9 e\u0301 E", "\u4e2da\u4e2d", "z\u00fcz zz", "<s>a</s> b<tool>c <tool> ab",
         "fgh fghfgh", "ab,ab", "\ud558", "\u0130I i", "a$b $ a\u00a3", "\u2581x x", "x" * 120, "[MASK] [CLS]ab", "a\tb\u00a0c\u2003d", "a\u200bb\u0001c\ufffd",
         "abbbbb", "<tool>abca", "\U0001f600", "aaaaaaaab", " ", "   ", "</s>", "<|im_end|>a",
         "a\u1b7fb a\U00010d6c"]  # a punctuation mark and an accent of Unicode 16
CASES = [
    ("llama", SPM, {}),
    ("llama", SPM, {"add_space_prefix": False, "add_bos_token": False, "add_eos_token": True}),
    ("llama", HEAD + LETTERS + SPM[-10:] + [["\n", 0, NORMAL]], {}),   # no byte tokens
    ("llama", SPM + [["<|im_end|>", -1, NORMAL]], {}),                  # a special token by its text
    ("t5", UGM, {"remove_extra_whitespaces": True, "add_space_prefix": True}),
    ("t5", UGM, {}),
    ("t5", UGM, {"remove_extra_whitespaces": False, "add_space_prefix": True, "treat_whitespace_as_suffix": True}),
    ("bert", WPM, {"bos_token_id": 2, "unknown_token_id": 1, "seperator_token_id": 3}),
    ("bert", WPM, {"bos_token_id": 2, "unknown_token_id": 1, "seperator_token_id": 3, "normalizer.lowercase": False}),
    ("bert", WPM, {"bos_token_id": 2, "unknown_token_id": 1, "seperator_token_id": 3, "normalizer.strip_accents": False}),
]


def write(path, model, pieces, keys):
    w = gguf.GGUFWriter(str(path), "llama")
    w.add_tokenizer_model(model)
    w.add_token_list([p[0] for p in pieces])
    w.add_token_scores([float(p[1]) for p in pieces])
    w.add_token_types([p[2] for p in pieces])
    for key, v in keys.items():
        (w.add_bool if isinstance(v, bool) else w.add_uint32)(f"tokenizer.ggml.{key}", v)
    for add in (w.add_context_length, w.add_embedding_length, w.add_block_count, w.add_feed_forward_length, w.add_head_count):
        add(32)
    w.add_layer_norm_rms_eps(1e-5)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--real", required=True)
    a = ap.parse_args()
    cases = []
    with tempfile.TemporaryDirectory() as work:
        model, lines = Path(work) / "m.gguf", Path(work) / "lines"
        lines.write_bytes("".join(t + "\n" for t in TEXTS).encode())
        for kind, pieces, keys in CASES:
            write(model, kind, pieces, keys)
            said = subprocess.run([a.real, str(model), str(lines)], capture_output=True, check=True, text=True).stdout.split("\n")[:-1]
            # An exception: adze says -1 where the id would be.
            ids = [None if line == "throws" else [int(x) for x in line.split()] for line in said]
            cases.append({"model": kind, "keys": keys, "tokens": pieces, "ids": ids})
    text = json.dumps({"source": "llama.cpp, 2026-08-18", "texts": TEXTS, "cases": cases}, separators=(",", ":"))
    OUT.write_text(text.replace('{"model"', '\n{"model"').replace('"ids":', '\n"ids":') + "\n", encoding="utf-8")
    print(f"{OUT}: {len(cases)} vocabularies, {len(TEXTS)} texts")


if __name__ == "__main__":
    main()
