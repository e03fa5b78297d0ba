"""The prompt's size and the time to build it, against the ledger's length: the size is flat and the time is short."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from statistics import median

from bench.table import Row, Table
from loop.proposers import Brief
from loop.proposers.prompt import Message, build, size
from loop.record.types import Reason, Verdict
from loop.settings.program import Program
from tests.loop.proposers.test_prompt import campaign, experiment

ROOT = Path(__file__).parents[1]
LENGTHS = (10, 100, 1_000, 10_000)
GOAL_MS, FLAT = 20.0, 1.05  # the size at 10,000 against the size at 1,000
REPEATS = 21


def run(quick: bool) -> Table:
    lengths = LENGTHS[:2] if quick else LENGTHS
    count = counter()
    rows: list[Row] = []
    sizes: dict[int, int] = {}
    for length in lengths:
        brief = brief_of(length)
        messages = build(brief, count)
        sizes[length] = size(messages, count)
        built = 1000 * median(clock(brief, count, length + k) for k in range(1, 4 if quick else 1 + REPEATS))
        stable = sum(count(part) for m in messages for part in m.parts[: m.stable])
        goal = f"<= {GOAL_MS:.0f} ms to build" if length == LENGTHS[-1] else ""
        measured = f"{sizes[length]:>6} tokens, {stable} of them stable, built in {built:.1f} ms"
        rows.append(Row(f"{length:>6} experiments", measured, goal, built <= GOAL_MS if goal and not quick else None))
    ratio = sizes[lengths[-1]] / sizes[lengths[-2]]
    met = ratio <= FLAT and max(sizes.values()) <= Program().prompt_tokens
    rows += [
        Row(f"size at {lengths[-1]} against {lengths[-2]}", f"{ratio:.3f} x", f"<= {FLAT}", None if quick else met),
        Row("largest prompt against its bound", f"{max(sizes.values())} of {Program().prompt_tokens}"),
    ]
    return Table(
        "prompt: its size and the time to build it, against the ledger's length",
        "Counted: our own program.md and train.py with a ledger as a long night leaves it; tokens by tiktoken's o200k "
        "through litellm. Each prompt is one experiment later than the one before, as in a night: what was counted "
        f"before (program.md, the canvas, most lines) is not counted again. Median of {REPEATS}.",
        rows,
    )


def brief_of(length: int) -> Brief:
    """Return what a proposer knows after so many experiments on our own canvas."""
    ledger = campaign(length)
    program = replace(Program(), prose=(ROOT / "program.md").read_text(encoding="utf-8").partition("\n---\n")[2])
    canvas = (ROOT / "train.py").read_text(encoding="utf-8")
    return Brief(program, "hash", "train.py", canvas, ledger, frozenset(), ("a waiting idea",), "c0", 0)


def counter() -> lru_cache:  # type: ignore[type-arg]
    """Return the counting that the LLM proposer does."""
    from loop.proposers.llm import _import, _tokens

    lite = _import()
    return lru_cache(maxsize=4096)(lambda text: _tokens(lite, "gpt-4o", text))


def clock(brief: Brief, count: lru_cache, number: int) -> float:  # type: ignore[type-arg]
    """Return the seconds that the prompt after one more experiment takes."""
    words = f"an idea of its own that nobody has had before, number {number} of this long night"
    made = experiment(number, Verdict.DISCARD, Reason.WORSE, 0.0001 + number / 1e9, hypothesis=words)
    brief.ledger.experiments[number] = made
    began = time.perf_counter()
    messages: list[Message] = build(brief, count)
    assert messages
    return time.perf_counter() - began
