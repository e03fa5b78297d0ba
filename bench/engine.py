"""The engine's own work per experiment: everything between two experiments that is not the child's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, repeat
from statistics import median

from bench.stubs import bare_campaign, run_campaign, scratch
from bench.table import Row, Table, percentile
from loop.record.entries import Entry
from loop.record.experiment_facts import Judged, RunEnded, RunStarted

MEDIAN_MS, P99_MS = 100.0, 300.0


@dataclass(frozen=True)
class Timing:
    """When one experiment's run began and ended and its verdict was written, and what its child took. Seconds."""

    started: float
    ended: float
    judged: float
    child: float


def run(quick: bool) -> Table:
    experiments = 6 if quick else 240
    with scratch() as folder:
        entries = run_campaign(bare_campaign(folder / "c", experiments), repeat(0.0))
    timings = list(timings_of(entries))
    own = [1000 * (b.ended - a.ended - b.child) for a, b in pairwise(timings)]
    middle, high = median(own), percentile(own, 0.99)
    parts = {
        "  of it: from the run's end to the verdict in the journal": (t.judged - t.ended for t in timings),
        "  ... to the next run in the journal (propose, commit, lay out, launch)": (
            b.started - a.judged for a, b in pairwise(timings)
        ),
        "  ... around the child (gate, lease, kill the tree, read log, write end)": (
            t.ended - t.started - t.child for t in timings
        ),
    }
    return Table(
        f"engine: its own work per experiment, {len(own)} experiments with a trainer that ends at once",
        "Counted: from one RunEnded in the journal to the next, less the child's life from its fork to its exit. "
        "So durable writes, git, the supervisor's own start and the proposal count; the proposer answers at once. "
        "Nothing is hidden behind training but what fits into a child's Python start.",
        [
            Row("median", f"{middle:.0f} ms", f"<= {MEDIAN_MS:.0f} ms", None if quick else middle <= MEDIAN_MS),
            Row("99th percentile", f"{high:.0f} ms", f"<= {P99_MS:.0f} ms", None if quick else high <= P99_MS),
            *(Row(name, f"{1000 * median(part):.0f} ms") for name, part in parts.items()),
        ],
    )


def timings_of(entries: Iterable[Entry]) -> Iterator[Timing]:
    """Yield the timing of every experiment but the baseline, in the order of their runs."""
    started = ended = child = 0.0
    for entry in entries:
        match entry.body:
            case RunStarted():
                started = entry.at
            case RunEnded(total_seconds=seconds):
                ended, child = entry.at, seconds
            case Judged(experiment=number) if number and started:
                yield Timing(started, ended, entry.at, child)
