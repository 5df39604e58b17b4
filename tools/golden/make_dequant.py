"""Golden values of weight blocks: random bytes and what PyPI's gguf package decodes them to.

    pip install gguf==0.17.1 numpy
    python3 tools/golden/make_dequant.py --out tests/data/golden/dequant

One file <type>.bin per type, little endian:
    u32 n_blocks
    u8  blocks[n_blocks][block bytes]     every bit random, but the f16 scales are finite
    f32 values[n_blocks][block values]    exact bits of the decoded values
Among the scales are zero, negative zero, subnormals and the largest finite value.
"""
import argparse
import struct
from importlib.metadata import version
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as T
from gguf.quants import dequantize

GGUF = "0.17.1"
# offsets of the f16 fields in a block
TYPES = {T.Q8_0: [0], T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2],
         T.Q2_K: [80, 82], T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208]}
CORNERS = [0x0000, 0x8000, 0x0001, 0x83FF, 0x7BFF, 0xFBFF, 0x3C00, 0x1400]
BYTES = 20_000


def make(kind, scales, seed):
    values, size = GGML_QUANT_SIZES[kind]
    n = min(64, BYTES // (size + 4 * values))
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (n, size), dtype=np.uint8)
    for at in scales:
        f16 = blocks[:, at:at + 2].copy().view("<u2")[:, 0]
        f16 = np.where((f16 & 0x7C00) == 0x7C00, f16 & 0xBFFF, f16)
        f16[:len(CORNERS)] = rng.permutation(CORNERS)
        blocks[:, at:at + 2] = f16.astype("<u2")[:, None].view(np.uint8)
    out = dequantize(blocks, kind)
    assert out.shape == (n, values) and out.dtype == np.float32 and np.isfinite(out).all()
    return struct.pack("<I", n) + blocks.tobytes() + out.astype("<f4").tobytes()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", type=Path, required=True)
    a = ap.parse_args()
    assert version("gguf") == GGUF, f"gguf {GGUF} wanted"
    a.out.mkdir(parents=True, exist_ok=True)
    for seed, (kind, scales) in enumerate(TYPES.items()):
        data = make(kind, scales, seed)
        (a.out / f"{kind.name.lower()}.bin").write_bytes(data)
        print(kind.name, len(data), "bytes")


if __name__ == "__main__":
    main()
