#!/usr/bin/env python3
"""Write tests/data/golden/quant_limits.json: the errors that a real llama-quantize makes.

Tensors: values from a counter-based generator (tests/codec/test_limits.c makes the same ones), and the 2-D
weights of the demo checkpoint. Each weight type is made by llama-quantize itself (--pure, no importance
matrix) from an f32 GGUF, read back with PyPI's gguf package, and compared with the source.

  make_quant_limits.py --llama-quantize PATH --version COMMIT [--checkpoint demo/checkpoint] [--work DIR] --out FILE

Needs: pip install gguf==0.19.0 numpy. Errors are sums of w * (x - y)^2 over a set, divided by the sum of w * x^2:
  plain    w = 1
  absolute w = rms of the 32 values around + |x|   (what llama-quantize minimizes for q4_k, q5_k)
  square   w = x^2                                 (for q3_k, q6_k, iq4_nl, iq4_xs)
  mixed    w = mean square of the row + x^2        (between the two)
Under "imatrix" the same with an importance matrix: w = the importance of the column.
"""
import argparse
import json
import pathlib
import struct
import subprocess
import sys

import gguf
import numpy as np

TYPES = ["q8_0", "q6_k", "q5_k", "q5_1", "q5_0", "q4_k", "q4_1", "q4_0", "q3_k", "q2_k",
         "iq4_nl", "iq4_xs", "mxfp4"]
RECIPES = {"mxfp4": "MXFP4_MOE"}  # where the recipe has another name than the type
ROWS, COLS = 64, 1024


