"""Review commands: pull, accept, revert, undo, measure, commit, and the way from hunk to hunk.

Hunks are found by content in the text as it is now; a version or a hunk that is not there any more changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types as t

from loop.hunks import Hunk, apply, converted
from loop.types import Refused
from loop.values import counted
from server.documents import Document
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
from server.features.editing import apply_edit, canvas_asked
from server.features.showing import show_document
from server.snapshot import Pending, Reading, Review, Snapshot, read_canvas

if TYPE_CHECKING:
    from server.session import Session

log = logging.getLogger(__name__)


async def pull(session: Session, arguments: Arguments) -> Result:
    """Bring the kept line, or the text of one experiment, into the buffer as one edit; the user's own edits stay."""
    from loop import review

    uri = arguments.get("uri")
    restores = arguments.get("experiment") is not None
    snapshot = await campaign_asked(session, arguments)
    to = experiment_asked(snapshot, arguments).number if restores else None
    asked = {k: v for k, v in arguments.items() if k != "uri" or (uri and str(uri).endswith(snapshot.canvas))}
    document, snapshot, state, reading = await canvas_asked(session, asked | {"folder": str(snapshot.folder)})
    if not restores and not reading.behind:
        return {"message": "every kept patch is in this file", "pulled": 0}
    merged = await work(review.merged, snapshot.folder, snapshot.ledger, state.kept, state.removals, reading.lines, to)
    tip = state.kept.line.tip
    await apply_edit(session, document, converted(merged, document.lines), f"Pull #{tip if to is None else to}")
    if restores:
        return {"message": f"#{to} is in your buffer", "experiment": to}
    return {
        "message": f"pulled {reading.behind} kept patches, up to #{tip}",
        "pulled": reading.behind,
        "experiment": tip,
    }


def _asked_pending(reading: Reading, arguments: Arguments) -> Pending:
    """Return the hunk named by its id, or the one at a line; raises Refused."""
    pending = reading.find(arguments.get("hunk"))
    line = arguments.get("line")
    if pending is None and "hunk" not in arguments and isinstance(line, int):
        pending = reading.at(line)
    if pending is None:
        raise Refused("this hunk does not wait for review any more; nothing was done, look again")
    return pending


async def _accept(session: Session, snapshot: Snapshot, state: Review, taken: Sequence[Pending]) -> Result:
    from loop import review

    experiments = sorted({n for pending in taken for n in pending.experiments})
    hunks = [pending.hunk for pending in taken]
    now = await work(review.accept, snapshot.folder, snapshot.ledger, state.reviewed, hunks, experiments)
    session.watcher.poke()

    def shown() -> bool:
        latest = session.snapshots[snapshot.folder].review
        return latest is not None and latest.reviewed.commit == now.commit

    await session.until(shown, FACT_S)
    names = ", ".join(f"#{n}" for n in experiments)
    what = f"{len(taken)} hunk{'s' if len(taken) != 1 else ''} of {names}"
    return {"message": f"accepted {what}", "accepted": len(taken), "experiments": experiments, "base": now.commit}


async def accept_hunk(session: Session, arguments: Arguments) -> Result:
    """Accept one hunk: the reviewed base moves, no text does."""
    _, snapshot, state, reading = await canvas_asked(session, arguments)
    return await _accept(session, snapshot, state, [_asked_pending(reading, arguments)])


async def accept_experiment(session: Session, arguments: Arguments) -> Result:
    """Accept every hunk that an experiment wrote."""
    _, snapshot, state, reading = await canvas_asked(session, arguments)
    number = experiment_asked(snapshot, arguments).number
    taken = [pending for pending in reading.pending if number in pending.experiments]
    if not taken:
        raise Refused(f"no hunk of #{number} waits for review")
    return await _accept(session, snapshot, state, taken)


async def accept_all(session: Session, arguments: Arguments) -> Result:
    """Accept every hunk that experiments wrote; the user's own edits are not theirs to accept."""
    _, snapshot, state, reading = await canvas_asked(session, arguments)
    if not reading.pending:
        raise Refused("nothing waits for review")
    return await _accept(session, snapshot, state, reading.pending)


async def revert_hunk(session: Session, arguments: Arguments) -> Result:
    """Put the old lines of one hunk back, then measure its price."""
    document, snapshot, state, reading = await canvas_asked(session, arguments)
    return await _revert(session, document, snapshot, state, reading, [_asked_pending(reading, arguments)])


async def revert_experiment(session: Session, arguments: Arguments) -> Result:
    """Put back every hunk that an experiment wrote, as one edit, then measure its price."""
    document, snapshot, state, reading = await canvas_asked(session, arguments)
    number = experiment_asked(snapshot, arguments).number
    taken = [pending for pending in reading.pending if number in pending.experiments]
    if not taken:
        raise Refused(f"no hunk of #{number} waits for review")
    return await _revert(session, document, snapshot, state, reading, taken, number)


