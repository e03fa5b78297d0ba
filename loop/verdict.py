"""Scores, noise floor and size of a patch → keep, discard, or one more run. Pure: no files, no clock.

Why not simply keep whatever scores lower? In simulated nights (100 runs, effects of a published night, noise 1e-3) 23 %
of what that keeps is no gain; of what this rule keeps 8 %, for a quarter less gain: `python -m bench rule`.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count

from loop.status import number, uncertainty
from loop.types import Reason, TooFewRuns, Verdict

# In standard deviations of a single run; chosen by simulation among about twenty rules.
BELIEVED = 3.0  # a gain of one run beyond this is kept at once; the difference of two runs has sqrt(2)
HOPEFUL = 0.5  # a gain of one run below this is not worth a confirming run
CONFIRMED = 1.0  # the mean gain of a run and its confirmation must exceed this


@dataclass(frozen=True)
class Opinion:
    """What the scores say. While `confirm_seed` is set, it is provisional and a run on that seed decides."""

    verdict: Verdict
    reason: Reason
    score: float | None  # mean over the seeds
    delta: float | None  # score - incumbent, seed by seed; negative is better when minimizing
    uncertainty: float | None  # standard deviation of `score`
    explanation: str
    confirm_seed: int | None = None


def noise_floor(scores: Sequence[float]) -> float:
    """Return the sample standard deviation of repeated baseline scores, in the metric's units.

    Needs at least two scores of one commit; raises TooFewRuns otherwise.
    An improvement smaller than this cannot be told from a rerun.
    """
    if len(scores) < 2:
        raise TooFewRuns(f"a noise floor needs at least 2 scores of the baseline, got {len(scores)}; set repeats: 2")
    return statistics.stdev(scores)


def judge(
    scores: Mapping[int, float] | float,
    best: Mapping[int, float] | float,
    *,
    noise_floor: float | None,
    lines_added: int,
    minimize: bool = True,
    human: bool = False,
) -> Opinion:
    """Return what becomes of a patch that scored `scores` (seed → score) against the incumbent's `best`.

    A bare number is a run on seed 0. `noise_floor` is None where the baseline ran once, and 0 for a script that
    repeats itself exactly; `lines_added` is net of removed ones. A human's patch is kept unless it gave no score.
    """
    ours, theirs = _by_seed(scores), _by_seed(best)
    if not ours or not theirs or not all(map(math.isfinite, theirs.values())):
        raise ValueError("judge() needs a score on both sides, and a finite one of the incumbent")
    broken = [score for score in ours.values() if not math.isfinite(score)]
    if broken:
        return Opinion(Verdict.CRASH, Reason.FAILED, None, None, None, f"its score is {broken[0]}")

    deltas = list(_deltas(ours, theirs))
    delta = statistics.mean(deltas)
    gains = [-d if minimize else d for d in deltas]
    verdict, reason, confirm = _weigh(gains, noise_floor, lines_added)
    if human:
        verdict, reason, confirm = Verdict.KEEP, Reason.HUMAN, False
    score = statistics.mean(ours.values())
    spread = None if noise_floor is None else noise_floor / math.sqrt(len(ours))
    gain = -delta if minimize else delta
    why = _explain(score, spread, gain, _margin(len(ours), noise_floor), reason, confirm, lines_added)
    return Opinion(verdict, reason, score, delta, spread, why, _next_seed(ours, theirs) if confirm else None)


def _by_seed(scores: Mapping[int, float] | float) -> Mapping[int, float]:
    return scores if isinstance(scores, Mapping) else {0: scores}


def _deltas(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Iterator[float]:
    """Compare seed by seed, since part of the noise is the seed's; with the mean where the incumbent lacks a seed."""
    mean = statistics.mean(theirs.values())
    for seed, score in ours.items():
        yield score - theirs.get(seed, mean)


def _margin(runs: int, noise_floor: float | None) -> float:
    return (BELIEVED if runs == 1 else CONFIRMED) * (noise_floor or 0.0)


def _weigh(gains: Sequence[float], noise_floor: float | None, lines_added: int) -> tuple[Verdict, Reason, bool]:
    """Return verdict, reason and whether another run decides; a higher gain never turns a keep into a discard."""
    gain, sigma = statistics.mean(gains), noise_floor or 0.0
    margin = _margin(len(gains), noise_floor)
    # Where the noise is unknown, a gain must show twice.
    believed = gain > margin if noise_floor is not None else len(gains) > 1 and min(gains) > 0
    if believed:
        return Verdict.KEEP, Reason.BETTER, False
    if lines_added < 0 and gain >= -sigma:
        return Verdict.KEEP, Reason.SIMPLER, False
    if gain < -margin:
        return Verdict.DISCARD, Reason.WORSE, False
    return Verdict.DISCARD, Reason.WITHIN_NOISE, len(gains) == 1 and gain > HOPEFUL * sigma


def _next_seed(ours: Mapping[int, float], theirs: Mapping[int, float]) -> int:
    """Return a seed that the incumbent has, if any is left, else one that nobody has."""
    return next(seed for seed in chain(sorted(theirs), (s for s in count() if s not in theirs)) if seed not in ours)


def _explain(
    score: float, spread: float | None, gain: float, margin: float, reason: Reason, confirm: bool, lines_added: int
) -> str:
    """Return one sentence for people, e.g. `0.9932 ± 0.0003, better than the best by 0.0047, margin 0.0006`."""
    measured = number(score) + (f" ± {uncertainty(spread)}" if spread else "")
    if gain == 0:
        compared = "equal to the best"
    else:
        compared = f"{'better' if gain > 0 else 'worse'} than the best by {_amount(abs(gain))}"
    bound = f"margin {_amount(margin)}" if spread is not None else "noise unknown"
    lines = f"{-lines_added} line{'s' if lines_added < -1 else ''}"
    match reason:
        case Reason.HUMAN:
            return f"{measured}, {compared}; adopted because a human asked for it"
        case Reason.SIMPLER:
            return f"{measured}, {compared}, {bound}; kept for {lines} less of code"
        case Reason.WITHIN_NOISE if confirm:
            return f"{measured}, {compared}, {bound}; a run on another seed decides"
        case Reason.WITHIN_NOISE if gain != 0:
            return f"{measured}, {compared}, within the noise ({bound})"
        case _:
            return f"{measured}, {compared}, {bound}"


def _amount(value: float) -> str:
    return uncertainty(value) if value < 100 else number(value)
