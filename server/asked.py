"""What a command or a request asks for: campaign, experiment, canvas, hunks. Refuses what is not there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Any

from loop.record.experiment import Experiment
from loop.record.types import AutoResearchError, Refused
from server.convert import path_of, uri_of
from server.reading import Pending
from server.session import Session
from server.target import Canvas, Target

Arguments = dict[str, Any]
Result = dict[str, Any]
Request = Callable[[Session, Any], Awaitable[Result]]

FACT_S = 2.0  # an answer waits this long for its fact, so that the next look sees it
OPEN_S = 5.0


def answering(request: Request) -> Request:
    """Return a request that takes whatever it is sent; a refusal is an answer too."""

    @wraps(request)
    async def answer(session: Session, params: Any) -> Result:
        try:
            return await request(session, params if isinstance(params, dict) else {})
        except AutoResearchError as refusal:
            return {"ok": False, "message": str(refusal)}

    return answer


async def work(act: Callable[..., Any], *arguments: Any) -> Any:
    """Run something that waits for git, files or the daemon in a worker thread."""
    return await asyncio.to_thread(act, *arguments)


def folder_asked(session: Session, arguments: Arguments) -> Path:
    """Return the folder that is asked about; raises Refused where that is not clear."""
    for name in ("uri", "folder"):
        given = arguments.get(name)
        if isinstance(given, str) and given:
            path = path_of(given) if "://" in given else Path(given)
            folder = path and (session.folder_of(path) or (path if path.is_dir() else path.parent))
            if folder is None or not folder.is_absolute():
                raise Refused(f"{given[:200]}: not a file or folder here")
            session.follow(folder)
            return folder
    known = [s.folder for s in session.snapshots.values() if s.ledger is not None] or list(session.snapshots)
    if len(known) != 1:
        raise Refused("which campaign? give {uri: ...} or {folder: ...}" if known else "open a program.md first")
    return known[0]


def target_asked(session: Session, arguments: Arguments) -> Target:
    """Return what is asked about, with or without a campaign; raises Refused where that is not clear."""
    return session.target(folder_asked(session, arguments), arguments.get("uri"))


async def campaign_asked(session: Session, arguments: Arguments) -> Target:
    """Return a target with a campaign, once the folder has been looked at; raises Refused where there is none."""
    folder = folder_asked(session, arguments)
    await session.until(lambda: session.snapshot(folder).looked, FACT_S)
    target = session.target(folder, arguments.get("uri"))
    if target.campaign is None:
        raise target.without_campaign()
    return target


def experiment_asked(target: Target, arguments: Arguments) -> Experiment:
    """Return the experiment that is named; raises Refused."""
    given = arguments.get("experiment")
    if not isinstance(given, int) or isinstance(given, bool):
        raise Refused("which experiment? give {experiment: 17}")
    return target.ledger.find(given)


async def canvas_asked(session: Session, arguments: Arguments) -> Canvas:
    """Return the open canvas and how it reads; opens it where the client can. Raises Refused."""
    target = await campaign_asked(session, arguments)
    folder, uri = target.folder, arguments.get("uri")
    if not (folder / "program.md").is_file():
        raise Refused(f"{folder.name}: there is no program.md any more; bring it back, or stop the campaign")
    if target.document is None and await session.show(uri_of(folder / target.snapshot.canvas)):
        await session.until(lambda: session.target(folder).document is not None, OPEN_S)
    await session.until(lambda: session.snapshot(folder).review is not None, FACT_S)
    target = session.target(folder, uri)
    version = arguments.get("version")
    if version is not None and version != target.shown.version:
        raise Refused(f"{target.shown.name} has changed since this was shown; nothing was done, look again")
    return Canvas.of(target)


def hunk_asked(canvas: Canvas, arguments: Arguments) -> Pending:
    """Return the hunk named by its id, or the one at a line; raises Refused."""
    pending = canvas.reading.find(arguments.get("hunk"))
    line = arguments.get("line")
    if pending is None and "hunk" not in arguments and isinstance(line, int):
        pending = canvas.reading.at(line)
    if pending is None:
        raise Refused("this hunk does not wait for review any more; nothing was done, look again")
    return pending


def hunks_asked(canvas: Canvas) -> list[Pending]:
    """Return every hunk that waits; raises Refused where none does."""
    if not canvas.reading.pending:
        raise Refused("nothing waits for review")
    return canvas.reading.pending


def hunks_of_experiment(canvas: Canvas, arguments: Arguments) -> tuple[int, list[Pending]]:
    """Return the experiment that is named and its hunks that wait; raises Refused where there is none."""
    number = experiment_asked(canvas, arguments).number
    found = [pending for pending in canvas.reading.pending if number in pending.experiments]
    if not found:
        raise Refused(f"no hunk of #{number} waits for review")
    return number, found
