"""Clear what a run has left behind: of any kind, at any depth, with any permissions; never raise.

Standard library only: the supervisor, a program of its own, imports this file too. Links are never followed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat

FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
ASIDE = ".left-"  # in the new name of what could not be removed


def clear(path: str | os.PathLike[str]) -> bool:
    """Return whether nothing is at `path` any more. A file, a link, a pipe, a tree of any depth and mode: all go.

    What cannot be removed (an immutable file, a busy mount) gets another name where that is possible, so that the
    place is free; `left_aside` finds it.
    """
    place = os.fspath(path)
    for attempt in range(2):
        with contextlib.suppress(OSError):
            _remove(place)
        if not os.path.lexists(place):
            return True
        if not attempt:
            unlock(os.path.dirname(place) or ".")  # the run may have closed the folder that it lies in
    for number in itertools.count(1):
        aside = f"{place[:200] if len(os.path.basename(place)) > 200 else place}{ASIDE}{number}"
        if not os.path.lexists(aside):
            break
    with contextlib.suppress(OSError):
        os.rename(place, aside)
    return not os.path.lexists(place)


def left_aside(folder: str | os.PathLike[str]) -> list[str]:
    """Return the names of what could not be removed from a folder and was set aside there."""
    with contextlib.suppress(OSError):
        return sorted(name for name in os.listdir(folder) if ASIDE in name)
    return []


def make_folder(path: str | os.PathLike[str]) -> None:
    """Make a folder with those above it; what is there and is no folder, or is a link to one, is cleared first."""
    place = os.fspath(path)
    with contextlib.suppress(OSError):
        if not stat.S_ISDIR(os.lstat(place).st_mode):
            clear(place)
    os.makedirs(place, exist_ok=True)
    unlock(place)


def unlock(folder: str | os.PathLike[str]) -> None:
    """Give the owner the rights to a folder that a run may have taken away; of a link or a file nothing happens."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC) if PATHS else -1
        try:
            # The descriptor's own name, so that nobody can put a link in the way between a look and the change.
            name = f"/proc/self/fd/{descriptor}" if PATHS else folder
            mode = os.stat(name).st_mode if PATHS else os.lstat(name).st_mode
            if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:
                os.chmod(name, stat.S_IMODE(mode) | 0o700)
        finally:
            if descriptor >= 0:
                os.close(descriptor)


PATHS = hasattr(os, "O_PATH")  # Linux


def _remove(place: str) -> None:
    if not stat.S_ISDIR(os.lstat(place).st_mode):
        os.unlink(place)
        return
    unlock(place)
    root = os.open(place, FLAGS)
    try:
        _empty(root)
    finally:
        os.close(root)
    os.rmdir(place)


def _empty(root: int) -> None:
    """Remove everything in a folder. Deeper folders are moved up into it first: no path grows long, no stack deep."""
    waiting = [_names(root)]
    numbers = itertools.count()
    while waiting:
        for name, is_folder in waiting.pop():
            if not is_folder:
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=root)
                continue
            with contextlib.suppress(OSError):
                waiting += _hoist(root, name, numbers)
                os.rmdir(name, dir_fd=root)


def _hoist(root: int, name: str, numbers: itertools.count[int]) -> list[list[tuple[str, bool]]]:
    """Empty one folder of `root`: its files are removed, its folders moved into `root`. Return what was moved."""
    _unlock_at(name, root)
    moved: list[tuple[str, bool]] = []
    folder = os.open(name, FLAGS, dir_fd=root)
    try:
        for inner, is_folder in _names(folder):
            with contextlib.suppress(OSError):
                if not is_folder:
                    os.unlink(inner, dir_fd=folder)
                    continue
                _unlock_at(inner, folder)  # a folder that moves must be writable itself
                fresh = next(fresh for n in numbers if not _exists(fresh := f".hoisted-{n}", root))
                os.rename(inner, fresh, src_dir_fd=folder, dst_dir_fd=root)
                moved.append((fresh, True))
    finally:
        os.close(folder)
    return [moved] if moved else []


def _names(folder: int) -> list[tuple[str, bool]]:
    with os.scandir(folder) as entries:
        return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]


def _exists(name: str, folder: int) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except OSError:
        return False
    return True


def _unlock_at(name: str, folder: int) -> None:
    """Give the owner its rights to `name`, an entry of an open folder that is known to be a folder."""
    if PATHS:
        unlock(f"/proc/self/fd/{folder}/{name}")
    else:
        with contextlib.suppress(OSError):
            os.chmod(name, 0o700, dir_fd=folder)
