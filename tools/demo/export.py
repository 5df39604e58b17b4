"""Write demo/checkpoint from a training state, in the Hugging Face layout, and measure its perplexity.

    python3 tools/demo/export.py --work FOLDER --repo .

Weights are rounded to bf16. The perplexity is computed by transformers in f32 from the files just written: the held-out text
is tokenized once with its BOS, cut into chunks of 512 tokens, the first token of each chunk replaced by BOS, and the
tokens 257..511 of each chunk (255 of them) are scored given all before them.
"""
import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from llama import CONFIG
from prepare import BOS, EOS

LENGTH = 512
STEP_TOKENS = 8192
TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if message['role'] not in ['system', 'user', 'assistant'] %}"
    "{{ raise_exception('unknown role: ' + message['role']) }}"
    "{% endif %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] | trim + '<|end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}")

README = """# adze-demo

A Llama of {params:.2f} million parameters that writes English prose in the manner of 19th-century novels. It exists so that adze
can be tried and tested on a real trained model that fits in a repository: it knows no facts and follows no instructions, and
the marks of its chat template were never trained on.

| | |
| --- | --- |
| architecture | LlamaForCausalLM: 8 layers, hidden 256, feed-forward 768, 4 heads of 64, 2 key-value heads, tied embeddings |
| context | 1024 tokens |
| tokenizer | byte-level BPE, 4096 tokens |
| weights | bf16 |
| training | steps of 8192 tokens, {seen:.1f} million tokens in all, {epochs:.1f} times through the training text |
| perplexity on `demo/heldout.txt` | **{ppl:.3f}** per token, {bits:.4f} bits per byte, next-token accuracy {acc:.2f} % |

Perplexity: computed by transformers in f32 from these files. The held-out text ({tokens} tokens with its BOS) is cut into
{chunks} chunks of 512 tokens, the first token of each is replaced by BOS, and tokens 257 to 511 of each chunk, {n} in all, are scored
given all before them. The same with chunks of 1024 tokens, the model's whole context: {far:.3f} (training read rows of 512 tokens, some
with a gap in their positions). `tools/demo/export.py` wrote these figures with the files.

Training text: 19 novels from Project Gutenberg, 30 million characters (Dickens, Tolstoy, Dostoevsky, Eliot, Thackeray, Melville,
Twain, Morris, Street), cleaned as in `tools/demo/corpus.py`. Kept apart, and never seen in training: *Pride and Prejudice* and
*The Adventures of Sherlock Holmes*, of which `demo/heldout.txt` is a slice each. How it was trained: `tools/demo/README.md`.

Licence: Apache-2.0, as the rest of the repository. The texts are in the public domain in most countries.
"""


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_checkpoint(state, out):
    vocab = {t["content"]: t["id"] for t in json.loads((out / "tokenizer.json").read_text())["added_tokens"]}
    write_json(out / "config.json", dict(
        architectures=["LlamaForCausalLM"], model_type="llama", **CONFIG, attention_bias=False, attention_dropout=0.0,
        mlp_bias=False, hidden_act="silu", initializer_range=0.02, pretraining_tp=1, rope_scaling=None,
        tie_word_embeddings=True, torch_dtype="bfloat16", use_cache=True, bos_token_id=vocab[BOS], eos_token_id=vocab[EOS]))
    write_json(out / "generation_config.json", dict(
        bos_token_id=vocab[BOS], eos_token_id=[vocab[EOS], vocab["<|end|>"]], do_sample=True, temperature=0.8, top_k=40,
        top_p=0.95))
    write_json(out / "tokenizer_config.json", dict(
        tokenizer_class="PreTrainedTokenizerFast", bos_token=BOS, eos_token=EOS, pad_token=EOS, model_max_length=1024,
        clean_up_tokenization_spaces=False, chat_template=TEMPLATE))
    tensors = {"model." + k: v.bfloat16().contiguous() for k, v in state["model"].items()}
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)


@torch.no_grad()
def perplexity(out, text, length):
    from transformers import AutoModelForCausalLM, AutoTokenizer
    tok = AutoTokenizer.from_pretrained(out)
    model = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32, attn_implementation="eager")
    ids = torch.tensor(tok(text)["input_ids"])
    chunks, total, hits, n = len(ids) // length, 0.0, 0, 0
    for i in range(chunks):
        c = ids[i * length:(i + 1) * length].clone()
        c[0] = tok.bos_token_id
        logits = model(c[None]).logits[0, length // 2:-1].double()
        target = c[length // 2 + 1:]
        total += torch.nn.functional.cross_entropy(logits, target, reduction="sum").item()
        hits += (logits.argmax(-1) == target).sum().item()
        n += len(target)
    return math.exp(total / n), hits / n, n, chunks, len(ids)


def sample(out):
    from transformers import AutoModelForCausalLM, AutoTokenizer
    tok = AutoTokenizer.from_pretrained(out)
    model = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    torch.manual_seed(1)
    ids = tok("It was a dark evening, and", return_tensors="pt")
    return tok.decode(model.generate(input_ids=ids["input_ids"], max_new_tokens=80)[0], skip_special_tokens=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--work", type=Path, required=True, help="folder with state.pt")
    ap.add_argument("--earlier-tokens", type=int, default=0, help="read by the weights that --init began with")
    ap.add_argument("--repo", type=Path, default=Path("."), help="repository root")
    a = ap.parse_args()
    out = a.repo / "demo" / "checkpoint"
    torch.set_num_threads(1)
    state = torch.load(a.work / "state.pt", weights_only=True, map_location="cpu")
    write_checkpoint(state, out)
    text = (a.repo / "demo" / "heldout.txt").read_text(encoding="utf-8")
    ppl, acc, n, chunks, tokens = perplexity(out, text, LENGTH)
    far = perplexity(out, text, CONFIG["max_position_embeddings"])[0]
    print(f"step {state['step']}: perplexity {ppl:.3f}, top-1 {100 * acc:.2f} %, {n} tokens scored in {chunks} chunks of {tokens} tokens, "
          f"{math.log(ppl) * tokens / len(text.encode()) / math.log(2):.4f} bits per byte; at positions 513..1023 {far:.3f}")
    tensors = state["model"].values()
    seen = state["step"] * STEP_TOKENS + a.earlier_tokens
    (out / "README.md").write_text(README.format(
        params=sum(t.numel() for t in tensors) / 1e6, seen=seen / 1e6,
        epochs=seen / len(np.load(a.work / "train.npy", mmap_mode="r")), ppl=ppl, bits=math.log(ppl) * tokens / len(text.encode()) / math.log(2),
        far=far, acc=100 * acc, tokens=tokens, chunks=chunks, n=n), encoding="utf-8")
    print(sample(out))


if __name__ == "__main__":
    main()
