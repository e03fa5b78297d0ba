"""One run: launch it under its supervisor, open its gate, follow it, stop it, and say how it ended.

The numbers a run writes about itself (progress, summary, its log) are read as untrusted text and never as a sealed
score. Not here: the sandbox's rules (sandbox.py), the kill (supervisor/), the score (scorer.py), any record.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from loop.record import values
from loop.record.clearing import clear, unlock
from loop.record.home import find_top
from loop.record.types import Failure, FailureKind, Metric, Outcome, Refused
from loop.record.work import Allowance, Work, beyond, work_of
from loop.runs.failure import bound_passed, clean, failure_in
from loop.runs.leash import Child, Ending, Supervised, supervise
from loop.runs.progress import (
    CHECKPOINT,
    LOG,
    PROGRESS,
    SUMMARY,
    Progress,
    number_printed,
    numbers_in,
    read_progress,
    read_tail,
)
from loop.runs.supervisor.wire import Why
from loop.trust.limits import Limits, machine

# How bubblewrap, the supervisor and the shells that bound a run's processes say that there is no such program.
ABSENT = r"(?:bwrap: execvp|cannot start|sh: (?:line )?\d+: exec:) (\S+): (?:\[Errno \d+\] )?([^:]+).*"


@dataclass(frozen=True)
class RunSpec:
    """One run to launch. `environment` and `wrap` are what sandbox.py returns under these names."""

    command: str  # `run:` of program.md
    python: str  # stands in for a leading `python`
    folder: Path  # where it starts: the campaign's folder in the slot
    run_dir: Path  # its evidence: log, progress, summary, checkpoint
    environment: Mapping[str, str]
    limit_s: float  # wall seconds from the opened gate to the kill
    lock: Path  # the lease: one run trains at a time
    canvas: str  # relative to `folder`
    gated: bool = False  # start now and wait at prepare.py's gate; else start when the gate opens
    submits: bool = False  # it says when its clock starts and when it submits; else the end of its process is its word
    data: Path | None = None  # the file of the rows that it is served while its clock runs
    row_bytes: int = 0
    most_rows: int | None = None  # that its budget buys; None for any
    allowance: Allowance | None = None  # what its work is held against
    wrap: tuple[str, ...] = ()
    metric: Metric | None = None  # to be read from the log; None where the score is sealed
    log_limit: int = 4 << 20  # bytes, at least 1 MiB
    disk_limit: int = 16 << 30  # bytes that `folder` and `run_dir` may each grow by
    limits: Limits = field(default_factory=machine)


@dataclass(frozen=True)
class RunResult:
    """How a run ended. `reported` is the number it printed about itself; `failure` says why there is no score."""

    outcome: Outcome
    exit_code: int | None
    train_seconds: float
    total_seconds: float  # wall, from the opened gate to the end of its process
    peak_memory_mb: float | None
    tokens_per_s: float | None
    failure: Failure | None
    reported: float | None
    work: Work | None = None  # of a run that submitted


def python_for(folder: Path) -> str:
    """Return the Python that runs a campaign's scripts.

    AUTORESEARCH_PYTHON, else the virtual environment of the campaign's folder or of one above it up to the top of the
    repository, else our own.
    """
    if chosen := os.environ.get("AUTORESEARCH_PYTHON"):
        return shutil.which(chosen) or chosen
    folder = folder.absolute()
    top = find_top(folder) or folder
    for place in (folder, *folder.parents):
        for name in (".venv", "venv"):
            if os.access(place / name / "bin/python", os.X_OK):
                return str(place / name / "bin/python")
        if place == top:
            break
    return sys.executable


def command_of(run: str, python: str) -> tuple[str, ...]:
    """Return the argv of program.md's `run:`, a leading `python` or `uv run` replaced by the chosen interpreter."""
    try:
        words = shlex.split(values.run(run))
    except ValueError as error:
        raise Refused(f"run: {error}") from None
    # `uv run` would build a second environment, without a network and in every slot.
    uv = words[:2] == ["uv", "run"]
    words = words[2:] if uv else words
    if uv and words and words[0].endswith(".py"):
        return (python, *words)
    return (python, *words[1:]) if words and re.fullmatch(r"python(3(\.\d+)?)?", words[0]) else tuple(words)


