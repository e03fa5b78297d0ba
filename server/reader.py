"""The reader of one folder: tails the journal, asks git, builds the next Snapshot. In the watcher's thread.

Costs a few system calls while nothing happens. What fails becomes the snapshot's one sentence of trouble, never an end.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from sys import intern
from typing import Any

from loop.control import control
from loop.record.entries import Entry
from loop.record.experiment_facts import Proposed, Repaired, RunStarted
from loop.record.home import Home, find_home
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.lock import served, silent_s
from loop.record.types import AutoResearchError, Refused, Verdict
from loop.review.checkout import Checkout
from loop.review.kept import read_kept, read_reviewed
from loop.review.reverts import read_removals, reverts
from loop.settings.program import parse
from loop.setup.campaigns import of_folder
from loop.text.diff import split_lines
from loop.text.lineage import Kept
from loop.views.claims import claim
from loop.views.status import status_dict, status_line
from server.snapshot import Crash, Review, Snapshot

log = logging.getLogger(__name__)

ALIVE_S = 0.5  # how often the daemon's lock is tried; asking holds it for an instant
RETRY_S = 2.0  # after a failure of git or of the journal


class Reader:
    """The reader of one folder. Not shared between threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.chosen: str | None = None  # a campaign that the human picked; None is the folder's last
        self.home: Home | None = None
        self._journal: Journal | None = None
        self._place: tuple[int, int] | None = None  # of the journal's file
        self._ledger: Ledger | None = None
        self._seq = 0
        self._campaigns: tuple[str, ...] = ()
        self._tried: dict[str, list[int]] = {}
        self._cited: dict[str, list[int]] = {}
        self._repo: Checkout | None = None
        self._kept: Kept | None = None
        self._review: Review | None = None
        self._crash: Crash | None = None
        self._marks: dict[str, Any] = {}
        self._named = "train.py"  # the canvas in program.md on disk; a campaign keeps the one that it began with
        self._served: str | None = None
        self._silent_s = 0.0
        self._asked_at = self._failed_at = -RETRY_S
        self._snapshot: Snapshot | None = None

    def poll(self) -> Snapshot | None:
        """Return a new snapshot where anything changed, else None."""
        now = time.monotonic()
        old = self._snapshot
        if old is not None and old.trouble and now - self._failed_at < RETRY_S:
            return None
        try:
            changed = self._read_journal(now)
            if self._notice("files", self._files()):
                changed, self._named = True, self._canvas_named()
            progress = self._progress()
            changed |= self._notice("progress", progress)
            moved = self._read_git() if changed or self._accepted_moved() else False
            if old is not None and not (changed or moved) and not old.trouble:
                return None
            self._snapshot = self._build(progress)
        except Exception as error:  # also a bug must not end the thread that everything hangs on
            self._failed_at = now
            self._forget_journal()
            expected = isinstance(error, AutoResearchError | OSError)
            sentence = str(error) if expected else f"{type(error).__name__} while reading the campaign; see the log"
            if old is not None and old.trouble == sentence:
                return None
            log.warning("%s: %s", self.folder, sentence, exc_info=not expected)
            self._snapshot = replace(old or Snapshot(self.folder), trouble=sentence)
        return self._snapshot

    def pick(self, campaign: str | None) -> None:
        """Show another campaign from now on."""
        self.chosen, self._ledger = campaign, None

    def _notice(self, name: str, value: object) -> bool:
        changed = bool(self._marks.get(name, self) != value)
        self._marks[name] = value
        return changed

    # ---- the journal -----------------------------------------------------------------------------------------------

    def _read_journal(self, now: float) -> bool:
        """Take in what is new; return whether anything is."""
        if self.home is None:
            try:
                self.home = find_home(self.folder)
            except Refused:
                return self._snapshot is None  # outside a repository: a start says so
        place = _place(self.home.journal)
        if place != self._place:  # made, deleted, or both
            self._forget_journal()
            self._place, self._ledger, self._campaigns, self._served = place, None, (), None
            if place is None:
                return True
        if place is None:
            return False
        if self._journal is None:
            self._journal = Journal(self.home.journal, create=False)
            self._ledger = None
        changed = self._notice("served", self._ask_served(now))
        changed |= self._notice("silent", self._silent_s)
        if self._ledger is not None and not self._journal.changed():
            return changed
        if self._ledger is None:
            self._select()
            return True
        new = self._journal.read(self._seq)
        self._seq = new[-1].seq if new else self._seq
        if any(e.campaign != self._ledger.campaign for e in new) and self._meant() != self._ledger.campaign:
            self._select()
        else:
            self._feed(new)
        return changed or bool(new)

    def _forget_journal(self) -> None:
        if self._journal is not None:
            self._journal.close()
        self._journal, self._marks = None, {}

    def _select(self) -> None:
        """Choose the campaign to show and read all of it."""
        assert self._journal is not None
        self._journal.changed()
        name = self._meant()
        self._ledger = Ledger(name)
        self._tried, self._cited, self._seq = {}, {}, 0
        self._kept = self._review = None
        self._marks.pop("review", None)
        if name:
            gc.disable()  # nothing of what is read becomes garbage, and each pass would walk all of it
            try:
                for entry in self._journal.each(campaign=name):
                    self._feed([entry])
            finally:
                gc.enable()
                gc.freeze()
        self._seq = max(self._seq, self._ledger.last_seq)

    def _meant(self) -> str:
        """Return the campaign to show: the one picked by hand, else this folder's last; "" where there is none."""
        assert self._journal is not None
        self._campaigns = tuple(known.name for known in of_folder(self._journal, self.folder))
        return self.chosen if self.chosen in self._campaigns else next(iter(self._campaigns), "")

    def _feed(self, entries: Iterable[Entry]) -> None:
        assert self._ledger is not None
        for entry in map(_slim, entries):
            self._ledger.feed([entry])
            body = entry.body
            if entry.campaign == self._ledger.campaign and isinstance(body, Proposed | Repaired):
                for knob in body.knobs:
                    _add(self._tried.setdefault(knob, []), body.experiment)
                for words in body.cites if isinstance(body, Proposed) else ():
                    _add(self._cited.setdefault(words, []), body.experiment)

    def _ask_served(self, now: float) -> str | None:
        """Return the campaign that a living daemon serves."""
        if now - self._asked_at >= ALIVE_S and self.home is not None:
            self._asked_at, self._served = now, served(self.home)
            self._silent_s = silent_s(self.home) if self._served else 0.0
        return self._served

    @property
    def _alive(self) -> bool:
        """Whether a daemon runs the campaign that is shown."""
        return self._ledger is not None and self._served == self._ledger.campaign

    def _progress(self) -> Any:
        """Return how far the run is that trains now."""
        running = self._ledger.running if self._ledger else None
        if running is None or not self._alive or self.home is None or self._ledger is None:
            return None
        from loop.runs.progress import present_progress

        return present_progress(self.home, self._ledger)

    # ---- git and files ---------------------------------------------------------------------------------------------

    def _files(self) -> tuple[Any, ...]:
        canvas = self._snapshot.canvas if self._snapshot else "train.py"
        return tuple(_stamp(self.folder / name) for name in ("program.md", canvas, self._named))

    def _accepted_moved(self) -> bool:
        """Return whether the accepted ref was written since the last look; git's own files say so."""
        if self.home is None or not self._ledger or not self._ledger.created:
            return False
        common = self.home.root.parent
        refs = common / "refs" / "autoresearch" / self._ledger.campaign / "accepted"
        return self._notice("accepted", (_stamp(refs), _stamp(common / "packed-refs")))

    def _read_git(self) -> bool:
        ledger = self._ledger
        if ledger is None or ledger.created is None:
            self._review = None
            return False
        self._accepted_moved()
        self._repo = self._repo or Checkout(self.folder)
        kept = read_kept(self._repo, ledger, self._kept)
        seen = read_reviewed(self._repo, ledger)
        removals = read_removals(self._repo, ledger, self._review.removals if self._review else ())
        now = None if kept is None or seen is None else (kept, seen, removals)
        self._kept = kept
        self._read_crash(ledger)
        if not self._notice("review", now):
            return False
        self._review = None if now is None else Review(*now)
        return True

    def _read_crash(self, ledger: Ledger) -> None:
        last = ledger.last_judged
        if last is None or last.verdict is not Verdict.CRASH or not last.failure or last.failure.line < 1:
            self._crash = None
        elif self._crash is None or self._crash.experiment.number != last.number:
            assert self._repo is not None
            text = self._repo.text_at(last.commit, control.canvas_path(ledger))
            self._crash = Crash(last, tuple(split_lines(text)))

    def _build(self, progress: Any) -> Snapshot:
        ledger = self._ledger if self._ledger and self._ledger.campaign else None
        canvas = ledger.created.canvas if ledger and ledger.created else self._named
        copy = ledger.copy() if ledger else None
        return Snapshot(
            folder=self.folder,
            campaigns=self._campaigns,
            ledger=copy,
            progress=progress,
            alive=self._alive,
            line=status_line(copy, progress, self._alive, self._silent_s) if copy else "",
            status={**status_dict(copy, progress, self._alive, self._silent_s), **asdict(claim(copy))} if copy else {},
            best=copy.best if copy else None,
            review=self._review,
            crash=self._crash,
            undoable=copy is not None and bool(reverts(copy)),
            tried={name: tuple(numbers) for name, numbers in self._tried.items()},
            cited={words: tuple(numbers) for words, numbers in self._cited.items()},
            canvas=canvas,
            files=self._files(),
        )

    def _canvas_named(self) -> str:
        """Return the canvas that program.md on disk names."""
        try:
            return parse((self.folder / "program.md").read_text(encoding="utf-8")).canvas
        except (OSError, UnicodeDecodeError, AutoResearchError):
            return "train.py"


def _slim(entry: Entry) -> Entry:
    """Return the entry without what no editor shows, and with each hash in memory once: a night has ten thousand."""
    body = entry.body
    if isinstance(body, Proposed):
        commit, parent = intern(body.commit), intern(body.parent)
        body = replace(body, fingerprint="", commit=commit, parent=parent, proposer=intern(body.proposer))
    elif isinstance(body, RunStarted):
        body = replace(body, commit=intern(body.commit))
    else:
        return entry
    return replace(entry, body=body)


def _add(numbers: list[int], number: int) -> None:
    if not numbers or numbers[-1] != number:
        numbers.append(number)


def _place(path: Path) -> tuple[int, int] | None:
    """Return which file a path names now, None for none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
