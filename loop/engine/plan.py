"""Ledger → what happens next: the next run of an experiment or its verdict, and whether a limit is reached.

Pure: no files, no clock. The engine acts on what this says, so a resumed campaign continues exactly as it would have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from loop.engine.verdict import judge
from loop.record.experiment import MOST_LOST, Experiment
from loop.record.experiment_facts import Judged
from loop.record.ledger import Ledger
from loop.record.noise import differences
from loop.record.types import Author, Cost, FailureKind, Outcome, Purpose, Reason, Verdict
from loop.record.values import counted
from loop.settings.program import Stop

WITHDRAWN = "its revert was undone"


@dataclass(frozen=True)
class Planned:
    """The next run: of the experiment that was asked about, or of experiment `of`, which it is compared with."""

    purpose: Purpose
    seed: int
    of: int | None = None


def decide(ledger: Ledger, experiment: Experiment, repeats: int) -> Planned | Judged:
    """Return the next run of an experiment, or its verdict. `repeats` baselines give the noise floor."""
    if (judged := _without_scores(experiment)) is not None:
        return judged
    if experiment.number == 0:
        return _decide_baseline(experiment, repeats)
    incumbent = ledger.incumbent_experiment
    if incumbent is None:
        raise LookupError(f"#{experiment.number} cannot be judged: the baseline is measured before any patch")
    lacking = [s for s in experiment.scores if s not in incumbent.scores and s not in incumbent.unusable]
    if lacking:
        return Planned(Purpose.COMPARE, min(lacking), incumbent.number)
    if not differences(experiment.scores, incumbent.scores):
        return Planned(Purpose.MEASURE, min(incumbent.scores, default=0))
    return _compare(ledger, experiment, incumbent)


def subject(ledger: Ledger, experiment: Experiment, planned: Planned) -> Experiment:
    """Return the experiment that runs: the one that was asked about, or the incumbent that it is compared with."""
    return experiment if planned.of is None else ledger.experiments[planned.of]


def _without_scores(experiment: Experiment) -> Judged | None:
    """Return the verdict that needs no score: withdrawn before it ran, failed, or lost; None where scores decide."""
    number, runs = experiment.number, experiment.own_runs
    if experiment.withdrawn and not experiment.scores:
        return Judged(number, Verdict.INVALID, Reason.HUMAN, explanation=f"not measured: {WITHDRAWN}")
    failed = experiment.doomed or next(
        (r.failure for r in runs if r.failure is not None and r.outcome is not Outcome.INTERRUPTED), None
    )
    if failed is not None and failed.kind is FailureKind.TAMPERED:
        return Judged(number, Verdict.INVALID, Reason.TAMPERED, explanation=failed.message)
    if failed is not None:
        return Judged(number, Verdict.CRASH, Reason.FAILED, explanation=failed.message)
    lost = [r.failure for r in runs if r.failure is not None and r.failure.kind is FailureKind.LOST]
    if len(lost) < MOST_LOST:
        return None
    told = f"{len(lost)} of its runs lost their supervisor; does it kill processes that are not its own?"
    return Judged(number, Verdict.CRASH, Reason.FAILED, explanation=told)


def _compare(ledger: Ledger, experiment: Experiment, incumbent: Experiment) -> Planned | Judged:
    """Return the verdict on scores in pairs, or the run that decides where they do not."""
    pairs = differences(experiment.scores, incumbent.scores)
    opinion = judge(
        experiment.scores,
        incumbent.scores,
        noise=ledger.noise,
        lines_added=experiment.lines_added - experiment.lines_removed,
        minimize=ledger.minimize,
        human=experiment.author is Author.HUMAN,
        name=f"#{incumbent.number}" if incumbent.number else "the baseline",
        unusable=incumbent.unusable,
    )
    compared = Judged(
        experiment.number,
        opinion.verdict,
        opinion.reason,
        opinion.score,
        opinion.delta,
        opinion.uncertainty,
        opinion.explanation,
        incumbent.number,
        incumbent.commit,
        tuple(pairs),
        tuple((experiment.scores[seed], incumbent.scores[seed]) for seed in pairs),
    )
    if experiment.withdrawn:
        told = f"not adopted: {WITHDRAWN}"
        return replace(compared, verdict=Verdict.DISCARD, reason=Reason.HUMAN, explanation=told)
    if opinion.confirm_seed is not None:
        return Planned(Purpose.CONFIRM, opinion.confirm_seed)
    return compared


def _decide_baseline(experiment: Experiment, repeats: int) -> Planned | Judged:
    scores = experiment.scores
    missing = next((seed for seed in range(repeats) if seed not in scores), None)
    # Two equal scores on two seeds: the script ignores the seed, and further runs would say the same.
    if missing is not None and not (len(scores) > 1 and len(set(scores.values())) == 1):
        return Planned(Purpose.BASELINE, missing)
    mean = sum(scores.values()) / len(scores)
    return Judged(0, Verdict.KEEP, Reason.HUMAN, mean, explanation=f"the baseline, {counted(len(scores), 'run')}")


def limit_reached(ledger: Ledger, stop: Stop, now: float) -> str:
    """Return the sentence of the limit that has been reached at `now` (monotonic seconds), or an empty string."""
    hours = (ledger.busy_s + max(0.0, now - (ledger.last_tick or now))) / 3600
    if stop.experiments is not None and ledger.judged >= stop.experiments:
        return f"{counted(ledger.judged, 'experiment')} done, as many as 'stop: experiments' allows"
    if stop.hours is not None and hours >= stop.hours:
        return f"{hours:.2f} hours spent, as many as 'stop: hours' allows"
    if spent := spent_limit(stop, replace(ledger.spent, dollars=ledger.known_dollars)):
        return spent
    if stop.plateau is not None and ledger.since_keep >= stop.plateau:
        return f"{counted(ledger.since_keep, 'experiment')} without a gain, as many as 'stop: plateau' allows"
    return ""


def spent_limit(stop: Stop, spent: Cost) -> str:
    """Return the sentence of the limit in dollars or tokens that this reaches, or an empty string."""
    tokens, dollars = spent.tokens_in + spent.tokens_out, spent.dollars or 0.0
    if stop.dollars is not None and dollars >= stop.dollars > 0:
        return f"${dollars:.2f} spent, as much as 'stop: dollars' allows"
    if stop.tokens is not None and tokens >= stop.tokens:
        return f"{counted(tokens, 'token')} spent, as many as 'stop: tokens' allows"
    return ""


def crashes_in_a_row(ledger: Ledger) -> int:
    """Return how many of the latest verdicts are crashes."""
    count = 0
    for experiment in reversed(ledger.verdicts):
        if experiment.verdict is not Verdict.CRASH:
            break
        count += 1
    return count
