"""Commands that show something: an experiment, its diff, the results.

Shown are scratch files of ours below the git folder. Nothing is opened that nobody asked for.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import mkstemp

from loop.control import control
from loop.record.experiment import Experiment
from loop.record.home import find_home
from server.asked import Arguments, Result, campaign_asked, experiment_asked, work
from server.convert import uri_of
from server.features.hovers import details
from server.session import Session
from server.target import Target


async def show_experiment(session: Session, arguments: Arguments) -> Result:
    """Show everything about an experiment."""
    target = await campaign_asked(session, arguments)
    experiment = experiment_asked(target, arguments)
    diff = await diff_of(target, experiment)
    text = details(target.snapshot, experiment, diff.replace("```", "` ` `"))
    return {**await _show(session, target, f"{experiment.number}.md", text + "\n"), "experiment": experiment.number}


async def show_diff(session: Session, arguments: Arguments) -> Result:
    """Show what an experiment changed."""
    target = await campaign_asked(session, arguments)
    experiment = experiment_asked(target, arguments)
    diff = await diff_of(target, experiment)
    result = await _show(session, target, f"{experiment.number}.diff", diff or "no difference\n")
    return {**result, "experiment": experiment.number, "diff": diff}


async def show_results(session: Session, arguments: Arguments) -> Result:
    """Show the table of experiments, in the five columns that users know."""
    from loop.views.tables import tsv

    target = await campaign_asked(session, arguments)
    return await _show(session, target, "results.tsv", await work(tsv, target.ledger))


async def diff_of(target: Target, experiment: Experiment) -> str:
    """Return what an experiment changed, "" for the baseline."""
    if not experiment.parent:
        return ""
    return str(await work(control.diff, target.folder, target.ledger, experiment.parent, experiment.commit))


async def _show(session: Session, target: Target, name: str, text: str) -> Result:
    """Write a scratch file of ours and show it where the client can; the path is in the result anyway."""
    path = find_home(target.folder).root / "views" / target.ledger.campaign / name
    session.views[path] = target.folder
    await work(write, path, text)
    shown = await session.show(uri_of(path))
    return {"message": f"{name}: {'shown' if shown else f'written to {path}'}", "path": str(path), "shown": shown}


def write(path: Path, text: str) -> None:
    """Put a text that is for reading only in its place; another window may do the same now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with open(handle, "wb") as file:
        file.write(text.encode("utf-8", "replace"))
        os.fchmod(handle, 0o444)
    os.replace(fresh, path)
