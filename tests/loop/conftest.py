"""Fixtures for the engine's modules. Nothing here reads the machine's own git configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one commit of a tiny campaign, made once; copying it is cheaper than five git processes."""
    top = tmp_path_factory.mktemp("template")

    def git(*args: str) -> None:
        alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(["git", *args], cwd=top, check=True, capture_output=True, env={**os.environ, **alone})

    git("init", "-q", "-b", "main", "--template=")
    git("config", "user.name", "User")
    git("config", "user.email", "user@example.org")
    (top / "train.py").write_text("LR = 0.1\n")
    (top / "program.md").write_text("Lower val_bpb.\n")
    (top / ".gitignore").write_text("*.ckpt\n")
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    return top


@pytest.fixture
def repository(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's repository of their own for one test, in a folder with a space and an umlaut."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return Path(shutil.copytree(template, tmp_path / "über repo"))
