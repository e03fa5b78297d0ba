"""The journal of one folder, entry after entry: the campaign that is shown of it, and whether a daemon serves it.

Not shared between threads. Costs a few system calls while nothing happens.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from sys import intern

from loop.record.entries import Entry
from loop.record.experiment_facts import Proposed, Repaired, RunStarted
from loop.record.home import Home, find_home
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.lock import served, silent_s
from loop.record.types import Refused
from loop.setup.campaigns import of_folder

ALIVE_S = 0.5  # how often the daemon's lock is tried; asking holds it for an instant


class Tail:
    """Reads what is appended. `ledger` is another object whenever a campaign is read from its beginning."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home: Home | None = None
        self.campaigns: tuple[str, ...] = ()  # of this folder, the last one first
        self.ledger: Ledger | None = None
        self.tried: dict[str, list[int]] = {}  # knob → experiments that changed it
        self.cited: dict[str, list[int]] = {}  # words of program.md → experiments
        self.silent_s = 0.0  # for how long the daemon has shown no life
        self._chosen: str | None = None  # a campaign that the human picked; None is the folder's last
        self._journal: Journal | None = None
        self._place: tuple[int, int] | None = None  # of the journal's file
        self._seq = 0
        self._served: str | None = None
        self._served_before: tuple[str | None, float] | None = None
        self._asked_at = -ALIVE_S

    @property
    def alive(self) -> bool:
        """Whether a daemon runs the campaign that is shown."""
        return self.ledger is not None and self._served == self.ledger.campaign

    def pick(self, campaign: str | None) -> None:
        """Show another campaign from now on."""
        self._chosen, self.ledger = campaign, None

    def forget(self) -> None:
        """Let go of the journal's file; the next read opens it again."""
        if self._journal is not None:
            self._journal.close()
        self._journal = self._served_before = None

    def read(self, now: float) -> bool:
        """Take in what is new; return whether anything is."""
        if self.home is None:
            try:
                self.home = find_home(self.folder)
            except Refused:
                return False  # outside a repository: a start says so
        place = _place(self.home.journal)
        if place != self._place:  # made, deleted, or both
            self.forget()
            self._place, self.ledger, self.campaigns, self._served = place, None, (), None
            if place is None:
                return True
        return place is not None and self._read_entries(self.home, now)

    def _read_entries(self, home: Home, now: float) -> bool:
        if self._journal is None:
            self._journal = Journal(home.journal, create=False)
            self.ledger = None
        changed = self._ask_served(home, now)
        if self.ledger is None:
            self._journal.changed()
            self._select(self._journal)
            return True
        if not self._journal.changed():
            return changed
        new = self._journal.read(self._seq)
        self._seq = new[-1].seq if new else self._seq
        shown = self.ledger.campaign
        if any(e.campaign != shown for e in new) and self._meant(self._journal) != shown:
            self._select(self._journal)
        else:
            self._feed(self.ledger, new)
        return changed or bool(new)

    def _ask_served(self, home: Home, now: float) -> bool:
        """Look which campaign a living daemon serves; return whether that is new."""
        if now - self._asked_at >= ALIVE_S:
            self._asked_at, self._served = now, served(home)
            self.silent_s = silent_s(home) if self._served else 0.0
        before, self._served_before = self._served_before, (self._served, self.silent_s)
        return before != self._served_before

    def _select(self, journal: Journal) -> None:
        """Choose the campaign to show and read all of it."""
        name = self._meant(journal)
        self.ledger = Ledger(name)
        self.tried, self.cited, self._seq = {}, {}, 0
        if name:
            gc.disable()  # nothing of what is read becomes garbage, and each pass would walk all of it
            try:
                for entry in journal.each(campaign=name):
                    self._feed(self.ledger, [entry])
            finally:
                gc.enable()
                gc.freeze()
        self._seq = max(self._seq, self.ledger.last_seq)

    def _meant(self, journal: Journal) -> str:
        """Return the campaign to show: the one picked by hand, else this folder's last; "" where there is none."""
        self.campaigns = tuple(known.name for known in of_folder(journal, self.folder))
        return self._chosen if self._chosen in self.campaigns else next(iter(self.campaigns), "")

    def _feed(self, ledger: Ledger, entries: Iterable[Entry]) -> None:
        for entry in map(_slim, entries):
            ledger.feed([entry])
            body = entry.body
            if entry.campaign == ledger.campaign and isinstance(body, Proposed | Repaired):
                for knob in body.knobs:
                    _add(self.tried.setdefault(knob, []), body.experiment)
                for words in body.cites if isinstance(body, Proposed) else ():
                    _add(self.cited.setdefault(words, []), body.experiment)


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
