"""Campaigns made by hand for tests: a real repository and a real journal, without a daemon."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from loop.control.control import canvas_path
from loop.record.campaign_facts import CampaignCreated, NoiseMeasured, StateChanged
from loop.record.entries import Body
from loop.record.experiment_facts import Judged, Proposed, RunEnded, RunStarted, Scored
from loop.record.home import Home
from loop.record.intents import StartRequested
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.types import (
    Author,
    Cost,
    Failure,
    FailureKind,
    Metric,
    Outcome,
    Purpose,
    Reason,
    ScoreSource,
    State,
    Verdict,
)
from loop.review.checkout import Checkout

IDENTITY = {"user.name": "User", "user.email": "user@example.org", "core.autocrlf": "false"}


def git(top: Path, *args: str) -> str:
    """Run git without the machine's own configuration and return what it prints."""
    environment = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "PATH": "/usr/bin:/bin:/usr/local/bin"}
    done = subprocess.run(["git", *args], cwd=top, check=True, capture_output=True, env=environment)
    return done.stdout.decode()


def make_repository(top: Path, canvas: bytes, program: str = "Lower val_bpb.\n") -> Path:
    """Return a user's repository with one commit of a tiny campaign."""
    top.mkdir(parents=True)
    git(top, "init", "-q", "-b", "main")
    for name, value in IDENTITY.items():
        git(top, "config", name, value)
    (top / "train.py").write_bytes(canvas)
    (top / "program.md").write_text(program)
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "first")
    return top


class Campaign:
    """A campaign that a test drives entry by entry. The baseline is measured when it is made."""

    def __init__(self, top: Path, name: str = "nov23", folder: str = "", canvas: str = "train.py") -> None:
        self.top, self.name = top, name
        self.folder = top / folder if folder else top
        self.repo = Checkout(self.folder)
        self.home: Home = self.repo.home
        self.journal = Journal(self.home.journal)
        self.baseline = self.repo.snapshot(f"Baseline of {name}", time.time())
        self.repo.move_ref(self.repo.accepted_ref(name), self.baseline, None)
        created = CampaignCreated(
            folder, canvas, "python train.py", "5m", Metric(), ScoreSource.SELF_REPORTED, "", "cpu", "", self.baseline
        )
        first = Proposed(0, self.baseline, "", "baseline", Author.HUMAN, "human", 0, 0)
        self.record(StartRequested(), created, first)
        self.measure(0, 1.0)
        self.record(NoiseMeasured(0.001, (1.0, 1.001)), Judged(0, Verdict.KEEP, Reason.HUMAN, 1.0))
        self.record(StateChanged(State.RUNNING, "baseline measured"))

    def record(self, *bodies: Body) -> None:
        self.journal.append(self.name, *bodies)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.name).feed(self.journal.read(campaign=self.name))

    def text(self, number: int) -> str:
        return self.repo.text_at(self.ledger.experiments[number].commit, canvas_path(self.ledger))

    def propose(self, text: str, hypothesis: str, author: Author = Author.KNOBS, removes: int | None = None,
                knobs: dict[str, tuple[str, str]] | None = None, cites: tuple[str, ...] = ()) -> int:  # fmt: skip
        """Record a proposal on top of the incumbent; return its number."""
        ledger = self.ledger
        number = max(ledger.experiments) + 1
        parent = ledger.experiments[ledger.incumbent or 0].commit
        commit = self.repo.commit_text(parent, canvas_path(ledger), text, hypothesis, time.time())
        self.repo.move_ref(self.repo.attempt_ref(self.name, number), commit, None)
        self.record(
            Proposed(number, commit, parent, hypothesis, author, "knobs", 1, 1, removes=removes, cites=cites,
                     knobs=knobs or {}, cost=Cost(1200, 300, 0.02, 3.0))
        )  # fmt: skip
        return number

    def begin(self, number: int) -> int:
        """Record that a run of an experiment started; return its attempt."""
        experiment = self.ledger.experiments[number]
        attempt = len(experiment.runs) + 1
        purpose = Purpose.BASELINE if number == 0 else Purpose.MEASURE
        self.record(RunStarted(number, attempt, purpose, 0, experiment.commit))
        return attempt

    def measure(self, number: int, score: float) -> None:
        attempt = self.begin(number)
        self.record(
            RunEnded(number, attempt, Outcome.FINISHED, 1.0, 1.5, 100.0),
            Scored(number, attempt, score, ScoreSource.SELF_REPORTED),
        )

    def judge(self, number: int, score: float, verdict: Verdict = Verdict.KEEP) -> None:
        """Record score and verdict; a keep moves the branch."""
        before = self.ledger.incumbent_experiment
        self.measure(number, score)
        reason = Reason.BETTER if verdict is Verdict.KEEP else Reason.WORSE
        over = (before.score or 0.0) if before else 0.0
        self.record(Judged(number, verdict, reason, score, score - over, 0.0003, "by hand"))

    def crash(self, number: int, line: int, message: str) -> None:
        """Record a crash at a line of the canvas."""
        attempt = self.begin(number)
        failure = Failure(FailureKind.OTHER, message, line, f'File "train.py", line {line}\n{message}')
        self.record(
            RunEnded(number, attempt, Outcome.CRASHED, failure=failure),
            Judged(number, Verdict.CRASH, Reason.FAILED, explanation=message),
        )

    def keep(self, text: str, hypothesis: str, score: float, knobs: dict[str, tuple[str, str]] | None = None) -> int:
        """Record an experiment that was kept; return its number."""
        number = self.propose(text, hypothesis, knobs=knobs)
        self.judge(number, score)
        return number
