"""Golden token ids: small byte-level BPE tokenizers and what the tokenizers package makes of awkward texts.

    pip install tokenizers==0.23.3
    python3 tools/golden/make_tokens.py --repo .

For each tokenizer a folder below tests/data/golden/tokenizer with tokenizer.json (not for "demo", whose file is
demo/checkpoint/tokenizer.json) and cases.json, a list of
    text      the input
    ids       encode(text), added and special tokens recognized, no BOS or EOS added
    with_bos  encode(text) with what the post-processor adds
    decoded   decode(ids), special tokens kept
    skipped   decode(ids), special tokens left out
The tokenizers are trained on the texts below, repeated, so that most scripts have merges.
"""
import argparse
import json
import re
from importlib.metadata import version
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TOKENIZERS = "0.23.3"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + CONTRACTIONS + r"?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + CONTRACTIONS + r"?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")

PROSE = [
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness.",
    "\"Don't you think we'll see them?\" she said. 'I'VE no idea,' he'd answered; they're late, I'm sure it's nothing.",
    "HTTPServer parseXMLDocument camelCaseWord SCREAMING_SNAKE kebab-case-name iPhone McDonald's O'Neill",
    "Größe, naïve café, Ångström, señor, Łódź, ÆTHER, ǅemal, straße, İstanbul, ﬁne ligature",
    "Съешь же ещё этих мягких французских булок, да выпей чаю. Привет, мир!",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Καλημέρα κόσμε; Σίσυφος",
    "שלום עולם, מה שלומך? בְּרֵאשִׁית בָּרָא", "السلام عليكم، كيف حالك؟ ١٢٣٤٥ بِسْمِ ٱللَّٰهِ",
    "नमस्ते दुनिया हिन्दी १२३४", "สวัสดีชาวโลก ๑๒๓", "こんにちは世界。カタカナﾊﾝｶｸ 東京都", "你好,世界!今天天气很好。一二三四五",
    "안녕하세요 세계 가각갂", "გამარჯობა მსოფლიო", "Xin chào thế giới, tiếng Việt", "ꦲꦏ꧀ꦱꦫ ᚠᚢᚦ 𐌰𐌱𐌲 𝒜𝓑𝔠 𝟙𝟚𝟛",
]
AWKWARD = [
    "", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\r", "\t", "\t\t\t", " \n", "\n ", " \n \n ", "a\n\n  b \r\n\t\tc  ", "a  b", "a   b",
    "   leading", "trailing   ", "tab\tin\tthe\tmiddle", "line\r\nline\r\n\r\nline\n\r\n", "a\u00a0b\u00a0\u00a0c", "\u2003\u2003x\u3000y\u202f1",
    "x\u2028y\u2029z\u0085w", "a\u200bb\u200cc\u200dd\ufeffe", "\ufeffstart", "a\u180eb \u180e c", "a\x1cb\x1fc\x00d\x7f", "\x0b\x0cx\x0b y",
    "I'VE  HelloWorld's 12345 x", "it's IT'S it'ſ 'S 'LL ' s 'd'D'Ve'rE", "can''t ''''s 'sso 'test 's's", "\u2019s don\u2019t",
    "0 00 000 0000 00000 1234567890", "3.14159 1,000,000 1e-10 0xFF 12:34:56 2026-01-31", "x1y22z333w4444", "½ Ⅷ ² ①②③ ௧ 一二 ٣٤٥٦ 1٢3४",
    "HTTPServer ½Ⅷ 你好!?\n\n", "e\u0301té हिन v2.0//\n", "cafe\u0301 café", "\u0301\u0302 leading marks", "a\u0301\u0302\u0303\u0304b", "ก็ ที่ น้ำ",
    "क्षि ज्ञ श्री", "👋 🌍 👨‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪🇫🇷 ☺️ #️⃣", "😀😀😀", "text😀text 😀 text", "\U0001f9d1\u200d\U0001f4bb", "𠜎𠜱𡿺 𝔘𝔫𝔦 \U0010ffff \ue000",
    "!!!???...---***", "<<>> && || -> => := != == ++ ::", "(a)[b]{c}<d>'e'\"f\"`g`", " !x ?y .z", "a.b.c/d/e\\f", "path/to/file.txt\n//comment\n/",
    "https://example.org/a?b=c&d=%20e#f", "user@example.org", "#include <stdio.h>\nint main(void)\n{\n\tprintf(\"%d\\n\", 0x1F);\n\treturn 0;\n}\n",
    "def f(x):\n    if x > 0:\n        return x ** 2\n    return -x  # done\n", "{\"key\": [1, 2.5, null, true], \"s\": \"\\u00e9\"}",
    "SELECT * FROM t WHERE a='b';--", "| a | b |\n|---|---|\n| 1 | 2 |", "$\\int_0^1 x^2\\,dx = \\frac{1}{3}$",
    "McDonald'sHELLOworldÀÉîõÜ ǅǈ ʰʲ ªº ǅa aǅ", "ABCdefGHI ABC'S abc's Abc'LL", "ÉCOLE école École", "ΑΒΓαβγ ΣΊΣΥΦΟΣ", "ДОМдом Дом",
    "İıſẞß ﬃ Å Å", "가\u1100\u1161\u11a8각", "ｆｕｌｌｗｉｄｔｈ １２３ ！？", "a" * 40, "ab" * 60, " " * 33 + "x", "\n" * 17, "-" * 70, "1" * 31, "é" * 25,
    "the " * 30, "abcabcabcabcabcabc", "<|endoftext|>", "<|bos|>", "x<|bos|>y", " <|bos|> ", "<|bos|><|bos|>", "<|bos", "<|user|>\nHi<|end|>\n<|assistant|>\n",
    "<|unknown|>", "a <|end|>  b", "<|end|>\n\nx", "<tool>x</tool>", "  <tool>  x  </tool>  ", "word<tool>word", "ünter<tool>ßx",
    "<mask>", "a <mask> b", "a  <mask>  b", "xmask maskx mask mask.", "MASK Mask mask\u0301", "<mask", "cafe\u0301word caféword", "caféword",
]


