"""The run that is started ahead: a bet that is taken back as a whole."""

from __future__ import annotations

import asyncio
from pathlib import Path

from loop.engine.plan import Planned
from loop.proposers import Proposal
from loop.record.campaign_facts import StateChanged
from loop.record.experiment_facts import Merged
from loop.record.types import Author, Cause, Purpose, State
from tests.loop.engine.desk import BASE, Desk

FIRST, SECOND = BASE.replace("0.1", "0.2"), BASE.replace("0.1", "0.3")
MEASURE = Planned(Purpose.MEASURE, 0)


async def test_a_proposal_that_comes_after_the_drop_starts_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.staging.ahead(desk.propose(FIRST))
    await desk.staging.drop()  # as a pause does it
    desk.propose(SECOND)
    desk.staging.again()
    await asyncio.sleep(0)
    assert desk.runner.staged == []


async def test_the_run_that_was_started_ahead_is_taken_when_its_turn_comes(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    first, second = desk.propose(FIRST), desk.propose(SECOND)
    desk.staging.ahead(first)
    taken = await desk.staging.take(desk.campaign.ledger.experiments[second], MEASURE)
    assert [taken] == desk.runner.staged and (taken.number, taken.closed) == (second, False)


async def test_a_run_that_was_started_for_nothing_is_closed_and_recorded_nowhere(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    first, second = desk.propose(FIRST), desk.propose(SECOND)
    entries = len(desk.made.journal.read())
    desk.staging.ahead(first)
    again = Planned(Purpose.CONFIRM, 1)  # the first one gets another pair: the second has to wait
    taken = await desk.staging.take(desk.campaign.ledger.experiments[first], again)
    assert [(run.number, run.closed) for run in desk.runner.staged] == [(second, True), (first, False)]
    assert (taken.seed, len(desk.made.journal.read())) == (1, entries)


async def test_a_run_that_was_started_with_another_text_is_not_taken(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    first, second = desk.propose(FIRST), desk.propose(SECOND)
    desk.staging.ahead(first)
    await asyncio.sleep(0)
    before = desk.campaign.ledger.experiments[second]
    parent = desk.campaign.tip.commit
    merged = desk.canvases.commit(second, parent, Proposal(SECOND + "X = 1\n", "an idea", Author.KNOBS, "someone"))
    desk.campaign.record(Merged(second, merged, parent, 2, 1, "another"))
    taken = await desk.staging.take(desk.campaign.ledger.experiments[second], MEASURE)
    assert [(run.commit, run.closed) for run in desk.runner.staged] == [(before.commit, True), (merged, False)]
    assert taken.commit == merged != before.commit


async def test_a_run_that_cannot_be_started_ahead_is_staged_when_its_turn_comes(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    first, second = desk.propose(FIRST), desk.propose(SECOND)
    stage, failures = desk.runner.stage, [OSError("no room")]

    async def fails_once(*arguments: object) -> object:
        if failures:
            raise failures.pop()
        return await stage(*arguments)

    desk.runner.stage = fails_once
    desk.staging.ahead(first)
    taken = await desk.staging.take(desk.campaign.ledger.experiments[second], MEASURE)
    assert taken.number == second and not failures


async def test_a_pause_is_recorded_once_frees_what_waits_and_ends_by_a_resume(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    first, _ = desk.propose(FIRST), desk.propose(SECOND)
    desk.staging.ahead(first)
    desk.campaign.pause("wait", Cause.ASKED)
    waits = asyncio.create_task(desk.staging.pause_here())
    while desk.campaign.ledger.state is not State.PAUSED:
        await asyncio.sleep(0)
    desk.campaign.tell()  # any news: still paused, and said once
    await asyncio.sleep(0)
    desk.campaign.resume()
    await waits
    states = [(s.state, s.cause) for s in desk.facts(StateChanged)][-2:]
    assert states == [(State.PAUSED, Cause.ASKED), (State.RUNNING, Cause.ASKED)]
    assert all(run.closed for run in desk.runner.staged)
