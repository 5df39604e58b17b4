#!/usr/bin/env python3
"""The native engine beside llama.cpp builds on the same files, interleaved: one table.

    bench/against.py --against DIR [--against DIR ...] [--avx2 DIR] [--only NAME,...] [-r ROUNDS] FOLDER

FOLDER holds q4_k_m.gguf and, for the sections that want them, q8_0.gguf, q4_0.gguf, q6_k.gguf, bf16.gguf and f16.gguf of one
model. DIR holds a rival's llama-bench, llama-batched-bench and llama-simple (llama.cpp, ik_llama.cpp); the one of --avx2 is built
without AVX-512 and runs against adze with ADZE_CPU=avx2. Every round runs adze, then each rival, as one process each; ratios are
taken within a round, so what slows the machine for a while slows all. Printed: medians over the rounds, and the ratio's median with
its smallest and largest value. Sections: prefill, types, decode, batch, long, first, memory, avx2, guess, kv.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ARGS = None


def output(command, env=None):
    p = subprocess.run([str(c) for c in command], capture_output=True, text=True, errors="replace", env={**os.environ, **(env or {})})
    if p.returncode not in (0, 4):
        sys.exit(f"{' '.join(map(str, command))}: exit {p.returncode}\n{p.stderr[-800:]}")
    return p


# ---- adze ----

def adze_bench(model, *options, env=None):
    return json.loads(output([ARGS.adze, "bench", model, "-j", ARGS.threads, "-r", 1, "--json", "--quiet", *options], env).stdout)


def median(report, name):
    return report[name]["median"]


# ---- a rival's programs ----

class Rival:
    def __init__(self, folder, vnni=True):
        self.dir = folder
        self.name = self.build = self.flags = "?"
        self.identify(vnni)

    def identify(self, vnni):
        """What it is and which instructions it uses, taken from its code; one that leaves the machine's out is no rival."""
        rows = json.loads(output([self.dir / "llama-bench", "-m", model("q4_k_m"), "-p", 4, "-n", 0, "-r", 1, "-t",
                                  ARGS.threads, "-o", "json"]).stdout)
        self.build = f'{rows[0]["build_number"]} ({rows[0]["build_commit"]})'
        self.ik = "mla_attn" in rows[0]
        self.name = "ik_llama.cpp" if self.ik else "llama.cpp"
        found = dict.fromkeys(("vpmaddubsw ymm", "vpmaddubsw zmm", "vpdpbusd ymm", "vpdpbusd zmm", "vdpbf16ps zmm", "tdpbusd tmm"), 0)
        for file in [self.dir / "llama-bench", *self.dir.glob("*.so*")]:
            with subprocess.Popen(["objdump", "-d", "--no-show-raw-insn", file], stdout=subprocess.PIPE, text=True) as p:
                for line in p.stdout:
                    for name in found:
                        op, register = name.split()
                        found[name] += op in line and register in line
        self.flags = ", ".join(f"{n} {name}" for name, n in found.items() if n)
        if vnni and "avx512_vnni" in Path("/proc/cpuinfo").read_text() and not found["vpdpbusd zmm"]:
            sys.exit(f"{self.dir}: built without VNNI, which this machine has ({self.flags}): not a rival")

    def bench(self, model, *options):
        rows = json.loads(output([self.dir / "llama-bench", "-m", model, "-t", ARGS.threads, "-r", 1, "-o", "json", *options]).stdout)
        return {("prefill" if r["n_gen"] == 0 else "decode", r["n_prompt"] or r["n_gen"]): r["avg_ts"] for r in rows}

    def generate(self, model, text, n):
        """timed() of llama-simple, n tokens (ik_llama.cpp counts the prompt's among them). It has no option for threads in llama.cpp,
        which starts four; OpenMP is told how many there are."""
        words = ["-p", text, "-c", 256, "-t", ARGS.threads] if self.ik else [text]
        return timed([self.dir / "llama-simple", "-m", model, "-n", n, *words], {"OMP_THREAD_LIMIT": str(ARGS.threads)})

    def batches(self, model, prompt, generate, sizes, *options):
        """Totals of prefill and decode for each number of sequences, from the program's table."""
        n = max(sizes) * (prompt + generate) + 64
        p = output([self.dir / "llama-batched-bench", "-m", model, "-c", n, "-b", 2048, "-ub", 512, "-npp", prompt, "-ntg", generate, "-npl",
                    ",".join(map(str, sizes)), "-t", ARGS.threads, *options])
        found = {}
        for line in (p.stdout + p.stderr).splitlines():
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            if len(cells) >= 8 and cells[0].isdigit():
                found[int(cells[2])] = (float(cells[5]), float(cells[7]))
        if set(found) != set(sizes):
            sys.exit(f"{self.dir}: no table of batches in\n{p.stdout[-500:]}{p.stderr[-500:]}")
        return found


