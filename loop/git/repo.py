"""A repository as the loop uses it: snapshots, commits on private refs, texts at a commit, the folders runs happen in.

Reads the user's checkout, index and HEAD and never writes them. Writes objects, our own refs, `info/exclude`, and
below `<git common dir>/autoresearch/`. Knows no journal and no campaign rules. Safe from several threads and
processes: it keeps no state, objects are immutable, refs move by compare-and-swap. Hooks, fsmonitor and remotes
are off; a clean or smudge filter (Git LFS) that the user has configured does run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from loop.git import slots
from loop.git.plumbing import Plumbing, discover
from loop.git.snapshot import tree_on_disk
from loop.record.home import Home
from loop.record.types import RepoError

STALE_LOCK_S = 10.0  # git holds the lock of a ref for milliseconds

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
        folder = folder.resolve()
        self.git = Plumbing(folder)
        self.top, self.home = self.git.top, self.git.home
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
        """Commit what is on disk (tracked, and untracked unless ignored) on top of HEAD. Raises RepoError."""
        return self._commit(tree_on_disk(self.git), self.ref("HEAD"), message, at)

    def text_at(self, commit: str, path: str) -> str:
        """Return the exact text of a file (path from the top), newline bytes kept; RepoError if absent or not UTF-8."""
        code, data, error = self.git.attempt("cat-file", "blob", f"{commit}:{path}")
        if "does not exist in" in error or "but not in" in error:
            raise RepoError(f"{path}: not in commit {commit[:10]}; does git ignore it?")
        if code:
            raise RepoError(self.git.sentence(error))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as wrong:
            raise RepoError(f"{path}: not UTF-8 at byte {wrong.start}; save it as UTF-8") from wrong

    def commit_text(self, base: str, path: str, text: str, message: str, at: float) -> str:
        """Commit `base` with the text of one existing file replaced, mode kept; equal arguments give an equal hash."""
        blob = self.git.line("hash-object", "-w", "--no-filters", "--stdin", stdin=text.encode("utf-8"))
        tree = self.graft(base, [os.fsencode(part) for part in PurePosixPath(path).parts], blob, path)
        return self._commit(tree, base, message, at)

    def ref(self, name: str) -> str | None:
        """Return the commit that a full ref name (or HEAD) points to, or None."""
        code, out, _ = self.git.attempt("rev-parse", "--verify", "--quiet", name)
        return None if code else out.decode().strip()

    def refs(self, prefix: str) -> dict[str, str]:
        """Return every ref below a prefix that ends in "/", with the commit it points to."""
        lines = self.git.run("for-each-ref", "--format=%(objectname) %(refname)", prefix).decode("utf-8", "replace")
        return {name: commit for commit, _, name in (line.partition(" ") for line in lines.splitlines())}

    def described(self, commit: str) -> tuple[str, float, str]:
        """Return a commit's first parent ("" for none), its time and its message; RepoError where git lacks it."""
        shown = ("log", "-1", "--no-show-signature", "--format=%P%n%at%n%B", commit, "--")
        parents, at, message = self.git.run(*shown).decode("utf-8", "replace").split("\n", 2)
        return parents.partition(" ")[0], float(at), message

    def changed(self, old: str, new: str) -> list[str]:
        """Return the paths that differ between two commits."""
        names = self.git.run("diff-tree", "-r", "--no-renames", "--name-only", "-z", old, new).split(b"\0")[:-1]
        return [os.fsdecode(name) for name in names]

    def line_of(self, tip: str, base: str) -> list[str]:
        """Return the commits after `base` up to `tip`, by first parents, the newest first."""
        return self.git.run("rev-list", "--first-parent", tip, f"^{base}").decode().split()

    def is_checked_out(self, name: str) -> bool:
        """Return whether the user stands on this branch, in this working tree or in a linked one.

        Moving it there would change what their HEAD means.
        """
        listing = self.git.run("worktree", "list", "--porcelain").decode("utf-8", "replace").splitlines()
        return f"branch {name}" in listing

    def move_ref(self, name: str, new: str, old: str | None) -> None:
        """Move a ref from `old` (None: it does not exist) to `new`; do nothing where it is there already.

        Raises RepoError if it is somewhere else, or cannot be written.
        """
        move = ("update-ref", "--no-deref", "-m", "autoresearch", name, new, old or "0" * len(new))
        code, _, error = self.git.attempt(*move)
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
                self.git.run(*move)
                return
        raise RepoError(self.git.sentence(error))

    def diff(self, a: str, b: str, path: str) -> str:
        """Return the unified diff of one file between two commits, "" where it did not change."""
        labels = ("--src-prefix=a/", "--dst-prefix=b/")
        out = self.git.run("diff-tree", "-p", "--text", "--no-ext-diff", "--no-textconv", *labels, a, b, "--", path)
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
        with self.git.telling():
            slot.parent.mkdir(parents=True, exist_ok=True)
            index = slot.with_name(f"{slot.name}.index")
            source = slots.Source(self.git.run, lambda folder: discover(folder)[1], self.git.dir, self.top)
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
        return linked or self.git.attempt(*named, env={"GIT_LITERAL_PATHSPECS": "0"})[0] == 0

    def exclude(self, names: Sequence[str]) -> None:
        """Hide our exports in this Repo's folder from `git status`, by lines in `info/exclude` that are missing yet."""
        file = self.home.root.parent / "info" / "exclude"
        with self.git.telling():
            present = file.read_bytes() if file.exists() else b""
            wanted = [os.fsencode(_literal_pattern("/" + self.inside(name))) for name in names]
            missing = [pattern for pattern in wanted if pattern not in present.splitlines()]
            if missing:
                file.parent.mkdir(exist_ok=True)
                start = b"" if not present or present.endswith(b"\n") else b"\n"
                with file.open("ab") as stream:
                    stream.write(start + b"".join(pattern + b"\n" for pattern in missing))

    def graft(self, tree: str, parts: list[bytes], blob: str, path: str) -> str:
        """Return a tree with the file at `parts` replaced by `blob`; no index is needed for it."""
        entries = self.git.run("ls-tree", "-z", "--full-tree", tree).split(b"\0")[:-1]
        for place, entry in enumerate(entries):
            head, name = entry.split(b"\t", 1)
            mode, kind, oid = head.split()
            if name != parts[0] or mode == b"120000" or kind != (b"tree" if parts[1:] else b"blob"):
                continue
            new = self.graft(oid.decode(), parts[1:], blob, path) if parts[1:] else blob
            entries[place] = b"%s %s %s\t%s" % (mode, kind, new.encode(), name)
            return self.git.line("mktree", "-z", "--missing", stdin=b"\0".join(entries) + b"\0")
        raise RepoError(f"{path}: no ordinary file of that name in {tree[:10]}; does git ignore it?")

    def _commit(self, tree: str, parent: str | None, message: str, at: float) -> str:
        dates = {f"GIT_{role}_DATE": f"@{int(at)} +0000" for role in ("AUTHOR", "COMMITTER")}
        text = message.replace("\0", "").rstrip("\n") + "\n"
        parents = ("-p", parent) if parent else ()
        return self.git.line("commit-tree", tree, *parents, stdin=text.encode("utf-8"), env={**_PERSON, **dates})


def _literal_pattern(path: str) -> str:
    """Return the ignore pattern that means this path and no other."""
    pattern = "".join("\\" + letter if letter in "\\*?[" else letter for letter in path)
    return pattern[:-1] + "\\ " if pattern.endswith(" ") else pattern
