"""A look at a text before a run is spent on it: what dooms it, what data it carries, and two steps of a rehearsal.

Finds and says; what becomes of the experiment is decided elsewhere.
"""

from __future__ import annotations

from loop.engine.campaign import Campaign
from loop.engine.canvases import Canvases
from loop.record.experiment import Experiment
from loop.record.experiment_facts import Judged
from loop.record.types import Author, Failure, Reason, Verdict
from loop.runs.runner import Runner
from loop.text.diff import BOM
from loop.trust import preflight
from loop.trust.smuggling import smuggled


class Inspection:
    """Looks at the texts of one campaign."""

    def __init__(self, campaign: Campaign, runner: Runner, canvases: Canvases) -> None:
        self.campaign, self.runner, self.canvases = campaign, runner, canvases

    async def look(self, experiment: Experiment) -> Failure | None:
        """Return why a patch would fail, None where nothing speaks against a run. Agents' texts are also rehearsed.

        A knob's new value is not rehearsed: that costs seconds, and most of what it could find ends a run as quickly.
        """
        conditions = self.runner.conditions
        text, before = self.canvases.text(experiment.commit), self.canvases.text(self.campaign.tip.commit)
        found = preflight.check(text, before, conditions.canvas, conditions.metric.name, self._baseline)
        failure = preflight.failure(found)
        if failure is None and experiment.author in (Author.MODEL, Author.COMMAND):
            failure = await self.runner.rehearse(experiment.commit)
        return failure

    def carries(self, experiment: Experiment) -> Judged | None:
        """Return the verdict on a text that carries data which no run has learnt, however it came here; else None."""
        data = self.smuggled(self.canvases.text(experiment.commit))
        return Judged(experiment.number, Verdict.INVALID, Reason.FAILED, explanation=data) if data else None

    def smuggled(self, text: str) -> str:
        """Return the sentence about data that a text carries beyond the baseline's, "" where there is none."""
        canvas, baseline = self.runner.conditions.canvas, self._baseline
        if baseline is None or not canvas.endswith(".py"):
            return ""
        found = smuggled(text.removeprefix(BOM), baseline.removeprefix(BOM))
        return f"{canvas}, line {found.line}: {found.message}" if found else ""

    @property
    def _baseline(self) -> str | None:
        """The text that the campaign began with, None where a script measures itself."""
        if self.runner.conditions.ruler is None:
            return None
        return self.canvases.text(self.campaign.ledger.experiments[0].commit)
