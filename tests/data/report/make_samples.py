#!/usr/bin/env python3
"""Makes the made-up reports for tests of the report page (no value here was measured).

sample.json   everything present, one candidate chosen
none.json     no candidate passed
one.json      one candidate, short lists
bare.json     declared target, estimates only, no text, no profile, no energy, losers deleted
many.json     twenty candidates
hostile.json  names and sentences that try to become markup

Run: python3 tests/data/report/make_samples.py   (writes beside itself; same bytes every time)
"""
import copy
import hashlib
import json
import os
import random

HERE = os.path.dirname(os.path.abspath(__file__))
PARAMS = 1235814400
RND = random.Random(7)


def digest(name):
    return "sha256:" + hashlib.sha256(name.encode()).hexdigest()


def sig(x, n=5):
    return float(f"%.{n}g" % x)


def fig(median, unit, spread=0.02, n=7, provenance="measured"):
    if provenance != "measured":
        return {"median": sig(median), "min": sig(median), "max": sig(median), "n": 1, "unit": unit,
                "provenance": provenance}
    lo = median * (1 - spread * RND.uniform(0.5, 1.6))
    hi = median * (1 + spread * RND.uniform(0.4, 1.2))
    return {"median": sig(median), "min": sig(lo), "max": sig(hi), "n": n, "unit": unit,
            "provenance": provenance}


def count(value, unit="bytes"):
    return {"median": value, "min": value, "max": value, "n": 1, "unit": unit, "provenance": "measured"}


def interval(value, half, unit, n=8160, up=None):
    return {"value": sig(value), "lo": sig(value - half), "hi": sig(value + (up or half)), "n": n, "unit": unit}


def ratio(a, b, spread=0.03):
    v = a / b
    return {"value": sig(v, 4), "lo": sig(v * (1 - spread), 4), "hi": sig(v * (1 + spread * 0.8), 4), "n": 7, "unit": "x"}


NO_ENERGY = {"available": False, "unit": "J/tok",
             "reason": "no powercap zone can be read and there is no battery"}

# recipe: bits a weight, prefill tok/s, decode tok/s, top-1 over the baseline and half width, mean KL, flips
RECIPES = {
    "bf16":   (16.00, 61.0, 9.8, 1.0, 0, 0, 0),
    "f16":    (16.00, 58.4, 9.7, 1.0002, 0.0009, 0.0000021, 0.0011),
    "q8_0":   (8.50, 139.0, 17.6, 0.9994, 0.0021, 0.00052, 0.0094),
    "q6_k":   (6.57, 128.0, 21.9, 0.9981, 0.0034, 0.0021, 0.0192),
    "q5_k_m": (5.72, 121.0, 24.8, 0.9938, 0.0048, 0.0074, 0.0361),
    "q4_k_m": (5.05, 146.0, 28.9, 0.9869, 0.0066, 0.0213, 0.0613),
    "q4_0":   (4.77, 171.0, 30.4, 0.9583, 0.0114, 0.0652, 0.1074),
}
TOP1 = 0.4183
PPL = 13.92


def measurements(recipe, threads=2, energy=None):
    bits, pre, dec, *_ = RECIPES[recipe]
    f = 0.56 if threads == 1 else 1.0
    weights = int(PARAMS * bits / 8)
    p50 = 1000 / (dec * f)
    return {
        "load_ms": fig(weights / 4.1e6, "ms", 0.06),
        "ttft_ms": fig(256 / (pre * f) * 1000, "ms", 0.03),
        "prefill_tok_s": fig(pre * f, "tok/s", 0.025),
        "decode_tok_s": fig(dec * f, "tok/s", 0.03),
        "token_latency_p50_ms": fig(p50, "ms", 0.02),
        "token_latency_p95_ms": fig(p50 * 1.11, "ms", 0.03),
        "token_latency_p99_ms": fig(p50 * 1.24, "ms", 0.05),
        "latency_cv": fig(0.061, "ratio", 0.2),
        "weight_bytes": count(weights),
        "peak_rss_bytes": fig(weights * 1.03 + 96e6, "bytes", 0.003),
        "cache_bytes": count(12582912),
        "energy_j_per_tok": energy or NO_ENERGY,
    }


