"""What training and scoring see of the data and of the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loop.runs.confinement import Confinement, untold
from loop.trust import seatbelt
from loop.trust.probe import probe
from loop.trust.sandbox import SEATBELT, Sandbox
from loop.trust.seatbelt import Seatbelt
from tests.loop.trust.sandbox_exec import parse
from tests.loop.trust.sbpl import Profile


def confined(top: Path, ruler: Any, sandbox: Sandbox) -> Confinement:
    """Return how the runs of a campaign are confined, whose slot, data and corpus are made here."""
    for folder in (top / "slot", top / "run", top.parent / "cache"):
        folder.mkdir(parents=True)
    for place in (top / "corpus.txt", top / "slot/corpus.txt", top.parent / "cache/train.bin", top / "slot/train.py"):
        place.write_text("text")
    conditions: Any = SimpleNamespace(ruler=ruler, folder="", canvas="train.py", python=sys.executable, own_data=None)
    return Confinement(conditions, sandbox, top)


def ruler_of(top: Path, **facts: Any) -> Any:
    own = {"sealed_paths": (top / "corpus.txt",), "text_paths": (top.parent / "cache",), "mounts": ()}
    return SimpleNamespace(**{**own, "read_paths": (), "training_file": None, **facts})


@pytest.mark.bubblewrap
def test_the_scorers_sandbox_shows_no_text_and_lets_nothing_be_written(tmp_path: Path) -> None:
    """The standard library is there compiled; the data, the corpus and its copy in the slot are not."""
    top, library, copy = tmp_path / "top", Path(os.__file__).parent, tmp_path / "library"
    copy.mkdir()
    slot, run_dir, ruler = top / "slot", top / "run", ruler_of(top, mounts=((copy, library),))
    confinement = confined(top, ruler, probe())
    wrap = confinement.scoring(ruler, slot, run_dir)
    script = (
        f"cat {slot}/corpus.txt {tmp_path}/cache/train.bin {slot}/train.py; ls {library}; touch {slot}/a {run_dir}/a"
    )
    done = subprocess.run([*wrap, "sh", "-c", script], capture_output=True, text=True)
    assert done.stdout == "text"
    assert done.stderr.count("Read-only file system") == 2
    shown = subprocess.run([*confinement.training(slot, run_dir), "sh", "-c", script], capture_output=True, text=True)
    assert shown.stdout == "text", "training sees no more"


def test_on_a_mac_training_and_scoring_have_each_their_own_profile(tmp_path: Path) -> None:
    """As told by a reader of profiles; not run on a Mac."""
    top, cache = tmp_path / "top", tmp_path / "cache"
    slot, run_dir = top / "slot", top / "run"
    ruler = ruler_of(top, read_paths=(cache,), training_file=cache / "train.bin")
    confinement = confined(top, ruler, Seatbelt(SEATBELT))
    (cache / "manifest").write_text("text")
    training = profile(confinement.training(slot, run_dir))
    scoring = profile(confinement.scoring(ruler, slot, run_dir), OWN="/own", BESIDE="/")
    for found in (training, scoring):
        assert found.reads(slot / "train.py") and not found.allows("network-outbound", "('1.1.1.1', 443)")
        for hidden in (slot / "corpus.txt", top / "corpus.txt", cache / "train.bin"):
            assert not found.reads(hidden)
        assert not found.allows("file-write-create", str(slot / "train.py"))
    assert training.reads(cache / "manifest") and not scoring.reads(cache / "manifest")
    assert training.writes(slot / "new") and training.writes(run_dir / "new")
    assert not any(scoring.allows("file-write-create", str(folder / "new")) for folder in (slot, run_dir))


def profile(argv: tuple[str, ...], **parameters: str) -> Profile:
    own = [word for name, value in parameters.items() for word in ("-D", f"{name}={value}")]
    return parse([*own, *argv[argv.index(seatbelt.PROGRAM) + 1 :]])[0]


def test_training_keeps_what_it_needs_of_the_data() -> None:
    data = Path("/c/prepared/x")
    ruler: Any = SimpleNamespace(
        sealed_paths=(data / "sealed",),
        text_paths=(Path("/c"), data, Path("/texts")),
        read_paths=(data, Path("/c/prepared/pointer")),
        training_file=data / "train.bin",
    )
    assert untold(ruler) == [data / "sealed", Path("/texts"), data / "train.bin"]
