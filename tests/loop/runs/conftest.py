"""What the tests of one run share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from loop.runs.run import RunSpec
from loop.runs.trainer import Run, launch
from loop.trust.probe import probe
from loop.trust.sandbox import BUBBLEWRAP, PROCESS_GROUP, SEATBELT, environment
from loop.trust.seatbelt import Seatbelt
from tests.loop import macos
from tests.loop.runs.launching import Start


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Return a function that launches a canvas in a slot whose path has a space and an umlaut."""
    slot, run_dir = tmp_path / "slöt a", tmp_path / "rün 1"
    slot.mkdir()
    run_dir.mkdir()

    async def start_canvas(text: str, **options: object) -> Run:
        (slot / "train.py").write_text(text)
        settings = {
            "command": "python train.py",
            "python": sys.executable,
            "folder": slot,
            "run_dir": run_dir,
            "environment": environment(run_dir, {"AUTORESEARCH_RUN": str(run_dir)}),
            "limit_s": 10.0,
            "lock": tmp_path / "lock",
            "canvas": "train.py",
            **options,
        }
        return await launch(RunSpec(**settings))  # type: ignore[arg-type]

    return start_canvas


@pytest.fixture(params=[pytest.param(BUBBLEWRAP, marks=pytest.mark.bubblewrap), SEATBELT, PROCESS_GROUP])
def tier(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The argv prefix of each tier; of macOS's by a stand-in for `sandbox-exec`."""
    if request.param == PROCESS_GROUP:
        return ()
    places = {"slot": tmp_path / "slöt a", "run_dir": tmp_path / "rün 1", "top": tmp_path}
    for path in places.values():
        path.mkdir(exist_ok=True)
    if request.param == SEATBELT:
        macos.fake_sandbox_exec(monkeypatch, tmp_path)
    prefix = (Seatbelt(SEATBELT) if request.param == SEATBELT else probe()).wrap(**places, python=sys.executable)
    assert prefix, probe().reason
    return prefix
