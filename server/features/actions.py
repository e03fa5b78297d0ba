"""Code actions: everything that a lens does, on every client, and a reason where it cannot be done now."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from lsprotocol import types as t

from loop.record.types import Fix, Problem
from loop.settings.keys import KEYS
from loop.settings.program import Pair, Span, check, pairs
from loop.text.numbers import NAMED, names
from server.convert import SOURCE, Encoding, command
from server.documents import Document, Role
from server.features.lenses import buttons, rows
from server.features.words import held_words, label
from server.reading import Reading, read_canvas
from server.snapshot import Snapshot

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
        ("verify", "Verify the gain in fresh pairs of best and baseline", _unverifiable(snapshot)),
        ("showResults", "Show results", "" if snapshot.ledger else "no campaign yet"),
        ("report", "Write report.html, results.tsv and progress.png", "" if snapshot.ledger else "no campaign yet"),
    ):
        yield _action(title, name, f"{SOURCE_KIND}.{name}", why_not, uri=uri)


def _unverifiable(snapshot: Snapshot) -> str:
    """Return why there is nothing to verify, "" where there is."""
    if snapshot.ledger is None:
        return "no campaign yet"
    return "" if snapshot.best is not None and snapshot.best.number else "nothing better than the baseline was kept"


def _canvas(snapshot: Snapshot, document: Document, first: int, last: int) -> Iterator[t.CodeAction]:
    if snapshot.review is None:
        return
    reading = read_canvas(snapshot.review, document)
    yield from _hunks(snapshot, document, reading, first, last)
    uri, version = document.uri, document.version
    many = len(reading.pending)
    nothing = "" if many else "nothing waits for review"
    upto = "" if reading.behind else held_words(snapshot, reading)
    pull = f"Pull: {held_words(snapshot, reading)}" if reading.behind else "Pull what was kept"
    yield _action(pull, "pull", f"{SOURCE_KIND}.pull", upto, uri=uri)
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
        if not reading.touches(pending.hunk, first, last):
            continue
        name = label(snapshot.known(pending.experiments))
        which: dict[str, Any] = {"uri": document.uri, "hunk": pending.hunk.id, "version": document.version}
        yield _action(f"Accept hunk {name}", "acceptHunk", QUICKFIX, preferred=True, **which)
        yield _action(f"Revert hunk {name}, and measure its cost", "revertHunk", QUICKFIX, **which)
        numbers.extend(n for n in pending.experiments[-NAMED:] if n not in numbers)
    for number in numbers:
        which = {"uri": document.uri, "experiment": number, "version": document.version}
        all_of = f"every hunk of #{number}{_beside(reading, number)}"
        yield _action(f"Accept {all_of}", "acceptExperiment", QUICKFIX, **which)
        yield _action(f"Revert {all_of}, and measure its cost", "revertExperiment", QUICKFIX, **which)
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
    """Yield the obvious fix of a mistake in the front matter: the key that was meant, a value that works, or the line
    taken out. What would leave the mistake, or break the YAML, is none."""
    known = pairs(document.text)
    for problem in check(document.text):
        if not first <= problem.line - 1 <= last:
            continue
        edit = _mended(document, encoding, problem, known)
        if edit is None:
            continue
        title, span, new = edit
        start, end = (encoding.position(document, *place) for place in (span[:2], span[2:]))
        at = (start.line, start.character, end.line, end.character)
        fixed = document.changed(document.version, new, at, encoding.characters)
        left = check(fixed.text)
        if problem not in left and all(p.key for p in left):  # what breaks the YAML is about no key
            yield _fix(title, document, t.TextEdit(t.Range(start, end), new))


def _mended(
    document: Document, encoding: Encoding, problem: Problem, known: Sequence[Pair]
) -> tuple[str, Span, str] | None:
    """Return the title of a fix, what it replaces and by what."""
    line, key = problem.line - 1, problem.key or ""
    pair = next((p for p in reversed(known) if p.key[0] == line and f"{key}.".startswith(f"{p.name}.")), None)
    if pair is None:
        return ("Remove this line", (line, 0, line + 1, 0), "") if problem.fix == Fix() else None
    if problem.fix and problem.fix.meant:
        home, dot, _ = pair.name.rpartition(".")
        if any(p.name == home + dot + problem.fix.meant for p in known):
            return None  # it is there already
        return f"Rename to '{problem.fix.meant}'", pair.key, problem.fix.meant
    if problem.fix:
        alone = not document.line(line)[: pair.key[1]].strip()
        return ("Remove this line", (line, 0, pair.value[2] + 1, 0), "") if alone else None
    if key not in KEYS:
        return None
    good = KEYS[key].default
    good = good if not re.search(r"\s", good) and good != "none" else KEYS[key].example
    title = f"Write {pair.name.rpartition('.')[2]}: {good}"
    if pair.value[0] == line:
        return title, pair.value, good
    return title, (*pair.key[2:], *pair.value[2:]), f": {good}"


def _fix(title: str, document: Document, edit: t.TextEdit) -> t.CodeAction:
    target = t.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
    whole = t.WorkspaceEdit(document_changes=[t.TextDocumentEdit(target, [edit])])
    return t.CodeAction(title=title, kind=QUICKFIX, is_preferred=True, edit=whole)
