"""One experiment as the journal has told it so far: its runs, its verdict, its cost. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from loop.record.types import Author, Cost, Failure, FailureKind, Outcome, Purpose, Reason, ScoreSource, Verdict

MOST_LOST = 3  # runs of one text whose supervisor was killed: no accident any more, and it would go on for ever
CHOSE_NOTHING = (Purpose.AUDIT, Purpose.PRICE)  # such runs verify a claim; no verdict may depend on them


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

    @property
    def broken(self) -> bool:
        """Whether it ended without a score, and not because something interrupted it."""
        return self.outcome not in (None, Outcome.INTERRUPTED) and self.score is None


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
    withdrawn_before: int = 0  # the number that came next then: what has it or a later one was asked for since
    fingerprint: str = ""
    knobs: dict[str, tuple[str, str]] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    restored: bool = False  # from git: what was known of it is lost, and it may have been measured
    known_runs: int = 0  # of a restored one, the runs that were not lost
    was_kept: bool = False  # of a restored one: the branch holds it
    runs: tuple[Run, ...] = ()
    repairs: int = 0
    doomed: Failure | None = None  # found before a run was spent
    verdict: Verdict | None = None
    reason: Reason | None = None
    score: float | None = None
    delta: float | None = None
    uncertainty: float | None = None
    explanation: str = ""
    against: int | None = None  # the incumbent that it was compared with
    level: float = 0.0  # what the kept line had gained with it, pair by pair: how it compares with other keeps
    judged_at: float | None = None
    judged_seq: int = 0  # place of its verdict in the journal, by which verdicts are ordered; 0 without one

    @property
    def scores(self) -> dict[int, float]:
        """Seed → score of every run of the present text that a verdict may depend on."""
        return {run.seed: run.score for run in self.own_runs if run.score is not None}

    @property
    def own_runs(self) -> tuple[Run, ...]:
        """The runs of the present text that a verdict may depend on."""
        return tuple(r for r in self.runs if r.purpose not in CHOSE_NOTHING and r.commit == self.commit)

    @property
    def unusable(self) -> set[int]:
        """The seeds on which a run of the present text gave no score, or its supervisor was lost again and again."""
        lost = [r.seed for r in self.own_runs if r.failure is not None and r.failure.kind is FailureKind.LOST]
        return {r.seed for r in self.own_runs if r.broken} | {seed for seed in lost if lost.count(seed) >= MOST_LOST}

    @property
    def verified_scores(self) -> dict[int, float]:
        """Seed → score of the runs that verify its claim."""
        audits = (r for r in self.runs if r.purpose is Purpose.AUDIT and r.commit == self.commit)
        return {run.seed: run.score for run in audits if run.score is not None}

    @property
    def unknown(self) -> bool:
        """Whether its verdict is lost with a journal, and nothing has been measured of it since."""
        return self.restored and self.verdict is None and len(self.runs) <= self.known_runs

    @property
    def measured(self) -> bool:
        """Whether a run of it has finished with a score."""
        return self.score is not None

    def undone_by(self, intent: int | None, seq: int) -> bool:
        """Return whether a withdrawal at `seq` of what `intent` asked for may mean this, which is judged.

        One that was written before the verdict means it only where it names what asked for it.
        """
        named = intent is not None and intent == self.intent
        return self.verdict is not None and (named or (self.judged_seq < seq and None in (intent, self.intent)))

    @property
    def failure(self) -> Failure | None:
        """Why it gave no score: found before a run was spent, or by its last run."""
        last = self._last
        return self.doomed or (last.failure if last else None)

    @property
    def outcome(self) -> Outcome | None:
        """How its last run ended, None while it waits or trains."""
        return self._last.outcome if self._last else None

    @property
    def _last(self) -> Run | None:
        return next((r for r in reversed(self.runs) if r.purpose not in CHOSE_NOTHING), None)

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
