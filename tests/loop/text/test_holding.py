"""A text and the kept line: what it lacks, what its human changed, and the text with what is missing."""

from __future__ import annotations

import pytest

from loop.text import lineage
from loop.text.holding import Holding, holding
from loop.text.lineage import Kept, Removal


def held(texts: list[str], mine: str, *removals: Removal) -> Holding:
    """Return what a text has and lacks of kept texts, each a line of settings."""
    night = [lines(text) for text in texts]
    line = lineage.extend(lineage.begin(night[0]), list(enumerate(night))[1:])
    return holding(Kept(line, tuple(map(str, range(len(texts))))), removals, lines(mine))


def lines(text: str) -> list[str]:
    return ["import os\n", *(f"{part}\n".lstrip(".") for part in text.split()), "def main():\n"]


def test_an_insertion_beside_lines_that_the_human_changed_or_reverted_is_missing() -> None:
    texts = ["B=1 . D=1 . L=1", "B=1 . D=1 . new=1 L=1", "B=1 . D=1 . more=1 new=1 L=1"]
    reverted = Removal("1", tuple(lines(texts[0])))
    found = held(texts, "B=mine . D=mine . L=1", reverted)
    assert found.missing == (2,) and list(found.whole) == lines("B=mine . D=mine . more=1 L=1")


def test_a_revert_stands_wherever_it_brought_the_line_back() -> None:
    texts = ["W=1 C=1 S=1", "W=1 C=1", "W=1 new=1 C=1"]
    reverted = Removal("2", tuple(lines("W=1 S=1 C=1")))
    found = held(texts, "W=mine S=1 C=mine", reverted)
    assert not found.missing and list(found.whole) == lines("W=mine S=1 C=mine")


@pytest.mark.parametrize(
    ("texts", "mine", "missing", "whole"),
    [
        pytest.param(
            ["W=1 C=1 S=1", "W=1 C=1 S=4", "W=1 S=4", "W=2 S=4", "W=2 C=1 S=1"],
            "W=1 C=1 S=1", (3,), "W=2 C=1 S=1", id="in one block",
        ),
        pytest.param(
            ["D=1 L=1 W=1 C=1", "D=1 L=2 W=4 C=1", "D=1 L=2 W=4", "D=4 L=2 W=4", "D=4 L=1 W=1 C=1"],
            "D=1 L=mine W=1 C=1", (3,), "D=4 L=mine W=1 C=1", id="in a block of which the human changed a line",
        ),
        pytest.param(
            ["B=1 D=1 L=1", "B=1 D=8 L=1", "B=1 D=8", "B=4 D=8", "B=4 D=1 L=1", "B=4 D=1 L=4"],
            "B=1 D=mine L=1", (3, 5), "B=4 D=mine L=4", id="and was changed again",
        ),
        pytest.param(
            ["B=1 D=1 L=1", "B=1 L=1", "L=1", "new=1 L=1", "new=1 D=1 L=1"],
            "B=1 D=1 L=1", (2, 3), "new=1 D=1 L=1", id="among lines that went",
        ),
    ],
)  # fmt: skip
def test_a_line_that_came_back_is_there(texts: list[str], mine: str, missing: tuple[int, ...], whole: str) -> None:
    found = held(texts, mine)
    assert (found.missing, found.torn) == (missing, ()) and list(found.whole) == lines(whole)


@pytest.mark.parametrize(
    ("texts", "mine", "missing"),
    [
        pytest.param(["W=1 C=1 S=1", "W=1 S=1", "W=1", "W=1 S=mine"], "W=1 C=1 S=mine", 1, id="inserted"),
        pytest.param(["L=2 W=1 C=8", "L=2 C=8", "L=3 C=1 S=1"], "L=3 W=1 C=1 S=1", 1, id="in place of others"),
        pytest.param(["D=1 L=1 W=1 C=1", "D=1 W=1 C=1", "D=1 C=1", "D=1 L=3 C=3"], "D=1 L=3 W=1 C=3", 2, id="back"),
    ],
)
def test_a_line_that_an_adopted_edit_was_written_around_is_still_to_go(
    texts: list[str], mine: str, missing: int
) -> None:
    found = held(texts, mine)
    assert found.missing == (missing,) and list(found.whole) == lines(texts[-1])


def test_what_was_reverted_taken_in_and_changed_since_is_missing() -> None:
    texts = ["B=2 C=1 S=1", "B=2 C=4 S=1", "B=2 C=4", "B=8 C=4", "B=8 C=1 S=1", "B=8 C=4 S=1"]
    found = held(texts, "B=2 C=1 S=mine", Removal("3", tuple(lines("B=8 C=1 S=1"))))
    assert found.missing == (3, 5) and list(found.whole) == lines("B=8 C=4 S=mine")


@pytest.mark.parametrize(
    ("mine", "missing", "changed"),
    [
        pytest.param("A=1 B=1 C=1 D=1 E=1 F=1", (1,), (), id="its place is there"),
        pytest.param("A=1 C=1 E=1 F=1", (1,), (), id="one neighbour is there"),
        pytest.param("A=1 B=1 E=1 F=1", (), (1,), id="neither neighbour is"),
        pytest.param("X=9", (), (1,), id="the human took all of it out and wrote another line"),
    ],
)
def test_an_insertion_is_missing_only_where_its_place_is_there(
    mine: str, missing: tuple[int, ...], changed: tuple[int, ...]
) -> None:
    found = held(["A=1 B=1 C=1 D=1 E=1 F=1", "A=1 B=1 C=1 new=1 D=1 E=1 F=1"], mine)
    assert (found.missing, found.changed) == (missing, changed)
    assert ("new=1\n" in found.whole) == bool(missing)


def test_the_incumbent_lacks_nothing_and_what_was_reverted_stays_out() -> None:
    texts = ["A=1 B=1", "A=2 B=1", "A=2 B=2"]
    tip = tuple(lines(texts[2]))
    assert held(texts, texts[2]) == Holding(base=tip, whole=tip)
    assert held(texts, texts[1]).missing == (2,) and held(texts, texts[1]).whole == tip
    assert held(texts, texts[0]).missing == (1, 2)
    reverted = held(texts, "A=1 B=2", Removal("2", tuple(lines("A=1 B=2"))))
    assert (reverted.missing, reverted.changed) == ((), (1,)) and list(reverted.whole) == lines("A=1 B=2")
