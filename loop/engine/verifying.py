"""Verifies what a campaign claims: best and baseline in fresh pairs, and what each large keep still brings.

Every run is recorded like any other, so whoever is killed here is continued by the next daemon. Judges nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from loop.engine.plan import Planned
from loop.engine.verification import largest_keeps, next_check, next_price
from loop.record.campaign_facts import StateChanged
from loop.record.experiment import Experiment
from loop.record.types import MergeConflict, State
from loop.record.values import counted
from loop.record.verification_facts import Price, Priced, Verified
from loop.review.kept import kept_line
from loop.text.merge import merge

if TYPE_CHECKING:
    from loop.engine.engine import Engine

log = logging.getLogger(__name__)


class Verifying:
    """The verifying side of one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def due(self) -> bool:
        """Whether the campaign's best is something that no verification has measured, in the text that it has."""
        best = self.engine.ledger.best
        done = {v.commit for v in self.engine.ledger.verifications if v.scores or v.trouble}
        return best is not None and best.number > 0 and best.commit not in done

    async def verify(self, pairs: int, keeps: int = 0) -> bool:
        """Measure best and baseline in pairs, then the keeps' prices; return whether it came to its end."""
        ledger = self.engine.ledger
        best = ledger.best
        if best is None or best.number == 0:
            self.engine.record(Verified(0, "", (), (), (), asked=pairs, trouble="nothing better than the baseline"))
            return True
        if not (ledger.verified and ledger.verifications):
            said = f"verifying #{best.number} against the baseline, {counted(pairs, 'pair')} on fresh seeds"
            self.engine.record(StateChanged(State.RUNNING, said))
            while isinstance(step := next_check(ledger, ledger.experiments[best.number], pairs), Planned):
                if not await self._run(step):
                    return False
            self.engine.record(step)
        return await self._price(keeps) if keeps else True

    async def _price(self, keeps: int) -> bool:
        ledger = self.engine.ledger
        tip, chain = ledger.incumbent_experiment, kept_line(ledger)
        assert tip is not None
        chosen = largest_keeps(ledger, chain, keeps)
        without = {e.number: self._without(e, tip, chain) for e in chosen}
        self.engine.record(
            StateChanged(State.RUNNING, f"pricing {counted(len(chosen), 'keep')}: #{tip.number} without each of them")
        )
        seeds = ledger.verifications[-1].seeds
        while not isinstance(step := next_price(ledger, ledger.experiments[tip.number], without, seeds), Priced):
            if not await self._run(*step):
                return False
        self.engine.record(step)
        return True

    def _without(self, keep: Experiment, tip: Experiment, chain: list[Experiment]) -> str | Price:
        """Return the commit of the tip without a keep, or why there is none.

        The same each time: a run is found again by its commit.
        """
        backlog = self.engine.backlog
        before = chain[[e.number for e in chain].index(keep.number) - 1]
        try:
            text = merge(backlog.text(keep.commit), backlog.text(tip.commit), backlog.text(before.commit))
        except MergeConflict:
            return Price(keep.number, trouble="later keeps changed the same lines; it cannot be taken out alone")
        if text == backlog.text(tip.commit):
            return Price(keep.number, trouble=f"nothing of it is left in #{tip.number}")
        message = f"#{tip.number} without #{keep.number}\n"
        return self.engine.repo.commit_text(tip.commit, backlog.path, text, message, tip.judged_at or 0.0)

    async def _run(self, planned: Planned, commit: str | None = None) -> bool:
        """Make one run, at whose boundary a pause and a stop count; return whether to go on."""
        await self.engine.pause_here()
        if self.engine.stopping:
            return False
        assert planned.of is not None
        experiment = self.engine.ledger.experiments[planned.of]
        split = "audit" if self.engine.measuring.sealed else "val"
        await self.engine.measuring.run(experiment, planned, split, commit)
        return True
