"""What is looked at while a tree lives: its time, its memory, its disk, and whether the machine slept."""

from __future__ import annotations

import errno
import math
import os
import time

from loop.record.clearing import unlock
from loop.runs.supervisor.wire import Why
from loop.system import host
from loop.system.clock import asleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.runs.supervisor.meter import Meter
    from loop.runs.supervisor.wire import Specification
    from loop.trust.bounds import Bounds

TICK_S, SLOW_TICK_S = 0.25, 1.0  # how often disk and clocks are looked at; where each look starts a `ps`
FREE_DISK = 256 << 20  # bytes that a run must leave free where it writes


class Watch:
    """The looks at one tree. `opened` and `clock` are when its gate was opened and its clock started, None before."""

    def __init__(self, spec: Specification, bounds: Bounds, cpu: Meter) -> None:
        self.opened: float | None = None
        self.clock: float | None = None
        self.next_look = 0.0
        self._limit_s, self._clock_s, self._disk_limit = spec["limit_s"], spec["clock_s"], spec["disk_limit"]
        self._bounds, self._cpu = bounds, cpu
        self._sizes = {path: folder_size(path) for path in spec["watch"]}
        self._asleep = asleep()

    @property
    def until(self) -> float:
        """When the next look is due."""
        return min(self.next_look, self._limit, self._late)

    @property
    def _limit(self) -> float:
        return math.inf if self.opened is None or self._limit_s is None else self.opened + self._limit_s

    @property
    def _late(self) -> float:
        """When a run whose clock runs should have submitted long ago."""
        return math.inf if self.clock is None or self._clock_s is None else self.clock + self._clock_s

    def look(self) -> Why | None:
        """Return why the tree has to end now: it is over its time or a bound, or it slept because the machine did."""
        now = time.monotonic()
        why = Why.LATE if now >= self._late else Why.TIMED_OUT if now >= self._limit else None
        if now < self.next_look:
            return why
        self._cpu.read()
        if self.opened is not None and asleep() - self._asleep > 1.0:
            why = Why.SUSPENDED
        why = why or passed(self._bounds)
        now = time.monotonic()  # what follows is about files; a walk through processes has its own pace
        why = self._look_at_files() or why
        # A folder of a hundred thousand files is looked at less often.
        tick = TICK_S if host.LINUX else SLOW_TICK_S
        self.next_look = time.monotonic() + max(tick, 50 * (time.monotonic() - now))
        return why

    def _look_at_files(self) -> Why | None:
        why = None
        for path, before in self._sizes.items():
            if self._disk_limit is not None and folder_size(path) - before > self._disk_limit:
                why = Why.DISK
            elif free_space(path) < FREE_DISK:
                why = Why.FULL
        return why


def passed(bounds: Bounds) -> Why | None:
    """Return the bound that the tree has run into, None for none."""
    found = bounds.passed()
    return Why(found) if found else None


def folder_size(path: str) -> int:
    """Return the bytes on disk of everything below a folder; links are not followed.

    A folder that its run has closed is opened again, and one too deep to be looked at counts as too much.
    """
    total, folders = 0, [path]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return 1 << 60
            if error.errno == errno.EACCES:
                unlock(folder)  # and look the next time
    return total


def free_space(path: str) -> int:
    """Return the bytes that may still be written on a folder's file system."""
    try:
        stat = os.statvfs(path)
    except OSError:
        return FREE_DISK  # a run without a sandbox has removed it
    return stat.f_bavail * stat.f_frsize
