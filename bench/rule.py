"""What the verdict costs and buys: simulated nights of the real code against the first rule and against keeping all.

Also what a headline is worth: how often it claims a gain where there is none, and how often its interval is right.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from bench.nights import REPEATS, RUNS, Night, Scores, effect, nothing
from bench.table import Row, Table
from loop.record.noise import noise_floor
from loop.views import gains

GOALS = {(0.97, 2e-3): 1.35, (0.5, 5e-4): 0.97}  # of the first rule's true gain
MOST_FALSE, MOST_CLAIMED, LEAST_RIGHT = 0.12, 0.03, 0.93
TELLING = 100  # nights
CASES = ((0.97, 2e-3), (0.97, 5e-3), (0.9, 1e-3), (0.5, 5e-4), (0.5, 2e-3))
Compared = dict[int, float]
Rule = Callable[[Compared, Compared, float], bool | None]  # keep, discard, or one more run


@dataclass
class Outcome:
    """What came of one night: the branch's true gain, how many keeps, how many of them were no gain."""

    gain: float = 0.0
    keeps: int = 0
    false_keeps: int = 0


def greedy(ours: Compared, theirs: Compared, sigma: float) -> bool:
    """Keep whatever scores lower."""
    return statistics.mean(ours.values()) < statistics.mean(theirs.values())


def landed(ours: Compared, theirs: Compared, sigma: float) -> bool | None:
    """The first rule: 3/.5/1 of a single run's noise; the incumbent's mean stands in on a seed that it lacks."""
    mean = statistics.mean(theirs.values())
    gain = statistics.mean(theirs.get(seed, mean) - score for seed, score in ours.items())
    if gain > (3.0 if len(ours) == 1 else 1.0) * sigma:
        return True
    return None if len(ours) == 1 and gain > 0.5 * sigma else False


def simple_night(dice: random.Random, rule: Rule, sigma: float, correlation: float) -> Outcome:
    """Play one night of 100 runs, confirming runs included, by a rule that never measures the incumbent again."""
    scores = Scores(dice, sigma, correlation)
    best: Compared = {seed: scores.draw(0.0, seed) for seed in range(REPEATS)}
    estimate, result, used = noise_floor(list(best.values())), Outcome(), 0
    while used < RUNS:
        change = effect(dice)
        ours: Compared = {}
        seeds = iter([*sorted(best), *(seed for seed in range(RUNS) if seed not in best)])
        keep: bool | None = None
        while keep is None:
            seed = next(seeds)
            ours[seed] = scores.draw(change - result.gain, seed)
            used += 1
            keep = rule(ours, best, estimate)
        if keep:
            result.gain, best = result.gain - change, ours
            result.keeps += 1
            result.false_keeps += change >= 0
    return result


def rules(nights: int) -> list[Row]:
    """Compare the rules at the noise of several machines; too few nights meet or miss nothing."""
    rows: list[Row] = []
    for correlation, sigma in CASES:
        where = f"correlation {correlation:g}, noise {sigma:g}"
        dice = random.Random(1)
        first = [simple_night(dice, landed, sigma, correlation) for _ in range(nights)]
        was = statistics.mean(n.gain for n in first)
        rows.append(Row(f"the first rule, {where}", _gained(first)))
        dice = random.Random(1)
        rows.append(Row(f"greedy, {where}", _gained([simple_night(dice, greedy, sigma, correlation) for _ in first])))
        for added, what in ((0, ""), (1, ", patches that add a line")):
            dice = random.Random(1)
            played = [Night(dice, sigma, correlation, added=added).play() for _ in first]
            ratio = statistics.mean(n.gain for n in played) / was
            least = None if added else GOALS.get((correlation, sigma))
            false = sum(n.false_keeps for n in played) / max(1, sum(n.keeps for n in played))
            goal = "" if least is None else f">= {least:.2f} x, false keeps <= {MOST_FALSE:.0%}"
            met = None if least is None or nights < TELLING else ratio >= least and false <= MOST_FALSE
            rows.append(
                Row(f"now{what}, {where}", f"{_gained(played)}, {ratio:.2f} x the first rule's gain", goal, met)
            )
    return rows


def _gained(played: list[Outcome] | list[Night]) -> str:
    keeps, false = sum(n.keeps for n in played), sum(n.false_keeps for n in played)
    gain = statistics.mean(n.gain for n in played)
    return f"true gain {gain:.4f}, {false / max(1, keeps):.0%} of {keeps / len(played):.1f} keeps are none"


def headlines(nights: int) -> list[Row]:
    """Count what the headlines of nights say, against what is true."""
    rows: list[Row] = []
    for correlation, sigma in CASES:
        where = f"correlation {correlation:g}, noise {sigma:g}"
        dice = random.Random(2)
        null = [Night(dice, sigma, correlation, nothing).play().verify() for _ in range(nights)]
        claimed = sum(gains.claims_gain(n.ledger) for n in null)
        tells = nights >= TELLING
        rows.append(
            Row(
                f"{nights} nights without any gain, {where}",
                f"{claimed} claim one ({claimed / nights:.1%})",
                f"<= {MOST_CLAIMED:.0%}",
                claimed <= MOST_CLAIMED * nights if tells else None,
            )
        )
        played = [Night(dice, sigma, correlation).play().verify() for _ in range(nights)]
        found = [(n, gains.last_verified(n.ledger)) for n in played]
        known = [(n, last[1]) for n, last in found if last is not None]
        right = sum(abs(i.mean + n.best_gain) <= (i.half or 0.0) for n, i in known)
        told = sum(gains.is_gain(n.ledger, i) for n, i in known)
        bias = statistics.mean(-i.mean for _, i in known) / statistics.mean(n.best_gain for n, _ in known)
        wide = statistics.mean((i.half or 0.0) for _, i in known)
        rows.append(
            Row(
                f"{nights} nights of real effects, {where}",
                f"{right / len(known):.1%} of the intervals hold the truth, ± {wide:.4f} on average; "
                f"{told / len(played):.0%} claim a gain; verified ÷ true gain {bias:.2f}",
                f">= {LEAST_RIGHT:.0%} hold it",
                right >= LEAST_RIGHT * len(known) if tells else None,
            )
        )
    return rows


def run(quick: bool) -> Table:
    """Compare the rules over seeded nights at the noise of several machines, and check the headlines."""
    nights = 5 if quick else 200
    counted = (
        f"{nights} nights of {RUNS} runs each, confirming runs and those of incumbents included; {REPEATS} baselines "
        "and 3 verifying pairs come on top."
    )
    return Table("rule: what a keep and a headline are worth", counted, [*rules(nights), *headlines(nights)])
