"""A text beside every line that was ever kept: where its lines stand, and what a line of the human's own stands for."""

from __future__ import annotations

import pytest

from loop.text import lineage
from loop.text.alignment import places, versions
from loop.text.lineage import Lineage

NIGHT = ["D=1 A=1 B=1", "D=2 A=1 B=1", "D=2 A=2 B=2", "D=1 A=2 B=2", "D=3 A=2 B=2"]


def lines(text: str) -> list[str]:
    return [f"{part}\n" for part in text.split()]


def kept(texts: list[str]) -> Lineage:
    first, *more = map(lines, texts)
    return lineage.extend(lineage.begin(first), enumerate(more, 1))


@pytest.mark.parametrize(
    ("texts", "mine", "came"),
    [
        pytest.param(NIGHT, NIGHT[4], [4, 2, 2], id="the incumbent"),
        pytest.param(NIGHT, "D=2 A=1 B=1", [1, 0, 0], id="a text that lags behind"),
        pytest.param(NIGHT, "D=1 A=1 B=1", [3, 0, 0], id="what was set to and fro is there for the last time"),
        pytest.param(NIGHT, "D=1 mine A=2 B=2", [3, None, 2, 2], id="a line of the human's own has no place"),
        pytest.param(["A B", "A X B", "A B"], "A X B", [0, 1, 0], id="a line that went is still known"),
    ],
)
def test_each_line_of_a_text_stands_where_it_came_with_a_keep(
    texts: list[str], mine: str, came: list[int | None]
) -> None:
    line = kept(texts)
    at = places(lines(mine), line)
    assert [line.weave[place].came.experiment if place >= 0 else None for place in at] == came
    assert [line.weave[place].line for place in at if place >= 0] == [
        text for text, place in zip(lines(mine), at, strict=True) if place >= 0
    ]


@pytest.mark.parametrize(
    ("texts", "mine", "stands_for"),
    [
        pytest.param(["A=1 D=1", "A=1 D=2", "A=1 D=3"], "A=1 D=9", ["D=3"], id="the version that still stands"),
        pytest.param(["A=1 D=1", "A=1 D=2", "A=1"], "A=1 D=9", ["D=2"], id="of those that went the latest"),
        pytest.param(["A=1 step(1) B=1"], "A=1 step(9) B=1", ["step(1)"], id="nearly the same words"),
        pytest.param(["A=1 step(1) B=1"], "A=1 other.words() B=1", [], id="other words"),
        pytest.param(["A=1 DEPTH=1 B=1"], "A=1 DEPTHS=1 B=1", [], id="another name, though nearly the same words"),
        pytest.param(["A=1 D=1 E=1"], "A=1 D=9 E=9", ["D=1", "E=1"], id="each its own"),
    ],
)
def test_a_line_of_the_humans_own_stands_for_the_line_that_it_is_a_version_of(
    texts: list[str], mine: str, stands_for: list[str]
) -> None:
    line = kept(texts)
    found = versions(lines(mine), places(lines(mine), line), line.weave)
    assert [line.weave[strand].line.strip() for strand, _ in found] == stands_for