async def launch(spec: RunSpec) -> Run:
    """Start the run's supervisor, and the run itself when it is gated; return at once, before the gate opens.

    Raises Refused when the command is none, OSError when nothing can be started.
    """
    command = command_of(spec.command, spec.python)
    for name in (LOG, CHECKPOINT, PROGRESS, SUMMARY):
        clear(spec.run_dir / name)
    canvas_sha256 = sha256(spec.folder / spec.canvas)
    if spec.metric is not None:
        show_data(spec.environment)
    child = Child(
        argv=(*spec.wrap, *command),
        folder=spec.folder,
        environment=spec.environment,
        log=spec.run_dir / LOG,
        gate="channel" if spec.gated else None,
        limit_s=spec.limit_s,
        data=spec.data,
        row_bytes=spec.row_bytes,
        most_rows=spec.most_rows,
        clock_s=spec.allowance.clock_s if spec.allowance else None,
        lock=spec.lock,
        log_limit=spec.log_limit,
        disk_limit=spec.disk_limit,
        watch=(spec.folder, spec.run_dir),
        limits=spec.limits,
    )
    return Run(spec, canvas_sha256, await supervise(child))


def show_data(environment: Mapping[str, str]) -> None:
    """Put links to the user's data where a script without our ruler looks for it: below its HOME."""
    hub = Path.home() / ".cache" / "huggingface" / "hub"
    for name, data in (("autoresearch", Path(environment.get("AUTORESEARCH_CACHE", "."))), ("huggingface/hub", hub)):
        link = Path(environment["HOME"], ".cache", name)
        if data.is_dir() and not os.path.lexists(link):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(data.absolute())


class Run:
    """One launched run. It trains after open_gate(); when wait() or stop() returns it is gone with all it forked.

    `canvas_sha256` is the canvas as it was before the run started.
    """

    def __init__(self, spec: RunSpec, canvas_sha256: str, supervised: Supervised) -> None:
        self.spec = spec
        self.canvas_sha256 = canvas_sha256
        self._supervised = supervised

    def open_gate(self) -> None:
        """Let it train, as soon as the lease is free; its time counts from there."""
        self._supervised.send("go")

    async def wait(self) -> RunResult:
        """Return how it ended; cancelling this leaves the run alone."""
        return collect(self.spec, await self._supervised.ended())

    async def stop(self) -> RunResult:
        """Kill it now: its outcome is `interrupted`, unless it had already ended by itself. Harmless when repeated."""
        return collect(self.spec, await self._supervised.stop())

    def progress(self) -> Progress | None:
        """Return what the run last said about itself, None before it has said anything."""
        return read_progress(self.spec.run_dir)


def collect(spec: RunSpec, ending: Ending) -> RunResult:
    """Return the result of an ended run from its supervisor's report and the files it left."""
    for folder in (spec.run_dir, spec.folder):
        unlock(folder)  # a run may have closed its own
    log = read_tail(spec.run_dir / LOG, 1 << 20).replace("\r", "\n")
    if spec.metric is None:
        said = numbers_in(read_tail(spec.run_dir / SUMMARY, 1 << 16))
        reported = None
    else:
        said = {name: float(text) for name, text in re.findall(r"^(\w+):[ \t]+(\d+(?:\.\d+)?)[ \t]*$", log, re.M)}
        said["tokens"] = said.get("total_tokens_M", 0.0) * 1e6
        said["peak_memory_mb"] = said.get("peak_vram_mb", 0.0)
        reported = number_printed(log, spec.metric)
    progress = read_progress(spec.run_dir)
    outcome, failure = classify(spec, ending, log, reported)
    work = work_of(ending.setup_cpu_s, ending.cpu_s, ending.clock_s, said) if spec.submits else None
    held = spec.allowance if outcome is Outcome.FINISHED else None
    if held is not None and work is not None and (finding := beyond(held, work)):
        outcome, failure = Outcome.CRASHED, Failure(FailureKind.TAMPERED, f"{spec.canvas} {finding}")
    train_seconds = said.get("training_seconds") or (progress and progress.seconds) or ending.seconds
    tokens_per_s = said["tokens"] / train_seconds if said.get("tokens") and train_seconds else None
    return RunResult(
        outcome=outcome,
        exit_code=ending.exit_code,
        train_seconds=train_seconds,
        total_seconds=ending.seconds,
        peak_memory_mb=said.get("peak_memory_mb") or ending.max_rss_mb or None,
        tokens_per_s=tokens_per_s or (progress.tokens_per_s if progress else None),
        failure=failure,
        reported=reported if outcome is Outcome.FINISHED else None,
        work=work if outcome is Outcome.FINISHED else None,
    )


