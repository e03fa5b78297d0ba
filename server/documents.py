"""Open documents as values: a text with its version, changed by making a new one. Pure: no files, no protocol types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from loop.text.diff import split_lines

Units = Callable[[str, int], int]  # line, column in the client's units → column in characters


class Role(StrEnum):
    """What a document is to a campaign."""

    PROGRAM = "program"
    CANVAS = "canvas"
    RESULTS = "results"


@dataclass(frozen=True, eq=False)
class Document:
    """One open document as the editor shows it now."""

    uri: str
    path: Path
    version: int
    text: str

    @cached_property
    def lines(self) -> list[str]:
        """The lines with their ends; never changed in place."""
        return split_lines(self.text)

    @property
    def name(self) -> str:
        return self.path.name

    def line(self, number: int) -> str:
        """Return a line without its end, "" beyond the last one."""
        return self.lines[number].rstrip("\r\n") if 0 <= number < len(self.lines) else ""

    def changed(self, version: int, text: str, span: tuple[int, int, int, int] | None, units: Units) -> Document:
        """Return the document after an edit of `span` (start line and column, end line and column; None is all)."""
        if span is None:
            return Document(self.uri, self.path, version, text)
        start, end = sorted((self.offset(*span[:2], units), self.offset(*span[2:], units)))
        return Document(self.uri, self.path, version, self.text[:start] + text + self.text[end:])

    def offset(self, line: int, column: int, units: Units) -> int:
        """Return the place in the text; beyond the end of a line is its end, beyond the last line the end of all."""
        if line >= len(self.lines):
            return len(self.text)
        return self._starts[line] + units(self.line(line), column)

    @cached_property
    def _starts(self) -> list[int]:
        starts, at = [], 0
        for line in self.lines:
            starts.append(at)
            at += len(line)
        return starts
