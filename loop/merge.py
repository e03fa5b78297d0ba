"""Three texts → one: what one side changed and what the other side changed since their common base. Pure.

Finer than git's merge, which calls changes of neighbouring lines a conflict: a canvas keeps its knobs on neighbouring
lines, and two patches that turn two of them belong together. What comes out is measured before it is believed.
"""

from __future__ import annotations

from loop.hunks import Change, changes, split_lines
from loop.types import MergeConflict


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
    merged: list[str] = []
    at = 0
    for change, lines in sorted(sides, key=lambda side: (side[0].a, side[0].a_end)):
        merged += old[at : change.a] + lines[change.b : change.b_end]
        at = change.a_end
    return "".join(merged + old[at:])


def _says(change: Change, lines: list[str]) -> tuple[int, int, list[str]]:
    return change.a, change.a_end, lines[change.b : change.b_end]


def _clash(one: Change, other: Change) -> bool:
    """Return whether two changes touch the same old lines, or insert at the same place."""
    if one.a == one.a_end and other.a == other.a_end:
        return one.a == other.a
    return one.a < other.a_end and other.a < one.a_end
