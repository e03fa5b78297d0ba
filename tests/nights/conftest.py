"""What every night has: a key in the environment, and rests that take no time where the engine runs in this process."""

from __future__ import annotations

import os

import pytest

from loop.engine import writing
from loop.proposers import llm
from loop.proposers.trouble import OWN_KEY


@pytest.fixture(scope="session", autouse=True)
def imported() -> None:
    """Pay litellm's import before any deadline runs."""
    llm._import()


@pytest.fixture(autouse=True)
def night(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OWN_KEY, "own-key-for-the-night")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setattr(writing, "LONGEST_WAIT_S", 0.01)
    monkeypatch.setattr(writing, "WRITERS", 1)  # so that a script's answers go to whom they are meant for
    monkeypatch.setattr(llm, "FIRST_WAIT_S", 0.01)
