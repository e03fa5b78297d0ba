"""Journals as files: filled, and damaged at a place."""

from __future__ import annotations

from pathlib import Path

from loop.record.home import Home
from loop.record.intents import NoteAdded
from loop.record.journal import Journal

PAGE = 4096


def fill(home: Home, count: int) -> None:
    with Journal(home.journal) as journal:
        for number in range(count // 10):
            journal.append("night", *(NoteAdded(f"remark {number} {k}") for k in range(10)))


def overwrite(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def leaf(path: Path, words: bytes) -> int:
    """Return where the page begins that holds these words."""
    return path.read_bytes().index(words) // PAGE * PAGE
