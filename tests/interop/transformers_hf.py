#!/usr/bin/env python3
"""transformers loads the folders that adze writes from GGUFs and computes the same, for a small model of each architecture.

  transformers_hf.py [NAME...]

A folder becomes a GGUF and a folder again (its documents kept), and a GGUF that gguf's own writer made becomes a folder (its
documents made from llama.cpp's keys). For both: every tensor is loaded and none is missing, and every logit (an encoder's
embedding) is within 1e-4 of adze's, relative to the largest; ids of a text agree. Exit 0: all hold; 1: not; 77: a package is missing.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.pop(0)  # this folder: its tokenizers.py would be found as tokenizers

os.environ.setdefault("TQDM_DISABLE", "1")

try:
    import numpy as np
    import torch
    import transformers
    from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer
except ImportError as why:
    print(f"skipped: {why}")
    sys.exit(77)
sys.path.append(os.path.dirname(os.path.abspath(__file__)))
import foreign_gguf  # noqa: E402

BUILD = os.environ.get("ADZE_BUILD", "build/release")
ADZE = os.environ.get("ADZE_BIN", BUILD + "/adze")
LIMIT = 1e-4
NAMES = ["qwen3", "granite", "smollm3_usual", "smollm3", "mixtral", "qwen3_moe", "qwen3_moe_raw", "olmoe", "phimoe", "gpt_oss",
         "lfm2", "gemma2", "gemma3", "gemma3_new", "llama-tiny", "mistral-tiny", "qwen2-tiny", "phi3-tiny", "demo", "bert",
         "xlm_roberta"]
ENCODERS = {"bert": "2", "xlm_roberta": "1"}
NO_FOREIGN = ("qwen3_moe_raw",)  # gguf has no names for its layers without experts
TEXTS = ["ab cd", "a word, and  another", "ax az by"]


def run(*args):
    done = subprocess.run(args, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(args)}: status {done.returncode}: {done.stdout[-800:]}{done.stderr[-800:]}")
    return done.stdout


def make(name, work):
    folder = work + "/hf"
    if name == "demo" or name.endswith("-tiny"):
        if name == "demo":
            run("cp", "-r", "demo/checkpoint", folder)
        else:
            run(BUILD + "/synth", name, folder)
        ids = [7 * i % 250 + 5 for i in range(48)]
    else:
        ids = [int(i) for i in run(BUILD + "/made_checkpoint", name, folder, ENCODERS.get(name, "1")).split()]
        if name in ENCODERS:
            with open(f"tests/data/golden/archs/{name}.json") as f:
                ids = json.load(f)["texts"][2]
    with open(folder + "/config.json") as f:
        config = json.load(f)
    config.setdefault("pad_token_id", None)  # phi3's class has one beyond this vocabulary
    with open(folder + "/config.json", "w") as f:
        json.dump(config, f)
    with open(work + "/ids", "w") as f:
        f.write(" ".join(map(str, ids)))
    return ids


def load(kind, folder):
    model, info = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    lost = {k: v for k, v in info.items() if k in ("missing_keys", "unexpected_keys", "mismatched_keys") and v}
    lost = {k: [n for n in v if "pooler" not in str(n)] for k, v in lost.items()}
    if any(lost.values()):
        raise RuntimeError(f"{folder}: {lost}")
    return model.eval()


def adze_logits(folder, work, n):
    run(BUILD + "/interop_dump", folder, "ids", work + "/ids", work + "/own")
    return np.fromfile(work + "/own", dtype=np.float32).reshape(n, -1)


def embeddings(folder, ids, work):
    with open(work + "/line", "w") as f:
        f.write(" ".join(map(str, ids)) + "\n")
    with open(work + "/line") as f:
        out = subprocess.run([ADZE, "embed", folder, "--ids"], stdin=f, capture_output=True, text=True, check=True).stdout
    own = json.loads(out.splitlines()[0])
    own = np.array(own["embedding"] if isinstance(own, dict) else own)
    with torch.no_grad():
        y = load(AutoModel, folder)(torch.tensor([ids])).last_hidden_state[0].mean(0).numpy()
    return own, y / np.linalg.norm(y)


def compare(name, folder, ids, work):
    if name in ENCODERS:
        own, theirs = embeddings(folder, ids, work)
    else:
        own = adze_logits(folder, work, len(ids))
        with torch.no_grad():
            theirs = load(AutoModelForCausalLM, folder)(torch.tensor([ids])).logits[0].numpy()
    off = float(np.abs(own - theirs).max() / np.abs(theirs).max())
    if not off <= LIMIT:
        raise RuntimeError(f"{os.path.basename(folder)}: off by {off:.1e}")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        done = subprocess.run([ADZE, "tokenize", folder], input=text, capture_output=True, text=True, check=True).stdout
        if [int(i) for i in done.split()] != tokenizer.encode(text):
            raise RuntimeError(f"{os.path.basename(folder)}: {text!r}: adze {done.split()}, transformers {tokenizer.encode(text)}")
    return off


def check(name):
    with tempfile.TemporaryDirectory() as work:
        try:
            ids = make(name, work)
            run(ADZE, "convert", "--quiet", "--no-prove", work + "/hf", work + "/a.gguf", "--recipe", "f32")
            run(ADZE, "convert", "--quiet", "--no-prove", work + "/a.gguf", work + "/kept", "--to", "hf")
            said = [f"own GGUF {compare(name, work + '/kept', ids, work):.0e}"]
            if name not in ENCODERS and name not in NO_FOREIGN:
                foreign_gguf.write(work + "/hf", work + "/x.gguf")
                run(ADZE, "convert", "--quiet", "--no-prove", work + "/x.gguf", work + "/made", "--to", "hf")
                said.append(f"other's GGUF {compare(name, work + '/made', ids, work):.0e}")
        except Exception as why:
            print(f"{name}: FAILED: {type(why).__name__} {why}", flush=True)
            return False
        print(f"{name}: " + ", ".join(said), flush=True)
        return True


def main():
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(2)
    names = sys.argv[1:] or NAMES
    ok = [check(name) for name in names]
    print(f"{sum(ok)} of {len(ok)} models: transformers {transformers.__version__} loads the folders and computes the same")
    return 0 if all(ok) else 1


if __name__ == "__main__":
    sys.exit(main())
