"""Liveness: an OS file lock that dies with its owner. There is no pid file to go stale."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loop.home import Home


@contextmanager
def holding(path: Path, patience_s: float = 0.0) -> Iterator[bool]:
    """Hold the lock at `path` while inside; yields False where another process keeps it longer than `patience_s`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience_s
    with path.open("a+b") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    yield False
                    return
                time.sleep(0.01)
            else:
                yield True
                return


def is_alive(home: Home) -> bool:
    """Return whether a daemon serves this repository now."""
    if not home.lock.exists():
        return False
    with holding(home.lock) as free:
        return not free
