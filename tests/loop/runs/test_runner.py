"""What all runs of a campaign have in common."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loop.git.repo import Repo
from loop.record.types import Failure, FailureKind, Metric
from loop.record.values import parse_budget
from loop.runs.runner import Conditions, Runner, untold
from loop.trust.probe import probe
from loop.trust.sandbox import PROCESS_GROUP, Sandbox


@pytest.mark.parametrize(
    ("budget", "slowest_s", "limit_s"),
    [
        pytest.param("5m", None, 600, id="wall time: twice the budget"),
        pytest.param("15s", 400, 135, id="of wall time at least two minutes more, whatever others took"),
        pytest.param("1 TFLOP", None, 1800, id="compute, before any run has shown how long it takes"),
        pytest.param("500k tokens", 10, 120, id="compute: six times the slowest, two minutes at the least"),
        pytest.param("500k tokens", 100, 600, id="six times the slowest"),
        pytest.param("20M tokens", None, 5000, id="an hour's worth of tokens is not ended after half an hour"),
    ],
)
def test_a_run_is_killed_when_it_takes_much_longer_than_its_budget(
    budget: str, slowest_s: float | None, limit_s: float
) -> None:
    amount = parse_budget(budget)
    assert Conditions("python", "", "train.py", "python train.py", amount, Metric(), None).limit_s(slowest_s) == limit_s


@pytest.mark.parametrize(("python", "first"), [("python3", "/usr/bin"), ("/a/venv/bin/python", "/a/venv/bin")])
def test_no_run_finds_a_program_in_its_own_folder(python: str, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    conditions = Conditions(python, "", "train.py", "make bench", parse_budget("5s"), Metric(), None)
    places = conditions.variables()["PATH"].split(":")
    assert places[0] == first and "" not in places


async def test_two_rehearsals_at_once_have_the_slot_in_turn(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(*, folder: Path, canvas: str, **_: object) -> Failure:
        await asyncio.sleep(0)
        return Failure(FailureKind.OTHER, (folder / canvas).read_text())

    monkeypatch.setattr("loop.runs.runner.dry_run", read)
    repo = Repo(repository)
    ruler: Any = SimpleNamespace(read_paths=(), sealed_paths=(), text_paths=(), mounts=(), training_file=None)
    conditions = Conditions("python", "", "train.py", "python train.py", parse_budget("5s"), Metric(), ruler)
    runner = Runner(repo, repo.home, "night", conditions, Sandbox(PROCESS_GROUP))
    head, texts = repo.ref("HEAD"), [f"LR = {n}\n" for n in range(4)]
    assert head is not None
    commits = [repo.commit_text(head, "train.py", text, "an idea", 0.0) for text in texts]
    found = await asyncio.gather(*map(runner.rehearse, commits))
    assert [failure and failure.message for failure in found] == texts


def test_the_scorers_sandbox_shows_no_text_and_lets_nothing_be_written(tmp_path: Path) -> None:
    """The standard library is there compiled; the data, the corpus and its copy in the slot are not."""
    if probe().kind == PROCESS_GROUP:
        pytest.skip("needs bubblewrap")
    top, library = tmp_path / "top", Path(os.__file__).parent
    slot, run_dir, copy = top / "slot", top / "run", tmp_path / "library"
    for folder in (slot, run_dir, copy, tmp_path / "cache"):
        folder.mkdir(parents=True)
    for place in (top / "corpus.txt", slot / "corpus.txt", tmp_path / "cache" / "train.bin", slot / "train.py"):
        place.write_text("text")
    ruler = SimpleNamespace(
        sealed_paths=(top / "corpus.txt",),
        text_paths=(tmp_path / "cache",),
        mounts=((copy, library),),
        read_paths=(),
        training_file=None,
    )
    conditions = SimpleNamespace(ruler=ruler, folder="", canvas="train.py", python=sys.executable, own_data=None)
    runner = Runner(SimpleNamespace(top=top), SimpleNamespace(slots=tmp_path), "c", conditions, probe())  # type: ignore[arg-type]
    wrap = runner._wrap_scorer(slot, run_dir)
    script = (
        f"cat {slot}/corpus.txt {tmp_path}/cache/train.bin {slot}/train.py; ls {library}; touch {slot}/a {run_dir}/a"
    )
    done = subprocess.run([*wrap, "sh", "-c", script], capture_output=True, text=True)
    assert done.stdout == "text"
    assert done.stderr.count("Read-only file system") == 2
    shown = subprocess.run([*runner._wrap(slot, run_dir), "sh", "-c", script], capture_output=True, text=True)
    assert shown.stdout == "text", "training sees no more"


def test_training_keeps_what_it_needs_of_the_data() -> None:
    data = Path("/c/prepared/x")
    ruler: Any = SimpleNamespace(
        sealed_paths=(data / "sealed",),
        text_paths=(Path("/c"), data, Path("/texts")),
        read_paths=(data, Path("/c/prepared/pointer")),
        training_file=data / "train.bin",
    )
    assert untold(ruler) == [data / "sealed", Path("/texts"), data / "train.bin"]
