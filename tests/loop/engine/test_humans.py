"""What humans propose and take back, and what each is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.engine.answering import Answering
from loop.engine.humans import Humans
from loop.record.campaign_facts import Answered
from loop.record.experiment_facts import Judged, RunStarted
from loop.record.intents import ProposeRequested, WithdrawRequested
from loop.record.types import Author, Purpose, Reason, Verdict
from tests.loop.engine.desk import BASE, Desk

MINE = BASE.replace("0.1", "0.5")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    Answering(desk.campaign).open(Humans(desk.campaign, desk.backlog, desk.inspection))
    return desk


def said(desk: Desk, intent: int) -> tuple[bool, str]:
    return next((a.ok, a.message) for a in desk.facts(Answered) if a.intent == intent)


def test_a_text_is_numbered_and_answered_in_one_transaction(desk: Desk) -> None:
    intent = desk.ask(ProposeRequested(MINE, "to see the edge"))
    assert said(desk, intent) == (True, "queued as #1")
    human = desk.campaign.ledger.experiments[1]
    assert (human.author, human.intent, desk.made.text(1)) == (Author.HUMAN, intent, MINE)
    entries = desk.made.journal.read()
    assert entries[-1].at == entries[-2].at, "the number and the answer are one commit of the journal"


def test_the_incumbents_own_text_is_not_measured(desk: Desk) -> None:
    desk.ask(ProposeRequested(MINE, "to see the edge"))
    desk.made.judge(1, 0.9)
    desk.campaign.sync()
    ok, why = said(desk, desk.ask(ProposeRequested(MINE + "# a remark\n", "once more")))
    assert not ok and "nothing to measure" in why


def test_a_text_that_git_cannot_take_is_refused_with_gits_words(desk: Desk) -> None:
    ok, why = said(desk, desk.ask(ProposeRequested(MINE, "an idea", base="no such commit")))
    assert not ok and "no such commit" in why and not desk.campaign.ledger.unanswered.keys() - {1}


@pytest.mark.parametrize(
    ("past", "ok", "told"),
    [
        pytest.param("waits", True, "#1 is not measured", id="waits"),
        pytest.param("runs", True, "#1 runs already and will not be adopted", id="runs"),
        pytest.param("kept", True, "#1 is measured and was adopted; your file is not the branch's there", id="kept"),
        pytest.param("crashed", True, "#1 is not adopted", id="crashed"),
        pytest.param("nothing", False, "no revert of #0 waits to be measured", id="nothing"),
    ],
)
def test_a_revert_that_is_taken_back(desk: Desk, past: str, ok: bool, told: str) -> None:
    asked = desk.ask(ProposeRequested(MINE, "Without #0", removes=0)) if past != "nothing" else None
    if past == "runs":
        commit = desk.campaign.ledger.experiments[1].commit
        desk.campaign.record(RunStarted(1, 1, Purpose.MEASURE, 0, commit))
    if past == "kept":
        desk.made.judge(1, 0.9)
    if past == "crashed":
        desk.campaign.record(Judged(1, Verdict.CRASH, Reason.FAILED))
    desk.campaign.sync()
    assert said(desk, desk.ask(WithdrawRequested(0, asked))) == (ok, told)
    assert past == "nothing" or desk.campaign.ledger.experiments[1].withdrawn


def test_of_two_reverts_the_named_one_is_taken_back_else_the_newest(desk: Desk) -> None:
    texts = [BASE.replace("0.1", f"0.{n}") for n in (5, 6, 7)]
    first, *_ = [desk.ask(ProposeRequested(text, "Without #0", removes=0)) for text in texts]
    assert said(desk, desk.ask(WithdrawRequested(0, first))) == (True, "#1 is not measured")
    assert said(desk, desk.ask(WithdrawRequested(0))) == (True, "#3 is not measured")
    assert [e.withdrawn for e in desk.campaign.ledger.experiments.values()] == [False, True, False, True]
