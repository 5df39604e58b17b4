#!/usr/bin/env python3
"""Golden ids for tokenizers that are not byte-level BPE.

Trains a small tokenizer of each kind with Hugging Face tokenizers 0.23.3 or SentencePiece 0.2.3 on a few lines of text and
writes tests/data/golden/tokenizer/kinds/NAME.json: the tokenizer.json in "tokenizer" or a tokenizer.model as base64 in
"model", and in "cases" text, ids, what the ids decode to where that is not the text,
and in the first one the ids with special tokens. Run from the root of the tree.
"""
import base64
import json
import sys
import tempfile
from pathlib import Path

import sentencepiece as spm
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

sys.path.insert(0, str(Path(__file__).parent))
from make_tokens import AWKWARD, PROSE, texts  # noqa: E402

SPACE = "\u2581"
# A character map of a few rules: a ligature, full-width letters, odd spaces, one that deletes.
RULES = [("FB01", "66 69"), ("FF21", "41"), ("FF22", "42"), ("3000", "20"), ("A0", "20"), ("9", "20"), ("A", "20"), ("200B", ""),
         ("C0", "41 300"), ("41 30A", "C5"), ("2126", "3A9")]
SPECIAL = dict(unk_id=0, bos_id=1, eos_id=2)


def train_spm(folder, **options):
    sample, rules = folder / "sample.txt", folder / "rules.tsv"
    sample.write_text("\n".join(PROSE[:6] * 3 + PROSE[8:9]), encoding="utf-8")
    rules.write_text("".join(f"{a}\t{b}\n" for a, b in RULES))
    if options.pop("mapped", False):
        options["normalization_rule_tsv"] = str(rules)
    else:
        options["normalization_rule_name"] = "identity"
    spm.SentencePieceTrainer.train(input=str(sample), model_prefix=str(folder / "m"), minloglevel=2, hard_vocab_limit=False,
                                   **SPECIAL, **options)
    return (folder / "m.model").read_bytes()


def spm_kinds(folder):
    yield "spm-bpe", train_spm(folder, model_type="bpe", vocab_size=560, byte_fallback=True, character_coverage=0.98,
                               remove_extra_whitespaces=False, user_defined_symbols=["<tool>", "\t"])
    yield "spm-bpe-map", train_spm(folder, model_type="bpe", vocab_size=360, character_coverage=0.98, mapped=True)
    yield "spm-unigram", train_spm(folder, model_type="unigram", vocab_size=300, character_coverage=0.98, mapped=True)
    yield "spm-unigram-bytes", train_spm(folder, model_type="unigram", vocab_size=560, byte_fallback=True, character_coverage=0.98,
                                         treat_whitespace_as_suffix=True)


def trained(tok, trainer):
    tok.train_from_iterator(PROSE * 3 + AWKWARD, trainer)
    return tok


def hf_kinds(model):
    sp = spm.SentencePieceProcessor(model_proto=model["spm-bpe"])
    vocab = {sp.id_to_piece(i): i for i in range(sp.get_piece_size())}
    merges = [(p[:k], p[k:]) for p in vocab for k in range(1, len(p)) if p[:k] in vocab and p[k:] in vocab]
    merges.sort(key=lambda m: vocab[m[0] + m[1]])
    for name in ("llama-legacy", "llama"):
        tok = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
        if name == "llama-legacy":
            tok.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
        else:
            tok.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, "first", False)
        tok.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
        tok.add_special_tokens(["<unk>", "<s>", "</s>"])
        tok.add_tokens([AddedToken("<mask>", lstrip=True, rstrip=True, normalized=False), AddedToken("word", single_word=True)])
        tok.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s> $B", [("<s>", 1)])
        yield name, tok
    tok = Tokenizer(models.Unigram())
    tok.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tok.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, "always", True)
    tok.decoder = decoders.Metaspace(SPACE, "always")
    trained(tok, trainers.UnigramTrainer(vocab_size=420, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", show_progress=False))
    tok.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> $B </s>", [("<s>", 1), ("</s>", 2)])
    yield "unigram", tok
    for name, lower in (("bert", True),):
        tok = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=40))
        tok.normalizer = normalizers.BertNormalizer(lowercase=lower)
        tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tok.decoder = decoders.WordPiece()
        trained(tok, trainers.WordPieceTrainer(vocab_size=400, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
        tok.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 2), ("[SEP]", 3)])
        yield name, tok
    tok = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tok.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.BPEDecoder("</w>")
    trained(tok, trainers.BpeTrainer(vocab_size=420, special_tokens=["<unk>"], end_of_word_suffix="</w>", show_progress=False))
    yield "bpe-suffix", tok
    tok = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"))
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated"), pre_tokenizers.FixedLength(7)])
    tok.decoder = decoders.WordPiece("##", False)
    trained(tok, trainers.BpeTrainer(vocab_size=420, special_tokens=["<unk>"], continuing_subword_prefix="##", limit_alphabet=60, show_progress=False))
    yield "bpe-prefix", tok


def write(name, source, cases):
    for c in cases[1:]:         # the first says what goes around a text
        del c["with_bos"]
    for c in cases:
        if c["decoded"] == c["text"]:
            del c["decoded"]
    out = Path("tests/data/golden/tokenizer/kinds")
    out.mkdir(parents=True, exist_ok=True)
    rows = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    doc = json.dumps(source, separators=(",", ":"))[1:-1]
    (out / f"{name}.json").write_text("{" + doc + ',\n"cases":[\n' + rows + "\n]}\n", encoding="ascii")
    print(name, len(cases), (out / f"{name}.json").stat().st_size)


def main():
    model = {}
    with tempfile.TemporaryDirectory() as tmp:
        for name, data in spm_kinds(Path(tmp)):
            model[name] = data
            sp = spm.SentencePieceProcessor(model_proto=data)
            cases = [dict(text=t, ids=sp.encode(t), with_bos=[1] + sp.encode(t), decoded=sp.decode(sp.encode(t))) for t in chosen()
                     if "<s>" not in t and "</s>" not in t]
            write(name, {"model": base64.b64encode(data).decode()}, cases)
    for name, tok in hf_kinds(model):
        tok = Tokenizer.from_str(tok.to_str())
        cases = []
        for t in chosen():
            ids = tok.encode(t, add_special_tokens=False).ids
            cases.append(dict(text=t, ids=ids, with_bos=tok.encode(t).ids, decoded=tok.decode(ids, skip_special_tokens=False)))
        write(name, {"tokenizer": json.loads(tok.to_str())}, cases)


def chosen():
    """Short texts: golden files stay small."""
    more = ["", " ", "  two  spaces ", "\ufb01 \uff21\uff22 \u3000x\u200by \u00c0 A\u030a \u2126", "<tool>x<tool>", "\tx\t", "word words sword word.",
            "a <mask> b<mask>c", "na\u00efve caf\u00e9 \u4f60\u597d \ud55c\uad6d\uc5b4 \u0939\u093f\u0928", "x" * 41 + " y", "don't do not . , ' s n't", "\u2581\u2581a \u2581b"]
    return [t for t in texts() if len(t) < 60][::3] + more


if __name__ == "__main__":
    main()
