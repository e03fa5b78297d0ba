"""The plain folders in which runs happen: made to hold exactly one commit's files, whatever a run left there.

They have no `.git` of their own, so a run that calls git finds none. Only loop.git.repo calls this room,
and lends it git.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from loop.record.clearing import clear, left_aside, unlock
from loop.record.types import RepoError

log = logging.getLogger(__name__)

Git = Callable[..., bytes]  # Plumbing.run: arguments, and `env` for the repository and the index

# A slot holds the whole tree and, on every platform, its line endings.
WHOLE_AND_RAW = ("-c", "core.sparseCheckout=false", "-c", "core.autocrlf=false", "-c", "core.eol=lf")


@dataclass(frozen=True)
class Source:
    """A repository to lay out: how to run git, its git folder, and where the user has it checked out."""

    git: Git
    git_dir_of: Callable[[Path], Path]
    git_dir: Path
    checkout: Path


def lay(source: Source, commit: str, folder: Path, index: Path, canvas: str) -> None:
    """Lay one repository's commit, then its submodules. `canvas` will hold exactly the commit's bytes."""
    git = source.git
    env = {"GIT_DIR": str(source.git_dir), "GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": str(index)}
    kept: dict[bytes, tuple[bytes, str]] = {}
    for entry in git("ls-tree", "-r", "-z", "--full-tree", commit, env=env).split(b"\0")[:-1]:
        head, path = entry.split(b"\t", 1)
        mode, _, oid = head.split()
        kept[path] = mode, oid.decode()
    if folder.is_symlink() or not folder.is_dir():
        remove(folder)
        folder.mkdir()
    unlock(folder)
    sweep(os.fsencode(folder), {path: mode == b"160000" for path, (mode, _) in kept.items()})
    # --reset -u compares every file with what the index remembers of it and rewrites those that a run changed.
    git(*WHOLE_AND_RAW, "read-tree", "--reset", "-u", commit, env=env)
    if canvas:
        _check_canvas(git, folder, canvas, kept, commit)
    for path, recorded in ((path, oid) for path, (mode, oid) in kept.items() if mode == b"160000"):
        checkout = source.checkout / os.fsdecode(path)
        if (checkout / ".git").exists():
            part = index.with_name(f"{index.name}.{hashlib.sha256(path).hexdigest()[:16]}")
            module = replace(source, git_dir=source.git_dir_of(checkout), checkout=checkout)
            lay(module, recorded, folder / os.fsdecode(path), part, "")
        else:
            sweep(os.path.join(os.fsencode(folder), path), {})


def _check_canvas(git: Git, folder: Path, canvas: str, kept: Mapping[bytes, tuple[bytes, str]], commit: str) -> None:
    """Make the canvas hold exactly the commit's bytes, whatever conversion its attributes ask for."""
    mode, oid = kept.get(os.fsencode(canvas), (b"", ""))
    if mode not in (b"100644", b"100755"):
        raise RepoError(f"{canvas}: no ordinary file of that name in {commit[:10]}; does git ignore it?")
    data = (folder / canvas).read_bytes()
    algorithm = "sha1" if len(oid) == 40 else "sha256"
    if hashlib.new(algorithm, b"blob %d\0%s" % (len(data), data)).hexdigest() != oid:
        put(folder, canvas, git("cat-file", "blob", oid))


def lend(top: Path, slot: Path, path: Path) -> None:
    """Link the user's own file or folder at its path in the slot; where the commit has a part of it, what it lacks.

    A link of the commit's on the way leads where it always does; one that leads nowhere from here is put right. No
    `.git` is ever linked.
    """
    for parent in list(path.parents)[-2::-1]:
        if _put_right(top / parent, slot / parent):
            return
        (slot / parent).mkdir(exist_ok=True)
    _link(top / path, slot / path)


def _link(given: Path, place: Path) -> None:
    if _put_right(given, place):
        return
    if not os.path.lexists(place):
        place.symlink_to(given.resolve())
    elif place.is_dir() and given.is_dir():
        there = {".git", *os.listdir(place)}
        for name in there.intersection(os.listdir(given)) - {".git"}:
            _link(given / name, place / name)
        with os.scandir(given.resolve()) as entries:
            for entry in entries:  # a folder of data may hold a hundred thousand
                if entry.name not in there:
                    os.symlink(os.path.realpath(entry) if entry.is_symlink() else entry.path, place / entry.name)


def _put_right(given: Path, place: Path) -> bool:
    """Return whether there is a link in the slot; a relative one may have led out of the checkout."""
    if not place.is_symlink():
        return False
    if not place.exists() and given.exists():
        place.unlink()
        place.symlink_to(given.resolve())
    return True


def sweep(root: bytes, kept: Mapping[bytes, bool]) -> None:
    """Remove whatever is not in `kept` (path → is a submodule) or is of another kind; follows no link."""
    folders = {path[:end] for path in kept for end, byte in enumerate(path) if byte == 0x2F}
    waiting = [b""]
    while waiting:
        place = waiting.pop()
        with os.scandir(os.path.join(root, place)) as entries:
            for entry in entries:
                path = place + entry.name
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder and path in folders:
                    waiting.append(path + b"/")
                elif kept.get(path) is not is_folder:
                    remove(Path(os.fsdecode(entry.path)))


def remove(path: Path) -> None:
    """Free a place of whatever is there. Raises RepoError where nothing can."""
    if not clear(path):
        raise RepoError(f"{path}: cannot be removed or renamed; remove it by hand and start again")
    if names := left_aside(path.parent):
        log.warning("%s: some of what a run left cannot be removed: %s", path.parent, ", ".join(names[-3:]))


def put(slot: Path, path: str, data: bytes) -> None:
    """Replace a file by a new one of the same mode; a link that a run left on the way is never followed."""
    file = slot / path
    if slot.resolve() not in file.parent.resolve().joinpath("x").parents:
        raise RepoError(f"{path}: leads out of the slot")
    mode = file.lstat().st_mode & 0o777 if not file.is_symlink() else 0o644
    file.unlink()
    file.write_bytes(data)
    file.chmod(mode)
