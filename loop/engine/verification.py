"""Ledger → the next run that verifies a claim, or what was found: best and baseline, and keeps taken out again. Pure.

Its runs are on seeds that no run of the campaign has had, and where the score is sealed on rows that chose nothing.
Whatever is recorded already is not run again, so a verification continues where a dead daemon left it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loop.engine.plan import Planned
from loop.record.experiment import MOST_LOST, Experiment, Run
from loop.record.ledger import Ledger
from loop.record.types import FailureKind, Purpose, ScoreSource
from loop.record.verification_facts import Price, Priced, Verified

FIRST_SEED = 7919  # baselines and confirming pairs count up from 0
ENOUGH_IF_EXACT = 2  # pairs of a script that ignores its seed: a third would say the same


def next_check(ledger: Ledger, experiment: Experiment, pairs: int) -> Planned | Verified:
    """Return the next run that verifies an experiment against the baseline, or the finding once all are there."""
    baseline = ledger.experiments[0]
    begin = max(FIRST_SEED, ledger.fresh_seed)
    seeds, scores, trouble = [], [], ""
    for seed in range(begin, begin + (min(pairs, ENOUGH_IF_EXACT) if ledger.exact else pairs)):
        pair: list[float] = []
        for side in (experiment, baseline):
            run = _made(side.runs, Purpose.AUDIT, side.commit, seed)
            if run is None:
                return Planned(Purpose.AUDIT, seed, side.number)
            if run.score is None:
                why = run.failure.message if run.failure else "no score"
                trouble = f"{'the baseline' if side is baseline else f'#{side.number}'} on seed {seed}: {why}"
                break
            pair.append(run.score)
        else:
            seeds.append(seed)
            scores.append(pair)
    sealed = ledger.created is not None and ledger.created.source is ScoreSource.SEALED
    ours, theirs = (tuple(pair[i] for pair in scores) for i in (0, 1))
    rows = "audit" if sealed else "val"
    return Verified(experiment.number, experiment.commit, tuple(seeds), ours, theirs, rows, pairs, trouble)


def next_price(
    ledger: Ledger, tip: Experiment, without: Mapping[int, str | Price], seeds: Sequence[int]
) -> tuple[Planned, str] | Priced:
    """Return the next run that prices a kept patch and the commit that it runs, or the finding.

    `without` has for each keep the commit of the tip without it, or its price where that says why there is none.
    """
    tips: list[float] = []
    used: list[int] = []
    for seed in seeds:
        run = _made(tip.runs, Purpose.AUDIT, tip.commit, seed)
        if run is None:
            return Planned(Purpose.AUDIT, seed, tip.number), tip.commit
        if run.score is not None:
            used.append(seed)
            tips.append(run.score)
    prices = []
    for number, commit in without.items():
        if isinstance(commit, Price):
            prices.append(commit)
            continue
        scores: list[float] = []
        trouble = ""
        for seed in used:
            run = _made(ledger.experiments[number].runs, Purpose.PRICE, commit, seed)
            if run is None:
                return Planned(Purpose.PRICE, seed, number), commit
            if run.score is None:
                trouble = run.failure.message if run.failure else "no score"
                break
            scores.append(run.score)
        prices.append(Price(number, () if trouble else tuple(scores), trouble))
    return Priced(tip.number, tuple(used), tuple(tips), tuple(prices))


def largest_keeps(ledger: Ledger, chain: Sequence[Experiment], count: int) -> list[Experiment]:
    """Return the keeps of the line that brought the most when they were kept, the largest first."""
    kept = [e for e in chain if e.number and e.delta is not None]
    return sorted(kept, key=lambda e: (ledger.gain(e.delta or 0.0, 0.0), e.number))[:count]


def _made(runs: Sequence[Run], purpose: Purpose, commit: str, seed: int) -> Run | None:
    """Return the run that was made already: one with a score, else one that will never have one."""
    ours = [r for r in runs if (r.purpose, r.commit, r.seed) == (purpose, commit, seed)]
    lost = [r for r in ours if r.failure is not None and r.failure.kind is FailureKind.LOST]
    ended = [r for r in ours if r.score is not None or r.broken]
    return next(iter(ended), lost[-1] if len(lost) >= MOST_LOST else None)
