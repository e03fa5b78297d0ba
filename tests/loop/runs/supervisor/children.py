"""Children under a supervisor, and what is left of them."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from loop.runs.leash import Child, Ending, Supervised, supervise

if TYPE_CHECKING:
    from loop.runs.supervisor.wire import Specification


async def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for something to become true, at most `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.005)


def alive(mark: object) -> list[psutil.Process]:
    """Return the living processes that carry the marker in their arguments."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(mark) in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


async def start(tmp_path: Path, code: str, *args: object, **options: object) -> Supervised:
    """Start Python code under a supervisor; it begins at `go`."""
    settings = {"environment": {"PATH": os.environ["PATH"]}, "limit_s": 120.0, **options}
    argv = (sys.executable, "-S", "-c", code, *map(str, args))
    child = Child(argv=argv, folder=tmp_path, log=tmp_path / "log", **settings)  # type: ignore[arg-type]
    return await supervise(child)


async def run(tmp_path: Path, code: str, *args: object, **options: object) -> Ending:
    supervised = await start(tmp_path, code, *args, **options)
    supervised.send("go")
    return await supervised.ended()


def specification(tmp_path: Path, **options: object) -> Specification:
    """Return what a supervisor is told of a child that has no cgroup."""
    settings = {"argv": (), "folder": tmp_path, "environment": {"PATH": os.environ["PATH"]}, **options}
    child = Child(log=tmp_path / "log", **settings)  # type: ignore[arg-type]
    return child.specification([], echo=False)


def marks(mark: Path) -> int:
    return len(list(mark.parent.glob(mark.name + "*")))


CHANNEL = "import os, socket, time; s = socket.socket(fileno=int(os.environ['AUTORESEARCH_GATE_FD'])); s.recv(9)\n"

CLOCK = "s.sendall(b'clock\\n'); answer = s.recv(64)\n"

ASK = """
import array
def ask(*numbers):
    s.sendall(b'rows %d\\n' % len(numbers) + array.array('I', numbers).tobytes())
def take(size):
    data = b''
    while len(data) < size and (part := s.recv(size - len(data))):
        data += part
    return data
"""
