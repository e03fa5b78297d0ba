"""What the tests of the supervisor share."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.loop import macos


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A path that no other process has in its arguments."""
    return tmp_path / f"mark-{uuid.uuid4().hex}-"


@pytest.fixture(params=["linux", "macos"])
def system(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The system that supervisors take themselves to be on; none has a cgroup."""
    monkeypatch.setattr("loop.runs.leash.make_group", lambda limits: [])
    if request.param == "macos":
        macos.pretend(monkeypatch, tmp_path)
    return str(request.param)
