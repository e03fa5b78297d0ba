"""What is asked of a daemon: a start, a pause, a stop, a text, a note; and a terminal that hangs up."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from loop.control import control, queueing
from loop.engine.engine import Engine
from loop.proposers import make
from loop.record.home import find_home
from loop.record.intents import StartRequested, StopRequested
from loop.record.journal import Journal
from loop.record.types import Author, Outcome, Reason, Refused, State, Verdict
from tests.stub import CANVAS, DEADLINE_S, daemon, ended, gone, make_campaign, run_to_end, until

SLOW = CANVAS.replace("time.sleep(0.02)", "time.sleep(30)")


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


def test_a_stop_after_the_start_is_heeded_although_the_daemon_came_later(campaign: Path) -> None:
    with Journal(find_home(campaign).journal) as journal:
        journal.append("night", StartRequested(), StopRequested())
    asyncio.run(Engine(campaign, "night", make).run())
    assert control.load(campaign).state is State.STOPPED


def test_a_note_is_answered_at_once_and_kept(campaign: Path) -> None:
    control.start(campaign, {"experiments": "60"})
    assert "nobody reads it now: 'knobs'" in queueing.note(campaign, "try a smaller batch").message
    assert [n.text for n in control.load(campaign).notes] == ["try a smaller batch"]
    control.stop(campaign, now=True)
    gone(campaign)
