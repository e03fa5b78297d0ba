"""What every run of a campaign has in common."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from loop.record.types import Metric
from loop.record.values import Budget, BudgetKind
from loop.runs.ruler import TORCH, Ruler
from loop.settings.devices import AUTO, CUDA, kind_of

FIRST_LIMIT_S = 1800.0  # of a run whose budget is not in seconds, before any other has shown how long one takes
# What a machine does at the least, a sixth of what was measured on two cores: an hour's worth of compute takes an hour.
TOKENS_PER_S = 4e3
SLOW_FACTOR = 6.0  # two-thread runs were measured to fall to a quarter of their speed beside neighbours


@dataclass(frozen=True)
class Conditions:
    """What every run of a campaign has in common; two scores compare only under the same conditions."""

    python: str  # interpreter that runs the canvas
    folder: str  # campaign folder relative to the top of the tree
    canvas: str
    run: str
    budget: Budget
    metric: Metric
    ruler: Ruler | None  # None for a script that measures itself
    devices: str = AUTO
    data: str = "auto"  # a source that prepare.py knows, or an absolute path

    @property
    def canvas_in_top(self) -> str:
        """The canvas relative to the top of the tree."""
        return "/".join(filter(None, (self.folder, self.canvas)))

    @property
    def own_data(self) -> Path | None:
        """The file or folder that a script which measures itself may read besides the commit's files."""
        return Path(self.data) if self.ruler is None and os.path.isabs(self.data) else None

    @property
    def speaks(self) -> bool:
        """Whether a run says when its clock starts and when it submits."""
        return self.ruler is not None and self.ruler.version >= 2

    def limit_s(self, slowest_s: float | None) -> float:
        """Return the wall seconds after which a run is killed: its budget plus grace.

        `slowest_s` is the longest finished run so far; a budget in tokens or FLOPs is capped by it.
        """
        wall = self.budget.seconds
        if wall is not None:
            return max(2 * wall, wall + 120.0)
        if slowest_s is not None:
            return max(120.0, SLOW_FACTOR * slowest_s)
        device = CUDA if self.ruler is None else kind_of(self.ruler.device)
        pace = TOKENS_PER_S if self.budget.kind is BudgetKind.TOKENS else device.flop_per_s
        return max(FIRST_LIMIT_S, self.budget.amount / pace)

    def variables(self) -> dict[str, str]:
        """Return the environment variables of every run and of the preparation (see docs/ruler.md)."""
        # A `run:` that is not Python itself (make, a script) finds the experiments' Python by its name.
        places = (os.path.dirname(self.python), os.environ.get("PATH", os.defpath))
        path = os.pathsep.join(filter(None, places))  # an empty place would be the run's own folder
        framework = self.ruler.framework if self.ruler else ""
        return {**ruler_variables(str(self.budget), self.devices, self.data, framework), "PATH": path}


def ruler_variables(budget: str | None, devices: str, data: str, framework: str = TORCH) -> dict[str, str]:
    """Return what prepare.py reads from its environment, wherever it runs.

    The framework is told also where it is the default: a patch that names another one must not choose its ruler.
    """
    variables: dict[str, str] = {"AUTORESEARCH_FRAMEWORK": framework} if framework else {}
    if budget is not None:
        variables["AUTORESEARCH_BUDGET"] = budget
    if devices != AUTO:
        variables["AUTORESEARCH_DEVICE"] = devices
    if data != "auto":
        variables["AUTORESEARCH_SOURCE"] = data
    return variables
