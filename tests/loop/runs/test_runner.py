"""Runs and rehearsals have their slots in turn."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loop.git.repo import Repo
from loop.record.types import Failure, FailureKind, Metric
from loop.record.values import parse_budget
from loop.runs import compiled
from loop.runs.conditions import Conditions
from loop.runs.runner import Runner
from loop.trust.sandbox import PROCESS_GROUP, Sandbox


async def test_two_rehearsals_at_once_have_the_slot_in_turn(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(*, folder: Path, canvas: str, **_: object) -> Failure:
        await asyncio.sleep(0)
        return Failure(FailureKind.OTHER, (folder / canvas).read_text())

    monkeypatch.setattr("loop.runs.runner.dry_run", read)
    repo = Repo(repository)
    ruler: Any = SimpleNamespace(
        read_paths=(), sealed_paths=(), text_paths=(), mounts=(), training_file=None, framework="torch"
    )
    conditions = Conditions("python", "", "train.py", "python train.py", parse_budget("5s"), Metric(), ruler)
    runner = Runner(repo, repo.home, "night", conditions, Sandbox(PROCESS_GROUP))
    head, texts = repo.ref("HEAD"), [f"LR = {n}\n" for n in range(4)]
    assert head is not None
    commits = [repo.commit_text(head, "train.py", text, "an idea", 0.0) for text in texts]
    found = await asyncio.gather(*map(runner.rehearse, commits))
    assert [failure and failure.message for failure in found] == texts


def test_what_the_baseline_compiled_is_kept_and_what_a_patch_compiled_is_not(repository: Path, tmp_path: Path) -> None:
    repo = Repo(repository)
    conditions = Conditions("python", "", "train.py", "python train.py", parse_budget("5s"), Metric(), None)
    runner = Runner(repo, repo.home, "night", conditions, Sandbox(PROCESS_GROUP))
    compiled.place(tmp_path).mkdir()
    (compiled.place(tmp_path) / "kernel").write_text("code")
    assert all(runner.keeper(number, tmp_path) is None for number in (1, 2, 100))
    keep = runner.keeper(0, tmp_path)
    assert keep is not None
    keep()
    assert (repo.home.compiled("night") / "kernel").read_text() == "code"
