"""What is recorded of a folder's campaign, as one value that never changes, and how a canvas reads against it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import ScoreSource, State
from loop.runs.progress import Progress
from loop.text import lineage
from loop.text.diff import TAKEN_OUT, converted, fates
from loop.text.holding import Holding, holding
from loop.text.hunks import Hunk, hunks
from loop.text.lineage import Kept, Part, Removal, Reviewed
from loop.text.numbers import NAMED, names, number, signed_number, uncertainty
from loop.views.standing import tip_text
from server.documents import Document, Role

RESULTS = re.compile(r"results(-.+)?\.tsv")  # an export beside a file of the user's own is named after its campaign
LABEL = 30  # characters of a hint; VS Code cuts all hints of a line at 43 together


@dataclass(frozen=True, eq=False)
class Review:
    """The kept line and the accepted base, as `loop.review` reads them; the same object while neither moves."""

    kept: Kept
    reviewed: Reviewed
    removals: tuple[Removal, ...] = ()

    @cached_property
    def stood(self) -> list[int]:
        """The fates of the accepted lines in the incumbent."""
        return fates(self.reviewed.lines, self.kept.line.lines)


@dataclass(frozen=True)
class Crash:
    """The newest verdict, if it is a crash, and the canvas that crashed."""

    experiment: Experiment
    lines: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One folder at one moment. `ledger` is a copy that nobody feeds; `trouble` the one sentence of what is broken."""

    folder: Path
    trouble: str = ""
    campaigns: tuple[str, ...] = ()
    ledger: Ledger | None = None
    progress: Progress | None = None
    alive: bool = False
    line: str = ""  # loop.views.status.status_line
    status: dict[str, Any] = field(default_factory=dict)  # loop.views.status.status_dict
    best: Experiment | None = None
    review: Review | None = None
    crash: Crash | None = None
    undoable: bool = False  # a revert stands that can be undone
    tried: dict[str, tuple[int, ...]] = field(default_factory=dict)  # knob → experiments that changed it
    cited: dict[str, tuple[int, ...]] = field(default_factory=dict)  # words of program.md → experiments
    canvas: str = "train.py"  # relative to the folder
    files: tuple[Any, ...] = ()  # of program.md and canvas on disk: changes are facts too

    @property
    def looked(self) -> bool:
        """Whether the folder has been looked at; until then nothing is known of it."""
        return bool(self.files or self.trouble)

    @property
    def silent_s(self) -> float:
        """For how long the daemon has shown no life, 0.0 where it does."""
        return float(self.status.get("silent_s", 0.0))

    @property
    def state(self) -> str:
        """The state to show: a campaign whose daemon is gone is stopped, whatever it was doing."""
        if self.ledger is None:
            return ""
        if not self.alive and self.ledger.state in (State.PREPARING, State.RUNNING, State.PAUSED):
            return State.STOPPED
        return self.ledger.state

    def role(self, document: Document) -> Role | None:
        """Return what a document is to this folder's campaign."""
        if RESULTS.fullmatch(document.name):
            return Role.RESULTS
        if document.path == self.folder / "program.md":
            return Role.PROGRAM
        return Role.CANVAS if document.path == self.folder / self.canvas else None

    def experiment(self, number: object) -> Experiment | None:
        return self.ledger.experiments.get(number) if self.ledger and isinstance(number, int) else None

    def known(self, numbers: Sequence[int]) -> list[Experiment]:
        """Return these experiments, in this order."""
        return [e for e in map(self.experiment, numbers) if e is not None]


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


def label(experiments: Sequence[Experiment], spread: bool = False) -> str:
    """Return `#17 −0.0043`, with `± 0.0003` where asked; `#12 #17 −0.0081` sums what those that wrote in turn brought.

    Without `spread` it fits a hint: then fewer are named, the newest always. A sum has no known uncertainty, and none
    is given where a summand is unknown.
    """
    deltas = [e.delta for e in experiments if e.delta is not None]
    gain = f" {signed_number(sum(deltas))}" if deltas and len(deltas) == len(experiments) else ""
    if spread and len(experiments) == 1 and gain and experiments[0].uncertainty:
        gain += f" ± {uncertainty(experiments[0].uncertainty)}"
    numbers = [e.number for e in experiments]
    fitting = (names(numbers, limit) for limit in range(NAMED, 1, -1))
    return next((some for some in fitting if spread or len(some + gain) <= LABEL), names(numbers, 1)) + gain


def best_words(snapshot: Snapshot) -> str:
    """Return `best 0.9697 (#118)`, who says so where it is the script itself, and what the branch holds instead."""
    best = snapshot.best
    if best is None or best.score is None:
        return "no score yet"
    tip = tip_text(snapshot.ledger) if snapshot.ledger else ""
    return f"best {number(best.score)}{claimed(best)} (#{best.number})" + (f", {tip}" if tip else "")


def claimed(experiment: Experiment) -> str:
    """Return ` self-reported` behind a score that the script printed about itself, "" behind a sealed one."""
    return f" {experiment.source}" if experiment.source is ScoreSource.SELF_REPORTED else ""