def classify(spec: RunSpec, ending: Ending, log: str, reported: float | None) -> tuple[Outcome, Failure | None]:
    """Return how a run ended, and why it has no score when it has none."""
    kind, name = FailureKind, spec.canvas
    match ending.why:
        case Why.STOPPED:
            return Outcome.INTERRUPTED, None
        case Why.SUSPENDED:
            return Outcome.INTERRUPTED, Failure(kind.KILLED, "the machine slept during the run; it does not count")
        case Why.LOST:
            return Outcome.INTERRUPTED, Failure(kind.LOST, "the run's supervisor was killed; it does not count")
        case Why.TIMED_OUT:
            return Outcome.TIMED_OUT, Failure(kind.TIMED_OUT, f"still running after {spec.limit_s:g} s; killed")
        case Why.LATE:
            allowed = spec.allowance.clock_s if spec.allowance and spec.allowance.clock_s else 0.0
            late = f"{name} had not submitted {allowed:.0f} s after its clock had started; submit when the budget ends"
            return Outcome.CRASHED, Failure(kind.TAMPERED, late)
        case Why.GREEDY:
            asked = f"{name} asked for more rows than its budget buys ({spec.most_rows or 0:,})"
            return Outcome.CRASHED, Failure(kind.TAMPERED, f"{asked}; take smaller batches, or a larger budget")
        case Why.DISK:
            size = f"{spec.disk_limit / 2**20:,.0f} MiB"
            return Outcome.CRASHED, Failure(kind.DISK_FULL, f"wrote more than {size} to its folders; killed")
        case Why.FULL:
            return Outcome.CRASHED, Failure(kind.DISK_FULL, "less than 256 MiB free on the disk; free some space")
    if bound := bound_passed(ending.why, spec.limits):
        return Outcome.CRASHED, bound
    if ending.exit_code != 0 and ending.why is not Why.SUBMITTED:
        failure = explain(spec, ending, log)
        return Outcome.TIMED_OUT if failure.kind is kind.TIMED_OUT else Outcome.CRASHED, failure
    if spec.gated and not ending.opened:
        return Outcome.CRASHED, Failure(
            kind.OTHER, f"{name} ended before its turn; it must import prepare and use its Budget"
        )
    if spec.metric is None:
        if spec.submits and ending.why is not Why.SUBMITTED:
            left = os.path.isfile(spec.run_dir / CHECKPOINT)
            how = "left a checkpoint but did not submit it" if left else "submitted nothing"
            return Outcome.CRASHED, Failure(kind.NO_CHECKPOINT, f"{name} {how}; end with prepare.submit(model)")
        if os.path.isfile(spec.run_dir / CHECKPOINT):
            return Outcome.FINISHED, None
        return Outcome.CRASHED, Failure(
            kind.NO_CHECKPOINT, f"{name} ended without a checkpoint; call prepare.submit(model)"
        )
    if reported is None:
        pattern, plain = spec.metric.pattern, f"'{spec.metric.name}: <number>'"
        wanted = f"a number that the pattern '{pattern}' finds" if pattern else plain
        return Outcome.CRASHED, Failure(kind.NO_SCORE, f"{name} ended without printing {wanted}")
    if not math.isfinite(reported):
        return Outcome.CRASHED, Failure(kind.NAN, f"{name} reported {spec.metric.name} = {reported}")
    return Outcome.FINISHED, None


def explain(spec: RunSpec, ending: Ending, log: str) -> Failure:
    """Return why a run that did not exit with 0 ended, from its exit status and its log."""
    code = ending.exit_code if ending.exit_code is not None else 0
    text = clean(log, spec.folder)
    # bubblewrap reports a signal as 128 + its number, like a shell.
    number = -code if code < 0 else code - 128 if spec.wrap and code > 128 else 0
    if number == signal.SIGKILL and ending.oom_killed:
        return Failure(FailureKind.OUT_OF_MEMORY, "killed by the system: the machine ran out of memory")
    if number == signal.SIGXFSZ:
        return Failure(FailureKind.DISK_FULL, "a file grew over the limit")
    failure = failure_in(text, spec.canvas)
    if number and failure.kind is not FailureKind.OUT_OF_MEMORY:
        known = number in signal.valid_signals()
        return Failure(FailureKind.KILLED, f"ended by {signal.Signals(number).name if known else f'signal {number}'}")
    if failure.kind is FailureKind.DISK_FULL:
        room = f"{spec.disk_limit / 2**30:,.0f} GiB in its folders, {spec.limits.tmpfs / 2**20:,.0f} MiB in /tmp"
        return replace(failure, message=f"{failure.message} (a run has {room})")
    if failure.traceback or failure.kind is not FailureKind.OTHER:
        return failure
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")[:200]
    if absent := re.fullmatch(ABSENT, last):
        hint = "check 'run:' in program.md" + ("; a run does not see your home" if spec.wrap else "")
        why = absent[2].replace("not found", "No such file or directory")  # a shell's words for it
        return Failure(FailureKind.OTHER, f"'{absent[1]}' cannot be started ({why}); {hint}")
    if last.strip() == "FAIL":  # how the original script ends on a NaN or a loss above 100
        return Failure(FailureKind.DIVERGED, "the script gave up: its loss diverged (FAIL)")
    return Failure(
        FailureKind.OTHER, f"exit code {code}" + (f" after: {last.strip()}" if last else ", nothing printed")
    )


def sha256(path: Path) -> str:
    """Return the hash of a file's bytes, "" when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
