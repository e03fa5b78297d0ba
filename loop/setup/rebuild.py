"""A journal again, from what is left of it: its own readable entries, the last backup, git's refs, the evidence.

Nothing is invented: what no source holds stays missing, and is said. Nothing is overwritten: the old file is set aside.
The result is an ordinary journal, so a start continues from it by the one path that there is.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from loop.git.repo import Repo
from loop.record import backup, salvage
from loop.record.campaign_facts import Resumed, StateChanged
from loop.record.home import Home
from loop.record.lock import holding
from loop.record.salvage import Found
from loop.record.types import JournalError, Refused
from loop.setup.draft import Draft, merged
from loop.setup.restoring import restore
from loop.setup.rows import in_order
from loop.setup.sources import Sources, look
from loop.setup.traces import Traces


def rebuild(folder: Path) -> str:
    """Restore the journal of the repository around `folder` and return what was done, in sentences.

    Raises Refused while a daemon lives.
    """
    repo = Repo(folder)
    home = repo.home
    home.root.mkdir(parents=True, exist_ok=True)
    with holding(home.lock) as free:
        if not free:
            raise Refused("a campaign runs in this repository; stop it first: 'autoresearch stop'")
        sources = look(repo, _journal(home))
        draft = make(repo, sources)
        if not draft.changed:
            return "the journal is sound and holds all that the last backup and git hold; nothing was changed"
        if not draft.rows:
            raise Refused("nothing is left to rebuild from: no readable journal, no backup, no refs of a campaign")
        place = _put(home, draft)
        heading = draft.said or ["the journal was sound, but did not know all that git holds"]
        lines = [*heading, *(f"campaign {name}: {line}" for name, told in draft.campaigns.items() for line in told)]
        text = "\n".join(lines)
        (place / "rebuild.txt").write_text(f"{text}\n", encoding="utf-8")
    return f"{text}\nset aside, with these lines: {place}"


def make(repo: Repo, sources: Sources) -> Draft:
    """Return the journal to be: the entries of both files, then what only git knows."""
    draft = merged(sources)
    known = [row.campaign for row in in_order(draft.rows)]
    for name in dict.fromkeys([*sources.git, *known]):
        restore(repo, draft, name, sources.git.get(name, Traces()), sources.complete)
    last = draft.rows[max(draft.rows)].campaign if draft.rows else ""
    if known and last != known[-1]:  # the last campaign is the one that is meant where none is named, and stays so
        ledger = draft.ledger(known[-1])
        now = time.time()
        as_it_was = StateChanged(ledger.state, ledger.message, cause=ledger.cause)
        draft.append(known[-1], [(Resumed(), now), (as_it_was, now)])
    return draft


def _put(home: Home, draft: Draft) -> Path:
    """Write the journal beside the old one, check it, set the old one aside, and let the new one take its name."""
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=home.root) as scratch:
        fresh = Path(scratch) / "journal.db"
        salvage.write_journal(fresh, draft.rows)
        written = salvage.read_file(fresh)
        if written.damage or written.rows != draft.rows:
            raise JournalError(f"the rebuilt journal is not sound ({written.damage}); nothing was changed")
        # With what SQLite left beside it: rolled back into another file it would destroy that one.
        place = backup.set_aside(home, [path for path in home.root.glob(f"{home.journal.name}*") if path.is_file()])
        fresh.rename(home.journal)
    for run in draft.stale:
        run.rename(_free(run))
    return place


def _free(run: Path) -> Path:
    names = (run.with_name(f"{run.name}-unrecorded{k or ''}") for k in range(1000))
    return next(name for name in names if not name.exists())


def _journal(home: Home) -> Found | None:
    """Return what the journal holds, read from a copy of its files: nothing of the original is touched."""
    if not home.journal.exists():
        return None
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=home.root) as scratch:
        for suffix in ("", "-journal"):
            part = home.journal.with_name(home.journal.name + suffix)
            if part.exists():
                (Path(scratch) / part.name).write_bytes(part.read_bytes())
        return salvage.read_file(Path(scratch) / home.journal.name)
