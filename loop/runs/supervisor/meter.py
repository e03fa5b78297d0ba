"""The CPU seconds of the tree below this process."""

from __future__ import annotations

import contextlib
import os

from loop.runs.supervisor.tree import members
from loop.system import processes


class Meter:
    """The CPU seconds of our tree, never less than what was read before.

    The kernel's sum counts a process when its parent collects it. A parent may ignore SIGCHLD, then its children vanish
    uncounted: what each process had used when it was last seen is remembered. A cgroup's own counter misses nothing.
    """

    def __init__(self, cgroups: list[str]) -> None:
        self.cgroups = cgroups
        self.seen: dict[tuple[int, str], float] = {}  # (pid, start): CPU seconds
        self.most = 0.0

    def read(self, orphans: bool = False) -> float:
        """Return what the tree has used until now; `orphans` are looked for where another look costs another `ps`."""
        rows = processes.table()
        family = members(rows, orphans)
        living = [row for row in rows if row.pid in family]
        self.seen.update({(row.pid, row.start): row.cpu_s for row in living})
        counted = processes.collected_cpu_s() + sum(row.cpu_s + row.waited_s for row in living)
        sums = counted, sum(self.seen.values())
        self.most = max(self.most, *sums, *map(cgroup_cpu, self.cgroups))
        return self.most


def cgroup_cpu(folder: str) -> float:
    """Return the CPU seconds that a cgroup has counted, of version 2 or 1; 0 where there is none."""
    for name, first, scale in (("cpu.stat", b"usage_usec ", 1e6), ("cpuacct.usage", b"", 1e9)):
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError, ValueError, StopIteration), open(path, "rb") as file:
            return next(int(line[len(first) :]) / scale for line in file if line.startswith(first))
    return 0.0
