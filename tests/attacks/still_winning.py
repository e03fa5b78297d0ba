"""Attacks that are known to win against the ruler as it is, each with the most that it gains, in bits per byte.

SECURITY.md lists them. The test of one fails when it gains more. Whether it wins at all is said by the summary: where CPU
seconds decide, that depends on what else the machine does.
"""

from __future__ import annotations

OPEN: dict[str, float] = {}
