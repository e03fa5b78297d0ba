"""An experiment in words: its verdict, its score, what it cost, why it has none. Pure."""

from __future__ import annotations

from loop.record.experiment import Experiment
from loop.record.types import Cost, Reason, Verdict
from loop.text.numbers import number, signed_number, uncertainty

REASONS = {
    Reason.BETTER: "better",
    Reason.SIMPLER: "simpler",
    Reason.WITHIN_NOISE: "within noise",
    Reason.WORSE: "worse",
    Reason.FAILED: "failed",
    Reason.HUMAN: "by hand",
    Reason.TAMPERED: "tampered",
    Reason.LOST: "why is lost",
}


def verdict_text(experiment: Experiment, short: bool = False) -> str:
    """Return `keep, better`, or the short `better`; "waiting" before the verdict, `restored, …` after it was lost."""
    if experiment.verdict is None:
        known = "was kept" if experiment.was_kept else "verdict unknown"
        return ("" if short else "restored, ") + known if experiment.unknown else "waiting"
    if experiment.number == 0:
        return "baseline"
    if experiment.reason in (None, Reason.FAILED):
        return str(experiment.verdict)
    reason = REASONS[experiment.reason]
    if experiment.removes is not None and experiment.verdict is Verdict.KEEP:
        reason = f"revert of #{experiment.removes}"
    return reason if short else f"{experiment.verdict}, {reason}"


def score_text(experiment: Experiment, spread: bool = True) -> str:
    """Return `0.9932 ± 0.0003 (−0.0047)`; what is unknown is left out, "" without a score."""
    if experiment.score is None:
        return ""
    known = f" ± {uncertainty(experiment.uncertainty)}" if spread and experiment.uncertainty else ""
    delta = "" if experiment.delta is None else f" ({signed_number(experiment.delta)})"
    return f"{number(experiment.score)}{known}{delta}"


def cost_text(cost: Cost) -> str:
    """Return `$0.03, 11,240 tokens` of one proposal, `price unknown` for what has none, "" for a free one."""
    tokens = cost.tokens_in + cost.tokens_out
    digits = 4 if cost.dollars and cost.dollars < 0.1 else 2
    price = "price unknown" if cost.dollars is None else f"${cost.dollars:.{digits}f}"
    return ", ".join([*([price] if tokens or cost.dollars != 0 else []), *([f"{tokens:,} tokens"] if tokens else [])])


def trouble(experiment: Experiment) -> str:
    """Return why an experiment has no score, "" where it has one or waits for it."""
    if experiment.score is not None or experiment.verdict is None:
        return ""
    return experiment.failure.told if experiment.failure else experiment.explanation
