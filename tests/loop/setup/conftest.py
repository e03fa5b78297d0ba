"""A campaign whose journal a test loses; a look that starts no Python of the experiments."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from loop.record.types import Verdict
from loop.setup import machine as looking
from tests.campaigns import Campaign, make_repository
from tests.loop.setup.healthy import RUNNER
from tests.loop.setup.loss import CANVAS, follow


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """Return a campaign: #1 and #3 kept, #2 discarded, #4 waits."""
    night = Campaign(make_repository(tmp_path / "r", CANVAS.encode()))
    night.repo.move_ref(night.repo.attempt_ref(night.name, 0), night.baseline, None)
    night.keep(CANVAS.replace("8192", "4096"), "Halve BATCH.", 0.9, knobs={"BATCH": ("8192", "4096")})
    night.judge(night.propose(CANVAS.replace("4\n", "5\n"), "Raise DEPTH."), 0.95, Verdict.DISCARD)
    night.keep(CANVAS.replace("8192", "2048"), "Halve BATCH again.", 0.8)
    night.propose(CANVAS.replace("8192", "2048").replace("0.04", "0.02"), "Halve LR.")
    follow(night)
    return night


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The experiments' Python answers without importing torch."""
    monkeypatch.setattr(looking, "ask", lambda python, modules: dataclasses.replace(RUNNER, missing=tuple(modules)))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
