"""What outsiders may ask for: appends intents, spawns the daemon, reads the ledger. Used by the command and the server.

Never imports the engine: whoever asks stays light. Every refusal is a Refused with the sentence to show.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from loop.home import Home, find_home
from loop.journal import Journal
from loop.ledger import Ledger
from loop.lock import is_alive
from loop.program import Program, override, parse
from loop.types import (
    Answered,
    Body,
    Imported,
    NoteAdded,
    PauseRequested,
    ProposeRequested,
    Refused,
    ResumeRequested,
    StartRequested,
    State,
    StateChanged,
    StopRequested,
    Verdict,
)

if TYPE_CHECKING:
    from loop.progress import Progress

ANSWER_S = 30.0  # a start is answered after the snapshot and the data check; data may take longer, and says so
SPAWN_S = 10.0  # a daemon takes its lock within a second of its start
POLL_S = 0.05
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,40}")


@dataclass(frozen=True)
class Answer:
    """What became of an intent. `campaign` is the one it was about."""

    campaign: str
    message: str


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


def load(folder: Path, campaign: str | None = None) -> Ledger:
    """Return the ledger of a campaign, the newest when none is named; raises Refused where there is none."""
    home = find_home(folder)
    if not home.journal.exists():
        raise Refused("no campaign has been started in this repository; 'autoresearch start' starts one")
    with Journal(home.journal) as journal:
        names = journal.campaigns()
        name = campaign or (names[0] if names else None)
        if name is None or name not in names:
            known = ", ".join(names) or "none"
            raise Refused(f"no campaign {campaign or ''} in this repository; there are: {known}")
        return Ledger(name).feed(journal.read(campaign=name))


def campaigns(folder: Path) -> list[Ledger]:
    """Return the ledger of every campaign of the repository, the newest first."""
    with Journal(find_home(folder).journal) as journal:
        ledgers = {name: Ledger(name) for name in journal.campaigns()}
        for entry in journal.read():
            ledgers[entry.campaign].feed([entry])
    return list(ledgers.values())


def canvas_path(ledger: Ledger) -> str:
    """Return the canvas relative to the top of the working tree; raises Refused before the campaign is created."""
    if ledger.created is None:
        raise Refused(f"campaign {ledger.campaign} has not begun ({ledger.message or ledger.state})")
    return f"{ledger.created.folder}/{ledger.created.canvas}".lstrip("/")


def diff(folder: Path, ledger: Ledger, old: str, new: str) -> str:
    """Return the unified diff of the canvas between two commits."""
    from loop.repo import Repo

    return Repo(folder).diff(old, new, canvas_path(ledger))


def text(folder: Path, ledger: Ledger, commit: str) -> str:
    """Return the canvas as it was at a commit."""
    from loop.repo import Repo

    return Repo(folder).text_at(commit, canvas_path(ledger))


def progress(folder: Path, ledger: Ledger) -> Progress | None:
    """Return how far the present run is; None where nothing trains."""
    from loop.progress import present_progress

    home = find_home(folder)
    return present_progress(home, ledger) if is_alive(home) else None


def start(
    folder: Path, overrides: dict[str, str] | None = None, campaign: str | None = None, new: bool = False
) -> Answer:
    """Start or continue a campaign in the background and return once it has taken the start; raises Refused."""
    folder = folder.resolve()
    overrides = overrides or {}
    read_program(folder, overrides)
    home = find_home(folder)
    alive = is_alive(home)
    with Journal(home.journal) as journal:
        names = journal.campaigns()
        ledgers = {name: Ledger(name).feed(journal.read(campaign=name)) for name in [*names[:1], campaign or ""]}
        newest = ledgers.get(names[0]) if names else None
        if alive and newest is not None:
            return _go_on(home, journal, newest, campaign, new, overrides)
        name = _name(names, newest, campaign, new, folder)
        intent = journal.append(name, StartRequested(overrides))[0]
        _spawn(folder, name)
        return _await_answer(home, journal, name, intent.seq)


def _go_on(
    home: Home, journal: Journal, ledger: Ledger, campaign: str | None, new: bool, overrides: dict[str, str]
) -> Answer:
    """A second start: resumes a paused campaign, otherwise says what runs already."""
    if new or campaign not in (None, ledger.campaign):
        raise Refused(f"campaign {ledger.campaign} runs in this repository; stop it first: 'autoresearch stop'")
    if ledger.state is not State.PAUSED or overrides:
        raise Refused(f"campaign {ledger.campaign} already runs; watch it with 'autoresearch watch'")
    return _ask(home, journal, ledger.campaign, ResumeRequested())


def _name(names: list[str], newest: Ledger | None, campaign: str | None, new: bool, folder: Path | None = None) -> str:
    """Return the campaign to run: the one named, the unfinished newest, or a new one named after the day."""
    if campaign is not None:
        if not NAME.fullmatch(campaign):
            raise Refused(f"campaign {campaign!r}: use lower-case letters, digits, '.', '_' and '-', 41 at most")
        if new and campaign in names:
            raise Refused(f"campaign {campaign} exists; choose another name, or leave '--new' out to continue it")
        return campaign
    if newest is not None and not new and newest.state is not State.FINISHED and not _is_broken(newest):
        return newest.campaign
    today = date.today().strftime("%b%d").lower()
    fresh = (n for n in (today, *(f"{today}-{k}" for k in range(2, 10_000))) if n not in names)
    return next(n for n in fresh if folder is None or not _has_branch(folder, n))


def _has_branch(folder: Path, campaign: str) -> bool:
    """Return whether a branch of the user's has this name: the original tool kept its nights on such branches."""
    from loop.repo import Repo

    repo = Repo(folder)
    return repo.ref(repo.branch(campaign)) is not None


