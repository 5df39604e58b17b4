"""Golden logits of small models of each architecture, run by transformers in f32 with eager attention.

    pip install torch transformers==5.23.0 safetensors
    python3 tools/golden/make_arch_logits.py --out tests/data/golden/archs [NAME...]

For each model one JSON file:
    config     what config.json holds
    tensors    name: [shape, factor, offset] of every tensor, by the names that published checkpoints have; those of bytes
               have "U8" for a fourth
    tokens     the whole input, one sequence, no cache (encoders: `texts`, a list of sequences)
    positions  the positions whose logits are kept, the last one included
    logits     [position][vocab] what transformers computed there (encoders: `embeddings`, a unit vector per sequence)

Weights are not stored: element i of a tensor is uniform(name, i) * factor + offset in f32, where uniform is splitmix64 of the
name's FNV-1a hash plus i, its upper 24 bits as a number in [-1, 1). tests/infer/made_model.h has the same. Bytes are that
number, rounded down.

The models are made so that errors show: attention is far from flat, norm weights are not one, biases are not zero, eps is large,
sequences are longer than windows and original contexts, routers are decided and soft at once.
"""
import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

TRANSFORMERS = "5.23.0"
VOCAB, KEPT = 64, 8
GOLDEN = 0x9E3779B97F4A7C15

BASE = dict(vocab_size=VOCAB, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, hidden_size=32, head_dim=16,
            intermediate_size=96, max_position_embeddings=256, rms_norm_eps=1e-3, torch_dtype="float32", bos_token_id=1,
            eos_token_id=2, pad_token_id=0)


def model(kind, **keys):
    c = dict(BASE, model_type=kind, **keys)
    return {k: v for k, v in c.items() if v != "absent"}


BERT = dict(vocab_size=VOCAB, num_hidden_layers=3, num_attention_heads=4, hidden_size=32, intermediate_size=96,
            max_position_embeddings=64, hidden_act="gelu", layer_norm_eps=1e-3, pad_token_id=0, torch_dtype="float32")

# name: (config, length; encoders: lengths)
MODELS = {
    "qwen3": (model("qwen3", rope_theta=1e6, tie_word_embeddings=False, attention_bias=True, head_dim=24), 40),
    "granite": (model("granite", rms_norm_eps=0.05, rope_theta=1e4, tie_word_embeddings=True, head_dim="absent", embedding_multiplier=7.0,
                      residual_multiplier=0.35, attention_multiplier=0.7, logits_scaling=3.0, attention_bias=False), 40),
    "smollm3": (model("smollm3", rope_theta=2e6, num_hidden_layers=5, no_rope_layer_interval=4, head_dim="absent",
                      no_rope_layers=[1, 0, 1, 0, 1], use_sliding_window=False), 40),
    "smollm3_usual": (model("smollm3", rope_theta=2e6, num_hidden_layers=5, head_dim="absent"), 30),
    "gemma2": (model("gemma2", num_hidden_layers=3, query_pre_attn_scalar=9, attn_logit_softcapping=5.0,
                     final_logit_softcapping=3.0, sliding_window=9, hidden_activation="gelu_pytorch_tanh",
                     hidden_act="gelu_pytorch_tanh"), 40),
    "gemma3": (model("gemma3_text", num_hidden_layers=7, query_pre_attn_scalar=20, sliding_window=7, rope_theta=1e6,
                     rope_local_base_freq=1e4, rope_scaling=dict(rope_type="linear", factor=4.0), sliding_window_pattern=3,
                     hidden_activation="gelu_pytorch_tanh"), 40),
    "gemma3_new": (model("gemma3_text", num_hidden_layers=3, query_pre_attn_scalar=16, sliding_window=5,
                         layer_types=["full_attention", "sliding_attention", "sliding_attention"],
                         rope_parameters=dict(full_attention=dict(rope_type="default", rope_theta=1e6),
                                              sliding_attention=dict(rope_type="default", rope_theta=2e4))), 30),
    "mixtral": (model("mixtral", rope_theta=1e6, head_dim="absent", num_local_experts=5, num_experts_per_tok=2,
                      intermediate_size=48, sliding_window=None, tie_word_embeddings=False), 40),
    "qwen3_moe": (model("qwen3_moe", rope_theta=1e6, num_hidden_layers=4, num_experts=8, num_experts_per_tok=3,
                        moe_intermediate_size=24, norm_topk_prob=True, mlp_only_layers=[1], decoder_sparse_step=1,
                        tie_word_embeddings=False), 40),
    "qwen3_moe_raw": (model("qwen3_moe", rope_theta=1e6, num_hidden_layers=4, num_experts=6, num_experts_per_tok=2,
                            moe_intermediate_size=24, decoder_sparse_step=2, tie_word_embeddings=True), 30),
    "olmoe": (model("olmoe", rope_theta=1e4, head_dim="absent", num_experts=8, num_experts_per_tok=3, intermediate_size=24,
                    norm_topk_prob=False, clip_qkv=2.5, tie_word_embeddings=False), 40),
    "phimoe": (model("phimoe", rope_theta=1e6, head_dim="absent", num_local_experts=6, num_experts_per_tok=2,
                     intermediate_size=48, router_jitter_noise=0.3, attention_bias=True, lm_head_bias=True,
                     original_max_position_embeddings=24, sliding_window=None, tie_word_embeddings=False,
                     rope_scaling=dict(type="longrope", short_factor=[1.0, 1.25, 1.75, 2.0], long_factor=[1.2, 2.6, 6.3, 9.0],
                                       short_mscale=1.3, long_mscale=1.1, original_max_position_embeddings=24)), 40),
    "gpt_oss": (model("gpt_oss", num_hidden_layers=3, sliding_window=7, num_local_experts=5, num_experts_per_tok=2,
                      intermediate_size=40, rope_theta=150000, attention_bias=True, tie_word_embeddings=False,
                      layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                      rope_scaling=dict(rope_type="yarn", factor=8.0, beta_fast=32.0, beta_slow=1.0, truncate=False,
                                        original_max_position_embeddings=32)), 50),
    "gpt_oss_mxfp4": (model("gpt_oss", num_hidden_layers=2, hidden_size=64, sliding_window=7, num_local_experts=4,
                            num_experts_per_tok=2, intermediate_size=96, rope_theta=150000, attention_bias=True,
                            tie_word_embeddings=False, layer_types=["sliding_attention", "full_attention"],
                            rope_scaling=dict(rope_type="yarn", factor=8.0, beta_fast=32.0, beta_slow=1.0, truncate=False,
                                              original_max_position_embeddings=32),
                            quantization_config=dict(quant_method="mxfp4",
                                                     modules_to_not_convert=["model.layers.*.self_attn", "model.layers.*.mlp.router",
                                                                             "model.embed_tokens", "lm_head"])), 40),
    "lfm2": (model("lfm2", num_hidden_layers=4, norm_eps=1e-3, rms_norm_eps="absent", head_dim="absent", conv_L_cache=3, conv_bias=True,
                   block_auto_adjust_ff_dim=True, block_ff_dim=96, block_multiple_of=16, block_ffn_dim_multiplier=1.3,
                   intermediate_size="absent", rope_theta=1e6, tie_embedding=True,
                   layer_types=["conv", "full_attention", "conv", "conv"]), 30),
    "bert": (dict(BERT, model_type="bert", type_vocab_size=2), [3, 9, 40, 1, 64]),
    "xlm_roberta": (dict(BERT, model_type="xlm-roberta", type_vocab_size=1, max_position_embeddings=66, pad_token_id=1),
                    [3, 9, 40, 1, 64]),
}


