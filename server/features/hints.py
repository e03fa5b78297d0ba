"""Inlay hints: blame by metric behind each line that a kept experiment wrote, and what words of program.md caused.

Given as plain JSON: a client that asks for a whole file gets a thousand of them.
"""

from __future__ import annotations

from typing import Any

from lsprotocol import types as t

from loop.record.experiment import Experiment
from loop.text.lineage import writers
from loop.text.numbers import NAMED, plain, signed_number
from loop.views.experiments import score_text, verdict_text
from server.convert import Encoding
from server.documents import Document, Role
from server.features.citations import cited_lines
from server.features.words import LABEL, claimed, label
from server.reading import Reading, read_canvas
from server.snapshot import Snapshot


def inlay_hints(
    snapshot: Snapshot, document: Document, encoding: Encoding, params: t.InlayHintParams
) -> list[dict[str, Any]]:
    """Return the hints inside the range that the client shows."""
    first, last = params.range.start.line, min(params.range.end.line, len(document.lines) - 1)
    match snapshot.role(document):
        case Role.CANVAS if snapshot.review is not None:
            wrote = _writers(read_canvas(snapshot.review, document), first, last)
            hints = {n: _blame(snapshot, numbers) for n, numbers in wrote.items() if document.line(n).strip()}
        case Role.PROGRAM:
            cited = cited_lines(snapshot, document)
            hints = {n: _caused(snapshot, numbers) for n, numbers in cited.items() if first <= n <= last}
        case _:
            hints = {}
    return [_hint(encoding, document, line, *hint) for line, hint in hints.items() if hint is not None]


def _hint(encoding: Encoding, document: Document, line: int, text: str, tooltip: str) -> dict[str, Any]:
    return {
        "position": {"line": line, "character": encoding.width(document.line(line))},
        "label": text,
        "tooltip": tooltip,
        "paddingLeft": True,
    }


def _writers(reading: Reading, first: int, last: int) -> dict[int, tuple[int, ...]]:
    """Return who wrote each line of these: in a hunk that waits, all that did since the accepted base."""
    found: dict[int, tuple[int, ...]] = {n: (who,) for n in range(first, last + 1) if (who := reading.authors[n])}
    for pending in reading.pending:
        if len(pending.experiments) > 1:
            start, end = pending.hunk.start, pending.hunk.start + len(pending.hunk.new)
            for n in range(max(first, start), min(last + 1, end)):
                part = reading.parts[n]
                if n in found and part is not None:
                    found[n] = writers(part, pending.hunk.old)
    return found


def _blame(snapshot: Snapshot, numbers: tuple[int, ...]) -> tuple[str, str] | None:
    known = snapshot.known(numbers)
    if not known:
        return None
    if len(known) > 1:
        return label(known), _listed(known[-NAMED:])
    return label(known), f"{plain(known[0].hypothesis, 200)}\n{tooltip(known[0])}"


def _listed(experiments: list[Experiment]) -> str:
    return "\n".join(f"#{e.number} {tooltip(e)}: {plain(e.hypothesis, 100)}" for e in experiments[-10:])


def tooltip(experiment: Experiment) -> str:
    """Return score and verdict in one line."""
    score = score_text(experiment)
    return " · ".join(part for part in (score and score + claimed(experiment), verdict_text(experiment)) if part)


def _caused(snapshot: Snapshot, numbers: tuple[int, ...]) -> tuple[str, str] | None:
    known = snapshot.known(numbers)
    if not known:
        return None
    ledger = snapshot.ledger
    kept = [e for e in known if ledger is not None and ledger.gained(e) and e.delta is not None]
    gain = f" {signed_number(sum(e.delta or 0.0 for e in kept))}" if kept else ""
    names = f"#{known[0].number}" if len(known) == 1 else f"{len(known)} tried, {len(kept)} kept"
    if len(names) + len(gain) > LABEL - 2:  # a cut number would be another number
        names = f"{len(known)} tried"
    return f"→ {names}{gain}", _listed(known)
