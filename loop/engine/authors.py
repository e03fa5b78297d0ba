"""Asks the proposer that program.md names, within the limits of `stop:`.

What a call cost is recorded here where nothing came of it; what came of it is for the backlog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from loop.engine.campaign import Campaign
from loop.engine.canvases import Canvases
from loop.engine.plan import spent_limit
from loop.engine.strategy import Strategy
from loop.proposers import Abandoned, Brief, Proposal, Proposer
from loop.record.campaign_facts import Spent
from loop.record.types import Cost, Failure, ProposalFailed
from loop.settings.program import Program


class Authors:
    """Who writes the patches of one campaign."""

    def __init__(
        self, campaign: Campaign, strategy: Strategy, canvases: Canvases, choose: Callable[[Program], Proposer]
    ) -> None:
        self.campaign, self.strategy, self.canvases = campaign, strategy, canvases
        self._choose = choose
        self._named = self._names()  # what program.md named when the proposer was chosen
        self._proposer = choose(strategy.program)
        self._costs: dict[object, Cost] = {}  # of what is being written now

    @property
    def proposer(self) -> Proposer:
        """The proposer that program.md names now; the same one continues where it names the same."""
        if self._names() != self._named:
            self._proposer, self._named = self._choose(self.strategy.program), self._names()
        return self._proposer

    async def propose(self) -> tuple[Proposal, str]:
        """Return a proposal and the commit that it is a patch to; raises ProposalFailed."""
        proposer = self.proposer
        with self._briefing(proposer) as brief:
            return await proposer.propose(brief), brief.commit

    async def repair(self, broken: Proposal, failure: Failure) -> Proposal | None:
        """Return its author's repair of a patch that failed, None where the author repairs nothing or gave up."""
        proposer = self.proposer
        try:
            with self._briefing(proposer) as brief:
                return await proposer.repair(brief, broken, failure)
        except ProposalFailed:
            return None

    @contextmanager
    def _briefing(self, proposer: Proposer) -> Iterator[Brief]:
        """Give what a proposer may know now; what it spends counts for the limits meanwhile, and is never lost."""
        key, ledger = object(), self.campaign.ledger

        def limit(cost: Cost) -> str:
            self._costs[key] = replace(cost, dollars=cost.dollars or 0.0)
            recorded = replace(ledger.spent, dollars=ledger.known_dollars)
            return spent_limit(self.strategy.program.stop, sum(self._costs.values(), start=recorded))

        try:
            yield replace(self._brief(), limit=limit)
        except Abandoned as cut:
            self.campaign.record(Spent(cut.cost, proposer.name, str(cut)))
            raise
        except ProposalFailed as failed:
            if not failed.wait:  # that is no failure
                self.campaign.record(Spent(failed.cost, proposer.name, str(failed)))
            raise
        finally:
            self._costs.pop(key, None)

    def _brief(self) -> Brief:
        ledger, tip = self.campaign.ledger, self.campaign.tip
        return Brief(
            program=self.strategy.program,
            program_hash=self.strategy.hash,
            canvas=self.canvases.name,
            text=self.canvases.text(tip.commit),
            commit=tip.commit,
            ledger=ledger,
            tried=frozenset(e.fingerprint for e in ledger.experiments.values()),
            waiting=tuple(e.hypothesis for e in ledger.waiting),
            random_seed=len(ledger.experiments),
        )

    def _names(self) -> tuple[object, object]:
        return self.strategy.program.models, self.strategy.program.command
