"""Which campaign is meant, in a repository with one campaign folder and in one with several."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loop.cli.app import main
from loop.control import control, queueing
from loop.control.asking import answer_to
from loop.record.campaign_facts import CampaignCreated, Imported, StateChanged
from loop.record.entries import Body
from loop.record.experiment_facts import Judged, Proposed
from loop.record.home import find_home
from loop.record.intents import NoteAdded, StartRequested
from loop.record.journal import Journal
from loop.record.lock import holding, is_alive, served
from loop.record.types import Author, Metric, Reason, Refused, ScoreSource, State, Verdict
from loop.setup import campaigns
from loop.views.state import message_text
from loop.views.status import status_line
from tests.stub import CANVAS, PROGRAM, git, make_campaign

PAST = Imported("", 0.9979, 44.0, Verdict.KEEP, "baseline")
BROKEN = [Proposed(0, "c", "", "the baseline", Author.HUMAN, "human", 0, 0), Judged(0, Verdict.CRASH, Reason.FAILED)]
STOPPED, FINISHED = StateChanged(State.STOPPED), StateChanged(State.FINISHED)


def created(folder: str) -> CampaignCreated:
    source = ScoreSource.SELF_REPORTED
    return CampaignCreated(folder, "train.py", "python train.py", "5m", Metric(), source, "", "", "", "c")


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a campaign folder at its top and two below."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    top = make_campaign(tmp_path / "mono repo")
    for name in ("a", "b"):
        (top / name).mkdir()
        (top / name / "program.md").write_text(PROGRAM)
        (top / name / "train.py").write_text(CANVAS)
    return top


@pytest.fixture
def journal(top: Path) -> Iterator[Journal]:
    with Journal(find_home(top).journal) as journal:
        yield journal


def test_a_folder_keeps_the_dot_of_its_name(top: Path, journal: Journal) -> None:
    (top / ".lab").mkdir()
    journal.append("lab1", StartRequested({}, ".lab"), created(".lab"))
    assert (campaigns.where(top), campaigns.where(top / ".lab")) == ("", ".lab")
    assert campaigns.choose(journal, top / ".lab") == "lab1"


@pytest.mark.parametrize(("folder", "meant"), [("", "top"), ("a", "a1"), ("b", "b2")])
def test_each_folder_means_its_own_last_campaign(top: Path, journal: Journal, folder: str, meant: str) -> None:
    for name, place in (("b1", "b"), ("a1", "a"), ("b2", "b"), ("top", "")):
        journal.append(name, StartRequested({}, place), created(place), FINISHED)
    assert campaigns.choose(journal, top / folder) == meant
    assert campaigns.choose(journal, top / folder, "b1") == "b1", "the one named wins"
    with pytest.raises(Refused, match=r"no campaign b9 .* there are: top, b2, a1, b1"):
        campaigns.choose(journal, top / folder, "b9")


def test_the_last_campaign_is_the_one_with_the_last_entry(top: Path, journal: Journal) -> None:
    journal.append("first", created(""), STOPPED)
    journal.append("second", created(""), STOPPED)
    assert campaigns.choose(journal, top) == "second"
    journal.append("first", NoteAdded("go on with this one"))
    assert campaigns.choose(journal, top) == campaigns.to_start(journal, top) == "first"


def test_an_import_hides_no_night_and_is_what_the_next_start_begins(top: Path, journal: Journal) -> None:
    journal.append("night", created("a"), FINISHED)
    name = queueing.take_in(top / "a", [PAST]).campaign
    assert campaigns.choose(journal, top / "a") == "night"
    assert campaigns.to_start(journal, top / "a") == campaigns.to_start(journal, top / "a", new=True) == name != "night"
    assert campaigns.to_start(journal, top / "b") not in (name, "night"), "it is history of its own folder"
    assert queueing.take_in(top / "a", [PAST]).campaign == name
    queueing.note(top / "a", "for the next night", campaign=name)
    assert campaigns.choose(journal, top / "a") == "night"
    journal.append(name, StartRequested({}, "a"))
    assert campaigns.choose(journal, top / "a") == name


def test_where_there_is_only_an_import_it_is_shown(top: Path, journal: Journal) -> None:
    name = queueing.take_in(top, [PAST]).campaign
    ledger = control.load(top)
    assert ledger.campaign == name and len(ledger.history) == 1
    assert status_line(ledger, None, alive=False) == "◌ not begun"
    assert message_text(ledger, alive=False) == "not begun; 'autoresearch start' begins it"
    journal.append(name, StartRequested({}, ""))
    assert status_line(control.load(top), None, alive=False) == "✗ interrupted"


def test_a_folder_without_a_campaign_says_so_and_names_those_of_others(top: Path, journal: Journal) -> None:
    with pytest.raises(Refused, match="in this repository; 'autoresearch start' starts one"):
        campaigns.choose(journal, top / "b")
    journal.append("a1", created("a"))
    with pytest.raises(Refused, match=r"in the folder 'b'; .* there are: a1 \('--campaign NAME'"):
        campaigns.choose(journal, top / "b")


@pytest.mark.parametrize(
    ("past", "named", "new", "expected"),
    [
        pytest.param([], None, False, None, id="the first is named after the day"),
        pytest.param([STOPPED], None, False, "night", id="an unfinished one continues"),
        pytest.param([FINISHED], None, False, None, id="after a finished one comes a new one"),
        pytest.param([STOPPED], None, True, None, id="a new one when asked for"),
        pytest.param([STOPPED], "other", False, "other", id="the one named"),
        pytest.param([*BROKEN, STOPPED], None, False, None, id="a baseline that does not run is not run again"),
        pytest.param([created("b"), STOPPED], None, False, None, id="that of another folder does not go on here"),
    ],
)
def test_which_campaign_a_start_means(
    top: Path, journal: Journal, past: list[Body], named: str | None, new: bool, expected: str | None
) -> None:
    if past:
        journal.append("night", *past)
    name = campaigns.to_start(journal, top / "a", named, new)
    assert name == expected if expected else name not in ("night", "other")


@pytest.mark.parametrize("name", ["Night", "", "a b", "../x", "-x", "x" * 50])
def test_a_campaigns_name_must_do_as_a_branch_and_a_folder(top: Path, journal: Journal, name: str) -> None:
    with pytest.raises(Refused, match="lower-case letters"):
        campaigns.to_start(journal, top, name)


def test_a_name_that_is_taken_is_refused(top: Path, journal: Journal) -> None:
    journal.append("night", created("b"))
    with pytest.raises(Refused, match="is of the folder 'b'; start it there"):
        campaigns.to_start(journal, top / "a", "night")
    with pytest.raises(Refused, match="campaign night exists"):
        campaigns.to_start(journal, top / "b", "night", new=True)


def test_a_branch_of_the_users_own_is_not_taken_for_a_campaign(top: Path, journal: Journal) -> None:
    today = campaigns.to_start(journal, top)
    git(top, "branch", f"autoresearch/{today}")
    assert campaigns.to_start(journal, top) == f"{today}-2"


def test_what_runs_in_another_folder_is_named(top: Path, journal: Journal) -> None:
    journal.append("b1", created("b"), STOPPED)
    journal.append("a1", created("a"), StateChanged(State.RUNNING))
    home = find_home(top)
    with holding(home.lock):
        home.lock.write_text("a1")
        assert control.is_running(top, control.load(top / "a"))
        assert not control.is_running(top, control.load(top / "b"))
        for ask in (control.pause, control.stop, control.start):
            with pytest.raises(Refused, match="campaign a1 of the folder 'a' runs in this repository"):
                ask(top / "b")
        assert "recorded; nobody reads it now" in queueing.note(top / "b", "later").message
        with pytest.raises(Refused, match=r"started in the top of the repository; .*a1 of the folder 'a' runs"):
            control.stop(top)


def _asks(home: Path, ready: object, answers: object) -> None:
    ready.wait()  # type: ignore[attr-defined]
    for _ in range(200):
        answers.put(is_alive(find_home(home)))  # type: ignore[attr-defined]


def test_readers_that_ask_at_once_do_not_take_each_other_for_a_daemon(top: Path) -> None:
    find_home(top).root.mkdir(parents=True, exist_ok=True)
    find_home(top).lock.touch()
    context = multiprocessing.get_context("spawn")
    ready, answers = context.Barrier(2), context.Queue()
    readers = [context.Process(target=_asks, args=(top, ready, answers)) for _ in range(2)]
    for reader in readers:
        reader.start()
    assert not any(answers.get(timeout=60) for _ in range(400))
    for reader in readers:
        reader.join()


def test_the_second_of_two_starts_at_once_is_answered_with_what_runs(top: Path, journal: Journal) -> None:
    home = find_home(top)
    with holding(home.lock):
        home.lock.write_text("first")
        assert served(home) == "first"
        late = journal.append("second", StartRequested({}, ""))[0]
        command = [sys.executable, "-P", "-m", "loop.engine.daemon", "--attached", "--folder", str(top), "--campaign"]
        assert subprocess.run([*command, "second"], timeout=120).returncode == 1
        with pytest.raises(Refused, match="campaign first runs in this repository; stop it first"):
            answer_to(home, journal, late)
        again = journal.append("first", StartRequested({}, ""))[0].seq
        assert subprocess.run([*command, "first"], timeout=120).returncode == 1
        assert again in campaigns.read(journal, "first").unanswered, "its own daemon answers that"


def test_a_daemon_takes_its_name_out_of_the_lock_however_it_ends(top: Path) -> None:
    command = [
        sys.executable,
        "-P",
        "-m",
        "loop.engine.daemon",
        "--attached",
        "--folder",
        str(top),
        "--campaign",
        "first",
    ]
    home, no_git = find_home(top), {**os.environ, "PATH": os.devnull}
    home.lock.parent.mkdir(parents=True, exist_ok=True)
    home.lock.write_text("killed")
    assert subprocess.run(command, env=no_git, timeout=120).returncode == 1
    assert (home.lock.read_text(), served(home)) == ("", None)


@pytest.mark.parametrize("verb", ["status", "results", "report", "note", "propose"])
def test_a_campaign_can_be_named_wherever_one_is_asked_about(
    top: Path, journal: Journal, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.append("old", created(""), FINISHED)
    more = {"note": ["text"], "propose": [str(top / "train.py")]}.get(verb, [])
    assert main(["-C", str(top), verb, *more, "--campaign", "older"]) == 1
    assert "no campaign older in this repository; there are: old" in capsys.readouterr().err
