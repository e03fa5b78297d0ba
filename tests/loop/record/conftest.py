"""A journal of 300 entries."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.record.home import Home
from tests.loop.record.files import fill


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "autoresearch")
    fill(home, 300)
    return home
