"""A campaign as a picture: every experiment a mark, the best kept so far a step line, in pixels from the top left.

Heights are scores as verdicts compared them: the baseline's and every difference of pairs since. A single run's score
also has its seed's luck in it, and the lowest of many would draw that as a gain. What was verified is drawn beside it.
Pure geometry. progress.png and the chart of report.html draw the same Chart, so that both always say the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import Verdict
from loop.text.numbers import number, plain
from loop.views.claims import is_gain, last_verified

WIDTH, HEIGHT = 1120.0, 560.0
LEFT, RIGHT, TOP, BOTTOM = 76.0, 1096.0, 86.0, 506.0  # edges of the plot itself
FONT = 12.0  # height of a label's letters
LETTER = 6.7  # mean width of one, a little more than true
LONGEST = 38  # letters of a label
NAMED = 16  # labels
WORDS = {"best": "best kept, by its pairs", "verified": "verified, 95 %", "baseline": "baseline", "keep": "kept",
         "price": "price of a revert", "adopted": "adopted, no gain", "noise": "within noise", "worse": "worse",
         "crash": "crashed", "invalid": "invalid"}  # fmt: skip
HEIGHTS = "experiment (height: the baseline's score plus the differences that verdicts found)"  # below the plot
FEW, MANY = 60, 200  # experiments up to which marks are large, and from which they are small


@dataclass(frozen=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


@dataclass(frozen=True)
class Mark:
    """One experiment. `kind`: a word of `types.Mark`; `beyond` the plot it sits on its edge."""

    number: int
    kind: str
    x: float
    y: float
    beyond: bool = False


@dataclass(frozen=True)
class Label:
    text: str
    x: float
    y: float  # of the baseline of its letters
    anchor: str  # start or end
    lead: tuple[float, float, float] | None = None  # x, from y, to y: a thin line to the mark where it stands apart


@dataclass(frozen=True)
class Chart:
    """What is drawn. Ticks are (place, text); the line is the best kept so far, the boxes a pair's noise around it.

    `verified` is what a verification found of the gain that is claimed: x, its y, and the ends of its interval.
    """

    marks: tuple[Mark, ...]
    labels: tuple[Label, ...]
    line: tuple[tuple[float, float], ...]
    band: tuple[Box, ...]
    baseline: float | None
    verified: tuple[float, float, float, float] | None
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    legend: tuple[tuple[float, str, str], ...]  # place, kind, word
    radius: float


def draw(ledger: Ledger) -> Chart:
    """Return the chart of what has a verdict so far; one without marks before the first score."""
    shown = [e for _, e in sorted(ledger.experiments.items()) if e.verdict is not None and (e.runs or e.number == 0)]
    shown = [e for e in shown if e.verdict is not Verdict.KEEP or e.score is not None]  # what is lost is no crash
    scores = {e.number: score for e in shown if (score := ledger.compared(e)) is not None}
    low, high = _limits(ledger, scores)
    last = max(4, max((e.number for e in shown), default=0))

    def x(place: float) -> float:
        return LEFT + 14 + (RIGHT - LEFT - 28) * place / last

    def y(score: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (score - low) / (high - low)

    marks = tuple(
        _mark(e, ledger.mark(e), x(e.number), y(scores[e.number]) if e.number in scores else None) for e in shown
    )
    bests = list(_running_best(shown, scores, ledger.minimize))
    verified = _verified(ledger, y)
    line: list[tuple[float, float]] = []
    band: list[Box] = []
    sigma = ledger.noise.pair or 0.0
    for i, (place, score) in enumerate(bests):
        end = x(bests[i + 1][0]) if i + 1 < len(bests) else x(last)
        line += [(x(place), y(score)), (end, y(score))]
        if sigma:
            band.append(Box(x(place), max(TOP, y(score + sigma)), end, min(BOTTOM, y(score - sigma))))
    radius = 4.6 if len(shown) <= FEW else 3.4 if len(shown) <= MANY else 2.4
    return Chart(
        marks=marks,
        labels=tuple(_labels([e for e in shown if e.number in scores], marks, line, radius, ledger)),
        line=tuple(line),
        band=tuple(band),
        baseline=None if ledger.baseline is None else y(ledger.baseline),
        verified=verified,
        x_ticks=tuple((x(tick), f"{tick:.0f}") for tick in ticks(0, last, 10) if tick == round(tick)),
        y_ticks=tuple((y(tick), number_like(tick, high - low)) for tick in ticks(low, high, 7)) if scores else (),
        legend=tuple(
            _legend({"best" if line else "", "verified" if verified else "", *(m.kind for m in marks)}, bool(sigma))
        ),
        radius=radius,
    )


def _legend(kinds: set[str], noisy: bool) -> Iterator[tuple[float, str, str]]:
    x = LEFT + 5
    for kind, word in WORDS.items():
        if kind in kinds:
            word += " ± noise of a pair" if kind == "best" and noisy else ""
            yield x, kind, word
            x += 0.94 * LETTER * len(word) + 34


def short(text: str) -> str:
    """Return the first clause of a hypothesis, cut to a label's length."""
    return plain(plain(text).split(": ")[0].rstrip(".:"), LONGEST)


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


