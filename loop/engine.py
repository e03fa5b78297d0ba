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

from loop import verdict
from loop.backlog import Backlog
from loop.campaigns import is_broken
from loop.journal import Journal
from loop.ledger import Experiment, Ledger
from loop.opening import open_campaign
from loop.plan import Planned, crashes_in_a_row, decide, limit_reached
from loop.program import Program
from loop.proposers import Proposer
from loop.repo import Repo
from loop.runner import Runner
from loop.staging import Staging
from loop.types import (
    Answered,
    Audited,
    AutoResearchError,
    Body,
    Entry,
    Failure,
    Judged,
    NoiseMeasured,
    NoteAdded,
    Outcome,
    PauseRequested,
    ProposeRequested,
    Purpose,
    Reason,
    ResumeRequested,
    RunEnded,
    RunStarted,
    Scored,
    ScoreSource,
    StartRequested,
    State,
    StateChanged,
    StopRequested,
    Verdict,
    WithdrawRequested,
)
from loop.writing import Writing

TAIL_S = 0.25  # a look at the journal four times a second costs a thousandth of a core
AUDIT_SEED = 7919  # chose nothing: baselines and confirming runs count up from 0
MAX_CRASHES_IN_ROW = 8  # more than any healthy night; something outside the patches is broken

log = logging.getLogger(__name__)


