"""One experiment until its verdict: its runs and its incumbent's, the branch that follows a keep, the baseline.

What to do next depends on the ledger alone, and everything is recorded before it counts: whoever is killed here is
continued by the next daemon.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from loop.engine.plan import Planned, crashes_in_a_row, decide
from loop.record.campaign_facts import NoiseMeasured, StateChanged
from loop.record.entries import Body
from loop.record.experiment import Experiment
from loop.record.experiment_facts import Judged, RunEnded, RunStarted, Scored
from loop.record.noise import noise_floor
from loop.record.types import AutoResearchError, Cause, Failure, Outcome, Purpose, Reason, ScoreSource, State, Verdict

if TYPE_CHECKING:
    from loop.engine.engine import Engine

NO_FILE = re.compile(r"No such file or directory: '([^'\n]+)'")
MAX_CRASHES_IN_ROW = 8  # more than any healthy night; something outside the patches is broken

log = logging.getLogger(__name__)


class Measuring:
    """The measuring side of one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._held = False  # the branch is checked out, and does not hold the incumbent

    async def measure(self, number: int) -> None:
        """Run an experiment until it has a verdict. What to do next depends on the ledger alone."""
        while True:
            experiment = self.engine.ledger.experiments[number]
            if experiment.verdict is not None:
                self._heed_verdict(experiment)
                return
            step = self.decide(experiment)
            if number and isinstance(step, Planned):
                step = self.engine.backlog.carries(experiment) or step
            if isinstance(step, Planned):
                await self.run(self.meant(experiment, step), step, ahead_of=number)
            elif step.verdict is Verdict.CRASH and await self.engine.writing.repair(experiment):
                continue
            elif number == 0:
                self._conclude_baseline(step)
            else:
                self.engine.record(step)

    def decide(self, experiment: Experiment) -> Planned | Judged:
        """Return the next run of an experiment, or its verdict."""
        return decide(self.engine.ledger, experiment, self.engine.writing.program.repeats)

    def meant(self, experiment: Experiment, planned: Planned) -> Experiment:
        """Return the experiment that runs: the one that was asked about, or the incumbent that it is compared with."""
        return experiment if planned.of is None else self.engine.ledger.experiments[planned.of]

    async def run(
        self,
        experiment: Experiment,
        planned: Planned,
        split: str = "val",
        commit: str | None = None,
        ahead_of: int | None = None,
    ) -> None:
        """Make one run and record it. An interrupted one is recorded too, and made again by whoever comes next.

        What comes after `ahead_of` is staged meanwhile; nothing where it is None.
        """
        staged = await self.engine.staging.take(experiment, planned, split, commit)
        purpose, attempt = planned.purpose, staged.attempt
        self.engine.record(RunStarted(experiment.number, attempt, purpose, planned.seed, staged.commit))
        try:
            staged.begin()
            if ahead_of is not None:
                self.engine.staging.ahead(ahead_of)
            result = await staged.train()
            end = RunEnded(
                experiment.number,
                attempt,
                result.outcome,
                result.train_seconds,
                result.total_seconds,
                result.peak_memory_mb,
                result.tokens_per_s,
                result.failure,
                **({} if result.work is None else result.work.facts()),
            )
            if result.outcome is not Outcome.FINISHED:
                self.engine.record(end)
                return
            began = time.monotonic()
            answer = await staged.score(result)
            if isinstance(answer, Failure):
                crashed = RunEnded(**{**vars(end), "outcome": Outcome.CRASHED, "failure": answer})
                self.engine.record(crashed)
            else:
                source = ScoreSource.SEALED if self.sealed else ScoreSource.SELF_REPORTED
                scored = Scored(experiment.number, attempt, answer, source, time.monotonic() - began)
                self.engine.record(end, scored, *self._foresee(planned, end, scored))
        except asyncio.CancelledError:
            self.engine.record(RunEnded(experiment.number, attempt, Outcome.INTERRUPTED))
            raise
        finally:
            await staged.close()

    def _foresee(self, planned: Planned, end: RunEnded, scored: Scored) -> list[Body]:
        """Return the verdict that follows from a run's end, to be written with it: one durable write instead of two."""
        if planned.purpose not in (Purpose.MEASURE, Purpose.CONFIRM):
            return []
        then = self.engine.ledger.after(end, scored)
        step = decide(then, then.experiments[end.experiment], self.engine.writing.program.repeats)
        return [step] if isinstance(step, Judged) and step.verdict is not Verdict.CRASH else []

    @property
    def sealed(self) -> bool:
        """Whether the score comes from a scorer of ours."""
        return self.engine.runner.conditions.ruler is not None

    def _heed_verdict(self, experiment: Experiment) -> None:
        """Act on a recorded verdict: a keep moves the branch, which is healed from the entry after a crash."""
        if experiment.verdict is Verdict.KEEP:
            self._move_branch(experiment.commit)
        crashes = crashes_in_a_row(self.engine.ledger)
        if crashes >= MAX_CRASHES_IN_ROW:
            self.engine.pause(
                f"{crashes} experiments in a row crashed, the last: {experiment.explanation}; mend and resume",
                Cause.CRASHES,
            )

    def follow(self) -> None:
        """Let a branch that was checked out follow again once it is free."""
        incumbent = self.engine.ledger.incumbent_experiment
        if self._held and incumbent is not None:
            self._move_branch(incumbent.commit)

    def _hold(self, held: bool) -> None:
        """Say once that the branch stays where it is, and once that it follows again."""
        if held == self._held:
            return
        self._held, name = held, f"autoresearch/{self.engine.campaign}"
        sentence = f"the branch {name} follows again"
        if held:
            sentence = (
                f"the branch {name} is checked out and stays where it is, what is kept is not on it; "
                "it follows again once you switch to a branch of your own: git switch -c mine"
            )
        self.engine.record(StateChanged(self.engine.ledger.state, sentence, cause=self.engine.ledger.cause))

    def _move_branch(self, commit: str) -> None:
        """Let the branch follow the incumbent, unless the user stands on it or has put commits of their own there."""
        repo = self.engine.repo
        branch = repo.branch(self.engine.campaign)
        at = repo.ref(branch)
        held = at != commit and repo.is_checked_out(branch)
        self._hold(held)
        if held:
            log.warning("%s is checked out and stays where it is", branch)
        elif at is not None and not self.engine.ledger.wrote(at):
            log.warning("%s is at %s, which is not of the campaign, and stays there", branch, at)
        else:
            repo.move_ref(branch, commit, at)

    def _conclude_baseline(self, judged: Judged) -> None:
        if judged.verdict is not Verdict.KEEP:
            lost = "the baseline does not run; propose it to a campaign whose baseline does"
            waiting = [e.number for e in self.engine.ledger.waiting if e.number]
            self.engine.record(judged, *(Judged(n, Verdict.INVALID, Reason.FAILED, explanation=lost) for n in waiting))
            why = judged.explanation + self._lent(judged.explanation)
            raise AutoResearchError(f"the baseline does not run: {why}; mend it and start again")
        scores = tuple(self.engine.ledger.experiments[0].scores.values())
        facts: list[Body] = [judged, StateChanged(State.RUNNING, self._baseline_words(), passing=True)]
        if len(scores) > 1:
            facts.insert(0, NoiseMeasured(noise_floor(scores), scores))
        self.engine.record(*facts)

    def _baseline_words(self) -> str:
        noise = self.engine.ledger.noise
        if not noise.exact:
            return "baseline measured"
        exceeded = f", and a gain must exceed its last digit, {noise.unit:g}" if noise.unit else ""
        return f"baseline measured: one score whatever the seed, so no run is repeated{exceeded}"

    def _lent(self, explanation: str) -> str:
        """Return what helps a script that measures itself and misses a file which the user has."""
        missed, repo, conditions = NO_FILE.search(explanation), self.engine.repo, self.engine.runner.conditions
        if missed is None or conditions.ruler is not None:
            return ""
        path = Path(os.path.normpath(repo.top / repo.prefix / missed[1]))
        named = conditions.own_data is not None and path.is_relative_to(conditions.own_data)
        if named or not repo.lacks(path):
            return ""
        what = "you have it, but a run has only what git holds"
        return f" ({what}; to lend it to the runs, write 'data: {missed[1]}' in program.md)"

    async def heal(self) -> None:
        """Finish what a dead daemon left: runs without an end, a branch behind its verdict. Then the baseline."""
        facts: list[Body] = [
            RunEnded(experiment.number, run.attempt, Outcome.INTERRUPTED)
            for experiment in self.engine.ledger.experiments.values()
            for run in experiment.runs
            if run.outcome is None
        ]
        if facts:
            self.engine.record(*facts)
        incumbent = self.engine.ledger.incumbent_experiment
        if incumbent is not None:
            self._move_branch(incumbent.commit)
        if self.engine.ledger.incumbent is None:
            await self.engine.pause_here()
            await self.measure(0)
