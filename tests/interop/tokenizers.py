#!/usr/bin/env python3
"""Ids of adze against those of Hugging Face tokenizers and SentencePiece, for every kind of tokenizer.

Needs the packages tokenizers and sentencepiece, and apt-get for the text: translated manual pages and
documentation of Debian, kept in --work. To that come the sources of this tree and made-up lines: emoji, combining marks,
rare code points, very long words, bytes that are not UTF-8. Where no real tokenizer is at hand, small ones are trained on
a part of the text. Prints a line for each tokenizer and a count; exit code 0: all ids equal, 1: a difference.

    python3 tests/interop/tokenizers.py --adze build/release/adze [--lines 200000] [--only unigram] [--bench]
"""
import argparse
import gzip
import json
import os
import random
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# This file's name is the package's: its folder must not be looked in.
sys.path = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]
import sentencepiece as spm  # noqa: E402
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,  # noqa: E402
                        pre_tokenizers, processors, trainers)

PACKAGES = ["manpages-de", "manpages-fr", "manpages-ja", "manpages-ru", "manpages-zh", "manpages-pl", "manpages-el",
            "debian-faq-zh-cn", "debian-faq-ko", "debian-faq-ja", "aptitude-doc-ru"]
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
          r"\s+(?!\S)|\s+")
SPACE = "\u2581"


# ---- text

def debian_lines(work):
    """Lines of the packages' manual pages and HTML, downloaded once."""
    debs = work / "debian"
    debs.mkdir(parents=True, exist_ok=True)
    if not list(debs.glob("*.deb")):
        subprocess.run(["apt-get", "download", *PACKAGES], cwd=debs, check=True, stdout=subprocess.DEVNULL)
    for deb in sorted(debs.glob("*.deb")):
        out = debs / deb.stem
        if not out.exists():
            subprocess.run(["dpkg-deb", "-x", deb, out], check=True)
        for path in sorted(out.rglob("*")):
            if path.is_file() and not path.is_symlink() and path.suffix in (".gz", ".txt", ".html"):
                data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
                yield from data.split(b"\n")


def code_lines(repo):
    for path in sorted((repo / "src").rglob("*.[ch]")):
        yield from path.read_bytes().split(b"\n")


def invented(rng, n):
    """Lines that no manual holds. Some are not UTF-8."""
    emoji = ["\U0001F468\u200d\U0001F469\u200d\U0001F467", "\U0001F1E9\U0001F1EA", "\U0001F44D\U0001F3FD", "\u2764\ufe0f", "\U0001F600"]
    marks = [chr(c) for c in range(0x300, 0x330)] + ["\u0e33", "\u0e31", "\u093f", "\u200b", "\u200d", "\ufeff"]
    words = "The quick brown fox it's don't 12345 3.14 HelloWorld caf\u00e9 na\u00efve \u4f60\u597d \u3053\u3093 \ud55c\uad6d \u0939\u093f\u0928 \ufb01 \u2160 \u00bd \ufdfa".split()

    def word():
        k = rng.random()
        if k < 0.2:
            return "".join(rng.choice("aei\u00e4\u0438\u4e00n") + "".join(rng.choices(marks, k=rng.randrange(4))) for _ in range(rng.randrange(1, 6)))
        if k < 0.35:
            return rng.choice(emoji)
        if k < 0.45:
            return "".join(chr(rng.choice([rng.randrange(0x20, 0x3000), rng.randrange(0x3000, 0xd800), rng.randrange(0xe000, 0x30000)])) for _ in range(rng.randrange(1, 8)))
        if k < 0.5:
            return rng.choice("axz\u00e9\u4e00") * rng.randrange(1, 200)
        if k < 0.55:
            return "".join(rng.choices("!?.,-_/#\\'\"()[]{}<>|&%$", k=rng.randrange(1, 9)))
        return rng.choice(words)

    for _ in range(n):
        text = "".join(word() + rng.choice([" ", " ", " ", "  ", "\t", "", "\u3000", "\u00a0", "   "]) for _ in range(rng.randrange(1, 14)))
        data = text.replace("\n", " ").encode()
        if rng.random() < 0.1:
            at = rng.randrange(len(data) + 1)
            data = data[:at] + bytes(rng.choices(range(128, 256), k=rng.randrange(1, 4))) + data[at:]
        yield data.replace(b"\n", b" ")


