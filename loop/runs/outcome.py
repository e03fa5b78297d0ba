"""How a run ended, and why it has no score: from its supervisor's report and the files it left.

What a run wrote about itself is read as untrusted text and never as a sealed score.
"""

from __future__ import annotations

import math
import os
import re
import signal
from dataclasses import replace

from loop.record.clearing import unlock
from loop.record.types import Failure, FailureKind, Metric, Outcome
from loop.record.work import beyond, work_of
from loop.runs.failure import bound_passed, clean, failure_in
from loop.runs.leash import Ending
from loop.runs.progress import CHECKPOINTS, LOG, SUMMARY, number_printed, numbers_in, read_progress, read_tail
from loop.runs.run import RunResult, RunSpec
from loop.runs.supervisor.wire import Why

# How the sandboxes, the supervisor and the shells that bound a run's processes say that there is no such program.
ABSENT = (
    r"(?:bwrap: execvp|cannot start|sh: (?:line )?\d+: exec:|sandbox-exec: execvp\(\) of) "
    r"'?(\S+?)'?(?: failed)?: (?:\[Errno \d+\] )?([^:]+).*"
)


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
    submitted = ending.why is Why.SUBMITTED
    if ending.why is not None and not submitted:
        return ended(spec, ending.why)
    if ending.exit_code != 0 and not submitted:
        failure = explain(spec, ending, log)
        return Outcome.TIMED_OUT if failure.kind is FailureKind.TIMED_OUT else Outcome.CRASHED, failure
    if spec.gated and not ending.opened:
        early = f"{spec.canvas} ended before its turn; it must import prepare and use its Budget"
        return Outcome.CRASHED, Failure(FailureKind.OTHER, early)
    lack = no_checkpoint(spec, submitted) if spec.metric is None else no_number(spec.canvas, spec.metric, reported)
    return (Outcome.FINISHED if lack is None else Outcome.CRASHED), lack


def ended(spec: RunSpec, why: Why) -> tuple[Outcome, Failure | None]:
    """Return how a run ended that its supervisor ended, or was killed with."""
    kind = FailureKind
    match why:
        case Why.STOPPED:
            return Outcome.INTERRUPTED, None
        case Why.SUSPENDED:
            return Outcome.INTERRUPTED, Failure(kind.KILLED, "the machine slept during the run; it does not count")
        case Why.LOST:
            return Outcome.INTERRUPTED, Failure(kind.LOST, "the run's supervisor was killed; it does not count")
        case Why.TIMED_OUT:
            return Outcome.TIMED_OUT, Failure(kind.TIMED_OUT, f"still running after {spec.limit_s:g} s; killed")
        case _:
            return Outcome.CRASHED, overstepped(spec, why)


def overstepped(spec: RunSpec, why: Why) -> Failure | None:
    """Return which of its limits a run went over."""
    name, kind = spec.canvas, FailureKind
    match why:
        case Why.LATE:
            allowed = spec.allowance.clock_s if spec.allowance and spec.allowance.clock_s else 0.0
            late = f"{name} had not submitted {allowed:.0f} s after its clock had started; submit when the budget ends"
            return Failure(kind.TAMPERED, late)
        case Why.GREEDY:
            asked = f"{name} asked for more rows than its budget buys ({spec.most_rows or 0:,})"
            return Failure(kind.TAMPERED, f"{asked}; take smaller batches, or a larger budget")
        case Why.DISK:
            size = f"{spec.disk_limit / 2**20:,.0f} MiB"
            return Failure(kind.DISK_FULL, f"wrote more than {size} to its folders; killed")
        case Why.FULL:
            return Failure(kind.DISK_FULL, "less than 256 MiB free on the disk; free some space")
        case _:
            return bound_passed(why, spec.limits)


def no_checkpoint(spec: RunSpec, submitted: bool) -> Failure | None:
    """Return why the score of a sealed run cannot be measured, None where it left what it must."""
    left = any(os.path.isfile(spec.run_dir / name) for name in CHECKPOINTS)
    if spec.submits and not submitted:
        how = "left a checkpoint but did not submit it" if left else "submitted nothing"
        return Failure(FailureKind.NO_CHECKPOINT, f"{spec.canvas} {how}; end with prepare.submit(model)")
    if left:
        return None
    return Failure(FailureKind.NO_CHECKPOINT, f"{spec.canvas} ended without a checkpoint; call prepare.submit(model)")


def no_number(canvas: str, metric: Metric, reported: float | None) -> Failure | None:
    """Return why the number of a script that measures itself is none, None where it is one."""
    if reported is None:
        wanted = (
            f"a number that the pattern '{metric.pattern}' finds" if metric.pattern else f"'{metric.name}: <number>'"
        )
        return Failure(FailureKind.NO_SCORE, f"{canvas} ended without printing {wanted}")
    if not math.isfinite(reported):
        return Failure(FailureKind.NAN, f"{canvas} reported {metric.name} = {reported}")
    return None


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
