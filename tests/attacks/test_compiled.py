"""No patch reaches another run through what it compiles, and each attempt does where every run's folder is kept."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest

from loop.git.repo import Repo
from loop.record.types import Metric
from loop.record.values import parse_budget
from loop.runs import compiled
from loop.runs.conditions import Conditions
from loop.runs.progress import LOG
from loop.runs.runner import Runner
from loop.trust.probe import probe
from loop.trust.sandbox import PROCESS_GROUP, Sandbox
from tests.stub import make_campaign

# Says what lies in the run's folder of compiled things, leaves something there, and ends as a finished run.
SAYS = """
import os, pathlib
folder = pathlib.Path(os.environ["TORCHINDUCTOR_CACHE_DIR"])
folder.mkdir(parents=True, exist_ok=True)
print("found:", sorted(path.name for path in folder.iterdir()), flush=True)
(folder / LEAVES).write_text("import weights")
"""
REACHES = """
kept = str(folder.parents[3] / "compiled")
try:
    os.makedirs(kept, exist_ok=True)
    pathlib.Path(kept, "planted").write_text("import weights")
except OSError:
    pass
"""
SCORE = 'print("val_bpb: 1.0")\n'


def runner(repository: Path, sandbox: Sandbox) -> Runner:
    repo = Repo(repository)
    conditions = Conditions(sys.executable, "", "train.py", "python train.py", parse_budget("30s"), Metric(), None)
    return Runner(repo, repo.home, "night", conditions, sandbox)


async def found(runner: Runner, number: int, attempt: int, leaves: str, reaches: str = "") -> list[str]:
    """Run a canvas that leaves a file; return what lay in its folder when it began."""
    text = SAYS.replace("LEAVES", repr(leaves)) + reaches + SCORE
    head = runner.repo.ref("HEAD")
    assert head is not None
    commit = runner.repo.commit_text(head, "train.py", text, "an idea", 0.0)
    staged = await runner.stage(number, attempt, commit, seed=0, slowest_s=None)
    try:
        staged.begin()
        result = await staged.train()
        log = (staged.run_dir / LOG).read_text()
        assert result.failure is None, log
    finally:
        await staged.close()
    (line,) = (line for line in log.splitlines() if line.startswith("found: "))
    names: list[str] = eval(line.removeprefix("found: "))
    return names


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_campaign(tmp_path / "repository")


@pytest.fixture(params=[pytest.param("bubblewrap", marks=pytest.mark.bubblewrap), PROCESS_GROUP])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return probe() if request.param == "bubblewrap" else Sandbox(PROCESS_GROUP)


async def test_every_run_has_what_the_baseline_compiled(repository: Path, sandbox: Sandbox) -> None:
    runs = runner(repository, sandbox)
    assert await found(runs, 0, 1, "kernel") == []
    assert await found(runs, 0, 2, "kernel of a repeat") == ["kernel"]
    assert await found(runs, 1, 1, "planted") == ["kernel"]


async def test_a_patch_reaches_no_other_run_and_no_repeat_of_its_own(repository: Path, sandbox: Sandbox) -> None:
    runs = runner(repository, sandbox)
    assert await found(runs, 1, 1, "planted") == []
    assert await found(runs, 1, 2, "planted again") == []
    assert await found(runs, 2, 1, "another patch") == []
    assert await found(runs, 0, 1, "kernel") == []


async def test_a_patch_does_reach_others_where_every_runs_folder_is_kept(
    repository: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keeper(self: Runner, number: int, run_dir: Path) -> partial[None]:
        return partial(compiled.keep, run_dir, self.home.compiled(self.campaign))

    monkeypatch.setattr(Runner, "keeper", keeper)
    runs = runner(repository, sandbox)
    assert await found(runs, 1, 1, "planted") == []
    assert await found(runs, 2, 1, "another patch") == ["planted"]


@pytest.mark.bubblewrap
async def test_a_confined_patch_cannot_write_where_the_baselines_things_are_kept(repository: Path) -> None:
    runs = runner(repository, probe())
    assert await found(runs, 0, 1, "kernel") == []
    assert await found(runs, 1, 1, "own", reaches=REACHES) == ["kernel"]
    assert sorted(path.name for path in runs.home.compiled("night").iterdir()) == ["kernel"]


async def test_an_unconfined_patch_can_which_is_why_that_tier_is_the_weaker_one(repository: Path) -> None:
    runs = runner(repository, Sandbox(PROCESS_GROUP))
    assert await found(runs, 0, 1, "kernel") == []
    await found(runs, 1, 1, "own", reaches=REACHES)
    assert await found(runs, 2, 1, "own") == ["kernel", "planted"]
