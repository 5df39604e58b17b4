#!/usr/bin/env python3
"""Golden special tokens of tokenizer classes: what transformers gives templates for a folder whose tokenizer_config.json names little.

    pip install transformers==5.23.0 tokenizers==0.23.3
    python3 tools/golden/make_special_tokens.py

Writes tests/data/golden/templates/special_tokens.json: {config, map, tokens}, where `tokens` are special_tokens_map of the tokenizer that
transformers makes of a small tokenizer.json beside that tokenizer_config.json (and special_tokens_map.json, if `map` is there). Run from
the root of the tree.
"""
import json
import tempfile
from importlib.metadata import version
from pathlib import Path

from tokenizers import Tokenizer, models
from transformers import AutoTokenizer

BPE = ["LlamaTokenizer", "GemmaTokenizer", "GPT2Tokenizer", "CodeGenTokenizer", "GPTNeoXTokenizer", "Qwen2Tokenizer",
       "CohereTokenizer", "RobertaTokenizer", "WhisperTokenizer", "CLIPTokenizer", "PreTrainedTokenizerFast", "TokenizersBackend"]
WORDPIECE = ["BertTokenizer", "DistilBertTokenizer", "MPNetTokenizer"]
UNIGRAM = ["T5Tokenizer", "XLMRobertaTokenizer", "AlbertTokenizer", "CamembertTokenizer", "DebertaV2Tokenizer"]


def backend(name):
    if name in WORDPIECE:
        return Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "<pad>": 2, "<s>": 3, "</s>": 4}, unk_token="[UNK]"))
    if name in UNIGRAM:
        pieces = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", "a", "[CLS]", "[SEP]", "[UNK]", "[MASK]", "[PAD]"]
        return Tokenizer(models.Unigram([(p, 0.0) for p in pieces], 3, False))
    return Tokenizer(models.BPE({"a": 0, "b": 1}, []))


def tokens(name, config, extra):
    with tempfile.TemporaryDirectory() as tmp:
        backend(name).save(tmp + "/tokenizer.json")
        (Path(tmp) / "tokenizer_config.json").write_text(json.dumps(config))
        if extra:
            (Path(tmp) / "special_tokens_map.json").write_text(json.dumps(extra))
        tok = AutoTokenizer.from_pretrained(tmp)
        return type(tok).__name__, tok.special_tokens_map


def main():
    assert version("transformers") == "5.23.0", version("transformers")
    rows = []
    for name in BPE + WORDPIECE + UNIGRAM:
        variants = [({"tokenizer_class": name}, None)]
        if name in ("LlamaTokenizer", "GPT2Tokenizer", "BertTokenizer", "Qwen2Tokenizer"):
            variants += [({"tokenizer_class": name + "Fast"}, None),
                         ({"tokenizer_class": name, "bos_token": None, "eos_token": "<x>"}, None),
                         ({"tokenizer_class": name, "pad_token": {"content": "<p>", "__type": "AddedToken"}, "unk_token": ""}, None),
                         ({"tokenizer_class": name}, {"bos_token": "<m>", "eos_token": {"content": "<n>"}}),
                         ({"tokenizer_class": name, "bos_token": "<c>"}, {"bos_token": "<m>"}),
                         ({"tokenizer_class": name, "bos_token": "<c>", "added_tokens_decoder": {}}, {"bos_token": "<m>", "pad_token": "<q>"}),
                         ({"tokenizer_class": name}, {"bos_token": None}),
                         ({"tokenizer_class": name, "image_token": "<img>", "add_bos_token": True}, {"audio_token": "<a>"}),
                         ({"tokenizer_class": name, "extra_special_tokens": {"boi_token": "<boi>", "begin": "<b>"}}, None)]
        for config, extra in variants:
            made, got = tokens(name, config, extra)
            print(made, config, extra, got)
            rows.append({"config": config, "map": extra, "tokens": got})
    body = ",\n".join(json.dumps(r) for r in rows)
    Path("tests/data/golden/templates/special_tokens.json").write_text(f"[\n{body}\n]\n")


main()
