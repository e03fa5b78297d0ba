"""Names beside marks hide nothing and stay in the plot."""

from __future__ import annotations

import pytest

from loop.record.ledger import Ledger
from loop.views.chart import draw
from loop.views.labels import short
from loop.views.shapes import BOTTOM, FONT, LEFT, LETTER, RIGHT, TOP, Chart, Label
from tests.loop.views.nights import long_night, night


def boxes(picture: Chart) -> list[tuple[float, float, float, float]]:
    def box(label: Label) -> tuple[float, float, float, float]:
        left = label.x - (LETTER * len(label.text) if label.anchor == "end" else 0)
        return left, label.y - FONT, left + LETTER * len(label.text), label.y + 3

    return [box(label) for label in picture.labels]


@pytest.mark.parametrize("ledger", [night(), long_night(60), long_night(500)], ids=["6", "60", "500"])
def test_no_label_hides_another_or_leaves_the_plot(ledger: Ledger) -> None:
    found = boxes(draw(ledger))
    assert found
    for i, (left, top, right, bottom) in enumerate(found):
        assert left >= LEFT and right <= RIGHT and top >= TOP and bottom <= BOTTOM
        for other in found[:i]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


def test_kept_ones_are_named_by_their_first_clause() -> None:
    assert [label.text for label in draw(night()).labels] == ["#5 Idea 5", "#1 Idea 1"]
    assert short("Halve BATCH to 4096: twice the steps.") == "Halve BATCH to 4096"
    assert len(short("word " * 40)) <= 38
