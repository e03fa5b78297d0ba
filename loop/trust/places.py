"""What of the machine's files a run sees: which places are empty, which are shown, what of the kernel's is closed.

Says it as bubblewrap's options, one for each place. Not here: the run's own folders and the command (sandbox.py).
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from loop.record.home import find_home
from loop.record.types import Refused
from loop.settings.devices import DEVICES
from loop.trust.secrets import ALLOWED

# What a machine's programs need. All else, /home, /data, /mnt, /srv and the like, is the user's.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/sys")
PRIVATE = ("/tmp", "/var/tmp", "/run")  # besides the home
SYSTEM_STORES = ("/nix/store", "/gnu/store", "/run/current-system", "/run/opengl-driver")
LIBRARY_VARIABLES = (
    "LD_LIBRARY_PATH",
    *(name for device in DEVICES for name in device.homes),
    "CONDA_PREFIX",
    "VIRTUAL_ENV",
)
# Root owns most of /proc/sys and may write it, whatever its capabilities; the rest of these is root's alone.
PROC_READ_ONLY = ("sys", "fs", "acpi", "scsi", "driver", "mtrr")  # bubblewrap itself sees to sysrq-trigger, irq and bus
PROC_HIDDEN = frozenset({"kcore", "kmsg", "timer_list", "timer_stats", "sched_debug", "latency_stats", "vmallocinfo"})
SYS_HIDDEN = ("firmware", "kernel/debug", "kernel/tracing", "kernel/security", "fs/bpf", "fs/pstore")


class View:
    """What of the machine's files a run sees besides its own: which places are empty, which are shown read-only."""

    def __init__(
        self,
        top: Path,
        needed: Needed,
        readable: Iterable[Path],
        system_only: bool,
        system: Iterable[str] = SYSTEM,
        private: Iterable[str] = PRIVATE,
    ) -> None:
        self.repository = [top.resolve(), *git_folder(top)]
        empty = [p.resolve() for p in (Path.home(), *map(Path, private)) if p.is_dir()]
        self.empty = [p for p in (*empty, *self.repository) if p != Path("/")]
        self.hiding = [*self.empty, Path("/dev"), *([Path("/")] if system_only else [])]  # /dev: no RAM disk
        self.shown: dict[Path, Path] = {}  # place: source
        self.linked: dict[Path, str] = {}  # place: what it says
        wanted = [*needed.prefixes, *self._libraries(needed), *readable, *map(Path, SYSTEM_STORES)]
        if system_only:
            for place in filter(os.path.lexists, system):
                if os.path.islink(place):
                    self.linked[Path(place)] = os.readlink(place)
                else:
                    self.shown[Path(place)] = Path(place)
            named = (p for name in LIBRARY_VARIABLES for p in os.environ.get(name, "").split(os.pathsep))
            wanted += [Path(p) for p in named if os.path.isabs(p)]
        self.wanted = wanted
        self._show(wanted)

    def _libraries(self, needed: Needed) -> list[Path]:
        """Return the folders that path files add. The user's checkout is none of them: the slot has its own copy."""
        return [p for p in needed.others if not any(p.resolve().is_relative_to(r) for r in self.repository)]

    def _show(self, wanted: Iterable[Path]) -> None:
        # Both where it is named and where it is: the folder that holds a link may be one of the empty ones.
        places = {place: p.resolve() for p in wanted for place in (p.parent.resolve() / p.name, p.resolve())}
        for place in sorted(places, key=depth):
            if self.is_lost(place) and place.exists() and not any(p.is_relative_to(place) for p in self.hiding):
                self.shown[place] = places[place]

    def is_lost(self, place: Path) -> bool:
        """Return whether a place is in one of the empty ones, and in nothing deeper that is shown."""
        around = [p for p in (*self.hiding, *self.shown) if place.is_relative_to(p)]
        return bool(around) and max(around, key=depth) in self.hiding

    def rules(self) -> dict[Path, tuple[str, ...]]:
        """Return bubblewrap's option for each place; deeper ones are mounted later and win over what is around them."""
        rules: dict[Path, tuple[str, ...]] = {place: ("--tmpfs", str(place)) for place in self.empty}
        rules |= {place: ("--symlink", said, str(place)) for place, said in self.linked.items()}
        rules |= {place: ("--ro-bind", str(source), str(place)) for place, source in self.shown.items()}
        return self.links(self.wanted, rules) | rules

    def links(self, paths: Iterable[Path], rules: Mapping[Path, tuple[str, ...]]) -> dict[Path, tuple[str, ...]]:
        """Return the links on the way to paths, which are not there where the machine's folders are not."""
        if Path("/") not in self.hiding:
            return {}
        found = {place: said for path in paths if path.exists() for place, said in links_on(path.absolute()).items()}
        return {p: ("--symlink", said, str(p)) for p, said in found.items() if p not in rules and self.is_lost(p)}

    def places_of(self, paths: Iterable[Path]) -> set[Path]:
        """Return every place at which files and folders can be seen."""
        there = [p.resolve() for p in paths if p.exists()]
        shown = self.shown.items()
        return {*there, *(at / p.relative_to(s) for p in there for at, s in shown if p.is_relative_to(s))}


