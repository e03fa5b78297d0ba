"""What a bench prints: one plain table, the goal beside the measurement, the machine's load in the title."""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line. `met` is None where there is no goal, or where a tiny size cannot tell."""

    what: str
    measured: str
    goal: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Table:
    """One bench: `counted` says exactly what the numbers are."""

    title: str
    counted: str
    rows: Sequence[Row]


def load() -> str:
    """Return the load average of the last minute against the cores: on a busy machine numbers are the neighbours'."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def show(table: Table, began: float, load_before: str) -> str:
    """Return the table as text; `began` is the monotonic time of its start."""
    lines = [("", "measured", "goal", "")]
    lines += [(r.what, r.measured, r.goal, {None: "", True: "met", False: "MISSED"}[r.met]) for r in table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    head = f"{table.title}  ({load_before} before, {load()} after; {time.monotonic() - began:.0f} s)"
    body = ["  " + "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    counted = textwrap.wrap(table.counted, 118, initial_indent="  ", subsequent_indent="  ")
    return "\n".join([head, *body, *counted, ""])


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
