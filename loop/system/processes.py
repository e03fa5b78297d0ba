"""The processes of this machine, from /proc of Linux or from the `ps` that macOS and the BSDs have.

`ps` is a process too: it is left out of the table, and what it costs is told apart, for it is no run's.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time

from loop.system import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PS = "/bin/ps"
COLUMNS = "pid=,ppid=,pgid=,rss=,time=,lstart="

_ps_cpu_s = 0.0
_last: tuple[float, list[Process]] = (-1e9, [])


class Process:
    """One row. `start` tells a process from a later one with its number."""

    __slots__ = ("cpu_s", "group", "memory", "parent", "pid", "start", "waited_s")

    def __init__(
        self, pid: int, parent: int, group: int, start: str, cpu_s: float, waited_s: float = 0.0, memory: int = 0
    ) -> None:
        self.pid, self.parent, self.group, self.start = pid, parent, group, start
        self.cpu_s, self.waited_s = cpu_s, waited_s  # its own; that of children which it has collected (0 from ps)
        self.memory = memory  # resident bytes (0 from /proc)


def table(age_s: float = 0.0) -> list[Process]:
    """Return every process; where `ps` is asked, what it said at most `age_s` ago will do."""
    global _last
    if host.LINUX:
        return list(_from_proc())
    if time.monotonic() - _last[0] > age_s:
        _last = time.monotonic(), list(_from_ps())
    return _last[1]


def marked(text: str) -> set[int]:
    """Return the processes of this user with a text in their environment, as far as `ps` of macOS shows that.

    An orphan in a session of its own is found by nothing else there. Linux needs no marks: a subreaper keeps orphans.
    """
    _, printed = _ps("-axEww", "-o", "pid=,command=")
    return {int(line.split(None, 1)[0]) for line in printed.splitlines() if text in line}


def descendants(rows: Iterable[Process]) -> set[int]:
    """Return the numbers of the processes below this one."""
    rows, family = list(rows), {os.getpid()}
    while more := {row.pid for row in rows if row.parent in family} - family:
        family |= more
    return family - {os.getpid()}


def collected_cpu_s() -> float:
    """Return the CPU seconds of the children that this process has collected, without those of `ps`."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime - _ps_cpu_s


def max_rss_mb() -> float:
    """Return the largest resident memory of a child that was collected, in MiB; macOS tells bytes, Linux KiB."""
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return largest / (1 << 20 if host.MACOS else 1 << 10)


def _from_proc() -> Iterator[Process]:
    tick = os.sysconf("SC_CLK_TCK")
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()  # those that follow the name
        except OSError:
            continue  # it has just ended
        user, system, child_user, child_system = map(int, fields[11:15])
        own, waited = (user + system) / tick, (child_user + child_system) / tick
        yield Process(int(name), int(fields[1]), int(fields[2]), fields[19].decode(), own, waited)


def _from_ps() -> Iterator[Process]:
    itself, printed = _ps("-axo", COLUMNS)
    for line in printed.splitlines():
        with contextlib.suppress(ValueError):  # a process that is ending may have no number in a column
            pid, parent, group, memory, cpu, *start = line.split()
            if int(pid) != itself:
                row = (int(pid), int(parent), int(group), " ".join(start), seconds(cpu))
                yield Process(*row, memory=int(memory) << 10)


def seconds(text: str) -> float:
    """Return a time as `ps` writes it, in seconds: 0:01.53 and 75:02.10 on macOS, 1-02:03:04 elsewhere."""
    days, _, clock = text.rpartition("-")
    total = 0.0
    for part in clock.split(":"):
        total = 60 * total + float(part)
    return total + 86_400 * int(days or 0)


def _ps(*arguments: str) -> tuple[int, str]:
    """Return the number of a `ps` that has ended, and what it printed; nothing where there is none."""
    global _ps_cpu_s
    reader, writer = os.pipe()
    try:
        # In the C locale a number has a point, whatever the user's language.
        actions = [(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
        pid = os.posix_spawn(PS, [PS, *arguments], {"LC_ALL": "C"}, file_actions=actions)
    except OSError:
        os.close(reader)
        return 0, ""
    finally:
        os.close(writer)
    with open(reader, encoding="utf-8", errors="replace") as file:
        printed = file.read()
    _, _, usage = os.wait4(pid, 0)
    _ps_cpu_s += usage.ru_utime + usage.ru_stime
    return pid, printed
