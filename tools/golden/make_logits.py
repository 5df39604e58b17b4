"""Golden logits: tiny random models run by transformers in f32 with eager attention.

    pip install torch transformers==5.23.0 safetensors
    python3 tools/golden/make_logits.py --out tests/data/golden

For each model a folder: config.json, model.safetensors (f32) and golden*.safetensors with
    tokens     I32 [n]          the whole input, one sequence, no cache
    positions  I32 [p]          the positions whose logits are kept, the last one included
    logits     F32 [p, vocab]   what transformers computed there

The models are made so that errors show: attention is far from flat, norm weights are not one, biases are not zero, eps is
large against the embeddings, sequences are longer than the sliding window and than the original context of a scaled
rotary embedding. To prove it, the same function is computed here a second time from the formulas, agrees with transformers, and
is then changed in one way at a time (see MUTANTS): each change must move the logits by more than 1e-3 of the largest.
"""
import argparse
import json
import math
import shutil
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

TRANSFORMERS = "5.23.0"
VOCAB, KEPT = 128, 10

BASE = dict(vocab_size=VOCAB, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, hidden_act="silu",
            rms_norm_eps=1e-3, rope_theta=10000.0, torch_dtype="float32", use_cache=True, bos_token_id=1, eos_token_id=2,
            attention_dropout=0.0, initializer_range=0.02)
SMALL = dict(BASE, hidden_size=32, intermediate_size=96, head_dim=16)
WIDE = dict(BASE, hidden_size=64, intermediate_size=32)

# name: (config, lengths of the golden sequences by file name). Keys are spelled as published checkpoints spell them, except in
# "qwen2", which has the spelling that transformers 5 writes (rope_parameters, dtype, layer_types).
MODELS = {
    "llama": (dict(SMALL, architectures=["LlamaForCausalLM"], model_type="llama", max_position_embeddings=256,
                   rope_theta=500000.0, tie_word_embeddings=True, attention_bias=False, mlp_bias=False, rope_scaling=None),
              {"golden": 40}),
    "llama3_rope": (dict(SMALL, architectures=["LlamaForCausalLM"], model_type="llama", max_position_embeddings=256,
                         tie_word_embeddings=False, attention_bias=False, mlp_bias=False,
                         rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                           original_max_position_embeddings=32)), {"golden": 72}),
    "mistral_window": (dict(SMALL, architectures=["MistralForCausalLM"], model_type="mistral", max_position_embeddings=256,
                            sliding_window=9, tie_word_embeddings=False), {"golden": 30}),
    "qwen2": (dict({k: v for k, v in WIDE.items() if k not in ("rope_theta", "torch_dtype")},
                   architectures=["Qwen2ForCausalLM"], model_type="qwen2", max_position_embeddings=256,
                   use_sliding_window=False, sliding_window=None, max_window_layers=2, tie_word_embeddings=True, dtype="float32",
                   layer_types=["full_attention"] * 2, rope_parameters=dict(rope_type="default", rope_theta=1000000.0)),
              {"golden": 40}),
    "phi3_longrope": (dict(WIDE, architectures=["Phi3ForCausalLM"], model_type="phi3", max_position_embeddings=96,
                           original_max_position_embeddings=24, partial_rotary_factor=0.75, sliding_window=11,
                           tie_word_embeddings=False, pad_token_id=0, embd_pdrop=0.0, resid_pdrop=0.0,
                           rope_scaling=dict(type="longrope", short_factor=[1.0, 1.1, 1.25, 1.5, 1.75, 2.0],
                                             long_factor=[1.2, 1.7, 2.6, 4.1, 6.3, 9.0])),
                      {"golden_short": 22, "golden_long": 60}),
}


