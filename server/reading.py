"""How a canvas reads against what was kept: who wrote each line, what waits for review, what it lacks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from loop.text import lineage
from loop.text.diff import TAKEN_OUT, converted, fates
from loop.text.holding import Holding, holding
from loop.text.hunks import Hunk, hunks
from loop.text.lineage import Part
from server.documents import Document
from server.snapshot import Review


@dataclass(frozen=True)
class Pending:
    """A hunk that waits for the human, and all experiments that wrote it since the accepted base, as they were kept."""

    hunk: Hunk
    experiments: tuple[int, ...]

    @property
    def newest(self) -> int:
        """The experiment that wrote it last, which the human meets as its author."""
        return self.experiments[-1]


@dataclass(frozen=True, eq=False)
class Reading:
    """A canvas against the kept line: who wrote each line, what waits for review, what it lacks."""

    lines: list[str]  # the document's, in the repository's line ends
    parts: list[Part | None]
    authors: list[int | None]
    pending: list[Pending]
    own: list[Hunk]  # the human's edits since the accepted base
    held: Holding

    @property
    def behind(self) -> int:
        """How many keeps a pull would bring."""
        return len(self.held.missing)

    def find(self, hunk_id: object) -> Pending | None:
        return next((p for p in self.pending if p.hunk.id == hunk_id), None)

    def at(self, line: int) -> Pending | None:
        """Return the pending hunk at a line; a deletion is at the line below it, at the last one where none is."""
        return next((p for p in self.pending if self.touches(p.hunk, line, line)), None)

    def touches(self, hunk: Hunk, first: int, last: int) -> bool:
        """Return whether a hunk is at one of these lines."""
        start = min(hunk.start, max(0, len(self.lines) - 1))
        return start <= last and first < hunk.start + max(1, len(hunk.new))


@lru_cache(maxsize=16)
def read_canvas(review: Review, document: Document) -> Reading:
    """Return how a document reads. Cached by identity: neither a review nor a document ever changes."""
    line = review.kept.line
    lines = converted(document.lines, review.reviewed.lines or line.lines)
    stood, stands = review.stood, fates(lines, line.lines)
    parts = lineage.parts_of(line, lines, stands)
    for n in range(1, len(lines)):
        if parts[n - 1] is None and not lines[n].strip():
            parts[n] = None  # a blank line goes with the human's line above it
    authors = lineage.authors(parts)
    pending, own = [], []
    for hunk in hunks(review.reviewed.lines, lines, authors, stood, stands):
        wrote = parts[hunk.start : hunk.start + len(hunk.new)]
        mine = not hunk.new and stood[hunk.old_start] != TAKEN_OUT
        experiments = () if mine else lineage.experiments_of(line, hunk.old, hunk.new, wrote)
        if experiments:
            pending.append(Pending(hunk, experiments))
        else:
            own.append(hunk)
    return Reading(lines, parts, authors, pending, own, holding(review.kept, review.removals, lines))
