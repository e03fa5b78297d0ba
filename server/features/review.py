"""Review commands: pull, accept, commit, and the way from hunk to hunk.

Hunks are found by content in the text as it is now; a version or a hunk that is not there any more changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as t

from loop.record.types import Refused
from loop.record.values import counted
from loop.text.diff import converted
from loop.text.hunks import Hunk
from loop.text.lineage import in_order
from loop.text.numbers import names
from server.features.commands import (
    FACT_S,
    Arguments,
    Command,
    Result,
    campaign_asked,
    document_asked,
    experiment_asked,
    work,
)
from server.features.editing import apply_edit, canvas_asked, every_pending, experiment_pending, hunk_pending
from server.features.lenses import held_words, missing_words
from server.features.reverting import passed_over
from server.features.showing import show_document
from server.snapshot import Pending, Reading, Review, Snapshot, label, read_canvas

if TYPE_CHECKING:
    from server.session import Session

log = logging.getLogger(__name__)


async def pull(session: Session, arguments: Arguments) -> Result:
    """Bring the kept line, or the text of one experiment, into the buffer as one edit; the user's own edits stay."""
    from loop.review import pulling

    uri = arguments.get("uri")
    snapshot = await campaign_asked(session, arguments)
    to = None if arguments.get("experiment") is None else experiment_asked(snapshot, arguments).number
    asked = {k: v for k, v in arguments.items() if k != "uri" or (uri and str(uri).endswith(snapshot.canvas))}
    document, snapshot, state, reading = await canvas_asked(session, asked | {"folder": str(snapshot.folder)})
    if to is not None:
        text = await work(pulling.restored, snapshot.folder, snapshot.ledger, state.kept, reading.lines, to)
        await apply_edit(session, document, converted(text, document.lines), f"Pull #{to}")
        return {"message": f"#{to} is in your buffer", "experiment": to}
    if not reading.behind:
        return {"message": held_words(snapshot, reading), "pulled": 0}
    tip, text = state.kept.line.tip, pulling.pulled(snapshot.canvas, reading.held)
    with passed_over(session, snapshot.folder, text):
        await apply_edit(session, document, converted(text, document.lines), f"Pull #{tip}")
    left = f"; left as you changed it: {names(reading.held.changed)}" if reading.held.changed else ""
    return {
        "message": f"pulled {missing_words(snapshot, reading)}, up to #{tip}{left}",
        "pulled": reading.behind,
        "experiment": tip,
    }


Choice = Callable[[Snapshot, Reading, Arguments], Sequence[Pending]]


async def _accept(session: Session, arguments: Arguments, choose: Choice) -> Result:
    """Accept what is chosen, one accept after another: a quick second one is cut from the base that the first made.

    Both were shown on one text, and a hunk is found by content, so the second is good as long as that text is there.
    """
    folder, again = session.folder_asked(arguments), True
    async with session.accepting.setdefault(folder, asyncio.Lock()):
        while True:
            _, snapshot, state, reading = await canvas_asked(session, arguments)
            taken, base = choose(snapshot, reading, arguments), state.reviewed.commit
            try:
                return await _take(session, snapshot, state, taken)
            except Refused:  # the base has moved, and we have not seen it yet
                if not again or not await _moves(session, folder, base):
                    raise
                again = False


async def _moves(session: Session, folder: Path, base: str) -> bool:
    """Return whether the accepted base is seen to be another one."""
    return await session.until(lambda: _base(session, folder) != base, FACT_S)


def _base(session: Session, folder: Path) -> str | None:
    state = session.snapshot(folder).review
    return state.reviewed.commit if state else None


async def _take(session: Session, snapshot: Snapshot, state: Review, taken: Sequence[Pending]) -> Result:
    from loop.review import accepting

    experiments = in_order(state.kept.line, {n for pending in taken for n in pending.experiments})
    hunks = [pending.hunk for pending in taken]
    now = await work(accepting.accept, snapshot.folder, snapshot.ledger, state.reviewed, hunks, experiments)
    session.watcher.poke()

    await session.until(lambda: _base(session, snapshot.folder) == now.commit, FACT_S)
    what = f"{counted(len(taken), 'hunk')} of {', '.join(f'#{n}' for n in experiments)}"
    return {"message": f"accepted {what}", "accepted": len(taken), "experiments": list(experiments), "base": now.commit}


