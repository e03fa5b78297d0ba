"""One run of a CLI agent: its process tree, its time, and the end of what it prints.

Neither memory nor the disk holds more of the output than its end. Nothing of the tree is left, whatever happens. Where
a cgroup can be had it bounds an agent's memory and processes as it does a run's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil

from loop.trust.bounds import Bounds
from loop.trust.limits import machine, make_group

MARK = "AUTORESEARCH_AGENT"  # in the environment of an agent's whole tree: whose it is, then a token of its own
LONGEST_OUTPUT = 1 << 20  # bytes that are kept
MOST_OUTPUT = 64 << 20  # bytes after which it is ended: a night of JSON events was a few megabytes
CHUNK = 1 << 16

_owner = ""  # set by `claim`


@dataclass(frozen=True)
class Exit:
    """How the run ended: `code` None says that it was ended, for what it printed or for its time."""

    code: int | None
    output: str
    flooded: bool = False


class Printed:
    """What is written into a pipe, read as it comes; only its end is kept."""

    def __init__(self) -> None:
        self.flood = asyncio.Event()  # too much of it
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self._end = bytearray()
        self._count = 0
        asyncio.get_running_loop().add_reader(self.reader, self._take)

    def _take(self) -> int:
        """Read what is there now; return how many bytes that were."""
        try:
            chunk = os.read(self.reader, CHUNK)
        except BlockingIOError:
            return 0
        if not chunk:
            asyncio.get_running_loop().remove_reader(self.reader)
        self._end += chunk
        del self._end[:-LONGEST_OUTPUT]
        self._count += len(chunk)
        if self._count > MOST_OUTPUT:
            self.flood.set()
        return len(chunk)

    def close(self) -> str:
        """Return the end of what was printed, up to now."""
        while self._take() == CHUNK and not self.flood.is_set():
            pass
        asyncio.get_running_loop().remove_reader(self.reader)
        os.close(self.reader)
        return self._end.decode(errors="replace")


async def execute(argv: list[str], folder: Path, prompt: Path, limit_s: float) -> Exit:
    """Run the agent in `folder` with the prompt on its standard input. Raises OSError where it cannot be started."""
    token = f"{_owner}:{secrets.token_hex(16)}"
    environment = {**os.environ, MARK: token, "GIT_CEILING_DIRECTORIES": str(folder.parent), "PWD": str(folder)}
    bounds = Bounds(await asyncio.to_thread(make_group, machine()), None, None)
    printed, output = Printed(), ""
    try:
        with prompt.open("rb") as given:
            process = await asyncio.create_subprocess_exec(
                *argv, cwd=folder, stdin=given, stdout=printed.writer, stderr=asyncio.subprocess.STDOUT,
                env=environment, start_new_session=True, preexec_fn=bounds.join,
            )  # fmt: skip
    except BaseException:
        printed.close()
        bounds.remove()
        raise
    finally:
        os.close(printed.writer)
    ends = [asyncio.create_task(process.wait()), asyncio.create_task(printed.flood.wait())]
    try:
        await asyncio.wait(ends, timeout=max(0.1, limit_s), return_when=asyncio.FIRST_COMPLETED)
        code = process.returncode
    finally:
        _kill(process.pid, token)
        await asyncio.shield(process.wait())
        for task in ends:
            task.cancel()
        await asyncio.shield(asyncio.to_thread(bounds.remove))
        output = printed.close()
    flooded = printed.flood.is_set()
    return Exit(None if flooded else code, output, flooded)


def claim(root: Path) -> None:
    """Mark the agents of this process as those of a repository, and kill what an earlier daemon's have left.

    They would go on, and be paid for. `root` is our folder in the repository, whose only daemon the caller is; a
    folder of that name in a container is another one.
    """
    global _owner
    place = root.stat()
    _owner = f"{place.st_dev:x}-{place.st_ino:x}"
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid not in ours and process.environ().get(MARK, "").rpartition(":")[0] == _owner:
                process.kill()


def _kill(pid: int, token: str) -> None:
    """Kill the session, its descendants, and every process that carries the token in another session."""
    for _ in range(3):  # one that forks while we look is found the next time
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        found = 0
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.pid != os.getpid() and process.environ().get(MARK) == token:
                    process.kill()
                    found += 1
        if not found:
            return
