"""What the daemon records of a campaign as a whole: its conditions, its state, its answers and its costs.

A class says what is stored of one kind of journal entry; no behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from loop.record.types import Cause, Cost, Metric, ScoreSource, State, Verdict

LOST = "unknown"  # the budget of a campaign that was restored without the conditions under which it was measured


@dataclass(frozen=True)
class CampaignCreated:
    """Fact: the conditions under which every score of this campaign is comparable, and where it began."""

    folder: str  # of program.md, relative to the top of the working tree; "" is the top itself
    canvas: str  # relative to `folder`
    run: str
    budget: str
    metric: Metric
    source: ScoreSource
    comparison_key: str  # "" for a script that measures itself
    device: str
    sandbox: str  # "bubblewrap" or "process group", then the promises that do not hold: ", without ..."
    baseline: str  # commit of the snapshot of what was on disk
    uniform: float | None = None  # the score of a model that has learnt nothing
    profile: str = ""  # of prepare.py: which of the canvas's blocks of knobs is in force
    data: str = ""  # as it was written; "" in older journals
    rule: str = ""  # by which verdicts are reached, loop.engine.verdict.RULE; "" in older journals


@dataclass(frozen=True)
class Imported:
    """An experiment of an earlier night, told by a results.tsv: history for the prompt and the editor."""

    commit: str  # "" where git no longer has it
    score: float | None  # self-reported, under other conditions
    memory_mb: float | None
    verdict: Verdict
    hypothesis: str
    knobs: dict[str, tuple[str, str]] = field(default_factory=dict)
    folder: str | None = None  # as in StartRequested


@dataclass(frozen=True)
class Resumed:
    """Fact: a new daemon took over; the time since the entry before this one was spent by nobody.

    `rule` is that by which verdicts are reached from here on, where it is another than before.
    """

    rule: str = ""


@dataclass(frozen=True)
class StateChanged:
    """Fact: the campaign's state, with the sentence that explains it; a `passing` one holds until the next run.

    Code decides by `cause`, never by the sentence; None in older journals and where nothing depends on it.
    """

    state: State
    message: str = ""
    passing: bool = False
    cause: Cause | None = None


@dataclass(frozen=True)
class Answered:
    """Fact: the daemon has dealt with the intent whose sequence number is `intent`."""

    intent: int
    ok: bool
    message: str = ""


@dataclass(frozen=True)
class NoiseMeasured:
    """Fact: standard deviation of the repeated baseline, in the metric's units."""

    noise_floor: float
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Spent:
    """Fact: money or tokens used without a proposal to show for it (failed or refused calls)."""

    cost: Cost
    proposer: str
    message: str = ""


CampaignFact = CampaignCreated | Imported | Resumed | StateChanged | Answered | NoiseMeasured | Spent