class Engine:
    """Runs one campaign until a limit, a stop, or a failure that needs a person."""

    def __init__(self, folder: Path, campaign: str, choose: Callable[[Program], Proposer]) -> None:
        self.folder, self.campaign = folder, campaign
        self.repo = Repo(folder)
        self.home = self.repo.home
        self.journal = Journal(self.home.journal)
        self.ledger = Ledger(campaign)
        self.backlog = Backlog(self)
        self.writing = Writing(self, choose)
        self.staging = Staging(self)
        self.paused = ""  # why no new run starts
        self._runner: Runner | None = None
        self._wake = asyncio.Event()  # something changed: an intent, a proposal, a verdict
        self._stop_now = asyncio.Event()
        self._stopping = False

    @property
    def runner(self) -> Runner:
        """Makes the runs of the open campaign."""
        assert self._runner is not None, "a campaign is opened before anything runs"
        return self._runner

    # ---- life ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run to the end of the campaign. Expected endings are recorded; only a broken journal raises."""
        self._void_what_is_stale()
        self.sync()
        work = asyncio.create_task(self._work())
        others = [asyncio.create_task(self._tail()), asyncio.create_task(self._stop_now.wait())]
        try:
            await asyncio.wait({work, *others}, return_when=asyncio.FIRST_COMPLETED)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            self._end(None if work.cancelled() else work.exception(), interrupted=work.cancelled())
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            self.journal.close()

    def _end(self, error: BaseException | None, interrupted: bool) -> None:
        """Record how the campaign ended, and answer whoever still waits for an answer."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if interrupted:
            self.record(StateChanged(State.STOPPED, "stopped; the run was interrupted"))
        elif isinstance(error, AutoResearchError):
            self.record(StateChanged(State.STOPPED, str(error)))
        elif error is not None:
            log.error("the engine failed", exc_info=error)
            sentence = f"{type(error).__name__}: {error}; see 'autoresearch doctor' and the daemon's log"
            self.record(StateChanged(State.STOPPED, sentence))
        for seq, intent in list(self.ledger.unanswered.items()):
            # A human's text waits for the next start, unless there will be none.
            if is_broken(self.ledger) or not isinstance(intent.body, ProposeRequested | WithdrawRequested):
                self.record(Answered(seq, False, self.ledger.message or "the campaign has ended"))

    def stop(self) -> None:
        """Stop now: the present run is interrupted. Called by the daemon's signal handlers."""
        self._stop_now.set()

    async def _work(self) -> None:
        try:
            self._runner = await open_campaign(self)
            for intent in list(self.ledger.unanswered.values()):
                self._heed(intent)
            async with asyncio.TaskGroup() as group:
                ahead = group.create_task(self.writing.ahead())
                await self._heal()
                await self._research()
                ahead.cancel()
        finally:
            await self.staging.drop()

    async def _research(self) -> None:
        audited = False
        while True:
            await self._pause_here()
            if self._stopping:
                self.record(StateChanged(State.STOPPED, "stopped after the experiment"))
                return
            limit = limit_reached(self.ledger, self.writing.program.stop, time.monotonic())
            # A limit binds the agents: what a human was promised is measured before the campaign ends.
            experiment = self.backlog.first(human=bool(limit))
            # Looking may have taken in an intent: what it asks for is looked at after, with no await between.
            if experiment is not None:
                await self._measure(experiment.number)
                audited = False
            elif limit := limit or ("" if self.paused else self.writing.exhausted):
                if audited:
                    self.record(StateChanged(State.FINISHED, limit))
                    return
                await self._audit()
                audited = True
            elif not (self.paused or self._stopping):
                await self.news()

    # ---- the journal ---------------------------------------------------------------------------------------------

    def record(self, *bodies: Body) -> None:
        """Append facts as one transaction and take in everything that is new, in order."""
        self.journal.append(self.campaign, *bodies)
        self.sync()

    def sync(self) -> None:
        """Take in what is new in the journal and act on every intent among it."""
        new = [e for e in self.journal.read(self.ledger.last_seq) if e.campaign == self.campaign]
        self.ledger.feed(new)
        for entry in new:
            if entry.seq in self.ledger.unanswered:
                self._heed(entry)
        if new:
            self._wake.set()

    def _heed(self, intent: Entry) -> None:
        """Act on one intent. A start is answered once the campaign is open, a proposal once it has a number."""
        match intent.body:
            case StartRequested() if self._runner is not None:
                self._resume()
                self.answer_start(intent, "already running")
            case PauseRequested():
                self.paused = "paused; 'autoresearch resume' goes on"
                self._answer(intent, "pausing after this experiment")
            case ResumeRequested():
                self._resume()
                self._answer(intent, "going on")
            case StopRequested(now=now):
                self._stopping = True
                self._answer(intent, "stopping now" if now else "stopping after this experiment")
                if now:
                    self._stop_now.set()
            case NoteAdded():
                self._answer(intent, "the next prompt carries it")
            case ProposeRequested() if self._runner is not None:
                self.backlog.admit_human(intent)
            case WithdrawRequested() if self._runner is not None:
                self.backlog.withdraw(intent)
            case _:
                pass  # heeded again when the campaign is open

    def answer_start(self, intent: Entry, message: str) -> None:
        """Answer a start; one of another folder chose the same new name at the same moment."""
        assert isinstance(intent.body, StartRequested)
        ours = intent.body.folder in (None, self.repo.prefix)
        taken = f"campaign {self.campaign} runs in another folder of this repository; stop it first"
        self.record(Answered(intent.seq, ours, message if ours else taken))

    def _void_what_is_stale(self) -> None:
        """Answer a pause or a stop that met no living daemon: the start that came after it means to go on."""
        past = Ledger(self.campaign).feed(self.journal.read(campaign=self.campaign)).unanswered.values()
        begin = max((entry.seq for entry in past if isinstance(entry.body, StartRequested)), default=0)
        late = "the daemon had ended before it read this; a start came after it"
        for entry in past:
            if entry.seq < begin and isinstance(entry.body, PauseRequested | ResumeRequested | StopRequested):
                self.journal.append(self.campaign, Answered(entry.seq, False, late))

    def _answer(self, intent: Entry, message: str) -> None:
        self.record(Answered(intent.seq, True, message))

    def _resume(self) -> None:
        self.paused = self.writing.exhausted = ""
        if self.ledger.state is State.PAUSED:
            self.record(StateChanged(State.RUNNING, "going on"))
        self._wake.set()

    async def _tail(self) -> None:
        while True:
            await asyncio.sleep(TAIL_S)
            if self.journal.changed():
                self.sync()

    async def _pause_here(self) -> None:
        """Wait at a run's boundary while paused, with one recorded sentence."""
        while self.paused and not self._stopping:
            if self.ledger.state is not State.PAUSED:
                self.record(StateChanged(State.PAUSED, self.paused))
                await self.staging.drop()  # it holds hundreds of megabytes
                continue  # a stop or a resume may have come meanwhile, and its news with it
            await self.news()

    def pause(self, sentence: str) -> None:
        """Start no new run after the present experiment; the sentence says why and what to do."""
        self.paused = sentence

    async def news(self) -> None:
        """Wait until something has changed."""
        self._wake.clear()
        await self._wake.wait()

    def tell(self) -> None:
        """Say that something has changed."""
        self._wake.set()

    # ---- measuring -----------------------------------------------------------------------------------------------

    async def _measure(self, number: int) -> None:
        """Run an experiment until it has a verdict. What to do next depends on the ledger alone."""
        while True:
            experiment = self.ledger.experiments[number]
            if experiment.verdict is not None:
                self._heed_verdict(experiment)
                return
            step = self.decide(experiment)
            if isinstance(step, Planned):
                await self._run(experiment, step)
            elif step.verdict is Verdict.CRASH and await self.writing.repair(experiment):
                continue
            elif number == 0:
                self._conclude_baseline(step)
            else:
                self.record(step)

    def decide(self, experiment: Experiment) -> Planned | Judged:
        """Return the next run of an experiment, or its verdict."""
        return decide(self.ledger, experiment, self.writing.program.repeats)

    async def _run(self, experiment: Experiment, planned: Planned, split: str = "val") -> None:
        """Make one run and record it. An interrupted one is recorded too, and made again by whoever comes next."""
        staged = await self.staging.take(experiment, planned, split)
        purpose, attempt = planned.purpose, staged.attempt
        self.record(RunStarted(experiment.number, attempt, purpose, planned.seed, staged.commit))
        try:
            staged.begin()
            self.staging.ahead(experiment.number)
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
            )
            if result.outcome is not Outcome.FINISHED:
                self.record(end)
                return
            began = time.monotonic()
            answer = await staged.score(result)
            if isinstance(answer, Failure):
                crashed = RunEnded(**{**vars(end), "outcome": Outcome.CRASHED, "failure": answer})
                self.record(crashed)
            else:
                source = ScoreSource.SEALED if self._sealed else ScoreSource.SELF_REPORTED
                scored = Scored(experiment.number, attempt, answer, source, time.monotonic() - began)
                self.record(end, scored, *self._foresee(planned, end, scored))
        except asyncio.CancelledError:
            self.record(RunEnded(experiment.number, attempt, Outcome.INTERRUPTED))
            raise
        finally:
            await staged.close()

    def _foresee(self, planned: Planned, end: RunEnded, scored: Scored) -> list[Body]:
        """Return the verdict that follows from a run's end, to be written with it: one durable write instead of two."""
        if planned.purpose not in (Purpose.MEASURE, Purpose.CONFIRM):
            return []
        then = self.ledger.after(end, scored)
        step = decide(then, then.experiments[end.experiment], self.writing.program.repeats)
        return [step] if isinstance(step, Judged) and step.verdict is not Verdict.CRASH else []

    @property
    def _sealed(self) -> bool:
        return self._runner is not None and self._runner.conditions.ruler is not None

    def _heed_verdict(self, experiment: Experiment) -> None:
        """Act on a recorded verdict: a keep moves the branch, which is healed from the entry after a crash."""
        if experiment.verdict is Verdict.KEEP:
            self._move_branch(experiment.commit)
        crashes = crashes_in_a_row(self.ledger)
        if crashes >= MAX_CRASHES_IN_ROW:
            self.pause(f"{crashes} experiments in a row crashed, the last: {experiment.explanation}; mend and resume")

    def _move_branch(self, commit: str) -> None:
        """Let the branch follow the incumbent, unless the user stands on it: then the next start moves it."""
        branch = self.repo.branch(self.campaign)
        if self.repo.is_checked_out(branch):
            log.warning("%s is checked out and stays where it is", branch)
        else:
            self.repo.move_ref(branch, commit, self.repo.ref(branch))

    def _conclude_baseline(self, judged: Judged) -> None:
        if judged.verdict is not Verdict.KEEP:
            lost = "the baseline does not run; propose it to a campaign whose baseline does"
            waiting = [e.number for e in self.ledger.waiting if e.number]
            self.record(judged, *(Judged(n, Verdict.INVALID, Reason.FAILED, explanation=lost) for n in waiting))
            raise AutoResearchError(f"the baseline does not run: {judged.explanation}; mend it and start again")
        scores = tuple(self.ledger.experiments[0].scores.values())
        noise = verdict.noise_floor(scores) if len(scores) > 1 else None
        facts: list[Body] = [judged, StateChanged(State.RUNNING, "baseline measured")]
        if noise is not None:
            facts.insert(0, NoiseMeasured(noise, scores))
        self.record(*facts)

    # ---- the beginning and the end ---------------------------------------------------------------------------------

    async def _heal(self) -> None:
        """Finish what a dead daemon left: runs without an end, a branch behind its verdict. Then the baseline."""
        facts: list[Body] = [
            RunEnded(experiment.number, run.attempt, Outcome.INTERRUPTED)
            for experiment in self.ledger.experiments.values()
            for run in experiment.runs
            if run.outcome is None
        ]
        if facts:
            self.record(*facts)
        incumbent = self.ledger.incumbent_experiment
        if incumbent is not None:
            self._move_branch(incumbent.commit)
        if self.ledger.incumbent is None:
            await self._pause_here()
            await self._measure(0)

    async def _audit(self) -> None:
        """Measure best and baseline once more, on a seed and on rows that chose nothing. Sealed campaigns only."""
        best = self.ledger.incumbent
        if not self._sealed or not best or any(a.experiment == best for a in self.ledger.audits):
            return
        self.record(StateChanged(State.RUNNING, "auditing: best and baseline on a seed and rows that chose nothing"))
        scores: list[float] = []
        for number in (0, best):
            experiment = self.ledger.experiments[number]
            await self._run(experiment, Planned(Purpose.AUDIT, AUDIT_SEED), "audit")
            last = self.ledger.experiments[number].runs[-1]
            if last.score is None:
                log.warning("the audit run of #%d gave no score", number)
                return
            scores.append(last.score)
        self.record(Audited(best, AUDIT_SEED, scores[0], scores[1]))
