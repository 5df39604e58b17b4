"""A GGUF of a checkpoint folder as another program writes it: gguf's writer, its own table of tensor names, and llama.cpp's
keys, none of adze's. Weights become f32. Vocabularies are Unigram (the golden models') or byte-level BPE.

  write(folder, path)
"""
import json
import os

import gguf
import numpy as np

ARCH = {"llama": "llama", "mistral": "llama", "mixtral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "qwen3_moe": "qwen3moe",
        "phi3": "phi3", "gemma2": "gemma2", "gemma3_text": "gemma3", "smollm3": "smollm3", "granite": "granite",
        "olmoe": "olmoe", "gpt_oss": "gpt-oss", "lfm2": "lfm2", "phimoe": "phimoe"}
PERMUTED = ("llama", "granite", "smollm3")


def load(folder):
    """All tensors of model.safetensors as f32."""
    with open(os.path.join(folder, "model.safetensors"), "rb") as f:
        data = f.read()
    size = int.from_bytes(data[:8], "little")
    out = {}
    for name, t in json.loads(data[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        raw = data[8 + size + t["data_offsets"][0] : 8 + size + t["data_offsets"][1]]
        if t["dtype"] == "BF16":
            x = (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            x = np.frombuffer(raw, {"F32": np.float32, "F16": np.float16}[t["dtype"]]).astype(np.float32)
        out[name] = x.reshape(t["shape"])
    return out


def permute(w, heads):
    """Rows of each head for rotation of adjacent pairs."""
    half = w.shape[0] // heads // 2
    return w.reshape(heads, 2, half, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def experts_of(tensors, config):
    """Experts' matrices, one each, as stacks under the names that gguf knows."""
    out, stacks = {}, {}
    for name, w in tensors.items():
        part = name.split(".experts.")
        if len(part) == 2 and part[1][0].isdigit():
            e, rest = part[1].split(".", 1)
            stacks.setdefault(part[0] + ".experts." + rest, {})[int(e)] = w
        elif name.endswith("experts.gate_up_proj"):  # gpt-oss: columns, in turns
            out[name.replace("gate_up_proj", "gate_proj.weight")] = w[:, :, 0::2].swapaxes(1, 2)
            out[name.replace("gate_up_proj", "up_proj.weight")] = w[:, :, 1::2].swapaxes(1, 2)
        elif name.endswith("experts.gate_up_proj_bias"):
            out[name.replace("gate_up_proj_bias", "gate_proj.bias")] = w[:, 0::2]
            out[name.replace("gate_up_proj_bias", "up_proj.bias")] = w[:, 1::2]
        elif name.endswith("experts.down_proj"):
            out[name + ".weight"] = w.swapaxes(1, 2)
        elif name.endswith("experts.down_proj_bias"):
            out[name.replace("_bias", ".bias")] = w
        else:
            out[name] = w
    for name, by_number in stacks.items():
        out[name] = np.stack([by_number[e] for e in range(len(by_number))])
    return out


def sizes(w, c):
    heads = c["num_attention_heads"]
    head = c.get("head_dim") or c["hidden_size"] // heads
    w.add_context_length(c["max_position_embeddings"])
    w.add_embedding_length(c["hidden_size"])
    w.add_block_count(c["num_hidden_layers"])
    w.add_head_count(heads)
    w.add_vocab_size(c["vocab_size"])
    w.add_layer_norm_rms_eps(c.get("rms_norm_eps") or c.get("norm_eps"))
    w.add_rope_freq_base(c.get("rope_theta", 1e4))
    w.add_rope_dimension_count(int(head * c.get("partial_rotary_factor", 1)))
    w.add_key_length(head)
    w.add_value_length(head)
    kv = c.get("num_key_value_heads", heads)
    w.add_head_count_kv([kv if t == "full_attention" else 0 for t in c["layer_types"]] if c["model_type"] == "lfm2" else kv)
    if c["model_type"] == "lfm2":
        w.add_uint32("lfm2.shortconv.l_cache", c["conv_L_cache"])
    experts = c.get("num_local_experts") or c.get("num_experts")
    if experts:
        w.add_expert_count(experts)
        w.add_expert_used_count(c["num_experts_per_tok"])
        w.add_expert_feed_forward_length(c.get("moe_intermediate_size") or c["intermediate_size"])
    if c.get("norm_topk_prob") is not None:
        w.add_expert_weights_norm(c["norm_topk_prob"])


def rope_scaling(w, c):
    s = c.get("rope_scaling")
    if not s:
        return {}
    kind = s.get("rope_type") or s.get("type")
    original = s.get("original_max_position_embeddings") or c.get("original_max_position_embeddings")
    if kind == "linear":
        w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        w.add_rope_scaling_factor(s["factor"])
    elif kind == "yarn":
        w.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        w.add_rope_scaling_factor(s["factor"])
        w.add_rope_scaling_orig_ctx_len(original)
    elif kind == "longrope":
        w.add_rope_scaling_orig_ctx_len(original)
        attention = s.get("long_mscale") or np.sqrt(1 + np.log(c["max_position_embeddings"] / original) / np.log(original))
        w.add_rope_scaling_attn_factors(float(attention))
        return {"rope_factors_long.weight": np.array(s["long_factor"], np.float32),
                "rope_factors_short.weight": np.array(s["short_factor"], np.float32)}
    elif kind == "llama3":
        head = c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]
        wave = 2 * np.pi * c.get("rope_theta", 1e4) ** (np.arange(0, head, 2) / head)
        low, high, factor = original / s["low_freq_factor"], original / s["high_freq_factor"], s["factor"]
        smooth = (original / wave - s["low_freq_factor"]) / (s["high_freq_factor"] - s["low_freq_factor"])
        divisor = np.where(wave > low, factor, np.where(wave < high, 1, 1 / ((1 - smooth) / factor + smooth)))
        return {"rope_freqs.weight": divisor.astype(np.float32)}
    return {}


def own(w, c):
    """What an architecture alone has."""
    if c.get("sliding_window") and c["model_type"] in ("gemma2", "gemma3_text", "gpt_oss", "phi3", "phimoe"):
        w.add_sliding_window(c["sliding_window"])
    if c["model_type"] == "gemma3_text":
        n, layers = c.get("sliding_window_pattern", 6), c["num_hidden_layers"]
        kinds = c.get("layer_types") or ["full_attention" if i % n == n - 1 else "" for i in range(layers)]
        w.add_array("gemma3.attention.sliding_window_pattern", [k != "full_attention" for k in kinds])
    for key, add in (("attn_logit_softcapping", w.add_attn_logit_softcapping),
                     ("final_logit_softcapping", w.add_final_logit_softcapping),
                     ("embedding_multiplier", w.add_embedding_scale), ("residual_multiplier", w.add_residual_scale),
                     ("attention_multiplier", w.add_attention_scale), ("logits_scaling", w.add_logit_scale)):
        if c.get(key):
            add(c[key])


def vocabulary(w, folder, size):
    with open(os.path.join(folder, "tokenizer.json")) as f:
        doc = json.load(f)
    model = doc["model"]
    special = {t["id"]: t["special"] for t in doc["added_tokens"]}
    if model["type"] == "Unigram":
        tokens, scores = zip(*model["vocab"])
        w.add_tokenizer_model("t5")
        w.add_token_scores(list(scores))
        w.add_add_space_prefix(True)
        w.add_unk_token_id(model["unk_id"])
    else:
        by_id = {i: t for t, i in model["vocab"].items()}
        by_id.update({t["id"]: t["content"] for t in doc["added_tokens"]})
        tokens = [by_id.get(i, f"[PAD{i}]") for i in range(size)]
        special.update({i: None for i in range(size) if i not in by_id})
        w.add_tokenizer_model("gpt2")
        w.add_tokenizer_pre("llama-bpe")
        w.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in model["merges"]])
    kinds = {None: gguf.TokenType.UNUSED, True: gguf.TokenType.CONTROL, False: gguf.TokenType.USER_DEFINED}
    w.add_token_list(list(tokens))
    types = [kinds[special[i]] if i in special else gguf.TokenType.NORMAL for i in range(len(tokens))]
    if model["type"] == "Unigram":
        types[model["unk_id"]] = gguf.TokenType.UNKNOWN
    w.add_token_types(types)
    with open(os.path.join(folder, "tokenizer_config.json")) as f:
        config = json.load(f)
    for name, add in (("bos", w.add_bos_token_id), ("eos", w.add_eos_token_id)):
        text = config.get(name + "_token")
        text = text.get("content") if isinstance(text, dict) else text
        if text in tokens:
            add(tokens.index(text))
    w.add_add_bos_token(False)
    w.add_add_eos_token(False)


def put_tensors(w, folder, c, arch):
    names = gguf.get_tensor_name_map(next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == arch), c["num_hidden_layers"])
    for name, x in experts_of(load(folder), c).items():
        if arch in PERMUTED and (".q_proj." in name or ".k_proj." in name):
            x = permute(x, c["num_attention_heads" if ".q_proj." in name else "num_key_value_heads"])
        if arch.startswith("gemma") and name.endswith("norm.weight"):
            x = x + np.float32(1)
        if ".conv.conv." in name:
            x = x.squeeze(1)
        to = "blk.%s.attn_sinks.weight" % name.split(".")[2] if name.endswith(".sinks") else names.get_name(
            name, try_suffixes=(".weight", ".bias"))
        if to is None:
            raise ValueError(f"gguf has no name for {name}")
        w.add_tensor(to, np.ascontiguousarray(x))


def write(folder, path):
    with open(os.path.join(folder, "config.json")) as f:
        c = json.load(f)
    arch = ARCH[c["model_type"]]
    w = gguf.GGUFWriter(path, arch)
    sizes(w, c)
    own(w, c)
    ff = c.get("intermediate_size")
    if c["model_type"] == "lfm2":
        ff = load(folder)["model.layers.0.feed_forward.w1.weight"].shape[0]
    w.add_feed_forward_length(ff)
    vocabulary(w, folder, c["vocab_size"])
    for name, x in rope_scaling(w, c).items():
        w.add_tensor(name, x)
    put_tensors(w, folder, c, arch)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
