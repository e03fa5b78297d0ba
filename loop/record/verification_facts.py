"""What the daemon records when it verifies a claim: fresh pairs of best and baseline, and what each keep still brings.

A class says what is stored of one kind of journal entry; no behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verified:
    """Fact: an experiment and the baseline measured anew in pairs, on seeds that chose nothing.

    Sealed scores are also on rows that chose nothing (`rows`: audit); a script that measures itself has its own rows.
    """

    experiment: int
    commit: str
    seeds: tuple[int, ...]  # of the pairs that are complete
    scores: tuple[float, ...]  # of the experiment, seed by seed
    baseline: tuple[float, ...]
    rows: str = "audit"
    asked: int = 3  # pairs
    trouble: str = ""  # why a pair is missing


@dataclass(frozen=True)
class Price:
    """What the incumbent scores without one kept patch; `trouble` where that could not be measured."""

    experiment: int  # the patch that is taken out
    scores: tuple[float, ...] = ()  # without it, seed by seed
    trouble: str = ""


@dataclass(frozen=True)
class Priced:
    """Fact: what the largest keeps still bring to experiment `tip`, whose `scores` are on the same fresh seeds."""

    tip: int
    seeds: tuple[int, ...]
    scores: tuple[float, ...]
    prices: tuple[Price, ...]


@dataclass(frozen=True)
class Audited:
    """Fact of older journals: best and baseline measured once more, on a seed and on rows that chose nothing."""

    experiment: int
    seed: int
    baseline: float
    best: float


VerificationFact = Verified | Priced | Audited
