"""The waiting experiments: numbered, committed on a private ref, merged with what was kept meanwhile.

A text that was measured or waits is never taken twice. Knows nothing of training, nor who asks for what.
"""

from __future__ import annotations

from dataclasses import replace

from loop.engine.campaign import Campaign
from loop.engine.canvases import Canvases
from loop.engine.strategy import Strategy
from loop.proposers import Proposal
from loop.record.campaign_facts import Spent
from loop.record.experiment import Experiment
from loop.record.experiment_facts import Judged, Merged, Proposed, Repaired
from loop.record.types import Author, MergeConflict, Reason, Verdict
from loop.text.canvas import fingerprint
from loop.text.merge import merge, merge_over
from loop.text.patch import Patch


class Backlog:
    """The waiting experiments of one campaign."""

    def __init__(self, campaign: Campaign, strategy: Strategy, canvases: Canvases) -> None:
        self.campaign, self.strategy, self.canvases = campaign, strategy, canvases
        self._in_hand: set[int] = set()  # being looked at before they may run

    def first(self, after: int | None = None, human: bool = False) -> Experiment | None:
        """Return the next experiment to measure, up to date with the incumbent: a human's first, then by number.

        `after` is the one that runs now and is passed over; with `human` so are the agents'. A patch that no longer
        fits is judged invalid on the way.
        """
        while True:
            ledger = self.campaign.ledger
            waiting = [e for e in ledger.waiting if e.number not in (0, after, *self._in_hand)]
            waiting = [e for e in waiting if not human or e.author is Author.HUMAN]
            incumbent = ledger.incumbent_experiment
            if not waiting or incumbent is None:
                return None
            # An experiment that has begun is finished before any other, also after a restart.
            experiment = min(waiting, key=lambda e: (not e.runs, e.author is not Author.HUMAN, e.number))
            if self._refresh(experiment, incumbent):
                return ledger.experiments[experiment.number]

    def admit(self, proposal: Proposal, parent: str) -> int | None:
        """Return the number given to a proposal; None, said in the journal, for a text that was already tried.

        `parent` is the commit that the proposal was written against. It runs once `looked_at` says so.
        """
        if self._tried(proposal.text):
            self.campaign.record(Spent(proposal.cost, proposal.proposer, "proposed a text that was already measured"))
            return None
        fact = self.propose(proposal, parent)
        self._in_hand.add(fact.experiment)
        self.campaign.record(fact)
        return fact.experiment

    def looked_at(self, number: int) -> None:
        """Let an experiment run."""
        self._in_hand.discard(number)

    def propose(
        self, proposal: Proposal, parent: str, removes: int | None = None, intent: int | None = None
    ) -> Proposed:
        """Return the fact that a proposal waits, to be recorded: its text is committed, its evidence saved."""
        number = max(self.campaign.ledger.experiments) + 1
        self._save(number, proposal.evidence)
        patch = Patch.between(self.canvases.text(parent), proposal.text)
        return Proposed(
            experiment=number,
            commit=self.canvases.commit(number, parent, replace(proposal, text=patch.text)),
            parent=parent,
            hypothesis=proposal.hypothesis,
            author=proposal.author,
            proposer=proposal.proposer,
            lines_added=patch.lines_added,
            lines_removed=patch.lines_removed,
            program=self.strategy.hash,
            expected=proposal.expected,
            cites=proposal.cites,
            removes=removes,
            intent=intent,
            fingerprint=patch.fingerprint,
            knobs=patch.knobs,
            cost=proposal.cost,
        )

    def broken(self, experiment: Experiment) -> Proposal:
        """Return the proposal of a crashed experiment as its author wrote it, for the repair."""
        return Proposal(
            self.canvases.text(experiment.commit),
            experiment.hypothesis,
            experiment.author,
            experiment.proposer,
            experiment.expected,
            experiment.cites,
        )

    def repair(self, experiment: Experiment, repaired: Proposal) -> bool:
        """Replace the text of a crashed experiment by its author's repair; False for a text that was already tried."""
        if self._tried(repaired.text):
            again = "repaired a crash into a text that was already tried"
            self.campaign.record(Spent(repaired.cost, repaired.proposer, again))
            return False
        self._save(experiment.number, {f"repair-{experiment.repairs + 1}-{k}": v for k, v in repaired.evidence.items()})
        patch = Patch.between(self.canvases.text(experiment.parent), repaired.text)
        fact = Repaired(
            experiment.number,
            self.canvases.commit(experiment.number, experiment.parent, replace(repaired, text=patch.text)),
            repaired.hypothesis or experiment.hypothesis,
            patch.lines_added,
            patch.lines_removed,
            patch.fingerprint,
            patch.knobs,
            repaired.cost,
        )
        self.campaign.record(fact)
        return True

    def _refresh(self, experiment: Experiment, incumbent: Experiment) -> bool:
        """Merge a waiting patch with the incumbent where it moved meanwhile; return whether it can be measured."""
        if experiment.parent == incumbent.commit or experiment.scores:
            return True
        ours = self.canvases.text(incumbent.commit)
        texts = self.canvases.text(experiment.parent), ours, self.canvases.text(experiment.commit)
        try:
            text = merge(*texts)
        except MergeConflict:
            if experiment.author is not Author.HUMAN or experiment.removes is not None:
                return self._reject(
                    experiment, f"it changes the same lines as #{incumbent.number}, which was kept meanwhile"
                )
            text = merge_over(*texts)  # what a human wrote is measured: where both changed a line, theirs stands
        patch = Patch.between(ours, text)
        others = (e for e in self.campaign.ledger.experiments.values() if e is not experiment)
        twin = next((e for e in others if e.fingerprint == patch.fingerprint), None)
        if twin is not None and experiment.author is not Author.HUMAN:
            return self._reject(experiment, f"merged with #{incumbent.number} it is the text of #{twin.number}")
        proposal = Proposal(patch.text, experiment.hypothesis, experiment.author, experiment.proposer)
        commit = self.canvases.commit(experiment.number, incumbent.commit, proposal)
        lines = patch.lines_added, patch.lines_removed
        self.campaign.record(Merged(experiment.number, commit, incumbent.commit, *lines, patch.fingerprint))
        return True

    def _reject(self, experiment: Experiment, sentence: str) -> bool:
        self.campaign.record(Judged(experiment.number, Verdict.INVALID, Reason.FAILED, explanation=sentence))
        return False

    def _tried(self, text: str) -> bool:
        mark = fingerprint(text)
        return any(e.fingerprint == mark for e in self.campaign.ledger.experiments.values())

    def _save(self, number: int, evidence: dict[str, str]) -> None:
        """Keep prompt and reply before anything is recorded: a paid token is never lost."""
        folder = self.campaign.home.experiment(self.campaign.name, number)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in evidence.items():
            (folder / name).write_text(text, encoding="utf-8", errors="replace")
