"""What holds in a whole campaign with a stub canvas: the real daemon, git, journal and processes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from loop.control import control
from loop.engine.engine import Engine, Loop
from loop.proposers import make
from loop.record.entries import Body
from loop.record.experiment_facts import Merged, RunEnded, RunStarted, Scored, VerdictLost
from loop.record.home import find_home
from loop.record.intents import StartRequested
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.types import Cause, Outcome, Purpose, RepoError, ScoreSource, State, Verdict
from tests.loop.engine.desk import BASE, Desk
from tests.stub import CANVAS, entries, git, make_campaign, run_to_end


@dataclass(frozen=True)
class Night:
    """A campaign that ran to its end, and what its user's folder looked like before."""

    folder: Path
    ledger: Ledger
    before: tuple[dict[Path, bytes], str, str]

    @property
    def bodies(self) -> list[Body]:
        return [entry.body for entry in entries(self.folder)]


def seen(folder: Path) -> tuple[dict[Path, bytes], str, str]:
    """Return the user's files, HEAD and status."""
    files = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return files, git(folder, "rev-parse", "HEAD"), git(folder, "status", "--porcelain")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """One campaign of twelve experiments, on a canvas that was not committed."""
    folder = make_campaign(tmp_path_factory.mktemp("night") / "a campaign, übung")
    (folder / "train.py").write_text(CANVAS + "# not committed\n")
    (folder / "untracked.txt").write_text("mine")
    before = seen(folder)
    return Night(folder, run_to_end(folder, experiments="12"), before)


def test_a_campaign_measures_a_baseline_improves_on_it_and_ends_at_its_limit(night: Night) -> None:
    ledger = night.ledger
    assert ledger.state is State.FINISHED and "12 experiments" in ledger.message and ledger.cause is Cause.LIMIT
    assert ledger.judged == 12 and ledger.keeps >= 1
    assert ledger.baseline is not None and ledger.best is not None and ledger.best.score is not None
    assert ledger.best.score < ledger.baseline
    assert ledger.noise_floor is not None and ledger.noise_floor > 0
    assert {e.source for e in ledger.experiments.values() if e.measured} == {ScoreSource.SELF_REPORTED}


def test_every_run_is_recorded_before_it_trains_and_ends_before_the_next_begins(night: Night) -> None:
    open_run: tuple[int, int] | None = None
    for body in night.bodies:
        if isinstance(body, RunStarted):
            assert open_run is None
            open_run = (body.experiment, body.attempt)
        elif isinstance(body, RunEnded):
            assert open_run == (body.experiment, body.attempt)
            open_run = None
    assert open_run is None


def test_a_score_is_recorded_once_for_each_finished_run(night: Night) -> None:
    ended = (body for body in night.bodies if isinstance(body, RunEnded))
    finished = [(body.experiment, body.attempt) for body in ended if body.outcome is Outcome.FINISHED]
    assert finished == [(body.experiment, body.attempt) for body in night.bodies if isinstance(body, Scored)]


def test_the_users_files_index_head_and_branches_are_untouched(night: Night) -> None:
    assert seen(night.folder) == night.before
    baseline = git(night.folder, "show", f"{night.ledger.experiments[0].commit}:train.py")
    assert baseline.endswith("# not committed\n"), "the baseline is what was on disk"


def test_the_branch_is_the_kept_line_and_every_attempt_has_its_ref(night: Night) -> None:
    ledger, branch = night.ledger, f"refs/heads/autoresearch/{night.ledger.campaign}"
    kept = [e.commit for e in ledger.experiments.values() if e.verdict is Verdict.KEEP]
    line = git(night.folder, "rev-list", branch).split()
    assert line[: len(kept)] == list(reversed(kept))
    for number, experiment in ledger.experiments.items():
        ref = git(night.folder, "rev-parse", f"refs/autoresearch/{ledger.campaign}/{number}").strip()
        assert ref == experiment.commit
    subject = git(night.folder, "log", "-1", "--format=%s", branch).strip()
    assert ledger.incumbent_experiment is not None
    assert subject == ledger.incumbent_experiment.hypothesis.splitlines()[0]


def test_no_text_is_measured_twice(night: Night) -> None:
    marks = [e.fingerprint for e in night.ledger.experiments.values() if e.runs]
    assert len(marks) == len(set(marks))


def test_every_score_is_the_number_that_its_own_text_prints(night: Night) -> None:
    for number, experiment in night.ledger.experiments.items():
        values: dict[str, float] = {}
        for line in git(night.folder, "show", f"{experiment.commit}:train.py").splitlines():
            name, _, value = line.partition(" = ")
            if name in ("LEARNING_RATE", "BATCH"):
                values[name] = float(value.split("#")[0])
        for run in experiment.runs:
            bowl = 1 + abs(values["LEARNING_RATE"] - 0.02) + (values["BATCH"] / 1024 - 1) * 0.01
            assert run.score == pytest.approx(bowl + 0.0001 * run.seed, abs=1e-6), f"#{number}"


def test_a_waiting_patch_is_merged_with_what_was_kept_and_the_merged_text_is_measured(night: Night) -> None:
    merged = [body for body in night.bodies if isinstance(body, Merged)]
    assert merged, "with two proposals ahead a keep makes one of them stale"
    for fact in merged:
        experiment = night.ledger.experiments[fact.experiment]
        assert {r.commit for r in experiment.runs} <= {fact.commit} or experiment.commit != fact.commit


def test_what_ends_the_reading_of_the_journal_is_said(campaign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: Engine) -> None:
        raise RepoError("no space left on the device; free some")

    monkeypatch.setattr(Engine, "_tail", fail)
    with Journal(find_home(campaign).journal) as journal:
        journal.append("night", StartRequested())
    asyncio.run(Engine(campaign, "night", make).run())
    ledger = control.load(campaign)
    assert (ledger.state, ledger.message) == (State.STOPPED, "no space left on the device; free some")
    assert ledger.cause is Cause.ERROR


async def test_a_rebuilt_campaign_ends_whose_limit_is_reached_by_a_patch_that_fits_no_more(tmp_path: Path) -> None:
    desk = Desk(tmp_path, program="---\nstop: {experiments: 2}\nverify: 0\n---\nLower val_bpb.\n")
    number = desk.propose(BASE.replace("LR = 0.1", "LR = 0.2"))
    commit = desk.campaign.ledger.experiments[number].commit
    desk.campaign.record(RunStarted(number, 1, Purpose.MEASURE, 0, commit), RunEnded(number, 1, Outcome.INTERRUPTED))
    desk.keep(BASE.replace("LR = 0.1", "LR = 0.3"))
    desk.campaign.record(VerdictLost(number))  # as a rebuild leaves it
    loop = Loop(desk.campaign, desk.strategy, desk.runner, lambda program: desk.proposer)
    await asyncio.wait_for(loop.run(), 60)
    ledger = desk.campaign.ledger
    assert ledger.state is State.FINISHED and ledger.cause is Cause.LIMIT
    assert ledger.experiments[number].verdict is Verdict.INVALID
