"""What `adze tokenize` prints, byte by byte: tokenize.py ADZE. Run by test_tokenize.sh from the root of the tree."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ADZE = sys.argv[1]
DEMO = Path("demo/checkpoint")
GOLDEN = Path("tests/data/golden/tokenizer")
failures = 0


def fail(text):
    global failures
    failures += 1
    print("FAIL:", text)


def run(model, data, *options, code=0, env=None):
    """Exit code as expected; what was printed, to stdout and to stderr."""
    r = subprocess.run([ADZE, "tokenize", str(model), *options], input=data, capture_output=True, env={**os.environ, **(env or {})})
    if r.returncode != code:
        fail(f"tokenize {model} {options} of {data[:40]!r}: exit {r.returncode}, expected {code}: {r.stderr!r}")
    return r.stdout, r.stderr


def same(what, got, want):
    if got != want:
        fail(f"{what}: {got[:200]!r}, expected {want[:200]!r}")


def line(ids):
    return b" ".join(b"%d" % i for i in ids) + b"\n"


def golden():
    """Every golden text, NUL bytes, CR LF and missing final newlines as they are, gives its ids on one line."""
    cases = json.loads((GOLDEN / "demo/cases.json").read_text())
    texts = [c["text"] for c in cases]
    assert any("\0" in t for t in texts) and any("\r\n" in t for t in texts) and "" in texts
    for c in cases[::3] + [c for c in cases if "\0" in c["text"] or "\r" in c["text"] or not c["text"]]:
        data = c["text"].encode()
        same(f"ids of {data!r}", run(DEMO, data)[0], line(c["with_bos"]))
        same(f"ids of {data!r}, no BOS", run(DEMO, data, "--no-special")[0], line(c["ids"]))
        back = run(DEMO, line(c["ids"]), "--decode")[0]
        if "\ufffd" not in c["decoded"]:
            same(f"text of {data!r}", back, c["decoded"].encode())
    one, _ = run(DEMO, b"x\n")
    two, _ = run(DEMO, b"x")
    if one == two or len(one.split()) != len(two.split()) + 1:
        fail("a final newline is not a part of the text")


def lines_and_json():
    texts = [b"one", b"", b"two\r", b"three"]
    separate = [run(DEMO, t)[0] for t in texts]
    same("--lines", run(DEMO, b"\n".join(texts) + b"\n", "--lines")[0], b"".join(separate))
    same("--lines without a last newline", run(DEMO, b"\n".join(texts), "--lines")[0], b"".join(separate))
    ids = [int(i) for i in separate[0].split()]
    same("--json", json.loads(run(DEMO, b"one", "--json")[0]), {"count": len(ids), "ids": ids})
    rows = json.loads(run(DEMO, b"one\nx\n", "--json", "--lines")[0])
    same("--json --lines", [r["ids"] for r in rows], [[int(i) for i in run(DEMO, t)[0].split()] for t in (b"one", b"x")])
    same("JSON ids are read back", run(DEMO, json.dumps(ids).encode(), "--decode", "--no-special")[0], b"one")
    same("--json --decode", json.loads(run(DEMO, line(ids), "--decode", "--json", "--no-special")[0]), {"text": "one"})


def pieces():
    """An id, a tab and the token's bytes; what would break the line, or is no UTF-8, is escaped."""
    data = b"a\\\n\xff\0"
    rows = [r.split(b"\t") for r in run(DEMO, data, "--pieces")[0].split(b"\n")[:-1]]
    same("ids of --pieces", line([int(r[0]) for r in rows]), run(DEMO, data)[0])
    same("bytes of --pieces", b"".join(r[1] for r in rows[1:]), b"a\\x5c\\x0a\\xff\\x00")
    tokens = json.loads(run(DEMO, b"a\xff", "--pieces", "--json")[0])["tokens"]
    same("--pieces --json", tokens[1:], [{"id": tokens[1]["id"], "text": "a"}, {"id": tokens[2]["id"], "bytes": [255]}])


def any_bytes():
    """Bytes that are not UTF-8 come back from their ids, and so does everything else that a byte can be."""
    for data in (bytes(range(256)), b"\xff\xfe\0\x80abc\xc3", b"\xf0\x9f\x98", b"\xed\xa0\x80", "\u00e9\U0001F600".encode() + b"\x9f"):
        ids, _ = run(DEMO, data, "--no-special")
        same(f"round trip of {data[:12]!r}", run(DEMO, ids, "--decode")[0], data)
    ids, _ = run(DEMO, b"hi")
    same("control tokens are printed", run(DEMO, ids, "--decode")[0], b"<|bos|>hi")
    same("or left out", run(DEMO, ids, "--decode", "--no-special")[0], b"hi")


