"""Golden values of weight blocks: checksums of what PyPI's gguf package decodes generated blocks to.

    pip install gguf==0.19.0 numpy
    python3 tools/golden/make_dequant.py --out tests/data/golden/dequant.json

The blocks' bytes come from a counter-based generator that tests/codec/test_dequant.c has, too. Scales are made
finite; among the first blocks' are zero, negative zero, subnormals and the largest finite value. The checksum
is the sum over all values of (bits of the f32) * (2 * place + 1), modulo 2^64.
"""
import argparse
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as T
from gguf.quants import dequantize

GGUF = "0.19.0"
BLOCKS = 1024
# offsets of the f16 fields in a block
TYPES = {T.Q8_0: [0], T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2],
         T.Q2_K: [80, 82], T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208],
         T.IQ4_NL: [0], T.IQ4_XS: [0], T.MXFP4: [], T.IQ3_S: [0], T.IQ3_XXS: [0], T.IQ2_S: [0],
         T.IQ2_XS: [0], T.IQ2_XXS: [0], T.IQ1_S: [0], T.IQ1_M: [], T.TQ1_0: [52], T.TQ2_0: [64]}
CORNERS = [0x0000, 0x8000, 0x0001, 0x83FF, 0x7BFF, 0xFBFF, 0x3C00, 0x1400]


def splitmix(seed, n):
    """n 64-bit numbers; number i depends on seed + i only."""
    z = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def make(kind, scales):
    values, size = GGML_QUANT_SIZES[kind]
    blocks = (splitmix(int(kind), BLOCKS * size) & np.uint64(255)).astype(np.uint8).reshape(BLOCKS, size)
    for k, at in enumerate(scales):
        f16 = blocks[:, at:at + 2].copy().view("<u2")[:, 0]
        f16 = np.where((f16 & 0x7C00) == 0x7C00, f16 & 0xBFFF, f16)
        f16[:8] = np.roll(CORNERS, -k)
        blocks[:, at:at + 2] = f16.astype("<u2")[:, None].view(np.uint8)
    if kind == T.MXFP4:
        blocks[:, 0] %= 253  # larger scales overflow
    if kind == T.IQ1_M:
        blocks[:, 55] &= 0xBF  # the highest bit of the exponent
    out = dequantize(blocks, kind)
    assert out.shape == (BLOCKS, values) and out.dtype == np.float32 and np.isfinite(out).all()
    bits = out.ravel().view(np.uint32).astype(np.uint64)
    return int(np.sum(bits * (2 * np.arange(len(bits), dtype=np.uint64) + 1), dtype=np.uint64))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", type=Path, required=True)
    a = ap.parse_args()
    assert version("gguf") == GGUF, f"gguf {GGUF} wanted"
    sums = {kind.name.lower(): f"{make(kind, scales):016x}" for kind, scales in TYPES.items()}
    a.out.write_text(json.dumps({"made_by": f"tools/golden/make_dequant.py, gguf {GGUF}", "sums": sums}, indent=1) + "\n")


if __name__ == "__main__":
    main()
