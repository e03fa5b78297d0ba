"""A campaign in a temporary folder for the tests of the engine's parts: journal and git are real, runs are not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loop.engine.authors import Authors
from loop.engine.backlog import Backlog
from loop.engine.campaign import Campaign
from loop.engine.canvases import Canvases
from loop.engine.inspection import Inspection
from loop.engine.staging import Staging
from loop.engine.strategy import Strategy
from loop.proposers import Brief, Proposal
from loop.record.entries import Body
from loop.record.types import Author, Cost, Failure, Metric, Outcome
from loop.record.values import parse_budget
from loop.runs.conditions import Conditions
from loop.runs.run import RunResult
from tests import campaigns

BASE = "LR = 0.1\nDEPTH = 4\n"


@dataclass
class FakeRun:
    """A staged run that ends at once with what its runner says of its text."""

    runner: FakeRunner
    number: int
    attempt: int
    commit: str
    seed: int
    split: str
    closed: bool = False

    def begin(self) -> None:
        self.runner.begun.append(self)

    async def train(self) -> RunResult:
        await self.runner.while_it_trains()
        return RunResult(Outcome.FINISHED, 0, 1.0, 1.5, 100.0, None, None, reported=None)

    async def score(self, _: RunResult) -> float | Failure:
        return self.runner.score(self.runner.text(self.commit), self.seed)

    async def close(self) -> None:
        self.closed = True


async def _for_a_moment() -> None:
    await asyncio.sleep(0)


@dataclass
class FakeRunner:
    """Stages runs without a process; `score` says what a text scores on a seed, `doomed` why it would fail."""

    conditions: Conditions
    text: Callable[[str], str] = lambda commit: ""  # commit → canvas
    score: Callable[[str, int], float | Failure] = lambda text, seed: 1.0
    doomed: Callable[[str], Failure | None] = lambda text: None
    while_it_trains: Callable[[], Any] = _for_a_moment
    staged: list[FakeRun] = field(default_factory=list)
    begun: list[FakeRun] = field(default_factory=list)

    async def stage(
        self, number: int, attempt: int, commit: str, seed: int, slowest_s: Any, split: str, reference: Any
    ) -> FakeRun:
        self.staged.append(FakeRun(self, number, attempt, commit, seed, split))
        return self.staged[-1]

    async def rehearse(self, commit: str) -> Failure | None:
        return self.doomed(self.text(commit))


@dataclass
class FakeProposer:
    """Answers with one text or exception after the other; what is left says how often it was asked."""

    answers: list[str | BaseException] = field(default_factory=list)
    repairs: list[str | BaseException | None] = field(default_factory=list)
    name: str = "a/model"
    finite: bool = False
    briefs: list[Brief] = field(default_factory=list)

    async def propose(self, brief: Brief) -> Proposal:
        self.briefs.append(brief)
        return self._proposal(self.answers.pop(0))

    async def repair(self, brief: Brief, broken: Proposal, failure: Failure) -> Proposal | None:
        answer = self.repairs.pop(0) if self.repairs else None
        return None if answer is None else self._proposal(answer)

    def _proposal(self, answer: str | BaseException) -> Proposal:
        if isinstance(answer, BaseException):
            raise answer
        return Proposal(answer, "an idea", Author.MODEL, self.name, cost=Cost(10, 5, 0.01), evidence={"reply.md": "r"})


class Desk:
    """A campaign whose baseline is measured, and the lower parts of an engine on it. `made` writes its past."""

    def __init__(self, folder: Path, canvas: str = BASE, program: str = "Lower val_bpb.\n", ruler: Any = None) -> None:
        self.made = campaigns.Campaign(campaigns.make_repository(folder / "r", canvas.encode(), program))
        self.campaign = Campaign(self.made.folder, self.made.name)
        self.campaign.sync()
        self.conditions = Conditions(
            "python", self.campaign.repo.prefix, "train.py", "python train.py", parse_budget("5m"), Metric(), ruler
        )
        self.strategy = Strategy(self.campaign)
        self.canvases = Canvases(self.campaign, self.conditions)
        self.runner: Any = FakeRunner(self.conditions, self.canvases.text)
        self.inspection = Inspection(self.campaign, self.runner, self.canvases)
        self.proposer = FakeProposer()
        self.authors = Authors(self.campaign, self.strategy, self.canvases, lambda program: self.proposer)
        self.backlog = Backlog(self.campaign, self.strategy, self.canvases)
        self.staging = Staging(self.campaign, self.strategy, self.runner, self.backlog)

    def keep(self, text: str, score: float = 0.9) -> int:
        """Let an experiment have been kept; return its number."""
        number = self.propose(text)
        self.made.judge(number, score)
        self.campaign.sync()
        return number

    def propose(self, text: str, author: Author = Author.KNOBS) -> int:
        """Let a proposal wait; return its number."""
        fact = self.backlog.propose(Proposal(text, "an idea", author, "someone"), self.campaign.tip.commit)
        self.campaign.record(fact)
        return fact.experiment

    def ask(self, intent: Body) -> int:
        """Append an intent as an outsider does; return its place, once the campaign has read it."""
        entry = self.made.journal.append(self.made.name, intent)[0]
        self.campaign.sync()
        return entry.seq

    def facts(self, kind: type[Any]) -> list[Any]:
        """Return what the journal holds of a kind."""
        return [e.body for e in self.made.journal.read() if isinstance(e.body, kind)]
