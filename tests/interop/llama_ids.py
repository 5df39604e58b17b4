#!/usr/bin/env python3
"""Ids that adze says llama.cpp will give (`adze tokenize --as llama.cpp`) against those that it gives.

The tokenizers of tokenizers.py, in GGUF files that adze writes for a model of a few weights, each with and without the
options that a file can set; and the files named on the command line. Prints a line for each file and a count; exit
code 0: all ids equal, 1: a difference, 77: no llama.cpp.

    python3 tests/interop/llama_ids.py [--lines 20000] [--compared 10000] [--only unigram] [--real PROGRAM] [GGUF...]

PROGRAM MODEL LINES prints the real ids, a line each, with special tokens recognized and none added; default: the
prebuilt llama.cpp of node_llama.sh.
"""
import argparse
import importlib.util
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("suite", HERE / "tokenizers.py")
suite = importlib.util.module_from_spec(spec)
spec.loader.exec_module(suite)

HIDDEN = 32
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": HIDDEN,
          "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1, "max_position_embeddings": 64,
          "rms_norm_eps": 1e-5, "tie_word_embeddings": True, "torch_dtype": "float16"}
# Options of a GGUF that change how llama.cpp reads it.
VARIANTS = {"llama": [[], ["tokenizer.ggml.add_space_prefix=bool:false"]],
            "t5": [[], ["tokenizer.ggml.add_space_prefix=bool:true", "tokenizer.ggml.remove_extra_whitespaces=bool:true"],
                   ["tokenizer.ggml.add_space_prefix=bool:false", "tokenizer.ggml.remove_extra_whitespaces=bool:false"]],
            "bert": [[], ["tokenizer.ggml.normalizer.lowercase=bool:false"],
                     ["tokenizer.ggml.normalizer.lowercase=bool:true", "tokenizer.ggml.normalizer.strip_accents=bool:false"]]}


def vocabulary(folder, kind):
    if kind == "spm":
        return len(suite.proto(folder).pieces)
    return suite.Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()


def write_model(folder, size):
    """config.json and a model.safetensors of zeros beside a tokenizer."""
    layer = "model.layers.0."
    shapes = {"model.embed_tokens.weight": [size, HIDDEN], "model.norm.weight": [HIDDEN],
              layer + "input_layernorm.weight": [HIDDEN], layer + "post_attention_layernorm.weight": [HIDDEN]}
    for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
                 "mlp.down_proj"):
        shapes[f"{layer}{name}.weight"] = [HIDDEN, HIDDEN]
    head, at = {}, 0
    for name, shape in shapes.items():
        n = 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        head[name] = {"dtype": "F16", "shape": shape, "data_offsets": [at, at + n]}
        at += n
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))
    (folder / "config.json").write_text(json.dumps({**CONFIG, "vocab_size": size}), encoding="utf-8")


def kind_of(path):
    """tokenizer.ggml.model of a file, found by its bytes."""
    data = path.read_bytes()[:1 << 16]
    at = data.find(b"tokenizer.ggml.model") + 20
    return data[at + 12:at + 12 + struct.unpack("<Q", data[at + 4:at + 12])[0]].decode()


def files(a, sample):
    """(name, GGUF) of all that is to be compared."""
    for name, folder, kind in suite.all_tokenizers(a.work / f"models-{a.lines}", sample):
        if a.only not in name:
            continue
        write_model(folder, vocabulary(folder, kind))
        options, done = [[]], 0
        while done < len(options):
            out = folder / f"{done}.gguf"
            out.unlink(missing_ok=True)
            said = subprocess.run([a.adze, "convert", "--quiet", "--no-prove", str(folder), str(out),
                                   *(x for o in options[done] for x in ("--override-kv", o))], capture_output=True, text=True, check=False)
            if said.returncode:
                print(f"{name}: no GGUF: {said.stderr.strip()}", flush=True)
                break
            options = VARIANTS.get(kind_of(out), [[]])
            yield " ".join([name, *(o.split(".", 2)[2] for o in options[done])]), out
            done += 1
    for path in a.models:
        yield path.name, path


