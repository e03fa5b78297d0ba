"""One run: launch it under its supervisor, open its gate, follow it, stop it.

Not here: the sandbox's rules (sandbox.py), the kill (supervisor/), how it ended (outcome.py), the score (scorer.py),
any record.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from loop.record.clearing import clear
from loop.runs.command import command_of
from loop.runs.leash import Child, Supervised, supervise
from loop.runs.outcome import collect
from loop.runs.progress import CHECKPOINTS, LOG, PROGRESS, SUMMARY, Progress, read_progress
from loop.runs.run import RunResult, RunSpec, sha256


async def launch(spec: RunSpec) -> Run:
    """Start the run's supervisor, and the run itself when it is gated; return at once, before the gate opens.

    Raises Refused when the command is none, OSError when nothing can be started.
    """
    command = command_of(spec.command, spec.python)
    for name in (LOG, *CHECKPOINTS, PROGRESS, SUMMARY):
        clear(spec.run_dir / name)
    canvas_sha256 = sha256(spec.folder / spec.canvas)
    if spec.metric is not None:
        show_data(spec.environment)
    child = Child(
        argv=(*spec.wrap, *command),
        folder=spec.folder,
        environment=spec.environment,
        log=spec.run_dir / LOG,
        gate="channel" if spec.gated else None,
        limit_s=spec.limit_s,
        data=spec.data,
        row_bytes=spec.row_bytes,
        most_rows=spec.most_rows,
        clock_s=spec.allowance.clock_s if spec.allowance else None,
        lock=spec.lock,
        log_limit=spec.log_limit,
        disk_limit=spec.disk_limit,
        watch=(spec.folder, spec.run_dir),
        limits=spec.limits,
    )
    return Run(spec, canvas_sha256, await supervise(child))


def show_data(environment: Mapping[str, str]) -> None:
    """Put links to the user's data where a script without our ruler looks for it: below its HOME."""
    hub = Path.home() / ".cache" / "huggingface" / "hub"
    for name, data in (("autoresearch", Path(environment.get("AUTORESEARCH_CACHE", "."))), ("huggingface/hub", hub)):
        link = Path(environment["HOME"], ".cache", name)
        if data.is_dir() and not os.path.lexists(link):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(data.absolute())


class Run:
    """One launched run. It trains after open_gate(); when wait() or stop() returns it is gone with all it forked.

    `canvas_sha256` is the canvas as it was before the run started.
    """

    def __init__(self, spec: RunSpec, canvas_sha256: str, supervised: Supervised) -> None:
        self.spec = spec
        self.canvas_sha256 = canvas_sha256
        self._supervised = supervised

    def open_gate(self) -> None:
        """Let it train, as soon as the lease is free; its time counts from there."""
        self._supervised.send("go")

    async def wait(self) -> RunResult:
        """Return how it ended; cancelling this leaves the run alone."""
        return collect(self.spec, await self._supervised.ended())

    async def stop(self) -> RunResult:
        """Kill it now: its outcome is `interrupted`, unless it had already ended by itself. Harmless when repeated."""
        return collect(self.spec, await self._supervised.stop())

    def progress(self) -> Progress | None:
        """Return what the run last said about itself, None before it has said anything."""
        return read_progress(self.spec.run_dir)
