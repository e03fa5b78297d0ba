"""Review commands: revert, undo, measure. A revert asks for its price; what takes the revert back takes that back too.

The buffer is the truth: a revert that the editor's own undo takes back is found by its hunks, which are there again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types as t

from loop.record.types import AutoResearchError, Refused
from loop.text.diff import converted
from loop.text.hunks import Hunk, apply, shows
from loop.text.lineage import experiments_of, in_order
from loop.text.numbers import names
from server.documents import Document, Role
from server.features.commands import FACT_S, Arguments, Command, Result, name_of, work
from server.features.editing import apply_edit, canvas_asked, experiment_pending, hunk_pending
from server.snapshot import Pending, Reading, Review, Snapshot, read_canvas

if TYPE_CHECKING:
    from loop.review.reverts import Revert
    from server.session import Session


RECALL_S = 30.0  # until a folder that was just opened has been read
RECALLED = 16  # reverts of earlier sessions that may still be undone by the editor itself
HALF = re.compile("[\ud800-\udfff]")  # of two that are one character in UTF-16


@dataclass(frozen=True)
class Price:
    """Whether a revert is measured, the sentence about it, and the intent that asks for it."""

    measured: bool
    sentence: str
    intent: int | None = None


@dataclass(eq=False)
class Reverted:
    """A revert of this session, or one that the journal remembers. `price` is done once it was asked for."""

    removes: int
    experiments: Sequence[int]  # that wrote the hunks, as they were kept when it was made
    hunks: list[Hunk]
    price: asyncio.Future[Price]


Choice = Callable[[Snapshot, Reading, Arguments], tuple[int, Sequence[Pending]]]


async def revert_hunk(session: Session, arguments: Arguments) -> Result:
    """Put the old lines of one hunk back, then measure its price."""

    def choose(_: Snapshot, reading: Reading, asked: Arguments) -> tuple[int, Sequence[Pending]]:
        pending = hunk_pending(reading, asked)
        return pending.newest, [pending]

    return await _revert(session, arguments, choose)


async def revert_experiment(session: Session, arguments: Arguments) -> Result:
    """Put back every hunk that an experiment wrote, as one edit, then measure its price."""
    return await _revert(session, arguments, experiment_pending)


async def _revert(session: Session, arguments: Arguments, choose: Choice) -> Result:
    """Revert what is chosen, one revert after another: a quick second one was shown on the text before the first.

    So it is chosen in the text as it is when it is asked for, and found again by content when its turn has come.
    """
    _, snapshot, _, reading = await canvas_asked(session, arguments)
    removes, chosen = choose(snapshot, reading, arguments)
    later = {name: value for name, value in arguments.items() if name != "version"}
    async with session.reverting.setdefault(snapshot.folder, asyncio.Lock()):
        document, snapshot, state, reading = await canvas_asked(session, later)
        taken = [hunk_pending(reading, {"hunk": pending.hunk.id}) for pending in chosen]
        return await _take_out(session, document, snapshot, state, reading, taken, removes)


async def _take_out(
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
    revert = Reverted(removes, experiments, hunks, session.server.wire.spawn(asking))
    session.reverted.setdefault(snapshot.folder, []).append(revert)
    look_for_undo(session, document.uri)
    price = await revert.price
    session.watcher.poke()
    await session.until(lambda: _is_seen(session, snapshot.folder, price), FACT_S)  # or a pull would bring it back
    message = f"reverted {names(experiments)}; " + (
        f"its price: {price.sentence}" if price.measured else f"not measured: {price.sentence}"
    )
    told = {"experiment": removes, "experiments": list(experiments), "measured": price.measured}
    return {"message": message, "reverted": len(taken), **told}


def _is_seen(session: Session, folder: Path, price: Price) -> bool:
    ledger = session.snapshot(folder).ledger
    return price.intent is None or (ledger is not None and ledger.last_seq >= price.intent)


async def _ask_price(
    snapshot: Snapshot,
    state: Review,
    lines: Sequence[str],
    hunks: Sequence[Hunk],
    removes: int,
    experiments: Sequence[int],
) -> Price:
    """File the text without these hunks."""
    from loop.review import proposing

    where = (snapshot.folder, snapshot.ledger, state.kept, state.reviewed)
    try:
        answer = await work(proposing.propose_without, *where, lines, hunks, removes, experiments)
        return Price(True, answer.message, answer.intent)
    except AutoResearchError as refusal:
        return Price(False, str(refusal))


async def undo_revert(session: Session, arguments: Arguments) -> Result:
    """Bring back the lines of the last revert, found by content, and take its price back where it has not begun."""
    document, snapshot, state, reading = await canvas_asked(session, arguments)
    stack = session.reverted.get(snapshot.folder, [])
    last = stack.pop() if stack else None  # before the text shows it, or it would be found there
    try:
        revert = last or await _recorded(snapshot, state)
        whose = names(revert.experiments)
        missing = [hunk for hunk in revert.hunks if not shows(reading.lines, hunk)]
        lines = _with(reading.lines, missing, whose)
        await apply_edit(session, document, converted(lines, document.lines), f"Undo revert of {whose}")
    except BaseException:
        if last is not None:
            stack.append(last)
        raise
    withdrawn, sentence = await _withdraw(snapshot, revert)
    message = f"{whose} is {'back in your buffer' if missing else 'in your buffer already'}; {sentence}"
    told = {"experiment": revert.removes, "restored": len(missing), "withdrawn": withdrawn}
    return {"message": message, **told}


async def _recorded(snapshot: Snapshot, state: Review) -> Reverted:
    """Return the last revert that the journal remembers; raises Refused."""
    from loop.review.reverts import last_revert

    return _remembered(state, *await work(last_revert, snapshot.folder, name_of(snapshot)))


def _remembered(state: Review, last: Revert, hunks: list[Hunk]) -> Reverted:
    """Return a revert of an earlier session."""
    line = state.kept.line
    wrote = {n for hunk in hunks for n in experiments_of(line, hunk.old, hunk.new, map(line.wrote.get, hunk.new))}
    price: asyncio.Future[Price] = asyncio.get_running_loop().create_future()
    price.set_result(Price(True, "", last.intent))
    # Where the same lines were written again since, the line says who did, not who was reverted.
    experiments = in_order(line, wrote) if last.removes in wrote else (last.removes,)
    return Reverted(last.removes, experiments, hunks, price)


def _with(lines: list[str], hunks: Sequence[Hunk], whose: str) -> list[str]:
    """Return the text with the hunks of a revert again; raises Refused where their place is not found."""
    try:
        for hunk in hunks:
            lines = apply(lines, hunk)
    except Refused as refusal:
        raise Refused(f"the lines around {whose} have changed since it was reverted; nothing was done") from refusal
    return lines


async def _withdraw(snapshot: Snapshot, revert: Reverted) -> tuple[bool, str]:
    """Take a price back; return whether it stays unmeasured, and the sentence."""
    from loop.review.reverts import withdraw

    price = await revert.price
    if not price.measured:
        return True, "it was not to be measured"
    try:
        where = (snapshot.folder, revert.removes, name_of(snapshot))
        withdrawn, sentence = await work(withdraw, *where, price.intent)
        return bool(withdrawn), str(sentence)
    except AutoResearchError as refusal:
        return False, str(refusal)


def recall(session: Session, uri: str) -> None:
    """Remember the reverts of earlier sessions that a canvas shows, so that the editor's own undo of one is noticed.

    One that it does not show may have been undone while no server looked, or the text was never saved: nobody knows.
    """
    looked = session.look(uri)
    if looked:
        session.server.wire.spawn(_recall(session, looked[0], looked[1].folder))


async def _recall(session: Session, opened: Document, folder: Path) -> None:
    from loop.review.reverts import standing

    await session.until(lambda: session.snapshot(folder).review is not None, RECALL_S)
    snapshot = session.snapshot(folder)
    state, ledger = snapshot.review, snapshot.ledger
    if state is None or ledger is None or not snapshot.undoable or snapshot.role(opened) is not Role.CANVAS:
        return
    stand = await work(standing, folder, ledger, RECALLED)
    lines = read_canvas(state, opened).lines
    stack = session.reverted.setdefault(folder, [])
    known = {(await revert.price).intent for revert in list(stack)}
    shown = [one for one in stand if one[0].intent not in known and not all(shows(lines, hunk) for hunk in one[1])]
    stack[:0] = [_remembered(state, *one) for one in shown]
    look_for_undo(session, opened.uri)  # it may have been quicker


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


@contextmanager
def passed_over(session: Session, folder: Path, text: Sequence[str]) -> Iterator[None]:
    """Let a pull bring what another keep wrote again, where it was reverted: that undoes no revert."""
    stack = session.reverted.get(folder, [])
    before = list(stack)
    stack[:] = [revert for revert in stack if not all(shows(text, hunk) for hunk in revert.hunks)]
    try:
        yield
    except BaseException:
        stack[:] = before
        raise


async def _tell_undone(session: Session, snapshot: Snapshot, revert: Reverted) -> None:
    """Take the price back in silence; say what it has cost where it had begun."""
    withdrawn, sentence = await _withdraw(snapshot, revert)
    message = f"the revert of {names(revert.experiments)} was undone; {sentence}"
    session.server.window_log_message(t.LogMessageParams(t.MessageType.Info, message))
    if not withdrawn:
        session.say(t.MessageType.Info, message)
    session.watcher.poke()


async def measure_edit(session: Session, arguments: Arguments) -> Result:
    """Queue the buffer as it is as a human's proposal."""
    from loop.review import proposing

    _, snapshot, state, reading = await canvas_asked(session, arguments)
    if tuple(reading.lines) == state.kept.line.lines:
        raise Refused("this text is the incumbent; there is nothing to measure")
    for number, line in enumerate(reading.lines, 1):
        if HALF.search(line):
            raise Refused(f"{snapshot.canvas}, line {number}: half a character, which no file can hold; retype it")
    given = arguments.get("hypothesis")
    hypothesis = given if isinstance(given, str) and given.strip() else f"an edit of {snapshot.canvas} by hand"
    folder, ledger = snapshot.folder, snapshot.ledger
    answer = await work(proposing.propose_text, folder, ledger, state.kept, reading.held, hypothesis)
    return {"message": answer.message, "campaign": answer.campaign}


COMMANDS: dict[str, Command] = {
    "autoresearch.revertHunk": revert_hunk,
    "autoresearch.revertExperiment": revert_experiment,
    "autoresearch.undoRevert": undo_revert,
    "autoresearch.measureEdit": measure_edit,
}
