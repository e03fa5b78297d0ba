"""A campaign by its entries, at work."""

from __future__ import annotations

from loop.record.campaign_facts import CampaignCreated, NoiseMeasured, StateChanged
from loop.record.entries import Body, Entry
from loop.record.experiment_facts import Judged, Proposed, RunEnded, RunStarted
from loop.record.ledger import Ledger
from loop.record.types import (
    Author,
    Cost,
    Failure,
    FailureKind,
    Metric,
    Outcome,
    Purpose,
    Reason,
    ScoreSource,
    State,
    Verdict,
)
from loop.runs.progress import Progress

SEALED, CLAIMED = ScoreSource.SEALED, ScoreSource.SELF_REPORTED
MIDWAY = Progress(step=120, share=0.62, loss=3.2149, remaining_s=5.0)


def created(source: ScoreSource = SEALED, sandbox: str = "bubblewrap", minimize: bool = True) -> CampaignCreated:
    metric = Metric(minimize=minimize)
    return CampaignCreated("", "train.py", "python train.py", "1 TFLOP", metric, source, "k", "Xeon", sandbox, "c0")


def proposed(n: int, hypothesis: str = "", cost: Cost | None = None) -> Proposed:
    text = hypothesis or f"idea {n}"
    return Proposed(n, f"c{n}", "c0", text, Author.KNOBS, "knobs", 1, 1, cost=cost or Cost())


def started(n: int) -> RunStarted:
    return RunStarted(n, 1, Purpose.MEASURE, 0, f"c{n}")


def experiment(n: int, score: float | None, reason: Reason, delta: float | None = None, **more: object) -> list[Body]:
    good = reason in (Reason.BETTER, Reason.SIMPLER, Reason.HUMAN)
    verdict = Verdict.CRASH if score is None else Verdict.KEEP if good else Verdict.DISCARD
    failure = Failure(FailureKind.ASSERTION, "train.py, line 40: assert") if score is None else None
    ended = RunEnded(n, 1, Outcome.FINISHED if score else Outcome.CRASHED, failure=failure)
    return [proposed(n, **more), started(n), ended, Judged(n, verdict, reason, score, delta, delta and 0.003)]  # type: ignore[arg-type]


BASELINE: list[Body] = [
    StateChanged(State.PREPARING),
    created(),
    StateChanged(State.RUNNING),
    NoiseMeasured(0.004, (1.99, 2.01)),
    *experiment(0, 2.0, Reason.HUMAN, hypothesis="baseline"),
]
NIGHT: list[Body] = [
    *BASELINE,
    *experiment(1, 1.9, Reason.BETTER, -0.1, hypothesis="halve the batch", cost=Cost(900, 100, 3.2)),
    *experiment(2, 1.905, Reason.WITHIN_NOISE, 0.005),
    *experiment(3, None, Reason.FAILED, hypothesis="odd heads"),
    proposed(4),
    proposed(5),
    started(4),
]


def ledger(*bodies: Body, pace_s: float = 5.0) -> Ledger:
    return Ledger("jun14").feed(Entry(n, "jun14", n * pace_s, body) for n, body in enumerate(bodies, 1))