def texts():
    both = [f"{a} {b}" for a, b in zip(PROSE, AWKWARD[60:])]
    return PROSE + AWKWARD + both


def train(pattern, vocab, special, ignore_merges=False, normalizer=None, bos=None, byte_level_regex=False):
    tok = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tok.normalizer = normalizer
    if byte_level_regex:
        tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    else:
        tok.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(PROSE * 3 + AWKWARD, trainers.BpeTrainer(
        vocab_size=vocab, special_tokens=[], show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tok.add_special_tokens(special)
    if bos:
        tok.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tok.token_to_id(bos))])
    return tok


def unreachable_words(tok):
    """The same tokenizer with whole words in the vocabulary that no merge makes, which only ignore_merges finds."""
    doc = json.loads(tok.to_str())
    vocab = doc["model"]["vocab"]
    at = max(vocab.values()) + 1
    for t in doc["added_tokens"]:               # the special tokens move behind the new words
        vocab.pop(t["content"], None)
    at = max(vocab.values()) + 1
    for word in ["\u0120foolishness", "\u0120world", "HelloWorld", "123", "\u0120\u0120\u0120"]:
        if word not in vocab:
            vocab[word], at = at, at + 1
    for t in doc["added_tokens"]:
        t["id"], at = at, at + 1
    names = {t["content"]: t["id"] for t in doc["added_tokens"]}
    for s in (doc["post_processor"] or {}).get("special_tokens", {}).values():
        s["ids"] = [names[t] for t in s["tokens"]]
    return Tokenizer.from_str(json.dumps(doc))


def special(*names):
    return [AddedToken(n, special=True, normalized=False) for n in names]


def make_all(repo):
    yield "demo", Tokenizer.from_file(str(repo / "demo" / "checkpoint" / "tokenizer.json"))

    tok = train(GPT2, 600, special("<|endoftext|>"), byte_level_regex=True)
    tok.add_tokens([AddedToken("<mask>", lstrip=True, normalized=False), AddedToken("mask", single_word=True, normalized=False)])
    yield "gpt2", tok

    tok = train(LLAMA3, 640, special("<|bos|>", "<|endoftext|>", "<|user|>", "<|assistant|>", "<|end|>"), ignore_merges=True,
                bos="<|bos|>")
    yield "llama3", unreachable_words(tok)

    tok = train(QWEN2, 600, special("<|endoftext|>", "<|end|>"), normalizer=normalizers.NFC())
    tok.add_tokens([AddedToken("<tool>", normalized=False), AddedToken("</tool>", normalized=False),
                    AddedToken("caféword", normalized=True)])
    yield "qwen2", tok

    tok = train(O200K, 640, special("<|endoftext|>", "<|user|>", "<|assistant|>", "<|end|>"))
    tok.add_tokens([AddedToken("<mask>", rstrip=True, normalized=False), AddedToken("<tool>", lstrip=True, rstrip=True, normalized=False)])
    yield "o200k", tok


def cases(tok):
    for text in texts():
        ids = tok.encode(text, add_special_tokens=False).ids
        yield dict(text=text, ids=ids, with_bos=tok.encode(text).ids, decoded=tok.decode(ids, skip_special_tokens=False),
                   skipped=tok.decode(ids, skip_special_tokens=True))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--repo", type=Path, default=Path("."), help="repository root")
    a = ap.parse_args()
    assert version("tokenizers") == TOKENIZERS, f"tokenizers {TOKENIZERS} wanted"
    for name, tok in make_all(a.repo):
        out = a.repo / "tests" / "data" / "golden" / "tokenizer" / name
        out.mkdir(parents=True, exist_ok=True)
        if name != "demo":
            tok.save(str(out / "tokenizer.json"))
            tok = Tokenizer.from_file(str(out / "tokenizer.json"))
        rows = list(cases(tok))
        lines = ",\n".join(json.dumps(r) for r in rows)     # ASCII, so that no editor changes a byte
        (out / "cases.json").write_text("[\n" + lines + "\n]\n", encoding="ascii")
        wrong = sum(r["decoded"] != r["text"] for r in rows)
        print(f"{name}: vocabulary {tok.get_vocab_size()}, {len(rows)} cases, {wrong} do not decode to their text")


if __name__ == "__main__":
    main()
