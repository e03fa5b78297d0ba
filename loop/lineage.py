"""The kept line → who wrote each line, what each keep changed, and which kept text a human's text grew from.

One more keep costs one comparison of two texts; nothing is ever compared twice. Pure: no files, no clock, no git.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from loop.hunks import changes

TRIVIAL = 4  # characters; a shorter line (a bracket, `else:`) is no evidence of its author


@dataclass(frozen=True)
class Step:
    """One keep: its experiment, and the lines that came and went with it."""

    experiment: int
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True)
class Lineage:
    """The kept line up to one incumbent. `owners` says for each line which experiment wrote it, 0 the baseline."""

    lines: tuple[str, ...]
    owners: tuple[int, ...]
    steps: tuple[Step, ...] = ()
    wrote: dict[str, int] = field(default_factory=dict)  # line → the last experiment that wrote it, also if it is gone
    erased: dict[str, int] = field(default_factory=dict)  # line → the last experiment that took it out

    @property
    def tip(self) -> int:
        """The incumbent's number."""
        return self.steps[-1].experiment if self.steps else 0


def begin(baseline: Sequence[str]) -> Lineage:
    """Return the line that has only the baseline."""
    return Lineage(tuple(baseline), (0,) * len(baseline))


def extend(lineage: Lineage, kept: Iterable[tuple[int, Sequence[str]]]) -> Lineage:
    """Return the line with further keeps, each an experiment and its text, in their order."""
    lines, owners, steps = lineage.lines, list(lineage.owners), list(lineage.steps)
    wrote, erased = dict(lineage.wrote), dict(lineage.erased)
    for experiment, text in kept:
        added: list[str] = []
        removed: list[str] = []
        for change in reversed(changes(lines, text)):
            added.extend(text[change.b : change.b_end])
            removed.extend(lines[change.a : change.a_end])
            owners[change.a : change.a_end] = [experiment] * (change.b_end - change.b)
        wrote.update((line, experiment) for line in added if len(line.strip()) >= TRIVIAL)
        erased.update((line, experiment) for line in removed if len(line.strip()) >= TRIVIAL)
        steps.append(Step(experiment, tuple(added), tuple(removed)))
        lines = tuple(text)
    return Lineage(lines, tuple(owners), tuple(steps), wrote, erased)


def authors(lineage: Lineage, text: Sequence[str]) -> list[int | None]:
    """Return for each line of any text the experiment that wrote it; 0 is the baseline, None the human themselves.

    A line of the incumbent keeps its author. Another is looked up among all lines ever kept: the text may lag behind.
    """
    found: list[int | None] = []
    at = 0
    for change in changes(lineage.lines, text):
        found.extend(lineage.owners[at : change.a])
        found.extend(lineage.wrote.get(line) for line in text[change.b : change.b_end])
        at = change.a_end
    found.extend(lineage.owners[at:])
    return found


def experiments_of(
    lineage: Lineage, old: Sequence[str], new: Sequence[str], owners: Sequence[int | None]
) -> tuple[int, ...]:
    """Return the experiments behind a hunk, given who wrote its new lines; () where it is the human's own edit."""
    wrote = sorted({owner for owner in owners if owner})
    if wrote or any(line.strip() for line in new):
        return tuple(wrote)
    took = {lineage.erased[line] for line in old if line in lineage.erased}
    return tuple(sorted(took))


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
