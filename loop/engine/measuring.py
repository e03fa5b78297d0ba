"""One experiment until its verdict: its runs and its incumbent's.

What to do next depends on the ledger alone, and everything is recorded before it counts: after a kill here
the run is repeated by the next daemon.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from loop.engine.baseline import conclude
from loop.engine.branch import Branch
from loop.engine.campaign import Campaign
from loop.engine.inspection import Inspection
from loop.engine.plan import Planned, crashes_in_a_row, decide, subject
from loop.engine.staging import Staging
from loop.engine.strategy import Strategy
from loop.record.entries import Body
from loop.record.experiment import Experiment
from loop.record.experiment_facts import Judged, RunEnded, RunStarted, Scored
from loop.record.types import Cause, Failure, Outcome, Purpose, ScoreSource, Verdict
from loop.runs.conditions import Conditions
from loop.runs.staged import Staged

MAX_CRASHES_IN_ROW = 8  # more than any healthy night; something outside the patches is broken

Repair = Callable[[Experiment], Awaitable[bool]]  # hands a crashed patch to its author; whether a repaired text came


class Measuring:
    """Measures the experiments of one campaign."""

    def __init__(
        self,
        campaign: Campaign,
        strategy: Strategy,
        conditions: Conditions,
        inspection: Inspection,
        staging: Staging,
        branch: Branch,
        repair: Repair,
    ) -> None:
        self.campaign, self.strategy, self.conditions = campaign, strategy, conditions
        self.inspection, self.staging, self.branch = inspection, staging, branch
        self._repair = repair

    async def heal(self) -> None:
        """Finish what a dead daemon left: runs without an end, a branch behind its verdict. Then the baseline."""
        facts: list[Body] = [
            RunEnded(experiment.number, run.attempt, Outcome.INTERRUPTED)
            for experiment in self.campaign.ledger.experiments.values()
            for run in experiment.runs
            if run.outcome is None
        ]
        if facts:
            self.campaign.record(*facts)
        self.branch.follow()
        if self.campaign.ledger.incumbent is None:
            await self.staging.pause_here()
            await self.measure(0)

    async def measure(self, number: int) -> None:
        """Run an experiment until it has a verdict."""
        ledger = self.campaign.ledger
        while (experiment := ledger.experiments[number]).verdict is None:
            step = decide(ledger, experiment, self.strategy.program.repeats)
            if number and isinstance(step, Planned):
                step = self.inspection.carries(experiment) or step
            if isinstance(step, Planned):
                await self.run(subject(ledger, experiment, step), step, ahead_of=number)
            elif step.verdict is Verdict.CRASH and await self._repair(experiment):
                continue
            elif number == 0:
                conclude(self.campaign, self.conditions, step)
            else:
                self.campaign.record(step)
        self._act_on(experiment)

    async def run(
        self,
        experiment: Experiment,
        planned: Planned,
        split: str = "val",
        commit: str | None = None,
        ahead_of: int | None = None,
    ) -> None:
        """Make one run and record it. An interrupted one is recorded too, and repeated by the next daemon.

        What comes after `ahead_of` is staged meanwhile; nothing where it is None.
        """
        staged = await self.staging.take(experiment, planned, split, commit)
        begun = RunStarted(experiment.number, staged.attempt, planned.purpose, planned.seed, staged.commit)
        self.campaign.record(begun)
        try:
            staged.begin()
            if ahead_of is not None:
                self.staging.ahead(ahead_of)
            self.campaign.record(*await self._finish(staged, planned.purpose))
        except asyncio.CancelledError:
            self.campaign.record(RunEnded(experiment.number, staged.attempt, Outcome.INTERRUPTED))
            raise
        finally:
            await staged.close()

    @property
    def sealed(self) -> bool:
        """Whether the score comes from a scorer of ours."""
        return self.conditions.ruler is not None

    async def _finish(self, staged: Staged, purpose: Purpose) -> list[Body]:
        """Return what is to be recorded of a run, once it has ended and is scored."""
        result = await staged.train()
        end = RunEnded(
            staged.number,
            staged.attempt,
            result.outcome,
            result.train_seconds,
            result.total_seconds,
            result.peak_memory_mb,
            result.tokens_per_s,
            result.failure,
            **({} if result.work is None else result.work.facts()),
        )
        if result.outcome is not Outcome.FINISHED:
            return [end]
        began = time.monotonic()
        answer = await staged.score(result)
        if isinstance(answer, Failure):
            return [replace(end, outcome=Outcome.CRASHED, failure=answer)]
        source = ScoreSource.SEALED if self.sealed else ScoreSource.SELF_REPORTED
        scored = Scored(staged.number, staged.attempt, answer, source, time.monotonic() - began)
        return [end, scored, *self._foresee(purpose, end, scored)]

    def _foresee(self, purpose: Purpose, end: RunEnded, scored: Scored) -> list[Body]:
        """Return the verdict that follows from a run's end, to be written with it: one durable write instead of two."""
        if purpose not in (Purpose.MEASURE, Purpose.CONFIRM):
            return []
        then = self.campaign.ledger.after(end, scored)
        step = decide(then, then.experiments[end.experiment], self.strategy.program.repeats)
        return [step] if isinstance(step, Judged) and step.verdict is not Verdict.CRASH else []

    def _act_on(self, judged: Experiment) -> None:
        """Act on a recorded verdict: a keep moves the branch, too many crashes pause the campaign."""
        if judged.verdict is Verdict.KEEP:
            self.branch.follow()
        crashes = crashes_in_a_row(self.campaign.ledger)
        if crashes >= MAX_CRASHES_IN_ROW:
            self.campaign.pause(
                f"{crashes} experiments in a row crashed, the last: {judged.explanation}; "
                "fix the cause, then run 'autoresearch resume'",
                Cause.CRASHES,
            )
