"""The user's own branch: many texts at once, and commits of the canvas on an explicit command. Nothing else writes it.

A commit moves the branch and the canvas's entry in the index; the file on disk, other entries and HEAD stay as they
are. Whatever makes that unsafe is refused with a sentence before anything moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from loop.git.repo import Repo
from loop.record.types import Refused, RepoError

BATCH = 64  # texts in one git process: few processes, and few texts in memory
BUSY = {
    "MERGE_HEAD": "a merge",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "BISECT_LOG": "a bisection",
}


class Checkout(Repo):
    """A repository with the branch that its user works on."""

    def texts(self, commits: Sequence[str], path: str) -> Iterator[str]:
        """Yield the text of one file at each commit, in order; raises RepoError for one that is not there."""
        for start in range(0, len(commits), BATCH):
            batch = commits[start : start + BATCH]
            names = "".join(f"{commit}:{path}\n" for commit in batch)
            rest = self.git.run("cat-file", "--batch", stdin=names.encode("utf-8", "surrogateescape"))
            for commit in batch:
                head, _, rest = rest.partition(b"\n")
                if not head.split(b" ")[-1].isdigit():
                    raise RepoError(f"{path}: not in commit {commit[:10]}; does git ignore it?")
                size = int(head.split(b" ")[-1])
                yield rest[:size].decode("utf-8", "replace")
                rest = rest[size + 1 :]

    def branch_to_commit_on(self, path: str) -> tuple[str, str]:
        """Return the branch and its commit where a commit of this file is safe now; raises Refused."""
        code, out, _ = self.git.attempt("symbolic-ref", "--quiet", "HEAD")
        branch, head = out.decode().strip(), self.ref("HEAD")
        if code or head is None:
            raise Refused("HEAD is not on a branch with commits; run 'git switch' to a branch of yours first")
        if branch.startswith("refs/heads/autoresearch/"):
            raise Refused(f"{branch.removeprefix('refs/heads/')} is the campaign's own; switch to a branch of yours")
        for name, what in BUSY.items():
            if (self.git.dir / name).exists():
                raise Refused(f"{what} is under way in this repository; finish or abort it first")
        if (self.git.dir / "index.lock").exists():
            raise Refused("another git command is at work here (index.lock); try again when it is done")
        mode, blob = self._entry(head, path)
        staged = self.git.run("ls-files", "--stage", "-z", "--", path, env=self._index).split(b"\0")[:-1]
        if staged != [f"{mode} {blob} 0\t{path}".encode("utf-8", "surrogateescape")]:
            raise Refused(f"{path}: has staged changes; commit or unstage them first")
        return branch, head

    def commit_on_branch(self, branch: str, head: str, path: str, versions: Sequence[tuple[str, str]]) -> list[str]:
        """Put one commit for each (text, message) on the branch, authored by the user; return their hashes.

        The index's entry moves first, under git's own lock: a crash in between leaves a staged text, nothing lost.
        """
        mode, old = self._entry(head, path)
        parts = [part.encode("utf-8", "surrogateescape") for part in PurePosixPath(path).parts]
        commits, parent, blob = [], head, old
        for text, message in versions:
            blob = self.git.line("hash-object", "-w", "--no-filters", "--stdin", stdin=text.encode("utf-8"))
            tree = self.graft(parent, parts, blob, path)
            parent = self.git.line("commit-tree", tree, "-p", parent, stdin=message.encode("utf-8"))
            commits.append(parent)
        self.git.run("update-index", "--cacheinfo", f"{mode},{blob},{path}", env=self._index)
        try:
            self.git.run("update-ref", "-m", "autoresearch: commit accepted", branch, parent, head)
        except RepoError as error:
            self.git.run("update-index", "--cacheinfo", f"{mode},{old},{path}", env=self._index)
            raise Refused(f"{branch} moved meanwhile; nothing was committed, try again") from error
        return commits

    def on_disk(self, path: str) -> str:
        """Return the text of a file in the user's working tree; raises Refused where there is none."""
        try:
            return Path(self.top, path).read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(f"{path}: cannot be read ({error}); save it as UTF-8") from error

    @property
    def _index(self) -> dict[str, str]:
        return {"GIT_INDEX_FILE": str(self.git.dir / "index")}

    def _entry(self, commit: str, path: str) -> tuple[str, str]:
        """Return mode and blob of a file at a commit."""
        line = self.git.line("ls-tree", "-z", "--full-tree", commit, "--", path).rstrip("\0")
        if not line:
            raise Refused(f"{path}: is not in your branch yet; commit it once yourself")
        mode, _, blob = line.partition("\t")[0].split()
        return mode, blob