def quality(recipe):
    _, _, _, rel, half, kl, flips = RECIPES[recipe]
    return {
        "conclusive": True,
        "top1_accuracy": interval(TOP1 * rel, 0.0105, "ratio"),
        "top1_ratio": interval(rel, half, "ratio"),
        "perplexity": interval(PPL * (1 + kl * 0.9), 0.71, "1"),
        "kl_mean": interval(kl, kl * 0.09, "nats", up=kl * 0.11),
        "kl_p99": interval(kl * 11, kl * 1.3, "nats", up=kl * 1.9),
        "flips": interval(flips, flips * 0.08 + 0.0004, "ratio"),
    }


def predicted(m):
    out = {}
    for name, err in (("weight_bytes", 0.0), ("peak_rss_bytes", -0.031), ("prefill_tok_s", 0.088),
                      ("decode_tok_s", -0.046)):
        got = m[name]["median"]
        e = 0.0 if name == "weight_bytes" else err + RND.uniform(-0.05, 0.05)
        limit = 0.05 if name.endswith("bytes") else 0.15
        out[name] = {"value": int(got) if e == 0 else sig(got * (1 + e)), "unit": m[name]["unit"],
                     "measured": got, "error": sig(e, 3), "limit": limit, "flagged": abs(e) > limit}
    return out


def gates(c, base):
    r, q, out = c["ratios"], c["quality"], []

    def gate(name, title, value, lo, hi, op, limit, unit, reason):
        if op == ">=":
            v = "pass" if lo >= limit else "fail" if value < limit else "inconclusive"
        else:
            v = "pass" if hi <= limit else "fail" if value > limit else "inconclusive"
        g = {"name": name, "title": title, "value": sig(value, 4), "lo": sig(lo, 4), "hi": sig(hi, 4), "op": op,
             "limit": limit, "unit": unit, "verdict": v}
        if v != "pass":
            g["reason"] = reason[v]
        out.append(g)

    t = q["top1_ratio"]
    gate("top1", "Top-1 accuracy kept", t["value"], t["lo"], t["hi"], ">=", 0.95, "ratio",
         {"fail": "accuracy is below the limit",
          "inconclusive": f"the interval {t['lo']:.1%} to {t['hi']:.1%} has the limit inside: use more text"})
    d = r["decode_tok_s"]
    gate("decode", "Decode speed", d["value"], d["lo"], d["hi"], ">=", 2.0, "x",
         {"fail": "not fast enough", "inconclusive": "the spread has the limit inside"})
    m = r["peak_rss_bytes"]
    gate("memory", "Peak memory", m["value"], m["lo"], m["hi"], "<=", 0.5, "ratio",
         {"fail": "too large", "inconclusive": "the spread has the limit inside"})
    cv = c["measurements"]["latency_cv"]
    gate("latency_cv", "Latency stdev / mean", cv["median"], cv["min"], cv["max"], "<=", 0.2, "ratio",
         {"fail": "too uneven", "inconclusive": "the spread has the limit inside"})
    return out


def verdict(gs):
    vs = [g["verdict"] for g in gs]
    return "fail" if "fail" in vs else "inconclusive" if "inconclusive" in vs else "pass"


def candidate(recipe, threads=2, base=None, keep=False):
    m = measurements(recipe, threads)
    fmt = "safetensors" if base is None else "gguf"
    c = {
        "id": f"{recipe}/native/t{threads}", "recipe": recipe, "format": fmt, "engine": "native",
        "settings": {"threads": threads}, "status": "measured",
        "artifact": {"path": f"build/sample/sample-1b.{recipe}.gguf" if keep else None,
                     "digest": digest(recipe), "bytes": m["weight_bytes"]["median"] + 5312768,
                     "bits_per_weight": RECIPES[recipe][0], "kept": keep},
        "measurements": m, "quality": None, "gates": [], "pareto": False, "predicted": predicted(m),
    }
    if base is None:
        c["artifact"]["path"] = "models/sample-1b"
        c["quality"] = {"conclusive": True, "top1_accuracy": interval(TOP1, 0.0107, "ratio"),
                        "perplexity": interval(PPL, 0.70, "1")}
        return c
    c["ratios"] = {}
    for name in ("prefill_tok_s", "decode_tok_s", "ttft_ms", "peak_rss_bytes", "weight_bytes"):
        exact = 0.0 if name == "weight_bytes" else 0.004 if name == "peak_rss_bytes" else 0.03
        c["ratios"][name] = ratio(m[name]["median"], base["measurements"][name]["median"], exact)
    c["quality"] = quality(recipe)
    c["gates"] = gates(c, base)
    c["verdict"] = verdict(c["gates"])
    c["score"] = None
    return c


