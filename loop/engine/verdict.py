"""Scores in pairs, noise and size of a patch → keep, discard, or one more pair. Pure: no files, no clock.

Why not simply keep whatever scores lower? Because a fifth of what that keeps is no gain. What this rule was chosen
among, and what it costs and buys against keeping everything and against the first rule: `python -m bench rule`.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count

from loop.record.noise import ALIKE, Noise, differences
from loop.record.types import Reason, Verdict
from loop.text.numbers import number, uncertainty

RULE = "pairs"  # the name that a campaign records; one without a name began with the spread of baselines as its noise
MOST_SEEDS = 3  # of a patch; only an incumbent that fails on new seeds gets it beyond two


@dataclass(frozen=True)
class Margins:
    """In standard deviations of a paired difference; chosen by simulation."""

    clear: float  # a gain of one pair beyond this is kept at once
    hopeful: float  # a gain of one pair below this is not worth another
    confirmed: float  # the mean gain of two pairs must exceed this


PLAIN = Margins(clear=1.25, hopeful=0.0, confirmed=0.5)
# Code that stays for ever has to earn its place: 3, 0.5 and 1 of the noise of one run, of which a pair has two.
ADDS_CODE = Margins(clear=2.12, hopeful=0.35, confirmed=0.71)


@dataclass(frozen=True)
class Opinion:
    """What the scores say. While `confirm_seed` is set, it is provisional and a pair on that seed decides."""

    verdict: Verdict
    reason: Reason
    score: float | None  # mean over the seeds
    delta: float | None  # mean of the paired differences; negative is better when minimizing
    uncertainty: float | None  # standard deviation of the comparison; what a seed adds to both is not in it
    explanation: str
    confirm_seed: int | None = None


def judge(
    scores: Mapping[int, float] | float,
    best: Mapping[int, float] | float,
    *,
    noise: Noise,
    lines_added: int,
    minimize: bool = True,
    human: bool = False,
    name: str = "the incumbent",
    unusable: Collection[int] = (),
) -> Opinion:
    """Return what becomes of a patch that scored `scores` (seed → score) against the incumbent's `best`.

    Only seeds that both have are compared; ValueError where there is none. A bare number is a run on seed 0.
    `lines_added` is net of removed ones, `unusable` are seeds on which the incumbent gives no score. A human's patch
    is kept unless it gave no score.
    """
    ours, theirs = _by_seed(scores), _by_seed(best)
    if not ours.keys() & theirs.keys() or not all(map(math.isfinite, theirs.values())):
        raise ValueError("judge() needs a score on both sides on one seed, and a finite one of the incumbent")
    broken = [score for score in ours.values() if not math.isfinite(score)]
    if broken:
        return Opinion(Verdict.CRASH, Reason.FAILED, None, None, None, f"its score is {broken[0]}")

    deltas = list(differences(ours, theirs).values())
    delta = statistics.fmean(deltas)
    gains = [-d if minimize else d for d in deltas]
    rule = ADDS_CODE if lines_added > 0 else PLAIN
    margin = _margin(rule, len(gains), noise, max(map(abs, theirs.values())))
    verdict, reason, confirm = _weigh(gains, margin, rule, noise, lines_added)
    if human:
        verdict, reason, confirm = Verdict.KEEP, Reason.HUMAN, False
    score = statistics.fmean(ours.values())
    spread = None if noise.pair is None else noise.pair / math.sqrt(len(deltas))
    confirm = confirm and len(ours) < MOST_SEEDS
    known = margin if noise.exact or noise.pair is not None else None
    why = _explain(score, spread, -delta if minimize else delta, known, reason, confirm, lines_added, name)
    seed = _next_seed(ours, theirs, unusable) if confirm else None
    return Opinion(verdict, reason, score, delta, spread, why, seed)


def _by_seed(scores: Mapping[int, float] | float) -> Mapping[int, float]:
    return scores if isinstance(scores, Mapping) else {0: scores}


def _margin(rule: Margins, pairs: int, noise: Noise, size: float) -> float:
    """Return what a gain must exceed: the noise, and what the last digit of the scores or their size may hide."""
    luck = (rule.clear if pairs == 1 else rule.confirmed) * (noise.pair or 0.0)
    return max(0.0 if noise.exact else luck, noise.unit * (1 + 1e-6), ALIKE * size)


def _weigh(
    gains: Sequence[float], margin: float, rule: Margins, noise: Noise, lines_added: int
) -> tuple[Verdict, Reason, bool]:
    """Return verdict, reason and whether another pair decides; a higher gain never turns a keep into a discard."""
    gain, sigma = statistics.fmean(gains), 0.0 if noise.exact else noise.pair or 0.0
    # Where the noise is unknown, a gain must show twice.
    twice = noise.pair is None and not noise.exact
    if gain > margin and not (twice and (len(gains) == 1 or min(gains) <= 0)):
        return Verdict.KEEP, Reason.BETTER, False
    if lines_added < 0 and gain >= -sigma:
        return Verdict.KEEP, Reason.SIMPLER, False
    if gain < -margin:
        return Verdict.DISCARD, Reason.WORSE, False
    again = len(gains) == 1 and gain > rule.hopeful * sigma and not noise.exact
    return Verdict.DISCARD, Reason.WITHIN_NOISE, again


def _next_seed(ours: Mapping[int, float], theirs: Mapping[int, float], unusable: Collection[int]) -> int:
    """Return a seed that the incumbent has, if any is left, else one that nobody has."""
    fresh = (seed for seed in count() if seed not in theirs and seed not in unusable)
    return next(seed for seed in chain(sorted(theirs), fresh) if seed not in ours)


def _explain(
    score: float,
    spread: float | None,
    gain: float,
    margin: float | None,
    reason: Reason,
    confirm: bool,
    lines_added: int,
    name: str,
) -> str:
    """Return one sentence for people, e.g. `0.9932 ± 0.0003, better than #3 by 0.0047, margin 0.0006`."""
    measured = number(score) + (f" ± {uncertainty(spread)}" if spread else "")
    compared = f"equal to {name}"
    if gain != 0:
        compared = f"{'better' if gain > 0 else 'worse'} than {name} by {_amount(abs(gain))}"
    bound = "noise unknown" if margin is None else f"margin {_amount(margin)}"
    lines = f"{-lines_added} line{'s' if lines_added < -1 else ''}"
    match reason:
        case Reason.HUMAN:
            return f"{measured}, {compared}; adopted because a human asked for it"
        case Reason.SIMPLER:
            return f"{measured}, {compared}, {bound}; kept for {lines} less of code"
        case Reason.WITHIN_NOISE if confirm:
            return f"{measured}, {compared}, {bound}; a pair on another seed decides"
        case Reason.WITHIN_NOISE if gain != 0:
            return f"{measured}, {compared}, within the noise ({bound})"
        case _:
            return f"{measured}, {compared}, {bound}"


def _amount(value: float) -> str:
    return uncertainty(value) if value < 100 else number(value)
