"""What a chart is made of, in pixels from the top left: marks, labels, boxes, and the frame around them."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH, HEIGHT = 1120.0, 560.0
LEFT, RIGHT, TOP, BOTTOM = 76.0, 1096.0, 86.0, 506.0  # edges of the plot itself
FONT = 12.0  # height of a label's letters
LETTER = 6.7  # mean width of one, a little more than true


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
