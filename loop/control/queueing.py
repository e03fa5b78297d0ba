"""What waits until a daemon takes it up: texts to measure, their withdrawal, notes, the history of earlier nights.

Where no daemon runs it is kept for the next start. Every refusal is a Refused with the sentence to show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loop.control.asking import Answer, await_answer
from loop.control.control import is_running, read_program
from loop.record.campaign_facts import Imported
from loop.record.home import find_home, find_top
from loop.record.intents import Intent, NoteAdded, ProposeRequested, WithdrawRequested
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.types import Refused, Verdict
from loop.record.values import counted
from loop.setup.campaigns import is_broken, load, read, serves, to_start, unfinished, where

LEFT = "queued for the next 'autoresearch start'"


def propose(
    folder: Path,
    text: str,
    hypothesis: str,
    base: str = "",
    removes: int | None = None,
    campaign: str | None = None,
    returns: int | None = None,
) -> Answer:
    """Queue a human's own text of the canvas; kept for the next start where nothing runs. Raises Refused.

    `returns` is the experiment whose text it is, where the human returns to it.
    """
    ledger = load(folder, campaign)
    if is_broken(ledger):
        raise Refused(f"the baseline of campaign {ledger.campaign} does not run; fix it and restart, then propose")
    return _leave(folder, ledger, ProposeRequested(text, hypothesis, base, removes, returns))


def withdraw(folder: Path, removes: int, campaign: str | None = None, intent: int | None = None) -> Answer:
    """Take back a revert of an experiment that waits to be measured, or runs, None the newest; raises Refused."""
    return _leave(folder, load(folder, campaign), WithdrawRequested(removes, intent), "it will not be measured")


def note(folder: Path, text: str, experiment: int | None = None, campaign: str | None = None) -> Answer:
    """Tell the proposer something; kept for the next start where nothing runs. Raises Refused once it has ended."""
    ledger = load(folder, campaign)
    if not text.strip():
        raise Refused("a note without words; write what the proposer should know")
    if experiment is not None and experiment not in ledger.experiments:
        raise Refused(f"there is no experiment #{experiment} in campaign {ledger.campaign}")
    if not unfinished(ledger):
        raise Refused(
            f"campaign {ledger.campaign} has ended, and its proposer with it; "
            "write it into program.md, which the next campaign reads"
        )
    running = is_running(folder, ledger)
    answer = _leave(folder, ledger, NoteAdded(text, experiment))
    return replace(answer, message=f"recorded; {_reader(folder, ledger, running)}")


def take_in(folder: Path, past: Sequence[Imported]) -> Answer:
    """Record earlier nights as the history of the unfinished campaign, or of a new one that the next start begins."""
    home, place = find_home(folder), where(folder)
    with Journal(home.journal) as journal:
        name = to_start(journal, folder)
        seen = {(e.commit, e.hypothesis) for e in read(journal, name).history}
        fresh = [replace(e, folder=place) for e in past if (e.commit, e.hypothesis) not in seen]
        if fresh:
            journal.append(name, *fresh)
    kept = sum(e.verdict is Verdict.KEEP for e in fresh)
    return Answer(
        name,
        f"campaign {name} has {counted(len(fresh), 'experiment')} more ({kept} kept) as its history; "
        "their scores judge nothing",
    )


def _leave(folder: Path, ledger: Ledger, intent: Intent, left: str = LEFT) -> Answer:
    """Append an intent that waits for the next start where no daemon takes it up now; `left` says so."""
    home = find_home(folder)
    with Journal(home.journal) as journal:
        running = serves(home, ledger.campaign)
        entry = journal.append(ledger.campaign, intent)[0]
        answer = await_answer(home, journal, entry) if running else None
    return answer or Answer(ledger.campaign, left, entry.seq)


def _reader(folder: Path, ledger: Ledger, running: bool) -> str:
    """Return who will read a note: program.md, as it is now, says who proposes."""
    top = find_top(folder.resolve())
    try:
        program = read_program(top / ledger.created.folder if top and ledger.created else folder, ledger.asked)
    except Refused:
        return "the next proposal reads it if program.md names a model or an agent"
    if not program.readers:
        step = "a model or a command in program.md would"
        return f"nobody reads it now: 'knobs', the built-in search, reads no notes; {step}"
    when = "" if running else " after 'autoresearch start'"
    others = " ('knobs' reads none)" if program.searches else ""
    return f"the next prompt{when} carries it{others}"
