"""Two texts of a canvas → what one changes in the other: knobs, lines of code, the text's fingerprint. Pure."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Self

from loop.text.canvas import code_lines, fingerprint
from loop.text.diff import in_form_of
from loop.text.knobs import all_knobs


@dataclass(frozen=True)
class Patch:
    """A text and what it changes, as the journal tells it."""

    text: str  # with the line ends and the byte order mark of the one that it changes
    fingerprint: str
    knobs: dict[str, tuple[str, str]]  # name → literals before and after
    lines_added: int
    lines_removed: int

    @classmethod
    def between(cls, before: str, text: str) -> Self:
        """Return what `text` changes in the one that it was written against."""
        formed = in_form_of(text, before)
        added, removed = changed_lines(before, formed)
        return cls(formed, fingerprint(text), changed_knobs(before, formed), added, removed)


def changed_knobs(old: str, new: str) -> dict[str, tuple[str, str]]:
    """Return name → literals before and after, of every branch; "" where the knob is not there."""
    before = {(k.name, k.profile): k.literal for k in all_knobs(old)}
    after = {(k.name, k.profile): k.literal for k in all_knobs(new)}
    changes = {}
    for key in (*before, *(key for key in after if key not in before)):
        if before.get(key) != after.get(key):
            changes[key[0]] = (before.get(key, ""), after.get(key, ""))
    return changes


def changed_lines(old: str, new: str) -> tuple[int, int]:
    """Return how many lines of code were added and removed.

    Blank lines, comments and docstrings do not count (git's own count does): by them alone a tie must not become
    "simpler", nor an explanation cost anything. Where a text is not Python every line with a word on it counts.
    """
    before, after = code_lines(old), code_lines(new)
    added = removed = 0
    for tag, i, j, k, n in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            removed, added = removed + j - i, added + n - k
    return added, removed
