"""What a campaign gained: selected by its verdicts, or measured by a verification. Numbers, no words. Pure.

Whatever was selected flatters: the best of many tries is lucky as well as good. Only runs that chose nothing verify.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.noise import Interval, interval
from loop.record.verification_facts import Verified


@dataclass(frozen=True)
class Gain:
    """What the best kept experiment brought over the baseline; `spread` is of the difference, selection left out."""

    best: Experiment
    value: float
    spread: float | None


def gain_of(ledger: Ledger) -> Gain | None:
    """Return the campaign's selected gain; None before something better than the baseline was kept."""
    best = ledger.best
    value = None if best is None else ledger.brought(best)
    if best is None or best.number == 0 or value is None:
        return None
    pairs = len(best.scores.keys() & ledger.experiments[0].scores.keys())
    sigma = ledger.noise.pair
    return Gain(best, value, None if sigma is None or not pairs else sigma / math.sqrt(pairs))


def last_verified(ledger: Ledger) -> tuple[Verified, Interval] | None:
    """Return the verification that speaks for the campaign: the last of its best, else the last that found a gain."""
    best = ledger.best
    done = [(v, i) for v in ledger.verifications if (i := found(ledger, v)) is not None]
    ours = [pair for pair in done if best is not None and pair[0].experiment == best.number]
    gains = [pair for pair in done if is_gain(ledger, pair[1])]
    return next(iter([*ours[-1:], *gains[-1:], *done[-1:]]), None)


def claims_gain(ledger: Ledger) -> bool:
    """Return whether the headline claims a gain."""
    last = last_verified(ledger)
    return last is not None and is_gain(ledger, last[1])


def is_gain(ledger: Ledger, measured: Interval) -> bool:
    """Return whether an interval lies wholly on the better side of zero."""
    return measured.clear and ledger.gain(measured.mean, 0.0) < 0


def awaits(ledger: Ledger) -> bool:
    """Return whether the campaign's best is something that no verification has looked at."""
    best = ledger.best
    looked = {v.experiment for v in ledger.verifications if v.scores or v.trouble}
    return best is not None and best.number > 0 and best.number not in looked


def found(ledger: Ledger, verified: Verified) -> Interval | None:
    """Return what a verification measured, as a difference of scores; None where no pair was complete."""
    pairs = [ours - theirs for ours, theirs in zip(verified.scores, verified.baseline, strict=True)]
    return interval_of(ledger, pairs) if pairs else None


def interval_of(ledger: Ledger, differences: list[float]) -> Interval:
    """Return the interval of differences.

    The baselines' spread, which is not of pairs, widens nothing; nor does rounding, where it is in the differences.
    """
    known = ledger.noise.pair or 0.0 if ledger.learnt else 0.0
    return interval(differences, ledger.noise.unit if ledger.exact else 0.0, known)
