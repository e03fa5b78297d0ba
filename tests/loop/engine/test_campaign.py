"""The one way to add facts: what is recorded is known at once, and every intent meets its handler once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from loop.record.campaign_facts import Answered, StateChanged
from loop.record.intents import NoteAdded, PauseRequested, StopRequested
from loop.record.types import Cause, JournalError, Refused, State
from tests.loop.engine.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_what_is_recorded_is_known_at_once_with_what_others_wrote_meanwhile(desk: Desk) -> None:
    desk.made.record(NoteAdded("from outside"))
    desk.campaign.record(StateChanged(State.PAUSED, "wait", cause=Cause.ASKED))
    ledger = desk.campaign.ledger
    assert (ledger.state, [note.text for note in ledger.notes]) == (State.PAUSED, ["from outside"])


def test_an_intent_waits_for_its_handler_and_is_acted_on_in_order(desk: Desk) -> None:
    asked = [desk.ask(NoteAdded("a")), desk.ask(PauseRequested()), desk.ask(NoteAdded("b"))]
    met: list[int] = []

    def act(_: object, intent: int) -> None:
        met.append(intent)
        desk.campaign.answer(intent, True, "")

    desk.campaign.handle({NoteAdded: act, PauseRequested: act})
    later = desk.ask(NoteAdded("c"))
    desk.campaign.sync()
    assert met == [*asked, later]


def test_an_intent_that_cannot_be_dealt_with_is_answered_with_why(desk: Desk) -> None:
    def refuse(_: object, intent: int) -> None:
        raise Refused("no such thing; name another")

    desk.campaign.handle({NoteAdded: refuse})
    asked = desk.ask(NoteAdded("a"))
    assert desk.facts(Answered)[-1] == Answered(asked, False, "no such thing; name another")


def test_a_broken_journal_is_no_intents_fault(desk: Desk) -> None:
    def fail(_: object, intent: int) -> None:
        raise JournalError("the journal could not be written")

    desk.campaign.handle({StopRequested: fail})
    with pytest.raises(JournalError):
        desk.ask(StopRequested())


def test_a_sentence_for_people_leaves_state_and_cause(desk: Desk) -> None:
    desk.campaign.record(StateChanged(State.PAUSED, "5 crashes", cause=Cause.CRASHES))
    desk.campaign.say("the branch follows again")
    ledger = desk.campaign.ledger
    assert (ledger.state, ledger.cause, ledger.message) == (State.PAUSED, Cause.CRASHES, "the branch follows again")


async def test_news_wakes_whoever_waits(desk: Desk) -> None:
    waits = asyncio.create_task(desk.campaign.news())
    await asyncio.sleep(0)
    assert not waits.done()
    desk.made.record(NoteAdded("from outside"))
    desk.campaign.sync()
    await asyncio.wait_for(waits, 60)


def test_a_resume_takes_back_a_pause_and_asks_for_proposals_again(desk: Desk) -> None:
    desk.campaign.pause("no key", Cause.PROPOSALS)
    desk.campaign.exhausted = "no key"
    desk.campaign.record(*filter(None, [desk.campaign.paused]))
    desk.campaign.resume()
    assert (desk.campaign.paused, desk.campaign.exhausted) == (None, "")
    assert (desk.campaign.ledger.state, desk.campaign.ledger.cause) == (State.RUNNING, Cause.ASKED)
