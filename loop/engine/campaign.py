"""One campaign as its daemon knows it: the facts, the one way to add some, and what holds it back.

Every part of the engine takes this one and the parts below it. Knows none of them, and nothing of runs or proposers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from loop.git.repo import Repo
from loop.record.campaign_facts import Answered, StateChanged
from loop.record.entries import Body, Entry
from loop.record.experiment import Experiment
from loop.record.intents import StartRequested
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.types import AutoResearchError, Cause, JournalError, State

PATIENCE_S = 600.0  # a database browser that somebody left open must not end the night

Handlers = Mapping[type[Any], Callable[[Any, int], None]]  # kind of intent → what acts on one, given its place too


class Campaign:
    """The facts of one campaign. What is recorded is taken in at once, and every new intent handed to its handler."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.repo = Repo(folder)
        self.home = self.repo.home
        self.journal = Journal(self.home.journal, patience_s=PATIENCE_S)
        self.ledger = Ledger(name)
        self.paused: StateChanged | None = None  # why no new run starts; recorded at the next run's boundary
        self.exhausted = ""  # why no further proposal will come
        self.stopping = False  # after the present run or experiment
        self.interrupted = asyncio.Event()  # the present run is not waited for
        self._handlers: dict[type[Any], Callable[[Any, int], None]] = {}
        self._news = asyncio.Event()

    # ---- facts ---------------------------------------------------------------------------------------------------

    def record(self, *bodies: Body) -> None:
        """Append facts as one transaction and take in everything that is new, in order."""
        self.journal.append(self.name, *bodies)
        self.sync()

    def say(self, sentence: str) -> None:
        """Record a sentence for people; the state and its cause stay what they are."""
        self.record(StateChanged(self.ledger.state, sentence, cause=self.ledger.cause))

    def answer(self, intent: int, ok: bool, message: str) -> None:
        """Record that an intent has been dealt with."""
        self.record(Answered(intent, ok, message))

    @property
    def tip(self) -> Experiment:
        """The incumbent; the baseline until it is one."""
        return self.ledger.incumbent_experiment or self.ledger.experiments[0]

    @property
    def asked_to_begin(self) -> int:
        """The place of the start that waits for its answer, 0 without one. What came before it met no living daemon."""
        starts = (seq for seq, e in self.ledger.unanswered.items() if isinstance(e.body, StartRequested))
        return max(starts, default=0)

    # ---- intents -------------------------------------------------------------------------------------------------

    def handle(self, handlers: Handlers) -> None:
        """Let these act on the intents of their kinds, first on those that waited for a handler, in order."""
        self._handlers |= handlers
        for entry in list(self.ledger.unanswered.values()):
            self._act(entry)

    def sync(self) -> None:
        """Take in what is new in the journal and act on every intent among it."""
        new = self.journal.read(self.ledger.last_seq, self.name)
        self.ledger.feed(new)
        for entry in new:
            if entry.seq in self.ledger.unanswered:
                self._act(entry)
        if new:
            self.tell()

    def _act(self, intent: Entry) -> None:
        """Act on one intent; one that cannot be dealt with is answered with why, or every next start would meet it."""
        handler = self._handlers.get(type(intent.body))
        if handler is None:
            return  # it waits
        try:
            handler(intent.body, intent.seq)
        except JournalError:
            raise
        except AutoResearchError as error:
            self.answer(intent.seq, False, str(error))

    # ---- what holds it back --------------------------------------------------------------------------------------

    def pause(self, sentence: str, cause: Cause) -> None:
        """Start no new run after the present experiment; the sentence says why and what to do."""
        self.paused = StateChanged(State.PAUSED, sentence, cause=cause)

    def resume(self) -> None:
        """Start runs and ask for proposals again."""
        self.paused, self.exhausted = None, ""
        if self.ledger.state is State.PAUSED:
            self.record(StateChanged(State.RUNNING, "resumed", cause=Cause.ASKED))
        self.tell()

    async def news(self) -> None:
        """Wait until something has changed: an intent, a proposal, a verdict."""
        self._news.clear()
        await self._news.wait()

    def tell(self) -> None:
        """Say that something has changed."""
        self._news.set()
