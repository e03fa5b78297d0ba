"""The bounds of one process tree while it lives: its memory and its processes, kept by cgroups or by looking.

Used by the supervisor, a program of its own: imports the standard library and loop/system alone. Where the bounds come
from: limits.py. A cgroup is exact and counts everything; without one the tree is walked at each look, so that a tree
may pass its bounds for the length of one look.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from enum import StrEnum

from loop.system import host, processes

PAGE = os.sysconf("SC_PAGE_SIZE")
BUSY = 10  # a look that took long is repeated this many times its own length later
RECENT_S = 0.5  # what `ps` said so long ago tells as much


class Bound(StrEnum):
    """What a tree may have only so much of."""

    MEMORY = "memory"
    PROCESSES = "processes"


class Bounds:
    """The bounds of the tree below this process; `folders` are its cgroups, none where there are none."""

    def __init__(self, folders: list[str], memory: int | None, processes: int | None) -> None:
        self.folders, self.memory, self.processes = folders, memory, processes
        self.next_look = 0.0

    def join(self) -> None:
        """In the child, before it executes: enter the cgroups."""
        for folder in self.folders:
            with open(f"{folder}/cgroup.procs", "w") as file:
                file.write("0")

    def passed(self) -> Bound | None:
        """Return which bound the tree has run into, None for none."""
        if self.folders:
            if self.oom_kills():
                return Bound.MEMORY
            return Bound.PROCESSES if any(number_in(f"{f}/pids.events", "max") for f in self.folders) else None
        now = time.monotonic()
        if now < self.next_look or (self.memory is None and self.processes is None):
            return None
        found = self._walk() if host.LINUX else self._count()
        self.next_look = now + BUSY * (time.monotonic() - now)
        return found

    def oom_kills(self) -> int:
        """Return how many of the tree's processes the kernel has killed for memory, as far as its cgroups tell."""
        names = ("memory.events", "memory.oom_control")
        return sum(number_in(f"{folder}/{name}", "oom_kill") for folder in self.folders for name in names)

    def kill(self) -> None:
        """Kill everything in the cgroups: at once where the kernel can (5.14), else one after the other."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                if os.path.exists(f"{folder}/cgroup.kill"):
                    with open(f"{folder}/cgroup.kill", "w") as file:
                        file.write("1")
                    continue
                with open(f"{folder}/cgroup.procs") as file:
                    for pid in map(int, file):
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)

    def remove(self, within_s: float = 2.0) -> None:
        """Remove the cgroups, once the kernel has forgotten those who were in them."""
        until = time.monotonic() + within_s
        for folder in self.folders:
            while os.path.isdir(folder):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
                    break
                if time.monotonic() > until:
                    break
                time.sleep(0.005)

    def _walk(self) -> Bound | None:
        """Walk the tree: count its threads and its memory that is no file's. Ends early where there are too many."""
        waiting, family, threads, private = [os.getpid()], [], 0, 0
        while waiting:
            pid = waiting.pop()
            try:
                tasks = os.listdir(f"/proc/{pid}/task")
                waiting += [child for task in tasks for child in children_of(pid, task)]
                own = private_memory(pid)
            except OSError:
                continue  # it ended while we looked
            if pid == os.getpid():
                continue
            family.append(pid)
            threads, private = threads + len(tasks), private + own
            if self.processes is not None and threads >= self.processes:
                return Bound.PROCESSES
        # The sum counts what forks share as often as there are forks. What is exact takes longer, and is asked last.
        if self.memory is not None and private > self.memory and sum(map(exact_memory, family)) > self.memory:
            return Bound.MEMORY
        return None

    def _count(self) -> Bound | None:
        """Count the tree's processes and their resident memory, which is all that `ps` tells; threads are not in it."""
        rows = processes.table(RECENT_S)
        family = processes.descendants(rows)
        if self.processes is not None and len(family) >= self.processes:
            return Bound.PROCESSES
        resident = sum(row.memory for row in rows if row.pid in family)
        return Bound.MEMORY if self.memory is not None and resident > self.memory else None


def children_of(pid: int, task: str) -> list[int]:
    """Return the children of one thread."""
    with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
        return [int(child) for child in file.read().split()]


def private_memory(pid: int) -> int:
    """Return the bytes of a process that are in memory and neither a file's nor shared on purpose."""
    with open(f"/proc/{pid}/statm", "rb") as file:
        fields = file.read().split()
    return (int(fields[1]) - int(fields[2])) * PAGE


def exact_memory(pid: int) -> int:
    """Return a process's part of its memory that is no file's: what is shared counts for each with its share."""
    path = f"/proc/{pid}/smaps_rollup"
    return 1024 * (number_in(path, "Pss_Anon:") + number_in(path, "Pss_Shmem:"))


def number_in(path: str, name: str) -> int:
    """Return the number beside a name in a file of lines `name number`, 0 where there is none."""
    try:
        with open(path, "rb") as file:
            rows = [line.split() for line in file]
    except OSError:
        return 0
    return next((int(row[1]) for row in rows if row and row[0] == name.encode()), 0)
