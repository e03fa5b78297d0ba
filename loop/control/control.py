"""What outsiders may ask for: appends intents, spawns the daemon, reads the ledger. Used by the command and the server.

Never imports the engine, so that callers stay light. Every refusal is a Refused with the sentence to show.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from loop.control.asking import Answer as Answer
from loop.control.asking import answer_to, spawn
from loop.record import lock
from loop.record.campaign_facts import CampaignCreated
from loop.record.disk import check_disk
from loop.record.entries import Body
from loop.record.experiment import Experiment
from loop.record.home import Home, find_home
from loop.record.intents import (
    PauseRequested,
    ResumeRequested,
    StartRequested,
    StopRequested,
    VerifyRequested,
)
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.types import Refused, State
from loop.settings.program import Program, override, parse
from loop.setup.campaigns import load as load
from loop.setup.campaigns import read, runs_instead, serves, to_start, unfinished, where
from loop.views.state import state_text

if TYPE_CHECKING:
    from loop.runs.progress import Progress


def read_program(folder: Path, overrides: dict[str, str] | None = None) -> Program:
    """Return the parsed program.md of a folder; raises Refused."""
    path = folder / "program.md"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Refused(f"{folder}: no program.md here; 'autoresearch init' makes a campaign folder") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"program.md cannot be read: {error}") from error
    return override(parse(text), overrides or {})


def canvas_path(ledger: Ledger) -> str:
    """Return the canvas relative to the top of the working tree; raises Refused before the campaign is created."""
    created = begun(ledger)
    return f"{created.folder}/{created.canvas}".lstrip("/")


def begun(ledger: Ledger) -> CampaignCreated:
    """Return what the campaign began with; raises Refused before it is created."""
    if ledger.created is None:
        raise Refused(f"campaign {ledger.campaign} has not begun ({ledger.message or ledger.state})")
    return ledger.created


def diff(folder: Path, ledger: Ledger, old: str, new: str) -> str:
    """Return the unified diff of the canvas between two commits."""
    from loop.git.repo import Repo

    return Repo(folder).diff(old, new, canvas_path(ledger))


def text(folder: Path, ledger: Ledger, commit: str) -> str:
    """Return the canvas as it was at a commit."""
    from loop.git.repo import Repo

    return Repo(folder).text_at(commit, canvas_path(ledger))


def progress(folder: Path, ledger: Ledger) -> Progress | None:
    """Return how far the present run is; None where nothing trains."""
    from loop.runs.progress import present_progress

    home = find_home(folder)
    return present_progress(home, ledger) if serves(home, ledger.campaign) else None


def is_running(folder: Path, ledger: Ledger) -> bool:
    """Return whether a daemon runs this campaign now."""
    return serves(find_home(folder), ledger.campaign)


def silent_s(folder: Path) -> float:
    """Return for how long the repository's living daemon has shown no life, 0.0 where it does."""
    return lock.silent_s(find_home(folder))


def start(
    folder: Path, overrides: dict[str, str] | None = None, campaign: str | None = None, new: bool = False
) -> Answer:
    """Start or continue a campaign in the background and return once it has taken the start; raises Refused."""
    folder = folder.resolve()
    overrides = overrides or {}
    read_program(folder, overrides)
    home = find_home(folder)
    check_disk(home.root)
    with Journal(home.journal) as journal:
        name = to_start(journal, folder, campaign, new)
        if lock.served(home) is None and (lost := _lost(folder, journal, name, new)):
            raise Refused(lost)
        if other := runs_instead(home, journal, name):
            raise Refused(other)
        if serves(home, name):
            return _go_on(home, journal, read(journal, name), overrides)
        intent = journal.append(name, StartRequested(overrides, where(folder)))[0]
        spawn(folder, name)
        return answer_to(home, journal, intent)


def _lost(folder: Path, journal: Journal, campaign: str, new: bool) -> str:
    """Return what git or the backup hold of this campaign, or of all where there is none, that the journal lacks."""
    from loop.setup.sources import lost

    return lost(folder, journal, None if new else campaign)


def _go_on(home: Home, journal: Journal, ledger: Ledger, overrides: dict[str, str]) -> Answer:
    """A second start: resumes a paused campaign, otherwise says what runs already."""
    if overrides:
        names = ", ".join(f"--{name}" for name in overrides)
        raise Refused(f"campaign {ledger.campaign} already runs; run 'autoresearch stop', then start it with {names}")
    if ledger.state is not State.PAUSED:
        raise Refused(f"campaign {ledger.campaign} already runs; watch it with 'autoresearch watch'")
    return answer_to(home, journal, journal.append(ledger.campaign, ResumeRequested())[0])


def ask(folder: Path, intent: Body, campaign: str | None = None) -> Answer:
    """Append an intent for the running campaign and return its answer; raises Refused where it does not run."""
    home = find_home(folder)
    ledger = load(folder, campaign)
    with Journal(home.journal) as journal:
        if not serves(home, ledger.campaign):
            other = runs_instead(home, journal, ledger.campaign)
            step = other or f"'autoresearch start' {'continues' if unfinished(ledger) else 'begins another'}"
            raise Refused(f"campaign {ledger.campaign} is not running ({state_text(ledger, alive=False)}); {step}")
        return answer_to(home, journal, journal.append(ledger.campaign, intent)[0])


def pause(folder: Path, campaign: str | None = None) -> Answer:
    """Start no new run after the present experiment."""
    return ask(folder, PauseRequested(), campaign)


def resume(folder: Path, campaign: str | None = None) -> Answer:
    """Go on after a pause."""
    return ask(folder, ResumeRequested(), campaign)


def stop(folder: Path, campaign: str | None = None, now: bool = False) -> Answer:
    """End the daemon after the present experiment, or now: the interrupted run is made again after the next start."""
    return ask(folder, StopRequested(now), campaign)


def verify(folder: Path, pairs: int = 3, keeps: int = 0, campaign: str | None = None) -> Answer:
    """Measure best and baseline in fresh pairs: at the next boundary where a daemon runs, else in one of its own."""
    ledger = load(folder, campaign)
    to_verify(ledger)
    intent = VerifyRequested(pairs, keeps)
    home = find_home(folder)
    if serves(home, ledger.campaign):
        return ask(folder, intent, ledger.campaign)
    check_disk(home.root)
    with Journal(home.journal) as journal:
        if other := runs_instead(home, journal, ledger.campaign):
            raise Refused(other)
        entry = journal.append(ledger.campaign, intent)[0]
        spawn(folder.resolve(), ledger.campaign)
        return answer_to(home, journal, entry)


def to_verify(ledger: Ledger) -> Experiment:
    """Return what a verification measures against the baseline; raises Refused where there is nothing to verify."""
    best = ledger.best
    if (best is None or best.number == 0) and ledger.scores_lost:
        raise Refused(f"the scores of campaign {ledger.campaign} are lost with its journal; there is no gain to verify")
    if best is None or best.number == 0:
        raise Refused(
            f"campaign {ledger.campaign} has kept nothing better than its baseline; there is no gain to verify"
        )
    return best