def corpus(work, repo, n):
    path = work / f"text-{n}.txt"
    if not path.exists():
        rng = random.Random(1)
        made = list(invented(rng, n // 8))
        code = list(code_lines(repo))[:n // 8]
        known, real = set(), []
        for line in debian_lines(work):
            if line and line not in known and len(line) < 20000:
                known.add(line)
                real.append(line)
        rng.shuffle(real)
        lines = (made + code + real)[:n]
        for i in range(len(lines), n):      # too few: invented ones fill up
            lines.append(next(invented(rng, 1)))
        rng.shuffle(lines)
        lines = [line.replace(b"\r", b" ") for line in lines]
        path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path.read_bytes().split(b"\n")[:-1]


def valid(line):
    try:
        line.decode()
        return True
    except UnicodeDecodeError:
        return False


def replaced(line):
    """Text with U+FFFD for every byte that is not part of UTF-8."""
    out, at = [], 0
    while at < len(line):
        try:
            out.append(line[at:].decode())
            break
        except UnicodeDecodeError as e:
            out.append(line[at:at + e.start].decode() + "\ufffd")
            at += e.start + 1
    return "".join(out)


# ---- tokenizers

def sentencepiece_model(work, name, sample, **options):
    """A trained tokenizer.model; returns its folder."""
    out = work / name
    if not (out / "tokenizer.model").exists():
        out.mkdir(parents=True, exist_ok=True)
        (out / "sample.txt").write_text("\n".join(sample), encoding="utf-8")
        spm.SentencePieceTrainer.train(input=str(out / "sample.txt"), model_prefix=str(out / "tokenizer"),
                                       minloglevel=2, num_threads=2, **options)
    return out


def save(work, name, tok):
    out = work / name
    out.mkdir(parents=True, exist_ok=True)
    tok.save(str(out / "tokenizer.json"))
    return out


def trained(work, name, tok, sample, kind, **options):
    """The tokenizer with a trained model; kept, so that it is trained once."""
    if (work / name / "tokenizer.json").exists():
        return Tokenizer.from_file(str(work / name / "tokenizer.json"))
    trainer = {"bpe": trainers.BpeTrainer, "unigram": trainers.UnigramTrainer, "wordpiece": trainers.WordPieceTrainer}[kind]
    tok.train_from_iterator(sample, trainer(show_progress=False, **options))
    return tok


def fields(data):
    """(number, value) of a protobuf message; varints as numbers, the rest as bytes."""
    def varint(at):
        v = shift = 0
        while True:
            v |= (data[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if data[at - 1] < 128:
                return v, at

    at = 0
    while at < len(data):
        tag, at = varint(at)
        size = {0: 0, 1: 8, 5: 4}.get(tag & 7)
        if tag & 7 in (0, 2):
            v, at = varint(at)
            size = v if tag & 7 == 2 else 0
        yield tag >> 3, v if tag & 7 == 0 else data[at:at + size]
        at += size


def proto(folder):
    """Pieces and character map of a tokenizer.model."""
    pieces, charsmap = [], b""
    for number, v in fields((folder / "tokenizer.model").read_bytes()):
        if number == 1:
            f = dict(fields(v))
            pieces.append(SimpleNamespace(piece=f[1].decode(), score=struct.unpack("<f", f.get(2, bytes(4)))[0], type=f.get(3, 1)))
        elif number == 3:
            charsmap = dict(fields(v)).get(2, b"")
    return SimpleNamespace(pieces=pieces, charsmap=charsmap)


def from_pieces(m):
    """BPE with byte fallback of a SentencePiece vocabulary, merges as transformers makes them."""
    vocab = {p.piece: i for i, p in enumerate(m.pieces)}
    merges = []
    for p in m.pieces:
        if p.type != 1:
            continue
        local = [(p.piece[:i], p.piece[i:], p.score) for i in range(1, len(p.piece))
                 if p.piece[:i] in vocab and p.piece[i:] in vocab]
        merges += sorted(local, key=lambda x: (vocab[x[0]], vocab[x[1]]))
    merges.sort(key=lambda x: x[2], reverse=True)
    return models.BPE(vocab, [(a, b) for a, b, _ in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True)


def llama_decoder():
    return decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])


def all_tokenizers(work, sample):
    """name, folder, "hf" or "spm"."""
    spbpe = sentencepiece_model(work, "spm-bpe-bytes", sample, model_type="bpe", vocab_size=6000, byte_fallback=True,
                                character_coverage=0.995, normalization_rule_name="identity", split_digits=True,
                                remove_extra_whitespaces=False, user_defined_symbols=["\t", "<tool>"])
    yield "spm-bpe-bytes", spbpe, "spm"
    yield "spm-bpe-nfkc", sentencepiece_model(work, "spm-bpe-nfkc", sample, model_type="bpe", vocab_size=5000,
                                              character_coverage=0.99), "spm"
    uni = sentencepiece_model(work, "spm-unigram-nfkc", sample, model_type="unigram", vocab_size=6000,
                              character_coverage=0.995)
    yield "spm-unigram-nfkc", uni, "spm"
    yield "spm-unigram-cf", sentencepiece_model(work, "spm-unigram-cf", sample, model_type="unigram", vocab_size=5000,
                                                   byte_fallback=True, normalization_rule_name="nfkc_cf",
                                                   remove_extra_whitespaces=False, user_defined_symbols=["<tool>"],
                                                   character_coverage=0.99), "spm"
    yield "spm-unigram-suffix", sentencepiece_model(work, "spm-unigram-suffix", sample, model_type="unigram", vocab_size=4000,
                                                    treat_whitespace_as_suffix=True, character_coverage=0.99), "spm"

    old = Tokenizer(from_pieces(proto(spbpe)))
    old.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    old.decoder = llama_decoder()
    old.add_special_tokens(["<unk>", "<s>", "</s>"])
    old.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s> $B", [("<s>", 1)])
    yield "hf-llama-legacy", save(work, "hf-llama-legacy", old), "hf"
    new = Tokenizer(from_pieces(proto(spbpe)))
    new.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, "first", False)
    new.decoder = llama_decoder()
    new.add_special_tokens(["<unk>", "<s>", "</s>"])
    new.add_tokens([AddedToken("<|user|>", rstrip=True, normalized=False, special=True), AddedToken("don't", single_word=True)])
    yield "hf-llama", save(work, "hf-llama", new), "hf"
    gemma = Tokenizer(from_pieces(proto(spbpe)))
    gemma.normalizer = normalizers.Replace(" ", SPACE)
    gemma.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    gemma.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    yield "hf-gemma", save(work, "hf-gemma", gemma), "hf"

    xlmr = Tokenizer(models.Unigram([(p.piece, p.score) for p in proto(uni).pieces], 0, False))
    xlmr.normalizer = normalizers.Sequence([normalizers.Precompiled(proto(uni).charsmap),
                                            normalizers.Replace(Regex(" {2,}"), " ")])
    xlmr.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, "always", True)
    xlmr.decoder = decoders.Metaspace(SPACE, "always")
    xlmr.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", [("<s>", 1), ("</s>", 2)])
    yield "hf-unigram-charsmap", save(work, "hf-unigram-charsmap", xlmr), "hf"
    t5 = Tokenizer(models.Unigram([(p.piece, p.score) for p in proto(uni).pieces], 0, False))
    t5.normalizer = normalizers.Precompiled(proto(uni).charsmap)
    t5.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(SPACE, "always", True)])
    t5.decoder = decoders.Metaspace(SPACE, "always")
    yield "hf-unigram-t5", save(work, "hf-unigram-t5", t5), "hf"
    albert = Tokenizer(models.Unigram())
    albert.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKD(), normalizers.StripAccents(),
                                              normalizers.Lowercase(), normalizers.Replace("``", '"')])
    albert.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, "first", True)
    albert.decoder = decoders.Metaspace(SPACE, "first")
    yield "hf-unigram-trained", save(work, "hf-unigram-trained", trained(work, "hf-unigram-trained", albert, [x for x in sample if all(c < "\u2000" for c in x)], "unigram", vocab_size=5000, unk_token="<unk>", special_tokens=["<unk>"])), "hf"

    for name, lower in (("hf-bert-uncased", True), ("hf-bert-cased", False)):
        bert = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        bert.normalizer = normalizers.BertNormalizer(lowercase=lower)
        bert.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        bert.decoder = decoders.WordPiece()
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        bert = trained(work, name, bert, sample, "wordpiece", vocab_size=8000, special_tokens=special)
        bert.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1",
                                                            [("[CLS]", 2), ("[SEP]", 3)])
        yield name, save(work, name, bert), "hf"

    gpt2 = Tokenizer(models.BPE())
    gpt2.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    gpt2.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    yield "hf-gpt2", save(work, "hf-gpt2", trained(work, "hf-gpt2", gpt2, sample, "bpe", vocab_size=8000, initial_alphabet=alphabet)), "hf"
    llama3 = Tokenizer(models.BPE(ignore_merges=True))
    llama3.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
                                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    llama3.decoder = decoders.ByteLevel()
    yield "hf-llama3", save(work, "hf-llama3", trained(work, "hf-llama3", llama3, sample, "bpe", vocab_size=8000, initial_alphabet=alphabet)), "hf"
    clip = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    clip.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    clip.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    clip.decoder = decoders.BPEDecoder("</w>")
    yield "hf-clip", save(work, "hf-clip", trained(work, "hf-clip", clip, sample, "bpe", vocab_size=6000, end_of_word_suffix="</w>", initial_alphabet=alphabet, special_tokens=["<unk>"])), "hf"
    chars = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False, continuing_subword_prefix="##"))
    chars.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(True), pre_tokenizers.Punctuation("isolated")])
    chars.decoder = decoders.WordPiece("##", True)
    yield "hf-bpe-prefix", save(work, "hf-bpe-prefix", trained(work, "hf-bpe-prefix", chars, sample, "bpe", vocab_size=5000, continuing_subword_prefix="##", special_tokens=["<unk>"], limit_alphabet=600)), "hf"


