"""The next run's process, started while the present one trains: its imports are paid before its turn comes.

A bet on what comes next; a lost one is thrown away before it was recorded anywhere.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from loop.engine.plan import Planned
from loop.record.experiment import Experiment
from loop.record.types import AutoResearchError
from loop.runs.staged import Staged

if TYPE_CHECKING:
    from loop.engine.engine import Engine

log = logging.getLogger(__name__)


class Staging:
    """At most one run that waits for its turn."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
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
        following = self.engine.backlog.first(after=self._running)
        if following is None:
            return
        planned = self.engine.measuring.decide(following)
        if isinstance(planned, Planned):
            wanted = self.engine.measuring.meant(following, planned)
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
        attempt = len(experiment.runs) + 1
        return await self.engine.runner.stage(
            experiment.number,
            attempt,
            commit,
            seed,
            self.engine.ledger.slowest_s,
            split,
            self.engine.ledger.reference,
        )
