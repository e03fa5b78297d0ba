"""Scores measured in pairs → how much of a difference is luck: pooled noise, what rounding hides, an interval. Pure.

A pair is two texts measured on one seed. What the seed adds to both is in neither difference, so a pair tells far more
than the spread of single runs does: on a CPU the seeds were measured to correlate .97 to .99.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from loop.record.types import TooFewRuns

ENOUGH = 3  # degrees of freedom from which the pairs are believed and the baselines' spread is not asked any more
ALIKE = 1e-12  # two numbers that differ by less, for their size, are equal: floating point arithmetic does that
# The 97.5 % quantile of Student's t for 1, 2, 3, ... degrees of freedom; beyond the table an expansion is exact enough.
T_TABLE = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604)
Z = 1.959964


@dataclass(frozen=True)
class Noise:
    """What is known of the noise when a patch is judged.

    `pair` is the standard deviation of a paired difference, None where it is unknown; `unit` the last digit that the
    scores show; `exact` says that the script gives one score whatever the seed.
    """

    pair: float | None
    unit: float = 0.0
    exact: bool = False


@dataclass(frozen=True)
class Pool:
    """The differences of all pairs so far: squares about each patch's own mean, and their degrees of freedom."""

    squares: float = 0.0
    freedom: int = 0

    def add(self, differences: Sequence[float]) -> Pool:
        """Return this with the differences of one patch; one that changes nothing at all tells nothing of the noise."""
        if len(differences) < 2 or not any(differences):
            return self
        mean = statistics.fmean(differences)
        squares = self.squares + sum((d - mean) ** 2 for d in differences)
        return Pool(squares, self.freedom + len(differences) - 1)

    def deviation(self, single: float | None) -> float | None:
        """Return the standard deviation of a paired difference; a first guess from that of single runs, where known."""
        if self.freedom >= ENOUGH:
            return math.sqrt(self.squares / self.freedom)
        return None if single is None else single * math.sqrt(2)


@dataclass(frozen=True)
class Interval:
    """A mean difference and the half width of its 95 % interval; None where one pair alone tells nothing."""

    mean: float
    half: float | None
    pairs: int

    @property
    def clear(self) -> bool:
        """Whether zero is outside."""
        return self.half is not None and abs(self.mean) > self.half


def noise_floor(scores: Sequence[float]) -> float:
    """Return the sample standard deviation of repeated baseline scores, in the metric's units.

    Needs at least two scores of one commit; raises TooFewRuns otherwise.
    """
    if len(scores) < 2:
        raise TooFewRuns(f"a noise floor needs at least 2 scores of the baseline, got {len(scores)}; set repeats: 2")
    return statistics.stdev(scores)


def differences(ours: Mapping[int, float], theirs: Mapping[int, float]) -> dict[int, float]:
    """Return seed → our score - theirs, for the seeds that both were measured on."""
    return {seed: score - theirs[seed] for seed, score in sorted(ours.items()) if seed in theirs}


def interval(differences: Sequence[float], unit: float = 0.0, pair: float = 0.0) -> Interval:
    """Return the mean and its 95 % interval by Student's t.

    Assumes that the differences are independent and nearly normal. Three of them may lie close together by luck, so
    the interval is never narrower than that of the noise of a `pair` where the campaign knows it, nor than `unit`,
    which rounding may hide. Both only widen it.
    """
    mean, n = statistics.fmean(differences), len(differences)
    if n < 2:
        return Interval(mean, None, n)
    spread = statistics.stdev(differences)
    own = student(n - 1) * spread if spread > ALIKE * max(map(abs, differences)) else 0.0
    return Interval(mean, max(unit, own / math.sqrt(n), Z * pair / math.sqrt(n)), n)


def student(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t (Abramowitz and Stegun, 26.7.5)."""
    if freedom <= len(T_TABLE):
        return T_TABLE[freedom - 1]
    first, second = (Z**3 + Z) / 4, (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96
    return Z + first / freedom + second / freedom**2


def decimals(score: float) -> int:
    """Return how many decimal places a score has."""
    exponent = Decimal(repr(score)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def unit_of(places: int) -> float:
    """Return the last digit of scores with this many decimal places; 0 for whole numbers, which are counts."""
    return 10.0**-places if places > 0 else 0.0
