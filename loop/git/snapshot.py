"""What is on the user's disk → a tree in git, through an index of our own. Changes nothing of the user's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from loop.git.plumbing import Plumbing
from loop.record.types import RepoError

LARGEST_UNTRACKED = 1 << 30  # bytes of one file; git would copy it into `.git` and into every slot


def tree_on_disk(git: Plumbing) -> str:
    """Return the tree of what is on disk: tracked files, and untracked ones unless ignored. Raises RepoError.

    Deleted, conflicted and intent-to-add files count as they are on disk, whatever flags the user's index has.
    Contents pass the user's clean filters and line endings, as in their own `git add`.
    """
    with git.scratch() as scratch:
        index = {"GIT_INDEX_FILE": str(scratch / "index")}
        _copy_index(git.dir / "index", scratch / "index")
        _see_everything(git, index)
        sparse = ("--sparse",) if git.version >= (2, 34) else ()
        git.run("add", "--all", "--no-warn-embedded-repo", *sparse, env=index)
        return git.line("write-tree", env=index)


def _copy_index(source: Path, target: Path) -> None:
    """Copy the user's index, if any, with its time: git compares it with the files' to find changes of equal size."""
    with suppress(FileNotFoundError), source.open("rb") as stream:
        stat = os.fstat(stream.fileno())
        target.write_bytes(stream.read())
        os.utime(target, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _see_everything(git: Plumbing, index: Mapping[str, str]) -> None:
    """Clear the flags that hide changes from git, and refuse untracked files too large to copy."""
    flagged: dict[str, list[bytes]] = {"--no-assume-unchanged": [], "--no-skip-worktree": []}
    listing = git.run("ls-files", "-z", "-v", "-c", "-o", "--exclude-standard", env=index)
    for tag, path in ((entry[:1], entry[2:]) for entry in listing.split(b"\0")[:-1]):
        if tag.islower():
            flagged["--no-assume-unchanged"].append(path)
        if tag in b"Ss" and os.path.lexists(git.top / os.fsdecode(path)):
            flagged["--no-skip-worktree"].append(path)
        if tag == b"?":
            _check_size(git.top, os.fsdecode(path))
    for option, paths in flagged.items():
        if paths:
            git.run("update-index", option, "-z", "--stdin", stdin=b"\0".join(paths) + b"\0", env=index)


def _check_size(top: Path, path: str) -> None:
    with suppress(FileNotFoundError):
        size = (top / path).lstat().st_size
        if size > LARGEST_UNTRACKED:
            raise RepoError(f"{path}: {size / 2**30:.1f} GiB, neither tracked nor ignored; add it to .gitignore")
