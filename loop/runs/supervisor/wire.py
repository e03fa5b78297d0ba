"""What a daemon and a supervisor say to each other: the specification, why a tree was ended, the report.

The types of the two JSON objects are for the checker alone: `typing` takes as long to import as half of what a
supervisor needs.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal, TypedDict

    Gate = Literal["channel", "stdin"]

    class Specification(TypedDict):
        """One child and what its tree may do. Null is no limit, no file, no lease."""

        argv: Sequence[str]
        folder: str
        environment: Mapping[str, str]
        rlimits: Mapping[str, int]  # name without RLIMIT_: bound
        cgroup: list[str]  # folders of the tree's cgroups; of these three see bounds.py
        memory: int | None
        processes: int | None
        lock: str | None  # the lease: one run trains at a time
        gate: Gate | None  # "channel": a socket named by AUTORESEARCH_GATE_FD; null: the child starts at `go`
        limit_s: float | None  # wall seconds from the opened gate
        log: str
        log_limit: int  # bytes, at least 1 MiB
        reply: bool  # standard output goes into the report instead of the log
        echo: bool  # what is printed is repeated live
        watch: list[str]  # folders that may grow by `disk_limit` bytes each
        disk_limit: int | None
        scratch: list[str]  # folders removed at the end
        # Of a run that has a channel:
        data: str | None  # the file of the rows that it is served while its clock runs
        row_bytes: int
        most_rows: int | None  # that its budget buys
        clock_s: float | None  # wall seconds from the start of its clock to its submission

    class Report(TypedDict):
        """How a tree ended; leash.Ending has the same fields and says what they mean."""

        exit_code: int | None
        why: Why | None
        opened: bool
        seconds: float
        rows: int
        clock_s: float | None
        setup_cpu_s: float
        cpu_s: float
        max_rss_mb: float
        oom_killed: bool
        unkillable: bool
        reply: str


class Why(StrEnum):
    """Why a supervisor ended its tree; outcome.py has the sentences."""

    SUBMITTED = "submitted"
    STOPPED = "stopped"
    TIMED_OUT = "timed_out"
    LATE = "late"  # no submission long after its clock should have ended
    GREEDY = "greedy"  # it asked for more rows than its budget buys
    DISK = "disk"  # it wrote too much
    FULL = "full"  # the disk is full
    SUSPENDED = "suspended"  # the machine slept
    MEMORY = "memory"
    PROCESSES = "processes"
    LOST = "lost"  # the supervisor itself was killed: it reports nothing


def tell(event: str, fields: Mapping[str, object]) -> None:
    """Write one line to the daemon; whether it still lives is told by the end of standard input."""
    try:
        sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stdout.flush()
    except OSError:
        pass
