"""One run: launch it under its supervisor, open its gate, follow it, stop it, and say how it ended.

The numbers a run writes about itself (progress, summary, its log) are read as untrusted text and never as a sealed
score. Not here: the sandbox's rules (sandbox.py), the kill (supervisor.py), the score (scorer.py), any record.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import math
import os
import re
import shlex
import signal
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.home import find_top
from loop.types import Failure, FailureKind, Metric, Outcome, Refused

LOG = "run.log"  # in the run's folder: what the run printed
CHECKPOINT, PROGRESS, SUMMARY = "checkpoint.pt", "progress.json", "summary.json"
SUPERVISOR = Path(__file__).with_name("supervisor.py")


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
    wrap: tuple[str, ...] = ()
    metric: Metric | None = None  # to be read from the log; None where the score is sealed
    log_limit: int = 4 << 20  # bytes, at least 1 MiB
    disk_limit: int = 16 << 30  # bytes that `folder` and `run_dir` may each grow by


@dataclass(frozen=True)
class Progress:
    """How far a run says it is; None where it does not say. `share` of the budget in [0, 1]."""

    step: int
    share: float
    loss: float | None = None
    tokens: int | None = None
    seconds: float | None = None
    tokens_per_s: float | None = None
    remaining_s: float | None = None


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


def python_for(folder: Path) -> str:
    """Return the Python that runs a campaign's scripts.

    AUTORESEARCH_PYTHON, else the virtual environment of the campaign's folder or of one above it up to the top of the
    repository, else our own.
    """
    if chosen := os.environ.get("AUTORESEARCH_PYTHON"):
        return chosen
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
        words = shlex.split(run)
        punctuation = [word for word in shlex.shlex(run, posix=True, punctuation_chars=True) if word[0] in "();<>|&"]
    except ValueError as error:
        raise Refused(f"run: {run!r} cannot be read as a command ({error}); check its quotes") from None
    if not words or punctuation:
        found = f"uses the shell ({punctuation[0]})" if punctuation else "is empty"
        raise Refused(f"run: {run!r} {found}; write one plain command such as 'python train.py'")
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
        (spec.run_dir / name).unlink(missing_ok=True)
    canvas_sha256 = sha256(spec.folder / spec.canvas)
    if spec.metric is not None:
        show_data(spec.environment)
    supervised = await supervise(
        (*spec.wrap, *command),
        folder=spec.folder,
        environment=spec.environment,
        log=spec.run_dir / LOG,
        gate="fd" if spec.gated else None,
        limit_s=spec.limit_s,
        lock=spec.lock,
        log_limit=spec.log_limit,
        disk_limit=spec.disk_limit,
        watch=(spec.folder, spec.run_dir),
    )
    return Run(spec, canvas_sha256, supervised)


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


def read_progress(run_dir: Path) -> Progress | None:
    """Return the progress that prepare.py's Budget wrote, else the last that the script printed, else None."""
    budget = numbers_in(read_tail(run_dir / PROGRESS, 1 << 16))
    return sealed_progress(budget) or printed_progress(read_tail(run_dir / LOG, 1 << 13))


@dataclass(frozen=True)
class Ending:
    """A supervisor's report. `why` it ended the tree: stopped, timed_out, disk, full, suspended, lost, or "" """

    exit_code: int | None = None
    why: str = "lost"
    opened: bool = False
    seconds: float = 0.0
    max_rss_mb: float = 0.0
    oom_killed: bool = False
    unkillable: bool = False
    reply: str = ""


