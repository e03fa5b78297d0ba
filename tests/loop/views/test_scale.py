"""The axes of a chart."""

from __future__ import annotations

import pytest

from loop.views.chart import draw
from loop.views.scale import ticks
from loop.views.shapes import BOTTOM, TOP
from tests.loop.views.nights import KEEP, WORSE, campaign, experiment, night


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (1.83, 2.02, [1.85, 1.9, 1.95, 2.0]), (-1, 1, [-1, -0.5, 0, 0.5, 1])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert list(ticks(low, high, 5)) == pytest.approx(expected)


def test_what_is_far_off_does_not_flatten_the_rest() -> None:
    picture = draw(night())
    beyond = [mark for mark in picture.marks if mark.beyond]
    assert [mark.number for mark in beyond] == [6]
    ys = {mark.number: mark.y for mark in picture.marks}
    assert ys[5] - ys[0] > (BOTTOM - TOP) / 2
    assert all(TOP <= y <= BOTTOM for y in ys.values())


def test_better_is_up_where_the_goal_is_to_maximize() -> None:
    ledger = campaign(*experiment(1, 2.1, KEEP), *experiment(2, 1.9, WORSE), minimize=False)
    ys = {mark.number: mark.y for mark in draw(ledger).marks}
    assert ys[1] < ys[0] < ys[2]
