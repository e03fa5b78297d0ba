"""A campaign of a canvas in MLX: from `autoresearch init` to the report, with a sealed score, and without torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loop.record.types import ScoreSource, State
from tests.attacks.patching import change
from tests.canvas.conftest import KNOBS
from tests.stub import ended, until

pytestmark = pytest.mark.needs("mlx")

PROGRAM = """---
model: knobs
budget: 1500 tokens
data: corpus.txt
devices: cpu
repeats: 2
verify: 0
stop: {experiments: 3}
---
Lower val_bpb.
"""
PROFILE = 'CPU = Profile("cpu", 256, 2048, 131_072, 16,', 'CPU = Profile("cpu", 32, 300, 640, 16,'


def autoresearch(folder: Path, *arguments: str) -> str:
    """Run the command in a folder; return what it prints."""
    cache = {"AUTORESEARCH_CACHE": str(folder / "cache"), "AUTORESEARCH_PYTHON": sys.executable}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "loop", *arguments], cwd=folder, env=os.environ | cache, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def make_small(folder: Path) -> None:
    """Give the campaign a text, short rows, few words, and a model that trains in milliseconds."""
    (folder / "program.md").write_text(PROGRAM)
    (folder / "corpus.txt").write_text("".join(f"line {n} of {n * n % 97} and {n * 7 % 31}\n" for n in range(3000)))
    prepare, canvas = folder / "prepare.py", folder / "train.py"
    prepare.write_text(change(prepare.read_text(), PROFILE))
    lines = {name: next(s for s in canvas.read_text().splitlines() if s.startswith(f"{name} = ")) for name in KNOBS}
    canvas.write_text(change(canvas.read_text(), *((lines[name], f"{name} = {KNOBS[name]!r}") for name in KNOBS)))


def test_three_experiments_in_mlx_from_init_to_the_report(tmp_path: Path) -> None:
    folder = tmp_path / "campaign"
    autoresearch(tmp_path, "init", str(folder), "--git", "--framework", "mlx")
    make_small(folder)
    autoresearch(folder, "start", "--new", "--foreground", "--model", "knobs", "--experiments", "3")
    ledger = until(folder, ended)
    assert ledger.state is State.FINISHED, ledger.message
    assert ledger.created is not None and ledger.created.source is ScoreSource.SEALED
    scores = [score for number in range(4) for score in ledger.experiments[number].scores.values()]
    assert len(scores) >= 4 and all(0 < score < ledger.created.uniform for score in scores)
    autoresearch(folder, "report")
    assert (folder / "results.tsv").read_text().count("\n") >= 4
