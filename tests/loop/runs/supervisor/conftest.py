"""What the tests of the supervisor share."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A path that no other process has in its arguments."""
    return tmp_path / f"mark-{uuid.uuid4().hex}-"
