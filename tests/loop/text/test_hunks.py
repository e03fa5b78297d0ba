"""Hunk arithmetic and attribution: tables for the rules, properties for the arithmetic."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.record.types import Refused
from loop.text import lineage
from loop.text.diff import carry, changes, converted, split_lines
from loop.text.hunks import Hunk, advance_all, apply, hunks, invert, locate, shows, take_out

# Few different lines, so that repeats, moves and ambiguous places are common; several kinds of ends, one without.
LINE = st.sampled_from(["a\n", "b\n", "\n", "x = 1\n", "x = 1\r\n", "é😋\n", "}\r", "\x0c\n"])
TAIL = st.sampled_from(["", "end", " "])
TEXT = st.builds(lambda lines, tail: "".join(lines) + tail, st.lists(LINE, max_size=14), TAIL)


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


def test_a_thousand_lines_are_compared_by_their_anchors() -> None:
    old = [f"value_{n} = {n}\n" if n % 3 else "\n" for n in range(1000)]
    new = [line.replace("7 = ", "7 = 1") for line in old]
    cut = hunks(old, new)
    assert len(cut) == sum(a != b for a, b in zip(old, new, strict=True))
    assert advance_all(old, cut) == new


@given(TEXT, TEXT)
def test_values_follow_their_lines(before: str, after: str) -> None:
    old, new = split_lines(before), split_lines(after)
    carried = carry(old, new, list(range(len(old))), -1)
    assert len(carried) == len(new)
    assert all(new[place] == old[at] for place, at in enumerate(carried) if at >= 0)


BASE = ["import x\n", "LR = 1\n", "WD = 1\n", "\n", "def main():\n", "    pass\n"]
KEPT = [
    (3, ["import x\n", "LR = 2\n", "WD = 1\n", "\n", "def main():\n", "    pass\n"]),
    (7, ["import x\n", "LR = 2\n", "WD = 9\n", "\n", "def main():\n", "    clip()\n", "    pass\n"]),
    (9, ["import x\n", "LR = 3\n", "WD = 9\n", "def main():\n", "    clip()\n", "    pass\n"]),
]


def test_each_line_knows_the_experiment_that_wrote_it() -> None:
    line = lineage.extend(lineage.begin(BASE), KEPT)
    assert lineage.authors(line.parts) == [0, 9, 7, 0, 7, 0]
    assert line == lineage.extend(lineage.extend(lineage.begin(BASE), KEPT[:1]), KEPT[1:])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(KEPT[2][1], [0, 9, 7, 0, 7, 0], id="the incumbent"),
        pytest.param(["# mine\n", *KEPT[2][1]], [None, 0, 9, 7, 0, 7, 0], id="with a line of one's own"),
        pytest.param(KEPT[0][1], [0, 3, None, None, 0, 0], id="a text that lags behind"),
    ],
)
def test_authors_of_any_text(text: list[str], expected: list[int | None]) -> None:
    assert lineage.authors(lineage.parts_of(lineage.extend(lineage.begin(BASE), KEPT), text)) == expected


def test_a_deletion_belongs_to_the_experiment_that_made_it() -> None:
    base = [*BASE, "unused = compute()\n"]
    line = lineage.extend(lineage.begin(base), [(5, BASE)])
    assert lineage.experiments_of(line, ["unused = compute()\n"], [], []) == (5,)
    assert lineage.experiments_of(line, ["LR = 1\n"], ["LR = 8\n"], [None]) == ()


@pytest.mark.parametrize(
    ("texts", "base", "expected"),
    [
        pytest.param(["a1", "a2", "a3"], "a1", [(9, 4)], id="in turn, as they were kept"),
        pytest.param(["a1", "a2", "a3"], "a2", [(4,)], id="the first is accepted"),
        pytest.param(["a1", "a2", "a1", "a3"], "a1", [(5,)], id="there and back does not count"),
        pytest.param(["a1", "a2", "a1", "a3"], "a2", [(4, 5)], id="back to what was accepted, not further"),
        pytest.param(["a1 b1", "a2 b1", "a2 b2", "a3 b2"], "a1 b1", [(9, 5), (4,)], id="a neighbour is left out"),
        pytest.param(["a1", "a1 b1", "a1 b2"], "a1", [(9, 4)], id="a line that was added"),
        pytest.param(["a1", "b1 b2", "c1"], "a1", [(9, 4)], id="lines that do not pair up"),
        pytest.param(["a1 b1", "b2 b3 b4", "b2 c1 b4"], "a1 b1", [(9, 4)], id="one of a block"),
        pytest.param(["a1 b1", "a1 b2", "a1"], "a1 b1", [(9, 4)], id="written, then taken out"),
        pytest.param(["a1 b1", "a2 b1", "a2"], "a1 b1", [(9, 4)], id="taken out beside it"),
        pytest.param(["a1 b1", "b1", "b1 c1"], "a1 b1", [(9,), (4,)], id="two places"),
    ],
)
def test_a_hunk_knows_all_that_wrote_it_since_its_old_lines(
    texts: list[str], base: str, expected: list[tuple[int, ...]]
) -> None:
    first, *kept = [[f"line {word}\n" for word in f"top {text} end".split()] for text in texts]
    line = lineage.extend(lineage.begin(first), zip((9, 4, 5), kept, strict=False))
    parts = lineage.parts_of(line, line.lines)
    old = [f"line {word}\n" for word in f"top {base} end".split()]
    found = [
        lineage.experiments_of(line, hunk.old, hunk.new, parts[hunk.start : hunk.start + len(hunk.new)])
        for hunk in hunks(old, line.lines, lineage.authors(parts))
    ]
    assert found == expected


@pytest.mark.parametrize("seed", range(20))
def test_of_knobs_a_hunk_knows_whoever_set_them_since_they_last_had_their_accepted_value(seed: int) -> None:
    rng, knobs = random.Random(seed), range(6)
    nights = [[0] * len(knobs)]
    for _ in range(30):
        nights.append([rng.choice((0, 1, 2, 3)) if rng.random() < 0.3 else value for value in nights[-1]])
    texts = [[f"KNOB_{knob} = {night[knob]}\n" for knob in knobs] for night in nights]
    line = lineage.extend(lineage.begin(texts[0]), enumerate(texts[1:], 1))
    accepted = [rng.choice(nights)[knob] for knob in knobs]  # each hunk was accepted at a time of its own
    parts = lineage.parts_of(line, line.lines)
    for hunk in hunks([f"KNOB_{knob} = {accepted[knob]}\n" for knob in knobs], line.lines, lineage.authors(parts)):
        span = range(hunk.start, hunk.start + len(hunk.new))
        expected: set[int] = set()
        for knob in span:
            values = [night[knob] for night in nights]
            since = max(n for n, value in enumerate(values) if value == accepted[knob])
            expected |= {n for n in range(since + 1, len(values)) if values[n] != values[n - 1]}
        found = lineage.experiments_of(line, hunk.old, hunk.new, [parts[knob] for knob in span])
        assert found == tuple(sorted(expected))


def test_a_line_written_ten_thousand_times_has_them_all_and_is_let_go_again() -> None:
    line = lineage.extend(lineage.begin(BASE), ((n, [f"LR = {n}\n"]) for n in range(1, 10_001)))
    assert lineage.experiments_of(line, BASE, line.lines, line.parts) == tuple(range(1, 10_001))
    assert lineage.writers(line.parts[0], ["LR = 9990\n"]) == tuple(range(9991, 10_001))


@pytest.mark.parametrize("old", ["a\nb\nc\n", "b\nc\n", "a\nb\n", "a\nx\nc\n", "", "a\nb\nb\nc\n"])
@pytest.mark.parametrize("new", ["a\nb\nc\n", "b\nc\n", "a\nb\n", "a\nx\nc\n", "", "a\nb\nb\nc\n"])
def test_a_text_shows_each_of_its_hunks_and_without_it_does_not(old: str, new: str) -> None:
    lines = split_lines(new)
    for hunk in hunks(split_lines(old), lines):
        assert shows(lines, hunk)
        assert not shows(apply(lines, invert(hunk)), hunk)
