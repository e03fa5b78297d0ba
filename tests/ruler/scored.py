"""A run to be scored: an honest canvas, what is changed in it, and the score of it computed in the plainest way."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

import prepare

HONEST = """
import os, sys, time, torch, prepare

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(prepare.PROFILE.vocab, prepare.PROFILE.vocab)

    def forward(self, tokens):
        return self.table(tokens)

def build_model():
    return Model()

"""
V, T = 512, 64


def score(folder: Path, **options: Any) -> dict[str, Any]:
    """Return the scorer's answer for a run, of the split `val`."""
    return prepare.score(folder, folder / "train.py", "val", [], **{"timeout_s": 30.0} | options)


def by_hand(ruler: prepare.Dataset, split: str) -> float:
    """Return the bits per byte of the table of random logits, computed in the plainest way."""
    torch.manual_seed(1)
    chances = F.log_softmax(torch.randn(V, V).double(), -1).tolist()
    lengths = prepare.token_bytes(ruler.tokenizer())
    nats = size = 0.0
    for row in ruler.rows(split).tolist():
        for token, target in pairwise(row):
            if lengths[target]:
                nats -= chances[token][target]
                size += lengths[target]
    return nats / math.log(2) / size


def before_forward(line: str) -> str:
    """Return what makes the honest canvas's forward do something else first."""
    return f"""
honest = Model.forward
def forward(self, tokens):
    {line}
    return honest(self, tokens)
Model.forward = forward
"""


def tolerance(ruler: prepare.Dataset) -> float:
    """Return the nats by which each token may be raised before the gain is more than the audit lets pass."""
    return prepare.MOST_GAIN * math.log(2) * ruler.manifest["val_bytes"] / ruler.manifest["val_tokens"]
