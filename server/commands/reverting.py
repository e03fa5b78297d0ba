"""Commands that put old lines back. A revert asks for its cost: the incumbent without those lines is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from loop.record.types import AutoResearchError
from loop.review.proposing import propose_without
from loop.text.diff import converted
from loop.text.lineage import in_order
from loop.text.numbers import names
from server.asked import FACT_S, Arguments, Result, canvas_asked, hunk_asked, hunks_of_experiment, work
from server.commands.editing import apply_edit
from server.commands.undoing import look_for_undo
from server.reading import Pending
from server.reverts import Measurement, Reverted
from server.session import Session
from server.target import Canvas

Choice = Callable[[Canvas], tuple[int, Sequence[Pending]]]


async def revert_hunk(session: Session, arguments: Arguments) -> Result:
    """Put the old lines of one hunk back, then measure its cost."""

    def choose(canvas: Canvas) -> tuple[int, Sequence[Pending]]:
        pending = hunk_asked(canvas, arguments)
        return pending.newest, [pending]

    return await _revert(session, arguments, choose)


async def revert_experiment(session: Session, arguments: Arguments) -> Result:
    """Put back every hunk that an experiment wrote, as one edit, then measure its cost."""
    return await _revert(session, arguments, lambda canvas: hunks_of_experiment(canvas, arguments))


async def _revert(session: Session, arguments: Arguments, choose: Choice) -> Result:
    """Revert what is chosen, one revert after another: a quick second one was shown on the text before the first.

    So it is chosen in the text as it is when it is asked for, and found again by content when its turn has come.
    """
    asked = await canvas_asked(session, arguments)
    removes, chosen = choose(asked)
    later = {name: value for name, value in arguments.items() if name != "version"}
    async with session.reverts[asked.folder].turn:
        canvas = await canvas_asked(session, later)
        taken = [hunk_asked(canvas, {"hunk": pending.hunk.id}) for pending in chosen]
        return await _take_out(session, canvas, taken, removes)


async def _take_out(session: Session, canvas: Canvas, taken: Sequence[Pending], removes: int) -> Result:
    lines = list(canvas.reading.lines)
    for pending in sorted(taken, key=lambda p: p.hunk.start, reverse=True):
        end = pending.hunk.start + len(pending.hunk.new)
        lines[pending.hunk.start : end] = pending.hunk.old
    experiments = in_order(canvas.review.kept.line, {n for pending in taken for n in pending.experiments})
    text = converted(lines, canvas.document.lines)
    await apply_edit(session, canvas.document, text, f"Revert {names(experiments)}")
    hunks = [pending.hunk for pending in taken]
    asking = session.wire.spawn(_ask_measurement(canvas, taken, removes, experiments))
    revert = Reverted(removes, experiments, hunks, asking)
    session.reverts[canvas.folder].made.append(revert)
    look_for_undo(session, canvas.document.uri)
    measurement = await revert.measurement
    session.watcher.poke()
    await session.until(lambda: _is_seen(session, canvas, measurement), FACT_S)  # or a pull would bring it back
    found = measurement.sentence if measurement.queued else f"not measured: {measurement.sentence}"
    message = f"reverted {names(experiments)}; {found}"
    told = {"experiment": removes, "experiments": list(experiments), "measured": measurement.queued}
    return {"message": message, "reverted": len(taken), **told}


async def _ask_measurement(
    canvas: Canvas, taken: Sequence[Pending], removes: int, experiments: Sequence[int]
) -> Measurement:
    """File the text without these hunks."""
    where = (canvas.folder, canvas.ledger, canvas.review.kept, canvas.review.reviewed)
    hunks = [pending.hunk for pending in taken]
    try:
        answer = await work(propose_without, *where, canvas.reading.lines, hunks, removes, experiments)
        return Measurement(True, answer.message, answer.intent)
    except AutoResearchError as refusal:
        return Measurement(False, str(refusal))


def _is_seen(session: Session, canvas: Canvas, measurement: Measurement) -> bool:
    ledger = session.snapshot(canvas.folder).ledger
    return measurement.intent is None or (ledger is not None and ledger.last_seq >= measurement.intent)
