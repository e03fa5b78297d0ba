"""What the baseline has compiled is copied as plain files, whole or not at all, and a copy elsewhere is warm."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from loop.runs import compiled

PROGRAM = """
import torch
from torch._dynamo.utils import counters

torch.compile(lambda x: x.relu().square().sum(), dynamic=False)(torch.ones(8))
print(counters["inductor"]["fxgraph_cache_miss"], counters["inductor"]["fxgraph_cache_hit"])
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run that has compiled two things."""
    deep = compiled.place(tmp_path / "run") / "fx" / "graph"
    deep.mkdir(parents=True)
    (deep / "kernel.so").write_text("code")
    (compiled.place(tmp_path / "run") / "notes").write_text("rows")
    return tmp_path / "run"


def files(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_a_run_gets_a_copy_of_its_own(run: Path, tmp_path: Path) -> None:
    kept, other = tmp_path / "kept", tmp_path / "other"
    compiled.keep(run, kept)
    other.mkdir()
    compiled.lend(kept, other)
    copy = compiled.place(other)
    assert files(copy) == files(kept) == {"fx/graph/kernel.so": "code", "notes": "rows"}
    (copy / "notes").write_text("planted")
    assert files(kept)["notes"] == "rows"


def test_where_nothing_is_compiled_nothing_is_kept_or_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "run").mkdir()
    compiled.keep(tmp_path / "run", tmp_path / "kept")
    compiled.lend(tmp_path / "kept", tmp_path / "run")
    assert not (tmp_path / "kept").exists() and not compiled.place(tmp_path / "run").exists()
    assert not caplog.records


def test_what_was_kept_first_stays(run: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    compiled.keep(run, kept)
    (compiled.place(run) / "notes").write_text("of a later run")
    compiled.keep(run, kept)
    assert files(kept)["notes"] == "rows"


def test_links_and_pipes_are_left_out(run: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("of the user's")
    (compiled.place(run) / "file").symlink_to(secret / "key")
    (compiled.place(run) / "folder").symlink_to(secret)
    os.mkfifo(compiled.place(run) / "pipe")
    compiled.keep(run, tmp_path / "kept")
    assert files(tmp_path / "kept").keys() == {"fx/graph/kernel.so", "notes"}


def test_a_link_in_the_folders_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("of the user's")
    (tmp_path / "run").mkdir()
    compiled.place(tmp_path / "run").symlink_to(tmp_path / "secret")
    compiled.keep(tmp_path / "run", tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(("limit", "value"), [("MOST_BYTES", 5), ("MOST_FILES", 1)])
def test_of_too_much_nothing_is_kept(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(compiled, limit, value)
    compiled.keep(run, tmp_path / "kept")
    assert [place.name for place in tmp_path.iterdir()] == ["run"]


def test_a_run_that_compiled_nothing_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    compiled.keep(tmp_path / "run", tmp_path / "kept")
    compiled.lend(tmp_path / "kept", tmp_path / "run")
    assert [place.name for place in tmp_path.iterdir()] == ["run"] and not list((tmp_path / "run").iterdir())


@pytest.mark.timeout(600)
def test_a_copy_elsewhere_is_warm(tmp_path: Path) -> None:
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        assert "CI" not in os.environ, "Inductor needs a C++ compiler on a CPU"
        pytest.skip("no C++ compiler")

    def counts(run: Path) -> str:
        run.mkdir(exist_ok=True)
        clean = {**os.environ, compiled.VARIABLE: str(compiled.place(run)), "HOME": str(run)}
        clean.pop("TRITON_CACHE_DIR", None)
        return subprocess.run(
            [sys.executable, "-c", PROGRAM], env=clean, cwd=run, check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()

    assert counts(tmp_path / "baseline") == "1 0"
    compiled.keep(tmp_path / "baseline", tmp_path / "kept")
    shutil.rmtree(tmp_path / "baseline")
    (tmp_path / "patch").mkdir()
    compiled.lend(tmp_path / "kept", tmp_path / "patch")
    assert counts(tmp_path / "patch") == "0 1"
