"""One experiment until its verdict: its runs, the branch that follows a keep, the baseline, the audit at the end.

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

from loop import verdict
from loop.entries import Audited, Body, Judged, NoiseMeasured, RunEnded, RunStarted, Scored, StateChanged
from loop.experiment import Experiment
from loop.plan import Planned, crashes_in_a_row, decide
from loop.types import AutoResearchError, Failure, Outcome, Purpose, Reason, ScoreSource, State, Verdict

if TYPE_CHECKING:
    from loop.engine import Engine

NO_FILE = re.compile(r"No such file or directory: '([^'\n]+)'")
AUDIT_SEED = 7919  # chose nothing: baselines and confirming runs count up from 0
MAX_CRASHES_IN_ROW = 8  # more than any healthy night; something outside the patches is broken

log = logging.getLogger(__name__)


class Measuring:
    """The measuring side of one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

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
                await self._run(experiment, step)
            elif step.verdict is Verdict.CRASH and await self.engine.writing.repair(experiment):
                continue
            elif number == 0:
                self._conclude_baseline(step)
            else:
                self.engine.record(step)

    def decide(self, experiment: Experiment) -> Planned | Judged:
        """Return the next run of an experiment, or its verdict."""
        return decide(self.engine.ledger, experiment, self.engine.writing.program.repeats)

    async def _run(self, experiment: Experiment, planned: Planned, split: str = "val") -> None:
        """Make one run and record it. An interrupted one is recorded too, and made again by whoever comes next."""
        staged = await self.engine.staging.take(experiment, planned, split)
        purpose, attempt = planned.purpose, staged.attempt
        self.engine.record(RunStarted(experiment.number, attempt, purpose, planned.seed, staged.commit))
        try:
            staged.begin()
            self.engine.staging.ahead(experiment.number)
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
                source = ScoreSource.SEALED if self._sealed else ScoreSource.SELF_REPORTED
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
    def _sealed(self) -> bool:
        return self.engine.runner.conditions.ruler is not None

    def _heed_verdict(self, experiment: Experiment) -> None:
        """Act on a recorded verdict: a keep moves the branch, which is healed from the entry after a crash."""
        if experiment.verdict is Verdict.KEEP:
            self._move_branch(experiment.commit)
        crashes = crashes_in_a_row(self.engine.ledger)
        if crashes >= MAX_CRASHES_IN_ROW:
            self.engine.pause(
                f"{crashes} experiments in a row crashed, the last: {experiment.explanation}; mend and resume"
            )

    def _move_branch(self, commit: str) -> None:
        """Let the branch follow the incumbent, unless the user stands on it or has put commits of their own there."""
        repo = self.engine.repo
        branch = repo.branch(self.engine.campaign)
        at = repo.ref(branch)
        if repo.is_checked_out(branch):
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
        noise = verdict.noise_floor(scores) if len(scores) > 1 else None
        facts: list[Body] = [judged, StateChanged(State.RUNNING, "baseline measured")]
        if noise is not None:
            facts.insert(0, NoiseMeasured(noise, scores))
        self.engine.record(*facts)

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

    async def audit(self) -> None:
        """Measure best and baseline once more, on a seed and on rows that chose nothing. Sealed campaigns only."""
        best = self.engine.ledger.incumbent
        if not self._sealed or not best or any(a.experiment == best for a in self.engine.ledger.audits):
            return
        self.engine.record(
            StateChanged(State.RUNNING, "auditing: best and baseline on a seed and rows that chose nothing")
        )
        scores: list[float] = []
        for number in (0, best):
            experiment = self.engine.ledger.experiments[number]
            await self._run(experiment, Planned(Purpose.AUDIT, AUDIT_SEED), "audit")
            last = self.engine.ledger.experiments[number].runs[-1]
            if last.score is None:
                log.warning("the audit run of #%d gave no score", number)
                return
            scores.append(last.score)
        self.engine.record(Audited(best, AUDIT_SEED, scores[0], scores[1]))
