"""What a run computed against what its budget was charged: CPU seconds that the supervisor measured. Pure.

Neither number of the comparison can be forged from inside a run by less work: the supervisor measures CPU seconds, and
the budget is the campaign's. What the run says of its counted steps is believed within a factor of the baseline's.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from loop.values import BudgetKind

PYTHON = 1.5  # what Python and autograd cost an operator, in what counting it costs; prepare.py has the same number
UNSEEN, UNSEEN_S = 1.6, 0.5  # CPU seconds against those that counted operators explain
BEYOND = 3.5  # CPU seconds against a baseline's: operator families (2) and neighbours (2), which seldom meet
RATE = 3.5  # FLOP in a CPU second against a baseline's
SETUP, SETUP_S = 1.5, 1.0  # CPU seconds before the clock starts, against a baseline's
BUSY, BUSY_S = 1.1, 1.0  # CPU seconds a second on the clock, for each thread of the profile
SLOW = 4.0  # wall seconds against a baseline's, where nothing else is measured
GRACE_S, GRACE_SHARE = {"cpu": 3.0}, 0.02  # from the end of a wall budget to the submission


@dataclass(frozen=True)
class Reference:
    """What the baseline's runs took: medians."""

    setup_cpu_s: float
    cpu_s: float
    clock_s: float
    flop_per_s: float | None


@dataclass(frozen=True)
class Allowance:
    """What a run's work is held against."""

    kind: BudgetKind
    amount: float
    device: str  # cpu, cuda, mps
    threads: int
    reference: Reference | None = None  # None for the first run of a campaign

    @property
    def clock_s(self) -> float | None:
        """Wall seconds from the start of the clock to the submission; None for a budget that is not wall time."""
        if self.kind is not BudgetKind.WALL:
            return None
        return self.amount * (1 + GRACE_SHARE) + GRACE_S.get(self.device, 10.0)


@dataclass(frozen=True)
class Work:
    """What a run took, as its supervisor measured it; and what it was charged, as it says itself."""

    setup_cpu_s: float  # CPU seconds of the whole tree until the clock started
    cpu_s: float  # and from there to the submission
    clock_s: float  # wall seconds of that
    explained_s: float | None = None  # CPU seconds that the operators it was charged for take
    flop_per_s: float | None = None  # what they do in one

    def facts(self) -> dict[str, float | None]:
        """Return the fields of RunEnded."""
        return {name: value for name, value in vars(self).items() if name != "explained_s"}


def work_of(setup_cpu_s: float, cpu_s: float, clock_s: float | None, said: Mapping[str, float]) -> Work:
    """Return a run's work from its supervisor's report, in CPU seconds until the clock and in all, and its summary."""
    if clock_s is None:
        return Work(cpu_s, 0.0, 0.0)
    counted, beside = said.get("counted_flop", 0.0), said.get("counted_beside_s", 0.0)
    inside = said.get("counted_inside_s", 0.0) + PYTHON * beside
    measured = setup_cpu_s, cpu_s - setup_cpu_s, clock_s
    if counted <= 0 or inside <= 0:
        return Work(*measured)
    return Work(*measured, said.get("flops", 0.0) / counted * inside + beside, counted / inside)


def reference_of(runs: Iterable[tuple[float | None, float | None, float | None, float | None]]) -> Reference | None:
    """Return the medians of (setup CPU seconds, CPU seconds, wall seconds, FLOP a second) of runs that have them."""
    known = [run for run in runs if run[0] is not None and run[1] is not None and run[2] is not None]
    if not known:
        return None
    setup, cpu, clock = (statistics.median(float(run[n] or 0.0) for run in known) for n in range(3))
    rates = [run[3] for run in known if run[3]]
    return Reference(setup, cpu, clock, statistics.median(rates) if rates else None)


def beyond(allowed: Allowance, work: Work) -> str:
    """Return what a run did beyond its budget, as the end of a sentence; "" where it is within."""
    reference = allowed.reference
    if allowed.device != "cpu":
        if reference and allowed.kind is not BudgetKind.WALL and work.clock_s > SLOW * reference.clock_s:
            return f"took {work.clock_s / reference.clock_s:.1f} times the seconds of the baseline for one budget"
        return ""
    if reference and work.setup_cpu_s > SETUP * reference.setup_cpu_s + SETUP_S:
        return (
            f"took {work.setup_cpu_s:.1f} CPU seconds before its clock started, the baseline {reference.setup_cpu_s:.1f}; "
            "compute within the budget"
        )
    if allowed.kind is BudgetKind.WALL:
        busy = work.cpu_s / (work.clock_s * allowed.threads) if work.clock_s else 0.0
        if work.cpu_s > BUSY * work.clock_s * allowed.threads + BUSY_S:
            return f"used {busy:.1f} times the CPU that its budget gives: no more threads or processes than the profile's"
        return ""
    if work.explained_s is None or work.flop_per_s is None:
        return "gave no account of what it was charged; end with prepare.submit(model)"
    if work.cpu_s > UNSEEN * work.explained_s + UNSEEN_S:
        return _times(work.cpu_s / work.explained_s) + "; only torch operators within the steps, on one thread, are"
    if reference is None or allowed.kind is BudgetKind.TOKENS:
        return ""
    if work.cpu_s > BEYOND * reference.cpu_s + UNSEEN_S:
        return _times(work.cpu_s / reference.cpu_s) + ", in CPU seconds of the baseline"
    if reference.flop_per_s and not 1 / RATE < work.flop_per_s / reference.flop_per_s < RATE:
        return f"says that it does {work.flop_per_s / reference.flop_per_s:.2g} times the baseline's FLOP in a CPU second"
    return ""


def _times(ratio: float) -> str:
    return f"did {ratio:.1f} times the work that it was charged"
