"""A campaign of the stub canvas, for the tests that run a daemon."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    from tests.stub import make_campaign  # here: `make quick` leaves out a folder whose conftest.py imports it

    return make_campaign(tmp_path / "a campaign, übung")
