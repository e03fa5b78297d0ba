"""Knobs: which there are, what they are worth, and a change that touches nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.text.canvas import fingerprint
from loop.text.knobs import all_knobs, knobs, value_of, with_knob
from loop.text.patch import changed_knobs, changed_lines

PROFILES = """\
LR = 0.04  # rate
if prepare.PROFILE.name == "gpu":
    DEPTH = 9  # layers
    ONLY_GPU = 1
else:
    DEPTH = 2  # layers
"""

CHAIN = """\
if prepare.PROFILE.name == "gpu":
    DEPTH = 9
elif prepare.PROFILE.name == "gpu-24":
    DEPTH = 8
elif prepare.PROFILE.name == 'gpu-8':
    DEPTH = 6
else:
    DEPTH = 2
"""


@pytest.mark.parametrize(
    ("line", "literal", "value", "comment"),
    [
        pytest.param("DEPTH = 4", "4", 4, "", id="int"),
        pytest.param("LR = 4e-2  # rate", "4e-2", 0.04, "rate", id="float with a comment"),
        pytest.param("DECAY = -1.5", "-1.5", -1.5, "", id="negative"),
        pytest.param("BATCH = 2**18 # tokens", "2**18", 262144, "tokens", id="power"),
        pytest.param("BATCH = 4 * 2048", "4 * 2048", 8192, "", id="product"),
        pytest.param("RATIO = 8 / 3", "8 / 3", 8 / 3, "", id="quotient"),
        pytest.param("TOKENS = 262_144", "262_144", 262144, "", id="underscores"),
        pytest.param("COMPILE = True", "True", True, "", id="truth value"),
        pytest.param('PATTERN = "SS#L"  # S or L', '"SS#L"', "SS#L", "S or L", id="a string with a hash"),
        pytest.param("LR: float = 0.1", "0.1", 0.1, "", id="annotated"),
        pytest.param("LR: 'größe 😀' = 0.1", "0.1", 0.1, "", id="behind letters of several bytes"),
    ],
)
def test_a_knob_is_a_plain_literal(line: str, literal: str, value: object, comment: str) -> None:
    (knob,) = knobs(f"import os\n{line}\n").values()
    assert (knob.literal, knob.value, knob.comment, knob.line) == (literal, value, comment, 2)
    assert line[knob.column_start : knob.column_end] == literal


@pytest.mark.parametrize(
    "line",
    [
        "lr = 0.1",
        "Lr = 0.1",
        "_LR = 0.1",
        "LR = BASE * 2",
        "LR = float('1')",
        "LR = os.environ['LR']",
        "A, B = 1, 2",
        "A = B = 1",
        "A = 1; B = 2",
        "LR = (0.1)",
        "LR = [1]",
        "LR = None",
        "LR += 1",
        "LR = 9**9**9",
        "LR = 1e999",
        "LR = 1 / 0",
        "LR = (-8)**0.5",
        "LR = 'a' * 3",
        "def f():\n    LR = 0.1",
        "if True:\n    LR = 0.1",
        "LR = \\\n  0.1",
        "LR = '''a\nb'''",
    ],
)
def test_anything_else_is_no_knob(line: str) -> None:
    assert knobs(line + "\n") == {}


@pytest.mark.parametrize("text", ["LR = 0.1\nthis was prose", "", "LR = 0.1\0", "(" * 10_000, "﻿", "# only words"])
def test_a_text_that_is_not_python_has_no_knobs_and_still_a_fingerprint(text: str) -> None:
    assert knobs(text) == {}
    assert len(fingerprint(text)) == 64
    assert changed_lines(text, text) == (0, 0)


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("gpu", {"LR": "0.04", "DEPTH": "9", "ONLY_GPU": "1"}),
        ("cpu", {"LR": "0.04", "DEPTH": "2"}),
        (None, {"LR": "0.04", "DEPTH": "2", "ONLY_GPU": "1"}),
    ],
)
def test_only_the_branch_of_the_profile_holds(profile: str | None, expected: dict[str, str]) -> None:
    assert {name: knob.literal for name, knob in knobs(PROFILES, profile).items()} == expected


@pytest.mark.parametrize(
    ("profile", "expected"),
    [("gpu", "9"), ("gpu-24", "8"), ("gpu-8", "6"), ("cpu", "2"), ("mps", "2"), ("gpu-48", "2"), (None, "2")],
)
def test_of_a_chain_of_profiles_one_branch_holds(profile: str | None, expected: str) -> None:
    (depth,) = knobs(CHAIN, profile).values()
    assert depth.literal == expected
    assert with_knob(CHAIN, "DEPTH", "12", profile) == CHAIN.replace(f"= {expected}", "= 12")


def test_each_branch_of_a_chain_says_where_it_holds() -> None:
    assert [knob.profile for knob in all_knobs(CHAIN)] == ["gpu", "gpu-24", "gpu-8", "not gpu gpu-24 gpu-8"]


@pytest.mark.parametrize("other", ["elif os.name == 'nt':", "elif True:"])
def test_a_branch_that_asks_for_something_else_has_no_knobs(other: str) -> None:
    text = CHAIN.replace("elif prepare.PROFILE.name == 'gpu-8':", other)
    assert [knob.profile for knob in all_knobs(text)] == ["gpu", "gpu-24"]


def test_a_change_goes_into_the_branch_that_holds() -> None:
    assert with_knob(PROFILES, "DEPTH", "12", "gpu") == PROFILES.replace("9", "12")
    assert with_knob(PROFILES, "DEPTH", "12", "cpu") == PROFILES.replace("= 2", "= 12")
    assert changed_knobs(PROFILES, with_knob(PROFILES, "DEPTH", "12", "gpu")) == {"DEPTH": ("9", "12")}
    assert [knob.profile for knob in all_knobs(PROFILES)] == ["", "gpu", "gpu", "not gpu"]


def test_of_two_assignments_the_last_holds() -> None:
    assert with_knob("LR = 1\nLR = 2\n", "LR", "3") == "LR = 1\nLR = 3\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("A = 1\r\nLR = 0.1\r\nB = 2\r\n", id="CRLF"),
        pytest.param("A = 1\rLR = 0.1\rB = 2", id="CR and no final newline"),
        pytest.param("LR = 0.1", id="one line without an end"),
        pytest.param("\ufeffLR = 0.1\n", id="byte order mark"),
        pytest.param("x = 'é\u2028\x0c😀'\nLR = 0.1  # 学習率\n", id="characters that look like line ends"),
        pytest.param("if a.PROFILE == 'ä':\n\tLR = 0.1 # ü\n", id="tab"),
    ],
)
def test_a_change_touches_no_other_byte(text: str) -> None:
    changed = with_knob(text, "LR", "0.25")
    assert changed == text.replace("0.1", "0.25")
    assert changed_knobs(text, changed) == {"LR": ("0.1", "0.25")}


def test_a_knob_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        with_knob("LR = 0.1\n", "DEPTH", "4")


@pytest.mark.parametrize(
    ("literal", "value"), [("2**10", 1024), (" -0.5 ", -0.5), ("'a'", "a"), ("x", None), ("", None), ("1; 2", None)]
)
def test_a_literal_has_a_value(literal: str, value: object) -> None:
    assert value_of(literal) == value


def test_this_projects_own_canvas_has_its_knobs() -> None:
    text = (Path(__file__).parents[3] / "train.py").read_bytes().decode()
    for profile in ("cpu", "gpu", "gpu-24", "gpu-fp32"):
        found = knobs(text, profile)
        assert {"TOTAL_BATCH", "MATRIX_LR", "DEPTH", "WARMDOWN"} <= set(found)
        assert all(knob.comment for knob in found.values())
        for knob in found.values():
            assert with_knob(text, knob.name, knob.literal, profile) == text


pieces = st.sampled_from(
    ["A = 1", "LR = 0.5", "é = '😀'", "", "# LR = 7", "def f(): pass", "x = '''\n'''", "\x0c", "(", "LR = 3"]
)
ends = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])


@given(st.lists(st.tuples(pieces, ends), max_size=8), st.sampled_from(["", "LR = 2"]), st.sampled_from(["9", "-1e-4"]))
def test_any_text_survives_a_change_and_its_reverse(lines: list[tuple[str, str]], last: str, literal: str) -> None:
    text = "".join(a + b for a, b in lines) + last
    knob = knobs(text).get("LR")
    if knob is not None:
        changed = with_knob(text, "LR", literal)
        assert knobs(changed)["LR"].literal == literal
        assert with_knob(changed, "LR", knob.literal) == text
