"""The kept line → who wrote each line in turn, what each keep changed, which kept text a human's text grew from.

One more keep costs one comparison of two texts; nothing is ever compared twice. Pure: no files, no clock, no git.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from loop.diff import changes, fates

TRIVIAL = re.compile(r"\W*(?:(?:else|try|finally|pass|break|continue|return)\b\W*)?")  # says nothing of its author


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


@dataclass(frozen=True)
class Lineage:
    """The kept line up to one incumbent. `parts` says for each line with which part of which keep it came."""

    lines: tuple[str, ...]
    parts: tuple[Part, ...] = field(compare=False)
    steps: tuple[Step, ...] = ()
    wrote: dict[str, Part] = field(default_factory=dict, compare=False)  # line → what wrote it last, also if it is gone
    erased: dict[str, Part] = field(default_factory=dict, compare=False)  # line → what took it out last
    ages: dict[str, int] = field(default_factory=dict, compare=False)  # line → the keep that wrote it first

    @property
    def tip(self) -> int:
        """The incumbent's number."""
        return self.steps[-1].experiment if self.steps else 0


def begin(baseline: Sequence[str]) -> Lineage:
    """Return the line that has only the baseline."""
    return Lineage(tuple(baseline), (BASELINE,) * len(baseline), ages=dict.fromkeys(baseline, 0))


def extend(lineage: Lineage, kept: Iterable[tuple[int, Sequence[str]]]) -> Lineage:
    """Return the line with further keeps, each an experiment and its text, in their order."""
    lines, parts, steps = lineage.lines, list(lineage.parts), list(lineage.steps)
    wrote, erased, ages = dict(lineage.wrote), dict(lineage.erased), dict(lineage.ages)
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
        steps.append(Step(experiment, tuple(added), tuple(removed)))
        lines = tuple(text)
    return Lineage(lines, tuple(parts), tuple(steps), wrote, erased, ages)


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


def nearest(lineage: Lineage, text: Iterable[str] | Counter[str]) -> tuple[int, int]:
    """Return how many keeps the text already has, and by how many lines it differs from what was kept there.

    The place in the line whose text differs least, the latest on a tie: the baseline is 0, the incumbent `len(steps)`.
    Walks back over what each keep changed, so it needs no older text.
    """
    balance = Counter(text)
    balance.subtract(lineage.lines)
    distance = sum(abs(n) for n in balance.values())
    best, least = len(lineage.steps), distance
    for place in range(len(lineage.steps) - 1, -1, -1):
        for line in lineage.steps[place].added:
            balance[line] += 1
            distance += 1 if balance[line] > 0 else -1
        for line in lineage.steps[place].removed:
            balance[line] -= 1
            distance += 1 if balance[line] < 0 else -1
        if distance < least:
            best, least = place, distance
    return best, least


@dataclass(frozen=True)
class Reviewed:
    """What the human has accepted: a commit and its text."""

    commit: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Removal:
    """A revert that waits to be measured: the text without the hunk, and the commit that it was taken from."""

    parent: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Kept:
    """The kept line read from git, and the commits along it: the baseline's first, the incumbent's last."""

    line: Lineage
    commits: tuple[str, ...]


def grown_from(kept: Kept, removals: Sequence[Removal], text: Sequence[str]) -> int:
    """Return how many keeps a text has: its place in the kept line.

    A text from which hunks were reverted looks like an older keep until the reverts are measured; pulling must not
    bring them back meanwhile. So it is also looked at with what was taken out: by all reverts, by each, by none.
    """
    taken = [_taken_out(kept, removal) for removal in removals if removal.parent in kept.commits]
    singles = [[one] for one in taken] if len(taken) > 1 else []
    found: list[tuple[int, int]] = []
    for chosen in [taken, *singles, []] if taken else [[]]:
        whole = Counter(text)
        for lines in chosen:
            whole.update(lines)
        found.append(nearest(kept.line, whole))
    return min(found, key=lambda one: one[1])[0]  # of equals the first, with the most reverts


def _taken_out(kept: Kept, removal: Removal) -> Counter[str]:
    """Return the lines that a revert took out; those that it put in are negative."""
    lines = Counter(kept.line.lines)
    for step in kept.line.steps[kept.commits.index(removal.parent) :]:
        lines.subtract(step.added)
        lines.update(step.removed)
    lines.subtract(removal.lines)
    return lines
