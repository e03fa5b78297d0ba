"""A scorer's answer becomes a score or the reason for none; what is left of a run's folder is evidence."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loop.record.types import Failure, FailureKind, Outcome
from loop.record.values import BudgetKind
from loop.record.work import Allowance, Work
from loop.runs.run import RunResult
from loop.runs.scorer import SealedScore
from loop.runs.staged import LARGEST_KEPT, MOST_KEPT, Staged, tidy


async def scored(tmp_path: Path, answer: SealedScore) -> float | Failure:
    """Return what becomes of a scorer's answer for a run of 10 CPU seconds."""
    scorer: Any = SimpleNamespace(score=lambda limit_s: asyncio.sleep(0, answer))
    allowance = Allowance(BudgetKind.FLOPS, 2e12, 1, 3.0, True)
    run: Any = SimpleNamespace(spec=SimpleNamespace(canvas="train.py", allowance=allowance))
    staged = Staged(0, 1, "c0", 0, tmp_path, tmp_path, run, release=lambda slot: None, start_scorer=None)
    staged._scorer = asyncio.create_task(asyncio.sleep(0, scorer))
    work = Work(setup_cpu_s=1.0, cpu_s=10.0, clock_s=10.0, explained_s=11.0)
    return await staged.score(RunResult(Outcome.FINISHED, 0, 10.0, 12.0, None, None, None, None, work))


@pytest.mark.parametrize(("score", "diverged"), [(3.4999, False), (3.5, True), (3.6, True)])
async def test_a_score_no_better_than_chance_is_none(tmp_path: Path, score: float, diverged: bool) -> None:
    found = await scored(tmp_path, SealedScore(score, "val", tokens=9, uniform=3.5, seconds=1.0))
    assert found == score or (isinstance(found, Failure) and found.kind is FailureKind.DIVERGED)
    assert isinstance(found, Failure) is diverged
    assert not diverged or "the budget is too small to learn from: " in str(found)


@pytest.mark.parametrize(("opening_cpu_s", "fits"), [(0.0, True), (2.0, True), (20.0, False)])
async def test_what_a_model_learns_while_it_is_scored_counts_as_work(
    tmp_path: Path, opening_cpu_s: float, fits: bool
) -> None:
    found = await scored(tmp_path, SealedScore(1.25, "val", 9, 3.5, 0.5, opening_cpu_s))
    if fits:
        assert found == 1.25
    else:
        assert isinstance(found, Failure) and found.kind is FailureKind.TAMPERED
        assert "20.0 of its 30.0 CPU seconds when its model was loaded to be scored" in found.message


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
