"""Golden embeddings of small encoders with tokenizers and the documents of sentence-transformers, by that program.

    pip install torch transformers==5.23.0 sentence-transformers==6.2.0
    python3 tools/golden/make_embeddings.py --out tests/data/golden/embeddings

For each model one JSON file, as make_arch_logits.py's (config, tensors) and:
    files        name: what each file of the folder holds, tokenizer.json and 1_Pooling/config.json among them
    texts        [text]
    ids          the ids of each, cut to max_seq_length
    embeddings   the vector of each
"""
import argparse
import json
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from transformers import AutoConfig

from make_arch_logits import BERT, dump, published_names, scale, values

SENTENCE_TRANSFORMERS = "6.2.0"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
TEXTS = ["The text", "embeddings of a cat", "a Vector!", "", "the cat the cat the cat the cat the cat the cat", "Ünïcode çafé, zyzzy"]
ADDED = lambda i, t: dict(id=i, content=t, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
TEMPLATE = lambda cls, sep, ids: dict(
    type="TemplateProcessing", single=[{"SpecialToken": dict(id=cls, type_id=0)}, {"Sequence": dict(id="A", type_id=0)},
                                       {"SpecialToken": dict(id=sep, type_id=0)}],
    pair=[{"Sequence": dict(id="A", type_id=0)}, {"Sequence": dict(id="B", type_id=1)}],
    special_tokens={t: dict(id=t, ids=[i], tokens=[t]) for t, i in ids.items()})


def word_piece():
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = ["the", "text", "embed", "##ding", "##tor", "vector", "cat"]
    vocab = {t: i for i, t in enumerate(specials + words + list(LETTERS) + ["##" + c for c in LETTERS])}
    return dict(version="1.0", truncation=None, padding=None, added_tokens=[ADDED(vocab[t], t) for t in specials],
                normalizer=dict(type="BertNormalizer", clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True),
                pre_tokenizer=dict(type="BertPreTokenizer"), post_processor=TEMPLATE("[CLS]", "[SEP]", {"[CLS]": 2, "[SEP]": 3}),
                decoder=dict(type="WordPiece", prefix="##", cleanup=True),
                model=dict(type="WordPiece", unk_token="[UNK]", continuing_subword_prefix="##", max_input_chars_per_word=100,
                           vocab=vocab))


def unigram():
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    words = ["\u2581", "\u2581the", "\u2581cat", "text", "embed", "ding", "\u2581of", "\u2581a", "vec", "tor", ",", "!", "ca"]
    vocab = [[t, 0.0] for t in specials] + [[t, round(-2 - 0.3 * i, 2)] for i, t in enumerate(words)]
    vocab += [[c, round(-7 - 0.11 * i, 2)] for i, c in enumerate(LETTERS + "T")] + [["<mask>", 0.0]]
    n = len(vocab) - 1
    return dict(version="1.0", truncation=None, padding=None, added_tokens=[ADDED(i, t) for i, t in enumerate(specials)] + [ADDED(n, "<mask>")],
                normalizer=dict(type="NFKC"), pre_tokenizer=dict(type="Metaspace", replacement="\u2581", prepend_scheme="always", split=True),
                post_processor=TEMPLATE("<s>", "</s>", {"<s>": 0, "</s>": 2}),
                decoder=dict(type="Metaspace", replacement="\u2581", prepend_scheme="always", split=True),
                model=dict(type="Unigram", unk_id=3, vocab=vocab, byte_fallback=False))


def modules(normalize):
    names = ["", "1_Pooling"] + ["2_Normalize"] * normalize
    return [dict(idx=i, name=str(i), path=p, type="sentence_transformers.models." + (p[2:] or "Transformer")) for i, p in enumerate(names)]


def pooling(**on):
    modes = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens"]
    return dict(word_embedding_dimension=32, **{"pooling_mode_" + m: m in on for m in modes})


def tokenizer_config(**tokens):
    return dict(tokenizer_class="PreTrainedTokenizerFast", model_max_length=512, clean_up_tokenization_spaces=False, **tokens)


BERT_TOKENS = tokenizer_config(cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", unk_token="[UNK]", mask_token="[MASK]")
ROBERTA_TOKENS = tokenizer_config(bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", pad_token="<pad>",
                                  unk_token="<unk>", mask_token="<mask>")
SHAPE = dict(BERT, num_hidden_layers=2, intermediate_size=48, max_position_embeddings=40)
ROBERTA = dict(SHAPE, model_type="xlm-roberta", type_vocab_size=1, max_position_embeddings=42, pad_token_id=1, bos_token_id=0,
               eos_token_id=2)

# name: (config, files)
MODELS = {
    "bert": (dict(SHAPE, model_type="bert", type_vocab_size=2),
             {"tokenizer.json": word_piece(), "tokenizer_config.json": BERT_TOKENS, "modules.json": modules(True),
              "1_Pooling/config.json": pooling(mean_tokens=True),
              "sentence_bert_config.json": dict(max_seq_length=12, do_lower_case=False)}),
    "bert_cls": (dict(SHAPE, model_type="bert", type_vocab_size=2),
                 {"tokenizer.json": word_piece(), "tokenizer_config.json": BERT_TOKENS, "modules.json": modules(False),
                  "1_Pooling/config.json": dict(embedding_dimension=32, pooling_mode="cls", include_prompt=True)}),
    "xlm_roberta": (ROBERTA, {"tokenizer.json": unigram(), "tokenizer_config.json": ROBERTA_TOKENS, "modules.json": modules(True),
                              "1_Pooling/config.json": pooling(mean_tokens=True)}),
}


@torch.no_grad()
def make(out, name):
    config, files = MODELS[name]
    vocab = files["tokenizer.json"]["model"]["vocab"]
    config = dict(config, vocab_size=len(vocab))
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        (folder / "config.json").write_text(json.dumps(config))
        names = published_names(folder, AutoConfig.from_pretrained(folder), True)
        tensors = {n: [s, *scale(n, s, config["model_type"])] for n, s in names.items()}
        save_file({n: values(n, *t).contiguous() for n, t in tensors.items()}, folder / "model.safetensors", metadata={"format": "pt"})
        for file, doc in files.items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(json.dumps(doc))
        (folder / "2_Normalize").mkdir()
        m = SentenceTransformer(str(folder), device="cpu")
        ids = [m.tokenize([t])["input_ids"][0].tolist() for t in TEXTS]
        vectors = torch.from_numpy(m.encode(TEXTS, batch_size=1, show_progress_bar=False))
    print(name, ids[0], vectors.norm(dim=1).tolist())
    dump(out / f"{name}.json", dict(made_by="tools/golden/make_embeddings.py", sentence_transformers=SENTENCE_TRANSFORMERS,
                                    transformers=transformers.__version__, config=config, files=files, tensors=tensors, texts=TEXTS, ids=ids,
                                    embeddings=vectors))


def main():
    import sentence_transformers
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", type=Path, required=True, help="folder for one file per model")
    a = ap.parse_args()
    assert sentence_transformers.__version__ == SENTENCE_TRANSFORMERS, f"sentence-transformers {SENTENCE_TRANSFORMERS} wanted"
    torch.set_num_threads(1)
    a.out.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        make(a.out, name)


if __name__ == "__main__":
    main()