@dataclass(frozen=True)
class Needed:
    """What a Python needs: its prefixes and itself; and the folders that its path files add."""

    prefixes: tuple[Path, ...]
    others: tuple[Path, ...]


@functools.cache
def kernel_rules() -> dict[Path, tuple[str, ...]]:
    """Return what of /proc, /sys and /etc is closed: what root could turn, and what is for root's eyes only."""
    rules: dict[Path, tuple[str, ...]] = {}
    for name in PROC_READ_ONLY if os.geteuid() == 0 else PROC_READ_ONLY[:1]:
        if os.path.exists(place := f"/proc/{name}"):
            rules[Path(place)] = ("--ro-bind", place, place)
    # Only what we may read: each mount makes the start of every run longer.
    files = [path for path in closed_to_others(Path("/proc"), deep=False) if path.name in PROC_HIDDEN]
    files += filter(Path.exists, [Path("/proc/keys")])  # names the keys of the user, wherever they are
    folders = [Path("/sys", name) for name in SYS_HIDDEN if os.access(Path("/sys", name), os.X_OK)]
    for path in (*files, *folders, *closed_to_others(Path("/etc"))):
        rules[path] = ("--tmpfs", str(path)) if path.is_dir() else ("--ro-bind", "/dev/null", str(path))
    return rules


def closed_to_others(folder: Path, deep: bool = True) -> list[Path]:
    """Return what we may read in a folder and others may not: password hashes, private keys, the kernel's tables."""
    found, waiting = [], [folder]
    while waiting:
        with contextlib.suppress(OSError):
            entries = list(os.scandir(waiting.pop()))
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                if not is_folder and not entry.is_file(follow_symlinks=False):
                    continue
                wanted = 0o5 if is_folder else 0o4
                if mode_of(entry) & wanted != wanted:
                    found += [Path(entry.path)] if os.access(entry.path, os.R_OK) else []
                elif is_folder and deep:
                    waiting.append(Path(entry.path))
    return found


def mode_of(entry: os.DirEntry[str]) -> int:
    """Return what others may do with an entry; a process that ended while /proc was read hides nothing."""
    try:
        return entry.stat(follow_symlinks=False).st_mode
    except OSError:
        return 0o777


def links_on(path: Path) -> dict[Path, str]:
    """Return the links on the way to a path and on the ways that they lead: place and what it says."""
    found: dict[Path, str] = {}
    place = Path("/")
    for part in path.parts[1:]:
        place = place.resolve() / part
        if place.is_symlink() and place not in found:
            found[place] = os.readlink(place)
            found |= {p: said for p, said in links_on(place.parent / found[place]).items() if p not in found}
    return found


def depth(path: Path) -> tuple[int, Path]:
    """Order paths so that a folder comes before what is in it."""
    return len(path.parts), path


@functools.cache
def interpreter(python: str) -> Needed:
    """Return what a Python needs to run."""
    code = "import json, sys; print(json.dumps([[sys.prefix, sys.base_prefix, sys.executable], sys.path[1:]]))"
    clean = {name: value for name, value in os.environ.items() if ALLOWED.fullmatch(name)}
    done = subprocess.run([python, "-s", "-c", code], capture_output=True, text=True, check=True, timeout=60, env=clean)
    prefixes, others = json.loads(done.stdout)
    return Needed(tuple(map(Path, prefixes)), tuple(map(Path, others)))


def git_folder(top: Path) -> list[Path]:
    """Return the common git folder of a repository (it may lie elsewhere: a linked worktree), none outside one."""
    try:
        return [find_home(top).root.parent.resolve()]
    except Refused:
        return []
