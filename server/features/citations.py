"""Which lines of program.md the proposals name: a heading or a list item, found by its words. Pure."""

from __future__ import annotations

import re

from loop.settings.program import unfenced
from server.documents import Document
from server.features.completion import front_matter
from server.snapshot import Snapshot

ITEM = re.compile(r"\s*(?:#{1,6}|[-*+]|\d+[.)])\s+(.*)")


def cited_lines(snapshot: Snapshot, document: Document) -> dict[int, tuple[int, ...]]:
    """Return line → experiments, for every heading and list item that a proposal cited."""
    if not snapshot.cited:
        return {}
    wanted = {_words(cite): numbers for cite, numbers in snapshot.cited.items()}
    found: dict[int, tuple[int, ...]] = {}
    for number, lines in _items(document).items():
        words = _words(" ".join(lines))
        whole = {words, _words(lines[0])}
        numbers = {
            n
            for cite, some in wanted.items()
            if cite and (cite in whole or (len(cite) > 11 and words.startswith(cite)))
            for n in some
        }
        if numbers:
            found[number] = tuple(sorted(numbers))
    return found


def _items(document: Document) -> dict[int, list[str]]:
    """Return the headings and list items of the prose, each with the lines that it is wrapped over."""
    found: dict[int, list[str]] = {}
    open_at = last = -1
    lines = [line.rstrip("\r\n") for line in document.lines]
    for number, line in unfenced(lines, front_matter(document).stop):
        item = ITEM.match(line)
        if item:
            found[number], open_at = [item[1]], -1 if line.lstrip().startswith("#") else number
        elif open_at >= 0 and number == last + 1 and line.strip():
            found[open_at].append(line)
        else:
            open_at = -1
        last = number
    return found


def _words(text: str) -> str:
    """Return the bare words: a citation may come without the markup, in another case."""
    bare = ITEM.match(text)
    return " ".join(re.sub(r"[^\w\s]", " ", (bare[1] if bare else text).lower()).split())
