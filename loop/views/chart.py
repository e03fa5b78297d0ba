"""A campaign as a picture: every experiment a mark, the best kept so far a step line, in pixels from the top left.

Heights are scores as verdicts compared them: the baseline's and every difference of pairs since. A single run's score
also has its seed's luck in it, and the lowest of many would draw that as a gain. What was verified is drawn beside it.
Pure geometry. progress.png and the chart of report.html draw the same Chart, so that both always say the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.noise import Interval
from loop.record.types import Verdict
from loop.views.gains import is_gain, last_verified
from loop.views.labels import labels
from loop.views.scale import Scale, limits
from loop.views.shapes import BOTTOM, LEFT, LETTER, RIGHT, TOP, Box, Chart, Mark

WORDS = {"best": "best kept, by its pairs", "verified": "verified, 95 %", "baseline": "baseline", "keep": "kept",
         "price": "cost of a revert", "adopted": "adopted, no gain", "noise": "within noise", "worse": "worse",
         "crash": "crashed", "invalid": "invalid"}  # fmt: skip
HEIGHTS = "experiment (height: the baseline's score plus the differences that verdicts found)"  # below the plot
FEW, MANY = 60, 200  # experiments up to which marks are large, and from which they are small


def draw(ledger: Ledger) -> Chart:
    """Return the chart of what has a verdict so far; one without marks before the first score."""
    shown = _shown(ledger)
    scores = {e.number: score for e in shown if (score := ledger.compared(e)) is not None}
    last = last_verified(ledger)
    low, high = limits(ledger, scores, last[1] if last else None)
    scale = Scale(low, high, max([4, *(e.number for e in shown)]))
    marks = tuple(_mark(e.number, ledger.mark(e), scale, scores.get(e.number)) for e in shown)
    noise = ledger.noise.pair or 0.0
    line, band = _best_so_far(list(_bests(shown, scores, ledger.minimize)), scale, noise)
    verified = _verified(ledger, last[1], scale) if last else None
    radius = 4.6 if len(shown) <= FEW else 3.4 if len(shown) <= MANY else 2.4
    kinds = {"best" if line else "", "verified" if verified else "", *(mark.kind for mark in marks)}
    return Chart(
        marks=marks,
        labels=tuple(labels([e for e in shown if e.number in scores], marks, line, radius, ledger)),
        line=tuple(line),
        band=tuple(band),
        baseline=None if ledger.baseline is None else scale.y(ledger.baseline),
        verified=verified,
        x_ticks=scale.x_ticks(),
        y_ticks=scale.y_ticks() if scores else (),
        legend=tuple(_legend(kinds, bool(noise))),
        radius=radius,
    )


def _shown(ledger: Ledger) -> list[Experiment]:
    """Return what has a verdict and was run; what was kept and lost its score is no crash, and is left out."""
    judged = [e for _, e in sorted(ledger.experiments.items()) if e.verdict is not None and (e.runs or e.number == 0)]
    return [e for e in judged if e.verdict is not Verdict.KEEP or e.score is not None]


def _mark(number: int, kind: str, scale: Scale, score: float | None) -> Mark:
    y = None if score is None else scale.y(score)
    if y is None or not math.isfinite(y):
        return Mark(number, "invalid" if kind == "invalid" else "crash", scale.x(number), BOTTOM)
    inside = min(max(y, TOP + 5), BOTTOM - 5)
    return Mark(number, kind, scale.x(number), inside, beyond=not TOP <= y <= BOTTOM)


def _bests(shown: list[Experiment], scores: dict[int, float], minimize: bool) -> Iterator[tuple[int, float]]:
    """Yield each experiment that was the best when it was kept, with its score."""
    best: float | None = None
    for experiment in shown:
        score = scores.get(experiment.number) if experiment.verdict is Verdict.KEEP else None
        if score is not None and (best is None or (score < best if minimize else score > best)):
            best = score
            yield experiment.number, score


def _best_so_far(
    bests: list[tuple[int, float]], scale: Scale, noise: float
) -> tuple[list[tuple[float, float]], list[Box]]:
    """Return the step line of the best kept so far, and the noise of a pair around it."""
    line: list[tuple[float, float]] = []
    band: list[Box] = []
    ends = [*(scale.x(number) for number, _ in bests[1:]), scale.x(scale.last)]
    for (number, score), end in zip(bests, ends, strict=False):
        begin, y = scale.x(number), scale.y(score)
        line += [(begin, y), (end, y)]
        if noise:
            band.append(Box(begin, max(TOP, scale.y(score + noise)), end, min(BOTTOM, scale.y(score - noise))))
    return line, band


def _verified(ledger: Ledger, measured: Interval, scale: Scale) -> tuple[float, float, float, float] | None:
    """Return where the claimed gain stands, at the right edge; None where none is claimed."""
    if not is_gain(ledger, measured) or ledger.baseline is None:
        return None
    mean, half = ledger.baseline + measured.mean, measured.half or 0.0
    y, low, high = (min(max(scale.y(end), TOP), BOTTOM) for end in (mean, mean - half, mean + half))
    return RIGHT - 5, y, min(low, high), max(low, high)


def _legend(kinds: set[str], noisy: bool) -> Iterator[tuple[float, str, str]]:
    x = LEFT + 5
    for kind, word in WORDS.items():
        if kind in kinds:
            word += " ± noise of a pair" if kind == "best" and noisy else ""
            yield x, kind, word
            x += 0.94 * LETTER * len(word) + 34
