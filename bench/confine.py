"""What the sandbox costs: its start before each run, testing its promises once, watching a tree of processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.stubs import scratch
from bench.table import Row, Table, percentile
from loop.trust import limits
from loop.trust.bounds import Bounds
from loop.trust.places import interpreter
from loop.trust.probe import attack, probe

START_MS = 15.0


def run(quick: bool) -> Table:
    times = 3 if quick else 60
    sandbox = probe()
    with scratch() as folder:
        slot, run_dir = folder / "slot", folder / "run"
        for place in (slot, run_dir):
            place.mkdir()
        interpreter(sys.executable)  # asked once for each Python

        def wrap() -> tuple[str, ...]:
            return sandbox.wrap(slot=slot, run_dir=run_dir, top=folder, python=sys.executable, system_only=True)

        bare = timed(lambda: execute(("true",), slot), times)
        confined = timed(lambda: execute((*wrap(), "true"), slot), times)
        group = timed(lambda: limits.drop_group(limits.make_group(limits.machine())), times)
        tested = timed(lambda: attack(sandbox), 1 if quick else 5) if sandbox.bwrap else [0.0]
    start = [max(0.0, ms - median(bare)) for ms in confined]
    middle = median(start)
    return Table(
        f"confine: what the sandbox costs, {times} starts, {sandbox.label}, bounds by {limits.kept_by()}",
        "Counted: the command line and `true` behind it, less `true` alone; a cgroup made and removed; the program "
        "that tries every promise, once per process; one look at a tree of five processes where there is no cgroup.",
        [
            Row("start, median", f"{middle:.1f} ms", f"<= {START_MS:.0f} ms", None if quick else middle <= START_MS),
            Row("start, 95th percentile", f"{percentile(start, 0.95):.1f} ms"),
            Row("a cgroup", f"{median(group):.2f} ms"),
            Row("every promise tried", f"{median(tested):.0f} ms"),
            Row("a look without a cgroup", f"{look(times):.2f} ms, four times a second"),
        ],
    )


def timed(work: Callable[[], object], times: int) -> list[float]:
    """Return how long each of some calls took, in milliseconds."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - began))
    return found


def execute(argv: tuple[str, ...], folder: Path) -> None:
    subprocess.run(argv, cwd=folder, check=True, stdin=subprocess.DEVNULL)


def look(times: int) -> float:
    """Return the median milliseconds of one walk through a tree of five processes."""
    with ExitStack() as stack:
        for _ in range(5):
            child = stack.enter_context(subprocess.Popen(["sleep", "60"]))
            stack.callback(child.kill)
        bounds = Bounds([], limits.machine().memory, limits.machine().processes)
        return median(timed(bounds._walk, times))
