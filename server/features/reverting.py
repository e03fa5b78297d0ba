"""Review commands: revert, undo, measure. A revert asks for its price; what takes the revert back takes that back too.

The buffer is the truth: a revert that the editor's own undo takes back is found by its hunks, which are there again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsprotocol import types as t

from loop.hunks import Hunk, apply, converted, shows
from loop.lineage import experiments_of, in_order
from loop.status import names
from loop.types import AutoResearchError, Refused
from server.documents import Document, Role
from server.features.commands import Arguments, Command, Result, name_of, work
from server.features.editing import apply_edit, canvas_asked, experiment_pending, hunk_pending
from server.snapshot import Pending, Reading, Review, Snapshot, read_canvas

if TYPE_CHECKING:
    from server.session import Session


HALF = re.compile("[\ud800-\udfff]")  # of two that are one character in UTF-16


@dataclass(eq=False)
class Reverted:
    """A revert of this session. `price` is done once its measurement was asked for; False where it cannot be."""

    removes: int
    hunks: list[Hunk]
    price: asyncio.Task[tuple[bool, str]]


async def revert_hunk(session: Session, arguments: Arguments) -> Result:
    """Put the old lines of one hunk back, then measure its price."""
    document, snapshot, state, reading = await canvas_asked(session, arguments)
    pending = hunk_pending(reading, arguments)
    return await _revert(session, document, snapshot, state, reading, [pending], pending.newest)


async def revert_experiment(session: Session, arguments: Arguments) -> Result:
    """Put back every hunk that an experiment wrote, as one edit, then measure its price."""
    document, snapshot, state, reading = await canvas_asked(session, arguments)
    number, taken = experiment_pending(snapshot, reading, arguments)
    return await _revert(session, document, snapshot, state, reading, taken, number)


async def _revert(
    session: Session,
    document: Document,
    snapshot: Snapshot,
    state: Review,
    reading: Reading,
    taken: Sequence[Pending],
    removes: int,
) -> Result:
    lines = list(reading.lines)
    for pending in sorted(taken, key=lambda p: p.hunk.start, reverse=True):
        end = pending.hunk.start + len(pending.hunk.new)
        lines[pending.hunk.start : end] = pending.hunk.old
    experiments = in_order(state.kept.line, {n for pending in taken for n in pending.experiments})
    await apply_edit(session, document, converted(lines, document.lines), f"Revert {names(experiments)}")
    hunks = [pending.hunk for pending in taken]
    asking = _ask_price(snapshot, state, reading.lines, hunks, removes, experiments)
    revert = Reverted(removes, hunks, session.server.wire.spawn(asking))
    session.reverted.setdefault(snapshot.folder, []).append(revert)
    look_for_undo(session, document.uri)
    measured, sentence = await revert.price
    message = f"reverted {names(experiments)}; " + (
        f"its price: {sentence}" if measured else f"not measured: {sentence}"
    )
    told = {"experiment": removes, "experiments": list(experiments), "measured": measured}
    return {"message": message, "reverted": len(taken), **told}


async def _ask_price(
    snapshot: Snapshot,
    state: Review,
    lines: Sequence[str],
    hunks: Sequence[Hunk],
    removes: int,
    experiments: Sequence[int],
) -> tuple[bool, str]:
    """File the text without these hunks; return whether it will be measured, and the sentence."""
    from loop import review

    where = (snapshot.folder, snapshot.ledger, state.kept, state.removals)
    try:
        return True, (await work(review.propose_without, *where, lines, hunks, removes, experiments)).message
    except AutoResearchError as refusal:
        return False, str(refusal)


async def undo_revert(session: Session, arguments: Arguments) -> Result:
    """Bring back the lines of the last revert, found by content, and take its price back where it has not begun."""
    from loop import review

    document, snapshot, state, reading = await canvas_asked(session, arguments)
    stack = session.reverted.get(snapshot.folder, [])
    last = stack.pop() if stack else None  # before the text shows it, or it would be found there
    try:
        removes, hunks = (
            (last.removes, last.hunks) if last else await work(review.last_revert, snapshot.folder, name_of(snapshot))
        )
        whose = _whose(state, hunks, removes)
        lines = _with(reading.lines, hunks, whose)
        await apply_edit(session, document, converted(lines, document.lines), f"Undo revert of {whose}")
    except BaseException:
        if last is not None:
            stack.append(last)
        raise
    withdrawn, sentence = await _withdraw(snapshot, removes, last)
    message = f"{whose} is back in your buffer; {sentence}"
    return {"message": message, "experiment": removes, "restored": len(hunks), "withdrawn": withdrawn}


def _whose(state: Review, hunks: Sequence[Hunk], removes: int) -> str:
    """Return `#12 #17`: who wrote the hunks of a revert."""
    line = state.kept.line
    wrote = {n for hunk in hunks for n in experiments_of(line, hunk.old, hunk.new, map(line.wrote.get, hunk.new))}
    return names(in_order(line, wrote) or (removes,))


def _with(lines: list[str], hunks: Sequence[Hunk], whose: str) -> list[str]:
    """Return the text with the hunks of a revert again; raises Refused where their place is not found."""
    if all(shows(lines, hunk) for hunk in hunks):
        raise Refused(f"{whose} is back in this text already; nothing was done")
    try:
        for hunk in hunks:
            lines = apply(lines, hunk)
    except Refused as refusal:
        raise Refused(f"the lines around {whose} have changed since it was reverted; nothing was done") from refusal
    return lines


async def _withdraw(snapshot: Snapshot, removes: int, revert: Reverted | None) -> tuple[bool, str]:
    """Take a price back; return whether it stays unmeasured, and the sentence."""
    from loop import review

    if revert is not None and not (await revert.price)[0]:
        return True, "it was not to be measured"
    try:
        withdrawn, sentence = await work(review.withdraw, snapshot.folder, removes, name_of(snapshot))
        return bool(withdrawn), str(sentence)
    except AutoResearchError as refusal:
        return False, str(refusal)


def look_for_undo(session: Session, uri: str) -> None:
    """Take back the price of every revert that the editor's own undo has taken back."""
    looked = session.look(uri)
    stack = session.reverted.get(looked[1].folder) if looked else None
    if not looked or not stack or looked[1].review is None or looked[1].role(looked[0]) is not Role.CANVAS:
        return
    lines = read_canvas(looked[1].review, looked[0]).lines
    for revert in [revert for revert in stack if all(shows(lines, hunk) for hunk in revert.hunks)]:
        stack.remove(revert)
        session.server.wire.spawn(_tell_undone(session, looked[1], revert))


