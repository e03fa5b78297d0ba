"""Who wrote each line of the kept line, and all that is behind a hunk."""

from __future__ import annotations

import random

import pytest

from loop.text import lineage
from loop.text.hunks import hunks

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
        pytest.param([*KEPT[2][1], "LR = 3\n"], [0, 9, 7, 0, 7, 0, None], id="one more copy of an agent's line"),
        pytest.param([*KEPT[2][1][1:], "import x\n"], [9, 7, 0, 7, 0, None], id="a line of the baseline, moved"),
        pytest.param(["WD = 9\n", "import x\n", "LR = 3\n"], [7, 0, 9], id="an agent's line, moved"),
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


@pytest.mark.parametrize(
    ("accepted", "shown", "expected"),
    [
        pytest.param("a1", "a2", (9,), id="an old line that came back later is as old as it was first"),
        pytest.param("a3", "a2", (), id="the human went back from a newer line"),
        pytest.param("a2", "a3", (4, 5), id="what agents wrote since, there and back too"),
    ],
)
def test_who_went_back_to_an_older_line_is_the_human(accepted: str, shown: str, expected: tuple[int, ...]) -> None:
    first, *kept = [[f"line {word}\n"] for word in ("a1", "a2", "a1", "a3")]
    line = lineage.extend(lineage.begin(first), zip((9, 4, 5), kept, strict=True))
    old, new = [f"line {accepted}\n"], [f"line {shown}\n"]
    assert lineage.experiments_of(line, old, new, lineage.parts_of(line, new)) == expected


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
