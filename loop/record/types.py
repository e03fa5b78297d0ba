"""The words of the project as types: enums, small frozen dataclasses, the exception tree.

Imported by every module and by the language server; imports nothing of ours. No behaviour beyond small properties.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


# The exception tree. A message names the thing, the finding and the next step.
#
#   AutoResearchError
#   ├── Refused            the user asked for something that cannot be done now; shown as it is, exit code 1
#   │   └── ProgramError   program.md does not parse; carries one Problem per finding
#   ├── JournalError       the journal cannot be read or written
#   ├── RepoError          git said no
#   ├── TooFewRuns         a noise floor needs at least two scores
#   ├── MergeConflict      a waiting patch no longer fits the incumbent
#   └── ProposalFailed     a proposer gave up on this proposal (the campaign continues, or pauses where it says so)
class AutoResearchError(Exception):
    """The root of every error that this project raises on purpose."""


class Refused(AutoResearchError):
    """What was asked cannot be done now; the message is shown to the user as it is."""


class JournalError(AutoResearchError):
    """The journal cannot be read or written."""


class RepoError(AutoResearchError):
    """Git refused an operation."""


class TooFewRuns(AutoResearchError):
    """A noise floor was asked of fewer than two scores."""


class MergeConflict(AutoResearchError):
    """A patch and the present incumbent changed the same lines."""


class ProposalFailed(AutoResearchError):
    """A proposer gave up. `pause` says that trying again soon is pointless (no key, no credit); `cost` was paid.

    `wait` says that the next verdict may open what it cannot see now: no failure, but a reason to wait.
    """

    def __init__(self, message: str, pause: bool = False, cost: Cost | None = None, wait: bool = False) -> None:
        super().__init__(message)
        self.pause = pause
        self.wait = wait
        self.cost = cost or Cost()


@dataclass(frozen=True)
class Fix:
    """The obvious fix of a problem: its key is renamed to the one that was meant, else its line is taken out."""

    meant: str | None = None


@dataclass(frozen=True)
class Problem:
    """One finding in program.md: the line (1-based), the front matter key it is about, the sentence."""

    line: int
    key: str | None
    message: str
    fix: Fix | None = None


class ProgramError(Refused):
    """program.md cannot be used; `problems` lists every finding in the order of its lines."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(f"program.md, line {p.line}: {p.message}" for p in problems))
        self.problems = problems


class Outcome(StrEnum):
    """How a run ended."""

    FINISHED = "finished"
    CRASHED = "crashed"
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"


class Verdict(StrEnum):
    """What became of an experiment."""

    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"
    INVALID = "invalid"


class Mark(StrEnum):
    """What an experiment looks like wherever it is drawn. Only `keep` is a gain."""

    BASELINE = "baseline"
    KEEP = "keep"
    PRICE = "price"  # a revert that was adopted, and what it cost
    ADOPTED = "adopted"  # a human's text that was adopted without a gain
    NOISE = "noise"
    WORSE = "worse"
    CRASH = "crash"
    INVALID = "invalid"  # never measured, or not believed
    WAITING = "waiting"
    LOST = "lost"  # restored from git; its verdict, if it had one, went with the journal


class Reason(StrEnum):
    """Why the verdict is what it is."""

    BETTER = "better"
    SIMPLER = "simpler"
    WITHIN_NOISE = "within_noise"
    WORSE = "worse"
    FAILED = "failed"
    HUMAN = "human"
    TAMPERED = "tampered"
    LOST = "lost"  # with the journal: the branch says that it was kept, and nothing why


class ScoreSource(StrEnum):
    """Where a score comes from: the scorer's own process, or a number the script printed about itself."""

    SEALED = "sealed"
    SELF_REPORTED = "self-reported"


class Author(StrEnum):
    """Who wrote a proposal."""

    MODEL = "model"
    KNOBS = "knobs"
    COMMAND = "command"
    HUMAN = "human"


class Purpose(StrEnum):
    """What a run is for."""

    BASELINE = "baseline"  # experiment 0, repeated with several seeds for the noise floor
    MEASURE = "measure"  # the first run of a patch, on the first seed
    CONFIRM = "confirm"  # a gain inside the margin, once more on another seed
    COMPARE = "compare"  # the incumbent, on a seed that a patch was measured on
    AUDIT = "audit"  # best and baseline on seeds and on rows that chose nothing
    PRICE = "price"  # the incumbent without one kept patch, on seeds and on rows that chose nothing


class State(StrEnum):
    """What a campaign is doing. `stopped`, `finished` and `paused` start no new run."""

    PREPARING = "preparing"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"


class Cause(StrEnum):
    """Why a campaign came into its state, where the sentence that says so is for people."""

    ASKED = "asked"  # a person paused, resumed or stopped it
    LIMIT = "limit"  # one of `stop:` is reached
    EXHAUSTED = "exhausted"  # the built-in search has nothing left to try
    VERIFIED = "verified"  # what was asked for is verified, and nothing else was
    CRASHES = "crashes"  # too many in a row
    PROPOSALS = "proposals"  # none comes: no key, no credit, too many failures in a row
    ERROR = "error"  # it cannot continue until a person has looked


class FailureKind(StrEnum):
    """Why a run gave no score."""

    IMPORT = "import"
    SYNTAX = "syntax"
    ASSERTION = "assertion"
    OUT_OF_MEMORY = "out_of_memory"
    PROCESSES = "processes"  # more than a run may have
    DISK_FULL = "disk_full"
    NAN = "nan"
    DIVERGED = "diverged"
    NO_CHECKPOINT = "no_checkpoint"
    NO_SCORE = "no_score"
    NON_CAUSAL = "non_causal"
    DEPENDS_ON_ROWS = "depends_on_rows"
    BAD_SHAPE = "bad_shape"
    TIMED_OUT = "timed_out"
    KILLED = "killed"
    LOST = "lost"  # with its supervisor
    TAMPERED = "tampered"
    OTHER = "other"


@dataclass(frozen=True)
class Failure:
    """Why a run gave no score: a sentence, and where in the canvas when the traceback tells (line 0: unknown)."""

    kind: FailureKind
    message: str
    line: int = 0
    traceback: str = ""

    @property
    def told(self) -> str:
        """The message as it is shown: what was read from a log is the run's own words, true or not."""
        return f"the run printed: {self.message}" if self.traceback else self.message


@dataclass(frozen=True)
class Cost:
    """What a proposal cost. `dollars` is None where the price is unknown, which is not the same as free."""

    tokens_in: int = 0
    tokens_out: int = 0
    dollars: float | None = 0.0
    seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        """Return the sum; an unknown price makes the sum unknown."""
        dollars = None if self.dollars is None or other.dollars is None else self.dollars + other.dollars
        tokens_in, tokens_out = self.tokens_in + other.tokens_in, self.tokens_out + other.tokens_out
        return Cost(tokens_in, tokens_out, dollars, self.seconds + other.seconds)


@dataclass(frozen=True)
class Metric:
    """What is measured. `pattern` finds the number in the script's output; a sealed score needs none."""

    name: str = "val_bpb"
    minimize: bool = True
    pattern: str | None = None
