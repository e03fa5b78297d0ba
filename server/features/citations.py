"""Which lines of program.md the proposals name: a heading or a list item, found by its words. Pure."""

from __future__ import annotations

import re

from server.documents import Document
from server.snapshot import Snapshot

ITEM = re.compile(r"\s*(?:#{1,6}|[-*+]|\d+[.)])\s+(.*)")


def cited_lines(snapshot: Snapshot, document: Document) -> dict[int, tuple[int, ...]]:
    """Return line → experiments, for every heading and list item that a proposal cited."""
    if not snapshot.cited:
        return {}
    wanted = {_words(cite): numbers for cite, numbers in snapshot.cited.items()}
    found: dict[int, tuple[int, ...]] = {}
    for number, line in enumerate(document.lines):
        item = ITEM.match(line)
        words = _words(item[1]) if item else ""
        if words:
            exact = wanted.get(words, ())
            begun = {
                n for cite, numbers in wanted.items() if len(cite) > 11 and words.startswith(cite) for n in numbers
            }
            if exact or begun:
                found[number] = tuple(sorted({*exact, *begun}))
    return found


def _words(text: str) -> str:
    """Return the bare words: a citation may come without the markup, in another case."""
    bare = ITEM.match(text)
    return " ".join(re.sub(r"[^\w\s]", " ", (bare[1] if bare else text).lower()).split())
