"""The reader of one folder: journal, git and files → the next Snapshot. In the watcher's thread.

Costs a few system calls while nothing happens. What fails becomes the snapshot's one sentence of trouble, never an end.
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, replace
from pathlib import Path

from loop.control import control
from loop.record.home import Home
from loop.record.ledger import Ledger
from loop.record.types import AutoResearchError, Verdict
from loop.review.checkout import Checkout
from loop.review.kept import read_kept, read_reviewed
from loop.review.reverts import read_removals, reverts
from loop.runs.progress import Progress, present_progress
from loop.settings.program import parse
from loop.text.diff import split_lines
from loop.text.lineage import Kept
from loop.views.claims import claim
from loop.views.status import status_dict, status_line
from server.snapshot import Crash, Review, Snapshot
from server.tail import Tail

log = logging.getLogger(__name__)

RETRY_S = 2.0  # after a failure of git or of the journal


class Reader:
    """The reader of one folder. Not shared between threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tail = Tail(folder)
        self._repo: Checkout | None = None
        self._read: Ledger | None = None  # whose kept line `_kept` is
        self._kept: Kept | None = None
        self._review: Review | None = None
        self._crash: Crash | None = None
        self._marks: dict[str, object] = {}
        self._named = "train.py"  # the canvas in program.md on disk; a campaign keeps the one that it began with
        self._failed_at = -RETRY_S
        self._snapshot: Snapshot | None = None

    @property
    def home(self) -> Home | None:
        """Where our files of its repository are; None until it was looked at, and outside of one."""
        return self.tail.home

    def pick(self, campaign: str | None) -> None:
        """Show another campaign from now on; None is the folder's last."""
        self.tail.pick(campaign)

    def poll(self) -> Snapshot | None:
        """Return a new snapshot where anything changed, else None."""
        now = time.monotonic()
        old = self._snapshot
        if old is not None and old.trouble and now - self._failed_at < RETRY_S:
            return None
        try:
            changed = self.tail.read(now)
            if self._notice("files", self._files()):
                changed, self._named = True, self._canvas_named()
            progress = self._progress()
            changed |= self._notice("progress", progress)
            moved = self._read_git() if changed or self._accepted_moved() else False
            if old is not None and not (changed or moved) and not old.trouble:
                return None
            self._snapshot = self._build(progress)
        except Exception as error:  # also a bug must not end the thread that everything hangs on
            return self._fail(error, now)
        return self._snapshot

    def _fail(self, error: Exception, now: float) -> Snapshot | None:
        """Return the snapshot of before with what is broken; None where that has been said. All is read again later."""
        old, self._failed_at = self._snapshot, now
        self.tail.forget()
        self._marks = {}
        expected = isinstance(error, AutoResearchError | OSError)
        sentence = str(error) if expected else f"{type(error).__name__} while reading the campaign; see the log"
        if old is not None and old.trouble == sentence:
            return None
        log.warning("%s: %s", self.folder, sentence, exc_info=None if expected else error)
        self._snapshot = replace(old or Snapshot(self.folder), trouble=sentence)
        return self._snapshot

    def _notice(self, name: str, value: object) -> bool:
        changed = bool(self._marks.get(name, self) != value)
        self._marks[name] = value
        return changed

    def _progress(self) -> Progress | None:
        """Return how far the run is that trains now."""
        ledger, home = self.tail.ledger, self.tail.home
        if ledger is None or home is None or ledger.running is None or not self.tail.alive:
            return None
        return present_progress(home, ledger)

    # ---- git and files ---------------------------------------------------------------------------------------------

    def _files(self) -> tuple[object, ...]:
        canvas = self._snapshot.canvas if self._snapshot else "train.py"
        return tuple(_stamp(self.folder / name) for name in ("program.md", canvas, self._named))

    def _accepted_moved(self) -> bool:
        """Return whether the accepted ref was written since the last look; git's own files say so."""
        home, ledger = self.tail.home, self.tail.ledger
        if home is None or not ledger or not ledger.created:
            return False
        common = home.root.parent
        refs = common / "refs" / "autoresearch" / ledger.campaign / "accepted"
        return self._notice("accepted", (_stamp(refs), _stamp(common / "packed-refs")))

    def _read_git(self) -> bool:
        ledger = self.tail.ledger
        if ledger is not self._read:  # another campaign, or the same one from its beginning
            self._read, self._kept, self._review = ledger, None, None
            self._marks.pop("review", None)
        if ledger is None or ledger.created is None:
            self._review = None
            return False
        self._accepted_moved()
        repo = self._repo = self._repo or Checkout(self.folder)
        kept = read_kept(repo, ledger, self._kept)
        seen = read_reviewed(repo, ledger)
        removals = read_removals(repo, ledger, self._review.removals if self._review else ())
        now = None if kept is None or seen is None else (kept, seen, removals)
        self._kept = kept
        self._read_crash(repo, ledger)
        if not self._notice("review", now):
            return False
        self._review = None if now is None else Review(*now)
        return True

    def _read_crash(self, repo: Checkout, ledger: Ledger) -> None:
        last = ledger.last_judged
        if last is None or last.verdict is not Verdict.CRASH or not last.failure or last.failure.line < 1:
            self._crash = None
        elif self._crash is None or self._crash.experiment.number != last.number:
            text = repo.text_at(last.commit, control.canvas_path(ledger))
            self._crash = Crash(last, tuple(split_lines(text)))

    def _build(self, progress: Progress | None) -> Snapshot:
        tail, ledger = self.tail, self.tail.ledger if self.tail.ledger and self.tail.ledger.campaign else None
        canvas = ledger.created.canvas if ledger and ledger.created else self._named
        copy = ledger.copy() if ledger else None
        return Snapshot(
            folder=self.folder,
            campaigns=tail.campaigns,
            ledger=copy,
            progress=progress,
            alive=tail.alive,
            line=status_line(copy, progress, tail.alive, tail.silent_s) if copy else "",
            status={**status_dict(copy, progress, tail.alive, tail.silent_s), **asdict(claim(copy))} if copy else {},
            best=copy.best if copy else None,
            review=self._review,
            crash=self._crash,
            undoable=copy is not None and bool(reverts(copy)),
            tried={name: tuple(numbers) for name, numbers in tail.tried.items()},
            cited={words: tuple(numbers) for words, numbers in tail.cited.items()},
            canvas=canvas,
            files=self._files(),
        )

    def _canvas_named(self) -> str:
        """Return the canvas that program.md on disk names."""
        try:
            return parse((self.folder / "program.md").read_text(encoding="utf-8")).canvas
        except (OSError, UnicodeDecodeError, AutoResearchError):
            return "train.py"


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
