"""What is left of a run's folder is evidence: its log, its numbers, and a few small files of its own."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from loop.runs.staged import LARGEST_KEPT, MOST_KEPT, tidy


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
