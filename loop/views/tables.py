"""Every experiment as a row: an object for JSON, and a line of results.tsv. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import Verdict
from loop.text.numbers import plain, precise

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription"


def results_rows(ledger: Ledger) -> list[dict[str, Any]]:
    """Return every experiment as an object that JSON can hold, by number; None for what is not known."""
    return [_row(experiment) for _, experiment in sorted(ledger.experiments.items())]


def tsv(ledger: Ledger) -> str:
    """Return results.tsv with the five columns and the habits of the original project: a crash has 0.000000 and 0.0."""
    lines = [HEADER]
    for _, e in sorted(ledger.experiments.items()):
        if e.verdict is None or not e.runs:
            continue
        score = finite(e.score)
        crashed = score is None or e.verdict is Verdict.CRASH
        status = "crash" if crashed else "keep" if e.verdict is Verdict.KEEP else "discard"
        memory = 0.0 if crashed else (finite(e.peak_memory_mb) or 0.0) / 1024
        shown = precise(0.0 if crashed or score is None else score)
        lines.append(f"{e.commit[:7]}\t{shown}\t{memory:.1f}\t{status}\t{plain(e.hypothesis)}")
    return "\n".join(lines) + "\n"


def _row(e: Experiment) -> dict[str, Any]:
    at = e.judged_at if e.judged_at is not None else e.proposed_at
    return {
        "experiment": e.number,
        "commit": e.commit,
        "score": finite(e.score),
        "uncertainty": finite(e.uncertainty),
        "delta": finite(e.delta),
        "verdict": None if e.verdict is None else str(e.verdict),
        "reason": None if e.reason is None else str(e.reason),
        "outcome": None if e.outcome is None else str(e.outcome),
        "source": None if e.source is None else str(e.source),
        "author": str(e.author),
        "proposer": plain(e.proposer),
        "hypothesis": plain(e.hypothesis),
        "explanation": plain(e.explanation),
        "runs": len(e.runs),
        "lines_added": e.lines_added,
        "lines_removed": e.lines_removed,
        "peak_memory_mb": finite(e.peak_memory_mb),
        "train_seconds": e.train_seconds,
        "total_seconds": e.total_seconds,
        "dollars": finite(e.cost.dollars),
        "tokens": e.cost.tokens_in + e.cost.tokens_out,
        "at": datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds"),
    }


def finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
