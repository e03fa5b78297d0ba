"""Code actions: everything that a lens does, on every client, and a reason where it cannot be done now."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from lsprotocol import types as t

from loop.keys import KEYS
from loop.program import check
from loop.status import NAMED, names
from server.convert import SOURCE, Encoding, command
from server.documents import Document, Role
from server.features.completion import front_matter
from server.features.lenses import behind_words, buttons, rows
from server.snapshot import Reading, Snapshot, label, read_canvas

QUICKFIX = t.CodeActionKind.QuickFix
SOURCE_KIND = f"source.{SOURCE}"


def code_actions(
    snapshot: Snapshot, document: Document, encoding: Encoding, params: t.CodeActionParams
) -> list[t.CodeAction]:
    """Return what can be done at a range; the client's `only` is respected, a disabled action says why."""
    first, last = sorted((params.range.start.line, params.range.end.line))
    match snapshot.role(document):
        case Role.PROGRAM:
            found = [*_fixes(document, encoding, first, last), *_campaign(snapshot, document)]
        case Role.CANVAS:
            found = [*_canvas(snapshot, document, first, last), *_campaign(snapshot, document)]
        case Role.RESULTS:
            found = [*_results(snapshot, document, first, last), *_campaign(snapshot, document)]
        case _:
            found = []
    only = params.context.only
    if only:
        found = [a for a in found if any(str(a.kind) == str(k) or str(a.kind).startswith(f"{k}.") for k in only)]
    return found


def _action(
    title: str, name: str, kind: str, why_not: str = "", preferred: bool = False, **arguments: Any
) -> t.CodeAction:
    disabled = t.CodeActionDisabled(why_not) if why_not else None
    return t.CodeAction(
        title=title,
        kind=kind,
        is_preferred=preferred or None,
        disabled=disabled,
        command=None if why_not else command(title, name, **arguments),
    )


def _campaign(snapshot: Snapshot, document: Document) -> Iterator[t.CodeAction]:
    """Yield what concerns the campaign as a whole; what is impossible now is there too, disabled."""
    uri = document.uri
    names = {name: title for title, name in buttons(snapshot)}
    start = names.get("start", "▶ Start campaign")
    runs = f"campaign {snapshot.ledger.campaign} runs already" if snapshot.ledger else ""
    idle = "no campaign runs"
    for name, title, why_not in (
        ("start", start, "" if "start" in names else runs),
        ("pause", "⏸ Pause after this experiment", "" if "pause" in names else idle),
        ("resume", "▶ Resume", "" if "resume" in names else "the campaign is not paused"),
        ("stop", "■ Stop after this experiment", "" if "stop" in names else idle),
        ("showResults", "Show results", "" if snapshot.ledger else "no campaign yet"),
        ("report", "Write report.html, results.tsv and progress.png", "" if snapshot.ledger else "no campaign yet"),
    ):
        yield _action(title, name, f"{SOURCE_KIND}.{name}", why_not, uri=uri)


def _canvas(snapshot: Snapshot, document: Document, first: int, last: int) -> Iterator[t.CodeAction]:
    if snapshot.review is None:
        return
    reading = read_canvas(snapshot.review, document)
    yield from _hunks(snapshot, document, reading, first, last)
    uri, version = document.uri, document.version
    many = len(reading.pending)
    nothing = "" if many else "nothing waits for review"
    upto = "" if reading.behind else "every kept patch is in this file"
    yield _action(f"Pull: {behind_words(reading)}", "pull", f"{SOURCE_KIND}.pull", upto, uri=uri)
    yield _action(f"Accept all ({many})", "acceptAll", f"{SOURCE_KIND}.acceptAll", nothing, uri=uri, version=version)
    yield _action("Next hunk to review", "nextHunk", f"{SOURCE_KIND}.nextHunk", nothing, uri=uri, line=first)
    yield _action(
        "Previous hunk to review", "previousHunk", f"{SOURCE_KIND}.previousHunk", nothing, uri=uri, line=first
    )
    reverted = "" if snapshot.undoable else "nothing was reverted"
    yield _action("Undo last revert", "undoRevert", f"{SOURCE_KIND}.undoRevert", reverted, uri=uri)
    kept = snapshot.review.kept.line
    same = "this text is the incumbent; there is nothing to measure" if tuple(reading.lines) == kept.lines else ""
    yield _action("Measure my edit", "measureEdit", f"{SOURCE_KIND}.measureEdit", same, uri=uri)
    created = snapshot.ledger.created if snapshot.ledger else None
    fresh = created is not None and snapshot.review.reviewed.commit == created.baseline
    none = "nothing was accepted yet" if fresh else ""
    yield _action("Commit what was accepted", "commitAccepted", f"{SOURCE_KIND}.commitAccepted", none, uri=uri)