def splitmix(seed, n):
    """n 64-bit numbers; number i depends on seed + i only."""
    z = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def bell(seed, n):
    """Sums of 12 16-bit numbers: variance 1, exact in f32 and in any language."""
    total = np.zeros(n, np.int64)
    for k in range(3):
        z = splitmix(seed + k * 0x10000000, n)
        for shift in (0, 16, 32, 48):
            total += ((z >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)
    return ((total - 6 * 65535).astype(np.float32) * np.float32(1 / 65536)).astype(np.float32)


def synthetic():
    n = ROWS * COLS
    a, b, c, d = (bell(s, n) for s in (1, 2000000000, 4000000000, 6000000000))
    f = np.float32
    return {
        "normal": a * f(0.02),
        "product": a * b * f(0.02),  # peaked, with tails like a Laplace distribution's
        "heavy": (a * f(0.02)) / (np.abs(b) + f(0.25)),  # tails like student's t
        "outliers": np.where(splitmix(77, n) % np.uint64(300) == 0, a * f(0.4), a * f(0.02)).astype(f),
        "shifted": a * f(0.02) + f(0.03),
        "small": c * f(0.0005),
        "smooth": (c * f(0.01) + np.repeat(d[: n // 64], 64) * f(0.02)).astype(f),
    }


def read_safetensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    for name, t in sorted(header.items()):
        if name == "__metadata__" or len(t["shape"]) != 2:
            continue
        assert t["dtype"] == "BF16"
        raw = np.frombuffer(data, np.uint16, offset=8 + size + t["data_offsets"][0], count=np.prod(t["shape"]))
        yield name, (raw.astype(np.uint32) << 16).view(np.float32).reshape(t["shape"])


def checksum(path):
    """Sum of 64-bit words, each times its odd place: names the checkpoint that the demo's limits are for."""
    data = path.read_bytes()
    words = np.frombuffer(data + bytes(-len(data) % 8), "<u8")
    return "%016x" % int(np.sum(words * (2 * np.arange(len(words), dtype=np.uint64) + 1), dtype=np.uint64))


def write_source(path, sets):
    w = gguf.GGUFWriter(str(path), "llama")
    w.add_context_length(128)
    w.add_embedding_length(COLS)
    w.add_block_count(sum(len(v) for v in sets.values()))
    w.add_feed_forward_length(COLS)
    w.add_head_count(8)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_tokenizer_model("no_vocab")
    w.add_vocab_size(32)
    i, where = 0, {}
    for name, tensors in sets.items():
        for t in tensors:
            where.setdefault(name, []).append(i)
            w.add_tensor(f"blk.{i}.ffn_up.weight", np.ascontiguousarray(t))
            i += 1
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return where


def weights(x):
    rms = np.sqrt(np.mean(x.reshape(-1, 32) ** 2, axis=1, keepdims=True))
    row = np.mean(x**2, axis=1, keepdims=True)
    return {
        "plain": np.ones_like(x),
        "absolute": (rms + np.abs(x.reshape(-1, 32))).reshape(x.shape),
        "square": x**2,
        "mixed": row + x**2,
    }


def importance(cols):
    """Squares with a floor; column i's is the same in every tensor."""
    b = bell(8000000000, cols)
    return b * b + np.float32(0.05)


def write_imatrix(path, sets, where):
    w = gguf.GGUFWriter(str(path), "")
    w.kv_data[0].clear()
    w.add_string("general.type", "imatrix")
    w.add_array("imatrix.datasets", ["generated"])
    w.add_uint32("imatrix.chunk_count", 1)
    w.add_uint32("imatrix.chunk_size", 512)
    for name, places in where.items():
        for i, t in zip(places, sets[name]):
            w.add_tensor(f"blk.{i}.ffn_up.weight.in_sum2", importance(t.shape[1])[None, :])
            w.add_tensor(f"blk.{i}.ffn_up.weight.counts", np.ones((1, 1), np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def importance_error(sources, decoded):
    num = den = 0
    for x, y in zip(sources, decoded):
        x, y, w = x.astype(np.float64), y.astype(np.float64), importance(x.shape[1]).astype(np.float64)
        num += np.sum(w * (x - y) ** 2)
        den += np.sum(w * x**2)
    return float("%.7g" % (num / den))


def errors(sources, decoded):
    num, den = {}, {}
    for x, y in zip(sources, decoded):
        x, y = x.astype(np.float64), y.astype(np.float64)
        for name, w in weights(x).items():
            num[name] = num.get(name, 0) + np.sum(w * (x - y) ** 2)
            den[name] = den.get(name, 0) + np.sum(w * x**2)
    return {name: float("%.7g" % (num[name] / den[name])) for name in num}


def quantize(args, work, t, sets, where, options):
    """What llama-quantize makes of each set, decoded."""
    out = work / f"{t}.gguf"
    cmd = [args.llama_quantize, "--pure", *options, str(work / "source.gguf"), str(out), RECIPES.get(t, t.upper()), "2"]
    done = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(done.stdout)
    made = {x.name: x for x in gguf.GGUFReader(out).tensors}
    assert {x.tensor_type.name.lower() for x in made.values()} == {t}, made
    for name, places in where.items():
        tensors = [made[f"blk.{i}.ffn_up.weight"] for i in places]
        yield name, [gguf.dequantize(x.data, x.tensor_type).reshape(s.shape) for x, s in zip(tensors, sets[name])]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--llama-quantize", required=True)
    p.add_argument("--version", required=True, help="commit of llama.cpp, for the record")
    p.add_argument("--checkpoint", default="demo/checkpoint")
    p.add_argument("--work", default="build/quant_limits")
    p.add_argument("--out", required=True)
    args = p.parse_args()
    work = pathlib.Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    sets = {k: [v.reshape(ROWS, COLS)] for k, v in synthetic().items()}
    weights_file = pathlib.Path(args.checkpoint) / "model.safetensors"
    if weights_file.exists():
        sets["demo"] = [t for _, t in read_safetensors(weights_file)]
    where = write_source(work / "source.gguf", sets)
    for name, tensors in sets.items():
        np.concatenate([t.ravel() for t in tensors]).tofile(work / f"{name}.f32")
    result = {
        "made_by": "tools/golden/make_quant_limits.py",
        "quantizer": f"llama-quantize {args.version} --pure, no importance matrix",
        "demo_checksum": checksum(weights_file) if "demo" in sets else None,
        "types": {},
        "imatrix": {},
    }
    write_imatrix(work / "imatrix.gguf", sets, where)
    for t in TYPES:
        result["types"][t] = {name: errors(sets[name], y) for name, y in quantize(args, work, t, sets, where, [])}
        with_imatrix = quantize(args, work, t, sets, where, ["--imatrix", str(work / "imatrix.gguf")])
        result["imatrix"][t] = {name: importance_error(sets[name], y) for name, y in with_imatrix}
    out = pathlib.Path(args.out)
    if out.exists() and "kl" in (old := json.loads(out.read_text())):
        result["kl"] = old["kl"]  # tools/golden/compare_kl.py makes those
    out.write_text(json.dumps(result, indent=1) + "\n")


main()
