"""Whole campaigns with a stub canvas: the real daemon, git, journal and processes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from loop.control import control, queueing
from loop.engine.engine import Engine
from loop.git.repo import Repo
from loop.proposers import make
from loop.record.entries import Body
from loop.record.experiment_facts import Merged, RunEnded, RunStarted, Scored
from loop.record.home import find_home
from loop.record.intents import StartRequested, StopRequested
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.types import Author, Cause, Outcome, Reason, Refused, RepoError, ScoreSource, State, Verdict
from tests.stub import (
    CANVAS,
    DEADLINE_S,
    PROGRAM,
    daemon,
    ended,
    entries,
    git,
    gone,
    make_campaign,
    run_to_end,
    until,
)

SLOW = CANVAS.replace("time.sleep(0.02)", "time.sleep(30)")


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    return make_campaign(tmp_path / "a campaign, übung")


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


def test_a_script_reads_data_that_git_ignores_once_it_is_named(tmp_path: Path) -> None:
    canvas = CANVAS.replace("import", "numbers = open('corpus/numbers.txt').read()\nimport", 1)
    campaign = make_campaign(tmp_path / "a campaign, übung", canvas=canvas)
    (campaign / ".gitignore").write_text("corpus\n")
    (campaign / "corpus").mkdir()
    (campaign / "corpus" / "numbers.txt").write_text("1 2 3\n")
    failed = run_to_end(campaign)
    advice = "a run has only what git holds; to mount it in the runs, write 'data: corpus/numbers.txt' in program.md"
    assert failed.state is State.STOPPED and advice in failed.message
    (campaign / "program.md").write_text(PROGRAM.replace("---\n", "---\ndata: corpus\n", 1))
    ledger = run_to_end(campaign)
    assert ledger.state is State.FINISHED and ledger.judged == 6
    assert (campaign / "corpus" / "numbers.txt").read_text() == "1 2 3\n"
    (campaign / "other").mkdir()
    going_on = control.start(campaign, {"data": "other", "experiments": "7"}, ledger.campaign)
    assert "it keeps the data that it began with" in going_on.message
    assert until(campaign, ended).judged == 7
    gone(campaign)
    (campaign / "program.md").write_text(PROGRAM.replace("---\n", "---\ndata: ../corpora/x\n", 1))
    with pytest.raises(Refused, match=r"data: \.\./corpora/x: no such file or folder; correct it in program.md"):
        control.start(campaign, {}, new=True)


def test_what_a_start_asks_for_holds_from_its_first_run_and_the_last_start_wins(campaign: Path) -> None:
    ledger = run_to_end(campaign, experiments="1", budget="7s")
    assert ledger.created is not None and (ledger.created.budget, ledger.judged) == ("7s", 1)
    control.start(campaign, {"experiments": "3"}, ledger.campaign)
    assert until(campaign, lambda later: ended(later) and later.judged > 1).judged == 3
    gone(campaign)
    with pytest.raises(Refused, match=r"measures with a budget of 7s.*start --new --budget"):
        control.start(campaign, {"budget": "8s"}, ledger.campaign)
    gone(campaign)
    ledger = control.load(campaign)
    assert (ledger.overrides["budget"], ledger.state) == ("7s", State.FINISHED)


def test_a_pause_ends_at_the_boundary_and_a_resume_goes_on(campaign: Path) -> None:
    control.start(campaign, {"experiments": "40"})
    until(campaign, lambda ledger: ledger.judged >= 1)
    control.pause(campaign)
    paused = until(campaign, lambda ledger: ledger.state is State.PAUSED)
    assert paused.running is None
    control.resume(campaign)
    until(campaign, lambda ledger: ledger.judged > paused.judged)
    control.stop(campaign)
    assert until(campaign, ended).running is None


def test_stop_now_interrupts_the_run_and_a_start_makes_it_again(tmp_path: Path) -> None:
    campaign = make_campaign(tmp_path / "c", canvas=SLOW)
    control.start(campaign)
    until(campaign, lambda ledger: ledger.running is not None)
    control.stop(campaign, now=True)
    stopped = until(campaign, ended)
    gone(campaign)
    assert stopped.experiments[0].outcome is Outcome.INTERRUPTED
    control.start(campaign)
    again = until(campaign, lambda ledger: ledger.running is not None)
    assert again.campaign == stopped.campaign and again.experiments[0].runs[-1].attempt == 2
    control.stop(campaign, now=True)
    gone(campaign)


def test_a_terminal_that_hangs_up_does_not_end_the_night(campaign: Path) -> None:
    with Journal(find_home(campaign).journal) as journal:
        journal.append("night", StartRequested())
    with daemon(campaign) as process:
        until(campaign, lambda ledger: ledger.running is not None)
        process.send_signal(signal.SIGHUP)
        ledger = until(campaign, ended)
        assert process.wait(DEADLINE_S) == 0
    assert (ledger.state, ledger.judged) == (State.FINISHED, 6)


def test_a_second_start_is_refused_and_says_what_runs(tmp_path: Path) -> None:
    campaign = make_campaign(tmp_path / "c", canvas=SLOW)
    control.start(campaign)
    until(campaign, lambda ledger: ledger.running is not None)
    with pytest.raises(Refused, match="already runs"):
        control.start(campaign)
    with pytest.raises(Refused, match="run 'autoresearch stop', then start it with --experiments, --model"):
        control.start(campaign, {"experiments": "9", "model": "knobs"})
    with pytest.raises(Refused, match="stop it first"):
        control.start(campaign, new=True)
    control.stop(campaign, now=True)
    gone(campaign)


def test_a_humans_text_is_measured_next_and_adopted_although_it_is_worse(campaign: Path) -> None:
    control.start(campaign, {"experiments": "60"})
    until(campaign, lambda ledger: ledger.judged >= 1)
    worse = CANVAS.replace("LEARNING_RATE = 0.04", "LEARNING_RATE = 0.5")
    queueing.propose(campaign, worse, "a large learning rate, to see the edge")

    def adopted(ledger: object) -> bool:
        experiments = ledger.experiments.values()  # type: ignore[attr-defined]
        return any(e.author is Author.HUMAN and e.number and e.verdict for e in experiments)

    ledger = until(campaign, adopted)
    human = next(e for e in ledger.experiments.values() if e.author is Author.HUMAN and e.number)
    assert (human.verdict, human.reason) == (Verdict.KEEP, Reason.HUMAN)
    assert human.delta is not None and human.delta > 0
    control.stop(campaign, now=True)
    gone(campaign)


@pytest.mark.parametrize(
    ("canvas", "sentence"),
    [
        ("import time\nval = \n", r"train\.py, line 2"),
        ("print('no number here')\n", "val_bpb"),
        ("raise SystemExit('no data')\n", "the baseline does not run"),
        ("print('val_bpb: nan')\n", "(?i)nan"),
    ],
    ids=["syntax error", "prints nothing", "exits", "NaN"],
)
def test_a_baseline_that_does_not_run_ends_the_campaign_with_its_sentence(
    tmp_path: Path, canvas: str, sentence: str
) -> None:
    campaign = make_campaign(tmp_path / "c", canvas=canvas)
    try:
        control.start(campaign)
    except Refused as refusal:
        assert __import__("re").search(sentence, str(refusal))
        return
    ledger = until(campaign, ended)
    assert ledger.state is State.STOPPED
    assert __import__("re").search(sentence, ledger.message), ledger.message


@pytest.mark.parametrize("state", ["no commit yet", "detached HEAD", "in a subfolder"])
def test_a_campaign_runs_from_any_state_of_the_repository(tmp_path: Path, state: str) -> None:
    campaign = make_campaign(tmp_path / "c", commit=state != "no commit yet")
    if state == "detached HEAD":
        git(campaign, "checkout", "-q", "--detach")
    if state == "in a subfolder":
        campaign = campaign / "deep" / "er"
        campaign.mkdir(parents=True)
        (campaign / "program.md").write_text(PROGRAM)
        (campaign / "train.py").write_text(CANVAS)
    ledger = run_to_end(campaign, experiments="2")
    assert ledger.state is State.FINISHED, ledger.message
    assert ledger.created is not None and ledger.created.folder == ("deep/er" if "deep" in str(campaign) else "")


def test_a_branch_that_the_user_stands_on_is_never_moved(campaign: Path) -> None:
    ledger = run_to_end(campaign, experiments="2")
    git(campaign, "checkout", "-q", f"autoresearch/{ledger.campaign}")
    head = git(campaign, "rev-parse", "HEAD")
    with pytest.raises(Refused, match="switch to a branch of your own"):
        control.start(campaign, {"experiments": "9"}, ledger.campaign)
    until(campaign, lambda later: not control.is_running(campaign, later))
    assert git(campaign, "rev-parse", "HEAD") == head
    git(campaign, "checkout", "-q", "main")
    control.start(campaign, {"experiments": "60"}, ledger.campaign)
    git(campaign, "checkout", "-q", f"autoresearch/{ledger.campaign}")
    head = git(campaign, "rev-parse", "HEAD")
    until(campaign, lambda later: later.keeps > ledger.keeps + 1 or ended(later))
    assert git(campaign, "rev-parse", "HEAD") == head
    if not ended(control.load(campaign)):
        control.stop(campaign, now=True)
    gone(campaign)


def test_commits_of_the_user_on_the_campaigns_branch_stay_there(campaign: Path) -> None:
    ledger = run_to_end(campaign, experiments="1")
    branch = f"autoresearch/{ledger.campaign}"
    git(campaign, "checkout", "-q", branch)
    git(campaign, "commit", "-q", "--allow-empty", "-m", "mine")
    mine = git(campaign, "rev-parse", "HEAD")
    git(campaign, "checkout", "-q", "main")
    with pytest.raises(Refused, match=rf"is not of the campaign; .*git branch -m {branch} mine"):
        control.start(campaign, {"experiments": "3"}, ledger.campaign)
    gone(campaign)
    assert git(campaign, "rev-parse", branch) == mine
    git(campaign, "branch", "-m", branch, "mine")
    control.start(campaign, {"experiments": "30"}, ledger.campaign)
    control.pause(campaign)
    paused = until(campaign, lambda later: later.state is State.PAUSED)
    git(campaign, "update-ref", f"refs/heads/{branch}", "mine")  # again, while it runs
    control.resume(campaign)
    until(campaign, lambda later: later.keeps > paused.keeps)
    control.stop(campaign, now=True)
    gone(campaign)
    assert git(campaign, "rev-parse", branch) == git(campaign, "rev-parse", "mine") == mine


def test_a_broken_baseline_is_mended_on_disk_and_the_next_start_begins_anew(tmp_path: Path) -> None:
    campaign = make_campaign(tmp_path / "c", canvas="print('no number here')\n")
    control.start(campaign)
    first = until(campaign, ended)
    gone(campaign)
    (campaign / "train.py").write_text(CANVAS)
    second = run_to_end(campaign, experiments="1")
    assert second.campaign != first.campaign and second.state is State.FINISHED


def test_a_stop_after_the_start_is_heeded_although_the_daemon_came_later(campaign: Path) -> None:
    with Journal(find_home(campaign).journal) as journal:
        journal.append("night", StartRequested(), StopRequested())
    asyncio.run(Engine(campaign, "night", make).run())
    assert control.load(campaign).state is State.STOPPED


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


def test_a_note_is_answered_at_once_and_kept(campaign: Path) -> None:
    control.start(campaign, {"experiments": "60"})
    assert "nobody reads it now: 'knobs'" in queueing.note(campaign, "try a smaller batch").message
    assert [n.text for n in control.load(campaign).notes] == ["try a smaller batch"]
    control.stop(campaign, now=True)
    gone(campaign)


def test_a_full_disk_stops_before_the_run_with_its_sentence(campaign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loop.record.disk.free_mb", lambda _: 255.0)
    with Journal(find_home(campaign).journal) as journal:
        journal.append("night", StartRequested())
    asyncio.run(Engine(campaign, "night", make).run())
    ledger = control.load(campaign)
    assert ledger.state is State.STOPPED and "255 MB free and a campaign needs 256 MB" in ledger.message
    assert not ledger.experiments[0].runs, "nothing was spent"


def test_a_canvas_with_a_byte_order_mark_and_crlf_runs_and_keeps_both(tmp_path: Path) -> None:
    campaign = make_campaign(tmp_path / "c")
    git(campaign, "config", "core.autocrlf", "false")
    (campaign / "train.py").write_bytes(b"\xef\xbb\xbf" + CANVAS.replace("\n", "\r\n").encode())
    ledger = run_to_end(campaign, experiments="3")
    assert ledger.keeps >= 1 and {e.verdict for e in ledger.experiments.values() if e.runs} <= {"keep", "discard"}
    assert ledger.incumbent_experiment is not None
    kept = Repo(campaign).text_at(ledger.incumbent_experiment.commit, "train.py")
    assert kept.startswith("\ufeff") and kept.count("\r\n") == kept.count("\n") > 5


def test_an_agent_of_a_campaign_in_a_sub_folder_works_where_its_canvas_is(tmp_path: Path) -> None:
    top = make_campaign(tmp_path / "c", PROGRAM.replace("model: knobs", "command: python agent.py"))
    agent = (
        "import pathlib, sys\n"
        "canvas, = pathlib.Path().rglob('train.py')\n"
        "assert 'sub/' not in sys.stdin.read() and canvas == pathlib.Path('train.py')\n"
        "canvas.write_text(canvas.read_text().replace('= 0.04', '= 0.03'))\n"
    )
    (top / "sub").mkdir()
    (top / "agent.py").write_text(agent)
    for name in ("program.md", "train.py", "agent.py"):
        (top / name).rename(top / "sub" / name)
    ledger = run_to_end(top / "sub", experiments="1")
    assert ledger.experiments[1].knobs == {"LEARNING_RATE": ("0.04", "0.03")} and ledger.experiments[1].measured


@pytest.mark.parametrize(
    ("prepare_disk", "sentence"),
    [
        pytest.param(lambda c: (c / "train.py").unlink(), "train.py: not found beside program.md", id="missing"),
        pytest.param(lambda c: (c / "train.py").write_text("def f(:\n"), "train.py, line 1", id="a syntax error"),
    ],
)
def test_a_canvas_that_cannot_be_used_is_refused_before_anything_runs(
    campaign: Path, prepare_disk: Callable[[Path], object], sentence: str
) -> None:
    prepare_disk(campaign)
    with pytest.raises(Refused) as refusal:
        control.start(campaign)
    assert sentence in str(refusal.value)
    gone(campaign)
    assert control.load(campaign).created is None, "repaired, the next start begins it"
