"""What a run computed against what its budget was charged: CPU seconds that the supervisor measured. Pure.

Neither number of the comparison can be forged from inside a run by less work: the supervisor measures CPU seconds, and
the budget is the campaign's. What the run says of its counted steps is believed within a factor of the baseline's.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from loop.record.values import BudgetKind

UNSEEN, UNSEEN_S = 1.2, 0.15  # CPU seconds against those that counted operators explain
BEYOND = 2.5  # CPU seconds against a baseline's: operator families (2) and neighbours (2), which seldom meet
SETUP, SETUP_S = (
    1.2,
    1.2,
)  # CPU seconds before the clock starts, against a baseline's; what is beyond counts as if it were after
BUSY = 1.1  # CPU seconds a second on the clock, for each thread of the profile
SLOW = 4.0  # wall or CPU seconds against a baseline's, where nothing else is measured
GRACE_SHARE = 0.02  # of a wall budget, from its end to the submission; on top of the device's seconds


@dataclass(frozen=True)
class Reference:
    """What the baseline's runs took: medians."""

    setup_cpu_s: float
    cpu_s: float
    clock_s: float


@dataclass(frozen=True)
class Allowance:
    """What a run's work is held against."""

    kind: BudgetKind
    amount: float
    threads: int
    grace_s: float  # of the device, from the end of a wall budget to the submission
    by_cpu: bool  # work is measured in CPU seconds; on an accelerator wall seconds are compared
    reference: Reference | None = None  # None for the first run of a campaign
    counted: bool = True  # prepare.py counts the run's operations, which it does in torch alone

    @property
    def clock_s(self) -> float | None:
        """Wall seconds from the start of the clock to the submission; None for a budget that is not wall time."""
        if self.kind is not BudgetKind.WALL:
            return None
        return self.amount * (1 + GRACE_SHARE) + self.grace_s


@dataclass(frozen=True)
class Work:
    """What a run took, as its supervisor measured it; and what it was charged, as it says itself."""

    setup_cpu_s: float  # CPU seconds of the whole tree until the clock started
    cpu_s: float  # and from there to the submission
    clock_s: float  # wall seconds of that
    explained_s: float | None = None  # CPU seconds that the operators it was charged for take
    opening_cpu_s: float = 0.0  # and when its model is loaded to be scored, beyond what that takes

    def facts(self) -> dict[str, float | None]:
        """Return the fields of RunEnded."""
        return {name: getattr(self, name) for name in ("setup_cpu_s", "cpu_s", "clock_s")}


def work_of(setup_cpu_s: float, cpu_s: float, clock_s: float | None, said: Mapping[str, float]) -> Work:
    """Return a run's work from its supervisor's report, in CPU seconds until the clock and in all, and its summary."""
    if clock_s is None:
        return Work(cpu_s, 0.0, 0.0)
    explained = said.get("explained_cpu_s", 0.0)
    return Work(setup_cpu_s, cpu_s - setup_cpu_s, clock_s, explained if explained > 0 else None)


def reference_of(runs: Iterable[tuple[float | None, float | None, float | None]]) -> Reference | None:
    """Return the medians of (setup CPU seconds, CPU seconds, wall seconds) of runs that have them."""
    known = [[x for x in run if x is not None] for run in runs]
    columns = list(zip(*(run for run in known if len(run) == 3), strict=True))
    return Reference(*map(statistics.median, columns)) if columns else None


def beyond(allowed: Allowance, work: Work) -> str:
    """Return what a run did beyond its budget, as the end of a sentence; "" where it is within."""
    reference = allowed.reference
    if not allowed.by_cpu:
        if reference and allowed.kind is not BudgetKind.WALL and work.clock_s > SLOW * reference.clock_s:
            return f"took {work.clock_s / reference.clock_s:.1f} times the seconds of the baseline for one budget"
        return ""
    early = max(0.0, work.setup_cpu_s - SETUP * reference.setup_cpu_s - SETUP_S) if reference else 0.0
    late = work.opening_cpu_s
    cpu_s = work.cpu_s + early + late
    before = f", {early:.1f} of its {cpu_s:.1f} CPU seconds before its clock started" if early > 1 else ""
    if late > 1:
        before += f", {late:.1f} of its {cpu_s:.1f} CPU seconds when its model was loaded to be scored"
    if allowed.kind is BudgetKind.WALL:
        gives = max(work.clock_s, 0.1) * allowed.threads
        if cpu_s > BUSY * gives + UNSEEN_S:
            return (
                f"used {cpu_s / gives:.1f} times the CPU that its budget gives{before}; train on the profile's threads"
            )
        return ""
    if not allowed.counted:
        if reference and cpu_s > SLOW * reference.cpu_s + UNSEEN_S:
            return f"took {cpu_s / reference.cpu_s:.1f} times the CPU seconds of the baseline for one budget{before}"
        return ""
    if work.explained_s is None:
        return "gave no account of what it was charged; end with prepare.submit(model)"
    if cpu_s > UNSEEN * work.explained_s + UNSEEN_S:
        return (
            f"{_times(cpu_s / work.explained_s)}{before}; only torch operators in the main thread are, and imports and "
            "compilation take of the budget's CPU seconds as well"
        )
    if reference is None or allowed.kind is BudgetKind.TOKENS:
        return ""
    if cpu_s > BEYOND * reference.cpu_s + UNSEEN_S:
        return f"{_times(cpu_s / reference.cpu_s)}, in CPU seconds of the baseline{before}"
    return ""


def _times(ratio: float) -> str:
    return f"did {ratio:.1f} times the work that it was charged"
