"""Keeps proposals coming while a run trains: asks for one, looks at what came, hands back what is broken.

Runs beside the engine's own order and never touches a run.
"""

from __future__ import annotations

import asyncio

from loop.engine.authors import Authors
from loop.engine.backlog import Backlog
from loop.engine.campaign import Campaign
from loop.engine.inspection import Inspection
from loop.engine.staging import Staging
from loop.engine.strategy import Strategy
from loop.proposers import Proposal
from loop.record.campaign_facts import Spent
from loop.record.experiment import Experiment
from loop.record.experiment_facts import Doomed
from loop.record.types import Author, Cause, Cost, ProposalFailed

WRITERS = 2
MAX_REPAIRS = 2
MAX_FAILURES = 5  # proposals in a row that failed
LONGEST_WAIT_S = 60.0


class Writing:
    """Fills the backlog of one campaign."""

    def __init__(
        self,
        campaign: Campaign,
        strategy: Strategy,
        authors: Authors,
        backlog: Backlog,
        inspection: Inspection,
        staging: Staging,
    ) -> None:
        self.campaign, self.strategy, self.authors = campaign, strategy, authors
        self.backlog, self.inspection, self.staging = backlog, inspection, staging
        self._in_flight = 0  # proposals that are being written now
        self._failures = 0  # in a row

    async def ahead(self) -> None:
        """Keep `queue` proposals waiting, so that the trainer never waits for a model. Ends only when cancelled.

        A model that thinks longer than a run takes is asked twice at once; one alone would leave the trainer waiting
        (a share of 0.90 instead of 0.96 where a proposal takes 140 s and a run 300 s).
        """
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(self._keep_writing())

    async def repair(self, experiment: Experiment) -> bool:
        """Hand a crashed patch back to its author, at most twice; return whether a repaired text came."""
        failure = experiment.failure
        # The baseline and what a human proposes are the human's to fix.
        if failure is None or experiment.author is Author.HUMAN or experiment.repairs >= MAX_REPAIRS:
            return False
        if self.strategy.limit_reached():
            return False
        repaired = await self.authors.repair(self.backlog.broken(experiment), failure)
        return repaired is not None and self.backlog.repair(experiment, repaired)

    async def _keep_writing(self) -> None:
        while True:
            if self.campaign.paused or self.campaign.exhausted or not self._wants_more():
                await self.campaign.news()
                continue
            failed = await self._write()
            if failed is not None and failed.wait:
                await self.campaign.news()
                continue
            self._failures = 0 if failed is None else self._failures + 1
            if self._failures >= MAX_FAILURES:
                self._give_up(
                    f"{MAX_FAILURES} proposals in a row failed; fix the cause, then run 'autoresearch resume': {failed}"
                )
                self._failures = 0
            elif self._failures and not self.campaign.exhausted:
                await asyncio.sleep(min(LONGEST_WAIT_S, 2.0**self._failures))
            self.campaign.tell()

    def _wants_more(self) -> bool:
        """Return whether another proposal should be written now."""
        ledger, program = self.campaign.ledger, self.strategy.program
        if self.strategy.limit_reached():
            return False  # a hard stop: what is reached buys nothing more, also while the last experiment still runs
        pending = [e for e in ledger.waiting if e.number > 0]
        waiting = sum(1 for e in pending if not e.runs and e.author is not Author.HUMAN)
        limit = program.stop.experiments
        # `queue: 0` is a serial loop: the next patch is written when nothing trains.
        room = program.queue if ledger.running is not None else max(1, program.queue)
        allowed = limit is None or ledger.judged + len(pending) + self._in_flight < limit
        return waiting + self._in_flight < room and allowed

    async def _write(self) -> ProposalFailed | None:
        """Write one proposal and look at it; return why none came, None where one did."""
        self.strategy.read()
        self._in_flight += 1
        try:
            proposal, parent = await self.authors.propose()
        except ProposalFailed as failed:
            if failed.pause:
                self._give_up(str(failed))
            return failed
        finally:
            self._in_flight -= 1
        number = self.backlog.admit(proposal, parent)
        if number is None:
            return ProposalFailed("a text that was already measured")
        await self._look(number, proposal)
        self.staging.again()
        return None

    async def _look(self, number: int, proposal: Proposal) -> None:
        """Look at a new experiment, and at what its author made of the finding, before it may run."""
        ledger = self.campaign.ledger
        if proposal.trouble:
            self.campaign.record(Spent(Cost(), self.authors.proposer.name, proposal.trouble))
        try:
            while (failure := await self.inspection.look(ledger.experiments[number])) is not None:
                self.campaign.record(Doomed(number, failure))
                if not await self.repair(ledger.experiments[number]):
                    break
        finally:
            self.backlog.looked_at(number)

    def _give_up(self, sentence: str) -> None:
        """No proposal will come: a person may fix that, unless the built-in search has nothing left to try."""
        self.campaign.exhausted = sentence
        if not self.authors.proposer.finite:
            self.campaign.pause(sentence, Cause.PROPOSALS)
