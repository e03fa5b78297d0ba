"""How a canvas reads: what of it is an agent's and waits, what is the human's own, what each revert would cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.review.pulling import pulled
from loop.text import lineage
from loop.text.hunks import advance_all, take_out
from loop.text.lineage import Kept, Reviewed
from server.documents import Document
from server.reading import read_canvas
from server.snapshot import Review


@pytest.mark.parametrize(
    ("kept", "shown", "theirs"),
    [
        ("a n b c d", "a n c d", [("", "n")]),  # the human took out b beside what came
        ("a n b c d", "a n B c d", [("", "n")]),  # wrote it anew
        ("a b n c d", "a n c d", [("", "n")]),
        ("x b c d", "x c d", [("a", "x")]),
        ("a c d", "a d", [("b", "")]),
        ("a b d", "a d", [("c", "")]),
        ("x b y d", "x y d", [("a", "x"), ("c", "y")]),
        ("x b y d", "x B y d", [("a", "x"), ("c", "y")]),
        ("x b c d", "b c d", []),  # took out the line that was replaced
        ("x b c d", "b d", []),
        ("a c d", "a C d", []),
        ("a b c d", "a d", []),
    ],
)
def test_what_the_human_takes_out_is_not_the_agents(kept: str, shown: str, theirs: list[tuple[str, str]]) -> None:
    base, line, text = ([f"{word}\n" for word in words.split()] for words in ("a b c d", kept, shown))
    known = lineage.extend(lineage.begin(base), [(1, line)])
    reading = read_canvas(
        Review(Kept(known, ("", "1")), Reviewed("", tuple(base))),
        Document("file:///train.py", Path("/train.py"), 1, "".join(text)),
    )
    found = [(p.hunk, p.experiments) for p in reading.pending]
    assert [("".join(h.old).strip(), "".join(h.new).strip()) for h, _ in found] == theirs
    assert all(experiments == (1,) for _, experiments in found)
    taken = [hunk for hunk, _ in found]
    assert advance_all(base, [*taken, *reading.own]) == text
    assert take_out(line, text, taken, base) == (base if theirs else line), "its cost is that of the agent's change"


def test_an_accepted_keep_that_the_human_undoes_is_not_the_older_keeps() -> None:
    known = lineage.extend(lineage.begin(["A = 4\n"]), [(1, ["A = 5\n"]), (2, ["A = 6\n"])])
    review = Review(Kept(known, ("", "1", "2")), Reviewed("", ("A = 6\n",)))
    reading = read_canvas(review, Document("file:///train.py", Path("/train.py"), 1, "A = 5\n"))
    assert (reading.pending, len(reading.own)) == ([], 1)


@pytest.mark.parametrize("values", [[8, 4, 2], [8, 4, 2, 8], [8, 4, 2, 8, 4], [8, 4, 2, 8, 1], [8, 4, 2, 8, 4, 8, 1]])
def test_an_undone_revert_waits_whatever_is_kept_after_its_price(values: list[int]) -> None:
    texts = [[f"A = {value}\n"] for value in values]
    known = lineage.extend(lineage.begin(texts[0]), list(enumerate(texts))[1:])
    review = Review(Kept(known, tuple(map(str, range(len(values))))), Reviewed("", ("A = 8\n",)))
    reading = read_canvas(review, Document("file:///train.py", Path("/train.py"), 1, "A = 2\n"))
    assert [p.experiments for p in reading.pending] == [(1, 2)] and not reading.own


def test_a_copy_of_an_agents_line_is_the_humans() -> None:
    known = lineage.extend(lineage.begin(["a = 1\n", "b = 2\n"]), [(1, ["a = 1\n", "clip()\n", "b = 2\n"])])
    base = Reviewed("", ("a = 1\n", "clip()\n", "b = 2\n"))
    text = "a = 1\nclip()\nb = 2\nclip()\n"
    reading = read_canvas(Review(Kept(known, ("", "1")), base), Document("file:///t.py", Path("/t.py"), 1, text))
    assert reading.authors == [0, 1, 0, None]
    assert (reading.pending, len(reading.own)) == ([], 1)


def lined(*values: tuple[int, int, float]) -> list[list[str]]:
    return [[f"BATCH = {b}\n", f"DEPTH = {d}\n", f"LR = {r}\n"] for b, d, r in values]


def test_a_text_that_has_a_later_keep_and_lacks_an_earlier_one_is_told_so() -> None:
    halved, deeper = [(4096, 4, 0.04), (2048, 4, 0.04)], [(2048, 5, 0.04), (2048, 5, 0.02), (1024, 5, 0.02)]
    texts = lined(*halved, *deeper, (1024, 4, 0.02))  # the last is the cost of a revert of #3
    line = lineage.extend(lineage.begin(texts[0]), list(zip([1, 3, 5, 7, 11], texts[1:], strict=True)))
    (mine,) = lined((2048, 4, 0.02))
    review = Review(Kept(line, tuple("013579")), Reviewed("", tuple(texts[0])))
    reading = read_canvas(review, Document("file:///t.py", Path("/t.py"), 1, "".join(mine)))
    assert reading.held.missing == (7,) and reading.behind == 1
    assert pulled("t.py", reading.held) == texts[-1]
