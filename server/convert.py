"""Our types ↔ the protocol's, in the position encoding that was agreed on. The only translator.

A position counts utf-8 bytes, utf-16 units or characters; ours counts characters. Whatever points outside a text is
brought to its nearest place, as the protocol asks.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from lsprotocol import types as t

from loop.record.types import Problem
from loop.text.diff import changes
from server.documents import Document

SOURCE = "autoresearch"


class Encoding:
    """Columns in the client's units and in characters."""

    def __init__(self, name: str = "utf-16") -> None:
        self.name = name

    def width(self, text: str) -> int:
        """Return the length of a text in the client's units."""
        if self.name == "utf-32" or text.isascii():
            return len(text)
        if self.name == "utf-8":
            return len(text.encode("utf-8", "surrogatepass"))
        return len(text) + sum(letter > "\uffff" for letter in text)

    def characters(self, line: str, column: int) -> int:
        """Return the characters before a client's column; inside a character is before it, beyond the line its end."""
        if self.name == "utf-32" or line.isascii():
            return min(column, len(line))
        used = 0
        for place, letter in enumerate(line):
            used += self.width(letter)
            if used > column:
                return place
        return len(line)

    def position(self, document: Document, line: int, character: int) -> t.Position:
        """Return the client's position of a place in a document."""
        if line >= len(document.lines) and document.text.endswith(("\n", "\r")):
            return t.Position(len(document.lines), 0)
        line = max(0, min(line, len(document.lines) - 1))
        return t.Position(line, self.width(document.line(line)[:character]))

    def line_range(self, document: Document, start: int, end: int) -> t.Range:
        """Return the range from the start of one line to the start of another, to the very end where that is beyond."""
        return t.Range(self.line_start(document, start), self.line_start(document, end))

    def line_start(self, document: Document, line: int) -> t.Position:
        if line < len(document.lines) or not document.lines:
            return t.Position(min(line, len(document.lines)), 0)
        if document.text.endswith(("\n", "\r")):
            return t.Position(len(document.lines), 0)
        return t.Position(len(document.lines) - 1, self.width(document.line(len(document.lines) - 1)))

    def visible(self, document: Document, line: int, start: int = 0, end: int | None = None) -> t.Range:
        """Return the range of a line's own characters, without its end and without its indentation."""
        text = document.line(line)
        stop = len(text) if end is None else end
        begin = start or (len(text) - len(text.lstrip()) if end is None else 0)
        return t.Range(t.Position(line, self.width(text[:begin])), t.Position(line, self.width(text[:stop])))

    def end_of_line(self, document: Document, line: int) -> t.Position:
        return t.Position(line, self.width(document.line(line)))

    def edits(self, document: Document, lines: Sequence[str]) -> list[t.TextEdit]:
        """Return the edits that turn a document into these lines, as small as lines allow."""
        return [
            t.TextEdit(self.line_range(document, change.a, change.a_end), "".join(lines[change.b : change.b_end]))
            for change in changes(document.lines, lines)
        ]

    def workspace_edit(self, document: Document, lines: Sequence[str]) -> t.WorkspaceEdit:
        """Return one versioned edit: a client whose text has moved on refuses it."""
        target = t.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
        return t.WorkspaceEdit(document_changes=[t.TextDocumentEdit(target, self.edits(document, lines))])

    def problem(
        self, document: Document, problem: Problem, severity: t.DiagnosticSeverity = t.DiagnosticSeverity.Error
    ) -> t.Diagnostic:
        """Return the diagnostic of a finding in program.md."""
        line = min(max(0, problem.line - 1), max(0, len(document.lines) - 1))
        return t.Diagnostic(
            range=self.visible(document, line),
            message=problem.message,
            severity=severity,
            source=SOURCE,
            code=problem.key or "program",
        )


def command(title: str, name: str, **arguments: Any) -> t.Command:
    """Return a command with its one object argument; what is None is left out."""
    given = {key: value for key, value in arguments.items() if value is not None}
    return t.Command(title=title, command=f"autoresearch.{name}", arguments=[given])


def markdown(text: str) -> t.MarkupContent:
    return t.MarkupContent(t.MarkupKind.Markdown, text)


def path_of(uri: str) -> Path | None:
    """Return the path of a file URI, None for any other."""
    try:
        parts = urlsplit(uri)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            return None
        path = unquote(parts.path, errors="strict")
    except ValueError:
        return None
    return Path(os.path.normpath(path)) if path.startswith("/") and "\0" not in path else None


def uri_of(path: Path) -> str:
    return "file://" + quote(os.fspath(path))
