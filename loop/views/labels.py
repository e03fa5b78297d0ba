"""Which marks of a chart get a name, and where it fits. Pure geometry."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.text.numbers import plain
from loop.views.shapes import BOTTOM, FONT, LEFT, LETTER, RIGHT, TOP, Box, Label, Mark

LONGEST = 38  # letters of a label
NAMED = 16  # labels


def labels(
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
            text = f"#{experiment.number}" + (f" {short(experiment.hypothesis)}" if named else "")
            label = _seated(text, places[experiment.number], side, radius, taken)
            if label is not None:
                taken += _boxes(label)
                kept.remove(experiment)
                yield label


def short(text: str) -> str:
    """Return the first clause of a hypothesis, cut to a label's length."""
    return plain(plain(text).split(": ")[0].rstrip(".:"), LONGEST)


def _seated(text: str, mark: Mark, side: int, radius: float, taken: list[Box]) -> Label | None:
    """Return a label by its mark that is inside the plot and hides nothing; None where it fits nowhere."""
    for anchor, dx, dy in _seats(side, radius):
        lead = (mark.x, mark.y, mark.y + dy - (FONT if dy > 0 else -4)) if abs(dy) > 2.2 * FONT else None
        label = Label(text, mark.x + dx, mark.y + dy, anchor, lead)
        box = _box(label)
        inside = box.left >= LEFT and box.right <= RIGHT and box.top >= TOP and box.bottom <= BOTTOM - 8
        if inside and not any(box.meets(other) for other in taken):
            return label
    return None


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


def _boxes(label: Label) -> list[Box]:
    """Return what a label covers: its letters, and the line to its mark."""
    lead = label.lead
    return [_box(label), *([Box(lead[0] - 1, min(lead[1:]), lead[0] + 1, max(lead[1:]))] if lead else [])]


def _box(label: Label) -> Box:
    width = LETTER * len(label.text)
    left = label.x - width if label.anchor == "end" else label.x
    return Box(left, label.y - FONT, left + width, label.y + 3)
