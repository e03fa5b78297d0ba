"""Proposals keep coming: how many, what becomes of those that would fail, and when no more are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from loop.engine import writing
from loop.engine.writing import Writing
from loop.record.campaign_facts import Spent
from loop.record.experiment_facts import Doomed, Repaired, RunStarted
from loop.record.types import Cause, Failure, FailureKind, ProposalFailed, Purpose
from tests.loop.engine.desk import BASE, Desk

PROGRAM = "---\nmodel: a/model\nqueue: 2\nstop: {experiments: 4}\n---\nLower val_bpb.\n"
TEXTS = [BASE.replace("0.1", f"0.{n}") for n in range(2, 10)]


class Room(Desk):
    """A desk where proposals are written."""

    def __init__(self, folder: Path, program: str = PROGRAM) -> None:
        super().__init__(folder, program=program)
        self.writing = Writing(self.campaign, self.strategy, self.authors, self.backlog, self.inspection, self.staging)

    async def until(self, done: Callable[[], bool]) -> None:
        """Let proposals be written until `done`."""
        work = asyncio.create_task(self.writing.ahead())
        while not done():
            assert not work.done(), work.exception()
            await asyncio.sleep(0.001)
        for _ in range(20):  # whoever would still write has its chance
            await asyncio.sleep(0)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    @property
    def written(self) -> list[str]:
        return [self.made.text(n) for n in self.campaign.ledger.experiments if n]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "LONGEST_WAIT_S", 0.0)


@pytest.mark.parametrize(
    ("queue", "trains", "expected"),
    [(2, True, 2), (2, False, 2), (0, False, 1), (0, True, 0)],
    ids=["two ahead", "two while nothing trains", "a serial loop", "a serial loop whose run trains"],
)
async def test_as_many_are_written_as_the_queue_takes(tmp_path: Path, queue: int, trains: bool, expected: int) -> None:
    room = Room(tmp_path, PROGRAM.replace("queue: 2", f"queue: {queue}"))
    room.proposer.answers = list(TEXTS)
    if trains:
        room.campaign.record(RunStarted(0, 2, Purpose.BASELINE, 1, room.made.baseline))
    await room.until(lambda: len(room.written) >= expected)
    assert room.written == TEXTS[:expected]


async def test_an_edit_of_program_md_steers_the_very_next_proposal(tmp_path: Path) -> None:
    room = Room(tmp_path, PROGRAM.replace("queue: 2", "queue: 1"))
    (room.campaign.folder / "program.md").write_text(PROGRAM + "Try fewer layers.\n")
    room.proposer.answers = list(TEXTS)
    await room.until(lambda: bool(room.written))
    assert "fewer layers" in room.proposer.briefs[0].program.prose
    assert room.campaign.ledger.experiments[1].program == room.strategy.hash


async def test_no_more_are_written_than_the_limit_allows(tmp_path: Path) -> None:
    room = Room(tmp_path, PROGRAM.replace("queue: 2", "queue: 9"))
    room.keep(TEXTS[7])  # one of the four that `stop: {experiments}` allows
    room.proposer.answers = list(TEXTS)
    await room.until(lambda: len(room.written) >= 4)
    assert room.written == [TEXTS[7], *TEXTS[:3]]


async def test_a_patch_that_would_fail_goes_back_to_its_author_before_it_may_run(tmp_path: Path) -> None:
    room = Room(tmp_path, PROGRAM.replace("queue: 2", "queue: 1"))
    room.runner.doomed = lambda text: Failure(FailureKind.ASSERTION, "no") if "broken" in text else None
    room.proposer.answers, room.proposer.repairs = [BASE + "X = 'broken'\n", *TEXTS], [TEXTS[0]]
    await room.until(lambda: bool(room.facts(Repaired)) and room.backlog.first() is not None)
    assert len(room.facts(Doomed)) == 1 and room.written == [TEXTS[0]]


async def test_a_patch_is_repaired_twice_at_most(tmp_path: Path) -> None:
    room = Room(tmp_path, PROGRAM.replace("queue: 2", "queue: 1"))
    room.runner.doomed = lambda text: Failure(FailureKind.ASSERTION, "no")
    broken = [BASE + f"X = {n}\n" for n in range(4)]
    room.proposer.answers, room.proposer.repairs = [broken[0]], list(broken[1:])
    await room.until(lambda: room.backlog.first() is not None)
    assert room.written == [broken[2]] and len(room.facts(Repaired)) == 2


@pytest.mark.parametrize(("finite", "cause"), [(False, Cause.PROPOSALS), (True, None)], ids=["a model", "a search"])
async def test_after_five_failures_in_a_row_a_person_is_asked_unless_everything_was_tried(
    tmp_path: Path, finite: bool, cause: Cause | None
) -> None:
    room = Room(tmp_path)
    room.proposer.finite = finite
    room.proposer.answers = [ProposalFailed(f"no idea {n}") for n in range(9)]
    await room.until(lambda: bool(room.campaign.exhausted))
    assert "5 proposals in a row failed" in room.campaign.exhausted
    assert (room.campaign.paused.cause if room.campaign.paused else None) is cause
    assert len(room.proposer.answers) <= 4, "it was asked five times, or once more by the other writer"


async def test_one_failure_that_needs_a_person_pauses_at_once(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.proposer.answers = [ProposalFailed("no key", pause=True)] * 2
    await room.until(lambda: bool(room.campaign.paused))
    assert room.campaign.paused is not None and room.campaign.paused.message == "no key"


async def test_who_waits_for_a_verdict_has_not_failed(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.proposer.answers = [ProposalFailed("depends on #1", wait=True)] * 2
    await room.until(lambda: not room.proposer.answers)
    assert not room.campaign.exhausted and not room.facts(Spent)


async def test_a_new_proposal_is_started_ahead_where_nothing_waited_when_the_run_began(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.staging.ahead(room.propose(TEXTS[7]))
    room.proposer.answers = list(TEXTS[:1])
    await room.until(lambda: bool(room.runner.staged))
    assert room.runner.staged[0].number == 2
    await room.staging.drop()
