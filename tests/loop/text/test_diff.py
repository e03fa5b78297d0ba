"""Two texts, line by line: tables for the rules, properties for the arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.text.diff import (
    LARGEST_BLOCK,
    REPLACED,
    TAKEN_OUT,
    Change,
    carry,
    changes,
    converted,
    fates,
    in_form_of,
    split_lines,
)
from tests.loop.text.texts import TEXT


@given(st.text(alphabet="ab\r\n\x0c\u2028é😋"))
def test_splitting_loses_no_byte(text: str) -> None:
    assert "".join(split_lines(text)) == text
    assert all(line.rstrip("\r\n") + line[len(line.rstrip("\r\n")) :] == line for line in split_lines(text))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("a", ["a"], id="no final newline"),
        pytest.param("a\r\n\rb\n", ["a\r\n", "\r", "b\n"], id="three kinds of ends"),
        pytest.param("a\x0cb\u2028c\n", ["a\x0cb\u2028c\n"], id="form feed and line separator end nothing"),
    ],
)
def test_lines_end_as_in_the_protocol(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines


@pytest.mark.parametrize(
    ("text", "like", "expected"),
    [
        pytest.param("a\r\nb", "x\n", "a\nb", id="a checkout with autocrlf"),
        pytest.param("a\nb\n", "x\r\n", "a\r\nb\r\n", id="the reverse"),
        pytest.param("a\r\nb\n", "x\n", "a\r\nb\n", id="mixed ends stay"),
        pytest.param("a\nb\n", "\ufeffx\n", "\ufeffa\nb\n", id="an editor that hides the byte order mark"),
        pytest.param("\ufeffa\n", "x\r\n", "a\r\n", id="one that shows it, and another end"),
        pytest.param("", "\ufeffx\n", "", id="nothing stays nothing"),
    ],
)
def test_what_a_checkout_or_an_editor_converts_is_no_edit(text: str, like: str, expected: str) -> None:
    assert "".join(converted(split_lines(text), split_lines(like))) == expected


@pytest.mark.parametrize(
    ("text", "parent", "expected"),
    [
        pytest.param("A = 2\nB = 1\n", "A = 1\r\nB = 1\r\n", "A = 2\r\nB = 1\r\n", id="all written with LF"),
        pytest.param("A = 2\nB = 1\r\n", "A = 1\r\nB = 1\r\n", "A = 2\r\nB = 1\r\n", id="one line with LF"),
        pytest.param("A = 2\r\nB = 1\n", "A = 1\nB = 1\n", "A = 2\nB = 1\n", id="one line with CRLF"),
        pytest.param("A = 2\nB = 1\n", "A = 1\r\nB = 1\n", "A = 2\nB = 1\n", id="mixed before"),
        pytest.param("A = 2\n\n", "A = 1", "A = 2", id="an end too many"),
        pytest.param("A = 2", "A = 1\r\n", "A = 2\r\n", id="an end too few"),
        pytest.param("A = 2\n", "\ufeffA = 1\n", "\ufeffA = 2\n", id="the mark lost"),
        pytest.param("\ufeffA = 2\n", "A = 1\n", "A = 2\n", id="a mark written"),
        pytest.param("A = 2\r\n", "", "A = 2\r\n", id="of nothing"),
    ],
)
def test_a_text_has_the_form_of_the_one_it_grew_from(text: str, parent: str, expected: str) -> None:
    assert in_form_of(text, parent) == expected


@given(TEXT, TEXT)
def test_values_follow_their_lines(before: str, after: str) -> None:
    old, new = split_lines(before), split_lines(after)
    carried = carry(old, new, list(range(len(old))), -1)
    assert len(carried) == len(new)
    assert all(new[place] == old[at] for place, at in enumerate(carried) if at >= 0)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("", "", [], id="nothing"),
        pytest.param("abc", "abc", [], id="no change"),
        pytest.param("abc", "aXc", [Change(1, 2, 1, 2)], id="a line changed"),
        pytest.param("abc", "ac", [Change(1, 2, 1, 1)], id="a line less"),
        pytest.param("ac", "abc", [Change(1, 1, 1, 2)], id="a line more"),
        pytest.param("xaabby", "XaabbY", [Change(0, 1, 0, 1), Change(5, 6, 5, 6)], id="around lines that repeat"),
        pytest.param("abcd", "Abc", [Change(0, 1, 0, 1), Change(3, 4, 3, 3)], id="at both ends"),
    ],
)
def test_only_the_lines_that_differ_are_a_change(old: str, new: str, expected: list[Change]) -> None:
    assert changes(old, new) == expected


def test_a_block_of_repeated_lines_that_is_too_large_to_compare_counts_as_replaced() -> None:
    middle = ["a\n", "b\n"] * 300
    whole = len(middle) + 2
    assert whole * whole > LARGEST_BLOCK
    assert changes(["x\n", *middle, "y\n"], ["X\n", *middle, "Y\n"]) == [Change(0, whole, 0, whole)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("abc", "bc", [1, 2], id="below a line that went"),
        pytest.param("bc", "aabc", [None, None, 0, 1], id="below lines that came"),
        pytest.param("abcd", "aXYcd", [0, None, None, 2, 3], id="below one that two replaced"),
        pytest.param("abcd", "aXd", [0, None, 3], id="below two that one replaced"),
    ],
)
def test_a_value_stays_with_its_line_whatever_came_or_went_above(
    old: str, new: str, expected: list[int | None]
) -> None:
    assert carry(old, new, range(len(old)), None) == expected


@pytest.mark.parametrize(
    ("text", "kept", "expected"),
    [
        pytest.param("abc", "abc", [0, 1, 2], id="all there"),
        pytest.param("abc", "ac", [0, TAKEN_OUT, 1], id="one was taken out"),
        pytest.param("abc", "aXc", [0, REPLACED, 2], id="one was replaced"),
        pytest.param("abcd", "aXd", [0, REPLACED, REPLACED, 2], id="two were replaced by one"),
        pytest.param("bc", "aabc", [2, 3], id="others came above"),
    ],
)
def test_a_lines_fate_tells_one_that_was_replaced_from_one_that_was_taken_out(
    text: str, kept: str, expected: list[int]
) -> None:
    assert fates(text, kept) == expected
