"""Earlier nights as history: a `results.tsv` of the original tool and the commits that it names.

Reads the five columns (commit, val_bpb, memory_gb, status, description) and, where git still has a commit, what it
changed in the canvas. The scores are self-reported and of other conditions: history steers proposals, it never judges.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

from loop.record.campaign_facts import Imported
from loop.record.types import Refused, RepoError, Verdict
from loop.text.patch import changed_knobs

COLUMNS = ("commit", "val_bpb", "memory_gb", "status", "description")
MOST = 5000  # rows of one file: fifty nights
LONGEST = 300  # characters of a description

Text = Callable[[str], str]  # the canvas at a commit; raises RepoError where git has no such commit


def read_results(path: Path, text: Text) -> list[Imported]:
    """Return the past experiments of a results.tsv, in their order; raises Refused naming the line that is wrong."""
    try:
        content = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n")
    except FileNotFoundError:
        raise Refused(f"{path.name}: not found; name the file: 'autoresearch import FILE'") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path.name} cannot be read: {error}") from error
    rows = [line.split("\t") for line in content.split("\n")]
    if [name.strip().lower() for name in rows[0][:5]] != list(COLUMNS):
        raise Refused(f"{path.name}, line 1: not the five columns {', '.join(COLUMNS)}, separated by tabs")
    if len(rows) > MOST + 1:
        raise Refused(f"{path.name}: {len(rows) - 1} rows are more than the {MOST} that can be imported; cut the file")
    return [_row(path.name, number, row, text) for number, row in enumerate(rows[1:], 2) if any(map(str.strip, row))]


def _row(name: str, number: int, row: list[str], text: Text) -> Imported:
    where = f"{name}, line {number}"
    if len(row) < len(COLUMNS):
        raise Refused(f"{where}: {len(row)} columns instead of {len(COLUMNS)}; were the tabs turned into blanks?")
    commit, score, memory, status, description = (cell.strip() for cell in row[:5])
    try:
        verdict = Verdict(status.lower())
    except ValueError:
        raise Refused(f"{where}: unknown status {status!r}; it is keep, discard or crash") from None
    knobs, known = _knobs(commit, text)
    return Imported(
        commit=commit if known else "",
        score=None if verdict is Verdict.CRASH else _number(where, "val_bpb", score),
        memory_mb=1024 * (_number(where, "memory_gb", memory or "0") or 0.0) or None,
        verdict=verdict,
        hypothesis=description[:LONGEST],
        knobs=knobs,
    )


def _number(where: str, column: str, cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        raise Refused(f"{where}: {column} {cell!r} is no number") from None
    return value if math.isfinite(value) else None


def _knobs(commit: str, text: Text) -> tuple[dict[str, tuple[str, str]], bool]:
    """Return the knobs that a commit changed and whether git still has it; upstream's resets lose discarded ones."""
    if not re.fullmatch(r"[0-9a-f]{4,64}", commit):
        return {}, False
    try:
        return changed_knobs(text(f"{commit}^"), text(commit)), True
    except RepoError:
        return {}, False
