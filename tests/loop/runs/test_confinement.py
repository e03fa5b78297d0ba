"""What training and scoring see of the data and of the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loop.runs.confinement import untold
from loop.runs.runner import Runner
from loop.trust.probe import probe


@pytest.mark.bubblewrap
def test_the_scorers_sandbox_shows_no_text_and_lets_nothing_be_written(tmp_path: Path) -> None:
    """The standard library is there compiled; the data, the corpus and its copy in the slot are not."""
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
    wrap = runner.confinement.scoring(ruler, slot, run_dir)  # type: ignore[arg-type]
    script = (
        f"cat {slot}/corpus.txt {tmp_path}/cache/train.bin {slot}/train.py; ls {library}; touch {slot}/a {run_dir}/a"
    )
    done = subprocess.run([*wrap, "sh", "-c", script], capture_output=True, text=True)
    assert done.stdout == "text"
    assert done.stderr.count("Read-only file system") == 2
    shown = subprocess.run(
        [*runner.confinement.training(slot, run_dir), "sh", "-c", script], capture_output=True, text=True
    )
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
