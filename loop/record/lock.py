"""Liveness: an OS file lock that dies with its owner. There is no pid file to go stale."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loop.record.home import Home

BEAT_S = 2.0  # how often a living daemon shows that it gets on
SILENT_S = 6.0  # after which it does not answer: it is suspended, or waits for something that takes this long
NAMED_S = 1.0  # between taking the lock and writing the name into it, on a machine that hardly gets on


@contextmanager
def holding(path: Path, patience_s: float = 0.0, shared: bool = False) -> Iterator[bool]:
    """Hold the lock at `path` while inside; yields False where another process keeps it longer than `patience_s`.

    Several may hold it `shared`, and none alone meanwhile.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    deadline = time.monotonic() + patience_s
    with path.open("a+b") as file:
        while True:
            try:
                fcntl.flock(file, how | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    yield False
                    return
                time.sleep(0.01)
            else:
                yield True
                return


def is_alive(home: Home) -> bool:
    """Return whether a daemon serves this repository now. Many may ask at once and see the daemon, not each other."""
    if not home.lock.exists():
        return False
    with holding(home.lock, shared=True) as free:
        return not free


def served(home: Home) -> str | None:
    """Return the campaign that the living daemon serves, None where none lives.

    The daemon writes the name into its lock as its first act and takes it out as its last: where none is there yet,
    that moment is waited for. After a kill -9 the dead one's name stays until the next daemon has written its own.
    """
    deadline = time.monotonic() + NAMED_S
    while is_alive(home):
        name = home.lock.read_text(encoding="utf-8")
        if name or time.monotonic() > deadline:
            return name
        time.sleep(0.01)
    return None


def beat(home: Home) -> None:
    """Show that the daemon gets on; by its event loop, so that one which hangs shows nothing."""
    home.beat.touch()


def silent_s(home: Home) -> float:
    """Return for how long a living daemon has shown no life, in steps of 5 s or a minute; 0.0 where it does.

    A lock says that its holder exists, and one that is suspended holds it too. Only for a daemon that is alive.
    """
    try:
        silence = time.time() - home.beat.stat().st_mtime
    except OSError:
        return 0.0
    if silence < SILENT_S:
        return 0.0
    step = 5.0 if silence < 60 else 60.0
    return silence // step * step
