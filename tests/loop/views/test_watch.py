"""The loop that follows the journal."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from loop.record.campaign_facts import StateChanged
from loop.record.entries import Body
from loop.record.home import Home, find_home
from loop.record.journal import Journal
from loop.record.types import (
    Reason,
    Refused,
    State,
)
from loop.runs.progress import present_progress
from loop.views.state import silence_text
from loop.views.view import render
from loop.views.watch import Means, watch
from tests.loop.views.evening import (
    BASELINE,
    CLAIMED,
    MIDWAY,
    SEALED,
    created,
    experiment,
    ledger,
    proposed,
    started,
)


class World:
    """A daemon that appends the next bodies while the view sleeps, so that nothing waits for a clock."""

    def __init__(self, home: Home, *steps: list[Body], alive: bool = True) -> None:
        self.home, self.steps, self.living, self.naps = home, list(steps), alive, 0

    def means(self) -> Means:
        return Means(progress=lambda home, shown: MIDWAY, alive=lambda home, campaign: self.living, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.naps += 1
        assert self.naps < 100, "the view does not end"
        if self.steps:
            with Journal(self.home.journal) as journal:
                journal.append("jun14", *self.steps.pop(0))


@pytest.fixture
def home(repository: Path) -> Home:
    found = find_home(repository)
    with Journal(found.journal) as journal:
        journal.append("jun14", *BASELINE)
    return found


END: list[Body] = [StateChanged(State.FINISHED, "3 experiments done")]


def test_without_a_terminal_each_verdict_is_one_line(repository, home, capsys):
    world = World(home, experiment(1, 1.9, Reason.BETTER, -0.1), experiment(2, None, Reason.FAILED), END)
    assert watch(repository, means=world.means()).state is State.FINISHED
    *lines, standing, message = capsys.readouterr().out.splitlines()
    assert lines == [
        "#0  baseline  2.0000  baseline",
        "#1  keep, better  1.9000 ± 0.0030 (−0.1000)  idea 1",
        "#2  crash  train.py, line 40: assert  idea 2",
    ]
    assert standing.startswith("✓ finished · #2 · best 1.9000 (−5.0 %)") and message == "3 experiments done"


def test_without_a_terminal_a_pause_says_once_why_nothing_comes(repository, home, capsys):
    pause = StateChanged(State.PAUSED, "no key; set it, then stop and start again")
    steps = [[pause], [], [StateChanged(State.RUNNING, "resumed")], [], [pause], END]
    watch(repository, means=World(home, *steps).means())
    assert capsys.readouterr().out.splitlines().count("‖ no key; set it, then stop and start again") == 2


def test_a_finished_campaign_is_shown_once_and_left(repository, home, capsys):
    with Journal(home.journal) as journal:
        journal.append("jun14", *END)
    world = World(home)
    watch(repository, means=world.means())
    assert world.naps == 0 and "✓ finished" in capsys.readouterr().out


def test_a_dead_daemon_ends_the_view_with_the_next_step(repository, home, capsys):
    watch(repository, means=World(home, alive=False).means())
    assert "campaign jun14: interrupted; 'autoresearch start' continues" in capsys.readouterr().out


def test_a_daemon_that_does_not_answer_is_said_once_and_shown_until_it_does(repository, home, capsys):
    silences = [0.0, 10.0, 15.0, 0.0]
    world = World(home, [], [], [], [], [], END)
    means = replace(world.means(), silent_s=lambda home: silences.pop(0) if silences else 0.0)
    watch(repository, means=means)
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("◌")] == [
        f"◌ {silence_text(10.0)}"
    ]
    screen = Console(file=io.StringIO(), width=300, color_system=None)
    screen.print(render(ledger(*BASELINE), None, 300, silent_s=10.0))
    assert "◌ the daemon has not answered for 10 s" in screen.file.getvalue()


def test_in_a_terminal_the_picture_follows_the_journal(repository, home):
    screen = Console(file=io.StringIO(), width=100, height=40, force_terminal=True, color_system=None)
    watch(repository, console=screen, means=World(home, experiment(1, 1.9, Reason.BETTER, -0.1), END).means())
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    assert text.index("● running") < text.index("✓ better") < text.index("✓ finished")


def test_ctrl_c_gives_the_terminal_back(repository, home):
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    screen = Console(file=io.StringIO(), width=100, force_terminal=True)
    with pytest.raises(KeyboardInterrupt):
        watch(repository, console=screen, means=Means(lambda h, shown: None, lambda h, campaign: True, interrupt))
    assert screen.file.getvalue().endswith("\x1b[?25h")  # type: ignore[attr-defined]


def test_the_last_campaign_is_shown_unless_one_is_named(repository, home, capsys):
    with Journal(home.journal) as journal:
        journal.append("jun14", *END)
        journal.append("jun15", StateChanged(State.STOPPED, "stopped by hand"))
    assert watch(repository).campaign == "jun15"
    assert watch(repository, "jun14").campaign == "jun14"
    with pytest.raises(Refused, match="no campaign may1 in this repository; there are: jun15, jun14"):
        watch(repository, "may1")


def test_without_a_campaign_the_refusal_says_how_to_start(repository):
    with pytest.raises(Refused, match="'autoresearch start' starts one"):
        watch(repository)
    assert not find_home(repository).journal.exists()


@pytest.mark.parametrize(
    ("source", "file", "text", "share"),
    [
        (SEALED, "progress.json", '{"step": 3, "share": 0.5, "loss": 2.0}', 0.5),
        (SEALED, "progress.json", '{"step": "x"}', None),
        (SEALED, "nothing", "", None),
        (CLAIMED, "run.log", "step 00012 (3.5%) | loss: 5.6\n", 0.035),
        (CLAIMED, "run.log", "hello\n", None),
    ],
)
def test_the_progress_of_the_present_run_is_read_as_untrusted_text(tmp_path, source, file, text, share):
    home, shown = Home(tmp_path), ledger(created(source), proposed(1), started(1))
    folder = home.run("jun14", 1, 1)
    folder.mkdir(parents=True)
    (folder / file).write_text(text)
    found = present_progress(home, shown)
    assert (found.share if found else None) == share
    assert present_progress(home, ledger()) is None
