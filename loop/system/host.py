"""Which system this is. The only module that asks for it; what follows from the answer is in the modules beside it."""

from __future__ import annotations

import os
import sys

LINUX = sys.platform == "linux"
MACOS = sys.platform == "darwin"
KERNEL = "/proc/sys/kernel/osrelease"
MOUNTS = "/proc/self/mounts"
WINDOWS_DISKS = frozenset({"9p", "drvfs", "virtiofs"})  # the types under which WSL mounts C: and its like


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def name() -> str:
    """Return the system in words: Linux, WSL 2, WSL 1, macOS, or what Python calls it."""
    if MACOS:
        return "macOS"
    version = wsl()
    return f"WSL {version}" if version else "Linux" if LINUX else sys.platform


def wsl() -> int:
    """Return the version of WSL that this Linux runs in, 1 or 2; 0 where it is none.

    WSL 2 has a kernel of its own, built by Microsoft: 6.6.87.2-microsoft-standard-WSL2. WSL 1 names a version that it
    imitates: 4.4.0-19041-Microsoft.
    """
    release = _read(KERNEL) if LINUX else ""
    return 2 if "microsoft-standard" in release else 1 if "Microsoft" in release else 0


def on_windows_disk(path: str) -> bool:
    """Return whether a path of WSL lies on a disk of Windows, such as /mnt/c."""
    if not wsl():
        return False
    types = {place: kind for _, place, kind, *_ in (line.split() for line in _read(MOUNTS).splitlines())}
    place = os.path.realpath(path)
    while place not in types and place != "/":
        place = os.path.dirname(place)
    return types.get(place) in WINDOWS_DISKS


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
