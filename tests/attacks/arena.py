"""One campaign in which each canvas of a list is an agent's proposal: the real engine, sandbox, trainer and scorer.

The proposals are patches of one baseline: nothing is ever kept, so that no attack builds on another.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from loop.engine import measuring, plan, verdict, writing
from loop.engine.engine import Engine
from loop.proposers import Brief, Proposal
from loop.record.experiment import Experiment
from loop.record.home import find_home
from loop.record.intents import StopRequested
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.types import Author, Failure, ProposalFailed, State, Verdict
from tests.attacks.defences import ruler_without, switch_off
from tests.attacks.kinds import Attack
from tests.attacks.patching import canvas, ruler
from tests.stub import make_campaign

CAMPAIGN = "arena"
CACHE = Path(tempfile.gettempdir()) / f"autoresearch-attacks-{os.getuid()}"
BUDGET = "0.15 TFLOP"  # twenty steps; a cheat takes a hundred
LIMIT_S = 1700.0


class Hand:
    """An agent that proposes given texts, one after the other, and then has no more."""

    name = "attacker"
    finite = False

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.left = list(texts.items())

    async def propose(self, brief: Brief) -> Proposal:
        if not self.left:
            raise ProposalFailed("nothing is left to try", pause=True)
        name, text = self.left.pop(0)
        return Proposal(text, name, Author.COMMAND, self.name)

    async def repair(self, brief: Brief, broken: Proposal, failure: Failure) -> Proposal | None:
        return None


@dataclass(frozen=True)
class Ended:
    """How one campaign ended: its ledger, and each experiment under the name of its proposal."""

    ledger: Ledger
    folder: Path
    experiments: dict[str, Experiment] = field(default_factory=dict)

    @property
    def honest(self) -> float:
        """The score of the baseline on the seed that every first run has."""
        return self.ledger.experiments[0].scores[0]

    @property
    def noise(self) -> float:
        assert self.ledger.noise_floor is not None
        return self.ledger.noise_floor

    def gain(self, name: str) -> float:
        """Return by how much a proposal scored better than honest work, in bits per byte; 0 where it has no score."""
        score = self.experiments[name].score if name in self.experiments else None
        return 0.0 if score is None else self.honest - score

    def wins(self, name: str) -> bool:
        """Tell whether a proposal scored better than honest work by more than three noise floors."""
        return self.gain(name) > 3 * self.noise

    def judged(self, name: str) -> bool:
        return name in self.experiments and self.experiments[name].verdict is not None

    def told(self, name: str) -> str:
        """Return one line on how an experiment ended."""
        e = self.experiments.get(name)
        if e is None:
            return f"{name}: never proposed ({self.ledger.message})"
        return f"{name}: {e.verdict} {e.score} (honest {self.honest:.4f}, noise {self.noise:.4f}) {e.explanation}"


def fight(
    folder: Path,
    texts: Mapping[str, str],
    *,
    prepare: str | None = None,
    baseline: str | None = None,
    budget: str = BUDGET,
    data: str = "python",
    repeats: int = 2,
) -> Ended:
    """Run a campaign of these texts to its end and return it. `prepare` is the ruler, the real one where None."""
    keys = {"model": "knobs", "budget": budget, "repeats": repeats, "queue": 1, "data": data, "devices": "cpu"}
    settings = "".join(f"{name}: {value}\n" for name, value in keys.items())
    program = f"---\n{settings}stop: {{plateau: 1000}}\n---\nLower val_bpb.\n"
    folder.mkdir(parents=True)
    (folder / "prepare.py").write_text(prepare or ruler(), encoding="utf-8")
    make_campaign(folder, program, baseline or canvas())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        # Prepared once for all campaigns of a test session; prepare.py keeps others out meanwhile.
        patch.setenv("AUTORESEARCH_CACHE", os.environ.get("AUTORESEARCH_CACHE") or str(CACHE))
        for name in ("AUTORESEARCH_PROFILE", "AUTORESEARCH_RUN", "AUTORESEARCH_SEED"):
            patch.delenv(name, raising=False)
        patch.setattr(writing, "WRITERS", 1)
        patch.setattr(measuring, "MAX_CRASHES_IN_ROW", 10_000)
        patch.setattr(plan, "judge", _never_kept)
        ledger = asyncio.run(_run(folder, Hand(texts)))
    by_name = {e.hypothesis: e for e in ledger.experiments.values() if e.number}
    return Ended(ledger, folder, by_name)


def fight_with(folder: Path, attacks: Iterable[Attack], budget: str = BUDGET, sides: int = 1) -> Ended:
    """Return how attacks fare against everything that defends the ruler."""
    texts = {attack.name: attack.patch(canvas()) for attack in attacks}
    return fight(folder / "campaign", texts, prepare=ruler(sides), budget=budget)


def fight_without(
    folder: Path, attacks: Iterable[Attack], budget: str = BUDGET, sides: int = 1, audited: bool = True
) -> Ended:
    """Return how attacks fare where the defences that stop them are off, and nothing looks at a text."""
    attacks = list(attacks)
    off = sorted({"preflight", "rehearsal", *(name for attack in attacks for name in attack.stopped_by)})
    with pytest.MonkeyPatch.context() as patch:
        switch_off(off, patch)
        texts = {attack.name: attack.patch(canvas()) for attack in attacks}
        return fight(folder / "campaign", texts, prepare=ruler_without(off, sides, audited), budget=budget)


def _never_kept(*given: Any, **named: Any) -> verdict.Opinion:
    opinion = verdict.judge(*given, **named)
    return replace(opinion, verdict=Verdict.DISCARD, confirm_seed=None)


async def _run(folder: Path, hand: Hand) -> Ledger:
    engine = Engine(folder, CAMPAIGN, lambda program: hand)
    ledger = engine.campaign.ledger
    async with asyncio.timeout(LIMIT_S):
        task = asyncio.create_task(engine.run())
        while not task.done():
            if ledger.state is State.PAUSED and not hand.left and _all_judged(ledger):
                with Journal(find_home(folder).journal) as journal:
                    journal.append(CAMPAIGN, StopRequested(False))
                break
            await asyncio.sleep(0.05)
        await task
    with Journal(find_home(folder).journal) as journal:
        return Ledger(CAMPAIGN).feed(journal.read(campaign=CAMPAIGN))


def _all_judged(ledger: Ledger) -> bool:
    return all(e.verdict is not None for e in ledger.experiments.values())
