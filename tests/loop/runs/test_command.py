"""Which Python runs a script, and which commands need no shell."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from loop.record.types import Refused
from loop.runs.command import command_of, python_for


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("python train.py", ("PY", "train.py")),
        ("python3.12 -u 'my train.py'", ("PY", "-u", "my train.py")),
        ("uv run train.py", ("PY", "train.py")),
        ("uv run python train.py", ("PY", "train.py")),
        ("torchrun --nproc 1 train.py", ("torchrun", "--nproc", "1", "train.py")),
        ('python train.py ""', ("PY", "train.py", "")),
    ],
)
def test_the_command_runs_under_the_chosen_python(run: str, words: tuple[str, ...]) -> None:
    assert command_of(run, "PY") == words


@pytest.mark.parametrize("run", ["", "   ", '""', "python train.py > run.log", "a && b", "python 'train.py", "a | b"])
def test_a_command_that_needs_a_shell_is_refused(run: str) -> None:
    with pytest.raises(Refused, match="run: "):
        command_of(run, "PY")


def test_the_python_of_a_campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTORESEARCH_PYTHON", raising=False)
    folder = tmp_path / "top" / "campaign"
    folder.mkdir(parents=True)
    (tmp_path / "top" / ".git").mkdir()
    assert python_for(folder) == sys.executable
    for place in (tmp_path, tmp_path / "top", folder):
        (place / ".venv/bin").mkdir(parents=True)
        (place / ".venv/bin/python").symlink_to(sys.executable)
        expected = sys.executable if place == tmp_path else str(place / ".venv/bin/python")
        assert python_for(folder) == expected
    monkeypatch.setenv("AUTORESEARCH_PYTHON", "/chosen/python")
    assert python_for(folder) == "/chosen/python"
