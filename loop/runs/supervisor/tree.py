"""The processes below this one: adopt them, find them and signal them, wherever they went."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with(supervisor: int) -> None:
    """In the child: die when the supervisor dies, and be the first that the kernel takes when memory runs out."""
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(127)
        try:
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write("1000")
        except OSError:
            pass


def signal_tree(child: int, number: int) -> None:
    """Signal every descendant wherever it went, its group first; also the group of a child that has ended.

    The kernel signals a whole group at once, so that a process cannot outrun us by forking.
    """
    rows = processes()
    family = descendants((pid, parent) for pid, parent, _ in rows)
    groups = {group for pid, _, group in rows if pid in family or group == child}
    for group in groups - {os.getpgid(0)}:
        _send(os.killpg, group, number)
    for pid in family:
        _send(os.kill, pid, number)


def _send(call: Callable[[int, int], None], target: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it has just ended
        call(target, number)


def descendants(rows: Iterable[tuple[int, int]]) -> set[int]:
    """Return the processes below this one, out of (pid, parent) of every process."""
    rows, family = list(rows), {os.getpid()}
    while more := {pid for pid, parent in rows if parent in family} - family:
        family |= more
    return family - {os.getpid()}


def processes() -> list[tuple[int, int, int]]:
    """Return (pid, parent, group) of every process."""
    if LINUX:
        return [(pid, int(fields[1]), int(fields[2])) for pid, fields in stats()]
    with os.popen("ps -axo pid=,ppid=,pgid=") as table:
        return [(int(pid), int(parent), int(group)) for pid, parent, group in map(str.split, table)]


def stats() -> Iterator[tuple[int, list[bytes]]]:
    """Yield every process of Linux and the fields of its /proc/<pid>/stat that follow the name."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        yield int(name), fields
