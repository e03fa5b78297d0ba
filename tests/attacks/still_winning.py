"""Attacks that are known to win against the ruler as it is, each with the most that it gains, in bits per byte.

SECURITY.md lists them. Their tests fail when one gains more, and when one gains nothing any more.
"""

from __future__ import annotations

OPEN: dict[str, float] = {}
