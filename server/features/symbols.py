"""Symbols: the sections of program.md, one per experiment in results.tsv."""

from __future__ import annotations

from lsprotocol import types as t

from loop.settings.program import headings_of
from loop.text.numbers import plain
from server.convert import Encoding
from server.documents import Document, Role
from server.features.completion import front_matter
from server.features.hints import tooltip
from server.features.lenses import rows
from server.snapshot import Snapshot


def symbols(snapshot: Snapshot, document: Document, encoding: Encoding) -> list[t.DocumentSymbol]:
    """Return the outline of a document."""
    match snapshot.role(document):
        case Role.PROGRAM:
            return _sections(document, encoding)
        case Role.RESULTS:
            return [
                t.DocumentSymbol(
                    name=f"#{e.number} {plain(e.hypothesis, 60)}".strip(),
                    detail=tooltip(e),
                    kind=t.SymbolKind.Event,
                    range=encoding.visible(document, line),
                    selection_range=encoding.visible(document, line),
                )
                for line, e in rows(snapshot, document)
            ]
        case _:
            return []


def _sections(document: Document, encoding: Encoding) -> list[t.DocumentSymbol]:
    start = front_matter(document).stop
    top: list[t.DocumentSymbol] = []
    open_: list[tuple[int, list[t.DocumentSymbol]]] = []
    headings = headings_of([line.rstrip("\r\n") for line in document.lines], start)
    for place, heading in enumerate(headings):
        end = next((h.line - 1 for h in headings[place + 1 :] if h.level <= heading.level), len(document.lines))
        own = encoding.visible(document, heading.line - 1)
        inside: list[t.DocumentSymbol] = []
        whole = t.Range(own.start, encoding.line_start(document, end))
        kind = t.SymbolKind.String
        symbol = t.DocumentSymbol(heading.text or "(untitled)", kind, whole, own, children=inside)
        while open_ and open_[-1][0] >= heading.level:
            open_.pop()
        (open_[-1][1] if open_ else top).append(symbol)
        open_.append((heading.level, inside))
    return top