def uniform(name, n):
    h = np.uint64(0xCBF29CE484222325)
    with np.errstate(over="ignore"):
        for b in name.encode():
            h = (h ^ np.uint64(b)) * np.uint64(0x100000001B3)
        z = h + (np.arange(1, n + 1, dtype=np.uint64)) * np.uint64(GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.int64) - (1 << 23)).astype(np.float32) / np.float32(1 << 23)


def scale(name, shape, kind):
    """Factor and offset of a tensor: activations of order one, attention scores of order three."""
    one = 0.0 if kind.startswith("gemma") else 1.0
    fan_in = shape[-1] if len(shape) < 3 or kind != "gpt_oss" else shape[-2]
    if any(s in name for s in ("q_norm.weight", "k_norm.weight", "q_layernorm.weight", "k_layernorm.weight")):
        return 0.5, one + 0.9
    if name.endswith("norm.weight") or "LayerNorm.weight" in name:
        return 0.6, one
    if name.endswith("sinks"):
        return 3.0, 1.0
    encoder = kind in ("bert", "xlm-roberta")
    if name.endswith("bias") or name.endswith("_bias"):
        return 0.2 if encoder else 0.9, 0.0
    if encoder and ("query" in name or "key" in name):
        return round(5 / fan_in ** 0.5, 4), 0.0
    if "embed_tokens" in name or "_embeddings" in name:
        return 0.3, 0.0
    if ".conv.conv." in name:
        return 1.2, 0.0
    if any(s in name for s in ("q_proj", "k_proj", "query", "key")):
        return round(3.1 / fan_in ** 0.5, 4), 0.0
    if "router" in name or name.endswith("mlp.gate.weight") or name.endswith("block_sparse_moe.gate.weight"):
        return round(2.5 / fan_in ** 0.5, 4), 0.0
    return round(1.7 / fan_in ** 0.5, 4), 0.0


def values(name, shape, factor, offset):
    u = uniform(name, int(np.prod(shape))) * np.float32(factor) + np.float32(offset)
    return torch.from_numpy(u.reshape(shape))


def bytes_of(name, shape, factor, offset):
    u = uniform(name, int(np.prod(shape))) * np.float32(factor) + np.float32(offset)
    return torch.from_numpy(np.floor(u).astype(np.uint8).reshape(shape))


