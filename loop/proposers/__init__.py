"""Who writes the next patch. The protocol that the engine knows; one module for each kind of proposer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from loop.record.ledger import Ledger
from loop.record.types import Author, Cost, Failure
from loop.settings.program import Program


@dataclass(frozen=True)
class Brief:
    """All that a proposer may know: the program, the incumbent's canvas, the ledger, and the texts already waiting."""

    program: Program
    program_hash: str
    canvas: str  # relative to the campaign's folder, as program.md names it
    text: str  # the incumbent's canvas
    ledger: Ledger
    tried: frozenset[str]  # fingerprints (text.canvas) of every text measured or waiting; none is run again
    waiting: tuple[str, ...] = ()  # hypotheses of the proposals that wait in the queue or train now
    commit: str = ""  # of `text`: what a proposal is a patch to
    random_seed: int = 0  # fixed by campaign and experiment number, so that a replay proposes the same
    limit: Callable[[Cost], str] = lambda _: ""  # cost of this proposal so far → the limit of `stop:` that is reached


@dataclass(frozen=True)
class Proposal:
    """One patch: the whole new text of the canvas and what its author expects of it."""

    text: str
    hypothesis: str
    author: Author
    proposer: str
    expected: str = ""
    cites: tuple[str, ...] = ()
    cost: Cost = field(default_factory=Cost)
    evidence: dict[str, str] = field(default_factory=dict)  # file name → text, saved beside the experiment
    trouble: str = ""  # why others who were asked before failed


class Abandoned(asyncio.CancelledError):
    """A proposal was cut off by the end of the campaign; `cost` was paid until then."""

    def __init__(self, cost: Cost) -> None:
        super().__init__("the campaign ended while this was written")
        self.cost = cost


class Proposer(Protocol):
    """Writes patches. May be slow; is cancelled when the campaign stops. Raises ProposalFailed, nothing else."""

    name: str
    finite: bool  # it may have tried everything, which ends the campaign; where another gives up, a person is needed

    async def propose(self, brief: Brief) -> Proposal: ...

    async def repair(self, brief: Brief, broken: Proposal, failure: Failure) -> Proposal | None:
        """Return a repaired patch for one that crashed, or None when this proposer does not repair."""


Lay = Callable[[str, Path], None]  # fills an empty folder with the files of a commit


def make(program: Program, lay: Lay | None = None) -> Proposer:
    """Return the proposer that program.md asks for; nothing heavy is imported before it is used."""
    makers = [_make_one(model) for model in program.models]
    if program.command is not None:
        from loop.proposers.command import Command

        makers.append(Command(program.command, lay))
    if len(makers) == 1:
        return makers[0]
    from loop.proposers.mix import Mix

    return Mix(tuple(makers))


def _make_one(model: str) -> Proposer:
    if model == Author.KNOBS:
        from loop.proposers.knobs import Knobs

        return Knobs()
    from loop.proposers.llm import LLM

    return LLM(model)
