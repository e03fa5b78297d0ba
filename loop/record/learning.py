"""What a campaign's scores have shown of its script: how pairs differ, how many digits there are, whether seeds count.

Pure. Each score and each verdict gives a new value; none is ever changed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from loop.record.experiment import CHOSE_NOTHING, Experiment, Run
from loop.record.noise import Pool, decimals


@dataclass(frozen=True)
class Learning:
    """What is learnt up to one entry."""

    pool: Pool = field(default_factory=Pool)  # differences of all pairs so far
    places: int = 0  # decimal places of the finest score so far
    varied: bool = False  # two runs of one text gave two scores

    def scored(self, experiment: Experiment, attempt: int, score: float) -> Learning:
        """Return this with a score that a run of the experiment was given."""
        places = max(self.places, decimals(score)) if math.isfinite(score) else self.places
        run = next((r for r in experiment.runs if r.attempt == attempt), None)  # a restored journal may lack it
        return replace(self, places=places, varied=self.varied or (run is not None and _differs(run, experiment)))

    def paired(self, differences: Sequence[float]) -> Learning:
        """Return this with the differences of one patch's pairs."""
        return replace(self, pool=self.pool.add(differences))


def _differs(run: Run, experiment: Experiment) -> bool:
    """Return whether another run of the same text, on the same rows, had another score."""
    same = (
        r
        for r in experiment.runs
        if r.commit == run.commit and (r.purpose in CHOSE_NOTHING) == (run.purpose in CHOSE_NOTHING)
    )
    return any(r.score not in (None, run.score) for r in same)