def weight(name, shape, g):
    """Values that keep activations of order one and make attention scores of order three."""
    x = torch.randn(shape, generator=g)
    if name.endswith("norm.weight"):
        return 1.0 + 0.4 * x.clamp(-2, 2)
    if name.endswith("bias"):
        return 0.7 * x
    if "embed_tokens" in name:
        return 0.1 * x
    x = x / shape[-1] ** 0.5
    if "q_proj" in name or "k_proj" in name:
        return 1.8 * x
    if "qkv_proj" in name:                      # the rows of q and k come first: half and a quarter of all
        x[:shape[0] * 3 // 4] *= 1.8
    return x


def make_model(folder, config, seed):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    g = torch.Generator().manual_seed(seed)
    names = [n for n in model.state_dict() if not (config["tie_word_embeddings"] and n == "lm_head.weight")]
    tensors = {n: weight(n, model.state_dict()[n].shape, g).contiguous() for n in names}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return tensors


# --- the same function from the formulas -----------------------------------------------------------------------------------

def rope_table(c, n, p):
    """cos and sin [n][d/2], d rotated dims."""
    head = c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]
    d = int(head * c.get("partial_rotary_factor", 1.0))
    if p.get("full_rotary"):
        d = head
    scaling = c.get("rope_scaling") or {}
    theta = c.get("rope_theta") or c["rope_parameters"]["rope_theta"]
    f = theta ** (-torch.arange(0, d, 2).double() / d)
    amplitude = 1.0
    kind = scaling.get("rope_type", scaling.get("type"))
    if kind == "llama3" and not p.get("no_scaling"):
        factor, low, high = scaling["factor"], scaling["low_freq_factor"], scaling["high_freq_factor"]
        factor *= p.get("factor", 1.0)
        original = scaling["original_max_position_embeddings"]
        wave = 2 * math.pi / f
        s = ((original / wave - low) / (high - low)).clamp(0, 1)
        if p.get("no_smoothing"):
            s = (s > 0.5).double()
        f = (1 - s) * f / factor + s * f
    if kind == "longrope":
        original = c["original_max_position_embeddings"]
        long = (n > original) != bool(p.get("other_factors"))
        e = torch.tensor(scaling["long_factor" if long else "short_factor"]).double()
        if p.get("full_rotary"):
            e = torch.cat([e, e.new_ones(d // 2 - len(e))])
        f = f / (e if not p.get("no_scaling") else 1.0)
        ratio = c["max_position_embeddings"] / original
        if not p.get("no_amplitude"):
            amplitude = math.sqrt(1 + math.log(ratio) / math.log(original))
    angle = (torch.arange(n).double() + p.get("shift", 0) * torch.arange(n))[:, None] * f
    return (angle.cos() * amplitude).float(), (angle.sin() * amplitude).float()


def rotate(x, cos, sin, adjacent):
    d = 2 * cos.shape[-1]
    x, rest = x[..., :d], x[..., d:]
    if adjacent:
        a, b = x[..., 0::2], x[..., 1::2]
        y = torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(-2)
    else:
        a, b = x.chunk(2, -1)
        y = torch.cat((a * cos - b * sin, b * cos + a * sin), -1)
    return torch.cat((y, rest), -1)


def rms(x, w, eps, p):
    y = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + (p.get("eps", eps)))
    return y if p.get("no_norm_weight") else y * w


def forward(c, w, tokens, p, entropy=None):
    """Logits [n][vocab]; p names the changes."""
    n, nq, nkv = len(tokens), c["num_attention_heads"], c["num_key_value_heads"]
    d = c.get("head_dim") or c["hidden_size"] // nq
    cos, sin = rope_table(c, n, p)
    window = c.get("sliding_window") if c["model_type"] in ("mistral", "phi3") else None
    window = None if p.get("no_window") else window and window + p.get("window", 0)
    q_at, k_at = torch.arange(n)[:, None], torch.arange(n)[None]
    seen = (k_at <= q_at) & ((k_at > q_at - window) if window else True)
    group = torch.arange(nq) % nkv if p.get("interleaved_heads") else torch.arange(nq) // (nq // nkv)
    x = w["model.embed_tokens.weight"][tokens]
    for i in range(c["num_hidden_layers"]):
        at = f"model.layers.{i}."
        bias = lambda s: 0 if p.get("drop_bias") == s else w.get(f"{at}self_attn.{s}_proj.bias", 0)
        h = rms(x, w[at + "input_layernorm.weight"], c["rms_norm_eps"], p)
        if at + "self_attn.qkv_proj.weight" in w:
            parts = w[at + "self_attn.qkv_proj.weight"].split([nq * d, nkv * d, nkv * d])
            if p.get("swap_kv"):
                parts = parts[0], parts[2], parts[1]
            q, k, v = (h @ m.T for m in parts)
        else:
            q, k, v = (h @ w[f"{at}self_attn.{s}_proj.weight"].T + bias(s) for s in "qkv")
        q, k, v = (t.view(n, -1, d).transpose(0, 1) for t in (q, k, v))
        q, k = (rotate(t, cos, sin, p.get("adjacent")) for t in (q, k))
        k, v = k[group], v[group]
        a = q @ k.transpose(1, 2) * (p.get("scale", 1.0) * d ** -0.5)
        a = a.masked_fill(~seen, -torch.inf).softmax(-1)
        if entropy is not None:
            uniform = seen.sum(-1).float().log()
            entropy.append((-(a * a.clamp_min(1e-30).log()).sum(-1)[:, 8:] / uniform[8:]).mean().item())
        x = x + (a @ v).transpose(0, 1).reshape(n, nq * d) @ w[at + "self_attn.o_proj.weight"].T
        h = rms(x, w[at + "post_attention_layernorm.weight"], c["rms_norm_eps"], p)
        if at + "mlp.gate_up_proj.weight" in w:
            gate, up = (h @ w[at + "mlp.gate_up_proj.weight"].T).chunk(2, -1)
        else:
            gate, up = h @ w[at + "mlp.gate_proj.weight"].T, h @ w[at + "mlp.up_proj.weight"].T
        if p.get("swap_gate"):
            gate, up = up, gate
        x = x + (torch.nn.functional.silu(gate) * up) @ w[at + "mlp.down_proj.weight"].T
    head = w.get("lm_head.weight", w["model.embed_tokens.weight"])
    return rms(x, w["model.norm.weight"], c["rms_norm_eps"], p) @ head.T


COMMON = [dict(adjacent=True), dict(scale=1.1), dict(interleaved_heads=True), dict(eps=1e-5), dict(no_norm_weight=True),
          dict(swap_gate=True), dict(shift=0.01)]
MUTANTS = {
    "llama": COMMON,
    "llama3_rope": COMMON + [dict(no_scaling=True), dict(factor=1.1), dict(no_smoothing=True)],
    "mistral_window": COMMON + [dict(window=1), dict(window=-1), dict(no_window=True)],
    "qwen2": COMMON + [dict(drop_bias="q"), dict(drop_bias="k"), dict(drop_bias="v")],
    "phi3_longrope": COMMON + [dict(window=1), dict(window=-1), dict(no_window=True), dict(no_scaling=True),
                               dict(other_factors=True), dict(no_amplitude=True), dict(full_rotary=True), dict(swap_kv=True)],
}


@torch.no_grad()
def make_golden(folder, name, config, tensors, label, n, seed):
    tokens = torch.randint(3, VOCAB, (n,), generator=torch.Generator().manual_seed(seed))
    tokens[0] = 1
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    logits = model(tokens[None], use_cache=False).logits[0]
    top = logits.abs().max()
    entropy = []
    own = forward(config, tensors, tokens, {}, entropy)
    error = ((own - logits).abs().max() / top).item()
    assert error < 1e-5, (name, label, error)
    assert max(entropy) < 0.8, (name, entropy)
    positions = torch.cat([torch.tensor([0, 1, 5]), torch.arange(n - KEPT + 3, n)])
    print(f"{name}/{label}: {n} tokens, own formulas differ by {error:.1e}, attention entropy / uniform "
          + " ".join(f"{e:.2f}" for e in entropy))
    for p in MUTANTS[name]:
        off = ((forward(config, tensors, tokens, p) - logits)[positions].abs().max() / top).item()
        print(f"    {p}: {off:.1e}")
        assert off > 1e-3, (name, label, p, off)
    save_file({"tokens": tokens.int(), "positions": positions.int(), "logits": logits[positions].contiguous()},
              folder / f"{label}.safetensors")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", type=Path, required=True, help="folder for one folder per model")
    a = ap.parse_args()
    assert transformers.__version__ == TRANSFORMERS, f"transformers {TRANSFORMERS} wanted"
    torch.set_num_threads(1)
    for seed, (name, (config, lengths)) in enumerate(MODELS.items()):
        folder = a.out / name
        shutil.rmtree(folder, ignore_errors=True)
        make_model(folder, config, seed)
        tensors = load_file(folder / "model.safetensors")
        for label, n in lengths.items():
            make_golden(folder, name, config, tensors, label, n, 100 + seed)


if __name__ == "__main__":
    main()
