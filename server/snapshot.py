"""What is recorded of a folder's campaign, as one value that never changes. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import State
from loop.runs.progress import Progress
from loop.text.diff import fates
from loop.text.lineage import Kept, Removal, Reviewed
from server.documents import Document, Role

RESULTS = re.compile(r"results(-.+)?\.tsv")  # an export beside a file of the user's own is named after its campaign


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

    @cached_property
    def running(self) -> int | None:
        """The experiment without a verdict that trains now."""
        run = self.ledger.running if self.ledger and self.state in (State.PREPARING, State.RUNNING) else None
        return run[0].number if run and run[0].verdict is None else None

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