def mark_pareto(cs):
    def key(c):
        m, q = c["measurements"], c["quality"]
        return (-m["decode_tok_s"]["median"], q["kl_mean"]["value"], m["peak_rss_bytes"]["median"])
    for c in cs:
        better = [o for o in cs if o is not c and all(a <= b for a, b in zip(key(o), key(c))) and key(o) != key(c)]
        c["pareto"] = not better
        if better:
            c["dominated_by"] = better[0]["id"]


def operator(op, kind, typ, calls, ms, total, gops, gbs, bound):
    return {"op": op, "layer_kind": kind, "type": typ, "calls": calls, "ms": ms, "share": sig(ms / total, 4),
            "achieved_gops": gops, "achieved_gb_s": gbs, "bound": bound}


def profile(cid):
    dec = [("linear", "ffn_gate_up", "q4_k", 16, 12.61, 47.8, 24.9, "bandwidth"),
           ("linear", "ffn_down", "q6_k", 16, 8.02, 33.5, 25.3, "bandwidth"),
           ("linear", "output", "q6_k", 1, 7.94, 66.2, 27.1, "bandwidth"),
           ("linear", "attn_qkv", "q4_k", 16, 2.41, 41.8, 23.6, "bandwidth"),
           ("linear", "attn_out", "q4_k", 16, 1.59, 42.2, 22.9, "bandwidth"),
           ("attention", "attn", "f16", 16, 1.02, 9.9, 12.3, "bandwidth"),
           ("norm", "attn_norm, ffn_norm", None, 33, 0.44, None, None, "overhead"),
           ("rope", "attn", None, 16, 0.21, None, None, "overhead"),
           ("embed", "token", "q6_k", 1, 0.01, None, None, "overhead")]
    pre = [("linear", "ffn_gate_up", "q4_k", 16, 742.0, 371.0, 0.42, "compute"),
           ("linear", "ffn_down", "q6_k", 16, 453.0, 303.0, 0.45, "compute"),
           ("linear", "attn_qkv", "q4_k", 16, 142.0, 363.0, 0.40, "compute"),
           ("attention", "attn", "f16", 16, 131.0, 66.0, 0.10, "compute"),
           ("linear", "attn_out", "q4_k", 16, 96.0, 358.0, 0.38, "compute"),
           ("norm", "attn_norm, ffn_norm", None, 33, 21.0, None, None, "overhead"),
           ("rope", "attn", None, 16, 12.0, None, None, "overhead"),
           ("linear", "output", "q6_k", 1, 9.0, 58.0, 24.0, "bandwidth")]

    def phase(name, tokens, rows, meters, kind, text):
        total = sum(r[4] for r in rows)
        return {"phase": name, "tokens": tokens, "ms": sig(total), "operators": [
            operator(*r[:5], total, *r[5:]) for r in rows], "meters": meters,
            "bottleneck": {"kind": kind, "text": text}}

    def meter(kind, achieved, peak, unit, threshold):
        r = achieved / peak
        return {"kind": kind, "achieved": achieved, "peak": peak, "ratio": sig(r, 3), "unit": unit,
                "threshold": threshold, "over": r > threshold, "provenance": "measured"}

    mem = meter("memory", 899000000, 8213196800, "bytes", 0.9)
    return {"id": cid, "phases": [
        phase("decode", 1, dec, [meter("compute", 71.4, 898.0, "GOP/s", 0.8),
                                 meter("bandwidth", 24.6, 26.2, "GB/s", 0.9), mem,
                                 meter("variance", 0.061, 0.2, "ratio", 1.0)], "bandwidth",
              "Decode reads weights at 24.6 GB/s, 94 % of the measured 26.2 GB/s: only fewer bytes make it faster."),
        phase("prefill", 256, pre, [meter("compute", 322.0, 898.0, "GOP/s", 0.8),
                                    meter("bandwidth", 0.46, 26.2, "GB/s", 0.9), mem], "none",
              "Prefill reaches 36 % of the int8 peak; no resource is above its threshold."),
    ]}


