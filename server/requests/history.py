"""The experiments of a campaign as data: all of them, or one with its diff and its Markdown."""

from __future__ import annotations

from loop.record.experiment import Experiment
from loop.record.types import Mark
from loop.views.chart import WORDS
from server.asked import Arguments, Result, answering, campaign_asked, experiment_asked, target_asked
from server.commands.showing import diff_of
from server.features.hovers import details
from server.features.words import delta_words, memory_words, row, score_words, spread_words, verdict_words
from server.session import Session
from server.snapshot import Snapshot

RUNNING = "running"  # the mark of what trains now


@answering
async def history(session: Session, arguments: Arguments) -> Result:
    """Answer `autoresearch/history`: one object per experiment, and what each mark of a plot of them means."""
    target = target_asked(session, arguments)
    ledger = target.snapshot.ledger
    known = [e for _, e in sorted(ledger.experiments.items())] if ledger else []
    experiments = [summary(e, target.snapshot) for e in known]
    marks = {str(e["mark"]) for e in experiments} | {"best"}
    marks |= {"verified"} if target.snapshot.status.get("verified") is not None else set()
    legend = [{"mark": mark, "text": words} for mark, words in WORDS.items() if mark in marks]
    return {"campaign": target.campaign, "experiments": experiments, "legend": legend}


@answering
async def experiment(session: Session, arguments: Arguments) -> Result:
    """Answer `autoresearch/experiment`: what is known of one, with its diff and its Markdown."""
    target = await campaign_asked(session, arguments)
    found = experiment_asked(target, arguments)
    diff = await diff_of(target, found)
    return {**summary(found, target.snapshot), "diff": diff, "markdown": details(target.snapshot, found)}


def summary(experiment: Experiment, snapshot: Snapshot) -> Result:
    """Return what is known of an experiment as plain JSON; what an editor shows of it is there in words."""
    mark = snapshot.ledger.mark(experiment) if snapshot.ledger else Mark.WAITING
    score, delta, verdict = score_words(experiment), delta_words(experiment), verdict_words(snapshot, experiment)
    return {
        "number": experiment.number,
        "commit": experiment.commit,
        "parent": experiment.parent,
        "hypothesis": experiment.hypothesis,
        "author": str(experiment.author),
        "proposer": experiment.proposer,
        "score": experiment.score,
        "compared": snapshot.ledger.compared(experiment) if snapshot.ledger else experiment.score,
        "text": score,
        "delta": experiment.delta,
        "delta_text": delta,
        "uncertainty": experiment.uncertainty,
        "uncertainty_text": spread_words(experiment.uncertainty),
        "source": str(experiment.source) if experiment.source else None,
        "verdict": str(experiment.verdict) if experiment.verdict else None,
        "verdict_text": verdict,
        "group": str(experiment.verdict or mark),
        "reason": str(experiment.reason) if experiment.reason else None,
        "mark": RUNNING if experiment.number == snapshot.running else str(mark),
        "row": row(experiment, score, delta, verdict),
        "explanation": experiment.explanation,
        "removes": experiment.removes,
        "judged_at": experiment.judged_at,
        "peak_memory_mb": experiment.peak_memory_mb,
        "memory_text": memory_words(experiment.peak_memory_mb),
        "dollars": experiment.cost.dollars,
    }
