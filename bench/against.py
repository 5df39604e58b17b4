#!/usr/bin/env python3
"""Speed of adze and of llama.cpp builds on the same GGUF files, interleaved.

    bench/against.py [-p N] [-n N] [-t N] [-r ROUNDS] --against DIR [--against DIR ...] MODEL.gguf ...

DIR holds a llama-bench (llama.cpp, ik_llama.cpp). Every round runs adze, then each rival, as one process each; ratios
are taken within a round, so what slows the machine for a while slows both. Printed: the median over the rounds of
each figure, and the ratio's median with its smallest and largest value.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

FIGURES = ("prefill_tok_s", "decode_tok_s")


def adze(program, model, a):
    out = subprocess.run([program, "bench", model, "-p", str(a.prompt), "-n", str(a.generate), "-j", str(a.threads), "-r", "1",
                          "--json", "--quiet"], check=True, capture_output=True, text=True).stdout
    report = json.loads(out)
    return {f: report[f]["median"] for f in FIGURES}


def llama_bench(folder, model, a):
    out = subprocess.run([os.path.join(folder, "llama-bench"), "-m", model, "-p", str(a.prompt), "-n", str(a.generate), "-t",
                          str(a.threads), "-r", "1", "-o", "json"], check=True, capture_output=True, text=True).stdout
    rows = json.loads(out)
    found = {"prefill_tok_s" if r["n_gen"] == 0 else "decode_tok_s": r["avg_ts"] for r in rows}
    return found, f'{rows[0]["build_number"]} ({rows[0]["build_commit"]})'


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("models", nargs="+", metavar="MODEL.gguf")
    ap.add_argument("--against", action="append", required=True, metavar="DIR", help="folder with a llama-bench; repeatable")
    ap.add_argument("--adze", default=str(Path(__file__).resolve().parent.parent / "build/release/adze"))
    ap.add_argument("-p", "--prompt", type=int, default=256)
    ap.add_argument("-n", "--generate", type=int, default=32)
    ap.add_argument("-t", "--threads", type=int, default=os.cpu_count())
    ap.add_argument("-r", "--rounds", type=int, default=3)
    a = ap.parse_args()
    print(f"{'model':32} {'rival':28} {'figure':14} {'adze':>8} {'rival':>8}  ratio (min .. max)")
    for model in a.models:
        mine, theirs = [], {d: [] for d in a.against}
        build = {}
        for _ in range(a.rounds):
            mine.append(adze(a.adze, model, a))
            for d in a.against:
                found, build[d] = llama_bench(d, model, a)
                theirs[d].append(found)
        for d in a.against:
            for f in FIGURES:
                ratios = [m[f] / t[f] for m, t in zip(mine, theirs[d])]
                print(f"{Path(model).name:32} {build[d]:28} {f:14} {statistics.median(m[f] for m in mine):8.1f} "
                      f"{statistics.median(t[f] for t in theirs[d]):8.1f}  {statistics.median(ratios):.2f}x "
                      f"({min(ratios):.2f} .. {max(ratios):.2f})", flush=True)


if __name__ == "__main__":
    sys.exit(main())
