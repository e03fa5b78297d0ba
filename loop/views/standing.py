"""How far a campaign has come, in a few words each: its best, its pace, what it spent. Pure."""

from __future__ import annotations

from itertools import pairwise

from loop.record.ledger import Ledger
from loop.record.types import ScoreSource
from loop.text.numbers import number, signed

LATELY = 20  # verdicts that the pace is taken from
PAUSE = 5  # an interval this many times the median was a pause and not an experiment


def best_text(ledger: Ledger) -> str:
    """Return `best 0.9697 (−2.8 %)`: the best ever kept and its selected gain; "" before the baseline.

    Where the branch holds another, both are named: `best #6 2.3073 (−3.4 %), the branch holds #8 2.3873`.
    """
    best, baseline = ledger.best, ledger.baseline
    if best is None or best.score is None:
        return ""
    claimed = ledger.created is not None and ledger.created.source is ScoreSource.SELF_REPORTED
    source = " self-reported" if claimed else ""
    if best.number == 0 or not baseline:
        return f"baseline {number(best.score)}{source}" if best.number == 0 else f"best {number(best.score)}{source}"
    gain, tip = ledger.brought(best) or 0.0, tip_text(ledger)
    which = f"#{best.number} " if tip else ""
    share = signed(100 * gain / abs(baseline), ".1f")
    return f"best {which}{number(best.score)}{source} ({share} %){f', {tip}' if tip else ''}"


def tip_text(ledger: Ledger) -> str:
    """Return `the branch holds #8 2.3873` where that is not the best; "" where it is."""
    tip = ledger.left_behind
    if tip is None:
        return ""
    held = f"#{tip.number}" if tip.number else "the baseline"
    return f"the branch holds {held}" + (f" {number(tip.score)}" if tip.score is not None else "")


def pace_text(ledger: Ledger) -> str:
    """Return `11.7/h`, "" where it is unknown."""
    pace = per_hour(ledger)
    if pace is None:
        return ""
    return f"{pace:.1f}/h" if pace < 100 else f"{pace:.0f}/h"


def per_hour(ledger: Ledger) -> float | None:
    """Return experiments per hour from the intervals between the last verdicts, pauses left out; None below two."""
    times = sorted(e.judged_at for e in ledger.experiments.values() if e.judged_at is not None and e.runs)[
        -LATELY - 1 :
    ]
    intervals = sorted(later - earlier for earlier, later in pairwise(times) if later > earlier)
    if not intervals:
        return None
    median = intervals[(len(intervals) - 1) // 2]
    working = [interval for interval in intervals if interval <= PAUSE * median]
    return 3600 * len(working) / sum(working)


def spent_text(ledger: Ledger) -> str:
    """Return `$3.20`, `$?` for an unknown price, "" where nothing was asked of a paid model."""
    spent = ledger.spent
    if spent.dollars is None:
        return "$?"
    return f"${spent.dollars:.2f}" if spent.dollars > 0 else ""
