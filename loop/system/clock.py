"""The clock that counts while the machine sleeps, against the one that does not."""

from __future__ import annotations

import time

from loop.system import host

UPTIME_RAW = getattr(time, "CLOCK_UPTIME_RAW", -1)  # only macOS has it


def asleep() -> float:
    """Return the seconds that the machine has spent suspended since it started, 0.0 where it does not tell.

    Sources: clock_gettime(2) of Linux; clock_gettime(3) of macOS, where CLOCK_UPTIME_RAW is CLOCK_MONOTONIC_RAW without
    the time asleep. macOS's CLOCK_MONOTONIC is not compared: it follows corrections of the wall clock.
    """
    if host.LINUX:
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    if host.MACOS:
        return time.clock_gettime(time.CLOCK_MONOTONIC_RAW) - time.clock_gettime(UPTIME_RAW)
    return 0.0
