"""Three-way merges of a canvas."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.record.types import MergeConflict
from loop.text.merge import merge, merge_again, merge_over

BASE = "A = 1\nB = 2\nC = 3\n\ntrain()\n"


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        pytest.param(("A = 1", "A = 9"), ("B = 2", "B = 8"), "A = 9\nB = 8\nC = 3\n\ntrain()\n", id="neighbours"),
        pytest.param(("A = 1", "A = 9"), ("A = 1", "A = 9"), "A = 9\nB = 2\nC = 3\n\ntrain()\n", id="the same"),
        pytest.param(("A = 1\n", ""), ("C = 3\n", ""), "B = 2\n\ntrain()\n", id="two deletions"),
        pytest.param(
            ("C = 3", "C = 3\nD = 4"), ("train", "learn"), "A = 1\nB = 2\nC = 3\nD = 4\n\nlearn()\n", id="far"
        ),
        pytest.param(("A = 1\n", "A = 9\nN = 1\n"), ("A = 1\n", "A = 1\nN = 1\n"),
                     "A = 9\nN = 1\nB = 2\nC = 3\n\ntrain()\n", id="one line that both insert"),
        pytest.param(("B = 2\n", "B = 2\r\n"), ("train()\n", "train()"), "A = 1\nB = 2\r\nC = 3\n\ntrain()", id="ends"),
    ],
)  # fmt: skip
def test_changes_of_different_lines_are_both_taken(ours: tuple[str, str], theirs: tuple[str, str], merged: str) -> None:
    assert merge(BASE, BASE.replace(*ours), BASE.replace(*theirs)) == merged


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param(("A = 1", "A = 9"), ("A = 1", "A = 8"), id="one line, two values"),
        pytest.param(("A = 1\nB = 2\n", ""), ("B = 2", "B = 8"), id="deleted and changed"),
        pytest.param(("C = 3\n", "C = 3\nD = 4\n"), ("C = 3\n", "C = 3\nE = 5\n"), id="two insertions at one place"),
    ],
)
def test_changes_of_the_same_lines_are_a_conflict_that_names_the_line(
    ours: tuple[str, str], theirs: tuple[str, str]
) -> None:
    with pytest.raises(MergeConflict, match="both changed line"):
        merge(BASE, BASE.replace(*ours), BASE.replace(*theirs))


lines = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "d\r\n", "\n"]), max_size=12).map("".join)


@given(base=lines, text=lines)
def test_a_side_that_changed_nothing_yields_to_the_other(base: str, text: str) -> None:
    assert merge(base, base, text) == merge(base, text, base) == merge(base, text, text) == text


@given(base=lines, ours=lines, theirs=lines)
def test_a_merge_does_not_depend_on_which_side_is_ours(base: str, ours: str, theirs: str) -> None:
    def result(a: str, b: str) -> str | None:
        try:
            return merge(base, a, b)
        except MergeConflict:
            return None

    assert result(ours, theirs) == result(theirs, ours)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        pytest.param("aMcd", "aBcd", None, id="a line of ours that they changed"),
        pytest.param("aMbcd", "Abcd", "AMbcd", id="ours beside theirs"),
        pytest.param("oMbcd", "Abcd", "AMbcd", id="an older version gives way"),
        pytest.param("acd", "aBcd", "aBcd", id="what they wrote anew comes back"),
        pytest.param("aocd", "Abcd", "Aocd", id="an older version elsewhere stays"),
        pytest.param("Acd", "Abcd", "Acd", id="theirs is there, and a deletion of ours beside it"),
        pytest.param("Mxbcd", "axbcd", "Mxbcd", id="an insertion is there, and ours above it"),
        pytest.param("aMcd", "acd", "aMcd", id="a deletion is there, and ours in its place"),
    ],
)
def test_what_is_merged_again_comes_once_and_leaves_ours(ours: str, theirs: str, expected: str | None) -> None:
    def again(text: str) -> str:
        base, mine, others = ([f"{letter}\n" for letter in word] for word in ("abcd", text, theirs))
        return "".join(merge_again(base, mine, others, {f"{letter}\n" for letter in "abcdABox"})).replace("\n", "")

    if expected is None:
        with pytest.raises(MergeConflict, match="line 2: both changed it"):
            again(ours)
    else:
        assert again(ours) == again(expected) == expected


def test_where_both_changed_a_line_theirs_stands_and_the_rest_of_ours_stays() -> None:
    assert merge_over("a\nb\nc\n", "a\nB\nc\nd\n", "a\nbb\nc\n") == "a\nbb\nc\nd\n"
    assert merge_over("a\n", "b\n", "a\n") == "b\n" and merge_over("a\n", "a\n", "c\n") == "c\n"
