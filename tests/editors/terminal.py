"""A real terminal (tmux) for an editor: keys in, screen out, waiting with deadlines. No fixed sleeps."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from campaign import make

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("AUTORESEARCH_EDITORS_CACHE", Path.home() / ".cache/autoresearch-editors"))
COMMAND = os.environ.get("AUTORESEARCH_CMD", str(ROOT / ".venv/bin/autoresearch"))
DEADLINE_S = 120.0

T = TypeVar("T")


class Terminal:
    """One program in a terminal of its own, on a tmux server of its own."""

    def __init__(self, columns: int = 110, rows: int = 34) -> None:
        self.size, self.name = (columns, rows), f"autoresearch-{os.getpid()}-{time.monotonic_ns()}"
        self.captures: list[tuple[str, str]] = []

    def tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self.name, "-f", "/dev/null", *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout

    def start(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        pairs = [f"{key}={value}" for key, value in {"TERM": "screen-256color", **environment}.items()]
        width, height = map(str, self.size)
        line = subprocess.list2cmdline(["env", *pairs, *command])
        self.tmux("new-session", "-d", "-x", width, "-y", height, "-c", str(folder), line)
        self.tmux("set", "-g", "escape-time", "0")

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def drawn(self) -> str:
        """Return the screen with its colours, as escape sequences."""
        return self.tmux("capture-pane", "-p", "-e")

    def keys(self, *names: str) -> None:
        self.tmux("send-keys", *names)

    def type(self, text: str, *then: str) -> None:
        self.tmux("send-keys", "-l", text)
        if then:
            self.keys(*then)

    def escape(self, closes: str = "") -> None:
        """Press Escape alone: with the next key at its heels it would be Alt and that key.

        Returns once what it closes is gone; where nobody knows what that is, once the screen has changed, if it does.
        """
        before = self.drawn()
        self.keys("Escape")
        if closes:
            self.until(f"no {closes!r}", lambda s: closes not in s)
        else:
            self.appears(lambda _: self.drawn() != before, 3)

    def shows(self, *words: str, deadline_s: float = DEADLINE_S) -> str:
        """Return the screen once it shows all these words; fails with the screen as it is."""
        return self.until(" and ".join(map(repr, words)), lambda s: all(w in s for w in words), deadline_s)

    def until(self, what: str, holds: Callable[[str], Any], deadline_s: float = DEADLINE_S) -> str:
        """Return the screen once `holds` of it; fails with the screen as it is."""
        screen = self.appears(holds, deadline_s)
        assert screen is not None, f"never on the screen: {what}\n{self.screen()}"
        return screen

    def appears(self, holds: Callable[[str], Any], within_s: float) -> str | None:
        """Return the screen once `holds` of it, or None where it does not in time."""
        end = time.monotonic() + within_s
        while True:
            late = time.monotonic() > end  # looked at before the last look: we may have been suspended meanwhile
            screen = self.screen()
            if holds(screen):
                return screen
            if late:
                return None
            time.sleep(0.03)

    def capture(self, title: str) -> str:
        """Keep the screen for the documentation, without the lines below the text."""
        lines = [line.rstrip() for line in self.screen().rstrip().splitlines()]
        screen = "\n".join(line for line in lines if line.strip("~│ "))
        self.captures.append((title, screen))
        print(f"---- {title}\n{screen}", flush=True)
        return screen

    def end(self) -> None:
        subprocess.run(["tmux", "-L", self.name, "kill-server"], capture_output=True, check=False)


def wait(what: str, found: Callable[[], T], deadline_s: float = DEADLINE_S) -> T:
    """Return the first true value."""
    end = time.monotonic() + deadline_s
    while True:
        late = time.monotonic() > end
        if value := found():
            return value
        assert not late, f"never: {what}"
        time.sleep(0.1)


class Campaign:
    """A campaign folder, and what its journal says by way of the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ask(self, *arguments: str) -> str:
        done = subprocess.run(
            [COMMAND, "-C", str(self.folder), *arguments], capture_output=True, text=True, check=False
        )
        return done.stdout

    def status(self) -> dict[str, Any]:
        text = self.ask("status", "--json")
        return dict(json.loads(text)) if text.startswith("{") else {}

    def results(self) -> list[dict[str, Any]]:
        text = self.ask("results", "--json")
        return list(json.loads(text)) if text.startswith("[") else []

    def judged(self, number: int) -> dict[str, Any] | None:
        """Return the row of an experiment once it has a verdict."""
        return next((row for row in self.results() if row["experiment"] == number and row["verdict"]), None)


@contextmanager
def journey(seconds: str, columns: int = 110, rows: int = 34) -> Iterator[tuple[Campaign, Terminal, dict[str, str]]]:
    """Give a campaign, a terminal and the environment of a user who has only what the journey gives; leave nothing."""
    assert os.access(COMMAND, os.X_OK), f"{COMMAND}: not there; set AUTORESEARCH_CMD"
    home = Path(tempfile.mkdtemp(prefix="autoresearch-journey-"))
    folder = home / "night"
    make(folder, seconds)
    places = ("CONFIG", "DATA", "STATE", "CACHE")
    environment = {f"XDG_{name}_HOME": str(home / name.lower()) for name in places}
    environment |= {"AUTORESEARCH_ROOT": str(ROOT), "AUTORESEARCH_CMD": COMMAND, "HOME": str(home), "LANG": "C.UTF-8"}
    terminal, campaign = Terminal(columns, rows), Campaign(folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what follows runs when a night of tests is cut off
    try:
        yield campaign, terminal, environment
    finally:
        terminal.end()
        campaign.ask("stop", "--now")
        shutil.rmtree(home, ignore_errors=True)


def keep_captures(name: str, terminal: Terminal) -> None:
    """Write the screens of a journey as Markdown into AUTORESEARCH_CAPTURES; captures.py puts them into a page."""
    where = os.environ.get("AUTORESEARCH_CAPTURES")
    if where:
        Path(where).mkdir(parents=True, exist_ok=True)
        blocks = [f"{title[0].upper()}{title[1:]}:\n\n```text\n{screen}\n```\n" for title, screen in terminal.captures]
        (Path(where) / f"{name}.md").write_text("\n".join(blocks), encoding="utf-8")
