"""Attacks that are known to win against the ruler as it is, each with the most that it gains, in bits per byte.

SECURITY.md lists them. The test of one fails when it gains more.
"""

from __future__ import annotations

OPEN: dict[str, float] = {
    # A process cannot be kept from the text of the programs that it runs: strings in compiled modules, torch's files.
    "looks compiled modules up while it is scored": 0.1,
    "looks torch's own files up while it is scored": 0.1,
}
