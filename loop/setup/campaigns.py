"""Which campaign is meant. The one rule for command, editors and doctor: the one named, else the folder's own last.

The last is the one with the last entry, whenever it was made. One that holds nothing but imported history has not
begun: it is not shown before another, and the next start begins it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from loop.record.campaign_facts import LOST, CampaignCreated, Imported, StateChanged
from loop.record.home import Home, find_home, find_top
from loop.record.intents import StartRequested
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.lock import served
from loop.record.types import Refused, State, Verdict

NAME = re.compile(r"(?!.*\.\.)(?!.*\.lock$)[a-z0-9]([a-z0-9._-]{0,39}[a-z0-9_-])?")
NONE_YET = "no campaign has been started in {}; 'autoresearch start' starts one"
BEGUN = (StartRequested, CampaignCreated, StateChanged)


@dataclass(frozen=True)
class Known:
    """A campaign of the repository. `folder` is relative to the top of the tree, None where nothing says it yet."""

    name: str
    folder: str | None
    begun: bool


def known(journal: Journal) -> list[Known]:
    """Return every campaign of the repository, the last one first."""
    found = []
    for name in journal.campaigns():
        entry = journal.first(name, CampaignCreated) or journal.first(name, StartRequested, Imported)
        folder = getattr(entry.body, "folder", None) if entry else None
        found.append(Known(name, folder, journal.first(name, *BEGUN) is not None))
    return found


def where(folder: Path) -> str:
    """Return a campaign's folder relative to the top of the working tree; "" is the top itself."""
    folder = folder.resolve()
    relative = folder.relative_to(find_top(folder) or folder)
    return relative.as_posix() if relative.parts else ""


def of_folder(journal: Journal, folder: Path) -> list[Known]:
    """Return the campaigns of one folder: those that have begun first, of them the last one first."""
    ours = [k for k in known(journal) if k.folder in (None, where(folder))]
    return sorted(ours, key=lambda k: not k.begun)


def choose(journal: Journal, folder: Path, campaign: str | None = None) -> str:
    """Return the name of the campaign that is meant; raises Refused where there is none."""
    if campaign is not None:
        names = journal.campaigns()
        if campaign not in names:
            raise Refused(f"no campaign {campaign} in this repository; there are: {', '.join(names) or 'none'}")
        return campaign
    ours = of_folder(journal, folder)
    if not ours:
        others = ", ".join(journal.campaigns())
        if not others:
            raise none_yet(folder)
        told = f"in other folders there are: {others} ('--campaign NAME' means one of them)"
        running = runs_instead(find_home(folder), journal, "")
        place = f"the folder '{where(folder)}'" if where(folder) else "the top of the repository"
        raise Refused(f"{NONE_YET.format(place)}; {running or told}")
    return ours[0].name


def read(journal: Journal, name: str) -> Ledger:
    """Return the ledger of a campaign."""
    return Ledger(name).feed(journal.read(campaign=name))


def load(folder: Path, campaign: str | None = None) -> Ledger:
    """Return the ledger of the campaign that is meant; raises Refused where there is none."""
    home = find_home(folder)
    if not home.journal.exists():
        raise none_yet(folder)
    with Journal(home.journal) as journal:
        return read(journal, choose(journal, folder, campaign))


def none_yet(folder: Path) -> Refused:
    """Return the refusal of a repository without a campaign; where git holds some, their journal is gone."""
    from loop.git.repo import Repo
    from loop.setup.traces import offer

    return Refused(offer(Repo(folder)) or NONE_YET.format("this repository"))


def serves(home: Home, campaign: str) -> bool:
    """Return whether a living daemon runs this campaign."""
    return served(home) == campaign


def runs_instead(home: Home, journal: Journal, campaign: str) -> str:
    """Return the sentence about another campaign that runs in this repository, "" where none does."""
    other = served(home)
    if other in (None, campaign):
        return ""
    folder = next((k.folder for k in known(journal) if k.name == other), None)
    place = f" of the folder '{folder}'" if folder else ""
    return f"campaign {other}{place} runs in this repository; stop it first: 'autoresearch stop --campaign {other}'"


def to_start(journal: Journal, folder: Path, campaign: str | None = None, new: bool = False) -> str:
    """Return the campaign that a start runs: the one named, the folder's unfinished last, or a new one of today.

    Raises Refused for a name that cannot be one, or that is taken.
    """
    here = where(folder)
    everything = {k.name: k for k in known(journal)}
    if campaign is not None:
        if not NAME.fullmatch(campaign):
            raise Refused(
                f"campaign {campaign!r}: use lower-case letters, digits, '.', '_' and '-', 41 at most, "
                "and as git wants it no '..', nor '.' or '.lock' at the end"
            )
        if new and campaign in everything:
            raise Refused(f"campaign {campaign} exists; choose another name, or leave '--new' out to continue it")
        if campaign in everything and everything[campaign].folder not in (None, here):
            place = everything[campaign].folder or "top of the repository"
            raise Refused(f"campaign {campaign} is of the folder '{place}'; start it there, or choose another name")
        return campaign
    ours = of_folder(journal, folder)
    if ours and ours[0].begun and not new and unfinished(read(journal, ours[0].name)):
        return ours[0].name
    today = date.today().strftime("%b%d").lower()
    awaited = (k.name for k in ours if not k.begun)
    fresh = (n for n in (today, *(f"{today}-{k}" for k in range(2, 10_000))) if n not in everything)
    return next(awaited, None) or next(n for n in fresh if not _has_branch(folder, n))


def unfinished(ledger: Ledger) -> bool:
    """Return whether a start continues with this campaign: it has not ended, or owes its human a measurement."""
    if ledger.created is not None and ledger.created.budget == LOST:
        return False
    return (ledger.state is not State.FINISHED or ledger.promised > 0) and not is_broken(ledger)


def is_broken(ledger: Ledger) -> bool:
    """Return whether the baseline itself did not run: what was on disk then will never run."""
    return 0 in ledger.experiments and ledger.experiments[0].verdict is Verdict.CRASH


def _has_branch(folder: Path, campaign: str) -> bool:
    """Return whether a branch of the user's has this name: the original tool kept its nights on such branches."""
    from loop.git.repo import Repo

    repo = Repo(folder)
    return repo.ref(repo.branch(campaign)) is not None
