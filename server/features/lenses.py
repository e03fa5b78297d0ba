"""Code lenses: the campaign's buttons above the first heading, the state of the canvas, each hunk's gain and verdict.

Returned resolved: unresolved ones flicker. Above program.md and at the top of the canvas there is always one line of
them, so text does not jump while a campaign runs. Given as plain JSON, as hints are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loop.record.experiment import Experiment
from loop.record.types import State
from loop.settings.program import headings_of
from loop.text.numbers import plain
from loop.views.claims import headline
from server.convert import Encoding
from server.documents import Document, Role
from server.features.completion import front_matter
from server.features.words import best_words, held_words, label
from server.reading import Reading, read_canvas
from server.snapshot import Review, Snapshot

Lens = dict[str, Any]


def code_lenses(snapshot: Snapshot, document: Document, encoding: Encoding) -> list[Lens]:
    """Return the lenses of a document."""
    match snapshot.role(document):
        case Role.PROGRAM:
            return _campaign(snapshot, document, first_heading(document))
        case Role.CANVAS:
            review = snapshot.review
            return _canvas(snapshot, document, review) if review else _campaign(snapshot, document, 0)
        case Role.RESULTS:
            return _results(snapshot, document)
        case _:
            return []


def _lens(line: int, title: str, name: str, **arguments: Any) -> Lens:
    place = {"line": line, "character": 0}
    given = {key: value for key, value in arguments.items() if value is not None}
    command = {"title": title, "command": f"autoresearch.{name}", "arguments": [given]}
    return {"range": {"start": place, "end": place}, "command": command}


def first_heading(document: Document) -> int:
    """Return the line of the first heading below the front matter, 0 where there is none."""
    lines = [line.rstrip("\r\n") for line in document.lines]
    return next((heading.line - 1 for heading in headings_of(lines, front_matter(document).stop)), 0)


def buttons(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Return what can be done with the campaign now: title and command."""
    more = [("Results", "showResults")] if snapshot.ledger else []
    verify = [("Verify", "verify")] if snapshot.status.get("awaits_verification") else []
    match snapshot.state:
        case State.RUNNING | State.PREPARING:
            return [("⏸ Pause", "pause"), ("■ Stop", "stop"), *more]
        case State.PAUSED:
            return [("▶ Resume", "resume"), ("■ Stop", "stop"), *more]
        case State.STOPPED:
            return [("▶ Continue campaign", "start"), *verify, *more]
        case _:
            return [("▶ Start campaign", "start"), *verify, *more]


def _campaign(snapshot: Snapshot, document: Document, line: int) -> list[Lens]:
    """Return the state of the campaign and its buttons, all above one line."""
    uri, state = document.uri, plain(snapshot.trouble, 100) or snapshot.line
    if not snapshot.looked:  # a long night takes seconds to read: who knows what runs
        return [_lens(line, "◌ looking for a campaign", "status", uri=uri)]
    lenses = [_lens(line, state, "status", uri=uri)] if state else []
    if snapshot.ledger is not None and (snapshot.status.get("keeps") or snapshot.ledger.verifications):
        lenses.append(_lens(line, snapshot.status.get("headline") or headline(snapshot.ledger), "showResults", uri=uri))
    return lenses + [_lens(line, title, name, uri=uri) for title, name in buttons(snapshot)]


def _canvas(snapshot: Snapshot, document: Document, review: Review) -> list[Lens]:
    reading, uri = read_canvas(review, document), document.uri
    state = f"{best_words(snapshot)} · {held_words(snapshot, reading)}"
    lenses = [_lens(0, f"{state} · Pull", "pull", uri=uri) if reading.behind else _lens(0, state, "status", uri=uri)]
    if reading.pending:
        count = len(reading.pending)
        lenses.append(_lens(0, f"Next of {count} to review", "nextHunk", uri=uri))
        lenses.append(_lens(0, "Accept all", "acceptAll", uri=uri, version=document.version))
    return lenses + list(_hunks(snapshot, document, reading))


def _hunks(snapshot: Snapshot, document: Document, reading: Reading) -> Iterator[Lens]:
    for pending in reading.pending:
        line = min(pending.hunk.start, max(0, len(document.lines) - 1))
        title = label(snapshot.known(pending.experiments), spread=True)
        which = {"uri": document.uri, "hunk": pending.hunk.id, "version": document.version}
        last = {"uri": document.uri, "experiment": pending.newest}
        yield _lens(line, title, "showExperiment", **last)
        yield _lens(line, "Accept", "acceptHunk", **which)
        yield _lens(line, "Revert", "revertHunk", **which)
        diff = "Diff" if len(pending.experiments) == 1 else f"Diff of #{pending.newest}"
        yield _lens(line, diff, "showDiff", **last)


def rows(snapshot: Snapshot, document: Document) -> Iterator[tuple[int, Experiment]]:
    """Yield line and experiment of each row of results.tsv; the first column is a commit, or its beginning."""
    if snapshot.ledger is None:
        return
    by_commit = {e.commit[:7]: e for e in snapshot.ledger.experiments.values()}
    for number, line in enumerate(document.lines):
        commit = line.split("\t", 1)[0].strip()
        experiment = by_commit.get(commit[:7])
        if experiment is not None and len(commit) >= 7 and experiment.commit.startswith(commit):
            yield number, experiment


def _results(snapshot: Snapshot, document: Document) -> list[Lens]:
    lenses = []
    for line, experiment in rows(snapshot, document):
        lenses.append(_lens(line, "Diff", "showDiff", uri=document.uri, experiment=experiment.number))
        lenses.append(_lens(line, "Restore", "pull", uri=document.uri, experiment=experiment.number))
    return lenses
