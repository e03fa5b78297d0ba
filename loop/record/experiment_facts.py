"""What the daemon records of one experiment: its proposal and its changes, its runs, its verdict.

A class says what is stored of one kind of journal entry; no behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from loop.record.types import Author, Cost, Failure, Outcome, Purpose, Reason, ScoreSource, Verdict


@dataclass(frozen=True)
class Proposed:
    """Fact: a patch waits to be measured. `commit` holds the whole canvas, `parent` is what it was written against."""

    experiment: int
    commit: str
    parent: str
    hypothesis: str
    author: Author
    proposer: str  # "knobs", a litellm model name, or a command line
    lines_added: int
    lines_removed: int
    program: str = ""  # short hash of the program.md it was proposed under
    expected: str = ""
    cites: tuple[str, ...] = ()  # headings or list items of program.md that the proposal names
    removes: int | None = None
    intent: int | None = None  # the sequence number of its ProposeRequested; None in journals that do not say
    fingerprint: str = ""  # loop.text.canvas.fingerprint of the text, so that no text is run twice
    knobs: dict[str, tuple[str, str]] = field(default_factory=dict)  # name → literals before and after
    cost: Cost = field(default_factory=Cost)
    restored: bool = False  # from git, by a rebuild: whether it was measured, and with what result, is lost


@dataclass(frozen=True)
class Merged:
    """Fact: a waiting patch was merged with a newer incumbent; from now on `commit` is what will be measured."""

    experiment: int
    commit: str
    parent: str
    lines_added: int
    lines_removed: int
    fingerprint: str = ""


@dataclass(frozen=True)
class Repaired:
    """Fact: a crashed patch was repaired within its experiment; `commit` replaces the text."""

    experiment: int
    commit: str
    hypothesis: str
    lines_added: int
    lines_removed: int
    fingerprint: str = ""
    knobs: dict[str, tuple[str, str]] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True)
class Withdrawn:
    """Fact: a human's proposal is wanted no more. It is not measured; a run that has begun ends, and adopts nothing.

    A revert that was adopted before stays in the kept line; its human undid it in their own text.
    """

    experiment: int


@dataclass(frozen=True)
class VerdictLost:
    """Fact: a rebuild found no verdict of an experiment that may have had one. `kept`: the branch holds it."""

    experiment: int
    kept: bool = False


@dataclass(frozen=True)
class Doomed:
    """Fact: a look at a patch, before a run was spent on it, found why it would fail. A repair makes it void."""

    experiment: int
    failure: Failure


@dataclass(frozen=True)
class RunStarted:
    """Fact: a run is about to train. (experiment, attempt) names it; a run without a RunEnded was interrupted."""

    experiment: int
    attempt: int
    purpose: Purpose
    seed: int
    commit: str


@dataclass(frozen=True)
class RunEnded:
    """Fact: the training process is gone."""

    experiment: int
    attempt: int
    outcome: Outcome
    train_seconds: float = 0.0
    total_seconds: float = 0.0
    peak_memory_mb: float | None = None
    tokens_per_s: float | None = None
    failure: Failure | None = None
    setup_cpu_s: float | None = None  # of the whole tree, until the clock of a sealed run started
    cpu_s: float | None = None  # from there to its submission
    clock_s: float | None = None  # wall seconds of that


@dataclass(frozen=True)
class Scored:
    """Fact: the score of one run."""

    experiment: int
    attempt: int
    score: float
    source: ScoreSource
    seconds: float = 0.0


@dataclass(frozen=True)
class Judged:
    """Fact: what becomes of an experiment, and the evidence: mean score, its gain, the spread of the gain.

    A keep makes the experiment the incumbent; the branch follows, and is healed from this entry after a crash.
    """

    experiment: int
    verdict: Verdict
    reason: Reason
    score: float | None = None
    delta: float | None = None  # against the incumbent it was compared with; negative is better when minimizing
    uncertainty: float | None = None
    explanation: str = ""
    incumbent: int | None = None  # what it was compared with; None in older journals and where nothing was compared
    commit: str = ""  # of the incumbent
    seeds: tuple[int, ...] = ()  # on which both were measured
    pairs: tuple[tuple[float, ...], ...] = ()  # for each seed the patch's score and the incumbent's


TextFact = Merged | Repaired | Withdrawn | VerdictLost | Doomed
RunFact = RunStarted | RunEnded | Scored
ExperimentFact = Proposed | TextFact | RunFact | Judged
