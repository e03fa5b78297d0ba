"""The kept line, read from git."""

from __future__ import annotations

from loop.review.kept import read_kept
from tests.campaigns import Campaign
from tests.loop.review.told import FOURTH, read


def test_the_kept_line_is_extended_not_read_again(campaign: Campaign) -> None:
    kept, _ = read(campaign)
    assert [step.experiment for step in kept.line.steps] == [1, 2]
    campaign.keep(FOURTH.replace("0.2", "0.5"), "decay", 0.96)
    more = read_kept(campaign.repo, campaign.ledger, kept)
    assert more == read_kept(campaign.repo, campaign.ledger, None)
    assert read_kept(campaign.repo, campaign.ledger, more) is more
