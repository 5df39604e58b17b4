"""Golden importance of a mixture of experts, by llama.cpp's llama-imatrix.

    pip install gguf
    python3 tools/golden/make_expert_counts.py --adze build/release/adze --made build/release/made_checkpoint \
        --llama-imatrix .../llama-imatrix --out tests/data/golden/expert_counts.json

The model is the golden mixtral (tests/data/golden/archs/mixtral.json) with a tokenizer that has one token for each of 64
characters. The file holds the text, the tokens of a chunk, the counts of each tensor's experts, and the sums of each
expert over all columns. Caches in f32 and no flash attention, so that routers decide as in f32.
"""
import argparse
import json
import random
import string
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from gguf import GGUFReader

CHUNK, CHUNKS = 32, 5
ALPHABET = "\u0120\u010a" + string.ascii_letters + string.digits  # space and newline as the byte alphabet spells them


def tokenizer():
    return dict(version="1.0", added_tokens=[], pre_tokenizer=dict(type="ByteLevel", add_prefix_space=False, use_regex=True),
                model=dict(type="BPE", vocab={c: i for i, c in enumerate(ALPHABET)}, merges=[]))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("adze", "made", "llama-imatrix", "out"):
        ap.add_argument("--" + name, required=True)
    a = ap.parse_args()
    rng = random.Random(5)
    text = "".join(rng.choice(string.ascii_letters + string.digits + " ") for _ in range(CHUNK * CHUNKS))
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        subprocess.run([a.made, "mixtral", tmp / "hf"], check=True, stdout=subprocess.DEVNULL)
        (tmp / "hf/tokenizer.json").write_text(json.dumps(tokenizer()))
        (tmp / "text").write_text(text)
        subprocess.run([a.adze, "convert", "--quiet", "--no-prove", tmp / "hf", tmp / "m.gguf"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([a.llama_imatrix, "-m", tmp / "m.gguf", "-f", tmp / "text", "-c", str(CHUNK), "-b", str(CHUNK), "-t", "1", "-fa", "off",
                        "-ctk", "f32", "-ctv", "f32", "--no-ppl", "-o", tmp / "imatrix.gguf"], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        made = {t.name: np.array(t.data) for t in GGUFReader(tmp / "imatrix.gguf").tensors}
    counts = {n[:-7]: [int(x) for x in t.reshape(-1)] for n, t in made.items() if n.endswith(".counts")}
    sums = {n[:-8]: [float(f"{x:.6g}") for x in t.reshape(len(counts[n[:-8]]), -1).sum(1, dtype=np.float64)]
            for n, t in made.items() if n.endswith(".in_sum2")}
    lines = [f"  {json.dumps(n)}: {json.dumps([counts[n], sums[n]])}" for n in sorted(counts)]
    head = json.dumps(dict(made_by="tools/golden/make_expert_counts.py", tokenizer=tokenizer(), text=text, chunk=CHUNK), ensure_ascii=True)
    Path(a.out).write_text(head[:-1] + ',\n "tensors": {\n' + ",\n".join(lines) + "\n }}\n")


if __name__ == "__main__":
    main()