def _hunks(snapshot: Snapshot, document: Document, reading: Reading, first: int, last: int) -> Iterator[t.CodeAction]:
    numbers: list[int] = []
    for pending in reading.pending:
        start, end = pending.hunk.start, pending.hunk.start + max(1, len(pending.hunk.new))
        below = start == len(document.lines) and last >= start - 1  # a deletion at the very end
        if (start > last or end <= first) and not below:
            continue
        name = label(snapshot.known(pending.experiments))
        which: dict[str, Any] = {"uri": document.uri, "hunk": pending.hunk.id, "version": document.version}
        yield _action(f"Accept hunk {name}", "acceptHunk", QUICKFIX, preferred=True, **which)
        yield _action(f"Revert hunk {name}, and measure its price", "revertHunk", QUICKFIX, **which)
        numbers.extend(n for n in pending.experiments[-NAMED:] if n not in numbers)
    for number in numbers:
        which = {"uri": document.uri, "experiment": number, "version": document.version}
        all_of = f"every hunk of #{number}{_beside(reading, number)}"
        yield _action(f"Accept {all_of}", "acceptExperiment", QUICKFIX, **which)
        yield _action(f"Revert {all_of}, and measure its price", "revertExperiment", QUICKFIX, **which)
    authors = {n for n in reading.authors[first : last + 1] if n}
    for number in sorted({*numbers, *authors}):
        yield _action(f"Show #{number}", "showExperiment", QUICKFIX, uri=document.uri, experiment=number)
        yield _action(f"Show the diff of #{number}", "showDiff", QUICKFIX, uri=document.uri, experiment=number)


def _beside(reading: Reading, number: int) -> str:
    """Return ` (with #17)`: who else wrote the hunks of an experiment, and so goes along with it."""
    hunks = [pending.experiments for pending in reading.pending if number in pending.experiments]
    others = sorted({n for experiments in hunks for n in experiments} - {number})
    if not others:
        return ""
    return f" (with {names(others)})" if len(others) <= NAMED else f" (with {len(others)} others)"


def _results(snapshot: Snapshot, document: Document, first: int, last: int) -> Iterator[t.CodeAction]:
    for line, experiment in rows(snapshot, document):
        if first <= line <= last:
            number = experiment.number
            yield _action(f"Show #{number}", "showExperiment", QUICKFIX, uri=document.uri, experiment=number)
            yield _action(f"Show the diff of #{number}", "showDiff", QUICKFIX, uri=document.uri, experiment=number)
            yield _action(f"Restore #{number} in the canvas", "pull", QUICKFIX, uri=document.uri, experiment=number)


def _fixes(document: Document, encoding: Encoding, first: int, last: int) -> Iterator[t.CodeAction]:
    """Yield the obvious fix of a mistake in the front matter: the key that was meant, or a value that works."""
    inside = front_matter(document)
    for problem in check(document.text):
        line = problem.line - 1
        if not first <= line <= last or line not in inside:
            continue
        text = document.line(line)
        meant = re.search(r"did you mean ([a-z_.]+)\?", problem.message)
        wrong = (problem.key or "").rpartition(".")[2]
        if meant and wrong and (at := text.find(wrong)) >= 0:
            yield _edit(f"Rename to '{meant[1]}'", document, encoding, line, at, at + len(wrong), meant[1])
        elif problem.key in KEYS and (value := re.search(rf"\b{re.escape(wrong)}\s*:\s*([^,}}#]*[^,}}#\s])", text)):
            key = KEYS[problem.key]
            good = key.default if not re.search(r"\s", key.default) and key.default != "none" else key.example
            yield _edit(f"Write {wrong}: {good}", document, encoding, line, value.start(1), value.end(1), good)
        elif "not a key" in problem.message or "remove it" in problem.message:
            edit = t.TextEdit(encoding.line_range(document, line, line + 1), "")
            yield _fix("Remove this line", document, [edit])


def _edit(
    title: str, document: Document, encoding: Encoding, line: int, start: int, end: int, new: str
) -> t.CodeAction:
    text = document.line(line)
    place = t.Range(t.Position(line, encoding.width(text[:start])), t.Position(line, encoding.width(text[:end])))
    return _fix(title, document, [t.TextEdit(place, new)])


def _fix(title: str, document: Document, edits: Sequence[t.TextEdit]) -> t.CodeAction:
    target = t.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
    edit = t.WorkspaceEdit(document_changes=[t.TextDocumentEdit(target, list(edits))])
    return t.CodeAction(title=title, kind=QUICKFIX, is_preferred=True, edit=edit)
