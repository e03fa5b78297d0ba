"""The command that brings what was kept into the buffer. The user's own edits stay."""

from __future__ import annotations

from loop.review.pulling import pulled, restored
from loop.text.diff import converted
from loop.text.numbers import names
from server.asked import Arguments, Result, canvas_asked, experiment_asked, work
from server.commands.editing import apply_edit
from server.features.words import held_words, missing_words
from server.session import Session
from server.target import Canvas


async def pull(session: Session, arguments: Arguments) -> Result:
    """Bring the kept line, or the text of one experiment, into the buffer as one edit."""
    canvas = await canvas_asked(session, arguments)
    if arguments.get("experiment") is not None:
        return await _restore(session, canvas, experiment_asked(canvas, arguments).number)
    reading, tip = canvas.reading, canvas.review.kept.line.tip
    if not reading.behind:
        return {"message": held_words(canvas.snapshot, reading), "pulled": 0}
    text = pulled(canvas.snapshot.canvas, reading.held)
    with session.reverts[canvas.folder].passed_over(text):
        await apply_edit(session, canvas.document, converted(text, canvas.document.lines), f"Pull #{tip}")
    left = f"; left as you changed it: {names(reading.held.changed)}" if reading.held.changed else ""
    message = f"pulled {missing_words(canvas.snapshot, reading)}, up to #{tip}{left}"
    return {"message": message, "pulled": reading.behind, "experiment": tip}


async def _restore(session: Session, canvas: Canvas, number: int) -> Result:
    """Bring the text of one experiment into the buffer."""
    where = (canvas.folder, canvas.ledger, canvas.review.kept)
    text = await work(restored, *where, canvas.reading.lines, number)
    await apply_edit(session, canvas.document, converted(text, canvas.document.lines), f"Pull #{number}")
    return {"message": f"#{number} is in your buffer", "experiment": number}
