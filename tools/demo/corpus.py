"""Cleaning of the demo's books, the same for training and held-out text.

A book is plain text with hard line wraps. Cleaning
  - drops what comes before the first real paragraph (title page, contents) and editors' notes in brackets,
  - joins the wrapped lines of a paragraph (verse and lists, whose lines are short, keep their lines),
  - writes quotation marks and dashes one way (" ' --), drops the underscores that mark italics.
Paragraphs are separated by one empty line.
"""
import re
from pathlib import Path

HELD_OUT = ("pride-and-prejudice", "the-adventures-of-sherlock-holmes")

FIRST_PARAGRAPH_CHARS = 300     # title pages and contents have no paragraph as long as this
PROSE_LINE_CHARS = 45           # lines shorter than this on average are verse or lists
SINGLE_QUOTED_BOOK = 5000       # this many opening single quotes: dialogue is written 'so'


def plain_marks(text: str) -> str:
    text = text.replace("\r", "").replace("\x0b", "").replace("\xa0", " ").replace("_", "")
    if text.count("\u2018") > SINGLE_QUOTED_BOOK:
        text = re.sub("[\u201c\u201d]", "'", text)
        text = text.replace("\u2018", '"')
        text = re.sub("(?<=[,.!?;:\\-\u2014])\u2019(?=[\\s)\\-\u2014]|$)", '"', text)
    text = re.sub("[\u201c\u201d]", '"', text)
    text = re.sub("[\u2018\u2019]", "'", text)
    return text.replace("\u2014", "--").replace("\u2013", "-").replace("\u2026", "...")


def undouble(text: str) -> str:
    """Some books have an empty line after every line, and two after a paragraph."""
    if len(re.findall(r"[^\n]\n[^\n]", text)) * 20 > text.count("\n"):
        return text
    return re.sub(r"\n\n(\n*)", lambda m: "\n" + m.group(1), text)


def paragraph(block: str) -> str:
    lines = [re.sub(r"\s+", " ", s).strip() for s in block.split("\n")]
    lines = [s for s in lines if s and not re.fullmatch(r"[*\-. ]+", s)]
    if len(lines) > 1 and sum(map(len, lines[:-1])) < PROSE_LINE_CHARS * (len(lines) - 1):
        return "\n".join(lines)
    return " ".join(lines)


def clean(text: str) -> str:
    text = undouble(plain_marks(text))
    text = re.sub(r"\[[^\]]{0,2000}\]", "", text)
    blocks = [paragraph(b) for b in re.split(r"\n\s*\n", text)]
    blocks = [b for b in blocks if b]
    first = next((i for i, b in enumerate(blocks) if len(b) >= FIRST_PARAGRAPH_CHARS and "\n" not in b), 0)
    return "\n\n".join(blocks[first:]) + "\n"


def load(folder: Path) -> dict[str, str]:
    """Name to clean text, in order of name."""
    return {p.stem: clean(p.read_text(encoding="utf-8")) for p in sorted(folder.glob("*.txt"))}