def in_blocks(tensors):
    """Experts [E, in, out] as published: blocks [E, out, in / 32, 16] and scales [E, out, in / 32], both of bytes."""
    out = {}
    for n, (shape, factor, offset) in tensors.items():
        if n.endswith("_proj") and ".experts." in n:
            e, cols, rows = shape
            out[n + "_blocks"] = [[e, rows, cols // 32, 16], 128.0, 128.0, "U8"]
            out[n + "_scales"] = [[e, rows, cols // 32], 1.5, 122.5, "U8"]
        else:
            out[n] = [shape, factor, offset]
    return dict(sorted(out.items()))


def weights(tensors):
    """What transformers loads: blocks as the floats that its own code makes of them."""
    made = {n: bytes_of(n, *t[:3]) if len(t) > 3 else values(n, *t) for n, t in tensors.items()}
    for n in [n[:-len("_blocks")] for n in made if n.endswith("_blocks")]:
        made[n] = convert_moe_packed_tensors(made.pop(n + "_blocks"), made.pop(n + "_scales"), dtype=torch.float32)
    return {n: t.contiguous() for n, t in made.items()}


def published_names(folder, config, encoder):
    """Names and shapes as save_pretrained writes them, which is as published files have them."""
    auto = AutoModel if encoder else AutoModelForCausalLM
    kwargs = dict(add_pooling_layer=False) if encoder else {}
    m = auto.from_config(config, **kwargs)
    m.save_pretrained(folder / "names")
    with safe_open(folder / "names" / "model.safetensors", "pt") as f:
        return {n: list(f.get_slice(n).get_shape()) for n in sorted(f.keys())}


def check_attention(name, attentions):
    for layer, a in enumerate(attentions or []):
        a = a[0]
        n = a.shape[-1]
        seen = (a > 0).sum(-1).clamp_min(2).float().log()
        entropy = -(a * a.clamp_min(1e-30).log()).sum(-1) / seen
        mean = entropy[:, min(8, n - 1):].mean().item()
        print(f"    layer {layer}: attention entropy / uniform {mean:.2f}")
        assert 0.05 < mean < 0.85, (name, layer, mean)


def logits_of(folder, config, name, length):
    g = torch.Generator().manual_seed(len(name))
    tokens = torch.randint(3, VOCAB, (length,), generator=g)
    tokens[0] = 1
    m = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    out = m(tokens[None], use_cache=False, output_attentions=True)
    check_attention(name, out.attentions)
    positions = torch.cat([torch.tensor([0, 5]), torch.arange(length - KEPT + 2, length)])
    logits = out.logits[0][positions]
    print(f"    largest logit {logits.abs().max():.2f}")
    return dict(tokens=tokens.tolist(), positions=positions.tolist(), logits=logits)


def embeddings_of(folder, config, name, lengths):
    g = torch.Generator().manual_seed(len(name))
    m = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", add_pooling_layer=False).eval()
    texts, rows = [], []
    for n in lengths:
        tokens = torch.randint(3, VOCAB, (n,), generator=g)
        out = m(tokens[None], output_attentions=True)
        if n > 20:
            check_attention(name, out.attentions)
        texts.append(tokens.tolist())
        rows.append(torch.nn.functional.normalize(out.last_hidden_state[0].mean(0), dim=0))
    return dict(texts=texts, embeddings=torch.stack(rows))


def dump(path, golden):
    """JSON with a line for each tensor and each row of numbers."""
    row = lambda r: "[" + ",".join(f"{x:.8g}" for x in r) + "]"
    lines = []
    for key, v in golden.items():
        if key == "tensors":
            text = "{\n" + ",\n".join(f"  {json.dumps(n)}: {json.dumps(t)}" for n, t in v.items()) + "\n }"
        elif isinstance(v, torch.Tensor):
            text = "[\n  " + ",\n  ".join(row(r) for r in v.tolist()) + "\n ]"
        else:
            text = json.dumps(v)
        lines.append(f" {json.dumps(key)}: {text}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


@torch.no_grad()
def make(out, name):
    config, length = MODELS[name]
    encoder = isinstance(length, list)
    print(name)
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        plain = {k: v for k, v in config.items() if k != "quantization_config"}
        (folder / "config.json").write_text(json.dumps(plain))
        names = published_names(folder, AutoConfig.from_pretrained(folder), encoder)
        tensors = {n: [s, *scale(n, s, config["model_type"])] for n, s in names.items()}
        if plain != config:
            tensors = in_blocks(tensors)
        save_file(weights(tensors), folder / "model.safetensors", metadata={"format": "pt"})
        found = (embeddings_of if encoder else logits_of)(folder, config, name, length)
    dump(out / f"{name}.json", dict(made_by="tools/golden/make_arch_logits.py", transformers=TRANSFORMERS, config=config,
                                    tensors=tensors, **found))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", type=Path, required=True, help="folder for one file per model")
    ap.add_argument("names", nargs="*", help="models; all when none is given")
    a = ap.parse_args()
    assert transformers.__version__ == TRANSFORMERS, f"transformers {TRANSFORMERS} wanted"
    torch.set_num_threads(1)
    a.out.mkdir(parents=True, exist_ok=True)
    for name in a.names or MODELS:
        make(a.out, name)


if __name__ == "__main__":
    main()