async def _tell_undone(session: Session, snapshot: Snapshot, revert: Reverted) -> None:
    """Take the price back in silence; say what it has cost where it had begun."""
    withdrawn, sentence = await _withdraw(snapshot, revert.removes, revert)
    whose = _whose(snapshot.review, revert.hunks, revert.removes) if snapshot.review else f"#{revert.removes}"
    message = f"the revert of {whose} was undone; {sentence}"
    session.server.window_log_message(t.LogMessageParams(t.MessageType.Info, message))
    if not withdrawn:
        session.say(t.MessageType.Info, message)
    session.watcher.poke()


async def measure_edit(session: Session, arguments: Arguments) -> Result:
    """Queue the buffer as it is as a human's proposal."""
    from loop import review

    _, snapshot, state, reading = await canvas_asked(session, arguments)
    if tuple(reading.lines) == state.kept.line.lines:
        raise Refused("this text is the incumbent; there is nothing to measure")
    for number, line in enumerate(reading.lines, 1):
        if HALF.search(line):
            raise Refused(f"{snapshot.canvas}, line {number}: half a character, which no file can hold; retype it")
    given = arguments.get("hypothesis")
    hypothesis = given if isinstance(given, str) and given.strip() else f"an edit of {snapshot.canvas} by hand"
    folder, ledger = snapshot.folder, snapshot.ledger
    answer = await work(review.propose_text, folder, ledger, state.kept, state.removals, reading.lines, hypothesis)
    return {"message": answer.message, "campaign": answer.campaign}


COMMANDS: dict[str, Command] = {
    "autoresearch.revertHunk": revert_hunk,
    "autoresearch.revertExperiment": revert_experiment,
    "autoresearch.undoRevert": undo_revert,
    "autoresearch.measureEdit": measure_edit,
}
