"""The small campaign, made anew for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns import Campaign, make_repository
from tests.server.small import BASE, FOURTH, PROGRAM, THIRD


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    made = Campaign(make_repository(tmp_path / "ü b", BASE.encode(), PROGRAM))
    made.keep(THIRD, "a larger rate", 0.99, {"LR": ("0.1", "0.3")})
    made.keep(FOURTH, "clip the gradient", 0.97)
    return made
