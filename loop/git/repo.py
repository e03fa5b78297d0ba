"""The only room that runs git: snapshots, commits on private refs, texts at a commit, merges, working folders.

Reads the user's checkout, index and HEAD and never writes them. Writes objects, our own refs, `info/exclude`, and
below `<git common dir>/autoresearch/`. Knows no journal and no campaign rules. Safe from several threads and
processes: it keeps no state, objects are immutable, refs move by compare-and-swap. Hooks, fsmonitor and remotes
are off; a clean or smudge filter (Git LFS) that the user has configured does run.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path, PurePosixPath

from loop.git import slots
from loop.record.home import Home, find_home
from loop.record.types import Refused, RepoError

# Without git on the PATH the import itself would fail; Repo says it in a sentence instead.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
from git.cmd import Git
from git.exc import GitCommandNotFound

OLDEST_GIT = (2, 25)
LARGEST_UNTRACKED = 1 << 30  # bytes of one file; git would copy it into `.git` and into every slot
STALE_LOCK_S = 10.0  # git holds the lock of a ref for milliseconds

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
_PERSON = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "AutoResearch"), ("EMAIL", "autoresearch@localhost"))
}


class Repo:
    """The repository around one folder; raises Refused, with the next step, where there is none to work with."""

    top: Path  # of the user's working tree
    home: Home
    prefix: str  # the folder relative to `top`, with "/"; "" is the top itself

    def __init__(self, folder: Path) -> None:
        for name in _FOREIGN:
            os.environ.pop(name, None)
        folder = folder.resolve()
        if not folder.is_dir():
            raise Refused(f"{folder}: no such folder")
        self.home = find_home(folder)
        self._version = _git_version(Git.GIT_PYTHON_GIT_EXECUTABLE)
        self.top, self._git_dir, common = _discover(folder)
        if common != self.home.root.parent.resolve():
            raise Refused(f"{self.home.root.parent}: not a sound git folder; git uses {common} instead")
        self.prefix = "" if folder == self.top else folder.relative_to(self.top).as_posix()

    @staticmethod
    def branch(campaign: str) -> str:
        """Return the name of the kept line."""
        return f"refs/heads/autoresearch/{campaign}"

    @staticmethod
    def attempt_ref(campaign: str, number: int) -> str:
        """Return the name that keeps an experiment's commit, kept or discarded."""
        return f"refs/autoresearch/{campaign}/{number}"

    @staticmethod
    def accepted_ref(campaign: str) -> str:
        """Return the name of what the human has reviewed."""
        return f"refs/autoresearch/{campaign}/accepted"

    def inside(self, name: str) -> str:
        """Return the path from the top of a file named relative to this Repo's folder."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def snapshot(self, message: str, at: float) -> str:
        """Commit what is on disk (tracked, and untracked unless ignored) on top of HEAD, through an index of our own.

        Deleted, conflicted and intent-to-add files count as they are on disk, whatever flags the user's index has.
        Contents pass the user's clean filters and line endings, as in their own `git add`. Raises RepoError.
        """
        with self._scratch() as scratch:
            index = {"GIT_INDEX_FILE": str(scratch / "index")}
            _copy_index(self._git_dir / "index", scratch / "index")
            self._see_everything(index)
            sparse = ("--sparse",) if self._version >= (2, 34) else ()
            self._git("add", "--all", "--no-warn-embedded-repo", *sparse, env=index)
            tree = self._line("write-tree", env=index)
        return self._commit(tree, self.ref("HEAD"), message, at)

    def text_at(self, commit: str, path: str) -> str:
        """Return the exact text of a file (path from the top), newline bytes kept; RepoError if absent or not UTF-8."""
        code, data, error = self._try("cat-file", "blob", f"{commit}:{path}")
        if "does not exist in" in error or "but not in" in error:
            raise RepoError(f"{path}: not in commit {commit[:10]}; does git ignore it?")
        if code:
            raise RepoError(self._sentence(error))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as wrong:
            raise RepoError(f"{path}: not UTF-8 at byte {wrong.start}; save it as UTF-8") from wrong

    def commit_text(self, base: str, path: str, text: str, message: str, at: float) -> str:
        """Commit `base` with the text of one existing file replaced, mode kept; equal arguments give an equal hash."""
        blob = self._line("hash-object", "-w", "--no-filters", "--stdin", stdin=text.encode("utf-8"))
        tree = self._graft(base, [os.fsencode(part) for part in PurePosixPath(path).parts], blob, path)
        return self._commit(tree, base, message, at)

    def ref(self, name: str) -> str | None:
        """Return the commit that a full ref name (or HEAD) points to, or None."""
        code, out, _ = self._try("rev-parse", "--verify", "--quiet", name)
        return None if code else out.decode().strip()

    def refs(self, prefix: str) -> dict[str, str]:
        """Return every ref below a prefix that ends in "/", with the commit it points to."""
        lines = self._git("for-each-ref", "--format=%(objectname) %(refname)", prefix).decode("utf-8", "replace")
        return {name: commit for commit, _, name in (line.partition(" ") for line in lines.splitlines())}

    def described(self, commit: str) -> tuple[str, float, str]:
        """Return a commit's first parent ("" for none), its time and its message; RepoError where git lacks it."""
        shown = ("log", "-1", "--no-show-signature", "--format=%P%n%at%n%B", commit, "--")
        parents, at, message = self._git(*shown).decode("utf-8", "replace").split("\n", 2)
        return parents.partition(" ")[0], float(at), message

    def changed(self, old: str, new: str) -> list[str]:
        """Return the paths that differ between two commits."""
        names = self._git("diff-tree", "-r", "--no-renames", "--name-only", "-z", old, new).split(b"\0")[:-1]
        return [os.fsdecode(name) for name in names]

    def line_of(self, tip: str, base: str) -> list[str]:
        """Return the commits after `base` up to `tip`, by first parents, the newest first."""
        return self._git("rev-list", "--first-parent", tip, f"^{base}").decode().split()

    def is_checked_out(self, name: str) -> bool:
        """Return whether the user stands on this branch, in this working tree or in a linked one.

        Moving it there would change what their HEAD means.
        """
        listing = self._git("worktree", "list", "--porcelain").decode("utf-8", "replace").splitlines()
        return f"branch {name}" in listing

    def move_ref(self, name: str, new: str, old: str | None) -> None:
        """Move a ref from `old` (None: it does not exist) to `new`; do nothing where it is there already.

        Raises RepoError if it is somewhere else, or cannot be written.
        """
        move = ("update-ref", "--no-deref", "-m", "autoresearch", name, new, old or "0" * len(new))
        code, _, error = self._try(*move)
        if not code:
            return
        now = self.ref(name)
        if now == new:
            return
        if now != old:
            raise RepoError(f"{name}: moved meanwhile, expected {str(old)[:10]}, found {str(now)[:10]}; read it again")
        lock = self.home.root.parent / f"{name}.lock"
        with suppress(FileNotFoundError, NotADirectoryError):
            if time.time() - lock.stat().st_mtime > STALE_LOCK_S:  # its writer was killed
                lock.unlink()
                self._git(*move)
                return
        raise RepoError(self._sentence(error))

    def diff(self, a: str, b: str, path: str) -> str:
        """Return the unified diff of one file between two commits, "" where it did not change."""
        labels = ("--src-prefix=a/", "--dst-prefix=b/")
        out = self._git("diff-tree", "-p", "--text", "--no-ext-diff", "--no-textconv", *labels, a, b, "--", path)
        return out.decode("utf-8", "replace")

    def lay(self, commit: str, slot: Path, canvas: str = "", lent: Path | None = None) -> None:
        """Make a folder below `home.slots` hold the commit's tree and nothing else, reusing what is there already.

        `canvas` (path from the top) is guaranteed to hold the commit's bytes whatever `.gitattributes` says; other
        files pass the user's smudge filters. An initialised submodule is laid at its recorded commit, any other is
        an empty folder. What is `lent` (a path in the user's checkout) and git ignores is there by links. Not for two
        processes on one slot at once.
        """
        if self.home.slots not in slot.parents or ".." in slot.parts:
            raise RepoError(f"{slot}: not one of our slots, left alone")
        with self._told():
            slot.parent.mkdir(parents=True, exist_ok=True)
            index = slot.with_name(f"{slot.name}.index")
            source = slots.Source(self._git, lambda folder: _discover(folder)[1], self._git_dir, self.top)
            try:
                slots.lay(source, commit, slot, index, canvas)
            except (OSError, RepoError):
                # A run took away permissions, or a kill left half an index: begin afresh.
                for left in (slot, *slot.parent.glob(f"{slot.name}.index*")):
                    slots.remove(left)
                slots.lay(source, commit, slot, index, canvas)
            if lent is not None and lent.is_relative_to(self.top):
                slots.lend(self.top, slot, lent.relative_to(self.top))

    def lacks(self, path: Path) -> bool:
        """Return whether a file in the user's checkout is in no snapshot: git ignores it, or a link leads to it."""
        if not path.is_relative_to(self.top) or not path.exists():
            return False
        linked = any(parent.is_symlink() for parent in path.parents if parent.is_relative_to(self.top))
        named = ("check-ignore", "-q", "--", str(path))  # which knows no literal paths, and wants none
        return linked or self._try(*named, env={"GIT_LITERAL_PATHSPECS": "0"})[0] == 0

    def exclude(self, names: Sequence[str]) -> None:
        """Hide our exports in this Repo's folder from `git status`, by lines in `info/exclude` that are missing yet."""
        file = self.home.root.parent / "info" / "exclude"
        with self._told():
            present = file.read_bytes() if file.exists() else b""
            wanted = [os.fsencode(_literal_pattern("/" + self.inside(name))) for name in names]
            missing = [pattern for pattern in wanted if pattern not in present.splitlines()]
            if missing:
                file.parent.mkdir(exist_ok=True)
                start = b"" if not present or present.endswith(b"\n") else b"\n"
                with file.open("ab") as stream:
                    stream.write(start + b"".join(pattern + b"\n" for pattern in missing))

    def _see_everything(self, index: Mapping[str, str]) -> None:
        """Clear the flags that hide changes from git, and refuse untracked files too large to copy."""
        flagged: dict[str, list[bytes]] = {"--no-assume-unchanged": [], "--no-skip-worktree": []}
        listing = self._git("ls-files", "-z", "-v", "-c", "-o", "--exclude-standard", env=index)
        for tag, path in ((entry[:1], entry[2:]) for entry in listing.split(b"\0")[:-1]):
            if tag.islower():
                flagged["--no-assume-unchanged"].append(path)
            if tag in b"Ss" and os.path.lexists(self.top / os.fsdecode(path)):
                flagged["--no-skip-worktree"].append(path)
            if tag == b"?":
                _check_size(self.top, os.fsdecode(path))
        for option, paths in flagged.items():
            if paths:
                self._git("update-index", option, "-z", "--stdin", stdin=b"\0".join(paths) + b"\0", env=index)

    def _graft(self, tree: str, parts: list[bytes], blob: str, path: str) -> str:
        """Return a tree with the file at `parts` replaced by `blob`; no index is needed for it."""
        entries = self._git("ls-tree", "-z", "--full-tree", tree).split(b"\0")[:-1]
        for place, entry in enumerate(entries):
            head, name = entry.split(b"\t", 1)
            mode, kind, oid = head.split()
            if name != parts[0] or mode == b"120000" or kind != (b"tree" if parts[1:] else b"blob"):
                continue
            new = self._graft(oid.decode(), parts[1:], blob, path) if parts[1:] else blob
            entries[place] = b"%s %s %s\t%s" % (mode, kind, new.encode(), name)
            return self._line("mktree", "-z", "--missing", stdin=b"\0".join(entries) + b"\0")
        raise RepoError(f"{path}: no ordinary file of that name in {tree[:10]}; does git ignore it?")

    def _commit(self, tree: str, parent: str | None, message: str, at: float) -> str:
        dates = {f"GIT_{role}_DATE": f"@{int(at)} +0000" for role in ("AUTHOR", "COMMITTER")}
        text = message.replace("\0", "").rstrip("\n") + "\n"
        parents = ("-p", parent) if parent else ()
        return self._line("commit-tree", tree, *parents, stdin=text.encode("utf-8"), env={**_PERSON, **dates})

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """Yield a folder of our own that is gone afterwards, and clear what a kill left an hour ago or earlier."""
        with self._told():
            self.home.root.mkdir(parents=True, exist_ok=True)
            for old in self.home.root.glob("scratch-*"):
                with suppress(FileNotFoundError):
                    if time.time() - old.stat().st_mtime > 3600:
                        slots.remove(old)
            with tempfile.TemporaryDirectory(prefix="scratch-", dir=self.home.root, ignore_cleanup_errors=True) as name:
                yield Path(name)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the system's refusals into RepoError with a sentence."""
        try:
            yield
        except OSError as error:
            raise RepoError(self._sentence(f"{error.filename or 'file'}: {error.strerror or error}")) from error

    def _line(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        return self._git(*args, stdin=stdin, env=env).decode().strip()

    def _git(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Run git for its output; raises RepoError with what git said."""
        code, out, error = self._try(*args, stdin=stdin, env=env)
        if code:
            raise RepoError(self._sentence(error))
        return out

    def _try(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> tuple[int, bytes, str]:
        """Run git in this repository, by default with an index that does not exist, so never with the user's."""
        here = {"GIT_DIR": str(self._git_dir), "GIT_WORK_TREE": str(self.top)}
        here["GIT_INDEX_FILE"] = str(self.home.root / "none.index")
        return _run(self.top, *args, stdin=stdin, env={**here, **(env or {})})

    def _sentence(self, error: str) -> str:
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


def _discover(folder: Path) -> tuple[Path, Path, Path]:
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


def _copy_index(source: Path, target: Path) -> None:
    """Copy the user's index, if any, with its time: git compares it with the files' to find changes of equal size."""
    with suppress(FileNotFoundError), source.open("rb") as stream:
        stat = os.fstat(stream.fileno())
        target.write_bytes(stream.read())
        os.utime(target, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _check_size(top: Path, path: str) -> None:
    with suppress(FileNotFoundError):
        size = (top / path).lstat().st_size
        if size > LARGEST_UNTRACKED:
            raise RepoError(f"{path}: {size / 2**30:.1f} GiB, neither tracked nor ignored; add it to .gitignore")


def _literal_pattern(path: str) -> str:
    """Return the ignore pattern that means this path and no other."""
    pattern = "".join("\\" + letter if letter in "\\*?[" else letter for letter in path)
    return pattern[:-1] + "\\ " if pattern.endswith(" ") else pattern
