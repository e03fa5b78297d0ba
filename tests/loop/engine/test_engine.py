"""Whole campaigns with a stub canvas: the real daemon, git, journal and processes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from loop.control import control
from loop.engine.engine import Engine
from loop.git.repo import Repo
from loop.proposers import make
from loop.record.campaign_facts import Answered
from loop.record.entries import Body
from loop.record.experiment_facts import Judged, Merged, Proposed, RunEnded, RunStarted, Scored
from loop.record.home import find_home
from loop.record.intents import PauseRequested, ProposeRequested, StartRequested, StopRequested
from loop.record.journal import Journal
from loop.record.types import Author, Cause, Outcome, Purpose, Reason, Refused, RepoError, ScoreSource, State, Verdict
from loop.setup.inputs import find_data
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


def test_a_campaign_measures_a_baseline_improves_on_it_and_ends_at_its_limit(campaign: Path) -> None:
    ledger = run_to_end(campaign)
    assert ledger.state is State.FINISHED and "6 experiments" in ledger.message and ledger.cause is Cause.LIMIT
    assert ledger.judged == 6 and ledger.keeps >= 1
    assert ledger.baseline is not None and ledger.best is not None and ledger.best.score is not None
    assert ledger.best.score < ledger.baseline
    assert ledger.noise_floor is not None and ledger.noise_floor > 0
    assert {e.source for e in ledger.experiments.values() if e.measured} == {ScoreSource.SELF_REPORTED}


def test_a_script_reads_data_that_git_ignores_once_it_is_named(tmp_path: Path) -> None:
    canvas = CANVAS.replace("import", "numbers = open('corpus/numbers.txt').read()\nimport", 1)
    campaign = make_campaign(tmp_path / "a campaign, übung", canvas=canvas)
    (campaign / ".gitignore").write_text("corpus\n")
    (campaign / "corpus").mkdir()
    (campaign / "corpus" / "numbers.txt").write_text("1 2 3\n")
    failed = run_to_end(campaign)
    advice = "a run has only what git holds; to lend it to the runs, write 'data: corpus/numbers.txt' in program.md"
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


def test_a_start_without_a_sandbox_says_that_runs_can_write_to_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bin" / "bwrap"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=os.pathsep)
    canvas = CANVAS.replace("import", "numbers = open('corpus/numbers.txt').read()\nimport", 1)
    campaign = make_campaign(tmp_path / "c", PROGRAM.replace("---\n", "---\ndata: corpus\n", 1), canvas)
    (campaign / ".gitignore").write_text("corpus\n")
    (campaign / "corpus").mkdir()
    (campaign / "corpus" / "numbers.txt").write_text("1 2 3\n")
    answer = control.start(campaign, {"experiments": "1"})
    assert "without bubblewrap its runs can also write to corpus" in answer.message
    assert until(campaign, ended).judged == 1
    gone(campaign)


def test_a_named_path_is_looked_for_beside_program_md(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "in home").mkdir()
    (tmp_path / "night" / "python").mkdir(parents=True)
    night = tmp_path / "night"
    for named, found in {
        "auto": "auto", "python": "python", "climbmix:4": "climbmix:4", "someone/corpus": "someone/corpus",
        "./python": f"{night}/python", "../in home": f"{tmp_path}/in home", "~/in home": f"{tmp_path}/in home",
    }.items():  # fmt: skip
        assert find_data(night, named, sealed=False) == found
    (tmp_path / "alias").symlink_to(night)
    assert find_data(tmp_path, "alias/python", sealed=False) == f"{night}/python"
    assert find_data(night, "./no/such", sealed=True) == "./no/such", "prepare.py says what it knows"
    assert find_data(night, "..", sealed=True) == str(tmp_path)
    for more in (".", "..", "/", "~", f"{tmp_path}/alias"):
        with pytest.raises(Refused, match="has more in it than data"):
            find_data(night, more, sealed=False)


def test_every_run_is_recorded_before_it_trains_and_ends_before_the_next_begins(campaign: Path) -> None:
    run_to_end(campaign)
    open_run: tuple[int, int] | None = None
    for body in (e.body for e in entries(campaign)):
        if isinstance(body, RunStarted):
            assert open_run is None
            open_run = (body.experiment, body.attempt)
        elif isinstance(body, RunEnded):
            assert open_run == (body.experiment, body.attempt)
            open_run = None
    assert open_run is None


def test_the_users_files_index_head_and_branches_are_untouched(campaign: Path) -> None:
    (campaign / "train.py").write_text(CANVAS + "# not committed\n")
    (campaign / "untracked.txt").write_text("mine")
    before = {p: p.read_bytes() for p in campaign.iterdir() if p.is_file()}
    head, status = git(campaign, "rev-parse", "HEAD"), git(campaign, "status", "--porcelain")
    ledger = run_to_end(campaign)
    assert {p: p.read_bytes() for p in campaign.iterdir() if p.is_file()} == before
    assert (git(campaign, "rev-parse", "HEAD"), git(campaign, "status", "--porcelain")) == (head, status)
    baseline = git(campaign, "show", f"{ledger.experiments[0].commit}:train.py")
    assert baseline.endswith("# not committed\n"), "the baseline is what was on disk"


def test_the_branch_is_the_kept_line_and_every_attempt_has_its_ref(campaign: Path) -> None:
    ledger = run_to_end(campaign)
    branch = f"refs/heads/autoresearch/{ledger.campaign}"
    kept = [e.commit for e in ledger.experiments.values() if e.verdict is Verdict.KEEP]
    line = git(campaign, "rev-list", branch).split()
    assert line[: len(kept)] == list(reversed(kept))
    for number, experiment in ledger.experiments.items():
        ref = git(campaign, "rev-parse", f"refs/autoresearch/{ledger.campaign}/{number}").strip()
        assert ref == experiment.commit
    subject = git(campaign, "log", "-1", "--format=%s", branch).strip()
    assert ledger.incumbent_experiment is not None
    assert subject == ledger.incumbent_experiment.hypothesis.splitlines()[0]


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


def test_no_text_is_measured_twice(campaign: Path) -> None:
    ledger = run_to_end(campaign, experiments="12")
    marks = [e.fingerprint for e in ledger.experiments.values() if e.runs]
    assert len(marks) == len(set(marks))


def test_every_score_is_the_number_that_its_own_text_prints(campaign: Path) -> None:
    ledger = run_to_end(campaign)
    for number, experiment in ledger.experiments.items():
        values: dict[str, float] = {}
        for line in git(campaign, "show", f"{experiment.commit}:train.py").splitlines():
            name, _, value = line.partition(" = ")
            if name in ("LEARNING_RATE", "BATCH"):
                values[name] = float(value.split("#")[0])
        for run in experiment.runs:
            bowl = 1 + abs(values["LEARNING_RATE"] - 0.02) + (values["BATCH"] / 1024 - 1) * 0.01
            assert run.score == pytest.approx(bowl + 0.0001 * run.seed, abs=1e-6), f"#{number}"


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
    control.propose(campaign, worse, "a large learning rate, to see the edge")

    def adopted(ledger: object) -> bool:
        experiments = ledger.experiments.values()  # type: ignore[attr-defined]
        return any(e.author is Author.HUMAN and e.number and e.verdict for e in experiments)

    ledger = until(campaign, adopted)
    human = next(e for e in ledger.experiments.values() if e.author is Author.HUMAN and e.number)
    assert (human.verdict, human.reason) == (Verdict.KEEP, Reason.HUMAN)
    assert human.delta is not None and human.delta > 0
    control.stop(campaign, now=True)
    gone(campaign)


def test_a_waiting_patch_is_merged_with_what_was_kept_and_the_merged_text_is_measured(campaign: Path) -> None:
    ledger = run_to_end(campaign, experiments="10")
    merged = [e.body for e in entries(campaign) if isinstance(e.body, Merged)]
    assert merged, "with two proposals ahead a keep makes one of them stale"
    for fact in merged:
        started = {r.commit for r in ledger.experiments[fact.experiment].runs}
        assert started <= {fact.commit} or ledger.experiments[fact.experiment].commit != fact.commit


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


def test_an_edit_of_the_program_steers_the_next_proposal_and_a_broken_one_changes_nothing(campaign: Path) -> None:
    control.start(campaign, {"experiments": "60"})
    until(campaign, lambda ledger: ledger.judged >= 1)
    first = {e.program for e in until(campaign, lambda _: True).experiments.values() if e.number}
    (campaign / "program.md").write_text(PROGRAM + "\nTry fewer layers.\n")
    until(campaign, lambda ledger: len({e.program for e in ledger.experiments.values() if e.number}) == 2)
    (campaign / "program.md").write_text("---\nmodle: knobs\n---\n")
    seen = until(campaign, lambda _: True)
    until(campaign, lambda ledger: "program.md is not used as it is now: " in ledger.message)
    later = until(campaign, lambda ledger: len(ledger.experiments) > len(seen.experiments) + 3)
    assert len({e.program for e in later.experiments.values() if e.number}) == 2 and len(first) == 1
    control.stop(campaign, now=True)
    gone(campaign)


def test_a_gain_inside_the_margin_gets_a_confirming_run_on_another_seed(tmp_path: Path) -> None:
    noisy = CANVAS.replace("0.0001 * seed", "0.03 * (seed % 2)")
    ledger = run_to_end(make_campaign(tmp_path / "c", canvas=noisy), experiments="8")
    confirmed = [e for e in ledger.experiments.values() if any(r.purpose is Purpose.CONFIRM for r in e.runs)]
    assert confirmed
    assert all(len(e.scores) == 2 for e in confirmed)


def test_a_score_is_recorded_once_for_each_finished_run(campaign: Path) -> None:
    run_to_end(campaign)
    bodies = [e.body for e in entries(campaign)]
    finished = [(b.experiment, b.attempt) for b in bodies if isinstance(b, RunEnded) and b.outcome is Outcome.FINISHED]
    assert finished == [(b.experiment, b.attempt) for b in bodies if isinstance(b, Scored)]


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


@pytest.mark.parametrize("stale", [StopRequested(), StopRequested(now=True), PauseRequested()], ids=repr)
def test_what_met_no_daemon_does_not_meet_the_next_start(campaign: Path, stale: Body) -> None:
    with Journal(find_home(campaign).journal) as journal:
        journal.append("night", StartRequested(), Answered(1, True), stale)  # its daemon was killed before it read it
    ledger = run_to_end(campaign, experiments="1")
    assert (ledger.campaign, ledger.state, ledger.judged) == ("night", State.FINISHED, 1)
    assert not ledger.unanswered


def test_a_stop_after_the_start_is_heeded_although_the_daemon_came_later(campaign: Path) -> None:
    with Journal(find_home(campaign).journal) as journal:
        journal.append("night", StartRequested(), StopRequested())
    asyncio.run(Engine(campaign, "night", make).run())
    assert control.load(campaign).state is State.STOPPED


def test_a_start_says_what_of_the_program_a_campaign_cannot_change_and_what_an_earlier_start_asked_for(
    campaign: Path,
) -> None:
    assert control.start(campaign, {"experiments": "60"}).message.endswith(" runs: python train.py")
    until(campaign, lambda ledger: ledger.judged >= 1)
    control.stop(campaign, now=True)
    gone(campaign)
    (campaign / "program.md").write_text(PROGRAM.replace("budget: 2s", "budget: 3s\nmetric: loss"))
    said = control.start(campaign).message
    assert "--experiments 60 of an earlier start still holds; it keeps the budget and metric that it began with" in said
    control.stop(campaign, now=True)
    gone(campaign)


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


def test_a_text_that_git_cannot_take_is_refused_and_the_campaign_goes_on(campaign: Path) -> None:
    ledger = run_to_end(campaign, experiments="1")
    text = ProposeRequested(CANVAS.replace("0.04", "0.5"), "an idea", base="no such commit")
    with Journal(find_home(campaign).journal) as journal:
        journal.append(ledger.campaign, StartRequested({"experiments": "2"}), text)
    asyncio.run(Engine(campaign, ledger.campaign, make).run())
    ledger = control.load(campaign)
    answers = [e.body for e in entries(campaign) if isinstance(e.body, Answered) and not e.body.ok]
    assert (ledger.state, ledger.judged, ledger.unanswered) == (State.FINISHED, 2, {})
    assert len(answers) == 1 and "no such commit" in answers[0].message


def test_a_note_is_answered_at_once_and_kept(campaign: Path) -> None:
    control.start(campaign, {"experiments": "60"})
    assert "nobody reads it now: 'knobs'" in control.note(campaign, "try a smaller batch").message
    assert [n.text for n in control.load(campaign).notes] == ["try a smaller batch"]
    control.stop(campaign, now=True)
    gone(campaign)


def test_a_queue_of_zero_is_a_serial_loop(tmp_path: Path) -> None:
    program = PROGRAM.replace("queue: 2", "queue: 0")
    ledger = run_to_end(make_campaign(tmp_path / "c", program), experiments="4")
    assert ledger.judged == 4
    proposed = {
        b.experiment: n for n, b in enumerate(e.body for e in entries(tmp_path / "c")) if isinstance(b, Proposed)
    }
    judged = {b.experiment: n for n, b in enumerate(e.body for e in entries(tmp_path / "c")) if isinstance(b, Judged)}
    assert all(proposed[n + 1] > judged[n] for n in range(1, 4))


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


def test_an_agent_that_writes_plain_ends_leaves_those_of_the_canvas(tmp_path: Path) -> None:
    program = PROGRAM.replace("model: knobs", "command: python agent.py")
    campaign = make_campaign(tmp_path / "c", program, CANVAS.replace("\n", "\r\n").removesuffix("\r\n"))
    agent = (
        "import pathlib, random\ncanvas = pathlib.Path('train.py')\n"
        "text = canvas.read_text().replace('= 0.04', f'= {random.random()}')\n"
        "canvas.write_text(text + '\\n')\n"
    )
    (campaign / "agent.py").write_text(agent)
    git(campaign, "config", "core.autocrlf", "false")
    ledger = run_to_end(campaign, experiments="1")
    text = Repo(campaign).text_at(ledger.experiments[1].commit, "train.py")
    assert text.count("\r\n") == text.count("\n") > 5 and text.endswith('12.5")')


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


def make_link(campaign: Path) -> None:
    (campaign / "train.py").rename(campaign / "real.py")
    (campaign / "train.py").symlink_to("real.py")


def make_ignored(campaign: Path) -> None:
    (campaign / ".gitignore").write_text("train.py\n")
    git(campaign, "rm", "-q", "--cached", "train.py")


@pytest.mark.parametrize(
    ("prepare_disk", "sentence"),
    [
        pytest.param(lambda c: (c / "train.py").unlink(), "train.py: not found beside program.md", id="missing"),
        pytest.param(lambda c: (c / "train.py").write_bytes(b"x = '\xff'"), "not UTF-8 (byte 5)", id="not UTF-8"),
        pytest.param(
            lambda c: (c / "train.py").write_text("version https://git-lfs.github.com/spec/v1\n"), "LFS", id="LFS"
        ),
        pytest.param(lambda c: (c / "train.py").write_text("def f(:\n"), "train.py, line 1", id="a syntax error"),
        pytest.param(make_link, "train.py: a symbolic link", id="a link"),
        pytest.param(make_ignored, "train.py: git ignores it", id="ignored by git"),
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
    assert control.load(campaign).created is None, "mended, the next start begins it"
