"""Make the demo's tokenizer, token stream and held-out text from a folder of books.

    python3 tools/demo/prepare.py --books FOLDER --work FOLDER --repo .

Writes demo/checkpoint/tokenizer.json and demo/heldout.txt below --repo, train.npy and heldout.npy below --work.
The tokenizer is a byte-level BPE trained on the training books alone; the pattern that cuts text into pieces is in the file.
"""
import argparse
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import corpus

VOCAB = 4096
EOS, BOS = "<|endoftext|>", "<|bos|>"
SPECIAL = [EOS, BOS, "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
# The split that Llama 3 made common: contractions, words with one leading mark, up to three digits, punctuation, space.
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
           r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
HELDOUT_BYTES = 125_000         # of each held-out book


def train_tokenizer(texts) -> Tokenizer:
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tok.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B", special_tokens=[(BOS, tok.token_to_id(BOS))])
    return tok


def heldout_slice(text: str) -> str:
    """From the middle of the book on, whole paragraphs."""
    start = text.index("\n\n", len(text) // 3) + 2
    end = text.rindex("\n\n", start, start + HELDOUT_BYTES)
    return text[start:end] + "\n"


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--books", type=Path, required=True, help="folder of plain-text books, one file each")
    ap.add_argument("--work", type=Path, required=True, help="folder for token streams, outside the repository")
    ap.add_argument("--repo", type=Path, default=Path("."), help="repository root")
    args = ap.parse_args()

    books = corpus.load(args.books)
    train = [t for n, t in books.items() if n not in corpus.HELD_OUT]
    held = "\n".join(heldout_slice(books[n]) for n in corpus.HELD_OUT)
    out = args.repo / "demo" / "checkpoint"
    out.mkdir(parents=True, exist_ok=True)
    args.work.mkdir(parents=True, exist_ok=True)
    (args.repo / "demo" / "heldout.txt").write_bytes(held.encode())

    tok = train_tokenizer(p for t in train for p in t.split("\n\n"))
    tok.save(str(out / "tokenizer.json"))
    eos = tok.token_to_id(EOS)
    stream = [i for t in train for i in tok.encode(t, add_special_tokens=False).ids + [eos]]
    np.save(args.work / "train.npy", np.array(stream, dtype=np.uint16))
    ids = tok.encode(held, add_special_tokens=False).ids
    np.save(args.work / "heldout.npy", np.array(ids, dtype=np.uint16))
    print(f"train {sum(map(len, train))} characters, {len(stream)} tokens; held out {len(held.encode())} bytes, {len(ids)} tokens")


if __name__ == "__main__":
    main()
