"""Three texts → one: what one side changed and what the other side changed since their common base. Pure.

Finer than git's merge, which calls changes of neighbouring lines a conflict: a canvas keeps its knobs on neighbouring
lines, and two patches that turn two of them belong together. What comes out is measured before it is believed.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from loop.record.types import MergeConflict
from loop.text.diff import Change, changes, split_lines
from loop.text.hunks import hunks


def merge(base: str, ours: str, theirs: str) -> str:
    """Return `base` with the changes of both sides; raises MergeConflict where they changed the same lines."""
    old, our_lines, their_lines = split_lines(base), split_lines(ours), split_lines(theirs)
    sides = [(change, our_lines) for change in changes(old, our_lines)]
    for change in changes(old, their_lines):
        rivals = [(c, lines) for c, lines in sides if lines is our_lines and _clash(c, change)]
        if any((c.a, c.a_end, our_lines[c.b : c.b_end]) != _says(change, their_lines) for c, _ in rivals):
            raise MergeConflict(f"both changed line {change.a + 1} of the text they started from")
        if not rivals:  # else both made the same change, which is there already
            sides.append((change, their_lines))
    return _put(old, [side for side in sides if not any(_has(other, side) for other in sides)])


def merge_over(base: str, ours: str, theirs: str) -> str:
    """Return `base` with their changes, and with those of ours that touch none of them."""
    old, our_lines, their_lines = split_lines(base), split_lines(ours), split_lines(theirs)
    come = changes(old, their_lines)
    stay = [c for c in changes(old, our_lines) if not any(_clash(c, change) for change in come)]
    return _put(old, [*((c, our_lines) for c in stay), *((c, their_lines) for c in come)])


def _put(old: list[str], sides: list[tuple[Change, list[str]]]) -> str:
    merged: list[str] = []
    at = 0
    for change, lines in sorted(sides, key=lambda side: (side[0].a, side[0].a_end)):
        merged += old[at : change.a] + lines[change.b : change.b_end]
        at = change.a_end
    return "".join(merged + old[at:])


def merge_again(base: Sequence[str], ours: Sequence[str], theirs: Sequence[str], known: Set[str]) -> list[str]:
    """Return our lines with their changes of `base`, of which we may have some already; raises MergeConflict.

    `known` are the lines that give way where theirs come: older versions of them. Every other line of ours stays.
    """
    start = list(base)
    mine = changes(base, ours)
    for change in reversed(changes(base, theirs)):
        come = theirs[change.b : change.b_end]
        if any(c.a <= change.a and change.a_end <= c.a_end and _holds(ours[c.b : c.b_end], come) for c in mine):
            start[change.a : change.a_end] = come
    rivals = changes(start, theirs)
    for hunk in reversed(hunks(start, ours, [n if line in known else None for n, line in enumerate(ours)])):
        place = Change(hunk.old_start, hunk.old_start + len(hunk.old), 0, 0)
        beaten = [rival for rival in rivals if _clash(place, rival)]
        if beaten and known >= {*hunk.new}:
            # Old lines that no rival touches are left: that we deleted them stands.
            start[max(place.a, beaten[0].a) : min(place.a_end, beaten[-1].a_end)] = hunk.new
    try:
        return split_lines(merge("".join(start), "".join(ours), "".join(theirs)))
    except MergeConflict as error:
        rivals = changes(start, theirs)
        line = next(c.b for c in changes(start, ours) if any(_clash(c, rival) for rival in rivals))
        raise MergeConflict(f"line {line + 1}: both changed it") from error


def _holds(lines: Sequence[str], part: Sequence[str]) -> bool:
    """Return whether the lines have these, in their order, with others between them or not."""
    rest = iter(lines)
    return all(line in rest for line in part)


def _says(change: Change, lines: list[str]) -> tuple[int, int, list[str]]:
    return change.a, change.a_end, lines[change.b : change.b_end]


def _has(one: tuple[Change, list[str]], other: tuple[Change, list[str]]) -> bool:
    """Return whether one side's change of a line has what the other side inserts right above or below that line."""
    (change, lines), (inserted, from_lines) = one, other
    if lines is from_lines or inserted.a < inserted.a_end or change.a == change.a_end:
        return False
    here, come = lines[change.b : change.b_end], from_lines[inserted.b : inserted.b_end]
    above = change.a == inserted.a and here[: len(come)] == come
    return above or (change.a_end == inserted.a and here[len(here) - len(come) :] == come)


def _clash(one: Change, other: Change) -> bool:
    """Return whether two changes touch the same old lines, or insert at the same place."""
    if one.a == one.a_end and other.a == other.a_end:
        return one.a == other.a
    return one.a < other.a_end and other.a < one.a_end
