"""What waits for review in the open canvas, as data."""

from __future__ import annotations

from collections.abc import Sequence

from loop.text.hunks import Hunk
from server.asked import Arguments, Result, answering, target_asked
from server.features.words import label
from server.session import Session
from server.target import Canvas


@answering
async def hunks(session: Session, arguments: Arguments) -> Result:
    """Answer `autoresearch/hunks`: what waits for review in the open canvas, and what is the user's own."""
    target = target_asked(session, arguments)
    where = {"uri": target.shown.uri, "version": target.shown.version}
    if target.snapshot.review is None:
        return {**where, "base": None, "hunks": [], "own": [], "behind": 0}
    canvas = Canvas.of(target)
    known, reading = canvas.snapshot.known, canvas.reading
    return {
        **where,
        "base": canvas.review.reviewed.commit,
        "hunks": [_json(p.hunk, p.experiments, label(known(p.experiments))) for p in reading.pending],
        "own": [_json(hunk, (), "") for hunk in reading.own],
        "behind": reading.behind,
    }


def _json(hunk: Hunk, experiments: Sequence[int], words: str) -> Result:
    return {
        "id": hunk.id,
        "start": hunk.start,
        "old": list(hunk.old),
        "new": list(hunk.new),
        "experiments": list(experiments),
        "label": words,
    }
