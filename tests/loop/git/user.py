"""A user's repository as tests look at it: what must not change, what a commit and a slot hold."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
from pathlib import Path

from loop.git.repo import Repo

AT = 1_700_000_000.0


def git(folder: Path, *args: str) -> str:
    """Run the real git as a user would, and return what it prints."""
    return subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, text=True).stdout


def footprint(top: Path) -> dict[str, object]:
    """Everything of the user's that must not change: every file, the index, HEAD, their branches, the status."""
    ours = ("autoresearch", "objects", "refs/autoresearch", "refs/heads/autoresearch", "logs/refs/heads/autoresearch")
    skip = {f".git/{name}" for name in ours}
    found: dict[str, object] = {}
    for folder, names, files in os.walk(top):
        here = os.path.relpath(folder, top)
        names[:] = [name for name in names if os.path.normpath(f"{here}/{name}") not in skip]
        for name in files + [name for name in names if os.path.islink(os.path.join(folder, name))]:
            path = Path(folder, name)
            data = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
            stat = path.lstat()
            # Git itself freshens the time of a shared index whenever it reads it.
            time = 0 if name.startswith("sharedindex.") else stat.st_mtime_ns
            found[str(path)] = (hashlib.sha256(data).hexdigest(), stat.st_mode, time, stat.st_ino)
    return found


def status(top: Path) -> str:
    return git(top, "--no-optional-locks", "status", "--porcelain=v2", "--branch")


def tree(repo: Repo, commit: str) -> dict[str, str]:
    """Paths of a commit and their modes."""
    entries = git(repo.top, "ls-tree", "-r", "-z", commit).split("\0")[:-1]
    return {entry.split("\t", 1)[1]: entry.split()[0] for entry in entries}


def laid(slot: Path) -> dict[str, bytes]:
    """Files of a slot and their bytes; a link counts by its target."""
    walk = [Path(folder, name) for folder, dirs, files in os.walk(slot) for name in files + dirs]
    return {
        path.relative_to(slot).as_posix(): os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
        for path in walk
        if path.is_symlink() or path.is_file()
    }


def lay(repo: Repo, commit: str, canvas: str = "train.py") -> Path:
    slot = repo.home.slots / "0"
    repo.lay(commit, slot, canvas)
    return slot


def write_everywhere(slot: Path) -> None:
    (slot / "train.py").write_text("LR = 9.9\n")
    (slot / "model.ckpt").touch()
    (slot / "__pycache__").mkdir(exist_ok=True)
    (slot / "__pycache__" / "x.pyc").touch()


def obey_permissions() -> None:
    """Let even root be refused by file permissions (capabilities 1 and 2 are dropped at the coming exec)."""
    prctl = getattr(ctypes.CDLL(None), "prctl", lambda *_: None)
    for capability in (1, 2):
        prctl(24, capability, 0, 0, 0)
