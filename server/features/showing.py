"""Commands that show something: an experiment, its diff, the results; and the same as data for the custom layer.

Shown are scratch files of ours below the git folder. Nothing is opened that nobody asked for.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING, Any

from lsprotocol import types as t

from loop.text.numbers import number as score_number
from loop.text.numbers import signed_number
from loop.views.experiments import verdict_text
from server.convert import uri_of
from server.features.commands import (
    Arguments,
    Command,
    Result,
    campaign_asked,
    experiment_asked,
    snapshot_asked,
    work,
)
from server.features.hovers import details
from server.snapshot import Snapshot

if TYPE_CHECKING:
    from server.session import Session

log = logging.getLogger(__name__)


async def show(session: Session, snapshot: Snapshot, name: str, text: str) -> Result:
    """Write a scratch file of ours and show it where the client can; the path is in the result anyway."""
    path = session.view_path(snapshot, name)
    await work(write, path, text)
    shown = await show_document(session, uri_of(path), None)
    return {"message": f"{name}: {'shown' if shown else f'written to {path}'}", "path": str(path), "shown": shown}


def write(path: Path, text: str) -> None:
    """Put a text that is for reading only in its place; another window may do the same now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with open(handle, "wb") as file:
        file.write(text.encode("utf-8", "replace"))
        os.fchmod(handle, 0o444)
    os.replace(fresh, path)


async def show_document(session: Session, uri: str, selection: t.Range | None) -> bool:
    """Ask the client to show a document; return whether it did."""
    if not session.client.show_document:
        return False
    try:
        params = t.ShowDocumentParams(uri, take_focus=True, selection=selection)
        answer = await asyncio.wait_for(session.server.window_show_document_async(params), 10)
    except Exception as error:
        log.info("the client did not show %s: %r", uri, error)
        return False
    return bool(answer and answer.success)


async def show_experiment(session: Session, arguments: Arguments) -> Result:
    """Show everything about an experiment."""
    snapshot = await campaign_asked(session, arguments)
    experiment = experiment_asked(snapshot, arguments)
    diff = await _diff(snapshot, experiment)
    text = details(snapshot, experiment, diff.replace("```", "` ` `"))
    return {**await show(session, snapshot, f"{experiment.number}.md", text + "\n"), "experiment": experiment.number}


async def show_diff(session: Session, arguments: Arguments) -> Result:
    """Show what an experiment changed."""
    snapshot = await campaign_asked(session, arguments)
    experiment = experiment_asked(snapshot, arguments)
    diff = await _diff(snapshot, experiment)
    result = await show(session, snapshot, f"{experiment.number}.diff", diff or "no difference\n")
    return {**result, "experiment": experiment.number, "diff": diff}


async def _diff(snapshot: Snapshot, experiment: Any) -> str:
    from loop.control import control

    return str(await work(control.diff, snapshot.folder, snapshot.ledger, experiment.parent, experiment.commit)) if (
        experiment.parent
    ) else ""  # fmt: skip


async def show_results(session: Session, arguments: Arguments) -> Result:
    """Show the table of experiments, in the five columns that users know."""
    from loop.views.tables import tsv

    snapshot = await campaign_asked(session, arguments)
    return await show(session, snapshot, "results.tsv", await work(tsv, snapshot.ledger))


def history(session: Session, params: Any) -> Result:
    """Answer `autoresearch/history`: one object per experiment."""
    snapshot = snapshot_asked(session, params if isinstance(params, dict) else {})
    experiments = sorted(snapshot.ledger.experiments.items()) if snapshot.ledger else []
    return {"campaign": snapshot.ledger.campaign if snapshot.ledger else None,
            "experiments": [summary(e, snapshot) for _, e in experiments]}  # fmt: skip


def summary(experiment: Any, snapshot: Snapshot) -> Result:
    """Return the facts of an experiment as plain JSON."""
    return {
        "number": experiment.number,
        "commit": experiment.commit,
        "parent": experiment.parent,
        "hypothesis": experiment.hypothesis,
        "author": str(experiment.author),
        "proposer": experiment.proposer,
        "verdict_text": verdict_text(experiment),
        "score": experiment.score,
        "compared": snapshot.ledger.compared(experiment) if snapshot.ledger else experiment.score,
        "text": score_number(experiment.score) if experiment.score is not None else "",
        "delta": experiment.delta,
        "delta_text": signed_number(experiment.delta) if experiment.delta is not None else "",
        "uncertainty": experiment.uncertainty,
        "source": str(experiment.source) if experiment.source else None,
        "verdict": str(experiment.verdict) if experiment.verdict else None,
        "reason": str(experiment.reason) if experiment.reason else None,
        "mark": str(snapshot.ledger.mark(experiment)) if snapshot.ledger else None,
        "explanation": experiment.explanation,
        "removes": experiment.removes,
        "judged_at": experiment.judged_at,
        "peak_memory_mb": experiment.peak_memory_mb,
        "dollars": experiment.cost.dollars,
    }


async def experiment(session: Session, params: Any) -> Result:
    """Answer `autoresearch/experiment`: the facts of one, with its diff and its Markdown."""
    arguments = params if isinstance(params, dict) else {}
    snapshot = await campaign_asked(session, arguments)
    found = experiment_asked(snapshot, arguments)
    diff = await _diff(snapshot, found)
    return {**summary(found, snapshot), "diff": diff, "markdown": details(snapshot, found)}


COMMANDS: dict[str, Command] = {
    "autoresearch.showExperiment": show_experiment,
    "autoresearch.showDiff": show_diff,
    "autoresearch.showResults": show_results,
}