def timed(command, env=None):
    """Wall seconds and peak resident bytes of a process."""
    begin = time.monotonic()
    pid = os.posix_spawn(str(command[0]), [str(c) for c in command], {**os.environ, **(env or {})},
                         file_actions=[(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)])
    _, status, usage = os.wait4(pid, 0)
    if status and os.waitstatus_to_exitcode(status) not in (0, 4):
        sys.exit(f"{' '.join(map(str, command))}: exit {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - begin, usage.ru_maxrss * 1024


# ---- the table ----

def row(what, rival, unit, mine, theirs, target="", note="", smaller=False):
    ratios = [b / a if smaller else a / b for a, b in zip(mine, theirs)]
    print(f"| {what} | {rival.name} | {statistics.median(mine):.4g} | {statistics.median(theirs):.4g} | {unit} | "
          f"{statistics.median(ratios):.2f} ({min(ratios):.2f} .. {max(ratios):.2f}) | {target} | {note} |", flush=True)


def rounds(rivals, mine, theirs, n=None):
    """mine(), then theirs(r) for each rival, round by round: [result], {rival: [result]}."""
    a, b = [], {r: [] for r in rivals}
    for _ in range(n or ARGS.rounds):
        a.append(mine())
        for r in rivals:
            b[r].append(theirs(r))
    return a, b


def model(name):
    return ARGS.folder / f"{name}.gguf"


def linear_ops():
    """Operations of a prompt's token: two for each weight of the layers; the output is multiplied for the last token only."""
    about = json.loads(output([ARGS.adze, "inspect", model("q4_k_m"), "--json"]).stdout)
    c = about["config"]
    return 2 * (about["parameters"] - c["vocab"] * c["hidden"] * (1 if c["tied"] else 2))


def limits(env=None):
    """What the machine can do now: a shared one changes from minute to minute."""
    figures = json.loads(output([ARGS.adze, "probe", "--fresh", "--json"], env).stdout)["roof"]["figures"]
    return {"int8": figures["int8_gops_all"]["median"], "f32": figures["f32_gflops_all"]["median"], "read": figures["read_gb_s_all"]["median"]}


def beside(limit, measure, env=None):
    """measure() -> (figure, what it used of the limit), as a function for rounds(), and the list its shares of the limit go to."""
    shares = []

    def mine():
        now = limits(env)[limit]
        figure, used = measure()
        shares.append(used / now)
        return figure
    return mine, shares


def prefill_of(rivals, name, n, target, env=None):
    limit = "f32" if name in ("bf16", "f16") else "int8"

    def measure():
        rate = median(adze_bench(model(name), "-p", n, "-n", 0, env=env), "prefill_tok_s")
        return rate, rate * linear_ops() * 1e-9

    mine, shares = beside(limit, measure, env)
    a, b = rounds(rivals, mine, lambda r: r.bench(model(name), "-p", n, "-n", 0)["prefill", n])
    for r in rivals:
        row(f"prefill {n}, {name}{', AVX2' if env else ''}", r, "tok/s", a, b[r], target,
            f"{100 * statistics.median(shares):.0f} % of the {limit} limit")


def prefill(rivals):
    for n in (256, 512):
        prefill_of(rivals, "q4_k_m", n, ">= 2.5 (ik 1.6)")


def types(rivals):
    for name, target in (("q4_0", ">= 2.2"), ("q6_k", ">= 3"), ("q8_0", ">= 2.2"), ("bf16", ">= 2.5"), ("f16", "")):
        if model(name).exists():
            prefill_of(rivals[:1], name, 256, target)


def decode(rivals):
    for name in ("q4_k_m", "q4_0", "q6_k", "q8_0", "bf16", "f16"):
        if not model(name).exists():
            continue
        who = rivals if name == "q4_k_m" else rivals[:1]

        def measure():
            report = adze_bench(model(name), "-p", 16, "-n", 48)
            # the median token's rate: the first passes also make panels
            return median(report, "decode_tok_s"), model(name).stat().st_size * 1e-6 / median(report, "token_latency_p50_ms")

        mine, shares = beside("read", measure)
        a, b = rounds(who, mine, lambda r: r.bench(model(name), "-p", 0, "-n", 48)["decode", 48])
        for r in who:
            row(f"decode, {name}", r, "tok/s", a, b[r], ">= 1" if name == "q4_k_m" else "",
                f"{100 * statistics.median(shares):.0f} % of read bandwidth")


def batch(rivals):
    sizes = (1, 2, 4, 8)

    def mine():
        report = adze_bench(model("q4_k_m"), "-p", 64, "-n", 24, "--warmup", 0, "--batch", ",".join(map(str, sizes)))
        return {b["sequences"]: (median(b, "prefill_tok_s"), median(b, "decode_tok_s")) for b in report["batches"]}

    a, b = rounds(rivals, mine, lambda r: r.batches(model("q4_k_m"), 64, 24, sizes))
    for n, target in zip(sizes, (">= 1", ">= 1.8", ">= 3", ">= 4")):
        for r in rivals:
            row(f"decode, {n} at once", r, "tok/s in all", [x[n][1] for x in a], [x[n][1] for x in b[r]], target if r is rivals[0] else "")


def long(rivals):
    n = ARGS.long

    def mine():
        report = adze_bench(model("q4_k_m"), "-p", n, "-n", 16, "--warmup", 0, "--kv", "q8_0")
        return median(report, "prefill_tok_s"), median(report, "decode_tok_s")

    a, b = rounds(rivals, mine, lambda r: r.batches(model("q4_k_m"), n, 16, (1,), "-fa", "on", "-ctk", "q8_0", "-ctv", "q8_0")[1], 1)
    for r in rivals:
        row(f"prefill {n}, q8_0 cache", r, "tok/s", [x[0] for x in a], [x[0] for x in b[r]], ">= 3" if r is rivals[0] else "")
        row(f"decode behind {n}, q8_0 cache", r, "tok/s", [x[1] for x in a], [x[1] for x in b[r]], ">= 2" if r is rivals[0] else "")


def first(rivals):
    text = "Tell me a story."
    a, b = rounds(rivals, lambda: timed([ARGS.adze, "generate", model("q4_k_m"), "-p", text, "-n", 1, "--greedy", "-j", ARGS.threads]),
                  lambda r: r.generate(model("q4_k_m"), text, 1), ARGS.rounds + 2)
    for r in rivals:
        row("process start to first token", r, "s", [x[0] for x in a], [x[0] for x in b[r]], ">= 3" if r is rivals[0] else "", smaller=True)


def memory(rivals):
    text = "Tell me a story."
    a, b = rounds(rivals, lambda: timed([ARGS.adze, "generate", model("q4_k_m"), "-p", text, "-n", 24, "--greedy", "-j", ARGS.threads]),
                  lambda r: r.generate(model("q4_k_m"), text, 24), 1)
    size = model("q4_k_m").stat().st_size
    for r in rivals:
        row("peak resident memory", r, "MB", [x[1] / 1e6 for x in a], [x[1] / 1e6 for x in b[r]], "<= 1.05 of file and cache",
            f"{a[0][1] / size:.3f} of the file", smaller=True)


def avx2(rivals):
    if ARGS.avx2:
        r = Rival(ARGS.avx2, vnni=False)
        for name in ("q4_k_m", "q4_0", "q8_0", "q6_k"):
            if model(name).exists():
                prefill_of([r], name, 256, ">= 2" if name == "q4_k_m" else "", {"ADZE_CPU": "avx2"})


def guess(rivals):
    """A text with repetition, continued with and without guesses by the model that the repository ships (random weights say nothing that
    could be guessed); and by the large one, whose pass over several rows is what guessing lives on."""
    lines = (ROOT / "demo/heldout.txt").read_text()[2000:2900]
    for what, path in (("demo checkpoint", ROOT / "demo/checkpoint"), ("q4_k_m", model("q4_k_m"))):
        def run(n):
            p = output([ARGS.adze, "generate", path, "-p", f"{lines}\n\n{lines}\n\n{lines[:300]}", "-n", 200, "--greedy", "--ignore-eos", "--json",
                        "--speculate", n, "-j", ARGS.threads])
            return json.loads(p.stdout)
        pairs = [(run(0), run(16)) for _ in range(ARGS.rounds)]
        if any(x["text"] != y["text"] for x, y in pairs):
            sys.exit("guessing changed the text")
        ratios = [x["decode_s"] / y["decode_s"] for x, y in pairs]
        y = pairs[0][1]
        print(f"| guessing, {what}, a text that repeats itself | adze without | "
              f"{statistics.median(200 / y['decode_s'] for _, y in pairs):.4g} | {statistics.median(200 / x['decode_s'] for x, _ in pairs):.4g} | tok/s | "
              f"{statistics.median(ratios):.2f} ({min(ratios):.2f} .. {max(ratios):.2f}) | >= 1.5 | {y['accepted_tokens']} of {y['guessed_tokens']} guesses right, same text |",
              flush=True)


def kv(rivals):
    for name in ("f16", "q8_0", "q4_0"):
        report = json.loads(output([ARGS.adze, "eval", ROOT / "demo/checkpoint", ROOT / "demo/checkpoint", "--text", ROOT / "demo/heldout.txt",
                                    "--chunks", 40, "--kv", name, "--json"]).stdout)
        print(f"| KL of a cache in {name}, demo checkpoint | adze in f16 | {report[1]['kl_mean']['value']:.3g} | 0 | nats | flips "
              f"{100 * report[1]['flips']['value']:.2f} % | | |", flush=True)


SECTIONS = (prefill, types, decode, batch, first, memory, avx2, guess, kv, long)


def folder(path):
    if not Path(path).is_dir():
        raise argparse.ArgumentTypeError(f"no folder {path}")
    return Path(path).resolve()


def main():
    global ARGS
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folder", metavar="FOLDER", type=folder)
    ap.add_argument("--against", action="append", default=[], metavar="DIR", type=folder, help="folder of a rival's programs, llama.cpp first; repeatable")
    ap.add_argument("--avx2", metavar="DIR", type=folder, help="folder of llama.cpp built without AVX-512")
    ap.add_argument("--adze", default=ROOT / "build/release/adze", type=lambda p: Path(p).resolve(strict=True))
    ap.add_argument("--only", default=",".join(s.__name__ for s in SECTIONS), metavar="NAME,...")
    ap.add_argument("-t", "--threads", type=int, default=os.cpu_count())
    ap.add_argument("-r", "--rounds", type=int, default=3)
    ap.add_argument("--long", type=int, default=16384, metavar="N", help="tokens of the long context")
    ARGS = ap.parse_args()
    os.chdir(tempfile.gettempdir()) # rivals leave logs where they start
    now = limits()
    rivals = [Rival(d) for d in ARGS.against]
    print(f"adze {output([ARGS.adze, 'version']).stdout.strip()}, commit "
          f"{output(['git', '-C', ROOT, 'rev-parse', '--short', 'HEAD']).stdout.strip()}; {ARGS.threads} threads; measured limits: int8 "
          f"{now['int8']:.0f} GOP/s, reading {now['read']:.1f} GB/s")
    for r in rivals:
        print(f"{r.name} {r.build}: {r.flags}")
    print("(instructions: how many times each stands in the rival's code)\n\n| what | beside | adze | other | unit | ratio (smallest .. largest) | target | note |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    wanted = ARGS.only.split(",")
    for section in SECTIONS:
        if section.__name__ in wanted:
            section(rivals)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FileNotFoundError as e:
        sys.exit(f"{e.filename}: not there")
