"""What outsiders ask for: answered once, before and after the campaign is open."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.engine.answering import LATE, Answering
from loop.engine.humans import Humans
from loop.record.campaign_facts import Answered
from loop.record.entries import Body
from loop.record.intents import (
    NoteAdded,
    PauseRequested,
    ProposeRequested,
    ResumeRequested,
    StartRequested,
    StopRequested,
    VerifyRequested,
    WithdrawRequested,
)
from loop.record.types import Cause
from tests.loop.engine.desk import BASE, Desk


class Counter(Desk):
    """A desk where outsiders are answered; the start that began its campaign is answered already."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.campaign.answer(1, True, "runs")
        self.answering = Answering(self.campaign)

    def open(self) -> None:
        self.answering.open(Humans(self.campaign, self.backlog, self.inspection))

    def said(self, intent: int) -> tuple[bool, str] | None:
        return next(((a.ok, a.message) for a in self.facts(Answered) if a.intent == intent), None)


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    return Counter(tmp_path)


@pytest.mark.parametrize(
    ("intent", "said"),
    [
        (PauseRequested(), "pausing after this experiment"),
        (ResumeRequested(), "resumed"),
        (StopRequested(), "stopping after this experiment"),
        (StopRequested(now=True), "stopping now"),
        (NoteAdded("try fewer heads"), "recorded"),
    ],
    ids=str,
)
def test_what_needs_no_open_campaign_is_answered_from_the_first_moment(
    counter: Counter, intent: Body, said: str
) -> None:
    assert counter.said(counter.ask(intent)) == (True, said)


def test_the_rest_waits_until_the_campaign_is_open(counter: Counter) -> None:
    asked = [
        counter.ask(ProposeRequested(BASE.replace("0.1", "0.5"), "an idea", removes=0)),
        counter.ask(WithdrawRequested(0)),
        counter.ask(VerifyRequested()),
        counter.ask(StartRequested()),
    ]
    assert [counter.said(intent) for intent in asked] == [None] * 4
    counter.open()
    assert [counter.said(intent) for intent in asked] == [
        (True, "cost will be measured as #1"),
        (True, "#1 is not measured"),
        (True, "verifies at the next run's boundary; the headline is in status and report"),
        (True, "already running"),
    ]


def test_a_stop_is_after_the_experiment_unless_it_is_meant_now(counter: Counter) -> None:
    counter.ask(StopRequested())
    assert counter.campaign.stopping and not counter.campaign.interrupted.is_set()
    counter.ask(StopRequested(now=True))
    assert counter.campaign.interrupted.is_set()


@pytest.mark.parametrize("stale", [PauseRequested(), ResumeRequested(), StopRequested(now=True)], ids=str)
def test_what_met_no_daemon_does_not_meet_the_next_start(tmp_path: Path, stale: Body) -> None:
    desk = Desk(tmp_path)
    asked = desk.ask(stale)
    desk.ask(StartRequested())
    Answering(desk.campaign)
    assert desk.facts(Answered)[-1] == Answered(asked, False, LATE)
    assert not (desk.campaign.paused or desk.campaign.stopping or desk.campaign.interrupted.is_set())


def test_a_start_of_another_folder_is_told_to_wait(counter: Counter) -> None:
    counter.open()
    ok, why = counter.said(counter.ask(StartRequested(folder="deep/er"))) or (True, "")
    assert not ok and "runs in another folder of this repository" in why


def test_a_second_start_resumes_a_paused_campaign(counter: Counter) -> None:
    counter.open()
    counter.ask(PauseRequested())
    assert counter.campaign.paused is not None and counter.campaign.paused.cause is Cause.ASKED
    counter.ask(StartRequested())
    assert counter.campaign.paused is None
