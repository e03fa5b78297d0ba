"""Attacks that are known to win against the ruler as it is, each with the most that it gains, in bits per byte.

SECURITY.md lists them. The test of one fails when it gains more. Whether it wins at all is said by the summary: where CPU
seconds decide, that depends on what else the machine does.
"""

from __future__ import annotations

OPEN: dict[str, float] = {
    # These do less than 2.5 times the baseline's work, which a run on a CPU may: see BEYOND in loop/work.py.
    "small steps while it is counted at first": 0.36,
    "foresees which steps are counted": 0.36,
    # And this one less than 1.4 times and 0.3 s more than what it was charged for: UNSEEN there.
    "submits a little late": 0.2,
}
