"""All that the exports say of a campaign, worked out once. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from loop.record.ledger import Ledger
from loop.views.chart import draw
from loop.views.claims import Claim, claim, prices, verification
from loop.views.conditions import conditions, counts, facts
from loop.views.shapes import Chart

MAKER = "AutoResearch, in your editor"  # in the files that cannot show whose they are


@dataclass(frozen=True)
class Findings:
    """What progress.png, report.html and the summary show, each in its way."""

    campaign: str
    claim: Claim
    counts: str
    conditions: str
    facts: list[tuple[str, str]]
    verification: str
    prices: list[str]
    chart: Chart

    @property
    def summary(self) -> str:
        """The campaign in a few lines for a terminal."""
        lines = [self.claim.headline, self.claim.selected, self.counts, self.conditions]
        lines += [f"verification: {self.verification}"] if self.verification else []
        lines += [f"ablation: {price}" for price in self.prices]
        return "\n".join(line for line in lines if line)


def findings(ledger: Ledger) -> Findings:
    """Return what there is to say of a campaign."""
    return Findings(
        campaign=ledger.campaign,
        claim=claim(ledger),
        counts=counts(ledger),
        conditions=conditions(ledger),
        facts=facts(ledger),
        verification=verification(ledger),
        prices=prices(ledger),
        chart=draw(ledger),
    )