def _is_broken(ledger: Ledger) -> bool:
    """Return whether the baseline itself did not run: what was on disk then will never run."""
    return 0 in ledger.experiments and ledger.experiments[0].verdict is Verdict.CRASH


def _spawn(folder: Path, campaign: str) -> None:
    """Start the daemon through an intermediate process that exits. The working directory is never on its path."""
    command = [sys.executable, "-P", "-m", "loop.daemon", "--folder", str(folder), "--campaign", campaign]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _await_answer(home: Home, journal: Journal, campaign: str, seq: int) -> Answer:
    """Return the daemon's answer to an intent; raises Refused with its sentence, or where no daemon is left."""
    began, after, message, seen = time.monotonic(), seq, "the daemon is starting", False
    while True:
        alive = is_alive(home)
        waited = time.monotonic() - began
        for entry in journal.read(after, campaign):
            after = entry.seq
            if isinstance(entry.body, StateChanged):
                message = entry.body.message
            if isinstance(entry.body, Answered) and entry.body.intent == seq:
                if not entry.body.ok:
                    raise Refused(entry.body.message)
                return Answer(campaign, entry.body.message)
        if alive and waited > ANSWER_S:
            return Answer(campaign, message)
        if not alive and (seen or waited > SPAWN_S):
            raise Refused(f"the daemon has ended without an answer; its log is {home.log}")
        seen = seen or alive
        time.sleep(POLL_S)


def _ask(home: Home, journal: Journal, campaign: str, intent: Body) -> Answer:
    entry = journal.append(campaign, intent)[0]
    return _await_answer(home, journal, campaign, entry.seq)


def ask(folder: Path, intent: Body, campaign: str | None = None) -> Answer:
    """Append an intent for the running campaign and return its answer; raises Refused where none runs."""
    home = find_home(folder)
    ledger = load(folder, campaign)
    if not is_alive(home):
        raise Refused(f"campaign {ledger.campaign} is not running ({ledger.state}); 'autoresearch start' goes on")
    with Journal(home.journal) as journal:
        return _ask(home, journal, ledger.campaign, intent)


def pause(folder: Path) -> Answer:
    """Start no new run after the present experiment."""
    return ask(folder, PauseRequested())


def resume(folder: Path) -> Answer:
    """Go on after a pause."""
    return ask(folder, ResumeRequested())


def stop(folder: Path, now: bool = False) -> Answer:
    """End the daemon after the present experiment, or now: the interrupted run is made again after the next start."""
    return ask(folder, StopRequested(now))


def note(folder: Path, text: str, experiment: int | None = None) -> Answer:
    """Tell the proposer something; kept for the next start where nothing runs."""
    return _leave(folder, NoteAdded(text, experiment))


def propose(folder: Path, text: str, hypothesis: str, base: str = "", removes: int | None = None) -> Answer:
    """Queue a human's own text of the canvas; kept for the next start where nothing runs."""
    return _leave(folder, ProposeRequested(text, hypothesis, base, removes))


def take_in(folder: Path, past: Sequence[Imported]) -> Answer:
    """Record earlier nights as the history of the unfinished campaign, or of a new one that the next start begins."""
    home = find_home(folder)
    with Journal(home.journal) as journal:
        names = journal.campaigns()
        newest = Ledger(names[0]).feed(journal.read(campaign=names[0])) if names else None
        name = _name(names, newest, None, False, folder)
        known = {(e.commit, e.hypothesis) for e in (newest.history if newest and newest.campaign == name else ())}
        fresh = [e for e in past if (e.commit, e.hypothesis) not in known]
        if fresh:
            journal.append(name, *fresh)
    kept = sum(e.verdict is Verdict.KEEP for e in fresh)
    return Answer(
        name, f"{len(fresh)} experiments ({kept} kept) are history of campaign {name}; their scores judge nothing"
    )


def _leave(folder: Path, intent: Body) -> Answer:
    home = find_home(folder)
    ledger = load(folder)
    with Journal(home.journal) as journal:
        if is_alive(home):
            return _ask(home, journal, ledger.campaign, intent)
        journal.append(ledger.campaign, intent)
    return Answer(ledger.campaign, "recorded; the next 'autoresearch start' takes it up")


def report(folder: Path) -> str:
    """Write the exports in a process of its own, whose matplotlib no caller has to load; return what it says."""
    command = [sys.executable, "-P", "-m", "loop.cli", "-C", str(folder), "report"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise Refused(done.stderr.strip().removeprefix("autoresearch: ") or "the report could not be written")
    return done.stdout.strip()
