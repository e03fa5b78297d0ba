"""A patch: what one text changes in another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.text.canvas import fingerprint
from loop.text.patch import Patch, changed_knobs, changed_lines


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_patch_is_told_in_the_form_of_what_it_changes(mark: str, end: str) -> None:
    before = f"{mark}LR = 0.1{end}WD = 0.2{end}"
    patch = Patch.between(before, "LR = 0.3\nWD = 0.2\nDEPTH = 4\n")
    assert patch.text == f"{mark}LR = 0.3{end}WD = 0.2{end}DEPTH = 4{end}"
    assert patch.knobs == {"LR": ("0.1", "0.3"), "DEPTH": ("", "4")}
    assert (patch.lines_added, patch.lines_removed) == (2, 1)
    assert patch.fingerprint == fingerprint(patch.text) != fingerprint(before)


def test_a_text_that_says_the_same_is_an_empty_patch() -> None:
    patch = Patch.between("LR = 0.1  # why\n", "LR = 0.1\n")
    assert (patch.knobs, patch.lines_added, patch.lines_removed) == ({}, 0, 0)
    assert patch.fingerprint == fingerprint("LR = 0.1  # why\n")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("A = 1\nB = 2\n", "A = 1\nB = 3\n", (1, 1), id="one line changed"),
        pytest.param("A = 1\n", "A = 1\n# why\n\nB = 2\n", (1, 0), id="comments and blanks are free"),
        pytest.param("A = 1  # one\n", "A = 1  # uno\n", (0, 0), id="a comment on a line"),
        pytest.param(
            "def f():\n    '''a\n    b'''\n    return 1\n", "def f():\n    return 1\n", (0, 0), id="docstring"
        ),
        pytest.param("x = '# no comment'\n", "x = ''\n", (1, 1), id="a hash in a string"),
        pytest.param("A = 1\nB = 2\nC = 3\n", "B = 2\n", (0, 2), id="deleted"),
        pytest.param("A = 1\r\nB = 2\r\n", "A = 1\nB = 2\n", (0, 0), id="line ends"),
        pytest.param("a b\n\nc d\n", "a b\nc e\n", (1, 1), id="prose"),
    ],
)
def test_lines_of_code_are_counted(old: str, new: str, expected: tuple[int, int]) -> None:
    assert changed_lines(old, new) == expected


def test_knobs_that_come_and_go_are_changes() -> None:
    assert changed_knobs("A = 1\nB = 2\n", "B = 2\nC = 3\n") == {"A": ("1", ""), "C": ("", "3")}


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_breaks_the_readers(old: str, new: str) -> None:
    added, removed = changed_lines(old, new)
    assert added >= 0 and removed >= 0
    assert isinstance(changed_knobs(old, new), dict)
    assert fingerprint(old) == fingerprint(old)
