"""The axes of a chart: which scores it spans, where scores and experiments stand, its round numbers. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from loop.record.ledger import Ledger
from loop.record.noise import Interval
from loop.text.numbers import number
from loop.views.shapes import BOTTOM, LEFT, RIGHT, TOP


@dataclass(frozen=True)
class Scale:
    """Scores `low` to `high` from the bottom to the top edge, experiments 0 to `last` from left to right."""

    low: float
    high: float
    last: int

    def x(self, place: float) -> float:
        """Return where an experiment stands."""
        return LEFT + 14 + (RIGHT - LEFT - 28) * place / self.last

    def y(self, score: float) -> float:
        """Return where a score stands, which may be beyond the plot."""
        return BOTTOM - (BOTTOM - TOP) * (score - self.low) / (self.high - self.low)

    def x_ticks(self) -> tuple[tuple[float, str], ...]:
        """Return (place, text) of some experiments."""
        return tuple((self.x(tick), f"{tick:.0f}") for tick in ticks(0, self.last, 10) if tick == round(tick))

    def y_ticks(self) -> tuple[tuple[float, str], ...]:
        """Return (place, text) of some round scores."""
        span = self.high - self.low
        return tuple((self.y(tick), number_like(tick, span)) for tick in ticks(self.low, self.high, 7))


def limits(ledger: Ledger, scores: dict[int, float], claimed: Interval | None) -> tuple[float, float]:
    """Return the scores at the bottom and the top edge: all that is near baseline and best, never the outliers.

    What a verification measured has room too.
    """
    if not scores:
        return 0.0, 1.0
    baseline = scores.get(0, next(iter(scores.values())))
    room = [] if claimed is None or ledger.baseline is None else [ledger.baseline + claimed.mean]
    best = (min if ledger.minimize else max)([*scores.values(), *room])
    span = max(abs(baseline - best), 6 * (ledger.noise.pair or 0.0), 1e-6 * abs(baseline), 1e-9)
    losses = [ledger.gain(score, baseline) for score in scores.values()]
    worst = max(loss for loss in losses if loss <= 0.9 * span) + 0.12 * span
    good = abs(best - baseline) + 0.3 * span
    return (baseline - good, baseline + worst) if ledger.minimize else (baseline - worst, baseline + good)


def ticks(low: float, high: float, about: int) -> Iterator[float]:
    """Yield round numbers from low to high."""
    rough = (high - low) / about
    size = 10.0 ** math.floor(math.log10(rough))
    step = size * next(m for m in (1, 2, 5, 10) if size * m >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    yield from (i * step for i in range(first, first + 4 * about) if i * step <= high + step * 1e-9)


def number_like(value: float, span: float) -> str:
    """Return a tick's text with as many decimals as a span needs."""
    digits = max(0, 1 - math.floor(math.log10(span)))
    return f"{value:,.{digits}f}".replace("-", "−") if digits < 9 else number(value)
