"""What an editor's own diff and start dialog need: the canvas as it was at a commit, and what a start would run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loop.record.types import Refused
from loop.text.diff import BOM
from server.features.commands import Result, campaign_asked, snapshot_asked, work

if TYPE_CHECKING:
    from server.session import Session


async def text(session: Session, params: Any) -> Result:
    """Answer `autoresearch/text`: the canvas at an experiment's commit or its parent, `accepted` or `incumbent`."""
    from loop.control import control

    arguments = params if isinstance(params, dict) else {}
    snapshot = await campaign_asked(session, arguments)
    assert snapshot.ledger is not None
    at = arguments.get("at")
    if at in ("accepted", "incumbent"):
        if snapshot.review is None:
            raise Refused(snapshot.trouble or "the campaign's baseline is not recorded yet; try again in a moment")
        review = snapshot.review
        return _shown("".join(review.reviewed.lines if at == "accepted" else review.kept.line.lines))
    known = {commit for e in snapshot.ledger.experiments.values() for commit in (e.commit, e.parent) if commit}
    if not isinstance(at, str) or at not in known:
        raise Refused("which text? give {at: commit of an experiment, or its parent, 'accepted' or 'incumbent'}")
    return _shown(await work(control.text, snapshot.folder, snapshot.ledger, at))


def _shown(text: str) -> Result:
    """Return a text as editors show it: without its byte order mark, which would be a difference in every diff."""
    return {"text": text.removeprefix(BOM)}


async def plan(session: Session, params: Any) -> Result:
    """Answer `autoresearch/plan`: what a start here would run, and how long."""
    from loop.control import control

    arguments = params if isinstance(params, dict) else {}
    snapshot = snapshot_asked(session, arguments)
    program = await work(control.read_program, snapshot.folder)
    stop = program.stop
    limits = {"experiments": stop.experiments, "hours": stop.hours, "dollars": stop.dollars, "plateau": stop.plateau}
    return {
        "folder": str(snapshot.folder),
        "run": program.run,
        "canvas": program.canvas,
        "budget": program.budget,
        "models": list(program.models),
        "command": program.command,
        "stop": {name: value for name, value in limits.items() if value is not None},
    }