async def supervise(
    argv: tuple[str, ...],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    gate: str | None,
    limit_s: float | None = None,
    lock: Path | None = None,
    log_limit: int = 4 << 20,
    disk_limit: int | None = 16 << 30,
    watch: tuple[Path, ...] = (),
    reply: bool = False,
    on_text: Callable[[str], None] | None = None,
) -> Supervised:
    """Start a supervisor with this child; the parameters are the specification in supervisor.py."""
    scratch = [Path(environment[name]) for name in ("HOME", "TMPDIR") if name in environment]
    scratch = [path for path in scratch if path.parent == log.parent]
    for path in (log.parent, *scratch, *([lock.parent] if lock else [])):
        path.mkdir(parents=True, exist_ok=True)
    spec = {
        "argv": argv,
        "folder": str(folder),
        "environment": dict(environment),
        "log": str(log),
        "gate": gate,
        "limit_s": limit_s,
        "lock": lock and str(lock),
        "log_limit": log_limit,
        "disk_limit": disk_limit,
        "watch": [str(path) for path in watch],
        "reply": reply,
        "echo": on_text is not None,
        "rlimits": {"CORE": 0, **({"FSIZE": disk_limit} if disk_limit else {})},
        "scratch": [str(path) for path in scratch],
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(SUPERVISOR)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
        start_new_session=True,
        # The weaker tier can read the environment of its supervisor.
        env={name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ},
    )
    supervised = Supervised(process, on_text)
    supervised.send(json.dumps(spec))
    return supervised


class Supervised:
    """Our end of one supervisor: the lifeline that ends its tree when we end, and its report."""

    def __init__(self, process: asyncio.subprocess.Process, on_text: Callable[[str], None] | None) -> None:
        self._process = process
        self._on_text = on_text
        self._child = 0
        self._reader = asyncio.create_task(self._read())

    def send(self, line: str) -> None:
        if self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(line.encode() + b"\n")

    async def ended(self) -> Ending:
        return await asyncio.shield(self._reader)

    async def stop(self) -> Ending:
        self.send("stop")
        try:
            async with asyncio.timeout(20):
                return await self.ended()
        except TimeoutError:
            self._process.kill()
            return await self.ended()

    async def _read(self) -> Ending:
        ending = Ending()
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            event: dict[str, Any] = json.loads(line)
            kind = event.pop("event")
            if kind == "started":
                self._child = event["pid"]
            elif kind == "text" and self._on_text:
                self._on_text(event["text"])
            elif kind == "ended":
                ending = Ending(**event)
        if ending.why == "lost" and self._child:
            with contextlib.suppress(OSError):  # it died with its supervisor
                os.killpg(self._child, signal.SIGKILL)
        await self._process.wait()
        return ending


def collect(spec: RunSpec, ending: Ending) -> RunResult:
    """Return the result of an ended run from its supervisor's report and the files it left."""
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
    )


def classify(spec: RunSpec, ending: Ending, log: str, reported: float | None) -> tuple[Outcome, Failure | None]:
    """Return how a run ended, and why it has no score when it has none."""
    kind, name = FailureKind, spec.canvas
    match ending.why:
        case "stopped":
            return Outcome.INTERRUPTED, None
        case "suspended":
            return Outcome.INTERRUPTED, Failure(kind.KILLED, "the machine slept during the run; it does not count")
        case "lost":
            return Outcome.INTERRUPTED, Failure(kind.KILLED, "the run's supervisor was killed; it does not count")
        case "timed_out":
            return Outcome.TIMED_OUT, Failure(kind.TIMED_OUT, f"still running after {spec.limit_s:g} s; killed")
        case "disk":
            size = f"{spec.disk_limit / 2**20:,.0f} MiB"
            return Outcome.CRASHED, Failure(kind.DISK_FULL, f"wrote more than {size} to its folders; killed")
        case "full":
            return Outcome.CRASHED, Failure(kind.DISK_FULL, "less than 256 MiB free on the disk; free some space")
    if ending.exit_code != 0:
        failure = explain(spec, ending, log)
        return Outcome.TIMED_OUT if failure.kind is kind.TIMED_OUT else Outcome.CRASHED, failure
    if spec.gated and not ending.opened:
        return Outcome.CRASHED, Failure(
            kind.OTHER, f"{name} ended before its turn; it must import prepare and use its Budget"
        )
    if spec.metric is None:
        if (spec.run_dir / CHECKPOINT).is_file():
            return Outcome.FINISHED, None
        return Outcome.CRASHED, Failure(
            kind.NO_CHECKPOINT, f"{name} ended without a checkpoint; call prepare.submit(model)"
        )
    if reported is None:
        return Outcome.CRASHED, Failure(kind.NO_SCORE, f"{name} ended without printing '{spec.metric.name}: <number>'")
    if not math.isfinite(reported):
        return Outcome.CRASHED, Failure(kind.NAN, f"{name} reported {spec.metric.name} = {reported}")
    return Outcome.FINISHED, None


