"""Where a campaign's files live: `<git common dir>/autoresearch/`. Paths only; creates nothing, runs no git."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loop.record.types import Refused


@dataclass(frozen=True)
class Home:
    """The folder of our files inside one repository's git folder."""

    root: Path  # <git common dir>/autoresearch

    @property
    def journal(self) -> Path:
        return self.root / "journal.db"

    @property
    def backups(self) -> Path:
        """Compressed copies of the journal."""
        return self.root / "backups"

    @property
    def lock(self) -> Path:
        """Held by the living daemon; freed by the system when it dies."""
        return self.root / "daemon.lock"

    @property
    def beat(self) -> Path:
        """Touched by the living daemon every other second. Named as the locks are, whose events wake nobody."""
        return self.root / "beat.lock"

    @property
    def run_lock(self) -> Path:
        """Held by the supervisor of the one run that trains."""
        return self.root / "run.lock"

    @property
    def log(self) -> Path:
        return self.root / "daemon.log"

    @property
    def slots(self) -> Path:
        """Working folders of the runs; plain folders without a `.git` of their own."""
        return self.root / "slots"

    def experiment(self, campaign: str, number: int) -> Path:
        """The evidence of one experiment: prompt, reply, and a folder for each run."""
        return self.root / "campaigns" / campaign / "experiments" / str(number)

    def run(self, campaign: str, number: int, attempt: int) -> Path:
        """The evidence of one run: log, progress, summary, checkpoint."""
        return self.experiment(campaign, number) / f"run-{attempt}"

    def compiled(self, campaign: str) -> Path:
        """What the campaign's baseline has compiled, for its other runs."""
        return self.root / "campaigns" / campaign / "compiled"


def find_top(folder: Path) -> Path | None:
    """Return the top of the working tree that holds `folder`, or None outside any repository."""
    for candidate in (folder, *folder.parents):
        if (candidate / ".git").exists():
            return candidate
    return None


def find_home(folder: Path) -> Home:
    """Return the home for the repository around `folder`; raises Refused outside a repository.

    Reads `.git` itself (a folder, or the one-line file of a linked worktree or a submodule), so that the language
    server needs no git for it. Format: gitrepository-layout(5), `gitdir:` and `commondir`.
    """
    top = find_top(folder.resolve())
    if top is None:
        raise Refused(
            f"{folder.resolve()}: not inside a git repository; run 'git init' there first, or 'autoresearch init'"
        )
    git = top / ".git"
    if git.is_file():
        text = git.read_text(encoding="utf-8").strip()
        git = (top / text.removeprefix("gitdir:").strip()).resolve()
        common = git / "commondir"
        if common.exists():
            git = (git / common.read_text(encoding="utf-8").strip()).resolve()
    return Home(git / "autoresearch")
