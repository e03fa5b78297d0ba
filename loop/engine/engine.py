"""The loop itself: the only module that knows the order of things.

Every step is recorded before the next begins, and what comes next is always derived from the ledger. So a crash at any
point is healed by reading the journal: start, restart and reboot are one path. Writes nothing in the user's checkout.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from loop.engine.answering import Answering
from loop.engine.authors import Authors
from loop.engine.backlog import Backlog
from loop.engine.branch import Branch
from loop.engine.campaign import Campaign
from loop.engine.canvases import Canvases
from loop.engine.create import create
from loop.engine.humans import Humans
from loop.engine.inspection import Inspection
from loop.engine.measuring import Measuring
from loop.engine.resume import resume
from loop.engine.staging import Staging
from loop.engine.strategy import Strategy
from loop.engine.verifying import Verifying
from loop.engine.writing import Writing
from loop.proposers import Proposer
from loop.record.campaign_facts import StateChanged
from loop.record.intents import ProposeRequested, WithdrawRequested
from loop.record.types import AutoResearchError, Cause, State
from loop.runs.runner import Runner
from loop.settings.program import Program
from loop.setup.campaigns import is_broken

TAIL_S = 0.25  # a look at the journal four times a second costs a thousandth of a core

Choose = Callable[[Program], Proposer]

log = logging.getLogger(__name__)


class Engine:
    """Runs one campaign until a limit, a stop, or a failure that needs a person."""

    def __init__(self, folder: Path, name: str, choose: Choose) -> None:
        self.campaign = Campaign(folder, name)
        self.answering = Answering(self.campaign)
        self._choose = choose

    async def run(self) -> None:
        """Run to the end of the campaign. Expected endings are recorded; only a broken journal raises."""
        self.campaign.sync()
        work = asyncio.create_task(self._work())
        tail, stop = asyncio.create_task(self._tail()), asyncio.create_task(self.campaign.interrupted.wait())
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
            self.campaign.journal.close()

    def stop(self) -> None:
        """Stop now: the present run is interrupted. Called by the daemon's signal handlers."""
        self.campaign.interrupted.set()

    async def _work(self) -> None:
        campaign = self.campaign
        ledger = campaign.ledger
        was = StateChanged(ledger.state, ledger.message, cause=ledger.cause)
        alone = ledger.verifying is not None and not campaign.asked_to_begin
        strategy = Strategy(campaign)
        runner = await (resume(campaign, strategy, ledger.created) if ledger.created else create(campaign, strategy))
        loop = Loop(campaign, strategy, runner, self._choose)
        try:
            self.answering.open(loop.humans)
            await (loop.verify_alone(was) if alone else loop.run())
        finally:
            await loop.staging.drop()

    async def _tail(self) -> None:
        while True:
            await asyncio.sleep(TAIL_S)
            if self.campaign.journal.changed():
                self.campaign.sync()

    def _end(self, error: BaseException | None, interrupted: bool) -> None:
        """Record how the campaign ended, and answer every intent that still waits."""
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
        ledger = self.campaign.ledger
        # A campaign that had ended and could not be opened again has still ended.
        if sentence and ledger.state is not State.FINISHED:
            self.campaign.record(StateChanged(State.STOPPED, sentence, cause=cause))
        for seq, intent in list(ledger.unanswered.items()):
            # A human's text waits for the next start, unless there will be none.
            if is_broken(ledger) or not isinstance(intent.body, ProposeRequested | WithdrawRequested):
                self.campaign.answer(seq, False, sentence or ledger.message or "the campaign has ended")


class Loop:
    """An open campaign: its parts, each built from the campaign and the parts before it, and their order."""

    def __init__(self, campaign: Campaign, strategy: Strategy, runner: Runner, choose: Choose) -> None:
        canvases = Canvases(campaign, runner.conditions)
        inspection = Inspection(campaign, runner, canvases)
        authors = Authors(campaign, strategy, canvases, choose)
        self.campaign, self.strategy = campaign, strategy
        self.backlog = Backlog(campaign, strategy, canvases)
        self.humans = Humans(campaign, self.backlog, inspection)
        self.staging = Staging(campaign, strategy, runner, self.backlog)
        self.writing = Writing(campaign, strategy, authors, self.backlog, inspection, self.staging)
        self.branch = Branch(campaign)
        self.measuring = Measuring(
            campaign, strategy, runner.conditions, inspection, self.staging, self.branch, self.writing.repair
        )
        self.verifying = Verifying(campaign, canvases, self.staging, self.measuring)

    async def run(self) -> None:
        """Heal what a dead daemon left, then research to the end, while proposals are written ahead."""
        async with asyncio.TaskGroup() as group:
            ahead = group.create_task(self.writing.ahead())
            await self.measuring.heal()
            await self._research()
            ahead.cancel()

    async def verify_alone(self, was: StateChanged) -> None:
        """Verify a campaign that nobody asked to go on, and leave it in the state that it was in."""
        await self.measuring.heal()
        if not await self._verify():
            self.campaign.record(StateChanged(State.STOPPED, "stopped while verifying", cause=Cause.ASKED))
        elif was.state is State.FINISHED:
            self.campaign.record(was)
        else:
            verified = "verified; 'autoresearch start' continues"
            self.campaign.record(StateChanged(State.STOPPED, verified, cause=Cause.VERIFIED))

    async def _research(self) -> None:
        campaign = self.campaign
        while True:
            await self.staging.pause_here()
            self.branch.follow_again()
            if campaign.stopping:
                return self._end(State.STOPPED, "stopped after the experiment", Cause.ASKED)
            if campaign.ledger.verifying is not None:
                await self._verify()
                continue
            limit = self.strategy.limit_reached()
            # A limit binds the agents: what a human was promised is measured before the campaign ends.
            seen = campaign.ledger.last_seq
            experiment = self.backlog.first(human=bool(limit))
            if experiment is not None:
                await self.measuring.measure(experiment.number)
            elif campaign.ledger.last_seq > seen:
                continue  # looking has taken in an intent, or has judged what fits no more
            elif ending := limit or ("" if campaign.paused else campaign.exhausted):
                pairs = self.strategy.program.verify
                if not (pairs and self.verifying.due):
                    return self._end(State.FINISHED, ending, Cause.LIMIT if limit else Cause.EXHAUSTED)
                await self.verifying.verify(pairs)
            elif not (campaign.paused or campaign.stopping):
                await campaign.news()

    async def _verify(self) -> bool:
        request = self.campaign.ledger.verifying
        return request is None or await self.verifying.verify(request.pairs, request.keeps)

    def _end(self, state: State, sentence: str, cause: Cause) -> None:
        self.campaign.record(StateChanged(state, sentence, cause=cause))
