"""A finding of the doctor, and how bad it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is: `warn` lets a campaign start, `fail` does not."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One finding; `next_step` is empty only where nothing is to be done."""

    name: str
    level: Level
    finding: str
    next_step: str = ""
