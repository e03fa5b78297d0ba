"""Several proposers in turn: a bandit that moves towards the one that gains more for its share of the night.

What an experiment costs is the share of the limits that it used up, hours and dollars alike: `stop:` is the human's
own rate between them. The choice depends on the ledger and the brief's seed alone, so that a replay chooses the same.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from itertools import islice

from loop.proposers import Abandoned, Brief, Proposal, Proposer
from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import Cost, Failure, ProposalFailed, Verdict
from loop.settings.program import Program

SHARE = 0.2  # of the choices are made without looking, so that none is ever forgotten
WINDOW, HALF_LIFE = 400, 40  # experiments: how far back it looks, and when one counts half
REST_S = 1200.0  # for one that needs a person (no key, no credit), while another continues


@dataclass(frozen=True)
class Record:
    """One proposer's recent past, in weighted experiments: kept, not kept, gain of the kept, share of the night."""

    keeps: float = 0.0
    others: float = 0.0
    gain: float = 0.0
    used: float = 0.0


class Mix:
    """Proposes through one of several proposers; where one fails the next best tries."""

    def __init__(self, proposers: tuple[Proposer, ...]) -> None:
        self.proposers = proposers
        self.name = " + ".join(p.name for p in proposers)
        self.finite = all(p.finite for p in proposers)
        self._rests_until: dict[str, float] = {}

    async def propose(self, brief: Brief) -> Proposal:
        cost, failures = Cost(), list[ProposalFailed]()
        now = time.monotonic()
        names = order(brief, tuple(p.name for p in self.proposers))
        able = [name for name in names if self._rests_until.get(name, now) <= now] or names
        by_name = {p.name: p for p in self.proposers}
        for name in able:
            if failures and brief.limit(cost):
                break  # what failed has spent what was left
            try:
                proposal = await by_name[name].propose(_after(brief, cost))
            except Abandoned as cut:
                raise Abandoned(cost + cut.cost) from None
            except ProposalFailed as failed:
                failures.append(failed)
                cost = cost + failed.cost
                if failed.pause:
                    self._rests_until[name] = time.monotonic() + REST_S
            else:
                trouble = "; ".join(str(failed) for failed in failures if not failed.wait)
                return replace(proposal, cost=cost + proposal.cost, trouble=trouble)
        pause = all(f.pause for f in failures) and len(failures) == len(self.proposers)
        raise ProposalFailed("; ".join(map(str, failures)), pause, cost, all(f.wait for f in failures))

    async def repair(self, brief: Brief, broken: Proposal, failure: Failure) -> Proposal | None:
        author = next((p for p in self.proposers if p.name == broken.proposer), None)
        return None if author is None else await author.repair(brief, broken, failure)


def _after(brief: Brief, spent: Cost) -> Brief:
    """Return the brief for one that comes after others: what they spent counts for the limits too."""
    return replace(brief, limit=lambda cost: brief.limit(spent + cost))


def order(brief: Brief, names: tuple[str, ...]) -> list[str]:
    """Return the proposers, the one to ask first: Thompson sampling of gain per share of the night."""
    rng = random.Random(brief.random_seed)
    records = history(brief.ledger, brief.program, names)
    scores = {name: _sample(records[name], _pooled(records), rng) for name in names}
    chosen = sorted(names, key=lambda name: -scores[name])
    if rng.random() < SHARE:
        first = rng.choice(names)
        chosen.remove(first)
        chosen.insert(0, first)
    return chosen


def history(ledger: Ledger, program: Program, names: tuple[str, ...]) -> dict[str, Record]:
    """Return each proposer's record; the newest experiments weigh most."""
    records = dict.fromkeys(names, Record())
    judged = (e for e in reversed(ledger.experiments.values()) if e.number and e.verdict and e.proposer in records)
    for age, e in enumerate(islice(judged, WINDOW)):
        weight, old = 0.5 ** (age / HALF_LIFE), records[e.proposer]
        kept = e.verdict is Verdict.KEEP
        gain = max(0.0, -ledger.gain(e.delta, 0.0)) if kept and e.delta is not None else 0.0
        records[e.proposer] = Record(
            old.keeps + weight * kept,
            old.others + weight * (not kept),
            old.gain + weight * gain,
            old.used + weight * share_used(e, program),
        )
    return records


def share_used(experiment: Experiment, program: Program) -> float:
    """Return the share of the night's limits that an experiment used up, in hours and in dollars together."""
    hours = (experiment.total_seconds + experiment.cost.seconds) / 3600
    night = hours / (program.stop.hours or 10.0)
    return night + (experiment.cost.dollars or 0.0) / (program.stop.dollars or 20.0)


def _pooled(records: dict[str, Record]) -> Record:
    """Return what is expected of a proposer that nothing is known of: one experiment of the average kind."""
    keeps, others = sum(r.keeps for r in records.values()), sum(r.others for r in records.values())
    gain, used = sum(r.gain for r in records.values()), sum(r.used for r in records.values())
    return Record(1.0, 2.0, gain / keeps if keeps else 1.0, used / (keeps + others) if keeps + others else 1.0)


def _sample(record: Record, pooled: Record, rng: random.Random) -> float:
    kept = rng.betavariate(pooled.keeps + record.keeps, pooled.others + record.others)
    size = (pooled.gain + record.gain) / (1.0 + record.keeps)
    used = (pooled.used + record.used) / (1.0 + record.keeps + record.others)
    return kept * size / used if used > 0 else kept * size
