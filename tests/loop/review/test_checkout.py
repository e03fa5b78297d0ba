"""Many texts at once."""

from __future__ import annotations

from loop.review.checkout import Checkout
from tests.campaigns import Campaign
from tests.loop.review.told import BASE, FOURTH, THIRD


def test_texts_come_in_order_and_a_missing_one_is_named(campaign: Campaign) -> None:
    repo = Checkout(campaign.folder)
    commits = [e.commit for e in campaign.ledger.experiments.values()]
    assert list(repo.texts(commits * 40, "train.py")) == [BASE, THIRD, FOURTH] * 40