def report():
    base = candidate("bf16")
    cs = [candidate(r, base=base, keep=r == "q4_k_m") for r in ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0")]
    mark_pareto(cs)
    for c, s in zip(cs, (None, None, 0.58, 0.67, 0.74, None)):
        c["score"] = s
    return {
        "schema": "adze.report/1", "sample": True, "created": "2026-01-31T12:00:00Z",
        "command": ["adze", "optimize", "models/sample-1b", "--text", "texts/held out.txt", "--out", "build/sample"],
        "elapsed_s": 512.4, "exit_code": 0,
        "adze": {"version": "0.1.0", "build": "gcc 12.2.0, release, x86_64"},
        "model": {"name": "sample-1b", "path": "models/sample-1b", "format": "safetensors", "arch": "llama",
                  "type": "bf16", "parameters": PARAMS, "bytes": PARAMS * 2 + 9412608, "digest": digest("model"),
                  "layers": 16, "hidden": 2048, "vocab": 128256, "context": 131072},
        "target": {"name": "sample machine", "kind": "measured", "fingerprint": digest("target"),
                   "cpu": "Sample CPU, Zen 4 class, virtual",
                   "features": ["avx2", "f16c", "fma", "avx512f", "avx512bw", "avx512vnni", "avx512bf16"],
                   "cores": {"physical": 2, "logical": 2},
                   "memory": {"total_bytes": 8213196800, "available_bytes": 6810501120,
                              "limit_bytes": 8213196800, "limit_source": "memory"},
                   "roof": {"read_gb_s_1": fig(18.9, "GB/s"), "read_gb_s_all": fig(26.2, "GB/s", 0.05),
                            "int8_gops_1": fig(451, "GOP/s"), "int8_gops_all": fig(898, "GOP/s"),
                            "bf16_gflops_1": fig(224, "GFLOP/s"), "bf16_gflops_all": fig(446, "GFLOP/s"),
                            "f32_gflops_1": fig(112, "GFLOP/s"), "f32_gflops_all": fig(222, "GFLOP/s")},
                   "accelerators": []},
        "settings": {"prompt_tokens": 256, "generate_tokens": 64, "repeats": 7, "warmup": 1, "threads": 2,
                     "seed": 1, "chunk_tokens": 512, "max_time_s": None, "max_disk_bytes": None, "gates": None},
        "text": {"path": "texts/held out.txt", "digest": digest("text"), "bytes": 71204, "chunks": 32,
                 "tokens": 16384, "scored": 8160},
        "baseline": base, "candidates": cs,
        "chosen": {"id": "q4_k_m/native/t2",
                   "why": "Of the three candidates that pass every gate it has the highest score by your weights: 2.95 times "
                          "the baseline's decode speed in a third of its memory, with 98.7 % of its top-1 accuracy.",
                   "weights": {"speed": 1, "accuracy": 2, "memory": 1}, "runner_up": "q5_k_m/native/t2"},
        "profile": profile("q4_k_m/native/t2"),
        "recommendations": [
            {"severity": "advice", "title": "Keep q5_k_m in mind where answers matter more than speed",
             "text": "It keeps 99.4 % of the accuracy, with a third of the KL divergence of q4_k_m, and is 14 % slower."},
            {"severity": "warning", "title": "q4_0 is not decided",
             "text": "Its accuracy interval has the limit inside. About four times as much held-out text would settle it."},
            {"severity": "info", "title": "More threads will not help decode",
             "text": "Decode is at 94 % of the measured read bandwidth with two threads."}],
        "deployment": [
            {"platform": "This machine", "fits": "yes", "provenance": "measured",
             "text": "Uses 0.90 GB of 8.2 GB at 320 tokens; every further 1,024 tokens take 33.6 MB.",
             "steps": ["adze generate build/sample/sample-1b.q4_k_m.gguf -p 'Once upon a time'"]},
            {"platform": "Raspberry Pi 5, 8 GB", "fits": "yes", "provenance": "estimated",
             "text": "Expect about 11 tokens a second from its declared 17 GB/s; measure before you rely on it.",
             "steps": ["adze optimize models/sample-1b --target raspberry-pi-5-8gb"]},
            {"platform": "Edge TPU board", "fits": "no", "provenance": "declared",
             "text": "Has 8 MB of on-chip memory and runs int8 convolution graphs only.", "steps": []}],
        "monitoring": [
            {"metric": "token_latency_p99_ms", "why": "users feel the slowest tokens",
             "alert": "above 51 ms for 5 minutes (measured 42.9 ms, plus 20 %)"},
            {"metric": "latency_cv", "why": "uneven latency shows throttling or a busy neighbour",
             "alert": "above 20 % over 200 tokens (measured 6.1 %)"},
            {"metric": "peak_rss_bytes", "why": "the cache grows with the conversation",
             "alert": "above 90 % of the limit, 7.39 GB"},
            {"metric": "top1_accuracy", "why": "drift of the input, or of the files",
             "alert": "below 95 % of the baseline on the held-out text, checked daily"}],
        "warnings": ["The load average was 1.4 on 2 cores during the run, so the spread of speeds is wider than on a quiet machine."],
        "environment": {"os": "Debian GNU/Linux 12", "kernel": "6.1.0", "libc": "glibc 2.36", "governor": None,
                        "load_1m": 1.4, "compiler": "gcc 12.2.0", "threads": 2},
    }


def none(r):
    r["candidates"] = [c for c in r["candidates"] if c["recipe"] in ("f16", "q8_0", "q4_0")]
    for c in r["candidates"]:
        c["score"] = None
        c["artifact"]["path"], c["artifact"]["kept"] = None, False
    q4 = r["candidates"][-1]
    g = q4["gates"][0]
    q4["quality"]["top1_ratio"] = interval(0.9312, 0.0114, "ratio")
    g.update(value=0.9312, lo=0.9198, hi=0.9426, verdict="fail", reason="accuracy is below the limit")
    q4["verdict"] = "fail"
    r["chosen"] = {"id": None, "why": "Each of the 3 candidates fails at least one gate. Nearest is q4_0: top-1 accuracy is 1.9 "
                   "points below its limit.", "weights": {"speed": 1, "accuracy": 2, "memory": 1}, "runner_up": None}
    r["profile"], r["exit_code"] = None, 5
    r["recommendations"] = r["recommendations"][:0] + [
        {"severity": "advice", "title": "Try q4_k_m", "text": "It costs 4 % more bytes than q4_0 and keeps more of the accuracy."}]
    r["deployment"] = []
    return r


def one(r):
    r["candidates"] = [c for c in r["candidates"] if c["recipe"] == "q4_k_m"]
    r["candidates"][0].update(pareto=True)
    r["candidates"][0].pop("dominated_by", None)
    r["chosen"].update(why="The only candidate, and it passes every gate.", runner_up=None)
    r["recommendations"] = r["recommendations"][2:]
    r["deployment"] = r["deployment"][:1]
    r["warnings"] = []
    r["candidates"][0]["measurements"]["energy_j_per_tok"] = fig(0.412, "J/tok", 0.04)
    r["baseline"]["measurements"]["energy_j_per_tok"] = fig(1.18, "J/tok", 0.03)
    return r


def bare(r):
    r["target"] = {"name": "raspberry-pi-5-8gb", "kind": "declared", "source": "https://example.invalid/sheet.pdf",
                   "memory": {"total_bytes": 8589934592},
                   "roof": {"read_gb_s_all": fig(17.1, "GB/s", provenance="declared"),
                            "int8_gops_all": {"available": False, "reason": "the maker publishes no figure"}}}
    r["text"], r["profile"] = None, None
    for k in ("recommendations", "deployment", "monitoring", "warnings"):
        r.pop(k)
    r["settings"], r["environment"] = {}, {}
    r["exit_code"] = 5
    r["candidates"] = [c for c in r["candidates"] if c["recipe"] in ("q8_0", "q4_k_m")]
    for c in [r["baseline"]] + r["candidates"]:
        c["status"] = "estimated"
        c["quality"], c["artifact"] = None, None
        c["measurements"] = {k: fig(c["measurements"][k]["median"] * 0.6, c["measurements"][k]["unit"],
                                    provenance="estimated")
                             for k in ("decode_tok_s", "peak_rss_bytes", "weight_bytes")}
        c["predicted"] = {"decode_tok_s": {"value": 12.1, "unit": "tok/s", "measured": None, "error": None}}
        c.pop("ratios", None)
        for g in c["gates"]:
            g["verdict"], g["reason"], g["value"] = "inconclusive", "nothing was measured on this target", None
            g.pop("lo"), g.pop("hi")
        if c["gates"]:
            c["verdict"] = "inconclusive"
    r["candidates"].append({"id": "q2_k/native/t4", "recipe": "q2_k", "format": "gguf", "engine": "native",
                            "settings": {"threads": 4}, "status": "failed", "status_reason": "the recipe is not known",
                            "artifact": None, "measurements": {}, "quality": None, "gates": [], "pareto": False,
                            "predicted": {}})
    r["chosen"] = {"id": None, "why": "Nothing was measured on this target, so no gate can pass."}
    return r


def many(r):
    base, cs = r["baseline"], []
    for recipe in ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0"):
        for threads in (1, 2):
            cs.append(candidate(recipe, threads, base, recipe == "q4_k_m"))
    for recipe in ("q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0", "f16", "q4_k_m", "q4_0"):
        c = candidate(recipe, 2, base)
        c["engine"] = "llama.cpp" if len(cs) < 18 else "openvino"
        c["id"] = f"{recipe}/{c['engine']}/t2"
        for k in ("decode_tok_s", "prefill_tok_s"):
            f = RND.uniform(0.7, 0.98)
            for s in ("median", "min", "max"):
                c["measurements"][k][s] = sig(c["measurements"][k][s] * f)
            for s in ("value", "lo", "hi"):
                c["ratios"][k][s] = sig(c["ratios"][k][s] * f, 4)
        c["gates"] = gates(c, base)
        c["verdict"] = verdict(c["gates"])
        cs.append(c)
    mark_pareto(cs)
    r["candidates"] = cs
    return r


def hostile(r):
    bad = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)>"
    r["model"]["name"] = bad
    r["model"]["path"] = "models/" + "very-long-name-without-a-break-" * 8 + "'quote\" \u2028 \u202e end"
    r["command"] = ["adze", "optimize", bad, "$(reboot)", "it's", ""]
    r["candidates"] = r["candidates"][3:6]
    for c in r["candidates"]:
        c["recipe"] = bad[:24] + c["recipe"] + "-" + "x" * 40
        c["gates"][1]["reason"], c["gates"][1]["title"] = bad, bad
    r["chosen"]["why"] = bad
    r["profile"]["phases"][0]["operators"][0]["layer_kind"] = bad
    for k in ("recommendations", "deployment", "monitoring"):
        r[k] = [{x: (bad if isinstance(y, str) and x not in ("severity", "fits", "provenance") else y)
                 for x, y in i.items()} for i in r[k]]
    r["environment"][bad] = bad
    r["target"]["name"] = r["target"]["cpu"] = bad
    r["warnings"] = [bad]
    return r


def main():
    full = report()
    for name, change in (("sample", lambda x: x), ("none", none), ("one", one), ("bare", bare), ("many", many),
                         ("hostile", hostile)):
        data = change(copy.deepcopy(full))
        with open(os.path.join(HERE, name + ".json"), "w", encoding="utf-8") as f:
            json.dump(data, f, indent=1 if name == "sample" else None, separators=None if name == "sample" else (",", ":"))
            f.write("\n")


main()
