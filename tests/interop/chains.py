#!/usr/bin/env python3
"""Chains of conversions whose stops load in their own frameworks, for a small model of each architecture and the demo.

  chains.py [NAME...]

From a Hugging Face folder: GGUF, folder, MLX, GGUF, and 4 bits of MLX to GGUF. From a GGUF that gguf's own writer made and
from MLX folders that mlx_lm.convert made: through the other formats. `adze prove` must find each stop to be the chain's first
model. MLX folders are run by mlx-lm (f32: every logit within 1e-4 of adze's, relative to the largest; 4 bits: 2e-3), the last
GGUF by llama.cpp (compare.mjs's limits of its suite). Needs mlx-lm, gguf, and for the last part node_llama.sh. Exit 0: all
hold; 1: not; 77: a package is missing.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.pop(0)  # this folder: its mlx.py would be found as mlx

try:
    import gguf  # noqa: F401
    import mlx.core as mx
    import numpy as np
    from mlx_lm import convert as mlx_convert
    from mlx_lm.utils import load_model
except ImportError as why:
    print(f"skipped: {why}")
    sys.exit(77)
sys.path.append(os.path.dirname(os.path.abspath(__file__)))
import foreign_gguf  # noqa: E402

BUILD = os.environ.get("ADZE_BUILD", "build/release")
ADZE = os.environ.get("ADZE_BIN", BUILD + "/adze")
EXACT, FOUR_BITS = 1e-4, 2e-3
BUT_LOGITS = ("--parts", "tokens,template,config,weights")
# What a program does differently with the very model, so that only loading is asked of it.
MLX_DIFFERS = {"phimoe": "mlx-lm takes the long factors at any length"}
MLX_LENGTH = {"gemma2": 8}  # it has no window there
MLX_LIMIT = {"gemma3": 5e-3}  # the embedding's factor is rounded to bf16
LLAMA_DIFFERS = {"phimoe": "llama.cpp weighs experts otherwise",
                 "smollm3": "llama.cpp does not rotate every fourth layer"}
LLAMA_LIMIT = {"gemma2": 1e-2, "gemma3": 1e-2, "demo": 2e-2}
# Some of whose matrices mlx_lm.convert cuts into groups of 64 whatever it is told: these models are narrower.
MLX_GROUPS = ("qwen3_moe", "gpt_oss", "granite")
# What a GGUF by llama.cpp's keys alone cannot say of these.
FOREIGN_LOSES = ("phimoe", "smollm3", "mistral-tiny", "qwen2-tiny")
MADE = ["qwen3", "granite", "smollm3_usual", "smollm3", "mixtral", "qwen3_moe", "olmoe", "phimoe", "gpt_oss", "lfm2", "gemma2",
        "gemma3"]
SHAPES = ["llama-tiny", "mistral-tiny", "qwen2-tiny", "phi3-tiny"]


class Failed(Exception):
    pass


def run(*args):
    done = subprocess.run(args, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(args)}: status {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return done.stdout


class Chain:
    def __init__(self, name, work, llama):
        self.name, self.work, self.llama = name, work, llama
        self.said = []
        self.make()

    def at(self, name):
        return os.path.join(self.work, name)

    def make(self):
        if self.name == "demo":
            shutil.copytree("demo/checkpoint", self.at("hf"))
        elif self.name.endswith("-tiny"):
            run(BUILD + "/synth", self.name, self.at("hf"))
        else:
            ids = run(BUILD + "/made_checkpoint", self.name, self.at("hf"), "1")
        with open(self.at("hf/tokenizer_config.json")) as f:
            config = json.load(f)
        config["tokenizer_class"] = "PreTrainedTokenizerFast"  # or mlx-lm takes what fits the model's type
        with open(self.at("hf/tokenizer_config.json"), "w") as f:
            json.dump(config, f)
        if self.name == "demo" or self.name.endswith("-tiny"):
            ids = " ".join(str(7 * i % 250 + 5) for i in range(48))
        with open(self.at("ids"), "w") as f:
            f.write(ids)
        self.ids = [int(i) for i in ids.split()]

    def convert(self, src, dst, *options):
        run(ADZE, "convert", "--quiet", "--no-prove", self.at(src), self.at(dst), *options)

    def prove(self, ref, model, *options):
        done = subprocess.run([ADZE, "prove", self.at(ref), self.at(model), "--json", *options], capture_output=True, text=True)
        doc = json.loads(done.stdout) if done.stdout else {"items": [], "verdict": done.stderr[-1000:]}
        bad = [i for i in doc["items"] if i["verdict"] in ("different", "not checked")]
        if done.returncode or bad:
            raise Failed(f"{model} is not {ref}: {doc['verdict']}: " + "; ".join(
                f"{i['part']} {i['name']}: {i['verdict']}: {i.get('where', '')}" for i in bad[:3]))

    def adze_logits(self, model):
        self.lines = run(BUILD + "/interop_dump", self.at(model), "ids", self.at("ids"), self.at("own"))
        return np.fromfile(self.at("own"), dtype=np.float32).reshape(len(self.ids), -1).astype(np.float64)

    def close(self, what, a, b, limit):
        off = float(np.abs(a - b).max() / np.abs(b).max())
        if not off <= limit:
            raise Failed(f"{what}: logits are off by {off:.1e}")
        self.said.append(f"{what} {off:.0e}")

    def in_mlx(self, model, limit, own=None):
        """mlx-lm loads it, and computes the same; own: the same weights in f32, as adze rounds activations beside 4 bits."""
        ids = self.ids[: MLX_LENGTH.get(self.name, 1000)]
        net, _ = load_model(__import__("pathlib").Path(self.at(model)))
        net.set_dtype(mx.float32)
        y = np.array(net(mx.array([ids]))[0].astype(mx.float32)).astype(np.float64)
        if not np.isfinite(y).all():
            raise Failed(f"{model} in mlx-lm: not finite")
        if MLX_DIFFERS.get(self.name):
            self.said.append(f"mlx {model} loads")
        else:
            self.close(f"mlx {model}", y, self.adze_logits(own or model)[: len(ids)], max(limit, MLX_LIMIT.get(self.name, 0)))

    def in_llama(self, model):
        if not self.llama:
            return
        self.adze_logits(model)
        with open(self.at("lines"), "w") as f:
            f.write(self.lines)
        limit = "1e9" if self.name in LLAMA_DIFFERS else str(LLAMA_LIMIT.get(self.name, 1e-4))
        run("node", "tests/interop/compare.mjs", self.llama, self.at(model), "ids", self.at("lines"), self.at("own"), limit)
        self.said.append(f"llama.cpp {model}" + (" loads" if self.name in LLAMA_DIFFERS else ""))

    def from_hf(self):
        self.convert("hf", "a.gguf")
        self.convert("a.gguf", "b", "--to", "hf")
        self.convert("b", "c", "--to", "mlx", "--recipe", "f32")
        self.convert("c", "d.gguf", "--recipe", "f32")
        for stop in ("a.gguf", "b", "c", "d.gguf"):
            self.prove("hf", stop)
        self.in_mlx("c", EXACT)
        self.in_llama("d.gguf")
        self.convert("b", "q", "--recipe", "mlx-4bit", "--group", "32")
        self.convert("q", "q.gguf", "--recipe", "f32")
        self.prove("hf", "q", *BUT_LOGITS)  # random weights make no promise of KL
        self.prove("q", "q.gguf", *BUT_LOGITS)
        self.in_mlx("q", FOUR_BITS, "q.gguf")

    def from_gguf(self):
        foreign_gguf.write(self.at("hf"), self.at("x.gguf"))
        self.convert("x.gguf", "xh", "--to", "hf")
        self.convert("xh", "xm", "--to", "mlx", "--recipe", "f32")
        self.convert("xm", "y.gguf")
        for stop in ("xh", "xm", "y.gguf"):
            self.prove("x.gguf", stop)
        if self.name not in FOREIGN_LOSES:
            self.close("other's gguf", self.adze_logits("xh"), self.adze_logits("c"), 1e-5)
        self.in_mlx("xm", EXACT)
        self.in_llama("y.gguf")

    def from_mlx(self, bits):
        src = f"m{bits}"
        options = dict(quantize=True, q_bits=bits, q_group_size=32) if bits else {}
        with open(os.devnull, "w") as sink:
            out, sys.stdout = sys.stdout, sink
            try:
                mlx_convert(self.at("c"), self.at(src), **options)  # mlx-lm cannot do without what adze spells out
            finally:
                sys.stdout = out
        if self.name == "qwen2-tiny":  # transformers adds a token that the model has no row for
            for name in ("tokenizer.json", "tokenizer_config.json"):
                shutil.copy(self.at("c/" + name), self.at(src))
        self.convert(src, src + ".gguf", "--recipe", "f32")
        self.in_mlx(src, FOUR_BITS if bits else EXACT, src + ".gguf")
        self.convert(src + ".gguf", src + "h", "--to", "hf")
        self.convert(src + "h", src + "m", "--to", "mlx", "--recipe", "f32")
        for stop in (src + ".gguf", src + "h", src + "m"):
            self.prove(src, stop, *(BUT_LOGITS if bits else ()))


def check(name, llama):
    with tempfile.TemporaryDirectory() as work:
        chain = None
        try:
            chain = Chain(name, work, llama)
            chain.from_hf()
            chain.from_gguf()
            chain.from_mlx(0)
            if name not in MLX_GROUPS:
                chain.from_mlx(4)
        except Exception as why:  # of mlx-lm and gguf as well
            print(f"{name}: FAILED: {why}", flush=True)
            return False
        print(f"{name}: " + ", ".join(chain.said), flush=True)
        return True


def main():
    mx.set_default_device(mx.cpu)
    done = subprocess.run(["sh", "tests/interop/node_llama.sh"], capture_output=True, text=True)
    llama = done.stdout.strip() if done.returncode == 0 else None
    names = sys.argv[1:] or MADE + SHAPES + ["demo"]
    ok = [check(name, llama) for name in names]
    for name, why in list(MLX_DIFFERS.items()) + list(LLAMA_DIFFERS.items()):
        if name in names:
            print(f"only loaded: {name}: {why}")
    if not llama:
        print("llama.cpp was left out: " + done.stderr.strip().split("\n")[-1])
    print(f"{sum(ok)} of {len(ok)} models hold through all chains; encoders have no MLX form")
    return 0 if all(ok) else 1


if __name__ == "__main__":
    sys.exit(main())
