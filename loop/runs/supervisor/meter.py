"""The CPU seconds of the tree below this process."""

from __future__ import annotations

import contextlib
import os
import resource

from loop.runs.supervisor.tree import LINUX, descendants, stats


class Meter:
    """The CPU seconds of our tree, never less than what was read before.

    The kernel's sum counts a process when its parent collects it. A parent may ignore SIGCHLD, then its children vanish
    uncounted: what each process had used when it was last seen is remembered. A cgroup's own counter misses nothing.
    """

    def __init__(self, cgroups: list[str]) -> None:
        self.cgroups = cgroups
        self.seen: dict[tuple[int, int], float] = {}  # (pid, start): CPU seconds
        self.most = 0.0

    def read(self) -> float:
        """Return what the tree has used until now."""
        rows = usage() if LINUX else []
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        collected = children.ru_utime + children.ru_stime
        family = descendants((pid, parent) for pid, parent, *_ in rows)
        living = [row for row in rows if row[0] in family]
        self.seen.update({(pid, start): own for pid, _, start, own, _ in living})
        sums = collected + sum(own + waited for *_, own, waited in living), sum(self.seen.values())
        self.most = max(self.most, *sums, *map(cgroup_cpu, self.cgroups))
        return self.most


def usage() -> list[tuple[int, int, int, float, float]]:
    """Return (pid, parent, start, CPU seconds, CPU seconds of children it has collected) of every process."""
    rows = []
    tick = os.sysconf("SC_CLK_TCK")
    for pid, fields in stats():
        user, system, child_user, child_system = map(int, fields[11:15])
        own, waited = (user + system) / tick, (child_user + child_system) / tick
        rows.append((pid, int(fields[1]), int(fields[19]), own, waited))
    return rows


def cgroup_cpu(folder: str) -> float:
    """Return the CPU seconds that a cgroup has counted, of version 2 or 1; 0 where there is none."""
    for name, first, scale in (("cpu.stat", b"usage_usec ", 1e6), ("cpuacct.usage", b"", 1e9)):
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError, ValueError, StopIteration), open(path, "rb") as file:
            return next(int(line[len(first) :]) / scale for line in file if line.startswith(first))
    return 0.0