FRAME = re.compile(r'^\s+File "(?P<file>[^"\n]+)", line (?P<line>\d+)')
RAISED = re.compile(r"^(?P<name>[A-Za-z_][\w.]*)(?:: ?(?P<text>.*))?$")
# Searched in "Name: message" of the exception that ended the run; the first that matches says what kind it was.
KINDS = (
    (
        FailureKind.OUT_OF_MEMORY,
        re.compile(r"OutOfMemoryError|MemoryError|out of memory|can't allocate memory|bad_alloc"),
    ),
    (
        FailureKind.DISK_FULL,
        re.compile(r"\[Errno (28|27|122)\]|No space left on device|PytorchStreamWriter failed writing"),
    ),
    (FailureKind.IMPORT, re.compile(r"^(ModuleNotFoundError|ImportError)")),
    (FailureKind.SYNTAX, re.compile(r"^(SyntaxError|IndentationError|TabError)")),
    (FailureKind.ASSERTION, re.compile(r"^AssertionError")),
    (FailureKind.NAN, re.compile(r"^NonFiniteLoss|^FloatingPointError")),
    (FailureKind.TIMED_OUT, re.compile(r"^OutOfTime")),  # prepare.py's cap on a budget of compute
)


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
    if failure.traceback or failure.kind is not FailureKind.OTHER:
        return failure
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")[:200]
    if last.strip() == "FAIL":  # how the original script ends on a NaN or a loss above 100
        return Failure(FailureKind.DIVERGED, "the script gave up: its loss diverged (FAIL)")
    return Failure(
        FailureKind.OTHER, f"exit code {code}" + (f" after: {last.strip()}" if last else ", nothing printed")
    )


def failure_in(text: str, canvas: str) -> Failure:
    """Return the failure that the last traceback in a cleaned text tells of; kind `other` where there is none. Pure."""
    lines = text.splitlines()
    last = max((i for i, line in enumerate(lines) if FRAME.match(line)), default=None)
    if last is None:
        kind = FailureKind.OUT_OF_MEMORY if "bad_alloc" in text else FailureKind.OTHER
        return Failure(kind, "out of memory" if kind is FailureKind.OUT_OF_MEMORY else "no traceback")
    start, end = last, last
    while start > 0 and (
        lines[start - 1].startswith((" ", "Traceback (most recent call last)")) or not lines[start - 1]
    ):
        start -= 1
    while end < len(lines) - 1 and lines[end].startswith(" "):
        end += 1
    raised = RAISED.match(lines[end])
    name, message = (raised["name"].rpartition(".")[2], (raised["text"] or "").strip()) if raised else ("error", "")
    block = [line for line in lines[start : end + 1] if line]
    frames = [(i, match) for i in range(start, last + 1) if (match := FRAME.match(lines[i]))]
    inside = [(i, int(match["line"])) for i, match in frames if Path(match["file"]) == Path(canvas)]
    at, line = inside[-1] if inside else (last, 0)
    message = message or (lines[at + 1].strip() if at + 1 < end else "")
    raised_line = " ".join((f"{name}: {message}", *lines[end + 1 : end + 4]))
    kind = next((kind for kind, pattern in KINDS if pattern.search(raised_line)), FailureKind.OTHER)
    place = f" at {canvas}:{line}" if line else ""
    block = block if len(block) <= 30 else [*block[:2], "  ...", *block[-27:]]
    return Failure(kind, f"{name}{place}: {message}"[:400], line, "\n".join(block))


