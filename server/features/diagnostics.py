"""Diagnostics: program.md's mistakes, one Information per hunk to review, the crashed line, tampering as typed."""

from __future__ import annotations

from lsprotocol import types as t

from loop.settings.program import check, key_lines, parse
from loop.text.diff import changes, converted
from loop.text.numbers import NAMED, plain
from loop.trust import preflight
from loop.trust.findings import Severity
from server.convert import SOURCE, Encoding
from server.documents import Document, Role
from server.features.doubts import doubts
from server.features.words import label
from server.reading import Pending, read_canvas
from server.snapshot import Crash, Snapshot

REFUSED = "; the engine will not measure a text with this"
LARGEST = 400_000  # characters; a larger text is not parsed as it is typed


def diagnose(snapshot: Snapshot, document: Document, encoding: Encoding) -> list[t.Diagnostic]:
    """Return every finding in a document."""
    match snapshot.role(document):
        case Role.PROGRAM:
            return _program(snapshot, document, encoding)
        case Role.CANVAS:
            return _canvas(snapshot, document, encoding)
        case _:
            return []


def _program(snapshot: Snapshot, document: Document, encoding: Encoding) -> list[t.Diagnostic]:
    found = [encoding.problem(document, problem) for problem in check(document.text)]
    if not found and not (snapshot.folder / (canvas := parse(document.text).canvas)).is_file():
        line = key_lines(document.text).get("canvas", 1) - 1
        message = f"{canvas}: not found beside program.md; create it, or name another file with 'canvas:'"
        error = t.DiagnosticSeverity.Error
        place = encoding.visible(document, min(line, max(0, len(document.lines) - 1)))
        found.append(t.Diagnostic(place, message, severity=error, code="canvas", source=SOURCE))
    if not found:
        some = doubts(document.text, snapshot.folder, snapshot.alive)
        found = [encoding.problem(document, problem, t.DiagnosticSeverity.Warning) for problem in some]
    return found


def _canvas(snapshot: Snapshot, document: Document, encoding: Encoding) -> list[t.Diagnostic]:
    found = _tampering(snapshot, document, encoding)
    if snapshot.review is None:
        return found
    reading = read_canvas(snapshot.review, document)
    found.extend(_pending(snapshot, document, encoding, pending) for pending in reading.pending)
    if snapshot.crash is not None:
        found.extend(_crash(snapshot.crash, document, encoding))
    return found


def _pending(snapshot: Snapshot, document: Document, encoding: Encoding, pending: Pending) -> t.Diagnostic:
    known = snapshot.known(pending.experiments)
    start, size = pending.hunk.start, len(pending.hunk.new)
    last = max(0, len(document.lines) - 1)
    first = encoding.visible(document, min(start, last))
    end = encoding.end_of_line(document, min(start + max(size, 1) - 1, last))
    told = [(f"#{e.number} " if len(known) > 1 else "") + plain(e.hypothesis, 120) for e in known[-NAMED:]]
    why = "; ".join(told) or "a change"
    return t.Diagnostic(
        range=t.Range(first.start, end),
        message=f"{label(known, spread=True)} waits for review: {why}" + ("" if size else " (lines taken out here)"),
        severity=t.DiagnosticSeverity.Information,
        source=SOURCE,
        code=f"#{pending.newest}",
        data={"hunk": pending.hunk.id},
    )


def _crash(crash: Crash, document: Document, encoding: Encoding) -> list[t.Diagnostic]:
    """Return the crashed line where it stands in this text, or the line that it would follow."""
    failure = crash.experiment.failure
    if failure is None or not 0 < failure.line <= len(crash.lines):
        return []
    line, shift, exact = failure.line - 1, 0, True
    for change in changes(crash.lines, converted(document.lines, crash.lines)):
        if change.a_end <= line:
            shift = change.b_end - change.a_end
        elif change.a <= line:
            line, shift, exact = change.a, change.b - change.a, False
            break
    where = "" if exact else f" (its line {failure.line} is not in this file)"
    at = max(0, min(line + shift, len(document.lines) - 1))
    return [
        t.Diagnostic(
            range=encoding.visible(document, at),
            message=f"#{crash.experiment.number} crashed here{where}: {plain(failure.told, 300)}",
            severity=t.DiagnosticSeverity.Warning,
            source=SOURCE,
            code=f"#{crash.experiment.number}",
        )
    ]


def _tampering(snapshot: Snapshot, document: Document, encoding: Encoding) -> list[t.Diagnostic]:
    """Return what the engine would refuse to measure, or a person may want to look at, while it is being typed."""
    if snapshot.review is None or snapshot.ledger is None or snapshot.ledger.created is None:
        return []
    if len(document.text) > LARGEST:
        return []
    incumbent = "".join(snapshot.review.kept.line.lines)
    metric = snapshot.ledger.created.metric.name
    last = max(0, len(document.lines) - 1)
    return [
        t.Diagnostic(
            range=encoding.visible(document, min(finding.line - 1, last)),
            message=finding.message + (REFUSED if finding.severity is Severity.REFUSE else ""),
            severity=t.DiagnosticSeverity.Warning,
            source=SOURCE,
            code=finding.rule,
        )
        for finding in preflight.check("".join(document.lines), incumbent, snapshot.canvas, metric)
    ]
