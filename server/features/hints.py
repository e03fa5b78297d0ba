"""Inlay hints: blame by metric behind each line that a kept experiment wrote, and what words of program.md caused.

Given as plain JSON: a client that asks for a whole file gets a thousand of them.
"""

from __future__ import annotations

from typing import Any

from lsprotocol import types as t

from loop.ledger import Experiment
from loop.status import plain, score_text, signed_number, verdict_text
from server.convert import Encoding
from server.documents import Document, Role
from server.features.citations import cited_lines
from server.snapshot import LABEL, Snapshot, claimed, label, read_canvas


def inlay_hints(
    snapshot: Snapshot, document: Document, encoding: Encoding, params: t.InlayHintParams
) -> list[dict[str, Any]]:
    """Return the hints inside the range that the client shows."""
    first, last = params.range.start.line, min(params.range.end.line, len(document.lines) - 1)
    match snapshot.role(document):
        case Role.CANVAS if snapshot.review is not None:
            authors = read_canvas(snapshot.review, document).authors
            found = ((n, authors[n]) for n in range(first, last + 1))
            hints = {n: _blame(snapshot, number) for n, number in found if number and document.line(n).strip()}
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


def _blame(snapshot: Snapshot, number: int) -> tuple[str, str] | None:
    experiment = snapshot.experiment(number)
    if experiment is None:
        return None
    return label([experiment]), f"{plain(experiment.hypothesis, 200)}\n{tooltip(experiment)}"


def tooltip(experiment: Experiment) -> str:
    """Return score and verdict in one line."""
    score = score_text(experiment)
    return " · ".join(part for part in (score and score + claimed(experiment), verdict_text(experiment)) if part)


def _caused(snapshot: Snapshot, numbers: tuple[int, ...]) -> tuple[str, str] | None:
    known = [e for e in map(snapshot.experiment, numbers) if e is not None]
    if not known:
        return None
    kept = [e for e in known if e.verdict == "keep" and e.delta is not None]
    gain = f" {signed_number(sum(e.delta or 0.0 for e in kept))}" if kept else ""
    names = f"#{known[0].number}" if len(known) == 1 else f"{len(known)} tried, {len(kept)} kept"
    if len(names) + len(gain) > LABEL - 2:  # a cut number would be another number
        names = f"{len(known)} tried"
    return f"→ {names}{gain}", "\n".join(f"#{e.number} {tooltip(e)}: {plain(e.hypothesis, 100)}" for e in known[-10:])
