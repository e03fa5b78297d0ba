"""Campaigns that the tests of the exports share."""

from __future__ import annotations

import math

from loop.record.campaign_facts import CampaignCreated, NoiseMeasured
from loop.record.entries import Body, Entry
from loop.record.experiment_facts import Judged, Proposed, RunEnded, RunStarted, Scored
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
    Verdict,
)

HOSTILE = '</script><script>alert(1)</script>"><img src=x onerror=alert(2)>{{ 7*7 }} $\\frac{\u202e\tnext\nline'
KEEP = (Verdict.KEEP, Reason.BETTER)
NOISE = (Verdict.DISCARD, Reason.WITHIN_NOISE)
WORSE = (Verdict.DISCARD, Reason.WORSE)


def created(source: ScoreSource = ScoreSource.SEALED, minimize: bool = True) -> CampaignCreated:
    metric = Metric(minimize=minimize)
    return CampaignCreated(
        "", "train.py", "python train.py", "1 TFLOP", metric, source, "key12345", "a CPU", "bubblewrap", "c0"
    )


def experiment(number: int, score: float | None, verdict: tuple[Verdict, Reason], text: str = "") -> list[Body]:
    """One experiment from proposal to verdict; without a score it crashed."""
    commit = f"{number:07x}" + 33 * "f"
    bodies: list[Body] = [
        Proposed(number, commit, "p", text or f"Idea {number}: why", Author.MODEL, "m", 3, 1, cost=Cost(100, 10, 0.5)),
        RunStarted(number, 1, Purpose.MEASURE, 0, commit),
    ]
    if score is None:
        failure = Failure(FailureKind.ASSERTION, "6 does not divide 32")
        return [
            *bodies,
            RunEnded(number, 1, Outcome.CRASHED, 3.0, 4.0, failure=failure),
            Judged(number, Verdict.CRASH, Reason.FAILED, explanation=failure.message),
        ]
    return [
        *bodies,
        RunEnded(number, 1, Outcome.FINISHED, 15.0, 17.0, 614.4),
        Scored(number, 1, score, ScoreSource.SEALED),
        Judged(number, *verdict, score, score - 2.0, 0.01, f"{score}, so and so", 0),
    ]


def campaign(*bodies: Body, source: ScoreSource = ScoreSource.SEALED, minimize: bool = True) -> Ledger:
    start: list[Body] = [
        created(source, minimize),
        Proposed(0, "c0ffee0" + 33 * "f", "", "the baseline", Author.HUMAN, "human", 0, 0),
    ]
    for attempt, score in enumerate((1.99, 2.0, 2.01), 1):
        start += [
            RunStarted(0, attempt, Purpose.BASELINE, attempt - 1, "c0ffee0" + 33 * "f"),
            RunEnded(0, attempt, Outcome.FINISHED, 15.0, 17.0, 614.4),
            Scored(0, attempt, score, source),
        ]
    start += [NoiseMeasured(0.01, (1.99, 2.0, 2.01)), Judged(0, Verdict.KEEP, Reason.HUMAN, 2.0)]
    entries = [Entry(i, "night", 1_790_000_000.0 + i, body) for i, body in enumerate([*start, *bodies], 1)]
    return Ledger("night").feed(entries)


def night() -> Ledger:
    return campaign(
        *experiment(1, 1.9, KEEP),
        *experiment(2, None, KEEP),
        *experiment(3, 1.95, WORSE),
        *experiment(4, 1.895, NOISE),
        *experiment(5, 1.85, KEEP),
        *experiment(6, 3.7, WORSE),
        Proposed(7, "w", "p", "waits", Author.KNOBS, "knobs", 1, 1),
    )


def long_night(count: int) -> Ledger:
    bodies: list[Body] = []
    for n in range(1, count + 1):
        kept = n % 12 == 1
        score = 2.0 - 0.3 * math.log1p(n) / 6 + (0.0 if kept else 0.02 + 0.05 * (n * 7 % 11) / 11)
        bodies += experiment(n, score if n % 19 else None, KEEP if kept else WORSE, f"A rather long name of idea {n}")
    return campaign(*bodies)
