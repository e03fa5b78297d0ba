"""The kept line → who wrote each line in turn, what each keep changed, every line that it ever had in one order.

One more keep costs one comparison of two texts; nothing is ever compared twice. Pure: no files, no clock, no git.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from loop.text.diff import Change, changes, fates

TRIVIAL = re.compile(r"\W*(?:(?:else|try|finally|pass|break|continue|return)\b\W*)?")  # says nothing of its author
TARGET = re.compile(r"\s*([\w.]+)\s*(?::[^=]+)?=[^=]")  # what a line assigns to


@dataclass(frozen=True)
class Step:
    """One keep: its experiment, and the lines that came and went with it."""

    experiment: int
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of a keep: the lines that came, and those that went for them, each with the part that it came with.

    Compared by identity: a line that was written a thousand times has a thousand parts behind it.
    """

    experiment: int
    keep: int  # its place in the kept line; 0 is the baseline
    came: tuple[str, ...] = ()
    went: tuple[tuple[str, Part], ...] = field(default=(), repr=False)


BASELINE = Part(0, 0)


class Strand(NamedTuple):
    """A line that was ever kept: with which part it came, and with which it went; None while it stands."""

    line: str
    came: Part
    went: Part | None = None


@dataclass(frozen=True)
class Lineage:
    """The kept line up to one incumbent. `parts` says for each line with which part of which keep it came."""

    lines: tuple[str, ...]
    parts: tuple[Part, ...] = field(compare=False)
    steps: tuple[Step, ...] = ()
    wrote: dict[str, Part] = field(default_factory=dict, compare=False)  # line → what wrote it last, also if it is gone
    erased: dict[str, Part] = field(default_factory=dict, compare=False)  # line → what took it out last
    ages: dict[str, int] = field(default_factory=dict, compare=False)  # line → the keep that wrote it first
    weave: tuple[Strand, ...] = field(default=(), compare=False)  # every line ever kept; each kept text is a part of it

    @property
    def tip(self) -> int:
        """The incumbent's number."""
        return self.steps[-1].experiment if self.steps else 0


def begin(baseline: Sequence[str]) -> Lineage:
    """Return the line that has only the baseline."""
    weave = tuple(Strand(line, BASELINE) for line in baseline)
    return Lineage(tuple(baseline), (BASELINE,) * len(baseline), ages=dict.fromkeys(baseline, 0), weave=weave)


def extend(lineage: Lineage, kept: Iterable[tuple[int, Sequence[str]]]) -> Lineage:
    """Return the line with further keeps, each an experiment and its text, in their order."""
    lines, parts, steps = lineage.lines, list(lineage.parts), list(lineage.steps)
    wrote, erased, ages = dict(lineage.wrote), dict(lineage.erased), dict(lineage.ages)
    weave = list(lineage.weave)
    places = [n for n, strand in enumerate(weave) if strand.went is None]
    for experiment, text in kept:
        added: list[str] = []
        removed: list[str] = []
        keep = len(steps) + 1
        for a, a_end, b, b_end in reversed(changes(lines, text)):
            went = tuple(zip(lines[a:a_end], parts[a:a_end], strict=True))
            writes, takes = _cut(experiment, keep, tuple(text[b:b_end]), went)
            wrote.update(pair for pair in zip(text[b:b_end], writes, strict=True) if not TRIVIAL.fullmatch(pair[0]))
            erased.update(pair for pair in zip(lines[a:a_end], takes, strict=True) if not TRIVIAL.fullmatch(pair[0]))
            for line in text[b:b_end]:
                ages.setdefault(line, 0 if TRIVIAL.fullmatch(line) else keep)
            added.extend(text[b:b_end])
            removed.extend(lines[a:a_end])
            parts[a:a_end] = writes
            _interlace(weave, places, Change(a, a_end, b, b_end), text, writes, takes)
        steps.append(Step(experiment, tuple(added), tuple(removed)))
        lines = tuple(text)
    return Lineage(lines, tuple(parts), tuple(steps), wrote, erased, ages, tuple(weave))


def _interlace(
    weave: list[Strand],
    places: list[int],
    change: Change,
    text: Sequence[str],
    writes: Sequence[Part],
    takes: Sequence[Part],
) -> None:
    """Put the lines that came behind those that went for them, and behind their own older versions.

    `places` says where each line of the text stands in the weave.
    """
    a, a_end, b, b_end = change
    for place, part in zip(places[a:a_end], takes, strict=True):
        weave[place] = weave[place]._replace(went=part)
    count = b_end - b
    if count == a_end - a:
        spots = [place + 1 for place in places[a:a_end]]
    else:
        start = places[a - 1] + 1 if a else 0
        end = places[a_end] if a_end < len(places) else len(weave)
        usual = places[a_end - 1] + 1 if a < a_end else start  # above what stood there before the line below
        spots = _spots([strand.line for strand in weave[start:end]], text[b:b_end], start, usual)
    for n in reversed(range(count)):
        weave.insert(spots[n], Strand(text[b + n], writes[n]))
    places[a:a_end] = [spot + n for n, spot in enumerate(spots)]
    places[a + count :] = [place + count for place in places[a + count :]]


