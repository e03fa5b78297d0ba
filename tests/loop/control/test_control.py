"""What outsiders may ask for, and the sentences of what is refused."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from loop.control import control
from loop.control.asking import answer_to
from loop.record.campaign_facts import Answered, StateChanged
from loop.record.entries import Entry
from loop.record.home import find_home
from loop.record.intents import StartRequested
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.lock import beat, holding, is_alive
from loop.record.types import JournalError, Refused, State
from loop.views.state import message_text
from loop.views.status import status_dict, status_line
from tests.stub import PROGRAM, git, make_campaign


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    return make_campaign(tmp_path / "c")


def test_a_folder_without_a_program_or_a_repository_is_refused_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="autoresearch init"):
        control.start(tmp_path)
    (tmp_path / "program.md").write_text(PROGRAM)
    with pytest.raises(Refused, match="git init"):
        control.start(tmp_path)


def test_a_program_with_problems_is_refused_with_all_of_them_before_anything_is_written(campaign: Path) -> None:
    (campaign / "program.md").write_text("---\nmodle: knobs\nbudget: soon\n---\n")
    with pytest.raises(Refused) as refusal:
        control.start(campaign)
    assert "line 2" in str(refusal.value) and "line 3" in str(refusal.value)
    assert not find_home(campaign).journal.exists()


def test_a_full_disk_is_refused_with_what_is_needed_before_anything_is_written(
    campaign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loop.record.disk.free_mb", lambda _: 12.3)
    with pytest.raises(Refused, match=r"has 12 MB free and a campaign needs 256 MB; free some"):
        control.start(campaign)
    assert not find_home(campaign).root.exists()


def test_going_on_without_git_says_so(campaign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(find_home(campaign).journal) as journal:
        journal.append("night", StateChanged(State.STOPPED, "stopped"))
    monkeypatch.setenv("PATH", str(campaign))
    monkeypatch.setenv("GIT_PYTHON_GIT_EXECUTABLE", "")
    with pytest.raises(Refused, match="git was not found; install git"):
        control.start(campaign)


@pytest.mark.parametrize("ask", [control.pause, control.resume, control.stop], ids=lambda f: f.__name__)
def test_what_needs_a_running_campaign_says_that_none_runs(campaign: Path, ask: object) -> None:
    with pytest.raises(Refused, match="no campaign has been started"):
        ask(campaign)  # type: ignore[operator]
    with Journal(find_home(campaign).journal) as journal:
        journal.append("night", StateChanged(State.STOPPED, "stopped"))
    with pytest.raises(Refused, match="'autoresearch start' continues"):
        ask(campaign)  # type: ignore[operator]


def test_an_answer_is_awaited_only_as_long_as_a_daemon_lives(campaign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = find_home(campaign)
    with Journal(home.journal) as journal, holding(home.lock) as mine:
        assert mine and is_alive(home)
        first, second, third = (journal.append("night", StartRequested())[0] for _ in range(3))
        journal.append("night", Answered(first.seq, True, "it runs"))
        assert answer_to(home, journal, first).message == "it runs"
        journal.append("night", Answered(second.seq, False, "train.py, line 2: no"))
        with pytest.raises(Refused, match="line 2"):
            answer_to(home, journal, second)
    monkeypatch.setattr("loop.control.asking.SPAWN_S", 0.0)
    with Journal(home.journal) as journal, pytest.raises(Refused, match=r"ended without an answer; its log is .*log"):
        answer_to(home, journal, third)


def test_a_daemon_that_shows_no_life_is_said_not_to_answer(campaign: Path) -> None:
    home = find_home(campaign)
    with Journal(home.journal) as journal, holding(home.lock):
        home.lock.write_text("night")
        journal.append("night", StartRequested(), StateChanged(State.RUNNING, "baseline measured"))
        beat(home)
        assert control.silent_s(campaign) == 0.0
        then = time.time() - 610
        os.utime(home.beat, (then, then))
        ledger = control.load(campaign)
        silent = control.silent_s(campaign)
        assert silent == 600.0
        assert status_line(ledger, None, True, silent).startswith("◌ no answer for 10 min")
        assert "has not answered for 10 min" in message_text(ledger, True, silent)
        assert status_dict(ledger, None, True, silent)["silent_s"] == 600.0
        answer = control.pause(campaign)
        assert answer.message.startswith("recorded; the daemon has not answered for 10 min")
    assert status_line(ledger, None, False, silent).startswith("✗ interrupted"), "a dead one is gone and not silent"


def test_an_old_beat_of_a_daemon_that_was_killed_is_no_silence_of_a_finished_campaign(campaign: Path) -> None:
    ledger = Ledger("night").feed([Entry(1, "night", 0.0, StateChanged(State.FINISHED, "done"))])
    assert status_line(ledger, None, True, 30.0).startswith("✓") and message_text(ledger, True, 30.0) == "done"


def test_a_lock_dies_with_its_owner(campaign: Path) -> None:
    home = find_home(campaign)
    assert not is_alive(home)
    with holding(home.lock) as mine, holding(home.lock) as theirs:
        assert (mine, theirs) == (True, False)
    assert not is_alive(home)


def test_an_unreadable_journal_is_named_and_left_as_it_is(campaign: Path) -> None:
    journal = find_home(campaign).journal
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b"no database" * 100)
    with pytest.raises(JournalError, match=r"journal\.db"):
        control.load(campaign)
    assert journal.read_bytes() == b"no database" * 100


def test_the_home_of_a_linked_worktree_is_that_of_its_repository(campaign: Path, tmp_path: Path) -> None:
    git(campaign, "worktree", "add", "-q", str(tmp_path / "linked"))
    assert find_home(tmp_path / "linked") == find_home(campaign)


@pytest.mark.parametrize("name", ["a..b", "a.", "a.lock"])
def test_a_campaign_has_no_name_that_git_refuses(campaign: Path, name: str) -> None:
    with pytest.raises(Refused, match="as git wants it"):
        control.start(campaign, campaign=name)
