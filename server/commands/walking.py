"""The commands that lead from hunk to hunk."""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types as t

from server.asked import Arguments, Result, canvas_asked, hunks_asked
from server.session import Session


async def next_hunk(session: Session, arguments: Arguments) -> Result:
    """Go to the next hunk that waits, from the last one on to the first."""
    return await _go(session, arguments, forward=True)


async def previous_hunk(session: Session, arguments: Arguments) -> Result:
    """Go to the hunk before, from the first one on to the last."""
    return await _go(session, arguments, forward=False)


async def _go(session: Session, arguments: Arguments, forward: bool) -> Result:
    canvas = await canvas_asked(session, arguments)
    pending = hunks_asked(canvas)
    place = _place([one.hunk.start for one in pending], arguments.get("line"), forward)
    hunk = pending[place].hunk
    span = session.encoding.line_range(canvas.document, hunk.start, hunk.start + len(hunk.new))
    shown = await session.show(canvas.document.uri, t.Range(span.start, span.start))
    return {
        "message": f"hunk {place + 1} of {len(pending)}",
        "hunk": hunk.id,
        "uri": canvas.document.uri,
        "line": hunk.start,
        "range": {"start": _plain(span.start), "end": _plain(span.end)},
        "shown": shown,
    }


def _place(starts: Sequence[int], line: object, forward: bool) -> int:
    """Return which hunk comes next after, or before, a line; without a line the first, or the last."""
    if forward:
        after = line if isinstance(line, int) else -1
        return next((k for k, start in enumerate(starts) if start > after), 0)
    before = line if isinstance(line, int) else starts[-1] + 1
    return next((k for k in reversed(range(len(starts))) if starts[k] < before), len(starts) - 1)


def _plain(position: t.Position) -> dict[str, int]:
    return {"line": position.line, "character": position.character}
