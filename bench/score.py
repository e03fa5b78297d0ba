"""Seconds from the end of a real training to its sealed score: a scorer started while it trained, and a cold one."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil

from bench.stubs import scratch
from bench.table import Row, Table
from loop.git.repo import Repo
from loop.record.types import Metric, Outcome
from loop.record.values import parse_budget
from loop.runs.conditions import Conditions, ruler_variables
from loop.runs.ruler import prepare_data
from loop.runs.runner import Runner
from loop.runs.scorer import SealedScore
from loop.runs.staged import Staged
from loop.trust.probe import probe
from loop.trust.sandbox import environment
from tests.stub import make_campaign

ROOT = Path(__file__).resolve().parents[1]
BUDGET = "0.2 TFLOP"  # the default model, trained for a tenth of the default budget: its score takes as long
ROUNDS = 3


@dataclass
class Times:
    """Seconds from the end of training to the score.."""

    first: float = 0.0
    warm: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    scores: set[float] = field(default_factory=set)
    tokens: int = 0


def run(quick: bool) -> Table:
    with scratch() as folder:
        folder.joinpath("c").mkdir()
        folder.joinpath("c/prepare.py").write_bytes((ROOT / "prepare.py").read_bytes())
        canvas = (ROOT / "train.py").read_text(encoding="utf-8")
        campaign = make_campaign(folder / "c", "Lower val_bpb.\n", canvas)
        times = asyncio.run(measure(campaign, str(ROOT / "loop") if quick else "auto", 1 if quick else ROUNDS))
    warm, cold = median(times.warm), median(times.cold)
    return Table(
        f"score: from the end of training to the sealed score, CPU profile, {times.tokens:,} tokens",
        "Counted: from the moment that the engine knows of the training's end to the score in its hands; a cold one is "
        f"started at that moment, a warm one has paid its imports before. {len(times.warm)} of each by turns, one "
        "checkpoint.",
        [
            Row("started while it trained", f"{warm:.1f} s"),
            Row("started when it had ended", f"{cold:.1f} s"),
            Row("cold against warm", f"{cold / warm:.1f} x"),
            Row("in the training run itself, too short to pay all imports", f"{times.first:.1f} s"),
            Row("different scores", str(len(times.scores)), "1", len(times.scores) == 1),
        ],
    )


async def measure(campaign: Path, data: str, rounds: int) -> Times:
    """Train once and score its checkpoint again and again."""
    staged, times = await stage(campaign, data), Times()
    try:
        staged.begin()
        result = await staged.train()
        assert result.outcome is Outcome.FINISHED, result.failure
        began = time.monotonic()
        answer = await staged.score(result)
        assert isinstance(answer, float), answer
        times.first = time.monotonic() - began
        times.scores.add(answer)
        for _ in range(rounds):
            times.warm.append(await score(staged, times, warm=True))
            times.cold.append(await score(staged, times, warm=False))
    finally:
        await staged.close()
    return times


async def stage(campaign: Path, data: str) -> Staged:
    """Return the campaign's baseline, ready to train."""
    repo, python = Repo(campaign), sys.executable
    commit, slot, private = (
        repo.snapshot("bench", time.time()),
        repo.home.slots / "baseline",
        repo.home.root / "prepare",
    )
    repo.lay(commit, slot)
    private.mkdir(parents=True, exist_ok=True)
    variables = ruler_variables(BUDGET, "cpu", data)
    ruler = await prepare_data(python, slot, environment(private, variables), lambda line: None)
    budget = parse_budget(BUDGET)
    conditions = Conditions(python, "", "train.py", "python train.py", budget, Metric(), ruler, "cpu", data)
    return await Runner(repo, repo.home, "bench", conditions, probe()).stage(1, 1, commit, 0, None)


async def score(staged: Staged, times: Times, warm: bool) -> float:
    """Score the checkpoint once more and return the seconds it took, the scorer's start included where it is cold."""
    began = time.monotonic()
    assert staged.start_scorer is not None
    scorer = await staged.start_scorer()
    if warm:
        await quiet()
        began = time.monotonic()
    answer = await scorer.score(600.0)
    took = time.monotonic() - began
    await scorer.close()
    assert isinstance(answer, SealedScore), answer
    times.scores.add(answer.score)
    times.tokens = answer.tokens
    return took


async def quiet() -> None:
    """Return once our child processes have used no processor for a second: their imports are paid."""
    spent, now = -1.0, 0.0
    while now != spent:
        await asyncio.sleep(1.0)
        spent, now = now, sum(sum(p.cpu_times()[:2]) for p in psutil.Process().children(recursive=True))
