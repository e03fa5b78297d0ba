"""Keys in the environment that must never come out."""

from __future__ import annotations

import pytest

from tests.loop.proposers.asking import CANARIES


@pytest.fixture
def canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
