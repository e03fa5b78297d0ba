"""Proposals on their way to a run: numbered, committed on a private ref, merged with what was kept meanwhile.

Knows git and the ledger, nothing of training. A text that was measured or waits is never taken twice.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from loop.engine.plan import limit_reached
from loop.proposers import Brief, Proposal
from loop.record.campaign_facts import Answered, Spent
from loop.record.entries import Entry
from loop.record.experiment import Experiment
from loop.record.experiment_facts import Judged, Merged, Proposed, Repaired, Withdrawn
from loop.record.intents import ProposeRequested, WithdrawRequested
from loop.record.types import Author, Failure, MergeConflict, Reason, RepoError, ScoreSource, Verdict
from loop.text.canvas import changed_knobs, changed_lines, fingerprint
from loop.text.diff import BOM, in_form_of
from loop.text.merge import merge, merge_over
from loop.text.numbers import plain
from loop.trust import preflight
from loop.trust.smuggling import smuggled

if TYPE_CHECKING:
    from loop.engine.engine import Engine
    from loop.runs.runner import Runner


TEXTS = 32  # canvases kept at hand


class Backlog:
    """The waiting experiments of one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._texts: dict[str, str] = {}  # commit → canvas; a commit never changes
        self._in_hand: set[int] = set()  # being looked at before they may run

    @property
    def path(self) -> str:
        """The canvas, relative to the top of the working tree."""
        created = self.engine.ledger.created
        assert created is not None, "a campaign is created before anything is proposed"
        return f"{created.folder}/{created.canvas}".lstrip("/")

    def wants_more(self) -> bool:
        """Return whether another proposal should be written now."""
        ledger, program = self.engine.ledger, self.engine.writing.program
        waiting = sum(1 for e in ledger.waiting if e.number > 0 and not e.runs and e.author is not Author.HUMAN)
        pending = sum(1 for e in ledger.waiting if e.number > 0)
        limit = program.stop.experiments
        if limit_reached(ledger, program.stop, time.monotonic()):
            return False  # a hard stop: what is reached buys nothing more, also while the last experiment still runs
        being_written = self.engine.writing.in_flight
        # `queue: 0` is a serial loop: the next patch is written when nothing trains.
        room = program.queue if ledger.running is not None else max(1, program.queue)
        allowed = limit is None or ledger.judged + pending + being_written < limit
        return waiting + being_written < room and allowed

    def brief(self) -> Brief:
        """Return what a proposer may know now."""
        engine = self.engine
        ledger = engine.ledger
        assert ledger.created is not None, "a campaign is created before anything is proposed"
        incumbent = ledger.incumbent_experiment or ledger.experiments[0]
        return Brief(
            program=engine.writing.program,
            program_hash=engine.writing.program_hash,
            canvas=ledger.created.canvas,
            text=self.text(incumbent.commit),
            commit=incumbent.commit,
            ledger=ledger,
            tried=frozenset(e.fingerprint for e in ledger.experiments.values()),
            waiting=tuple(e.hypothesis for e in ledger.waiting),
            random_seed=len(ledger.experiments),
        )

    def admit(self, proposal: Proposal, parent: str) -> int | None:
        """Return the number given to a proposal; None, said in the journal, for a text that was already tried.

        `parent` is the commit that the proposal was written against.
        """
        ledger = self.engine.ledger
        mark = fingerprint(proposal.text)
        if any(e.fingerprint == mark for e in ledger.experiments.values()):
            self.engine.record(Spent(proposal.cost, proposal.proposer, "proposed a text that was already measured"))
            return None
        fact = self._propose(proposal, parent, mark)
        self._in_hand.add(fact.experiment)
        self.engine.record(fact)
        return fact.experiment

    async def look(self, number: int, runner: Runner) -> Failure | None:
        """Return why a patch would fail, None where nothing speaks against a run. Agents' texts are also rehearsed.

        A knob's new value is not rehearsed: that costs seconds, and most of what it could find ends a run as quickly.
        """
        ledger = self.engine.ledger
        experiment, incumbent = ledger.experiments[number], ledger.incumbent_experiment or ledger.experiments[0]
        created = ledger.created
        assert created is not None
        text, before = self.text(experiment.commit), self.text(incumbent.commit)
        found = preflight.check(text, before, created.canvas, created.metric.name, self._baseline)
        failure = preflight.failure(found)
        if failure is None and experiment.author in (Author.MODEL, Author.COMMAND):
            failure = await runner.rehearse(experiment.commit)
        return failure

    def carries(self, experiment: Experiment) -> Judged | None:
        """Return the verdict on a text that carries data which no run has learnt, however it came here; else None."""
        data = self._smuggled(self.text(experiment.commit))
        return Judged(experiment.number, Verdict.INVALID, Reason.FAILED, explanation=data) if data else None

    def _smuggled(self, text: str) -> str:
        created, baseline = self.engine.ledger.created, self._baseline
        assert created is not None
        if baseline is None or not created.canvas.endswith(".py"):
            return ""
        found = smuggled(text.removeprefix(BOM), baseline.removeprefix(BOM))
        return f"{created.canvas}, line {found.line}: {found.message}" if found else ""

    @property
    def _baseline(self) -> str | None:
        """The text that the campaign began with, None where a script measures itself."""
        ledger = self.engine.ledger
        sealed = ledger.created is not None and ledger.created.source is ScoreSource.SEALED
        return self.text(ledger.experiments[0].commit) if sealed else None

    def looked_at(self, number: int) -> None:
        """Let an experiment run."""
        self._in_hand.discard(number)

    def admit_human(self, intent: Entry) -> None:
        """Number a human's text and answer the intent, in one transaction."""
        request = intent.body
        assert isinstance(request, ProposeRequested)
        ledger = self.engine.ledger
        incumbent = ledger.incumbent_experiment or ledger.experiments.get(0)
        if incumbent is None:
            return  # answered once the campaign is open
        mark = fingerprint(request.text)
        if mark == incumbent.fingerprint:
            self.engine.record(Answered(intent.seq, False, "this text is the incumbent; there is nothing to measure"))
            return
        if data := self._smuggled(request.text):
            self.engine.record(Answered(intent.seq, False, f"{data}; a text with data of its own can be a baseline"))
            return
        proposal = Proposal(request.text, request.hypothesis, Author.HUMAN, "human")
        fact = self._propose(proposal, request.base or incumbent.commit, mark, request.removes, intent.seq)
        self.engine.record(fact, Answered(intent.seq, True, f"queued as #{fact.experiment}"))

    def withdraw(self, intent: Entry) -> None:
        """Take back a revert of an experiment and answer the intent, in one transaction.

        One that is measured stays what it is. That its human undid it is recorded: the kept line may have it, by its
        own price or by an edit of theirs, and no pull redoes it.
        """
        request = intent.body
        assert isinstance(request, WithdrawRequested)
        ledger = self.engine.ledger
        made = [e for e in ledger.experiments.values() if e.removes == request.removes and not e.withdrawn]
        waiting = [e for e in made if e.verdict is None]
        queued = [e for e in waiting if request.intent is None or e.intent in (None, request.intent)]
        found = queued or [e for e in made if e.undone_by(request.intent, intent.seq)]
        if not found:
            self.engine.record(Answered(intent.seq, False, f"no revert of #{request.removes} waits to be measured"))
            return
        last = max(found, key=lambda e: e.number)
        what = "runs already and will not be adopted" if last.runs else "is not measured"
        if not queued:
            adopted = last.verdict is Verdict.KEEP
            what = "is measured and was adopted; your file is not the branch's there" if adopted else "is not adopted"
        self.engine.record(Withdrawn(last.number), Answered(intent.seq, True, f"#{last.number} {what}"))

    def _propose(
        self, proposal: Proposal, parent: str, mark: str, removes: int | None = None, intent: int | None = None
    ) -> Proposed:
        engine = self.engine
        number = max(engine.ledger.experiments) + 1
        self._save(number, proposal.evidence)
        before = self.text(parent)
        proposal = replace(proposal, text=in_form_of(proposal.text, before))
        added, removed = changed_lines(before, proposal.text)
        return Proposed(
            experiment=number,
            commit=self._commit(number, parent, proposal),
            parent=parent,
            hypothesis=proposal.hypothesis,
            author=proposal.author,
            proposer=proposal.proposer,
            lines_added=added,
            lines_removed=removed,
            program=engine.writing.program_hash,
            expected=proposal.expected,
            cites=proposal.cites,
            removes=removes,
            intent=intent,
            fingerprint=mark,
            knobs=changed_knobs(before, proposal.text),
            cost=proposal.cost,
        )

    def first(self, after: int | None = None, human: bool = False) -> Experiment | None:
        """Return the next experiment to measure, up to date with the incumbent: a human's first, then by number.

        `after` is the one that runs now and is passed over; with `human` so are the agents'. A patch that no longer
        fits is judged invalid on the way.
        """
        while True:
            ledger = self.engine.ledger
            waiting = [e for e in ledger.waiting if e.number not in (0, after, *self._in_hand)]
            waiting = [e for e in waiting if not human or e.author is Author.HUMAN]
            if not waiting or ledger.incumbent is None:
                return None
            # An experiment that has begun is finished before any other, also after a restart.
            experiment = min(waiting, key=lambda e: (not e.runs, e.author is not Author.HUMAN, e.number))
            if self._refresh(experiment):
                return self.engine.ledger.experiments[experiment.number]

    def _refresh(self, experiment: Experiment) -> bool:
        """Merge a waiting patch with the incumbent where it moved meanwhile; return whether it can be measured."""
        ledger = self.engine.ledger
        incumbent = ledger.incumbent_experiment
        assert incumbent is not None
        if experiment.parent == incumbent.commit or experiment.scores:
            return True
        ours = self.text(incumbent.commit)
        texts = self.text(experiment.parent), ours, self.text(experiment.commit)
        try:
            text = merge(*texts)
        except MergeConflict:
            if experiment.author is not Author.HUMAN or experiment.removes is not None:
                return self._reject(
                    experiment, f"it changes the same lines as #{incumbent.number}, which was kept meanwhile"
                )
            text = merge_over(*texts)  # what a human wrote is measured: where both changed a line, theirs stands
        mark = fingerprint(text)
        twin = next((e for e in ledger.experiments.values() if e.fingerprint == mark and e is not experiment), None)
        if twin is not None and experiment.author is not Author.HUMAN:
            return self._reject(experiment, f"merged with #{incumbent.number} it is the text of #{twin.number}")
        proposal = Proposal(text, experiment.hypothesis, experiment.author, experiment.proposer)
        added, removed = changed_lines(ours, text)
        commit = self._commit(experiment.number, incumbent.commit, proposal)
        self.engine.record(Merged(experiment.number, commit, incumbent.commit, added, removed, mark))
        return True

    def _reject(self, experiment: Experiment, sentence: str) -> bool:
        self.engine.record(Judged(experiment.number, Verdict.INVALID, Reason.FAILED, explanation=sentence))
        return False

    def broken(self, experiment: Experiment) -> Proposal:
        """Return the proposal of a crashed experiment as its author wrote it, for the repair."""
        return Proposal(
            self.text(experiment.commit),
            experiment.hypothesis,
            experiment.author,
            experiment.proposer,
            experiment.expected,
            experiment.cites,
        )

    def mend(self, experiment: Experiment, mended: Proposal) -> bool:
        """Replace the text of a crashed experiment by its author's repair; False for a text that was already tried."""
        mark = fingerprint(mended.text)
        if any(e.fingerprint == mark for e in self.engine.ledger.experiments.values()):
            self.engine.record(Spent(mended.cost, mended.proposer, "mended a crash into a text that was already tried"))
            return False
        self._save(experiment.number, {f"repair-{experiment.repairs + 1}-{k}": v for k, v in mended.evidence.items()})
        before = self.text(experiment.parent)
        mended = replace(mended, text=in_form_of(mended.text, before))
        added, removed = changed_lines(before, mended.text)
        fact = Repaired(
            experiment.number,
            self._commit(experiment.number, experiment.parent, mended),
            mended.hypothesis or experiment.hypothesis,
            added,
            removed,
            mark,
            changed_knobs(before, mended.text),
            mended.cost,
        )
        self.engine.record(fact)
        return True

    def text(self, commit: str) -> str:
        if commit not in self._texts:
            self._remember(commit, self.engine.repo.text_at(commit, self.path))
        return self._texts[commit]

    def _remember(self, commit: str, text: str) -> None:
        self._texts[commit] = text
        if len(self._texts) > TEXTS:
            del self._texts[next(iter(self._texts))]

    def _commit(self, number: int, parent: str, proposal: Proposal) -> str:
        """Commit a text on top of `parent` and keep it by the experiment's private ref."""
        engine = self.engine
        message = (
            f"{plain(proposal.hypothesis)}\n\n"
            f"Campaign: {engine.campaign}\nExperiment: {number}\nProposed-by: {plain(proposal.proposer)}\n"
        )
        commit = engine.repo.commit_text(parent, self.path, proposal.text, message, time.time())
        ref = engine.repo.attempt_ref(engine.campaign, number)
        try:
            engine.repo.move_ref(ref, commit, None)
        except RepoError:  # a merge, a repair, or what a crash left
            engine.repo.move_ref(ref, commit, engine.repo.ref(ref))
        self._remember(commit, proposal.text)
        return commit

    def _save(self, number: int, evidence: dict[str, str]) -> None:
        """Keep prompt and reply before anything is recorded: a paid token is never lost."""
        folder = self.engine.home.experiment(self.engine.campaign, number)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in evidence.items():
            (folder / name).write_text(text, encoding="utf-8", errors="replace")
