"""The goals of the GPU check, as data, and how they are judged. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bench.gpu.report import Judgement, Result, Status, Verdict


@dataclass(frozen=True)
class Goal:
    """A bound of one figure of one step."""

    name: str
    step: str
    figure: str
    bound: float
    at_most: bool  # else at least
    unit: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, ("<=" if self.at_most else ">=", f"{self.bound:g}", self.unit)))


GOALS = (
    Goal("overhead of a warm start", "warm", "overhead_s", 8.0, at_most=True, unit="s"),
    Goal("steps in 300 s, from the measured rate", "cold", "steps_in_300_s", 500, at_most=False),
    Goal("loss compiled and plain, difference", "agree", "nats_apart", 0.02, at_most=True, unit="nats a token"),
    Goal("gradients compiled and plain, cosine", "agree", "gradient_cosine", 0.99, at_most=False),
    Goal("out of memory: rows halved, then scored", "oom", "halvings", 1, at_most=False),
    Goal("experiments of a campaign that were scored", "campaign", "experiments_scored", 3, at_most=False),
    Goal("val_bpb below the original's model", "original", "default_lower_percent", 2.8, at_most=False, unit="%"),
)


def judge(goal: Goal, results: Mapping[str, Result], dry: bool) -> Judgement:
    """Return the verdict of a goal: what no step measured to its end, on a GPU, is not measured."""

    def unknown(why: str) -> Judgement:
        return Judgement(goal.name, str(goal), None, Verdict.NOT_MEASURED, why)

    result = results.get(goal.step)
    if dry:
        return unknown("only a GPU can tell")
    if result is None:
        return unknown(f"step {goal.step} was not run")
    value = result.figures.get(goal.figure)
    if result.status in (Status.TIMED_OUT, Status.SKIPPED) or (value is None and result.status is Status.FAILED):
        return unknown(f"step {goal.step} {result.status}: {result.detail}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return unknown(f"step {goal.step} has no number {goal.figure}")
    met = value <= goal.bound if goal.at_most else value >= goal.bound
    return Judgement(goal.name, str(goal), value, Verdict.MET if met else Verdict.MISSED)
