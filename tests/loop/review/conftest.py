"""Small campaigns to review, on a real repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns import Campaign, make_repository
from tests.loop.review.told import AGAIN, BASE, FOURTH, HALVED, THIRD


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    made = Campaign(make_repository(tmp_path / "a b", BASE.encode()))
    made.keep(THIRD, "a larger learning rate", 0.99)
    made.keep(FOURTH, "clip the gradient", 0.97)
    return made


@pytest.fixture
def twice(campaign: Campaign) -> Campaign:
    """#1, #3 and #4 wrote one line in turn."""
    campaign.keep(HALVED, "halve it", 0.96)
    campaign.keep(AGAIN, "halve it again", 0.95)
    return campaign
