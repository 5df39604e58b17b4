#!/usr/bin/env python3
"""Golden candidates and probabilities from transformers' logits processors (made with transformers 5.23).

Writes tests/data/golden/sampling.json: settings, logits, the tokens seen, and the probability of every token
after the processors in the order that generate() uses. Run from the root of the tree.
"""
import json

import torch
from transformers.generation.logits_process import (MinPLogitsWarper, RepetitionPenaltyLogitsProcessor,
                                                     TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

VOCAB = 24
SETTINGS = [
    dict(), dict(temperature=0.7), dict(temperature=1.9), dict(top_k=1), dict(top_k=5), dict(top_k=500),
    dict(top_p=0.9), dict(top_p=0.5), dict(top_p=0.01), dict(min_p=0.05), dict(min_p=0.5), dict(min_p=1.0),
    dict(repetition_penalty=1.3), dict(repetition_penalty=0.8),
    dict(temperature=0.8, top_k=10, top_p=0.8), dict(temperature=1.5, top_p=0.9, min_p=0.1),
    dict(temperature=0.6, top_k=8, top_p=0.95, min_p=0.02, repetition_penalty=1.15),
]


def probabilities(logits, seen, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, repetition_penalty=1.0):
    ids = torch.tensor([seen])
    scores = torch.tensor([logits], dtype=torch.float32)
    steps = []
    if repetition_penalty != 1.0:
        steps.append(RepetitionPenaltyLogitsProcessor(repetition_penalty))
    if temperature != 1.0:
        steps.append(TemperatureLogitsWarper(temperature))
    if top_k:
        steps.append(TopKLogitsWarper(top_k))
    if top_p < 1.0:
        steps.append(TopPLogitsWarper(top_p))
    if min_p > 0:
        steps.append(MinPLogitsWarper(min_p))
    for step in steps:
        scores = step(ids, scores)
    return torch.softmax(scores, -1)[0].tolist()


def main():
    torch.manual_seed(5)
    rows = []
    for spread in (1.0, 4.0):
        for setting in SETTINGS:
            logits = (torch.randn(VOCAB) * spread * 8).round().div(8)  # eighths: exact, with ties
            if "top_p" in setting:  # which of two equal tokens top-p drops is left open there
                logits += torch.randperm(VOCAB) / 1024
            logits = logits.tolist()
            seen = torch.randint(0, VOCAB, (6,)).tolist()
            probs = probabilities(logits, seen, **setting)
            rows.append({"settings": setting, "logits": logits, "seen": seen,
                         "probabilities": [round(p, 7) for p in probs]})
    with open("tests/data/golden/sampling.json", "w", encoding="utf-8") as f:
        f.write("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")


main()