class Node:
    """The prebuilt llama.cpp, one process for all files."""

    def __init__(self):
        found = subprocess.run(["sh", str(HERE / "node_llama.sh")], capture_output=True, text=True, check=False)
        if found.returncode:
            print((found.stderr.strip() or "node_llama.sh failed").splitlines()[-1])
            sys.exit(77 if found.returncode == 77 else 1)
        self.node = subprocess.Popen(["node", str(HERE / "ids.mjs"), found.stdout.strip()], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)

    def ids(self, model, lines, out):
        self.node.stdin.write(json.dumps({"model": str(model), "lines": str(lines), "ids": str(out)}) + "\n")
        self.node.stdin.flush()
        said = self.node.stdout.readline().strip()
        return None if said == "ok" else said or "it ended"


class Program:
    def __init__(self, path):
        self.path = path

    def ids(self, model, lines, out):
        r = subprocess.run([self.path, str(model), str(lines)], capture_output=True, check=False)
        out.write_bytes(r.stdout)
        return None if r.returncode == 0 else r.stderr.decode(errors="replace").strip() or "it failed"


def compare(a, real, name, model, lines):
    out, path = a.work / "real-ids.txt", a.work / "llama-lines.txt"
    got = suite.adze_lines(a.adze, model, b"".join(x + b"\n" for x in lines), "--no-special", "--as", "llama.cpp")
    ends = [b"-1" in x.split() for x in got]      # the process ends there: a character is neither a token nor bytes
    if any(ends) and isinstance(real, Node):      # whose package tokenizes such text by itself
        print(f"{name}: {sum(ends)} lines that llama.cpp cannot take: not compared")
        return 0, 0
    lines, got = [x for x, e in zip(lines, ends) if not e], [x for x, e in zip(got, ends) if not e]
    path.write_bytes(b"".join(x + b"\n" for x in lines))
    why = real.ids(model, path, out)
    if why:
        print(f"{name}: llama.cpp does not read it: {why}")
        return 0, 1
    want = out.read_bytes().split(b"\n")[:-1]
    wrong = [i for i in range(len(lines)) if got[i] != want[i]]
    print(f"{name}: {len(lines)} lines, {len(wrong)} differ" + (f"; {sum(ends)} that llama.cpp cannot take" if any(ends) else ""), flush=True)
    for i in wrong[:a.show]:
        print(f"  {lines[i]!r}\n    adze      {got[i].decode()}\n    llama.cpp {want[i].decode()}")
    return len(lines), len(wrong)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("models", type=Path, nargs="*")
    ap.add_argument("--adze", default=os.environ.get("ADZE_BIN", "build/release/adze"))
    ap.add_argument("--work", type=Path, default=Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "adze" / "interop-tokenizers")
    ap.add_argument("--lines", type=int, default=20000, help="of the text that the tokenizers are trained on")
    ap.add_argument("--compared", type=int, default=10000)
    ap.add_argument("--only", default="", help="only tokenizers whose name contains this")
    ap.add_argument("--show", type=int, default=2, help="differences to print for each")
    ap.add_argument("--real", help="program that prints the real ids")
    a = ap.parse_args()
    real = Program(a.real) if a.real else Node()
    a.work.mkdir(parents=True, exist_ok=True)
    text = suite.corpus(a.work, HERE.parents[1], a.lines)
    sample = [x.decode() for x in text[:30000] if suite.valid(x) and len(x) < 2000 and b"\0" not in x]
    lines = [x for x in text if suite.valid(x) and b"\0" not in x][:a.compared]
    lines += [x[:40] + b" </s> <s>" + x[:9].strip() + b"<unk>  [CLS] [MASK]x" for x in lines[:50] if suite.valid(x[:40] + x[:9])]
    total = wrong = 0
    for name, model in files(a, sample):
        n, bad = compare(a, real, name, model, lines)
        total += n
        wrong += bad
    print(f"{total} lines compared, {wrong} differ")
    return 1 if wrong or not total else 0


if __name__ == "__main__":
    sys.exit(main())
