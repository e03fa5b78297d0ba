"""Campaigns in repositories of every kind: sub-folders, ignored data, line ends, branches that the user works on."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.control import control
from loop.git.repo import Repo
from loop.record.types import Refused, State
from tests.stub import CANVAS, PROGRAM, ended, git, gone, make_campaign, run_to_end, until


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
