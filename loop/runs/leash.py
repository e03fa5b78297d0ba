"""The daemon's end of the leash: start a supervisor, speak with it, hear how the process it owns ended.

The supervisor itself is a program of its own (supervisor.py) that imports nothing of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.record.clearing import make_folder
from loop.trust.bounds import Bounds
from loop.trust.limits import Limits, drop_group, machine, make_group

log = logging.getLogger(__name__)

SUPERVISOR = Path(__file__).with_name("supervisor.py")


@dataclass(frozen=True)
class Ending:
    """A supervisor's report; CPU seconds are the whole tree's.

    `why` it ended the tree: submitted, stopped, timed_out, late, greedy, disk, full, suspended, memory, processes,
    lost, or "" where it ended by itself.
    """

    exit_code: int | None = None
    why: str = "lost"
    opened: bool = False
    seconds: float = 0.0
    rows: int = 0  # of the training data that it was served
    clock_s: float | None = None  # wall seconds from the start of its budget; None where that never started
    setup_cpu_s: float = 0.0  # before that
    cpu_s: float = 0.0  # in all
    max_rss_mb: float = 0.0
    oom_killed: bool = False
    unkillable: bool = False
    reply: str = ""


async def supervise(
    argv: tuple[str, ...],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    gate: str | None,
    limit_s: float | None = None,
    data: Path | None = None,
    row_bytes: int = 0,
    most_rows: int | None = None,
    clock_s: float | None = None,
    lock: Path | None = None,
    log_limit: int = 4 << 20,
    disk_limit: int | None = 16 << 30,
    watch: tuple[Path, ...] = (),
    reply: bool = False,
    on_text: Callable[[str], None] | None = None,
    limits: Limits | None = None,
) -> Supervised:
    """Start a supervisor with this child; the parameters are the specification in supervisor.py.

    Without `limits` its tree has those of this machine.
    """
    scratch = [Path(environment[name]) for name in ("HOME", "TMPDIR") if name in environment]
    scratch = [path for path in scratch if path.parent == log.parent]
    for path in (log.parent, *scratch, *([lock.parent] if lock else [])):
        make_folder(path)
    limits = limits or machine()
    group = await asyncio.to_thread(make_group, limits)
    spec = {
        "argv": argv,
        "folder": str(folder),
        "environment": dict(environment),
        "log": str(log),
        "gate": gate,
        "limit_s": limit_s,
        "data": data and str(data),
        "row_bytes": row_bytes,
        "most_rows": most_rows,
        "clock_s": clock_s,
        "lock": lock and str(lock),
        "log_limit": log_limit,
        "disk_limit": disk_limit,
        "watch": [str(path) for path in watch],
        "reply": reply,
        "echo": on_text is not None,
        "rlimits": {"CORE": 0, **({"FSIZE": disk_limit} if disk_limit else {})},
        "scratch": [str(path) for path in scratch],
        "cgroup": group,
        "memory": limits.memory,
        "processes": limits.processes,
    }
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(SUPERVISOR)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
            start_new_session=True,
            # The weaker tier can read the environment of its supervisor.
            env={
                name: os.environ[name]
                for name in ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
                if name in os.environ
            },
        )
    except BaseException:
        drop_group(group)
        raise
    supervised = Supervised(process, on_text, group)
    supervised.send(json.dumps(spec))
    return supervised


class Supervised:
    """Our end of one supervisor: the lifeline that ends its tree when we end, and its report."""

    def __init__(
        self, process: asyncio.subprocess.Process, on_text: Callable[[str], None] | None, group: list[str]
    ) -> None:
        self._process = process
        self._group = group
        self._on_text = on_text
        self._child = 0
        self._reader = asyncio.create_task(self._read())

    def send(self, line: str) -> None:
        if self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(line.encode() + b"\n")

    async def ended(self) -> Ending:
        return await asyncio.shield(self._reader)

    async def stop(self) -> Ending:
        self.send("stop")
        try:
            async with asyncio.timeout(20):
                return await self.ended()
        except TimeoutError:
            self._process.kill()
            return await self.ended()

    async def _read(self) -> Ending:
        ending = Ending()
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            event: dict[str, Any] = json.loads(line)
            kind = event.pop("event")
            if kind == "started":
                self._child = event["pid"]
            elif kind == "text" and self._on_text:
                self._on_text(event["text"])
            elif kind == "ended":
                ending = Ending(**event)
                if ending.unkillable:
                    log.warning("processes of a run could not be killed; look for them with 'ps'")
        if ending.why == "lost" and self._child:
            with contextlib.suppress(OSError):  # it died with its supervisor
                os.killpg(self._child, signal.SIGKILL)
        await self._process.wait()
        if ending.why == "lost":  # its supervisor was killed before it could
            bounds = Bounds(self._group, None, None)
            bounds.kill()
            await asyncio.to_thread(bounds.remove)
        return ending
