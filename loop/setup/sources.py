"""What is left of a journal: its own readable entries, the last sound backup, git; in words what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loop.git.repo import Repo
from loop.record import backup, salvage
from loop.record.backup import Copy
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.salvage import Found, spans
from loop.setup import traces
from loop.setup.rows import ledgers, named
from loop.setup.traces import Traces

RESTORES = "'autoresearch rebuild' restores what it lacks"


@dataclass
class Sources:
    """Everything that is left."""

    journal: Found | None  # None: there is no file
    copy: Copy | None  # the newest backup that is sound
    held: Found  # what that holds
    unsound: list[str]  # backups that cannot be read
    git: dict[str, Traces]

    @property
    def differ(self) -> list[int]:
        """The entries that are not the same in both, of one journal: a byte changed on the disk."""
        own = self.journal.rows if self.journal else {}
        both = sorted(own.keys() & self.held.rows.keys())
        return [seq for seq in both if own[seq] != self.held.rows[seq]]

    @property
    def complete(self) -> bool:
        """Whether the journal is sound and the backup adds nothing to it; one of another journal never does."""
        journal = self.journal
        if journal is None or journal.damage:
            return False
        parted = not salvage.continues(self.held.rows, journal.rows)
        return parted or (not self.differ and self.held.rows.keys() <= journal.rows.keys())


def look(repo: Repo, journal: Found | None) -> Sources:
    """Return what is left, the journal given, without changing anything."""
    unsound: list[str] = []
    for copy in backup.copies(repo.home):
        held = backup.read_copy(copy)
        if not held.damage:
            return Sources(journal, copy, held, unsound, traces.traces(repo))
        unsound.append(f"the backup {copy.path.name} is damaged ({held.damage}) and was not used")
    return Sources(journal, None, Found(), unsound, traces.traces(repo))


def examine(folder: Path) -> tuple[list[str], str]:
    """Return what is wrong with the journal, looked at in depth, and when its last sound backup was made."""
    repo = Repo(folder)
    journal = backup.read_live(repo.home) if repo.home.journal.exists() else None
    sources = look(repo, journal)
    return findings(sources), sources.copy.when if sources.copy else ""


def findings(sources: Sources) -> list[str]:
    """Return what is wrong with the journal, in words: damaged, older than its backup or than git, parted from both."""
    journal, told = sources.journal, list(sources.unsound)
    if journal is None:
        names = ", ".join(name for name, found in sources.git.items() if any(found.attempts))
        lost = [f"there is no journal, but git holds experiments of {names}"] if names else []
        return told + lost + (["there is no journal, but a backup of one"] if sources.copy and not names else [])
    told += [f"it is damaged: {journal.damage}"] if journal.damage else []
    if sources.differ:
        told.append(f"not as the backup has it: {spans(sources.differ)}")
    missing = [seq for seq in sources.held.rows if seq not in journal.rows]
    if missing and not journal.damage and sources.copy:
        told.append(f"it lacks {spans(missing)}, which the backup of {sources.copy.when} holds")
    known = ledgers(journal.rows)
    names = ", ".join(name for name, found in sources.git.items() if any(found.attempts))
    if names and not known and not journal.damage:
        told.append(f"it is empty, but git holds experiments of {names}")
    for name, ledger in known.items():
        if unknown := sources.git.get(name, Traces()).unknown(ledger):
            told.append(f"git holds {named(unknown)} of campaign {name}, which it does not know")
    return told


def lost(folder: Path, journal: Journal, campaign: str | None) -> str:
    """Return why a start would lose what the journal lacks, with what to do; "" where nothing speaks against it.

    `campaign` is the one to be started, None for a new one that has no name yet.
    """
    repo = Repo(folder)
    if not journal.campaigns():
        return "" if campaign is None else traces.offer(repo)
    if campaign is not None:
        ledger = Ledger(campaign).feed(journal.read(campaign=campaign))
        if unknown := traces.traces(repo, campaign).get(campaign, Traces()).unknown(ledger):
            return f"git holds {named(unknown)} of campaign {campaign}, which the journal does not know; {RESTORES}"
    newest = next(iter(backup.copies(repo.home)), None)
    if newest is None or newest.last <= journal.last():
        return ""
    held, own = backup.read_copy(newest), backup.read_live(repo.home)
    if not salvage.continues(held.rows, own.rows):
        return ""
    return f"the journal is older than its backup of {newest.when}; {RESTORES}"
