"""Git for one repository: run it, and say in a sentence what it refused. The only module that starts a git process.

No setting, hook or variable of the caller's decides what a command does here. Safe from several threads and processes:
it keeps no state.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from loop.git import slots
from loop.record.home import Home, find_home
from loop.record.types import Refused, RepoError

# Without git on the PATH the import itself would fail; Plumbing says it in a sentence instead.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
from git.cmd import Git
from git.exc import GitCommandNotFound

OLDEST_GIT = (2, 25)

# `all,-index`: our indexes are disposable, objects and refs are not. ctime and inode cannot be forged by a run.
_SETTINGS = f"""
core.hooksPath={os.devnull} core.fsmonitor= core.fsync=all,-index core.splitIndex=false core.untrackedCache=false
core.safecrlf=false core.quotePath=false core.trustctime=true core.checkStat=default add.ignoreErrors=false
submodule.recurse=false i18n.commitEncoding=UTF-8 commit.gpgSign=false protocol.allow=never
""".split()
_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "LC_ALL": "C",
}
# What a calling git (a hook, an alias) sets to point elsewhere; GitPython can add variables, never take one away.
_FOREIGN = [
    f"GIT_{name}"
    for name in (
        *("DIR", "WORK_TREE", "INDEX_FILE", "COMMON_DIR", "OBJECT_DIRECTORY", "NAMESPACE", "PREFIX"),
        *("ALTERNATE_OBJECT_DIRECTORIES", "CEILING_DIRECTORIES", "GRAFT_FILE", "SHALLOW_FILE"),
        *("CONFIG", "ATTR_SOURCE", "EXTERNAL_DIFF", "DIFF_OPTS"),
    )
]


class Plumbing:
    """The repository around one folder; raises Refused, with the next step, where there is none to work with."""

    top: Path  # of the user's working tree
    dir: Path  # the git folder of that working tree
    home: Home

    def __init__(self, folder: Path) -> None:
        for name in _FOREIGN:
            os.environ.pop(name, None)
        if not folder.is_dir():
            raise Refused(f"{folder}: no such folder")
        self.home = find_home(folder)
        self.version = _git_version(Git.GIT_PYTHON_GIT_EXECUTABLE)
        self.top, self.dir, common = discover(folder)
        if common != self.home.root.parent.resolve():
            raise Refused(f"{self.home.root.parent}: not a sound git folder; git uses {common} instead")

    def run(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Run git for its output; raises RepoError with what git said."""
        code, out, error = self.attempt(*args, stdin=stdin, env=env)
        if code:
            raise RepoError(self.sentence(error))
        return out

    def line(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """Run git for the one line that it prints; raises RepoError with what git said."""
        return self.run(*args, stdin=stdin, env=env).decode().strip()

    def attempt(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> tuple[int, bytes, str]:
        """Run git in this repository, by default with an index that does not exist, so never with the user's."""
        here = {"GIT_DIR": str(self.dir), "GIT_WORK_TREE": str(self.top)}
        here["GIT_INDEX_FILE"] = str(self.home.root / "none.index")
        return _run(self.top, *args, stdin=stdin, env={**here, **(env or {})})

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a folder of our own that is gone afterwards, and clear what a kill left an hour ago or earlier."""
        with self.telling():
            self.home.root.mkdir(parents=True, exist_ok=True)
            for old in self.home.root.glob("scratch-*"):
                with suppress(FileNotFoundError):
                    if time.time() - old.stat().st_mtime > 3600:
                        slots.remove(old)
            with tempfile.TemporaryDirectory(prefix="scratch-", dir=self.home.root, ignore_cleanup_errors=True) as name:
                yield Path(name)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Turn the system's refusals into RepoError with a sentence."""
        try:
            yield
        except OSError as error:
            raise RepoError(self.sentence(f"{error.filename or 'file'}: {error.strerror or error}")) from error

    def sentence(self, error: str) -> str:
        """Return what git or the system said, with the next step where there is one."""
        said = _said(error)
        if "No space left" in error or "quota exceeded" in error:
            return f"the disk is full ({said}); free some space and start again"
        if "unable to index file" in error:
            return f"{said}; make it readable, or ignore it in .gitignore"
        if any(
            words in error
            for words in ("ermission denied", "insufficient permission", "Read-only file", "unable to create directory")
        ):
            return f"{said}; make {self.home.root.parent} writable for you and start again"
        if "refs/heads/autoresearch' exists" in error:
            return f"{said}; rename your branch 'autoresearch', our branches are named autoresearch/..."
        if "exists; cannot create" in error:
            return f"{said}; choose another name: 'autoresearch start --new --campaign NAME'"
        if "does not have a commit checked out" in error:
            return f"{said}; commit in that nested repository, or ignore it in .gitignore"
        return f"git: {said}"


def discover(folder: Path) -> tuple[Path, Path, Path]:
    """Return top, git folder and common git folder as git finds them, with its check of who owns them."""
    if "\n" in str(folder):
        raise Refused(f"{str(folder)!r}: a line break in the name of a folder; rename it and start again")
    code, out, error = _run(folder, "rev-parse", "--show-toplevel", "--absolute-git-dir", "--git-common-dir", env={})
    if not code:
        top, git_dir, common = os.fsdecode(out).splitlines()
        return Path(top), Path(git_dir), (folder / common).resolve()
    if "dubious ownership" in error:
        raise Refused(
            f"{folder}: the repository belongs to another user; if you trust it, "
            f"run: git config --global --add safe.directory '{folder}'"
        )
    if "must be run in a work tree" in error:
        raise Refused(f"{folder}: a bare repository, or inside a git folder; clone it and start in the clone")
    raise Refused(f"{folder}: {_said(error)}; run 'git init' there, or 'autoresearch init'")


def _run(folder: Path, *args: str, stdin: bytes = b"", env: Mapping[str, str]) -> tuple[int, bytes, str]:
    """Run git and return its exit code, its output and what it said."""
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    command = [Git.GIT_PYTHON_GIT_EXECUTABLE or "git", *settings, *args]
    try:
        process = Git(folder).execute(command, istream=subprocess.PIPE, as_process=True, env={**_ENVIRONMENT, **env})
    except GitCommandNotFound as error:
        raise Refused("git was not found; install git and start again") from error
    out, said = process.communicate(stdin)
    return process.returncode, out, said.decode("utf-8", "replace")


def _said(error: str) -> str:
    """Return git's first complaint, without its hints and warnings."""
    complaint = re.search(r"^(?:fatal|error): (.*)$", error, re.MULTILINE)
    return complaint[1] if complaint else error.strip() or "git failed"


@cache
def _git_version(git: str | None) -> tuple[int, ...]:
    """Return the version of this program, asked once: a process costs as much as a commit's blob."""
    try:
        version = Git().version_info
    except GitCommandNotFound as error:
        raise Refused("git was not found; install git and start again") from error
    if version < OLDEST_GIT:
        raise Refused(f"git {'.'.join(map(str, version))} is too old; install 2.25 or newer")
    return tuple(version)
