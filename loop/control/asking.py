"""How an intent reaches a daemon: start one, append, wait for the answer in the journal."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from loop.record.campaign_facts import Answered, StateChanged
from loop.record.entries import Entry
from loop.record.home import Home
from loop.record.intents import StartRequested
from loop.record.journal import Journal
from loop.record.lock import is_alive, silent_s
from loop.record.types import Refused
from loop.views.state import silence_text

ANSWER_S = 30.0  # a start is answered after the snapshot and the data check; data may take longer, and says so
PATIENCE_S = 2.0  # one that is being resumed has shown life by then
SPAWN_S = 10.0  # a daemon takes its lock within a second of its start
POLL_S = 0.05
WAITS = "recorded; the daemon has not answered yet"


@dataclass(frozen=True)
class Answer:
    """What became of an intent. `campaign` is the one it was about, `intent` its sequence number where it has one."""

    campaign: str
    message: str
    intent: int | None = None


def spawn(folder: Path, campaign: str) -> None:
    """Start the daemon through an intermediate process that exits. The working directory is never on its path."""
    command = [sys.executable, "-P", "-m", "loop.engine.daemon", "--folder", str(folder), "--campaign", campaign]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def answer_to(home: Home, journal: Journal, intent: Entry) -> Answer:
    """Return the daemon's answer to an intent; raises Refused with its sentence, or where no daemon is left."""
    answer = await_answer(home, journal, intent)
    if answer is None:
        raise Refused(f"the daemon has ended without an answer; its log is {home.log}")
    return answer


def await_answer(home: Home, journal: Journal, intent: Entry) -> Answer | None:
    """Return the daemon's answer to an intent, None where no daemon is left to give one; raises Refused."""
    began, after, seen = time.monotonic(), intent.seq, False
    message = "the daemon is starting" if isinstance(intent.body, StartRequested) else WAITS
    while True:
        alive = is_alive(home)
        waited = time.monotonic() - began
        for entry in journal.read(after, intent.campaign):
            after = entry.seq
            if isinstance(entry.body, StateChanged):
                message = entry.body.message
            if isinstance(entry.body, Answered) and entry.body.intent == intent.seq:
                if not entry.body.ok:
                    raise Refused(entry.body.message)
                return Answer(intent.campaign, entry.body.message, intent.seq)
        if alive and waited > PATIENCE_S and (silence := silent_s(home)):
            return Answer(intent.campaign, f"recorded; {silence_text(silence)}", intent.seq)
        if alive and waited > ANSWER_S:
            return Answer(intent.campaign, message, intent.seq)
        if not alive and (seen or waited > SPAWN_S):
            return None
        seen = seen or alive
        time.sleep(POLL_S)