def wrong():
    for data, text in ((b"1 x", b"x"), (b"99999999", b"99999999"), (b"-1", b"-"), (b"1.5", b".")):
        _, err = run(DEMO, data, "--decode", code=3)
        if text not in err:
            fail(f"{data!r}: {err!r} does not name {text!r}")
    run(DEMO, b"", "--decode", "--pieces", code=2)
    run("nowhere", b"", code=3)
    run("nowhere/tokenizer.json", b"", code=3)
    same("no ids", run(DEMO, b"", "--decode")[0], b"")


def sources(tmp):
    """Whatever holds the tokenizer, the ids are the same."""
    data = b"Hello  world,\r\n\0 it's 12345 \xf0\x9f\x98\x80 \xff"
    want = run(DEMO, data)[0]
    alone = tmp / "alone"
    alone.mkdir()
    shutil.copy(DEMO / "tokenizer.json", alone)
    same("a folder with only a tokenizer.json", run(alone, data)[0], want)
    same("the path of a tokenizer.json", run(alone / "tokenizer.json", data)[0], want)
    same("in the folder itself", subprocess.run([os.path.abspath(ADZE), "tokenize", "tokenizer.json"], input=data, capture_output=True, cwd=alone).stdout, want)
    bad = tmp / "bad-tokenizer.json"
    bad.write_text("[]")
    if b"must hold a JSON object" not in run(bad, b"", code=3)[1]:
        fail("a tokenizer.json that is a list")

    gguf = tmp / "demo.gguf"
    subprocess.run([ADZE, "convert", str(DEMO), str(gguf), "--no-prove", "-q"], check=True, capture_output=True)
    same("GGUF", run(gguf, data)[0], want)
    raw = gguf.read_bytes()
    only = tmp / "vocab.gguf"
    only.write_bytes(without_tensors(raw))
    same("a GGUF with only a vocabulary", run(only, data)[0], want)
    # the same file without adze's own key, and then with a name that nobody knows: read by llama.cpp's rules, with a warning
    foreign = raw.replace(b"adze.tokenizer.pattern", b"xxxx.tokenizer.pattern")
    at = foreign.index(b"tokenizer.ggml.pre") + len("tokenizer.ggml.pre") + 4
    size = int.from_bytes(foreign[at:at + 8], "little")
    named = tmp / "named.gguf"
    named.write_bytes(foreign)
    if b"warning" in run(named, data)[1]:
        fail("a name that adze knows is warned of")
    odd = tmp / "odd.gguf"
    odd.write_bytes(foreign[:at + 8] + b"?" * size + foreign[at + 8 + size:])
    out, err = run(odd, data)
    if b"warning" not in err or b"?" * size not in err or b"llama.cpp's default" not in err:
        fail(f"an unknown tokenizer.ggml.pre: {err!r}")
    if not out.split():
        fail("an unknown tokenizer.ggml.pre: no ids")
    folder = tmp / "folder"
    r = subprocess.run([ADZE, "convert", str(odd), str(folder), "--to", "hf", "--no-prove"], capture_output=True)
    if r.returncode or b"?" * size not in r.stderr + r.stdout:
        fail(f"converting it: {r.returncode} {r.stderr!r}")
    same("the folder made of it", run(folder, data)[0], out)

    cache = tmp / "cache" / "hub" / "models--org--name"
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = cache / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(commit)
    for f in DEMO.iterdir():
        shutil.copy(f, snapshot)
    env = {"HF_HOME": str(tmp / "cache"), "HF_HUB_OFFLINE": "1"}
    same("hf:org/name from the cache", run("hf:org/name", data, env=env)[0], want)
    run("hf:org/other", data, code=3, env=env)


def without_tensors(raw):
    """A GGUF cut behind its keys, the count of tensors set to none."""
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

    def number(at, n):
        return int.from_bytes(raw[at:at + n], "little")

    def after(at, kind):
        if kind == 8:
            return at + 8 + number(at, 8)
        if kind != 9:
            return at + sizes[kind]
        inner, n = number(at, 4), number(at + 4, 8)
        at += 12
        for _ in range(n):
            at = after(at, inner)
        return at

    at = 24
    for _ in range(number(16, 8)):
        at += 8 + number(at, 8)
        at = after(at + 4, number(at, 4))
    return raw[:8] + bytes(8) + raw[16:at]


def main():
    golden()
    lines_and_json()
    pieces()
    any_bytes()
    wrong()
    with tempfile.TemporaryDirectory() as tmp:
        sources(Path(tmp))
    if failures:
        sys.exit(f"{failures} failed")
    print("adze tokenize: ok")


main()