# ---- comparing

def adze_lines(adze, folder, data, *options):
    r = subprocess.run([adze, "tokenize", str(folder), "--lines", *options], input=data, capture_output=True, check=False)
    if r.returncode:
        raise RuntimeError(r.stderr.decode(errors="replace"))
    return r.stdout.split(b"\n")[:-1]


def reference(folder, kind, lines):
    if kind == "spm":
        sp = spm.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
        ids = [sp.encode(line) for line in lines]
        return ids, [sp.decode(i) for i in ids]
    tok = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids, step = [], 2000
    for at in range(0, len(lines), step):
        ids += [e.ids for e in tok.encode_batch([replaced(x) for x in lines[at:at + step]], add_special_tokens=False)]
    return ids, tok.decode_batch(ids, skip_special_tokens=False)


def keeps_bytes(folder, kind):
    """Does adze give bytes that are not UTF-8 tokens of their own, so that they come back?"""
    if kind == "spm":
        return False
    doc = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    m = doc["model"]
    affix = m.get("continuing_subword_prefix") or m.get("end_of_word_suffix")
    return bool(m.get("byte_fallback")) or (m["type"] == "BPE" and not affix and "ByteLevel" in json.dumps(doc["pre_tokenizer"]))


def compare(a, name, folder, kind, lines):
    usable = [x for x in lines if valid(x)] if keeps_bytes(folder, kind) else lines
    if kind == "spm":           # text that spells a control piece is that piece in adze, as in transformers
        usable = [x for x in usable if b"<s>" not in x and b"</s>" not in x]
    data = b"".join(x + b"\n" for x in usable)
    got = adze_lines(a.adze, folder, data, "--no-special")
    want, texts = reference(folder, kind, usable)
    wrong = [i for i, ids in enumerate(want) if got[i] != b" ".join(b"%d" % k for k in ids)]
    back = adze_lines(a.adze, folder, b"".join(b" ".join(b"%d" % k for k in ids) + b"\n" for ids in want), "--decode")
    # A decoded line break would shift all lines; U+FFFD stands for bytes that adze keeps.
    texts = [t.encode() for t in texts]
    odd = sum(b"\n" in t for t in texts)
    bad = [] if odd or len(back) != len(texts) else [i for i, t in enumerate(texts) if back[i] != t and b"\xef\xbf\xbd" not in t]
    print(f"{name}: {len(usable)} lines, {len(wrong)} differ; decoded {'not compared' if odd else f'{len(bad)} differ'}", flush=True)
    for i in wrong[:a.show]:
        print(f"  {usable[i]!r}\n    adze {got[i].decode()}\n    want {' '.join(map(str, want[i]))}")
    for i in bad[:a.show]:
        print(f"  ids {want[i]}\n    adze {back[i]!r}\n    want {texts[i]!r}")
    return len(usable), len(wrong) + len(bad)