async def accept_hunk(session: Session, arguments: Arguments) -> Result:
    """Accept one hunk: the reviewed base moves, no text does."""
    return await _accept(session, arguments, lambda _, reading, asked: [hunk_pending(reading, asked)])


async def accept_experiment(session: Session, arguments: Arguments) -> Result:
    """Accept every hunk that an experiment wrote, whole: where others wrote in it too, theirs goes along."""
    return await _accept(session, arguments, lambda *asked: experiment_pending(*asked)[1])


async def accept_all(session: Session, arguments: Arguments) -> Result:
    """Accept every hunk that experiments wrote; the user's own edits are not theirs to accept."""
    return await _accept(session, arguments, lambda _, reading, __: every_pending(reading))


async def next_hunk(session: Session, arguments: Arguments) -> Result:
    """Go to the next hunk that waits, from the last one on to the first."""
    return await _go(session, arguments, forward=True)


async def previous_hunk(session: Session, arguments: Arguments) -> Result:
    """Go to the hunk before, from the first one on to the last."""
    return await _go(session, arguments, forward=False)


async def _go(session: Session, arguments: Arguments, forward: bool) -> Result:
    document, _, _, reading = await canvas_asked(session, arguments)
    every_pending(reading)
    line = arguments.get("line")
    at = line if isinstance(line, int) else -1 if forward else len(document.lines)
    starts = [pending.hunk.start for pending in reading.pending]
    if forward:
        place = next((k for k, start in enumerate(starts) if start > at), 0)
    else:
        place = next((k for k in range(len(starts) - 1, -1, -1) if starts[k] < at), len(starts) - 1)
    pending = reading.pending[place]
    end = pending.hunk.start + len(pending.hunk.new)
    span = session.encoding.line_range(document, pending.hunk.start, max(pending.hunk.start, end))
    shown = await show_document(session, document.uri, t.Range(span.start, span.start))
    return {
        "message": f"hunk {place + 1} of {len(starts)}",
        "hunk": pending.hunk.id,
        "uri": document.uri,
        "line": pending.hunk.start,
        "range": {"start": _plain(span.start), "end": _plain(span.end)},
        "shown": shown,
    }


def _plain(position: t.Position) -> dict[str, int]:
    return {"line": position.line, "character": position.character}


async def commit_accepted(session: Session, arguments: Arguments) -> Result:
    """Put one commit for each accepted experiment on the user's branch."""
    from loop.review import accepting

    snapshot = await campaign_asked(session, arguments)
    if snapshot.review is None:
        raise Refused(snapshot.trouble or "nothing was accepted yet")
    uri = session.canvas_uri(snapshot)
    text = session.documents[uri].lines if uri else None
    made = await work(
        accepting.commit_accepted,
        snapshot.folder,
        snapshot.ledger,
        snapshot.review.kept,
        snapshot.review.reviewed,
        text,
    )
    commits = [{"experiment": wrote[-1], "experiments": list(wrote), "commit": commit} for wrote, commit in made]
    whose = ", ".join(f"#{wrote[-1]}" + (f" (with {names(wrote[:-1])})" if wrote[1:] else "") for wrote, _ in made)
    return {"message": f"committed {whose}, {counted(len(made), 'commit')} on your branch", "commits": commits}


def hunks(session: Session, params: Any) -> Result:
    """Answer `autoresearch/hunks`: what waits for review in the open canvas, and what is the user's own."""
    document, snapshot = document_asked(session, params if isinstance(params, dict) else {})
    if snapshot.review is None:
        return {"uri": document.uri, "version": document.version, "base": None, "hunks": [], "own": [], "behind": 0}
    reading = read_canvas(snapshot.review, document)
    return {
        "uri": document.uri,
        "version": document.version,
        "base": snapshot.review.reviewed.commit,
        "hunks": [_json(p.hunk, p.experiments, label(snapshot.known(p.experiments))) for p in reading.pending],
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


COMMANDS: dict[str, Command] = {
    "autoresearch.pull": pull,
    "autoresearch.acceptHunk": accept_hunk,
    "autoresearch.acceptExperiment": accept_experiment,
    "autoresearch.acceptAll": accept_all,
    "autoresearch.nextHunk": next_hunk,
    "autoresearch.previousHunk": previous_hunk,
    "autoresearch.commitAccepted": commit_accepted,
}
