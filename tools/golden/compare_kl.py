#!/usr/bin/env python3
"""KL divergence of adze's files and of llama-quantize's, on the demo checkpoint, through one engine: adze's own.

  compare_kl.py --adze build/release/adze --llama-quantize PATH [--chunks 60] [--recipes q4_0,q4_k_m] [--into JSON]

Prints one line a recipe; --into stores the figures under "kl" of tests/data/golden/quant_limits.json.
"""
import argparse
import json
import pathlib
import subprocess

RECIPES = "q8_0,q6_k,q5_k_m,q5_k_s,q5_1,q5_0,q4_k_m,q4_k_s,q4_1,q4_0"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--adze", required=True)
    p.add_argument("--llama-quantize", required=True)
    p.add_argument("--checkpoint", default="demo/checkpoint")
    p.add_argument("--text", default="demo/heldout.txt")
    p.add_argument("--chunks", default="60")
    p.add_argument("--recipes", default=RECIPES)
    p.add_argument("--work", default="build/compare_kl")
    p.add_argument("--into")
    a = p.parse_args()
    work = pathlib.Path(a.work)
    work.mkdir(parents=True, exist_ok=True)
    base = work / "base-f32.gguf"

    def run(*cmd):
        return subprocess.run([str(c) for c in cmd], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    run(a.adze, "convert", "-q", a.checkpoint, base, "--recipe", "f32")
    table = {}
    for recipe in a.recipes.split(","):
        ours, theirs = work / f"adze-{recipe}.gguf", work / f"llama-{recipe}.gguf"
        run(a.adze, "convert", "-q", base, ours, "--recipe", recipe)
        run(a.llama_quantize, base, theirs, recipe.upper(), "2")
        figures = json.loads(run(a.adze, "eval", "-q", base, ours, theirs, "--text", a.text, "--chunks", a.chunks, "--json"))
        x, y = (f["kl_mean"] for f in figures[1:])
        table[recipe] = {k: {"value": v["value"], "lo": v["lo"], "hi": v["hi"]} for k, v in (("adze", x), ("llama-quantize", y))}
        print("%-7s adze %.6f, llama-quantize %.6f, ratio %.4f" % (recipe, x["value"], y["value"], x["value"] / y["value"]))
    if a.into:
        golden = json.loads(pathlib.Path(a.into).read_text())
        golden.setdefault("kl", {}).update(table)
        pathlib.Path(a.into).write_text(json.dumps(golden, indent=1) + "\n")


main()
