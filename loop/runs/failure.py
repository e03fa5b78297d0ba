"""A log's text → why a run failed: the kind, one sentence, the line in the canvas. Pure; the text is never trusted."""

from __future__ import annotations

import re
from pathlib import Path

from loop.record.types import Failure, FailureKind
from loop.runs.supervisor.wire import Why
from loop.trust.limits import Limits

FRAME = re.compile(r'^\s+File "(?P<file>[^"\n]+)", line (?P<line>\d+)')


RAISED = re.compile(r"^(?P<name>[A-Za-z_][\w.]*)(?:: ?(?P<text>.*))?$")


# Searched in "module.Name: message" of the exception that ended the run; the first that matches says what kind it was.
KINDS = (
    (
        FailureKind.OUT_OF_MEMORY,
        re.compile(r"OutOfMemoryError|MemoryError|out of memory|can't allocate memory|bad_alloc"),
    ),
    (
        FailureKind.DISK_FULL,
        re.compile(r"\[Errno (28|27|122)\]|No space left on device|PytorchStreamWriter failed writing"),
    ),
    (
        FailureKind.PROCESSES,
        re.compile(r"can't start new thread|^BlockingIOError: \[Errno 11\] Resource temporarily unavailable"),
    ),
    (FailureKind.IMPORT, re.compile(r"^(ModuleNotFoundError|ImportError)")),
    (FailureKind.SYNTAX, re.compile(r"^(SyntaxError|IndentationError|TabError)")),
    (FailureKind.ASSERTION, re.compile(r"^AssertionError")),
    (FailureKind.NAN, re.compile(r"^([\w.]+\.)?NonFiniteLoss|^FloatingPointError")),
    (FailureKind.TIMED_OUT, re.compile(r"^prepare\.OutOfTime")),  # its cap on a budget of compute
    (FailureKind.TAMPERED, re.compile(r"^prepare\.(Overrun|Uncharged|Changed)\b")),  # its end of a run, and its seal
)


def bound_passed(why: Why | None, limits: Limits) -> Failure | None:
    """Return the failure of a run that was ended for its memory or its processes, None for any other end. Pure."""
    if why is Why.MEMORY:
        return Failure(
            FailureKind.OUT_OF_MEMORY, f"used the {limits.memory_text} of memory that a run may have; killed"
        )
    if why is Why.PROCESSES:
        many = f"{limits.processes:,} processes and threads"
        return Failure(FailureKind.PROCESSES, f"started the {many} that a run may have; killed")
    return None


def failure_in(text: str, canvas: str) -> Failure:
    """Return the failure that the last traceback in a cleaned text tells of; kind `other` where there is none. Pure."""
    lines = text.splitlines()
    last = max((i for i, line in enumerate(lines) if FRAME.match(line)), default=None)
    if last is None:
        kind = FailureKind.OUT_OF_MEMORY if "bad_alloc" in text else FailureKind.OTHER
        return Failure(kind, "out of memory" if kind is FailureKind.OUT_OF_MEMORY else "no traceback")
    start, end = last, last
    while start > 0 and (
        lines[start - 1].startswith((" ", "Traceback (most recent call last)")) or not lines[start - 1]
    ):
        start -= 1
    while end < len(lines) - 1 and lines[end].startswith(" "):
        end += 1
    raised = RAISED.match(lines[end])
    name, message = (raised["name"], (raised["text"] or "").strip()) if raised else ("error", "")
    block = [line for line in lines[start : end + 1] if line]
    frames = [(i, match) for i in range(start, last + 1) if (match := FRAME.match(lines[i]))]
    inside = [(i, int(match["line"])) for i, match in frames if Path(match["file"]) == Path(canvas)]
    at, line = inside[-1] if inside else (last, 0)
    message = message or (lines[at + 1].strip() if at + 1 < end else "")
    raised_line = " ".join((f"{name}: {message}", *lines[end + 1 : end + 4]))
    kind = next((kind for kind, pattern in KINDS if pattern.search(raised_line)), FailureKind.OTHER)
    place = f" at {canvas}:{line}" if line else ""
    block = block if len(block) <= 30 else [*block[:2], "  ...", *block[-27:]]
    return Failure(kind, f"{name.rpartition('.')[2]}{place}: {message}"[:400], line, "\n".join(block))


def clean(text: str, folder: Path) -> str:
    """Return printed text fit for a journal and a prompt: no control characters, no absolute paths."""
    text = re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])", "", text.replace("\r", "\n"))
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]", "", text)
    for place in dict.fromkeys((str(folder), str(folder.resolve()))):
        text = text.replace(place + "/", "")
    # Of a library's file its path inside the library is kept, of any other its name. Links on the web stay.
    text = re.sub(r'(?<=File ")/[^"\n]*/(?=(?:site|dist)-packages/)', "", text)
    text = re.sub(r'(?<=File ")/[^"\n]*/(?=python3\.\d+/)', "", text)
    text = re.sub(r'(?<=File ")/[^"\n]*/', "", text)
    return re.sub(r"(?<![\w.:/<>])/(?:[^\s/\"'`:,;()]+/)+", "", text)
