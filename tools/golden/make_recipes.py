#!/usr/bin/env python3
"""Write tests/data/golden/recipes.json: which types a real llama-quantize gives, with and without an importance
matrix, to models that its own snapshots do not cover.

  make_recipes.py --llama-quantize PATH --version COMMIT [--work DIR] --out FILE

Needs: pip install gguf==0.19.0 numpy. tests/codec/test_recipe.c builds the same lists of tensors. For each model and
recipe the file keeps the 64-bit FNV-1a hash of a line "NAME TYPE\\n" for each matrix, sorted by name.
"""
import argparse
import json
import pathlib
import re
import subprocess

import gguf
import numpy as np

RECIPES = """q4_0 q4_1 q5_0 q5_1 q8_0 q2_k q3_k_s q3_k_m q3_k_l q4_k_s q4_k_m q5_k_s q5_k_m q6_k iq4_nl iq4_xs mxfp4_moe
q2_k_s iq1_s iq1_m iq2_xxs iq2_xs iq2_s iq2_m iq3_xxs iq3_xs iq3_s iq3_m tq1_0 tq2_0""".split()
# layers, heads, key heads, experts, own output matrix
MODELS = {"groups": (16, 4, 1, 0, True), "plain": (16, 4, 4, 0, False), "eight": (8, 4, 1, 8, True)}
WIDTH = 256


def tensors(layers, heads, kv, experts, output):
    yield "token_embd.weight", (32, WIDTH)
    if output:
        yield "output.weight", (32, WIDTH)
    for i in range(layers):
        head = WIDTH // heads
        for part, rows in (("attn_q", WIDTH), ("attn_k", head * kv), ("attn_v", head * kv), ("attn_output", WIDTH)):
            yield f"blk.{i}.{part}.weight", (rows, WIDTH)
        if experts:
            yield f"blk.{i}.ffn_gate_inp.weight", (experts, WIDTH)
        for part in ("ffn_gate", "ffn_up", "ffn_down"):
            name = f"blk.{i}.{part}{'_exps' if experts else ''}.weight"
            yield name, (experts, WIDTH, WIDTH) if experts else (WIDTH, WIDTH)


def write_model(path, layers, heads, kv, experts, output):
    w = gguf.GGUFWriter(str(path), "llama")
    w.add_context_length(128)
    w.add_embedding_length(WIDTH)
    w.add_block_count(layers)
    w.add_feed_forward_length(WIDTH)
    w.add_head_count(heads)
    w.add_head_count_kv(kv)
    w.add_layer_norm_rms_eps(1e-5)
    if experts:
        w.add_expert_count(experts)
        w.add_expert_used_count(2)
    w.add_tokenizer_model("no_vocab")
    w.add_vocab_size(32)
    for name, shape in tensors(layers, heads, kv, experts, output):
        w.add_tensor(name, np.zeros(shape, np.float32 if "gate_inp" in name else np.float16))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def write_imatrix(path, *model):
    w = gguf.GGUFWriter(str(path), "")
    w.kv_data[0].clear()
    w.add_string("general.type", "imatrix")
    w.add_array("imatrix.datasets", ["generated"])
    w.add_uint32("imatrix.chunk_count", 1)
    w.add_uint32("imatrix.chunk_size", 512)
    for name, shape in tensors(*model):
        mats = shape[0] if len(shape) > 2 else 1
        w.add_tensor(name + ".in_sum2", np.ones((mats, shape[-1]), np.float32))
        w.add_tensor(name + ".counts", np.ones((mats, 1), np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def fnv(text):
    h = 0xCBF29CE484222325
    for c in text.encode():
        h = (h ^ c) * 0x100000001B3 % 2**64
    return "%016x" % h


def types(args, source, recipe, options):
    """Hash of what llama-quantize would write; None where it refuses."""
    cmd = [args.llama_quantize, "--dry-run", *options, str(source), recipe]
    done = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    found = re.findall(r"^\[[ \d/]+\]\s+(\S+)\s.*\((\w+)\)$", done.stdout, re.M)
    if done.returncode or "rror" in done.stdout:
        return None
    return fnv("".join(f"{name} {kind.lower()}\n" for name, kind in sorted(found)))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--llama-quantize", required=True)
    p.add_argument("--version", required=True, help="commit of llama.cpp, for the record")
    p.add_argument("--work", default="build/recipes")
    p.add_argument("--out", required=True)
    args = p.parse_args()
    work = pathlib.Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    result = {"made_by": f"tools/golden/make_recipes.py, llama-quantize {args.version}", "models": {}}
    for name, model in MODELS.items():
        write_model(work / f"{name}.gguf", *model)
        write_imatrix(work / "imatrix.gguf", *model)
        result["models"][name] = {
            key: {r: types(args, work / f"{name}.gguf", r, options) for r in RECIPES}
            for key, options in (("plain", []), ("imatrix", ["--imatrix", str(work / "imatrix.gguf")]))
        }
    pathlib.Path(args.out).write_text(json.dumps(result, indent=1) + "\n")


main()
