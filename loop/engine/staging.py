"""The next run's process, started while the present one trains: its imports are paid before its turn comes.

A bet on what comes next; a lost one is thrown away before it was recorded anywhere.
"""

from __future__ import annotations

import asyncio
import logging

from loop.engine.backlog import Backlog
from loop.engine.campaign import Campaign
from loop.engine.plan import Planned, decide, subject
from loop.engine.strategy import Strategy
from loop.record.experiment import Experiment
from loop.record.types import AutoResearchError, State
from loop.runs.runner import Runner
from loop.runs.staged import Staged

log = logging.getLogger(__name__)


class Staging:
    """At most one run that waits for its turn."""

    def __init__(self, campaign: Campaign, strategy: Strategy, runner: Runner, backlog: Backlog) -> None:
        self.campaign, self.strategy, self.runner, self.backlog = campaign, strategy, runner, backlog
        self._waiting: asyncio.Task[Staged] | None = None
        self._running: int | None = None  # the experiment that trains

    def ahead(self, running: int) -> None:
        """Start the process of the likely next run while #`running` trains: four patches in five are discarded."""
        self._running = running
        self.again()

    def again(self) -> None:
        """Start it now, where there was nothing to start when the present run began."""
        if self._running is None or self._waiting is not None:
            return
        following = self.backlog.first(after=self._running)
        if following is None:
            return
        planned = decide(self.campaign.ledger, following, self.strategy.program.repeats)
        if isinstance(planned, Planned):
            wanted = subject(self.campaign.ledger, following, planned)
            self._waiting = asyncio.create_task(self._stage(wanted, planned.seed, "val", wanted.commit))

    async def take(
        self, experiment: Experiment, planned: Planned, split: str = "val", commit: str | None = None
    ) -> Staged:
        """Return the run that waits if it is the one that is wanted, else throw it away and stage the right one.

        `commit` is what runs where it is not the experiment's own text.
        """
        commit = commit or experiment.commit
        self._running = None
        staged = await self._pop()
        if staged is not None:
            wanted = (experiment.number, commit, planned.seed, len(experiment.runs) + 1, split)
            if wanted == (staged.number, staged.commit, staged.seed, staged.attempt, staged.split):
                return staged
            await staged.close()
        return await self._stage(experiment, planned.seed, split, commit)

    async def drop(self) -> None:
        """Throw away what waits; nothing is started ahead before another run trains."""
        self._running = None
        staged = await self._pop()
        if staged is not None:
            await staged.close()

    async def pause_here(self) -> None:
        """Wait at a run's boundary while the campaign is paused, with one recorded sentence."""
        campaign = self.campaign
        while campaign.paused and not campaign.stopping:
            if campaign.ledger.state is not State.PAUSED:
                campaign.record(campaign.paused)
                await self.drop()  # it holds hundreds of megabytes
                continue  # a stop or a resume may have come meanwhile, and its news with it
            await campaign.news()

    async def _pop(self) -> Staged | None:
        task, self._waiting = self._waiting, None
        if task is None:
            return None
        try:
            return await task
        except (AutoResearchError, OSError):
            log.info("a staged run could not be started", exc_info=True)
            return None

    async def _stage(self, experiment: Experiment, seed: int, split: str, commit: str) -> Staged:
        attempt, ledger = len(experiment.runs) + 1, self.campaign.ledger
        return await self.runner.stage(
            experiment.number, attempt, commit, seed, ledger.slowest_s, split, ledger.reference
        )
