"""A small Llama in PyTorch for training: the same function as transformers' LlamaForCausalLM (RMS norm, half-split rotary
positions, grouped-query attention, SiLU-gated feed-forward, tied embeddings), with its tensor names."""
import torch
import torch.nn as nn
import torch.nn.functional as F

CONFIG = dict(hidden_size=256, intermediate_size=768, num_hidden_layers=8, num_attention_heads=4, num_key_value_heads=2,
              head_dim=64, vocab_size=4096, max_position_embeddings=1024, rms_norm_eps=1e-5, rope_theta=10000.0)

QUERY_BLOCKS = 4


class Norm(nn.Module):
    def __init__(self, n, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(n)), eps

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


def rotate(x, cos, sin):                        # x [batch][head][pos][head_dim], pairs are i and i + head_dim/2
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def attend(q, k, v):
    """Causal attention by blocks of queries, so that most of the masked half is never computed. On a CPU, under
    torch.compile, this is several times faster than the fused kernel's backward pass."""
    t = q.shape[2]
    step = max(1, (t + QUERY_BLOCKS - 1) // QUERY_BLOCKS)
    out = []
    for begin in range(0, t, step):
        end = min(begin + step, t)
        w = (q[:, :, begin:end] * q.shape[-1] ** -0.5) @ k[:, :, :end].transpose(-1, -2)
        hidden = torch.ones(end - begin, end, dtype=torch.bool).triu(begin + 1)
        w = w.float().masked_fill(hidden, -1e9).softmax(-1).to(v.dtype)
        out.append(w @ v[:, :, :end])
    return torch.cat(out, 2)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.d, self.nq, self.nkv = c["head_dim"], c["num_attention_heads"], c["num_key_value_heads"]
        h = c["hidden_size"]
        self.q_proj = nn.Linear(h, self.nq * self.d, bias=False)
        self.k_proj = nn.Linear(h, self.nkv * self.d, bias=False)
        self.v_proj = nn.Linear(h, self.nkv * self.d, bias=False)
        self.o_proj = nn.Linear(self.nq * self.d, h, bias=False)

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        q = self.q_proj(x).view(b, t, self.nq, self.d).transpose(1, 2)
        k = self.k_proj(x).view(b, t, self.nkv, self.d).transpose(1, 2)
        v = self.v_proj(x).view(b, t, self.nkv, self.d).transpose(1, 2)
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        r = self.nq // self.nkv
        y = attend(q, k.repeat_interleave(r, 1), v.repeat_interleave(r, 1))
        return self.o_proj(y.transpose(1, 2).reshape(b, t, -1))


class Mlp(nn.Module):
    def __init__(self, c):
        super().__init__()
        h, f = c["hidden_size"], c["intermediate_size"]
        self.gate_proj, self.up_proj = nn.Linear(h, f, bias=False), nn.Linear(h, f, bias=False)
        self.down_proj = nn.Linear(f, h, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.self_attn, self.mlp = Attention(c), Mlp(c)
        self.input_layernorm = Norm(c["hidden_size"], c["rms_norm_eps"])
        self.post_attention_layernorm = Norm(c["hidden_size"], c["rms_norm_eps"])

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    def __init__(self, c=CONFIG):
        super().__init__()
        self.config = c
        self.embed_tokens = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["num_hidden_layers"]))
        self.norm = Norm(c["hidden_size"], c["rms_norm_eps"])
        f = c["rope_theta"] ** (-torch.arange(0, c["head_dim"], 2).double() / c["head_dim"])
        angle = torch.arange(c["max_position_embeddings"]).double()[:, None] * f
        self.register_buffer("cos", angle.cos().float(), persistent=False)
        self.register_buffer("sin", angle.sin().float(), persistent=False)

    def init_weights(self, seed):
        g = torch.Generator().manual_seed(seed)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, 0.0, 0.02, generator=g)
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                nn.init.zeros_(p)

    def forward(self, ids):                     # ids [batch][pos] -> logits [batch][pos][vocab]
        t = ids.shape[1]
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x, self.cos[:t], self.sin[:t])
        return F.linear(self.norm(x), self.embed_tokens.weight)

    def loss(self, ids, target):
        logits = self(ids)
        return F.cross_entropy(logits.flatten(0, 1).float(), target.flatten())
