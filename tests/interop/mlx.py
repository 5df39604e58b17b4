#!/usr/bin/env python3
"""mlx-lm loads what adze writes and adze loads what mlx-lm writes; both compute the same.

  mlx.py [ADZE DUMP CHECKPOINT TEXT]

ADZE is the program, DUMP build's interop_dump, CHECKPOINT a Hugging Face folder, TEXT a file to read; by default
those of $ADZE_BUILD and the demo. Needs mlx and mlx-lm (their CPU build).
Exit code 0: all agree; 1: not; 77: mlx is not installed.
For each recipe: weights as adze and as MLX dequantize them are the same within bf16's rounding; the squared error is at
most mx.quantize's; the logits of both programs agree in 99 % of first choices, or 98 % and all but a thousandth of clear ones, with a mean KL of at most 2e-4 (MLX
made to compute in f32); and the KL to the checkpoint's own logits is at most that of what mlx_lm.convert writes.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.pop(0)  # this folder: this file would be found as mlx

try:
    import mlx.core as mx
    import numpy as np
    from mlx_lm import convert, load
except ImportError:
    print("skipped: mlx-lm is not installed")
    sys.exit(77)

RECIPES = [("mlx-4bit", 4, 64), ("mlx-8bit", 8, 64), ("mlx-3bit", 3, 32)]
CHUNKS, LENGTH = 2, 256


def run(*args):
    return subprocess.run(args, check=True, capture_output=True, text=True).stdout


def adze_logits(dump, model, text, work):
    """ids of each chunk, and log-probabilities of its second half."""
    out = os.path.join(work, "logits")
    lines = run(dump, model, "chunks", text, str(CHUNKS), str(LENGTH), out).splitlines()
    chunks = [json.loads(line) for line in lines]
    flat = np.fromfile(out, dtype=np.float32)
    flat = flat.reshape(len(chunks), LENGTH - chunks[0]["from"], -1)
    return chunks, flat


def log_softmax(x):
    x = x.astype(np.float64)
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def mlx_logits(path, chunks):
    model, _ = load(path)
    model.set_dtype(mx.float32)
    rows = []
    for c in chunks:
        y = model(mx.array([c["ids"]]))[0, c["from"]:].astype(mx.float32)
        rows.append(np.array(y))
    return np.stack(rows)


def kl(p, q):
    p, q = log_softmax(p), log_softmax(q)
    return float((np.exp(p) * (p - q)).sum(-1).mean())


def agrees(p, q):
    """Within what adze's activations of 8 bits cost: mlx multiplies packed weights with activations as they are."""
    same = p.argmax(-1) == q.argmax(-1)
    first = np.sort(p, -1)[..., -2:]
    clear = first[..., 1] - first[..., 0] >= 0.2
    return kl(p, q) <= 2e-4 and (same.mean() >= 0.99 or (same.mean() >= 0.98 and same[clear].mean() >= 0.999))


def dequantized(path, name, bits, group):
    w = mx.load(os.path.join(path, "model.safetensors"))
    base = name[: -len("weight")]
    return np.array(mx.dequantize(w[name], w[base + "scales"].astype(mx.float32), w[base + "biases"].astype(mx.float32),
                                  group_size=group, bits=bits))


def check_recipe(adze, dump, checkpoint, text, work, recipe, bits, group):
    ours, theirs = os.path.join(work, "ours"), os.path.join(work, "theirs")
    subprocess.run(["rm", "-rf", ours, theirs], check=True)
    run(adze, "convert", "--quiet", checkpoint, ours, "--recipe", recipe, "--group", str(group))
    convert(checkpoint, theirs, quantize=True, q_bits=bits, q_group_size=group)

    source = mx.load(os.path.join(checkpoint, "model.safetensors"))
    error = {ours: 0.0, theirs: 0.0}
    packed = mx.load(os.path.join(ours, "model.safetensors"))
    for name in source:
        if name[: -len("weight")] + "scales" not in packed:
            continue
        want = np.array(source[name].astype(mx.float32))
        for path in error:
            error[path] += float(((dequantized(path, name, bits, group) - want) ** 2).sum())

    chunks, reference = adze_logits(dump, checkpoint, text, work)
    _, own = adze_logits(dump, ours, text, work)
    _, read = adze_logits(dump, theirs, text, work)
    mlx_own, mlx_theirs = mlx_logits(ours, chunks), mlx_logits(theirs, chunks)
    ratio = error[ours] / error[theirs]
    result = {
        "error": ratio <= 1.0,
        "writes": agrees(own, mlx_own),
        "reads": agrees(read, mlx_theirs),
        "kl": kl(reference, own) <= kl(reference, read),
    }
    print(f"{recipe} group {group}: squared error {ratio:.3f}x, KL {kl(reference, own):.2e} against "
          f"{kl(reference, read):.2e}; adze and mlx on adze's file {kl(own, mlx_own):.1e}, "
          f"on mlx's file {kl(read, mlx_theirs):.1e}: "
          + ("ok" if all(result.values()) else "FAILED " + ", ".join(k for k, ok in result.items() if not ok)))
    return all(result.values())


def main():
    build = os.environ.get("ADZE_BUILD", "build/release")
    args = sys.argv[1:] or [os.environ.get("ADZE_BIN", build + "/adze"), build + "/interop_dump", "demo/checkpoint",
                            "demo/heldout.txt"]
    if len(args) != 4:
        sys.exit(__doc__)
    mx.set_default_device(mx.cpu)
    with tempfile.TemporaryDirectory() as work:
        ok = [check_recipe(*args, work, *r) for r in RECIPES]
    return 0 if all(ok) else 1


if __name__ == "__main__":
    sys.exit(main())
