"""The loop itself: the only room that knows the order of things.

Every step is recorded before the next begins, and what comes next is always derived from the ledger. So a crash at any
point is healed by reading the journal: start, restart and reboot are one path. Writes nothing in the user's checkout.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from loop.engine.backlog import Backlog
from loop.engine.measuring import Measuring
from loop.engine.opening import open_campaign
from loop.engine.plan import limit_reached
from loop.engine.staging import Staging
from loop.engine.verifying import Verifying
from loop.engine.writing import Writing
from loop.git.repo import Repo
from loop.proposers import Proposer
from loop.record.campaign_facts import Answered, StateChanged
from loop.record.entries import Body, Entry
from loop.record.intents import (
    NoteAdded,
    PauseRequested,
    ProposeRequested,
    ResumeRequested,
    StartRequested,
    StopRequested,
    VerifyRequested,
    WithdrawRequested,
)
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.types import AutoResearchError, Cause, JournalError, State
from loop.runs.runner import Runner
from loop.settings.program import Program
from loop.setup.campaigns import is_broken

PATIENCE_S = 600.0  # a database browser that somebody left open must not end the night
TAIL_S = 0.25  # a look at the journal four times a second costs a thousandth of a core

log = logging.getLogger(__name__)


class Engine:
    """Runs one campaign until a limit, a stop, or a failure that needs a person."""

    def __init__(self, folder: Path, campaign: str, choose: Callable[[Program], Proposer]) -> None:
        self.folder, self.campaign = folder, campaign
        self.repo = Repo(folder)
        self.home = self.repo.home
        self.journal = Journal(self.home.journal, patience_s=PATIENCE_S)
        self.ledger = Ledger(campaign)
        self.backlog = Backlog(self)
        self.writing = Writing(self, choose)
        self.staging = Staging(self)
        self.measuring = Measuring(self)
        self.verifying = Verifying(self)
        self.paused = ""  # why no new run starts
        self._paused_by = Cause.ASKED
        self._runner: Runner | None = None
        self._wake = asyncio.Event()  # something changed: an intent, a proposal, a verdict
        self._stop_now = asyncio.Event()
        self.stopping = False  # after the present run or experiment

    @property
    def runner(self) -> Runner:
        """Makes the runs of the open campaign."""
        assert self._runner is not None, "a campaign is opened before anything runs"
        return self._runner

    # ---- life ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run to the end of the campaign. Expected endings are recorded; only a broken journal raises."""
        self.sync()
        work = asyncio.create_task(self._work())
        tail, stop = asyncio.create_task(self._tail()), asyncio.create_task(self._stop_now.wait())
        try:
            await asyncio.wait({work, tail, stop}, return_when=asyncio.FIRST_COMPLETED)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            ended = tail if work.cancelled() and tail.done() else work  # the tail ends by an error only
            self._end(None if ended.cancelled() else ended.exception(), interrupted=ended.cancelled())
        finally:
            tail.cancel()
            stop.cancel()
            await asyncio.gather(tail, stop, return_exceptions=True)
            self.journal.close()

    def _end(self, error: BaseException | None, interrupted: bool) -> None:
        """Record how the campaign ended, and answer whoever still waits for an answer."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        sentence, cause = "", Cause.ERROR
        if interrupted:
            sentence, cause = "stopped; the run was interrupted", Cause.ASKED
        elif isinstance(error, AutoResearchError):
            sentence = str(error)
        elif error is not None:
            log.error("the engine failed", exc_info=error)
            sentence = f"{type(error).__name__}: {error}; see 'autoresearch doctor' and the daemon's log"
        # A campaign that had ended and could not be opened again has still ended.
        if sentence and not (self._runner is None and self.ledger.state is State.FINISHED):
            self.record(StateChanged(State.STOPPED, sentence, cause=cause))
        for seq, intent in list(self.ledger.unanswered.items()):
            # A human's text waits for the next start, unless there will be none.
            if is_broken(self.ledger) or not isinstance(intent.body, ProposeRequested | WithdrawRequested):
                self.record(Answered(seq, False, sentence or self.ledger.message or "the campaign has ended"))

    def stop(self) -> None:
        """Stop now: the present run is interrupted. Called by the daemon's signal handlers."""
        self._stop_now.set()

    async def _work(self) -> None:
        verify_alone = self.ledger.verifying is not None and not self._asked_to_begin
        was = StateChanged(self.ledger.state, self.ledger.message, cause=self.ledger.cause)
        try:
            self._runner = await open_campaign(self)
            for intent in list(self.ledger.unanswered.values()):
                self._heed(intent)
            if verify_alone:
                await self._verify_alone(was)
                return
            async with asyncio.TaskGroup() as group:
                ahead = group.create_task(self.writing.ahead())
                await self.measuring.heal()
                await self._research()
                ahead.cancel()
        finally:
            await self.staging.drop()

    async def _verify_alone(self, was: StateChanged) -> None:
        """Verify a campaign that nobody asked to go on, and leave it in the state that it was in."""
        await self.measuring.heal()
        if not await self._verify():
            self.record(StateChanged(State.STOPPED, "stopped while verifying", cause=Cause.ASKED))
        elif was.state is State.FINISHED:
            self.record(was)
        else:
            self.record(StateChanged(State.STOPPED, "verified; 'autoresearch start' goes on", cause=Cause.VERIFIED))

    async def _verify(self) -> bool:
        request = self.ledger.verifying
        return request is None or await self.verifying.verify(request.pairs, request.keeps)

    async def _research(self) -> None:
        while True:
            await self.pause_here()
            self.measuring.follow()
            if self.stopping:
                self.record(StateChanged(State.STOPPED, "stopped after the experiment", cause=Cause.ASKED))
                return
            if self.ledger.verifying is not None:
                await self._verify()
                continue
            limit = limit_reached(self.ledger, self.writing.program.stop, time.monotonic())
            # A limit binds the agents: what a human was promised is measured before the campaign ends.
            experiment = self.backlog.first(human=bool(limit))
            # Looking may have taken in an intent: what it asks for is looked at after, with no await between.
            if experiment is not None:
                await self.measuring.measure(experiment.number)
            elif ended := limit or ("" if self.paused else self.writing.exhausted):
                pairs = self.writing.program.verify
                if not (pairs and self.verifying.due):
                    cause = Cause.LIMIT if limit else Cause.EXHAUSTED
                    self.record(StateChanged(State.FINISHED, ended, cause=cause))
                    return
                await self.verifying.verify(pairs)
            elif not (self.paused or self.stopping):
                await self.news()

    # ---- the journal ---------------------------------------------------------------------------------------------

    def record(self, *bodies: Body) -> None:
        """Append facts as one transaction and take in everything that is new, in order."""
        self.journal.append(self.campaign, *bodies)
        self.sync()

    def sync(self) -> None:
        """Take in what is new in the journal and act on every intent among it."""
        new = self.journal.read(self.ledger.last_seq, self.campaign)
        self.ledger.feed(new)
        for entry in new:
            if entry.seq in self.ledger.unanswered:
                self._heed(entry)
        if new:
            self._wake.set()

    def _heed(self, intent: Entry) -> None:
        """Act on one intent; one that cannot be dealt with is answered with why, or every next start would meet it."""
        try:
            self._act(intent)
        except JournalError:
            raise
        except AutoResearchError as error:
            self.record(Answered(intent.seq, False, str(error)))

    def _act(self, intent: Entry) -> None:
        """Act on one intent. A start is answered once the campaign is open, a proposal once it has a number."""
        match intent.body:
            case StartRequested() if self._runner is not None:
                self._resume()
                self.answer_start(intent, "already running")
            case PauseRequested() | ResumeRequested() | StopRequested() if intent.seq < self._asked_to_begin:
                late = "the daemon had ended before it read this; a start came after it"
                self.record(Answered(intent.seq, False, late))
            case PauseRequested():
                self.pause("paused; 'autoresearch resume' goes on", Cause.ASKED)
                self._answer(intent, "pausing after this experiment")
            case ResumeRequested():
                self._resume()
                self._answer(intent, "going on")
            case StopRequested(now=now):
                self.stopping = True
                self._answer(intent, "stopping now" if now else "stopping after this experiment")
                if now:
                    self._stop_now.set()
            case NoteAdded():
                self._answer(intent, "recorded")
            case ProposeRequested() if self._runner is not None:
                self.backlog.admit_human(intent)
            case WithdrawRequested() if self._runner is not None:
                self.backlog.withdraw(intent)
            case VerifyRequested() if self._runner is not None:
                when = "once it is resumed" if self.paused else "at the next run's boundary"
                self._answer(intent, f"verifies {when}; the headline is in status and report")
            case _:
                pass  # heeded again when the campaign is open

    def answer_start(self, intent: Entry, message: str) -> None:
        """Answer a start; one of another folder chose the same new name at the same moment."""
        assert isinstance(intent.body, StartRequested)
        ours = intent.body.folder in (None, self.repo.prefix)
        taken = f"campaign {self.campaign} runs in another folder of this repository; stop it first"
        self.record(Answered(intent.seq, ours, message if ours else taken))

    @property
    def _asked_to_begin(self) -> int:
        """The place of the start that waits for its answer. A pause or a stop before it met no living daemon."""
        starts = (seq for seq, e in self.ledger.unanswered.items() if isinstance(e.body, StartRequested))
        return max(starts, default=0)

    def _answer(self, intent: Entry, message: str) -> None:
        self.record(Answered(intent.seq, True, message))

    def _resume(self) -> None:
        self.paused = self.writing.exhausted = ""
        if self.ledger.state is State.PAUSED:
            self.record(StateChanged(State.RUNNING, "going on", cause=Cause.ASKED))
        self._wake.set()

    async def _tail(self) -> None:
        while True:
            await asyncio.sleep(TAIL_S)
            if self.journal.changed():
                self.sync()

    async def pause_here(self) -> None:
        """Wait at a run's boundary while paused, with one recorded sentence."""
        while self.paused and not self.stopping:
            if self.ledger.state is not State.PAUSED:
                self.record(StateChanged(State.PAUSED, self.paused, cause=self._paused_by))
                await self.staging.drop()  # it holds hundreds of megabytes
                continue  # a stop or a resume may have come meanwhile, and its news with it
            await self.news()

    def pause(self, sentence: str, cause: Cause) -> None:
        """Start no new run after the present experiment; the sentence says why and what to do."""
        self.paused, self._paused_by = sentence, cause

    async def news(self) -> None:
        """Wait until something has changed."""
        self._wake.clear()
        await self._wake.wait()

    def tell(self) -> None:
        """Say that something has changed."""
        self._wake.set()
