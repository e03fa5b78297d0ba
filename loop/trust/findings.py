"""The words of preflight: what is found in a canvas, by which rule, and whether that refuses a run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Refuse: the run would be wasted or invalid. Warn: a person may want to look."""

    REFUSE = "refuse"
    WARN = "warn"


class Rule(StrEnum):
    """What a text breaks; a diagnostic's code."""

    SYNTAX = "syntax"
    CONTRACT = "contract"
    SEED = "seed"
    DATA = "data"
    RULER = "ruler"
    INSIDE = "ruler's inside"
    BUDGET = "budget"
    CLOCK = "clock"
    COUNTER = "counter"
    PRYING = "prying"
    OWN_SOURCE = "own source"
    HIDDEN_CODE = "hidden code"
    HELD_OUT = "held-out data"
    ENVIRONMENT = "environment"
    PRINTED_SCORE = "printed score"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class Finding:
    """One finding in the canvas; `line` is 1-based."""

    line: int
    rule: Rule
    message: str
    severity: Severity = Severity.REFUSE