def _limits(ledger: Ledger, scores: dict[int, float]) -> tuple[float, float]:
    """Return the scores at the bottom and the top edge: all that is near baseline and best, never the outliers."""
    if not scores:
        return 0.0, 1.0
    baseline = scores.get(0, next(iter(scores.values())))
    best = (min if ledger.minimize else max)([*scores.values(), *_claimed(ledger)])
    span = max(abs(baseline - best), 6 * (ledger.noise.pair or 0.0), 1e-6 * abs(baseline), 1e-9)
    losses = [ledger.gain(score, baseline) for score in scores.values()]
    worst = max(loss for loss in losses if loss <= 0.9 * span) + 0.12 * span
    good = abs(best - baseline) + 0.3 * span
    return (baseline - good, baseline + worst) if ledger.minimize else (baseline - worst, baseline + good)


def _claimed(ledger: Ledger) -> list[float]:
    """Return the score that the claimed gain would have, which the picture must have room for."""
    last = last_verified(ledger)
    return [] if last is None or ledger.baseline is None else [ledger.baseline + last[1].mean]


def _mark(experiment: Experiment, kind: str, x: float, y: float | None) -> Mark:
    if y is None or not math.isfinite(y):
        return Mark(experiment.number, "invalid" if kind == "invalid" else "crash", x, BOTTOM)
    inside = min(max(y, TOP + 5), BOTTOM - 5)
    return Mark(experiment.number, kind, x, inside, beyond=not TOP <= y <= BOTTOM)


def _running_best(shown: list[Experiment], scores: dict[int, float], minimize: bool) -> Iterator[tuple[int, float]]:
    best: float | None = None
    for experiment in shown:
        score = scores.get(experiment.number) if experiment.verdict is Verdict.KEEP else None
        if score is not None and (best is None or (score < best if minimize else score > best)):
            best = score
            yield experiment.number, score


def _verified(ledger: Ledger, y: Callable[[float], float]) -> tuple[float, float, float, float] | None:
    """Return where the claimed gain stands, at the right edge; None where none is claimed."""
    last = last_verified(ledger)
    if last is None or not is_gain(ledger, last[1]) or ledger.baseline is None:
        return None
    mean, half = ledger.baseline + last[1].mean, last[1].half or 0.0
    ends = sorted(min(max(y(end), TOP), BOTTOM) for end in (mean - half, mean + half))
    return RIGHT - 5, min(max(y(mean), TOP), BOTTOM), ends[0], ends[1]


def _labels(
    scored: list[Experiment], marks: tuple[Mark, ...], line: list[tuple[float, float]], radius: float, ledger: Ledger
) -> Iterator[Label]:
    """Yield the names of kept experiments that fit, on the side where the line never goes; numbers where they do not.

    The largest gains have precedence; among them the last, below whose mark no other line runs.
    """
    solid = [m for m in marks if m.kind not in ("crash", "invalid")]
    taken = [Box(m.x - radius, m.y - radius, m.x + radius, m.y + radius) for m in solid]
    taken += [Box(min(a, c) - 1, min(b, d) - 1, max(a, c) + 1, max(b, d) + 1) for (a, b), (c, d) in pairwise(line)]
    places = {m.number: m for m in marks}
    kept = [e for e in scored if ledger.mark(e) == "keep"]
    kept.sort(key=lambda e: (ledger.gain(e.delta or 0.0, 0.0), e.number))
    kept = sorted(kept[:NAMED], key=lambda e: -e.number) + kept[NAMED:]
    side = 1 if ledger.minimize else -1
    for named in (True, False):
        for experiment in list(kept):
            text, mark = f"#{experiment.number}", places[experiment.number]
            text += f" {short(experiment.hypothesis)}" if named else ""
            for anchor, dx, dy in _seats(side, radius):
                lead = (mark.x, mark.y, mark.y + dy - (FONT if dy > 0 else -4)) if abs(dy) > 2.2 * FONT else None
                label = Label(text, mark.x + dx, mark.y + dy, anchor, lead)
                box = _box(label)
                inside = box.left >= LEFT and box.right <= RIGHT and box.top >= TOP and box.bottom <= BOTTOM - 8
                if inside and not any(box.meets(other) for other in taken):
                    taken.append(box)
                    taken += [Box(lead[0] - 1, min(lead[1:]), lead[0] + 1, max(lead[1:]))] if lead else []
                    kept.remove(experiment)
                    yield label
                    break


def _seats(side: int, radius: float) -> Iterator[tuple[str, float, float]]:
    """Yield where a label may sit by its mark (anchor, offset right, offset down), further off the later."""
    gap = radius + 3
    near = FONT + radius if side > 0 else -gap
    for line in range(16):
        down = near + side * line * 1.25 * FONT
        apart = line > 1
        yield "end", 4 if apart else -gap, down
        yield "start", -4 if apart else gap, down
    yield "start", gap, -gap if side > 0 else FONT + radius
    yield "start", gap + 2, FONT / 3
    yield "end", -gap - 2, FONT / 3


def _box(label: Label) -> Box:
    width = LETTER * len(label.text)
    left = label.x - width if label.anchor == "end" else label.x
    return Box(left, label.y - FONT, left + width, label.y + 3)
