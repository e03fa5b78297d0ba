"""Attacks that are known to win against the ruler as it is, each with the most that it gains, in bits per byte.

SECURITY.md lists them. The test of one fails when it gains more.
"""

from __future__ import annotations

OPEN: dict[str, float] = {
    # A process cannot be kept from the text of the programs that it runs: strings in compiled modules, torch's files.
    # Runs are not shown the tokenizer, but the 255 words of this profile's fit into the 1 kB that literals may have.
    "brings the words along to look compiled modules up": 0.1,
    "brings the words along to look torch's own files up": 0.1,
    # A last step may go beyond the budget by as much as a step of an honest canvas may cost: a quarter of the budget.
    "takes four steps as one, to end late": 0.1,
    # What it computes is held against 2.5 times the baseline's CPU seconds: honest operators differ by as much.
    "forges the account of little more than twice the work": 0.4,
}
