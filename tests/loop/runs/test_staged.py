"""What is left of a run's folder is evidence: its log, its numbers, and a few small files of its own."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from loop.record.types import Failure, FailureKind
from loop.runs.scorer import SealedScore
from loop.runs.staged import LARGEST_KEPT, MOST_KEPT, Staged, tidy


@pytest.mark.parametrize(("score", "diverged"), [(3.4999, False), (3.5, True), (3.6, True)])
async def test_a_score_no_better_than_chance_is_none(tmp_path: Path, score: float, diverged: bool) -> None:
    answer = SealedScore(score, "val", tokens=9, uniform=3.5, seconds=1.0)
    scorer = SimpleNamespace(score=lambda limit_s: asyncio.sleep(0, answer))
    staged = Staged(0, 1, "c0", 0, tmp_path, tmp_path, run=None, release=None, start_scorer=None)
    staged._scorer = asyncio.create_task(asyncio.sleep(0, scorer))
    found = await staged.score(SimpleNamespace())
    assert found == score or (isinstance(found, Failure) and found.kind is FailureKind.DIVERGED)
    assert isinstance(found, Failure) is diverged
    assert not diverged or "the budget is too small to learn from: " in str(found)


def test_the_log_and_the_numbers_stay_and_the_checkpoint_goes(tmp_path: Path) -> None:
    for name in ("run.log", "progress.json", "summary.json", "checkpoint.pt", "own.txt"):
        (tmp_path / name).write_text("x")
    tidy(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"run.log", "progress.json", "summary.json", "own.txt"}


def test_of_a_runs_own_files_a_few_small_ones_stay(tmp_path: Path) -> None:
    for n in range(MOST_KEPT + 3):
        (tmp_path / f"{n}.txt").write_text("x")
    tidy(tmp_path)
    assert len(list(tmp_path.iterdir())) == MOST_KEPT


def test_what_is_large_a_folder_a_link_or_runs_as_its_owner_goes(tmp_path: Path) -> None:
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", LARGEST_KEPT + 1)
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "owner").touch()
    (tmp_path / "owner").chmod(stat.S_ISUID | 0o755)
    (tmp_path / "run.log").write_text("said")
    tidy(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["run.log"]
