"""Hunk arithmetic: tables for the rules, properties for the arithmetic."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.record.types import Refused
from loop.text.diff import changes, split_lines
from loop.text.hunks import Hunk, advance_all, apply, hunks, invert, locate, shows, take_out
from tests.loop.text.texts import TEXT


@given(TEXT, TEXT)
def test_hunks_lead_from_old_to_new_and_nowhere_else(before: str, after: str) -> None:
    old, new = split_lines(before), split_lines(after)
    cut = hunks(old, new)
    assert advance_all(old, cut) == new
    kept = [line for change in [*changes(old, new)] for line in old[change.a : change.a_end]]
    assert len(kept) <= len(old)


@given(TEXT, TEXT)
def test_ids_are_distinct_and_every_hunk_is_found_once_where_it_shows(before: str, after: str) -> None:
    old, new = split_lines(before), split_lines(after)
    cut = hunks(old, new)
    assert len({hunk.id for hunk in cut}) == len(cut)
    for hunk in cut:
        assert locate(new, invert(hunk)) == hunk.start


@given(TEXT, TEXT)
def test_taking_a_hunk_back_and_forth_touches_no_other_byte(before: str, after: str) -> None:
    old, new = split_lines(before), split_lines(after)
    for hunk in hunks(old, new):
        without = apply(new, invert(hunk))
        end = hunk.start + len(hunk.new)
        assert without == [*new[: hunk.start], *hunk.old, *new[end:]]
        assert apply(without, hunk) == new


@given(TEXT, TEXT, st.randoms(use_true_random=False))
def test_accepting_in_any_order_ends_with_everything_accepted(before: str, after: str, chance: random.Random) -> None:
    base, new = split_lines(before), split_lines(after)
    for _ in range(100):  # lines that repeat may be aligned anew, so what is left may look larger for a while
        left = hunks(base, new)
        if not left:
            break
        base = advance_all(base, [chance.choice(left)])
    assert base == new


@given(st.permutations(range(8)), st.permutations(range(12)), st.randoms(use_true_random=False))
def test_what_was_accepted_is_never_undone_where_no_line_repeats(
    before: list[int], after: list[int], chance: random.Random
) -> None:
    base, new = ([f"line {n}\n" for n in numbers] for numbers in (before, after[:8]))
    left = hunks(base, new)
    while left:
        base = advance_all(base, [chance.choice(left)])
        now = hunks(base, new)
        assert len(now) <= len(left) + 1
        assert sum(len(h.old) + len(h.new) for h in now) <= sum(len(h.old) + len(h.new) for h in left)
        left = now
    assert base == new


@given(TEXT, TEXT, st.lists(st.sampled_from([3, 5, None]), min_size=40, max_size=40))
def test_cutting_by_owner_leads_to_the_same_text(before: str, after: str, owners: list[int | None]) -> None:
    old, new = split_lines(before), split_lines(after)
    assert advance_all(old, hunks(old, new, owners)) == new


@given(TEXT, TEXT)
def test_taking_all_hunks_out_of_the_shown_text_leads_back(before: str, after: str) -> None:
    old, new = split_lines(before), split_lines(after)
    assert take_out(new, new, hunks(old, new)) == old


def test_a_hunk_is_taken_out_of_a_relative_whatever_else_differs() -> None:
    old = [f"line {n}\n" for n in range(9)]
    new = [*old[:4], "new\n", *old[4:]]
    mine, relative = ["mine\n", *new], [*new[:-1], "other\n"]
    taken = [h for h in hunks(old, mine) if h.new == ("new\n",)]
    assert take_out(relative, mine, taken) == [*old[:-1], "other\n"]
    with pytest.raises(Refused, match="not in this text any more"):
        take_out(old, mine, taken)


@pytest.mark.parametrize(
    ("old", "shown", "relative", "hunk", "expected"),
    [
        pytest.param("wcs", "wC", "wc", Hunk("", 2, 2, ("s",), ()), "wcs", id="a deletion below a line of one's own"),
        pytest.param("a", "axn", "an", Hunk("", 1, 1, (), ("x", "n")), "a", id="one of two lines that go"),
        pytest.param("dl", "DL", "DnL", Hunk("", 0, 0, ("d", "l"), ("D", "L")), "dnl", id="others came in between"),
    ],
)
def test_a_hunk_is_taken_out_beside_lines_that_only_one_text_has(
    old: str, shown: str, relative: str, hunk: Hunk, expected: str
) -> None:
    assert take_out([*relative], [*shown], [hunk], [*old], some="x" in shown) == [*expected]
    with pytest.raises(Refused):
        take_out([*"uyz"], [*shown], [hunk], [*old])


def test_neighbouring_lines_of_two_experiments_are_two_hunks() -> None:
    old, new = ["LR = 1\n", "WD = 1\n"], ["LR = 2\n", "WD = 2\n"]
    assert [(h.old, h.new) for h in hunks(old, new, [3, 7])] == [
        (("LR = 1\n",), ("LR = 2\n",)),
        (("WD = 1\n",), ("WD = 2\n",)),
    ]
    assert len(hunks(old, new, [3, 3])) == 1


def test_a_line_of_ones_own_is_no_part_of_an_agents_hunk() -> None:
    old, new = ["LR = 1\n"], ["# mine\n", "LR = 2\n", "# too\n"]
    assert [(h.old, h.new) for h in hunks(old, new, [None, 3, None])] == [
        ((), ("# mine\n",)),
        (("LR = 1\n",), ("LR = 2\n",)),
        ((), ("# too\n",)),
    ]


def test_a_hunk_that_is_gone_or_ambiguous_is_refused_with_a_sentence() -> None:
    old = [f"line {n}\n" for n in range(20)]
    new = [*old[:10], "new\n", *old[10:]]
    (hunk,) = hunks(old, new)
    with pytest.raises(Refused, match="not in this text any more"):
        locate(old, invert(hunk))
    with pytest.raises(Refused, match="matches 2 places; pull again"):
        locate([*new, *new], invert(hunk))


def test_accepting_a_hunk_of_an_older_look_is_refused_and_overwrites_nothing() -> None:
    old, new = ["a\n", "b\n", "c\n"], ["a\n", "B\n", "c\n"]
    (hunk,) = hunks(old, new)
    assert advance_all(old, [hunk]) == new
    for moved_on in (["a\n", "mine\n", "c\n"], ["a\n"], []):
        with pytest.raises(Refused, match="the reviewed text has moved on; look again"):
            advance_all(moved_on, [hunk])


def test_a_thousand_lines_are_compared_by_their_anchors() -> None:
    old = [f"value_{n} = {n}\n" if n % 3 else "\n" for n in range(1000)]
    new = [line.replace("7 = ", "7 = 1") for line in old]
    cut = hunks(old, new)
    assert len(cut) == sum(a != b for a, b in zip(old, new, strict=True))
    assert advance_all(old, cut) == new


@pytest.mark.parametrize("old", ["a\nb\nc\n", "b\nc\n", "a\nb\n", "a\nx\nc\n", "", "a\nb\nb\nc\n"])
@pytest.mark.parametrize("new", ["a\nb\nc\n", "b\nc\n", "a\nb\n", "a\nx\nc\n", "", "a\nb\nb\nc\n"])
def test_a_text_shows_each_of_its_hunks_and_without_it_does_not(old: str, new: str) -> None:
    lines = split_lines(new)
    for hunk in hunks(split_lines(old), lines):
        assert shows(lines, hunk)
        assert not shows(apply(lines, invert(hunk)), hunk)
