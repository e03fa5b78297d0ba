"""How much memory and how many processes a run may have, and the cgroup that keeps it, where one can be had.

The numbers leave room for honest work and keep the machine alive: nine tenths of the memory, and threads enough for
every compile worker and data loader. Who watches a run: bounds.py, in its supervisor. Not here: what a run may see.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from loop.system import host

SHARE = 0.9  # of the machine's memory; the rest keeps the daemon, the editor and the desktop answering
PROCESSES, PROCESSES_PER_CORE = 1024, 64  # threads count; torch.compile alone starts a worker for each core
TMPFS_SHARE, TMPFS_LEAST = 8, 64 << 20  # each private /tmp, /var/tmp, /dev/shm: an eighth of a run's memory
FALLBACK_MEMORY = 8 << 30  # where the machine does not say how much it has
CGROUPS = Path("/sys/fs/cgroup")
NAME = "autoresearch-"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Limits:
    """The bounds of one process tree: bytes of memory, processes and threads, bytes of each private tmpfs."""

    memory: int
    processes: int
    tmpfs: int

    @property
    def memory_text(self) -> str:
        return f"{self.memory / 1e9:.1f} GB" if self.memory >= 1e9 else f"{self.memory / 1e6:.0f} MB"


@functools.cache
def machine() -> Limits:
    """Return the bounds of a run on this machine, or in the container that we are in."""
    memory = int(SHARE * min(_memory(), _container()))
    processes = PROCESSES + PROCESSES_PER_CORE * (os.cpu_count() or 1)
    return Limits(memory, processes, max(TMPFS_LEAST, memory // TMPFS_SHARE))


def _memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return FALLBACK_MEMORY


def _container() -> int:
    """Return the least memory limit of the cgroups that we are in; where there is none, more than any machine has."""
    limits = [1 << 60]
    for kind, own in own_groups():
        top = CGROUPS / kind
        for place in _upwards(top, own):
            for name in ("memory.max", "memory.limit_in_bytes"):
                with contextlib.suppress(OSError, ValueError):
                    limits.append(int((place / name).read_text()))
    return min(limits)


def own_groups(text: str | None = None) -> list[tuple[str, str]]:
    """Return the cgroups of this process that matter here, as (folder below /sys/fs/cgroup, path in it).

    Version 2 has one hierarchy for all (""), version 1 one for each controller.
    """
    if text is None:
        try:
            text = Path("/proc/self/cgroup").read_text()
        except OSError:
            return []
    found: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for name in controllers.split(","):
            if name in ("", "memory", "pids"):
                found[name] = path
    both = [name for name in ("memory", "pids") if name in found]
    return [(name, found[name]) for name in both or found]


def _upwards(top: Path, own: str) -> list[Path]:
    """Return a cgroup's folder and those above it. In a container its path may not exist here: then the top alone."""
    place = top / own.lstrip("/")
    return [p for p in (place, *place.parents) if p.is_relative_to(top) and p.is_dir()]


@functools.cache
def places(root: Path = CGROUPS, groups: tuple[tuple[str, str], ...] | None = None) -> tuple[Path, ...]:
    """Return the folders in which we may make cgroups that bound memory and processes; none where we may not.

    Tried once: a cgroup is made, a process enters it, and it is removed.
    """
    found = []
    for kind, own in own_groups() if groups is None else groups:
        place = next((p for p in _upwards(root / kind, own) if _works(p, kind)), None)
        if place is None:
            return ()
        found.append(place)
    return tuple(found)


def _works(place: Path, kind: str) -> bool:
    needed = (
        ("memory.max", "pids.max") if not kind else ("memory.limit_in_bytes",) if kind == "memory" else ("pids.max",)
    )
    trial = place / f"{NAME}{os.getpid()}-trial"
    try:
        if not kind and not {"memory", "pids"} <= set((place / "cgroup.subtree_control").read_text().split()):
            return False
        trial.mkdir()
    except OSError:
        return False
    try:
        if not all(os.access(trial / name, os.W_OK) for name in (*needed, "cgroup.procs")):
            return False
        enter = ["/bin/sh", "-c", 'echo 0 >"$1/cgroup.procs"', "sh", str(trial)]
        return subprocess.run(enter, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False
    finally:
        with contextlib.suppress(OSError):
            trial.rmdir()


def make_group(limits: Limits, root: Path | None = None) -> list[str]:
    """Return the folders of a new cgroup with these bounds, to be removed by who uses it; [] where none can be had."""
    name = f"{NAME}{os.getpid()}-{next(_numbers)}"
    made: list[str] = []
    try:
        for place in places() if root is None else places(root):
            _forget(place)
            folder = place / name
            folder.mkdir()
            made.append(str(folder))
            _bound(folder, limits)
    except OSError:
        drop_group(made)
        return []
    return made


def _bound(folder: Path, limits: Limits) -> None:
    """Write the bounds under the names of either version. Those on swap exist only where the kernel counts it."""
    needed = {"memory.max": limits.memory, "memory.limit_in_bytes": limits.memory, "pids.max": limits.processes}
    # Last: version 1 lets memory with swap be no less than memory.
    wanted = {"memory.memsw.limit_in_bytes": limits.memory, "memory.swap.max": 0, "memory.oom.group": 1}
    for name, value in needed.items():
        if (folder / name).exists():
            (folder / name).write_text(str(value))
    for name, value in wanted.items():
        if (folder / name).exists():
            with contextlib.suppress(OSError):
                (folder / name).write_text(str(value))


def drop_group(folders: list[str]) -> None:
    """Remove cgroups that nobody is in."""
    for folder in folders:
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def _forget(place: Path) -> None:
    """Remove the empty cgroups of daemons and supervisors that were killed before they could."""
    with contextlib.suppress(OSError):
        for stale in place.glob(f"{NAME}*"):
            owner = stale.name.removeprefix(NAME).partition("-")[0]
            if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
                drop_group([str(stale)])


def kept_by() -> str:
    """Return what keeps the bounds here: "cgroup", or "watching" where the supervisor has to look."""
    return "cgroup" if host.LINUX and places() else "watching"
