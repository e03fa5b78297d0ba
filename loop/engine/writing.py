"""Keeps proposals coming while a run trains: asks the proposer, looks at what it wrote, hands back what is broken.

Runs beside the engine's own order and never touches a run. Failed calls are paid for in the journal as well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from loop.engine.plan import limit_reached, spent_limit
from loop.proposers import Abandoned, Brief, Proposer
from loop.record.campaign_facts import Spent, StateChanged
from loop.record.experiment import Experiment
from loop.record.experiment_facts import Doomed
from loop.record.types import Author, Cause, Cost, ProgramError, ProposalFailed
from loop.settings.program import Program, override, parse, program_hash

if TYPE_CHECKING:
    from loop.engine.engine import Engine

WRITERS = 2
MAX_REPAIRS = 2
MAX_FAILURES = 5  # proposals in a row that came to nothing
LONGEST_WAIT_S = 60.0


class Writing:
    """The author's side of one engine: the program as it is now, and who writes the patches."""

    def __init__(self, engine: Engine, choose: Callable[[Program], Proposer]) -> None:
        self.engine = engine
        self.program: Program  # the last program.md that parsed, with this start's overrides
        self.program_hash = ""
        self.in_flight = 0  # proposals that are being written now
        self.exhausted = ""  # why no further proposal will come
        self._choose = choose
        self._failures = 0  # in a row
        self._proposer: Proposer | None = None
        self._chosen: object = None  # what program.md named when the proposer was chosen
        self._costs: dict[object, Cost] = {}  # of what is being written now
        self._unread = ""  # why program.md is not used as it is now

    def read_program(self) -> None:
        """Read program.md anew, so that an edit steers the very next proposal; a broken one changes nothing."""
        try:
            text = (self.engine.folder / "program.md").read_text(encoding="utf-8")
            self.program = override(parse(text), self.engine.ledger.asked)
            self.program_hash = program_hash(text)
            self._tell_unread("")
        except (OSError, UnicodeDecodeError, ProgramError) as error:
            if not self.program_hash:
                raise
            self._tell_unread(str(error))

    def _tell_unread(self, why: str) -> None:
        """Say once that program.md cannot be used, and once that it can be again."""
        if why == self._unread:
            return
        self._unread = why
        sentence = f"program.md is not used as it is now: {why}" if why else "program.md is used again"
        self.engine.record(StateChanged(self.engine.ledger.state, sentence, cause=self.engine.ledger.cause))

    @property
    def proposer(self) -> Proposer:
        """The proposer that program.md names now; the same one goes on where it names the same."""
        wanted = (self.program.models, self.program.command)
        if self._proposer is None or wanted != self._chosen:
            self._proposer, self._chosen = self._choose(self.program), wanted
        return self._proposer

    async def ahead(self) -> None:
        """Keep `queue` proposals waiting, so that the trainer never waits for a model. Ends only when cancelled.

        A model that thinks longer than a run takes is asked twice at once; one alone would leave the trainer waiting
        (a share of 0.90 instead of 0.96 where a proposal takes 140 s and a run 300 s).
        """
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(self._keep_writing())

    async def _keep_writing(self) -> None:
        while True:
            if self.engine.paused or self.exhausted or not self.engine.backlog.wants_more():
                await self.engine.news()
                continue
            failed = await self._propose()
            if failed is not None and failed.wait:
                await self.engine.news()
                continue
            self._failures = 0 if failed is None else self._failures + 1
            if self._failures >= MAX_FAILURES:
                self._give_up(f"{MAX_FAILURES} proposals in a row came to nothing; mend and resume: {failed}")
                self._failures = 0
            elif self._failures and not self.exhausted:
                await asyncio.sleep(min(LONGEST_WAIT_S, 2.0**self._failures))
            self.engine.tell()

    async def _propose(self) -> ProposalFailed | None:
        """Write one proposal and look at it; return why none came, None where one did."""
        backlog = self.engine.backlog
        self.read_program()
        proposer = self.proposer
        self.in_flight += 1
        try:
            with self._brief() as brief:
                proposal = await proposer.propose(brief)
        except Abandoned as cut:
            self.engine.record(Spent(cut.cost, proposer.name, str(cut)))
            raise
        except ProposalFailed as failed:
            if failed.wait:
                return failed
            self.engine.record(Spent(failed.cost, proposer.name, str(failed)))
            if failed.pause:
                self._give_up(str(failed))
            return failed
        finally:
            self.in_flight -= 1
        number = backlog.admit(proposal, brief.commit)
        if number is None:
            return ProposalFailed("a text that was already measured")
        if proposal.trouble:
            self.engine.record(Spent(Cost(), proposer.name, proposal.trouble))
        try:
            while (failure := await backlog.look(number, self.engine.runner)) is not None:
                self.engine.record(Doomed(number, failure))
                if not await self.repair(self.engine.ledger.experiments[number]):
                    break
        finally:
            backlog.looked_at(number)
        self.engine.staging.again()
        return None

    @contextmanager
    def _brief(self) -> Iterator[Brief]:
        """Give what a proposer may know now; what it tells of its cost counts for the limits meanwhile."""
        key, ledger = object(), self.engine.ledger

        def limit(cost: Cost) -> str:
            self._costs[key] = replace(cost, dollars=cost.dollars or 0.0)
            recorded = replace(ledger.spent, dollars=ledger.known_dollars)
            return spent_limit(self.program.stop, sum(self._costs.values(), start=recorded))

        try:
            yield replace(self.engine.backlog.brief(), limit=limit)
        finally:
            self._costs.pop(key, None)

    async def repair(self, experiment: Experiment) -> bool:
        """Hand a crashed patch back to its author, at most twice; return whether a mended text came."""
        failure, backlog = experiment.failure, self.engine.backlog
        # The baseline and what a human proposes are the human's to mend.
        if failure is None or experiment.author is Author.HUMAN or experiment.repairs >= MAX_REPAIRS:
            return False
        if limit_reached(self.engine.ledger, self.program.stop, time.monotonic()):
            return False
        try:
            with self._brief() as brief:
                mended = await self.proposer.repair(brief, backlog.broken(experiment), failure)
        except Abandoned as cut:
            self.engine.record(Spent(cut.cost, self.proposer.name, str(cut)))
            raise
        except ProposalFailed as failed:
            self.engine.record(Spent(failed.cost, self.proposer.name, str(failed)))
            return False
        if mended is None:
            return False
        return backlog.mend(experiment, mended)

    def _give_up(self, sentence: str) -> None:
        """No proposal will come: a person may mend that, unless the built-in search has nothing left to try."""
        self.exhausted = sentence
        if self.proposer.name != "knobs":
            self.engine.pause(sentence, Cause.PROPOSALS)
