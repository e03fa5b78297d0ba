"""What stands in the journal: one class per kind of entry, intents first, then facts.

An intent is appended by the command or the server and answered once; a fact is appended by the daemon alone.
Entries are never updated or deleted. None holds a key, a prompt or an absolute path.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from loop.record.types import Author, Cost, Failure, Metric, Outcome, Purpose, Reason, ScoreSource, State, Verdict

LOST = "unknown"  # the budget of a campaign that was restored without the conditions under which it was measured


@dataclass(frozen=True)
class StartRequested:
    """Intent: run this campaign; `overrides` are front matter keys given for this start, as text.

    `folder` is that of program.md, relative to the top of the working tree; None in journals that do not say.
    """

    overrides: dict[str, str] = field(default_factory=dict)
    folder: str | None = None


@dataclass(frozen=True)
class PauseRequested:
    """Intent: start no new run after the present experiment."""


@dataclass(frozen=True)
class ResumeRequested:
    """Intent: go on after a pause."""


@dataclass(frozen=True)
class StopRequested:
    """Intent: end the daemon; `now` interrupts the present run instead of waiting for its experiment."""

    now: bool = False


@dataclass(frozen=True)
class ProposeRequested:
    """Intent: measure this text of the canvas. It is adopted unless it crashes (the human decides).

    `base` is the commit whose text the human changed ("" for the incumbent): what was kept since is merged in.
    `removes` is the experiment whose hunk a revert takes out, when this is the price of a reverted hunk; of several
    that wrote it in turn the last. The hypothesis names them all.
    """

    text: str
    hypothesis: str
    base: str = ""
    removes: int | None = None
    returns: int | None = None  # the experiment whose text this is, where the human returns to it


@dataclass(frozen=True)
class WithdrawRequested:
    """Intent: the human undid a revert of experiment `removes`; its price is wanted no more.

    Of one that was adopted it says that the human's own text has those lines again.
    `intent` is the sequence number of its ProposeRequested; None, in journals that do not say, means the newest.
    """

    removes: int
    intent: int | None = None


@dataclass(frozen=True)
class NoteAdded:
    """Intent: a remark of the human that the next prompt carries; `experiment` when it is about one."""

    text: str
    experiment: int | None = None


@dataclass(frozen=True)
class VerifyRequested:
    """Intent: measure best and baseline in `pairs` fresh pairs, and what the `keeps` largest keeps still bring."""

    pairs: int = 3
    keeps: int = 0


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
class Answered:
    """Fact: the daemon has dealt with the intent whose sequence number is `intent`."""

    intent: int
    ok: bool
    message: str = ""


@dataclass(frozen=True)
class Resumed:
    """Fact: a new daemon took over; the time since the entry before this one was spent by nobody.

    `rule` is that by which verdicts are reached from here on, where it is another than before.
    """

    rule: str = ""


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
class NoiseMeasured:
    """Fact: standard deviation of the repeated baseline, in the metric's units."""

    noise_floor: float
    scores: tuple[float, ...]


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
    """Fact: a crashed patch was mended within its experiment; `commit` replaces the text."""

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


@dataclass(frozen=True)
class Verified:
    """Fact: an experiment and the baseline measured anew in pairs, on seeds that chose nothing.

    Sealed scores are also on rows that chose nothing (`rows`: audit); a script that measures itself has its own rows.
    """

    experiment: int
    commit: str
    seeds: tuple[int, ...]  # of the pairs that are complete
    scores: tuple[float, ...]  # of the experiment, seed by seed
    baseline: tuple[float, ...]
    rows: str = "audit"
    asked: int = 3  # pairs
    trouble: str = ""  # why a pair is missing


@dataclass(frozen=True)
class Price:
    """What the incumbent scores without one kept patch; `trouble` where that could not be measured."""

    experiment: int  # the patch that is taken out
    scores: tuple[float, ...] = ()  # without it, seed by seed
    trouble: str = ""


@dataclass(frozen=True)
class Priced:
    """Fact: what the largest keeps still bring to experiment `tip`, whose `scores` are on the same fresh seeds."""

    tip: int
    seeds: tuple[int, ...]
    scores: tuple[float, ...]
    prices: tuple[Price, ...]


@dataclass(frozen=True)
class Audited:
    """Fact of older journals: best and baseline measured once more, on a seed and on rows that chose nothing."""

    experiment: int
    seed: int
    baseline: float
    best: float


@dataclass(frozen=True)
class Spent:
    """Fact: money or tokens used without a proposal to show for it (failed or refused calls)."""

    cost: Cost
    proposer: str
    message: str = ""


@dataclass(frozen=True)
class StateChanged:
    """Fact: the campaign's state, with the sentence that explains it; a `passing` one holds until the next run."""

    state: State
    message: str = ""
    passing: bool = False


Intent = (
    StartRequested
    | PauseRequested
    | ResumeRequested
    | StopRequested
    | ProposeRequested
    | WithdrawRequested
    | NoteAdded
    | VerifyRequested
)
Fact = (
    Answered
    | Imported
    | Resumed
    | CampaignCreated
    | NoiseMeasured
    | Proposed
    | Merged
    | Repaired
    | Withdrawn
    | VerdictLost
    | Doomed
    | RunStarted
    | RunEnded
    | Scored
    | Judged
    | Verified
    | Priced
    | Audited
    | Spent
    | StateChanged
)
Body = Intent | Fact


@dataclass(frozen=True)
class Entry:
    """One line of the journal: its place in the order, the campaign, seconds since 1970 and what happened.

    `tick` is the system's monotonic clock, by which durations are counted: the other one may be set, or jump.
    """

    seq: int
    campaign: str
    at: float
    body: Body
    tick: float = 0.0