def clean(text: str, folder: Path) -> str:
    """Return printed text fit for a journal and a prompt: no control characters, no absolute paths."""
    text = re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])", "", text.replace("\r", "\n"))
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]", "", text)
    for place in dict.fromkeys((str(folder), str(folder.resolve()))):
        text = text.replace(place + "/", "")
    # Of a library's file its path inside the library is kept, of any other its name. Links on the web stay.
    text = re.sub(r'(?<=File ")/[^"\n]*/(?=(?:site|dist)-packages/)', "", text)
    text = re.sub(r'(?<=File ")/[^"\n]*/(?=python3\.\d+/)', "", text)
    text = re.sub(r'(?<=File ")/[^"\n]*/', "", text)
    return re.sub(r"(?<![\w.:/<>])/(?:[^\s/\"'`:,;()]+/)+", "", text)


def number_printed(log: str, metric: Metric) -> float | None:
    """Return the last number that a log reports under the metric's name or pattern, None when there is none. Pure."""
    pattern = metric.pattern or rf"^{re.escape(metric.name)}:[ \t]*([-+]?(?:[\d.]+(?:e[-+]?\d+)?|nan|inf))\b"
    found = list(re.finditer(pattern, log, re.M if metric.pattern else re.M | re.I))
    try:
        return float(found[-1][1] if found[-1].re.groups else found[-1][0]) if found else None
    except (ValueError, TypeError):
        return None


def printed_progress(log: str) -> Progress | None:
    """Return the progress in the last `step 00012 (3.4%) | loss: 5.6 | tok/sec: 1,234 | remaining: 289s`. Pure."""
    found = re.findall(r"step\s+(\d+)\b[^\r\n]*?\(([\d.]+)%\)([^\r\n]*)", log)
    if not found:
        return None
    step, percent, rest = found[-1]
    values = {name: float(text.replace(",", "")) for name, text in re.findall(r"([\w/]+):\s*(-?\d[\d,]*\.?\d*)", rest)}
    return Progress(
        step=int(step),
        share=min(1.0, float(percent) / 100),
        loss=values.get("loss"),
        tokens_per_s=values.get("tok/sec"),
        remaining_s=values.get("remaining"),
    )


def sealed_progress(numbers: Mapping[str, float]) -> Progress | None:
    """Return the progress that prepare.py's Budget wrote. Pure."""
    if not {"step", "share"} <= numbers.keys():
        return None
    return Progress(
        step=int(numbers["step"]),
        share=min(1.0, max(0.0, numbers["share"])),
        loss=numbers.get("loss"),
        tokens=int(numbers["tokens"]) if "tokens" in numbers else None,
        seconds=numbers.get("seconds"),
        tokens_per_s=numbers.get("tokens_per_s"),
        remaining_s=numbers.get("remaining_s"),
    )


def numbers_in(text: str) -> dict[str, float]:
    """Return the finite numbers of a JSON object; of anything else nothing. The text is a model's. Pure."""
    try:
        data = json.loads(text)
        items = data.items() if isinstance(data, dict) else ()
        numbers = {k: float(v) for k, v in items if isinstance(v, int | float) and not isinstance(v, bool)}
    except (ValueError, OverflowError, RecursionError):
        return {}
    return {name: value for name, value in numbers.items() if math.isfinite(value)}


def sha256(path: Path) -> str:
    """Return the hash of a file's bytes, "" when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def read_tail(path: Path, limit: int) -> str:
    """Return the end of a file that a run may have replaced by a link, a pipe or gigabytes; "" when it is no file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(fd, "rb") as file:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            return ""
        file.seek(max(0, info.st_size - limit))
        return file.read(limit).decode(errors="replace")
