"""The words of one run: what is launched, and how it ended."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from loop.record.types import Failure, Metric, Outcome
from loop.record.work import Allowance, Work
from loop.trust.limits import Limits, machine


@dataclass(frozen=True)
class RunSpec:
    """One run to launch. `environment` and `wrap` are what sandbox.py returns under these names."""

    command: str  # `run:` of program.md
    python: str  # stands in for a leading `python`
    folder: Path  # where it starts: the campaign's folder in the slot
    run_dir: Path  # its evidence: log, progress, summary, checkpoint
    environment: Mapping[str, str]
    limit_s: float  # wall seconds from the opened gate to the kill
    lock: Path  # the lease: one run trains at a time
    canvas: str  # relative to `folder`
    gated: bool = False  # start now and wait at prepare.py's gate; else start when the gate opens
    submits: bool = False  # it says when its clock starts and when it submits; else the end of its process is its word
    data: Path | None = None  # the file of the rows that it is served while its clock runs
    row_bytes: int = 0
    most_rows: int | None = None  # that its budget buys; None for any
    allowance: Allowance | None = None  # what its work is held against
    wrap: tuple[str, ...] = ()
    metric: Metric | None = None  # to be read from the log; None where the score is sealed
    log_limit: int = 4 << 20  # bytes, at least 1 MiB
    disk_limit: int = 16 << 30  # bytes that `folder` and `run_dir` may each grow by
    limits: Limits = field(default_factory=machine)


@dataclass(frozen=True)
class RunResult:
    """How a run ended. `reported` is the number it printed about itself; `failure` says why there is no score."""

    outcome: Outcome
    exit_code: int | None
    train_seconds: float
    total_seconds: float  # wall, from the opened gate to the end of its process
    peak_memory_mb: float | None
    tokens_per_s: float | None
    failure: Failure | None
    reported: float | None
    work: Work | None = None  # of a run that submitted


def sha256(path: Path) -> str:
    """Return the hash of a file's bytes, "" when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
