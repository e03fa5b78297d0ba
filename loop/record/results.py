"""The experiments of a campaign → which is the best, what each looks like, how they compare. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from loop.record.campaign_facts import CampaignCreated
from loop.record.experiment import Experiment
from loop.record.noise import differences
from loop.record.types import Mark, Reason, Refused, Verdict
from loop.record.work import Reference, reference_of


@dataclass
class Results:
    """What was measured in a campaign so far, as the ledger adds it."""

    campaign: str
    created: CampaignCreated | None = None
    experiments: dict[int, Experiment] = field(default_factory=dict)
    incumbent: int | None = None  # experiment at the branch's tip

    @property
    def minimize(self) -> bool:
        return self.created is None or self.created.metric.minimize

    @property
    def baseline(self) -> float | None:
        return self.experiments[0].score if 0 in self.experiments else None

    @property
    def incumbent_experiment(self) -> Experiment | None:
        return self.experiments.get(self.incumbent) if self.incumbent is not None else None

    @property
    def best(self) -> Experiment | None:
        """The best kept experiment, which a human's revert may have left behind.

        Keeps are compared by their levels: two scores on two seeds differ by what the seeds are worth.
        """
        kept = [e for e in self.experiments.values() if e.verdict is Verdict.KEEP and e.score is not None]
        return min(kept, key=lambda e: (self.gain(e.level, 0.0), e.number), default=None)

    @property
    def scores_lost(self) -> bool:
        """Whether something was kept of which a rebuild found no score."""
        return any(e.verdict is Verdict.KEEP and e.score is None for e in self.experiments.values())

    @property
    def left_behind(self) -> Experiment | None:
        """The experiment that the branch holds, where it is not the best."""
        best, tip = self.best, self.incumbent_experiment
        return tip if best is not None and tip is not None and best.number != tip.number else None

    @property
    def keeps(self) -> int:
        """Experiments kept for a gain: neither the baseline, nor what a human had adopted at a loss."""
        return sum(1 for e in self.experiments.values() if self.mark(e) is Mark.KEEP)

    @property
    def adopted(self) -> int:
        """Texts of a human's that were adopted without a gain."""
        return sum(1 for e in self.experiments.values() if self.mark(e) in (Mark.PRICE, Mark.ADOPTED))

    def mark(self, experiment: Experiment) -> Mark:
        """Return what an experiment looks like."""
        match experiment.verdict:
            case None:
                return Mark.LOST if experiment.unknown else Mark.WAITING
            case Verdict.CRASH:
                return Mark.CRASH
            case Verdict.INVALID:
                return Mark.INVALID
            case _ if experiment.number == 0:
                return Mark.BASELINE
            case Verdict.KEEP if self.gained(experiment):
                return Mark.KEEP
            case Verdict.KEEP:
                return Mark.ADOPTED if experiment.removes is None else Mark.PRICE
            case Verdict.DISCARD:
                return Mark.NOISE if experiment.reason is Reason.WITHIN_NOISE else Mark.WORSE

    def gained(self, experiment: Experiment) -> bool:
        """Return whether an experiment was kept for its score; what a human proposed is kept whatever it scores."""
        if experiment.verdict is not Verdict.KEEP or experiment.reason is not Reason.HUMAN:
            return experiment.verdict is Verdict.KEEP
        return experiment.delta is not None and (experiment.delta < 0) == self.minimize and experiment.delta != 0

    @property
    def judged(self) -> int:
        """Experiments that were run and have a verdict, the baseline not counted: what `stop: {experiments}` counts."""
        return sum(1 for e in self.experiments.values() if e.verdict is not None and e.runs and e.number)

    @property
    def since_keep(self) -> int:
        """Measured experiments since the last keep, in the order of their verdicts: the length of the plateau."""
        count = 0
        for experiment in reversed(self.verdicts):
            if experiment.number == 0 or experiment.verdict is Verdict.KEEP:
                break
            count += bool(experiment.runs)
        return count

    @property
    def verdicts(self) -> list[Experiment]:
        """The experiments with a verdict, in the order of their verdicts."""
        return sorted((e for e in self.experiments.values() if e.judged_seq), key=lambda e: e.judged_seq)

    @property
    def last_judged(self) -> Experiment | None:
        last = max(self.experiments.values(), key=lambda e: e.judged_seq, default=None)
        return last if last is not None and last.judged_seq else None

    @property
    def waiting(self) -> list[Experiment]:
        """Experiments without a verdict, in their order: what to resume with."""
        return [e for _, e in sorted(self.experiments.items()) if e.verdict is None]

    @property
    def slowest_s(self) -> float | None:
        """The wall seconds of the longest run that gave a score."""
        return max(
            (r.total_seconds for e in self.experiments.values() for r in e.runs if r.score is not None), default=None
        )

    @property
    def reference(self) -> Reference | None:
        """What honest runs took: the baseline's, which are the user's own text; None before the first has a score."""
        runs = self.experiments[0].runs if 0 in self.experiments else ()
        return reference_of([(r.setup_cpu_s, r.cpu_s, r.clock_s) for r in runs if r.score is not None])

    def find(self, number: int) -> Experiment:
        """Return an experiment by its number; raises Refused."""
        if number not in self.experiments:
            last = max(self.experiments, default=None)
            span = "there is none yet" if last is None else f"there are #0 to #{last}"
            raise Refused(f"no experiment #{number} in campaign {self.campaign}; {span}")
        return self.experiments[number]

    def wrote(self, commit: str) -> bool:
        """Return whether a commit is an experiment's of this campaign."""
        return any(e.commit == commit for e in self.experiments.values())

    def gain(self, score: float, over: float) -> float:
        """Return score - over with the sign turned so that negative is better, whatever the metric's goal."""
        return score - over if self.minimize else over - score

    def compared(self, experiment: Experiment) -> float | None:
        """Return a score as it compares with the baseline's: that, and all differences that its verdicts found.

        Scores on unlike seeds differ by what the seeds are worth; differences of pairs do not.
        """
        if experiment.score is None or self.baseline is None or not math.isfinite(experiment.score):
            return experiment.score
        return self.baseline + experiment.level

    def brought(self, experiment: Experiment) -> float | None:
        """Return the selected gain over the baseline, as a difference of scores, on the seeds that both have.

        Where they have none in common, what the kept line had gained with it, pair by pair.
        """
        if experiment.score is None or 0 not in self.experiments:
            return None
        pairs = differences(experiment.scores, self.experiments[0].scores)
        return sum(pairs.values()) / len(pairs) if pairs else experiment.level
