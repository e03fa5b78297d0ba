"""What humans propose and take back: each request is answered in one transaction with what it changes."""

from __future__ import annotations

from loop.engine.backlog import Backlog
from loop.engine.campaign import Campaign
from loop.engine.inspection import Inspection
from loop.proposers import Proposal
from loop.record.campaign_facts import Answered
from loop.record.experiment import Experiment
from loop.record.experiment_facts import Withdrawn
from loop.record.intents import ProposeRequested, WithdrawRequested
from loop.record.types import Author, Verdict
from loop.text.canvas import fingerprint


class Humans:
    """Takes the humans' texts into the backlog of one campaign, and out of it."""

    def __init__(self, campaign: Campaign, backlog: Backlog, inspection: Inspection) -> None:
        self.campaign, self.backlog, self.inspection = campaign, backlog, inspection

    def propose(self, request: ProposeRequested, intent: int) -> None:
        """Number a text, or say why it will not be measured."""
        tip = self.campaign.tip
        if fingerprint(request.text) == tip.fingerprint:
            self.campaign.answer(intent, False, "this text is the incumbent; there is nothing to measure")
            return
        if data := self.inspection.smuggled(request.text):
            self.campaign.answer(intent, False, f"{data}; a text with data of its own can be a baseline")
            return
        proposal = Proposal(request.text, request.hypothesis, Author.HUMAN, "human")
        fact = self.backlog.propose(proposal, request.base or tip.commit, request.removes, intent)
        queued = "queued as" if request.removes is None else "cost will be measured as"
        self.campaign.record(fact, Answered(intent, True, f"{queued} #{fact.experiment}"))

    def withdraw(self, request: WithdrawRequested, intent: int) -> None:
        """Take back a revert of an experiment.

        One that is measured stays what it is. That its human undid it is recorded: the kept line may have it, by its
        own price or by an edit of theirs, and no pull redoes it.
        """
        reverts = self.campaign.ledger.experiments.values()
        made = [e for e in reverts if e.removes == request.removes and not e.withdrawn]
        waiting = [e for e in made if e.verdict is None]
        queued = [e for e in waiting if request.intent is None or e.intent in (None, request.intent)]
        found = queued or [e for e in made if e.undone_by(request.intent, intent)]
        if not found:
            self.campaign.answer(intent, False, f"no revert of #{request.removes} waits to be measured")
            return
        last = max(found, key=lambda e: e.number)
        self.campaign.record(Withdrawn(last.number), Answered(intent, True, f"#{last.number} {_what_becomes_of(last)}"))


def _what_becomes_of(withdrawn: Experiment) -> str:
    if withdrawn.verdict is Verdict.KEEP:
        return "is measured and was adopted; your file is not the branch's there"
    if withdrawn.verdict is not None:
        return "is not adopted"
    return "runs already and will not be adopted" if withdrawn.runs else "is not measured"
