"""What an editor's own diff and start dialog need: the canvas as it was at a commit, and what a start would run."""

from __future__ import annotations

from loop.control import control
from loop.record.types import Refused
from loop.text.diff import BOM
from server.asked import Arguments, Result, answering, campaign_asked, target_asked, work
from server.session import Session


@answering
async def text(session: Session, arguments: Arguments) -> Result:
    """Answer `autoresearch/text`: the canvas at an experiment's commit or its parent, `accepted` or `incumbent`."""
    target = await campaign_asked(session, arguments)
    at = arguments.get("at")
    if at == "accepted":
        return _shown("".join(target.review.reviewed.lines))
    if at == "incumbent":
        return _shown("".join(target.review.kept.line.lines))
    known = {commit for e in target.ledger.experiments.values() for commit in (e.commit, e.parent) if commit}
    if not isinstance(at, str) or at not in known:
        raise Refused("which text? give {at: commit of an experiment, or its parent, 'accepted' or 'incumbent'}")
    return _shown(await work(control.text, target.folder, target.ledger, at))


def _shown(text: str) -> Result:
    """Return a text as editors show it: without its byte order mark, which would be a difference in every diff."""
    return {"text": text.removeprefix(BOM)}


@answering
async def plan(session: Session, arguments: Arguments) -> Result:
    """Answer `autoresearch/plan`: what a start here would run, and how long."""
    folder = target_asked(session, arguments).folder
    program = await work(control.read_program, folder)
    stop = program.stop
    limits = {"experiments": stop.experiments, "hours": stop.hours, "dollars": stop.dollars, "plateau": stop.plateau}
    return {
        "folder": str(folder),
        "run": program.run,
        "canvas": program.canvas,
        "budget": program.budget,
        "models": list(program.models),
        "command": program.command,
        "stop": {name: value for name, value in limits.items() if value is not None},
    }
