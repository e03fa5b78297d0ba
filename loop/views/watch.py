"""The live view of a campaign in a terminal; one line for each verdict where the output is no terminal.

Follows the journal and only reads: closing it changes nothing. What it shows is view.py's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loop.record.home import Home, find_home
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.lock import silent_s
from loop.record.types import State
from loop.runs.progress import Progress, present_progress
from loop.setup.campaigns import choose, none_yet, read, serves
from loop.text.numbers import plain
from loop.views.state import MARKS, SILENT, message_text, silence_text
from loop.views.status import status_line
from loop.views.view import ROWS, render, verdict_line

if TYPE_CHECKING:
    from rich.console import Console

TICK_S = 0.25
CHECK_TICKS = 8  # ticks without news before the daemon's lock is looked at; looking holds it for an instant
MARGIN = 10  # lines of the picture that are no verdicts
ENDS = (State.STOPPED, State.FINISHED)


@dataclass(frozen=True)
class Means:
    """How the view learns of the world outside the journal; a test has its own."""

    progress: Callable[[Home, Ledger], Progress | None] = present_progress
    alive: Callable[[Home, str], bool] = serves
    sleep: Callable[[float], None] = time.sleep
    silent_s: Callable[[Home], float] = silent_s


def watch(
    folder: Path, campaign: str | None = None, console: Console | None = None, means: Means | None = None
) -> Ledger:
    """Show a campaign, the folder's last when none is named, until it ends or nothing runs it; return its ledger.

    Raises Refused where there is none. Ctrl-C arrives as KeyboardInterrupt, with the terminal as it was.
    """
    home = find_home(folder.resolve())
    if not home.journal.exists():
        raise none_yet(folder)
    with Journal(home.journal, create=False) as journal:
        ledger = read(journal, choose(journal, folder, campaign))
        follower = _Follower(journal, home, ledger, means or Means())
        if console.is_terminal if console is not None else sys.stdout.isatty():
            _live(follower, console)
        else:
            _lines(follower)
    return follower.ledger


@dataclass
class _Follower:
    """The ledger kept up to date."""

    journal: Journal
    home: Home
    ledger: Ledger
    means: Means
    quiet: int = CHECK_TICKS  # ticks since the last news

    def follow(self) -> bool:
        """Take in what is new; return whether more can come."""
        self.quiet += 1
        if self.journal.changed():
            self.quiet = 0
            self.ledger.feed(self.journal.read(self.ledger.last_seq, self.ledger.campaign))
        if self.ledger.state in ENDS:
            return False
        if self.quiet < CHECK_TICKS:
            return True
        self.quiet = 0
        return self.means.alive(self.home, self.ledger.campaign)

    def progress(self) -> Progress | None:
        return self.means.progress(self.home, self.ledger)

    def silence(self) -> float:
        """Return for how long the daemon has shown no life."""
        return 0.0 if self.ledger.state in ENDS else self.means.silent_s(self.home)

    def last_words(self) -> str:
        """Return why nothing more comes."""
        if self.ledger.state in ENDS:
            return plain(self.ledger.message)
        return f"campaign {self.ledger.campaign}: {message_text(self.ledger, alive=False)}"


def _live(follower: _Follower, console: Console | None) -> None:
    """Redraw in place, and leave the last picture behind."""
    from rich.console import Console
    from rich.live import Live

    screen = console or Console()
    with Live(console=screen, auto_refresh=False) as live:
        while True:
            more = follower.follow()
            rows = max(3, min(ROWS, screen.height - MARGIN))
            silent = follower.silence() if more else 0.0
            live.update(render(follower.ledger, follower.progress(), screen.width, rows, silent), refresh=True)
            if not more:
                break
            follower.means.sleep(TICK_S)
    if follower.ledger.state not in ENDS:
        screen.print(follower.last_words(), markup=False, highlight=False)


def _lines(follower: _Follower) -> None:
    """Print each verdict once, those of the past first; why it pauses; and at the end where the campaign stands."""
    shown: set[int] = set()
    paused, silent = "", False
    while True:
        more = follower.follow()
        for experiment in follower.ledger.verdicts:
            if experiment.number not in shown:
                shown.add(experiment.number)
                print(verdict_line(experiment), flush=True)
        waits = follower.ledger.message if more and follower.ledger.state is State.PAUSED else ""
        if waits and waits != paused:  # nothing else would come, and nobody know why
            print(f"{MARKS[State.PAUSED]} {plain(waits)}", flush=True)
        paused = waits
        silence = follower.silence() if more else 0.0
        if silence and not silent:
            print(f"{SILENT} {silence_text(silence)}", flush=True)
        silent = bool(silence)
        if not more:
            break
        follower.means.sleep(TICK_S)
    print(status_line(follower.ledger, None, alive=False))
    print(follower.last_words(), flush=True)
