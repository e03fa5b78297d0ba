"""What the keep rule costs and buys: simulated nights, the landed `judge()` against keeping whatever scores lower.

Effects are calibrated by hand to a published H100 night: a third of the patches change nothing, one in seven helps by
0.0012 on average, the rest hurt by 0.005. The simulation is a model of a night, not a night.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from bench.table import Row, Table
from loop.types import Verdict
from loop.verdict import judge, noise_floor

RUNS, REPEATS, SEEDS = 100, 3, 8
Scores = dict[int, float]
Rule = Callable[[Scores, Scores, float], Verdict | int]  # a verdict, or the seed of one more run


@dataclass
class Night:
    """What came of one night: the branch's true gain, how many keeps, how many of them were no gain."""

    gain: float = 0.0
    keeps: int = 0
    false_keeps: int = 0


def greedy(ours: Scores, theirs: Scores, sigma: float) -> Verdict:
    """Keep whatever scores lower."""
    return Verdict.KEEP if statistics.mean(ours.values()) < statistics.mean(theirs.values()) else Verdict.DISCARD


def landed(ours: Scores, theirs: Scores, sigma: float) -> Verdict | int:
    """The rule of loop.verdict, for patches that add a line."""
    opinion = judge(ours, theirs, noise_floor=sigma, lines_added=1)
    return opinion.verdict if opinion.confirm_seed is None else opinion.confirm_seed


def effect(dice: random.Random) -> float:
    """Return the true change of val_bpb that a patch brings."""
    kind = dice.random()
    if kind < 0.30:
        return dice.gauss(0.0, 2e-4)
    return -dice.expovariate(1 / 0.0012) if kind < 0.44 else dice.expovariate(1 / 0.005)


def night(dice: random.Random, rule: Rule, sigma: float) -> Night:
    """Play one night of 100 runs, confirming runs included. Half of the noise belongs to the seed."""
    of_seed = [dice.gauss(0, 1) for _ in range(SEEDS)]

    def text(value: float) -> Callable[[int], float]:
        own = [dice.gauss(0, 1) for _ in range(SEEDS)]
        return lambda seed: value + sigma * (0.5**0.5) * (of_seed[seed % SEEDS] + own[seed % SEEDS])

    result, used = Night(), 0
    baseline = text(0.0)
    best: Scores = {seed: baseline(seed) for seed in range(REPEATS)}
    estimate = noise_floor(list(best.values()))
    while used < RUNS:
        change = effect(dice)
        score, ours, seed = text(result.gain + change), Scores(), min(best)
        while True:
            ours[seed] = score(seed)
            used += 1
            opinion = rule(ours, best, estimate)
            if isinstance(opinion, Verdict):
                break
            seed = opinion
        if opinion is Verdict.KEEP:
            result.gain, best = result.gain + change, ours
            result.keeps += 1
            result.false_keeps += change >= 0
    return result


def run(quick: bool) -> Table:
    """Compare the rules over seeded nights at the noise of several machines."""
    nights = 5 if quick else 200
    rows: list[Row] = []
    for sigma in (2e-4, 5e-4, 1e-3, 2e-3):
        for name, rule in (("greedy", greedy), ("landed", landed)):
            dice = random.Random(1)
            played = [night(dice, rule, sigma) for _ in range(nights)]
            gain = -statistics.mean(n.gain for n in played)
            keeps = sum(n.keeps for n in played)
            false = sum(n.false_keeps for n in played) / max(1, keeps)
            rows.append(Row(f"{name}, noise {sigma:g}", f"true gain {gain:.4f}, {false:.0%} of keeps are none"))
    counted = (
        f"{nights} nights of {RUNS} runs each; the noise floor is estimated from {REPEATS} baselines, as in a campaign."
    )
    return Table("rule: what a keep is worth", counted, rows)
