"""One experiment as the journal has told it so far: its runs, its verdict, its cost. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from loop.types import Author, Cost, Failure, Outcome, Purpose, Reason, ScoreSource, Verdict


@dataclass(frozen=True)
class Run:
    """One training run. `outcome` is None while it trains, and for ever where its daemon died."""

    attempt: int
    purpose: Purpose
    seed: int
    commit: str
    outcome: Outcome | None = None
    score: float | None = None
    source: ScoreSource | None = None
    train_seconds: float = 0.0
    total_seconds: float = 0.0
    peak_memory_mb: float | None = None
    tokens_per_s: float | None = None
    failure: Failure | None = None
    setup_cpu_s: float | None = None
    cpu_s: float | None = None
    clock_s: float | None = None
    flop_per_s: float | None = None


@dataclass(frozen=True)
class Experiment:
    """One proposal and all that is known of it. Number 0 is the baseline."""

    number: int
    commit: str
    parent: str
    hypothesis: str
    author: Author
    proposer: str
    lines_added: int
    lines_removed: int
    proposed_at: float
    program: str = ""
    expected: str = ""
    cites: tuple[str, ...] = ()
    removes: int | None = None
    intent: int | None = None  # what asked for it, where a human did
    withdrawn: bool = False  # its human wants it no more
    fingerprint: str = ""
    knobs: dict[str, tuple[str, str]] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    runs: tuple[Run, ...] = ()
    repairs: int = 0
    doomed: Failure | None = None  # found before a run was spent
    verdict: Verdict | None = None
    reason: Reason | None = None
    score: float | None = None
    delta: float | None = None
    uncertainty: float | None = None
    explanation: str = ""
    judged_at: float | None = None
    judged_seq: int = 0  # place of its verdict in the journal, by which verdicts are ordered; 0 without one

    @property
    def scores(self) -> dict[int, float]:
        """Seed → score of every run of the present text that chose something (an audit chooses nothing)."""
        return {
            run.seed: run.score
            for run in self.runs
            if run.score is not None and run.purpose is not Purpose.AUDIT and run.commit == self.commit
        }

    @property
    def measured(self) -> bool:
        """Whether a run of it has finished with a score."""
        return self.score is not None

    @property
    def failure(self) -> Failure | None:
        """Why it gave no score: found before a run was spent, or by its last run."""
        return self.doomed or (self.runs[-1].failure if self.runs else None)

    @property
    def outcome(self) -> Outcome | None:
        """How its last run ended, None while it waits or trains."""
        return self.runs[-1].outcome if self.runs else None

    @property
    def source(self) -> ScoreSource | None:
        return next((run.source for run in self.runs if run.source is not None), None)

    @property
    def peak_memory_mb(self) -> float | None:
        return max((run.peak_memory_mb for run in self.runs if run.peak_memory_mb is not None), default=None)

    @property
    def train_seconds(self) -> float:
        return sum(run.train_seconds for run in self.runs)

    @property
    def total_seconds(self) -> float:
        return sum(run.total_seconds for run in self.runs)
