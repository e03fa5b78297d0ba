"""What the baseline's run has compiled, for the campaign's other runs: each of them gets a private copy.

Only a run of the baseline is kept. What a patch has compiled is read by no other run, not even by a repeat of the same
patch: the folder could carry code, or trained weights, from one run to the next. The scorer's processes get none of it.
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
from pathlib import Path

from loop.record.clearing import clear

log = logging.getLogger(__name__)

VARIABLE = "TORCHINDUCTOR_CACHE_DIR"  # Triton's cache lies in the same folder
MOST_BYTES, MOST_FILES = 512 << 20, 20_000
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def place(run_dir: Path) -> Path:
    """Return the folder in which a run keeps what it compiles."""
    return run_dir / "compiled"


def lend(kept: Path, run_dir: Path) -> None:
    """Give a run its copy of what was kept, if anything was. Call it before any process of the run exists."""
    _copy_whole(kept, place(run_dir))


def keep(run_dir: Path, kept: Path) -> None:
    """Keep what a run of the baseline has compiled, unless there is something. Call it when its processes are gone."""
    if not kept.exists():
        _copy_whole(place(run_dir), kept)


def _copy_whole(source: Path, target: Path) -> None:
    """Copy a folder's plain files; `target` gets its name once it is complete. A copy that fails leaves none."""
    if not os.path.lexists(source):  # on a CPU nothing is compiled
        return
    building = target.with_name(f"{target.name}.tmp")
    clear(building)
    try:
        if _copy(source, building):
            os.rename(building, target)
    except OSError:
        log.warning("%s: not copied, so the next run compiles again", source, exc_info=True)
    finally:
        clear(building)


def _copy(source: Path, target: Path) -> bool:
    """Copy the plain files of a folder that a run has written, following no link; return whether there were any."""
    size = count = 0
    for folder, _, names, descriptor in os.fwalk(source):
        goal = target / os.path.relpath(folder, source)
        goal.mkdir(parents=True, exist_ok=True)
        for name in names:
            if not stat.S_ISREG(os.lstat(name, dir_fd=descriptor).st_mode):
                continue
            with open(os.open(name, READ, dir_fd=descriptor), "rb") as original:
                size, count = size + os.fstat(original.fileno()).st_size, count + 1
                if size > MOST_BYTES or count > MOST_FILES:
                    raise OSError(f"more than {MOST_BYTES >> 20} MiB or {MOST_FILES:,} files")
                with (goal / name).open("xb") as copy:
                    shutil.copyfileobj(original, copy)
    return count > 0
