"""A night without processes: proposals with known effects, scores drawn by chance, everything else the real code.

Verdicts are plan's, what is known is the ledger's, the claim is that of claims: only the runs are simulated. The score
of a text on a seed is its true value, plus what the seed is worth to every text, plus luck of its own; `correlation`
is the seed's share of the variance. Effects are calibrated by hand to a published H100 night: a third of the patches
change nothing, one in seven helps by 0.0012 on average, the rest hurt by 0.005. It is a model of a night, not a night.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from loop.engine.plan import Planned, decide
from loop.engine.verdict import RULE
from loop.engine.verification import next_check
from loop.record.campaign_facts import CampaignCreated, NoiseMeasured
from loop.record.entries import Body, Entry
from loop.record.experiment import Experiment
from loop.record.experiment_facts import Judged, Proposed, RunEnded, RunStarted, Scored
from loop.record.ledger import Ledger
from loop.record.noise import noise_floor
from loop.record.types import Author, Metric, Outcome, ScoreSource, Verdict
from loop.record.verification_facts import Verified

RUNS, REPEATS = 100, 3


def effect(dice: random.Random) -> float:
    """Return the true change of val_bpb that a patch brings."""
    kind = dice.random()
    if kind < 0.30:
        return dice.gauss(0.0, 2e-4)
    return -dice.expovariate(1 / 0.0012) if kind < 0.44 else dice.expovariate(1 / 0.005)


def nothing(_: random.Random) -> float:
    """Return the effect of every patch of a night in which nothing is true."""
    return 0.0


class Scores:
    """Draws the score of a text with a true value on a seed."""

    def __init__(self, dice: random.Random, sigma: float, correlation: float) -> None:
        self.dice, self.sigma, self.correlation = dice, sigma, correlation
        self._seeds: dict[int, float] = {}

    def draw(self, value: float, seed: int) -> float:
        if seed not in self._seeds:
            self._seeds[seed] = self.dice.gauss(0, 1)
        shared, own = self.correlation**0.5, (1 - self.correlation) ** 0.5
        return value + self.sigma * (shared * self._seeds[seed] + own * self.dice.gauss(0, 1))


class Night:
    """One campaign in memory. `ledger` is what its journal would tell, `values` what is true of each experiment."""

    def __init__(
        self,
        dice: random.Random,
        sigma: float,
        correlation: float,
        change: Callable[[random.Random], float] = effect,
        added: int = 0,
        baseline: float = 1.0,
    ) -> None:
        self.dice, self.change, self.added = dice, change, added
        self.scores = Scores(dice, sigma, correlation)
        self.ledger = Ledger("night")
        self.values = [baseline]
        self._feed(
            CampaignCreated("", "train.py", "python train.py", "5m", Metric(), ScoreSource.SEALED, "k", "d", "b", "c0",
                            rule=RULE),
            Proposed(0, "c0", "", "the baseline", Author.HUMAN, "human", 0, 0),
        )  # fmt: skip

    def play(self, runs: int = RUNS) -> Night:
        """Measure the baseline, then proposals until the runs are used up; what has begun is finished."""
        self._measure(0)
        self._feed(NoiseMeasured(noise_floor(list(self._known(0).scores.values())), ()))
        spare = sum(len(e.runs) for e in self.ledger.experiments.values())
        while sum(len(e.runs) for e in self.ledger.experiments.values()) < runs + spare:
            number, tip = len(self.values), self.ledger.incumbent or 0
            self.values.append(self.values[tip] + self.change(self.dice))
            parent = self._known(tip).commit
            self._feed(Proposed(number, f"c{number}", parent, "idea", Author.KNOBS, "knobs", 1 + self.added, 1))
            self._measure(number)
        return self

    def verify(self, pairs: int = 3) -> Night:
        """Measure best and baseline in fresh pairs, as a campaign's end does; nothing where nothing is better."""
        best = self.ledger.best
        if best is None or best.number == 0:
            return self
        while not isinstance(step := next_check(self.ledger, self._known(best.number), pairs), Verified):
            assert step.of is not None
            self._run(self._known(step.of), step)
        self._feed(step)
        return self

    @property
    def gain(self) -> float:
        """What the branch has truly gained."""
        return self.values[0] - self.values[self.ledger.incumbent or 0]

    @property
    def best_gain(self) -> float:
        """What the best has truly gained, which is what the headline speaks of."""
        best = self.ledger.best
        return self.values[0] - self.values[best.number if best else 0]

    @property
    def keeps(self) -> int:
        return self.ledger.keeps

    @property
    def false_keeps(self) -> int:
        """Kept patches that truly bring nothing, or less."""
        kept = [e for e in self.ledger.experiments.values() if e.number and e.verdict is Verdict.KEEP]
        return sum(self.values[e.number] >= self.values[e.against or 0] for e in kept)

    def _known(self, number: int) -> Experiment:
        return self.ledger.experiments[number]

    def _measure(self, number: int) -> None:
        while isinstance(step := decide(self.ledger, self._known(number), REPEATS), Planned):
            self._run(self._known(number if step.of is None else step.of), step)
        self._feed(step)

    def _run(self, experiment: Experiment, planned: Planned) -> None:
        number, attempt = experiment.number, len(experiment.runs) + 1
        self._feed(
            RunStarted(number, attempt, planned.purpose, planned.seed, experiment.commit),
            RunEnded(number, attempt, Outcome.FINISHED),
            Scored(number, attempt, self.scores.draw(self.values[number], planned.seed), ScoreSource.SEALED),
        )

    def _feed(self, *bodies: Body | Judged) -> None:
        at = self.ledger.last_seq
        self.ledger.feed(Entry(at + n, "night", float(at + n), body) for n, body in enumerate(bodies, 1))
