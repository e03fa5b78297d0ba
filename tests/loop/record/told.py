"""Entries for tests of what they mean: a short night, told by its bodies."""

from __future__ import annotations

from itertools import count

from loop.record.campaign_facts import NoiseMeasured
from loop.record.entries import Body, Entry
from loop.record.experiment_facts import Judged, Proposed, RunEnded, RunStarted, Scored
from loop.record.types import Author, Cost, Outcome, Purpose, Reason, ScoreSource, Verdict


def entries(*bodies: Body, step_s: float = 1.0) -> list[Entry]:
    """Number the bodies as a journal would, one every `step_s` seconds."""
    clock = count()
    return [Entry(seq, "night", 1000.0, body, 1000 + step_s * next(clock)) for seq, body in enumerate(bodies, 1)]


def proposed(number: int, dollars: float | None = 0.1) -> Proposed:
    return Proposed(
        number, f"c{number}", "c0", f"idea {number}", Author.MODEL, "m", 2, 1, cost=Cost(100, 10, dollars, 1.0)
    )


def measured(number: int, score: float, verdict: Verdict, attempt: int = 1, seed: int = 0) -> list[Body]:
    return [
        RunStarted(number, attempt, Purpose.MEASURE, seed, f"c{number}"),
        RunEnded(number, attempt, Outcome.FINISHED, 15.0, 17.0, 600.0),
        Scored(number, attempt, score, ScoreSource.SEALED),
        Judged(number, verdict, Reason.BETTER if verdict is Verdict.KEEP else Reason.WORSE, score),
    ]


def night() -> list[Body]:
    return [
        proposed(0),
        *measured(0, 2.0, Verdict.KEEP),
        NoiseMeasured(0.01, (2.0, 2.01)),
        proposed(1),
        *measured(1, 1.9, Verdict.KEEP),
        proposed(2),
        *measured(2, 1.95, Verdict.DISCARD),
        proposed(3),
        RunStarted(3, 1, Purpose.MEASURE, 0, "c3"),
    ]
