"""What takes a revert back takes its measurement back too: the command, the editor's own undo, a file read again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types as t

from loop.record.types import AutoResearchError, Refused
from loop.text.diff import converted
from loop.text.hunks import Hunk, apply, shows
from loop.text.lineage import experiments_of, in_order
from loop.text.numbers import names
from server.asked import Arguments, Result, canvas_asked, work
from server.commands.editing import apply_edit
from server.documents import Document, Role
from server.reading import read_canvas
from server.reverts import Measurement, Reverted
from server.session import Session
from server.snapshot import Review
from server.target import Canvas

if TYPE_CHECKING:
    from loop.review.reverts import Revert

RECALL_S = 30.0  # until a folder that was just opened has been read
RECALLED = 16  # reverts of earlier sessions that may still be undone by the editor itself


async def undo_revert(session: Session, arguments: Arguments) -> Result:
    """Bring back the lines of the last revert, found by content, and its measurement where it has not begun."""
    canvas = await canvas_asked(session, arguments)
    made, recalling = session.reverts[canvas.folder].made, session.reverts[canvas.folder].recalling
    if recalling:  # or one that is remembered a moment later would be taken back twice
        await asyncio.wait({*recalling})
    last = made.pop() if made else None  # before the text shows it, or it would be found there
    try:
        revert = last or await _recorded(canvas)
        whose = names(revert.experiments)
        missing = [hunk for hunk in revert.hunks if not shows(canvas.reading.lines, hunk)]
        lines = converted(_with(canvas.reading.lines, missing, whose), canvas.document.lines)
        await apply_edit(session, canvas.document, lines, f"Undo revert of {whose}")
    except BaseException:
        if last is not None:
            made.append(last)
        raise
    withdrawn, sentence = await _withdraw(canvas.folder, canvas.campaign, revert)
    message = f"{whose} is {'back in your buffer' if missing else 'in your buffer already'}; {sentence}"
    told = {"experiment": revert.removes, "restored": len(missing), "withdrawn": withdrawn}
    return {"message": message, **told}


async def _recorded(canvas: Canvas) -> Reverted:
    """Return the last revert that the journal remembers; raises Refused."""
    from loop.review.reverts import last_revert

    return _remembered(canvas.review, *await work(last_revert, canvas.folder, canvas.campaign))


def _remembered(state: Review, last: Revert, hunks: list[Hunk]) -> Reverted:
    """Return a revert of an earlier session."""
    line = state.kept.line
    wrote = {n for hunk in hunks for n in experiments_of(line, hunk.old, hunk.new, map(line.wrote.get, hunk.new))}
    measurement: asyncio.Future[Measurement] = asyncio.get_running_loop().create_future()
    measurement.set_result(Measurement(True, "", last.intent))
    # Where the same lines were written again since, the line says who did, not who was reverted.
    experiments = in_order(line, wrote) if last.removes in wrote else (last.removes,)
    return Reverted(last.removes, experiments, hunks, measurement)


def _with(lines: list[str], hunks: Sequence[Hunk], whose: str) -> list[str]:
    """Return the text with the hunks of a revert again; raises Refused where their place is not found."""
    try:
        for hunk in hunks:
            lines = apply(lines, hunk)
    except Refused as refusal:
        raise Refused(f"the lines around {whose} have changed since it was reverted; nothing was done") from refusal
    return lines


async def _withdraw(folder: Path, campaign: str | None, revert: Reverted) -> tuple[bool, str]:
    """Take a measurement back; return whether the revert stays unmeasured, and the sentence."""
    from loop.review.reverts import withdraw

    measurement = await revert.measurement
    if not measurement.queued:
        return True, "it was not to be measured"
    try:
        withdrawn, sentence = await work(withdraw, folder, revert.removes, campaign, measurement.intent)
        return bool(withdrawn), str(sentence)
    except AutoResearchError as refusal:
        return False, str(refusal)


# ---- what the editor itself undoes -----------------------------------------------------------------------------------


def look_for_undo(session: Session, uri: str) -> None:
    """Take back the measurement of every revert that the editor's own undo has taken back."""
    looked = session.look(uri)
    if looked is None:
        return
    document, snapshot = looked
    reverts = session.reverts[snapshot.folder]
    if not reverts.made or snapshot.review is None or snapshot.role(document) is not Role.CANVAS:
        return
    campaign = snapshot.ledger.campaign if snapshot.ledger else None
    for revert in reverts.take_undone(read_canvas(snapshot.review, document).lines):
        session.wire.spawn(_tell_undone(session, snapshot.folder, campaign, revert))


async def _tell_undone(session: Session, folder: Path, campaign: str | None, revert: Reverted) -> None:
    """Take the measurement back in silence; say what it found where it had begun."""
    withdrawn, sentence = await _withdraw(folder, campaign, revert)
    message = f"the revert of {names(revert.experiments)} was undone; {sentence}"
    session.log(message)
    if not withdrawn:
        session.say(t.MessageType.Info, message)
    session.watcher.poke()


def recall(session: Session, uri: str) -> None:
    """Remember the reverts of earlier sessions that a canvas shows, so that the editor's own undo of one is noticed."""
    looked = session.look(uri)
    if looked:
        recalling = session.reverts[looked[1].folder].recalling
        task = session.wire.spawn(_recall(session, looked[0], looked[1].folder))
        recalling.add(task)
        task.add_done_callback(recalling.discard)


async def _recall(session: Session, opened: Document, folder: Path) -> None:
    from loop.review.reverts import standing

    await session.until(lambda: session.snapshot(folder).review is not None, RECALL_S)
    snapshot = session.snapshot(folder)
    state, ledger = snapshot.review, snapshot.ledger
    if state is None or ledger is None or not snapshot.undoable or snapshot.role(opened) is not Role.CANVAS:
        return
    earlier = [_remembered(state, *one) for one in await work(standing, folder, ledger, RECALLED)]
    await session.reverts[folder].recall(earlier, read_canvas(state, opened).lines)
    look_for_undo(session, opened.uri)  # it may have been quicker
