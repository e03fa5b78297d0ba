"""Two texts, line by line: what differs, what each line became, and the form that a text shares with another.

Works on lists of lines that keep their ends, so every byte survives. Pure: no files, no clock, no git.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple, TypeVar

LARGEST_BLOCK = 250_000  # lines times lines that are compared one by one; beyond it a block counts as replaced
REPLACED, TAKEN_OUT = -1, -2  # the fate of a line that does not stand in another text
BOM = "\ufeff"
LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")  # as Python counts them; str.splitlines knows eight ends more

T = TypeVar("T")


class Change(NamedTuple):
    """Lines [a, a_end) of the old text became lines [b, b_end) of the new one."""

    a: int
    a_end: int
    b: int
    b_end: int


def split_lines(text: str) -> list[str]:
    r"""Return the lines with their ends; only \n, \r\n and \r end a line, as in the language server protocol."""
    return LINE.findall(text)


def converted(lines: Sequence[str], like: Sequence[str]) -> list[str]:
    r"""Return the lines with \n for \r\n, or the reverse, where the other text uses only the other one.

    A checkout may convert line ends (`core.autocrlf`), and most editors hide a byte order mark: neither is an edit.
    Mixed ends are left as they are.
    """
    ours, theirs, text = _only_end(lines), _only_end(like), list(lines)
    if ours is not None and theirs is not None and ours != theirs:
        text = [line.removesuffix(ours) + theirs if line.endswith(ours) else line for line in text]
    if text and like:
        text[0] = (BOM if like[0].startswith(BOM) else "") + text[0].removeprefix(BOM)
    return text


def _only_end(lines: Sequence[str]) -> str | None:
    ends = {_end(line) for line in lines} - {""}
    return ends.pop() if len(ends) == 1 else None


def _end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def in_form_of(text: str, parent: str) -> str:
    r"""Return a text with the line ends, the missing last one too, and the byte order mark of the one it grew from.

    Most tools write \n and end the last line, whatever they read: that is no change, but a review compares bytes.
    Mixed ends are left as they are, and so is a text beside an empty one.
    """
    if not text or not parent:
        return text
    like = split_lines(parent)
    end, last = _only_end(like), _end(like[-1])
    if end is not None:
        text = re.sub(r"\r?\n", end, text)
    if not last:
        text = text.rstrip("\r\n")
    elif not _end(text):
        text += last
    return (BOM if parent.startswith(BOM) else "") + text.removeprefix(BOM)


def changes(old: Sequence[str], new: Sequence[str]) -> list[Change]:
    """Return what differs, in order, never touching. Lines that occur once on both sides are the anchors (patience)."""
    found: list[Change] = []
    waiting = [Change(0, len(old), 0, len(new))]
    while waiting:
        a, a_end, b, b_end = waiting.pop()
        while a < a_end and b < b_end and old[a] == new[b]:
            a, b = a + 1, b + 1
        while a < a_end and b < b_end and old[a_end - 1] == new[b_end - 1]:
            a_end, b_end = a_end - 1, b_end - 1
        if a == a_end or b == b_end:
            if a < a_end or b < b_end:
                found.append(Change(a, a_end, b, b_end))
            continue
        anchors = _anchors(old, new, Change(a, a_end, b, b_end))
        if anchors:
            for x, y in [*anchors, (a_end, b_end)]:
                waiting.append(Change(a, x, b, y))
                a, b = x + 1, y + 1
        else:
            found.extend(_compare(old, new, Change(a, a_end, b, b_end)))
    return _joined(found)


def _anchors(old: Sequence[str], new: Sequence[str], block: Change) -> list[tuple[int, int]]:
    """Return the longest rising run of lines that stand once on each side of a block."""
    ours, theirs = _once(old, block.a, block.a_end), _once(new, block.b, block.b_end)
    pairs = [(x, theirs[line]) for line, x in ours.items() if x >= 0 and theirs.get(line, -1) >= 0]
    ends: list[int] = []
    tails: list[int] = []
    links: list[int] = []
    for place, (_, y) in enumerate(pairs):
        at = bisect_left(ends, y)
        ends[at:] = [y, *ends[at + 1 :]] if at < len(ends) else [y]
        tails[at:] = [place, *tails[at + 1 :]] if at < len(tails) else [place]
        links.append(tails[at - 1] if at else -1)
    run: list[tuple[int, int]] = []
    place = tails[-1] if tails else -1
    while place >= 0:
        run.append(pairs[place])
        place = links[place]
    return run[::-1]


def _once(lines: Sequence[str], start: int, end: int) -> dict[str, int]:
    """Return where each line of a range stands, -1 for one that stands there several times."""
    places: dict[str, int] = {}
    for place in range(start, end):
        places[lines[place]] = -1 if lines[place] in places else place
    return places


def _compare(old: Sequence[str], new: Sequence[str], block: Change) -> Iterator[Change]:
    a, a_end, b, b_end = block
    if (a_end - a) * (b_end - b) > LARGEST_BLOCK:
        yield block
        return
    matcher = SequenceMatcher(None, old[a:a_end], new[b:b_end], autojunk=False)
    for tag, x, x_end, y, y_end in matcher.get_opcodes():
        if tag != "equal":
            yield Change(a + x, a + x_end, b + y, b + y_end)


def _joined(found: list[Change]) -> list[Change]:
    joined: list[Change] = []
    for change in sorted(found):
        if joined and joined[-1].a_end == change.a and joined[-1].b_end == change.b:
            joined[-1] = Change(joined[-1].a, change.a_end, joined[-1].b, change.b_end)
        else:
            joined.append(change)
    return joined


def carry(old: Sequence[str], new: Sequence[str], values: Sequence[T], default: T) -> list[T]:
    """Return for each new line the value of the old line that it is, or the default where it is not an old one."""
    carried: list[T] = []
    at = 0
    for change in changes(old, new):
        carried.extend(values[at : change.a])
        carried.extend([default] * (change.b_end - change.b))
        at = change.a_end
    carried.extend(values[at : len(old)])
    return carried


def fates(text: Sequence[str], kept: Sequence[str]) -> list[int]:
    """Return the fate of each line: where it stands in the kept text, or REPLACED or TAKEN_OUT."""
    found: list[int] = []
    at = 0
    for change in changes(text, kept):
        found.extend(range(at, change.b))
        found.extend([REPLACED if change.b < change.b_end else TAKEN_OUT] * (change.a_end - change.a))
        at = change.b_end
    found.extend(range(at, len(kept)))
    return found
