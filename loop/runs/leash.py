"""The daemon's end of the leash: start a supervisor, speak with it, hear how the process it owns ended.

The supervisor itself is a program of its own (the folder supervisor/), from which only the words are imported.
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.record.clearing import make_folder
from loop.runs.supervisor.wire import Why
from loop.trust.bounds import Bounds
from loop.trust.limits import Limits, drop_group, machine, make_group

if TYPE_CHECKING:
    from loop.runs.supervisor.wire import Gate, Specification

log = logging.getLogger(__name__)

SUPERVISOR = Path(__file__).with_name("supervisor") / "__main__.py"


@dataclass(frozen=True)
class Ending:
    """A supervisor's report; CPU seconds are the whole tree's.

    `why` it ended the tree; None where that ended by itself.
    """

    exit_code: int | None = None
    why: Why | None = Why.LOST
    opened: bool = False
    seconds: float = 0.0  # from the opened gate
    rows: int = 0  # of the training data that it was served
    clock_s: float | None = None  # wall seconds from the start of its budget; None where that never started
    setup_cpu_s: float = 0.0  # before that
    cpu_s: float = 0.0  # in all
    max_rss_mb: float = 0.0
    oom_killed: bool = False
    unkillable: bool = False
    reply: str = ""

    @property
    def answer(self) -> dict[str, Any] | None:
        """Return the JSON object in the last line of its reply, None when there is none."""
        lines = self.reply.strip().splitlines()
        try:
            said = json.loads(lines[-1]) if lines else None
        except ValueError:
            return None
        return said if isinstance(said, dict) else None


@dataclass(frozen=True, kw_only=True)
class Child:
    """What to run, and what its tree may do; wire.py says what each of these means."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    log: Path
    gate: Gate | None = None
    limit_s: float | None = None
    data: Path | None = None
    row_bytes: int = 0
    most_rows: int | None = None
    clock_s: float | None = None
    lock: Path | None = None
    log_limit: int = 4 << 20
    disk_limit: int | None = 16 << 30
    watch: tuple[Path, ...] = ()
    reply: bool = False
    limits: Limits = field(default_factory=machine)

    @property
    def scratch(self) -> list[Path]:
        """Its HOME and TMPDIR, where they are beside its log: removed at the end."""
        places = [Path(self.environment[name]) for name in ("HOME", "TMPDIR") if name in self.environment]
        return [place for place in places if place.parent == self.log.parent]

    def specification(self, group: list[str], echo: bool) -> Specification:
        """Return what its supervisor is told."""
        return {
            "argv": self.argv,
            "folder": str(self.folder),
            "environment": dict(self.environment),
            "rlimits": {"CORE": 0, **({"FSIZE": self.disk_limit} if self.disk_limit else {})},
            "cgroup": group,
            "memory": self.limits.memory,
            "processes": self.limits.processes,
            "lock": str(self.lock) if self.lock else None,
            "gate": self.gate,
            "limit_s": self.limit_s,
            "log": str(self.log),
            "log_limit": self.log_limit,
            "reply": self.reply,
            "echo": echo,
            "watch": [str(path) for path in self.watch],
            "disk_limit": self.disk_limit,
            "scratch": [str(path) for path in self.scratch],
            "data": str(self.data) if self.data else None,
            "row_bytes": self.row_bytes,
            "most_rows": self.most_rows,
            "clock_s": self.clock_s,
        }


async def supervise(child: Child, on_text: Callable[[str], None] | None = None) -> Supervised:
    """Start a supervisor with this child. `on_text` hears what is printed, as it comes."""
    for path in (child.log.parent, *child.scratch, *([child.lock.parent] if child.lock else [])):
        make_folder(path)
    group = await asyncio.to_thread(make_group, child.limits)
    # The weaker tier can read the environment of its supervisor.
    passed = {n: os.environ[n] for n in ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if n in os.environ}
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(SUPERVISOR)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
            start_new_session=True,
            env=passed,
        )
    except BaseException:
        drop_group(group)
        raise
    supervised = Supervised(process, on_text, group)
    supervised.send(json.dumps(child.specification(group, echo=on_text is not None)))
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
                ending = Ending(**{**event, "why": Why(event["why"]) if event["why"] else None})
                if ending.unkillable:
                    log.warning("processes of a run could not be killed; look for them with 'ps'")
        if ending.why is Why.LOST and self._child:
            with contextlib.suppress(OSError):  # it died with its supervisor
                os.killpg(self._child, signal.SIGKILL)
        await self._process.wait()
        if ending.why is Why.LOST:  # its supervisor was killed before it could
            bounds = Bounds(self._group, None, None)
            bounds.kill()
            await asyncio.to_thread(bounds.remove)
        return ending
