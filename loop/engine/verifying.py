"""Verifies what a campaign claims: best and baseline in fresh pairs, and what each large keep still brings.

Every run is recorded like any other, so the next daemon continues after a kill. Judges nothing.
"""

from __future__ import annotations

from loop.engine.campaign import Campaign
from loop.engine.canvases import Canvases
from loop.engine.measuring import Measuring
from loop.engine.plan import Planned, subject
from loop.engine.staging import Staging
from loop.engine.verification import largest_keeps, next_check, next_price
from loop.record.campaign_facts import StateChanged
from loop.record.experiment import Experiment
from loop.record.types import MergeConflict, State
from loop.record.values import counted
from loop.record.verification_facts import Price, Priced, Verified
from loop.review.kept import kept_line
from loop.text.merge import merge


class Verifying:
    """Verifies the claims of one campaign."""

    def __init__(self, campaign: Campaign, canvases: Canvases, staging: Staging, measuring: Measuring) -> None:
        self.campaign, self.canvases, self.staging, self.measuring = campaign, canvases, staging, measuring

    @property
    def due(self) -> bool:
        """Whether the campaign's best is something that no verification has measured, in the text that it has."""
        best = self.campaign.ledger.best
        done = {v.commit for v in self.campaign.ledger.verifications if v.scores or v.trouble}
        return best is not None and best.number > 0 and best.commit not in done

    async def verify(self, pairs: int, keeps: int = 0) -> bool:
        """Measure best and baseline in pairs, then the best without its largest keeps; return whether that ended."""
        ledger = self.campaign.ledger
        best = ledger.best
        if best is None or best.number == 0:
            self.campaign.record(Verified(0, "", (), (), (), asked=pairs, trouble="nothing better than the baseline"))
            return True
        if not (ledger.verified and ledger.verifications):
            said = f"verifying #{best.number} against the baseline, {counted(pairs, 'pair')} on fresh seeds"
            self.campaign.record(StateChanged(State.RUNNING, said))
            while isinstance(step := next_check(ledger, ledger.experiments[best.number], pairs), Planned):
                if not await self._run(best, step):
                    return False
            self.campaign.record(step)
        return await self._price(keeps) if keeps else True

    async def _price(self, keeps: int) -> bool:
        ledger = self.campaign.ledger
        tip, chain = self.campaign.tip, kept_line(ledger)
        chosen = largest_keeps(ledger, chain, keeps)
        without = {e.number: self._without(e, tip, chain) for e in chosen}
        self.campaign.record(
            StateChanged(
                State.RUNNING, f"ablation of {counted(len(chosen), 'keep')}: #{tip.number} without each of them"
            )
        )
        seeds = ledger.verifications[-1].seeds
        while not isinstance(step := next_price(ledger, ledger.experiments[tip.number], without, seeds), Priced):
            if not await self._run(tip, *step):
                return False
        self.campaign.record(step)
        return True

    def _without(self, keep: Experiment, tip: Experiment, chain: list[Experiment]) -> str | Price:
        """Return the commit of the tip without a keep, or why there is none.

        The same each time: a run is found again by its commit.
        """
        canvases = self.canvases
        before = chain[[e.number for e in chain].index(keep.number) - 1]
        try:
            text = merge(canvases.text(keep.commit), canvases.text(tip.commit), canvases.text(before.commit))
        except MergeConflict:
            return Price(keep.number, trouble="later keeps changed the same lines; it cannot be taken out alone")
        if text == canvases.text(tip.commit):
            return Price(keep.number, trouble=f"nothing of it is left in #{tip.number}")
        message = f"#{tip.number} without #{keep.number}\n"
        return self.campaign.repo.commit_text(tip.commit, canvases.path, text, message, tip.judged_at or 0.0)

    async def _run(self, asked: Experiment, planned: Planned, commit: str | None = None) -> bool:
        """Make one run, at whose boundary a pause and a stop count; return whether to go on."""
        await self.staging.pause_here()
        if self.campaign.stopping:
            return False
        experiment = subject(self.campaign.ledger, asked, planned)
        split = "audit" if self.measuring.sealed else "val"
        await self.measuring.run(experiment, planned, split, commit)
        return True
