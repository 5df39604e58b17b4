#!/usr/bin/env python3
"""Golden ids of tokenizers without a tokenizer.json: what transformers makes of vocab.txt, and of vocab.json with merges.txt, by class and settings.

    pip install transformers==5.23.0 tokenizers==0.23.3
    python3 tools/golden/make_vocab_files.py

The vocabularies are those of tests/data/golden/tokenizer: kinds/bert.json as vocab.txt, gpt2/tokenizer.json as vocab.json and merges.txt.
Writes tests/data/golden/tokenizer/vocab_files.json: [{vocab, config, special: ids of TEXTS, plain: the same with nothing added}], the texts
first. config: tokenizer_config.json. Run from the root of the tree.
"""
import json
import tempfile
from importlib.metadata import version
from pathlib import Path

from transformers import AutoTokenizer

GOLDEN = Path("tests/data/golden/tokenizer")
TEXTS = ["", "Hello world", "It was the BEST of times, it's worst.", "na\u00efve Caf\u00e9 \u00c5ngstr\u00f6m", "\u4f60\u597d,\u4e16\u754c! hi", "a  b\t\nc\r\n", "un-believable!!! 3.14",
         "[CLS] x [SEP] [MASK]y [UNK]", "<s>x</s> <mask> <pad>", "x<|endoftext|>y", "\u0130stanbul STRASSE \ufb01n", "don't I'VE  12345", "\U0001F44D\U0001F3FD ok \u200b\u00ad.", "  leading",
         "e\u0301te\u0301 \u0939\u093f\u0928", "x" * 101 + " y"]


def words(**more):
    return {"vocab": "bert", "config": {"tokenizer_class": "BertTokenizer", **more}}


def pairs(name, **more):
    return {"vocab": "gpt2", "config": {"tokenizer_class": name, **more}}


ROWS = [
    words(), words(do_lower_case=False), words(do_lower_case=True, strip_accents=False), words(do_lower_case=False, strip_accents=True),
    words(tokenize_chinese_chars=False), words(do_lower_case=None), words(cls_token="[SEP]", sep_token="[CLS]"), words(model_max_length=4),
    words(additional_special_tokens=["hello"]), {"vocab": "bert", "config": {"tokenizer_class": "DistilBertTokenizer"}},
    pairs("GPT2Tokenizer"), pairs("GPT2Tokenizer", add_prefix_space=True), pairs("GPT2Tokenizer", bos_token="<s>", unk_token="<|endoftext|>"),
    pairs("GPT2Tokenizer", add_bos_token=True), pairs("GPT2Tokenizer", pad_token="<pad>"), pairs("CodeGenTokenizer"),
    pairs("RobertaTokenizer"), pairs("RobertaTokenizer", add_prefix_space=True), pairs("Qwen2Tokenizer"), pairs("Qwen2Tokenizer", eos_token="<|im_end|>"),
    pairs("GPT2Tokenizer", added_tokens_decoder={"600": {"content": "<x>", "special": True, "normalized": False, "lstrip": False, "rstrip": False, "single_word": False}}),
]


# A tokenizer.json says by itself what goes around a text; flags beside it say nothing.
ROWS += [{"vocab": v, "config": {"tokenizer_class": c, "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", **f}}
         for v in ("json", "json+post") for c, f in (("PreTrainedTokenizerFast", {}), ("PreTrainedTokenizerFast", {"add_bos_token": True}),
                                                     ("GPT2Tokenizer", {"add_bos_token": False, "add_eos_token": True}))]


def write(folder, vocab):
    if vocab.startswith("json"):
        doc = json.loads((GOLDEN / "gpt2/tokenizer.json").read_text())
        if vocab == "json+post":
            doc["post_processor"] = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                                     "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                                     "special_tokens": {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [600], "tokens": ["<|endoftext|>"]}}}
        (folder / "tokenizer.json").write_text(json.dumps(doc))
        return
    if vocab == "bert":
        table = json.loads((GOLDEN / "kinds/bert.json").read_text())["tokenizer"]["model"]["vocab"]
        (folder / "vocab.txt").write_text("".join(t + "\n" for t in sorted(table, key=table.get)))
        return
    model = json.loads((GOLDEN / "gpt2/tokenizer.json").read_text())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in model["merges"]))


def main():
    assert version("transformers") == "5.23.0", version("transformers")
    out = []
    for row in ROWS:
        with tempfile.TemporaryDirectory() as tmp:
            write(Path(tmp), row["vocab"])
            (Path(tmp) / "tokenizer_config.json").write_text(json.dumps(row["config"]))
            try:
                tok = AutoTokenizer.from_pretrained(tmp)
            except Exception as e:
                print("raises", row, str(e)[:200])
                continue
            special = [tok(t).input_ids for t in TEXTS]
            plain = [tok(t, add_special_tokens=False).input_ids for t in TEXTS]
            print(type(tok).__name__, row["config"], len(tok), special[1], plain[9])
            out.append({**row, "special": special, "plain": plain})
    body = ",\n".join(json.dumps(r, separators=(",", ":")) for r in [TEXTS] + out)
    (GOLDEN / "vocab_files.json").write_text(f"[\n{body}\n]\n")


main()