def bench(a, name, folder, kind, lines):
    """MB/s of both on the same file, one thread each, round by round."""
    data = b"\n".join(x for x in lines[:a.bench_lines] if valid(x))
    path = a.work / "bench.txt"
    path.write_bytes(data)
    program = Path(a.adze).parent / "bench" / "bench_tokenizers"
    text = data.decode()
    texts = text.split("\n")
    tok = Tokenizer.from_file(str(folder / "tokenizer.json")) if kind == "hf" else spm.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    ratios = []
    for _ in range(a.rounds):
        out = subprocess.run([program, str(folder), str(path), "1"], capture_output=True, check=True, text=True).stdout
        ours = float(out.split()[0])
        t = time.perf_counter()
        if kind == "hf":
            tok.encode_batch_fast(texts, add_special_tokens=False)
        else:
            tok.encode(texts, num_threads=1)
        theirs = len(data) / 1e6 / (time.perf_counter() - t)
        ratios.append((ours / theirs, ours, theirs))
    ratios.sort()
    mid = ratios[len(ratios) // 2]
    print(f"{name}: {mid[0]:.1f}x ({ratios[0][0]:.1f} to {ratios[-1][0]:.1f}); adze {mid[1]:.1f} MB/s, other {mid[2]:.1f} MB/s", flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--adze", default=os.environ.get("ADZE_BIN", "build/release/adze"))
    ap.add_argument("--repo", type=Path, default=Path(__file__).resolve().parents[2])
    ap.add_argument("--work", type=Path, default=Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "adze" / "interop-tokenizers")
    ap.add_argument("--lines", type=int, default=204000)
    ap.add_argument("--only", default="", help="only tokenizers whose name contains this")
    ap.add_argument("--show", type=int, default=2, help="differences to print for each")
    ap.add_argument("--bench", action="store_true", help="compare speed instead of ids")
    ap.add_argument("--bench-lines", type=int, default=20000)
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--invented", type=int, metavar="SEED", help="only made-up lines, from this seed")
    a = ap.parse_args()
    a.work.mkdir(parents=True, exist_ok=True)
    lines = corpus(a.work, a.repo, a.lines)
    made = None if a.invented is None else list(invented(random.Random(a.invented), a.lines))
    sample = [x.decode() for x in lines[:30000] if valid(x) and len(x) < 2000 and b"\0" not in x]
    total = wrong = 0
    for name, folder, kind in all_tokenizers(a.work / f"models-{a.lines}", sample):
        if a.only not in name:
            continue
        if a.bench:
            bench(a, name, folder, kind, lines)
            continue
        n, bad = compare(a, name, folder, kind, made or lines)
        total += n
        wrong += bad
    if not a.bench:
        print(f"{total} lines compared, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
