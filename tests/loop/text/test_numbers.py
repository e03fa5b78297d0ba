"""How numbers, lists of experiments and the words of others are written."""

from __future__ import annotations

import pytest

from loop.text.numbers import names, number, plain, precise, signed, signed_number, uncertainty, visible


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(0.00123, "0.0012", id="four decimals"),
        pytest.param(0.00005, "0.0001", id="the last that four decimals show"),
        pytest.param(0.00004, "0.00004", id="one digit of a smaller one"),
        pytest.param(3.14e-7, "0.0000003", id="and of a tiny one"),
        pytest.param(1e-9, "0.000000001", id="the smallest that is written out"),
        pytest.param(0.0, "0", id="none at all"),
        pytest.param(250.0, "2.5e+02", id="a large one"),
    ],
)
def test_an_uncertainty_is_never_rounded_to_nothing(value: float, expected: str) -> None:
    assert uncertainty(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.99123, "0.9912"), (0.0, "0.0000"), (-0.5, "−0.5000"), (0.00123, "0.00123"), (99.99999, "100.0000"),
        (1234.56, "1,234.6"), (2e9, "2e+09"), (float("inf"), "inf"), (float("nan"), "nan"),
    ],
)  # fmt: skip
def test_a_score_is_written_in_the_digits_that_matter(value: float, expected: str) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.5, "0.500000"), (0.001, "0.001000"), (0.00025, "2.50000e-04"), (0.0, "0.000000")]
)
def test_a_table_has_six_decimals_and_more_where_these_show_nothing(value: float, expected: str) -> None:
    assert precise(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.01, "+0.0100"), (-0.01, "−0.0100"), (0.0, "0.0000"), (-0.00005, "−5.0e-05"), (1234.5, "+1,234.5")],
)
def test_a_difference_has_its_sign_and_zero_has_none(value: float, expected: str) -> None:
    assert signed_number(value) == expected
    assert signed(-0.001, ".2f") == "0.00", "what is rounded to zero has no sign either"


@pytest.mark.parametrize(
    ("experiments", "expected"),
    [((), ""), ((12,), "#12"), ((3, 12, 17), "#3 #12 #17"), ((3, 12, 17, 20), "… #12 #17 #20")],
)
def test_the_last_three_experiments_are_named_and_that_there_were_more(
    experiments: tuple[int, ...], expected: str
) -> None:
    assert names(experiments) == expected


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("two\n lines\x1b[2J", 0, "two lines [2J"),
        ("exactly", 7, "exactly"),
        ("one too many", 11, "one too ma…"),
        ("any", 1, "…"),
    ],
)
def test_words_of_a_model_stand_on_one_line_of_a_given_width(text: str, width: int, expected: str) -> None:
    assert plain(text, width) == expected


def test_control_characters_show() -> None:
    assert visible("a\x1b[31m\tb\n\u202e") == "a\ufffd[31m\tb\n\ufffd"
