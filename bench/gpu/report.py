"""What the GPU check found: a result for each step, a verdict for each goal, and the one file that holds them.

docs/gpu.md documents the file. A figure that was not measured is None or absent, never a guess. Knows no step.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

SCHEMA = 1  # of report.json; raise it when a field changes its meaning or goes

Figure: TypeAlias = float | int | str | bool | list[str] | list[float] | None
Figures: TypeAlias = dict[str, Figure]


class Status(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    SKIPPED = "skipped"


class Verdict(StrEnum):
    """Whether a goal is reached."""

    MET = "met"
    MISSED = "missed"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Result:
    """How one step ended and what it measured."""

    name: str
    status: Status
    seconds: float
    tells: tuple[int, ...]  # numbers of the doubts in docs/gpu.md
    figures: Figures = field(default_factory=dict)
    detail: str = ""  # one sentence, where the step did not pass


@dataclass(frozen=True)
class Judgement:
    """A goal, what was measured of it, and the verdict."""

    name: str
    goal: str
    measured: float | None
    verdict: Verdict
    why: str = ""  # why nothing was measured


@dataclass(frozen=True)
class Report:
    """One pass of the check."""

    dry: bool  # on a CPU, at tiny sizes: shows that the check works, measures nothing
    code: str  # hash of what was checked and of the check itself
    commit: str | None  # None where git cannot tell, as in a copy
    planned: tuple[str, ...]  # the steps of this pass
    results: Mapping[str, Result]  # by the step's name, in the order of the steps; those of an earlier pass too
    goals: tuple[Judgement, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every planned step has passed, and none of an earlier pass had not; goals do not count."""
        done = self.results.keys() >= set(self.planned)
        return done and all(result.status is Status.PASSED for result in self.results.values())

    def write(self, path: Path) -> None:
        """Replace the file, so that a reader never sees a part of it."""
        body = {
            "schema": SCHEMA,
            "dry": self.dry,
            "code": self.code,
            "commit": self.commit,
            "passed": self.passed,
            "seconds": round(self.seconds, 1),
            "goals": [asdict(goal) for goal in self.goals],
            "steps": [asdict(result) for result in self.results.values()],
        }
        beside = path.with_suffix(".tmp")
        beside.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        os.replace(beside, path)


def results_of(path: Path, dry: bool, code: str) -> dict[str, Result]:
    """Return the results in an earlier report of the same code and kind; none where there is no such report."""
    try:
        body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    if (body["schema"], body["dry"], body["code"]) != (SCHEMA, dry, code):
        return {}
    steps = [{**step, "status": Status(step["status"]), "tells": tuple(step["tells"])} for step in body["steps"]]
    return {step["name"]: Result(**step) for step in steps}
