"""An experiment and one more fact about it → the experiment after that fact. Pure.

What a fact says of the campaign, of its noise, costs and time, is the ledger's to add.
"""

from __future__ import annotations

from dataclasses import replace

from loop.record.experiment import Experiment, Run
from loop.record.experiment_facts import (
    Doomed,
    Judged,
    Merged,
    Proposed,
    Repaired,
    RunEnded,
    RunFact,
    RunStarted,
    Scored,
    TextFact,
    VerdictLost,
    Withdrawn,
)
from loop.record.noise import differences


def proposed(fact: Proposed, at: float) -> Experiment:
    """Return the experiment that a proposal begins."""
    return Experiment(
        number=fact.experiment,
        commit=fact.commit,
        parent=fact.parent,
        hypothesis=fact.hypothesis,
        author=fact.author,
        proposer=fact.proposer,
        lines_added=fact.lines_added,
        lines_removed=fact.lines_removed,
        proposed_at=at,
        program=fact.program,
        expected=fact.expected,
        cites=fact.cites,
        removes=fact.removes,
        intent=fact.intent,
        fingerprint=fact.fingerprint,
        knobs=fact.knobs,
        cost=fact.cost,
        restored=fact.restored,
    )


def changed(experiment: Experiment, fact: TextFact, following: int) -> Experiment:
    """Return the experiment with another text, or with news of the one that it has.

    `following` is the number that the campaign's next experiment gets.
    """
    match fact:
        case Merged():
            return replace(
                experiment,
                commit=fact.commit,
                parent=fact.parent,
                lines_added=fact.lines_added,
                lines_removed=fact.lines_removed,
                fingerprint=fact.fingerprint,
                doomed=None,
            )
        case Repaired():
            return replace(
                experiment,
                commit=fact.commit,
                hypothesis=fact.hypothesis,
                lines_added=fact.lines_added,
                lines_removed=fact.lines_removed,
                fingerprint=fact.fingerprint,
                knobs=fact.knobs,
                repairs=experiment.repairs + 1,
                doomed=None,
                cost=experiment.cost + fact.cost,
            )
        case Withdrawn():
            return replace(experiment, withdrawn=True, withdrawn_before=following)
        case VerdictLost():
            return replace(experiment, restored=True, known_runs=len(experiment.runs), was_kept=fact.kept)
        case Doomed():
            return replace(experiment, doomed=fact.failure)


def ran(experiment: Experiment, fact: RunFact) -> Experiment:
    """Return the experiment with one more run, or with what is known of one; of an unknown one nothing is."""
    if isinstance(fact, RunStarted):
        run = Run(fact.attempt, fact.purpose, fact.seed, fact.commit)
        return replace(experiment, runs=(*experiment.runs, run))
    runs = (_with(run, fact) if run.attempt == fact.attempt else run for run in experiment.runs)
    return replace(experiment, runs=tuple(runs))


def _with(run: Run, fact: RunEnded | Scored) -> Run:
    if isinstance(fact, Scored):
        return replace(run, score=fact.score, source=fact.source)
    return replace(
        run,
        outcome=fact.outcome,
        train_seconds=fact.train_seconds,
        total_seconds=fact.total_seconds,
        peak_memory_mb=fact.peak_memory_mb,
        tokens_per_s=fact.tokens_per_s,
        failure=fact.failure,
        setup_cpu_s=fact.setup_cpu_s,
        cpu_s=fact.cpu_s,
        clock_s=fact.clock_s,
    )


def judged(experiment: Experiment, fact: Judged, against: int | None, level: float, at: float, seq: int) -> Experiment:
    """Return the experiment with its verdict: against which incumbent, and when and where in the journal it stands."""
    return replace(
        experiment,
        verdict=fact.verdict,
        reason=fact.reason,
        score=fact.score,
        delta=fact.delta,
        uncertainty=fact.uncertainty,
        explanation=fact.explanation,
        against=against,
        level=level,
        judged_at=at,
        judged_seq=seq,
    )


def level(fact: Judged, against: Experiment | None, baseline: float | None) -> float:
    """Return what the kept line would have gained with it, pair by pair: its delta on top of the incumbent's level."""
    if fact.score is None or fact.experiment == 0:
        return 0.0
    if fact.delta is None or against is None:
        return fact.score - (baseline or 0.0)
    return against.level + fact.delta


def compared(fact: Judged, experiment: Experiment, against: Experiment | None) -> list[float]:
    """Return the differences of a verdict's pairs; older journals have them among the runs."""
    if fact.pairs:
        return [ours - theirs for ours, theirs in fact.pairs]
    if fact.score is None or against is None or against.number == experiment.number:
        return []
    return list(differences(experiment.scores, against.scores).values())