def _spots(gone: Sequence[str], came: Sequence[str], start: int, usual: int) -> list[int]:
    """Return where lines come among those that went: each behind its last older version, others where it is usual.

    A text may have one line and lack its neighbour, so versions of one line must not stand on both sides of another.
    """
    old = [_subject(line) for line in gone]
    stands = [at if at >= 0 and old[at] else -1 for at in fates([_subject(line) for line in came], old)]
    ends, spots, following = list[int](), list[int](), len(gone)
    for at in reversed(stands):
        ends.append(following)
        following = at if at >= 0 else following
    for at, until in zip(stands, reversed(ends), strict=True):
        spot = min(usual, start + until)
        if at >= 0:
            spot = start + 1 + max(k for k in range(at, until) if old[k] == old[at])
        spots.append(max([spot, *spots[-1:]]))
    return spots


def _subject(line: str) -> str:
    """Return what versions of a line have in common: what it assigns to, else the line; "" where it says nothing."""
    target = TARGET.match(line)
    return "" if TRIVIAL.fullmatch(line) else target[1] if target else line


def _cut(
    experiment: int, keep: int, came: tuple[str, ...], went: tuple[tuple[str, Part], ...]
) -> tuple[list[Part], list[Part]]:
    """Return the part of each line that came, and of each that went: line by line where they pair up, else one."""
    if len(came) == len(went):
        pairs = [Part(experiment, keep, (line,), (old,)) for line, old in zip(came, went, strict=True)]
        return pairs, pairs
    whole = Part(experiment, keep, came, went)
    return [whole] * len(came), [whole] * len(went)


def parts_of(lineage: Lineage, text: Sequence[str], stands: Sequence[int] | None = None) -> list[Part | None]:
    """Return for each line of any text the part that it came with, None where the human wrote it.

    A line of the incumbent keeps its part; `stands` are the fates there, where they are known. Another is looked up
    among all lines ever kept, since the text may lag behind; one more copy of an incumbent's line is the human's.
    """
    stands = fates(text, lineage.lines) if stands is None else stands
    found = [lineage.parts[at] if at >= 0 else None for at in stands]
    others = [n for n, at in enumerate(stands) if at < 0]
    if others:
        shown = {at for at in stands if at >= 0}
        moved = {line for at, line in enumerate(lineage.lines) if at not in shown}
        copies = set(lineage.lines) - moved
        for n in others:
            found[n] = None if text[n] in copies else lineage.wrote.get(text[n])
    return found


def authors(parts: Iterable[Part | None]) -> list[int | None]:
    """Return the experiment of each part; 0 is the baseline, None the human themselves."""
    return [None if part is None else part.experiment for part in parts]


def experiments_of(
    lineage: Lineage, old: Sequence[str], new: Sequence[str], parts: Iterable[Part | None]
) -> tuple[int, ...]:
    """Return all experiments behind a hunk, as they were kept, given the parts of its new lines; () behind a human's.

    Those whose lines another wrote over meanwhile count too, and so do those that took an old line out. Old lines that
    are all newer than the new ones were accepted since: the human went back. A line that was there before and came back
    is as old as it was first.
    """
    wrote = [part for part in parts if part is not None and part.keep]
    if not wrote and any(line.strip() for line in new):
        return ()
    accepted = [lineage.ages.get(line, 0) for line in old]
    if wrote and accepted and min(accepted) > max(part.keep for part in wrote):
        return ()
    found, reached = _back(wrote, old)
    found |= _on(lineage, [line for line in old if line not in reached], new)
    return _in_order(found)


def writers(part: Part, old: Sequence[str]) -> tuple[int, ...]:
    """Return the experiments that wrote one line in turn as they were kept, since the old lines of its hunk."""
    return _in_order(_back([part], old)[0])


def _back(parts: Iterable[Part], old: Sequence[str]) -> tuple[set[Part], set[str]]:
    """Return these parts with all that they wrote over, back to the old lines; and the old lines that they reach."""
    todo, ends = list(parts), frozenset(old)
    found: set[Part] = set()
    reached: set[str] = set()
    while todo:
        part = todo.pop()
        if part in found:
            continue
        found.add(part)
        for line, before in part.went:
            if line in ends:
                reached.add(line)
            elif before.keep:
                todo.append(before)
    return found, reached


def _on(lineage: Lineage, gone: Iterable[str], new: Sequence[str]) -> set[Part]:
    """Return what took lines out, and then what came for them, until nothing is left or it is a new line."""
    todo, ends = [(line, 0) for line in gone], frozenset(new)
    found: set[Part] = set()
    while todo:
        line, since = todo.pop()
        part = None if line in ends else lineage.erased.get(line)
        if part is not None and part.keep > since and part not in found:
            found.add(part)
            todo.extend((came, part.keep) for came in part.came)
    return found


def _in_order(parts: Iterable[Part]) -> tuple[int, ...]:
    keeps = {part.keep: part.experiment for part in parts}
    return tuple(keeps[keep] for keep in sorted(keeps))


def in_order(lineage: Lineage, experiments: Iterable[int]) -> tuple[int, ...]:
    """Return the experiments as they were kept: a lower number may have been kept later."""
    wanted = set(experiments)
    return tuple(step.experiment for step in lineage.steps if step.experiment in wanted)


@dataclass(frozen=True)
class Reviewed:
    """What the human has accepted: a commit and its text."""

    commit: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Removal:
    """A revert that stands and was not adopted: the text without the hunk, and the commit that it was taken from."""

    parent: str
    lines: tuple[str, ...]
    commit: str = ""  # "" while it is only asked for


@dataclass(frozen=True)
class Kept:
    """The kept line read from git, and the commits along it: the baseline's first, the incumbent's last."""

    line: Lineage
    commits: tuple[str, ...]
