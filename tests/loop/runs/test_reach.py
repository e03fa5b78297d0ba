"""A Mac whose sandbox keeps runs from its GPU runs without it, and says so. By a stand-in; not run on a Mac."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loop.runs import reach
from loop.runs.reach import that_reaches
from loop.trust.sandbox import BUBBLEWRAP, PROCESS_GROUP, SEATBELT, Sandbox
from loop.trust.seatbelt import Seatbelt
from tests.loop import macos

SANDBOX = Seatbelt(SEATBELT, missing=("shared memory of its own",))


def conditions(device: str = "mps", framework: str = "torch", python: str = sys.executable) -> Any:
    ruler = SimpleNamespace(
        device=device, framework=framework, read_paths=(), sealed_paths=(), text_paths=(), mounts=(), training_file=None
    )
    return SimpleNamespace(
        ruler=ruler, folder="", canvas="train.py", python=python, own_data=None, variables=lambda: {"PATH": "/usr/bin"}
    )


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file whose reading stands for the use of a GPU."""
    macos.fake_sandbox_exec(monkeypatch, tmp_path)
    gpu = tmp_path / "gpu"
    monkeypatch.setattr(reach, "USES", {"torch": f"open({str(gpu)!r}).read()"})
    return gpu


def test_a_gpu_that_is_kept_from_runs_leaves_them_without_the_sandbox(used: Path, tmp_path: Path) -> None:
    used.write_text("there, and refused")
    found = that_reaches(conditions(), SANDBOX, tmp_path)
    assert (found.kind, found.missing) == (PROCESS_GROUP, ())
    assert found.reason.startswith("sandbox-exec keeps runs from the Apple GPU: PermissionError")


def test_a_gpu_that_is_reached_changes_nothing(monkeypatch: pytest.MonkeyPatch, used: Path, tmp_path: Path) -> None:
    monkeypatch.setattr(reach, "USES", {"torch": "import os; open(os.environ['TMPDIR'] + '/cache', 'w')"})
    assert that_reaches(conditions(), SANDBOX, tmp_path) is SANDBOX


def test_a_python_that_does_not_start_is_no_reason_to_fail(used: Path, tmp_path: Path) -> None:
    class Broken(Seatbelt):
        def wrap(self, **_: object) -> tuple[str, ...]:  # type: ignore[override]
            return ("/gone",)

    assert "/gone" in that_reaches(conditions(), Broken(SEATBELT), tmp_path).reason


@pytest.mark.parametrize(
    ("sandbox", "of"),
    [
        pytest.param(Sandbox(BUBBLEWRAP), conditions(), id="on Linux"),
        pytest.param(SANDBOX, conditions(device="cpu"), id="on a CPU"),
        pytest.param(SANDBOX, conditions(framework="jax"), id="a framework that is not known"),
    ],
)
def test_nothing_is_tried_where_it_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sandbox: Sandbox, of: Any
) -> None:
    monkeypatch.setattr(reach.subprocess, "run", None)  # calling it would fail
    assert that_reaches(of, sandbox, tmp_path) is sandbox