async def _revert(
    session: Session,
    document: Document,
    snapshot: Snapshot,
    state: Review,
    reading: Reading,
    taken: Sequence[Pending],
    number: int | None = None,
) -> Result:
    from loop import review

    removes = number if number is not None else max(taken[0].experiments)
    lines = list(reading.lines)
    for pending in sorted(taken, key=lambda p: p.hunk.start, reverse=True):
        end = pending.hunk.start + len(pending.hunk.new)
        lines[pending.hunk.start : end] = pending.hunk.old
    await apply_edit(session, document, converted(lines, document.lines), f"Revert #{removes}")
    hunks = [pending.hunk for pending in taken]
    session.reverted.setdefault(snapshot.folder, []).append((hunks, removes))
    result = {"message": f"reverted #{removes}", "reverted": len(taken), "experiment": removes}
    try:
        answer = await work(
            review.propose_without,
            snapshot.folder,
            snapshot.ledger,
            state.kept,
            state.removals,
            reading.lines,
            hunks,
            removes,
        )
    except Refused as refusal:
        return {**result, "measured": False, "message": f"reverted #{removes}; not measured: {refusal}"}
    return {**result, "measured": True, "message": f"reverted #{removes}; its price: {answer.message}"}


async def undo_revert(session: Session, arguments: Arguments) -> Result:
    """Bring back the lines of the last revert, found by content. What was queued is measured all the same."""
    from loop import review

    document, snapshot, _, reading = await canvas_asked(session, arguments)
    stack = session.reverted.get(snapshot.folder) or []
    if stack:
        hunks, removes = stack[-1]
    else:
        removes, hunks = await work(review.last_revert, snapshot.folder, snapshot.ledger)
    lines: list[str] = list(reading.lines)
    for hunk in hunks:
        lines = apply(lines, hunk)
    await apply_edit(session, document, converted(lines, document.lines), "Undo revert")
    if stack:
        stack.pop()
    return {"message": f"#{removes} is back in your buffer", "experiment": removes, "restored": len(hunks)}


async def measure_edit(session: Session, arguments: Arguments) -> Result:
    """Queue the buffer as it is as a human's proposal."""
    from loop import review

    _, snapshot, state, reading = await canvas_asked(session, arguments)
    if tuple(reading.lines) == state.kept.line.lines:
        raise Refused("this text is the incumbent; there is nothing to measure")
    given = arguments.get("hypothesis")
    hypothesis = given if isinstance(given, str) and given.strip() else f"an edit of {snapshot.canvas} by hand"
    folder, ledger = snapshot.folder, snapshot.ledger
    answer = await work(review.propose_text, folder, ledger, state.kept, state.removals, reading.lines, hypothesis)
    return {"message": answer.message, "campaign": answer.campaign}


async def next_hunk(session: Session, arguments: Arguments) -> Result:
    """Go to the next hunk that waits, from the last one on to the first."""
    return await _go(session, arguments, forward=True)


async def previous_hunk(session: Session, arguments: Arguments) -> Result:
    """Go to the hunk before, from the first one on to the last."""
    return await _go(session, arguments, forward=False)


async def _go(session: Session, arguments: Arguments, forward: bool) -> Result:
    document, _, _, reading = await canvas_asked(session, arguments)
    if not reading.pending:
        raise Refused("nothing waits for review")
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
    from loop import review

    snapshot = await campaign_asked(session, arguments)
    if snapshot.review is None:
        raise Refused(snapshot.trouble or "nothing was accepted yet")
    uri = session.canvas_uri(snapshot)
    text = session.documents[uri].lines if uri else None
    made = await work(
        review.commit_accepted, snapshot.folder, snapshot.ledger, snapshot.review.kept, snapshot.review.reviewed, text
    )
    commits = [{"experiment": number, "commit": commit} for number, commit in made]
    names = ", ".join(f"#{number}" for number, _ in made)
    return {"message": f"committed {names}, {counted(len(made), 'commit')} on your branch", "commits": commits}


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
        "hunks": [_json(p.hunk, p.experiments) for p in reading.pending],
        "own": [_json(hunk, ()) for hunk in reading.own],
        "behind": reading.behind,
    }


def _json(hunk: Hunk, experiments: Sequence[int]) -> Result:
    return {
        "id": hunk.id,
        "start": hunk.start,
        "old": list(hunk.old),
        "new": list(hunk.new),
        "experiments": list(experiments),
    }


COMMANDS: dict[str, Command] = {
    "autoresearch.pull": pull,
    "autoresearch.acceptHunk": accept_hunk,
    "autoresearch.revertHunk": revert_hunk,
    "autoresearch.acceptExperiment": accept_experiment,
    "autoresearch.revertExperiment": revert_experiment,
    "autoresearch.acceptAll": accept_all,
    "autoresearch.undoRevert": undo_revert,
    "autoresearch.measureEdit": measure_edit,
    "autoresearch.nextHunk": next_hunk,
    "autoresearch.previousHunk": previous_hunk,
    "autoresearch.commitAccepted": commit_accepted,
}
